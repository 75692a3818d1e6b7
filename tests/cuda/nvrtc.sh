#!/bin/sh
# tests/cuda/nvrtc.sh: NVIDIA's compiler takes every kernel of the samples that CUDA serves, for every
# architecture, without a register that spills into memory. What the kernels take at most, and how
# many launches a training step has, stands in usage.txt, by one version of the compiler; a change for
# the better rewrites it:
#
#   REWRITE=yes sh tests/cuda/nvrtc.sh
. tests/lib.sh
S=$ROOT/samples KEPT=$ROOT/tests/cuda/usage.txt
cd "$SCRATCH" || exit 1
if ! "$SEQC" doctor | grep -q '^  NVRTC *[0-9]'; then
    skip "kernels by NVRTC" "there is none"
    exit 0
fi

# "NAME kernels N registers N shared N launches N": the largest over kernels and architectures.
usage() {
    name=$1 model=$2
    "$SEQC" build "$model" --target cuda --arch sm_80,sm_86,sm_89,sm_90,sm_100,sm_120 --verbose \
        --keep "$name.src" -o "$name" >/dev/null 2>"$name.log" || { tail -n 5 "$name.log"; return 1; }
    source=$(echo "$name".src/*.cu)
    kernels=$(grep -c '^KERNEL(' "$source")
    functions=$(grep -c '^SUBROUTINE ' "$source")
    spills=$(awk '/Function properties for/ { name = $1 " " $NF }
        /bytes spill stores/ {
        for (i = 1; i < NF; i++) if ($(i + 1) == "bytes" && $(i + 2) == "spill" && $i > 0) n++
        if (!seen[name]++) names++ } END { print names + 0, n + 0 }' "$name.log")
    if [ "$spills" != "$((6 * (kernels + functions))) 0" ]; then
        echo "$kernels kernels and $functions functions for 6 architectures; seen, and spills: $spills"
        return 1
    fi
    registers=$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' "$name.log" | sort -n | tail -n 1)
    shared=$(sed -n 's/^    { "[^"]*", [0-9]*, \([0-9]*\) },$/\1/p' "${source%.cu}.c" | sort -n | tail -n 1)
    launches=$(awk '/^static void run_train\(/ { on = 1 } on && /rt_launch\(/ { n++ } /^}/ { on = 0 }
        END { print n + 0 }' "${source%.cu}.c")
    echo "$name kernels $kernels registers $registers shared $shared launches $launches" >>usage.txt
}

version=$("$SEQC" doctor | sed -n 's/^  NVRTC *\([0-9.]*\),.*/NVRTC \1/p')
: >usage.txt
for name in iris regression regularization mc_dropout softmax_regression; do
    check "$name compiles without spills" usage $name "$S/$name/model.py"
done
for name in fashion_cnn cifar10 resnet; do
    check "$name compiles without spills" usage $name "$S/$name/model.py"
done
check "residual_mlp compiles without spills" usage residual_mlp "$S/residual_mlp/uncertain.py"
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
