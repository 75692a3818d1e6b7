#!/bin/sh
# tests/samples.sh: every sample goes the way its README says, with few epochs.
. tests/lib.sh
cd "$SCRATCH" || exit 1
S=$ROOT/samples
# What is compiled for longer than -O3 would save while it runs.
# shellcheck disable=SC2329  # check calls it
lightly() { env SEQC_CFLAGS="${SEQC_CFLAGS--O1}" "$SEQC" build "$@"; }
above() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 > b + 0) }'; }

check "iris builds" "$SEQC" build "$S/iris/model.py" -o iris
check "iris trains" ./iris train --data "$S/iris/iris.csv" --normalize zscore --val-split 0.2 --out iris.run
check "iris evaluates" ./iris eval --data "$S/iris/iris.csv" --weights iris.run/best.safetensors
check "iris predicts" ./iris predict --input "$S/iris/iris.csv" --weights iris.run/best.safetensors --output iris.out.csv
check "iris learns" sh -c "./iris eval --data '$S/iris/iris.csv' --weights iris.run/best.safetensors | grep -qE '9[4-9]\.[0-9]*%|100'"

check "regression builds" lightly "$S/regression/model.py" -o houses
check "regression trains" ./houses train --data "$S/regression/houses.csv" --target price --normalize zscore --val-split 0.2 --epochs 60 --out houses.run
check "regression evaluates" ./houses eval --data "$S/regression/houses.csv" --target price --weights houses.run/best.safetensors
check "regression predicts" ./houses predict --input "$S/regression/houses.csv" --weights houses.run/best.safetensors --output prices.csv
check "predictions are near the prices" sh -c "paste -d, prices.csv '$S/regression/houses.csv' | awk -F, '
    \$1 + 0 == \$1 && \$NF + 0 == \$NF { d = \$1 - \$NF; s += d < 0 ? -d : d; n++ } END { exit !(n >= 599 && s / n < 25) }'"
check "make_data.py writes houses.csv" sh -c "command -v python3 >/dev/null || exit 0; python3 '$S/regression/make_data.py' | cmp - '$S/regression/houses.csv'"

check "own_ops builds" lightly "$S/own_ops/model.py" -o own
check "own_ops trains" ./own train --data "$S/regression/houses.csv" --target price --normalize zscore --val-split 0.2 --out own.run
r2=$(./own eval --data "$S/regression/houses.csv" --target price --weights own.run/best.safetensors | sed -n 's/.*r2 *\([0-9.]*\).*/\1/p')
above "$r2" 0.97 && ok "own_ops learns" || not_ok "own_ops learns" "r2 is $r2"

flats="--data $S/regression/houses.csv --target price"
for name in model uncertain; do
    check "residual_mlp $name builds" lightly "$S/residual_mlp/$name.py" -o res_$name
    # shellcheck disable=SC2086  # a list of words
    check "residual_mlp $name trains" ./res_$name train $flats --normalize zscore --val-split 0.2 --out res_$name.run
    # shellcheck disable=SC2086
    r2=$(./res_$name eval $flats --weights res_$name.run/best.safetensors | sed -n 's/.*r2 *\([0-9.]*\).*/\1/p')
    above "$r2" 0.97 && ok "residual_mlp $name learns" || not_ok "residual_mlp $name learns" "r2 is $r2"
done
check "uncertain predicts" ./res_uncertain predict --input "$S/regression/houses.csv" --weights res_uncertain.run/best.safetensors --output res.csv
spread=$(awk -F, 'NR > 1 { s += sqrt($2); n++ } END { print s / n }' res.csv)
above "$spread" 12 && above 20 "$spread" && ok "its deviations are the noise's" || not_ok "its deviations are the noise's" "they are $spread"

check "embedding: the network is trained" ./iris train --data "$S/iris/iris.csv" --val-split 0.2 --epochs 200 --out plain.run
rm -rf flowers && cp -r "$S/embedding" flowers
check "embedding: the library" "$SEQC" emit "$S/iris/model.py" --name iris --weights plain.run/best.safetensors -o flowers/iris
check "embedding: the program" sh -c "cmake -S flowers -B flowers/build && cmake --build flowers/build"
tail -n +2 "$S/iris/iris.csv" | cut -d, -f1-4 | tr , ' ' | flowers/build/flowers >flowers.txt
right=$(tail -n +2 "$S/iris/iris.csv" | cut -d, -f5 | paste -d' ' flowers.txt - | awk '{ n += $1 == $NF } END { print n }')
above "$right" 139 && ok "embedding: it knows irises" || not_ok "embedding: it knows irises" "$right of 150"
if command -v c++ >/dev/null; then
    check "embedding: installed" sh -c 'cmake -S flowers/iris -B iris-build -DCMAKE_INSTALL_PREFIX="$PWD/prefix" &&
        cmake --build iris-build && cmake --install iris-build'
    check "embedding: a program in C++, by find_package" sh -c "cmake -S '$S/embedding/installed' -B installed-build -DCMAKE_PREFIX_PATH='$SCRATCH/prefix' &&
        cmake --build installed-build"
    tail -n +2 "$S/iris/iris.csv" | cut -d, -f1-4 | tr , ' ' | installed-build/flowers >installed.txt
    check "embedding: it says the same" cmp installed.txt flowers.txt
    if command -v pkg-config >/dev/null; then
        check "embedding: by pkg-config" sh -c "PKG_CONFIG_PATH=\$(dirname \"\$(find prefix -name iris.pc)\") && export PKG_CONFIG_PATH &&
            cc '$S/embedding/main.c' \$(pkg-config --cflags --libs iris) -lm -o by-pkg-config &&
            tail -n +2 '$S/iris/iris.csv' | cut -d, -f1-4 | tr , ' ' | ./by-pkg-config | cmp - flowers.txt"
    else
        skip "embedding: by pkg-config" "it is not installed"
    fi
else
    skip "embedding: installed" "no C++ compiler here"
fi
check "embedding: for a small processor" sh -c "'$SEQC' emit '$S/iris/model.py' --embed --name iris --weights plain.run/best.safetensors -o tiny &&
    cc -std=c99 -Os -ffreestanding -c tiny/iris.c && ! nm -u iris.o | grep -v -e memcpy -e memset"
check "embedding: a library that trains" "$SEQC" emit "$S/iris/model.py" --mode train --batch 16 --embed --name iris -o learner
check "embedding: a program around it" cc -O2 -Wall -Wextra -Werror -Ilearner "$S/embedding/learn.c" learner/iris.c -lm -o learn
learnt=$(tail -n +2 "$S/iris/iris.csv" | sed 's/setosa/0/; s/versicolor/1/; s/virginica/2/' | tr , ' ' | ./learn)
above "${learnt%% *}" 45 && ok "embedding: it learns" || not_ok "embedding: it learns" "$learnt"

has_arm=false
command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null && has_arm=true
if $has_arm; then
    check "microcontroller: it learns, as this machine does" env SEQC="$SEQC" OUT="$SCRATCH/microcontroller" sh "$S/microcontroller/run" learn
    right=$(sed -n 's/^right \([0-9]*\) of 400.*/\1/p' microcontroller/device.txt)
    above "$right" 280 && ok "microcontroller: it has learnt" || not_ok "microcontroller: it has learnt" "$right of 400"
    above 65536 "$(sed 's/.*bytes //; $!d' microcontroller/device.txt)" && ok "microcontroller: in 64 KB" || not_ok "microcontroller: in 64 KB" "$(tail -n 1 microcontroller/device.txt)"
else
    skip "microcontroller" "gcc-arm-none-eabi or qemu-system-arm is not installed"
fi

PAIR=$S/binary/pair.csv
check "pair.csv is made of iris.csv" sh -c "awk -F, -v OFS=, 'NR == 1 { \$5 = \"virginica\" }
    NR > 1 { \$5 = \$5 == \"virginica\" } NR < 2 || NR > 51' '$S/iris/iris.csv' | cmp - '$PAIR'"
for name in model sigmoid; do
    check "binary $name builds" lightly "$S/binary/$name.py" -o $name
    check "binary $name trains" ./$name train --data "$PAIR" --normalize zscore --val-split 0.25 --out $name.run
    check "binary $name predicts" ./$name predict --input "$PAIR" --weights $name.run/best.safetensors --output $name.csv
    half=0
    [ $name = sigmoid ] && half=0.5
    right=$(paste -d, $name.csv "$PAIR" | awk -F, -v half=$half 'NR > 1 { n += ($1 > half) == $NF } END { print n }')
    check "binary $name: $right of 100" sh -c "./$name eval --data '$PAIR' --weights $name.run/best.safetensors | grep -q 'acc $right.00%'"
    above "$right" 92 && ok "binary $name learns" || not_ok "binary $name learns" "$right of 100"
done

check "regularization builds" lightly "$S/regularization/model.py" -o regular
check "regularization trains" ./regular train --data "$S/fashion_mnist/small.csv" --normalize zscore --val-split 0.8 --out regular.run
sed 's/^share = .*/share = 0.0/; s/^decay = .*/decay = 0.0/' "$S/regularization/model.py" >free.py
check "without it, builds" lightly free.py -o free
check "without it, trains" ./free train --data "$S/fashion_mnist/small.csv" --normalize zscore --val-split 0.8 --out free.run
last() { awk -F, -v want="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) c = i } END { print $c }' "$1"; }
above "$(last free.run/metrics.csv val_loss)" "$(last regular.run/metrics.csv val_loss)" &&
    ok "the regular model is better" || not_ok "the regular model is better" "by the last loss it is not"

for name in model plateau; do
    check "schedules $name builds" lightly "$S/schedules/$name.py" -o $name
done
flats="--data $S/regression/houses.csv --target price --normalize zscore --val-split 0.2"
# shellcheck disable=SC2086  # a list of words
check "schedules model trains" ./model train $flats --out cosine.run
above 0.001 "$(last cosine.run/metrics.csv lr)" && ok "the cosine ends near 0" || not_ok "the cosine ends near 0" "it does not"
# shellcheck disable=SC2086
check "schedules plateau stops early" sh -c "./plateau train $flats --patience 25 --out plateau.run | grep -q '^stopped early'"
above 0.02 "$(last plateau.run/metrics.csv lr)" && ok "the plateau cuts" || not_ok "the plateau cuts" "it does not"
# shellcheck disable=SC2086
check "schedules plateau goes on" ./plateau train $flats --patience 40 --resume plateau.run/last.safetensors
check "schedules plateau evaluates" ./plateau eval --data "$S/regression/houses.csv" --target price --weights plateau.run/best.safetensors

check "fine_tuning makes its data" sh "$S/fine_tuning/make_data"
for name in base model; do
    check "fine_tuning $name builds" lightly "$S/fine_tuning/$name.py" -o tune_$name
done
check "fine_tuning base trains" ./tune_base train --data old.csv --normalize zscore --val-split 0.2 --out base.run
cp base.run/best.safetensors base.safetensors
check "fine_tuning model trains" ./tune_model train --data few.csv --val rest.csv --normalize zscore --out tuned.run
check "fine_tuning model evaluates" ./tune_model eval --data rest.csv --weights tuned.run/last.safetensors
grep -v -e load_file -e requires_grad -e 'for p in' "$S/fine_tuning/model.py" | sed 's/model\[1\]/model/' >alone.py
check "fine_tuning without its base builds" lightly alone.py -o alone
check "fine_tuning without its base trains" ./alone train --data few.csv --val rest.csv --normalize zscore --out alone.run
above "$(last tuned.run/metrics.csv val_accuracy)" "$(last alone.run/metrics.csv val_accuracy)" &&
    ok "the base helps" || not_ok "the base helps" "by the last accuracy it does not"

check "mc_dropout builds" lightly "$S/mc_dropout/model.py" -o unsure
check "mc_dropout trains" ./unsure train --data "$S/mc_dropout/sine.csv" --quiet --out unsure.run
awk 'BEGIN { for (x = 0; x <= 4; x += 4) for (i = 0; i < 100; i++) print x }' >points.csv
check "mc_dropout predicts" ./unsure predict --input points.csv --weights unsure.run/last.safetensors --output answers.csv
spread() { awk -v a="$1" -v b="$2" 'NR > a && NR <= b { n++; s += $1; q += $1 * $1 } END { print sqrt(q / n - (s / n) ^ 2) }' answers.csv; }
above "$(spread 101 201)" "$(spread 1 101)" && ok "mc_dropout is less sure far away" ||
    not_ok "mc_dropout is less sure far away" "$(spread 1 101) at 0, $(spread 101 201) at 4"

check "cifar10 builds" lightly "$S/cifar10/model.py" -o cifar
check "resnet builds" lightly "$S/resnet/model.py" -o resnet

# The sample's weights are a download; those that training starts from go the same way.
check "alexnet builds" lightly "$S/alexnet/model.py" -o alexnet
check "alexnet builds to train" env SEQC_CFLAGS=-O0 "$SEQC" build "$S/alexnet/model.py" --optimizer 'optim.SGD(model.parameters(), lr=0.01)' -o alextrain
mkdir -p photos/thing && cp "$ROOT/tests/fixtures/images/full.jpg" photos/thing
check "alexnet's initial weights" ./alextrain train --data photos --epochs 0 --out alexnet.run
./alexnet predict --input photos/thing/full.jpg --weights alexnet.run/last.safetensors >answer
check "alexnet predicts five classes of an image" grep -qE '^1(  [^%]*[^ ] [0-9.]+%){5}$' answer
refuses "alexnet does not train without an optimizer" 2 "the model file names no optimizer" ./alexnet train --data photos
rm -rf alexnet.run

check "small images build" "$SEQC" build "$S/fashion_mnist/small.py" -o small
check "small images train" ./small train --data "$S/fashion_mnist/small.csv" --normalize zscore --val-split 0.2 --out small.run
check "IR walk-through" env OUT="$SCRATCH/walk" sh "$S/ir_walkthrough/walk"

DATA=${DATA:-/usr/share/datasets/fashion-mnist}
if [ -e "$DATA/train-images-idx3-ubyte.gz" ]; then
    for sample in fashion_mnist softmax_regression fashion_cnn augmentation; do
        check "$sample builds" "$SEQC" build "$S/$sample/model.py" -o $sample
        check "$sample trains" ./$sample train --data "$DATA" --epochs 1 --out $sample.run
        least=70
        case $sample in fashion_*) least=80 ;; esac
        acc=$(./$sample eval --data "$DATA" --weights $sample.run/last.safetensors | grep -oE '[0-9.]+%' | tail -n 1)
        above "${acc%\%}" $least && ok "$sample: above $least% after an epoch" ||
            not_ok "$sample: above $least% after an epoch" "${acc:-no accuracy shown}"
    done
    check "early_stopping builds" "$SEQC" build "$S/early_stopping/model.py" -o moved
    # No epoch after the first is better by so much.
    check "early_stopping stops" sh -c "./moved train --data '$DATA' --val-split 0.9 --patience 2 --min-delta 9 --out moved.run |
        grep -q '^stopped early: val_loss has not become better for 2 epochs'"
    check "early_stopping stops after three epochs" sh -c "[ \$(wc -l <moved.run/metrics.csv) = 4 ]"
    check "early_stopping goes on" ./moved train --data "$DATA" --val-split 0.9 --epochs 4 --patience 9 --resume moved.run/last.safetensors
    check "early_stopping evaluates" ./moved eval --data "$DATA" --weights moved.run/best.safetensors
    check "resnet takes a step" ./resnet train --data "$DATA" --dry-run
    $has_arm && check "microcontroller: it tells what this machine does" env SEQC="$SEQC" OUT="$SCRATCH/microcontroller" DATA="$DATA" sh "$S/microcontroller/run" tell
else
    skip "fashion_mnist" "no images at $DATA"
    skip "softmax_regression" "no images at $DATA"
    skip "fashion_cnn" "no images at $DATA"
    skip "augmentation" "no images at $DATA"
    skip "early_stopping" "no images at $DATA"
    skip "resnet" "no images at $DATA"
    skip "microcontroller: it tells what this machine does" "no images at $DATA"
fi
exit 0
