#!/usr/bin/env bash
# oneshot and funnel: supernets trained evenly, nets compared on what they are
# worth with its weights, a race of the best.  One result for one seed: any number
# of threads, killed at any moment of any phase and gone on with.
. "$(dirname "$0")/../cli/lib.sh" || exit 1
RANDOM=${SEED:-1}

cat >tiny.ini <<INI
[run]
checkpoint = 20 ms
precision = f32
[data]
set = scenes
train = 300
test = 60
size = 16
[target]
file = $root/configs/targets/ne-1s.ini
[budget]
latency = 75 %
weights = 75 %
[space]
stem = 8
stem_stride = 2
head = 16
act = relu
op = ibn*, fused
e = 3, 6*
e_fused = 2, 4*
[stage.1]
width = 16
depth = 1..2*
[stage.2]
width = 24
stride = 2
[search]
mode = oneshot
epochs = 2
batch = 32
samples = 8
short_list = 4
race = 2
zero_shot_nets = 12
[train]
epochs = 1
batch = 32
[baseline]
train = cost-only
INI

result_of() { # RUN: all that it left, but times
    results "$1"
    cat "$1"/{arch.txt,subnet.safetensors,supernet.safetensors,values.csv} \
        "$1"/{candidates.csv,steps.jsonl,table.csv}
}

# Runs a command, kills it after so many ms, and sees it gone: its status.
killed_after() { # MS COMMAND...
    local pid ms=$1
    shift
    "$@" >out 2>&1 &
    pid=$!
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    kill -KILL $pid
    wait $pid
} 2>/dev/null

# NAME FLAGS...: three threads give the bits of one; so do kills.
check_mode() {
    local name=$1 start took kills=0 command
    shift
    start=$EPOCHREALTIME
    "$supernet" train tiny.ini -q -j 1 "$@" -o "$name" >out 2>err
    verdict "$name ends well" $?
    took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) # ms
    "$supernet" train tiny.ini -q -j 3 "$@" -o "${name}3" >out 2>err &&
        cmp <(result_of "$name") <(result_of "${name}3")
    verdict "$name: 3 threads give the bits of 1" $?
    for _ in 1 2 3 4; do
        command=("$supernet" train --resume "${name}k" -q -j 2)
        if [ ! -e "${name}k/config.ini" ]; then
            rm -rf "${name}k"
            command=("$supernet" train tiny.ini -q -j 2 "$@" -o "${name}k")
        fi
        killed_after $((took / 10 + RANDOM % (took / 2))) "${command[@]}"
        [ $? -eq 137 ] && kills=$((kills + 1))
    done
    [ -e "${name}k/config.ini" ] ||
        "$supernet" train tiny.ini -q -j 1 "$@" -o "${name}k" >out 2>&1
    "$supernet" train --resume "${name}k" -q -j 2 >out 2>&1
    [ $kills -gt 0 ] && cmp <(result_of "$name") <(result_of "${name}k")
    verdict "$name: killed $kills times and gone on with" $?
}

check_mode sandwich
check_mode uniform -s search.sampling=uniform -s run.bn_group=16
check_mode funnel -s search.mode=funnel

# Both budgets are met, by every net that was looked at.
awk -F, -v latency="$(awk -F'[ ,]+' '/"budget"/ { printf "%.12g", $3 / 1e3; exit }' sandwich/result.json)" \
    'NR > 1 && $4 > latency * (1 + 1e-9) { exit 1 } END { if (NR < 9) exit 1 }' sandwich/candidates.csv
verdict 'no candidate is over the budget' $?
LC_ALL=C sort -s -c -t, -k2,2gr <(tail -n +2 sandwich/candidates.csv)
verdict 'the best stand first' $?

# The stages are told, and what a stage leaves the next one takes.
"$supernet" train --resume sandwich -q >out
grep -q '^stages   search  ' out && grep -q '^ *short list .* to 2 .*val' out && grep -q '^ *race  *2 to 1 .*loss' out
verdict 'the card has the stages' $?
grep -q '^stages   zero-shot ' <("$supernet" train --resume funnel -q)
verdict 'the funnel begins with untrained nets' $?
grep -q '"stage": "zero-shot"' funnel/result.json && ! grep -q '"stage": "zero-shot"' sandwich/result.json
verdict 'result.json has the stages that were gone through' $?

# What was learnt can be derived from and explained.
shows '^result ' derive sandwich --latency '55 %' --weights none
shows '^stage.1.block.1 +ibn k3 e3' explain sandwich
cut -d, -f1 sandwich/values.csv | tail -1 | grep -qx 3
verdict 'values of options behind those of two epochs' $?

# How well the supernet ranks: nets trained by themselves, gone on with.
shows '^tau      -?[01]\.[0-9]+ between .* of 3 nets alone' derive sandwich --tau 3 -q
[ "$(wc -l <sandwich/tau.csv)" -eq 4 ] && cp sandwich/tau.csv tau.csv && rm -r sandwich/tau/2
verdict 'tau.csv has the nets' $?
shows '"kendall_tau"' derive sandwich --tau 3 -q -j 3 --json
cmp sandwich/tau.csv tau.csv
verdict 'a net trained anew gives the same table' $?
expect 2 '--tau: one net has no order; expected 2 to 200' derive sandwich --tau 1
expect 2 '--tau: .*200' derive sandwich --tau 201
expect 2 "--tau ranks nets within the run's own budget; it takes no other" \
    derive sandwich --tau 3 --latency '50 %'
expect 3 'missing: No such file' derive missing --tau 3
cp -r sandwich noval && sed -i 's/^val .*/val = 0/' noval/config.ini
expect 2 'noval: has no validation images to judge nets on' derive noval --tau 3

"$supernet" train tiny.ini -q -s search.mode=gumbel -s search.short_list=1 -s stage.1.depth=1 \
    -s space.op=ibn -s space.e=3 -s budget.latency=none -s budget.weights=none -o single >out 2>err
expect 5 'single: its space has one net within the budget; there is nothing to rank' \
    derive single --tau 3

# Without a short list the derived net is taken.
"$supernet" train tiny.ini -q -s search.mode=gumbel -s search.short_list=1 -o plain >out 2>err &&
    [ ! -e plain/candidates.csv ] && grep -q '^stages   search .* to 1 ' out && ! grep -q 'short list' out
verdict 'short_list = 1' $?
"$supernet" train tiny.ini -q -s search.mode=gumbel -s data.val=0 -o plain2 >out 2>err &&
    ! grep -q 'short list' out
verdict 'no validation images: no short list' $?

# Options over the budget of activations are no part of the space.
for mode in single-path oneshot; do
    "$supernet" train tiny.ini -q -s search.mode=$mode -s 'budget.activations=60 %' -o $mode >out 2>err &&
        grep -q '^pruned   80 nets before options over the budget of activations went' $mode/log.txt &&
        grep -q '^forbid *= .*-s$' $mode/config.ini && grep -q '^ .* of activations, .* met$' out
    verdict "$mode: options over the budget of activations went" $?
    awk -F, 'NR > 1 && $6 > 13312 * 0.6 { exit 1 }' $mode/candidates.csv
    verdict "$mode: no candidate is over it" $?
done
shows '^stage.1' explain single-path

expect 2 'val: error: .*evolution compares nets on the validation images; there are none|there are none' \
    train tiny.ini -s data.val=0 -o never
expect 2 'mode' check tiny.ini -s search.mode=twoshot
expect 5 'attainable' train tiny.ini -s 'budget.latency=1 us' -o never

# Interrupted in the middle of measuring.
"$supernet" train tiny.ini -j 1 -q -s search.epochs=1 -s search.samples=2000 -s space.k_ibn='3, 5' -o stopped >out 2>err &
pid=$!
until grep -qs 1/1 stopped/log.txt || ! kill -0 $pid; do
    sleep 0.02
done 2>/dev/null
kill -INT $pid
wait $pid
[ $? -eq 130 ] && grep -q 'interrupted in phase short' err
verdict 'interrupted in the short list' $?

finish
