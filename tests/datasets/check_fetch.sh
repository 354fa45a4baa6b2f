#!/usr/bin/env bash
# datasets/fetch.sh without a network: a copy of it fills a folder of its own
# from ../shared/data, and refuses what is damaged.
set -u
passed=0 failed=0 skipped=0
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/datasets"
cp "$root/datasets/fetch.sh" "$work/datasets/"
fetch=$work/datasets/fetch.sh
data=$work/datasets/data
cd "$work" || exit 1
unset FROM

# says STATUS WORDS COMMAND...: it ends so, with these words in its output
says() {
    local status=$1 words=$2 output rc=0
    shift 2
    output=$("$@" 2>&1) || rc=$?
    if [ "$rc" -eq "$status" ] && [[ $output == *"$words"* ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n  expected status %s with: %s\n  found %s: %s\n' \
            "$*" "$status" "$words" "$rc" "$output"
    fi
}

says 2 'usage: datasets/fetch.sh NAME...' "$fetch"
says 2 "unknown data set 'mnist'; there are: fashion-mnist cifar10 cifar100" \
    "$fetch" mnist
says 0 'cifar100' "$fetch" --list
says 1 'FROM=/no/such/folder: no such folder' \
    env FROM=/no/such/folder "$fetch" cifar10
mkdir empty
says 1 'FROM=empty holds none of: cifar-10-binary.tar.xz' \
    env FROM=empty "$fetch" cifar10
says 1 'FROM=empty holds none of: train-images-idx3-ubyte.gz' \
    env FROM=empty "$fetch" fashion-mnist
echo damaged >empty/cifar-10-binary.tar.gz
says 1 'cifar-10-binary.tar.gz is damaged or of another version' \
    env FROM=empty "$fetch" cifar10
says 1 '' test -e "$data/cifar10" # nothing half-done is left behind
says 1 '' compgen -G "$data/.unpack*"

archives=$root/../shared/data
if [ -f "$archives/fashion-mnist/t10k-labels-idx1-ubyte.gz" ]; then
    export FROM=$archives
    says 0 'fashion-mnist: ready in ' "$fetch" fashion-mnist
    says 0 'fashion-mnist: present in ' "$fetch" fashion-mnist
    says 0 'present' "$fetch" --list
    says 0 'Ankle boot' tail -n 1 "$data/fashion-mnist/classes.txt"
    truncate -s 1000 "$data/fashion-mnist/train-images-idx3-ubyte.gz"
    says 0 'was incomplete and is replaced' "$fetch" fashion-mnist
    says 0 '' cmp "$data/fashion-mnist/train-images-idx3-ubyte.gz" \
        "$archives/fashion-mnist/train-images-idx3-ubyte.gz"
    cd / && says 0 'present in ' "$fetch" fashion-mnist
else
    echo 'skipped: ../shared/data/fashion-mnist is not there'
    skipped=7
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
