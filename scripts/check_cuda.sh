#!/usr/bin/env bash
# nvcc compiles every kernel without a warning, and the result links with a unit that g++ compiled and
# runs; without a GPU it says so. Exit status 77, skipped, where there is no nvcc.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v nvcc >/dev/null; then
    echo "cuda: skipped, nvcc is not here"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
start=$SECONDS
nvcc -std=c++20 -O3 -arch=sm_90 -Werror all-warnings -Xcompiler=-Wall,-Wextra -Iinclude -Ikernels \
    -c tests/cuda/whole.cu -o "$folder/whole.o"
seconds=$((SECONDS - start))
g++ -std=c++20 -O1 -Iinclude -c tests/cuda/other.cpp -o "$folder/other.o"
nvcc -arch=sm_90 "$folder/whole.o" "$folder/other.o" -o "$folder/whole"
answer=$("$folder/whole")
[[ $seconds -le 60 ]] || { echo "cuda: compiling cuda.cuh took $seconds s of 60"; exit 1; }
echo "cuda: compiled in $seconds s of 60; $answer"
