#!/usr/bin/env bash
# What surrounds a search: budgets and rules before it, nets for other budgets,
# explanations and rules behind it, advice and controls beside it.
. "$(dirname "$0")/lib.sh" || exit 1

cat >tiny.ini <<INI
[data]
set = scenes
train = 120
test = 40
size = 16
[target]
file = $root/configs/targets/ne-1s.ini
[budget]
latency = 60 %
weights = 90 %
[space]
stem = 8
stem_stride = 2
head = none
e = 3, 6*
e_fused = 2, 4*
[stage.1]
width = 16
depth = 1..2*
[stage.2]
width = 24
stride = 2
[search]
epochs = 1
batch = 16
arch_split = 0.25
[train]
epochs = 1
batch = 16
INI

# ---- several budgets ----
shows 'budget .* of latency, [0-9.]+ % of it used: met' train tiny.ini -q -o run
[ -e run/result.json ] || { finish; exit 1; }
grep -q ' of weights, [0-9.]* % of it used: met' out
verdict 'the card tells of each budget' $?
shows '^budget .* of latency, .* of weights: feasible' check tiny.ini
expect 5 'activations budget 100 B: no net of this space meets it; attainable: [0-9]+ B to' \
    check tiny.ini -s 'budget.activations=100 B'
grep -q ' of activations: INFEASIBLE' out
verdict 'check prints the plan all the same' $?
expect 5 'macs budget 1 MACs: .*attainable' train tiny.ini -q -o no -s 'budget.macs=0.001 k'
expect 5 'the baseline takes [0-9.]+ us of latency, [0-9]+ B of weights' \
    train tiny.ini -q -o no -s 'budget.latency=1 us'
expect 2 "budget.macs=5: .*has no unit; expected a number with a unit \(k, M, G" check tiny.ini \
    -s budget.macs=5

# ---- several latencies ----
shows '^80% +[0-9.]+ us +[0-9.]+ %' derive run --latency '50 %, 80%,9us'
[ "$(wc -l <run/pareto.csv)" -eq 4 ] && head -n 1 run/pareto.csv |
    grep -q '^latency,budget_s,latency_s,weights_bytes,activation_bytes,macs,params,worth,gap,folder$'
verdict 'pareto.csv has a row for each' $?
awk -F, 'NR > 1 && ($3 > $2 || $9 < 0) { bad = 1 } END { exit bad }' run/pareto.csv
verdict 'every row is within its latency' $?
cut -d, -f10 run/pareto.csv | tail -n +2 | while read -r folder; do
    [ -s "run/$folder/arch.txt" ] && [ -s "run/$folder/cost.json" ] || exit 1
done
verdict 'pareto.csv names the folders' $?
grep -q '"weights_bytes"' run/derive/9us/cost.json && [ -s run/derive/50%/arch.txt ]
verdict 'folders are named after latencies' $?
shows '"nets": \[' derive run --latency '50 %,80 %' --json
# each beside the latency: one net, in a folder that tells of both
shows ' of weights, [0-9.]+ % of it used: met' derive run --latency 80% --weights '70 %'
[ -s 'run/derive/80%,weights=70%/arch.txt' ]
verdict 'the folder tells of all that was given' $?
shows ' of macs, ' derive run --macs '60 %' --activations '16 KiB'
shows 'budget.macs=60 %' derive run --macs '60 %'
derive_says() { "$supernet" derive run --latency 90% "$@" >out 2>err; }
derive_says --weights none && ! grep -q ' of weights, ' out
verdict 'a budget of the run can be lifted' $?
cp run/pareto.csv before.csv
expect 5 'latency budget 0.001 us: .*attainable: ' derive run --latency 70%,0.001us
[ ! -e run/derive/70% ] && cmp -s before.csv run/pareto.csv
verdict 'nothing is written unless all can be met' $?
expect 5 'no net of this space meets it' derive run --weights '10 B'
expect 2 "'2ms' stands in the list twice" derive run --latency 2ms,2ms
expect 2 'the value is missing' derive run --latency 2ms,
expect 2 "\-\-weights: '5' has no unit" derive run --weights 5
expect 2 'more than 32 latencies' derive run --latency "$(seq -s ms, 1 33)ms"
expect 2 'expected --latency, .* --weights, --activations, --macs, --target, or --tau' derive run

# ---- rules ----
expect 2 "tiny.ini: error: |stage.1.block.2. pin: 'ibn e5' leaves no option" check tiny.ini \
    -s 'stage.1.block.2.pin=ibn e5'
shows '^space    [0-9]+ nets' check tiny.ini
nets() { "$supernet" check tiny.ini "$@" --json 2>err | sed -n 's/.*"nets": \([0-9]*\).*/\1/p'; }
[ "$(nets)" = 80 ] && [ "$(nets -s stage.1.forbid=fused)" = 24 ] &&
    [ "$(nets -s stage.1.pin=d1 -s 'stage.2.only=ibn e6, fused e2')" = 8 ]
verdict 'rules narrow the space' $?
base() { "$supernet" check tiny.ini "$@" --json 2>err | sed -n '/"baseline"/,/}/p'; }
cmp <(base) <(base -s stage.1.forbid=ibn -s stage.1.block.1.pin='fused e2')
verdict 'rules leave the baseline alone' $?
expect 2 'gumbel searches no kernels; stage.1.block.1 offers 2 to ibn' check tiny.ini \
    -s 'space.k_ibn=3, 5'
shows '^budget' check tiny.ini -s 'space.k_ibn=3, 5' -s search.mode=none
shows '^\[stage.N.block.N\]' config stage
shows 'budget .* of latency, .*: met' train tiny.ini -q -o ruled -s stage.1.only=fused \
    -s stage.1.block.2.pin='fused e2'
grep -q '(from scratch)' out
verdict 'a baseline that rules keep out is trained from scratch' $?
grep -A1 '^\[stage.1.block.2\]' ruled/config.ini | grep -q '^pin *= fused e2'
verdict 'the resolved config has the rules' $?
shows 'baseline' derive ruled --latency 55%

# ---- explain ----
shows '^stage.1.block.1 +ibn k3 e3 ' explain run
grep -q ' chosen$' out && grep -qE 'worth .* (less|more)' out && [ "$(grep -c chosen out)" -ge 3 ]
verdict 'each option has a fate' $?
shows '"fate": "chosen"' explain run --json
expect 3 'no-run' explain no-run
shows 'block' explain run --rules rules.ini
grep -q '^# Rules learnt in run' rules.ini
verdict 'rules tell where they come from' $?
# a search that is sure: what it learnt can be put behind its config
awk -F, 'NR > 1 && $4 == "op" { $6 = $5 == "ibn" ? 0.99 : 0.01 }
    NR > 1 && $4 == "e ibn" { $6 = $5 == 3 ? 0.99 : 0.01 } { print }' OFS=, run/values.csv >v
cp -r run sure && sed 's/^stage.1.block.1 = .*/stage.1.block.1 = ibn k3 e3/' run/arch.txt >sure/arch.txt
cp v sure/values.csv
shows 'stage.1.block.1' explain sure --rules rules.ini
grep -A1 '^\[stage.1.block.1\]' rules.ini | grep -q '^pin = ibn k3 e3$'
verdict 'what lost is pinned out' $?
cat tiny.ini rules.ini >next.ini
shows '^space ' check next.ini
[ "$(nets)" -gt "$("$supernet" check next.ini --json | sed -n 's/.*"nets": \([0-9]*\).*/\1/p')" ]
verdict 'the next space is smaller' $?
expect 1 'no/where' explain run --rules no/where

# ---- advise ----
device=$root/configs/targets/ne-1s.ini
shows '^fuse +stage.1.block.1 +ibn k3 e6 -> fused k3 e[0-9]+ ' advise tiny.ini
shows '^target +ne-1s, 16 channels' advise run/arch.txt --target "$device"
shows '^(fuse|unfuse|drop|narrow) ' advise run --by weights
shows '"edits": \[' advise run --json
shows 'written  better.txt after [0-9]+ edits' advise tiny.ini -o better.txt
shows '^latency|latency' estimate better.txt --target "$device"
shows 'of latency' advise tiny.ini -o smaller.txt --latency '85 %' --take fuse,narrow,drop
expect 5 'latency budget .*: not met by these edits of this net; attained' \
    advise tiny.ini -o none.txt --latency '1 us'
[ ! -e none.txt ]
verdict 'nothing is written then' $?
expect 2 "\-\-by: 'speed' is not known" advise run --by speed
expect 2 "\-\-take: 'fuze' is not known" advise run --take fuze -o x
expect 2 'expected -o FILE' advise run --take fuse
expect 2 'expected --target' advise run/arch.txt
expect 2 '-s is for configs' advise run -s space.stem=8
expect 2 "\-\-latency: '5' has no unit" advise run -o x --latency 5
expect 2 'gone.ini' advise gone.txt --target gone.ini
expect 3 'gone.txt' advise gone.txt --target "$device"

# ---- compare ----
quick=(-s search.epochs=1 -s train.epochs=1 -q)
shows '^searched +1 +[0-9.]+ %' compare --controls tiny.ini -o controls --seeds 1 "${quick[@]}"
[ "$(grep -cE '^(baseline|expert|random|V1 width|V2 fusion|V3 both|searched) ' out)" -eq 7 ] &&
    grep -qE '^random +8 ' out
verdict 'a row for each control' $?
[ -s controls/seed-1/random-8/result.json ] && [ -s controls/seed-1/searched/subnet.safetensors ]
verdict 'each net is a run' $?
cp out first && start=$(stat -c %Y controls/seed-1/expert/result.json)
rm controls/seed-1/searched/result.json
shows '^searched' compare --controls tiny.ini -o controls --seeds 1 "${quick[@]}"
cmp out first && [ "$start" = "$(stat -c %Y controls/seed-1/expert/result.json)" ]
verdict 'what was run is not run again' $?
shows '"half_interval": null' compare --controls tiny.ini -o controls --seeds 1 "${quick[@]}" --json
expect 2 'another config or other overrides' compare --controls tiny.ini -o controls --seeds 1 \
    "${quick[@]}" -s train.lr=0.1
expect 2 'expected --controls' compare tiny.ini -o x
expect 2 'expected -o DIR' compare --controls tiny.ini
expect 2 'searches nothing' compare --controls tiny.ini -o x -s search.mode=none
expect 2 'has no \[budget\]' compare --controls tiny.ini -o x -s budget.latency=none \
    -s budget.weights=none
expect 5 'attainable' compare --controls tiny.ini -o x -s 'budget.latency=1 us'
expect 2 '\-\-seeds: 0 is out of range' compare --controls tiny.ini -o x --seeds 0

finish
