# What goes with murder arrests in one region? Runs once a region.
source("common.R")

region <- Sys.getenv("REGION")
states <- subset(read_table("joined.csv"), region == Sys.getenv("REGION"))
fit <- lm(murder_arrests ~ illiteracy + urban_percent, data = states)
write_table(
  data.frame(
    region = region,
    states = nrow(states),
    term = names(coef(fit)),
    estimate = round(unname(coef(fit)), 4),
    r_squared = round(summary(fit)$r.squared, 3)
  ),
  "models", paste0(region, ".csv")
)
