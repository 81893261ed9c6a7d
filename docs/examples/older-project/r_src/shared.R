save_csv <- function(table, name) {
  write.csv(table, file.path(Sys.getenv("OUTPUT_PIPELINE_DIR"), name), row.names = FALSE)
}
