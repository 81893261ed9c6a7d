#!/usr/bin/env bash
# Makes sure that PostgreSQL's programs are there, for the guide's probe of a table; no server of the machine is used.
# Does nothing where they are.
set -euo pipefail

has_server() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

if command -v psql >/dev/null && has_server; then
  exit 0
fi

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "PostgreSQL is missing, and installing it needs root: run \`$*\`, then try again" >&2
    exit 1
  fi
}

echo "installing PostgreSQL" >&2
if command -v apt-get >/dev/null; then
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql
elif command -v brew >/dev/null; then
  brew install postgresql
fi
if ! command -v psql >/dev/null || ! has_server; then
  echo "PostgreSQL is missing: install it so that \`psql\` and \`initdb\` are on PATH, then try again" >&2
  exit 1
fi
