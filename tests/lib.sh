# tests/lib.sh: what the shell suites share. Sourced from the source root by tests/run, which sets
# SEQC (the compiler), SCRATCH (a folder of the suite's own) and counts the lines
#   ok NAME | not ok NAME: WHY | skip NAME: WHY
# shellcheck shell=sh
: "${SEQC:?tests/run sets it}" "${SCRATCH:?tests/run sets it}"
ROOT=$(pwd)
unset OPENBLAS_CORETYPE
export NO_COLOR=1
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$SCRATCH/.cache}"    # nothing of the user's changes what a suite does

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: $2"; }
skip() { echo "skip $1: $2"; }

# check NAME COMMAND…: ok if the command succeeds; else its output is shown.
check() {
    _name=$1
    shift
    if "$@" >"$SCRATCH/check.log" 2>&1; then
        ok "$_name"
    else
        not_ok "$_name" "exit code $?"
        tail -n 20 "$SCRATCH/check.log" | sed 's/^/    /'
    fi
}

# refuses NAME CODE TEXT COMMAND…: the command ends with CODE and says TEXT (on stderr or stdout).
refuses() {
    _name=$1 _code=$2 _text=$3
    shift 3
    "$@" >"$SCRATCH/refuses.log" 2>&1 </dev/null
    _got=$?
    if [ "$_got" != "$_code" ]; then
        not_ok "$_name" "exit code $_got, not $_code"
    elif ! grep -qF -e "$_text" "$SCRATCH/refuses.log"; then
        not_ok "$_name" "does not say '$_text'"
    else
        ok "$_name"
        return 0
    fi
    tail -n 10 "$SCRATCH/refuses.log" | sed 's/^/    /'
    return 1
}

# What runs for a moment is compiled for longer than that: by -O0, unless somebody chose (tests/full.sh: -O3).
quick_programs() { export SEQC_CFLAGS="${SEQC_CFLAGS--O0}"; }
