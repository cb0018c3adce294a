#!/usr/bin/env bash
# What nvcc makes of every kernel, beside docs/kernel_table.txt: registers on each architecture, shared
# memory, stack and spills, and how wide the accesses to global memory are. Fails where the two differ.
# Compiles bench/kernels.cu, which has an instance of every kernel in float and bf16, and links it: bench_kernels in
# build/gpu/bin, for scripts/gpu_check.sh.
# The table has a sum over what it is made of and its own lines: where that still holds, nothing is compiled.
#   scripts/kernel_table.sh            compares
#   scripts/kernel_table.sh --renew    writes the table anew
set -euo pipefail
cd "$(dirname "$0")/.."

table=docs/kernel_table.txt
architectures=(75 80 86 89 90 100 120)
# No kernel asks for its architecture, so that one PTX serves all: less than half the time.
printf -v codes ',sm_%s' "${architectures[@]}"

if ! command -v nvcc >/dev/null; then
    echo "kernel table: skipped, nvcc is not here"
    exit 77
fi
version=$(nvcc --version | sed -n 's/.*release .*, V//p')
written=$(sed -n 's/^# nvcc //p' "$table" 2>/dev/null || true)
if [[ ${1:-} != --renew && $version != "$written" ]]; then
    echo "kernel table: skipped, it is of nvcc $written and this is nvcc $version"
    exit 77
fi
compile=(nvcc -std=c++20 -O3 --threads 0 -gencode "arch=compute_75,code=[${codes#,}]" -Werror all-warnings
    -Xcompiler=-Wall,-Wextra,-Wno-unused-parameter -Iinclude -Ikernels -Ibench --compress-mode=size)

# sum TABLE: over the table's lines, the command and the files of pfad that the compiler reads.
sum() {
    {
        grep -v '^#' "$1"
        echo "$version ${compile[*]}"
        "${compile[@]}" -MM bench/kernels.cu | tr -s ' \\' '\n' | grep -E '^(include|kernels|bench)/' | LC_ALL=C sort | xargs cat
    } | sha256sum | cut -c 1-16
}
if [[ ${1:-} != --renew ]] && grep -qx "# sum $(sum "$table")" "$table"; then
    echo "kernel table: as written, $(grep -vc '^#' "$table") lines, of the same kernels"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
start=$SECONDS

if ! "${compile[@]}" --resource-usage --keep --keep-dir "$folder" \
    -c bench/kernels.cu -o "$folder/kernels.o" >"$folder/usage.txt" 2>&1; then
    grep -vE '^ptxas info|bytes stack frame|^ +Function' "$folder/usage.txt" | head -n 40
    echo "kernel table: bench/kernels.cu does not compile without a warning"
    exit 1
fi
mkdir -p build/gpu/bin
program=build/gpu/bin/bench_kernels
# shellcheck disable=SC2016 # the loader's own name for the program's folder
nvcc -arch=sm_90 -Xlinker -s,-rpath,'$ORIGIN' "$folder/kernels.o" -lbenchmark -lpthread -o "$program"
seconds=$((SECONDS - start))

# Loads and stores of global memory in the PTX, of 16 bytes and in all; the usage of each
# architecture; a line a kernel, sorted by its name.
cat >"$folder/rows.awk" <<'AWK'
function width(op,   n, bits) {
    n = op ~ /[.]v4[.]/ ? 4 : op ~ /[.]v2[.]/ ? 2 : 1
    bits = op
    sub(/.*[.][a-z]+/, "", bits)
    return n * bits / 8
}
FILENAME ~ /[.]ptx$/ {
    if ($1 == ".visible" || $1 == ".weak" || $1 == ".entry")
        for (i = 1; i < NF; i++)
            if ($i == ".entry") { entry = $(i + 1); sub(/\(.*/, "", entry) }
    for (i = 1; i <= 2 && i <= NF; i++) {
        kind = $i ~ /^ld[.]global/ ? "load" : $i ~ /^st[.]global/ ? "store" : ""
        if (kind) { all[kind, entry]++; if (width($i) == 16) wide[kind, entry]++ }
    }
    next
}
/Compiling entry function/ {
    split($0, quoted, "'")
    name = quoted[2]; arch = quoted[4]; sub(/sm_/, "", arch)
    names[name] = 1
}
/bytes stack frame/ {
    stack = $1; spilled = $5 + $9
    if (stack > most_stack[name]) most_stack[name] = stack
    if (spilled > most_spilled[name]) most_spilled[name] = spilled
}
/Used [0-9]+ registers/ {
    registers[name, arch] = $0; sub(/.*Used /, "", registers[name, arch]); sub(/ .*/, "", registers[name, arch])
    shared = 0
    if ($0 ~ /bytes smem/) { shared = $0; sub(/ bytes smem.*/, "", shared); sub(/.* /, "", shared) }
    if (shared > most_shared[name]) most_shared[name] = shared
}
END {
    count = split(list, archs, " ")
    for (name in names) {
        line = ""
        for (i = 1; i <= count; i++) line = line sprintf("%4s", registers[name, archs[i]])
        printf "%s\t%s %7d %6d %7d %7s %7s\n", name, line, most_shared[name], most_stack[name], most_spilled[name],
            wide["load", name] + 0 "/" all["load", name] + 0, wide["store", name] + 0 "/" all["store", name] + 0
    }
}
AWK
ptx=$(find "$folder" -name '*.ptx' | head -n 1)
{
    cat <<TEXT
# What nvcc makes of every kernel at -O3. Written by scripts/kernel_table.sh --renew; the same script fails where it
# no longer holds. Another version of nvcc makes other code: the comparison is then skipped.
# nvcc $version
#
# Registers of a thread on each architecture; the most bytes of shared memory, of stack and of spills on any of them;
# loads and stores of global memory in the PTX, those of 16 bytes and all. A kernel of width 1 is the one
# for arrays or channels that are not a multiple of 16 bytes.
#
$(printf '%4s' "${architectures[@]}")  shared  stack  spills   loads  stores  kernel
TEXT
    awk -v list="${architectures[*]}" -f "$folder/rows.awk" "$ptx" "$folder/usage.txt" | c++filt |
        sed -E -e 's/^void pfad::cuda::kernels:://' -e 's/ ?>\([^\t]*\t/>\t/' \
            -e 's/pfad::(cuda::)?(kernels::)?//g' -e 's/unsigned char/uint8/g' -e 's/ >/>/g' \
            -e 's/\((int|bool)\)//g' |
        LC_ALL=C sort | awk -F '\t' '{ print $2 "  " $1 }'
} >"$folder/table.txt"

if awk '!/^#/ && $10 + 0 > 0 { print; bad = 1 } END { exit !bad }' "$folder/table.txt"; then
    echo "kernel table: these kernels spill registers"
    exit 1
fi
if [[ ${1:-} == --renew ]]; then
    sed "s/^# nvcc .*/&\n# sum $(sum "$folder/table.txt")/" "$folder/table.txt" >"$table"
    echo "kernel table: written, $(grep -vc '^#' "$table") lines, in $seconds s"
    exit 0
fi
if ! diff -u <(grep -v '^# sum ' "$table") "$folder/table.txt"; then
    echo "kernel table: $table no longer holds; where that is meant: scripts/kernel_table.sh --renew"
    exit 1
fi
# Without a GPU the benchmarks say so and fail.
if answer=$("$program" --benchmark_filter=none 2>&1); then
    status=0
else
    status=$?
fi
if [[ $status -ne 0 && $answer != "bench_kernels: cuda: no GPU can be used here: "* ]]; then
    echo "kernel table: bench_kernels ends with $status: $answer"
    exit 1
fi
echo "kernel table: as written, $(grep -vc '^#' "$table") lines, in $seconds s; $answer"
