# A warm R session that forks once for each item of a mapped task.
#
# kptn starts `Rscript FIFO` and writes one line into that FIFO, which calls
# this. The session loads what the scripts need, then makes as many forks as it
# is asked for. Each waits for its turn, then returns from here to R's own top
# level, which reads on from the FIFO: kptn writes the item's script there. So R
# itself reads, prints, fails and ends as it does for `Rscript script`; nothing
# here imitates that.
#
# Frames of kptn: the size and the number of strings, each 4 bytes, then the
# strings, each ended by a NUL. A turn is one byte, which one fork alone can
# read. Answers: a line each.
function(requests, turns, jobs, reply) {
  # `tools` is what the exit handler of `parallel` would load in each fork; `compiler` is what R's JIT would.
  for (name in c("tools", "parallel", "compiler")) loadNamespace(name)
  native <- asNamespace("parallel")
  native <- list(fork = native$C_mc_fork, exit = native$C_mc_exit, kill = native$C_mc_kill)
  requests <- fifo(requests, "rb", blocking = TRUE)
  turns <- fifo(turns, "rb", blocking = TRUE)
  jobs <- fifo(jobs, "rb", blocking = TRUE)
  reply <- fifo(reply, "wb", blocking = TRUE)

  read_bytes <- function(from, count) {
    all <- raw()
    while (length(all) < count) {
      some <- readBin(from, "raw", count - length(all))
      # kptn is gone.
      if (length(some) == 0L) .Call(native$kill, Sys.getpid(), 9L)
      all <- c(all, some)
    }
    all
  }
  read_frame <- function(from) {
    head <- readBin(read_bytes(from, 8L), "integer", 2L, 4L, endian = "little")
    if (head[[2L]] == 0L) return(character())
    readBin(read_bytes(from, head[[1L]]), "character", head[[2L]])
  }
  say <- function(...) {
    writeLines(paste(...), reply, useBytes = TRUE)
    flush(reply)
  }

  packages <- read_frame(requests)
  denied <- read_frame(requests)
  world <- globalenv()
  seed <- get0(".Random.seed", world, inherits = FALSE)
  for (name in packages) {
    # A package that cannot be loaded fails in the script, where it belongs.
    tryCatch(
      suppressWarnings(suppressMessages(loadNamespace(name))),
      error = function(problem) NULL
    )
  }
  if (is.null(seed)) {
    suppressWarnings(rm(".Random.seed", envir = world))
  } else {
    assign(".Random.seed", seed, world)
  }
  denied <- intersect(loadedNamespaces(), denied)
  # Each fork has a temporary folder of its own, made where it finds none.
  kept <- list.files(tempdir(), all.files = TRUE, no.. = TRUE)
  unlink(tempdir(), recursive = TRUE)
  gc()
  threads <- length(list.files("/proc/self/task"))
  if (getRversion() < "4.0.0") {
    say("is older than R 4.0")
  } else if (length(denied) > 0L) {
    say("loads", denied[[1L]])
  } else if (length(kept) > 0L) {
    say("keeps a file in its temporary folder,", kept[[1L]])
  } else if (nrow(showConnections()) > 4L) {
    say("keeps a connection open")
  } else if (threads != 1L) {
    say("has", threads, "threads")
  } else {
    say("ready")
  }

  # Forks of a fork: with the one between them gone, they are kptn's own children.
  is_parent <- TRUE
  while (is_parent) {
    count <- strtoi(read_frame(requests), 10L)
    if (.Call(native$fork, TRUE)[[1L]] > 0L) next
    while (is_parent && count > 0L) {
      is_parent <- .Call(native$fork, TRUE)[[1L]] > 0L
      count <- count - 1L
    }
    if (is_parent) .Call(native$exit, 0L)
  }
  read_bytes(turns, 1L)
  job <- read_frame(jobs)

  taken <- 0L
  take <- function(count) {
    # To count may itself be to take.
    force(count)
    taken <<- taken + count
    job[seq.int(taken - count + 1L, length.out = count)]
  }
  take_list <- function() take(strtoi(take(1L), 10L))
  tryCatch({
    folder <- take(1L)
    script <- take(1L)
    arguments <- take_list()
    unset <- take_list()
    if (length(unset) > 0L) Sys.unsetenv(unset)
    set <- take_list()
    values <- take_list()
    if (length(set) > 0L) do.call(Sys.setenv, as.list(structure(values, names = set)))
    setwd(folder)
    # As Rscript spells them.
    before <- commandArgs()
    before <- before[seq_len(match(TRUE, startsWith(before, "--file=")) - 1L)]
    file <- paste0("--file=", gsub(" ", "~+~", script, fixed = TRUE, useBytes = TRUE))
    all <- c(before, file, if (length(arguments) > 0L) c("--args", arguments))
    as_called <- eval(substitute(
      function(trailingOnly = FALSE) {
        args <- all
        if (trailingOnly) {
          m <- match("--args", args, 0L)
          if (m) args[-seq_len(m)] else character()
        } else args
      },
      list(all = all)
    ), .BaseNamespaceEnv)
    attr(as_called, "srcref") <- NULL
    unlockBinding("commandArgs", baseenv())
    assign("commandArgs", as_called, baseenv())
    lockBinding("commandArgs", baseenv())
    say("forked", Sys.getpid(), tempdir(check = TRUE))
  }, error = function(problem) {
    say("cannot", conditionMessage(problem))
    .Call(native$exit, 1L)
  })
  for (pipe in list(requests, turns, jobs, reply)) close(pipe)
  invisible()
}
