#!/usr/bin/env bash
# make bench-peers: our training steps beside PyTorch's and our convolutions
# beside oneDNN's, one after the other in turns, so that whatever else the
# machine does falls on both.  A ratio is ours over theirs, taken within a pair;
# what is printed is the median of the pairs and their spread.
#
#   bench-peers.sh [--pairs N] [--nets "A B C D"] [--shapes NAME,...|none]
#                  [--precision "f32 bf16"] [--threads N] [--steps N]
#                  [--seconds S] [--compile] [--out FILE.csv]
#
# PyTorch runs with its malloc at its best (huge pages, nothing given back: page
# faults take a third of its step otherwise) and in both layouts, in f32 and
# under bf16's autocast, with --compile also compiled; the bar for our f32 is
# its best f32, for our bf16 its best of all.  oneDNN chooses its own layouts.
# Every single measurement is a row of the CSV.  A peer that is missing is
# skipped with a sentence.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=${BUILD:-build}/bench
pairs=3 nets="A B C D" shapes= precisions=f32 threads=$(nproc) steps=7
seconds=0.25 compile= out=$bin/peers.csv

fail() {
    echo "bench-peers.sh: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    [ "$1" = --compile ] && compile=1 && shift && continue
    [ $# -ge 2 ] || fail "$1 is unknown or needs a value"
    case $1 in
    --pairs) pairs=$2 ;;
    --nets) nets=$2 ;;
    --shapes) shapes=$2 ;;
    --precision) precisions=$2 ;;
    --threads) threads=$2 ;;
    --steps) steps=$2 ;;
    --seconds) seconds=$2 ;;
    --out) out=$2 ;;
    *) fail "unknown flag $1" ;;
    esac
    shift 2
done

malloc=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296
malloc+=:glibc.malloc.trim_threshold=17179869184
malloc+=:glibc.malloc.top_pad=268435456

echo "name,pass,precision,program,setting,pair,rate,peak_rss_mib" >"$out" ||
    fail "$out cannot be written"

# ---- nets: rows with an empty pass, rates in images a second ----

# A number or a word of a line of JSON.
json() { # KEY
    sed -n "s/.*\"$1\": \"\{0,1\}\([^,\"}]*\).*/\1/p"
}

# Takes the line a program printed into the CSV.
record() { # NET PRECISION PROGRAM SETTING PAIR LINE
    local rate rss
    rate=$(json img_s <<<"$6")
    rss=$(json peak_rss_mib <<<"$6")
    if [ -z "$rate" ]; then
        echo "  net $1: $3 $4 $2 failed" >&2
        return
    fi
    echo "$1,,$2,$3,$4,$5,$rate,$rss" >>"$out"
    printf '  net %s pair %d  %-8s %-12s %-5s %8.1f img/s %8.0f MiB\n' \
        "$1" "$5" "$3" "$4" "$2" "$rate" "$rss"
}

ours() { # NET PAIR
    local precision
    for precision in $precisions; do
        record "$1" "$precision" ours step "$2" "$("$bin/step" --net "$1" \
            --threads "$threads" --steps "$steps" --precision "$precision" --json)"
    done
}

theirs() { # NET PAIR
    local fmt precision more
    for precision in f32 bf16; do
        for fmt in nhwc nchw; do
            for more in "" ${compile:+--compile}; do
                [ "$1$more" = C--compile ] && continue # its net changes each step
                # shellcheck disable=SC2086 # an empty word is none
                record "$1" $precision torch "$fmt${more#-}" "$2" "$(
                    GLIBC_TUNABLES=$malloc OMP_NUM_THREADS=$threads python3 \
                        bench/peers/torch_step.py --net "$1" --fmt $fmt \
                        --precision $precision --threads "$threads" \
                        --steps "$steps" $more 2>/dev/null
                )"
            done
        done
    done
}

run_nets() {
    local net pair
    if ! python3 -c 'import torch' 2>/dev/null; then
        echo "PyTorch is not installed: no steps are compared."
        return
    fi
    for net in $nets; do
        for pair in $(seq "$pairs"); do
            if [ $((pair % 2)) -eq 1 ]; then
                ours "$net" "$pair"
                theirs "$net" "$pair"
            else
                theirs "$net" "$pair"
                ours "$net" "$pair"
            fi
        done
    done
}

# ---- shapes: rates in GFLOP/s ----

# Rows of `kernels --csv` into the CSV.
record_shapes() { # PROGRAM PAIR
    awk -F, -v OFS=, -v program="$1" -v pair="$2" \
        'NR > 1 { print $1, $2, $3, program, $5, pair, $7, "" }' >>"$out"
}

run_shape() { # NAME PAIR PROGRAM=PATH...
    local name=$1 pair=$2 precision program
    shift 2
    for precision in $precisions; do
        for program in "$@"; do
            "${program#*=}" --csv --only "$name" --precision "$precision" \
                --threads "$threads" --seconds "$seconds" |
                record_shapes "${program%%=*}" "$pair"
        done
    done
}

run_shapes() {
    local name pair rc programs
    [ "$shapes" = none ] && return
    "$bin/peers/dnnl" --version 2>/dev/null
    rc=$?
    if [ $rc -ne 0 ]; then
        echo "oneDNN is not installed (Debian: libdnnl-dev): no convolutions are compared."
        return
    fi
    for name in $(tail -n +2 bench/shapes.csv | cut -d, -f1); do
        [ -z "$shapes" ] || [[ ,$shapes, == *,$name,* ]] || continue
        for pair in $(seq "$pairs"); do
            programs=("ours=$bin/kernels" "onednn=$bin/peers/dnnl")
            [ $((pair % 2)) -eq 1 ] || programs=("${programs[1]}" "${programs[0]}")
            run_shape "$name" "$pair" "${programs[@]}"
        done
        echo "  $name"
    done
}

run_nets
run_shapes
echo
awk -f bench/peers/ratios.awk bench/shapes.csv "$out"
echo
echo "every measurement: $out"
