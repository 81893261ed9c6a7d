# USArrests: arrests per 100,000 people in 1973, and the share of people in cities.
source("common.R")

arrests <- data.frame(name = rownames(USArrests), USArrests)
names(arrests) <- c("name", "murder_arrests", "assault_arrests", "urban_percent", "rape_arrests")
write_table(arrests, "arrests.csv")
message(nrow(arrests), " states")
