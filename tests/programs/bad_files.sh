#!/usr/bin/env bash
# Options, models, teachers and places to write to that are wrong.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
mkdir out
train=(pfad_train --data tiny --textures paint --out out "${small[@]}" --student-iterations 1
    --segmentation-iterations 1 --checkpoint-every 0)

refuses "a batch of 1" "--batch: 1 is no value of it: a whole number from 2 to" out \
    "${train[@]}" --teacher random --batch 1
refuses "two pictures of 32x32" "needs four values or more" out \
    "${train[@]}" --teacher random --size 32
refuses "more iterations than an int holds" "iterations: 2147483647 is no value of it: a whole number from 0 to 1000000000" out \
    "${train[@]}" --teacher random --student-iterations 2147483647
refuses "more threads than a machine has" "threads.*20000.*1024" out \
    "${train[@]}" --teacher random --threads 20000
refuses "a GPU that is not here" "built for the CPU alone|no GPU can be used" out \
    "${train[@]}" --teacher random --device cuda
ONEDNN_MAX_CPU_ISA=AVX2 refuses "bf16 on a CPU without it" "bf16 needs a processor with AVX512-BF16" out \
    "${train[@]}" --teacher random --precision bf16
refuses "a size of 8" "the size is 32 to" out "${train[@]}" --teacher random --size 8
refuses "an option that does not exist" "bathc" out "${train[@]}" --teacher random --bathc 3
refuses "rotate: something else" "rotate.*sideways" out \
    "${train[@]}" --teacher random --rotate sideways
refuses "a number that is none" "size.*large" out "${train[@]}" --teacher random --size large
refuses "no teacher" "teacher is required" out "${train[@]}"
refuses "resume without a checkpoint" "out/checkpoint.safetensors: there is no such file" out \
    "${train[@]}" --teacher random --resume
echo text >file
refuses "a folder below a file" "file/out: the folder cannot be made" out \
    "${train[@]}" --teacher random --out file/out
mkdir -p taken/log.jsonl
refuses "a log that cannot be written" "taken/log.jsonl: cannot be written" taken \
    "${train[@]}" --teacher random --out taken

# The same wrong files as teacher and as model.
head -c 6 /dev/zero >short.safetensors
printf '\xff\xff\xff\xff\xff\xff\xff\x7f{}' >oversized.safetensors
safetensors notjson.safetensors '{"a":'
safetensors truncated.safetensors '{"conv1.weight":{"dtype":"F32","shape":[64,3,7,7],"data_offsets":[0,37632]}}' 100
safetensors shape.safetensors '{"conv1.weight":{"dtype":"F32","shape":[64,3],"data_offsets":[0,768]}}' 768
safetensors other.safetensors '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' 4
while read -r name says; do
    refuses "teacher: $name" "$name.safetensors: $says" out \
        "${train[@]}" --teacher "$name.safetensors"
done <<'LIST'
gone there is no such file
short is too short
oversized claims a header of 9223372036854775807 bytes
notjson its header is not JSON
truncated .*truncated
shape tensor `conv1.weight` has shape \(64, 3\), not \(64, 3, 7, 7\)
other has no tensor
LIST
while read -r name says; do
    refuses "model: $name" "$name.safetensors: $says" out \
        pfad_evaluate --model "$name.safetensors" --data tiny --json out/a.json
    refuses "inspect with model: $name" "$name.safetensors: $says" out \
        pfad_inspect --model "$name.safetensors" tiny/test/good/* --out out
done <<'LIST'
gone there is no such file
short is too short
oversized claims a header of
truncated .*truncated
other is not a pfad model
LIST

# A zip container whose pickle calls os.system.
base64 -d >evil.pth <<'DATA'
UEsDBBQAAAAAAAAAIQDU2pDyGgAAABoAAAAQAAAAYXJjaGl2ZS9kYXRhLnBrbGNwb3NpeApzeXN0ZW0KKFMndHJ1ZScKdFIu
UEsBAhQDFAAAAAAAAAAhANTakPIaAAAAGgAAABAAAAAAAAAAAAAAAIABAAAAAGFyY2hpdmUvZGF0YS5wa2xQSwUGAAAAAAEA
AQA+AAAASAAAAAAA
DATA
refuses "a .pth that asks for code" "evil.pth: .*posix.*system" out "${train[@]}" --teacher evil.pth
refuses "a .pth that is text" "file.pth: " out "${train[@]}" --teacher file.pth
cp file file.pth
refuses "a .pth that is no zip" "file.pth: " out "${train[@]}" --teacher file.pth

# A model of ours with one thing changed at a time. Its size is not a multiple of 32.
succeeds "a size of 50 trains" "${train[@]}" --teacher random --size 50 --out model
check "the model is there" test -s model/model.safetensors
check "no checkpoint is left" test "$(ls model)" = $'log.jsonl\nmodel.safetensors'
damaged() {
    local label=$1 pattern=$2
    check "$label: can be made" model_saying damaged.safetensors "$3" "$4"
    refuses "$label" "damaged.safetensors: $pattern" out \
        pfad_evaluate --model damaged.safetensors --data tiny --json out/a.json
}
damaged "a model of another version" "is a model of version 9, and this pfad reads version 1" \
    '"version":"1"' '"version":"9"'
for program in inspect threshold info conformance export; do
    [[ -x $bin/pfad_$program ]] || continue # export, without ONNX
    case $program in
    inspect) more=(tiny/test/good/* --out out) ;;
    threshold) more=(--good tiny/train/good --false-alarms 0 --out out/new.safetensors) ;;
    info) more=() ;;
    conformance) more=(--data tiny) ;;
    export) more=(--onnx out/a.onnx) ;;
    esac
    option=(--model damaged.safetensors)
    [[ $program != info ]] || option=(damaged.safetensors)
    refuses "$program: a model of another version" \
        "damaged.safetensors: is a model of version 9, and this pfad reads version 1" out \
        "pfad_$program" "${option[@]}" "${more[@]}"
done
damaged "a model without its threshold" 'is not a pfad model \(its metadata has no `threshold`' \
    '"threshold":' '"thresholt":'
damaged "a model of another size" '`size` is `-5`' '"size":"50"' '"size":"-5"'
damaged "a model with other modules" 'has no tensor `student' '"pcar":"off"' '"pcar":"on" '
damaged "a model of another shape" 'tensor `student.encoder.conv1.weight` has shape' \
    '"student.encoder.conv1.weight":{"dtype":"F32","shape":[64,3,7,7]' \
    '"student.encoder.conv1.weight":{"dtype":"F32","shape":[64,7,3,7]'
head -c 1000000 model/model.safetensors >damaged.safetensors
refuses "a model that is truncated" "damaged.safetensors: .*truncated" out \
    pfad_inspect --model damaged.safetensors tiny/test/good/* --out out
rm damaged.safetensors

# The disk is full when the model is written: files end at 50 MB.
trap '' XFSZ
full() {
    (ulimit -f 50000 && passed=0 failed=0 && refuses "$@" && finish)
}
full "the disk is full" "full/model.safetensors: .*(too large|space)" nothing "${train[@]}" \
    --teacher random --out full >full.txt
check "a full disk is told" grep -q "^1 passed, 0 failed" full.txt
cat full.txt | grep -v passed
check "nothing but the log is left" test "$(ls full)" = log.jsonl
finish
