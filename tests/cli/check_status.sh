#!/usr/bin/env bash
# Every way a command can end: its exit status, what it says, what it leaves.
. "$(dirname "$0")/lib.sh" || exit 1

cat >tiny.ini <<INI
[data]
set = scenes
train = 120
test = 40
size = 16
[target]
file = $root/configs/targets/ne-1s.ini
[budget]
latency = 60 %
[space]
stem = 8
stem_stride = 2
head = none
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

# ---- a run that the other cases look at ----
"$supernet" train tiny.ini -q -o run >out 2>err
verdict 'a run' $?
[ -e run/result.json ] || { cat err; finish; exit 1; }
for file in config.ini env.json log.txt epochs.csv steps.jsonl table.csv \
    values.csv arch.txt checkpoint.safetensors checkpoint.prev.safetensors \
    supernet.safetensors subnet.safetensors subnet.onnx baseline.safetensors \
    result.json; do
    [ -s "run/$file" ]
    verdict "the run left $file" $?
done
[ -z "$(ls run | grep -E 'tmp|next|probe|lock')" ]
verdict 'nothing half-written is left' $?
[ "$(awk '{ if (length > most) most = length } END { print most }' out)" -le 100 ]
verdict 'the card fits in 100 columns' $?
! grep -q $'[\r\033]' run/log.txt
verdict 'log.txt has plain lines' $?

# ---- train -v ----
# Each phase ends with a table; its parts, `other` among them, make up the step.
"$supernet" train tiny.ini -v -o told >out 2>err
verdict 'a run that is told of' $?
[ "$(grep -c '^profile  *[0-9]* steps of this phase' told/log.txt)" -eq 3 ]
verdict 'train -v: each phase tells where its time went' $?
grep -qE '^ibn +[0-9.]+ +[0-9.]+ +[0-9.]+ %$' err
verdict 'train -v: a row for each layer kind' $?
awk '$1 == "part" { sum = 0; within = 1; next }
     within && $1 == "step" { steps++; within = 0; bad += sum < 99 || sum > 101 }
     within { sum += $(NF - 1) }
     END { exit bad || steps != 3 }' told/log.txt
verdict 'train -v: the parts make up the step' $?
! grep -q '^profile' run/log.txt
verdict 'nobody is told who did not ask' $?

# ---- status 2: the command line ----
expect 2 'expected a command'
expect 2 "unknown command 'trian'; did you mean 'train'" trian
expect 2 "unknown command 'mesure'; did you mean 'measure'" mesure
expect 2 "unknown flag '--resme'; did you mean '--resume'" train --resme x
expect 2 "did you mean '--help'\?$" --hlep
expect 2 "unknown flag '--frobnicate'; see supernet -h$" --frobnicate
expect 2 "unknown command 'derve'; did you mean 'derive'" help derve
expect 2 "unknown flag '-x'" train -x
expect 2 'needs a value' train tiny.ini -o
expect 2 'expected a config, or --resume' train
expect 2 "'b.ini' is one argument too many" train tiny.ini b.ini
expect 2 'train: expected CONFIG.ini' train ''
expect 2 '-o: the name is empty' train tiny.ini -o ''
expect 2 'train has no flag --split' train tiny.ini --split val
expect 2 'check has no flag --verbose' check tiny.ini -v
expect 2 'data mosaic has no flag --json' data mosaic --json
expect 2 'data write has no flag --json' data write --json
expect 2 "cannot stand beside it" train tiny.ini --resume run
expect 2 '-s or --seed cannot stand beside it' train --resume run -s run.seed=2
expect 2 '-o cannot stand beside it' train --resume run -o x
expect 2 '--force needs --resume' train tiny.ini --force
expect 2 '-j: .*expected' train tiny.ini -j none
expect 2 '-j: 0 is out of range' train tiny.ini -j 0
expect 2 "--isa: 'mmx' is not known" info --isa mmx
expect 2 "run.seed=-1|--seed=-1" train tiny.ini --seed -1
expect 2 'expected RUN' derive
expect 2 'expected --latency' derive run
expect 2 "has no unit" derive run --latency 5
expect 2 "expected" derive run --latency '1 parsec'
expect 2 "more than 40 letters" derive run --latency "$(printf '%060d' 1) ms"
expect 2 "--split: 'all' is not known" eval run --split all
expect 2 "unknown section 'serach'; did you mean 'search'" config serach

expect 2 "-s seed=2: error: .*did you mean 'run.seed'" check tiny.ini -s seed=2
expect 2 '-s stage.3.width=8: error: .*without \[stage.2\]' check tiny.ini \
    -s stage.3.width=8

# ---- status 2: the config ----
printf '[data]\nset = scenes\nsise = 16\n[tarot]\n' >bad.ini
expect 2 "bad.ini:3:1: error: unknown key 'sise' in \[data\]; did you mean 'size'" \
    train bad.ini
expect 2 'bad.ini:4:.*error' train bad.ini
expect 2 'no-such.ini' train no-such.ini
expect 2 "unknown key 'max_time'" train tiny.ini -s run.max_time=2h
expect 2 "'single' is not known.*single-path" check tiny.ini -s search.mode=single
expect 2 "target.file=.*there is no file .*ne-1.inni; did you mean 'ne-1.ini'" \
    check tiny.ini -s "target.file=$root/configs/targets/ne-1.inni"
expect 2 'expansion 1 stands beside others' check tiny.ini -s 'space.e=1, 3'
expect 2 'cannot be drawn at 9 pixels' check tiny.ini -s data.size=9
expect 2 'an arch file is trained with mode = none only' \
    check tiny.ini -s search.arch=run/arch.txt
"$supernet" check tiny.ini -s data.size=9 -s 'space.e=1, 3' >out 2>err
[ "$(grep -c 'error: ' err)" -eq 2 ]
verdict 'two faults are told at once' $?
sed 's/^clock.*/clock = 800/' "$root/configs/targets/ne-1s.ini" >t.ini
expect 2 't.ini:[0-9]+:[0-9]+: error: .*no unit' check tiny.ini -s "target.file=t.ini"
expect 2 'train.batch=1000: error: .*a batch of 1000 is more than the 110 images' \
    train tiny.ini -o x1 -s train.batch=1000
expect 2 'tiny.ini:[0-9]+:[0-9]+: error: .*a batch of 16 is more than the [0-9]+ images held out' \
    check tiny.ini -s search.arch_split=0.1 -s run.seed=2
[ ! -e x1 ]
verdict 'a refused config leaves no folder' $?
shows 'feasible' check tiny.ini -s data.val=0
cp -r run run-changed
echo '# edited' >>run-changed/config.ini
expect 2 'config.ini: was changed since' train --resume run-changed

# ---- status 2: an arch text ----
expect 2 'no-such.txt' train tiny.ini -s search.mode=none -s search.arch=no-such.txt
echo 'supernet-arch 2' >arch2.txt
expect 2 'arch2.txt:1' train tiny.ini -s search.mode=none -s search.arch=arch2.txt
sed 's/^classes.*/classes = 7/' run/arch.txt >arch7.txt
expect 2 'of 7 classes, the data has' train tiny.ini -s search.mode=none \
    -s search.arch=arch7.txt

# ---- status 3: what is read ----
expect 3 'no-such-folder' train tiny.ini -s data.set=idx -s data.path=no-such-folder
expect 3 '\[data\] path comes from -s data.path=no-such-folder' check tiny.ini \
    -s data.set=idx -s data.path=no-such-folder
sed 's/^set = .*/set = idx\npath = nowhere/' tiny.ini >moved.ini
expect 3 'path comes from moved.ini:3' train moved.ini -o x3
expect 3 'no-run: No such file' train --resume no-run
expect 3 'is no run directory' train --resume "$root/configs"
expect 3 'no-run' derive no-run --latency '50 %'
expect 3 'no-run' eval no-run
expect 3 'is no safetensors file' eval tiny.ini
expect 3 "is a 'supernet-weights 1', expected" eval run/supernet.safetensors
head -c 5000 run/subnet.safetensors >cut.safetensors
expect 3 'cut.safetensors' eval cut.safetensors
mkdir unfinished
cp run/config.ini unfinished
expect 3 'no finished net yet' eval unfinished
expect 3 'its search is not finished' derive unfinished --latency '50 %'
cp -r run broken
head -n 3 run/table.csv >broken/table.csv
expect 3 'table.csv' derive broken --latency '50 %'
cp run/table.csv broken
printf 'epoch\n' >broken/values.csv
expect 3 'values.csv' derive broken --latency '50 %'
printf 'a\0b' >broken/arch.txt
expect 3 'arch.txt: holds a NUL byte' derive broken --latency '50 %'
for file in checkpoint.safetensors checkpoint.prev.safetensors; do
    head -c 300 run/$file >broken/$file
done
cp run/arch.txt run/values.csv broken
expect 3 'checkpoint.safetensors: ' train --resume broken
grep -q 'checkpoint.prev.safetensors: ' err
verdict 'both damaged checkpoints are told' $?

# ---- status 5: the budget ----
expect 5 'no net of this space meets .*attainable: ' train tiny.ini \
    -s 'budget.latency=1 %' -o x5
[ ! -e x5 ]
verdict 'a refused run leaves no folder' $?
expect 5 'attainable' check tiny.ini -s 'budget.latency=1 us'
grep -q INFEASIBLE out
verdict 'check prints its plan all the same' $?
expect 5 'attainable' derive run --latency '0.001 us'
[ ! -e run/derive ]
verdict 'a refused derivation leaves no folder' $?

expect 2 'bn_group.* groups of 24 do not fill a \[search\] batch' train tiny.ini \
    -o x6 -s run.bn_group=24

# ---- status 6: memory ----
expect 6 'training needs .* and there are .* would fit' train tiny.ini -o x6 \
    -s data.train=4600 -s train.batch=4096 -s data.size=64 -s stage.1.width=2048 \
    -s stage.1.depth=1 -s space.stem_stride=1
expect 6 '\[run\] memory is 1.00 MiB; \[search\] .* bn_group = [24], would fit' \
    train tiny.ini -o x6 -s 'run.memory=1 MiB'
expect 6 '\[run\] memory is 200 KiB; no batch is small enough' train tiny.ini \
    -o x6 -s 'run.memory=200 KiB'
if grep -q __asan_init "$supernet"; then
    skip 'memory that the system refuses: the sanitizer needs it all'
else
    (
        ulimit -v 600000
        "$supernet" train tiny.ini -o x6 -s data.size=128 \
            -s stage.1.width=128 -q >out 2>err
    )
    [ $? -eq 6 ] && grep -q 'memory' err
    verdict 'memory that the system refuses' $?
fi

# ---- status 1: outputs ----
expect 1 'run: exists and is not an empty folder' train tiny.ini -o run
expect 1 'tiny.ini' train tiny.ini -o tiny.ini/run
expect 1 'x+' train tiny.ini -o "$(printf 'x%.0s' {1..1200})"
for command in 'config' 'info --json' 'check tiny.ini' 'eval run'; do
    "$supernet" $command >/dev/full 2>err
    [ $? -eq 1 ] && grep -q 'standard output' err
    verdict "$command to a full disk" $?
done
# A file may not grow past 4 KiB: the first checkpoint does.
(
    ulimit -f 4
    "$supernet" train tiny.ini -q -o full >out 2>err
)
[ $? -eq 1 ] && grep -qE 'full/[a-z.]+: ' err
verdict 'a full disk is told' $?
[ ! -e full/checkpoint.safetensors ] && [ ! -e full/result.json ] &&
    ! ls full | grep -q tmp
verdict 'nothing half-written is left on a full disk' $?
"$supernet" train --resume full -q >out 2>err && [ -s full/result.json ]
verdict 'the run goes on once there is room' $?
mkdir locked
chmod 555 locked
if [ -w locked ]; then
    skip 'no permission: this user may write everywhere' 2
else
    expect 1 'Permission denied' train tiny.ini -o locked/run
    chmod 000 run/table.csv
    expect 3 'Permission denied' derive run --latency '50 %'
    chmod 644 run/table.csv
fi

# ---- resuming under another instruction set ----
isa=$(sed -n 's/.*"isa": "\(.*\)".*/\1/p' run/env.json)
if [ "$isa" = ref ]; then
    skip 'another instruction set: there is only ref' 2
else
    cp -r run other
    expect 2 "used instruction set $isa.*--force" train --resume other --isa ref
    shows 'derived net' train --resume other --isa ref --force
fi

# ---- what ends well ----
shows 'supernet [0-9.]+' -V
shows 'supernet [0-9.]+' train -V
shows 'train .*the whole job' -h
shows '--resume RUN' train --help
shows '--latency TIME' help derive
shows '^\[stage.N\]' config stage.3
for command in help 'help train' config 'check tiny.ini'; do
    "$supernet" $command >out 2>err
    [ "$(wc -L <out)" -le 80 ]
    verdict "$command fits in 80 columns" $?
done
shows 'arch_split' config search
shows 'clock' config npu
shows 'feasible' check tiny.ini
shows 'accuracy [0-9.]+ %' eval run
shows 'val images' eval run --split val
shows 'test accuracy' train tiny.ini -q -o none -s search.mode=none
shows 'predicted latency' train tiny.ini -q -o arch -s search.mode=none \
    -s search.arch=run/arch.txt -s baseline.train=cost-only
shows 'from scratch' train tiny.ini -q -o scratch -s train.from=scratch
shows 'test accuracy' train tiny.ini -q -o noval -s data.val=0
expect 2 'trained without validation images' eval noval --split val
shows 'budget.*met' derive run --latency '80 %'
[ -s 'run/derive/80%/arch.txt' ] && [ -s 'run/derive/80%/cost.json' ]
verdict 'derive writes its files' $?
shows 'predicted latency' train tiny.ini -q -o derived -s search.mode=none \
    -s 'search.arch=run/derive/80%/arch.txt'
expect 3 'searched none' derive none --latency '50 %'

# What derive says to try works, with a name that the link's moving keeps.
mkdir links && ln -s ../run links/latest
shows 'try .*train links/../run/config.ini' derive links/latest --latency '70 %'
try=$(sed -n '/^try/,$p' out | sed 's/^try//; s/\\$//' | tr -d '\n')
eval "set -- $try"
shift
shows 'budget.*met' "$@" -q -o tried

# A run under runs/, and the link to it; seeds differ.
"$supernet" train tiny.ini -q --seed 7 >out 2>err && [ -s runs/latest/result.json ] &&
    ls -d runs/tiny-2* >out
verdict 'runs/NAME-TIME and runs/latest' $?
! cmp -s runs/latest/subnet.safetensors run/subnet.safetensors
verdict 'another seed, another net' $?

# ---- --json: one object on stdout ----
json() { # NAME ARGUMENTS...: valid, with the keys named
    local keys=$1
    shift
    "$supernet" "$@" --json >out 2>err && python3 -c '
import json, sys
object = json.load(open("out"))
missing = [k for k in sys.argv[1].split(",") if k not in object]
assert not missing, missing' "$keys"
    verdict "supernet $* --json" $?
}
if command -v python3 >/dev/null; then
    result=task,metric,value,latency_ms,weights_bytes,peak_activation_bytes
    result+=,macs,params,baseline,reduction,search_seconds,final_seconds,seed,arch
    json $result train --resume run
    json $result train tiny.ini -o json
    cmp out json/result.json
    verdict 'train --json prints result.json' $?
    json $result derive run --latency '90 %'
    json value,split,images eval run
    json data,space,baseline,budget_ms,feasible,memory_bytes check tiny.ini
    json run,data,search config
    json version,isa,cores info
else
    skip '--json: no python3' 8
fi

finish
