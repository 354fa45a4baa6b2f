#!/usr/bin/env bash
# The benches measure what they say, in the form that scripts read, and refuse
# what they cannot do.  Nothing here is about speed.
. "$(dirname "$0")/../cli/lib.sh" || exit 1
bin=$build/bench
export OMP_NUM_THREADS=2

# The verdict on the command before, with what it said.
ended() { # NAME FILE...
    local rc=$?
    verdict "$1: $(head -n 3 "${@:2}")" $rc
}

# refuses CODE 'TEXT' PROGRAM ARGUMENTS...
refuses() {
    local code=$1 text=$2 program=$bin/$3 got
    [ "${3%.sh}" = "$3" ] || program=$root/bench/$3
    shift 2
    "$program" "${@:2}" >out 2>err </dev/null
    got=$?
    [ $got -eq "$code" ] && grep -qF -- "$text" err
    ended "$*: status $got, expected $code, and '$text'" err
}

cat >shapes.csv <<'CSV'
name,n,cin,h,w,cout,k,stride,groups
stem,4,3,31,32,16,3,2,1
point,4,24,5,5,17,1,1,1
jump,3,8,7,7,12,1,2,1
depth,4,20,8,9,20,5,1,20
odd,3,8,7,9,12,5,2,1
CSV

# ---- kernels ----

"$bin/kernels" --shapes shapes.csv --seconds 0.001 --threads 2 --csv >out 2>err
ended 'kernels --csv' err
[ "$(head -n 1 out)" = name,pass,precision,isa,variant,ms,gflops,share_of_peak ]
verdict 'kernels --csv: the columns' $?
awk -F, 'NR > 1 {
             bad += NF != 8 || $3 != "f32" || $6 <= 0 || $7 <= 0 || $8 <= 0
             rows++
         }
         END { exit bad || rows != 15 }' out
verdict 'kernels --csv: a row for each pass of each shape' $?
# 2 * 4*16*16 pixels * 16 * 27 flop = 884736: GFLOP/s times ms
awk -F, '$1 == "stem" { f = $6 * $7 * 1e6; bad += f < 875000 || f > 895000 } END { exit bad }' out
verdict 'kernels --csv: GFLOP/s follow from the time' $?
[ "$(cut -d, -f1,5 out | sort -u | tr '\n' ' ')" = \
    "depth,depth jump,dense name,variant odd,dense point,point stem,dense " ]
verdict 'kernels --csv: the variants' $?

"$bin/kernels" --shapes shapes.csv --seconds 0.001 --isa ref --only point,depth \
    --pass bwd_weight,fwd --fused --csv >out 2>err
ended 'kernels --fused --isa ref' err
[ "$(cut -d, -f1,2,4,5 out | tail -n +2 | tr '\n' ' ')" = \
    "point,fwd,ref,point+bn point,bwd_weight,ref,point+bn depth,fwd,ref,depth+bn depth,bwd_weight,ref,depth+bn " ]
ended 'kernels: --only, --pass, --isa and --fused are obeyed' out

for form in '' --fused; do
    # shellcheck disable=SC2086 # no word, or one
    "$bin/kernels" --shapes shapes.csv --seconds 0.001 --precision bf16 $form \
        --csv >out 2>err
    ended "kernels --precision bf16 $form" err
    [ "$(tail -n +2 out | cut -d, -f3 | uniq -c)" = '     15 bf16' ]
    verdict "kernels --precision bf16 $form: a row for each pass" $?
done

"$bin/kernels" --shapes shapes.csv --seconds 0.001 --threads 1 >out 2>err
ended 'kernels, the table' err
for word in 'working set' '^1 thread  *[0-9.]+ GFLOP/s' 'geometric means' \
    'dense .* all ' 'depthwise .* fwd '; do
    grep -qE "$word" out
    verdict "kernels, the table: $word" $?
done
[ "$(awk '{ if (length > most) most = length } END { print most }' out)" -le 80 ]
verdict 'kernels, the table fits in 80 columns' $?

refuses 2 'unknown flag `--frob`' kernels --frob
refuses 2 '--seconds: `0` is no value for it' kernels --seconds 0
refuses 2 '--threads: `0` is no value for it' kernels --threads 0
refuses 2 '--shapes needs a value' kernels --shapes
refuses 2 '--precision: `f8` is not known' kernels --precision f8
refuses 2 'no instruction set `mmx`' kernels --isa mmx
refuses 2 '--pass: found `fwd,bwd`' kernels --pass fwd,bwd
refuses 2 'has none of the shapes' kernels --shapes shapes.csv --only deep
refuses 3 'cannot be opened' kernels --shapes nowhere.csv
sed 's/name,n,/name,m,/' shapes.csv >head.csv
refuses 3 'head.csv:1: found `name,m,cin' kernels --shapes head.csv
for row in a,1,2,3,4,5,2,1,1 a,1,2,3,4,5,3,0,1 a,1,2,3,4,5,3,1,2 a,1,2,3,4,5,3,1 \
    a,1,2,3,4,5,3,1,1,1 ,1,2,3,4,5,3,1,1 a,1,2,3,4,5,3,1,x a,1,2,99999999999,4,5,3,1,1; do
    { head -n 1 shapes.csv; echo "$row"; } >row.csv
    refuses 3 "row.csv:2: found \`$row\`" kernels --shapes row.csv
done

# ---- step ----

cat >arch.txt <<'ARCH'
supernet-arch 1
input = 16x16x3
classes = 4
multiplier = 1
output_stride = 2
act = relu6
stem = 8 k3 s1
stage.1 = w8 s1
stage.1.block.1 = ibn k3 e3
stage.2 = w16 s2
stage.2.block.1 = fused k3 e2
head = none
ARCH
"$bin/step" --arch arch.txt --batch 8 --steps 3 --threads 2 --profile >out 2>err
ended 'step --arch' err
grep -qE "^net arch.txt, batch 8, 3 steps: [0-9.]+ img/s" out
verdict 'step: says what it ran' $?
grep -qE "^multiply-adds: [0-9.]+ GFLOP/s, [0-9.]+ % of the machine's [0-9.]+" out
verdict 'step: the share of the peak' $?
for row in conv ibn fused sum pool linear loss; do
    grep -qE "^$row +[0-9.]+ +[0-9.]+ +[0-9.]+ %$" out
    verdict "step --profile: a row for $row" $?
done
awk '$1 == "other" { exit $3 > 5 }' out
verdict 'step --profile: the parts make up the step' $?
"$bin/step" --arch arch.txt --batch 8 --steps 2 --json >out 2>err &&
    [ "$(wc -l <out)" -eq 1 ] && grep -qE '^\{"net": "arch", "batch": 8, .*"img_s": [0-9.]+, .*"loss_last": [0-9.]+\}$' out
ended 'step --json' out err
"$bin/step" --arch arch.txt --batch 8 --steps 2 --precision bf16 --json >out 2>err &&
    grep -q '"precision": "bf16", ' out
ended 'step --precision bf16' out err
refuses 2 'expected either --net or --arch' step
refuses 2 'expected either --net or --arch' step --net A --arch arch.txt
refuses 2 '--net: `E` is not known' step --net E
refuses 2 '--precision: `bf8` is not known' step --net A --precision bf8
refuses 3 'cannot be opened' step --arch nowhere.txt
echo 'supernet-arch 7' >bad.txt
refuses 2 'bad.txt:1:' step --arch bad.txt

# ---- search ----

"$bin/search" --batch 2 --steps 1 --threads 2 --json >out 2>err &&
    grep -qE '^\{"batch": 2, .*"plain_ms": [0-9.]+, .*"ratio": [0-9.]+, .*"epoch_ratio": [0-9.]+\}$' out
ended 'search --json' out err
refuses 2 'unknown flag `--frob`' search --frob
refuses 2 '--batch: `0` is no value for it' search --batch 0

# ---- evidence ----

cat >tiny.ini <<INI
[data]
set = scenes
train = 300
test = 20
size = 16
val = 0.2
[target]
file = $root/configs/targets/ne-1s.ini
[space]
stem = 8
stem_stride = 2
head = none
[stage.1]
width = 16
depth = 1..2*
[search]
mode = single-path
epochs = 1
batch = 16
[train]
epochs = 1
batch = 16
[baseline]
train = cost-only
INI
"${bin%/bench}/supernet" train tiny.ini -q -o run >out 2>err
ended 'a run to look at' err
"$bin/evidence" --run run --cases 6 --seconds 0.01 --threads 1 >first 2>err
ended evidence err
for word in '6 random nets' '^halves ' '^trapezoid +[0-9]+ ' '^active ' '^inactive ' \
    '^gumbel +[0-9]+ ' '^reinforce +[0-9]+ ' '^macs ' '^latency '; do
    grep -qE "$word" first
    verdict "evidence: $word" $?
done
"$bin/evidence" --run run --cases 6 --seconds 0.01 --threads 2 >again 2>err &&
    cmp -s first again
ended 'evidence: goes on from what is kept: nothing is left to do' again err
"$bin/evidence" --run run --cases 8 --seconds 0.01 --threads 2 >more 2>err &&
    grep -q '8 random nets' more && [ "$(grep ^gumbel more | cut -c1-26)" = \
    "$(grep ^gumbel first | cut -c1-26)" ]
ended 'evidence: more cases, the same tables' more err
refuses 2 'expected --run RUN' evidence
refuses 3 'nowhere' evidence --run nowhere
echo broken >run/evidence.safetensors
refuses 3 'evidence.safetensors' evidence --run run

# ---- the peers ----

if "$bin/peers/dnnl" --version >version 2>err; then
    grep -qE '^oneDNN [0-9]+\.[0-9]+\.[0-9]+$' version
    verdict 'dnnl --version' $?
    "$bin/peers/dnnl" --shapes shapes.csv --seconds 0.001 --csv >theirs 2>err
    ended 'dnnl' err
    "$bin/kernels" --shapes shapes.csv --seconds 0.001 --csv >out
    [ "$(cut -d, -f1-3 theirs)" = "$(cut -d, -f1-3 out)" ]
    verdict 'dnnl: the same rows as kernels' $?
    refuses 2 '--precision: `f8`' peers/dnnl --precision f8
    refuses 2 '--pass: found `x`' peers/dnnl --pass x
else
    grep -q 'libdnnl-dev' err
    ended 'dnnl: says what is missing' err
    skip 'oneDNN was missing when this was built'
fi

if python3 -c 'import torch' 2>/dev/null; then
    python3 -B "$root/bench/peers/torch_step.py" --net C --batch 2 --steps 1 --threads 2 >out 2>err
    ended 'torch_step.py' err
    grep -qE '"net": "C", "batch": 2, .*"setting": "nhwc", "img_s": [0-9.]+' out
    verdict 'torch_step.py: the line' $?
else
    skip 'PyTorch is not installed'
fi

# Two pairs of a net; two of one pass, one of others.  Of PyTorch's f32 settings
# nchw is the best, of all bf16's nhwc is; depthwise ours is better in bf16 and
# theirs in f32.
cat >pairs.csv <<'CSV'
name,pass,precision,program,setting,pair,rate,peak_rss_mib
A,,f32,ours,step,1,300,100
A,,f32,torch,nhwc,1,90,400
A,,f32,torch,nchw,1,100,200
A,,bf16,torch,nhwc,1,150,300
A,,bf16,ours,step,1,600,60
A,,f32,torch,nhwc,2,90,400
A,,f32,torch,nchw,2,120,200
A,,bf16,torch,nhwc,2,150,300
A,,f32,ours,step,2,300,100
A,,bf16,ours,step,2,750,60
stem,fwd,f32,ours,dense,1,30,
stem,fwd,f32,onednn,jit,1,10,
stem,fwd,f32,ours,dense,2,10,
stem,fwd,f32,onednn,jit,2,10,
stem,bwd_data,f32,ours,dense,1,8,
stem,bwd_data,f32,onednn,jit,1,4,
point,fwd,f32,ours,point,1,1,
point,fwd,f32,onednn,jit,1,2,
depth,fwd,f32,ours,depth,1,4,
depth,fwd,f32,onednn,jit,1,3,
depth,fwd,bf16,ours,depth,1,9,
depth,fwd,bf16,onednn,jit,1,2,
CSV
cat >want <<'TEXT'
steps: img/s, ours over PyTorch's best setting, median of pairs
net             ours   PyTorch  its setting        ratio                  memory
A    f32       300.0     110.0  f32 nchw            2.75 (2.50 to 3.00)     0.50
A    bf16      675.0     150.0  bf16 nhwc           4.50 (4.00 to 5.00)     0.30

convolutions: ours over oneDNN, geometric means
dense      fwd        f32      1     2.00
dense      bwd_data   f32      1     2.00
dense      all        f32      2     2.00
1x1        fwd        f32      1     0.50
1x1        all        f32      1     0.50
depthwise  fwd        f32      1     1.33
depthwise  all        f32      1     1.33
worst      point fwd: 0.50
depthwise  fwd        bf16     1     4.50
depthwise  all        bf16     1     4.50
worst      depth fwd: 4.50
depthwise  fwd        best     1     3.00
depthwise  all        best     1     3.00
TEXT
awk -f "$root/bench/peers/ratios.awk" shapes.csv pairs.csv >out 2>err
diff want out >differs
ended 'ratios.awk' differs err
awk -F, '$2 == ""' pairs.csv >nets.csv
awk -f "$root/bench/peers/ratios.awk" shapes.csv nets.csv | grep -q convolutions
[ $? -eq 1 ]
verdict 'ratios.awk: no convolutions where none were measured' $?
refuses 2 'unknown flag --frob' bench-peers.sh --frob 1
refuses 2 '--pairs is unknown or needs a value' bench-peers.sh --pairs
refuses 2 'cannot be written' bench-peers.sh --out "$work/no/where.csv"

finish
