out <- Sys.getenv("OUTPUT_PIPELINE_DIR")
write.csv(data.frame(state = c("NC", "SC"), people = c(5441, 2816)), file.path(out, "A.csv"), row.names = FALSE)
