out <- Sys.getenv("OUTPUT_PIPELINE_DIR")
states <- regmatches(Sys.getenv("states"), gregexpr("[A-Z]{2}", Sys.getenv("states")))[[1]]
writeLines(paste0(states, ",", format(1 / length(states))), file.path(out, "shares.csv"))
