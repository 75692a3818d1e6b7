#!/bin/sh
# tests/cuda/check.sh: `seqc check --target cuda` runs generated kernels on the device; here that is the
# stand-in, for which a C compiler that is none compiles kernels for the emulator, beside each
# object; NVIDIA's, where it is, compiles them once, a stand-in for it the other times. It holds for right
# kernels, finds wrong ones, and says what is missing where nothing is.
. tests/lib.sh
cd "$SCRATCH" || exit 1
iris=$ROOT/samples/iris/model.py DRIVER=$(dirname "$SEQC")/tests/cuda/driver
export ROOT
if "$SEQC" doctor | grep -q '^  driver *not found'; then
    refuses "without a driver" 3 "libcuda.so.1" "$SEQC" check "$iris" --target cuda
fi
refuses "a processor's instruction set" 2 "for --target c" "$SEQC" check "$iris" --target cuda --march native
if [ ! -e "$DRIVER/libcuda.so.1" ]; then
    skip "seqc check --target cuda" "the stand-in is not built"
    exit 0
fi
cat >compiler <<'END'
#!/bin/sh
# Called as a C compiler; FAULT is a sed script for the kernels.
for word in "$@"; do
    case $word in *.c) source=${word%.c} ;; esac
    [ "${last:-}" = -o ] && object=$PWD/$word
    last=$word
done
sed "${FAULT:-}" "$source.cu" >"$object.cu" &&
    awk -f "$ROOT/tests/cuda/table.awk" "$object.cu" >"$object.h" &&
    cc -std=gnu11 -O1 -ffp-contract=off -shared -fPIC -I"$ROOT" -DKERNELS="\"$object.cu\"" \
        -DTABLE="\"$object.h\"" "$ROOT/tests/cuda/module.c" -lm -o "$object.kernels" &&
    exec cc "$@"
END
chmod +x compiler

# on_device DIR ARGUMENTS…: checks with files in DIR.
on_device() {
    dir=$1
    shift
    LD_LIBRARY_PATH=$DRIVER${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$SEQC" check --target cuda \
        --cc "$PWD/compiler" --keep "$dir" "$@"
}

doctor() { LD_LIBRARY_PATH=$DRIVER${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$SEQC" doctor; }
doctor >doctor.txt
check "doctor names the device" grep -q '^  device  *stand-in (sm_90, driver for CUDA 13.0)' doctor.txt
(export STANDIN_DEVICES=0 && doctor) >doctor.txt
check "or says that there is none" grep -q "^  device  *none: NVIDIA's driver sees no device" doctor.txt
"$SEQC" doctor | grep -q '^  NVRTC *[0-9]' && check "with images of NVIDIA's" on_device images "$iris"
LD_LIBRARY_PATH=$(dirname "$SEQC")/tests/cuda/nvrtc${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
check "iris, by one block" on_device one "$iris"
check "iris, in launches" on_device launches "$iris" --tier graph
cat >mixed.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(1)
batch_size = 10
model = nn.Sequential(
    nn.Linear(6, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3),
    nn.Linear(8, 3), nn.LogSoftmax(dim=1))
criterion = nn.NLLLoss()
optimizer = optim.AdamW(model.parameters(), lr=0.01)
END
check "norms and random masks" on_device mixed mixed.py
check "products of batches of matrices" on_device attention "$ROOT/tests/fixtures/models/class_attention.py"
cat >long.py <<'END'
from torch import nn

model = nn.Sequential(nn.AdaptiveMaxPool1d(46341), nn.AvgPool1d(46341))
END
"$SEQC" build long.py --input 1,65537 --batch 1 --target cuda --arch sm_90 --keep long -o long.program
check "places times windows are no int" grep -q 'const int64_t at_col_begin = col \* 65537 / 46341;' long/long.cu
printf 'from torch import nn\n\nmodel = nn.Linear(64, 96)\n' >odd.py
"$SEQC" ir odd.py --input 64 --batch 64 --target cuda --stage layout |
    sed '/^%1 = linear/s/tile=[^ ]* micro=[^]]*\]/tile=[48,48] micro=[3,3]/' >odd.ir
check "a text's own tiles, no power of 2" sh -c "grep -q 'micro=.3,3.' odd.ir"
check "are whole" on_device odd odd.ir
# Where a text's mode rounds factors, the interpreter rounds them, too: a bfloat16 is off by 4e-3.
cat >two.py <<'END'
from torch import nn

model = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 16))
END
for math in tf32 bf16; do
    "$SEQC" ir two.py --input 32 --batch 16 --math $math --target cuda --stage shape -o $math.ir
    check "a text of $math" on_device $math $math.ir
done
check "is held to less than it rounds" sh -c "LD_LIBRARY_PATH='$DRIVER:$LD_LIBRARY_PATH' '$SEQC' check --target cuda --cc '$PWD/compiler' --keep again bf16.ir |
    grep -q '^  all passes, n = 16  *[0-9.]*e-0[5-9] of 1e-03  '"
says=$(on_device mixed mixed.py --batch 5 2>&1 | grep '^generated code runs on')
check "it names the device" [ "$says" = "generated code runs on stand-in (sm_90, driver for CUDA 13.0)" ]

# Kernels that take another element, or leave one out.
export FAULT='s/= sums\[i\]\[j\] + bias\[col\]/= sums[i][j] + bias[0]/'
refuses "a bias that is another's" 1 "FAILS" on_device bias "$iris"
FAULT='s/^\( *\)y\[row \* \([0-9]*\) + col\] = /\1if (row) &/'
refuses "a result that is not written" 1 "FAILS" on_device result "$iris"
FAULT='s/2 \* own + r \* 8 + 1/2 * own + r * 8/'
refuses "a wrong half of a pair" 1 "FAILS" on_device pair bf16.ir
