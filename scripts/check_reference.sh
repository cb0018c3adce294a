#!/usr/bin/env bash
# Writes the reference, build/reference/html/index.html, and fails where a public name has no
# docstring or doxygen warns of anything else.
set -uo pipefail
cd "$(dirname "$0")/.."

mkdir -p build
rm -rf build/reference
wrong=$(doxygen docs/reference/Doxyfile 2>&1 | sed "s#^$PWD/##" | sort -u)

# Doxygen passes over concepts and over structs without members.
more=$(find include/pfad kernels/pfad \( -name '*.hpp' -o -name '*.cuh' \) -print0 | xargs -0 awk '
    FNR == 1 { depth = 0 }
    /^namespace (detail|kernels) / { depth = 1 }
    /^} \/\/ namespace (detail|kernels)/ { depth = 0 }
    !depth && /^(concept [a-z_]+ =|struct [a-z_]+ \{\};)/ && above !~ /^\/\/\// {
        print FILENAME ":" FNR ": " $1 " " $2 " is not documented."
    }
    !/^template </ { above = $0 }')
if [[ -n $wrong$more ]]; then
    printf '%s\n%s\n' "$wrong" "$more"
    exit 1
fi
[[ -e build/reference/html/index.html ]] || { echo "no page was written"; exit 1; }
echo "reference: every public name of $(find build/reference/html -name '*_8hpp.html' -o -name '*_8cuh.html' | wc -l) headers is documented"
