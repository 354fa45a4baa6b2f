#!/usr/bin/env bash
# One result for one seed: the same bits with 1, 2 and 4 threads, and unbroken,
# interrupted, or killed at random moments and gone on with.
. "$(dirname "$0")/../cli/lib.sh" || exit 1
RANDOM=${SEED:-1}

# A job of a second or two that goes through all phases.
cat >tiny.ini <<INI
[run]
checkpoint = 20 ms
precision = bf16
[data]
set = scenes
train = 300
test = 60
size = 16
augment = flip, translate:2, cutout:4
[target]
file = $root/configs/targets/ne-1s.ini
[budget]
latency = 60 %
[space]
stem = 8
stem_stride = 2
head = 16
act = relu
e = 3, 6*
e_fused = 2, 4*
[stage.1]
width = 16
depth = 1..2*
[stage.2]
width = 24
stride = 2
[search]
epochs = 3
batch = 32
arch_split = 0.25
short_list = 6
race = 2
[train]
epochs = 2
batch = 32
INI

# Everything but times, and what depends on the number of threads in the logs.
same() { # RUN: as `one`?
    results "$1" | cmp - <(results one) &&
        for file in arch.txt subnet.safetensors baseline.safetensors \
            subnet.onnx supernet.safetensors steps.jsonl values.csv table.csv \
            candidates.csv; do
            cmp "one/$file" "$1/$file" || return 1
        done &&
        diff <(cut -d, -f1-10 "$1/epochs.csv") <(cut -d, -f1-10 one/epochs.csv)
}

"$supernet" train tiny.ini -q -j 1 -o one >one.out
verdict 'the unbroken run ends well' $?
[ -e one/result.json ] || { finish; exit 1; }

for threads in 2 4; do
    "$supernet" train tiny.ini -q -j $threads -o threads$threads >out 2>&1 &&
        same threads$threads
    verdict "$threads threads give the bits of 1" $?
done

"$supernet" train tiny.ini -q -j 1 -s run.precision=f32 -o f32 >out 2>&1 &&
    ! cmp -s f32/subnet.safetensors one/subnet.safetensors &&
    "$supernet" train tiny.ini -q -j 3 -s run.precision=f32 -o f32_3 >out 2>&1 &&
    cmp f32/subnet.safetensors f32_3/subnet.safetensors &&
    cmp f32/values.csv f32_3/values.csv
verdict 'in f32, another result and the same at any thread count' $?

# Under a cap blocks compute again what they have no room for.
"$supernet" train tiny.ini -j 2 -s 'run.memory=8 MiB' -o capped >out 2>&1 &&
    grep -q '^memory .*wide tensors made again' out && same capped
verdict 'a cap on memory changes no bit' $?

# Under a lower one blocks run in parts: other bits, of the cap alone.
"$supernet" train tiny.ini -j 1 -s 'run.memory=6 MiB' -o parts >out 2>&1 &&
    grep -q '^memory .* blocks in parts' out &&
    "$supernet" train tiny.ini -q -j 3 -s 'run.memory=6 MiB' -o parts3 >out 2>&1 &&
    cmp parts/subnet.safetensors parts3/subnet.safetensors &&
    cmp parts/values.csv parts3/values.csv
verdict 'blocks in parts: one result at any thread count' $?

# Another mode of search keeps other things, to the bit as well.
path=(-s search.mode=single-path -s baseline.train=cost-only -s train.epochs=1)
result_of() { # RUN: what its search and training left
    cat "$1"/{arch.txt,subnet.safetensors,supernet.safetensors,values.csv} \
        "$1"/steps.jsonl
}
"$supernet" train tiny.ini -q -j 1 "${path[@]}" -o path >out 2>&1 &&
    grep -q '"mu":' path/steps.jsonl &&
    ! cmp -s path/values.csv one/values.csv &&
    "$supernet" train tiny.ini -q -j 3 -o path3 "${path[@]}" >out 2>&1 &&
    cmp <(result_of path) <(result_of path3)
verdict 'single-path: 3 threads give the bits of 1' $?
"$supernet" train tiny.ini -q -j 1 "${path[@]}" -s run.bn_group=16 -o path16 \
    >out 2>&1 &&
    "$supernet" train tiny.ini -q -j 2 "${path[@]}" -s run.bn_group=16 \
        -o both16 >out 2>&1 &&
    cmp <(result_of path16) <(result_of both16)
verdict 'single-path: groups of half a batch at any thread count' $?

# Groups with batch-norm statistics of their own: another result, of one seed.
"$supernet" train tiny.ini -q -j 2 -s run.bn_group=32 -o whole >out 2>&1 &&
    same whole
verdict 'a group as large as the batch is the batch' $?
"$supernet" train tiny.ini -q -j 2 -s run.bn_group=16 -o halves >out 2>&1 &&
    ! cmp -s halves/subnet.safetensors one/subnet.safetensors &&
    "$supernet" train tiny.ini -q -j 1 -s run.bn_group=16 \
        -s 'run.memory=6 MiB' -o capped_halves >out 2>&1 &&
    cmp halves/subnet.safetensors capped_halves/subnet.safetensors &&
    cmp halves/values.csv capped_halves/values.csv
verdict 'groups of half a batch: one result at any thread count and cap' $?

# Runs a command, kills it after so many ms, and sees it gone: its status.
killed_after() { # MS COMMAND...
    local pid ms=$1
    shift
    "$@" >out 2>&1 &
    pid=$!
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    kill -KILL $pid
    wait $pid
} 2>/dev/null # the shell's own word about the kill is of no use

# Killed again and again, each time after a part of the unbroken run's time.
start=$EPOCHREALTIME
"$supernet" train tiny.ini -q -j 1 -o timed >out
took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) # ms
kills=0 rounds=0
while [ $rounds -lt 30 ] && [ $kills -lt 5 ]; do
    if [ -e killed/config.ini ]; then
        command=("$supernet" train --resume killed -q -j 1)
    else # killed before there was anything to go on from
        rm -rf killed
        command=("$supernet" train tiny.ini -q -j 1 -o killed)
    fi
    rounds=$((rounds + 1))
    moment=$((RANDOM % (took * 3 / 5) + took / 20))
    killed_after $moment "${command[@]}"
    code=$?
    [ $code -eq 137 ] && kills=$((kills + 1))
    [ -e killed/result.json ] && [ $kills -lt 5 ] && {
        same killed
        verdict "killed $kills times, then finished" $?
        rm -rf killed
    }
done
[ $kills -eq 5 ]
verdict "5 kills (were $kills)" $?
[ -e killed/config.ini ] || "$supernet" train tiny.ini -q -j 1 -o killed >out 2>&1
"$supernet" train --resume killed -q -j 2 >out 2>&1 && same killed
verdict 'killed five times and gone on with: the same files' $?

kills=0
for share in 20 45 70; do # of the time the whole takes
    if [ -e pathkilled/config.ini ]; then
        command=("$supernet" train --resume pathkilled -q -j 2)
    else
        rm -rf pathkilled
        command=("$supernet" train tiny.ini -q -j 2 "${path[@]}" -o pathkilled)
    fi
    killed_after $((took * share / 100)) "${command[@]}"
    [ $? -eq 137 ] && kills=$((kills + 1))
done
[ -e pathkilled/config.ini ] ||
    "$supernet" train tiny.ini -q -j 1 "${path[@]}" -o pathkilled >out 2>&1
"$supernet" train --resume pathkilled -q -j 2 >out 2>&1
[ $kills -gt 0 ] && cmp <(result_of path) <(result_of pathkilled)
verdict "single-path: killed $kills times and gone on with" $?

# Interrupted: the step is finished, a checkpoint saved, the way on told.
for signal in INT TERM; do
    code=130
    [ $signal = TERM ] && code=143
    rm -rf stopped
    "$supernet" train tiny.ini -j 1 -s search.epochs=500 -o stopped >out 2>err &
    pid=$!
    while [ ! -e stopped/checkpoint.safetensors ] && kill -0 $pid; do
        sleep 0.02
    done 2>/dev/null
    kill -$signal $pid
    wait $pid
    got=$?
    [ $got -eq $code ] && grep -q 'go on with: supernet train --resume stopped' err
    verdict "SIG$signal ends with $code (was $got) and says how to go on" $?
done

# Two at a time do not write in one run.
rm -rf stopped
"$supernet" train tiny.ini -j 1 -q -s search.epochs=500 -o stopped >out 2>err &
pid=$!
while [ ! -e stopped/checkpoint.safetensors ] && kill -0 $pid; do
    sleep 0.02
done 2>/dev/null
"$supernet" train --resume stopped -q >out 2>err2
[ $? -eq 1 ] && grep -q 'another supernet is at work' err2
verdict 'a run that is at work is left alone' $?
kill -INT $pid
wait $pid
[ ! -e stopped/lock ]
verdict 'its lock is gone with it' $?

# The interrupted run stands where it was told to be, and is of its config.
"$supernet" train tiny.ini -j 1 -q -o again >out 2>err &
pid=$!
while [ ! -e again/checkpoint.safetensors ] && kill -0 $pid; do
    sleep 0.01
done 2>/dev/null
kill -INT $pid
wait $pid
case $? in
130 | 0) ;; # it may have been quick
*) verdict 'interrupted run' 1 ;;
esac
"$supernet" train --resume again -q -j 1 >out 2>&1 && same again
verdict 'interrupted and gone on with: the same files' $?

# A finished run is told again, from its checkpoint alone.
"$supernet" train --resume one -q >out && cmp out one.out
verdict 'a finished run tells its result again' $?

# The first line of a JSON file that has the key: the derived net's.
field() { # KEY FILE
    grep -m 1 "^  \"$1\":" "$2"
}

"$supernet" eval one -j 2 --json >eval.json &&
    [ -n "$(field value eval.json)" ] && [ -n "$(field arch eval.json)" ] &&
    [ "$(field value one/result.json)" = "$(field value eval.json)" ] &&
    [ "$(field arch one/result.json | tr -d ,)" = "$(field arch eval.json | tr -d ,)" ]
verdict 'eval of the subnet alone gives the run'"'"'s accuracy' $?

finish
