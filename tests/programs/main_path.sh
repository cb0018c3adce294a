#!/usr/bin/env bash
# Pictures, training with everything on, metrics, page, maps, inspection; and a block of one's own.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
extent() {
    od -An -t x1 -j 16 -N 8 "$1" | tr -d ' '
}

succeeds "train" pfad_train --data tiny/ --textures paint --teacher random --out run --size 64 \
    --batch 2 --student-iterations 2 --segmentation-iterations 2
check "model and log, nothing else" test "$(ls -A run)" = $'log.jsonl\nmodel.safetensors'
check "the log has four iterations" test "$(wc -l <run/log.jsonl)" -eq 4
check "stage one logs its loss" grep -q '"cosine":[0-9]' run/log.jsonl
check "stage two logs its losses" grep -Eq '"focal":[0-9].*"l1":[0-9]' run/log.jsonl
for said in '"format":"pfad"' '"method":"pfadseg"' '"threshold":"0' '"preprocessing":"' '"size":"64"' '"rcm":"on"'; do
    check "the model says $said" grep -aq "$said" <(head -c 300000 run/model.safetensors)
done

# A model to go on from.
from=(pfad_train --data tiny --textures paint --from run/model.safetensors --out on --batch 2 --seed 1)
succeeds "no iterations from a model" "${from[@]}" --size 64 --rcm on --student-iterations 0 \
    --segmentation-iterations 0
check "leave its weights" cmp <(weights run/model.safetensors) <(weights on/model.safetensors)
rm -r on
succeeds "iterations of both stages from a model" "${from[@]}" --student-iterations 2 --segmentation-iterations 2 \
    --student-rate 0.01 --residual-rate 0.01
check "change its weights" test "$(weights run/model.safetensors | cksum)" != "$(weights on/model.safetensors | cksum)"
check "but for the teacher's, the last 11 MB" cmp <(tail -c 11000000 run/model.safetensors) <(tail -c 11000000 on/model.safetensors)
check "their losses begin lower than the first run's" awk -F '[:,]' 'FNR == 1 { first[++files] = $2 }
    END { exit !(first[2] < first[1]) }' run/log.jsonl on/log.jsonl
succeeds "info of it" pfad_info --json on/model.safetensors
for said in '"size": 64' '"rcm": true' '"teacher": "random"' '"command": "pfad_train .* --from run/model.safetensors .*'; do
    check "says $said" grep -Eq "^  $said" stdout.txt
done
for option in "--size 128" "--rcm off" "--aff off" "--pcar off" "--layer-scale 1" "--teacher random"; do
    # shellcheck disable=SC2086 # two words
    refuses "from a model with $option" "${option% *}: run/model.safetensors has its own, which --from goes on with" \
        on "${from[@]}" $option
done
refuses "from a model into its place" "run/model.safetensors: is the file that is read" run "${from[@]}" --out run
refuses "from a picture" "mask.png: .*not a safetensors file" on "${from[@]}" --from tiny/ground_truth/pit/000_mask.png
refuses "neither teacher nor model" "--teacher is required, or --from, whose model has one" on \
    pfad_train --data tiny --textures paint --out on

succeeds "evaluate" pfad_evaluate --model run/model.safetensors --data tiny/ --json a.json \
    --report report.html --maps maps
for key in image_auroc pixel_auroc pixel_ap aupro iap iap90 images seconds; do
    check "the JSON has $key" grep -Eq "\"$key\": [0-9]" a.json
done
check "the JSON has the protocol" grep -Eq '"protocol": "[^"]+"' a.json
check "the JSON has the category" grep -q '"category": "tiny"' a.json
check "a score for each picture" test "$(grep -c '"score": 0\.' a.json)" -eq 4
check "four images" grep -q '"images": 4' a.json
check "a map for each" test "$(find maps/good maps/pit -name '*.png' | wc -l)" -eq 4
check "the page is there" grep -q "</html>" report.html
check "the page loads nothing" test -z "$(grep -Eo '(src|href)="[^#d"][^"]*"|https?://[^ "<]*' report.html |
    grep -v 'www.w3.org')"

succeeds "evaluate in other light" pfad_evaluate --model run/model.safetensors --data tiny --json b.json --brightness 0.5 --shift 0.04
check "the protocol says so" grep -q 'Every picture was changed: 0.5 times as bright, moved down and to the right by 0.04 of its size' b.json
for to in --record "--maps moved" "--report moved.html"; do
    # shellcheck disable=SC2086 # two words
    refuses "$to of that" "--record, --maps and --report are of the pictures as they are" run \
        pfad_evaluate --model run/model.safetensors --data tiny --brightness 0.5 $to
done

# A log that is damaged costs its lines alone.
mkdir damaged
cp run/model.safetensors damaged
printf '{"stage":"one","iteration":0,"cosine":1}\n[1]\n{"stage":1,"iter' >damaged/log.jsonl
succeeds "evaluate beside a damaged log" pfad_evaluate --model damaged/model.safetensors --data tiny/ --report damaged.html
check "the page is whole" grep -q "</html>" damaged.html

succeeds "conformance" pfad_conformance --model run/model.safetensors --data tiny/ --plain
check "fused or not, the scores agree to 1e-5" \
    awk '/^largest difference/ { table = 1 } table && /float/ { ++n; if ($(NF - 6) > 1e-5) bad = 1 } END { exit n != 4 || bad }' stdout.txt
# A runtime that says 0 of every pixel, and commands that fail or write nothing.
n=$(ls tiny/test/*/* | wc -l)
safetensors zeros.safetensors "{\"__metadata__\":{\"runtime\":\"zeros\"},\"maps\":{\"dtype\":\"F32\",\"shape\":[$n,64,64],\"data_offsets\":[0,$((n * 16384))]},\"scores\":{\"dtype\":\"F32\",\"shape\":[$n],\"data_offsets\":[$((n * 16384)),$((n * 16388))]}}" $((n * 16388))
echo 'cp zeros.safetensors "$3"; [[ $1 == run/model.safetensors && -s $2 && $# -eq 3 ]]' >zeros.sh
mkdir tmp
export TMPDIR=$PWD/tmp
conformance=(pfad_conformance --model run/model.safetensors --data tiny)
succeeds "conformance with another runtime" "${conformance[@]}" --runtimes "bash zeros.sh"
check "it is in the table, as far off as scores are high" grep -Eq "^zeros +[0-9.]+e-0[1-9] +[0-9.]+e[+-]0[0-9] +0\.5000" stdout.txt
refuses "a runtime that fails" "--runtimes: this command failed: false" out "${conformance[@]}" --runtimes false
{ head -c -4 zeros.safetensors; printf '\0\0\300\177'; } >nan.safetensors
refuses "a runtime whose score is no number" "zeros gives a value that is not finite" out "${conformance[@]}" \
    --runtimes "bash -c 'cp nan.safetensors \"\$3\"' runtime"
refuses "a runtime that writes nothing" "the command writes a result" out "${conformance[@]}" --runtimes true
refuses "an ONNX file that is not there" "onnx: File does not exist: gone.onnx" out "${conformance[@]}" \
    --runtimes true --onnx gone.onnx
refuses "an ONNX file for nobody" "onnx requires --runtimes" out "${conformance[@]}" --onnx zeros.safetensors
check "no folder is left behind" test -z "$(ls tmp)"
unset TMPDIR

picture=$(ls tiny/test/pit/* | head -n 1)
mkdir other && cp "$picture" other/
inspects "inspect" pfad_inspect --model run/model.safetensors "$picture" \
    "other/$(basename "$picture")" --out seen
name=$(basename "$picture" .png)
check "two lines, with verdicts" test "$(grep -Ec "score 0\.[0-9]+ +threshold 0\.[0-9]+ +(DEFECT|good)" stdout.txt)" -eq 2
check "heat map of the picture's own size" test "$(extent "$picture")" = "$(extent "seen/$name.png")"
check "a second picture of that name keeps the first" test -s "seen/${name}_2.png"
for threshold in 1e-6 1; do
    inspects "inspect, threshold $threshold" pfad_inspect --model run/model.safetensors "$picture" \
        --out seen --threshold "$threshold"
    verdict=DEFECT
    [[ $threshold == 1 ]] && verdict=good
    check "makes it $verdict" grep -q "  $verdict  " stdout.txt
done

before=$(cksum <"other/$name.png")
refuses "inspect: results over the pictures" "other/$name.png: is the file that is read" other \
    pfad_inspect --model run/model.safetensors "other/$name.png" --out other
refuses "evaluate: maps over the pictures" "is the file that is read" tiny \
    pfad_evaluate --model run/model.safetensors --data tiny --maps tiny/test
check "the pictures are as they were" test "$before" = "$(cksum <"other/$name.png")"

# A processor without it is refused, see bad_files.sh.
if grep -qw avx512_bf16 /proc/cpuinfo; then
    succeeds "train in bf16" pfad_train --data tiny/ --textures paint --teacher random --out coarse \
        --size 64 --batch 2 --student-iterations 2 --segmentation-iterations 2 --precision bf16
    succeeds "evaluate in bf16" pfad_evaluate --model coarse/model.safetensors --data tiny/ \
        --precision bf16
    inspects "inspect in bf16" pfad_inspect --model coarse/model.safetensors "$picture" --out seen \
        --precision bf16
fi

# An argument that is no UTF-8 goes into the model's notes; the model stays readable.
mv paint $'paint\xe9'
succeeds "train, a name in Latin-1, an option twice" pfad_train --data tiny --textures $'paint\xe9' \
    --teacher random --out latin --size 64 --batch 2 --student-iterations 2 \
    --segmentation-iterations 7 --segmentation-iterations 2
check "the last one counts" test "$(wc -l <latin/log.jsonl)" -eq 4
inspects "its model is readable" pfad_inspect --model latin/model.safetensors "$picture" --out seen

succeeds "custom block" pfad_custom_block
check "its loss falls" awk '/loss/ { if (!n++) first = $NF; last = $NF } END { exit !(n > 1 && last < 0.8 * first) }' stdout.txt
finish
