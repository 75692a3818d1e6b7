#!/bin/sh
# tests/cli/certify.sh: `--certify`: every sample's library, inferring and training, is certified (the larger
# ones' with --full: without it as programs alone), and so are the forms that a library has; mistakes that are
# put into its C are found, each where it stands.
. tests/lib.sh
cd "$SCRATCH" || exit 1
. "$ROOT/tests/cli/certificates.sh"

# certified NAME MODEL OPTIONS…: whole, as text and as JSON.
certified() {
    _name=$1 _model=$2
    shift 2
    "$SEQC" emit "$_model" -q --name net -o net --certify "$@" >log 2>&1 && certificate net/net && ok "$_name" || why "$_name"
}

for model in "$ROOT"/samples/*/*.py; do
    sample=$(basename "$(dirname "$model")")/$(basename "$model" .py)
    grep -q 'nn\.' "$model" || continue
    case $model in */mc_dropout/*) continue ;; esac    # its inference draws, which emit refuses
    case ${1:-}$model in --full*) ;; */alexnet/* | */cifar10/*) continue ;; esac
    "$SEQC" summary "$model" >/dev/null 2>&1 || continue
    certified "$sample" "$model" --weights-as bin
    "$SEQC" emit "$model" -q --mode train --name net -o net >log 2>&1 || continue
    certified "$sample, training" "$model" --mode train
done

cnn=$ROOT/samples/fashion_cnn/model.py
certified "for any compiler" "$cnn" --embed --mode train
certified "its own math" "$cnn" --no-libm
cat >functions.py <<'END'
import torch
from torch import nn, optim
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 16), nn.Linear(16, 3)

    def forward(self, x):
        x = self.a(x) * 3
        y = torch.sin(x * 1e9) + torch.cos(x) + torch.pow(x.abs() + 0.1, 1.7) + torch.exp(-x) + torch.round(x)
        return self.b(y + F.gelu(x) + torch.tanh(x) + F.softplus(x) + torch.sqrt(x.abs() + 1))

model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
input_shape = (4,)
END
for type in f32 f64; do    # tables that the bits of a number subscript
    certified "its own math, training, $type" functions.py --no-libm --mode train --dtype $type
done
certified "several samples a call" "$cnn" --batch 40 --mode train
small=$ROOT/samples/fashion_mnist/small
certified "weights of 16 bits" "$small.py" --store bf16
certified "halves" "$small.py" --store fp16
for isa in x86-64 x86-64-v3 x86-64-v4 armv8-a; do
    certified "integers, $isa" "$small.py" --quantize int8 --calibrate "$small.csv" --march $isa
done
certified "a budget" "$small.py" --mode train --ram-budget 64k
certified "several threads" "$cnn" --batch 40 --threads 3 --mode train

# ---- mistakes ----

mlp=$ROOT/samples/fashion_mnist/model.py
"$SEQC" emit "$mlp" -q --mode train --name net -o whole --certify 2>/dev/null

SOURCE=net
check "the library as it was" "$SEQC" verify whole --certify
finds "a subscript one too far" "of .p." 's/p->w_1_bias,/p->w_1_bias + 1,/'
finds "a loop that turns once too often" "subscript may be" 's/r0 < n; r0++) {/r0 < n; r0++) { total[10 + r0] = 0;/'
finds "a label that nothing compares" "workspace" 's/label >= 0 \&\& label < 10 ? label : -1/label/'
finds "a label compared on one side" "workspace" 's/label >= 0 \&\& label < 10 ? label : -1/label < 10 ? label : -1/'
finds "a buffer that is too small" "strip" 's/float strip\[[0-9]*\]/float strip[8]/'
finds "an allocation" "malloc" 's/^    char \*const arena = (char \*)workspace;/    void *malloc(size_t); char *const arena = (char *)malloc(64); (void)workspace;/'
finds "a recursion" "calls\? itself" 's/^static inline int64_t smaller(int64_t a, int64_t b) { return a < b/static inline int64_t smaller(int64_t a, int64_t b) { return a == b ? smaller(a, b) : a < b/'
finds "a loop without an end" "comes nearer" 's/for (int64_t k = 0; k < depth; k++, b += stride/for (int64_t k = 0; k < depth; b += stride/'
finds "a null pointer" "null" 's/(float \*)(arena + 0)); \/\* %4 \*\//(float *)0);/'

refuses "kernels of a GPU" 2 "not kernels of a GPU" "$SEQC" emit "$mlp" --target cuda --certify -o gpu
refuses "no module" 3 "libclang-dev" env SEQC_HOME="$SCRATCH" "$SEQC" emit "$mlp" --certify -o none
