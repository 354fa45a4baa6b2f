#!/usr/bin/env bash
# Images that are not those of the training any more: a run does not go on with
# them, eval refuses other classes and tells of other images.
. "$(dirname "$0")/lib.sh" || exit 1

# silent ARGUMENTS...: ends well, and has nothing to note.
silent() {
    "$supernet" "$@" >out 2>err </dev/null && ! grep -qE '^note|"note": "' out
    verdict "supernet $* has nothing to note" $?
}

cat >own.ini <<INI
[data]
set = folder
path = pics
size = 16
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
epochs = 1
batch = 16
INI
"$supernet" data write --set scenes -s data.train=60 -s data.test=20 -s data.size=16 \
    -o pics >out 2>err
verdict 'class folders' $?
cp -r pics kept
again() { # the images as they were
    rm -rf pics && cp -r kept pics
}
first=$(cd pics/train/disc && ls | head -n 1)

# ---- eval ----
"$supernet" train own.ini -q -o run >out 2>err
verdict 'a run on them' $?
silent eval run
silent eval run --json
others='^note +the images are not those it was trained on: '
cp pics/train/star/"$(ls pics/train/star | head -n 1)" pics/train/disc/more.jpg
shows "${others}there are 61 training images, there were 60\$" eval run --split train
shows "${others}there are 61" eval run --split val
shows '"note": "the images are not those it was trained on: ' eval run --split val --json
silent eval run # the test images are the same
again
rm pics/test/disc/"$(ls pics/test/disc | head -n 1)"
shows "${others}there are 19 test images, there were 20\$" eval run
silent eval run --split train
again
mv pics/train/disc/"$first" pics/train/disc/z.jpg
shows "${others}the 60 training images are others\$" eval run --split train
again
mv pics/train/disc/"$first" pics/train/star/
shows "${others}the 60 training images are others\$" eval run --split train
again
mv pics elsewhere && ln -s elsewhere pics
silent eval run --split train # the same images in another place
rm pics && rm -rf elsewhere
again
for part in train test; do mv pics/$part/disc pics/$part/dish; done
expect 3 "class [0-9]+ of the net is 'disc', of the data 'dish'" eval run
again
for part in train test; do rm -r pics/$part/disc; done
expect 3 'the net is for 10 classes and 3 channels, the data has 9 and 3' eval run
again

# Where no test folder is, other images make another test.
mv pics/test aside
"$supernet" train own.ini -q -o divided >out 2>err
verdict 'a run that sets its test images aside' $?
silent eval divided
cp aside/star/*.jpg pics/train/star/
shows "$others" eval divided
again
rm -r aside

# Drawn images are known as well.
sed -e '/^path/d' -e 's/folder/scenes/' -e 's/^size.*/&\ntrain = 60\ntest = 20/' own.ini >drawn.ini
"$supernet" train drawn.ini -q -o drawn >out 2>err
verdict 'a run on drawn images' $?
silent eval drawn

# ---- names that no file could hold ----
for bad in $'two\nlines' $'caf\xe9'; do
    cp -r pics/train/disc pics/train/"$bad"
    rm -rf none
    expect 3 '(class|name|UTF-8)' train own.ini -q -o none
    [ ! -e none/steps.jsonl ]
    verdict "refused before step one" $?
    again
done

# ---- resume ----
"$supernet" train own.ini -q -s train.epochs=2000 -o stopped >out 2>err &
pid=$!
while [ ! -e stopped/checkpoint.safetensors ] && kill -0 $pid; do
    sleep 0.02
done 2>/dev/null
kill -INT $pid
wait $pid
[ $? -eq 130 ]
verdict 'an interrupted run' $?
refused='stopped: the images are not those the run began with: '
rm pics/train/disc/"$first"
expect 3 "${refused}there are 59 training images, there were 60; put them back" train --resume stopped
again
echo >>pics/test/disc/"$(ls pics/test/disc | head -n 1)"
expect 3 "${refused}the 20 test images are others; put" train --resume stopped --force
again
for part in train test; do mv pics/$part/disc pics/$part/dish; done
expect 3 "${refused}the 10 classes are others; the 60 training images are others" train --resume stopped
again
"$supernet" train --resume stopped >out 2>err &
pid=$!
while ! grep -q '^resumed' err && kill -0 $pid; do sleep 0.02; done 2>/dev/null
kill -INT $pid
wait $pid
[ $? -eq 130 ]
verdict 'with the images as they were it goes on' $?

finish
