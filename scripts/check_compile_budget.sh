#!/usr/bin/env bash
# A translation unit that includes pfadseg.hpp compiles in 6 s of processor time and 1 GB with g++ -O2.
set -uo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/compiler_flags.sh
source scripts/compiler_flags.sh
header=pfad/pfadseg.hpp
if [[ ! -e include/$header ]]; then
    echo "compile budget: there is no $header"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '#include <%s>\nint main() {}\n' "$header" >"$folder/unit.cpp"
if ! /usr/bin/time -f '%U %S %M' -o "$folder/cost" \
    g++ "${warnings[@]}" "${includes[@]}" -O2 -c "$folder/unit.cpp" -o "$folder/unit.o"; then
    echo "compile budget: $header does not compile"
    exit 1
fi
awk -v header="$header" '{
    seconds = $1 + $2; megabytes = $3 / 1024
    printf "compile budget: %s takes %.1f s of 6 and %.0f MB of 1024\n", header, seconds, megabytes
    exit !(seconds <= 6 && megabytes <= 1024)
}' "$folder/cost"
