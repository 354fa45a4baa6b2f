#!/usr/bin/env bash
# What is done with a finished net: eval, predict, export; what they say, what
# they write, how they end.
. "$(dirname "$0")/lib.sh" || exit 1

cat >tiny.ini <<INI
[data]
set = scenes
train = 120
test = 40
size = 16
[target]
file = $root/configs/targets/ne-1s.ini
[space]
stem = 8
stem_stride = 2
head = none
act = relu6
[stage.1]
width = 16
[search]
mode = none
[train]
epochs = 1
batch = 16
INI

# A BMP of 24 bits, N x N pixels of one colour: bmp FILE N R G B
bmp() {
    local row=$((($2 * 3 + 3) / 4 * 4)) pixel line=
    local bytes=$((row * $2))
    pixel=$(printf '\\x%02x\\x%02x\\x%02x' "$5" "$4" "$3")
    for ((x = 0; x < $2; x++)); do line+=$pixel; done
    for ((x = $2 * 3; x < row; x++)); do line+='\x00'; done
    le4() { printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x$(printf %02x $(($1 >> 16 & 255)))\\x00"; }
    {
        printf 'BM'
        le4 $((54 + bytes)) && le4 0 && le4 54 && le4 40 && le4 "$2" && le4 "$2"
        printf '\x01\x00\x18\x00'
        le4 0 && le4 $bytes && le4 0 && le4 0 && le4 0 && le4 0
        # shellcheck disable=SC2059 # the bytes are in the format on purpose
        for ((y = 0; y < $2; y++)); do printf "$line"; done
    } >"$1"
}

"$supernet" train tiny.ini -q -o run >out 2>err
verdict "a run" $?
grep -q '^exported subnet.onnx: read back and recomputed on 8 pictures' run/log.txt
verdict 'the log tells of the export' $?
grep -q 'subnet.onnx' out
verdict 'the card names the export' $?
[ -s run/subnet.onnx ] && [ ! -e run/subnet.onnx.tmp ]
verdict 'train left subnet.onnx' $?
grep -q '^note .*relu6.*onnxruntime alone' run/log.txt
verdict 'the log tells of relu6' $?
mv run/subnet.onnx aside.onnx
"$supernet" train --resume run -q >out 2>err && ! grep -q 'subnet.onnx' out && grep -q 'subnet.safetensors' out
verdict "a card names only what is there" $?
mv aside.onnx run/subnet.onnx

# ---- eval ----
shows 'scenes, 40 test images, 10 classes' eval run
[ "$(grep -cE '^(class|        ) +[a-z]+ +[0-9]+' out)" -eq 10 ]
verdict "eval has a line a class" $?
shows ', 10 val images' eval run --split val
shows ', 110 train images' eval run --split train
shows '"taken_for": ' eval run --json
shows 'matrix +m.csv' eval run --confusion m.csv
[ "$(wc -l <m.csv)" -eq 11 ]
verdict 'the matrix has a row a class' $?
awk -F, 'NR > 1 { for (i = 2; i <= NF; i++) { all += $i; right += i == NR ? $i : 0 } }
    END { print all, right }' m.csv >sum
"$supernet" eval run --json | grep -oE '^  "(images|correct)": [0-9]+' | grep -oE '[0-9]+' | xargs >sum.json
cmp -s sum sum.json
verdict "the matrix adds up" $?
expect 2 "'all' is not known; expected test, val or train" eval run --split all
expect 1 'nowhere/m.csv: cannot be written' eval run --confusion nowhere/m.csv
grep -q '^result   accuracy' out && ! grep -q '^matrix' out
verdict 'what was evaluated is told even so' $?

# ---- export ----
shows '^takes +image, uint8 \[N, 16, 16, 3\]' export run --onnx -o a.onnx
cmp -s a.onnx run/subnet.onnx
verdict 'export writes what train wrote' $?
grep -q '^checked .* largest difference' out && grep -q '^note .*relu6' out
verdict "export tells what was checked, and of relu6" $?
shows '^file +run/subnet.onnx' export run/subnet.safetensors --onnx
shows '^takes +input, float \[N, 3, 16, 16\]' export run --onnx --raw-input -o raw.onnx
shows '"type": "uint8"' export run --onnx -o a.onnx --json
grep -q '"relu6 is written' out
verdict 'the JSON has the notes' $?
shows '^file +run/subnet-raw.onnx' export run --onnx --raw-input
cmp -s a.onnx run/subnet.onnx && cmp -s raw.onnx run/subnet-raw.onnx
verdict 'a raw export leaves subnet.onnx alone' $?
expect 2 'export: expected the format: --onnx' export run
expect 2 'export: expected RUN' export --onnx
expect 3 'gone: No such file' export gone --onnx
expect 1 'nowhere/x.onnx: cannot be written' export run --onnx -o nowhere/x.onnx
expect 1 'run: cannot be written: is not a regular file' export run --onnx -o run
head -c 3000 run/subnet.safetensors >cut.safetensors
expect 3 'cut.safetensors: ' export cut.safetensors --onnx

# ---- predict ----
mkdir -p many/deep many/.hidden empty
bmp one.bmp 16 200 30 30
bmp many/b.bmp 20 0 255 0
bmp many/A.BMP 9 10 20 250
bmp many/deep/c.bmp 16 3 3 3
bmp many/.hidden/d.bmp 16 3 3 3
cp one.bmp many/.e.bmp
echo text >many/notes.txt
cp one.bmp many/f.DIB
shows '^one.bmp:( [a-z]+ [0-9.]+ %,){4} [a-z]+ [0-9.]+ %$' predict run one.bmp
shows '^one.bmp: [a-z]+ [0-9.]+ %$' predict run one.bmp --top 1
"$supernet" predict run many --top 1 2>err | cut -d: -f1 | xargs >out
[ "$(cat out)" = "many/A.BMP many/b.bmp many/deep/c.bmp many/f.DIB" ]
verdict "a folder's pictures" $?
shows '^file,rank,label,class,probability$' predict run one.bmp many --csv
[ "$(wc -l <out)" -eq 26 ]
verdict 'five rows a picture' $?
shows '"logits": \[' predict run/subnet.safetensors one.bmp --json
[ "$("$supernet" predict run one.bmp many --top 1000 | head -n 1 | grep -o '%' | wc -l)" -eq 10 ]
verdict 'no more classes than there are' $?
# One picture that is none does not keep the others from being told.
echo nothing >many/bad.jpg
expect 3 '1 of 5 pictures were not read' predict run many
grep -q 'many/bad.jpg: ' err && [ "$(wc -l <out)" -eq 4 ]
verdict "the others are told" $?
expect 3 'many/bad.jpg: ' predict run many --json
grep -q '"error": "many/bad.jpg' out
verdict 'the JSON tells of it' $?
# ... names that are no UTF-8
cp one.bmp $'caf\xe9.bmp'
shows '"file": "caf\\\\xe9.bmp"' predict run $'caf\xe9.bmp' --json
echo nothing >$'bad\xe9.bmp'
expect 3 'bad.*\.bmp: ' predict run $'bad\xe9.bmp' --json
grep -q '"error": "bad' out
verdict "the JSON tells why" $?
cp -r run $'run\xe9'
shows '"file": "run\\\\xe9/subnet' eval $'run\xe9' --json
# ... more pictures than a pass, at any number of threads
mkdir twenty
for i in {10..29}; do bmp twenty/$i.bmp $i $((i * 8)) $((250 - 5 * i)) 90; done
"$supernet" predict run twenty --csv -j 1 >1.csv && "$supernet" predict run twenty --csv -j 3 >3.csv &&
    cmp 1.csv 3.csv && [ "$(wc -l <1.csv)" -eq 101 ]
verdict 'a pass of many threads is that of one' $?
# ... and the same pictures alone and among others are the same to the bit
"$supernet" predict run one.bmp --csv >alone
"$supernet" predict run many/b.bmp one.bmp --csv | grep -E '^(file|one)' | cmp -s - alone
verdict 'a picture does not depend on its neighbours' $?
mkdir pipes && mkfifo pipes/p.jpg && ln -s nowhere pipes/q.jpg && cp one.bmp pipes/$'line\nend.bmp'
: >pipes/a.webp && : >pipes/b.HEIC
expect 3 'pipes/p.jpg: is a pipe or a device, expected a file' predict run pipes
grep -q 'pipes/q.jpg: No such file or directory$' err && grep -q '^pipes/line.x0aend.bmp: ' out
verdict 'a link that leads nowhere, a name with a newline' $?
grep -q '^note: 2 pictures of a kind that is not read passed over$' err
verdict 'pictures that are passed over are told' $?
expect 3 'pipes/p.jpg' predict run pipes --json -q
grep -q '"passed_over": 2' out && ! grep -q '^note' err
verdict 'in JSON as well' $?
rm pipes/*.jpg pipes/*.bmp
expect 3 'pipes: no picture .* BMP files do, found others' predict run pipes
expect 2 "predict: 'one.bmp' is a picture; expected a run or a net" predict one.bmp run
expect 2 "predict: expected pictures or folders behind 'run'" predict run
expect 2 'predict: expected RUN' predict
expect 2 'cannot stand beside --json' predict run one.bmp --csv --json
expect 2 '--top: 0 is out of range' predict run one.bmp --top 0
expect 3 "one.bpm: No such file.*did you mean 'one.bmp'" predict run one.bpm
expect 3 'empty: no picture lies in this folder' predict run empty
expect 3 'gone: No such file' predict gone one.bmp
long=$(printf 'x%.0s' {1..254})
(for _ in {1..21}; do mkdir "$long" && cd "$long" || exit; done)
expect 3 'xxx\.\.\.: the path is too long' predict run "$long"
deep=$(printf 'd/%.0s' {1..18})
mkdir -p "$deep"
expect 3 'more than 16 folders within each other, or a link that goes round' predict run d
mkdir links && ln -s ../many/deep links/there
shows '^links/there/c.bmp: ' predict run links
ln -s ../many many/again
expect 3 'more than 16 folders' predict run many
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 000 locked
    expect 3 'locked: cannot be listed' predict run locked
    chmod 700 locked
else
    skip 'a locked folder: this user may read everywhere'
fi

finish
