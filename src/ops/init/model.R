# Fits stopping distance to speed.
folder <- Sys.getenv("KPTN_OUTPUT_DIR")
cars <- read.csv(file.path(folder, "cars.csv"))
model <- lm(dist ~ speed, data = cars)
coefficients <- data.frame(term = names(coef(model)), estimate = unname(coef(model)))
write.csv(coefficients, file.path(folder, "model.csv"), row.names = FALSE)
