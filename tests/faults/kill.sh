#!/bin/sh
# tests/faults/kill.sh [--full]: kill -9 at random moments of a training run, 20 of them, with --full
# 200 or as many as $KILLS says: of one that reads a table, of one that reads CIFAR's files, and of one that decodes a folder
# of images, with random transforms. After each, every checkpoint that was announced and is not yet
# outdated loads, and the run goes on; when one ends, its files are those of a run that was never
# killed, to the bit.
#
# Moments come from the system's random numbers: no two runs of this test are the same.
. tests/lib.sh
kills=20
[ "${1:-}" = --full ] && kills=${KILLS:-200}
cd "$SCRATCH" || exit 1
P=$ROOT/tests/fixtures/images
mkdir -p table cifar/data folder/data/plain folder/data/grey
cp "$ROOT/samples/iris/model.py" table
cp "$ROOT/samples/iris/iris.csv" table/data
# Four records of CIFAR's of each class, and a name for it.
for class in 001 002 003 000; do
    for part in 1 2 3 4; do
        printf "\\$class"
        dd if="$SEQC" bs=3072 skip=$((part * (class + 1))) count=1 2>/dev/null
    done
done >cifar/data/data_batch_1.bin
cp cifar/data/data_batch_1.bin cifar/data/test_batch.bin
printf 'plane\ncar\nbird\ncat\n' >cifar/data/batches.meta.txt
cp "$P/rgb.png" "$P/rgb.jpg" "$P/palette.png" "$P/full.jpg" folder/data/plain
cp "$P/grey.png" "$P/grey.jpg" "$P/two.png" "$P/grey_alpha.png" folder/data/grey
images_model() {
    cat <<END
import torch
from torch import nn, optim
from torchvision import datasets, transforms

torch.manual_seed(3)
steps = transforms.Compose([$2transforms.RandomHorizontalFlip(), transforms.ToTensor()])
train = datasets.$1("data", transform=steps)
loader = torch.utils.data.DataLoader(train, batch_size=3, shuffle=True)
model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.Dropout2d(0.2), nn.ReLU(),
                      nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, $3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)
END
}
images_model CIFAR10 '' 4 >cifar/model.py
images_model ImageFolder 'transforms.Resize(9), transforms.RandomCrop(8), ' 2 >folder/model.py

complain() { echo "    kill $killed: $*" >>complaints.txt; }

# A number from 0 to 999.
random() { od -An -N2 -tu2 /dev/urandom | awk '{ print $1 % 1000 }'; }

loads() {
    ./net eval --data data --weights "$1" --quiet --threads 1 >eval.txt 2>&1 ||
        complain "$1 does not load: $(cat eval.txt)"
}

# What the clock measured is left out: the columns seconds and samples_per_second.
plain() { awk -F, -v OFS=, '{ $(NF - 1) = $(NF - 2) = "" } 1' "$1"; }

same_as_straight() {
    for file in last.safetensors best.safetensors epoch-0029.safetensors epoch-0030.safetensors \
        steps.csv; do
        cmp -s "straight/$file" "run/$file" || complain "$file is not the straight run's"
    done
    plain straight/metrics.csv >straight.txt
    plain run/metrics.csv >run.txt
    cmp -s straight.txt run.txt || complain "metrics.csv is not the straight run's"
    [ -z "$(find run -name '.seqc-*')" ] || complain "temporary files are left"
}

# kills_of FOLDER OPTIONS: of its program, which trains on its data.
kills_of() (
    cd "$1" || exit 1
    "$SEQC" build model.py --march x86-64 --blas none -q -o net || {
        not_ok "$1: kill -9" "the program cannot be built"
        exit 0
    }
    train="./net train --data data $2 --log-steps --threads 2 --epochs 30 --save-every 1 --keep 2
           --no-progress"
    : >complaints.txt
    killed=0 ended=0
    begin=$(date +%s%N)
    $train --out straight >straight.txt || complain "the straight run ends with $?"
    # A run's length, so that moments lie all over it; 20 ms at least.
    span=$((($(date +%s%N) - begin) / 1000000))
    [ $span -ge 20 ] || span=20

    while [ $killed -lt $kills ] && [ $ended -lt $((2 * kills)) ]; do
        $train --out run --resume auto >out.txt 2>err.txt &
        pid=$!
        wait_ms=$(($(random) * span / 1000))
        sleep "$((wait_ms / 1000)).$(printf %03d $((wait_ms % 1000)))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        code=$?
        case $code in
        137) killed=$((killed + 1)) ;;
        0)
            ended=$((ended + 1))
            same_as_straight
            rm -rf run
            continue
            ;;
        *)
            complain "the run ends with $code: $(cat err.txt)"
            rm -rf run
            continue
            ;;
        esac
        for path in $(sed -n 's/^saved //p' out.txt | tail -n 2); do
            loads "$path"
        done
        for path in run/last.safetensors run/best.safetensors; do
            [ -e $path ] && loads $path
        done
    done
    # The last one is brought to its end, whatever the moments were.
    $train --out run --resume auto >out.txt 2>err.txt || complain "the run ends with $?: $(cat err.txt)"
    same_as_straight

    if [ -s complaints.txt ]; then
        not_ok "$1: kill -9 at $killed moments" "$(grep -c . complaints.txt) complaints"
        head -n 20 complaints.txt
    else
        ok "$1: kill -9 at $killed moments, $ended runs to their end"
    fi
)

kills_of table "--normalize zscore --val-split 0.2"
kills_of cifar "--val-split 0.25"
if "$SEQC" doctor | grep -q '^ *images .*libpng'; then
    kills_of folder "--val-split 0.25"
else
    skip "folder: kill -9" "libpng and libjpeg are not installed"
fi
