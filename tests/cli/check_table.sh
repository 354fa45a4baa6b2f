#!/usr/bin/env bash
# Devices out of tables that others measured: what is priced by what, what is
# refused, what is said of guesses; a search for one.
. "$(dirname "$0")/lib.sh" || exit 1

# Two devices.  `board` has whole blocks and 5 images' rows beside those of one;
# `chip` has convolutions alone, pool and linear layer joined.
awk 'BEGIN {
    print "device,op,cin,cout,h,w,k,stride,expansion,act,skip,batch,dtype,latency_us"
    for (i = 0; i < 70; i++) {
        c = 8 + 8 * (i % 3); d = 8 + 8 * (i % 4); h = 4 + 2 * (i % 7)
        e = 2 + 2 * (i % 3); s = 1 + i % 2
        us = 3 + c * d * h * h * 9 / s / s / 2e3
        ibn = 5 + c * e * (c + d + 9) * h * h / 1e3
        skip = s == 1 && c == d
        for (b = 1; b < 6; b += 4) {
            printf "board,conv,%d,%d,%d,%d,3,%d,,relu,0,%d,int8,%.6g\n", c, d, h, h, s, b, us * b
            printf "board,ibn,%d,%d,%d,%d,3,%d,%d,relu,%d,%d,int8,%.6g\n", c, d, h, h, s, e, skip, b, ibn * b
            printf "board,gap,%d,%d,%d,%d,1,1,,,0,%d,int8,%.6g\n", c, c, h, h, b, 1 + c * h * h / 1e4
            printf "board,fc,%d,%d,1,1,1,1,,,0,%d,int8,%.6g\n", c, d, b, 1 + c * d / 1e4
        }
        printf "chip,conv,%d,%d,%d,%d,%d,%d,,,%d,1,fp16,%.6g\n", c, d, h, h, 1 + 2 * (i % 2), s, skip, us
        printf "chip,dwconv,%d,%d,%d,%d,3,%d,,,0,1,fp16,%.6g\n", c, c, h, h, s, 2 + c * h * h / 1e3
        printf "chip,gap_fc,%d,%d,%d,%d,1,1,,,0,1,fp16,%.6g\n", c, d, h, h, 2 + c * h * h / 1e4
    }
}' >ops.csv

cat >tiny.ini <<INI
[data]
set = scenes
train = 120
test = 40
size = 16
[target]
kind = table
file = ops.csv
device = board
p = 8
[budget]
latency = 90 %
[space]
stem = 8
stem_stride = 2
head = none
op = ibn
e = 2, 4*
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
sed '/^\[budget\]/,$d; 1,/^size/d' tiny.ini >board.ini
sed 's/board/chip/' board.ini >chip.ini

# ---- a search for it ----
shows ' ibn k3 e4 \* ' check tiny.ini
grep -qE '^space .* on board$' out
verdict 'the device has its name' $?
ls cache/supernet/fit-*.est >/dev/null 2>&1
verdict 'the fit is kept' $?
cp out first
shows '^space' check tiny.ini
sed '/ left$/d' first >first.lines
sed '/ left$/d' out | cmp -s - first.lines
verdict 'what was kept prices alike' $?
shows '"costs_cached": true' check tiny.ini --json
shows '"costs_cached": false' check tiny.ini -s target.p=4 --json
shows '"costs_cached": false' check tiny.ini -s stage.1.width=24 --json
shows '"costs_cached": false' check tiny.ini -s space.act=hswish --json
shows '"costs_cached": false' check tiny.ini -s target.batch=5 --json
shows '"costs_cached": true' check tiny.ini --json
for file in cache/supernet/cost-*.csv; do # each with the content of another
    tac "$file" >"$file.tmp" && mv "$file.tmp" "$file"
done
shows '"costs_cached": false' check tiny.ini --json
first=$(grep -lE ', P 8, batch 1,' cache/supernet/cost-*.csv | head -1)
for file in cache/supernet/cost-*.csv; do sed 's/, P 8,/, P 9,/' "$first" >other; cp other "$file"; done
shows '"costs_cached": false' check tiny.ini --json
chmod a-w cache/supernet
shows '^space' check tiny.ini
chmod u+w cache/supernet
for file in cache/supernet/fit-*.est; do echo broken >"$file"; done
shows '^space' check tiny.ini
sed '/ left$/d' out | cmp -s - first.lines
verdict 'and what was spoiled is fitted again' $?
shows 'predicted latency' train tiny.ini -q -o run
shows 'predicted latency' derive run --latency '100 %'
shows '^target +board, batch 1$' estimate run

# ---- what a net costs on others ----
grep -E '^ *"predicted"|"weights_bytes"' run/result.json | head -2 >card
shows '"latency_ms": ' estimate run/arch.txt --target board.ini --json
[ "$(grep -oE '"latency_ms": [0-9.e-]+' out | head -1 | cut -d' ' -f2)" = \
    "$(grep -oE '"predicted": [0-9.e-]+' run/result.json | head -1 | cut -d' ' -f2)" ]
verdict 'the card says what estimate says' $?
shows '^stage.1.block.1.ibn +3x3 ' estimate run/arch.txt --target board.ini
bytes8=$(awk '$1 == "all" { print $(NF - 3), $(NF - 2) }' out)
shows '^stage.1.block.1.ibn.depth +dw 3x3' estimate run/arch.txt --target chip.ini
[ "$bytes8" != "$(awk '$1 == "all" { print $(NF - 3), $(NF - 2) }' out)" ]
verdict 'a value of fp16 takes more than one of int8' $?
grep -qE '^pool +mean ' out && ! grep -qE '^linear' out
verdict 'pool and linear layer are priced as they were measured' $?
sed '$a batch = 5' board.ini >five.ini
shows '^target +board, batch 5$' estimate run/arch.txt --target five.ini
sed '$a batch = 3' board.ini >three.ini
expect 3 'of batch 3 that is' estimate run/arch.txt --target three.ini

# ---- an .est of it ----
shows '^ibn ' fit ops.csv --device board --batch 1 -o board.est
sed 's/ops.csv/board.est/' tiny.ini >est.ini
shows '^space' check est.ini
sed '/ left$/d' out | cmp -s - first.lines
verdict 'the same rows, fitted before, price alike' $?
shows '^target +board, batch 1$' estimate run/arch.txt --target board.est
expect 2 "is of device 'board'; \[target\] device asks for 'chip'" check est.ini -s target.device=chip
expect 2 "is of dtype 'int8'; \[target\] dtype asks for 'fp16'" check est.ini -s target.dtype=fp16

# ---- whole nets tell what stands beside the parts ----
awk 'BEGIN {
    print "input,arch,latency_us"
    for (i = 0; i < 12; i++)
        printf "16x16x3,conv k3 s2 c8;ibn k3 e%d s1 c%d;gap;fc c10,%g\n",
            2 + 2 * (i % 3), 8 + 8 * (i % 3), 500 + 40 * (i % 3) + 25 * (i % 2)
}' >nets.csv
shows '^nets +12 ' fit ops.csv --device board --batch 1 --nets nets.csv -o nets.est
shows '^beside +[0-9.]+ us' estimate run/arch.txt --target nets.est
awk '$1 == "all" { total++ }
     $1 != "all" && /%/ { for (i = 2; i <= NF; i++) if ($i == "%") sum += $(i - 1) }
     END { exit total != 1 || sum < 99.5 || sum > 100.5 }' out
verdict 'with it the shares make up the net' $?
shows '"beside_ms": [1-9]|"beside_ms": 0\.[0-9]*[1-9]' estimate run/arch.txt --target nets.est --json
estimated=$(grep -oE '"latency_ms": [0-9.e-]+' out | head -1 | cut -d' ' -f2)
sed 's/ops.csv/nets.est/' tiny.ini >nets.ini
shows '"latency_ms": ' check nets.ini -s search.mode=none -s search.arch=run/arch.txt --json
shows 'predicted latency' train nets.ini -s search.mode=none -s search.arch=run/arch.txt -q -o beside
grep -qF "\"predicted\": $estimated" beside/result.json
verdict 'and a run knows it as well' $?

# ---- outside of what was measured ----
sed 's/^stage.1 = w16/stage.1 = w64/' run/arch.txt >wide.txt
shows '^note +outside of what was measured: .*stage.1.block.1.ibn \([a-z ]+\)' estimate wide.txt --target board.ini
[ "$(grep -c outside out)" -eq 1 ]
verdict 'which is said once' $?
shows '"outside": "[a-z ]+"' estimate wide.txt --target board.ini --json
shows '^note +[0-9]+ of [0-9]+ parts lie outside .* furthest stage.1.block.2 ibn k3 e[24] by [a-z]+: guesses' check tiny.ini -s stage.1.width=128
shows '^note +[0-9]+ of [0-9]+ parts lie outside' advise wide.txt --target board.ini

# ---- what bounded a row ----
awk -F, 'BEGIN { OFS = "," } NR == 1 { print $0, "cycles", "npu_cycles", "sram_cycles"; next }
    { print $0, 300, i++ % 2 ? 100 : 80, 100 }' ops.csv >bound.csv
sed 's/ops.csv/bound.csv/' board.ini >bound.ini
shows '"latency_ms": ' estimate run/arch.txt --target board.ini --json
alone=$(grep -oE '"latency_ms": [0-9.e-]+' out | head -1 | cut -d' ' -f2)
shows '"latency_ms": ' estimate run/arch.txt --target bound.ini --json
grep -oE '"latency_ms": [0-9.e-]+' out | head -1 | cut -d' ' -f2 |
    awk -v alone="$alone" '{ exit !($1 > alone / 3.6 && $1 < alone / 2.5) }'
verdict 'a net has its tensors on chip: about a third of the time' $?
shows '^note .* with tensors on chip, as in a net: --resident$' fit bound.csv --device board --batch 1
shows '^note .* those with tensors on chip, by cycles and npu_cycles$' fit bound.csv --device board --batch 1 --resident
sed '2s/,300,/,-300,/' bound.csv >minus.csv
expect 3 "minus.csv:2: cycles: found '-300', expected a number from 0" fit minus.csv --device board --resident

# ---- refused ----
expect 3 'fused_ibn: needed by stage.1.block.2 fused k3 e2 and [0-9]+ more' check tiny.ini -s space.op=ibn,fused
grep -v ',fc,' ops.csv >nofc.csv
expect 3 '^  fc: needed by linear' check tiny.ini -s target.file=nofc.csv
grep -vE ',(fc|gap|conv),' ops.csv >ibn.csv
sed 's/ops.csv/ibn.csv/' board.ini >ibn.ini
expect 3 'target board: nothing was measured of' check tiny.ini -s target.file=ibn.csv
[ "$(grep -cE '^  (conv|gap|fc): needed by' err)" -eq 3 ]
verdict 'all that is lacking is listed' $?
expect 3 'fc: needed by linear' estimate run/arch.txt --target ibn.ini
expect 3 'nothing was measured of conv' target plot ibn.ini
sed '/^device/d' tiny.ini >several.ini
expect 2 "several devices, expected one: pick it with --device.*'board', 'chip'" check several.ini
expect 3 "found no row of device 'bord'" check tiny.ini -s target.device=bord
expect 2 'expected an operator CSV' check tiny.ini -s target.file="$root/configs/targets/ne-1.ini"
expect 2 'expected the description of an npu' check tiny.ini -s target.kind=npu
expect 2 'expected the .est of this machine' check tiny.ini -s target.kind=cpu
sed '2s/8/x/' ops.csv >bad.csv
expect 3 'bad.csv:2: cin' check tiny.ini -s target.file=bad.csv
expect 2 'p: ' check tiny.ini -s target.p=0
sed 's/= table/= tabel/' board.ini >kind.ini
expect 2 "kind.ini:2:.*did you mean 'table'" estimate run/arch.txt --target kind.ini
expect 3 'gone.csv: cannot be opened' estimate run/arch.txt --target gone.csv
expect 3 'gone.est: cannot be opened' estimate run/arch.txt --target gone.est

finish
