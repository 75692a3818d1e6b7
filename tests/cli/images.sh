#!/bin/sh
# tests/cli/images.sh: images from the model file's transforms to a trained program: the same bits
# for any number of threads, in any order of work and after a resume.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
cat >net.py <<'END'
import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.transforms import InterpolationMode

torch.manual_seed(3)
train = datasets.CIFAR10("cifar", transform=transforms.Compose([
    transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
    transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
    transforms.RandomRotation(15, interpolation=InterpolationMode.BILINEAR),
    transforms.RandomResizedCrop(16, scale=(0.5, 1.0)),
    transforms.ToTensor(),
    transforms.RandomHorizontalFlip(),
    transforms.Normalize((0.5, 0.4, 0.3), (0.25, 0.25, 0.5)),
    transforms.RandomErasing(value="random"),
]))
trainloader = DataLoader(train, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(768, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
END
# Records of CIFAR's: a label, and bytes that are anything.
mkdir cifar
for part in data_batch_1 data_batch_2 test_batch; do
    for label in 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4; do
        printf "\\00$label"
        head -c $((3072 * (label + 1))) "$SEQC" | tail -c 3072
    done >cifar/$part.bin
done

check "seqc ir: transforms" "$SEQC" ir net.py --stage shape -o net.ir
sed -n '/^transform/p' net.ir >steps
cat >wanted <<'END'
transform train pad left=4 top=4 right=4 bottom=4 mode=reflect fill_0=0 fill_1=0 fill_2=0
transform train random_crop height=32 width=32
transform train color_jitter brightness_low=0.6 brightness_high=1.4 contrast_low=0.6 contrast_high=1.4 saturation_low=0.6 saturation_high=1.4 hue_low=-0.1 hue_high=0.1
transform train random_rotation angle_low=-15 angle_high=15 filter=bilinear fill_0=0 fill_1=0 fill_2=0
transform train random_resized_crop height=16 width=16 scale_low=0.5 scale_high=1 ratio_low=0.75 ratio_high=1.3333333333333333 filter=bilinear
transform train random_horizontal_flip p=0.5
transform train to_tensor
transform train normalize channels=3 mean_0=0.5 mean_1=0.4 mean_2=0.3 std_0=0.25 std_1=0.25 std_2=0.5
transform train random_erasing p=0.5 scale_low=0.02 scale_high=0.33 ratio_low=0.3 ratio_high=3.3 noise=1 value_0=0 value_1=0 value_2=0
transform test pad left=4 top=4 right=4 bottom=4 mode=reflect fill_0=0 fill_1=0 fill_2=0
transform test center_crop height=32 width=32
transform test resize height=16 width=16 most=0 filter=bilinear
transform test to_tensor
transform test normalize channels=3 mean_0=0.5 mean_1=0.4 mean_2=0.3 std_0=0.25 std_1=0.25 std_2=0.5
END
check "what training does, and tests without what is random" diff wanted steps
check "the data set says the input" grep -qx 'input \[3,16,16\]' net.ir
check "text is input again" sh -c "'$SEQC' opt net.ir | cmp - net.ir"

"$SEQC" build net.ir -o net -q || { not_ok build "exit code $?"; exit 0; }
train() { ./net train --data cifar --val-split 0.25 --quiet "$@"; }
check "trains" train --epochs 4 --threads 1 --out one
check "trains with three threads" train --epochs 4 --threads 3 --out three
check "the same bits" cmp one/last.safetensors three/last.safetensors
check "half" train --epochs 2 --out half
check "the other half" train --epochs 4 --out rest --resume half/last.safetensors
check "resumes to the bit" cmp one/last.safetensors rest/last.safetensors
check "another seed" train --epochs 4 --seed 4 --out other
check "gives another run" sh -c "! cmp -s one/last.safetensors other/last.safetensors"
check "tests alike" sh -c "./net eval --data cifar --weights one/last.safetensors --threads 1 | cut -d' ' -f1-4 >a &&
    ./net eval --data cifar --weights one/last.safetensors --threads 3 | cut -d' ' -f1-4 | cmp - a"
refuses "another normalisation" 2 "--normalize zscore, but the model file says what is done" train --normalize zscore --out bad
cat >cnn.py <<'END'
from torch import nn
import torch.nn.functional as F
from torchvision import datasets, transforms

train = datasets.CIFAR10("cifar", transform=transforms.ToTensor())

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=4)
        self.fc = nn.Linear(256, 10)

    def forward(self, x):
        return self.fc(F.relu(self.conv(x)).view(-1, 256))

net = Net()
END
check "the input of a convolution is the data set's" sh -c "'$SEQC' ir cnn.py --stage shape | grep -qx 'input \[3,32,32\]'"

# ---- files ----

if ! "$SEQC" doctor | grep -q '^ *images .*libpng'; then
    skip "image files" "libpng and libjpeg are not installed"
    exit 0
fi
cat >photo.py <<'END'
import torch
from torch import nn, optim
from torchvision import datasets, transforms

torch.manual_seed(3)
numbers = [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.25,) * 3)]
train = datasets.ImageFolder("d/train", transforms.Compose(
    [transforms.Resize(9), transforms.RandomCrop(8), transforms.RandomHorizontalFlip()] + numbers))
test = datasets.ImageFolder("d/test", transforms.Compose(
    [transforms.Resize(9), transforms.CenterCrop(8)] + numbers))
trainloader = torch.utils.data.DataLoader(train, batch_size=3, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
END
P=$ROOT/tests/fixtures/images
for class in plain "very grey"; do
    mkdir -p "d/train/$class/more" "d/test/$class"
done
cp "$P/rgb.png" "$P/rgb.jpg" "$P/palette.png" d/train/plain
cp "$P/full.jpg" d/train/plain/more
cp "$P/grey.png" "$P/grey.jpg" "$P/two.png" "d/train/very grey"
cp "$P/progressive.jpg" d/test/plain
cp "$P/grey_alpha.png" "d/test/very grey"
"$SEQC" build photo.py -o photo -q || { not_ok "build photo" "exit code $?"; exit 0; }
learn() { ./photo train --data d --quiet "$@"; }
check "a folder of images" learn --epochs 20 --threads 1 --out photo.one
check "with three threads" learn --epochs 20 --threads 3 --out photo.three
check "the same bits" cmp photo.one/last.safetensors photo.three/last.safetensors
check "tests on the folder test" sh -c "./photo eval --data d --weights photo.one/last.safetensors | grep -q 'acc 100.00%   d, 2 samples'"
./photo predict --input "$P/alpha.png" --weights photo.one/last.safetensors >said
check "predicts a file" grep -qE '^1  plain [0-9.]+%  very grey [0-9.]+%$' said
./photo predict --input "$P/rgb.jpg" --weights photo.one/last.safetensors --output out.csv >said
check "writes names" grep -qx 'plain,very grey' out.csv
head -c 300 "$P/rgb.jpg" >"d/train/plain/cut.jpg"
refuses "a damaged image" 1 "d/train/plain/cut.jpg: is a damaged JPEG image: " learn --epochs 1 --out bad
rm d/train/plain/cut.jpg
mkdir d/train/third
cp "$P/rgb.png" d/train/third
refuses "a class too many" 1 "d/train: 3 folders are as many classes, but the model has 2" learn --out bad
refuses "an image to train on" 1 "is one image; predict takes one" learn --data "$P/rgb.png" --labels "$P/rgb.png" --out bad
# Without the decoders, which are a library of their own.
home=$(sed -n 's/^runtime  *//p' doctor.txt 2>/dev/null)
[ "$home" ] || home=$("$SEQC" doctor | sed -n 's/^runtime  *//p')
mkdir home && cp -r "$home/." home && rm home/libseqc_image.a
check "builds without decoders" env SEQC_HOME="$PWD/home" "$SEQC" build photo.py -o plain -q
refuses "and says so" 1 "this program was built without libpng and libjpeg" \
    ./plain predict --input "$P/rgb.png" --weights photo.one/last.safetensors

# Where --data is not given, the data are where the file says.
check "the file says where its data are" ./net train --epochs 1 --quiet --out rooted
check "eval looks there, too" ./net eval --weights rooted/last.safetensors
check "the same as by --data" sh -c "./net train --data cifar --epochs 1 --quiet --out named && cmp named/last.safetensors rooted/last.safetensors"
grep -q '"data": "cifar"' rooted/config.json && ok "config.json says so" || not_ok "config.json says so" "$(grep data rooted/config.json)"
mkdir elsewhere
refuses "data that are not there" 2 "train needs --data PATH: the model file says cifar, which is not there" sh -c "cd elsewhere && ../net train"
refuses "the help says it" 0 "[cifar]" ./net train --help

# The classes of Fashion-MNIST have names that are in no file.
cat >clothes.py <<'END'
from torch import nn, optim
from torchvision import datasets, transforms

train = datasets.FashionMNIST("idx", transform=transforms.ToTensor())
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
END
mkdir idx
{ printf '\0\0\010\003\0\0\0\012\0\0\0\034\0\0\0\034'; head -c 7840 "$SEQC"; } >idx/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\012\0\001\002\003\004\005\006\007\010\011' >idx/train-labels-idx1-ubyte
check "clothes build" "$SEQC" build clothes.py -o clothes -q
check "clothes train" ./clothes train --epochs 60 --quiet --out clothes.run
./clothes predict --input idx/train-images-idx3-ubyte --weights clothes.run/last.safetensors >answer
for name in T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag "Ankle boot"; do
    grep -q "  $name [0-9.]*%" answer || not_ok "classes have names" "no $name in $(cat answer)"
done
! grep -q 'class ' answer && ok "classes have names" || not_ok "classes have names" "$(cat answer)"
sed 's/FashionMNIST/KMNIST/' clothes.py >letters.py
check "letters build" "$SEQC" build letters.py -o letters -q
# Weights of PyTorch's say no names, the model file does; and those of the weights come first.
python=$(command -v /usr/bin/python3 python3 | head -n 1)
if [ "$python" ]; then
    "$python" - clothes.run/last.safetensors bare.safetensors <<'END'
import json, struct, sys
blob = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", blob[:8])[0]
head = json.loads(blob[8:8 + n])
del head["__metadata__"]
text = json.dumps(head).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + blob[8 + n:])
END
    ./clothes predict --input idx/train-images-idx3-ubyte --weights bare.safetensors | cmp -s - answer &&
        ok "names where the weights have none" || not_ok "names where the weights have none" "other ones"
    ./letters predict --input idx/train-images-idx3-ubyte --weights bare.safetensors | grep -q '  tsu ' &&
        ok "those of the model's data set" || not_ok "those of the model's data set" "none"
else
    skip "names where the weights have none" "no python3"
fi
./letters predict --input idx/train-images-idx3-ubyte --weights clothes.run/last.safetensors | cmp -s - answer &&
    ok "names of the weights come first" || not_ok "names of the weights come first" "other ones"
exit 0
