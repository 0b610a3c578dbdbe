#!/bin/bash
# Usage: captioner_bad_input.sh CAPTIONER SCENES
# Bad input to `captioner`: each gives one line on standard error that names the file, the cause and, after a semicolon, the
# remedy; exit status 2; and no file that was not there before. What is only unusual (CRLF, a broken image among good ones)
# works. Everything it needs, it makes: ten scenes, a checkpoint, a features file.
set -u
captioner=$(realpath "$1") scenes=$(realpath "$2")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/work" && cd "$scratch/work" || exit 1
unset LIMN_CAPTIONER_CHECKPOINT
out=$scratch/out err=$scratch/err failures=0 checks=0

fault() {
  failures=$((failures + 1))
  echo "FAILED: $1"
  sed 's/^/  stderr: /' "$err" | cut -c1-300
}

# refuses NAME FILE COMMAND...: as said above; FILE is a part of the line that must be there.
refuses() {
  local name=$1 file=$2 status=0 before
  shift 2
  checks=$((checks + 1))
  before=$(find . -type f -printf '%p %s\n' | sort)
  "$@" >"$out" 2>"$err" || status=$?
  [ "$status" = 2 ] || fault "$name: exit status $status, not 2"
  [ "$(wc -l <"$err")" = 1 ] || fault "$name: not one line"
  grep -qE '^captioner: .+: .+; .+' "$err" || fault "$name: the line has no cause or no remedy"
  grep -qF -- "$file" "$err" || fault "$name: the line does not name $file"
  [ "$before" = "$(find . -type f -printf '%p %s\n' | sort)" ] || fault "$name: files were written"
}

# works NAME COMMAND...: exit status 0.
works() {
  local name=$1 status=0
  shift
  checks=$((checks + 1))
  "$@" >"$out" 2>"$err" || status=$?
  [ "$status" = 0 ] || fault "$name: exit status $status"
}

# expect NAME CONDITION...: of the last command's $out and $err.
expect() {
  local name=$1
  shift
  checks=$((checks + 1))
  "$@" || fault "$name"
}

# safetensors FILE HEADER BYTES [LENGTH]: BYTES zeros of data; LENGTH: what the file says of its header's length.
safetensors() {
  local length=${4:-${#2}} i
  {
    for i in 0 8 16 24 32 40 48 56; do printf "\\x$(printf %x $((length >> i & 255)))"; done
    printf %s "$2"
    head -c "$3" /dev/zero
  } >"$1"
}

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
rm -f sheet.html

# ------------------------------------------------------------------------------------------------------------------ output
refuses "an unwritable sheet" good.png/sheet.html "$captioner" caption good.png $model --html good.png/sheet.html
refuses "a sheet in no folder" absent/sheet.html "$captioner" caption good.png $model --html absent/sheet.html
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
patched() { # FROM TO OFFSET BYTES
  cp "$1" "$2"
  printf "$4" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}
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
length=$(od -An -tu8 -N8 model.safetensors | tr -d ' ')
header=$(tail -c +9 model.safetensors | head -c "$length")
claims() { # FILE FROM TO: the header says something else
  safetensors "$1" "${header/"$2"/"$3"}" 0
  tail -c +$((9 + length)) model.safetensors >>"$1"
}
claims units.safetensors '\"units\":8' '\"units\":9'
claims memory.safetensors '\"units\":8' '\"units\":900000'
claims widths.safetensors '\"cnn_widths\":[' '\"cnn_widths\":[-1,'
claims picture.safetensors '\"picture\":64' '\"picture\":999999'
claims model.claim '\"model\":\"attention\"' '\"model\":\"nosuch\"'
for claim in units.safetensors memory.safetensors widths.safetensors picture.safetensors model.claim; do
  expect "the claim is another header" [ "$(wc -c <$claim)" != 0 -a "$(cmp -s $claim model.safetensors && echo same)" = "" ]
  caption_by "whose architecture lies" $claim
done
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

echo "$checks checks, $failures failures"
[ "$failures" = 0 ]
