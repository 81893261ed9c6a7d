# The page to look at: a text, and a map drawn by hand (no graphics device needed).
source("common.R")

states <- merge(read_table("joined.csv"), read_table("clusters.csv"))
states <- states[order(states$name), ]
models <- do.call(rbind, lapply(list.files(output_path("models"), full.names = TRUE), read.csv))
profiles <- list.files(output_path("profiles"), pattern = "[.]json$")

lines <- c(
  sprintf("%d states, %d profiles, %d regional models", nrow(states), length(profiles), length(unique(models$region))),
  "",
  "Murder arrests for each point of illiteracy, by region:",
  with(subset(models, term == "illiteracy"), sprintf("  %-14s %6.2f   (%d states, R2 %.2f)", region, estimate, states, r_squared)),
  "",
  "States that are alike:",
  vapply(split(states, states$group), function(group) {
    sprintf("  group %d: %s", group$group[1], paste(group$abbreviation, collapse = " "))
  }, "")
)
writeLines(lines, output_path("report.txt"))

colours <- c("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
x <- round((states$longitude + 130) * 12)
y <- round((50 - states$latitude) * 16)
marks <- sprintf(
  '<circle cx="%d" cy="%d" r="%.1f" fill="%s" opacity=".8"/><text x="%d" y="%d">%s</text>',
  x, y, sqrt(states$population) / 8, colours[states$group], x, y + 4, states$abbreviation
)
writeLines(c(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 420" font-family="sans-serif" font-size="11" text-anchor="middle">',
  "<title>US states by population (size) and group (colour)</title>",
  marks,
  "</svg>"
), output_path("map.svg"))
writeLines(lines)
