#!/bin/bash
# Usage: retriever_bad_input.sh RETRIEVER SCENES
# Bad input to `retriever`: see checks.sh. Everything it needs, it makes: ten scenes, made-up features, two tiny dual
# encoders. What needs a true encoder runs where $LIMN_SHARED (default ../shared) has SqueezeNet's weights.
set -u
retriever=$(realpath "$1") scenes=$(realpath "$2") program=retriever
project=$(realpath "$(dirname "$(realpath "$0")")/../..")
shared=$(realpath "${LIMN_SHARED:-../shared}" 2>/dev/null)
. "$(dirname "$(realpath "$0")")/checks.sh"
unset LIMN_RETRIEVER_CHECKPOINT

"$scenes" --out data --train 6 --val 2 --test 2 --size 32 --quiet || exit 1
cp data/images/test_0.png good.png
names=$(cd data/images && ls | sed 's/.*/\\"&\\"/' | paste -sd,)
features() { # FILE ENCODER WIDTH WEIGHTS
  safetensors "$1" "{\"__metadata__\":{\"encoder\":\"$2\",\"weights\":\"[\\\"$4\\\"]\",\"images\":\"[$names]\"},\"pooled\":{\"dtype\":\"F32\",\"shape\":[10,$3],\"data_offsets\":[0,$((40 * $3))]}}" $((40 * $3))
}
features alpha.features alpha 4 alpha.safetensors
features beta.features beta 4 beta.safetensors
small="--units 8 --embedding 8 --min-count 1 --batch 4 --epochs 1 --quiet"
works "training" "$retriever" train --data data --features alpha.features --out run --shared 16 $small
works "training with another seed" "$retriever" train --data data --features alpha.features --out other --shared 16 $small --seed 2
works "training with another width" "$retriever" train --data data --features alpha.features --out wide --shared 32 $small
works "training by margin, in chunks" "$retriever" train --data data --features alpha.features --out margin --loss margin --chunk 2 $small
works "going on from a trained one" "$retriever" train --data data --features alpha.features --out further --init run --loss margin $small
refuses "going on with features of another encoder" beta.features "$retriever" train --data data --features beta.features --out new --init run --quiet
refuses "places of features without a grid" alpha.features "$retriever" train --data data --features alpha.features --out new --grid --quiet
cp run/best.safetensors model.safetensors
model="--checkpoint model.safetensors"

# ------------------------------------------------------------------------------------------------------------------ galleries
printf 'a red circle\n\na blue square\r\na large green star\n' >texts.txt
works "a gallery of texts" "$retriever" index texts.txt -o texts.limn $model
expect "what was added" [ "$(cat "$out")" = "3 added, 0 known already, 0 skipped: 3 texts in texts.limn" ]
cp texts.limn first.limn
works "search" "$retriever" search "a blue square" -g texts.limn $model --top 2
expect "the text itself is the best" [ "$(head -1 "$out" | cut -f3)" = "a blue square" ]
cp "$out" walked
works "exact search" "$retriever" search "a blue square" -g texts.limn $model --top 2 --exact
expect "finds the same" [ "$(cut -f3 "$out")" = "$(cut -f3 walked)" ]
works "JSON" "$retriever" search "a star" -g texts.limn $model --json
expect "one line of JSON" grep -qE '^\{"query":"a star","results":\[\{"name":"[a-z ]+","similarity":[0-9.-]+\},' "$out"
works "an unknown word" "$retriever" search "xyzzy" -g texts.limn $model
expect "a warning" grep -q "^retriever: warning: no word of 'xyzzy' is known" "$err"
works "an HTML sheet" "$retriever" search "a star" -g texts.limn $model --html sheet.html
rm -f sheet.html walked
printf 'a red circle\na small pink heart\n' >more.txt
works "extending" "$retriever" index more.txt -o texts.limn $model
expect "only what is new" [ "$(cat "$out")" = "1 added, 1 known already, 0 skipped: 4 texts in texts.limn" ]
cat texts.txt >all.txt && echo 'a small pink heart' >>all.txt
works "all at once" "$retriever" index all.txt -o all.limn $model
expect "extended or at once: the same bytes" cmp -s texts.limn all.limn
rm -f all.limn

find_in() { refuses "gallery: $1" "$2" "$retriever" search "a star" -g "$2" $model; }
size=$(stat -c %s texts.limn)
find_in "missing" absent.limn
: >empty.limn
find_in "empty" empty.limn
find_in "a text" texts.txt
find_in "a checkpoint" model.safetensors
find_in "a folder" data
head -c $((size / 2)) texts.limn >half.limn
find_in "cut in half" half.limn
head -c $((size - 1)) texts.limn >short.limn
find_in "one byte short" short.limn
claims texts.limn names.limn '\"a red circle\",' ''
find_in "fewer names than items" names.limn
claims texts.limn entry.limn '\"entry\":' '\"entry\":9'
find_in "an entry that is not there" entry.limn
# The links lie behind the header: the first number of the second array is how many neighbours item 0 has.
length=$(od -An -tu8 -N8 texts.limn | tr -d ' ')
header=$(tail -c +9 texts.limn | head -c "$length")
lower=$(grep -oE '"lower":\{[^}]*"data_offsets":\[[0-9]+' <<<"$header" | grep -oE '[0-9]+$')
patched texts.limn count.limn $((8 + length + lower)) '\377\377\000\000'
find_in "too many neighbours" count.limn
patched texts.limn link.limn $((8 + length + lower + 4)) '\377\000\000\000'
find_in "a neighbour that is not there" link.limn
refuses "a gallery of another model" texts.limn "$retriever" search "a star" -g texts.limn --checkpoint other
refuses "a gallery of another width" texts.limn "$retriever" search "a star" -g texts.limn --checkpoint wide
refuses "extending a gallery of another model" texts.limn "$retriever" index more.txt -o texts.limn --checkpoint other
refuses "images into a gallery of texts" texts.limn "$retriever" index data/images -o texts.limn $model
works "the gallery is as it was" "$retriever" search "a star" -g texts.limn $model
: >texts.limn.tmp
flock -x texts.limn.tmp sleep 20 & holder=$!
sleep 0.3
refuses "two runs at once" "another process is writing" "$retriever" index more.txt -o texts.limn $model
kill $holder 2>/dev/null
wait $holder 2>/dev/null
rm -f texts.limn.tmp

# ------------------------------------------------------------------------------------------------------ texts, images, checkpoints
: >blank.txt
refuses "a file without texts" blank.txt "$retriever" index blank.txt -o new.limn $model
printf 'caf\351\n' >latin.txt
refuses "texts in no UTF-8" latin.txt "$retriever" index latin.txt -o new.limn $model
mkdir nothing
refuses "a folder without images" nothing "$retriever" index nothing -o new.limn $model
refuses "a folder that is not there" absent "$retriever" index absent -o new.limn $model
refuses "an encoder without its weights" model.safetensors "$retriever" index data/images -o new.limn $model
refuses "a query image that is not there" absent.png "$retriever" search absent.png -g texts.limn $model
refuses "a damaged query image" empty.png bash -c ": >'$scratch/empty.png'; exec '$retriever' search '$scratch/empty.png' -g texts.limn $model"
refuses "an unwritable gallery" good.png/new.limn "$retriever" index texts.txt -o good.png/new.limn $model
refuses "a gallery of another model than the program's own" texts.limn "$retriever" search "a star" -g texts.limn
works "a gallery by the program's own checkpoint" "$retriever" index data/images -o box.limn
works "search in it" "$retriever" search "a red circle" -g box.limn --top 2
expect "two lines" [ "$(wc -l <"$out")" = 2 ]
refuses "a checkpoint that is not there" gone.safetensors env LIMN_RETRIEVER_CHECKPOINT=gone.safetensors "$retriever" search "a star" -g texts.limn
works "a checkpoint by environment" env LIMN_RETRIEVER_CHECKPOINT=model.safetensors "$retriever" search "a star" -g texts.limn
by() { refuses "checkpoint: $1" "$2" "$retriever" search "a star" -g texts.limn --checkpoint "$2"; }
by "a text" texts.txt
by "a gallery" texts.limn
head -c 900 model.safetensors >half.safetensors
by "cut" half.safetensors
claims model.safetensors units.safetensors '\"units\":8' '\"units\":9'
claims model.safetensors memory.safetensors '\"units\":8' '\"units\":900000'
for lie in units memory; do by "whose architecture lies about $lie" $lie.safetensors; done
patched model.safetensors nan.safetensors $(($(stat -c %s model.safetensors) - 4)) '\000\000\300\177'
by "NaN in the weights" nan.safetensors

# ------------------------------------------------------------------------------------------------------------------- datasets
score() { "$retriever" eval --data "$1" --split dev --quiet --json $model "${@:2}"; }
works "eval" score data --features alpha.features
works "a sheet of samples" score data --features alpha.features --html sheet.html --html-images 1
expect "one image and how far down its texts are" [ "$(grep -c 'the first of its own texts is number [0-9]' sheet.html)" = 1 ]
rm -f sheet.html
expect "one line with every key" grep -qE '^\{"graph_recall_10":1.0,"i2t_medr":[0-9.]+,"i2t_r1":[0-9.]+,"i2t_r10":[0-9.]+,"i2t_r5":[0-9.]+,"images":2,"t2i_medr":[0-9.]+,"t2i_r1":[0-9.]+,"t2i_r10":[0-9.]+,"t2i_r5":[0-9.]+\}$' "$out"
refuses "features of another encoder" beta.features score data --features beta.features
refuses "no features and no weights" model.safetensors score data
refuses "a dataset that is not there" absent score absent --features alpha.features
refuses "a split that is not there" --split "$retriever" eval --data data --split nosuch --features alpha.features $model
refuses "training without word vectors" nothing "$retriever" train --data data --features alpha.features --out new --glove nothing --quiet
refuses "a run that is there" run "$retriever" train --data data --features alpha.features --out run --quiet
refuses "resuming with another architecture" run/last.safetensors "$retriever" train --data data --features alpha.features --out run --shared 16 ${small/--units 8/--units 9} --resume

# ------------------------------------------------------------------------------------------- with an encoder in its checkpoint
photographs=$project/examples/captioner/photographs.safetensors
features own.features distilled 256 "$photographs"
works "training with an encoder of limn's own" "$retriever" train --data data --features own.features --out own $small
works "exporting it" "$retriever" export --checkpoint own --out own.safetensors --half
works "a gallery without any other file" "$retriever" index data/images -o own.limn --checkpoint own.safetensors
works "search by image" "$retriever" search good.png -g own.limn --checkpoint own.safetensors --top 1
expect "the image itself is the best" [ "$(cut -f3 "$out")" = "data/images/test_0.png" ]
claims own.safetensors features.safetensors '\"features\":256' '\"features\":255'
refuses "an encoder of another width" features.safetensors "$retriever" search good.png -g own.limn --checkpoint features.safetensors
features lost.features distilled 256 lost.safetensors
refuses "features of an encoder that is gone" lost.safetensors "$retriever" train --data data --features lost.features --out new --quiet
features wrong.features distilled 256 model.safetensors
refuses "features of what is no encoder" model.safetensors "$retriever" train --data data --features wrong.features --out new --quiet

# ----------------------------------------------------------------------------------------------------------- with a true encoder
squeezenet=$shared/weights/squeezenet1_1/squeezenet1_1.f16.safetensors
if [ -f "$squeezenet" ]; then
  features true.features squeezenet 512 "$squeezenet"
  works "training for SqueezeNet" "$retriever" train --data data --features true.features --out true $small
  model="--checkpoint true"
  mkdir album && cp data/images/t*_0.png album/ && head -c 100 good.png >album/cut.png && : >album/empty.jpg
  works "a gallery with broken images" "$retriever" index album -o album.limn $model
  expect "they are counted" [ "$(cat "$out")" = "2 added, 0 known already, 2 skipped: 2 images in album.limn" ]
  expect "they are named" [ "$(grep -cE '^retriever: skipped: album/(cut.png|empty.jpg): ' "$err")" = 2 ]
  works "search by image" "$retriever" search good.png -g album.limn $model --top 1
  expect "the image itself is the best" [ "$(cut -f3 "$out")" = "album/test_0.png" ]
  works "match" "$retriever" match good.png "a circle" $model
  expect "similarity and probability" grep -qE '^-?[01]\.[0-9]{4}	[01]\.[0-9]{4}$' "$out"
  works "one more image" "$retriever" index album/train_0.png -o album.limn $model
  expect "it is known already" [ "$(cat "$out")" = "0 added, 1 known already, 0 skipped: 2 images in album.limn" ]
  refuses "an image that is none" album/cut.png "$retriever" index album/cut.png -o one.limn $model
  rm -f album/t*
  refuses "a folder of broken images alone" album bash -c "'$retriever' index album -o new.limn $model --quiet 2>&1 >/dev/null | grep -v skipped >&2; exit \${PIPESTATUS[0]}"
else
  echo "no SqueezeNet in $shared: image galleries are not tested"
fi

finish
