#!/bin/sh
# tests/samples.sh: every sample goes the way its README says, with few epochs.
. tests/lib.sh
cd "$SCRATCH" || exit 1
S=$ROOT/samples
above() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 > b + 0) }'; }

check "iris builds" "$SEQC" build "$S/iris/model.py" -o iris
check "iris trains" ./iris train --data "$S/iris/iris.csv" --normalize zscore --val-split 0.2 --out iris.run
check "iris evaluates" ./iris eval --data "$S/iris/iris.csv" --weights iris.run/best.safetensors
check "iris predicts" ./iris predict --input "$S/iris/iris.csv" --weights iris.run/best.safetensors --output iris.out.csv
check "iris learns" sh -c "./iris eval --data '$S/iris/iris.csv' --weights iris.run/best.safetensors | grep -qE '9[4-9]\.[0-9]*%|100'"

check "regression builds" "$SEQC" build "$S/regression/model.py" -o houses
check "regression trains" ./houses train --data "$S/regression/houses.csv" --target price --normalize zscore --val-split 0.2 --epochs 60 --out houses.run
check "regression evaluates" ./houses eval --data "$S/regression/houses.csv" --target price --weights houses.run/best.safetensors
check "regression predicts" ./houses predict --input "$S/regression/houses.csv" --weights houses.run/best.safetensors --output prices.csv
check "predictions are near the prices" sh -c "paste -d, prices.csv '$S/regression/houses.csv' | awk -F, '
    \$1 + 0 == \$1 && \$NF + 0 == \$NF { d = \$1 - \$NF; s += d < 0 ? -d : d; n++ } END { exit !(n >= 599 && s / n < 25) }'"
check "make_data.py writes houses.csv" sh -c "command -v python3 >/dev/null || exit 0; python3 '$S/regression/make_data.py' | cmp - '$S/regression/houses.csv'"

check "small images build" "$SEQC" build "$S/fashion_mnist/small.py" -o small
check "small images train" ./small train --data "$S/fashion_mnist/small.csv" --normalize zscore --val-split 0.2 --out small.run
check "IR walk-through" env OUT="$SCRATCH/walk" sh "$S/ir_walkthrough/walk"

DATA=${DATA:-/usr/share/datasets/fashion-mnist}
if [ -e "$DATA/train-images-idx3-ubyte.gz" ]; then
    for sample in fashion_mnist softmax_regression; do
        check "$sample builds" "$SEQC" build "$S/$sample/model.py" -o $sample
        check "$sample trains" ./$sample train --data "$DATA" --epochs 1 --out $sample.run
        least=70
        [ $sample = fashion_mnist ] && least=80
        acc=$(./$sample eval --data "$DATA" --weights $sample.run/last.safetensors | grep -oE '[0-9.]+%' | tail -n 1)
        above "${acc%\%}" $least && ok "$sample: above $least% after an epoch" ||
            not_ok "$sample: above $least% after an epoch" "${acc:-no accuracy shown}"
    done
else
    skip "fashion_mnist" "no images at $DATA"
    skip "softmax_regression" "no images at $DATA"
fi
exit 0
