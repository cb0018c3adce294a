#!/usr/bin/env bash
# The umbrellas through every clang++ that is here, syntax only.
set -uo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/compiler_flags.sh
source scripts/compiler_flags.sh
warnings+=(-Wno-shadow) # as in cmake/pfad_warnings.cmake
# libomp-dev is for clang++ without a version; the others find its omp.h behind their own headers.
omp=$(clang++ -print-file-name=include)
status=0
shopt -s nullglob
declare -A seen
for compiler in clang++ $(compgen -c clang++- | grep -xE 'clang[+][+]-[0-9]+' | sort -u); do
    version=$("$compiler" -dumpversion) || { status=1; continue; }
    [[ -z ${seen[$version]:-} ]] || continue
    seen[$version]=yes
    echo "clang: clang++ $version"
    for umbrella in include/pfad/*.hpp; do
        name=${umbrella#include/}
        echo "#include <$name>" |
            "$compiler" "${warnings[@]}" "${includes[@]}" -idirafter "$omp" \
                -fsyntax-only -x c++ - || { echo "clang++ $version rejects $name"; status=1; }
    done
done
exit $status
