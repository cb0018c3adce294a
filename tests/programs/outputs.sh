#!/usr/bin/env bash
# What programs write: never over what they read, through links, beside closed outputs, and after a signal.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
train=(pfad_train --data tiny --textures paint --teacher random "${small[@]}"
    --student-iterations 1 --segmentation-iterations 1)
succeeds "train" "${train[@]}" --out model
model=model/model.safetensors
before=$(cksum <$model)
unchanged() {
    check "$1: the model is as before" test "$before" = "$(cksum <$model)"
}

# The same file under other names.
ln -s model linked
ln $model hard.safetensors
evaluate=(pfad_evaluate --model $model --data tiny)
for name in $model ./model/../$model linked/model.safetensors hard.safetensors "$PWD/$model"; do
    refuses "evaluate: JSON over the model, $name" "is the file that is read" model \
        "${evaluate[@]}" --json "$name"
    refuses "threshold: over the model, $name" "is the file that is read" model \
        pfad_threshold --model $model --good tiny/test/good --false-alarms 0.1 --out "$name"
    refuses "export: over the model, $name" "is the file that is read" model \
        pfad_export --model $model --pfad "$name"
done
unchanged "after all of them"
picture=$(ls tiny/test/good/* | head -n 1)
kept=$(cksum <"$picture")
refuses "evaluate: a page over a picture" "is the file that is read" tiny "${evaluate[@]}" --report "$picture"
refuses "evaluate: JSON over the log" "model/log.jsonl: is the file that is read" model \
    "${evaluate[@]}" --json model/log.jsonl
refuses "evaluate: maps over the pictures" "is the file that is read" tiny \
    "${evaluate[@]}" --maps tiny/test
refuses "evaluate: two outputs in one" "out.json: is to be written twice" model \
    "${evaluate[@]}" --json out.json --report ./out.json
refuses "threshold: over a picture" "is the file that is read" tiny \
    pfad_threshold --model $model --good tiny/test/good --false-alarms 0.1 --out "$picture"
refuses "inspect: results over the pictures" "is the file that is read" tiny \
    pfad_inspect --model $model "$picture" --out tiny/test/good
check "the picture is as before" test "$kept" = "$(cksum <"$picture")"
refuses "train: over the model to start from" "model.safetensors: is the file that is read" model \
    pfad_train --from $model --data tiny --textures paint --out model --batch 2 --threads 2
refuses "train: into the folder of an earlier run" "model.safetensors: is there from an earlier run" model \
    "${train[@]}" --out model
unchanged "after training"

# Told before the work.
start=$SECONDS
refuses "evaluate: a folder that is not there" "gone/a.json: cannot be written" model \
    "${evaluate[@]}" --json gone/a.json
refuses "inspect: a folder that cannot be" "cannot be written into" model \
    pfad_inspect --model $model "$picture" --out $model/below
check "at once" test $((SECONDS - start)) -le 20

# Links and modes.
mkdir elsewhere
echo old >elsewhere/real.json
chmod 640 elsewhere/real.json
ln -s elsewhere/real.json result.json
touch elsewhere/real.json.99999-3.tmp
succeeds "evaluate: JSON through a link" "${evaluate[@]}" --json result.json
check "the link is still one" test -L result.json
check "its file is new" grep -q image_auroc elsewhere/real.json
check "with the old mode" test "$(stat -c %a elsewhere/real.json)" = 640
check "leftovers are gone" test "$(ls elsewhere)" = real.json

# Standard output closed: nothing gets into files.
settle "${train[@]}" --out closed
"${command[@]}" >&- 2>stderr.txt
check "training with output closed" test $? -eq 0
check "its log has its lines alone" test "$(grep -vc '^{"' closed/log.jsonl)" -eq 0
succeeds "and its model is whole" pfad_info closed/model.safetensors
settle "${train[@]}" --out closed_all
"${command[@]}" <&- >&- 2>&-
check "training with all closed" test $? -eq 0
check "has a log of lines" test "$(grep -vc '^{"' closed_all/log.jsonl)" -eq 0

# A stream is no file that can be replaced, a limit no reason to leave half of one, and a reader that goes away
# none to stop.
refuses "evaluate: into standard output" "/dev/stdout: cannot be written: is a stream" model \
    "${evaluate[@]}" --json /dev/stdout
mkdir limited
settle pfad_threshold --model $model --good tiny/test/good --false-alarms 0.1 --out limited/model.safetensors
(ulimit -f 1000 && "${command[@]}" >stdout.txt 2>stderr.txt)
check "a limit of the size of files is an error" test $? -eq 2
check "that is told" grep -q "limited/model.safetensors: cannot be written: File too large" stderr.txt
check "and leaves nothing" test -z "$(ls -A limited)"
settle "${train[@]}" --out piped
"${command[@]}" 2>stderr.txt | true
check "a training whose reader has gone goes on" test -s piped/model.safetensors

# Signals: the iteration is finished, a checkpoint written.
settle "${train[@]}" --out straight --student-iterations 60 --segmentation-iterations 20
"${command[@]}" >stdout.txt 2>&1
for signal in INT:130 TERM:143; do
    settle "${train[@]}" --out "${signal%:*}" --student-iterations 60 --segmentation-iterations 20
    # A shell starts what it does not wait for with SIGINT ignored.
    env --default-signal=INT "${command[@]}" >stdout.txt 2>stderr.txt &
    run=$!
    for ((i = 0; i < 600; ++i)); do
        [[ $(cat "${signal%:*}/log.jsonl" 2>/dev/null | wc -l) -lt 3 ]] || break
        sleep 0.05
    done
    kill -"${signal%:*}" $run
    wait $run
    check "${signal%:*}: the status" test $? -eq "${signal#*:}"
    check "${signal%:*}: it says how to go on" grep -q "Stopped after iteration .* --resume goes on" stderr.txt
    check "${signal%:*}: a checkpoint" test -s "${signal%:*}/checkpoint.safetensors"
    succeeds "${signal%:*}: resumed" "${command[0]##*/}" "${command[@]:1}" --resume
    check "${signal%:*}: to the same weights" \
        cmp <(weights straight/model.safetensors) <(weights "${signal%:*}/model.safetensors")
done
finish
