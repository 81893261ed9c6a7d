#!/usr/bin/env bash
# What `make test-aws` needs, below the folder that is the first argument: a Python environment with moto (an emulator of
# AWS with a real interpreter of state machines) and cfn-lint, and of Node's asl-validator and dynalite (an emulator of
# DynamoDB that is stricter). Does nothing where they are there.
set -euo pipefail
folder=$1
packages=('moto[server,all]==5.2.5' jsonata-python==0.7.1 cfn-lint==1.58.0)
programs=(asl-validator@4.0.0 dynalite@4.0.0)

# A stamp with the versions tells a finished environment from half of one.
if [ "$(cat "$folder/installed" 2>/dev/null)" = "${packages[*]} ${programs[*]}" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  wanted=npm
  # shellcheck source=as_root.sh
  . "$(dirname "$0")/as_root.sh"
  echo "installing $wanted" >&2
  if command -v apt-get >/dev/null; then
    apt_install nodejs npm
  else
    echo "npm is missing: install Node.js so that \`npm\` is on PATH, then try again" >&2
    exit 1
  fi
fi
echo "installing ${packages[*]} ${programs[*]} for the tests" >&2
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
npm install --silent --no-audit --no-fund --prefix "$folder/node" "${programs[@]}"
echo "${packages[*]} ${programs[*]}" >"$folder/installed"
