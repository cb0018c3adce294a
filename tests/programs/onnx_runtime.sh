#!/usr/bin/env bash
# onnx_inspect beside pfad_inspect: the same scores, verdicts and pictures, by another runtime; and refusals.
source "$(dirname "$0")/support.bash"
# The ONNX library of Debian 13 tells on standard error of every operator that ONNX Runtime adds once more.
onnx_inspect() {
    "$bin/onnx_inspect" "$@" 2>stderr_all.txt
    local status=$?
    grep -vE '^(Schema error.*)?$' stderr_all.txt >stderr.txt
    return $status
}

make_tiny_category || exit 1
mkdir out
succeeds "train" pfad_train --data tiny --textures paint --teacher random --out model "${small[@]}" \
    --student-iterations 2 --segmentation-iterations 2 --checkpoint-every 0
succeeds "export" pfad_export --model model/model.safetensors --onnx model.onnx

pictures=(tiny/test/*/*.png)
arguments=()
for i in "${!pictures[@]}"; do
    arguments+=("${pictures[i]}" --out "out/$i.png")
done
onnx_inspect model.onnx "${arguments[@]}" >found.txt
status=$?
inspects "beside pfad_inspect" pfad_inspect --model model/model.safetensors --out heat "${pictures[@]}"
check "nothing on standard error" test ! -s stderr.txt
check "a line a picture" test "$(wc -l <found.txt)" -eq "${#pictures[@]}"
expected=0
! grep -q DEFECT found.txt || expected=1
check "the exit status is the verdict" test "$status" -eq "$expected"
paste found.txt stdout.txt >both.txt
check "the pictures, thresholds and verdicts of pfad_inspect, scores within a ten-thousandth" awk '
    { for (i = 1; i <= NF; ++i) if ($i == "score") at[++n] = i }
    { a = at[1]; b = at[2]; n = 0; d = $(a + 1) - $(b + 1) }
    $(a - 1) != $(b - 1) || $(a + 3) != $(b + 3) || $(a + 4) != $(b + 4) || d > 1.01e-4 || d < -1.01e-4 { exit 1 }' both.txt
check "a heat map each" test "$(find out -name '*.png' | wc -l)" -eq "${#pictures[@]}"

# fails LABEL PATTERN ARGUMENTS...
fails() {
    onnx_inspect "${@:3}" >stdout.txt
    [[ $? -eq 2 && $(wc -l <stderr.txt) -eq 1 ]] && grep -Eq "^onnx_inspect: .*$2" stderr.txt
    say $? "$1" "$(cat stderr.txt)"
}
fails "nothing" "give a model and pictures"
fails "no such model" "gone.onnx" gone.onnx "${pictures[0]}"
fails "another file" "failed" "${pictures[0]}" "${pictures[0]}"
fails "no such picture" "gone.png: there is no such file" model.onnx gone.png
fails "no picture" "is not a PNG, JPEG or BMP picture" model.onnx model.onnx
fails "no such folder" "out/none/a.png: " model.onnx "${pictures[0]}" --out out/none/a.png
before=$(cksum <"${pictures[0]}")
fails "over a picture" "is to be read" model.onnx "${pictures[1]}" --out "${pictures[0]}" "${pictures[0]}"
check "which stays as it was" test "$before" = "$(cksum <"${pictures[0]}")"
sed 's/threshold/thresh0ld/' model.onnx >other.onnx
fails "a file that does not say its threshold" "does not say its threshold" other.onnx "${pictures[0]}"
finish
