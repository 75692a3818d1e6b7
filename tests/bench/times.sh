#!/bin/sh
# tests/bench/times.sh: how long seqc takes: medians of `seqc ir` and `seqc build` on the samples, and a
# training step of Fashion-MNIST. Figures for people; nothing passes or fails here.
#
#   SEQC=build/seqc tests/bench/times.sh         # all of it
#   SEQC=build/seqc tests/bench/times.sh start   # how long seqc itself takes to start, with C functions
set -eu
cd "$(dirname "$0")/../.."
SEQC=${SEQC:-build/seqc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# median N COMMAND…: milliseconds, of N times. Each is the mean of `each` runs, between looks at a clock
# that is a program of its own.
each=1
median() {
    n=$1
    shift
    for _ in $(seq "$n"); do
        a=$(date +%s%N)
        for _ in $(seq $each); do "$@" >/dev/null; done
        b=$(date +%s%N)
        echo $(((b - a) / 1000 / each))
    done | sort -n | awk '{ t[NR] = $1 } END { printf "%.2f ms", t[int((NR + 1) / 2)] / 1000 }'
}
each=10
echo "nothing (/bin/true)       $(median 11 /bin/true)"
echo "seqc --version            $(median 11 "$SEQC" --version)"
# A model without C functions, with some that Clang reads (the audit by the C compiler included), and
# with those as they were kept.
cp samples/iris/model.py "$dir/plain.py"
sed -e 's/^from torch.*/&\nfrom seqc import c_op/' -e 's/nn.Tanh()/c_op("ops.c", "swish")/' "$dir/plain.py" >"$dir/own.py"
printf '#include <math.h>\nfloat swish(float x) { return x / (1.0f + expf(-x)); }\n' >"$dir/ops.c"
"$SEQC" ir "$dir/own.py" >/dev/null
cold() { rm -rf "$dir/.seqc"; "$SEQC" ir "$1" --stage shape; }
echo "no C functions            $(median 11 "$SEQC" ir "$dir/plain.py" --stage shape)"
echo "C functions, kept         $(median 11 "$SEQC" ir "$dir/own.py" --stage shape)"
# The largest file of the fixtures: 47 functions, 18 of them layers.
cp -r tests/fixtures/models/own_smooth.py tests/fixtures/models/own "$dir"
"$SEQC" ir "$dir/own_smooth.py" --stage shape >/dev/null 2>&1
echo "18 C functions, kept      $(median 11 "$SEQC" ir "$dir/own_smooth.py" --stage shape 2>"$dir/said")"
each=1
echo "C functions, by Clang     $(median 21 cold "$dir/own.py")"
[ "${1:-}" = start ] && exit
for sample in fashion_mnist softmax_regression regression iris; do
    file=samples/$sample/model.py
    printf '%-20s ir   %s\n' $sample "$(median 21 "$SEQC" ir $file)"
    printf '%-20s build %s\n' $sample "$(median 5 "$SEQC" build $file -q -o "$dir/$sample")"
    printf '%-20s size %s KB\n' $sample "$(($(wc -c <"$dir/$sample") / 1024))"
done
"$dir/fashion_mnist" bench
