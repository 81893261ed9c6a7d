# state.x77: population, income, illiteracy, life expectancy, ... of 50 states.
source("common.R")

facts <- data.frame(
  abbreviation = state.abb,
  name = state.name,
  region = as.character(state.region),
  longitude = state.center$x,
  latitude = state.center$y,
  state.x77,
  check.names = TRUE
)
names(facts) <- tolower(gsub(".", "_", names(facts), fixed = TRUE))
write_table(facts, "state_facts.csv")
message(nrow(facts), " states")
