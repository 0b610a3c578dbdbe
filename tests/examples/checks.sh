# Sourced by the tests of what programs do with bad input: sets up a scratch folder and counts checks. Before: program=NAME.
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/work" && cd "$scratch/work" || exit 1
out=$scratch/out err=$scratch/err failures=0 checks=0

fault() {
  failures=$((failures + 1))
  echo "FAILED: $1"
  sed 's/^/  stderr: /' "$err" | cut -c1-300
}

# refuses NAME FILE COMMAND...: one line on standard error that names FILE, the cause and the remedy; status 2; no new file.
refuses() {
  local name=$1 file=$2 status=0 before
  shift 2
  checks=$((checks + 1))
  before=$(find . -type f -printf '%p %s\n' | sort)
  "$@" >"$out" 2>"$err" || status=$?
  [ "$status" = 2 ] || fault "$name: exit status $status, not 2"
  [ "$(wc -l <"$err")" = 1 ] || fault "$name: not one line"
  grep -qE "^$program: .+: .+; .+" "$err" || fault "$name: the line has no cause or no remedy"
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

# claims FROM TO OLD NEW: the file TO is FROM, but its header says NEW where it said OLD.
claims() {
  local length header
  length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
  header=$(tail -c +9 "$1" | head -c "$length")
  safetensors "$2" "${header/"$3"/"$4"}" 0
  tail -c +$((9 + length)) "$1" >>"$2"
  expect "the claim is another header" [ "$(cmp -s "$1" "$2" && echo same)" = "" ]
}

# patched FROM TO OFFSET BYTES
patched() {
  cp "$1" "$2"
  printf "$4" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}

finish() {
  echo "$checks checks, $failures failures"
  [ "$failures" = 0 ]
}
