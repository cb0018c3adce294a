#!/usr/bin/env bash
# Compiles every header alone: each includes what it uses. As many at a time as there are processors.
set -uo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/compiler_flags.sh
source scripts/compiler_flags.sh
export PFAD_FLAGS="${warnings[*]} ${includes[*]}"
# Headers of the GPU compile with the emulator's stand-in for CUDA's, those of cuDNN with the toolkit.
export PFAD_SIMT_FLAGS="-Itests/simt -Itests/simt/include -Wno-unknown-pragmas"
toolkit=$(dirname "$(readlink -f "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")")/../include
export PFAD_TOOLKIT_FLAGS="-isystem $toolkit"

# From a cache of compilers' results where there is one.
export CCACHE_DEPEND=1 CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
PFAD_CCACHE=$(command -v ccache)
export PFAD_CCACHE
mkdir -p build/headers

alone() {
    # A unit that includes it, so that #pragma once is not in the main file.
    local more= unit=build/headers/${1//\//_}.cpp
    [[ $1 != cuda/* && $1 != *.cuh ]] || more=$PFAD_SIMT_FLAGS
    [[ $1 != cudnn/* ]] || more=$PFAD_TOOLKIT_FLAGS
    echo "#include <pfad/$1>" >"$unit"
    # shellcheck disable=SC2086
    $PFAD_CCACHE g++ $PFAD_FLAGS $more -MD -c "$unit" -o "$unit.o" ||
        { echo "does not compile alone: pfad/$1"; return 1; }
}
export -f alone

# gpu.cuh is kernels and cuDNN in one: nvcc compiles it, in tests/gpu/networks.cu.
headers=$(find include/pfad kernels/pfad \( -name '*.hpp' -o -name '*.cuh' \) -printf '%P\n' |
    grep -vx 'gpu[.]cuh' | sort)
if [[ ! -e $toolkit/cudnn.h ]]; then
    headers=$(grep -v '^cudnn/' <<<"$headers")
    echo "headers: those of cudnn/ are left out, cuDNN is not here"
fi
if [[ ! -e /usr/include/onnx/onnx_pb.h ]]; then
    headers=$(grep -v '^onnx/' <<<"$headers")
    echo "headers: those of onnx/ are left out, ONNX is not here"
fi
count=$(wc -l <<<"$headers")
xargs -P "$(nproc)" -I{} bash -c 'alone {}' <<<"$headers" || exit 1
echo "headers: $count compile alone"
