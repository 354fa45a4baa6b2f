#!/usr/bin/env bash
# Devices and what nets cost on them: estimate, target plot; what they say, what
# they write, how they end.
. "$(dirname "$0")/lib.sh" || exit 1
targets=$root/configs/targets

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

"$supernet" train tiny.ini -q -o run >out 2>err
verdict 'a run' $?

# ---- estimate ----
shows '^stage.1.block.1.ibn.depth +dw 3x3 +8x8x48 +48 ' estimate run
cp out whole
awk '$1 == "all" { total++ }
     $1 != "all" && /%/ { for (i = 2; i <= NF; i++) if ($i == "%") sum += $(i - 1) }
     END { exit total != 1 || sum < 99.5 || sum > 100.5 }' out
verdict 'the shares make up the net' $?
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
expect 3 'gone.: cannot be opened: No such file' estimate gone/ --target "$targets/ne-1.ini"
expect 2 'tiny.ini:1: ' estimate tiny.ini --target "$targets/ne-1.ini"
printf 'supernet-arch 1\n\0' >nul.txt
expect 2 'nul.txt: holds a NUL byte' estimate nul.txt --target "$targets/ne-1.ini"
head -c 3000 run/subnet.safetensors >cut.safetensors
expect 3 'cut.safetensors: ' estimate cut.safetensors --target "$targets/ne-1.ini"
head -c 300 run/subnet.onnx >cut.onnx
expect 3 'cut.onnx: ' estimate cut.onnx --target "$targets/ne-1.ini"
cp -r run early && rm early/arch.txt
expect 3 'the run has chosen no net yet' estimate early

# ---- target plot ----
shows 'curated +10 widths, local minima: 0 of latency, 0 of' target plot "$targets/ne-1.ini"
grep -qE '^raw +160 widths, .* 9 of latency per channel' out && grep -q '</svg>' ne-1.svg
verdict 'target plot draws the landscape' $?
shows '"minima_per_channel": 19' target plot "$targets/ethos-like.ini" -o e.svg --json
[ -s e.svg ]
verdict 'the picture has the name it was given' $?
sed 's/^name .*/name = a\/b/' "$targets/ne-1.ini" >slash.ini
shows '^file +a-b.svg' target plot slash.ini
expect 2 'gone.ini' target plot gone.ini
expect 2 'target plot: expected DEVICE.ini' target plot
expect 2 "unknown command 'target polt'; did you mean 'target plot'" target polt x
expect 1 'nowhere/x.svg: cannot be written' target plot "$targets/ne-1.ini" -o nowhere/x.svg

finish
