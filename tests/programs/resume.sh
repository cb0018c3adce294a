#!/usr/bin/env bash
# A run that is killed in either stage and at their boundary, or meets a full disk, ends with the
# weights of one that was never stopped.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
rm -r demo
train=(pfad_train --data tiny --textures paint --teacher random "${small[@]}"
    --student-iterations 8 --segmentation-iterations 8)
succeeds "a run that is not stopped" "${train[@]}" --out straight --checkpoint-every 0

# Kills a run of its own once so many iterations are in its log.
killed_after() {
    local lines=$1 run command
    settle pfad_train "${@:2}"
    "${command[@]}" >killed.txt 2>&1 &
    run=$!
    while kill -0 "$run" 2>killed.txt && [[ $(cat stopped/log.jsonl 2>>killed.txt | wc -l) -lt $lines ]]; do
        sleep 0.01
    done
    kill -9 "$run" 2>>killed.txt
    wait "$run" 2>>killed.txt
    [[ $? -eq 137 ]]
}
at() {
    head -c 1000 stopped/checkpoint.safetensors | grep -aq "\"iteration\":\"$1\""
}
stopped=("${train[@]:1}" --out stopped --checkpoint-every 4)

check "killed in stage one" killed_after 5 "${stopped[@]}"
check "its checkpoint is of iteration 4" at 4
check "no model yet" test ! -e stopped/model.safetensors

refuses "another run over a stopped one" "stopped/checkpoint.safetensors: .*--resume" stopped \
    pfad_train "${stopped[@]}"
refuses "resume with other options" \
    "stopped/checkpoint.safetensors: was written by a run with other options" stopped \
    pfad_train "${stopped[@]}" --resume --seed 5
refuses "resume with other iterations" "was written by a run with other options" stopped \
    pfad_train "${stopped[@]}" --resume --student-iterations 9
refuses "resume with other textures" "was written by a run with other options or pictures" stopped \
    pfad_train "${stopped[@]}" --resume --textures tiny/train/good
from=(pfad_train --data tiny --textures paint --from straight/model.safetensors --batch 2 --threads 2)
refuses "resume with a model to start from" "was written by a run with other options" stopped \
    "${from[@]}" --student-iterations 8 --segmentation-iterations 8 --out stopped --resume

# The next checkpoint, of iteration 8, finds the disk full; the one of iteration 4 stays.
before=$(cksum <stopped/checkpoint.safetensors)
trap '' XFSZ
(ulimit -f 100000 && "$bin/pfad_train" "${stopped[@]}" --resume >stdout.txt 2>stderr.txt)
check "a full disk ends the run" test $? -eq 2
check "it is told in one line" test "$(wc -l <stderr.txt)" -eq 1
check "which names the file" \
    grep -Eq "^pfad_train: stopped/checkpoint.safetensors: .*(too large|space)" stderr.txt
check "the checkpoint before is untouched" test "$before" = "$(cksum <stopped/checkpoint.safetensors)"
check "no temporary is left" test "$(ls -A stopped)" = $'checkpoint.safetensors\nlog.jsonl'
check "the log says how far it came" test "$(wc -l <stopped/log.jsonl)" -eq 8

# The checkpoint of iteration 8 is where stage two begins.
check "killed in stage two" killed_after 9 "${stopped[@]}" --resume
check "its checkpoint is of iteration 8" at 8
check "killed later in stage two" killed_after 13 "${stopped[@]}" --resume
check "its checkpoint is of iteration 12" at 12
succeeds "resumed to the end" pfad_train "${stopped[@]}" --resume

check "the checkpoint is gone" test "$(ls -A stopped)" = $'log.jsonl\nmodel.safetensors'
check "the weights are the same, bit for bit" \
    cmp <(weights straight/model.safetensors) <(weights stopped/model.safetensors)
losses() {
    sed 's/"seconds":[^,}]*//' "$1/log.jsonl"
}
check "the losses are the same" cmp <(losses straight) <(losses stopped)
check "the log has every iteration once" cmp <(seq 0 15) \
    <(sed 's/.*"iteration":\([0-9]*\).*/\1/' stopped/log.jsonl)

# A log that someone cut cannot go on.
rm -r stopped
check "one more run, killed" killed_after 5 "${stopped[@]}"
head -n 2 stopped/log.jsonl >log && mv log stopped/log.jsonl
refuses "resume with a log that is short" "stopped/log.jsonl: has only 2 of the 4 lines" stopped \
    pfad_train "${stopped[@]}" --resume

# A run that goes on from a model does not need it to be the same file, but the same weights.
rm -r stopped
from+=(--student-iterations 5 --segmentation-iterations 1)
succeeds "from a model, not stopped" "${from[@]}" --out on --checkpoint-every 0
check "from a model, killed" killed_after 3 "${from[@]:1}" --out stopped --checkpoint-every 2
refuses "resume from other weights" "was written by a run with other options" stopped \
    "${from[@]}" --out stopped --resume --from on/model.safetensors
cp straight/model.safetensors copy.safetensors
succeeds "resume from the same weights" "${from[@]}" --out stopped --resume --from copy.safetensors
check "the same weights, bit for bit" cmp <(weights on/model.safetensors) <(weights stopped/model.safetensors)
finish
