#!/usr/bin/env bash
# Links two translation units that include every header, in opposite orders, and lets the link-time
# optimiser compare what they define.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=scripts/compiler_flags.sh
source scripts/compiler_flags.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The headers of the GPU with the emulator's stand-in for CUDA's, and so without cuDNN, which brings
# CUDA's own.
headers=$(find include/pfad kernels/pfad \( -name '*.hpp' -o -name '*.cuh' \) -printf '%P\n' |
    grep -vE '^cudnn/|^gpu[.]cuh$' | sort)
includes+=(-Itests/simt -Itests/simt/include -Wno-unknown-pragmas)
[[ -e /usr/include/onnx/onnx_pb.h ]] || headers=$(grep -v '^onnx/' <<<"$headers")
sed 's|.*|#include <pfad/&>|' <<<"$headers" >"$folder/every.hpp"
tac "$folder/every.hpp" >"$folder/every_reversed.hpp"

# Without optimisation: inlined functions would take the types that differ with them.
flags=("${warnings[@]}" "${includes[@]}" -I"$folder" -O0 -flto -Wodr)
g++ "${flags[@]}" -c tests/odr/first.cpp -o "$folder/first.o" &
first=$!
g++ "${flags[@]}" -c tests/odr/second.cpp -o "$folder/second.o"
wait "$first"
libraries=(-pthread)
if grep -q '^onednn' <<<"$headers"; then
    libraries+=(-ldnnl)
fi
if grep -q '^io/' <<<"$headers"; then
    libraries+=(-lstb)
    case " ${includes[*]} " in *" -DPFAD_SYSTEM_CODECS "*) libraries+=(-lpng -ljpeg) ;; esac
fi
if grep -q '^onnx/' <<<"$headers"; then
    libraries+=(-lonnx -lonnx_proto -lprotobuf)
fi
g++ "${flags[@]}" "$folder/first.o" "$folder/second.o" "${libraries[@]}" -o "$folder/both"
"$folder/both"
