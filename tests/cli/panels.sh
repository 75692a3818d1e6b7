#!/bin/sh
# tests/cli/panels.sh: that weights lie in panels is nobody's business outside: the same bits for
# any number of threads and after a resume, and files that programs with other panels, or none, read.
. tests/lib.sh
cd "$SCRATCH" || exit 1
cat >deep.py <<'EOF'
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 40
model = nn.Sequential(
    nn.Linear(4, 301),
    nn.Tanh(),
    nn.Linear(301, 77),
    nn.ReLU(),
    nn.Linear(77, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.002)
EOF
iris=$ROOT/samples/iris/iris.csv
for march in native x86-64 generic; do
    "$SEQC" build deep.py --march $march -o deep-$march -q || not_ok "build $march" "exit code $?"
done
"$SEQC" build deep.py --no-fuse -o deep-unfused -q
train() {
    program=deep-$1 out=$2 epochs=$3
    shift 3
    "./$program" train --data "$iris" --normalize zscore --quiet --out "$out" --epochs "$epochs" "$@"
}
predict() { ./deep-$1 predict --input "$iris" --weights one/last.safetensors --output $1.csv; }
# Numbers of two CSV files differ by less than 1e-4.
near() {
    paste -d, "$1" "$2" | awk -F, '
        NR > 1 {
            for (i = 1; i <= NF / 2; i++) {
                d = $i - $(i + NF / 2)
                if (d > 1e-4 || d < -1e-4) bad = 1
            }
            n++
        }
        END { exit bad || n < 150 }'
}

check "weights lie in panels" sh -c "'$SEQC' ir deep.py --stage layout | grep -q '77,301\]{panel'"
check "trains" train native one 4 --threads 1
check "trains with three threads" train native three 4 --threads 3
check "the same bits" cmp one/last.safetensors three/last.safetensors
check "half" train native half 2
check "the other half" train native rest 4 --resume half/last.safetensors
check "resumes to the bit" cmp one/last.safetensors rest/last.safetensors
check "trains unfused" train unfused unfused.run 4
check "half, other panels" train generic other 2
check "goes on in these" train native goes_on 4 --resume other/last.safetensors
for march in native x86-64 generic unfused; do check "predicts, $march" predict $march; done
for march in x86-64 generic unfused; do check "alike, $march" near native.csv $march.csv; done
