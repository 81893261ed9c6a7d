state <- Sys.getenv("STATE")
folder <- file.path(Sys.getenv("OUTPUT_PIPELINE_DIR"), "fit_r")
dir.create(folder, showWarnings = FALSE)
writeLines(rev(strsplit(state, "")[[1]]), file.path(folder, paste0(state, ".txt")))
