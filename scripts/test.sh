#!/usr/bin/env bash
# Installs what is missing, builds, and runs every check and test. A failing step does not stop the
# later ones. The last line is "N passed, N failed"; the exit status is 1 where any failed.
#   scripts/test.sh [STEP...]         runs only these steps: checks asan tsan release python install odr
#   scripts/test.sh quick [LAYER...]  while working: the unit tests of these layers, or of what changed since HEAD
set -uo pipefail
cd "$(dirname "$0")/.."

# A command in the background would not get it.
trap 'trap "" TERM; kill -TERM 0; exit 130' INT

passed=0
failed=0
logs=build/log
mkdir -p "$logs"
steps=("$@")
[[ ${#steps[@]} -gt 0 ]] || steps=(checks asan tsan release python install odr)

wanted() {
    local step
    for step in "${steps[@]}"; do
        [[ $step == "$1" ]] && return 0
    done
    return 1
}

# count PASSED FAILED LABEL SECONDS
count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    printf '%-28s %5d passed %5d failed %6d s\n' "$3" "$1" "$2" "$4"
}

# begin LABEL COMMAND...: starts a check beside what follows; finish LABEL waits for it.
begin() {
    local log="$logs/${1// /_}.txt"
    shift
    rm -f "$log.end"
    (
        start=$SECONDS status=0
        "$@" >"$log" 2>&1 || status=$?
        echo "$status $((SECONDS - start))" >"$log.end"
    ) &
    begun[$log]=$!
}
declare -A begun

# finish LABEL: one test, by its exit status; 77 is one that cannot run here, which is no test. Shows
# the output of a failure.
finish() {
    local label=$1 log="$logs/${1// /_}.txt" status seconds
    wait "${begun[$log]}"
    read -r status seconds <"$log.end" || { status=1 seconds=0; }
    if [[ $status -eq 0 || $status -eq 77 ]]; then
        count $((status == 0)) 0 "$label" "$seconds"
        grep -hE '^(layering|completeness|headers|format|clang|compile budget|cuda|kernel table|reference|documents|setup):' "$log"
        return 0
    fi
    count 0 1 "$label" "$seconds"
    echo "---- $label: the end of $log"
    grep -E '([Ee]rror|ERROR):|^FAILED' "$log" | head -n 20
    echo "..."
    grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)|/c[+][+] ' "$log" | tail -n 60
    echo "----"
    return 1
}

# check LABEL COMMAND...: both.
check() {
    begin "$@"
    finish "$1"
}

# Sums the cases in CTest's log: Catch2's and golden_check's own counts, one for any other test. A
# program that ends badly without a failed case (a crash, a sanitizer's report) is one failure.
read -r -d '' sum_cases <<'AWK'
function close_test() {
    if (open && !ended) { fail++; print "not finished: " name > "/dev/stderr" }
    open = 0
}
/^[0-9]+\/[0-9]+ Testing: / { close_test(); name = $3; p = f = ended = 0; open = 1 }
# CTest calls a program that was not built passed; run_tests counts those.
/^Command: ""/ { open = 0 }
/^All tests passed \(/ { p += $(NF - 2) }
/^test cases: / {
    for (i = 1; i < NF; i++) { if ($(i + 1) == "passed") p += $i; if ($(i + 1) == "failed") f += $i }
}
/^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
/^Test (Passed|Failed|timed out)|^Unable to find|^Could not find|^Test not/ {
    if (!open || ended) next
    ended = 1
    if ($0 ~ /^Test Passed/) { if (p + f == 0) p = 1 } else if (f == 0) f = 1
    pass += p; fail += f
}
END { close_test(); print pass + 0, fail + 0 }
AWK

# run_tests PRESET ARGUMENTS of ctest: runs the tests that these select.
run_tests() {
    local preset=$1 start=$SECONDS log="$logs/ctest_$1.txt" counts
    shift
    rm -f "build/$preset/Testing/Temporary/LastTest.log"
    ctest --test-dir "build/$preset" --parallel 2 "$@" --output-on-failure >"$log" 2>&1
    local status=$?
    local written=build/$preset/Testing/Temporary/LastTest.log
    if [[ -e $written ]]; then
        counts=$(awk "$sum_cases" "$written" 2>>"$log")
    else
        counts="0 0"
    fi
    read -r good bad <<<"$counts"
    # A program that was not built is not in the log.
    bad=$((bad + $(grep -c '[*][*][*]Not Run' "$log")))
    # CTest and the sum must agree on whether anything failed.
    [[ $status -eq 0 || $bad -gt 0 ]] || bad=1
    count "$good" "$bad" "tests ($preset)" $((SECONDS - start))
    if [[ $bad -gt 0 ]]; then
        echo "---- failures; all of it is in $log"
        grep -vE '^ +Start |^Looked in |^/?[^ :]+/bin/[a-zA-Z_/]+$|^Could not find| Passed +[0-9.]+ sec' "$log" |
            tail -n 150
        echo "----"
    fi
    sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([a-z0-9_]*\) .* \([0-9.]* sec\).*/    \1 \2/p' "$log"
}

# Runs one file of tests/python; the last line is "N passed, N failed".
read -r -d '' unittests <<'PYTHON'
import sys, unittest
sys.path.insert(0, "tests/python")
done = unittest.TextTestRunner(sys.stdout, verbosity=2).run(unittest.defaultTestLoader.loadTestsFromName(sys.argv[1]))
bad = len(done.failures) + len(done.errors) + len(done.unexpectedSuccesses)
print(f"{max(done.testsRun - len(done.skipped) - bad, 0)} passed, {bad} failed")
PYTHON

# The tests in Python with the programs of the preset release, two files at a time. They are none where the
# packages are missing and the registry cannot be reached.
run_python_tests() {
    local start=$SECONDS log="$logs/python.txt" status=0 good=0 bad=0 name passes fails skipped
    bash scripts/setup_python.sh >"$log" 2>&1 || status=$?
    if [[ $status -eq 3 ]]; then
        echo "python: $(cat tests/python/test_*.py | grep -c '^ *def test_') test functions are left out, since $(tail -n 1 "$log")"
        return
    fi
    rm -f "$logs"/python_*.txt
    # Large arrays stay mapped: to give them back and clear them again takes a third of the time.
    [[ $status -ne 0 ]] || basename -a -s .py tests/python/test_*.py |
        OMP_WAIT_POLICY=PASSIVE MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 \
            PFAD_BIN=$PWD/build/release/bin PFAD_SHARED_DIR=${PFAD_SHARED_DIR:-$PWD/../shared} \
            xargs -P 2 -I '{}' sh -c 'build/python/bin/python -B -c "$1" {} >"$2/python_{}.txt" 2>&1' sh "$unittests" "$logs"
    for name in $(basename -a -s .py tests/python/test_*.py); do
        # A file that ends without its counts is one failure, and so are all without their packages.
        read -r passes fails <<<"$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$logs/python_$name.txt" 2>>"$log")"
        good=$((good + ${passes:-0}))
        bad=$((bad + ${fails:-1}))
    done
    count "$good" "$bad" "tests (python)" $((SECONDS - start))
    skipped=$(cat "$logs"/python_*.txt 2>/dev/null | grep -c ' [.][.][.] skipped')
    [[ $skipped -eq 0 ]] || echo "python: $skipped tests are left out: $(cat "$logs"/python_*.txt | grep -m 1 ' [.][.][.] skipped')"
    if [[ $bad -gt 0 ]]; then
        echo "---- failures; all of it is in $logs/python*.txt"
        cat "$log" "$logs"/python_*.txt 2>/dev/null | grep -vE ' [.]{3} ok$' | tail -n 100
        echo "----"
    fi
}

# configure PRESET [ARGUMENTS of cmake]
configure() {
    local preset=$1
    shift
    check "configure ($preset)" cmake --preset "$preset" --fresh "$@"
}

# build PRESET [ARGUMENTS of cmake --build]
build() {
    local preset=$1
    shift
    check "build ($preset)" nice -n 5 cmake --build --preset "$preset" --parallel "$(nproc)" "$@" -- -k 0
}

# The tests that a changed file goes into, as ninja knows from the last build; all, where there was none. A new file is
# its folder's. Not whole networks on the emulator, which take minutes.
changed_tests() {
    local known changed=$logs/changed.txt
    known=$(ninja -C build/quick -t targets all | sed -n 's/^test_\([a-z_]*\): phony$/\1/p' | grep -vxE 'main|header|simt_networks')
    [[ -e build/quick/.ninja_deps ]] || { echo "$known"; return; }
    {
        git diff --name-only HEAD
        git ls-files --others --exclude-standard
    } >"$changed"
    {
        sed -n 's:^tests/\([a-z]*\)/[^/]*[.]cpp$:\1:p' "$changed"
        ninja -C build/quick -t deps | awk -v root="$PWD/" '
            NR == FNR { changed[$0] = 1; next }
            /^[^ ]/ { test = match($0, /test_[a-z_]+[.]dir/) ? substr($0, RSTART + 5, RLENGTH - 9) : "" }
            /^ / {
                sub(/^ +([.][.]\/)*/, "")
                if (index($0, root) == 1) $0 = substr($0, length(root) + 1)
                if ($0 in changed) print test
            }' "$changed" -
    } | grep -xF "$known" | sort -u
}

# quick [LAYER...]: optimised a little, without sanitizers, in a folder of its own that stays as it is between calls.
quick() {
    local tests=("$@")
    check "configure (quick)" cmake --preset release -B build/quick -D PFAD_BUILD_BENCH=OFF -D PFAD_BUILD_PROGRAMS=OFF -D PFAD_BUILD_EXAMPLES=OFF \
        -D PFAD_TEST_UNITY=ON -D CMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG"
    [[ ${#tests[@]} -gt 0 ]] || mapfile -t tests < <(changed_tests)
    [[ ${#tests[@]} -gt 0 ]] || { echo "quick: no test has what changed since HEAD"; return; }
    echo "quick: ${tests[*]}"
    check "build (quick)" nice -n 5 cmake --build build/quick --parallel "$(nproc)" --target "${tests[@]/#/test_}" -- -k 0
    run_tests quick -R "^($(IFS='|'; echo "${tests[*]}"))\$"
}

slowest_units() {
    echo "The slowest translation units:"
    for log in build/*/.ninja_log; do
        [[ -e $log ]] || continue
        preset=$(basename "$(dirname "$log")")
        awk -v preset="$preset" '$4 ~ /\.(o|gch)$/ {
            sub(/.*CMakeFiles\//, "", $4); printf "%7.1f s  %s %s\n", ($2 - $1) / 1000, preset, $4
        }' "$log"
    done | sort -rn | head -n 10
}

# pfad used from outside in each way that there is: installed and moved, from the packages, from source.
use_installed() {
    local root=$PWD/build/consumer
    rm -rf "$root" && mkdir -p "$root"
    ! command -v ccache >/dev/null || export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
    configure portable -D PFAD_BUILD_TESTS=OFF -D PFAD_BUILD_BENCH=OFF -D PFAD_BUILD_PROGRAMS=OFF -D PFAD_BUILD_EXAMPLES=OFF
    check "install" cmake --install build/portable --prefix "$root/first"
    mv "$root/first" "$root/prefix"
    check "packages" packages "$root"
    check "find_package" consumer_project tests/consumer "$root/find" \
        -D CMAKE_PREFIX_PATH="$root/deb/usr"
    check "add_subdirectory" consumer_project tests/consumer "$root/subdirectory" \
        -D PFAD_SOURCE="$PWD"
    check "subdirectory's install" installs_nothing "$root"
    check "FetchContent" consumer_project tests/consumer "$root/fetch" \
        -D PFAD_SOURCE="$PWD" -D PFAD_FETCH=ON
    check "include path" include_path_consumer "$root"
    check "pkg-config" pkg_config_consumer "$root"
    check "plugins" consumer_project tests/consumer/plugins "$root/plugins" \
        -D CMAKE_PREFIX_PATH="$root/archive"
    check "quickstart" consumer_project examples/quickstart "$root/quickstart" \
        -D CMAKE_PREFIX_PATH="$root/prefix"
}

# Quickly rather than well compiled: what it shows is that everything is found.
consumer_project() {
    local source=$1 binary=$2
    shift 2
    cmake -S "$source" -B "$binary" -G Ninja -D CMAKE_BUILD_TYPE=Debug "$@" &&
        cmake --build "$binary" && ctest --test-dir "$binary" --output-on-failure --no-tests=error
}

# A project with pfad inside installs what is its own.
installs_nothing() {
    cmake --install "$1/subdirectory" --prefix "$1/none" && [[ ! -e $1/none ]]
}

# Makes both packages, unpacks them as deb/ and archive/, and compares what is in them with what was
# installed.
packages() {
    local root=$1 deb=$1/packages/libpfad-dev_0.1.0_all.deb
    cpack --config build/portable/CPackConfig.cmake -B "$root/packages" &&
        dpkg-deb --extract "$deb" "$root/deb" &&
        mkdir "$root/archive" &&
        tar -xzf "$root/packages/pfad-0.1.0.tar.gz" -C "$root/archive" --strip-components=1 &&
        diff -r "$root/prefix" "$root/deb/usr" && diff -r "$root/prefix" "$root/archive" &&
        diff - <(dpkg-deb --field "$deb" Package Version Architecture Depends) <<'FIELDS'
Package: libpfad-dev
Version: 0.1.0
Architecture: all
Depends: libdnnl-dev, libstb-dev, libpng-dev, libjpeg-dev, nlohmann-json3-dev
FIELDS
}

# The line of README.md, and the same without libpng and libjpeg.
include_path_consumer() {
    g++ -std=c++20 -Iinclude -DPFAD_SYSTEM_CODECS tests/consumer/whole.cpp -fopenmp -ldnnl -lpng -ljpeg -lstb \
        -o "$1/whole" && "$1/whole" &&
        g++ -std=c++20 -Iinclude tests/consumer/whole.cpp -fopenmp -ldnnl -lstb -o "$1/whole" && "$1/whole"
}

pkg_config_consumer() {
    local root=$1
    export PKG_CONFIG_PATH=$root/deb/usr/share/pkgconfig
    # shellcheck disable=SC2046
    g++ tests/consumer/blocks.cpp $(pkg-config --cflags --libs pfad) -o "$root/blocks" &&
        "$root/blocks" &&
        g++ tests/consumer/whole.cpp $(pkg-config --cflags --libs pfadseg) -o "$root/whole" &&
        "$root/whole"
}

# closing_line: as it says; exits.
closing_line() {
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
    exit
}

echo "pfad's tests: ${steps[*]}"
if [[ ${steps[0]} == quick ]]; then
    quick "${steps[@]:1}"
    closing_line
fi
check "setup" bash scripts/setup.sh

if wanted checks; then
    check "format" bash scripts/check_format.sh
    check "layering" cmake -D ROOT="$PWD" -P tests/layering.cmake
    check "completeness" cmake -D ROOT="$PWD" -P tests/completeness.cmake
    check "reference" bash scripts/check_reference.sh
    check "documents" bash scripts/check_documents.sh
    check "compile budget" bash scripts/check_compile_budget.sh
    # nvcc leaves a processor idle for half of its time.
    begin "kernel table" nice -n 5 bash scripts/kernel_table.sh
    check "headers" nice -n 5 bash scripts/check_headers.sh
    finish "kernel table"
    begin "cuda" nice -n 5 bash scripts/gpu_check.sh dry
    check "clang" nice -n 5 bash scripts/check_clang.sh
fi
if wanted odr; then
    check "odr" nice -n 5 bash tests/odr/check.sh
fi
if wanted checks; then
    finish "cuda"
fi
if wanted asan; then
    configure asan -D PFAD_TEST_UNITY=ON -D PFAD_TEST_OPS=plain -D "PFAD_TEST_TOGETHER=nn;optim;backbones;detectors;train"
    build asan --target unit_tests
    run_tests asan -L unit
fi
if wanted tsan; then
    configure tsan -D PFAD_TEST_UNITY=ON
    build tsan --target threaded_tests
    run_tests tsan -L threaded
fi
if wanted release; then
    # AddressSanitizer's build has every unit test, that of the ops on the emulated GPU, too. Again, with
    # the optimiser that users have, those of the loops; golden files and programs run the rest. The
    # ops' loops run on the plain threads there and on oneDNN's here; what oneDNN does itself, on both. What is
    # not timed and computes little by itself compiles faster.
    configure release -D PFAD_TEST_UNITY=ON -D PFAD_TEST_KERNELS=OFF -D "PFAD_TEST_LAYERS=cpu;ops;onednn" \
        -D PFAD_TEST_OPS=onednn -D PFAD_UNTIMED_FLAGS=-O1
    build release
    run_tests release -L 'unit|threaded|golden|programs'
fi
if wanted python; then
    run_python_tests
fi
if wanted install; then
    use_installed
fi

slowest_units
echo "The whole took $((SECONDS / 60)) min $((SECONDS % 60)) s."
closing_line
