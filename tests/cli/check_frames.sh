#!/usr/bin/env bash
# What concerns the whole net: input size, multiplier, output stride, widths,
# searched, derived, explained, exported, gone on with.
. "$(dirname "$0")/lib.sh" || exit 1

cat >tiny.ini <<INI
[run]
checkpoint = 20 ms
[data]
set = scenes
train = 200
test = 40
size = 16
[target]
file = $root/configs/targets/ne-1s.ini
[budget]
latency = 90 %
[space]
input = 12, 16*
multiplier = 0.5, 1*
output_stride = 2, 4*
stem = 16
stem_stride = 2
head = 16
op = ibn*, conv
k = 3*, 5
e = 3
[stage.1]
width = 16
[stage.2]
width = 16..32
stride = 2
[search]
mode = single-path
epochs = 2
batch = 16
arch_split = 0.25
[train]
epochs = 1
batch = 16
INI

shows '^frames +16, by input' check tiny.ini
expect 2 'mode: only single-path searches input sizes' check tiny.ini -s search.mode=gumbel -s space.k=3
expect 2 'input 20 is more than the 16 pixels' check tiny.ini -s space.input=20
expect 5 'no net of this space meets it; attainable' check tiny.ini -s 'budget.latency=1 us'
shows '^baseline ' check tiny.ini -s search.mode=none

# ---- a search ----
shows 'budget .* of latency, [0-9.]+ % of it used: met' train tiny.ini -q -j 1 -o one
[ -e one/result.json ] || { finish; exit 1; }
head -n 1 one/table.csv | grep -q '^frame,stage,block,op,'
verdict 'the table has a row for every frame' $?
grep -q '^2,0,0,multiplier,0.5,' one/values.csv && grep -q '^2,2,0,width,32,' one/values.csv
verdict 'the values name what makes frames' $?
"$supernet" train tiny.ini -q -j 2 -o two >out 2>&1 &&
    cmp one/subnet.safetensors two/subnet.safetensors && cmp one/values.csv two/values.csv
verdict 'two threads are one' $?
for wait in 0.3 0.8; do
    rm -rf killed
    "$supernet" train tiny.ini -q -j 2 -o killed >out 2>&1 &
    pid=$!
    sleep $wait
    { kill -KILL $pid && wait $pid; } 2>err
    if [ ! -e killed/result.json ]; then
        "$supernet" train --resume killed -q >out 2>&1
    fi
    cmp one/subnet.safetensors killed/subnet.safetensors &&
        cmp one/values.csv killed/values.csv
    verdict "killed after $wait s and gone on with" $?
done

# ---- behind it ----
shows '^net +input 12' explain one
grep -qE '^ +multiplier 1 .*chosen|^ +multiplier 0.5 .*chosen' out && grep -q 'output_stride 4' out
verdict 'explain tells of multiplier and output stride' $?
shows '^90% ' derive one --latency '90%,75 %'
awk -F, 'NR > 1 && $3 > $2 { bad = 1 } END { exit bad }' one/pareto.csv
verdict 'derived nets are within their latencies' $?
value=$(grep -m 1 '"value"' one/result.json)
"$supernet" eval one --json >out 2>&1 && grep -qxF -- "$value" out
verdict 'eval finds what the run found' $?
"$supernet" data write --set scenes -o pictures -s data.train=60 -s data.test=20 -s data.size=16 >out 2>&1
picture=$(find pictures -name '*.jpg' 2>/dev/null | head -n 1)
if [ -n "$picture" ]; then
    shows ': [a-z]+ [0-9.]+ %' predict one "$picture"
else
    skip 'no picture was written'
fi
shows '^takes +image, uint8 \[N, (12, 12|16, 16), 3\]' export one --onnx
cp "$(ls -d one/derive/75*)/arch.txt" other.txt
shows '^net +stem' train tiny.ini -q -o alone -s search.mode=none -s search.arch=other.txt

finish
