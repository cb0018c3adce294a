#!/usr/bin/env bash
# Compiles every header alone: each includes what it uses. Two at a time, syntax only.
set -uo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/compiler_flags.sh
source scripts/compiler_flags.sh
export PFAD_FLAGS="${warnings[*]} ${includes[*]}"

alone() {
    # -x c++ from standard input, so that #pragma once is not in the main file.
    # shellcheck disable=SC2086
    echo "#include <pfad/$1>" | g++ $PFAD_FLAGS -fsyntax-only -x c++ - ||
        { echo "does not compile alone: include/pfad/$1"; return 1; }
}
export -f alone

count=$(find include/pfad -name '*.hpp' | wc -l)
(cd include/pfad && find . -name '*.hpp' -printf '%P\n' | sort) |
    xargs -P "$(nproc)" -I{} bash -c 'alone {}' || exit 1
echo "headers: $count compile alone"
