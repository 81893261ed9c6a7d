#!/usr/bin/env bash
# Makes sure that Rscript is there, and with apt the package data.table too, which a test and the bench
# use where it is. Does nothing where they are.
set -euo pipefail

has_table() { ! command -v apt-get >/dev/null || [ -d /usr/lib/R/site-library/data.table ]; }

if command -v Rscript >/dev/null && has_table; then
  exit 0
fi

wanted=R
# shellcheck source=as_root.sh
. "$(dirname "$0")/as_root.sh"

echo "installing $wanted" >&2
if command -v apt-get >/dev/null; then
  apt_install r-base-core r-cran-data.table
elif command -v brew >/dev/null; then
  brew install r
else
  echo "R is missing: install it so that \`Rscript\` is on PATH, then try again" >&2
  exit 1
fi
command -v Rscript >/dev/null
