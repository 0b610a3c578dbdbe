#!/usr/bin/env bash
# usage: retriever_resume.sh RETRIEVER SCENES
set -eu
. "$(dirname "$0")/resume.sh"
retriever=$(realpath "$1") scenes=$(realpath "$2")
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
"$scenes" --out "$data" --train 60 --val 10 --test 1 --size 16 --quiet
names=$(cd "$data/images" && ls | sed 's/.*/\\"&\\"/' | paste -sd,)
header="{\"__metadata__\":{\"encoder\":\"alpha\",\"weights\":\"[]\",\"images\":\"[$names]\"},\"pooled\":{\"dtype\":\"F32\",\"shape\":[71,8],\"data_offsets\":[0,2272]}}"
{
  for i in 0 8 16 24 32 40 48 56; do printf "\\x$(printf %x $((${#header} >> i & 255)))"; done
  printf %s "$header"
  for ((i = 0; i < 568; ++i)); do printf "\\x00\\x00\\x$(printf %02x $(((i * 37) % 128)))\\x$([ $((i % 3)) = 0 ] && echo bf || echo 3f)"; done
} >"$data/features"
for options in "--loss nce" "--loss margin --chunk 4"; do
  same_after_kills "retriever $options" "$retriever" train --data "$data" --features "$data/features" $options \
      --units 32 --embedding 16 --shared 16 --min-count 1 --batch 8 --captions 2 --epochs 8 --dropout 0.2 --save-every 2 --quiet
done
