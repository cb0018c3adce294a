#!/usr/bin/env bash
# Installs from Python's package registry what pfad is compared and used with, for the CPU alone: a current
# PyTorch, ONNX and what exports a network to it, ONNX Runtime, OpenVINO, Triton's model configuration.
#   scripts/setup_python.sh [FOLDER]
# FOLDER (build/python, seen from the repository) becomes a virtual environment of 1.8 GB. What does not
# install is left out and named; what is there already stays. PYTHON (python3) is the Python that it is made
# with; PyTorch compiles only where that one has its headers. The registry's PyTorch is built for GPUs and
# asks for gigabytes of their libraries, which a CPU never calls: empty libraries of their names stand in.
# Exit status 3: something is missing and the registry cannot be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/python}
python=${PYTHON:-python3}

# A part, and the packages that it is installed with; those of PyTorch without what they ask for.
# shellcheck disable=SC2034 # read by their names below
{
    pictures=(numpy==2.4.6 pillow==13.0.0 safetensors==0.8.0)
    torch=(torch==2.15.0 'nvidia-cuda-runtime==13.2.*')
    torch_needs=(filelock fsspec jinja2 networkx 'setuptools>=77.0.3' 'sympy>=1.13.3' typing-extensions)
    onnx=(onnx==1.23.2 onnxscript==0.7.2)
    onnxruntime=(onnxruntime==1.32.0)
    openvino=(openvino==2026.4.1)
    triton=('tritonclient[grpc]==2.73.0')
}

die() {
    echo "setup_python.sh: $1" >&2
    exit "${2:-2}"
}
# Whether the packages can be imported, in these versions.
works() {
    "$folder/bin/python" - "$@" 2>>"$folder/log.txt" <<'END'
import importlib, sys
from importlib.metadata import version
modules = {"pillow": "PIL.Image", "safetensors": "safetensors.numpy", "tritonclient": "tritonclient.grpc.model_config_pb2"}
for wanted in sys.argv[1:]:
    name, _, number = wanted.partition("==")
    name = name.partition("[")[0]
    if name.startswith("nvidia"):
        continue
    importlib.import_module(modules.get(name, name))
    if version(name) != number:
        sys.exit(f"{name} is {version(name)}, not {number}")
END
}
install() {
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >>"$folder/log.txt" 2>&1
}
# Says yes where the registry answers.
reach() {
    "$folder/bin/pip" --timeout 20 --retries 1 index versions pillow >>"$folder/log.txt" 2>&1 && echo yes
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
install_part() {
    if [[ $part == torch ]]; then
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

# What could be imported once is not tried again: that would take longer than all else here.
count=0
for part in pictures torch onnx onnxruntime openvino triton; do
    declare -n packages=$part
    if ! grep -qsFx -- "${packages[*]}" "$folder/installed.txt"; then
        [[ -n ${reached:=$(reach || true)} ]] || die "the package registry cannot be reached; see $folder/log.txt" 3
        echo "setup_python.sh: installing ${packages[*]}"
        if ! install_part || ! works "${packages[@]}"; then
            echo "setup_python.sh: $part is left out: $(tail -n 1 "$folder/log.txt")"
            continue
        fi
        echo "${packages[*]}" >>"$folder/installed.txt"
    fi
    count=$((count + 1))
done
[[ $count -gt 0 ]] || die "nothing installs; see $folder/log.txt"
