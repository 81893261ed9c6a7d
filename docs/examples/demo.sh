#!/usr/bin/env bash
# The demonstration behind `make demo`: runs docs/examples/states in a temporary git repository, changes
# things, and shows what kptn makes of that. Takes the kptn binary; leaves nothing behind.
set -euo pipefail

kptn=$(realpath "$1")
examples=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/kptn-demo.XXXXXX")
trap 'rm -rf "$folder"' EXIT

# Neither the user's git settings nor an outer repository have a say in this.
unset "${!GIT_@}" "${!KPTN_@}" 2>/dev/null || true
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

say() { printf '\n\033[1m# %s\033[0m\n' "$1"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}
kptn() { "$kptn" "$@"; }

cp -R "$examples/states" "$folder/states"
cd "$folder/states"
git init -q -b main
git add -A
git -c user.name=demo -c user.email=demo@example.org commit -q -m "the example"

say "The pipeline: R and Python, 50 states mapped in Python, 4 regions in R"
show kptn graph
say "Everything is new, so everything runs"
show kptn run
say "Nothing changed, so nothing runs"
show kptn run
say "Edit one function: the mean instead of the median (and a comment elsewhere, which does not count)"
sed -i.bak 's/median(values)/mean(values)/; s/import median/import mean/' py/profiles.py
echo "# a comment" >> R/clusters.R
rm py/profiles.py.bak
show git --no-pager diff --stat
say "What is stale now, and why?"
show kptn status
show kptn why profile
say "Run what is left"
show kptn run
say "Write the same table in another way: the task runs, and what follows is spared"
sed -i.bak 's/row\["people_per_square_mile"\] = density(row)/row.update(people_per_square_mile=density(row))/' py/joined.py
rm py/joined.py.bak
show kptn status
show kptn run
say "The report"
cat scratch/main/report.txt
say "A clean tree: runner and code are yours to commit, outputs and state are not"
show git status --short
