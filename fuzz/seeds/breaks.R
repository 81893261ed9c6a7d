source(
  "a.R" # why
)
