#!/usr/bin/env bash
# Builds the Python wheel, installs it into an empty environment and runs the example of `make demo` with what is there.
# On Linux the program may need nothing that a current system does not have. Arguments: the cargo profile, the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=$1
target=$2

# The builder, in an environment of its own; its version is pinned in pyproject.toml.
maturin=$(sed -n 's/^requires = \["\(maturin==[0-9.]*\)"\]$/\1/p' pyproject.toml)
tools=$target/maturin
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$maturin" ]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check "$maturin"
  echo "$maturin" >"$tools/installed"
fi

rm -rf "$target/wheels"
"$tools/bin/maturin" build --profile "$profile" --out "$target/wheels"
wheel=$(echo "$target"/wheels/kptn-*.whl)

empty=$(mktemp -d "${TMPDIR:-/tmp}/kptn-wheel.XXXXXX")
trap 'rm -rf "$empty"' EXIT
python3 -m venv "$empty/venv"
"$empty/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index "$wheel"
kptn=$empty/venv/bin/kptn
version=$("$kptn" --version)
[ "$version" = "kptn $(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)" ] || {
  echo "the wheel holds \`$version\`" >&2
  exit 1
}

# AWS is in it: without credentials and region that is all that it misses.
printf 'graphs: {g: {tasks: {A: }}}\ntasks: {A: {file: A.py}}\n' >"$empty/kptn.yaml"
echo 'def A(): pass' >"$empty/A.py"
said=$(cd "$empty" && env -u AWS_REGION -u AWS_DEFAULT_REGION HOME="$empty" "$kptn" deploy aws --dry-run 2>&1 || true)
grep -q "no region of AWS is said" <<<"$said" || {
  echo "the program in the wheel does not know AWS: $said" >&2
  exit 1
}

if [ "$(uname)" = Linux ]; then
  # What `ldd` lists: the C library and what belongs to it. A zlib or OpenSSL of this machine would be one too many.
  needed=$(ldd "$kptn" | awk '{ print $1 }' | grep -vE '^(linux-(vdso|gate)\.so\.1|lib(c|m|gcc_s|pthread|dl|rt)\.so\.[0-9]+|(/lib[^ ]*/)?ld-[a-z0-9_.-]*\.so\.[0-9]+)$' || true)
  [ -z "$needed" ] || {
    echo "the program needs libraries that other machines may not have: $needed" >&2
    exit 1
  }
fi

# Everything that it is compiled from goes along with a package, and nothing else.
listed=$(cargo package --locked --list --allow-dirty)
for path in Cargo.lock README.md LICENSE-MIT LICENSE-APACHE src/main.rs src/task/worker/debug.R hooks/post-checkout; do
  grep -qxF "$path" <<<"$listed" || {
    echo "a package would not hold $path" >&2
    exit 1
  }
done
if odd=$(grep -E '^(target|scratch|\.ci|\.venv)/|/scratch/|\.whl$|__pycache__' <<<"$listed"); then
  printf 'a package would hold what does not belong in it:\n%s\n' "$odd" >&2
  exit 1
fi

PATH="$empty/venv/bin:$PATH" docs/examples/demo.sh "$kptn"
echo "$wheel: $(du -k "$wheel" | cut -f1) KiB, runs from an empty environment"
