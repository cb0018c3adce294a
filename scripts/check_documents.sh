#!/usr/bin/env bash
# What needs no compiler of the documents: every code block has a language and a test that takes it,
# every link leads somewhere, and the README's examples have ten lines at most.
set -uo pipefail
cd "$(dirname "$0")/.."

pages=(README.md CONTRIBUTING.md docs/*.md docs/decisions/*.md)
blocks=build/check_documents
wrong=0
complain() {
    echo "$1"
    wrong=$((wrong + 1))
}

rm -rf "$blocks"
awk -v to="$blocks" -f tests/documents/extract.awk "${pages[@]}" || wrong=1
count=$(grep -hE '^ *```[a-z]' "${pages[@]}" | grep -vc text)
# A header is taken by the block that includes it.
taken=$(grep -rhoE '#include <pfad/[^>]+' "$blocks" | sed 's#.*<#include/#')
taken+=$(find tests/documents tests/CMakeLists.txt bench/CMakeLists.txt -type f -print0 | xargs -0 grep -hoE '[a-z_0-9]+/[a-z_/]+[.](inc|hpp|cpp|cuh)')
while read -r file; do
    case $file in
    */commands.sh | */project.cmake | readme/main.cpp) ;; # tests/programs/documents.sh looks for these
    *) grep -qF "${file#adding_an_op/}" <<<"$taken" || complain "no test takes $file, a block of ${file%%/*}.md" ;;
    esac
done < <(find "$blocks" -type f -printf '%P\n')

# Indented code is in no language. Results and performance quote what was run on a day.
while read -r line; do
    complain "$line: code stands between fences"
done < <(awk '
    /^ *```/ { code = !code }
    !code && /^    [^ ]/ && blank && !list { print FILENAME ":" FNR }
    { blank = /^$/ }
    !blank && !code && !/^ / { list = /^([-*]|[0-9]+[.]) / }
    ' $(printf '%s\n' "${pages[@]}" | grep -vE 'docs/(results|performance)[.]md'))

for block in main.cpp fragments.inc; do
    lines=$(grep -cv '^#line' "$blocks/readme/$block")
    [[ $lines -le 10 ]] || complain "README.md: $lines lines in what becomes $block, ten are enough"
done

# anchors FILE: the headings as links name them.
anchors() {
    sed -n 's/^##* //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}
links=0
for page in "${pages[@]}"; do
    while read -r link; do
        links=$((links + 1))
        file=${link%%#*}
        [[ -n $file ]] && file=$(dirname "$page")/$file || file=$page
        if [[ ! -e $file ]]; then
            complain "$page: $link is not there"
        elif [[ $link == *#* ]] && ! anchors "$file" | grep -qx -- "${link#*#}"; then
            complain "$page: $link has no such heading"
        fi
    done < <(awk '/^ *```/ { code = !code } !code' "$page" | sed 's/`[^`]*`//g' |
        grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//' | grep -v '^https:')
done

[[ $wrong -eq 0 ]] || exit 1
echo "documents: $count code blocks have a test, $links links lead somewhere"
