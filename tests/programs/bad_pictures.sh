#!/usr/bin/env bash
# Folders and pictures that are wrong: one sentence that names the file, and nothing written.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
mkdir out
train=(pfad_train --textures paint --teacher random --out out "${small[@]}"
    --student-iterations 1 --segmentation-iterations 1)

# A grey JPEG of 8x8 pixels, and a PNG whose header says 20000x20000.
jpeg="/9j/4AAQSkZJRgABAQAAAQABAAD/2wCEACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71
////m8H////6/+b9//gBKy0tPDU8dkFBdviljKX4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4
+Pj4+P/AABEIAAgACAMBIgACEQEDEQH/xAGiAAABBQEBAQEBAQAAAAAAAAAAAQIDBAUGBwgJCgsQAAIBAwMCBAMFBQQEAAABfQEC
AwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVm
Z2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq
8fLz9PX29/j5+gEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoLEQACAQIEBAMEBwUEBAABAncAAQIDEQQFITEGEkFRB2FxEyIy
gQgUQpGhscEJIzNS8BVictEKFiQ04SXxFxgZGiYnKCkqNTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqCg4SF
hoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2dri4+Tl5ufo6ery8/T19vf4+fr/2gAMAwEA
AhEDEQA/AIFsPanfYPar606gD//Z"
huge=iVBORw0KGgoAAAANSUhEUgAATiAAAE4gCAIAAABsEtFuAAAACElEQVR4nAMAAAAAAUgGidIAAAAASUVORK5CYII=
base64 -di <<<"$jpeg" >whole.jpg
base64 -d <<<"$huge" >huge.png

refuses "a folder that does not exist" "nowhere: there is no such folder" out \
    "${train[@]}" --data nowhere
mkdir -p empty/train/good
refuses "no pictures in train/good" "empty/train/good: there is no PNG, JPEG or BMP" out \
    "${train[@]}" --data empty
refuses "no folder of textures" "nothing: there is no such folder" out \
    "${train[@]}" --data tiny --textures nothing

# Among the good pictures, with either kind of teacher: the last one in order, so that others were
# read before it.
head -c 500 whole.jpg >tiny/train/good/zz.jpg
refuses "a truncated JPEG" "tiny/train/good/zz.jpg: is truncated" out "${train[@]}" --data tiny
rm tiny/train/good/zz.jpg
echo "not a picture" >tiny/train/good/zz.png
refuses "a text file named .png" "tiny/train/good/zz.png: is not a" out "${train[@]}" --data tiny
cp huge.png tiny/train/good/zz.png
refuses "a picture of 20000x20000" "tiny/train/good/zz.png: is 20000x20000, more than" out \
    "${train[@]}" --data tiny
rm tiny/train/good/zz.png
echo "not a picture" >paint/zz.png
refuses "a text file among the textures" "paint/zz.png: is not a" out "${train[@]}" --data tiny
rm paint/zz.png

# One pixel is a picture, and so is a whole JPEG; this run makes the model for what follows.
one=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNoaGgAAAMEAYFL09IQAAAAAElFTkSuQmCC
base64 -d <<<"$one" >tiny/train/good/zz.png
cp whole.jpg tiny/train/good/zzz.jpg
succeeds "a picture of 1x1 trains" "${train[@]}" --data tiny --out model
cp tiny/train/good/zz.png one.png
inspects "a picture of 1x1 is inspected" pfad_inspect --model model/model.safetensors one.png \
    --out seen
check "its heat map is there" test -s seen/one.png
rm -r seen

inspect=(pfad_inspect --model model/model.safetensors --out seen)
refuses "inspect: a missing picture" "gone.png: there is no such file" seen "${inspect[@]}" gone.png
refuses "inspect: 20000x20000" "huge.png: is 20000x20000" seen "${inspect[@]}" huge.png
refuses "inspect: no pictures" "pictures" seen "${inspect[@]}"
refuses "inspect: a threshold out of range" "threshold: it lies above 0 and is at most 1" seen \
    "${inspect[@]}" one.png --threshold 2
refuses "inspect: a folder that is a file" "one.png" seen \
    pfad_inspect --model model/model.safetensors one.png --out one.png

# Twelve bits of sixteen: a choice that a model keeps.
deep=iVBORw0KGgoAAAANSUhEUgAAAAQAAAAEEAAAAADcCh3hAAAALElEQVR42mNgYGBuYefg6mFgjGN5xJHG/YqBaQ+b\
A+cRXg8GFin2edxKfMsAfqoHn2n+3ZYAAAAASUVORK5CYII=
base64 -di <<<"$deep" >deep.png
cp deep.png tiny/train/good/zz.png
refuses "12 bits of 16" "tiny/train/good/zz.png: uses only the lowest 12 of its 16 bits" out \
    "${train[@]}" --data tiny
refuses "inspect: 12 bits of 16" "deep.png: uses only the lowest 12" seen "${inspect[@]}" deep.png
inspects "which count" "${inspect[@]}" --bits 12 --out counted deep.png
refuses "too few bits" "--bits: .*8" seen "${inspect[@]}" --bits 8 deep.png
succeeds "training with 12 bits" "${train[@]}" --data tiny --out deep --bits 12
check "the model says so" test "$("$bin/pfad_info" deep/model.safetensors | grep -c '^bits *12$')" -eq 1
inspects "its pictures need no option" pfad_inspect --model deep/model.safetensors deep.png
refuses "no pictures at all" "--megapixels: " seen "${inspect[@]}" --megapixels 0 one.png
inspects "larger pictures are a choice" pfad_inspect --model model/model.safetensors --megapixels 1 one.png
rm tiny/train/good/zz.png

refuses "an octal number" "064 is not a whole number in decimal digits" out \
    "${train[@]}" --data tiny --size 064
refuses "an octal option of the method" "--batch: 010 is not a whole number" out \
    "${train[@]}" --data tiny --batch 010
refuses "a hexadecimal number" "0x40 is not a whole number" out "${train[@]}" --data tiny --size 0x40
refuses "a seed below zero" "-1 is out of range" out "${train[@]}" --data tiny --seed -1
refuses "a seed that is too large" "18446744073709551616 is out of range" out \
    "${train[@]}" --data tiny --seed 18446744073709551616
refuses "an empty option" "--out: the value is empty" seen "${inspect[@]}" one.png --out ""
mkdir -p Bottle/train
cp -r tiny/train/good Bottle/train
ln -s Bottle linked
for data in Bottle ./Bottle/. linked; do
    succeeds "rotation of $data" "${train[@]}" --data "$data" --out "turned$data"
    check "is printed" grep -q "rotation full" stdout.txt
done
check "and in the model" test "$("$bin/pfad_info" turnedBottle/model.safetensors | grep -c '^rotate *full$')" -eq 1

evaluate=(pfad_evaluate --model model/model.safetensors --data tiny --json out/a.json
    --maps out/maps --report out/report.html)
refuses "evaluate: a folder that does not exist" "nowhere: there is no such folder" out \
    "${evaluate[@]}" --data nowhere
mask=$(ls tiny/ground_truth/pit/* | head -n 1)
mv "$mask" kept.png
refuses "evaluate: a missing mask" "its mask is missing" out "${evaluate[@]}"
cp one.png "$mask"
refuses "evaluate: a mask of another size" "$mask: the mask has 1x1 pixels, but its picture has" \
    out "${evaluate[@]}"
echo text >"$mask"
refuses "evaluate: a mask that is none" "$mask: is not a" out "${evaluate[@]}"
cp kept.png "$mask"
mkdir tiny/test/void
refuses "evaluate: a kind without pictures" "tiny/test/void: there is no PNG" out "${evaluate[@]}"
rm -r tiny/test/void
refuses "evaluate: a place that cannot be written" "no/a.json" out \
    pfad_evaluate --model model/model.safetensors --data tiny --json no/a.json

# Metrics that a category does not define are said, and null in the JSON.
mv tiny/test/pit pit
succeeds "evaluate: no anomalous pictures" "${evaluate[@]}" --json a.json
check "it says so" grep -q "no anomalous test pictures: image AUROC is undefined" stdout.txt
check "the metric is undefined" grep -Eq "^image AUROC +undefined$" stdout.txt
for key in image_auroc pixel_auroc pixel_ap aupro iap iap90; do
    check "$key is null" grep -Eq "\"$key\": null" a.json
done
check "the JSON says why" grep -q '"undefined": ".*no anomalous' a.json
finish
