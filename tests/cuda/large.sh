#!/bin/sh
# tests/cuda/large.sh: the samples whose kernels take the emulator longer than those of samples.sh: a
# few steps of small batches, by tests/run --full, in some 200 seconds of one processor. AlexNet, which
# is used as it comes, gets an optimizer here, and photographs that are as small as its layers take.
. tests/lib.sh
cd "$SCRATCH" || exit 1
full=yes
. "$ROOT/tests/cuda/programs.sh"

# Bytes of a text as pixels: 48 images of 28 x 28, of six kinds; as many of 3 x 32 x 32, of four.
text=$S/fashion_mnist/small.csv
mkdir -p data colours photos/a photos/b
{ printf '\0\0\010\003\0\0\0\060\0\0\0\034\0\0\0\034'; head -c 37632 "$text"; } >data/train-images-idx3-ubyte
{ printf '\0\0\010\001\0\0\0\060'; for _ in 1 2 3 4 5 6 7 8; do printf '\0\001\002\003\004\005'; done; } \
    >data/train-labels-idx1-ubyte
cp data/train-images-idx3-ubyte data/t10k-images-idx3-ubyte
cp data/train-labels-idx1-ubyte data/t10k-labels-idx1-ubyte
at=1
for part in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    for kind in 0 1 2 3 0 1 2 3; do
        # shellcheck disable=SC2059  # a byte
        printf "\\00$kind"
        tail -c +$at "$text" | head -c 3072
        at=$((at + 1000))
    done >colours/$part.bin
done

options='--batch 16'
sample fashion_cnn "$S/fashion_cnn/model.py" --data data --normalize zscore --epochs 1
sample lenet "$S/microcontroller/model.py" --data data --normalize zscore --epochs 1
sample early_stopping "$S/early_stopping/model.py" --epochs 1
sample resnet "$S/resnet/model.py" --epochs 1
options='--batch 8'
sample cifar10 "$S/cifar10/model.py" --data colours --epochs 1
if "$SEQC" doctor | grep -q '^ *images .*libpng'; then
    for i in 1 2 3; do
        cp "$ROOT/tests/fixtures/images/rgb.png" photos/a/$i.png
        cp "$ROOT/tests/fixtures/images/palette.png" photos/b/$i.png
    done
    sed 's/Resize(256)/Resize(72)/; s/CenterCrop(224)/CenterCrop(67)/; s/"images"/"photos"/' \
        "$S/alexnet/model.py" >alexnet.py
    cat >>alexnet.py <<'END'


torch.manual_seed(1)
model = AlexNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
END
    options='--batch 2'
    sample alexnet alexnet.py --epochs 1
else
    skip "alexnet" "libpng and libjpeg are not installed"
fi
