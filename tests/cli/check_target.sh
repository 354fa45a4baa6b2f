#!/usr/bin/env bash
# Devices and what nets cost on them: estimate; what it says, how it ends.
set -u
cd "$(dirname "$0")/../.."
supernet=${BUILD:-build}/supernet
[[ $supernet == /* ]] || supernet=$PWD/$supernet
root=$PWD
targets=$root/configs/targets
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0 skipped=0
export OMP_NUM_THREADS=1

cat >tiny.ini <<INI
[data]
set = scenes
train = 120
test = 40
size = 16
[target]
file = $targets/ne-1s.ini
[space]
stem = 8
stem_stride = 2
head = 32
act = relu6
op = ibn*, fused
e = 3, 6*
[stage.1]
width = 16
[search]
mode = none
[train]
epochs = 1
batch = 16
INI

verdict() { # NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
    fi
}

# expect CODE 'REGEX' ARGUMENTS...: the status, and what stderr says.
expect() {
    local code=$1 text=$2 got
    shift 2
    "$supernet" "$@" >out 2>err </dev/null
    got=$?
    [ $got -eq "$code" ] && grep -qE -- "$text" err
    verdict "supernet $*: status $got, expected $code; '$text' in: $(cat err)" $?
}

# shows 'REGEX' ARGUMENTS...: ends well, and stdout says so.
shows() {
    local text=$1
    shift
    "$supernet" "$@" >out 2>err </dev/null && grep -qE -- "$text" out
    verdict "supernet $* shows '$text': $(cat out err)" $?
}

"$supernet" train tiny.ini -q -o run >out 2>err
verdict "a run: $(cat err)" $?

# ---- estimate ----
shows '^stage.1.block.1.ibn.depth +dw 3x3 +8x8x48 +48 ' estimate run
cp out whole
awk '$1 == "all" { total++ }
     $1 != "all" && /%/ { for (i = 2; i <= NF; i++) if ($i == "%") sum += $(i - 1) }
     END { exit total != 1 || sum < 99.5 || sum > 100.5 }' out
verdict "the shares make up the net: $(cat out)" $?
[ "$(awk '{ if (length > most) most = length } END { print most }' out)" -le 100 ]
verdict 'the table fits in 100 columns' $?
for net in run/arch.txt run/subnet.safetensors run/subnet.onnx; do
    shows '^all ' estimate $net --target "$targets/ne-1s.ini"
    cmp -s out whole
    verdict "$net is the net of the run" $?
done
shows '^target +ne-1, batch 1' estimate run --target "$targets/ne-1.ini"
shows '"latency_ms": ' estimate run --json
grep -oE '"(predicted|weights_bytes|peak_activation_bytes|macs)": [0-9.e-]+' run/result.json |
    head -4 | sed 's/predicted/latency_ms/' | sort >card
grep -E '^  "(latency_ms|weights_bytes|peak_activation_bytes|macs)"' out |
    tr -d ',' | sed 's/^ *//' | sort | cmp -s - card
verdict "the JSON has the figures of the card: $(cat card)" $?
expect 2 'estimate: expected --target' estimate run/arch.txt
expect 2 'gone.ini' estimate run --target gone.ini
expect 2 'no \[npu\]|section' estimate run --target tiny.ini
expect 3 'gone.txt' estimate gone.txt --target "$targets/ne-1.ini"
expect 3 'gone: No such file' estimate gone/ --target "$targets/ne-1.ini"
expect 2 'tiny.ini:1: ' estimate tiny.ini --target "$targets/ne-1.ini"
printf 'supernet-arch 1\n\0' >nul.txt
expect 2 'nul.txt: holds a NUL byte' estimate nul.txt --target "$targets/ne-1.ini"
head -c 3000 run/subnet.safetensors >cut.safetensors
expect 3 'cut.safetensors: ' estimate cut.safetensors --target "$targets/ne-1.ini"
head -c 300 run/subnet.onnx >cut.onnx
expect 3 'cut.onnx: ' estimate cut.onnx --target "$targets/ne-1.ini"
cp -r run early && rm early/arch.txt
expect 3 'the run has chosen no net yet' estimate early

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
