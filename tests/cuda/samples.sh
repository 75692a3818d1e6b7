#!/bin/sh
# tests/cuda/samples.sh: models as programs for CUDA, with no device: NVIDIA's driver is the stand-in,
# the kernels run in the emulator. Their losses are those of the same models as programs in C, and
# their bits do not depend on the order of threads and blocks. Contraction is off on both sides. With
# tensor cores losses are as near as their numbers are.
#
# DEVICE=real runs them on this machine's device instead: ten runs give the same bits, and losses
# agree to 1e-4, as NVIDIA's compiler contracts.
. tests/lib.sh
cd "$SCRATCH" || exit 1
S=$ROOT/samples T=$ROOT/tests/cuda DRIVER=$(dirname "$SEQC")/tests/cuda/driver
HOME_OF_RT=$("$SEQC" doctor | sed -n 's/^runtime  *//p')
export SEQC_CFLAGS=-ffp-contract=off
arch=sm_90 math=default near=1e-5          # the stand-in looks at no image
orders='0 1 2 3 4'
if [ "${DEVICE:-}" = real ]; then
    orders='0 1 2 3 4 5 6 7 8 9'           # so many runs
    DRIVER='' arch=sm_80,sm_90,sm_100,sm_120 near=1e-4
    if "$SEQC" doctor | grep -q '^  driver *not found'; then
        skip "samples on a device" "there is no driver of NVIDIA's"
        exit 0
    fi
elif [ ! -e "$DRIVER/libcuda.so.1" ]; then
    skip "samples for CUDA" "the stand-in is not built"
    exit 0
fi
"$SEQC" doctor | grep -q '^  NVRTC *[0-9]' && nvrtc=yes || nvrtc=''
[ "$nvrtc" ] || skip "images by NVRTC" "there is none: programs get an image that only the stand-in takes"

# The program NAME.cuda of MODEL, and NAME.so of its kernels; options: seqc's.
options=''
build() {
    name=$1 model=$2
    # shellcheck disable=SC2086  # a list of words
    "$SEQC" build "$model" --target cuda --math $math --arch $arch --tier "${TIER:-auto}" \
        --keep "$name.src" -o "$name.cuda" -q $options >"$name.log" 2>&1
    code=$?
    source=$(echo "$name".src/*.cu)
    source=${source%.cu}
    if [ ! "$nvrtc" ]; then
        [ $code = 3 ] && grep -q "^help: install the CUDA toolkit" "$name.log" || return 1
        cat >"$name.src/no_images.c" <<'END'
#include "runtime/cuda.h"
extern const rt_cuda_image images[];
const rt_cuda_image images[] = { { 90, true, (const unsigned char *)"// none", 8 }, { 0, false, 0, 0 } };
END
        cc -std=c11 -O2 $SEQC_CFLAGS -I"$HOME_OF_RT/include" "$source.c" "$name.src/no_images.c" \
            "$HOME_OF_RT/libseqc_rt.a" -lz -lm -lpthread -ldl -o "$name.cuda" || return 1
    elif [ $code != 0 ]; then
        cat "$name.log"
        return 1
    fi
    kernels "$name" "$source.cu"
}

# kernels NAME FILE: NAME.so of the file's kernels.
kernels() {
    awk -f "$T/table.awk" "$2" >"$1.src/table.h" &&
        cc -std=gnu11 -O2 $SEQC_CFLAGS -shared -fPIC -I"$ROOT" -I"$PWD/$1.src" \
            -DKERNELS="\"$(readlink -f "$2")\"" -DTABLE='"table.h"' "$T/module.c" -lm -o "$1.so"
}

# on_device NAME ORDER VERB…
on_device() {
    _program=$1 _order=$2
    shift 2
    STANDIN_KERNELS=$PWD/$_program.so STANDIN_ORDER=$_order \
        LD_LIBRARY_PATH=$DRIVER${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "./$_program.cuda" "$@"
}

# The losses of two steps.csv: equally many, and each near the other's.
near() {
    [ "$(wc -l <"$1")" = "$(wc -l <"$2")" ] && paste -d, "$1" "$2" | awk -F, -v near=$near '
        NR > 1 {
            size = $3 < 0 ? -$3 : $3
            d = $3 > $7 ? $3 - $7 : $7 - $3
            if (!(d <= near * size)) { print "step " $1 ": " $3 " in C, " $7; bad = 1 }
        }
        END { exit bad || NR < 4 }'
}

# sample NAME MODEL TRAIN-OPTIONS…
sample() {
    name=$1 model=$2
    shift 2
    check "$name builds for CUDA" build "$name" "$model" || return
    # shellcheck disable=SC2086
    "$SEQC" build "$model" --math strict --blas none -o "$name.c" -q $options
    check "$name trains in C" "./$name.c" train "$@" --log-steps --quiet --out "$name.in_c"
    for order in $orders; do
        check "$name trains, order $order" on_device "$name" $order train "$@" --log-steps --quiet \
            --out "$name.$order"
        [ $order = 0 ] && check "$name has the losses of C" near "$name.in_c/steps.csv" "$name.0/steps.csv"
        check "$name has the same bits, order $order" cmp "$name.0/steps.csv" "$name.$order/steps.csv"
    done
}

houses="--data $S/regression/houses.csv --target price --normalize zscore --val-split 0.2 --epochs 1"
small="--data $S/fashion_mnist/small.csv --normalize zscore --overfit-batches 3 --epochs 2"
iris="--data $S/iris/iris.csv --normalize zscore --val-split 0.2 --epochs 2"
# shellcheck disable=SC2086  # lists of words
{
sample iris "$S/iris/model.py" $iris
sample regression "$S/regression/model.py" $houses
sample residual "$S/residual_mlp/model.py" $houses
sample uncertain "$S/residual_mlp/uncertain.py" $houses
sample schedules "$S/schedules/model.py" $houses
sample binary "$S/binary/model.py" --data "$S/binary/pair.csv" --normalize zscore --epochs 2
sample sigmoid "$S/binary/sigmoid.py" --data "$S/binary/pair.csv" --normalize zscore --epochs 2
sample dropout "$S/mc_dropout/model.py" --data "$S/mc_dropout/sine.csv" --epochs 1
cat >deep.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(3)
batch_size = 48
model = nn.Sequential(
    nn.Linear(49, 96),
    nn.LayerNorm(96),
    nn.GELU(),
    nn.Dropout(0.25),
    nn.Linear(96, 40),
    nn.BatchNorm1d(40),
    nn.ReLU(),
    nn.Linear(40, 10),
)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = optim.Adam(model.parameters(), lr=0.002, weight_decay=1e-3)
clip_grad_norm = 1.0
END
sample deep deep.py $small
cat >images.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(4)
input_shape = 49
batch_size = 24
model = nn.Sequential(
    nn.Unflatten(1, (1, 7, 7)),
    nn.Conv2d(1, 8, 3, padding=1),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 12, 3, padding=1, groups=2),
    nn.Upsample(scale_factor=2, mode="bilinear"),
    nn.ReflectionPad2d(1),
    nn.ConvTranspose2d(12, 6, 2, stride=2),
    nn.GELU(),
    nn.AvgPool2d(3, stride=2),
    nn.Flatten(),
    nn.Linear(6 * 7 * 7, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
END
sample images images.py $small

# Bytes on the device, with a table that normalises; the same turned at random here, and sent.
mkdir -p idx
{ printf '\0\0\010\003\0\0\0\170\0\0\0\034\0\0\0\034'; head -c 94080 "$S/fashion_mnist/small.csv"; } \
    >idx/train-images-idx3-ubyte
{ printf '\0\0\010\001\0\0\0\170'; for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    printf '\0\001\002\003\004\005\006\007\010\011'; done; } >idx/train-labels-idx1-ubyte
cat >bytes.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(5)
batch_size = 25
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.002)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=15)
input_shape = (28, 28)
END
sample bytes bytes.py --data idx --normalize zscore --epochs 3
options='--dropout torch'
sample masks bytes.py --data idx --normalize zscore --epochs 3
options=''
cat >turned.py <<'END'
import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

torch.manual_seed(6)
data = datasets.MNIST("idx", transform=transforms.Compose(
    [transforms.RandomHorizontalFlip(), transforms.ToTensor()]))
loader = DataLoader(data, batch_size=25, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05)
END
sample turned turned.py --epochs 3
cat >wide.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(5)
input_shape = 49
batch_size = 24
model = nn.Sequential(
    nn.Unflatten(1, (1, 7, 7)),
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 36, 3, stride=2),
    nn.BatchNorm2d(36),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(36 * 3 * 3, 24),
    nn.ReLU(),
    nn.Linear(24, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
END
exact=$near
math=tf32 near=2e-3
sample deep_tf32 deep.py $small
sample wide_tf32 wide.py $small
math=bf16 near=2e-2
sample deep_bf16 deep.py $small
sample wide_bf16 wide.py $small
math=default near=$exact
}

# A step by one block, as small models have it, gives the bits of launches.
TIER=graph
check "iris builds in launches" build launches "$S/iris/model.py"
TIER=auto
# shellcheck disable=SC2086
check "and trains" on_device launches 0 train $iris --log-steps --quiet --out launches.0
check "with the bits of one block" cmp launches.0/steps.csv iris.0/steps.csv
check "which there is" grep -q '^KERNEL.*train_steps' iris.src/model.cu

# Images in files are read ahead and sent; a damaged one ends the run at the step at which C ends.
if "$SEQC" doctor | grep -q '^ *images .*libpng'; then
    P=$ROOT/tests/fixtures/images
    mkdir -p files/a files/b
    for i in 1 2 3 4 5 6 7 8 9; do cp "$P/rgb.png" files/a/$i.png; cp "$P/palette.png" files/b/$i.png; done
    cat >files.py <<'END'
import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

torch.manual_seed(7)
data = datasets.ImageFolder("files", transform=transforms.Compose(
    [transforms.Resize((8, 8)), transforms.ToTensor()]))
loader = DataLoader(data, batch_size=4)
model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05)
END
    sample files files.py --epochs 2
    head -c 300 "$P/rgb.jpg" >files/b/x.jpg
    refuses "C finds a damaged image" 1 "files/b/x.jpg: is a damaged JPEG image" \
        ./files.c train --epochs 1 --log-steps --quiet --out cut.c
    refuses "a damaged image is found" 1 "files/b/x.jpg: is a damaged JPEG image" \
        on_device files 0 train --epochs 1 --log-steps --quiet --out cut.cuda
    check "after the same steps" near cut.c/steps.csv cut.cuda/steps.csv
else
    skip "images in files on a device" "libpng and libjpeg are not installed"
fi

# Where the data lie is said.
lies() { on_device "$1" 0 train $2 --epochs 0 --out "$1.lies" >lies.txt && grep -q "^steps .*$3\$" lies.txt; }
check "bytes lie on the device" lies bytes "--data idx" " a launch, .*data on the device"
check "what is turned is sent" lies turned "" "a step a launch, batches sent ahead: images change"
check "masks are sent" lies masks "--data idx" "a step a launch, batches sent ahead: masks are drawn here"

# Weights, whichever side made them, serve both; a run goes on to the bit.
in=$S/iris/iris.csv
check "C reads CUDA's weights" ./iris.c predict --input "$in" --weights iris.0/last.safetensors -o c.csv
check "and predicts what CUDA does" on_device iris 0 predict --input "$in" \
    --weights iris.0/last.safetensors -o cuda.csv
check "to 1e-5" sh -c "paste -d, c.csv cuda.csv | awk -F, '
    NR > 1 { for (i = 1; i <= NF / 2; i++) { d = \$i - \$(i + NF / 2); if (d * d > 1e-10) bad = 1 } }
    END { exit bad || NR < 100 }'"
# shellcheck disable=SC2086
check "one epoch" on_device iris 0 train $iris --epochs 1 --quiet --out half
# shellcheck disable=SC2086
check "and a second" on_device iris 0 train $iris --resume half/last.safetensors --quiet
weights() { tail -c +"$((9 + $(od -An -tu8 -N8 "$1")))" "$1"; }
weights half/last.safetensors >half.bytes
weights iris.0/last.safetensors >whole.bytes
check "are two" cmp half.bytes whole.bytes
[ "$DRIVER" ] || exit 0

on_device iris 0 info >info.txt
check "info names the device" grep -q '^device  *stand-in (sm_90, driver for CUDA 13.0)$' info.txt

# planted WHAT NAME NEAR AWK TRAIN-OPTIONS…: with the sample's kernels edited, runs do not end, losses are
# not those of C, or depend on the order.
planted() {
    what=$1 sample=$2 near=$3 edit=$4
    shift 4
    mkdir -p fault.src
    awk "$edit" "$sample".src/*.cu >fault.src/fault.cu
    cmp -s "$sample".src/*.cu fault.src/fault.cu && { not_ok "$what" "nothing is edited"; return; }
    ln -sf "$sample.cuda" fault.cuda
    check "kernels with $what compile" kernels fault fault.src/fault.cu
    found=''
    for order in 0 1 2 3 4; do
        on_device fault $order train "$@" --log-steps --quiet --out fault.$order >fault.log 2>&1 &&
            near "$sample.in_c/steps.csv" fault.$order/steps.csv >/dev/null &&
            cmp -s fault.$order/steps.csv fault.0/steps.csv || found=yes
    done
    [ "$found" ] && ok "$what is found" || not_ok "$what is found" "five orders give the same"
}
# shellcheck disable=SC2086
{
planted "a barrier left out of a product" iris 1e-5 \
    '/^(KERNEL|SUBROUTINE).*linear/ { on = 1 } on && /__syncthreads\(\);/ && !done { done = 1; next } 1' $iris
planted "a barrier left out before tensor cores" deep_tf32 2e-3 \
    '/^(KERNEL|SUBROUTINE).*linear/ { on = 1 } on && /__syncthreads\(\);/ && !done { done = 1; next } 1' $small
planted "a wait left out before tensor cores" deep_tf32 2e-3 '/^ *copies_wait\(\);/ { next } 1' $small
planted "a wrong lane" deep_tf32 2e-3 '{ sub(/own \+ r \/ 2 \* 4/, "own + r % 2 * 4") } 1' $small
planted "a wrong half of a pair" deep_bf16 2e-2 '{ sub(/2 \* own \+ r \* 8 \+ 1/, "2 * own + r * 8") } 1' $small
}
