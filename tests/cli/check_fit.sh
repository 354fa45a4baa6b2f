#!/usr/bin/env bash
# supernet fit: from operator CSVs to an estimator; what it says, how it ends.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# A device that takes 2 us and a microsecond per 10,000 multiply-adds.
awk 'BEGIN {
    print "# device: drawn"
    print "device,op,cin,cout,h,w,k,stride,dtype,latency_us,kind,colour"
    for (i = 0; i < 60; i++) {
        cin = 8 + 8 * (i % 7); cout = 8 + 8 * (i % 5); h = 4 + i % 9
        us = 2 + cin * cout * h * h * 9 / 1e4
        printf "drawn,conv,%d,%d,%d,%d,3,1,int8,%.6g,measured,red\n", cin, cout, h, h, us
    }
    print "drawn,add,8,8,4,4,1,1,int8,2,measured,red"
    print "other,conv,8,8,4,4,3,1,int8,9,measured,blue"
}' >ops.csv

shows '^conv +60 +[a-z]+ +[0-9.]+ % +[0-9.]+ % +[0-9.]+ % +[0-9.]+ ' \
    fit ops.csv --device drawn -o a.est
grep -q '^note     ops.csv: columns passed over: colour$' out
verdict 'a column that is not known is noted' $?
grep -qE '^add +1 +roofline +one row: nothing to compare with$' out
verdict 'a class of one row' $?
[ -s a.est ] && grep -q '</svg>' a.svg && grep -q 'conv: 60 held out, MAPE' a.svg
verdict 'the estimator is there, and its picture' $?
grep -q '^file     a.est, a.svg$' out
verdict 'both are named' $?
shows '"family": ' fit ops.csv --device drawn --json -o b.est
cmp -s a.est b.est
verdict 'the same rows give the same file' $?
shows '^class' fit ops.csv --device drawn -j 3 -o c.est
cmp -s a.est c.est
verdict 'and at any number of threads' $?
gzip -c ops.csv >ops.csv.gz
shows '^conv +60' fit ops.csv.gz --device drawn

expect 2 "several devices, expected one: pick it with --device, in a config with \[target\] device \('drawn', 'other'\)" fit ops.csv
expect 3 "found no row of device 'drown'" fit ops.csv --device drown
expect 3 "found no row of device 'drawn' of dtype 'fp16'" fit ops.csv --device drawn --dtype fp16
expect 3 "of batch 2 that is" fit ops.csv --device drawn --batch 2
expect 2 'expected COLUMN=VALUE; did you mean .in_dram' fit ops.csv --default in_dran=1
expect 3 'gone.csv: cannot be opened' fit gone.csv
expect 2 'fit: expected OPS.csv, or --nets' fit
expect 1 'gone/a.est' fit ops.csv --device drawn -o gone/a.est
mkdir p.svg
expect 1 'p.svg' fit ops.csv --device drawn -o p.est
printf 'op,cin,latency_us\nconv,x,1\n' >bad.csv
expect 3 "bad.csv:2: cin: found 'x', expected a number" fit bad.csv -o d.est
[ ! -e d.est ]
verdict 'nothing is written of a bad file' $?

# ---- whole nets ----
awk 'BEGIN {
    print "input,arch,latency_ms"
    for (i = 0; i < 30; i++) {
        c = 8 + 8 * (i % 5); e = 1 + i % 4
        ms = 1 + c * e * 0.01
        printf "32x32x3,conv k3 s2 c16;ibn k3 e%d s1 c%d;gap;fc c10,%g\n", e, c, ms
    }
}' >nets.csv
shows '^nets +30 +[a-z]+ +[0-9.]+ % .*, Kendall 0' fit --nets nets.csv -o n.est
shows '"form": "' fit ops.csv --device drawn --nets nets.csv --json
expect 2 "found no column 'speed_ms'" fit --nets nets.csv --column speed_ms
expect 3 'gone.csv: cannot be opened' fit --nets gone.csv

# ---- real devices ----
data=$root/../shared/data/latency
if [ -r "$data/ops_mobile_lut.csv" ]; then
    shows '"op": "ibn"' fit "$data/ops_mobile_lut.csv" --device note10_cpu --json
    awk -F'[:,]' '/"op": "ibn"/ { ibn = 1 } ibn && /"mape":/ { mape = $2; ibn = 0 }
        END { exit !(mape > 0 && mape < 0.03) }' out
    verdict 'a phone within 3 % of rows it has not seen' $?
else
    skip 'no measured devices beside the project'
fi
finish
