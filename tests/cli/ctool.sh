#!/bin/sh
# tests/cli/ctool.sh: when C functions of a model are read by Clang, when by what was kept, and that
# nothing of LLVM is opened otherwise.
. tests/lib.sh
case $SEQC in /*) ;; *) SEQC=$ROOT/$SEQC ;; esac
cd "$SCRATCH" || exit 3
lib=${SEQC_HOME:-$(dirname "$SEQC")/lib/seqc}
mkdir -p home model
ln -sf "$lib/libseqc_rt.a" "$lib/include" home/

cat >model/plain.py <<'END'
from torch import nn, optim
model = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
END
sed -e 's/^from torch.*/&\nfrom seqc import c_op/' -e 's/nn.SiLU()/c_op("ops.c", "swish")/' model/plain.py >model/own.py
cat >model/ops.c <<'END'
#include <math.h>
float swish(float x) { return x / (1.0f + expf(-x)); }
END

# opened MODEL: the shared objects of Clang and LLVM that the command line opens for it.
opened() { LD_DEBUG=files "$SEQC" ir "model/$1.py" 2>&1 >ir.txt | grep -cE 'calling init.*(clang|LLVM|ctool)'; }

refuses "without Clang and without what was kept" 3 "apt-get install" env SEQC_HOME="$PWD/home" "$SEQC" ir model/own.py
refuses "it says which file" 3 "ops.c has to be read by Clang, but this seqc has no module over Clang" \
    env SEQC_HOME="$PWD/home" "$SEQC" ir model/own.py
if [ ! -e "$lib/libseqc_ctool.so" ]; then
    skip "C functions" "seqc was built without Clang"
    exit 0
fi
[ "$(opened plain)" = 0 ] && ok "a model without C functions opens nothing of LLVM" ||
    not_ok "a model without C functions opens nothing of LLVM" "it does"
[ "$(opened own)" != 0 ] && "$SEQC" ir model/own.py >ir.txt && [ -s model/.seqc/ops.json ] && ok "a C file is read and kept" ||
    not_ok "a C file is read and kept" "nothing was opened, or nothing kept"
cp ir.txt first.txt                   # the second read: with LD_DEBUG functions that are compiled do not run
[ "$(opened own)" = 0 ] && cmp -s ir.txt first.txt && ok "what was kept serves without LLVM" ||
    not_ok "what was kept serves without LLVM" "LLVM was opened, or the graph is another one"
check "what was kept serves without the module" env SEQC_HOME="$PWD/home" "$SEQC" ir model/own.py
echo 'float relu(float x) { return x > 0.0f ? x : 0.0f; }' >>model/ops.c
refuses "a file that was changed is read again" 3 "has to be read by Clang" \
    env SEQC_HOME="$PWD/home" "$SEQC" ir model/own.py
refuses "why what was kept does not serve" 3 "ops.json does not stand for it: the file, or one that it includes, has changed" \
    env SEQC_HOME="$PWD/home" "$SEQC" ir model/own.py
cp model/.seqc/ops.json kept.json && head -c 40 kept.json >model/.seqc/ops.json
refuses "or that it is damaged" 3 "ops.json does not stand for it: byte 40: " \
    env SEQC_HOME="$PWD/home" "$SEQC" ir model/own.py
cp kept.json model/.seqc/ops.json
sed 's/, "swish"/, "step"/' model/own.py >model/step.py
echo 'static float last; float step(float x) { last = x; return last; }' >>model/ops.c
refuses "what a C file may not have" 1 "ops.c:4:42: error" "$SEQC" ir model/step.py
sed 's/nn.Linear(8, 3))/c_op("ops.c", "step"), &/' model/step.py >model/twice.py
refuses "it is read and said once, wherever the model names it" 1 "1 error; more about" "$SEQC" ir model/twice.py
check "the doctor says what Clang there is" sh -c "'$SEQC' doctor | grep -q '^  Clang  *1[4-9]'"
exit 0
