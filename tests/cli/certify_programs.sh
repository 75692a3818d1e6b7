#!/bin/sh
# tests/cli/certify_programs.sh: `seqc build --certify`: every sample's program is certified, all its graphs
# (the residual net's with --full: it takes a third of the time, and its library is certified without);
# mistakes that are put into its source are found, each where it stands.
. tests/lib.sh
cd "$SCRATCH" || exit 1
. "$ROOT/tests/cli/certificates.sh"

# What is proved is the source: a compiler that makes empty files of it is enough here.
cat >cc <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do
    [ "$1" = -o ] && : >"$2"
    shift
done
END
chmod +x cc

# certified NAME MODEL OPTIONS…: whole, as text and as JSON.
certified() {
    _name=$1 _model=$2
    shift 2
    rm -f net net.certificate.*
    "$SEQC" build "$_model" -q -o net --cc ./cc --certify "$@" >log 2>&1 && [ -e net ] && certificate net && ok "$_name" || why "$_name"
}

for model in "$ROOT"/samples/*/*.py; do
    sample=$(basename "$(dirname "$model")")/$(basename "$model" .py)
    grep -q 'nn\.' "$model" || continue
    case ${1:-}$model in --full*) ;; */resnet/*) continue ;; esac
    "$SEQC" summary "$model" >/dev/null 2>&1 || continue
    certified "$sample" "$model"
done

mlp=$ROOT/samples/fashion_mnist/small.py
certified "its source for other processors" "$mlp" --march armv8-a
certified "in double" "$mlp" --dtype f64
certified "masks of PyTorch" "$ROOT/samples/regularization/model.py" --dropout torch
"$SEQC" build "$mlp" -q -o many --cc ./cc --certify --march x86-64-v3,x86-64 >log 2>&1
certificate many-x86-64-v3 && certificate many-x86-64 && certificate many && ok "each of several instruction sets" ||
    not_ok "each of several instruction sets" "$(head -n 1 log)"
# gone NAME FILE…: none of them is there.
gone() {
    _name=$1
    shift
    for _file in "$@"; do [ ! -e "$_file" ] || { not_ok "$_name" "$_file is there"; return; }; done
    ok "$_name"
}
"$SEQC" build "$mlp" -q -o many --cc ./cc --certify --march x86-64 --keep once >log 2>&1
gone "certificates of instruction sets that are no longer in it" many-x86-64-v3.certificate.* many-x86-64.certificate.*
certificate many && [ -e once/small.contract.c ] && ok "and one for the one that is" || why "and one for the one that is"
"$SEQC" verify once --certify -q >log 2>&1
echo "somebody's" >many.certificate.json
"$SEQC" build "$mlp" -q -o many --cc ./cc --march x86-64 --keep once >log 2>&1
gone "certificates after a build without" many.certificate.txt once/small.certificate.* once/small.contract.c
[ "$(cat many.certificate.json)" = "somebody's" ] && ok "a file of somebody else's stays" ||
    not_ok "a file of somebody else's stays" "$(ls)"
refuses "programs for CUDA" 2 "goes with --target c" "$SEQC" build "$mlp" -o gpu --target cuda --certify
refuses "products by OpenBLAS" 2 "not proved" "$SEQC" build "$mlp" -o blas --blas openblas --certify
refuses "programs without the module" 3 "libclang-dev" env SEQC_HOME="$SCRATCH" "$SEQC" build "$mlp" --certify -o none

# ---- mistakes ----

"$SEQC" build "$mlp" -q --march x86-64-v3 --certify --cc ./cc -o net --keep whole

SOURCE=small
check "the source as it was" "$SEQC" verify whole --certify
finds "a parameter beyond the last" "of .state." 's/(c->state + \([0-9]*\))\(.*2\.bias\)/(c->state + \1 + 99999)\2/'
finds "a loop that turns once too often" "bytes from" 's/for (int64_t r0 = 0; r0 < n; r0++)/for (int64_t r0 = 0; r0 <= n; r0++)/'
finds "a task too many" "bytes from" 's/rt_parallel(c->pool, \([a-z_0-9]*\), c, \([0-9]*\));/rt_parallel(c->pool, \1, c, \2 + 1);/'
finds "a label that nothing compares" "bytes from" 's/label >= 0 \&\& label < 10 ? label : -1/label/'
finds "a table that asks for a smaller arena" "of .arena." 's/\(run_train, 0, true, \)[0-9]*/\164/'
finds "a table that asks for less scratch" "of .workers." 's/\(run_train, 0, true, [0-9]*, \)[0-9]*/\164/'
finds "a table with another graph's function" "of .out_" 's/"train_prob", run_train_prob, /"train_prob", run_loss, /'
finds "a result that is said to be smaller" "of .out_0." 's/{ "loss", RT_F32, 0,/{ "loss", RT_U8, 0,/'
finds "threads that share their scratch" "of .workers." 's/worker \* INT64_C(\([0-9]*\))/worker * INT64_C(9\1)/'
finds "an allocation" "malloc" 's/^static void run_train(const rt_call \*c)$/void *malloc(unsigned long); &/; s/train_1(c, 0, 0);/(void)malloc(64); &/'
finds "a recursion" "calls\? itself" 's/^static inline int64_t smaller(int64_t a, int64_t b) { return a < b/static inline int64_t smaller(int64_t a, int64_t b) { return a == b ? smaller(a, b) : a < b/'
finds "a loop without an end" "comes nearer" 's/for (int64_t k = 0; k < depth; k++, b += stride/for (int64_t k = 0; k < depth; b += stride/'
finds "a function that only a table has" "no root calls it" 's/^static const rt_graph graphs/static void more(const rt_call *c) { (void)c; }\nstatic void (*const others[])(const rt_call *) = { more };\n&/'

# Gradients of weights by Winograd's algorithm, whose tasks have half of the rows each, in batches of two.
cat >conv.py <<'END'
import torch
from torch import nn, optim

input_shape = (3, 13, 13)
batch_size = 2
model = nn.Sequential(nn.Conv2d(3, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
                      nn.Flatten(), nn.Linear(256 * 169, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
END
rm -rf whole
SOURCE=conv
certified "gradients by Winograd's algorithm" conv.py --march x86-64-v3 --keep whole
finds "a third half of rows" "of .arena." 's/row0 = task % 2 \* 128/row0 = task % 3 * 128/'
finds "bands that nothing counts" "of .arena." 's/bands = smaller(18, end - band)/bands = 18/'
finds "a row below an image" "of .arena." 's/top + i < 13 ? d_y + \(.*\) : none;/d_y + \1;/'
finds "too few zeros" "of .none." 's/static const float none\[13\]/static const float none[12]/'
