#!/usr/bin/env bash
# pfad_opencv_inspect without a display: pictures, videos that are whole, cut or none, and no window.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
succeeds "train" pfad_train --data tiny --textures paint --teacher random --out model "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 --checkpoint-every 0
inspect=(pfad_opencv_inspect --model model/model.safetensors)
unset DISPLAY WAYLAND_DISPLAY QT_QPA_PLATFORM
mkdir none

# Pictures: what pfad_inspect says and draws of them.
mapfile -t pictures < <(ls demo/flange/test/pit/* | head -n 6)
mkdir shots && cp "${pictures[@]}" shots
inspects "pfad_inspect" pfad_inspect --model model/model.safetensors shots/* --out plain
sed 's/plain/seen/' stdout.txt >expected.txt
inspects "a folder of pictures" "${inspect[@]}" shots --out seen
check "the same lines" cmp -s stdout.txt expected.txt
check "the same heat maps" diff -r plain seen
inspects "a picture" "${inspect[@]}" shots/"$(ls shots | head -n 1)" --out single
check "its line" test "$(sed 's/single/seen/' stdout.txt)" = "$(head -n 1 expected.txt)"
inspects "every one a defect" "${inspect[@]}" shots --threshold 1e-6 --out seen
check "six of them" test "$(grep -c "  DEFECT  " stdout.txt)" -eq 6
inspects "none" "${inspect[@]}" shots --threshold 1 --out seen

# Videos, which the program makes of pictures, and frames in files again.
for kind in avi mkv mp4; do
    inspects "pictures into $kind" "${inspect[@]}" shots --out "six.$kind"
    check "six frames" grep -q "^six.$kind written, 6 frames$" stdout.txt
    inspects "$kind into pictures" "${inspect[@]}" "six.$kind" --out "frames_$kind"
    check "six lines" test "$(grep -Ec "^six.$kind frame [1-6]  score 0\.[0-9]+  threshold " stdout.txt)" -eq 6
    check "six heat maps" test "$(ls "frames_$kind" | tr '\n' ' ')" = \
        "$(printf 'six_%06d.png ' 1 2 3 4 5 6)"
done
check "no temporary file is left" test -z "$(find . -name '*.tmp*')"

# Through a link, with the mode of the file that is replaced; what a killed run has left goes.
mkdir kept
cp six.avi kept/real.avi
chmod 640 kept/real.avi
touch kept/real.99999-0.tmp.avi
ln -s kept/real.avi link.avi
inspects "a video through a link" "${inspect[@]}" six.mkv --out link.avi
check "the link is still one" test -L link.avi
check "its video is new" test "$(cksum <kept/real.avi)" != "$(cksum <six.avi)"
check "with the old mode" test "$(stat -c %a kept/real.avi)" = 640
check "leftovers are gone" test "$(ls kept)" = real.avi

# Turned videos are upright: the matrix of a track (ISO 14496-12, 8.3.2), whose first four of nine numbers are
# 1 0 0 1 as they are written, says how.
at=$(LC_ALL=C grep -obUaP '\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00' six.mp4 |
    tail -n 1 | cut -d: -f1)
one='\0\1\0\0' zero='\0\0\0\0' minus='\377\377\0\0'
frames=$(cksum <frames_mp4/six_000001.png)
for turn in "$zero$one$zero$minus$zero" "$minus$zero$zero$zero$minus" "$zero$minus$zero$one$zero"; do
    cp six.mp4 turned.mp4
    # shellcheck disable=SC2059
    printf "$turn" | dd of=turned.mp4 bs=1 seek="$at" conv=notrunc status=none
    inspects "a turned video" "${inspect[@]}" turned.mp4 --out turned
    frames+=$'\n'$(cksum <turned/turned_000001.png)
done
check "each turn shows another picture" test "$(sort -u <<<"$frames" | wc -l)" -eq 4
rm -r turned turned.mp4

# cut KIND BYTES: the video without its end is status 2 with one line, and what is before is inspected.
cut() {
    head -c "$2" "six.$1" >"cut.$1"
    "$bin/${inspect[0]}" "${inspect[@]:1}" "cut.$1" --out before.avi >stdout.txt 2>stderr.txt
    check "$1 of $2 bytes: status 2" test $? -eq 2
    check "$1 of $2 bytes: one line" test "$(wc -l <stderr.txt)" -eq 1
}
bytes=$(stat -c %s six.avi)
for kind in avi mkv; do
    cut $kind $((bytes * 6 / 10))
    whole=$(grep -c "^cut.$kind frame " stdout.txt)
    check "$kind: some frames are whole" test "$whole" -ge 1 -a "$whole" -lt 6
    check "$kind: the next one is named" grep -Eq "^pfad_opencv_inspect: cut.$kind: is truncated, $((bytes * 6 / 10)) of at least [0-9]+ bytes are there: frame $((whole + 1)) of 6 is not whole$" stderr.txt
    check "$kind: the output is closed" grep -q "^before.avi written, $whole frames$" stdout.txt
    inspects "$kind: and whole" "${inspect[@]}" before.avi --out again
    check "$kind: with these frames" test "$(grep -c "^before.avi frame " stdout.txt)" -eq "$whole"
done
cut avi $((bytes - 1))
check "avi: its index alone is cut" grep -q ": there is no whole frame 7$" stderr.txt
rm before.avi
cut mp4 $(($(stat -c %s six.mp4) / 2))
check "mp4: its index is at the end" grep -q "^pfad_opencv_inspect: cut.mp4: is truncated, .*: no frame of it can be read$" stderr.txt
check "mp4: nothing is written" test ! -e before.avi
cut avi 3000
check "avi: before its first frame" grep -Eq "cut.avi: is truncated, .*: (frame 1 of 6 is not whole|no frame of it can be read)$" stderr.txt
check "avi: nothing is written then" test ! -e before.avi

# What is wrong.
refuses "no window" "no window can be opened here; --out" none "${inspect[@]}" shots
DISPLAY=:4711 refuses "a display that is gone" "no window can be opened here; --out" none "${inspect[@]}" shots
refuses "no source" "give a folder, a picture or a video, or a --camera" none "${inspect[@]}" --out none
refuses "two sources" "give a folder, a picture or a video, or a --camera" none \
    "${inspect[@]}" shots --camera 0 --out none
refuses "a camera that is not here" "camera 1000: cannot be opened" none \
    "${inspect[@]}" --camera 1000 --out none
refuses "no such source" "gone: there is no such folder or file" none "${inspect[@]}" gone --out none
refuses "a folder without pictures" "none: there is no PNG" none "${inspect[@]}" none --out none
echo text >text.avi
refuses "text" "text.avi: is no video that OpenCV reads" none "${inspect[@]}" text.avi --out none
refuses "over the video that is read" "six.avi: is the file that is read" none \
    "${inspect[@]}" six.avi --out ./six.avi
refuses "over the pictures that are read" "is the file that is read" shots \
    "${inspect[@]}" shots --out shots
refuses "a video below a file" "text.avi/a.avi: cannot be written" none \
    "${inspect[@]}" shots --out text.avi/a.avi
head -c 500 shots/"$(ls shots | head -n 1)" >shots/zz.png
refuses "half a picture" "shots/zz.png: is truncated" none "${inspect[@]}" shots --out seen
refuses "half a picture, into a video" "shots/zz.png: is truncated" none \
    "${inspect[@]}" shots --out half.avi
check "which holds the others" grep -q "^half.avi written, 6 frames$" stdout.txt
cp frames_avi/six_000001.png shots/zz.png # with its line of text
refuses "another size, into a video" "half.avi: a picture has another size" none \
    "${inspect[@]}" shots --out half.avi
printf '\0\0\0\20ftypisom\0\0\0\0\0\0\0\1mdat\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >placeholder.mp4
refuses "a length that was never filled in" "placeholder.mp4: is no video that OpenCV reads" none \
    "${inspect[@]}" placeholder.mp4 --out seen
trap '' XFSZ
before=$(cksum <six.avi)
(ulimit -f 8 && "$bin/${inspect[0]}" "${inspect[@]:1}" six.mp4 --out six.avi) >/dev/null 2>stderr.txt
check "a full disk is status 2" test $? -eq 2
check "and told in one line" grep -Eqx "pfad_opencv_inspect: six.avi: cannot be written, the disk may be full" stderr.txt
check "what was there stays" test "$before" = "$(cksum <six.avi)"
(ulimit -f 0 && "$bin/${inspect[0]}" "${inspect[@]:1}" six.mp4 --out six.avi) 2>&1 >/dev/null | cat >stderr.txt
check "a disk full from the first byte is status 2" test "${PIPESTATUS[0]}" -eq 2
check "what was there stays, too" test "$before" = "$(cksum <six.avi)"
check "and no temporary file" test -z "$(find . -name '*.tmp*')"
"$bin/${inspect[0]}" "${inspect[@]:1}" six.mp4 --out seen >/dev/full 2>stderr.txt
check "a full output is status 2" test $? -eq 2
check "and told" grep -q "standard output: cannot be written" stderr.txt
finish
