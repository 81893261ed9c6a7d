# R starts in the script's folder, so kptn reads the start-up files of the
# project first and of that folder next, each with its own folder as the
# working folder: `source("renv/activate.R")` works as it does by hand.
local({
  start <- getwd()
  on.exit(setwd(start))
  folders <- strsplit(Sys.getenv("KPTN_R_PROFILES"), "\n", fixed = TRUE)[[1]]
  for (at in seq_along(folders)) {
    setwd(folders[[at]])
    # The first one's .Renviron is named by R_ENVIRON_USER.
    if (at > 1 && file.exists(".Renviron")) readRenviron(".Renviron")
    if (file.exists(".Rprofile")) sys.source(".Rprofile", envir = globalenv())
  }
})
