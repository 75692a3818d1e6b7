#!/bin/sh
# tests/cli/agree.sh: ways to compute the same thing agree: any number of threads and a plan that
# shares no memory give the same bits; unfused kernels, other instruction sets and products without
# OpenBLAS the same losses to rounding; a run again the same files. A program for several instruction
# sets gives with each the bits of the program for that one.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs

# train NAME DATA OPTIONS…: a program trains into NAME.run.
train() {
    _n=$1 _data=$2
    shift 2
    ./$_n train --data "$_data" --normalize zscore --epochs 3 --log-steps --out $_n.run --quiet "$@" >/dev/null ||
        not_ok "$_n trains" "exit code $?"
}
same_bits() { cmp -s $2.run/last.safetensors $3.run/last.safetensors && cmp -s $2.run/steps.csv $3.run/steps.csv &&
    ok "$1" || not_ok "$1" "the bits differ"; }
# Losses of all steps within 1e-4, relative.
same_losses() {
    _bad=$(paste -d, $2.run/steps.csv $3.run/steps.csv | awk -F, 'NR > 1 { n++; d = $3 - $7; m = $3 < 0 ? -$3 : $3
        if (d < 0) d = -d; if (!(d <= 1e-4 * m + 1e-6)) { print "step " $1 ": " $3 " and " $7; exit } } END { if (!n) print "no steps" }')
    [ -z "$_bad" ] && ok "$1" || not_ok "$1" "$_bad"
}

# any_threads SAMPLE DATA: the program is a, and a.run what it gives on one thread.
any_threads() {
    "$SEQC" build "$ROOT/samples/$1/model.py" -o a -q && train a "$2" --threads 1
    for threads in 2 3 4 8; do
        cp a b && rm -rf b.run && train b "$2" --threads $threads
        same_bits "$1: $threads threads" a b
    done
    rm -rf b.run
}

# 300 images of 784 numbers, with the label last.
awk 'BEGIN { s = 1; for (i = 0; i < 300; i++) { for (j = 0; j < 784; j++) {
    s = (s * 16807) % 2147483647; printf "%d,", s % 256 } print i % 10 } }' >images.csv
for sample in fashion_mnist softmax_regression fashion_cnn; do
    any_threads $sample images.csv
    rm -rf a.run
done

for sample in iris regression; do
    model=$ROOT/samples/$sample/model.py
    data=$(ls "$ROOT"/samples/$sample/*.csv)
    any_threads $sample "$data"
    "$SEQC" build "$model" --no-reuse -o b -q && train b "$data"
    same_bits "$sample: without shared memory" a b
    rm -rf b.run
    "$SEQC" build "$model" --no-fuse -o b -q && train b "$data"
    same_losses "$sample: unfused" a b
    case $(uname -m) in x86_64) sets="x86-64-v4 x86-64-v3 x86-64 generic" ;; *) sets=generic ;; esac
    grep -q avx2 /proc/cpuinfo || sets=${sets#*v3}
    grep -q avx512bw /proc/cpuinfo || sets=${sets#*v4}
    list=$(echo $sets | tr ' ' ,)
    "$SEQC" build "$model" --march "$list" -o all -q
    for march in $sets; do
        rm -rf b.run all.run
        "$SEQC" build "$model" --march $march -o b -q && train b "$data"
        same_losses "$sample: $march" a b
        train all "$data" --march $march
        same_bits "$sample: $march, among others" b all
    done
    # What one instruction set saved, another goes on from.
    epochs=0 resume='--normalize zscore --out all.run'
    rm -rf all.run b.run
    for march in $sets; do
        epochs=$((epochs + 1))
        ./all train --data "$data" --epochs $epochs $resume --march $march --log-steps --quiet >/dev/null ||
            not_ok "$sample: $march goes on" "exit code $?"
        resume='--resume all.run/last.safetensors'
    done
    cp a b && train b "$data" --epochs $epochs
    same_losses "$sample: an epoch by each instruction set" all b
    rm -rf b.run
    "$SEQC" build "$model" --blas none -o b -q && train b "$data"
    same_losses "$sample: without OpenBLAS" a b
    rm -rf b.run
    "$SEQC" build "$model" --dtype f64 -o b -q && train b "$data"
    [ -s b.run/last.safetensors ] && ok "$sample: float64" || not_ok "$sample: float64" "no weights"
    rm -rf a.run b.run all.run
done
exit 0
