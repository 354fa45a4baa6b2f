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

# ---- whole nets ----
shows 'supernet fit cpu.csv --nets cpu.nets.csv -o cpu.est$' measure tiny.ini -o cpu.csv --nets 9 --time '8 min'
grep -qE '^nets +9 of the config, timed whole; 0 were there$' out
verdict 'nine nets were timed' $?
[ "$(grep -v '^#' cpu.nets.csv | cut -d, -f4 | sort -u | wc -l)" -eq 10 ]
verdict 'all of them different' $?
cp cpu.nets.csv nine.csv
shows '"nets_kept": 9' measure tiny.ini -o cpu.csv --nets 11 --time '8 min' --json
grep -v '^#' nine.csv | grep -vxFf cpu.nets.csv | cmp -s - /dev/null
verdict 'nets that were there stay' $?
shows '^nets +11 ' fit cpu.csv --nets cpu.nets.csv -o nets.est
expect 2 '--nets: ' measure tiny.ini -o cpu.csv --nets many
sed 's/1 thread/9 threads/' cpu.nets.csv >x.nets.csv
cp cpu.csv x.csv
expect 3 "x.nets.csv:13: holds measurements of '.*9 threads'" measure tiny.ini -o x.csv --nets 9
echo 'arch,latency_us' >x.nets.csv
expect 3 "x.nets.csv:1: found no column 'device'" measure tiny.ini -o x.csv --nets 9
sed 's/,relu6,/,relu7,/' cpu.nets.csv >act.csv
expect 3 "act: found 'relu7', expected none, relu" fit cpu.csv --nets act.csv
shows '"complete": true' measure tiny.ini -o cpu.csv --json
sed 's/1 thread/9 threads/' cpu.csv >other.csv
expect 3 "other.csv: holds measurements of '.*9 threads'" measure tiny.ini -o other.csv

# ---- the device ----
expect 2 'there is no file .*cpu.est' check tiny.ini
shows '^ibn ' fit cpu.csv -o cpu.est
shows ' ibn k3 e6 \* ' check tiny.ini
shows '1 thread$' check tiny.ini
shows '^measured latency|measured latency ' train tiny.ini -q -o run
grep -qE '"measured": [0-9.]+' run/result.json
verdict 'the result has what was measured' $?
shows '^target +.* 1 thread, batch 1' estimate run
grep -qE '^stage.1.block.1.(ibn|fused) +3x3' out
verdict 'a block is priced as a whole' $?
shows '^target +.* 1 thread, batch 1' estimate run/arch.txt --target cpu.est
shows 'predicted latency' derive run --latency '100 %'

# ---- measured again: the search stands, its prices are new ----
shows '^target +.* 1 thread$' derive run --target nets.est
grep -qF -- "-s target.kind=cpu" out && grep -qF -- "-s 'target.file=nets.est'" out
verdict 'how to train it names the target' $?
[ -s run/derive/target=nets/arch.txt ]
verdict 'and lies in a folder of its own' $?
predicted=$(grep -oE '"predicted": [0-9.e-]+' run/derive/target=nets/cost.json | head -1 | cut -d' ' -f2)
shows '"latency_ms": ' estimate run/derive/target=nets/arch.txt --target nets.est --json
[ "$(grep -oE '"latency_ms": [0-9.e-]+' out | head -1 | cut -d' ' -f2)" = "$predicted" ]
verdict 'budgets and estimates count the same' $?
shows 'target=ne-1' derive run --latency '90 %' --target "$root/configs/targets/ne-1.ini"
[ -s 'run/derive/90%,target=ne-1/arch.txt' ]
verdict 'another device needs no other search' $?
expect 3 'gone.est' derive run --target gone.est
expect 2 'derive: expected --latency.* --target, or --tau' derive run
sed 's/^kind = cpu/kind = npu/' tiny.ini >kind.ini
expect 2 'kind.ini:8:.*expected the description of an npu' check kind.ini
sed "s|^file = .*|file = $root/configs/targets/ne-1s.ini|" tiny.ini >file.ini
expect 2 'expected the .est of this machine' check file.ini
shows '^ibn ' fit other.csv -o other.est
sed 's/cpu.est/other.est/' tiny.ini >other.ini
sed 's/^# kernels: .*/# kernels: 1-2/' cpu.csv >kernels.csv
shows '^ibn ' fit kernels.csv -o kernels.est
sed 's/cpu.est/kernels.est/' tiny.ini >kernels.ini
shows '^note +its times were measured with other kernels' check kernels.ini
shows '^space' check tiny.ini
! grep -q 'other kernels' out
verdict 'which is not said of its own' $?
expect 3 'kernels.csv: was measured with other kernels' measure tiny.ini -o kernels.csv
expect 2 "was measured on '.*9 threads', this is '" check other.ini
grep -v ',fused_ibn,' cpu.csv >some.csv
shows '^ibn ' fit some.csv -o some.est
sed 's/cpu.est/some.est/' tiny.ini >some.ini
expect 3 'fused_ibn: needed by stage.1.block.1 fused k3 e2 and 3 more' check some.ini

finish
