#!/usr/bin/env bash
# scripts/setup.sh and demo.sh: what they refuse before they do anything, and what setup.sh asks of apt-get,
# with stand-ins for it.
scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)
source "$(dirname "$0")/support.bash"
bin=$scripts
settle() { # as it is: options of a script may lack their value
    command=("$bin/$1" "${@:2}")
}

mkdir there
real=(demo.sh --data there --textures there --teacher)
refuses "demo: an option without its value" "--out needs a value" there demo.sh --out
refuses "demo: pictures without textures" "needs all three: --data CATEGORY --textures DIR --teacher FILE" there \
    demo.sh --data there
refuses "demo: a teacher that is not there" "gone.pth does not exist" there "${real[@]}" gone.pth
succeeds "demo: help" demo.sh --help
check "has the options" grep -q -- "--data CATEGORY" stdout.txt
succeeds "setup: help" setup.sh --help
check "has both ways" test "$(grep -cE 'setup.sh (demo|\[tests\])' stdout.txt)" -eq 2
refuses "setup: something else" "demo and tests are what it can set up, not all" there setup.sh all
refuses "setup: two words" "not demo tests" there setup.sh demo tests

# A machine whose packages are those of installed.txt; `id` says user.txt.
mkdir machine tmp
for tool in bash cat env grep mktemp rm sed; do
    ln -s "$(command -v $tool)" machine
done
stand_in() {
    { echo '#!/usr/bin/env bash'; cat; } >"machine/$1"
    chmod +x "machine/$1"
}
settle() {
    command=(env PATH="$PWD/machine" TMPDIR="$PWD/tmp" "$bin/$1" "${@:2}")
}
stand_in id <<<'cat user.txt'
stand_in dpkg-query <<'SCRIPT'
while read -r package; do
    [[ " $* " != *" $package "* ]] || echo "$package installed"
done <installed.txt
SCRIPT
echo 1000 >user.txt && touch installed.txt
refuses "setup: no apt-get" "there is no apt-get here; install what Debian calls g\+\+ " tmp setup.sh demo
stand_in apt-get <<'SCRIPT'
case " $* " in
*" update "*) ;;
*" --simulate "*) echo "Inst ninja-build (1.11 Debian)" ;;
*)
    for word in "$@"; do
        echo "$word"
    done | sed '1,/^install$/d' >asked.txt
    echo "Get:1 http://here stable/main amd64 ninja-build amd64 1.11 [1 kB]"
    cat refusal.txt 2>/dev/null && exit 100
    echo "Setting up ninja-build (1.11) ..."
    ;;
esac
SCRIPT
refuses "setup: neither root nor sudo" "installing g\+\+ .* needs root, and there is no sudo" tmp setup.sh demo
stand_in sudo <<<'exit 1'
refuses "setup: no right to sudo" "installing g\+\+ .* needs root, and sudo refuses" tmp setup.sh demo
check "and apt-get was not asked" test ! -e asked.txt

stand_in sudo <<<'"$@"'
succeeds "setup: the demo's packages with sudo" setup.sh demo
check "says how many" grep -q "^Installing 1 packages" stdout.txt
sort asked.txt >demo.txt
echo 0 >user.txt
succeeds "setup: everything as root" setup.sh
check "each once" test -z "$(sort asked.txt | uniq -d)"
check "the demo's are among them" test -z "$(sort asked.txt | comm -13 - demo.txt)"
for package in g++ ninja-build libdnnl-dev; do
    check "the demo has $package" grep -qxF $package demo.txt
done
for package in libopencv-dev libonnx-dev catch2 libbenchmark-dev clang doxygen ccache lld; do
    check "the tests have $package" grep -qx $package asked.txt
    check "the demo has no $package" test -z "$(grep -x $package demo.txt)"
done
cp asked.txt installed.txt
succeeds "setup: nothing is missing" setup.sh tests
check "is silent" test ! -s stdout.txt

grep -v ninja-build asked.txt >installed.txt
echo "E: Unable to locate package ninja-build" >refusal.txt
check "no log is left" test -z "$(ls tmp)"
refuses "setup: apt-get fails" "apt-get does not install ninja-build: E: Unable to locate package ninja-build; all that it said is in " \
    none setup.sh demo
check "its log is kept" grep -q "Unable to locate" tmp/*
finish
