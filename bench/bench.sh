#!/bin/sh
# make bench: what the machine can do, what every convolution of shapes.csv
# reaches of it, alone and as inside a block, and the training steps of the nets.
#
#   bench.sh [FLAGS of both programs, e.g. --threads 1 --isa avx2]
set -eu
bin=${BUILD:-build}/bench
"$bin/kernels" "$@"
echo
"$bin/kernels" --fused "$@"
for net in A B C D; do
    echo
    "$bin/step" --net $net --profile "$@"
done
