#!/bin/bash
# Usage: captioner_bad_input.sh CAPTIONER SCENES
# Bad input to `captioner`: see checks.sh. What is only unusual (CRLF, a broken image among good ones) works. Everything it
# needs, it makes: ten scenes, a checkpoint, a features file.
set -u
captioner=$(realpath "$1") scenes=$(realpath "$2") program=captioner
. "$(dirname "$(realpath "$0")")/checks.sh"
unset LIMN_CAPTIONER_CHECKPOINT

# ---------------------------------------------------------------------------------------------------- what the cases are made of
"$scenes" --out data --train 6 --val 2 --test 2 --size 32 --quiet || exit 1
"$scenes" --sheet photo.jpg --size 16 --quiet || exit 1
cp data/images/test_0.png good.png
works "training on scenes" "$captioner" train --data scenes --out run --model attention --units 8 --embedding 8 --limit 8 --validation 4 --batch 4 --epochs 1 --quiet
cp run/best.safetensors model.safetensors
names=$(cd data/images && ls | sed 's/.*/\\"&\\"/' | paste -sd,)
features() { # FILE ENCODER IMAGES
  safetensors "$1" "{\"__metadata__\":{\"encoder\":\"$2\",\"weights\":\"[\\\"$2.safetensors\\\"]\",\"images\":\"[$3]\"},\"pooled\":{\"dtype\":\"F32\",\"shape\":[$(awk -F, '{print NF}' <<<"$3"),4],\"data_offsets\":[0,$(($(awk -F, '{print NF}' <<<"$3") * 16))]}}" $(($(awk -F, '{print NF}' <<<"$3") * 16))
}
features alpha.features alpha "$names"
features beta.features beta "$names"
features short.features alpha "$(cut -d, -f1 <<<"$names")"
works "training on features" "$captioner" train --data data --features alpha.features --out merge --units 8 --min-count 1 --batch 4 --epochs 1 --quiet
cp merge/best.safetensors merge.safetensors
model="--checkpoint model.safetensors"

# ------------------------------------------------------------------------------------------------------------------- images
head -c 2000 photo.jpg >cut.jpg
: >empty.png
echo "this is a text" >text.png
printf 'P6 65535 65535 255\n' >huge.ppm
head -c 100 good.png >cut.png
mkdir nothing
for broken in cut.jpg empty.png text.png huge.ppm cut.png absent.png nothing; do
  refuses "image $broken" $broken "$captioner" caption $broken $model
done
refuses "empty standard input" "standard input" "$captioner" caption - $model </dev/null
refuses "binary standard input" "standard input" "$captioner" caption - $model < <(head -c 64 /dev/zero)
refuses "a sheet of nothing" text.png "$captioner" caption text.png $model --html sheet.html
refuses "a broken image in a folder" text.png "$captioner" caption good.png text.png photo.jpg $model
expect "the good images are captioned" [ "$(cut -f1 "$out" | paste -sd' ')" = "good.png photo.jpg" ]
works "paths on standard input" bash -c "printf 'good.png\r\nphoto.jpg\n' | '$captioner' caption - $model --json"
expect "a line of JSON each" [ "$(grep -c '"log_probability"' "$out")" = 2 ]
works "an image on standard input" bash -c "'$captioner' caption - $model --nbest 2 < photo.jpg"
expect "two captions" [ "$(grep -c '^standard input' "$out")" = 2 ]
works "an HTML sheet" "$captioner" caption data/images $model --limit 3 --html sheet.html
expect "three images with heat maps" [ "$(grep -c '<article class="wide">' sheet.html)" = 3 ]
works "a sheet of samples" "$captioner" eval --data data --split dev $model --html sheet.html --html-images 2 --quiet
expect "two images with what people wrote" [ "$(grep -c 'what people wrote' sheet.html)" = 2 ]
rm -f sheet.html
"$captioner" caption data/images $model --html sheet.html 2>/dev/null | true
expect "no half of a sheet where nobody reads the captions" [ ! -e sheet.html.tmp ]
rm -f sheet.html

# ------------------------------------------------------------------------------------------------------------------ output
refuses "an unwritable sheet" good.png/sheet.html "$captioner" caption good.png $model --html good.png/sheet.html
refuses "a sheet in no folder" absent/sheet.html "$captioner" caption good.png $model --html absent/sheet.html
refuses "an unwritable sheet of samples" absent/sheet.html "$captioner" eval --data data --split dev $model --html absent/sheet.html --quiet
for command in "caption good.png" "eval --data data --split dev"; do
  refuses "a caption longer than the longest ($command)" --max-length "$captioner" $command $model --min-length 5 --max-length 3
done
refuses "more captions than the beam" --nbest "$captioner" caption good.png $model --nbest 5 --beam 2
if [ -w /dev/full ]; then
  refuses "a full disk under standard output" "standard output" bash -c "'$captioner' caption good.png $model >/dev/full"
  refuses "a full disk under the sheet" /dev/full "$captioner" caption good.png $model --html /dev/full
fi
refuses "a folder of runs that is a file" good.png/run "$captioner" train --data scenes --limit 8 --validation 4 --epochs 1 --quiet --out good.png/run
mkdir full
refuses "a full disk under training" full/ bash -c "trap '' XFSZ; ulimit -f 4; exec '$captioner' train --data scenes --out full --limit 8 --validation 4 --batch 4 --epochs 1 --quiet"

# -------------------------------------------------------------------------------------------------------------- checkpoints
caption_by() { refuses "checkpoint: $1" "$2" "$captioner" caption good.png --checkpoint "$2"; }
size=$(stat -c %s model.safetensors)
caption_by "missing" absent.safetensors
caption_by "a text" text.png
caption_by "empty" empty.png
caption_by "a folder" nothing
caption_by "features" alpha.features
head -c $((size / 2)) model.safetensors >half.safetensors
caption_by "cut in half" half.safetensors
safetensors length.safetensors '{}' 0 4611686018427387904
caption_by "header length lies" length.safetensors
tensor() { safetensors "$1" "{\"__metadata__\":{\"format\":\"limn-checkpoint-1\"},\"a\":{\"dtype\":$2,\"shape\":$3,\"data_offsets\":$4}$5}" 64; }
tensor dtype.safetensors '"F99"' '[16]' '[0,64]' ''
tensor shape.safetensors '"F32"' '[1099511627776,1099511627776]' '[0,64]' ''
tensor offsets.safetensors '"F32"' '[16]' '[0,6400]' ''
tensor overlap.safetensors '"F32"' '[16]' '[0,64]' ',"b":{"dtype":"F32","shape":[8],"data_offsets":[32,64]}'
claims model.safetensors units.safetensors '\"units\":8' '\"units\":9'
claims model.safetensors memory.safetensors '\"units\":8' '\"units\":900000'
claims model.safetensors widths.safetensors '\"cnn_widths\":[' '\"cnn_widths\":[-1,'
claims model.safetensors picture.safetensors '\"picture\":64' '\"picture\":999999'
claims model.safetensors model.claim '\"model\":\"attention\"' '\"model\":\"nosuch\"'
for claim in units.safetensors memory.safetensors widths.safetensors picture.safetensors model.claim; do caption_by "whose architecture lies" $claim; done
for lie in dtype shape offsets overlap; do caption_by "$lie lies" $lie.safetensors; done
patched model.safetensors nan.safetensors $((size - 4)) '\000\000\300\177'
caption_by "NaN in the weights" nan.safetensors
caption_by "whose encoder's weights are missing" merge.safetensors
refuses "a checkpoint that is not there by environment" gone.safetensors env LIMN_CAPTIONER_CHECKPOINT=gone.safetensors "$captioner" caption good.png
works "a checkpoint by environment" env LIMN_CAPTIONER_CHECKPOINT=model.safetensors "$captioner" caption good.png
refuses "encoder weights that are missing" absent.safetensors "$captioner" features --encoder squeezenet --weights absent.safetensors --data data --out new.features
refuses "encoder weights of another network" model.safetensors "$captioner" features --encoder squeezenet --weights model.safetensors --data data --out new.features
refuses "an unknown encoder" nosuch "$captioner" features --encoder nosuch --weights model.safetensors --data data --out new.features

# ------------------------------------------------------------------------------------------------------------------ resuming
refuses "a run that is there" run "$captioner" train --data scenes --out run --limit 8 --quiet
refuses "resuming with another architecture" run/last.safetensors "$captioner" train --data scenes --out run --resume --model attention --units 9 --embedding 8 --limit 8 --validation 4 --batch 4 --epochs 1 --quiet
head -c 500 run/last.safetensors >run/cut && mv run/cut run/last.safetensors
refuses "resuming from a damaged state" run/last.safetensors "$captioner" train --data scenes --out run --resume --model attention --units 8 --embedding 8 --limit 8 --validation 4 --batch 4 --epochs 1 --quiet

# ------------------------------------------------------------------------------------------------------------------- datasets
score() { "$captioner" eval --data "$1" --split dev --quiet --json "${@:2}"; }
works "eval by the network" score data $model
expect "one line with every key" grep -qE '"beam":3,"bleu_1":[0-9.e-]+,"bleu_2":[0-9.e-]+,"bleu_3":[0-9.e-]+,"bleu_4":[0-9.e-]+,"cider_d":[0-9.e-]+,"images":2,"meteor":[0-9.e-]+,"rouge_l":' "$out"
works "eval of scenes, two beams" "$captioner" eval --data scenes --limit 3 --beam 1,2 --seed-protocol --json --quiet $model
expect "a line a beam" [ "$(grep -c '"seed_bleu_4"' "$out")" = 2 ]
works "eval by features" score data --checkpoint merge.safetensors --features alpha.features
cp "$out" "$scratch/plain"
variant() { rm -rf "$1" && cp -r data "$1"; }
variant crlf && sed -i 's/$/\r/' crlf/*.txt
works "captions with CRLF" score crlf --checkpoint merge.safetensors --features alpha.features
expect "CRLF changes nothing" cmp -s "$out" "$scratch/plain"
refuses "features of another encoder" beta.features score data --checkpoint merge.safetensors --features beta.features
refuses "features of other images" short.features score data --checkpoint merge.safetensors --features short.features
refuses "features for a captioner with its own network" --features score data $model --features alpha.features
variant missing && rm missing/images/val_1.png
refuses "a captions file with a missing image" val_1.png score missing $model
variant damaged && : >damaged/images/val_1.png
refuses "a dataset with a damaged image" val_1.png score damaged $model
variant latin && printf 'val_0.png#0\ta caf\351\n' >>latin/Flickr8k.token.txt
refuses "captions in no UTF-8" latin/Flickr8k.token.txt score latin $model
variant blank && : >blank/Flickr8k.token.txt
refuses "an empty captions file" blank/Flickr8k.token.txt score blank $model
variant odd && echo "no tab here" >odd/Flickr8k.token.txt
refuses "a captions file of another kind" odd/Flickr8k.token.txt score odd $model
refuses "a dataset that is not there" absent score absent $model
refuses "a folder without captions" nothing score nothing $model
refuses "a split that is not there" --split "$captioner" eval --data data --split nosuch $model
refuses "training on features of other images" short.features "$captioner" train --data data --features short.features --out new --quiet
refuses "self-critical training of nothing" --self-critical "$captioner" train --data data --features alpha.features --out new --self-critical --quiet
refuses "self-critical training of a captioner of another encoder" merge.safetensors "$captioner" train --data data --features beta.features --out new --init merge.safetensors --self-critical --quiet
refuses "features for a captioner that reads pictures" --features "$captioner" train --data data --features alpha.features --out new --init model.safetensors --quiet
refuses "an encoder that is a captioner of features" merge.safetensors "$captioner" train --data data --encoder merge.safetensors --out new --quiet
refuses "grey pictures for a captioner of features" --grey "$captioner" train --data data --features alpha.features --out new --grey 0.1 --quiet
refuses "distilling features without a grid" alpha.features "$captioner" distill --data data --features alpha.features --out new --quiet

# --------------------------------------------------------------------------------- a captioner that reads photographs itself
rows=$(awk -F, '{print NF}' <<<"$names")
safetensors grid.features "{\"__metadata__\":{\"encoder\":\"alpha\",\"weights\":\"[]\",\"images\":\"[$names]\"},\"grid\":{\"dtype\":\"F16\",\"shape\":[$rows,49,4],\"data_offsets\":[0,$((rows * 392))]},\"pooled\":{\"dtype\":\"F32\",\"shape\":[$rows,4],\"data_offsets\":[$((rows * 392)),$((rows * 408))]}}" $((rows * 408))
works "distilling" "$captioner" distill --data data --features grid.features --out student --epochs 1 --batch 3 --quiet
works "reading pictures with a distilled encoder" "$captioner" train --data data --encoder student --freeze-encoder --out reader --units 8 --min-count 1 --batch 4 --epochs 1 --quiet
works "training that encoder too" "$captioner" train --data data --init reader --out whole --batch 4 --epochs 1 --lr 1e-4 --quiet
works "training it on grey pictures" "$captioner" train --data data --init reader --out grey --batch 4 --epochs 1 --lr 1e-4 --grey 1 --quiet
expect "other pictures than coloured ones" [ "$(cut -d, -f2 grey/history.csv)" != "$(cut -d, -f2 whole/history.csv)" ]
works "captioning with it" "$captioner" caption good.png --checkpoint whole
mkdir besides && cp good.png "besides/more.png#xywh=percent:0,0,0,9.png"
works "features of parts, and of a folder besides" "$captioner" features --encoder distilled --weights student --data data --also besides --parts 2 --grid --out parts.features --quiet
expect "a whole and two parts of each for training" [ "$(head -c 4000 parts.features | grep -aoE '(train_[0-9]|more)[^"]*\.png#xywh=percent:[0-9]+,[0-9]+,[0-9]+,[0-9]+\\"' | wc -l)" = 14 ]
refuses "pictures that the network cannot halve four times" --picture "$captioner" distill --data data --features grid.features --picture 100 --out new --quiet
works "distilling on, from all of them" "$captioner" distill --data data --also besides --features parts.features --init student --out student2 --epochs 1 --picture 160 --batch 3 --quiet
refuses "a folder besides that is not there" absent "$captioner" features --encoder distilled --weights student --data data --also absent --grid --out new.features --quiet
refuses "a folder besides without features" grid.features "$captioner" distill --data data --also besides --features grid.features --out new --quiet
refuses "distilling without a teacher" --encoder "$captioner" distill --data data --out new --quiet
refuses "mixed pictures of which a features file says nothing" --mixup "$captioner" distill --data data --features grid.features --mixup 0.5 --out new --quiet
refuses "a GPU that is not there" --device "$captioner" distill --data data --features grid.features --device cuda:99 --out new --quiet
refuses "a device that there is nowhere" tpu "$captioner" distill --data data --features grid.features --device tpu --out new --quiet
works "distilling from a teacher that looks itself" "$captioner" distill --data data --also besides --encoder distilled --weights student --class-weight 0 --cuts 2 --mixup 1 --out student3 --epochs 1 --picture 64 --batch 3 --quiet
refuses "a teacher without a classifier" --weights "$captioner" distill --data data --features parts.features --weights student --out new --quiet
works "a model between two" "$captioner" export --checkpoint reader --average whole --share 0.25 --out between.safetensors
works "captioning with a model between two" "$captioner" caption good.png --checkpoint between.safetensors
works "all of the other" "$captioner" export --checkpoint reader --average whole --share 1 --out other.safetensors
works "the other itself" "$captioner" export --checkpoint whole --out itself.safetensors
expect "the same model" cmp -s other.safetensors itself.safetensors
refuses "a model between two of other words" 'other words' "$captioner" export --checkpoint whole --average run --out new.safetensors
refuses "a model between one and none" absent "$captioner" export --checkpoint whole --average absent --out new.safetensors
works "saying what it is familiar with" "$captioner" export --checkpoint whole --familiar data --no-repeat 1 --half --out familiar.safetensors
works "a model between one and one that knows what it is familiar with" "$captioner" export --checkpoint reader --average familiar.safetensors --out new.safetensors
works "a model between that and another" "$captioner" export --checkpoint familiar.safetensors --average reader --out new.safetensors
rm -f new.safetensors
works "reading larger pictures" "$captioner" export --checkpoint whole --picture 144 --out larger.safetensors
expect "they are squeezed as those of training were" grep -aqF '\"picture\":144,\"squeezed\":160' larger.safetensors
works "captioning in larger pictures" "$captioner" caption good.png --checkpoint larger.safetensors
works "training it on scenes" "$captioner" train --data scenes --init whole --limit 4 --validation 2 --batch 2 --epochs 1 --lr 1e-4 --out drawn --quiet
expect "which are drawn at the side that it reads" [ -z "$(grep -aoF '\"squeezed\"' drawn/best.safetensors)" ]
claims larger.safetensors squeezed.safetensors '\"squeezed\":160' '\"squeezed\":-16'
refuses "pictures squeezed to nothing" squeezed.safetensors "$captioner" caption good.png --checkpoint squeezed.safetensors
refuses "larger pictures that the network cannot halve four times" --picture "$captioner" export --checkpoint whole --picture 150 --out new.safetensors
refuses "larger pictures for a captioner of features" --picture "$captioner" export --checkpoint merge.safetensors --picture 160 --out new.safetensors
works "captions that repeat no word" "$captioner" caption data/images --limit 6 --checkpoint familiar.safetensors
expect "no word twice" [ -z "$(cut -f2 "$out" | while read -r line; do tr ' ' '\n' <<<"$line" | sort | uniq -d; done)" ]
printf 'P6 4 4 255\n' >white.ppm
printf '\377%.0s' {1..48} >>white.ppm
works "captioning what it is not familiar with" "$captioner" caption white.ppm --checkpoint familiar.safetensors --json
expect "it says so" grep -qE '^captioner: white.ppm: unlike .* a guess$' "$err"
expect "and how much" grep -qF '"unlike":1.0' "$out"
works "captioning what it learned from" "$captioner" caption data/images/val_0.png --checkpoint familiar.safetensors --json
expect "a number, no word" [ "$(grep -cE '"unlike":0' "$out")$(wc -l <"$err")" = 10 ]
claims familiar.safetensors lying.safetensors '"familiarity.mean"' '"familiarity.none"'
refuses "familiarity that does not fit" lying.safetensors "$captioner" caption good.png --checkpoint lying.safetensors
claims lying.safetensors other_size.safetensors '"familiarity.distances"' '"familiarity.mean"'
refuses "familiarity of another size" 'of 101 numbers' "$captioner" caption good.png --checkpoint other_size.safetensors
refuses "a dataset to be familiar with that is not there" absent "$captioner" export --checkpoint whole --familiar absent --out new.safetensors
refuses "distilling on from a captioner of features" merge.safetensors "$captioner" distill --data data --features grid.features --init merge.safetensors --out new --quiet

finish
