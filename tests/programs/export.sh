#!/usr/bin/env bash
# A model file as ONNX: what pfad_export writes, and what it refuses.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
mkdir out
succeeds "train" pfad_train --data tiny --textures paint --teacher random --out model "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 --checkpoint-every 0
model=model/model.safetensors

succeeds "export" pfad_export --model $model --onnx out/model.onnx
check "nothing but the file is there" test "$(ls -A out)" = model.onnx
check "the weights are in it" test "$(stat -c %s out/model.onnx)" -gt "$(weights $model | wc -c)"
check "and what the model says" grep -aq "pfad_train --data tiny" out/model.onnx
before=$(cksum <out/model.onnx)
succeeds "export again" pfad_export --model $model --onnx out/model.onnx
check "it is the same" test "$before" = "$(cksum <out/model.onnx)"

refuses "no model" "by --model or by --import-destseg; give one" out pfad_export --onnx out/a.onnx
refuses "no such model" "gone.safetensors: there is no such file" out \
    pfad_export --model gone.safetensors --onnx out/a.onnx
refuses "no file to write" "by --onnx or by --pfad; give one" out pfad_export --model $model
refuses "a file without a name" "--onnx: the value is empty" out pfad_export --model $model --onnx ""
refuses "two files" "by --onnx or by --pfad; give one" out pfad_export --model $model --onnx out/a --pfad out/b
succeeds "a model as a model" pfad_export --model $model --pfad copy.safetensors
check "of the same weights" cmp <(weights $model) <(weights copy.safetensors)
refuses "no such folder" "out/none/a.onnx: " out pfad_export --model $model --onnx out/none/a.onnx
refuses "a folder is in its place" "out: " out pfad_export --model $model --onnx out
refuses "over the model itself" "is the file that is read" model pfad_export --model $model --onnx ./$model
refuses "an option that is none" "opset" out pfad_export --model $model --onnx out/a.onnx --opset 9
safetensors other.safetensors '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' 4
refuses "another file" "other.safetensors: is not a pfad model" out \
    pfad_export --model other.safetensors --onnx out/a.onnx
echo text >text.safetensors
refuses "a text" "text.safetensors: " out pfad_export --model text.safetensors --onnx out/a.onnx
check "a newer version can be made" model_saying newer.safetensors '"version":"1"' '"version":"2"'
refuses "a newer version" "is a model of version 2, and this pfad reads version 1" out \
    pfad_export --model newer.safetensors --onnx out/a.onnx

# The disk is full when the file is written: files end at 50 MB.
trap '' XFSZ
(ulimit -f 50000 && passed=0 failed=0 && refuses "the disk is full" "out/b.onnx: .*(too large|space)" out \
    pfad_export --model $model --onnx out/b.onnx && finish) >full.txt
check "a full disk is told, and nothing is left" grep -q "^1 passed, 0 failed" full.txt
grep -v passed full.txt
finish
