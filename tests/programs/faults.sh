#!/usr/bin/env bash
# Calls of the system that fail, one a run, in every program: it ends with one sentence or goes on, and no file is
# half-written. Trainings that are killed at any moment end with the weights of one that was not.
#   faults.sh BIN [CALLS] [SITES] [KILLS] [BYTES]   at most so many calls of each kind, of places that ask for memory
#                                                   of so many BYTES, and kills
source "$(dirname "$0")/support.bash"
calls=${2:-1}
sites=${3:-2}
kills=${4:-4}
# Less than 1 KiB hardly ever fails by itself, and nlohmann::json needs some to give back what it has.
bytes=${5:-1024}
faults=$bin/libpfad_faults.so
[[ -e $faults ]] || {
    echo "there is no $faults"
    exit 1
}

make_tiny_category || exit 1
rm -r demo
train=(pfad_train --data tiny --textures paint --teacher random "${small[@]}" --threads 2
    --student-iterations 2 --segmentation-iterations 2 --checkpoint-every 1)
succeeds "train" "${train[@]}" --out model
model=model/model.safetensors
good=(tiny/test/good/*)

# Each way to run a program: its output goes to out/.
declare -A programs=(
    [train]=pfad_train [evaluate]=pfad_evaluate [inspect]=pfad_inspect [watch]=pfad_inspect
    [threshold]=pfad_threshold [export]=pfad_export)
command_of() {
    case $1 in
        train) settle "${train[@]}" --out out ;;
        evaluate) settle pfad_evaluate --model $model --data tiny --threads 2 --json out/e.json --report out/e.html ;;
        inspect) settle pfad_inspect --model $model --threads 2 --out out "${good[@]}" tiny/test/pit/* ;;
        watch) settle pfad_inspect --model $model --threads 2 --out out --watch arrivals ;;
        threshold) settle pfad_threshold --model $model --threads 2 --good tiny/test/good --false-alarms 0.1 --out out/model.safetensors ;;
        export) settle pfad_export --model $model --onnx out/model.onnx ;;
    esac
}

# run_once WAY [SETTING...]: from a folder with old files, with settings of the library. Sets `status`.
run_once() {
    local way=$1 command run i
    shift
    rm -rf out arrivals
    mkdir out
    case $way in
        evaluate) echo old | tee out/e.json >out/e.html ;;
        export) echo old >out/model.onnx ;;
        threshold) cp $model out/model.safetensors ;;
        watch) mkdir arrivals && cp "${good[@]}" arrivals ;;
    esac
    command_of "$way"
    timeout -k 1 60 env "$@" PFAD_FAULT_LEAST="$bytes" PFAD_FAULT_BELOW="$work" LD_PRELOAD="$faults" "${command[@]}" >stdout.txt 2>stderr.txt &
    run=$!
    if [[ $way == watch ]]; then # ends where the folder does
        for ((i = 0; i < 300; ++i)); do
            [[ $(wc -l <stdout.txt) -lt ${#good[@]} ]] && kill -0 $run 2>/dev/null || break
            sleep 0.02
        done
        rm -r arrivals
    fi
    wait $run 2>/dev/null
    status=$?
}

# What is wrong with the run before; nothing where all is well. `was` is the folder of an undisturbed run.
problem_of() {
    local way=$1 was=$2 file name
    case $way:$status in
        watch:0 | watch:1 | *:2) ;;
        inspect:1 | *:0)
            diff <(cd out && ls) <(cd "$was" && ls) >/dev/null || echo -n " not all is written: $(ls -m out);"
            ;;
        *) echo -n " status $status;" ;;
    esac
    if [[ $status -eq 2 ]]; then
        [[ $(wc -l <stderr.txt) -eq 1 ]] || echo -n " not one line;"
        grep -q "^${programs[$way]}: ." stderr.txt || echo -n " no sentence;"
    fi
    for file in out/*; do
        name=${file#out/}
        case $name in
            *.tmp*) echo -n " $name is left;" ;;
            *.jsonl) ;;
            *.safetensors)
                [[ $way == threshold ]] && cmp -s $model "$file" ||
                    "$bin/pfad_info" "$file" >info.txt 2>&1 || grep -q 'checkpoint' info.txt ||
                    echo -n " $name: $(head -n 1 info.txt);"
                ;;
            *.png) cmp -s "$file" "$was/$name" || echo -n " $name differs;" ;;
            *.json | *.html | *.onnx)
                [[ $(head -c 3 "$file") == old || $(tail -c 20 "$file" | cksum) == $(tail -c 20 "$was/$name" | cksum) ]] ||
                    echo -n " $name is cut;"
                ;;
        esac
    done
}

# choose N FEW: of the numbers 1 to N at most so many, the middle one or the first, the last and some between.
choose() {
    awk -v n="$1" -v few="$2" 'BEGIN {
        few = n < few ? n : few
        for (i = 0; i < few; ++i) print int(1 + (n - 1) * (few > 1 ? i / (few - 1) : 0.5))
    }'
}

for way in ${PFAD_FAULT_WAYS:-train evaluate inspect watch threshold export}; do
    run_once $way PFAD_FAULT_COUNTS="$work/counts.txt"
    rm -rf "was_$way"
    cp -r out "was_$way"
    problem=$(problem_of $way "was_$way")
    [[ -z $problem && ($status -ne 2 || $way == watch) ]]
    say $? "$way, undisturbed" "$problem $(head -c 300 stderr.txt)"
    tries=()
    for kind in open read write fsync rename mkdir print; do
        for n in $(choose "$(sed -n "s/^$kind //p" counts.txt)" "$calls"); do
            tries+=("$kind:$n")
            [[ $kind != write ]] || tries+=("$kind:$n+")
        done
    done
    for kind in allocate malloc; do
        mapfile -t places < <(sed -n "s/^site \($kind:.*\)/\1/p" counts.txt)
        for n in $(choose ${#places[@]} "$sites"); do
            tries+=("${places[n - 1]}")
        done
        [[ ${#places[@]} -eq 0 ]] || tries+=("${places[${#places[@]} / 2]}+")
    done
    ended=0
    for fault in "${tries[@]}"; do
        run_once $way PFAD_FAULT="$fault"
        problem=$(problem_of $way "was_$way")
        [[ $status -ne 2 ]] || ended=$((ended + 1))
        if [[ $way == train && -z $problem && $status -ne 0 && $fault != *lloc* ]]; then
            resume=()
            [[ ! -e out/checkpoint.safetensors ]] || resume=(--resume)
            if [[ ! -e out/model.safetensors ]]; then
                command_of train
                "${command[@]}" ${resume[@]+"${resume[@]}"} >stdout.txt 2>resumed.txt ||
                    problem+=" does not go on: $(head -c 200 resumed.txt)"
            fi
            cmp -s <(weights out/model.safetensors) <(weights $model) || problem+=" other weights;"
        fi
        [[ -z $problem ]]
        say $? "$way, $fault fails" "$problem stderr: $(head -c 300 stderr.txt)"
    done
    echo "$way: ${#tries[@]} faults, $ended ended the program"
done

# Killed wherever it is, and resumed.
train+=(--student-iterations 10 --segmentation-iterations 10 --checkpoint-every 3)
succeeds "a training to compare with" "${train[@]}" --out straight
command_of train
rm -rf out
killed=0
while [[ $killed -lt $kills ]]; do
    resume=()
    [[ ! -e out/checkpoint.safetensors ]] || resume=(--resume)
    "${command[@]}" ${resume[@]+"${resume[@]}"} >stdout.txt 2>stderr.txt &
    run=$!
    sleep "$(awk -v n=$RANDOM 'BEGIN { print n / 32768 * 1.5 }')"
    if kill -9 $run 2>/dev/null; then
        killed=$((killed + 1))
        wait $run 2>/dev/null
    else
        wait $run
        say $? "goes on after a kill" "stderr: $(head -c 300 stderr.txt)"
        check "the weights are those of a run that was not killed" \
            cmp <(weights straight/model.safetensors) <(weights out/model.safetensors)
        rm -r out
    fi
done
resume=()
[[ ! -e out/checkpoint.safetensors ]] || resume=(--resume)
[[ ! -e out/model.safetensors ]] || rm -r out
"${command[@]}" ${resume[@]+"${resume[@]}"} >stdout.txt 2>stderr.txt
say $? "goes on after the last kill" "stderr: $(head -c 300 stderr.txt)"
check "the weights are those of a run that was never killed" \
    cmp <(weights straight/model.safetensors) <(weights out/model.safetensors)
check "the log has every iteration once" cmp <(seq 0 19) <(sed 's/.*"iteration":\([0-9]*\).*/\1/' out/log.jsonl)
check "nothing else is left" test "$(ls -A out)" = $'log.jsonl\nmodel.safetensors'
finish
