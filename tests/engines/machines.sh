#!/usr/bin/env bash
# Builds the S3 server and runs machines.py where that can be: it wants root, and `ip` to make networks with.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" -ne 0 ]; then
  echo "machines   left out: networks of their own want root"
  exit
fi
if ! command -v ip >/dev/null; then
  wanted=iproute2
  # shellcheck source=../setup/as_root.sh
  . tests/setup/as_root.sh
  echo "installing $wanted" >&2
  apt_install iproute2
fi
bucket=$("${CARGO:-cargo}" test --locked --all-features --no-run --bench bucket --message-format=json-render-diagnostics |
  python3 -c 'import json, sys; print([line["executable"] for line in map(json.loads, sys.stdin) if line.get("executable") and line["target"]["name"] == "bucket"][0])')
exec python3 -B tests/engines/machines.py "$1" "$2" "$bucket"
