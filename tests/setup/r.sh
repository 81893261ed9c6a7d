#!/usr/bin/env bash
# Makes sure that Rscript is there, and with apt the package data.table too, which a test and the bench
# use where it is. Does nothing where they are.
set -euo pipefail

has_table() { ! command -v apt-get >/dev/null || [ -d /usr/lib/R/site-library/data.table ]; }

if command -v Rscript >/dev/null && has_table; then
  exit 0
fi

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "R is missing, and installing it needs root: run \`$*\`, then try again" >&2
    exit 1
  fi
}

echo "installing R" >&2
if command -v apt-get >/dev/null; then
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends r-base-core r-cran-data.table
elif command -v brew >/dev/null; then
  brew install r
else
  echo "R is missing: install it so that \`Rscript\` is on PATH, then try again" >&2
  exit 1
fi
command -v Rscript >/dev/null
