#!/usr/bin/env bash
# Every shell line and CMake block of the documents, in a folder that looks like the repository. Programs
# run, training at the smallest size; what would build or test pfad itself is checked to be there: the
# script and its arguments, the preset, the target, the test, the option.
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$(dirname "$0")/support.bash"
build=$(dirname "$bin")
blocks=$work/blocks
awk -v to="$blocks" -f "$root/tests/documents/extract.awk" "$root"/*.md "$root"/docs/*.md
check "the blocks" test $? -eq 0

# What the lines name.
make_tiny_category || exit 1
mkdir page && cd page || exit 1
ln -s "$root"/* . && rm -f build scripts && mkdir -p scripts build/release/bin ../stand_ins
ln -s ../tiny CATEGORY && ln -s ../paint TEXTURES && ln -s ../tiny/train/good GOOD && ln -s ../tiny/test/pit BAD
cp "$(find ../tiny/test/pit -name '*.png' | head -n 1)" photo.png
"$bin/pfad_train" --data CATEGORY --textures TEXTURES --teacher random --out run "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 >/dev/null 2>&1
cp run/model.safetensors .
check "a model" test -s model.safetensors

# stand_in FILE: a program of that name, from standard input.
stand_in() {
    { echo '#!/usr/bin/env bash'; declare -p root bin build blocks small; cat; } >"$1"
    chmod +x "$1"
}

# Programs run as they are, but: training is short and without the teacher's weights, and a defect is no failure.
for program in "$bin"/pfad_*; do
    name=$(basename "$program")
    case $name in
    pfad_train) stand_in ../stand_ins/"$name" <<'PROGRAM' ;;
rm -rf run
arguments=("$@")
for i in "${!arguments[@]}"; do
    [[ ${arguments[i]} != resnet18-f37072fd.pth ]] || arguments[i]=random
done
"$bin/pfad_train" "${arguments[@]}" "${small[@]}" --student-iterations 1 --segmentation-iterations 1
PROGRAM
    pfad_inspect) stand_in ../stand_ins/"$name" <<<'"$bin/pfad_inspect" "$@" || [[ $? -eq 1 ]]' ;;
    *) ln -s "$program" ../stand_ins/"$name" ;;
    esac
    ln -s "$work/stand_ins/$name" build/release/bin/
done
for program in "$bin"/test_* "$bin"/bench_*; do
    stand_in build/release/bin/"$(basename "$program")" <<'PROGRAM'
# The tests or benchmarks of this name, and those that the page adds.
name=$(basename "$0")
added=$blocks/$page/${name/_//}
added=${added/test\//tests/}
for argument in "$@"; do
    case $argument in
    --benchmark_filter=*)
        filter=${argument#*=}
        { "$bin/$name" --benchmark_list_tests; grep -rhoE '^PFAD_BENCHMARK\([a-z_]+' "$added"; } 2>/dev/null |
            grep -qE "$filter" || { echo "$name has no benchmark $filter"; exit 1; } ;;
    -*) echo "$name: $argument is not looked at"; exit 1 ;;
    *)
        found=
        while read -r test; do
            # shellcheck disable=SC2053
            [[ $test != $argument ]] || found=1
        done < <("$bin/$name" --list-tests; grep -rhoE 'TEST_CASE\("[^"]+' "$added" 2>/dev/null | sed 's/.*"//')
        [[ -n $found ]] || { echo "$name has no test $argument"; exit 1; } ;;
    esac
done
PROGRAM
done

for script in "$root"/scripts/*.sh; do
    stand_in scripts/"$(basename "$script")" <<'PROGRAM'
script=$root/scripts/$(basename "$0")
[[ -x $script ]] || { echo "$script cannot be run"; exit 1; }
for argument in "$@"; do
    [[ -e $argument ]] || grep -qw -e "$argument" "$script" || { echo "$script knows no $argument"; exit 1; }
done
PROGRAM
done

stand_in ../stand_ins/cmake <<'PROGRAM'
real=$(PATH=${PATH#*:} command -v cmake)
[[ " $* " == *" --preset "* ]] || exec "$real" "$@"
while [[ $# -gt 0 ]]; do
    case $1 in
    --build | --compile-no-warning-as-error) ;;
    --preset) shift; grep -q "\"name\": \"$1\"" "$root/CMakePresets.json" || { echo "no preset $1"; exit 1; } ;;
    -D) shift; grep -rqw --include=CMakeLists.txt --include='*.cmake' -e "${1%%=*}" "$root" || { echo "no variable $1"; exit 1; } ;;
    --target) ;;
    -*) echo "cmake: $1 is not looked at"; exit 1 ;;
    *) "$real" --build "$build" --target help | grep -qE "(^|[ /])$1(:|$)" || { echo "no target $1"; exit 1; } ;;
    esac
    shift
done
PROGRAM
stand_in ../stand_ins/ctest <<'PROGRAM'
real=$(PATH=${PATH#*:} command -v ctest)
[[ $1 == --preset ]] && grep -q "\"name\": \"$2\"" "$root/CMakePresets.json" || { echo "no preset $2"; exit 1; }
# In a folder of its own: ctest writes its log even then, and that of the run which this is part of would be gone.
mkdir -p ../listed && echo "subdirs(\"$build\")" >../listed/CTestTestfile.cmake
"$real" --test-dir ../listed -N "${@:3}" | grep -q 'Total Tests: [1-9]' || { echo "no test ${*:3}"; exit 1; }
PROGRAM

# run_lines PAGE FILE: every line by itself.
run_lines() {
    local line
    while read -r line; do
        [[ -n $line && $line != \#* ]] || continue
        page=$1 HOME=$work/home PATH=$work/stand_ins:$PATH bash -c "$line" </dev/null >../said.txt 2>&1
        say $? "$1.md: $line" "$(tail -n 3 ../said.txt)"
    done <"$2"
}
cp "$blocks/readme/main.cpp" app.cpp
for commands in "$blocks"/*/commands.sh; do
    run_lines "$(basename "$(dirname "$commands")")" "$commands"
done
./app model.safetensors photo.png >../said.txt 2>&1
check "the README's program says what it found" grep -Eq '^(defect|good), score [01]\.[0-9]{3}$' ../said.txt
./app absent.safetensors photo.png 2>../said.txt
check "and fails" test $? -eq 2
check "with what is wrong" grep -q '^absent.safetensors' ../said.txt

# A program for each CMake block: as it stands, and with what "or:" says instead.
for block in "$blocks"/*/project.cmake; do
    for way in as_it_stands other; do
        mkdir "$way" && cp app.cpp "$way"
        ln -s "$root" "$way/pfad"
        {
            echo 'cmake_minimum_required(VERSION 3.25)'
            echo 'project(app LANGUAGES CXX)'
            echo 'add_executable(app app.cpp)'
            if [[ $way == other ]]; then sed 's/^.*# or: //' "$block"; else cat "$block"; fi
        } >"$way/CMakeLists.txt"
        cmake -S "$way" -B "$way/build" -D CMAKE_PREFIX_PATH="$work/home/.local" -D CMAKE_BUILD_TYPE=Debug >../said.txt 2>&1 &&
            cmake --build "$way/build" >>../said.txt 2>&1
        say $? "$(basename "$(dirname "$block")").md: its CMake, $way" "$(tail -n 3 ../said.txt)"
        check "makes a program" test -x "$way/build/app"
        rm -rf "$way"
    done
done

# The op of adding_an_op.md in a copy of the tree, with its three lines: the checks that need no compiler.
mkdir ../tree && cp -r "$root"/{include,kernels,bench,tests,scripts,docs,README.md,CONTRIBUTING.md,.clang-format} ../tree
cp -r "$blocks"/adding_an_op/*/ ../tree
for list in include/pfad/ops/all.hpp kernels/pfad/ops/all.cuh bench/kernels.cu; do
    sed -i -E '/ops\/sgd[.]/{p;s/sgd/softplus/}' "../tree/$list"
done
# What --renew would write needs nvcc.
grep -hoE '^struct [a-z_]+' "$blocks"/adding_an_op/kernels/pfad/ops/*.cuh | sed 's/^struct //; s/$/<float>/; s/^/ /' >>../tree/docs/kernel_table.txt
for kind in layering completeness; do
    cmake -D ROOT="$work/tree" -P ../tree/tests/$kind.cmake >../said.txt 2>&1
    say $? "the op of adding_an_op.md: $kind" "$(head -n 3 ../said.txt)"
done
for kind in format reference; do
    bash ../tree/scripts/check_$kind.sh >../said.txt 2>&1 || [[ $? -eq 77 ]]
    say $? "the op of adding_an_op.md: $kind" "$(head -n 3 ../said.txt)"
done

# Options: every one that a page names, outside of what is no code, is one of a program's or script's; the
# table of pfad_train's has all.
help_of_train() { for method in pfadseg destseg stpm; do "$bin/pfad_train" --method $method --help; done; }
known=$(help_of_train; for program in ../stand_ins/pfad_*; do "$program" --help 2>&1; done; cat "$root"/scripts/*.sh "$root"/tests/golden/*.cpp "$root"/programs/conformance.cpp)
while read -r option; do
    grep -qE -e "$option([^a-z-]|$)" <<<"$known"
    say $? "an option that nothing has: $option"
done < <(awk '/^ *```/ { text = /text/ } !text' "$root"/*.md "$root"/docs/*.md | grep -oE -e '--[a-z][a-z-]+' | sort -u |
    grep -vxE -e '--(preset|build|target|prefix|install|list-tests|fresh|compile-no-warning-as-error|exclude-libs|param|benchmark)')
options=0
while read -r option; do
    grep -qE -e "^\| \`$option[ \`]" "$root/docs/training.md"
    say $? "docs/training.md has no $option of pfad_train"
    options=$((options + 1))
done < <(help_of_train | grep -oE -e '^  --[a-z-]+' | tr -d ' ' | sort -u)
check "pfad_train tells its options" test "$options" -gt 10
finish
