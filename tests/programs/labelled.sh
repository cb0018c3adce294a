#!/usr/bin/env bash
# Evaluating pictures in folders of one's own: two folders, or a CSV file.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
mkdir out
succeeds "train" pfad_train --data tiny --textures paint --teacher random --out model "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 --checkpoint-every 0
evaluate=(pfad_evaluate --model model/model.safetensors)

# The six metrics, one a line, below a line of progress.
metrics() {
    grep -E "^(image AUROC|pixel AUROC|pixel AP|AUPRO|IAP|IAP@90) " stdout.txt
}
succeeds "evaluate the category" "${evaluate[@]}" --data tiny
expected=$(metrics)

mkdir -p line/ok line/ng line/masks
cp tiny/test/good/* line/ok
cp tiny/test/pit/* line/ng
for mask in tiny/ground_truth/pit/*; do
    name=$(basename "$mask")
    cp "$mask" "line/masks/${name/_mask/}"
done
folders=("${evaluate[@]}" --good line/ok/ --bad line/ng)
succeeds "evaluate folders" "${folders[@]}" --masks line/masks --json out/a.json --report out/masked.html
check "the page shows the truth" grep -q '>truth<' out/masked.html
check "the same metrics" test "$expected" = "$(metrics)"
check "named after the folder above" grep -q '"category": "line"' out/a.json
check "pictures with their paths" test "$(grep -Ec '"path": "line/(ok|ng)/' out/a.json)" -eq 4
succeeds "masks as in MVTec AD" "${folders[@]}" --masks tiny/ground_truth/pit
check "the same metrics again" test "$expected" = "$(metrics)"
succeeds "without masks" "${folders[@]}" --json out/a.json --maps out/maps --report out/report.html
check "image AUROC alone" test "$(head -n 1 <<<"$expected")" = "$(metrics | head -n 1)"
check "six metrics" test "$(metrics | wc -l)" -eq 6
check "the others are undefined" test "$(grep -c " undefined$" stdout.txt)" -eq 5
check "it says why" grep -q "There is no mask with an anomalous pixel at the size of the maps: pixel AUROC" stdout.txt
check "the JSON has null" grep -q '"pixel_auroc": null' out/a.json
check "maps of both" test "$(ls out/maps/good out/maps/bad | grep -c png)" -eq 4
check "the page claims no truth for bad pictures" \
    test "$(grep -c '>truth<' out/report.html)" -eq 0

{
    printf 'label,path,mask\r\n'
    for picture in ok/$(ls line/ok | head -n 1) ok/$(ls line/ok | tail -n 1); do
        printf 'good,"%s",\r\n' "$picture"
    done
    for picture in $(ls line/ng); do
        printf 'bad,ng/%s,masks/%s\r\n' "$picture" "$picture"
    done
} >line/list.csv
succeeds "evaluate a CSV file" "${evaluate[@]}" --csv line/list.csv --json out/a.json
check "the same metrics of it" test "$expected" = "$(metrics)"
check "named after the file" grep -q '"category": "list"' out/a.json

# A category without ground truth, and with what no picture is.
mkdir plain
cp -r tiny/test plain/Test
mv plain/Test/good plain/Test/Good
mkdir plain/Test/__MACOSX
touch plain/Test/pit/.DS_Store plain/Test/pit/Thumbs.db plain/Test/pit/notes.tif
succeeds "evaluate without ground truth" "${evaluate[@]}" --data plain 2>stderr.txt
check "image AUROC as before" test "$(head -n 1 <<<"$expected")" = "$(metrics | head -n 1)"
check "it says why the others are undefined" grep -q "There is no mask with" stdout.txt

# What is wrong.
list=("${evaluate[@]}" --json out/b.json)
one="by --good and --bad, or by --csv; give one of the three"
refuses "a folder twice" "line/ok: is the folder of the good pictures, too" out \
    "${list[@]}" --good line/ok --bad line/ok
refuses "masks among pictures" "line/ng: is a folder of pictures" out \
    "${list[@]}" --good line/ok --bad line/ng --masks line/ng
"$bin/pfad_evaluate" "${folders[@]:1}" --masks line/masks >/dev/full 2>stderr.txt
check "a full output is status 2" test $? -eq 2
check "and a sentence" grep -q "standard output: cannot be written" stderr.txt
refuses "no pictures" "$one" out "${list[@]}"
refuses "pictures twice" "$one" out "${list[@]}" --data tiny --csv line/list.csv
refuses "good ones alone" "$one" out "${list[@]}" --good line/ok
refuses "masks of a category" "$one" out "${list[@]}" --data tiny --masks line/masks
refuses "no such folder" "gone: there is no such folder" out "${list[@]}" --good gone --bad line/ng
mv line/masks/"$(ls line/masks | tail -n 1)" kept.png
refuses "a missing mask" "its mask is missing; looked for .* in line/masks" out \
    "${list[@]}" --good line/ok --bad line/ng --masks line/masks
refuses "a mask that the CSV file names is missing" "list.csv: line 5: there is no file" out \
    "${list[@]}" --csv line/list.csv
refuses "no such CSV file" "gone.csv: there is no such file" out "${list[@]}" --csv gone.csv
sed -i 's/label/lable/' line/list.csv
refuses "a column is missing" 'list.csv: its first line has no column `label`' out \
    "${list[@]}" --csv line/list.csv
sed -i 's/lable/label/; s/path/file/' line/list.csv
refuses "the other column is missing" 'list.csv: its first line has no column `path`' out \
    "${list[@]}" --csv line/list.csv
finish
