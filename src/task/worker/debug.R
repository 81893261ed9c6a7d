# What R starts with for `kptn debug`: the profile that the task would have,
# then the script itself, in the terminal. `browser()` works, and an error
# offers its frames. R stays open after an error, and leaves after a success.
local({
  profile <- Sys.getenv("KPTN_DEBUG_PROFILE")
  Sys.unsetenv(c("KPTN_DEBUG_PROFILE", "R_PROFILE_USER"))
  own <- c(profile, ".Rprofile", "~/.Rprofile")
  found <- own[nzchar(own) & file.exists(own)]
  if (length(found) > 0) {
    if (nzchar(profile)) Sys.setenv(R_PROFILE_USER = profile)
    sys.source(found[[1]], envir = globalenv())
  }
})

.First <- function() {
  script <- Sys.getenv("KPTN_DEBUG_SCRIPT")
  done <- Sys.getenv("KPTN_DEBUG_DONE")
  Sys.unsetenv(c("KPTN_DEBUG_SCRIPT", "KPTN_DEBUG_DONE"))
  # R attaches the default packages only after this.
  .First.sys()
  rm(".First", envir = globalenv())
  options(keep.source = TRUE, error = quote({
    cat("kptn: choose a frame to look around in; 0 goes to the prompt, where `q()` leaves\n")
    utils::recover()
  }))
  source(script, keep.source = TRUE)
  file.create(done)
  quit("no", 0)
}
