#!/bin/sh
# One suite of this folder, said in one piece, as several are carried out side by side.
#
#     tests/aws/suite.sh NAME KPTN ENVIRONMENT
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if "$3/bin/python" -B "tests/aws/$1.py" "$2" "$3" >"$log" 2>&1; then
    # What the emulator warns of says nothing then.
    grep -E '^(ok |   |[0-9]+ passed)' "$log"
else
    echo "$1 failed:"
    cat "$log"
    exit 1
fi
