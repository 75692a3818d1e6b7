#!/bin/sh
# tests/cli/arm.sh: programs for 64-bit ARM, where a compiler for it and qemu are installed: the
# numbers of PyTorch's fixtures, and steps of a net whose layers are large enough for every fast
# kernel of convolutions beside those of this machine in float64. The runtime is compiled here; what
# reads compressed files is left out, as zlib may not be there for that machine.
. tests/lib.sh
cd "$SCRATCH" || exit 1
cc=aarch64-linux-gnu-gcc
for tool in $cc aarch64-linux-gnu-ar qemu-aarch64; do
    command -v $tool >/dev/null || { skip "programs for ARM" "no $tool"; exit 0; }
done
[ "$(uname -m)" = aarch64 ] && { skip "programs for ARM" "this machine is one"; exit 0; }
run="qemu-aarch64 -L /usr/aarch64-linux-gnu"
unset CC

refuses "ARM without its compiler" 2 "help: name one that does, as --cc aarch64-linux-gnu-gcc" \
    "$SEQC" build "$ROOT/samples/iris/model.py" --march armv8-a -o iris
refuses "two machines in one program" 2 "no machine runs both x86-64-v3 and armv8-a" \
    "$SEQC" build "$ROOT/samples/iris/model.py" --march x86-64-v3,armv8-a -o iris

# The runtime: headers of zlib are this machine's, and its functions fail.
mkdir -p arm/include/runtime
cp "$ROOT/runtime/rt.h" arm/include/runtime/
cat >zlib.c <<'END'
#include <zlib.h>
int inflateInit2_(z_streamp s, int bits, const char *version, int size)
{
    (void)s, (void)bits, (void)version, (void)size;
    return Z_VERSION_ERROR;
}
int inflateReset(z_streamp s) { (void)s; return Z_STREAM_ERROR; }
int inflate(z_streamp s, int flush) { (void)s, (void)flush; return Z_STREAM_ERROR; }
int inflateEnd(z_streamp s) { (void)s; return Z_OK; }
END
runtime_compiles() {
    for source in "$ROOT"/runtime/*.c zlib.c; do
        case $source in */png.c | */jpeg.c) continue ;; esac
        $cc -std=c11 -O2 -Wall -Wextra -Werror -I"$ROOT" -idirafter /usr/include \
            -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$source" || return 1
    done
    aarch64-linux-gnu-ar rcs arm/libz.a zlib.o && rm zlib.o && aarch64-linux-gnu-ar rcs arm/libseqc_rt.a ./*.o
}
check "the runtime compiles for ARM without a warning" runtime_compiles
own=${SEQC_HOME-} SEQC_HOME=$PWD/arm
export SEQC_HOME

fixtures() {
    (cd "$ROOT" && CC=$cc RUNNER=$run SEQC_CFLAGS=-O1 BUILD_OPTIONS="--math strict --march armv8-a" \
        ONLY="conv conv1d conv_dilated conv_transpose max_pool avg_pool avg_pool_adaptive \
batch_norm_2d group_norm upsample pixels linear softmax adam class_residual" \
        "$(dirname "$SEQC")/test_e2e_fixtures")
}
check "PyTorch's numbers on ARM" fixtures

cat >net.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(1)
input_shape = (3, 20, 20)
batch_size = 8

model = nn.Sequential(
    nn.Conv2d(3, 40, 5, stride=2, padding=2), nn.ReLU(),
    nn.Conv2d(40, 36, 3, padding=1), nn.BatchNorm2d(36), nn.ReLU(),
    nn.Conv2d(36, 36, 3, padding=1, groups=36), nn.MaxPool2d(2),
    nn.Conv2d(36, 34, 5, padding=2), nn.ReLU(),
    nn.Flatten(), nn.Linear(34 * 5 * 5, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
END
awk 'BEGIN { s = 1; for (i = 0; i < 64; i++) { for (j = 0; j < 1200; j++) {
    s = (s * 16807) % 2147483647; printf "%.3f,", s / 2147483647 - i % 10 / 10 } print i % 10 } }' >data.csv
"$SEQC" ir net.py --stage layout --march armv8-a >layout.ir
for algo in patches winograd grouped; do
    check "the net has $algo" grep -q "algo=\"$algo\"" layout.ir
done
check "the net compiles for ARM without a warning" "$SEQC" build net.py --march armv8-a -q -o net.arm \
    --cc "$cc -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
if [ "$own" ]; then SEQC_HOME=$own; else unset SEQC_HOME; fi
check "the net compiles" "$SEQC" build net.py --dtype f64 --math strict -q -o net.here
train="train --data data.csv --epochs 3 --log-steps --quiet --threads 2"
check "the net trains on ARM" $run ./net.arm $train --out arm.run
check "the net trains" ./net.here $train --out here.run
steps_agree() {
    paste -d, here.run/steps.csv arm.run/steps.csv | awk -F, 'NR > 1 { n++; d = $3 - $7; if (d < 0) d = -d
        if (!(d <= 1e-4 * $3 + 1e-6)) { print "step " $1 ": " $3 " here, " $7 " on ARM"; bad = 1 } }
        END { exit bad || n != 24 }'
}
check "losses of 24 steps agree" steps_agree
one_thread() {
    $run ./net.arm ${train% 2} 1 --out one.run && cmp one.run/last.safetensors arm.run/last.safetensors
}
check "one thread gives the bits of two" one_thread
