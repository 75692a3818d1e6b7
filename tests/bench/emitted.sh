#!/bin/sh
# tests/bench/emitted.sh: what `seqc emit` makes of a model beside the same model by --no-passes, which is
# what a generator does that writes layer after layer: time of an inference of one sample, workspace.
# Both are compiled by the flags that their pages name and take turns on one thread. Figures for people;
# nothing passes or fails here.
#
#   SEQC=build/seqc tests/bench/emitted.sh [FILE.py…]        # LeNet and 784-128-10, unless files are named
set -eu
cd "$(dirname "$0")/../.."
SEQC=${SEQC:-build/seqc} CC=${CC:-cc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
[ $# -gt 0 ] || set -- tests/bench/models/lenet.py tests/bench/models/w2.py

# make NAME FILE OPTIONS…: $dir/NAME
make() {
    name=$1 file=$2
    shift 2
    rm -rf "$dir/$name.d"
    "$SEQC" emit "$file" --name net -q --batch 1 --weights-as const -o "$dir/$name.d" "$@" 2>/dev/null
    flags=$(sed -n 's/^ *cc \(-std=[^ ]* .*\) -c net.c$/\1/p' "$dir/$name.d/README.md")
    for source in "$dir/$name.d"/net*.c; do
        # shellcheck disable=SC2086    # several flags
        $CC $flags -c "$source" -o "${source%.c}.o"
    done
    $CC -O2 -I"$dir/$name.d" tests/bench/emitted.c "$dir/$name.d"/net*.o -lm -o "$dir/$name"
}

for file in "$@"; do
    for how in "--march native" "--march x86-64-v3" --embed; do
        # shellcheck disable=SC2086
        make ours "$file" $how
        # shellcheck disable=SC2086
        make plain "$file" $how --no-passes
        for turn in 1 2 3 4 5; do "$dir/ours" && "$dir/plain"; done >"$dir/turns"
        awk -v what="$(basename "$file" .py) $how" '
            { i = NR % 2; if (!(i in best) || $1 < best[i]) best[i] = $1; bytes[i] = $2; out[i] = $3 }
            END { printf "%-26s %8.2f us %8.2f us %5.1f times   workspace %6d B %6d B %5.1f times   %.7g %.7g\n", what,
                  best[1] / 1000, best[0] / 1000, best[0] / best[1], bytes[1], bytes[0], bytes[0] / bytes[1], out[1], out[0] }
        ' "$dir/turns"
    done
done
