#!/usr/bin/env bash
# Builds what is measured, sets up the peers and prints the table; `make bench` calls it.
#
#   make bench                 everything: 10 to 15 minutes, longer the first time (it runs 20,000 tasks)
#   BENCH=quick make bench     smaller sizes, about 2 minutes
#   BENCH=page make bench      everything, and the figures go into docs/performance.md
#   tests/bench/run.sh --only status    just one part
set -euo pipefail
cd "$(dirname "$0")/../.."

: "${CARGO:=cargo}"
target=$("$CARGO" metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
peers=$target/bench-peers
work=$target/bench
mkdir -p "$work"

# `cargo bench --no-run` builds the binary too; the bench program's own path has a hash in it, so cargo is asked.
read -r bucket store < <("$CARGO" bench --locked --no-run --bench store --bench bucket --message-format=json-render-diagnostics |
  python3 -c 'import json, sys
found = {line["target"]["name"]: line["executable"] for line in map(json.loads, sys.stdin) if line.get("executable")}
print(found["bucket"], found["store"])')
for program in measure floor stand_in; do
  cc -O2 -Wall -Wextra -o "$work/$program" "tests/bench/$program.c"
done
tests/bench/peers.sh "$peers"
tests/engines/setup.sh "$target/engines" prefect || echo "could not set up prefect" >&2

arguments=(--bucket "$bucket" --kptn "${KPTN_BENCH_BIN:-$target/release/kptn}" --store "$store" --floor "$work/floor"
  --stand-in "$work/stand_in"  --measure "$work/measure" --peers "$peers" --engines "$target/engines" --work "$work")
case "${BENCH:-full}" in
  full) ;;
  quick) arguments+=(--quick) ;;
  page) arguments+=(--page docs/performance.md) ;;
  *) echo "BENCH is \`$BENCH\`; it may be full, quick or page" >&2; exit 2 ;;
esac
exec python3 -B tests/bench/harness "${arguments[@]}" "$@"
