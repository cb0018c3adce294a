#!/usr/bin/env bash
# Installs the packages that pfad is built and tested with, on Debian 12, 13 and Ubuntu 24.04. Does
# nothing when all are there; otherwise needs root or sudo.
set -euo pipefail

packages=(
    build-essential g++ cmake ninja-build pkg-config time
    libdnnl-dev ocl-icd-opencl-dev libstb-dev nlohmann-json3-dev libcli11-dev
    catch2 libbenchmark-dev libboost-context-dev clang libomp-dev clang-format doxygen libopencv-dev
    libprotobuf-dev libonnx-dev
)

missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $state == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
    exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: these packages are missing, and installing them needs root: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}"
