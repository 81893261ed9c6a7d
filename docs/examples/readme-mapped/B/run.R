state <- Sys.getenv("US_STATE")
stopifnot(nzchar(state))
cat("state is", state, "\n")
write.csv(data.frame(state = state), file.path(Sys.getenv("OUTPUT_PIPELINE_DIR"), paste0(state, ".csv")), row.names = FALSE)
