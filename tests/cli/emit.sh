#!/bin/sh
# tests/cli/emit.sh: `seqc emit` as people use it: a folder that compiles by hand, by CMake inside a project and
# installed, by pkg-config; weights in each form and damaged; two threads at once; sizes; wrong input.
. tests/lib.sh
cd "$SCRATCH" || exit 1

cat >mlp.py <<'EOF'
import torch
from torch import nn
torch.manual_seed(3)
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
EOF
seq 784 | awk '{ print ($1 * 37 % 101) / 101 }' >input.txt
emit() { "$SEQC" emit mlp.py -q "$@" 2>/dev/null; }

check "a library" "$SEQC" emit mlp.py --name net -o net
check "its weights are said to be initial ones" sh -c "'$SEQC' emit mlp.py -o net --name net 2>&1 | grep -q 'initial'"
check "the same bytes again" sh -c "'$SEQC' emit mlp.py --name net -q -o net2 2>/dev/null && diff -r net net2"
for file in net.h net.c net_weights.c net.ir CMakeLists.txt net.pc.in example.c README.md; do
    [ -s net/$file ] || not_ok "files of a library" "no $file"
done

# ---- by hand, and what it takes ----
check "weights of another form do not stay" sh -c "'$SEQC' emit mlp.py -q --name tiny -o tiny 2>/dev/null &&
    [ -e tiny/tiny_weights.c ] && '$SEQC' emit mlp.py -q --name tiny --weights-as bin -o tiny 2>/dev/null &&
    [ ! -e tiny/tiny_weights.c ] && [ -e tiny/tiny_weights.bin ]"
check "for any compiler" sh -c "emit() { '$SEQC' emit mlp.py -q \"\$@\" 2>/dev/null; }; emit --embed --name tiny -o tiny"
[ "$(cd tiny && echo *.c *.h *_*)" = "example.c tiny.c tiny.h *_*" ] && ok "one .c and one .h" || not_ok "one .c and one .h" "$(ls tiny)"
(cd tiny && ${CC:-cc} -std=c99 -O2 -c tiny.c && ${CC:-cc} -std=c99 -O2 example.c tiny.o -lm -o example &&
    ./example <../input.txt >../tiny.txt) >log 2>&1 &&
    [ "$(wc -l <tiny.txt)" = 10 ] && ok "compiled by hand" || { not_ok "compiled by hand" "see below"; cat log; }
size -A tiny/tiny.o | awk '$1 ~ /^\.text/ { code += $2 } $1 ~ /^\.(data|bss)/ { data += $2 } END { exit !(code <= 6144 && data == 0) }' &&
    ok "784-128-10 takes no more than 6 KB of code, and no data" || not_ok "784-128-10 takes no more than 6 KB of code, and no data" "$(size -A tiny/tiny.o)"
bytes=$(sed -n 's/^#define TINY_WORKSPACE_BYTES \([0-9]*\).*/\1/p' tiny/tiny.h)
[ "$bytes" -le 600 ] && ok "and 600 bytes of workspace" || not_ok "and 600 bytes of workspace" "$bytes"

cat >lenet.py <<'EOF'
import torch
from torch import nn
torch.manual_seed(3)
input_shape = (1, 28, 28)
model = nn.Sequential(
    nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
EOF
# Layer by layer its values take 50,176 bytes.
lenet() {
    what="a LeNet takes no more than 9,408 bytes of workspace, $1"
    shift
    "$SEQC" emit lenet.py -o lenet "$@" >log 2>/dev/null || not_ok "$what" "not emitted"
    bytes=$(sed -n 's/^#define LENET_WORKSPACE_BYTES \([0-9]*\).*/\1/p' lenet/lenet.h)
    [ "$bytes" -le 9408 ] && ok "$what" || not_ok "$what" "$bytes"
    said=$(awk -v b="$bytes" 'BEGIN { printf "workspace %.1f kB", b / 1000 }')
    grep -q "$said" log && ok "and says so" || not_ok "and says so" "$(cat log)"
}
lenet embedded --embed
lenet natively
lenet "with vectors of 32 bytes" --march x86-64-v3
what="layer after layer it takes four times as many, and computes the same"
"$SEQC" emit lenet.py -q --embed -o lenet 2>/dev/null && "$SEQC" emit lenet.py -q --embed --no-passes -o layers 2>/dev/null
for d in lenet layers; do
    cat $d/lenet.c $d/example.c >$d/all.c && ${CC:-cc} -O2 -I$d $d/all.c -lm -o $d/example && $d/example <input.txt >$d.txt
done
bytes=$(sed -n 's/^#define LENET_WORKSPACE_BYTES \([0-9]*\).*/\1/p' lenet/lenet.h layers/lenet.h | tr '\n' ' ')
paste lenet.txt layers.txt | awk -v bytes="$bytes" '{ n++; d = $1 - $2; if (d * d > 1e-12) bad = 1 }
    END { split(bytes, b, " "); exit !(n == 10 && !bad && b[2] >= 4 * b[1] && b[1] > 0) }' &&
    ok "$what" || not_ok "$what" "$bytes, $(paste lenet.txt layers.txt)"
refuses "an example without input" 1 "784 numbers are read" tiny/example
(cd tiny && ${CC:-cc} -std=c99 -O2 -ffreestanding -fno-math-errno -c tiny.c -o bare.o && nm -u bare.o | grep -v -e memcpy -e memset) >log 2>&1 &&
    not_ok "no function of a C library" "$(cat log)" || ok "no function of a C library"

check "without math.h" sh -c "'$SEQC' emit '$ROOT/samples/iris/model.py' --mode train --embed --no-libm --name bare -o bare -q 2>/dev/null && ! grep -q 'math.h>' bare/bare.c &&
    cc -std=c99 -ffreestanding -O2 -c bare/bare.c -o bare.o && ! nm -u bare.o | grep -v -e memcpy -e memset && ! grep -q -e -lm -e 'PUBLIC m' bare/bare.pc.in bare/CMakeLists.txt"

# ---- the same bits on a processor without a C library, without doubles, without vectors ----
cat >functions.py <<'EOF'
import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(2)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 16), nn.Linear(16, 3)
    def forward(self, x):
        x = self.a(x) * 3
        y = torch.floor(x) + torch.ceil(x * 2) + torch.round(x * 3) + torch.trunc(x * 5)
        z = torch.sin(x) + torch.cos(x * 70) + torch.sin(y * 1e9) + torch.exp(-x) + torch.pow(x.abs() + 0.1, 1.7)
        z = z + F.gelu(x) + torch.tanh(x) + torch.sigmoid(x) + F.elu(x) + torch.sqrt(x.abs() + 1) + F.softplus(x)
        return F.log_softmax(self.b(z) + F.logsigmoid(y[:, :3]), dim=1)
model = Net()
input_shape = (4,)
EOF
cat >bits.c <<'EOF'
#include "board.h"
#include "net.h"
NET_ALIGNED static char workspace[NET_WORKSPACE_BYTES];
static REAL in[NET_IN_ELEMS], out[NET_OUT_ELEMS];
int main(void)
{
    const unsigned char *const bytes = (const unsigned char *)out;
    for (int i = 0; i < NET_IN_ELEMS; i++) in[i] = (REAL)(i * 37 % 101) / 25 - 2;
    net_forward(&net_weights, in, out, workspace);
    for (unsigned i = 0; i < sizeof out; i++) {
        const char line[] = { "0123456789abcdef"[bytes[i] / 16], "0123456789abcdef"[bytes[i] % 16], '\n', 0 };
        board_write(line);
    }
    return 0;
}
EOF
if command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null; then
    BOARD=$ROOT/samples/microcontroller
    for type in f32:float f64:double; do
        dir=bits-${type%:*}
        check "own functions, ${type%:*}: emitted" sh -c "'$SEQC' emit functions.py -q --embed --no-libm --batch 8 --dtype ${type%:*} --name net -o $dir 2>/dev/null"
        check "own functions, ${type%:*}: the bits of a Cortex-M4 are this machine's" sh -c "arm='arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16'
            all='-std=c99 -O2 -ffp-contract=off -ffreestanding -fno-tree-loop-distribute-patterns -DREAL=${type#*:} -I$dir -I$BOARD bits.c $dir/net.c'
            cc \$all $BOARD/host.c -o $dir/host && $dir/host >$dir/host.txt &&
            \$arm \$all $BOARD/cortex_m4.c -nostdlib -T $BOARD/cortex_m4.ld -lgcc -o $dir/device.elf &&
            timeout 60 qemu-system-arm -M mps2-an386 -display none -monitor none -serial none -chardev file,id=out,path=$dir/device.txt \
                -semihosting-config enable=on,target=native,chardev=out -kernel $dir/device.elf &&
            [ -s $dir/host.txt ] && cmp $dir/host.txt $dir/device.txt"
    done
else
    skip "own functions on a Cortex-M4" "gcc-arm-none-eabi or qemu-system-arm is not installed"
fi

# ---- --ram-budget ----
emit --name net -o plain && emit --name net --ram-budget 1G -o rich && diff plain/net.c rich/net.c >log &&
    ok "a budget that is large changes nothing" || not_ok "a budget that is large changes nothing" "$(cat log)"
least=$("$SEQC" emit lenet.py --embed --ram-budget 1 2>&1 | sed -n 's/^help: --ram-budget \([0-9]*\) is.*/\1/p')
check "the smallest budget that works works" "$SEQC" emit lenet.py -q --embed --ram-budget "$least" -o lenet
grep -q "^#define LENET_WORKSPACE_BYTES $least\$" lenet/lenet.h && [ "$least" -lt 6272 ] && ok "and is that of the header" || not_ok "and is that of the header" "$least"
refuses "a byte less" 1 "it writes to $least bytes at least, and --ram-budget has $((least - 1))" "$SEQC" emit lenet.py --embed --ram-budget $((least - 1))
refuses "and it says where" 1 "most at once: k1 of infer, conv_pool_index_pool_take_more (lenet.py:6)" "$SEQC" emit lenet.py --embed --ram-budget 1k
refuses "and what lives there" 1 "      3456  relu : f32[n,6,12,12] (lenet.py:6)" "$SEQC" emit lenet.py --embed --ram-budget 1k
for size in 0 -5 12q 1kk 99999999999999999999 9000000000G ''; do
    refuses "--ram-budget '$size'" 2 "" "$SEQC" emit lenet.py --ram-budget "$size"
done

cat >pieces.py <<'EOF'
import torch
from torch import nn, optim
torch.manual_seed(4)
input_shape = (1, 8, 8)
model = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)
EOF
cat >pieces.c <<'EOF'
#include "whole.h"
#include "parts.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
WHOLE_ALIGNED static whole_params a;
PARTS_ALIGNED static parts_params b;
WHOLE_ALIGNED static char room[WHOLE_TRAIN_WORKSPACE_BYTES + PARTS_TRAIN_WORKSPACE_BYTES];
static float x[WHOLE_IN_ELEMS], of_a[10000], of_b[10000];
static int64_t y[WHOLE_BATCH];
int main(void)
{
    whole_training s = { &a, room, 0, WHOLE_LR, 0, 0, 0 };
    parts_training t = { &b, room, 0, PARTS_LR, 0, 0, 0 };
    double worst = 0;
    memcpy(&a, &whole_weights, sizeof a);
    memcpy(&b, &parts_weights, sizeof b);
    for (int n = 1; n <= WHOLE_BATCH; n++) {        /* pieces of several sizes */
        float before, after;
        for (int i = 0; i < WHOLE_IN_ELEMS; i++) x[i] = (float)((i + n) * 37 % 101) / 101;
        for (int i = 0; i < WHOLE_BATCH; i++) y[i] = (i * 7 + n) % 3;
        s.n = t.n = n;
        whole_train_step(&s, x, y, &before);
        parts_train_step(&t, x, y, &after);
        if (!(fabs(before - after) <= 1e-5 * fabs(before))) worst = 1;
    }
    for (int i = 0; i < WHOLE_TENSORS; i++)
        for (int j = 0; j < PARTS_TENSORS; j++) {
            double most = 0, gap = 0;
            if (strcmp(whole_tensors[i].key, parts_tensors[j].key)) continue;
            whole_get_params(&a, i, of_a);
            parts_get_params(&b, j, of_b);
            for (int k = 0; k < whole_tensors[i].elems; k++) {
                if (fabs(of_a[k]) > most) most = fabs(of_a[k]);
                if (!(fabs(of_a[k] - of_b[k]) <= gap)) gap = fabs(of_a[k] - of_b[k]);
            }
            if (!(gap <= 1e-5 * most) || most == 0) worst = gap;
        }
    printf("%g\n", worst);
    return worst != 0;
}
EOF
for loss in mean sum; do
    set -- --mode train --batch 12 --embed --loss "nn.CrossEntropyLoss(reduction='$loss')"
    size=$("$SEQC" emit pieces.py "$@" --ram-budget 1 2>&1 | sed -n 's/^help: --ram-budget \([0-9]*\) is.*/\1/p')
    for size in "$size" $((size * 5 / 4)); do
        rm -rf whole parts
        "$SEQC" emit pieces.py -q "$@" --name whole -o whole 2>/dev/null && "$SEQC" emit pieces.py -q "$@" --ram-budget "$size" --name parts -o parts 2>log
        grep -q add_gradients parts/parts.c || not_ok "a batch in pieces" "it is not: $(cat log)"
        check "a batch in pieces trains alike, its loss a $loss, in $size bytes" sh -c "${CC:-cc} -O2 -Iwhole -Iparts pieces.c whole/whole.c parts/parts.c -lm -o compare && ./compare"
        [ "$(sed -n 's/^#define PARTS_RAM_BYTES \([0-9]*\).*/\1/p' parts/parts.h)" -le "$size" ] && ok "and keeps within" || not_ok "and keeps within" "$(grep RAM parts/parts.h)"
    done
done
sed 's/nn.Tanh(), nn.Flatten/nn.BatchNorm2d(4), nn.Flatten/' pieces.py >norm.py
refuses "statistics of a batch are no pieces'" 1 'but the statistics of "3.running_mean" (norm.py:5) are the whole batch' "$SEQC" emit norm.py --mode train --batch 12 --ram-budget 1
sed 's/nn.Tanh(), nn.Flatten/nn.Dropout(0.5), nn.Flatten/' pieces.py >drop.py
refuses "nor are masks" 1 '(drop.py:5) draws numbers for the whole batch' "$SEQC" emit drop.py --mode train --batch 12 --ram-budget 1
sed "s/^model = .*/model = nn.Sequential(*[nn.Conv2d(1, 6, 3, padding=1), nn.Tanh()], *[x for i in range(6) for x in (nn.Conv2d(6, 6, 3, padding=1), nn.Tanh())],\
    nn.Flatten(), nn.Linear(384, 3))/" pieces.py >chain.py
least=$("$SEQC" emit chain.py --mode train --embed --ram-budget 1 2>&1 | sed -n 's/^help: --ram-budget \([0-9]*\) is.*/\1/p')
# Keeping all that the gradients read takes 39,616 bytes.
[ "$least" -lt 34000 ] && ok "values that are computed again save memory" || not_ok "values that are computed again save memory" "$least"
check "and as much as was said" "$SEQC" emit chain.py --mode train --embed --ram-budget "$least" -q -o chain
cat >centre.py <<'EOF'
import torch
from torch import nn, optim
torch.manual_seed(4)
input_shape = (1, 8, 8)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 6, 3), nn.Linear(216, 3)
    def forward(self, x):
        x = torch.relu(self.conv(x)).flatten(1)
        return self.last(x - x.mean(0))
model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
EOF
refuses "nor is what samples share" 1 "but mean (centre.py:11) makes one value of all samples" "$SEQC" emit centre.py --mode train --batch 12 --ram-budget 1
sample=$ROOT/samples/on_device
"$SEQC" emit "$sample/model.py" -q --mode train --batch 32 --embed --ram-budget 64k --name kinds -o kinds 2>log &&
    ${CC:-cc} -std=c99 -O2 -Ikinds "$sample/main.c" kinds/kinds.c -lm -o learn 2>>log && ./learn "$ROOT/samples/fashion_mnist/small.csv" >learnt 2>>log
awk '{ exit !($1 >= 300 && $3 == "400," && $5 <= 65536) }' learnt && ok "a classifier learns in 64 KB" || not_ok "a classifier learns in 64 KB" "$(cat learnt log)"

# ---- CMake: in a project, and installed ----
printf '%s\n' 'cmake_minimum_required(VERSION 3.16)' 'project(user C CXX)' 'add_subdirectory(../net net)' \
    'add_executable(user main.cpp)' 'target_link_libraries(user net::net)' >inside.txt
sed 's/add_subdirectory.*/find_package(net REQUIRED)/' inside.txt >installed.txt
mkdir -p inside installed
cat >inside/main.cpp <<'EOF'
#include "net.h"
#include <cstdio>
static float in[NET_IN_ELEMS], out[NET_OUT_ELEMS];
NET_ALIGNED static char workspace[NET_WORKSPACE_BYTES];
int main()
{
    for (int i = 0; i < NET_IN_ELEMS; i++)
        if (std::scanf("%f", &in[i]) != 1) return 1;
    net_forward(&net_weights, in, out, workspace);
    for (int i = 0; i < NET_OUT_ELEMS; i++) std::printf("%.9g\n", (double)out[i]);
    return net_layers[0].parameters == 784 * 128 + 128 ? 0 : 2;
}
EOF
cp inside/main.cpp installed/main.cpp
cp inside.txt inside/CMakeLists.txt
cp installed.txt installed/CMakeLists.txt
check "CMake: alone" sh -c 'cmake -S net -B net-build -DCMAKE_INSTALL_PREFIX="$PWD/prefix" && cmake --build net-build && cmake --install net-build && net-build/example <input.txt >net.txt'
command -v c++ >/dev/null || { skip "from C++" "no C++ compiler here"; sed -i 's/ CXX)/)/; s/main.cpp/main.c/' inside/CMakeLists.txt installed/CMakeLists.txt
    for d in inside installed; do sed 's/<cstdio>/<stdio.h>/; s/std:://g' $d/main.cpp >$d/main.c; done; }
check "CMake: add_subdirectory" sh -c 'cmake -S inside -B inside-build && cmake --build inside-build && inside-build/user <input.txt | cmp - net.txt'
check "CMake: find_package" sh -c 'cmake -S installed -B installed-build -DCMAKE_PREFIX_PATH="$PWD/prefix" && cmake --build installed-build && installed-build/user <input.txt | cmp - net.txt'
if command -v pkg-config >/dev/null; then
    check "pkg-config" sh -c 'PKG_CONFIG_PATH=$(dirname "$(find "$PWD/prefix" -name net.pc)") && export PKG_CONFIG_PATH &&
        cc net/example.c $(pkg-config --cflags --libs net) -o by-pkg-config && ./by-pkg-config <input.txt | cmp - net.txt'
else
    skip "pkg-config" "it is not installed"
fi

# ---- weights: numbers, included bytes, a file ----
for form in const incbin bin; do
    emit --name net --weights-as $form -o as-$form || not_ok "weights as $form" "not emitted"
    argument=''
    [ $form = bin ] && argument=as-bin/net_weights.bin
    check "weights as $form: the same numbers" sh -c "cmake -S as-$form -B as-$form-build && cmake --build as-$form-build &&
        as-$form-build/example $argument <input.txt | cmp - net.txt"
done
file=as-bin/net_weights.bin
damaged() { refuses "weights: $1" 1 "(fault $2)" as-bin-build/example damaged.bin <input.txt; }
head -c 1000 $file >damaged.bin && damaged "the file is too short" 1
{ head -c 100 $file; printf 'X'; tail -c +102 $file; } >damaged.bin && damaged "a byte is another" 7
{ printf 'NOPE'; tail -c +5 $file; } >damaged.bin && damaged "another kind of file" 4
{ head -c 4 $file; printf '\377'; tail -c +6 $file; } >damaged.bin && damaged "another version" 5
sed 's/128/96/g' mlp.py >other.py
"$SEQC" emit other.py -q --name net --weights-as bin -o other 2>/dev/null
{ cat other/net_weights.bin; head -c 100000 /dev/zero; cat $file; } | head -c "$(wc -c <$file)" >damaged.bin
damaged "another network's" 6

# ---- the C that it is written in, and how many files ----
for std in c99 c11; do
    for layout in one split; do
        emit --name net --std $std --layout $layout -o $std-$layout || not_ok "$std, $layout" "not emitted"
        check "$std, $layout: the same numbers" sh -c "cmake -S $std-$layout -B $std-$layout-build && cmake --build $std-$layout-build &&
            $std-$layout-build/example <input.txt | cmp - net.txt"
    done
done
emit --name net --threads 2 -o again && [ -s again/net_threads.c ] && emit --name net --layout one -o again
[ "$(cd again && echo *.c)" = "example.c net.c" ] && ok "files of an earlier library are gone" || not_ok "files of an earlier library are gone" "$(ls again)"
echo '/* mine */' >again/net_weights.c && emit --name net --layout one -o again
[ -e again/net_weights.c ] && ok "but not one that somebody else wrote" || not_ok "but not one that somebody else wrote" "$(ls again)"
check "c11 takes nothing of GNU's for alignment" sh -c "grep -q '_Alignas(NET_ALIGN)' c11-one/net.h && ! grep -q __attribute__ c11-one/net.h"
check "what is said goes before --embed" sh -c "'$SEQC' emit mlp.py -q --embed --layout split --std c11 --name net -o own 2>/dev/null && [ -s own/net_weights.c ] && grep -q _Alignas own/net.h"

# ---- two threads, one set of weights ----
cat >threads.c <<'EOF'
#include "net.h"
#include <pthread.h>
#include <string.h>
static float in[NET_IN_ELEMS];
typedef struct { NET_ALIGNED char workspace[NET_WORKSPACE_BYTES]; float out[NET_OUT_ELEMS]; } Own;
static Own own[2];
static void *work(void *p)
{
    Own *o = (Own *)p;
    for (int i = 0; i < 50; i++) net_forward(&net_weights, in, o->out, o->workspace);
    return 0;
}
int main(void)
{
    pthread_t thread[2];
    for (int i = 0; i < NET_IN_ELEMS; i++) in[i] = (float)(i % 7) - 3;
    for (int i = 0; i < 2; i++) pthread_create(&thread[i], 0, work, &own[i]);
    for (int i = 0; i < 2; i++) pthread_join(thread[i], 0);
    return memcmp(own[0].out, own[1].out, sizeof own[0].out) != 0;
}
EOF
if echo 'int main(void){return 0;}' | cc -fsanitize=thread -xc - -o tsan 2>/dev/null && ./tsan 2>/dev/null; then
    check "two threads at once" sh -c 'cc -O1 -g -fsanitize=thread -Itiny -Inet threads.c net/net.c net/net_weights.c -DNET_WEIGHTS="\"net/net_weights.bin\"" -lm -lpthread -o threads &&
        TSAN_OPTIONS=halt_on_error=1 ./threads'
else
    skip "two threads at once" "no thread sanitizer here"
fi

# ---- OpenBLAS ----
if echo 'int main(void){return 0;}' | cc -xc - -lopenblas -o with-blas 2>/dev/null; then
    check "products by OpenBLAS" sh -c "'$SEQC' emit mlp.py -q --batch 64 --blas openblas --name net -o blas 2>/dev/null && '$SEQC' emit mlp.py -q --batch 64 --name net -o own64 2>/dev/null &&
        grep -q 'cblas_sgemm(ROW_MAJOR' blas/net.c && ! grep -q cblas own64/net.c && grep -q -e '-lopenblas' blas/net.pc.in"
    awk 'BEGIN { for (i = 0; i < 50176; i++) print i * 37 % 101 / 101 }' >input64.txt
    check "OpenBLAS: the same numbers" sh -c 'for d in blas own64; do cmake -S $d -B $d-build && cmake --build $d-build && OPENBLAS_NUM_THREADS=1 $d-build/example <input64.txt >$d.txt || exit 1; done
        [ "$(wc -l <blas.txt)" = 640 ] && paste blas.txt own64.txt | awk "{ d = \$1 - \$2; if (d > 1e-5 || d < -1e-5) bad = 1 } END { exit bad }"'
else
    skip "products by OpenBLAS" "it is not installed"
fi
"$SEQC" ir mlp.py --blas openblas --batch 64 >blas.ir
refuses "text whose kernels call OpenBLAS" 1 "--blas openblas, if the library may" "$SEQC" emit blas.ir --name net
refuses "OpenBLAS without a C library" 2 "needs the C library" "$SEQC" emit mlp.py --no-libm --blas openblas

# ---- one call on several threads ----
check "threads" sh -c "'$SEQC' emit '$ROOT/samples/fashion_cnn/model.py' -q --batch 4 --mode train --threads 3 --march generic --name cnn -o cnn 2>/dev/null"
check "threads: CMake, and an example" sh -c 'cmake -S cnn -B cnn-build -DCMAKE_INSTALL_PREFIX="$PWD/prefix" && cmake --build cnn-build && cmake --install cnn-build && [ -s prefix/include/cnn_threads.h ] &&
    seq 3136 | cnn-build/example >cnn.txt && [ "$(wc -l <cnn.txt)" = 40 ]'
cat >pool.c <<'EOF'
#include "cnn_threads.h"
#include <stdio.h>
#include <string.h>
static cnn_pool pool;
CNN_ALIGNED static cnn_params params[2];
CNN_ALIGNED static char workspace[CNN_TRAIN_WORKSPACE_BYTES + CNN_WORKSPACE_BYTES];
static float in[CNN_IN_ELEMS], out[2][CNN_OUT_ELEMS];
int main(void)
{
    const int64_t target[CNN_BATCH] = { 1, 2, 3, 4 };
    const int threads = cnn_pool_open(&pool, 9);      /* as many as there are */
    const cnn_parallel by = cnn_pool_parallel(&pool);
    for (int i = 0; i < CNN_IN_ELEMS; i++) in[i] = (float)(i % 7) - 3;
    for (int k = 0; k < 2; k++) {
        cnn_training t = { &params[k], workspace, CNN_BATCH, CNN_LR, 1, 0, 0, k ? &by : 0 };
        float loss;
        memcpy(&params[k], &cnn_weights, sizeof params[k]);
        for (int i = 0; i < 3; i++) cnn_train_step(&t, in, target, &loss);
        cnn_forward_parallel(&params[k], in, out[k], workspace, t.by);
    }
    cnn_pool_close(&pool);
    printf("%d\n", threads);
    return memcmp(out[0], out[1], sizeof out[0]) || memcmp(&params[0], &params[1], sizeof params[0]);
}
EOF
if [ -e tsan ] && ./tsan 2>/dev/null; then
    check "threads: the same bits, and no race" sh -c 'cc -O1 -g -fsanitize=thread -Icnn pool.c cnn/cnn.c cnn/cnn_threads.c cnn/cnn_weights.c -lm -lpthread -o pool &&
        [ "$(TSAN_OPTIONS=halt_on_error=1 ./pool)" = 3 ]'
else
    skip "threads: the same bits, and no race" "no thread sanitizer here"
fi
check "no threads, no pool" sh -c "'$SEQC' emit mlp.py -q --threads 0 --name net -o alone 2>/dev/null && [ ! -e alone/net_threads.c ] && ! grep -q parallel alone/net.h"

# ---- batches, one sample of batch norm, double ----
cat >norm.py <<'EOF'
from torch import nn, optim
model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
loss = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters())
EOF
check "batch norm for one sample" sh -c "'$SEQC' emit norm.py -o norm -q 2>/dev/null && cc -c norm/norm.c -o norm.o && ! grep -q num_batches norm/norm.h"
check "a batch" sh -c "'$SEQC' emit norm.py --batch 5 -o norm5 --name n -q 2>/dev/null && grep -q '^#define N_IN_ELEMS 30 ' norm5/n.h"
check "float64" sh -c "'$SEQC' emit norm.py --dtype f64 -o norm64 --name n -q 2>/dev/null && grep -q 'const double in\[' norm64/n.h && cc -c norm64/n.c -o n64.o"
sed 's/nn.Linear(4, 2)/nn.Linear(4, 2), nn.LogSoftmax(dim=1)/; s/nn.CrossEntropyLoss/nn.NLLLoss/' norm.py >soft.py
check "float64: no float of math.h's" sh -c "'$SEQC' emit soft.py --dtype f64 --mode train --batch 8 -o soft --name n -q 2>/dev/null && grep -q INFINITY soft/n.c &&
    cc -std=c99 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wdouble-promotion -Werror -c soft/n.c -o n64.o"
if command -v g++ >/dev/null; then      # weights are prepared by what it compiles
    check "a compiler of C++" "$SEQC" emit norm.py --cc g++ -o by-cpp --name n -q
else
    skip "a compiler of C++" "it is not here"
fi

# ---- a training step ----
check "a library that trains" sh -c "'$SEQC' emit norm.py --mode train --batch 8 -o trains --name n -q 2>/dev/null &&
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror -c trains/n.c -o trains.o && grep -q 'void n_train_step(' trains/n.h"
nm trains.o | awk '$2 ~ /[BbDdCc]/ { bad = 1 } END { exit bad }' && ok "it has no object that is written to" ||
    not_ok "it has no object that is written to" "$(nm trains.o | awk '$2 ~ /[BbDdCc]/')"
refuses "training without an optimizer" 1 "a loss and an optimizer" "$SEQC" emit mlp.py --mode train
check "one that the command line names" "$SEQC" emit mlp.py --mode train --loss 'nn.CrossEntropyLoss()' \
    --optimizer 'optim.SGD(model.parameters(), lr=0.1)' -o named
refuses "a mode that libraries have not" 2 "--mode infer" "$SEQC" emit norm.py --mode grad

# ---- IR text ----
"$SEQC" ir norm.py --stage shape >norm.ir && "$SEQC" ir norm.py --mode train >train.ir && "$SEQC" ir norm.py >plan.ir
check "from IR text" "$SEQC" emit norm.ir --mode train --name n -o from-text
sed '/^graph infer/,/return/s/return output=\(%[0-9]*\)/return output=\1 hidden=%2/' norm.ir >two.ir && refuses "a second result" 1 'returns "hidden", too' "$SEQC" emit two.ir
sed '/^graph infer/,/return/s/return output=/return logits=/' norm.ir >none.ir && refuses "no output" 1 'returns no `output`' "$SEQC" emit none.ir
refuses "an inference that draws" 1 "its inference draws random numbers" "$SEQC" emit "$ROOT/samples/mc_dropout/model.py"
refuses "text without inference" 1 'no graph `infer`' "$SEQC" emit train.ir
refuses "a training step that is planned" 1 "--stage shape" "$SEQC" emit plan.ir --mode train --name n
sed 's/nn.ReLU()/nn.Dropout(0.5)/' norm.py >drop.py && "$SEQC" ir drop.py --dropout torch --stage shape >drop.ir
refuses "masks of PyTorch's" 1 "--dropout torch" "$SEQC" emit drop.ir --mode train
cat >same.py <<'EOF'
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self._a = nn.Parameter(torch.ones(3))
        self.a = nn.Parameter(torch.ones(3))
    def forward(self, x):
        return x * self._a + self.a
model = Net()
input_shape = (3,)
EOF
check "two keys of one name" sh -c "'$SEQC' emit same.py -q -o same 2>/dev/null && cc -c same/same.c -o same.o"

# ---- wrong input ----
refuses "no name of C's" 2 "say one with --name" "$SEQC" emit mlp.py --name 2nd
refuses "a name with a dash" 2 "letters, digits and _" "$SEQC" emit mlp.py --name my-net
cp mlp.py my-net.py
refuses "a file's name that is none of C's" 2 "--name" "$SEQC" emit my-net.py
refuses "a file in the folder's place" 2 "mlp.py is a file" "$SEQC" emit mlp.py -o mlp.py --name net
refuses "a folder in no folder" 3 "no/such" "$SEQC" emit mlp.py -o no/such
refuses "missing weights" 3 "nowhere.safetensors" "$SEQC" emit mlp.py --weights nowhere.safetensors
refuses "weights that are none" 1 "mlp.py" "$SEQC" emit mlp.py --weights mlp.py
refuses "threads without a number" 2 "a whole number from 0" "$SEQC" emit mlp.py --threads all
refuses "too many threads" 2 "256 at most" "$SEQC" emit mlp.py --threads 257
refuses "another C" 2 "c99|c11" "$SEQC" emit mlp.py --std c89
refuses "another layout" 2 "split|one" "$SEQC" emit mlp.py --layout two
refuses "an unknown form of weights" 2 "auto|const|incbin|bin" "$SEQC" emit mlp.py --weights-as text
refuses "matrix tiles" 2 "x86-64-v4" "$SEQC" emit mlp.py --march sapphirerapids
check "C, if asked for" "$SEQC" emit mlp.py --target c --name net -q -o for-c
refuses "a mistake in the model" 1 "Linear" sh -c "echo 'from torch import nn
model = nn.Sequential(nn.Liner(3, 2))' >bad.py; '$SEQC' emit bad.py"
[ -e bad ] && not_ok "what is refused leaves no folder" "bad is there" || ok "what is refused leaves no folder"

# ---- what it takes ----
"$SEQC" emit mlp.py --embed --name tiny -o told --report text >report.txt 2>/dev/null
row() { awk -v what="$1" '$1 == what { gsub(",", "", $NF); print $NF }' report.txt | head -n 1; }
cp told/tiny.[ch] . && ${CC:-cc} -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd -DTINY_SIMD -fstack-usage \
    -c tiny.c -o told.o 2>/dev/null
[ "$(row code)" = "$(size -A told.o | awk '$1 ~ /^\.text/ { n += $2 } END { print n }')" ] && [ "$(row weights)" = 410240 ] &&
    [ "$(row workspace)" = 512 ] && [ "$(row input)" = 3136 ] && [ "$(row output)" = 40 ] && ok "a report: bytes" ||
    not_ok "a report: bytes" "$(cat report.txt; size -A told.o)"
grep -q '^0  *Linear(784, 128) .* 100,480  *100,352$' report.txt && grep -q ' 101,770  *101,632$' report.txt && ok "a report: layers" ||
    not_ok "a report: layers" "$(cat report.txt)"
if [ -s told.su ] && [ "$(row stack)" ]; then
    awk -v stack="$(row stack)" '{ sum += $2; if ($1 ~ /tiny_forward$/) own = $2 } END { exit !(own <= stack && stack <= sum) }' told.su &&
        ok "a report: the stack" || not_ok "a report: the stack" "$(row stack): $(cat told.su)"
else
    skip "a report: the stack" "this compiler does not tell it"
fi
"$SEQC" emit mlp.py --name net --mode train --loss 'nn.CrossEntropyLoss()' --optimizer 'optim.SGD(model.parameters(), lr=0.1)' \
    -o told --report json >report.json 2>/dev/null
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys
r = json.load(open("report.json"))
sys.exit(not (r["name"] == "net" and r["batch"] == 1 and r["bytes"]["train_workspace"] > 0
              and [x["multiply_adds"] for x in r["layers"]] == [100352, 0, 1280] and r["layers"][2]["output"] == [1, 10]))' &&
        ok "a report as JSON" || not_ok "a report as JSON" "$(cat report.json)"
else
    skip "a report as JSON" "no python3 here"
fi
check "without a compiler there is one, too" sh -c "'$SEQC' emit mlp.py --cc none --embed --name t -o told -q --report text 2>&1 | grep 'code and stack are not known: there is no C compiler'"
if command -v arm-none-eabi-gcc >/dev/null; then
    check "a report of 32 bits" sh -c "'$SEQC' emit mlp.py --cc 'arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb' --embed --no-libm --name t -o told -q --report text 2>/dev/null |
    awk '{ gsub(\",\", \"\") } \$1 == \"code\" && \$NF > 300 { code = 1 } \$1 == \"stack\" && \$NF > 0 { stack = 1 } END { exit !(code && stack) }'"
else
    skip "a report of 32 bits" "no arm-none-eabi-gcc here"
fi
