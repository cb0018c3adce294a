#!/usr/bin/env bash
# pfad_inspect from scripts: standard input, exit status, JSON.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
succeeds "train" pfad_train --data tiny --textures paint --teacher random --out model "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 --checkpoint-every 0
inspect=("$bin/pfad_inspect" --model model/model.safetensors)
picture=$(ls tiny/test/pit/* | head -n 1)
good=$(ls tiny/test/good/* | head -n 1)

# ends STATUS LABEL COMMAND...
ends() {
    local status=$1 label=$2
    shift 2
    "$@" >stdout.txt 2>stderr.txt
    check "$label: status $status" test $? -eq "$status"
}
before=$(find . -name '*.png')
ends 1 "every picture a defect" "${inspect[@]}" --threshold 1e-6 "$picture" "$good"
check "two verdicts, each with its region" test "$(grep -Ec "  DEFECT  1 region, 160x160 at \(0, 0\)$" stdout.txt)" -eq 2
check "no picture is written without --out" test "$before" = "$(find . -name '*.png')"
ends 0 "no picture a defect" "${inspect[@]}" --threshold 1 "$picture" "$good"
check "two verdicts, good" test "$(grep -c "  good$" stdout.txt)" -eq 2
ends 2 "an error after a defect" "${inspect[@]}" --threshold 1e-6 "$picture" gone.png
check "the error is told" grep -q "^pfad_inspect: gone.png: there is no such file" stderr.txt
check "and what was found before" grep -q "  DEFECT  " stdout.txt
ends 2 "an option that does not exist" "${inspect[@]}" --jsn "$picture"
ends 0 "help" "${inspect[@]}" --help

# One line of JSON a picture.
ends 1 "JSON" "${inspect[@]}" --json --out seen --threshold 1e-6 "$picture" "$good"
check "two lines" test "$(wc -l <stdout.txt)" -eq 2
region='\{"area":25600,"height":160,"left":0,"mean":0\.[0-9]+,"peak":0\.[0-9]+,"top":0,"width":160\}'
check "of the seven keys" test "$(grep -Ec '^\{"defect":true,"heat_map":"seen/[^"]*","picture":"tiny/test/[^"]*","regions":\['"$region"'\],"score":0\.[0-9]+,"threshold":1e-06,"unsure":false\}$' stdout.txt)" -eq 2
check "the heat map is there" test -s "seen/$(basename "$picture")"
ends 0 "JSON without --out" "${inspect[@]}" --json --threshold 1 "$picture"
check "its heat map is null" grep -q '"defect":false,"heat_map":null,' stdout.txt
check "and it has no region" grep -q '"regions":\[\]' stdout.txt
score() {
    sed 's/.*"score":\([^,]*\),.*/\1/' stdout.txt
}
expected=$(score)

# Standard input.
ends 0 "standard input" "${inspect[@]}" --json --threshold 1 - <"$picture"
check "the score of the file" test "$(score)" = "$expected"
check "its name is -" grep -q '"picture":"-"' stdout.txt
cat "$picture" | "${inspect[@]}" --threshold 1 --out seen - "$good" >stdout.txt
check "a pipe, and a file beside it" test "$(grep -c "  good  " stdout.txt)" -eq 2
check "the heat map of standard input" test -s seen/stdin.png
said() {
    ends 2 "$1" "${inspect[@]}" "${@:3}"
    check "$1: one line" test "$(wc -l <stderr.txt)" -eq 1
    check "$1: it says so" grep -Eq "^pfad_inspect: $2" stderr.txt
    check "$1: no verdict" test ! -s stdout.txt
}
said "an empty standard input" "standard input: is not a PNG, JPEG or BMP picture" - </dev/null
head -c 500 "$picture" >cut
said "half a picture" "standard input: is truncated" - <cut
said "standard input twice" "-: standard input is one picture" - - <"$picture"

# In tiles of 64x64, the model's size, 160x160 pixels are nine.
ends 0 "tiles" "${inspect[@]}" --json --threshold 1 --tiles 0 "$picture"
tiled=$(score)
check "have a score of their own" test "$tiled" != "$expected"
ends 0 "tiles of the model's size" "${inspect[@]}" --json --threshold 1 --tiles 64 "$picture"
check "are the same" test "$(score)" = "$tiled"
ends 0 "one tile" "${inspect[@]}" --json --threshold 1 --tiles 160 "$picture"
check "has the map of the whole, and so a score near its" \
    awk -v a="$(score)" -v b="$expected" 'BEGIN { exit !((a - b) ^ 2 < 0.01) }'
ends 1 "tiles with heat maps" "${inspect[@]}" --threshold 1e-6 --tiles 0 "$picture" --out tiled
check "have one of the picture's size" grep -Eq "  DEFECT  1 region, 160x160 at \(0, 0\)  tiled/" stdout.txt
said "tiles of 31" "--tiles: a tile's side is 0 or at least 32 pixels" "$picture" --tiles 31
said "tiles of no number" ".*--tiles" "$picture" --tiles large

"${inspect[@]}" "$picture" >/dev/full 2>stderr.txt
check "a full disk is status 2" test $? -eq 2
check "and told" grep -q "^pfad_inspect: standard output: cannot be written" stderr.txt
finish
