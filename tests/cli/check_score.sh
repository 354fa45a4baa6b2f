#!/usr/bin/env bash
# Nets ranked before any training: the table, the rules, and a run that prunes
# by them.
. "$(dirname "$0")/lib.sh" || exit 1

cat >tiny.ini <<INI
[run]
checkpoint = 20 ms
[data]
set = scenes
train = 400
test = 60
size = 16
[target]
file = $root/configs/targets/ne-1s.ini
[budget]
latency = 60 %
[space]
stem = 8
stem_stride = 2
head = 32
act = relu
op = ibn*, fused
e = 3, 6*
e_fused = 2, 4*
[stage.1]
width = 16
depth = 1..2*
[stage.2]
width = 24
depth = 1..2*
stride = 2
[search]
epochs = 2
batch = 32
zero_shot_nets = 30
[train]
epochs = 1
batch = 32
INI

shows '^scored   30 of 400 nets within the budget \(17.0 us of latency\)' score tiny.ini
shows '^stage.1.block.1  fused e4 +[-+][0-9.]+ \+- [0-9.]+' score tiny.ini --rules learnt.ini
cat tiny.ini learnt.ini >both.ini
shows '^space ' check both.ini
grep -q '^forbid = ' learnt.ini
verdict 'something is rejected here, and the rules say so' $?

# The same figures on any number of threads.
for threads in 1 3; do
    "$supernet" score tiny.ini --json -j $threads | grep -v '"seconds"' >"score$threads"
done
cmp score1 score3
verdict 'scores do not depend on the number of threads' $?
grep -c '"arch"' score1 | grep -qx 30
verdict '--json has all nets' $?

# A run that prunes searches the narrower space, and goes on with it.
"$supernet" train tiny.ini -q -j 1 -s search.zero_shot=prune -o one >out 2>err
verdict 'a pruning run ends well' $?
grep -q '^pruned   400 nets to [0-9]*: ' one/log.txt && grep -q '^zero_shot *= done' one/config.ini &&
    grep -q '^forbid *= ' one/config.ini
verdict 'it says so, and its config has the rules' $?
{ timeout -s KILL 0.6 "$supernet" train tiny.ini -q -j 2 -s search.zero_shot=prune -o two >out 2>&1; } 2>/dev/null
if [ -e two/config.ini ]; then
    "$supernet" train --resume two -q -j 2 >out 2>&1
else
    rm -rf two && "$supernet" train tiny.ini -q -j 2 -s search.zero_shot=prune -o two >out 2>&1
fi
cmp one/subnet.safetensors two/subnet.safetensors
verdict 'killed and gone on with, the same net' $?
shows '^result ' derive one --latency '55 %'

expect 2 'tiny.ini: searches nothing \(mode = none\); there are no nets to score' \
    score tiny.ini -s search.mode=none
expect 2 'zero-shot scores need 2 batches of 128 images; there are 220 for the weights' \
    score tiny.ini -s search.batch=128 -s search.arch_split=0.4
expect 5 'attainable' score tiny.ini -s 'budget.latency=1 us'
expect 2 'zero_shot: .*expected one of: no, prune, done|zero_shot.*maybe' score tiny.ini -s search.zero_shot=maybe
expect 1 'missing' score tiny.ini --rules missing/rules.ini

# Asked to stop: nothing is left behind.
"$supernet" train tiny.ini -q -s search.zero_shot=prune -s search.zero_shot_nets=10000 -o never >out 2>err &
job=$!
sleep 1
kill -INT $job
wait $job
[ $? -eq 130 ] && grep -q 'interrupted while nets were scored; nothing was written' err && [ ! -e never ]
verdict 'interrupted while scoring' $?

finish
