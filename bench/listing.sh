#!/usr/bin/env bash
# How long it takes to list and check very many files.
#
#   listing.sh [--images N] [--dir DIR]
#
# Makes a folder of N pictures (100,000 unless told) in ten class folders under
# DIR, which is kept and used again where it is named, and prints the seconds
# that `data check` takes over it, twice: the second time the files are in the
# system's memory.  A thousand pictures are different, the others are links to
# them, so that the disk holds little while every file is read and decoded.
set -u
cd "$(dirname "$0")/.." || exit 1
supernet=${BUILD:-build}/supernet
images=100000 dir=

while [ $# -gt 0 ]; do
    case $1 in
    --images) images=${2:?} ;;
    --dir) dir=${2:?} ;;
    *) echo "listing.sh: $1 is unknown" >&2 && exit 2 ;;
    esac
    shift 2
done

if [ -z "$dir" ]; then
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
fi

if [ ! -e "$dir/set" ]; then
    "$supernet" data write --set scenes -s data.train=1000 -s data.test=20 \
        -s data.size=32 -o "$dir/seed" >/dev/null || exit 1
    for class in "$dir"/seed/train/*; do
        mkdir -p "$dir/making/${class##*/}"
        for ((i = 0; i < images / 1000; i++)); do
            cp -rl "$class" "$dir/making/${class##*/}/$i" || exit 1
        done
    done
    mv "$dir/making" "$dir/set" || exit 1
fi

for round in first second; do
    start=$EPOCHREALTIME
    "$supernet" data check "$dir/set" >"$dir/report"
    took=$(((${EPOCHREALTIME/./} - ${start/./}) / 10000))
    printf '%s: %d.%02d s; %s\n' "$round" $((took / 100)) $((took % 100)) \
        "$(tail -n 1 "$dir/report")"
done
