#!/bin/sh
# Runs simt_planted: planted.sh FOLDER address|thread|none, FOLDER is where the program is, the
# second argument the sanitizer it was built with. Each bug that this sanitizer is for must end the
# program with a report that names the planted line, and without bugs there must be none.
set -u

program=$1/simt_planted
source=$(dirname "$0")/planted.cpp
case $2 in
address)
    bugs="global_load global_store static_load static_store dynamic_load dynamic_store"
    bugs="$bugs local_store misaligned"
    says="ERROR: AddressSanitizer: \|runtime error: "
    ;;
thread)
    bugs="missing_barrier missing_second_barrier half_barrier shuffle_is_no_barrier blocks_add"
    bugs="$bugs block_reads_block"
    says="WARNING: ThreadSanitizer: data race"
    ;;
none)
    bugs=""
    says=""
    ;;
*)
    echo "usage: planted.sh FOLDER address|thread|none"
    exit 2
    ;;
esac

failed=0
wrong() {
    echo "$1"
    echo "$report"
    failed=1
}

report=$("$program" clean 2>&1) || wrong "clean kernels: a report"

for bug in $bugs; do
    line=$(grep -n "// planted: $bug\$" "$source" | cut -d: -f1)
    if report=$("$program" "$bug" 2>&1); then
        wrong "$bug: not found"
    elif ! echo "$report" | grep -q "$says"; then
        wrong "$bug: not found by the sanitizer"
    elif ! echo "$report" | grep -q "planted.cpp:$line\b"; then
        wrong "$bug: the report does not name line $line"
    fi
done
[ $failed = 0 ] && echo "planted bugs found: ${bugs:-none asked for}"
exit $failed
