#!/usr/bin/env bash
# pfad_inspect --watch: pictures that arrive, also in halves, and a folder that disappears.
source "$(dirname "$0")/support.bash"

make_tiny_category || exit 1
succeeds "train" pfad_train --data tiny --textures paint --teacher random --out model "${small[@]}" \
    --student-iterations 1 --segmentation-iterations 1 --checkpoint-every 0
mapfile -t pictures < <(ls demo/flange/test/good/* | head -n 3)
inspect=(pfad_inspect --model model/model.safetensors)

# prints N PATTERN: waits until so many lines of the watch match, a minute at the most.
prints() {
    local i
    for ((i = 0; i < 600; ++i)); do
        [[ $(grep -Ec "$2" lines.txt) -lt $1 ]] || return 0
        sleep 0.1
    done
    return 1
}

mkdir arrivals
cp "${pictures[0]}" arrivals/there.png
"$bin/${inspect[0]}" "${inspect[@]:1}" --watch arrivals --out seen --tiles 0 >lines.txt 2>errors.txt &
watch=$!
trap 'kill $watch 2>/dev/null; rm -rf "$work"' EXIT
verdict='^\{"defect":(true|false),"heat_map":"seen/[a-z_0-9]*.png","picture":"arrivals/'
check "a picture that is there" prints 1 "${verdict}there.png\",\"regions\":\\[.*\\],\"score\":0\."
check "its heat map" test -s seen/there.png
cp "${pictures[1]}" arrivals/later.png
check "a picture that arrives" prints 1 "${verdict}later.png"

# Written in halves, the second of which comes before the file counts as broken.
head -c 1000 "${pictures[2]}" >arrivals/halves.png
sleep 0.7
check "half a file is not reported" test "$(grep -c halves lines.txt)" -eq 0
tail -c +1001 "${pictures[2]}" >>arrivals/halves.png
check "a picture that is written slowly" prints 1 "${verdict}halves.png"
head -c 1000 "${pictures[2]}" >arrivals/broken.png
check "a file that stays broken is an error" \
    prints 1 '^\{"error":"arrivals/broken.png: is truncated","picture":"arrivals/broken.png"\}$'
cp "${pictures[2]}" arrivals/broken.png
check "until it is whole" prints 1 "${verdict}broken.png"
cp "${pictures[0]}" arrivals/hidden.tmp
mv arrivals/hidden.tmp arrivals/renamed.png
check "a file that is renamed" prints 1 "${verdict}renamed.png"
cp "${pictures[1]}" arrivals/there.png
check "a file that is replaced" prints 2 "${verdict}there.png"
check "has a heat map of its own" test -s seen/there_2.png
check "every other file has one line" test "$(wc -l <lines.txt)" -eq 7
check "it still runs" kill -0 $watch
rm -r arrivals
wait $watch
check "a folder that disappears is status 2" test $? -eq 2
check "and told in one line" \
    test "$(cat errors.txt)" = "pfad_inspect: arrivals: the watched folder has disappeared"
check "no line was added" test "$(wc -l <lines.txt)" -eq 7

# A watch that begins again goes on, and names nothing anew.
mkdir again
cp "${pictures[0]}" again/first.png
cp "${pictures[1]}" again/second.png
watch_again() {
    : >lines.txt
    "$bin/${inspect[0]}" "${inspect[@]:1}" --watch again --out went >lines.txt 2>errors.txt &
    watch=$!
}
watch_again
check "two pictures" prints 2 '"picture":"again/'
kill $watch
wait $watch
results=$(cksum went/*.png)
printf '{"picture":"first' >>went/watched.jsonl # a line that was cut
cp "${pictures[2]}" again/third.png
cp "${pictures[2]}" again/second.png
watch_again
check "what is new, and what has changed" prints 2 '"picture":"again/(third|second).png"'
sleep 0.5
check "and nothing else" test "$(wc -l <lines.txt)" -eq 2
check "its heat map has a name of its own" test -s went/second_2.png
check "those from before are as they were" test "$results" = "$(cksum went/first.png went/second.png)"

kill $watch
wait $watch
check "a line that was cut spoils none behind it" test "$(grep -c '^{"picture":"[a-z]*.png","version":\[[-0-9,]*\]}$' went/watched.jsonl)" -eq 4
watch_again
sleep 1.5
check "a third watch has nothing to do" test "$(wc -l <lines.txt)" -eq 0

# One name that a camera writes over and over, faster than anybody looks.
for ((i = 0; i < 40; ++i)); do
    cp "${pictures[$((i % 3))]}" again/camera.png
    sleep 0.05
done
check "some of them are inspected" prints 1 '"defect".*"picture":"again/camera.png"'
sleep 1
check "the last one, too" test "$(grep -c '"picture":"again/camera.png"' lines.txt)" -ge 2
check "no error" test "$(grep -c '"error"' lines.txt)" -eq 0
kill $watch
wait $watch

# A name that is no UTF-8, and a record that somebody removes.
cp "${pictures[0]}" again/$'\xff.png'
watch_again
check "a name that is no UTF-8" prints 1 '"picture":"again/.*png"'
rm went/watched.jsonl
cp "${pictures[1]}" again/last.png
check "without its record it goes on" prints 1 '"picture":"again/last.png"'
sleep 0.5
kill $watch
wait $watch
watch_again
sleep 1.5
check "which is there again, with all" test "$(wc -l <lines.txt)" -eq 0
kill $watch
wait $watch

refuses "watch: no such folder" "gone: there is no such folder" seen "${inspect[@]}" --watch gone
refuses "watch: a file" "lines.txt: this is not a folder" seen \
    "${inspect[@]}" --watch lines.txt
refuses "watch: with pictures" "give the pictures, or a folder to --watch" seen \
    "${inspect[@]}" --watch tiny/test/good "${pictures[0]}"
refuses "watch: results in the watched folder" "tiny/test/good/?: is the watched folder" tiny/test/good \
    "${inspect[@]}" --watch tiny/test/good --out tiny/test/good/
finish
