#!/usr/bin/env bash
# The bytes that every op moves at the model's shapes, as the benchmarks declare them, beside
# docs/kernel_bytes.txt. Fails where the two differ.
#   scripts/kernel_bytes.sh BENCH_OPS            compares
#   scripts/kernel_bytes.sh BENCH_OPS --renew    writes the table anew
set -euo pipefail
program=$(realpath "${1:?the program bench_ops}")
cd "$(dirname "$0")/.."

table=docs/kernel_bytes.txt
made=$(mktemp)
trap 'rm -f "$made"' EXIT
{
    cat <<'TEXT'
# The bytes that a call of every op moves in float at the model's shapes (batch 16, pictures of 256 x 256), each array
# counted as often as the op has to read or write it, and the time that a GPU needs for them at 4.3 TB/s. In bf16 the
# bytes are half but for masks of taps and 8-bit pixels. Arrays of a few MB stay in a GPU's cache: then it is faster.
# Written by scripts/kernel_bytes.sh BENCH_OPS --renew from the benchmarks in bench/ops.
#
TEXT
    printf '%12s %9s  %s\n' bytes us op
    "$program" --describe | sed -e 's/<float>//' -e 's/\/real_time//' | grep -v _unfused | LC_ALL=C sort |
        awk '{ printf "%12d %9.2f  %s\n", $2, $2 / 4.3e6, $1 }'
} >"$made"
lines=$(($(grep -vc '^#' "$made") - 1))
[[ $lines -gt 0 ]] || { echo "kernel bytes: $program describes nothing"; exit 1; }
if [[ ${2:-} == --renew ]]; then
    cp "$made" "$table"
    echo "kernel bytes: written, $lines lines"
elif diff -u "$table" "$made"; then
    echo "kernel bytes: as written, $lines lines"
else
    echo "kernel bytes: $table no longer holds; where that is meant: scripts/kernel_bytes.sh $1 --renew"
    exit 1
fi
