#!/usr/bin/env bash
# Fuzzes the readers of kptn.yaml, Python and R for a minute each; `make fuzz` calls it.
#
#   fuzz/run.sh python_source          one target
#   KPTN_FUZZ_SECONDS=600 make fuzz    for longer
#
# libFuzzer without cargo-fuzz: that tool wants a nightly compiler for its sanitizers, while coverage needs
# only the flags below. Everything that is made stays in target/fuzz/; a crash is written to target/fuzz/found/,
# and its file belongs into fuzz/seeds/, which are read before anything is tried.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO:=cargo}"
seconds=${KPTN_FUZZ_SECONDS:-60}
targets=("$@")
[ $# -gt 0 ] || targets=(kptn_yaml python_source r_source)

if ! command -v c++ >/dev/null; then
  echo "libFuzzer needs a C++ compiler: install one (on Debian: \`apt-get install g++\`), then try again" >&2
  exit 1
fi

folder=$("$CARGO" metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
coverage=(--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares)
# The versions that kptn is built with, and libFuzzer's; a lock file of its own would only fall behind.
cp Cargo.lock fuzz/Cargo.lock
# With --target the flags stay away from build scripts and procedural macros.
RUSTFLAGS="${coverage[*]}" "$CARGO" build --release --manifest-path fuzz/Cargo.toml \
  --target "$host" --target-dir "$folder"

seed() { # target ending: every file of that ending is a first example
  mkdir -p "$folder/corpus/$1"
  find docs tests src fuzz/seeds -type f -name "*.$2" -size -16k | while read -r file; do
    cp "$file" "$folder/corpus/$1/${file//\//_}"
  done
}
seed kptn_yaml yaml
seed python_source py
seed r_source R

mkdir -p "$folder/found"
for target in "${targets[@]}"; do
  echo "fuzzing $target for $seconds s" >&2
  "$folder/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=16384 \
    -dict="fuzz/words/$target.txt" -artifact_prefix="$folder/found/$target-" -verbosity=0 -print_final_stats=1 \
    "$folder/corpus/$target"
done
