#!/usr/bin/env bash
# Fuzzes each target for a minute (or for KPTN_FUZZ_SECONDS). Needs a C++ compiler; no nightly Rust: the
# flags below are the part of cargo-fuzz's that every compiler takes. What it finds is left in fuzz/found/.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${KPTN_FUZZ_SECONDS:-60}
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
export RUSTFLAGS="--cfg fuzzing $coverage -Ccodegen-units=1"

cargo build --release --target "$host"
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')

seed() { # target ending: every file of that ending in docs/ and tests/ is a first example
  mkdir -p "corpus/$1" found
  find ../docs ../tests seeds -type f -name "*.$2" -size -64k 2>/dev/null | while read -r file; do
    cp "$file" "corpus/$1/$(echo "$file" | tr '/ ' '__')"
  done
}
seed kptn_yaml yaml
seed python_source py
seed r_source R

for name in kptn_yaml python_source r_source; do
  echo "fuzzing $name for $seconds s" >&2
  "$target/$host/release/$name" "corpus/$name" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=20000 -print_final_stats=1 \
    -artifact_prefix="found/$name-" 2>&1 | grep -vE '(NEW|REDUCE|pulse|INITED|RELOAD) ' || exit 1
done
