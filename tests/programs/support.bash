# What the tests of the programs share: checks that count, a tiny category, files by hand.
set -uo pipefail

bin=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0
failed=0

# say OK LABEL [DETAIL]: counts one check; OK is 0 where it passed.
say() {
    if [[ $1 -eq 0 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
        [[ $# -lt 3 ]] || echo "        $3"
    fi
}

# check LABEL COMMAND...
check() {
    local label=$1
    shift
    "$@"
    say $? "$label"
}

finish() {
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
    exit
}

# settle PROGRAM ARGUMENTS...: sets `command`, in which an option that is given twice has its last
# value, so that tests change one option of a list; the programs refuse repetition.
settle() {
    local -A places=()
    command=("$bin/$1")
    shift
    while [[ $# -gt 0 ]]; do
        if [[ $1 == --* && ! $1 =~ ^--(resume|plain|record)$ && -n ${places[$1]:-} ]]; then
            command[places[$1]]=$2
            shift 2
        elif [[ $1 == --* && ! $1 =~ ^--(resume|plain|record)$ ]]; then
            command+=("$1" "$2")
            places[$1]=$((${#command[@]} - 1))
            shift 2
        else
            command+=("$1")
            shift
        fi
    done
}

# refuses LABEL PATTERN FOLDER PROGRAM ARGUMENTS...: the program ends with status 2, says one line on
# stderr that matches PATTERN, and leaves no file that was not in FOLDER before.
refuses() {
    local label=$1 pattern=$2 folder=$3 before after status problem= command
    shift 3
    settle "$@"
    before=$(list "$folder")
    "${command[@]}" >stdout.txt 2>stderr.txt
    status=$?
    after=$(list "$folder")
    [[ $status -eq 2 ]] || problem+=" status $status;"
    [[ $(wc -l <stderr.txt) -eq 1 ]] || problem+=" not one line;"
    grep -Eq "^$1: .*($pattern)" stderr.txt || problem+=" no match of \"$pattern\";"
    [[ $before == "$after" ]] || problem+=" files changed: $after;"
    [[ -z $problem ]]
    say $? "$label" "$problem stderr: $(head -c 400 stderr.txt)"
}

# Every file of a folder with its size.
list() {
    [[ -d $1 ]] && find "$1" -type f -printf '%P %s\n' | sort
}

# succeeds LABEL PROGRAM ARGUMENTS...; its stdout is in stdout.txt.
succeeds() {
    local label=$1 command
    settle "${@:2}"
    "${command[@]}" >stdout.txt 2>stderr.txt
    say $? "$label" "stderr: $(head -c 400 stderr.txt)"
}

# inspects LABEL PROGRAM ARGUMENTS...: the same of pfad_inspect, whose status is 1 where its stdout
# tells of a defect.
inspects() {
    local label=$1 expected=0 command
    settle "${@:2}"
    "${command[@]}" >stdout.txt 2>stderr.txt
    local status=$?
    ! grep -Eq '  DEFECT|"defect":true' stdout.txt || expected=1
    [[ $status -eq $expected && -s stdout.txt ]]
    say $? "$label" "status $status; stderr: $(head -c 400 stderr.txt)"
}

# The demo's pictures in demo/, and a few of them as the category tiny/ with the textures paint/.
make_tiny_category() {
    "$bin/pfad_make_demo" --out demo >/dev/null || return
    local picture name
    mkdir -p tiny/train/good tiny/test/good tiny/test/pit tiny/ground_truth/pit paint
    for picture in $(ls demo/flange/train/good/* | head -n 4); do
        cp "$picture" tiny/train/good
    done
    for picture in $(ls demo/flange/test/good/* | head -n 2); do
        cp "$picture" tiny/test/good
    done
    for picture in $(ls demo/flange/test/pit/* | head -n 2); do
        cp "$picture" tiny/test/pit
        name=$(basename "$picture" .png)
        cp "demo/flange/ground_truth/pit/${name}_mask.png" tiny/ground_truth/pit
    done
    for picture in $(ls demo/textures/* | head -n 2); do
        cp "$picture" paint
    done
}

# The smallest network on small pictures, so that a run takes seconds. At 32x32 two pictures give the
# deepest batch norms two values, and the first steps may diverge.
small=(--size 64 --batch 2 --rcm off --aff off --pcar off --threads 2)

# safetensors FILE HEADER [BYTES]: a file with this JSON header and so many bytes of zeros.
safetensors() {
    local length=${#2} i
    {
        for ((i = 0; i < 8; ++i)); do
            # shellcheck disable=SC2059
            printf "\\x$(printf %02x $(((length >> (8 * i)) & 255)))"
        done
        printf %s "$2"
        head -c "${3:-0}" /dev/zero
    } >"$1"
}

# The length of a safetensors file's header.
header_length() {
    od -An -t u8 -N 8 "$1" | tr -d ' '
}

# weights FILE: the elements, without the header and what it says of the run.
weights() {
    tail -c +$((9 + $(header_length "$1"))) "$1"
}

# model_saying FILE OLD NEW: model.safetensors with other text, as long, in its header.
model_saying() {
    local header length
    length=$(header_length model/model.safetensors)
    header=$(tail -c +9 model/model.safetensors | head -c "$length")
    [[ ${#2} -eq ${#3} && $header == *"$2"* ]] || return
    {
        head -c 8 model/model.safetensors
        printf %s "${header/"$2"/"$3"}"
        weights model/model.safetensors
    } >"$1"
}
