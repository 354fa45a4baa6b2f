#!/usr/bin/env bash
# Images of one's own from the command line: data write, check and mosaic, and
# training on folders and lists: the same bits from every cache, at any number
# of threads, killed and gone on with.
. "$(dirname "$0")/lib.sh" || exit 1

# ---- write ----
shows 'scenes: 10 classes, 120 training images, 40 for testing' \
    data write --set scenes -s data.train=120 -s data.test=40 -s data.size=24 -o pics
[ "$(find pics/train -name '*.jpg' | wc -l)" -eq 120 ] &&
    [ "$(find pics/test/ring -name '*.jpg' | wc -l)" -eq 4 ]
verdict 'data write: class folders of JPEGs' $?
shows 'files    small' data write --set scenes -s data.train=20 -s data.test=20 \
    -s data.size=16 --format png -o small
[ "$(find small -name '*.png' | wc -l)" -eq 40 ]
verdict 'data write --format png' $?
shows 'folder: 10 classes' data write small -s data.size=16 --format png -o again
contents() { # DIR: what lies in which folder, whatever it is called
    (cd "$1" && find . -type f -exec md5sum {} + | sed 's|/[^/]*$||' | sort)
}
cmp <(contents small) <(contents again)
verdict 'a folder written from a folder is the same' $?
expect 2 'data write: expected -o DIR' data write --set scenes
expect 2 "--format: 'gif' is not known; expected jpg or png" data write --set scenes --format gif -o x
expect 1 'pics: is not empty' data write --set scenes -s data.train=20 -o pics
expect 2 "-s train.lr=1: expected data.KEY=VALUE" data write --set scenes -s train.lr=1 -o x
expect 2 "-s data.size=3: .*out of range" data write --set scenes -s data.size=3 -o x
expect 2 "-s scones: 'scones' is not known" data write --set scones -o x
expect 2 "unknown command 'data chek'; did you mean 'data check'" data chek
expect 2 "unknown command 'data'" data
expect 2 'data check has no flag --format' data check pics --format png
shows 'supernet data write' data write -h
shows 'data check ' -h

# ---- check ----
shows '160 of 160 images can be read; 0 errors, 0 notes' data check pics
shows 'width 24 to 24, median 24' data check pics
cp -r pics messy
cp messy/train/disc/000*.jpg messy/test/disc/
head -c 300 pics/train/disc/"$(ls pics/train/disc | head -n 1)" >messy/train/star/cut.jpg
: >messy/train/star/empty.png
cp "$root/README.md" messy/train/star/readme.jpg
cp messy/train/star/"$(ls pics/train/star | head -n 1)" messy/
: >messy/train/star/$'line\nend\xe4'.png
: >messy/train/star/phone.heic
mkdir -p messy/train/__MACOSX && : >messy/train/__MACOSX/._x.jpg
expect 3 'messy: [0-9]+ errors in the data' data check messy
for line in 'error    cannot be read: 4' '  train/star/empty.png: the file is empty' \
    '  train/star/line\\x0aend\\xe4.png: the file is empty' \
    'note     pictures that are no JPEG, PNG or BMP, passed over: 1' \
    '  train/star/readme.jpg: is no JPEG, PNG or BMP file' \
    'error    of no class: 1' 'error    the same picture in two parts: 12'; do
    grep -q "^$line" out
    verdict "data check says '$line'" $?
done
"$supernet" data check messy --json >out 2>err
[ $? -eq 3 ] && grep -q '"ok": false' out && grep -q '"kind": "broken"' out &&
    grep -q '"same_as": "t' out && [ "$(grep -c '"error": true' out)" -eq 17 ]
verdict 'data check --json lists every finding' $?
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; d = json.load(open("out")); sys.exit(d["errors"] != 17 or len(d["classes"]) != 10)'
    verdict 'it is JSON' $?
fi
expect 2 'is for images of one.s own' data check --set scenes
expect 3 'there is no folder' data check -s data.set=folder -s data.path=nowhere
expect 2 'nowhere.ini' data check nowhere.ini
expect 2 'data check: expected DIR' data check
{
    echo path,label
    ls pics/train/disc/*.jpg | sed 's/$/,disc/'
    ls pics/train/star/*.jpg | sed 's/$/,star/'
} >list.csv
shows '24 of 24 images can be read; 0 errors' data check list.csv
grep -q '^data     list.csv$' out
verdict 'the report of a list names the list' $?
shows '"path": "list.csv"' data check list.csv --json
cp list.csv LIST.CSV && cp list.csv list.txt
shows '24 of 24 images can be read; 0 errors' data check LIST.CSV
shows '24 of 24 images can be read; 0 errors' data check list.txt
expect 3 'there is no folder .*/pisc' data check pisc
grep -q "did you mean 'pics'" err
verdict 'a folder that is not there: the nearest name' $?
expect 3 'lost.csv: cannot be opened' data check lost.csv
picture=$(echo pics/train/disc/*.jpg | cut -d' ' -f1)
expect 2 'is a picture; expected a folder of class folders' data check "$picture"
mkdir -p gifs/a gifs/ж && : >gifs/a/1.gif && : >gifs/a/2.webp && : >gifs/a/x.txt
expect 3 'gifs: 2 errors in the data' data check gifs
grep -q '^         no images; 2 pictures of a kind that is not read (1.gif); 1 other file' out &&
    grep -q 'no JPEG, PNG or BMP, passed over: 2$' out && grep -q '^note     not read as pictures: 1$' out
verdict 'what is passed over is counted by files' $?
[ "$(grep -oE '^ +(a|ж) +0 +0 +0' out | sed 's/ж/z/' | awk '{ print length() }' | uniq | wc -l)" -eq 1 ]
verdict 'columns stand below each other, whatever the alphabet' $?
mkdir -p messy/test/dics && cp messy/train/disc/"$(ls messy/train/disc | head -n 1)" messy/test/dics/
expect 3 'messy: [0-9]+ errors in the data' data check messy
grep -q "^  test/dics: a class that train does not have; did you mean 'disc'?" out
verdict 'a class of test alone is a finding' $?
rm -r messy/test/dics

# ---- mosaic ----
shows 'mosaic.png: 64 training images of folder, 210x210 pixels' \
    data mosaic pics -s data.size=24 -s data.augment=flip,cutout:8
[ "$(head -c 8 mosaic.png | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
verdict 'the mosaic is a PNG' $?
shows 'few.png: 20 training images of scenes' data mosaic --set scenes \
    -s data.train=20 -s data.test=20 -s data.size=16 -o few.png
expect 1 'no/such.png' data mosaic pics -o no/such.png

# ---- training ----
cat >own.ini <<INI
[run]
checkpoint = 20 ms
[data]
set = folder
path = pics
size = 16
augment = flip, translate:2
[target]
file = $root/configs/targets/ne-1s.ini
[space]
stem = 8
stem_stride = 2
head = none
act = relu
[stage.1]
width = 16
[search]
mode = none
[train]
epochs = 60
batch = 16
INI
train() { # DIR ARGUMENTS...
    local dir=$1
    shift
    timeout 120 "$supernet" train own.ini -q -o "$dir" "$@" >out 2>err
}
# The weights without the header, which holds the options: `cache` among them.
weights() { tail -c 4000 "$1/subnet.safetensors"; }
same() { # RUN: as `ram`?
    cmp <(results "$1") <(results ram) && cmp "$1/steps.jsonl" ram/steps.jsonl &&
        cmp <(weights "$1") <(weights ram)
}
train ram -s data.cache=ram
verdict 'training on a folder of JPEGs' $?
grep -q '^ *train 120, test 40; in memory$' ram/log.txt
verdict 'the log says what was found' $?
train two -s data.cache=ram -j 2 && same two
verdict 'two threads give the same bits' $?
train disk -s data.cache=disk && same disk
verdict 'the cache on disk gives the same bits' $?
train disk2 -s data.cache=disk && same disk2 && grep -q 'known from before' disk2/log.txt
verdict 'and again, from the file that is there' $?
train off -s data.cache=off -j 2 && same off
verdict 'no cache gives the same bits' $?
shows 'accuracy' eval off

# What brings the images is planned as well, and counts.
loaders() {
    "$supernet" check own.ini --json -j 2 "$@" 2>err | sed -n 's/.*"loaders": *\([0-9]*\).*/\1/p'
}
kept=$(loaders -s data.cache=ram) decoded=$(loaders -s data.cache=off)
[ "$kept" -gt 0 ] && [ "$decoded" -gt $((kept + 4 * 2 * 512 * 1024)) ]
verdict "loaders take $kept bytes with a cache, $decoded with helpers" $?
shows 'memory   images .*, loaders .* left$' check own.ini -s data.cache=off
expect 6 'of images and .* of loaders, .* \[run\] memory is 4.00 MiB; ' \
    train own.ini -o x6 -j 2 -s data.cache=off -s 'run.memory=4 MiB'
expect 6 'cache: ram needs .* for the decoded images, and 100 KiB are left' \
    train own.ini -o x6 -s data.cache=ram -s 'run.memory=100 KiB'

{
    echo path,label,split
    for file in pics/t*/*/*.jpg; do
        IFS=/ read -r _ part class _ <<<"$file"
        echo "$file,$class,$part"
    done
} >all.csv
train list -s data.set=list -s data.path=all.csv && same list
verdict 'a list of the same images gives the same bits' $?

# Killed, and gone on with.
start=$EPOCHREALTIME
train timed -s data.cache=off
took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) # ms
for part in 3 5 7; do
    rm -rf killed
    moment=$((took * part / 10))
    "$supernet" train own.ini -q -s data.cache=off -o killed >out 2>&1 &
    pid=$!
    sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
    {
        kill -KILL $pid
        wait $pid
    } 2>/dev/null
    [ -e killed/config.ini ] || continue
    timeout 120 "$supernet" train --resume killed -q >out 2>&1 && same killed
    verdict "killed after $moment of $took ms and gone on with: the same bits" $?
done

# Bad images are refused before step one, or left out.
sed 's/= pics/= messy/' own.ini >bad.ini
expect 3 '4 of [0-9]+ images cannot be used' train bad.ini -q -o refused
grep -q 'train/star/cut.jpg: ' err && grep -q 'train/star/empty.png: the file is empty' err &&
    grep -q "\[data\] path comes from bad.ini:" err
verdict 'all of them are listed' $?
[ ! -e refused ]
verdict 'nothing is left of the run' $?
shows 'accuracy' train bad.ini -q -o skipped -s data.skip_bad=yes
grep -q '4 bad images left out' skipped/log.txt
verdict 'skip_bad counts them' $?

# An image that vanishes while it is needed ends the run, naming it.
cp -r pics gone
sed 's/= pics/= gone/' own.ini >gone.ini
"$supernet" train gone.ini -q -o vanished -s data.cache=off -s train.epochs=5000 >out 2>err &
pid=$!
for _ in $(seq 500); do
    [ -s vanished/steps.jsonl ] && break
    sleep 0.02
done
rm -rf gone/train/disc
wait $pid
[ $? -eq 3 ] && grep -q 'gone/train/disc/' err
verdict 'an image that vanished ends the run' $?

finish
