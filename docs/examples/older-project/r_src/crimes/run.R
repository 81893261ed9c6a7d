source('../shared.R')
scale <- as.numeric(commandArgs(trailingOnly = TRUE)[2])
crimes <- data.frame(state = rownames(USArrests), murder = USArrests$Murder * scale, year = Sys.getenv("DATA_YEAR"))
save_csv(head(crimes, 5), "crimes.csv")
