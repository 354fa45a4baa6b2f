#!/usr/bin/env bash
# The README's recipe, word for word, on photographs that the program draws:
# from a folder of pictures to subnet.onnx in two commands.
. "$(dirname "$0")/lib.sh" || exit 1

# A checkout of sorts, so that the commands can be run as they stand; beside it
# the same for somebody who has not divided his photographs.
checkout() { # FOLDER
    mkdir "$work/$1" && cd "$work/$1" && ln -s "$build" build &&
        ln -s "$root/configs" configs
}
checkout parts
"$build/supernet" data write -s data.set=scenes -s data.train=240 \
    -s data.test=60 -s data.size=48 -o photos >out 2>err
verdict 'photographs to begin with' $?
checkout plain
cp -r ../parts/photos/train photos

# The recipe's lines, and what makes them quick: fewer epochs, smaller nets.
mapfile -t lines < <(awk '/^```/ { on = 0 } on && NF { print } /^<!-- recipe -->/ { found = 1 }
    found && /^```/ { on = !seen; seen = 1 }' "$root/README.md")
quick=(-s search.epochs=1 -s train.epochs=1 -s baseline.train=cost-only
    -s space.head=32 -s data.size=32 -q)
[ "${#lines[@]}" -ge 2 ]
verdict 'the README has a recipe of two commands' $?
recipe() { # FOLDER: follows it there
    cd "$work/$1" || exit 1
    for line in "${lines[@]}"; do
        line=${line%%#*}
        read -r -a words <<<"$line"
        [[ $line == *" train "* ]] && words+=("${quick[@]}")
        "${words[@]}" >out 2>err
        verdict "$1: ${words[*]}" $?
        [[ $line != *" train "* ]] || [ -s runs/latest/subnet.onnx ]
        verdict "$1: subnet.onnx is there after: ${words[*]}" $?
    done
    [ "$(grep -c '^photos/.*: [a-z]* [0-9.]* %' out)" -eq "$2" ]
    verdict "$1: the last line tells of $2 pictures" $?
}
recipe plain 240
recipe parts 300

# predict, which decodes files one by one, and eval, which trains' loader feeds,
# see the same pictures: as many are right, cropped or padded.
agree() { # RUN
    "$build/supernet" predict "$1" photos/test --csv --top 1 >out 2>err &&
        right=$(awk -F'[,/]' 'NR > 1 && $3 == $7 { n++ } END { print n + 0 }' out) &&
        "$build/supernet" eval "$1" --json >out 2>err &&
        grep -q '"images": 60,' out && grep -q "^  \"correct\": $right," out
}
agree runs/latest
verdict "cropped: predict has ${right:-none} of 60 right, eval" $?
"$build/supernet" train configs/photos.ini -s data.path=photos "${quick[@]}" \
    -s search.mode=none -s data.fit=pad -s data.size=56 -o padded >out 2>err
verdict 'a run on padded pictures' $?
agree padded
verdict "padded: predict has ${right:-none} of 60 right, eval" $?
"$build/supernet" eval padded --split train >out 2>err && grep -q ' train images, 10 classes' out
verdict 'eval on the images it was trained on' $?

finish
