#!/bin/sh
# tests/cli/check.sh: `seqc check` holds for models that are compiled rightly, and finds a gradient
# that is wrong by 1%, generated code that computes something else, and generated code that crashes.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
iris=$ROOT/samples/iris/model.py
# says NAME TEXT COMMAND…: the command succeeds and says TEXT.
says() { _says=$1 _what=$2; shift 2; refuses "$_says" 0 "$_what" "$@"; }

check "regression" "$SEQC" check "$ROOT/samples/regression/model.py"

# Dropout, random slopes, batch statistics, group norms, probabilities; a batch that is not whole.
cat >mixed.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 12
model = nn.Sequential(
    nn.Linear(6, 8), nn.BatchNorm1d(8), nn.RReLU(), nn.Dropout(0.3),
    nn.Linear(8, 8), nn.GroupNorm(2, 8), nn.PReLU(), nn.AlphaDropout(0.2),
    nn.Linear(8, 3), nn.LogSoftmax(dim=1))
criterion = nn.NLLLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
END
says "norms and random masks" "without fusion, n = 7" "$SEQC" check mixed.py

printf 'model = nn.Sequential(nn.Linear(4, 3), nn.Tanh())\n' >alone.py
says "a model alone" "no loss: no training step" "$SEQC" check alone.py
says "a loss without an optimizer" "no optimizer: a training step changes nothing" \
    "$SEQC" check alone.py --loss 'nn.MSELoss()'

# ---- what it must find ----

# The derivative of tanh is 1% too large in one graph.
"$SEQC" ir "$iris" --dtype f64 --stage differentiate -o right.ir
check "text is checked too" "$SEQC" check right.ir
for graph in grad train train_prob; do
    awk -v graph="$graph" '/^graph /{ in_it = $2 == graph }
        in_it && /f="a\*\(1 - b\*b\)"/ { sub(/f="a/, "f=\"1.01*a"); changed++ }
        { print } END { exit !changed }' right.ir >wrong.ir ||
        not_ok "a gradient of $graph to change" "there is none"
    refuses "a gradient of $graph that is 1% off" 1 "FAILS" "$SEQC" check wrong.ir
    check "its tensor and place are named" grep -q \
        "0.bias .* FAILS .* in $graph  model.py:17: .* differences say" refuses.log
done

# compiler NAME CHANGE: a C compiler that changes the source before it compiles it.
compiler() {
    printf '#!/bin/sh\nfor a; do case $a in *.c) sed -i "%s" "$a";; esac; done\nexec %s "$@"\n' \
        "$2" "${CC:-cc}" >"$1"
    chmod +x "$1"
}
compiler wrong-cc 's/= tanh(\(.*\));/= 1.000001 * tanh(\1);/'
refuses "generated code that is 1e-6 off" 1 "the first that fails: all passes, n = 16" \
    "$SEQC" check "$iris" --cc ./wrong-cc
# Text of float32: numbers that are 0 but for rounding, which decides on what side of a kink they are. What else
# is off is not laid to that.
cat >kinks.ir <<'END'
seqc.ir 1
batch n <= 3
real f32
stage shape

program "kinks"
input [2]
output [4]

graph infer
%0 = input "x" : f32[n,2]
%1 = map %0 {f="a + 1000"} : f32[n,2]
%2 = map %1, %0 {f="a - 1000 - b"} : f32[n,2]
%3 = map %2, %0 {f="a > 0 ? b : 0 - b"} : f32[n,2]
%4 = exp %0 : f32[n,2]
%5 = cat %3, %4 {axis=1} : f32[n,4]
return output=%5
END
"$SEQC" check kinks.ir >kinks.out && grep -q '^  all passes, n = 3 .* kinks aside (with them 0\.5[0-9]*)$' kinks.out &&
    ok "kinks of float32" || not_ok "kinks of float32" "$(grep 'all passes' kinks.out)"
compiler kinks-cc 's/= exp_f32(\(.*\));/= 1.001f * exp_f32(\1);/'
refuses "what is 1e-3 off beside them" 1 "FAILS" "$SEQC" check kinks.ir --cc ./kinks-cc
compiler crash-cc 's/= tanh(\(.*\));/= tanh(\1) + *(volatile double *)0;/'
refuses "generated code that crashes" 1 "ended by signal 11" "$SEQC" check "$iris" --cc ./crash-cc

# ---- what is refused ----

refuses "no compiler" 3 "no-such-cc" "$SEQC" check "$iris" --cc no-such-cc
refuses "a compiler that fails" 3 "the C compiler failed" "$SEQC" check "$iris" --cc false
refuses "weights that are not there" 3 "nowhere" "$SEQC" check "$iris" --weights nowhere.safetensors
"$SEQC" build "$iris" -q -o prog
./prog train --data "$ROOT/samples/iris/iris.csv" --epochs 1 --quiet --out run >/dev/null
says "weights from a file" "; run/last.safetensors" \
    "$SEQC" check "$iris" --weights run/last.safetensors
refuses "weights of another model" 1 '"0.weight" has another shape' \
    "$SEQC" check mixed.py --weights run/last.safetensors
refuses "weights that lack a tensor" 1 'no tensor "1.weight"' \
    "$SEQC" check "$ROOT/samples/fashion_mnist/model.py" --weights run/last.safetensors
refuses "a model with a mistake" 1 "ReLU" "$SEQC" check "$ROOT/tests/errors/layer_misspelt.py"
refuses "an option of another verb" 2 "has no option '--stage'" "$SEQC" check "$iris" --stage fuse
check "the sources are kept" sh -c "'$SEQC' check alone.py --keep kept && ls kept/alone-0.c"
# Nobody reads what it says: it ends, and leaves nothing.
"$SEQC" check alone.py | head -n 1 >head.txt
[ "$(find . -name 'seqc-*')" ] && not_ok "nothing is left behind" "$(find . -name 'seqc-*')" ||
    ok "nothing is left behind"
exit 0
