#!/usr/bin/env bash
# Everything that needs a GPU, in one command of under nine minutes: tests, golden files, parity with the CPU,
# sanitizers, kernels' bandwidths, times of inference and training, and the same network in PyTorch.
#   scripts/gpu_check.sh build     compiles it and gathers the data, on a machine with nvcc and cuDNN; no GPU needed
#   scripts/gpu_check.sh list      the folders that a machine with a GPU needs beside the repository
#   scripts/gpu_check.sh           runs it there; needs CUDA's driver and cuDNN, no compiler
#   scripts/gpu_check.sh compiled  only PyTorch's compiled network, which comes last and may find no time left
#   scripts/gpu_check.sh dry       builds, and runs all of it up to the sentence that there is no GPU
# Results go to $OUT, or build/gpu/out: table.txt, results.json, kernels.json, log.txt. A part has a limit of time; what
# fails does not stop the others. The exit status is 1 where any failed. PYTHON is the Python that has PyTorch (python3).
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/gpu_build.sh
source scripts/gpu_build.sh

out=${OUT:-$home/out}
work=$home/work
python=${PYTHON:-python3}
limit_s=530 # for all of it
names=()
reported=()

# start NAME LIMIT COMMAND...: beside what already runs.
start() {
    local name=$1 limit=$2 left=$((limit_s - SECONDS))
    shift 2
    names+=("$name")
    ((limit <= left)) || limit=$left
    (
        begin=$SECONDS status=0
        if ! command -v "$1" >/dev/null; then
            echo "$1 is not here" >"$work/$name.txt"
            status=127
        elif ((limit < 5)); then
            echo "no time is left" >"$work/$name.txt"
            status=124
        else
            timeout -k 5 "$limit" "$@" >"$work/$name.txt" 2>&1 || status=$?
        fi
        echo "$status $((SECONDS - begin))" >"$work/$name.end"
    ) &
}

# Waits for all that was started, and reports it.
finish() {
    wait
    local name status seconds
    for name in "${names[@]:${#reported[@]}}"; do
        reported+=("$name")
        read -r status seconds <"$work/$name.end"
        {
            printf '==== %s: status %s, %s s\n' "$name" "$status" "$seconds"
            tail -c 1000000 "$work/$name.txt"
            echo
        } >>"$out/log.txt"
        printf '%-24s %s, %s s\n' "$name" "$status" "$seconds"
    done
    write_results
}

# A part's JSON lines, joined.
json_lines() {
    grep -E '^\{.*\}$' "$work/$1.txt" | paste -sd, -
}

# The key figures of a part in some words.
figure() {
    local text=$work/$1.txt status=$2
    if ((status == 124 || status == 137)); then
        echo "its time was over"
    elif ((status == 77)); then
        grep -o 'no GPU can be used' "$text" | head -n 1 | grep . || tail -n 1 "$text" | cut -c 1-100
    elif [[ $1 == kernels && -s $out/kernels.json ]]; then
        awk -F '[:,]' '/"percent"/ { n++; s += $2; if ($2 >= 50) many++ }
            END { printf "%d benchmarks, %.0f %% of a copy in the mean, %d above 50 %%\n", n, n ? s / n : 0, many }' "$out/kernels.json"
    elif grep -qE '^\{.*"ms"' "$text"; then
        sed -nE 's/"job": "([a-z0-9]+)"(.*"mode": "captured")/"job": "\1_captured"\2/
            s/^\{.*"job": "([a-z0-9_]+)", .*"dtype": "(b|f)[a-z]*([0-9]+)", .*"batch": ([0-9]+), "ms": ([0-9.]+).*/\1 \2\3 x\4 \5 ms/p' "$text" |
            paste -sd '|' - | sed 's/|/, /g'
    elif grep -q '"falls"' "$text"; then
        sed -nE 's/.*"dtype": "(b|f)[a-z]*([0-9]+)", "stage": ([12]).*"first": ([0-9.]+), "last": ([0-9.]+).*/\1\2 stage \3: \4 to \5/p' "$text" |
            paste -sd '|' - | sed 's/|/, /g'
    else
        grep -vE '^[ =-]*$' "$text" | tail -n 1 | cut -c 1-100
    fi
}

quoted() {
    printf '"%s"' "$(tr -d '\000-\037' <<<"$1" | sed 's/[\\"]/\\&/g')"
}

# What the machine is, and its clocks as they are found.
machine() {
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem,clocks.max.sm,power.limit,temperature.gpu,mig.mode.current \
        --format=csv,noheader 2>&1 | head -n 1
}

# The table and the JSON of what is reported so far, so that a run that is cut short leaves them.
write_results() {
    local name status seconds word said passed=0 failed=0 parts="" kernels=null
    {
        printf '%-24s %-7s %5s  %s\n' part "" s figures
        for name in "${reported[@]}"; do
            read -r status seconds <"$work/$name.end"
            if ((status == 0)); then passed=$((passed + 1)) word=passed; else failed=$((failed + 1)) word=failed; fi
            said=$(figure "$name" "$status")
            printf '%-24s %-7s %5d  %s\n' "$name" "$word" "$seconds" "$said"
            parts+=$(printf '%s{"name": "%s", "status": %d, "seconds": %d, "figure": %s, "figures": [%s]}' \
                "${parts:+, }" "$name" "$status" "$seconds" "$(quoted "$said")" "$(json_lines "$name")")
        done
        echo "$passed passed, $failed failed, in $SECONDS s"
    } >"$out/table.txt"
    # Only a file that was written to its end.
    if [[ -s $out/kernels.json && $(tail -c 2 "$out/kernels.json" | tr -d '\n') == '}' ]]; then kernels=$(<"$out/kernels.json"); fi
    printf '{"date": "%s", "commit": %s, "gpu": %s, "gpu_after": %s, "cuda": %s, "torch": %s, "seconds": %d, "passed": %d, "failed": %d, "parts": [%s], "kernels": %s}\n' \
        "$(date -u +%FT%TZ)" "$(quoted "$(cat "$home/bin/commit.txt")")" "$(quoted "$found")" "$(quoted "$(machine)")" \
        "$(quoted "$cuda")" "$(quoted "$torch")" "$SECONDS" "$passed" "$failed" "$parts" "$kernels" >"$out/results.json"
    all_passed=$((failed == 0))
}

# Where cuDNN may be: with the toolkit, or with Python's packages.
library_path() {
    {
        if command -v nvcc >/dev/null; then echo "$(toolkit)/lib64"; fi
        "$python" -c 'import glob, sys
for folder in sys.path:
    print(*glob.glob(folder + "/nvidia/*/lib"), sep="\n")' 2>/dev/null
    } | grep . | paste -sd: -
}

prepare() {
    mkdir -p "$out" "$work"
    rm -f "$work"/* "$out"/{table.txt,results.json,kernels.json,log.txt}
    bin=$PWD/$home/bin
    for program in gpu_whole gpu_ops gpu_networks gpu_train gpu_pointwise bench_kernels; do
        [[ -x $bin/$program ]] || { echo "cuda: $bin/$program is missing: scripts/gpu_check.sh build"; exit 2; }
    done
    ours=(env "LD_LIBRARY_PATH=$(library_path)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
    found=$(machine)
    cuda=$(nvcc --version 2>/dev/null | sed -n 's/.*release .*, V//p')
    torch=$("$python" -c 'import torch; print(torch.__version__, torch.backends.cudnn.version())' 2>/dev/null)
}

# Whether there is a GPU, in seconds.
run_first() {
    start whole 30 "${ours[@]}" "$bin/gpu_whole"
    finish
    [[ $(<"$work/whole.end") != 77\ * ]]
}

# Correctness: at once, since nothing is timed.
run_tests() {
    start ops 150 "${ours[@]}" "$bin/gpu_ops"
    start golden 150 "${ours[@]}" "$bin/gpu_networks" golden "$home/golden"
    start parity 150 "${ours[@]}" "$bin/gpu_networks" parity
    start train 150 "${ours[@]}" "$bin/gpu_train"
    finish
}

# Each alone.
run_timings() {
    start time 90 "${ours[@]}" "$bin/gpu_networks" time
    finish
    start kernels 90 "${ours[@]}" "$bin/bench_kernels" --benchmark_min_time=0.02 \
        --benchmark_out="$out/kernels.json" --benchmark_out_format=json
    finish
    start pointwise 40 "${ours[@]}" "$bin/gpu_pointwise"
    finish
    start category 120 "${ours[@]}" "$bin/gpu_train" category
    finish
}

peer() {
    local name=$1 limit=$2
    shift 2
    start "torch_$name" "$limit" "$python" "$home/peer/bench_torch.py" --device cuda "$@"
    finish
}

run_peer() {
    peer eager 50 --dtype bfloat16
    peer eager_float 50 --dtype float32
    peer eager_1 30 --dtype bfloat16 --jobs infer --batch 1
    peer eager_64 30 --dtype bfloat16 --jobs infer --batch 64
    local batch
    for batch in 1 16 64; do
        peer "graph_$batch" 30 --dtype bfloat16 --graph --jobs infer --batch "$batch"
    done
}

# Compiling takes minutes, so that it comes last.
run_compiled_peer() {
    peer compiled_infer 120 --dtype bfloat16 --compile --jobs infer
    peer compiled 250 --dtype bfloat16 --compile --jobs stage1,stage2
}

# The hand-written kernels; without the numerical slopes, which are thousands of launches more of the same. cuDNN's own
# kernels are not ours to check.
run_sanitizers() {
    local tool sanitizer=compute-sanitizer
    command -v $sanitizer >/dev/null || sanitizer=/usr/local/cuda/bin/compute-sanitizer
    for tool in memcheck racecheck initcheck synccheck; do
        start "$tool" 100 "${ours[@]}" PFAD_TEST_SLOPES=off "$sanitizer" --tool "$tool" \
            --error-exitcode 9 --report-api-errors no "$bin/gpu_ops" \
            '~"conv2d:*" ~"conv2d_batch_norm:*" ~"branch_conv2d*" ~"branch_pyramid_pool:*"'
    done
    finish
}

# Every program says that there is no GPU, and nothing else; table and JSON count it.
dry() {
    local name status
    export CUDA_VISIBLE_DEVICES=
    prepare
    run_first >/dev/null && { echo "cuda: gpu_whole found a GPU"; return 1; }
    run_tests >/dev/null
    run_timings >/dev/null
    for name in "${names[@]}"; do
        read -r status _ <"$work/$name.end"
        if [[ $status -ne 77 || $(wc -l <"$work/$name.txt") -ne 1 || $(<"$work/$name.txt") != *'no GPU can be used here: '* ]]; then
            echo "cuda: $name ends with $status and says:"
            head -n 20 "$work/$name.txt"
            return 1
        fi
        grep -qE "^$name +failed +[0-9]+  no GPU can be used$" "$out/table.txt" || { echo "cuda: table.txt lacks $name"; return 1; }
    done
    if ((${#names[@]} != 9)) || ! grep -q '^0 passed, 9 failed' "$out/table.txt"; then
        echo "cuda: table.txt is wrong"
        return 1
    fi
    cmake -D FILE="$out/results.json" -D PARTS=9 -P tests/gpu/results.cmake || return 1
    echo "cuda: cuda.cuh compiled in $seconds s of 60; ${#names[@]} parts end where a GPU is needed; $size_mb MB of $limit_mb to carry"
}

case ${1:-run} in
build) build_all ;;
list) printf '%s\n' "${carried[@]}" ;;
dry)
    command -v nvcc >/dev/null || { echo "cuda: skipped, nvcc is not here"; exit 77; }
    build_all dry || exit 1
    if has_cudnn; then
        dry
    else
        echo "cuda: cuda.cuh compiled in $seconds s of 60; without what runs on a GPU, since cuDNN is not here"
    fi
    ;;
run)
    prepare
    if run_first; then
        run_tests
        run_timings
        run_peer
        run_sanitizers
        run_compiled_peer
    fi
    echo
    cat "$out/table.txt"
    ((all_passed))
    ;;
compiled)
    prepare
    run_compiled_peer
    echo
    cat "$out/table.txt"
    ((all_passed))
    ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
