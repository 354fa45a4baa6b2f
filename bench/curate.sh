#!/usr/bin/env bash
# Curated widths against free ones: what does a search gain from few widths,
# multiples of what the device computes at once?
#
#   bench/curate.sh [SEEDS] [EPOCHS]     BUILD=build, EXTRA='-s key=value ...'
#
# The same small space on drawn pictures, widths searched in the same ranges:
# curate = yes steps them by the device's lanes, no by 4.  Printed for each:
#
#   frames    shapes of nets that the search can choose from
#   settles   the epoch from which the likeliest net no longer changes; mean
#   agrees    decisions on which all seeds end alike
#   idle      steps to a narrower stage that save no latency: a search that
#             looks at neighbours alone stops there
#   accuracy  of the derived nets on the test images; mean
set -u
seeds=${1:-3} epochs=${2:-6}
root=$(cd "$(dirname "$0")/.." && pwd)
supernet=${BUILD:-$root/build}/supernet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/space.ini" <<INI
[data]
set = scenes
train = 2000
test = 1000
size = 32
augment = flip, translate:2
[target]
file = $root/configs/targets/ne-1s.ini
[budget]
latency = 88 %
[space]
stem = 16
stem_stride = 2
head = 64
act = relu
op = ibn*, fused
e = 3
e_fused = 2
[stage.1]
width = 16..32
[stage.2]
width = 24..40
stride = 2
[stage.3]
width = 48..64
stride = 2
[search]
mode = single-path
epochs = $epochs
batch = 32
[train]
epochs = 2
batch = 64
[baseline]
train = cost-only
INI

# The likeliest options of every epoch: one line an epoch.
likeliest='NR > 1 {
    key = $2 "." $3 "." $4
    if ($1 != epoch) { if (epoch) print line(); epoch = $1; split("", best); n = 0 }
    if (!(key in best)) order[++n] = key
    if (!(key in best) || $6 > best[key]) { best[key] = $6; option[key] = $5 }
}
function line(  i, s) { for (i = 1; i <= n; i++) s = s " " option[order[i]]; return s }
END { print line() }'

# Frames differ in widths alone, the last stage counting least.
idle='BEGIN { split(widths, n, " ") }
NR > 1 {
    key = $1 "." $2 "." $3
    if ($4 == "fixed") time[$1] += $7
    else if (!(key in least) || $7 < least[key]) least[key] = $7
    if ($1 > frames) frames = $1
}
END {
    for (key in least) { split(key, part, "."); time[part[1]] += least[key] }
    for (f = 0; f < frames; f++) {
        unit = 1
        for (s = length(n); s >= 1; s--) {
            if (int(f / unit) % n[s] > 0) {
                steps++
                if (time[f + 1 - unit] >= time[f + 1]) none++
            }
            unit *= n[s]
        }
    }
    printf "%d %d of %d", frames, none, steps
}'

printf '%-8s %7s %8s %12s %12s %9s\n' curate frames settles agrees idle accuracy
for curate in yes no; do
    settled=0 accuracy=0
    : >"$work/ends"
    for ((seed = 1; seed <= seeds; seed++)); do
        run=$work/$curate-$seed
        # shellcheck disable=SC2086
        "$supernet" train "$work/space.ini" -q -o "$run" --seed "$seed" \
            -s space.curate=$curate ${EXTRA:-} >"$work/log" 2>&1 || {
            cat "$work/log" >&2
            exit 1
        }
        awk -F, "$likeliest" "$run/values.csv" >"$work/epochs"
        tail -n 1 "$work/epochs" >>"$work/ends"
        at=$(awk '$0 != last { at = NR } { last = $0 } END { print at }' "$work/epochs")
        settled=$((settled + at))
        value=$(sed -n 's/^  "value": \([0-9.]*\),.*/\1/p' "$run/result.json" | head -n 1)
        accuracy=$(awk "BEGIN { print $accuracy + $value }")
    done
    widths=$(awk -F, '$1 == 1 && $4 == "width" { n[$2]++ } END { print n[1] + 0, n[2] + 0, n[3] + 0 }' \
        "$work/$curate-1/values.csv" | sed 's/\b0\b/1/g')
    read -r frames none <<<"$(awk -F, -v widths="$widths" "$idle" "$work/$curate-1/table.csv")"
    agree=$(awk '{ for (i = 1; i <= NF; i++) { if (NR == 1) first[i] = $i
                                               if ($i != first[i]) other[i] = 1 } n = NF }
                 END { for (i = 1; i <= n; i++) same += !(i in other); print same " of " n }' "$work/ends")
    awk -v c=$curate -v f="$frames" -v s=$settled -v a="$agree" -v i="$none" -v t="$accuracy" -v n="$seeds" \
        'BEGIN { printf "%-8s %7s %8.1f %12s %12s %8.2f%%\n", c, f, s / n, a, i, 100 * t / n }'
done
