#!/usr/bin/env bash
# Python environments with the engines, below the folder that is the first argument; the others name engines. Does
# nothing where they are. Each is by itself, since their requirements contradict each other.
set -euo pipefail
folder=$1
shift
here=$(cd "$(dirname "$0")" && pwd)

for engine in "$@"; do
  wanted=$here/requirements/$engine.txt
  # A copy of the requirements tells a finished environment from half of one.
  if cmp -s "$wanted" "$folder/$engine/installed"; then
    continue
  fi
  echo "installing $engine" >&2
  rm -rf "${folder:?}/$engine"
  python3 -m venv "$folder/$engine"
  "$folder/$engine/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$folder/$engine/installed"
done
