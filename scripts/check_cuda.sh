#!/usr/bin/env bash
# nvcc compiles every kernel without a warning, and the result links with a unit that g++ compiled and
# runs; without a GPU it says so. The same of whole networks on cuDNN, where that is here. Exit status
# 77, skipped, where there is no nvcc.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v nvcc >/dev/null; then
    echo "cuda: skipped, nvcc is not here"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
options=(-std=c++20 -arch=sm_90 -Werror all-warnings -Xcompiler=-Wall,-Wextra -Iinclude -Ikernels)

# Two compilations at a time, each on one core.
if echo '#include <cudnn.h>' | nvcc -x cu -E - >/dev/null 2>&1; then
    nvcc "${options[@]}" -O1 tests/cuda/network.cu -o "$folder/network" -lcudnn &
    networks=$!
fi
start=$SECONDS
nvcc "${options[@]}" -O3 -c tests/cuda/whole.cu -o "$folder/whole.o"
seconds=$((SECONDS - start))
g++ -std=c++20 -O1 -Iinclude -c tests/cuda/other.cpp -o "$folder/other.o"
nvcc -arch=sm_90 "$folder/whole.o" "$folder/other.o" -o "$folder/whole"
answer=$("$folder/whole")
[[ $seconds -le 60 ]] || { echo "cuda: compiling cuda.cuh took $seconds s of 60"; exit 1; }

if [[ -z ${networks:-} ]]; then
    echo "cuda: compiled in $seconds s of 60; $answer; without networks, since cuDNN is not here"
    exit 0
fi
wait "$networks"
library=$(dirname "$(readlink -f "$(command -v nvcc)")")/../lib64
answer=$(LD_LIBRARY_PATH=$library "$folder/network")
echo "cuda: compiled in $seconds s of 60; networks in $((SECONDS - start)) s; $answer"
