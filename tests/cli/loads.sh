#!/bin/sh
# tests/cli/loads.sh: load_state_dict in a model file: whose weights the program begins with, what it
# says where keys do not match, and what comes before it.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
iris=$ROOT/samples/iris/iris.csv

# build NAME LINES: a body and a head, and what the lines make of them.
build() {
    cat >"$1.py" <<EOF2
import torch
from safetensors.torch import load_file
from torch import nn, optim

torch.manual_seed(3)
body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.BatchNorm1d(8))
head = nn.Linear(8, 3)
$2
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
EOF2
    check "$1 builds" "$SEQC" build "$1.py" -o "$1" -q
}
all='model = nn.Sequential(body, head)'
build base "$all"
train() {
    program=$1 epochs=$2 out=$3
    shift 3
    "./$program" train --data "$iris" --quiet --epochs "$epochs" --out "$out" "$@"
}
predict() { "./$1" predict --input "$iris" --weights "$2" --output "$3" --quiet; }
check "base trains" train base 4 base.run
cp base.run/last.safetensors base.safetensors
predict base base.safetensors base.csv

# The whole of it, strictly; another seed would draw other weights.
build whole "torch.manual_seed(4)
$all
model.load_state_dict(load_file('base.safetensors'))"
check "the whole is loaded" train whole 0 whole.run
predict whole whole.run/last.safetensors whole.csv
check "to the bit" cmp base.csv whole.csv
check "goes through text" sh -c "'$SEQC' ir whole.py -o whole.ir && '$SEQC' build whole.ir -o text -q"
check "which loads it too" train text 0 text.run
check "alike" cmp whole.run/last.safetensors text.run/last.safetensors

# A part of what was loaded, at another place, and a head that is drawn again.
build part "base = nn.Sequential(body, head)
base.load_state_dict(load_file('base.safetensors'))
nn.init.zeros_(head.weight)
nn.init.zeros_(head.bias)
model = nn.Sequential(nn.Identity(), nn.Sequential(body, head))"
check "a part is loaded" train part 0 part.run
predict part part.run/last.safetensors part.csv
check "what is drawn later stays" sh -c "sed 1d part.csv | sort -u | grep -qx '0,0,0' && [ \$(sed 1d part.csv | sort -u | wc -l) = 1 ]"

# What does not match.
build other "model = nn.Sequential(body, nn.Linear(8, 2))
model.load_state_dict(load_file('base.safetensors'))"
refuses "another shape" 1 "note: different 1.weight (3, 8), this program's is (2, 8)" train other 1 bad
build lenient "model = nn.Sequential(body, nn.Linear(8, 2))
model.load_state_dict(load_file('base.safetensors'), strict=False)"
refuses "another shape, not strictly" 1 "note: different 1.bias (3,), this program's is (2,)" train lenient 1 bad
build more "model = nn.Sequential(body, head, nn.Tanh(), nn.Linear(3, 3))
model.load_state_dict(load_file('base.safetensors'))"
refuses "a key that is missing" 1 "note: missing 3.weight (3, 3)" train more 1 bad
build less "model = nn.Sequential(body)
model.load_state_dict(load_file('base.safetensors'))"
refuses "keys that nobody wants" 1 "note: unexpected 1.weight (3, 8)" train less 1 bad
build some "model = nn.Sequential(body, head, nn.Tanh(), nn.Linear(3, 3))
model.load_state_dict(load_file('base.safetensors'), strict=False)"
./some train --data "$iris" --epochs 1 --out some.run 2>some.txt >some.out
grep -q 'base.safetensors: 9 of its 9 tensors are taken; not there, and left as drawn: 3.weight, 3.bias' some.txt &&
    ok "says what it took" || not_ok "says what it took" "$(cat some.txt)"
[ -e bad ] && not_ok "nothing is left of it" "bad is there" || ok "nothing is left of it"

# Other weights come first, and then the file need not be there.
mkdir apart && cp whole apart && cd apart || exit 1
refuses "no such file" 3 "base.safetensors: cannot be opened" train whole 1 bad
check "given weights come first" train whole 2 run --weights ../base.safetensors
check "a resumed run asks for none" train whole 3 rest --resume run/last.safetensors
check "eval asks for none" ./whole eval --data "$iris" --weights run/last.safetensors
exit 0
