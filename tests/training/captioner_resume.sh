#!/usr/bin/env bash
# A run killed at any moment and resumed ends with the same bytes as one that was not, whatever the number of threads.
# usage: captioner_resume.sh CAPTIONER
set -eu
captioner=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
train() { exec "$captioner" train --data scenes --model "$1" --units 24 --embedding 16 --limit 128 --batch 16 --epochs 3 --validation 20 --min-count 1 --save-every 3 --quiet "${@:2}"; }  # exec: the process to kill is the program

for model in attention merge-add; do
  (export OMP_NUM_THREADS=1; train "$model" --out "$work/whole")
  export OMP_NUM_THREADS=2
  kills=0
  for delay in 0.4 0.7 1.0 1.5; do
    train "$model" --out "$work/killed" --resume &
    pid=$!
    sleep "$delay"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
  done
  (train "$model" --out "$work/killed" --resume)
  for file in best.safetensors last.safetensors history.csv; do
    cmp "$work/whole/$file" "$work/killed/$file" || { echo "$model: $file differs after $kills kills"; exit 1; }
  done
  ls "$work/killed" | grep -v -E '^(best|last)\.safetensors$|^history\.(csv|svg)$|\.partial$|\.tmp' && { echo "unexpected files"; exit 1; }
  echo "$model: the same bytes after $kills kills"
  rm -rf "$work/whole" "$work/killed"
done
