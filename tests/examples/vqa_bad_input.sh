#!/bin/bash
# Usage: vqa_bad_input.sh VQA SCENES
# Bad input to `vqa`: see checks.sh. What is only unusual (a question without a known word, answers that the model cannot
# give) is answered. Everything it needs, it makes: ten scenes and two tiny answerers.
set -u
vqa=$(realpath "$1") scenes=$(realpath "$2") program=vqa
. "$(dirname "$(realpath "$0")")/checks.sh"
unset LIMN_VQA_CHECKPOINT

"$scenes" --out data --train 6 --val 2 --test 2 --size 32 --quiet || exit 1
"$scenes" --sheet photo.jpg --size 16 --quiet || exit 1
cp data/images/test_0.png good.png
small="--units 8 --embedding 8 --heads 2 --picture 32 --batch 4 --epochs 1 --quiet"
works "training on scenes" "$vqa" train --data scenes --out run --limit 8 --validation 2 $small
cp run/best.safetensors model.safetensors
works "training on a folder" "$vqa" train --data data --out folder $small --questions 3
works "going on from a trained answerer" "$vqa" train --data scenes --out further --init model.safetensors --limit 8 --validation 2 $small --seed 2
works "training on one type of questions" "$vqa" train --data scenes --out typed --types background,relation --limit 8 --validation 30 $small
refuses "a type that no question is of" "no question is of the type" "$vqa" train --data scenes --out new --types colours --limit 8 --validation 2 $small
refuses "going on with pictures of another size" model.safetensors "$vqa" train --data scenes --out sizes --init model.safetensors --limit 8 \
    --validation 2 --picture 48 --batch 4 --epochs 1 --quiet
model="--checkpoint model.safetensors"
ask() { "$vqa" ask "$1" "what colour is the circle?" $model "${@:2}"; }

# ------------------------------------------------------------------------------------------------------- images and questions
head -c 2000 photo.jpg >cut.jpg
: >empty.png
echo "this is a text" >text.png
printf 'P6 65535 65535 255\n' >huge.ppm
for broken in cut.jpg empty.png text.png huge.ppm absent.png data; do refuses "image $broken" $broken ask $broken; done
works "two questions" "$vqa" ask good.png "what colour is the circle?" "is there a square?" $model --top 2
expect "two answers each" [ "$(wc -l <"$out")" = 4 ]
works "JSON" ask good.png --json --top 3
expect "one line of JSON" grep -qE '^\{"answers":\[\{"answer":"[a-z0-9 ]+","probability":[0-9.e-]+\},' "$out"
works "a question without a known word" "$vqa" ask good.png "wer da" $model
expect "an answer" [ "$(cut -f1 "$out")" = "wer da" ]
expect "a warning" grep -q "^vqa: warning: no word of 'wer da' is known" "$err"
works "a question without words" "$vqa" ask good.png "???" $model
expect "a warning as well" grep -q "^vqa: warning: " "$err"
works "an HTML sheet" ask good.png --html sheet.html
expect "a heat map a word and one more" [ "$(grep -o '<figcaption>' sheet.html | wc -l)" = 6 ]
works "a sheet of samples" "$vqa" eval --data scenes --limit 5 $model --html sheet.html --html-images 3 --quiet
expect "three questions" [ "$(grep -oE 'p [0-9.]+, (right|wrong)' sheet.html | wc -l)" = 3 ]
rm -f sheet.html
refuses "an unwritable sheet" good.png/sheet.html ask good.png --html good.png/sheet.html
if [ -w /dev/full ]; then
  refuses "a full disk under standard output" "standard output" bash -c "'$vqa' ask good.png 'what is it?' $model >/dev/full"
  refuses "a full disk under the sheet" /dev/full ask good.png --html /dev/full
fi

# -------------------------------------------------------------------------------------------------------------- checkpoints
ask_by() { refuses "checkpoint: $1" "$2" "$vqa" ask good.png "is it?" --checkpoint "$2"; }
ask_by "missing" absent.safetensors
ask_by "a text" text.png
ask_by "empty" empty.png
ask_by "a folder" data
size=$(stat -c %s model.safetensors)
head -c $((size / 2)) model.safetensors >half.safetensors
ask_by "cut in half" half.safetensors
claims model.safetensors units.safetensors '\"units\":8' '\"units\":16'
claims model.safetensors memory.safetensors '\"units\":8' '\"units\":900000'
claims model.safetensors widths.safetensors '\"cnn_widths\":[' '\"cnn_widths\":[-1,'
claims model.safetensors heads.safetensors '\"heads\":2' '\"heads\":3'
claims model.safetensors kind.safetensors '\"question\":\"lstm\"' '\"question\":\"nose\"'
for lie in units memory widths heads kind; do ask_by "whose architecture lies about $lie" $lie.safetensors; done
patched model.safetensors nan.safetensors $((size - 4)) '\000\000\300\177'
ask_by "NaN in the weights" nan.safetensors
refuses "a checkpoint that is not there by environment" gone.safetensors env LIMN_VQA_CHECKPOINT=gone.safetensors "$vqa" ask good.png "is it?"
works "a checkpoint by environment" env LIMN_VQA_CHECKPOINT=model.safetensors "$vqa" ask good.png "is it?"
works "export in halves" "$vqa" export --checkpoint run --out half.model --half
works "halves answer" "$vqa" ask good.png "is it?" --checkpoint half.model
rm -f half.model

# ------------------------------------------------------------------------------------------------------------------ resuming
refuses "a run that is there" run "$vqa" train --data scenes --out run --limit 8 --quiet
refuses "resuming with another architecture" run/last.safetensors "$vqa" train --data scenes --out run --limit 8 --validation 2 ${small/--heads 2/--heads 4} --resume
head -c 500 run/last.safetensors >run/cut && mv run/cut run/last.safetensors
refuses "resuming from a damaged state" run/last.safetensors "$vqa" train --data scenes --out run --limit 8 --validation 2 $small --resume
mkdir full
refuses "a full disk under training" full/ bash -c "trap '' XFSZ; ulimit -f 4; exec '$vqa' train --data scenes --out full --limit 8 --validation 2 $small"

# ------------------------------------------------------------------------------------------------------------------- datasets
score() { "$vqa" eval --data "$1" --split test --quiet --json $model "${@:2}"; }
works "eval of a folder" score data
expect "one line with every key" grep -qE '^\{"accuracy":[0-9.e-]+,"answer_types":\{.+\},"images":2,"question_types":\{.+\},"questions":[0-9]+\}$' "$out"
works "eval of scenes" "$vqa" eval --data scenes --limit 3 --json --quiet $model
expect "every kind of question" grep -q '"relation":' "$out"
variant() { rm -rf "$1" && cp -r data "$1"; }
variant other && sed -i 's/"yes"/"perhaps"/g' other/test/questions.json
works "answers outside the vocabulary" score other
expect "they are counted" grep -qE '^vqa: note: [0-9]+ of [0-9]+ questions have answers that this model cannot give; they count as wrong$' "$err"
variant missing && rm missing/test/images/1.png
refuses "a missing image" test/images/1.png score missing
variant damaged && : >damaged/test/images/1.png
refuses "a damaged image" test/images/1.png score damaged
variant rows && echo '[["is it?", "yes"]]' >rows/test/questions.json
refuses "a row of another kind" rows/test/questions.json score rows
variant json && echo '[' >json/test/questions.json
refuses "no JSON" json/test/questions.json score json
variant blank && echo '[]' >blank/test/questions.json
refuses "no questions" blank/test/questions.json score blank
refuses "a dataset that is not there" absent score absent
refuses "a folder without questions" run score run
refuses "a split that is not there" --split "$vqa" eval --data data --split nosuch $model
mkdir daquar && printf 'what is it in the image1 ?\n' >daquar/qa.test.txt
refuses "DAQUAR: a question without an answer" "qa.test.txt: line 1" score daquar
printf 'what is it ?\nchair\n' >daquar/qa.test.txt
refuses "DAQUAR: a question without an image" "qa.test.txt: line 1" score daquar
safetensors beta.features '{"__metadata__":{"encoder":"beta","weights":"[]","images":"[\"0\"]"},"pooled":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},"grid":{"dtype":"F16","shape":[1,4,2],"data_offsets":[16,32]}}' 32
refuses "features for an answerer with its own network" --features score data --features beta.features
refuses "training on features of other images" beta.features "$vqa" train --data data --features beta.features --out new --quiet
refuses "an image alone that is attended to" VqaSmall "$vqa" train --data data --out new --question none --quiet

finish
