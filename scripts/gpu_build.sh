# For scripts/gpu_check.sh: what it runs, and how that is built.
# shellcheck shell=bash

home=build/gpu
golden_from=${PFAD_SHARED_DIR:-../shared}/golden
peer_from=${PFAD_SHARED_DIR:-../shared}/oracle
limit_mb=60
# What a machine with a GPU needs beside the repository.
carried=("$home/bin" "$home/golden" "$home/peer")

# unity FILE SOURCE...: one unit of several tests, each in a namespace of its own, so that nvcc reads
# the headers and compiles the kernels once.
unity() {
    local to=$1 source
    shift
    {
        echo "// Written by scripts/gpu_check.sh."
        grep -h '^#include' "$@" | LC_ALL=C sort -u
        for source; do
            printf '\nnamespace test_of_%s {\n#include "%s"\n}\n' "$(basename "$source" .cpp)" "${source#tests/}"
        done
    } >"$to.new"
    if cmp -s "$to" "$to.new"; then rm "$to.new"; else mv "$to.new" "$to"; fi
}

toolkit() {
    dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")"
}

has_cudnn() {
    echo '#include <cudnn.h>' | nvcc -x cu -E - >/dev/null 2>&1
}

# build_all [dry]: everything into build/gpu, quickly rather than well where nothing will run; says what is wrong and
# fails otherwise.
build_all() {
    command -v nvcc >/dev/null || { echo "cuda: nvcc is not here"; return 1; }
    mkdir -p "$home/units" "$home/bin"
    if [[ ${1:-} == dry ]]; then
        printf 'host = -O0\ndevice = -Xcicc -O1 -Xptxas -O1\n'
    else
        printf 'host = -O1\ndevice =\n'
    fi >"$home/flags.ninja"
    local tests=(tests/ops/*.cpp) targets=()
    local half=$((${#tests[@]} / 2))
    unity "$home/units/ops_1.cu" "${tests[@]:0:half}"
    unity "$home/units/ops_2.cu" "${tests[@]:half}"
    # For a dry run, what scripts/kernel_table.sh may have left here does.
    if [[ ${1:-} != dry || ! -x $home/bin/bench_kernels ||
        -n $(find include kernels bench -newer "$home/bin/bench_kernels" -type f -print -quit) ]]; then
        targets+=("$home/bin/bench_kernels")
    fi
    has_cudnn && targets+=("$home/bin/gpu_train" "$home/bin/gpu_networks" "$home/bin/gpu_ops" "$home/bin/gpu_pointwise")
    PFAD_TOOLKIT=$(toolkit)
    # Catch2 3 has its own code in a library.
    PFAD_CATCH=$(echo '#include <catch2/catch_all.hpp>' | g++ -std=c++20 -x c++ -fsyntax-only - 2>/dev/null && echo -lCatch2 || true)
    PFAD_STB=$(echo '#include <stb_image.h>' | g++ -x c++ -fsyntax-only - 2>/dev/null || echo -I/usr/include/stb)
    # Keyed by the headers that were read: what nvcc -E prints lacks the host's branches.
    PFAD_CCACHE=$(command -v ccache)
    export PFAD_TOOLKIT PFAD_CATCH PFAD_STB PFAD_CCACHE CCACHE_DEPEND=1 CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
    # The longest first.
    ninja -j "$(nproc)" -f tests/gpu/build.ninja "${targets[@]}" "$home/bin/gpu_whole" || return 1
    seconds=$(awk '{ printf "%.0f", $1 + $2 }' "$home/obj/whole.o.time")
    ((seconds <= 60)) || { echo "cuda: compiling cuda.cuh took $seconds s of 60"; return 1; }
    # A static library leaves nothing to take along.
    ldd "$home/bin/bench_kernels" | awk '/libbenchmark/ { print $1, $3 }' |
        while read -r name path; do [[ $path == *"$home"* ]] || cp -L "$path" "$home/bin/$name"; done
    rm -rf "$home/golden" "$home/peer"
    mkdir -p "$home/golden" "$home/peer"
    if [[ -d $golden_from ]]; then cp "$golden_from"/*.safetensors "$home/golden"; fi
    if [[ -d $peer_from ]]; then cp "$peer_from"/*.py "$home/peer"; fi
    chmod -R u+w "$home/golden" "$home/peer"
    git describe --always --dirty >"$home/bin/commit.txt" 2>/dev/null || echo unknown >"$home/bin/commit.txt"
    check_size
}

check_size() {
    local mb
    mb=$(du -cm --apparent-size "${carried[@]}" | awk 'END { print $1 }')
    ((mb <= limit_mb)) || { echo "cuda: what is carried has $mb MB of $limit_mb"; return 1; }
    size_mb=$mb
}
