source('x.R'); source("y.R", local = TRUE, echo=FALSE)
source(file.path("lib", "z.R"))
source(here::here("a", "b.R"))
sys.source("s.R", envir = new.env())
base::source(file = r"(raw/x.R)")
for (f in list.files("lib", full.names = TRUE)) source(f)
path <- paste0("dir/", name, ".R"); source(path)
library(dplyr); require("jsonlite"); ggplot2::ggplot(data, aes(x, y))
f <- function(x, ..., y = 1) { if (x > 0L) x |> g(y) else \(z) z^2 }
x[["a"]]$b@c <<- 1e-3i; `odd name` = 'it\'s' # comment
repeat { break }; while (TRUE) next
"%+%" <- function(a, b) paste(a, b); a %+% b
if (interactive()) NULL else NA_character_
-1:3 -> w; ~ y + x; ?help; x := 0x1FL
