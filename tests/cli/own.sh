#!/bin/sh
# tests/cli/own.sh: functions in C: built-in activations written in C are the built-ins, own ones fuse
# as they do, `seqc diff`, what is kept.
. tests/lib.sh
cd "$SCRATCH" || exit 1
own=$ROOT/tests/fixtures/models/own
rm -rf ops && mkdir -p ops/.seqc && cp "$own"/*.c ops/ && cp "$own"/.seqc/*.json ops/.seqc/

# model LAYER [LOSS]: layers around it; model.py in this folder.
model() {
    printf '%s\n' "import torch" "from torch import nn, optim" "from seqc import c_op, c_loss, c_optimizer" \
        "model = nn.Sequential(nn.Linear(8, 16), $1, nn.Linear(16, 4))" "criterion = ${2:-nn.MSELoss()}" \
        "optimizer = optim.SGD(model.parameters(), lr=0.1)" >model.py
}
# The graphs without what names the file's text: places, layers and the loss as it was written, and
# keys and orders of the parameters of PReLU.
graphs() {
    "$SEQC" ir model.py --stage "$1" | sed -e 's/ *@ model.py.*//' -e "s/1\.weight/1.a/g" -e 's/   */ /g' |
        grep -v -e '^layer' -e '^loss'
}
# same BUILTIN FUNCTION ARGUMENTS: nn.BUILTIN is the C function.
same() {
    model "nn.$1"
    graphs tidy >builtin.ir
    model "c_op('ops/builtin.c', '$2'$3)"
    graphs tidy >own.ir
    [ -s own.ir ] && cmp -s builtin.ir own.ir && ok "nn.$1 written in C" ||
        { not_ok "nn.$1 written in C" "another IR"; diff builtin.ir own.ir | head -n 6; }
}
same "ReLU()" relu
same "LeakyReLU(0.2)" leaky_relu ", negative_slope=0.2"
same "ELU(alpha=1.5)" elu ", alpha=1.5"
same "PReLU()" prelu ", a=nn.Parameter(torch.full((1,), 0.25))"
same "PReLU(16)" prelu ", a=nn.Parameter(torch.full((16,), 0.25))"
same "Sigmoid()" sigmoid
same "Tanh()" tanh_
same "GELU()" gelu
same "GELU(approximate='tanh')" gelu_tanh
same "SiLU()" silu
same "Softplus()" softplus ", beta=1.0, threshold=20.0"
same "Softplus(beta=2, threshold=1.5)" softplus ", beta=2.0, threshold=1.5"
same "Softsign()" softsign
same "ReLU6()" relu6
same "SELU()" selu
same "CELU(alpha=1.5)" celu ", alpha=1.5"
same "Mish()" mish
same "LogSigmoid()" logsigmoid
same "Tanhshrink()" tanhshrink
same "Hardtanh(-0.5, 0.7)" hardtanh ", min_val=-0.5, max_val=0.7"
same "Hardsigmoid()" hardsigmoid
same "Hardswish()" hardswish
same "Hardshrink(0.3)" hardshrink ", lambd=0.3"
same "Softshrink(0.3)" softshrink ", lambd=0.3"
same "Threshold(0.1, -0.4)" threshold ", threshold=0.1, value=-0.4"
same_loss() {
    model "nn.ReLU()" "nn.$1"
    graphs tidy >builtin.ir
    model "nn.ReLU()" "c_loss('ops/builtin.c', '$2'$3)"
    graphs tidy >own.ir
    [ -s own.ir ] && cmp -s builtin.ir own.ir && ok "nn.$1 written in C" ||
        { not_ok "nn.$1 written in C" "another IR"; diff builtin.ir own.ir | head -n 6; }
}
same_loss "MSELoss()" squared_error
same_loss "L1Loss(reduction='sum')" abs_error ", reduction='sum'"
same_loss "HuberLoss(delta=0.6)" huber ", delta=0.6"

# As many kernels as with a built-in: the own function is part of its neighbours'.
kernels() { "$SEQC" ir model.py --mode "$1" ${2:-} | grep -c '^k[0-9]'; }
model "nn.ReLU()"
for mode in infer train; do
    eval "$mode=$(kernels $mode)" "cuda_$mode=$(kernels $mode '--target cuda --tier graph')"
done
for f in mish gelu gelu_tanh quick_gelu tanhexp lisht serf bent bell arctan_unit powers bounded hard_swish horner \
    spline sinc newton_root triangle relu_c "swish beta" "softplus beta" "isru a" "squareplus b" "snake a" \
    "asinh_unit a" "leaky slope" "clipped_exp top" "smooth_abs eps" "soft_step width" "signed_power p"; do
    name=${f%% *} parameter=${f#* }
    [ "$parameter" = "$f" ] && constant= || constant=", $parameter=0.7"
    model "c_op('ops/ops.c', '$name'$constant)"
    # shellcheck disable=SC2154  # by eval
    [ "$(kernels infer) $(kernels train)" = "$infer $train" ] &&
        [ "$(kernels infer '--target cuda --tier graph') $(kernels train '--target cuda --tier graph')" = \
            "$cuda_infer $cuda_train" ] && ok "$name fuses" || not_ok "$name fuses" "more kernels than with nn.ReLU()"
done

check "diff" sh -c "'$SEQC' diff ops/ops.c swish >swish.txt"
for text in 'ops/ops.c:7:8: double swish(double x, double beta)' '    x·σ(β·x)' '3 operations: 2 mul, sigmoid' \
    'd swish / d beta' 'double swish_dx(double x, double beta)' 'return s + x \* (s \* (1.0 - s) \* beta);' \
    'swish(x), beta = 1'; do
    check "diff says $text" grep -q "$text" swish.txt
done
"$SEQC" diff ops/ops.c swish -D beta=0 -o plot.svg >at_0.txt
check "a parameter's value in the plot" grep -q 'swish(x), beta = 0' at_0.txt
check "the plot as SVG" sh -c "grep -q '^<svg xmlns' plot.svg && grep -q '<polyline class=\"line d\"' plot.svg &&
    tail -n 1 plot.svg | grep -qx '</svg>'"
"$SEQC" diff ops/ops.c | grep -c '^ops/ops.c:' >count.txt
check "all functions of a file" test "$(cat count.txt)" -gt 40
check "JSON is what is kept" sh -c "'$SEQC' diff ops/ops.c --format json | cmp -s - ops/.seqc/ops.json"
# What is printed is C that computes the same.
"$SEQC" diff ops/ops.c bounded | sed -n '/^double [a-z_]*(.*)$/,/^}/p' >bounded.txt
{ echo '#include <math.h>'; echo 'static double sign(double x) { return (x > 0) - (x < 0); }'; cat bounded.txt
    echo 'int main(void) { double h = 1e-6, d = (bounded(0.4 + h) - bounded(0.4 - h)) / (2 * h);'
    echo 'return !(fabs(d - bounded_dx(0.4)) < 1e-8); }'; } >bounded.c
check "its C compiles, and is the derivative" sh -c "${CC:-cc} -std=c11 bounded.c -o bounded -lm && ./bounded"
refuses "a function that there is not" 1 "did you mean swish?" "$SEQC" diff ops/ops.c swsh
refuses "a file that there is not" 1 "cannot read" "$SEQC" diff nothing.c
refuses "a plot of everything" 2 "the plot of one function" "$SEQC" diff ops/ops.c -o all.svg
refuses "a value of no parameter" 2 "no parameter gamma" "$SEQC" diff ops/ops.c swish -D gamma=1
refuses "a value that is no number" 2 "NAME=NUMBER" "$SEQC" diff ops/ops.c swish -D beta=x
refuses "three words" 2 "at a time" "$SEQC" diff ops/ops.c swish mish

# Own rules as IR text, and libraries without a C library's mathematics.
cp "$ROOT/tests/fixtures/models/own_adabelief.py" . && rm -rf own && cp -r ops own
"$SEQC" ir own_adabelief.py --stage differentiate >rule.ir
check "an own rule is text that is input again" sh -c "'$SEQC' opt rule.ir | cmp -s - rule.ir"
check "its own steps are the same from text" sh -c "'$SEQC' opt rule.ir --passes=optimizer |
    cmp -s - - && '$SEQC' build rule.ir -o rule -q"
sed 's/group own p="[^"]*"/group own p="a - z"/' rule.ir >wrong.ir
refuses "an own rule that reads too far" 1 "reads more than" "$SEQC" opt wrong.ir
model "c_op('ops/ops.c', 'powers')"
check "a library without libm" sh -c "'$SEQC' emit model.py -o lib --no-libm -q && cd lib &&
    ${CC:-cc} -std=gnu99 -O1 -c model.c -o model.o && ! nm -u model.o | grep -w -e cosh -e coshf -e log2f -e exp2f"
