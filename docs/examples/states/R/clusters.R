# Groups of states that are alike; how many comes from the command line: --groups 4
source("common.R")

arguments <- commandArgs(trailingOnly = TRUE)
groups <- as.integer(arguments[match("--groups", arguments) + 1])
states <- read_table("joined.csv")
traits <- scale(states[c("income", "illiteracy", "murder_arrests", "assault_arrests", "urban_percent")])
tree <- hclust(dist(traits), method = "ward.D2")
write_table(data.frame(states[c("abbreviation", "name")], group = cutree(tree, k = groups)), "clusters.csv")
