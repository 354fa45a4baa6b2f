#!/usr/bin/env bash
# This machine as the device: measure, fit, a search for it; what each says.
. "$(dirname "$0")/lib.sh" || exit 1

cat >tiny.ini <<INI
[data]
set = scenes
train = 120
test = 40
size = 16
[target]
kind = cpu
file = cpu.est
[budget]
latency = 90 %
[space]
stem = 8
stem_stride = 2
head = none
op = ibn*, fused
e = 3, 6*
e_fused = 2, 4*
[stage.1]
width = 16
depth = 1..2*
[search]
epochs = 1
batch = 16
arch_split = 0.25
[train]
epochs = 1
batch = 16
INI

# ---- measure ----
expect 2 "--time: .*has no unit" measure tiny.ini --time 5
expect 2 'measure: expected CONFIG.ini' measure
expect 2 'gone.ini' measure gone.ini
expect 1 'nowhere/x.csv: cannot be written' measure tiny.ini -o nowhere/x.csv --time '1 ms'
shows 'the time was up: the same command goes on' measure tiny.ini -o cpu.csv --time '1 ms'
rows=$(grep -cv '^#' cpu.csv)
[ "$rows" -gt 10 ] && grep -q '^# processor: ' cpu.csv && grep -q '^# precision: f32' cpu.csv
verdict 'what was measured is there, and where' $?
shows '^units .* [1-9][0-9]* were there$' measure tiny.ini -o cpu.csv --time '1 min'
for _ in 1 2 3 4 5 6 7 8; do # a machine that does much else takes its time
    grep -q '^try ' out || "$supernet" measure tiny.ini -o cpu.csv --time '1 min' >out 2>err
done
grep -q '^try  *supernet fit cpu.csv' out && [ "$(grep -cv '^#' cpu.csv)" -gt "$rows" ]
verdict 'the second one goes on' $?
sort -u cpu.csv | cmp -s - <(sort cpu.csv)
verdict 'no unit stands there twice' $?
shows '^timed +0 in ' measure tiny.ini -o cpu.csv
shows '"complete": true' measure tiny.ini -o cpu.csv --json
sed 's/1 thread/9 threads/' cpu.csv >other.csv
expect 3 "other.csv: holds measurements of '.*9 threads'" measure tiny.ini -o other.csv

# ---- the device ----
expect 2 'there is no file .*cpu.est' check tiny.ini
shows '^ibn ' fit cpu.csv -o cpu.est
shows ' ibn e6 \* ' check tiny.ini
shows '1 thread$' check tiny.ini
shows '^measured latency|measured latency ' train tiny.ini -q -o run
grep -qE '"measured": [0-9.]+' run/result.json
verdict 'the result has what was measured' $?
shows '^target +.* 1 thread, batch 1' estimate run
grep -qE '^stage.1.block.1.(ibn|fused) +3x3' out
verdict 'a block is priced as a whole' $?
shows '^target +.* 1 thread, batch 1' estimate run/arch.txt --target cpu.est
shows 'predicted latency' derive run --latency '100 %'
sed 's/^kind = cpu/kind = npu/' tiny.ini >kind.ini
expect 2 'kind.ini:8:.*expected the description of an npu' check kind.ini
sed "s|^file = .*|file = $root/configs/targets/ne-1s.ini|" tiny.ini >file.ini
expect 2 'expected the .est of this machine' check file.ini
shows '^ibn ' fit other.csv -o other.est
sed 's/cpu.est/other.est/' tiny.ini >other.ini
expect 2 "was measured on '.*9 threads', this is '" check other.ini
grep -v ',fused_ibn,' cpu.csv >some.csv
shows '^ibn ' fit some.csv -o some.est
sed 's/cpu.est/some.est/' tiny.ini >some.ini
expect 3 'fused_ibn: needed by stage.1.block.1 fused k3 e2 and 3 more' check some.ini

finish
