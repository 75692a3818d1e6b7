#!/bin/sh
# tests/bench/times.sh: how long seqc takes: medians of `seqc ir` and `seqc build` on the samples, and a
# training step of Fashion-MNIST. Figures for people; nothing passes or fails here.
#
#   SEQC=build/seqc tests/bench/times.sh
set -eu
cd "$(dirname "$0")/../.."
SEQC=${SEQC:-build/seqc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# median N COMMAND…: milliseconds.
median() {
    n=$1
    shift
    for _ in $(seq "$n"); do
        a=$(date +%s%N)
        "$@" >/dev/null
        b=$(date +%s%N)
        echo $(((b - a) / 1000))
    done | sort -n | awk '{ t[NR] = $1 } END { printf "%.1f ms", t[int((NR + 1) / 2)] / 1000 }'
}
echo "seqc --version            $(median 21 "$SEQC" --version)"
for sample in fashion_mnist softmax_regression regression iris; do
    file=samples/$sample/model.py
    printf '%-20s ir   %s\n' $sample "$(median 21 "$SEQC" ir $file)"
    printf '%-20s build %s\n' $sample "$(median 5 "$SEQC" build $file -q -o "$dir/$sample")"
    printf '%-20s size %s KB\n' $sample "$(($(wc -c <"$dir/$sample") / 1024))"
done
"$dir/fashion_mnist" bench
