#!/usr/bin/env bash
# What a model file says of itself, and its threshold.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
mkdir out
succeeds "train" pfad_train --data tiny --textures paint --teacher random --out model "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 --checkpoint-every 0
model=model/model.safetensors

succeeds "info" pfad_info $model
for said in "size +64" "rcm +off" "plain_decoder +off" "threshold +0\.[0-9]+" "teacher +random" \
    "training_pictures +4" "command +pfad_train --data tiny .*--size 64"; do
    check "info says $said" grep -Eq "^$said" stdout.txt
done
succeeds "info as JSON" pfad_info --json $model
for said in '"size": 64' '"rcm": false' '"rcm_band": 11' '"threshold": 0\.[0-9]+' \
    '"teacher": "random"' '"command": "pfad_train .*"'; do
    check "the JSON says $said" grep -Eq "^  $said,?$" stdout.txt
done
check "info, a model whose command has a line break" model_saying broken.safetensors \
    '"command":"pfad_train' '"command":"pfad\ntrai'
succeeds "it is read" pfad_info broken.safetensors
check "and is one line" grep -q "^command  *pfad trai --data" stdout.txt
refuses "info: no such file" "gone.safetensors: there is no such file" out pfad_info gone.safetensors
safetensors other.safetensors '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' 4
refuses "info: another file" "other.safetensors: is not a pfad model" out pfad_info other.safetensors
refuses "info: no file" "model is required" out pfad_info
"$bin/pfad_info" $model >/dev/full 2>stderr.txt
check "info: a full disk is status 2" test $? -eq 2
check "and told" grep -q "^pfad_info: standard output: cannot be written" stderr.txt

# A threshold from pictures.
threshold=(pfad_threshold --model "$model" --good demo/flange/train/good --out out/new.safetensors)
refuses "threshold: neither rule" "from --false-alarms or from --bad; give one" out "${threshold[@]}"
refuses "threshold: both rules" "from --false-alarms or from --bad; give one" out \
    "${threshold[@]}" --false-alarms 0.1 --bad tiny/test/pit
refuses "threshold: a rate above 1" "false-alarms.*2 not in range" out \
    "${threshold[@]}" --false-alarms 2
refuses "threshold: no folder" "nowhere: there is no such folder" out \
    "${threshold[@]}" --good nowhere --false-alarms 0.1
refuses "threshold: no picture" "out: there is no PNG, JPEG or BMP" out \
    "${threshold[@]}" --bad out
refuses "threshold: over the model itself" "is the file that is read" model \
    "${threshold[@]}" --false-alarms 0.1 --out ./$model
mkdir spoilt && cp tiny/test/good/* spoilt && echo text >spoilt/zz.png
refuses "threshold: a picture that is none" "spoilt/zz.png: is not a" out \
    "${threshold[@]}" --good spoilt --false-alarms 0.1
before=$(cksum <$model)
n=$(ls demo/flange/train/good | wc -l)
succeeds "threshold of a rate" "${threshold[@]}" --false-alarms 0.25
check "it says how many" grep -Eq "^good +$n, scores 0\.[0-9]+ to 0\.[0-9]+, of which defects: $((n / 4))$" stdout.txt
check "the model is as it was" test "$before" = "$(cksum <$model)"
check "nothing but the new one is there" test "$(ls -A out)" = new.safetensors
check "of the same weights" cmp <(weights $model) <(weights out/new.safetensors)
"$bin/pfad_inspect" --model out/new.safetensors demo/flange/train/good/* >stdout.txt
check "so many of them are defects" test "$(grep -c "  DEFECT  " stdout.txt)" -eq $((n / 4))
succeeds "threshold of tiles" "${threshold[@]}" --false-alarms 0.25 --tiles 0
"$bin/pfad_inspect" --model out/new.safetensors --tiles 0 demo/flange/train/good/* >stdout.txt
check "so many are defects in tiles" test "$(grep -c "  DEFECT  " stdout.txt)" -eq $((n / 4))
succeeds "threshold of a rate again" "${threshold[@]}" --false-alarms 0.25
succeeds "info of the new one" pfad_info out/new.safetensors
check "the command is a note" grep -Eq "^threshold_command +pfad_threshold .*0.25$" stdout.txt
check "the first one too" grep -Eq "^command +pfad_train --data tiny" stdout.txt
succeeds "no false alarm at all" "${threshold[@]}" --false-alarms 0
check "none" grep -Eq "^good .* of which defects: 0$" stdout.txt
succeeds "threshold of labelled pictures" "${threshold[@]}" --good tiny/test/good --bad tiny/test/pit
check "it says its F1" grep -Eq "^F1 +[01]\.[0-9]+$" stdout.txt
check "and of the bad ones" grep -Eq "^bad +2, scores" stdout.txt

# What pfad_evaluate records.
"$bin/pfad_info" $model >stdout.txt
check "info: no evaluation, in a sentence" grep -Eqx "No evaluation is recorded in it; pfad_evaluate --record adds metrics and a preview\." stdout.txt
refuses "info: no preview" "$model: has no preview; pfad_evaluate --record adds" out \
    pfad_info $model --preview out/preview.png
cp $model recorded.safetensors
evaluate=(pfad_evaluate --model recorded.safetensors --data tiny --record)
succeeds "evaluate and record" "${evaluate[@]}" --json metrics.json
check "of the same weights" cmp <(weights $model) <(weights recorded.safetensors)
succeeds "info as JSON" pfad_info --json recorded.safetensors
for key in image_auroc pixel_auroc pixel_ap aupro iap iap90; do
    check "it has $key as it was" test "$(grep "\"$key\": " stdout.txt)" = "$(grep "\"$key\": " metrics.json)"
done
check "it has a preview" grep -q '"preview": true' stdout.txt
succeeds "info with a preview" pfad_info recorded.safetensors --preview preview.png
check "a metric a line" test "$(grep -Ec "^(image_auroc|pixel_auroc|pixel_ap|aupro|iap|iap90) +[01](\.[0-9]+)?$" stdout.txt)" -eq 6
check "and how it was found" grep -Eq "^evaluation_command +pfad_evaluate .*--record" stdout.txt
check "of four pictures" grep -Eqx "evaluation_pictures 4" stdout.txt
check "no picture among the text" test "$(wc -c <stdout.txt)" -lt 3000
check "no sentence of what is missing" test "$(grep -c "^No evaluation" stdout.txt)" -eq 0
check "the preview is two pictures and their overlays" test \
    "$(od -An -t x1 -j 16 -N 8 preview.png | tr -d ' ')" = "$(printf '%08x%08x' $((4 * 160 + 3 * 2)) 160)"
refuses "the model as its preview" "recorded.safetensors: is the file that is read" none \
    pfad_info recorded.safetensors --preview recorded.safetensors
# The file may be another one when the evaluation ends.
mkdir many
for i in {1..200}; do
    for picture in tiny/test/good/*; do
        ln -s "../$picture" "many/$i-$(basename "$picture")"
    done
done
{
    echo path,label,mask
    ls many/* | sed 's/$/,good,/'
    for picture in tiny/test/pit/*; do
        echo "$picture,bad,tiny/ground_truth/pit/$(basename "$picture" .png)_mask.png"
    done
} >many.csv
cp recorded.safetensors changed.safetensors
printf '\1' | dd of=changed.safetensors bs=1 seek=$(($(stat -c %s changed.safetensors) - 1)) conv=notrunc 2>/dev/null
before=$(cksum <changed.safetensors)
"$bin/pfad_evaluate" --model recorded.safetensors --csv many.csv --record >stdout.txt 2>stderr.txt &
until grep -q evaluating stdout.txt || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
mv changed.safetensors recorded.safetensors
wait $!
check "other weights by the end of an evaluation are status 2" test $? -eq 2
check "and told" grep -q "^pfad_evaluate: recorded.safetensors: has other weights than when the evaluation began" stderr.txt
check "the file is as it was" test "$before" = "$(cksum <recorded.safetensors)"
cp out/new.safetensors kept.safetensors
succeeds "threshold of a recorded model" "${threshold[@]}" --model recorded.safetensors --false-alarms 0
succeeds "info of it" pfad_info --json out/new.safetensors
check "it keeps the metrics" grep -q '"image_auroc": [0-9]' stdout.txt
check "and not the preview, which shows another threshold" grep -q '"preview": false' stdout.txt
mkdir alone && cp tiny/test/good/* alone
echo "path,label" >alone.csv
for picture in alone/*; do echo "$picture,good"; done >>alone.csv
succeeds "record good pictures alone" pfad_evaluate --model recorded.safetensors --csv alone.csv --record
succeeds "info of that" pfad_info --json recorded.safetensors
check "what is undefined is null" test "$(grep -Ec '"(image_auroc|pixel_auroc|pixel_ap|aupro|iap|iap90)": null' stdout.txt)" -eq 6
check "there is no preview" grep -q '"preview": false' stdout.txt
check "a damaged preview can be made" model_saying damaged.safetensors '"training_pictures"' '"preview":"xx","yy"'
refuses "info: a damaged preview" "damaged.safetensors: its preview is damaged" out \
    pfad_info damaged.safetensors --preview out/preview.png
mv kept.safetensors out/new.safetensors

trap '' XFSZ
before=$(cksum <recorded.safetensors)
(ulimit -f 1000 && "$bin/${evaluate[0]}" "${evaluate[@]:1}") >/dev/null 2>stderr.txt
check "record: a full disk is status 2" test $? -eq 2
check "and told" grep -Eq "^pfad_evaluate: recorded.safetensors: .*(too large|space)" stderr.txt
check "the model stays" test "$before" = "$(cksum <recorded.safetensors)"
check "and no temporary file" test -z "$(find . -name '*.tmp*')"
before=$(cksum <out/new.safetensors)
(ulimit -f 1000 && "$bin/${threshold[0]}" "${threshold[@]:1}" --false-alarms 0) >/dev/null 2>stderr.txt
check "a full disk is status 2" test $? -eq 2
check "and told" grep -Eq "^pfad_threshold: out/new.safetensors: .*(too large|space)" stderr.txt
check "what was there stays, alone" test "$before $(ls -A out)" = "$(cksum <out/new.safetensors) new.safetensors"
finish
