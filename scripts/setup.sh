#!/usr/bin/env bash
# Installs the packages that pfad needs, on Debian 12, 13 and Ubuntu 24.04. Does nothing when all are there;
# otherwise needs root or sudo.
#
#   scripts/setup.sh demo       what it takes to build and run the programs of scripts/demo.sh
#   scripts/setup.sh [tests]    that, and what scripts/test.sh needs beside it
set -euo pipefail

demo=(g++ cmake ninja-build libdnnl-dev libstb-dev libpng-dev libjpeg-dev nlohmann-json3-dev libcli11-dev)
tests=(
    build-essential pkg-config time ccache lld
    catch2 libbenchmark-dev libboost-context-dev clang libomp-dev clang-format doxygen libopencv-dev
    libprotobuf-dev libonnx-dev python3-venv
)

fail() {
    echo "setup.sh: $1" >&2
    exit 2
}

(($# <= 1)) || fail "one of demo and tests is all it takes, not $*"
case ${1:-tests} in
demo) packages=("${demo[@]}") ;;
tests) packages=("${demo[@]}" "${tests[@]}") ;;
-h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
*) fail "demo and tests are what it can set up, not $1" ;;
esac

# shellcheck disable=SC2016 # the braces are dpkg-query's
mapfile -t missing < <(printf '%s\n' "${packages[@]}" | grep -vxFf <(
    dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
        sed -n 's/ installed$//p'
))
((${#missing[@]})) || exit 0

command -v apt-get >/dev/null || fail "there is no apt-get here; install what Debian calls ${missing[*]}"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null || fail "installing ${missing[*]} needs root, and there is no sudo"
    sudo true || fail "installing ${missing[*]} needs root, and sudo refuses"
    as_root=(sudo)
fi

log=$(mktemp)
# Where files are replaced, apt-get itself lets nothing stop it, and ends.
trap 'rm -f "$log"; exit 130' INT TERM

# get ARGUMENTS...: apt-get without questions; one that runs already may end first.
get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
        apt-get --quiet --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" 2>&1
}

# progress COUNT: keeps in the log what apt-get says, and shows how far it is with so many packages, each of
# which is downloaded, unpacked and set up: in one line of a terminal, elsewhere now and then.
progress() {
    trap '' INT
    local line words last="" step=0 all=$((3 * $1))
    while read -r line; do
        echo "$line" >>"$log"
        read -ra words <<<"$line"
        case $line in
        Get:*) line="Downloading ${words[4]:-}" ;;
        Unpacking* | "Setting up"*) line=${line%% (*} ;;
        "Waiting for cache lock"*) line="Waiting for another program that installs" ;;
        *) continue ;;
        esac
        [[ $line != "$last" ]] || continue
        last=$line
        if [[ -t 1 ]]; then
            printf '\r\033[K[%d/%d] %.60s' "$step" "$all" "$line"
        elif ((step % 50 == 0)); then
            printf '[%d/%d] %s\n' "$step" "$all" "$line"
        fi
        step=$((step + 1))
    done
    [[ ! -t 1 ]] || printf '\r\033[K'
}

echo "Looking for packages (10 seconds)..."
# A source that is out of reach may not be needed: whether packages can be installed, the next command says.
get update >>"$log" || true
count=$(apt-get --simulate --no-install-recommends install "${missing[@]}" 2>/dev/null | grep -c '^Inst ') || count=${#missing[@]}
echo "Installing $count packages (about $((1 + count / 100)) min)..."
if ! get install "${missing[@]}" | progress "$count"; then
    fail "apt-get does not install ${missing[*]}: $(grep -m 1 -E '^E: |^W: Failed to fetch' "$log" || echo "it gives no reason"); all that it said is in $log"
fi
rm -f "$log"
