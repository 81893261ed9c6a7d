folder <- Sys.getenv("OUTPUT_PIPELINE_DIR")
a <- read.csv(file.path(folder, "A.csv"))
a$share <- round(a$people / sum(a$people), 3)
write.csv(a, file.path(folder, "B.csv"), row.names = FALSE)
