#!/bin/sh
# make bench: what the machine can do, what every convolution of shapes.csv
# reaches of it, and the training steps of the nets.
#
#   bench.sh [ARGUMENTS of both programs, e.g. --threads 1 --isa avx2]
set -eu
bin=${BUILD:-build}/bench
"$bin/kernels" "$@"
for net in A B C D; do
    echo
    "$bin/step" --net $net --profile "$@"
done
