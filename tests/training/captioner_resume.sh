#!/usr/bin/env bash
# A run killed at any moment and resumed ends with the same bytes as one that was not, whatever the number of threads.
# usage: captioner_resume.sh CAPTIONER
set -eu
captioner=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(export OMP_NUM_THREADS=2  # what self-critical training starts from
 "$captioner" train --data scenes --model merge-concat --units 24 --limit 128 --epochs 1 --validation 5 --min-count 1 --quiet --out "$work/start")
train() { exec "$captioner" train --data scenes "$@" --units 24 --embedding 16 --limit 128 --batch 16 --epochs 3 --validation 20 --min-count 1 --save-every 3 --quiet; }  # exec: the process to kill is the program

for model in "--model attention" "--model merge-add" "--self-critical --init $work/start --bleu-reward 0.5"; do
  read -ra model_options <<<"$model"
  (export OMP_NUM_THREADS=1; train "${model_options[@]}" --out "$work/whole")
  export OMP_NUM_THREADS=2
  kills=0
  for delay in 0.4 0.7 1.0 1.5; do
    train "${model_options[@]}" --out "$work/killed" --resume &
    pid=$!
    sleep "$delay"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
  done
  (train "${model_options[@]}" --out "$work/killed" --resume)
  for file in best.safetensors last.safetensors history.csv; do
    cmp "$work/whole/$file" "$work/killed/$file" || { echo "$model: $file differs after $kills kills"; exit 1; }
  done
  ls "$work/killed" | grep -v -E '^(best|last)\.safetensors$|^history\.(csv|svg)$|\.partial$|\.tmp' && { echo "unexpected files"; exit 1; }
  echo "$model: the same bytes after $kills kills"
  rm -rf "$work/whole" "$work/killed"
done
