#!/usr/bin/env bash
# Feeds a reader of files with changed and invented ones, with AddressSanitizer and UndefinedBehaviorSanitizer.
# Needs clang++ with libFuzzer (Debian: clang, libclang-rt-14-dev or that of another version).
#   scripts/fuzz.sh READER MINUTES [FOLDER]
# READER is picture, picture_stb, mask, mask_stb, weights, model, checkpoint, csv or log. FOLDER keeps what was found to
# be of interest from one run to the next; by default build/fuzz/READER. Ends with status 1 where an input broke the
# reader; the input is left in build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "fuzz.sh: $1" >&2
    exit 2
}
readers=(picture mask weights model checkpoint csv log)
(($# == 2 || $# == 3)) || fail "give a reader, of ${readers[*]}, picture_stb and mask_stb, and minutes"
[[ $2 =~ ^[0-9]+$ ]] || fail "the minutes are a whole number, not $2"
number=-1
for i in "${!readers[@]}"; do
    [[ ${readers[i]} != "${1%_stb}" ]] || number=$i
done
((number >= 0)) || fail "there is no reader $1"
codecs=(-DPFAD_SYSTEM_CODECS -lpng -ljpeg)
[[ $1 != *_stb ]] || codecs=()

folder=${3:-build/fuzz/$1}
mkdir -p "$folder" build/fuzz/seeds
# Seeds: the cases from the field, the demo's files and a few lines.
for seed in ../shared/cases/*/* ../shared/data/textures/*; do
    [[ ! -f $seed || $(stat -c %s "$seed") -gt 65536 ]] || cp -n "$seed" build/fuzz/seeds
done
printf 'path,label,mask\na.png,good,\n"b;c.png",bad,m.png\n' >build/fuzz/seeds/list.csv
printf '\377\376p\0a\0t\0h\0;\0l\0a\0b\0e\0l\0\n\0' >build/fuzz/seeds/wide.csv
printf '{"iteration":0,"loss":0.5,"stage":1}\n{"picture":"a.png","version":[1,2,3,4]}\n' >build/fuzz/seeds/log.jsonl
header='{"__metadata__":{"format":"pfad","version":"1","iteration":"3","run.seed":"0"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
printf "\\x$(printf %x ${#header})\\0\\0\\0\\0\\0\\0\\0%s\\0\\0\\0\\0" "$header" >build/fuzz/seeds/small.safetensors

clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DREADER=$number -Iinclude -Iprograms \
    -isystem /usr/include/stb tests/fuzz/readers.cpp -lstb ${codecs[@]+"${codecs[@]}"} -o "build/fuzz/read_$1"
# In memory where that can be: on a disk the writing takes most of the time.
scratch=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
TMPDIR=$scratch "build/fuzz/read_$1" -max_total_time=$(($2 * 60)) -max_len=65536 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$1-" "$folder" build/fuzz/seeds 2>"build/fuzz/$1.log" || {
    tail -n 40 "build/fuzz/$1.log" >&2
    exit 1
}
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$1.log")
edges=$(grep -o 'cov: [0-9]*' "build/fuzz/$1.log" | tail -n 1)
echo "$1: $runs inputs in $2 min, ${edges/cov:/edges covered:}, nothing broke it"
