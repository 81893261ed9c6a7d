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

wanted=PostgreSQL
# shellcheck source=as_root.sh
. "$(dirname "$0")/as_root.sh"

echo "installing $wanted" >&2
if command -v apt-get >/dev/null; then
  apt_install postgresql
elif command -v brew >/dev/null; then
  brew install postgresql
fi
if ! command -v psql >/dev/null || ! has_server; then
  echo "PostgreSQL is missing: install it so that \`psql\` and \`initdb\` are on PATH, then try again" >&2
  exit 1
fi
