#!/usr/bin/env bash
# The umbrellas through a second compiler, syntax only.
set -uo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/compiler_flags.sh
source scripts/compiler_flags.sh
# clang finds omp.h in the folder of g++, behind its own headers.
omp=$(g++ -print-file-name=include)
status=0
shopt -s nullglob
for umbrella in include/pfad/*.hpp; do
    name=${umbrella#include/}
    echo "#include <$name>" |
        clang++ "${warnings[@]}" "${includes[@]}" -idirafter "$omp" \
            -fsyntax-only -x c++ - || { echo "clang rejects $name"; status=1; }
done
exit $status
