#!/usr/bin/env bash
# Installs the peers of bench/compare.sh from Python's package registry, for the CPU alone: a current
# PyTorch, ONNX Runtime, OpenVINO, and what exports a network to ONNX.
#   bench/setup_peers.sh [FOLDER]
# FOLDER (build/peers, seen from the repository) becomes a virtual environment of 1.7 GB. A peer that does not install is left out
# and named; what is there already stays. PYTHON (python3) is the Python that it is made with; PyTorch
# compiles only where that one has its headers. The registry's PyTorch is built for GPUs and asks for
# gigabytes of their libraries, which a CPU never calls: empty libraries of their names stand in.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/peers}
python=${PYTHON:-python3}

# A peer, and the packages that it is installed with; those of PyTorch without what they ask for.
# shellcheck disable=SC2034 # read by their names below
{
    torch=(torch==2.15.0 'nvidia-cuda-runtime==13.2.*')
    torch_needs=(filelock fsspec jinja2 networkx numpy 'setuptools>=77.0.3' 'sympy>=1.13.3' typing-extensions)
    onnx=(onnx==1.23.2 onnxscript==0.7.2)
    onnxruntime=(onnxruntime==1.32.0)
    openvino=(openvino==2026.4.1)
}

die() {
    echo "setup_peers.sh: $1" >&2
    exit 2
}
there() {
    "$folder/bin/python" - "$@" 2>>"$folder/log.txt" <<'END'
import importlib, sys
from importlib.metadata import version
for wanted in sys.argv[1:]:
    name, _, number = wanted.partition("==")
    if name.startswith("nvidia"):
        continue
    importlib.import_module(name)
    if version(name) != number:
        sys.exit(f"{name} is {version(name)}, not {number}")
END
}
install() {
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >>"$folder/log.txt" 2>&1
}
# A library that stands in for those that PyTorch's ask for and no package here has. The loader wants the
# functions and versions that are referred to; each function returns 1, which is an error to its caller.
stand_in() {
    local lib
    lib=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch/lib
    nm -D --undefined-only -- "$lib"/*.so | grep -oE '\b(cu|nv|nccl)[A-Za-z0-9_]+(@.*)?$' |
        grep -v @libcudart | sort -u | awk -F '@+' -v code="$lib/stand_in.c" '
            { print "int " $1 "(void) { return 1; }" >code; names[$2 ? $2 : "any"] = names[$2 ? $2 : "any"] " " $1 ";" }
            END { for (version in names) print version " { global:" names[version] " };" }' >"$lib/stand_in.map"
    cc -w -fno-builtin -shared -nostdlib -o "$lib/stand_in.so" "$lib/stand_in.c" "-Wl,--version-script,$lib/stand_in.map"
    objdump -p -- "$lib"/lib*.so | awk '$1 == "NEEDED" && $2 ~ /^lib(cu|nv|nccl)/ { print $2 }' | sort -u |
        grep -vE 'libcudart|libcuda\.so' | while read -r name; do ln -sf stand_in.so "$lib/$name"; done
}
install_peer() {
    if [[ $peer == torch ]]; then
        install "${torch_needs[@]}" && install --no-deps "${torch[@]}" && stand_in 2>>"$folder/log.txt"
    else
        install "${packages[@]}"
    fi
}

command -v "$python" >/dev/null || die "$python is missing"
if [[ ! -x $folder/bin/pip ]]; then
    mkdir -p "$folder" 2>/dev/null || die "$folder cannot be made"
    free=$(df --output=avail -BM "$folder" | tail -n 1)
    [[ ${free%M} -ge 4000 ]] || die "$folder has ${free// /} of free space, and 4000M are needed"
    "$python" -m venv "$folder" >"$folder/log.txt" 2>&1 ||
        die "$python makes no virtual environment (Debian: python3-venv); see $folder/log.txt"
fi

count=0
for peer in torch onnx onnxruntime openvino; do
    declare -n packages=$peer
    if ! there "${packages[@]}"; then
        echo "setup_peers.sh: installing ${packages[*]}"
        if ! install_peer || ! there "${packages[@]}"; then
            echo "setup_peers.sh: $peer is left out: $(tail -n 1 "$folder/log.txt")"
            continue
        fi
    fi
    count=$((count + 1))
done
[[ $count -gt 0 ]] || die "no peer installs; see $folder/log.txt"
