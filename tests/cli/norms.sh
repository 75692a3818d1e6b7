#!/bin/sh
# tests/cli/norms.sh: what batch normalisation asks of a whole program: two samples a step, running
# statistics in checkpoints, the same bits for any number of threads and after a resume.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
cat >norm.py <<'EOF'
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 149
model = nn.Sequential(
    nn.Linear(4, 300, bias=False),
    nn.BatchNorm1d(300),
    nn.ReLU(),
    nn.Linear(300, 70),
    nn.LayerNorm(70),
    nn.GELU(),
    nn.Linear(70, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
EOF
iris=$ROOT/samples/iris/iris.csv
"$SEQC" build norm.py -o norm -q || { not_ok build "exit code $?"; exit 0; }
train() { ./norm train --data "$iris" --normalize zscore --quiet "$@"; }

refuses "a last batch of one sample" 1 "leave 1 for the last step" train --out bad
refuses "batches of one sample" 1 "more than 1 value per channel" train --batch 1 --out bad
[ -e bad ] && not_ok "nothing is left of it" "bad is there" || ok "nothing is left of it"
check "trains" train --batch 40 --epochs 4 --threads 1 --out one
check "trains with three threads" train --batch 40 --epochs 4 --threads 3 --out three
check "the same bits" cmp one/last.safetensors three/last.safetensors
check "half" train --batch 40 --epochs 2 --out half
check "the other half" train --batch 40 --epochs 4 --out rest --resume half/last.safetensors
check "resumes to the bit" cmp one/last.safetensors rest/last.safetensors
check "PyTorch's types" grep -qaE '"1.num_batches_tracked": *\{"dtype": *"I64", *"shape": *\[\]' one/last.safetensors
check "evaluates one sample" sh -c "head -n 2 '$iris' >one.csv && ./norm eval --weights one/last.safetensors --data one.csv --quiet"
"$SEQC" build norm.py --no-fuse -o plain -q
check "trains unfused" ./plain train --data "$iris" --normalize zscore --quiet --batch 40 --epochs 4 --out plain.run
