#!/bin/sh
# tests/cuda/nvrtc.sh: NVIDIA's compiler takes every kernel of every sample, for every architecture
# (with --full; else for sm_80 and sm_90 in turns), without a register that spills into memory; their PTX
# has the instructions that are meant, and nothing in local memory, and translates as well. What the
# kernels take at most, and how many launches a training step has,
# stands in usage.txt, by one version of the compiler; a change for the better rewrites it:
#
#   REWRITE=yes sh tests/cuda/nvrtc.sh --full
. tests/lib.sh
S=$ROOT/samples KEPT=$ROOT/tests/cuda/usage.txt
archs='' turn=sm_90 next=sm_80
[ "${1:-}" = --full ] && archs=sm_80,sm_86,sm_89,sm_90,sm_100,sm_120
cd "$SCRATCH" || exit 1
if ! "$SEQC" doctor | grep -q '^  NVRTC *[0-9]'; then
    skip "kernels by NVRTC" "there is none"
    exit 0
fi

# usage NAME MODEL MATH [ARCH]: "NAME kernels N registers N shared N launches N", the largest over kernels and
# architectures.
usage() {
    name=$1 model=$2 math=$3 last=$turn
    turn=$next next=$last
    for_archs=${archs:-${4:-$turn}}
    n_archs=$(echo "$for_archs" | tr ',' '\n' | wc -l)
    "$SEQC" build "$model" --target cuda --arch "$for_archs" --verbose \
        --math "$math" --keep "$name.src" -o "$name" >/dev/null 2>"$name.log" || { tail -n 5 "$name.log"; return 1; }
    source=$(echo "$name".src/*.cu)
    kernels=$(grep -c '^KERNEL(' "$source")
    functions=$(grep -c '^SUBROUTINE ' "$source")
    # A function is compiled with each part that calls it, whose mark its name has.
    spills=$(awk '/Function properties for/ { name = $1 " " $NF; sub(/_ZN.*_INTERNAL_.*_cu_......../, "", name) }
        /bytes spill stores/ {
        for (i = 1; i < NF; i++) if ($(i + 1) == "bytes" && $(i + 2) == "spill" && $i > 0) n++
        if (!seen[name]++) names++ } END { print names + 0, n + 0 }' "$name.log")
    if [ "$spills" != "$((n_archs * (kernels + functions))) 0" ]; then
        echo "$kernels kernels and $functions functions for $n_archs architectures; seen, and spills: $spills"
        return 1
    fi
    registers=$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' "$name.log" | sort -n | tail -n 1)
    shared=$(sed -n 's/^    { "[^"]*", [0-9]*, \([0-9]*\) },$/\1/p' "${source%.cu}.c" | sort -n | tail -n 1)
    launches=$(awk '/^static void run_train\(/ { on = 1 } on && /rt_launch(_table)?\(/ { n++ } /^}/ { on = 0 }
        END { print n + 0 }' "${source%.cu}.c")
    echo "$name kernels $kernels registers $registers shared $shared launches $launches" >>usage.txt
}

# The PTX that a program holds for architectures to come, up to the zero that ends it.
end=$(printf '\001')
ptx() { tr '\000' '\001' <"$1" | LC_ALL=C sed -n "/^\.version/,/^$end/p" | sed '$d'; }

# asynchronous NAME INSTRUCTION: kernels whose source says so, and they alone, multiply by it, and get
# there what they copied to shared memory and waited for: but for one group, so that it goes on.
asynchronous() {
    awk '/^KERNEL\(/ { sub(/^KERNEL\([0-9]*\) /, ""); sub(/\(.*/, ""); name = $0 }
        /SHARED\((Tf32|Bf16)_/ { print name }' "$1".src/*.cu | sort >"$1.meant"
    ptx "$1" | LC_ALL=C awk -v instruction="$2" '
        /^\.visible \.entry/ { name = $3; sub(/\(.*/, "", name) }
        index($0, instruction) { multiplies[name]++ }
        /cp\.async\.c[ag]\.shared\.global/ { copies[name]++ }
        /cp\.async\.commit_group/ { ends[name]++ }
        /cp\.async\.wait_group 1;/ { waits[name]++ }
        END { for (name in copies) if (multiplies[name] && ends[name] && waits[name]) print name }' |
        sort >"$1.seen"
    diff "$1.meant" "$1.seen" && [ -s "$1.seen" ] &&
        [ "$(ptx "$1" | grep -ac mma.sync)" = "$(ptx "$1" | grep -acF "$2")" ]
}

has() { ptx "$1" | grep -aq "$2"; }
has_not() { ! has "$1" "$2"; }

# kept MODEL [OPTION]: does a build find its kernels compiled?
kept() { "$SEQC" build "$1" --target cuda --arch sm_90 -o kept ${2:+"$2"} 2>&1 | grep ', kernels compiled before '; }
not_kept() { ! kept "$@"; }
export XDG_CACHE_HOME="$SCRATCH/.cache"
mkdir -p other
sed 's/^num_epochs = .*/num_epochs = 7/; s/lr=[0-9.]*/lr=0.0625/' "$S/iris/model.py" >other/model.py
check "no kernels are there at first" not_kept "$S/iris/model.py"
check "the same ones are compiled once" kept "$S/iris/model.py"
check "whatever the learning rate is" kept other/model.py
check "but to see what they take" not_kept "$S/iris/model.py" --verbose
check "and where nothing can be kept" env XDG_CACHE_HOME=/proc/none \
    "$SEQC" build other/model.py --target cuda --arch sm_90 -o kept

version=$("$SEQC" doctor | sed -n 's/^  NVRTC *\([0-9.]*\),.*/NVRTC \1/p')
: >usage.txt
for model in "$S"/*/*.py; do
    name=$(basename "$(dirname "$model")") file=$(basename "$model" .py)
    [ "$file" = model ] || name=${name}_$file
    case $file in make_*) continue ;; esac
    check "$name compiles without spills" usage "$name" "$model" default
done
check "cifar10 for tf32 compiles without spills" usage cifar10_tf32 "$S/cifar10/model.py" tf32
check "cifar10 for bfloat16 compiles without spills" usage cifar10_bf16 "$S/cifar10/model.py" bf16
# Convolutions that compute maps of what they read: of an input by channel, and by both its layers, in training and after it.
cat >prologue.py <<'END'
import torch
import torch.nn.functional as F
from torch import nn, optim


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        self.register_buffer("std", torch.ones(3, 1, 1))
        self.a = nn.Conv2d(3, 32, 3, padding=1)
        self.flat = nn.Conv2d(3, 24, 1)
        self.b = nn.Conv2d(32, 64, 3, stride=2, padding=1, groups=2)
        self.fc = nn.Linear(64 * 8 * 8, 10)

    def forward(self, x):
        y = F.relu(self.a((x - self.mean) / self.std)) + F.pad(self.flat(torch.tanh(x)), (0, 0, 0, 0, 4, 4))
        return self.fc(torch.flatten(F.max_pool2d(F.relu(self.b(y)), 2), 1))


model = Net()
batch_size = 16
input_shape = (3, 32, 32)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
END
for math in default tf32 bf16; do
    name=prologue_$math
    check "convolutions with maps before them compile without spills, $math" usage $name prologue.py $math
    check "a layer, its derivative, and both again" sh -c "[ \$(grep -c '^ *if (inside_b >> ' $name.src/*.cu) -ge 4 ]"
done
check "tensor cores multiply tf32" asynchronous cifar10_tf32 \
    mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
check "tensor cores multiply bfloat16" asynchronous cifar10_bf16 \
    mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
check "and what maps make of images as tf32" asynchronous prologue_tf32 \
    mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
check "and as bfloat16" asynchronous prologue_bf16 mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
wide() { grep -c "^ *SHARED(Wide" "$1".src/*.cu; }
for math in bf16 tf32; do
    name=wide_$math
    check "wide layers for $math compile without spills" usage $name "$ROOT/tests/bench/models/wide.py" $math sm_90
    check "their products are of sm_90a" sh -c "[ $(wide $name) -gt 0 ] && grep -q \"'k0_linear.*for 'sm_90a'\" $name.log"
    check "whose instructions no later PTX has" has_not $name 'wgmma\|sm_90a'
    check "nothing of them is serialized" sh -c "! grep -i 'serializ\|potential performance loss' $name.log"
done
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
ptxas=${nvcc%nvcc}ptxas
# translated NAME: PTX is all that there is of what gradients alone launch, and for devices to come; as a
# driver does, an assembler makes each kernel of it, for each architecture, without a spill.
translated() {
    rm -f "$1".*.ptx
    ptx "$1" | LC_ALL=C awk -v name="$1" -v end="$end" '/^\.version/ { n++ }
        index($0, end) != 1 { print >(name "." n ".ptx") }'
    for_archs=$(echo "${archs:-sm_90}" | tr ',' ' ')
    for arch in $for_archs; do
        for part in "$1".*.ptx; do
            "$ptxas" -v -arch="$arch" -o part.cubin "$part" 2>&1 || return 1
        done
    done >"$1.assembled"
    kernels=$(sed -n "s/^$1 kernels \([0-9]*\) .*/\1/p" usage.txt)
    [ "$(grep -c 'Compiling entry function' "$1.assembled")" = $((kernels * $(echo "$for_archs" | wc -w))) ] &&
        ! grep 'spill stores' "$1.assembled" | grep -v ' 0 bytes spill stores, 0 bytes spill loads'
}
if [ -x "$ptxas" ]; then
    check "PTX of resnet translates without spills" translated resnet
    check "and that of bfloat16" translated cifar10_bf16
else skip "PTX translated" "there is no ptxas"; fi
# products NAME INSTRUCTION: each of them multiplies 32 bytes of k twice a step.
products() {
    "$nvcc" -std=c++17 -ptx -arch=compute_90a -o wide.ptx "$1".src/*.cu 2>/dev/null || return 1
    n=$(wide "$1")
    [ "$(grep -c "wgmma\.mma_async\.sync\.aligned\.m64n256$2" wide.ptx)" = $((2 * n)) ] &&
        [ "$(grep -c 'wgmma\.wait_group\.sync\.aligned 0;' wide.ptx)" = "$n" ] &&
        [ "$(grep -c 'mbarrier\.try_wait\.parity' wide.ptx)" = "$n" ] &&
        [ "$(grep -c 'mbarrier\.init' wide.ptx)" = $((4 * n)) ] &&
        [ "$(grep -c 'cp\.async\.bulk\.shared::cluster\.global\.mbarrier' wide.ptx)" = $((3 * n * 3)) ]
}
if [ -x "$nvcc" ]; then
    check "a warpgroup multiplies bfloat16" products wide_bf16 'k16\.f32\.bf16\.bf16'
    check "and tf32" products wide_tf32 'k8\.f32\.tf32\.tf32'
else skip "PTX of sm_90a" "there is no nvcc"; fi
check "nothing is rounded for them by default" has_not cifar10 'mma\.sync\|cvt\.rna\.tf32\|bf16'
check "two of its numbers are read at once" has cifar10_bf16 'ld\.shared\.v2\.f32'
for name in cifar10 cifar10_tf32 cifar10_bf16 prologue_default prologue_tf32 prologue_bf16; do
    check "$name has no local memory" has_not $name '\.local'
done
[ "${REWRITE:-}" ] && { echo "$version"; cat usage.txt; } >"$KEPT"
if [ "$version" != "$(head -n 1 "$KEPT")" ]; then
    skip "what kernels take" "usage.txt is of $(head -n 1 "$KEPT"), and this is $version"
    exit 0
fi
while read -r name rest; do
    # shellcheck disable=SC2086  # a list of words
    set -- $rest
    kept=$(grep "^$name " "$KEPT")
    # shellcheck disable=SC2086
    set -- "$@" ${kept#* }
    if [ $# = 16 ] && [ "$4" -le "${12}" ] && [ "$6" -le "${14}" ] && [ "$8" -le "${16}" ]; then
        ok "$name takes no more than before"
    else
        not_ok "$name takes no more than before" "$rest; usage.txt has '$kept'"
    fi
done <usage.txt
