#!/bin/sh
# tests/faults/kill.sh [--full]: kill -9 at random moments of a training run, 20 of them, with --full
# 1,000. After each, every checkpoint that was announced and is not yet outdated loads, and the run
# goes on; when one ends, its files are those of a run that was never killed, to the bit.
#
# Moments come from the system's random numbers: no two runs of this test are the same.
. tests/lib.sh
kills=20
[ "${1:-}" = --full ] && kills=1000
data=$ROOT/samples/iris/iris.csv
cd "$SCRATCH" || exit 1
"$SEQC" build "$ROOT/samples/iris/model.py" --march x86-64 --blas none -q -o iris || {
    not_ok "kill -9" "the program cannot be built"
    exit 0
}
train="./iris train --data $data --normalize zscore --val-split 0.2 --log-steps --threads 2
       --epochs 30 --save-every 1 --keep 2 --no-progress"

complain() { echo "    kill $killed: $*" >>complaints.txt; }

# A number from 0 to 999.
random() { od -An -N2 -tu2 /dev/urandom | awk '{ print $1 % 1000 }'; }

loads() {
    ./iris eval --data "$data" --weights "$1" --quiet --threads 1 >eval.txt 2>&1 ||
        complain "$1 does not load: $(cat eval.txt)"
}

# What the clock measured is left out: the columns seconds and samples_per_second.
plain() { awk -F, -v OFS=, '{ $(NF - 1) = $(NF - 2) = "" } 1' "$1"; }

same_as_straight() {
    for file in last.safetensors best.safetensors epoch-0029.safetensors epoch-0030.safetensors \
        steps.csv; do
        cmp -s "straight/$file" "run/$file" || complain "$file is not the straight run's"
    done
    plain straight/metrics.csv >straight.txt
    plain run/metrics.csv >run.txt
    cmp -s straight.txt run.txt || complain "metrics.csv is not the straight run's"
    [ -z "$(find run -name '.seqc-*')" ] || complain "temporary files are left"
}

: >complaints.txt
killed=0 ended=0
begin=$(date +%s%N)
$train --out straight >straight.txt || complain "the straight run ends with $?"
# A run's length, so that moments lie all over it; 20 ms at least.
span=$((($(date +%s%N) - begin) / 1000000))
[ $span -ge 20 ] || span=20

while [ $killed -lt $kills ] && [ $ended -lt $((2 * kills)) ]; do
    $train --out run --resume auto >out.txt 2>err.txt &
    pid=$!
    wait_ms=$(($(random) * span / 1000))
    sleep "$((wait_ms / 1000)).$(printf %03d $((wait_ms % 1000)))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    code=$?
    case $code in
    137) killed=$((killed + 1)) ;;
    0)
        ended=$((ended + 1))
        same_as_straight
        rm -rf run
        continue
        ;;
    *)
        complain "the run ends with $code: $(cat err.txt)"
        rm -rf run
        continue
        ;;
    esac
    for path in $(sed -n 's/^saved //p' out.txt | tail -n 2); do
        loads "$path"
    done
    for path in run/last.safetensors run/best.safetensors; do
        [ -e $path ] && loads $path
    done
done
# The last one is brought to its end, whatever the moments were.
$train --out run --resume auto >out.txt 2>err.txt || complain "the run ends with $?: $(cat err.txt)"
same_as_straight

if [ -s complaints.txt ]; then
    not_ok "kill -9 at $killed moments" "$(grep -c . complaints.txt) complaints"
    head -n 20 complaints.txt
else
    ok "kill -9 at $killed moments, $ended runs to their end"
fi
