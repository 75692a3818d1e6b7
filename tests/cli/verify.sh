#!/bin/sh
# tests/cli/verify.sh: `seqc verify` as people use it: libraries of each form, inference and training,
# another processor, given inputs, PyTorch; and libraries that have been damaged in ways that it must
# find.
. tests/lib.sh
cd "$SCRATCH" || exit 1
iris=$ROOT/samples/iris/model.py

emit() { "$SEQC" emit "$iris" --name net -q "$@" 2>/dev/null; }
verify() { "$SEQC" verify "$@"; }
# holds NAME LIBRARY: every comparison; the folder for what is made meanwhile is gone afterwards.
mkdir -p tmp
holds() {
    _name=$1
    shift
    if TMPDIR=tmp verify "$@" >holds.log 2>&1 && grep -q ' comparisons, 0 fail$' holds.log && [ -z "$(ls tmp)" ]; then
        ok "$_name"
    else
        not_ok "$_name" "exit code $?, or $(ls tmp) is left"
        tail -n 20 holds.log | sed 's/^/    /'
    fi
}

for as in const incbin bin; do
    emit --weights-as $as --batch 3 -o $as
    holds "a library, weights as $as" $as
done
emit --layout one --weights-as incbin --no-libm --std c11 -o one
holds "one file, no libm" one
if echo 'int main(void){return 0;}' | cc -xc - -lopenblas -o with-blas 2>/dev/null; then
    emit --blas openblas --batch 8 --mode train -o blas
    holds "with products by OpenBLAS" blas
else
    skip "with products by OpenBLAS" "it is not installed"
fi
emit --no-passes --mode train --batch 3 -o plain
holds "layer after layer, as the model says it" plain
emit --threads 2 --mode train --batch 16 -o threads
holds "of two threads" threads
emit --mode train --batch 16 -o train
holds "and its training step" train/
grep -q 'output of 8 calls .* ulp of the largest' holds.log && grep -q 'loss of 2 steps' holds.log &&
    grep -q 'what is left of 2 steps' holds.log && ok "what is compared is said" || not_ok "what is compared is said" "$(cat holds.log)"
emit --embed --mode train -o tiny
holds "a step of a single sample, for any compiler" tiny
"$SEQC" emit "$ROOT/samples/regularization/model.py" --mode train --batch 8 --name net -q -o drawn 2>/dev/null
holds "a step that draws masks, Adam, batch norm" drawn
"$SEQC" emit "$ROOT/samples/iris/model.py" --dtype f64 --mode train --batch 4 --name net -q -o double 2>/dev/null
holds "in float64" double
command -v clang >/dev/null && holds "by clang" train --cc clang || skip "by clang" "it is not here"
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
    emit --march armv8-a --mode train --batch 5 -o arm
    holds "for another processor, by an emulator" arm --cc aarch64-linux-gnu-gcc --runner 'qemu-aarch64 -L /usr/aarch64-linux-gnu'
    refuses "another processor without an emulator" 2 "--runner" "$SEQC" verify arm
else
    skip "for another processor" "no gcc for it, or no qemu-user"
fi
cat >deep.py <<'EOF'
import torch
from torch import nn, optim
torch.manual_seed(4)
input_shape = (40, 8)
layers = []
for i in range(9):
    layers += [nn.Linear(8, 8), nn.Tanh()]
model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(320, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
EOF
set -- deep.py --mode train --batch 5 --embed --name net
least=$("$SEQC" emit "$@" --ram-budget 1 2>&1 | sed -n 's/^help: --ram-budget \([0-9]*\) is.*/\1/p')
"$SEQC" emit "$@" --ram-budget "$least" -o pieces -q 2>/dev/null
holds "a step in pieces, with values computed again" pieces
"$SEQC" emit "$@" -o whole -q 2>/dev/null
calls() { grep -c '_tanh_f32_n40x8(0, n,$' "$1/net.c"; }
grep -q add_gradients pieces/net.c && [ "$(calls pieces)" -gt "$(calls whole)" ] &&
    ok "it takes pieces, and computes again" || not_ok "it takes pieces, and computes again" "$(calls pieces), $(calls whole)"
check "the same library of NAME.ir" sh -c "'$SEQC' emit tiny/net.ir \$(sed -n 's/^# seqc emit //p' tiny/net.ir) -q -o again &&
    for f in net.c net.h; do sed 's/ from [a-z.]*ir\\. / from model.py. /; s/net.ir/model.py/' again/\$f | cmp - tiny/\$f || exit 1; done"

# ---- given inputs ----
# npy ROWS COLUMNS: an NPY file of as many float64 numbers, all 1.5.
npy() {
    printf "\\223NUMPY\\001\\000\\106\\000%-69s\\n" "{'descr': '<f8', 'fortran_order': False, 'shape': ($1, $2), }"
    n=$(($1 * $2))
    while [ $n -gt 0 ]; do
        printf '\000\000\000\000\000\000\370\077'
        n=$((n - 1))
    done
}
npy 7 4 >seven.npy
holds "given inputs, a last batch that is not full" const --inputs seven.npy
grep -q 'output of 3 calls' holds.log && ok "as many calls as they fill" || not_ok "as many calls as they fill" "$(cat holds.log)"
holds "given inputs of a training step" train --inputs seven.npy
npy 7 3 >wrong.npy
refuses "inputs of another shape" 1 "x has 21 numbers, and a sample 4" "$SEQC" verify const --inputs wrong.npy
refuses "no inputs" 3 "missing.npy" "$SEQC" verify const --inputs missing.npy
head='{"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
{ printf "\\$(printf %03o ${#head})\\000\\000\\000\\000\\000\\000\\000%s\\000\\000\\000\\000" "$head"; } >y.safetensors
refuses "inputs without x" 1 "no tensor \"x\"" "$SEQC" verify const --inputs y.safetensors

# ---- damaged in ways that it finds ----
# finds NAME TEXT LIBRARY SED FILE [CODE]: a copy of the library, its file edited, fails and says TEXT.
finds() {
    rm -rf broken
    cp -r "$3" broken
    sed -i "$4" "broken/$5"
    cmp -s "$3/$5" "broken/$5" && not_ok "$1" "nothing was edited" && return
    # shellcheck disable=SC2086  # a list of words
    refuses "$1" "${6:-1}" "$2" "$SEQC" verify broken --cc "$PWD/quick" $given
}
given=
printf '#!/bin/sh\nexec cc "$@" %s\n' "${SEQC_CFLAGS--O0}" >quick && chmod +x quick     # they run for a moment
finds "a write before the workspace" "it writes before its workspace" train 's/^\( *\)\(k[0-9]_linear_tanh[^(]*(NET_BATCH\)/\1((char *)workspace)[-1] = 0;\n\1\2/' net.c
finds "a write behind it" "it writes behind its workspace" train 's/^\( *\)\(k[0-9]_linear_tanh[^(]*(NET_BATCH\)/\1((char *)workspace)[NET_WORKSPACE_BYTES] = 0;\n\1\2/' net.c
finds "a write behind the result" "it writes behind its result" train 's/^\( *\)\(k[0-9]_linear_tanh[^(]*(NET_BATCH\)/\1out[NET_OUT_ELEMS] = 0;\n\1\2/' net.c
finds "memory that is read before it is written" "depends on what the workspace held" train 's/^\( *\)\(k[0-9]_linear_tanh[^(]*(NET_BATCH\)/\1if (*(char *)workspace == 0x55) ((float *)(uintptr_t)in)[0] += 1;\n\1\2/' net.c
finds "undefined behaviour" "undefined behaviour" train 's/^\( *\)\(k[0-9]_linear_tanh[^(]*(NET_BATCH\)/\1int most = 2147483647; most += (int)(p->magic \& 1) + 1; *(char *)workspace = (char)most;\n\1\2/' net.c
finds "a momentum wrong by 1%" "momentum_buffer" train 's/0\.9f \*/0.891f */' net.c
finds "gradients of pieces that are added up wrongly" "what is left of 2 steps" pieces 's/(float)count \/ (float)n/(float)count \/ (float)(n + 1)/' net.c
finds "a weight that was changed" "changed since" train '/w_0_bias\|0.bias/,/}/s/0\.[0-9]*f/0.25f/' net_weights.c
finds "a library of another model" "is not what net.ir makes" train 's/_MODEL UINT64_C(0x./_MODEL UINT64_C(0x/' net.h
finds "code that does not compile" "the C compiler failed" train 's/NET_BATCH,/NET_BATCH/' net.c 3
finds "graphs that are damaged" "expected the batch" train 's/^batch n <= 16/batch n <= x/' net.ir
finds "options that are damaged" "--mode takes" train 's/--mode train/--mode tr/' net.ir 2
finds "no options" "does not say by which options" train '2d' net.ir
finds "the name of another library" "a library called other" train 's/--name net/--name other/' net.ir
rm -rf broken && cp -r bin broken && printf x | dd of=broken/net_weights.bin bs=1 seek=200 conv=notrunc 2>/dev/null
refuses "damaged weights in a file" 1 "its weights are damaged" "$SEQC" verify broken
rm broken/net_weights.bin
refuses "no weights" 1 "its weights are damaged" "$SEQC" verify broken
rm broken/net.ir
refuses "no graphs" 1 "it has no NAME.ir" "$SEQC" verify broken
rm -rf broken && cp -r train broken && rm broken/net.h
refuses "no header" 3 "broken/net.h" "$SEQC" verify broken
refuses "no folder" 3 "nowhere: cannot be opened as a folder" "$SEQC" verify nowhere
cp -r train broken2 && cp broken2/net.ir broken2/other.ir
refuses "two libraries" 1 "several files end in .ir" "$SEQC" verify broken2
refuses "no compiler" 3 "there is no C compiler" "$SEQC" verify train --cc no-such-compiler

# ---- kinks ----
# Of samples of 1.5 relu's operands are 1.9e-9, and 0 or less when they are added up in floats.
cat >kink.py <<'EOF'
import torch
from torch import nn, optim
torch.manual_seed(3)
input_shape = (6,)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
nn.init.constant_(model[0].weight, 0.014)
nn.init.constant_(model[0].bias, -0.126)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
EOF
# The second and the fourth of five samples are of 2.
{
    npy 5 6 | head -c 80
    for of in 370\\077 000\\100 370\\077 000\\100 370\\077; do
        for i in 1 2 3 4 5 6; do printf "\\000\\000\\000\\000\\000\\000\\$of"; done
    done
} >kinks.npy
"$SEQC" emit kink.py --mode train --batch 5 --embed --name net -q -o kink 2>/dev/null
holds "gradients on the other side of a kink" kink --inputs kinks.npy
grep -q 'loss of 1 step .* of its own$' holds.log && grep -q 'left of 1 step .*, kinks aside (with them [0-9.]*e+0' holds.log &&
    ok "kinks are said" || not_ok "kinks are said" "$(cat holds.log)"
given='--inputs kinks.npy'
finds "a gradient beside them wrong by 1%" "FAILS" kink '/_8x6xn(/,/^}/s/+ sum;/+ 1.01f * sum;/' net.c
finds "one behind them wrong by 1%" "FAILS" kink '/_f32_n3(/,/^}/s/+ sum;/+ 1.01f * sum;/' net.c
given=

# ---- PyTorch ----
python=
for p in /usr/bin/python3 python3; do
    [ -z "$python" ] && $p -c 'import torch' 2>/dev/null && python=$p
done
if [ "$python" ]; then
    export PYTHON=$python
    holds "PyTorch: inference and training" train --pytorch "$iris"
    [ "$(grep -c 'loss of 2 steps' holds.log)" = 2 ] && ok "both are compared" || not_ok "both are compared" "$(cat holds.log)"
    holds "PyTorch: masks are not its own" drawn --pytorch "$ROOT/samples/regularization/model.py"
    grep -q 'training step: skipped: PyTorch draws other masks' holds.log && ok "that is said" || not_ok "that is said" "$(cat holds.log)"
    sed 's/nn.Tanh()/nn.Sigmoid()/' "$iris" >sigmoid.py
    refuses "PyTorch: another network of the same weights" 1 "FAILS" "$SEQC" verify train --pytorch sigmoid.py
    sed 's/momentum=0.9/momentum=0.8/' "$iris" >momentum.py
    refuses "PyTorch: another optimizer" 1 "FAILS" "$SEQC" verify train --pytorch momentum.py
    refuses "PyTorch: a file without the network" 1 "no module of the file has the keys 0.weight" \
        "$SEQC" verify train --pytorch "$ROOT/samples/resnet/model.py"
    echo 'import nothing_like_this' >raises.py
    refuses "PyTorch: a file that fails" 1 "No module named 'nothing_like_this'" "$SEQC" verify train --pytorch raises.py
else
    skip "PyTorch" "no Python here can import torch"
fi
printf '#!/bin/sh\nexit 4\n' >python-without && chmod +x python-without
PYTHON=./python-without "$SEQC" verify const --pytorch "$iris" >skipped.log 2>&1 && grep -q 'PyTorch: skipped: ./python-without cannot import torch' skipped.log &&
    ok "no PyTorch: it is skipped" || not_ok "no PyTorch: it is skipped" "$(cat skipped.log)"
