#!/bin/sh
# tests/cli/own.sh: functions in C: built-in activations written in C are the built-ins, own ones fuse
# as they do, `seqc diff`, what is kept.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
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
for f in mish gelu gelu_tanh gelu_erfc quick_gelu tanhexp lisht serf bent bell arctan_unit powers bounded hard_swish horner \
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

# Own losses and rules take no more kernels than built-in ones that read and write as much.
fuses() {
    for mode in train eval; do
        printf '%s %s ' "$(kernels $mode)" "$(kernels $mode '--target cuda --tier graph')"
    done
}
with_rule() { sed -i "s/^optimizer = .*/optimizer = $1/" model.py; }
model "nn.ReLU()"
loss=$(fuses)
for f in "huber delta" "log_cosh" "quantile q" "focal gamma" "charbonnier eps"; do
    name=${f%% *} parameter=${f#* }
    [ "$parameter" = "$f" ] && constant= || constant=", $parameter=0.7"
    model "nn.ReLU()" "c_loss('ops/ops.c', '$name'$constant)"
    [ "$(fuses)" = "$loss" ] && ok "the loss $name fuses" ||
        not_ok "the loss $name fuses" "$(fuses)kernels, with nn.MSELoss() $loss"
done
own_rule() { # NAME BUILTIN ARGUMENTS
    model "nn.ReLU()"
    with_rule "optim.$2"
    rule=$(fuses)
    with_rule "c_optimizer('ops\\/ops.c', '$1', model.parameters(), $3)"
    [ "$(fuses)" = "$rule" ] && ok "the rule $1 fuses" ||
        not_ok "the rule $1 fuses" "$(fuses)kernels, with optim.$2 $rule"
}
own_rule lion "SGD(model.parameters(), lr=0.1, momentum=0.9)" "state=1, lr=0.1, beta1=0.9, beta2=0.99, decay=0.1"
own_rule rmsprop "RMSprop(model.parameters(), lr=0.1)" "state=1, lr=0.1, alpha=0.9, eps=1e-6"
own_rule adabelief "Adam(model.parameters(), lr=0.1)" "state=2, lr=0.1, beta1=0.9, beta2=0.99, eps=1e-6"

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

check "second derivatives" sh -c "'$SEQC' diff ops/ops.c swish --order 2 >second.txt"
for text in 'd2 swish / d x d x' 'd2 swish / d x d beta' 'd2 swish / d beta d beta' 'double swish_dx_dbeta(double x, double beta)'; do
    check "diff --order 2 says $text" grep -qF "$text" second.txt
done
check "without --order there are none" sh -c "! grep -q '^d2' swish.txt"
# All that is printed as one program: second derivatives against differences of the first.
{ echo '#include <math.h>'; sed -n '/^\(static \)\{0,1\}double [a-z_]*(.*)$/,/^}/p' second.txt
    echo 'int main(void) { double h = 1e-5, d = (swish_dx(0.4, 0.7 + h) - swish_dx(0.4, 0.7 - h)) / (2 * h);'
    echo 'return !(fabs(d - swish_dx_dbeta(0.4, 0.7)) < 1e-9); }'; } >second.c
check "they compile, and are what they say" sh -c "${CC:-cc} -std=c11 second.c -o second -lm && ./second"
refuses "third derivatives" 2 "--order is 1 or 2" "$SEQC" diff ops/ops.c swish --order 3

# ---- jumps and slopes: those that the model meets ----

mkdir -p met && cat >met/met.c <<'END'
#include <math.h>
double edge(double x, double t, double v) { return x > t ? x : v; }
double root(double x, double a) { return sqrt(x - a); }
double rooted(double x, double y) { return x * sqrt(y) - x * x; }
END
# met NAME TEXT LAYER [LOSS]: what is said of that model has TEXT; silent NAME LAYER [LOSS]: nothing is.
said() { model "$@" && "$SEQC" ir model.py --stage shape >/dev/null 2>all.txt && { grep -A3 warning all.txt >said.txt || :; }; }
met() { said "$3" "${4:-}" && grep -qF "$2" said.txt && ok "$1" || not_ok "$1" "$(head -n 1 all.txt)"; }
silent() { said "$2" "${3:-}" && [ ! -s said.txt ] && ok "$1" || not_ok "$1" "$(head -n 1 all.txt)"; }
parameter() { echo "nn.Parameter(torch.full((1,), $1))"; }
silent "softplus as it is used meets no jump" "c_op('ops/builtin.c', 'softplus', beta=1.0, threshold=20.0)"
silent "nor where its beta is learned" "c_op('ops/builtin.c', 'softplus', beta=$(parameter 1.0), threshold=20.0)"
met "a threshold that is too low" "jumps from 0.850707 to 0.75 at x = 0.75" \
    "c_op('ops/builtin.c', 'softplus', beta=2.0, threshold=1.5)"
if [ -e "${SEQC_HOME:-$(dirname "$SEQC")/lib/seqc}/libseqc_ctool.so" ]; then
    met "a jump far from 0" "met.c:2:52: warning: \`edge\` jumps from 0 to 35 at x = 35" "c_op('met/met.c', 'edge', t=35, v=0)"
    silent "branches that meet where the model's numbers say" "c_op('met/met.c', 'edge', t=35, v=35)"
    met "a jump at a parameter's first value" "jumps from 0.5 to 3 at x = 3" "c_op('met/met.c', 'edge', t=$(parameter 3.0), v=0.5)"
    silent "a parameter that stays, where branches meet" "c_op('met/met.c', 'edge', t=0.5, v=0.5)"
    met "a jump where a parameter may come to be" "jumps" "c_op('met/met.c', 'edge', t=0.5, v=$(parameter 0.5))"
    met "a slope at the model's number" "the derivative of \`root\` by \`x\` is inf at x = 0.37" "c_op('met/met.c', 'root', a=0.37)"
    check "no slope of what is not learned" sh -c "! grep -q 'by .a. is' said.txt"
    met "a slope of what is" "the derivative of \`root\` by \`a\` is -inf" "c_op('met/met.c', 'root', a=$(parameter 0.37))"
    silent "no slope of a target" "nn.ReLU()" "c_loss('met/met.c', 'rooted')"
    cp met/.seqc/met.json new.json
    sed -i 's/, "at": \[[^]]*\], "compared": .*$/,/' met/.seqc/met.json
    silent "what an older seqc kept is made again" "nn.ReLU()" "c_loss('met/met.c', 'rooted')"
    check "with places" cmp -s new.json met/.seqc/met.json
else
    skip "jumps and slopes of functions that are new" "seqc was built without Clang"
fi

# ---- seqc check: derivatives of functions ----

model "c_op('ops/ops.c', 'gelu_erfc')"
check "erfc in generated code" "$SEQC" check model.py
model "c_op('ops/ops.c', 'serf')" "c_loss('ops/ops.c', 'huber', delta=0.6)"
check "seqc check" sh -c "'$SEQC' check model.py >check.txt"
for line in 'serf(x), first .* of 1e-06  .* points' 'serf(x), second .* of 1e-06  ' 'huber(x, y, delta), first .* of 1e-06' \
    'built-in, second .* of 1e-06'; do
    check "it has a line '$line'" grep -q "$line" check.txt
done
check "numbers of the model stay" sh -c "grep 'huber.*first' check.txt | grep -q 'delta = 0.6$'"
# A compiler whose table of derivatives has a mistake finds it. What the command is made of is linked again.
built=$(dirname "$SEQC")
if [ -d "$built/CMakeFiles/seqc.dir/frontend" ]; then
    # table ROW EDIT PATTERN MODEL: exfuncs.def edited; what check then says of the first order.
    table() {
        mkdir -p table/ir && sed "$2" "$ROOT/ir/exfuncs.def" >table/ir/exfuncs.def
        cmp -s table/ir/exfuncs.def "$ROOT/ir/exfuncs.def" && { not_ok "a mistake in $1" "nothing is edited"; return; }
        (cd "$ROOT" && ${CC:-cc} -std=c11 -O1 -I"$SCRATCH/table" -I. -c ir/expr_diff.c -o "$SCRATCH/table/diff.o") &&
            ${CC:-cc} -rdynamic "$built"/CMakeFiles/seqc.dir/frontend/*.o table/diff.o "$built"/libseqc_frontend.a \
                "$built"/libseqc_codegen.a "$built"/libseqc_passes.a "$built"/libseqc_ir.a \
                "$built"/lib/seqc/libseqc_rt.a -lz -lm -lpthread -ldl -o table/seqc 2>link.txt ||
            { not_ok "a mistake in $1" "$(head -n 1 link.txt)"; return; }
        refuses "a mistake in the derivative of $1" 1 "FAILS" \
            env SEQC_HOME="${SEQC_HOME:-$built/lib/seqc}" table/seqc check model.py
        check "it is named, with both numbers" grep -q "$3" refuses.log
    }
    table erf 's/1.1283791670955126/1.1284/' 'serf(x), first .* FAILS .*d serf / d x at x = .*, differences say'
    model "nn.ReLU()" "c_loss('ops/ops.c', 'charbonnier', eps=0.3)"
    table hypot 's|y == 0 ? 0 : a / y|y == 0 ? 0 : 1.00001 * a / y|' 'charbonnier(x, y, eps), first .* FAILS .*, differences say'
    model "nn.GELU()"
    table "erf, in a built-in" 's/1.1283791670955126/1.1284/' 'built-in, first .* FAILS .*d gelu / d a at a = .*, differences say'
else
    skip "mistakes in the table of derivatives" "seqc is not where it was built"
fi

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
model "c_op('ops/ops.c', 'gelu_erfc')"
check "nor erfc" sh -c "'$SEQC' emit model.py -o lib2 --no-libm -q && cd lib2 &&
    ${CC:-cc} -std=gnu99 -O1 -c model.c -o model.o && ! nm -u model.o | grep -w -e erfc -e erfcf"
