# Writes a data set that comes with R.
folder <- Sys.getenv("KPTN_OUTPUT_DIR")
write.csv(cars, file.path(folder, "cars.csv"), row.names = FALSE)
