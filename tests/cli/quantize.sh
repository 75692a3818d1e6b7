#!/bin/sh
# tests/cli/quantize.sh: `seqc emit --quantize int8 --calibrate DATA`: a trained model in integers, its
# report, its library compiled and run beside the float one; `--store`; what is refused.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
DATA=$ROOT/samples/fashion_mnist/small.csv
MODEL=$ROOT/samples/fashion_mnist/small.py
CFLAGS="-std=c99 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wvla -Werror"

check "a trained model" sh -c "'$SEQC' build '$MODEL' -o small -q && ./small train --data '$DATA' --val-split 0.2 --out run --quiet"
WEIGHTS=run/last.safetensors
emit() { "$SEQC" emit "$MODEL" --weights $WEIGHTS --name net "$@"; }
int8() { emit --quantize int8 --calibrate "$DATA" "$@"; }

int8 --verify -o int8 >report.txt 2>errors.txt && ok "in integers" || { not_ok "in integers" "see below"; cat errors.txt; }
check "every layer" grep -q '^quantized 2 of 2 layers by 1024 of 2000 samples of small.csv$' report.txt
check "the worst one is named" grep -q 'dB.*<- the worst layer$' report.txt
accuracy=$(sed -n 's/.*class for \([0-9.]*\)%, \([0-9.]*\)% right (float \([0-9.]*\)%)$/\1 \2 \3/p' report.txt)
echo "$accuracy" | awk '{ exit !(NF == 3 && $1 > 98 && $2 > $3 - 1 && $2 < $3 + 1) }' &&
    ok "within a point of float" || not_ok "within a point of float" "$accuracy: $(cat report.txt)"
check "how large and how fast" sh -c "grep -q 'weights .* smaller than float' report.txt && grep -qE 'a call.* (faster than|slower than|as much as) float' report.txt"
check "the same bytes again" sh -c "'$SEQC' emit '$MODEL' --weights $WEIGHTS --name net --quantize int8 --calibrate '$DATA' -q -o again && diff -r int8 again"
[ -z "$("$SEQC" emit "$MODEL" --weights $WEIGHTS --name net --quantize int8 --calibrate "$DATA" -q -o again)" ] &&
    ok "nothing is said where nothing is asked for" || not_ok "nothing is said where nothing is asked for" "-q"

int8 --report json -o told >told.json 2>told.txt
grep -q '^{.*"multiply_adds":[1-9].*}$' told.json && [ "$(wc -l <told.json)" = 1 ] && grep -q 'the worst layer' told.txt &&
    ok "beside a report as JSON it is on stderr" || not_ok "beside a report as JSON it is on stderr" "$(cat told.json told.txt)"

# ---- --ram-budget ----
for how in "--quantize int8 --calibrate $DATA" "--store bf16"; do
    what=${how%% --c*}
    # shellcheck disable=SC2086  # a list of options
    least=$(emit $how --batch 4 --ram-budget 1 -o tight 2>&1 | sed -n 's/^help: --ram-budget \([0-9]*\) is.*/\1/p')
    # shellcheck disable=SC2086
    check "$what: the smallest budget that works" emit $how --batch 4 --ram-budget "$least" -q -o tight
    grep -q "^#define NET_WORKSPACE_BYTES $least\$" tight/net.h && ok "$what: it is that of the header" || not_ok "$what: it is that of the header" "$least"
    check "$what: seqc verify" "$SEQC" verify tight
    rm -rf tight
done

# ---- the library: outputs of one sample, on this machine, on any, beside float's ----
awk -F, 'NR == 7 { for (i = 1; i < NF; i++) print $i }' "$DATA" >input.txt
outputs() { (cd "$1" && ${CC:-cc} $CFLAGS $2 net*.c example.c -lm -o example && ./example <../input.txt >"../$1.txt") >log 2>&1; }
emit -q -o float
for lib in int8 float; do
    outputs $lib -march=native && ok "$lib compiled by hand, without a warning" || { not_ok "$lib compiled by hand, without a warning" "see below"; cat log; }
done
paste int8.txt float.txt | awk '{ d = $1 - $2; gap += d * d; all += $2 * $2 } END { exit !(NR == 10 && gap <= 0.001 * all) }' &&
    ok "its outputs are float's, nearly" || not_ok "its outputs are float's, nearly" "$(paste int8.txt float.txt)"
for march in x86-64 x86-64-v3 generic; do
    int8 -q --march $march --layout split -o on-$march
    flags=-march=$march
    [ $march = generic ] && flags=''
    outputs on-$march $flags && cmp -s on-$march.txt int8.txt && ok "the same bits for $march" ||
        { not_ok "the same bits for $march" "see below"; cat log; }
done
if command -v c++ >/dev/null; then
    check "as C++, without a warning" sh -c "c++ -x c++ -std=c++11 -march=native ${CFLAGS#* } -c int8/net.c -o net.o"
else
    skip "as C++, without a warning" "no C++ compiler here"
fi
int8 -q --embed -o tiny && outputs tiny && cmp -s tiny.txt int8.txt && ok "the same bits, embedded" || not_ok "the same bits, embedded" "$(cat log)"
check "no data, no unknown function" sh -c "! nm tiny/example | grep -qE ' [dDbB] (k|net)' && ! grep -q malloc tiny/net.c"

# ---- a layer that stays float; a flattened image; inputs alone ----
cat >mixed.py <<'EOF'
import torch
from torch import nn
torch.manual_seed(3)
input_shape = (4, 8, 8)
model = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, groups=2), nn.Tanh(),
                      nn.Flatten(), nn.Linear(32, 5))
EOF
{ printf '\223NUMPY\001\000v\000'; printf "%-117s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': (24, 256), }"
  awk 'BEGIN { srand(1); for (i = 0; i < 24 * 256; i++) printf "%c", 33 + int(rand() * 90) }'; } >inputs.npy
"$SEQC" emit mixed.py --quantize int8 --calibrate inputs.npy -o mixed >report.txt 2>errors.txt && ok "inputs of a model without a loss" ||
    { not_ok "inputs of a model without a loss" "see below"; cat errors.txt; }
check "what stays float is named" grep -q 'Conv2d(8, 8.*stays float: it has groups of channels' report.txt
check "no accuracy without labels" sh -c "! grep -q right report.txt"

printf 'from torch import nn\ninput_shape = (3,)\nmodel = nn.Sequential(nn.Softmax(dim=1))\n' >none.py

# ---- weights of 16 bits ----
for store in bf16 fp16; do
    emit --verify --store $store -o $store >report.txt 2>errors.txt && ok "weights in $store" || { not_ok "weights in $store" "see below"; cat errors.txt; }
    check "$store: every layer, its error, sizes and times" sh -c "grep -q '^stored 2 of 2 layers in $store$' report.txt &&
        grep -q 'dB  <- the worst layer$' report.txt && grep -q 'weights .* smaller than float' report.txt && grep -qE 'a call.* (faster than|slower than|as much as) float' report.txt"
    outputs $store -march=native && paste $store.txt float.txt | awk '{ d = $1 - $2; gap += d * d; all += $2 * $2 } END { exit !(NR == 10 && gap > 0 && gap <= 1e-4 * all) }' &&
        ok "$store: its outputs are float's, nearly" || { not_ok "$store: its outputs are float's, nearly" "$(paste $store.txt float.txt)"; cat log; }
    emit -q --store $store --embed -o any-$store
    outputs any-$store && paste any-$store.txt $store.txt | awk '{ d = $1 - $2; gap += d * d; all += $2 * $2 } END { exit !(NR == 10 && gap <= 1e-10 * all) }' &&
        ok "$store: on any processor" || { not_ok "$store: on any processor" "$(paste any-$store.txt $store.txt)"; cat log; }
done
refuses "layers of 16 bits beside integers" 2 "one of the two" "$SEQC" emit "$MODEL" --store bf16 --quantize int8 --calibrate "$DATA" -o no
refuses "no linear layer" 1 "no linear layer" "$SEQC" emit none.py --store bf16 -o no
refuses "a library that trains in 16 bits" 2 "computes in float" "$SEQC" emit "$MODEL" --mode train --store bf16 -o no
printf 'from torch import nn\nmodel = nn.Sequential(nn.Linear(3, 2))\nnn.init.constant_(model[0].weight, 7e4)\n' >wide.py
refuses "a weight beyond binary16" 1 "help: --store bf16" "$SEQC" emit wide.py --store fp16 -o no
refuses "a program with weights of 16 bits" 1 "programs read no such weights" "$SEQC" build bf16/net.ir -o no

# ---- refused ----
refuses "no data" 2 "wants --calibrate DATA" "$SEQC" emit "$MODEL" --quantize int8 -o no
refuses "data alone" 2 "wants --quantize int8" "$SEQC" emit "$MODEL" --calibrate "$DATA" -o no
refuses "int4" 2 "int8" "$SEQC" emit "$MODEL" --quantize int4 --calibrate "$DATA" -o no
refuses "a file that is not there" 3 "nowhere.csv" "$SEQC" emit "$MODEL" --quantize int8 --calibrate nowhere.csv -o no
refuses "data of another shape" 1 "iris.csv" "$SEQC" emit "$MODEL" --quantize int8 --calibrate "$ROOT/samples/iris/iris.csv" -o no
refuses "a library that trains" 2 "computes in float" "$SEQC" emit "$MODEL" --mode train --quantize int8 --calibrate "$DATA" -o no
refuses "double" 2 "in double" "$SEQC" emit "$MODEL" --dtype f64 --quantize int8 --calibrate "$DATA" -o no
refuses "a model without layers" 1 "no layer can be computed in integers" "$SEQC" emit none.py --quantize int8 --calibrate inputs.npy -o no
"$SEQC" ir "$MODEL" --stage fuse -o fused.ir 2>/dev/null
refuses "text past the stage shape" 1 "past the stage shape" "$SEQC" emit fused.ir --quantize int8 --calibrate "$DATA" -o no
printf 'import torch\nfrom torch import nn\nmodel = nn.Sequential(nn.Linear(49, 4))\nnn.init.constant_(model[0].weight, 3e38)\nm2 = 1\n' >large.py
sed 's/^m2.*//; s/Linear(49, 4)/Linear(49, 4), nn.Linear(4, 2)/' large.py >huge.py
awk -F, 'NR > 1 { NF--; print }' OFS=, "$DATA" >inputs.csv
refuses "numbers that are none" 1 "have to be finite" "$SEQC" emit huge.py --quantize int8 --calibrate inputs.csv -o no
[ ! -e no ] && ok "nothing is left of what was refused" || not_ok "nothing is left of what was refused" "$(ls no)"
exit 0
