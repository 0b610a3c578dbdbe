# Sourced by the tests of resuming. same_after_kills WORK TRAIN...: TRAIN --out FOLDER [--resume] killed at any moment and
# resumed ends with the same bytes as one that was not, whatever the number of threads.
same_after_kills() {
  local name=$1 work pid kills=0 delay file
  shift
  work=$(mktemp -d)
  (export OMP_NUM_THREADS=1; exec "$@" --out "$work/whole")
  export OMP_NUM_THREADS=2
  for delay in 0.3 0.5 0.8 1.2; do
    "$@" --out "$work/killed" --resume &
    pid=$!
    sleep "$delay"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
  done
  "$@" --out "$work/killed" --resume
  for file in best.safetensors last.safetensors history.csv; do
    cmp "$work/whole/$file" "$work/killed/$file" || { echo "$name: $file differs after $kills kills"; exit 1; }
  done
  ls "$work/killed" | grep -v -E '^(best|last)\.safetensors$|^history\.(csv|svg)$|\.tmp$' && { echo "unexpected files"; exit 1; }
  echo "$name: the same bytes after $kills kills"
  rm -rf "$work"
}
