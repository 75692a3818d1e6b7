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
# A model without C functions, with some that Clang reads (the audit by the C compiler included), and
# with those as they were kept.
cp samples/iris/model.py "$dir/plain.py"
sed -e 's/^from torch.*/&\nfrom seqc import c_op/' -e 's/nn.Tanh()/c_op("ops.c", "swish")/' "$dir/plain.py" >"$dir/own.py"
printf '#include <math.h>\nfloat swish(float x) { return x / (1.0f + expf(-x)); }\n' >"$dir/ops.c"
cold() { rm -rf "$dir/.seqc"; "$SEQC" ir "$1" --stage shape; }
echo "no C functions            $(median 21 "$SEQC" ir "$dir/plain.py" --stage shape)"
echo "C functions, by Clang     $(median 21 cold "$dir/own.py")"
echo "C functions, kept         $(median 21 "$SEQC" ir "$dir/own.py" --stage shape)"
for sample in fashion_mnist softmax_regression regression iris; do
    file=samples/$sample/model.py
    printf '%-20s ir   %s\n' $sample "$(median 21 "$SEQC" ir $file)"
    printf '%-20s build %s\n' $sample "$(median 5 "$SEQC" build $file -q -o "$dir/$sample")"
    printf '%-20s size %s KB\n' $sample "$(($(wc -c <"$dir/$sample") / 1024))"
done
"$dir/fashion_mnist" bench
