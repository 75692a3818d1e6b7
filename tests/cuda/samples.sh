#!/bin/sh
# tests/cuda/samples.sh: models as programs for CUDA, with no device (programs.sh): all samples that
# train in a moment, and small models with the layers of the others, whose own turn comes with
# tests/run --full (large.sh). Sanitizers look at kernels of some, or with --full of more; planted faults
# are found.
. tests/lib.sh
cd "$SCRATCH" || exit 1
[ "${1-}" = --full ] && full=yes || full=''
. "$ROOT/tests/cuda/programs.sh"

houses="--data $S/regression/houses.csv --target price --normalize zscore --val-split 0.2 --epochs 1"
sh "$S/fine_tuning/make_data"
cut -d, -f1-3 "$S/regression/houses.csv" | head -n 100 >two.csv
small="--data $S/fashion_mnist/small.csv --normalize zscore --overfit-batches 3 --epochs 2"
iris="--data $S/iris/iris.csv --normalize zscore --val-split 0.2 --epochs 2"
# shellcheck disable=SC2086  # lists of words
{
optimized=$emulated brief=-O0               # what runs for less than -O1 takes
emulated=$brief
sample iris "$S/iris/model.py" $iris
sample walkthrough "$S/ir_walkthrough/model.py" --data two.csv --epochs 2
sample regression "$S/regression/model.py" $houses
sample residual "$S/residual_mlp/model.py" $houses
sample uncertain "$S/residual_mlp/uncertain.py" $houses
sample own_ops "$S/own_ops/model.py" $houses
sample schedules "$S/schedules/model.py" $houses
sample plateau "$S/schedules/plateau.py" $houses
sample binary "$S/binary/model.py" --data "$S/binary/pair.csv" --normalize zscore --epochs 2
sample sigmoid "$S/binary/sigmoid.py" --data "$S/binary/pair.csv" --normalize zscore --epochs 2
sample dropout "$S/mc_dropout/model.py" --data "$S/mc_dropout/sine.csv" --epochs 1
sample small "$S/fashion_mnist/small.py" $small
sample learner "$S/microcontroller/learner.py" $small
sample base "$S/fine_tuning/base.py" --data old.csv --normalize zscore --overfit-batches 3 --epochs 2
cp base.in_c/last.safetensors base.safetensors
sample tuned "$S/fine_tuning/model.py" --data few.csv --normalize zscore --epochs 2
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
emulated=$optimized
sample regularization "$S/regularization/model.py" $small
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
sample on_device "$S/on_device/model.py" $small
cat >block.py <<'END'
import torch
import torch.nn.functional as F
from torch import nn, optim

torch.manual_seed(4)
input_shape = 49
batch_size = 20


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.conv = nn.Conv2d(6, 9, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(9)
        self.around = nn.Sequential(nn.Conv2d(6, 9, 1, stride=2, bias=False), nn.BatchNorm2d(9))
        self.large = nn.Conv2d(9, 8, 5, padding=2)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(8 * 2 * 2, 30), nn.ReLU(inplace=True),
                                  nn.Linear(30, 10))

    def forward(self, x):
        x = F.relu(self.bn(self.first(1 - 2 * x.view(-1, 1, 7, 7))))
        x = F.relu(self.bn1(self.conv(x)) + self.around(x))
        x = F.max_pool2d(F.relu(self.large(x)), kernel_size=3, stride=1)
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 2), 1))


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
END
sample block block.py $small
# Samples that are less than their targets: an element, and an index of two words.
cat >narrow.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(4)
batch_size = 600
model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
END
{ echo x,label; awk 'BEGIN { for (i = 0; i < 1300; i++) print i % 37 / 37 "," int(i % 37 / 13) }'; } >narrow.csv
TIER=graph emulated=$brief
sample narrow narrow.py --data narrow.csv --epochs 2
TIER=auto emulated=$optimized

# Bytes on the device, with a table that normalises; the same turned at random here, and sent.
mkdir -p idx
{ printf '\0\0\010\003\0\0\0\170\0\0\0\034\0\0\0\034'; head -c 94080 "$S/fashion_mnist/small.csv"; } \
    >idx/train-images-idx3-ubyte
{ printf '\0\0\010\001\0\0\0\170'; for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    printf '\0\001\002\003\004\005\006\007\010\011'; done; } >idx/train-labels-idx1-ubyte
mkdir -p data
for file in idx/*; do
    cp "$file" "data/$(basename "$file")"
    cp "$file" "data/t10k-${file#idx/train-}"
done
clothes="--data idx --normalize zscore --epochs 2"
# The numbers of two files of tensors that have the same head: near each other, beside the largest.
near_tensors() {
    numbers() { od -An -v -w4 -t f4 -j $(($(od -An -t u8 -N 8 "$1") + 8)) "$1"; }
    numbers "$1" >left
    numbers "$2" | paste left - | awk -v near=$near '
        { a = $1 < 0 ? -$1 : $1; d = $1 > $2 ? $1 - $2 : $2 - $1
          if (a > most) most = a; if (!(d <= far)) far = d }
        END { print "of " most " off " far; exit !(NR > 200000 && most > 0 && far <= near * most) }'
}
# Gradients of the outputs, which only this verb launches kernels for; with images they are apart.
derive() {
    { printf '\0\0\010\003\0\0\0\037\0\0\0\034\0\0\0\034'; tail -c 24304 idx/train-images-idx3-ubyte; } >rows
    weights="--weights clothes.in_c/last.safetensors --input rows --quiet"
    ./clothes.c predict $weights --output d.npy
    gradients="grad $weights --cotangent d.npy -o"
    check "the gradients of clothes in C" ./clothes.c $gradients clothes.c.grads
    for order in $orders; do
        check "and for CUDA, order $order" on_device clothes $order $gradients clothes.$order.grads
        check "the same bits" cmp clothes.0.grads clothes.$order.grads
    done
    check "and those of C" near_tensors clothes.c.grads clothes.0.grads
}
options='--batch 40'
sample softmax "$S/softmax_regression/model.py" $clothes
sample clothes "$S/fashion_mnist/model.py" $clothes
derive
sample shifted "$S/augmentation/model.py" --epochs 1
options=''
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
emulated=$brief
sample turned turned.py --epochs 3
emulated=$optimized
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
sample wide_tf32 wide.py $small
beside=deep emulated=$brief
sample deep_tf32 deep.py $small
math=bf16 near=2e-2
sample deep_bf16 deep.py $small
beside=wide_tf32 emulated=$optimized
sample wide_bf16 wide.py $small
beside=''
}

# Factors that are rounded first: the emulator is too slow for products of sizes for which they are
# chosen, so here they are chosen by hand. Warpgroups and warps give the same bits.
cat >tiles.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(5)
input_shape = 49
batch_size = 140
model = nn.Sequential(nn.Linear(49, 160), nn.ReLU(), nn.Linear(160, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
END
# tiles MATH NAME
tiles() {
    math=$1 name=$2
    "$SEQC" ir tiles.py --target cuda --math "$math" --stage fuse >$name.fused
    sed "/ linear_/s/mma_$math tile.*micro [0-9x]*/wide_$math tile 128x128 micro 1x1/
        s/mma_$math tile.*micro [0-9x]*/wide_$math tile 128x256 micro 1x2/" $name.fused >$name.ir
    check "factors rounded to $math first build for CUDA" build $name $name.ir
    check "in tiles of both widths" sh -c "grep -q 'SHARED(Wide[A-Z].*_128x128,' $name.src/*.cu && grep -q 'SHARED(Wide[A-Z].*_128x256,' $name.src/*.cu"
    for order in $orders; do
        check "$name train, order $order" on_device $name $order train $small --log-steps --quiet --out $name.$order
        check "$name have the same bits, order $order" cmp $name.0/steps.csv $name.$order/steps.csv
    done
    check "$name have the losses of C" near tiles.in_c/steps.csv $name.0/steps.csv
    [ "$DRIVER" ] || return
    mkdir -p by_warps.src
    by_warps() { (SEQC_CFLAGS="$SEQC_CFLAGS -DEMU_WARPS" && kernels by_warps $name.src/*.cu); }
    check "$name are multiplied by warps, too" by_warps
    ln -sf $name.cuda by_warps.cuda
    check "which train" on_device by_warps 1 train $small --log-steps --quiet --out $name.by_warps
    check "to the same bits" cmp $name.0/steps.csv $name.by_warps/steps.csv
}
"$SEQC" build tiles.py --math strict --blas none -o tiles.c -q
# shellcheck disable=SC2086
{
check "the model trains in C" ./tiles.c train $small --log-steps --quiet --out tiles.in_c
tiles bf16 tiles
near=2e-3
[ "$DRIVER" ] && [ ! "$full" ] || tiles tf32 tiles_tf32       # on tests/run: cuda_kernels
}
math=default near=$exact

# No sample is forgotten.
every_sample() {
    for model in "$S"/*/*.py; do
        case $model in */make_*) continue ;; esac
        grep -q "^ *sample .*\$S${model#"$S"}\"" "$T/samples.sh" "$T/large.sh" ||
            grep -q "\$S${model#"$S"}\" >alexnet.py" "$T/large.sh" || { echo "$model"; false; } || return
    done
}
check "every sample has its turn" every_sample

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
    emulated=$brief
    sample files files.py --epochs 2
    emulated=$optimized
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

# sanitized NAME TRAIN-OPTIONS…: an epoch of the same run where the address sanitizer watches the
# kernels, their threads' memory and what a block shares; it gives the same losses.
sanitized() {
    watched=$1
    shift
    mkdir -p "$watched.asan.src"
    (SEQC_CFLAGS="$SEQC_CFLAGS -g -fsanitize=address,undefined -fno-sanitize-recover=all" emulated=$brief &&
        kernels "$watched.asan" "$watched".src/*.cu) || return 1
    ln -sf "$watched.cuda" "$watched.asan.cuda"
    ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(cc -print-file-name=libasan.so) \
        on_device "$watched.asan" 3 train "$@" --epochs 1 --log-steps --quiet --out "$watched.asan" &&
        head -n "$(wc -l <"$watched.asan/steps.csv")" "$watched.0/steps.csv" |
        cmp - "$watched.asan/steps.csv"
}
# shellcheck disable=SC2086
{
check "the sanitizer finds nothing in products and rows" sanitized deep $small
check "nor in blocks with a way around them" sanitized block $small
check "nor in tiles of rounded factors" sanitized tiles $small
if [ "$full" ]; then
    check "nor in one block's kernels" sanitized iris $iris
    check "nor in convolutions" sanitized images $small
    check "nor in tensor cores' tiles" sanitized wide_tf32 $small
    check "nor in those of bfloat16" sanitized wide_bf16 $small
fi
}

emulated=$brief                             # they run once or twice

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
            cmp -s fault.$order/steps.csv fault.0/steps.csv || { found=yes; break; }
    done
    [ "$found" ] && ok "$what is found" || not_ok "$what is found" "five orders give the same"
}
# shellcheck disable=SC2086
{
planted "a barrier left out of a product" iris 1e-5 \
    '/^(KERNEL|SUBROUTINE).*linear/ { on = 1 } on && /__syncthreads\(\);/ && !done { done = 1; next } 1' $iris
planted "a write out of bounds" deep 1e-5 '{ sub(/if \(col < 10\)/, "if (col < 16)") } 1' $small
planted "an unwritten output" deep 1e-5 '/^ *y\[row \* 10 \+ col\] = v0;/ && !done { done = 1; next } 1' $small
planted "padding that maps change" block 1e-5 '{ sub(/inside_b >> i & 1/, "1") } 1' $small
planted "a barrier left out before tensor cores" deep_tf32 2e-3 \
    '/^(KERNEL|SUBROUTINE).*linear/ { on = 1 } on && /__syncthreads\(\);/ && !done { done = 1; next } 1' $small
planted "a wait left out before tensor cores" deep_tf32 2e-3 '/^ *copies_wait\(\);/ { next } 1' $small
planted "a wrong lane" deep_tf32 2e-3 '{ sub(/own \+ r \/ 2 \* 4/, "own + r % 2 * 4") } 1' $small
planted "a barrier left out before warpgroups" tiles 2e-2 \
    '/SHARED\(Wide/ { on = 1 } on && /__syncthreads\(\);/ { on = 0; next } 1' $small
planted "a wait left out before warpgroups" tiles 2e-2 '/^ *barrier_wait\(&/ { next } 1' $small
planted "a phase that is not the step's" tiles 2e-2 '{ sub(/step \/ 4 % 2/, "step / 2 % 2") } 1' $small
planted "a wait left out after warpgroups" tiles 2e-2 '/^ *wgmma_wait_1\(\);/ { next } 1' $small
planted "lines that lie elsewhere" tiles 2e-2 '{ sub(/line \/ 2 % 4/, "line % 4") } 1' $small
planted "a wrong half of a pair" deep_bf16 2e-2 '{ sub(/2 \* own \+ r \* 8 \+ 1/, "2 * own + r * 8") } 1' $small
}
