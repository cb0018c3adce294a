#!/usr/bin/env bash
# All sources are as clang-format 14 writes them, with const before its type. Other versions of it
# differ in details: exit status 77, skipped.
set -uo pipefail
cd "$(dirname "$0")/.."

formatter=
for candidate in clang-format-14 clang-format; do
    if command -v "$candidate" >/dev/null && "$candidate" --version | grep -q 'version 14\.'; then
        formatter=$candidate
        break
    fi
done
if [[ -z $formatter ]]; then
    echo "format: skipped, clang-format 14 is not here"
    exit 77
fi
# Folders that are not there yet are no error.
shopt -s nullglob
mapfile -d '' -t sources < <(find include* kernels* tests* bench* examples* programs* \
    \( -name '*.hpp' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' \) -print0)
wrong=0
perl scripts/west_const.pl --check "${sources[@]}" ./*.md docs/*.md || wrong=1
"$formatter" --dry-run --Werror "${sources[@]}" || wrong=1
exit "$wrong"
