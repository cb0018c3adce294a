#!/usr/bin/env bash
# Runs pfad's main job: installs what is missing, builds, trains on good pictures, finds defects in new
# ones, and writes a page about it.
#
#   scripts/demo.sh                                      pictures drawn by pfad, a random teacher
#   scripts/demo.sh --data CATEGORY --textures DIR --teacher FILE [more options of pfad_train]
#
# --out DIR is where everything goes (default: build/demo).
set -euo pipefail

fail() {
    echo "demo.sh: $1" >&2
    exit 2
}

data="" textures="" teacher="" out=""
more=()
while (($#)); do
    case $1 in
    --data | --textures | --teacher | --out)
        (($# >= 2)) || fail "$1 needs a value"
        declare "${1#--}=$2"
        shift 2
        ;;
    -h | --help)
        sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        more+=("$1")
        shift
        ;;
    esac
done
if [[ -n $data$textures$teacher && ( -z $data || -z $textures || -z $teacher ) ]]; then
    fail "a real set needs all three: --data CATEGORY --textures DIR --teacher FILE"
fi
for given in "$data" "$textures" "$teacher"; do
    [[ -z $given || -e $given ]] || fail "$given does not exist"
done

# Paths are those of the caller's folder.
for path in data textures teacher out; do
    [[ -z ${!path} ]] || declare "$path=$(realpath -m "${!path}")"
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -n $out ]] || out=build/demo

trap 'echo; echo "demo.sh: stopped; call it again to finish"; exit 130' INT TERM
times="6 minutes on two idle cores, half of it to install and build what is not there yet"
[[ -z $data ]] || times="10 to 30 minutes on two idle cores unless options of pfad_train say otherwise"
echo "Installs what is missing, builds, trains and inspects: about $times."
scripts/setup.sh demo || exit

# A tree that is there keeps its options, the tests among them; these four programs are the same in any.
if [[ ! -e build/release/build.ninja ]] || ! cmake build/release >/dev/null 2>&1; then
    cmake --preset release --fresh -D PFAD_BUILD_TESTS=OFF -D PFAD_BUILD_BENCH=OFF >/dev/null ||
        fail "CMake cannot configure build/release, see above"
fi
echo "Building four programs (2 minutes on two cores the first time)..."
cmake --build build/release --target pfad_train pfad_evaluate pfad_inspect pfad_make_demo ||
    fail "the programs cannot be built, see above"
bin=build/release/bin
mkdir -p "$out"

# What two cores manage in a few minutes; options given on the command line come later and win.
options=(--size 128 --batch 8 --student-iterations 400 --segmentation-iterations 250)
if [[ -z $data ]]; then
    cat <<'TEXT'

No pictures were given, so pfad draws some itself: steel flanges, good ones and ones with pits, scratches
and stains. ImageNet weights are not part of pfad, so the teacher is random here, which finds less than
the real one. The real weights are torchvision's resnet18 (IMAGENET1K_V1), resnet18-f37072fd.pth; pass
them, with pictures of your own, as
    scripts/demo.sh --data CATEGORY --textures DIR --teacher resnet18-f37072fd.pth

TEXT
    rm -rf "$out/drawn"
    "$bin/pfad_make_demo" --out "$out/drawn"
    data=$out/drawn/flange textures=$out/drawn/textures teacher=random
    options=(--size 96 --batch 8 --student-iterations 150 --segmentation-iterations 100)
fi
[[ ! -e $out/run/checkpoint.safetensors ]] || options+=(--resume)
if [[ -e $out/run/model.safetensors ]]; then
    echo "The model of an earlier run is kept as $out/run/before.safetensors."
    mv "$out/run/model.safetensors" "$out/run/before.safetensors"
fi

echo "Training..."
"$bin/pfad_train" --data "$data" --textures "$textures" --teacher "$teacher" --out "$out/run" \
    "${options[@]}" ${more[@]+"${more[@]}"}
"$bin/pfad_evaluate" --model "$out/run/model.safetensors" --data "$data" \
    --json "$out/metrics.json" --report "$out/report.html"
pictures=()
for kind in "$data"/test/*/; do
    for picture in "$kind"*; do
        [[ -f $picture ]] && pictures+=("$picture") && break
    done
done
# Status 1 says that there is a defect, as there should be.
"$bin/pfad_inspect" --model "$out/run/model.safetensors" --out "$out/inspected" "${pictures[@]}" ||
    [[ $? -eq 1 ]]
echo
echo "The whole took $((SECONDS / 60)) min $((SECONDS % 60)) s."
echo "The page: $out/report.html"
echo "The model: $out/run/model.safetensors; single pictures: $bin/pfad_inspect --help"
