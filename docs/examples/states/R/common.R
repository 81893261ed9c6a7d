# Reading and writing tables in the output folder, which kptn names in KPTN_OUTPUT_DIR.

output_path <- function(...) file.path(Sys.getenv("KPTN_OUTPUT_DIR"), ...)

read_table <- function(...) read.csv(output_path(...), stringsAsFactors = FALSE)

write_table <- function(table, ...) {
  path <- output_path(...)
  dir.create(dirname(path), showWarnings = FALSE, recursive = TRUE)
  write.csv(table, path, row.names = FALSE)
}
