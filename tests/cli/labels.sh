#!/bin/sh
# tests/cli/labels.sh: samples whose label is the loss's ignore_index count nowhere: not in the loss,
# not in the accuracy, not in the gradient. The reference is plain arithmetic on the outputs.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs

# build NAME ARGUMENTS: a model with these arguments of the loss.
build() {
    cat >"$1.py" <<EOF2
import torch
from torch import nn, optim

torch.manual_seed(3)
batch_size = 40
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
criterion = nn.CrossEntropyLoss($2)
optimizer = optim.SGD(model.parameters(), lr=0.1)
EOF2
    check "$1 builds" "$SEQC" build "$1.py" -o "$1" -q
}
build unmarked ''
build marked ignore_index=-100
build class ignore_index=1
check "goes through text" sh -c "'$SEQC' ir marked.py -o marked.ir && '$SEQC' build marked.ir -o marked -q"

# Every third sample of Iris has no label that counts; the others alone; those with another label.
awk -F, 'BEGIN { OFS = "," } NR > 1 { $5 = NR % 3 ? int((NR - 2) / 50) : -100 } 1' \
    "$ROOT/samples/iris/iris.csv" >marked.csv
grep -v -e ',-100$' marked.csv >kept.csv
sed 's/,-100$/,1/' marked.csv >class.csv
sed 's/,-100$/,-1/' marked.csv >wrong.csv

train() { "./$1" train --data "$2" --no-shuffle --quiet --out "$3" --epochs "$4"; }
says_usual="named in the model file: ignore_index=-100"
refuses "labels that nothing names" 1 "$says_usual" train unmarked marked.csv bad 1
refuses "another label" 1 "holds '-1', but the model's 3 classes are 0 to 2" train marked wrong.csv bad 1

# expected PROGRAM WEIGHTS FILE LABEL: loss and accuracy of the rows that have another label, from the
# outputs that predict gives.
expected() {
    "./$1" predict --input "$3" --weights "$2" --output out.csv --quiet
    paste -d, out.csv "$3" | awk -F, -v label="$4" 'NR > 1 && $NF != label {
            most = 1
            for (c = 2; c <= 3; c++) if ($c + 0 > $most + 0) most = c
            sum += log(exp($1) + exp($2) + exp($3)) - $($NF + 1)
            right += most == $NF + 1
            n++
        } END { printf "%.4f %.2f", sum / n, 100 * right / n }'
}
# agrees NAME PROGRAM WEIGHTS FILE EXPECTED
agrees() {
    got=$("./$2" eval --weights "$3" --data "$4" | sed -n 's/^loss \([0-9.]*\), acc \([0-9.]*\)%.*/\1 \2/p' |
        awk '{ printf "%.4f %.2f", $1, $2 }')
    [ "$got" = "$5" ] && ok "$1" || not_ok "$1" "$got, not $5"
}
check "trains" train marked marked.csv run 20
w=run/last.safetensors
agrees "the others are scored" marked $w marked.csv "$(expected marked $w marked.csv -100)"
agrees "as if they were alone" marked $w marked.csv "$(expected unmarked $w kept.csv -100)"

check "trains on other classes" train class class.csv class.run 5
w=class.run/last.safetensors
agrees "a class is not scored" class $w class.csv "$(expected class $w class.csv 1)"

# A step of rows with and without those that do not count among them.
head -n 41 marked.csv >first.csv
grep -v -e ',-100$' first.csv >few.csv
check "a step with them" train marked first.csv with 1
check "a step without them" train unmarked few.csv without 1
agrees "the same weights" unmarked with/last.safetensors kept.csv \
    "$(expected unmarked without/last.safetensors kept.csv -100)"
exit 0
