#!/bin/sh
# tests/cli/certify.sh: `--certify`: every sample's library, inferring and training, is certified, and so are
# the forms that a library has; mistakes that are put into its C are found, each where it stands.
. tests/lib.sh
cd "$SCRATCH" || exit 1

if [ ! -e "${SEQC_HOME:-$ROOT/build/lib/seqc}/libseqc_ctool.so" ]; then
    skip "certificates" "this build has no module over Clang"
    exit 0
fi

# certified NAME MODEL OPTIONS…: whole, as text and as JSON.
certified() {
    _name=$1 _model=$2
    shift 2
    if "$SEQC" emit "$_model" -q --name net -o net --certify "$@" >log 2>&1 &&
        grep -q '"certified": true' net/net.certificate.json && head -n 1 net/net.certificate.txt | grep -q ': certified$'; then
        ok "$_name"
    else
        not_ok "$_name" "exit code $?"
        grep -v note log | head -n 5 | sed 's/^/    /'
    fi
}

for model in "$ROOT"/samples/*/*.py; do
    sample=$(basename "$(dirname "$model")")/$(basename "$model" .py)
    grep -q 'nn\.' "$model" || continue
    case $model in */mc_dropout/*) continue ;; esac    # its inference draws, which emit refuses
    "$SEQC" summary "$model" >/dev/null 2>&1 || continue
    certified "$sample" "$model" --weights-as bin
    "$SEQC" emit "$model" -q --mode train --name net -o net >log 2>&1 || continue
    certified "$sample, training" "$model" --mode train
done

cnn=$ROOT/samples/fashion_cnn/model.py
certified "for any compiler" "$cnn" --embed --mode train
certified "its own math" "$cnn" --no-libm
refuses "tables that the bits of a number subscript" 1 "stay open" "$SEQC" emit "$cnn" --no-libm --mode train --certify -o bits
certified "several samples a call" "$cnn" --batch 40 --mode train
certified "several threads" "$cnn" --batch 40 --threads 3 --mode train

# ---- mistakes ----

mlp=$ROOT/samples/fashion_mnist/model.py
"$SEQC" emit "$mlp" -q --mode train --name net -o whole --certify 2>/dev/null

# finds NAME TEXT EDIT: after sed's EDIT of net.c the certificate names that, at a line of net.c.
finds() {
    rm -rf net && cp -r whole net
    sed -i "$3" net/net.c
    if cmp -s whole/net.c net/net.c; then
        not_ok "$1" "nothing was changed"
        return
    fi
    "$SEQC" verify net --certify >log 2>&1
    _got=$?
    [ $_got = 1 ] && grep -q "net\.c:[0-9]*:.*$2" net/net.certificate.txt && grep -q '"certified": false' net/net.certificate.json &&
        ok "$1" || { not_ok "$1" "exit code $_got"; tail -n 5 log | sed 's/^/    /'; }
}

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
