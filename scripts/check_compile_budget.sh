#!/usr/bin/env bash
# A translation unit that includes pfadseg.hpp compiles in 6 s of processor time and 1 GB with g++ -O2.
# Where a yardstick of other people's headers says that the machine is slow, the limit is 2.5 times the
# yardstick, which is about 6 s where that takes 2.4 s.
set -uo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/compiler_flags.sh
source scripts/compiler_flags.sh
header=pfad/pfadseg.hpp
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '#include <%s>\nint main() {}\n' "$header" >"$folder/unit.cpp"
if ! /usr/bin/time -f '%U %S %M' -o "$folder/cost" \
    g++ "${warnings[@]}" "${includes[@]}" -O2 -c "$folder/unit.cpp" -o "$folder/unit.o"; then
    echo "compile budget: $header does not compile"
    exit 1
fi
cat >"$folder/yardstick.cpp" <<'TEXT'
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
int main(int n, char** a) { return static_cast<int>(nlohmann::json::parse(a[n - 1]).size()); }
TEXT
/usr/bin/time -f '%U %S' -o "$folder/yardstick" \
    g++ "${warnings[@]}" "${includes[@]}" -O2 -c "$folder/yardstick.cpp" -o "$folder/unit.o" || exit 1
read -r user system <"$folder/yardstick"
awk -v header="$header" -v yardstick="$user" -v system_part="$system" '{
    seconds = $1 + $2; megabytes = $3 / 1024; limit = 2.5 * (yardstick + system_part)
    if (limit < 6) limit = 6
    printf "compile budget: %s takes %.1f s of %.1f and %.0f MB of 1024\n", header, seconds, limit, megabytes
    exit !(seconds <= limit && megabytes <= 1024)
}' "$folder/cost"
