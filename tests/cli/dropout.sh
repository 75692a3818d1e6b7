#!/bin/sh
# tests/cli/dropout.sh: --dropout torch: the masks of a whole run are PyTorch's, for any number of
# threads, and a run that is stopped in the middle of an epoch goes on with the same ones.
. tests/lib.sh
fixture=$ROOT/tests/fixtures/dropout
cd "$SCRATCH" || exit 1
quick_programs

check "builds" "$SEQC" build "$fixture/model.py" --dropout torch --math strict --verify -o drop -q
train() { ./drop train --data "$fixture/data.csv" --quiet "$@"; }

check "trains" train --epochs 6 --threads 1 --log-steps --out one
far=$(tail -n +2 one/steps.csv | cut -d, -f3 | paste -d' ' - "$fixture/losses.txt" | awk '
    { d = $1 - $2; if (d < 0) d = -d; if (!(NF == 2 && d <= 2e-6)) { print "step " NR ": " $1 ", PyTorch has " $2; exit } }
    END { if (NR != 24) print NR " steps" }')
[ -z "$far" ] && ok "losses of 24 steps are PyTorch's" || not_ok "losses of 24 steps are PyTorch's" "$far"
check "trains with three threads" train --epochs 6 --threads 3 --out three
check "the same bits" cmp one/last.safetensors three/last.safetensors

# Steps long enough to be stopped between two of them.
awk 'BEGIN { s = 1; for (i = 0; i < 4000; i++) { for (j = 0; j < 6; j++) { s = (s * 16807) % 2147483647; printf "%.4f,", s / 1e9 - 1 }
    print s % 3 } }' >large.csv
./drop train --data large.csv --batch 1 --epochs 3 --quiet --out straight >straight.log || not_ok "the straight run" "exit code $?"
./drop train --data large.csv --batch 1 --epochs 3 --quiet --max-time 0.004 --out stopped >stopped.log
code=$?
[ $code = 0 ] && grep -q "stopped by --max-time" stopped.log && ok "stops" || not_ok "stops" "exit code $code: $(cat stopped.log)"
check "goes on" ./drop train --data large.csv --batch 1 --epochs 3 --quiet --resume stopped/last.safetensors
check "to the same bits" cmp straight/last.safetensors stopped/last.safetensors

"$SEQC" build "$fixture/model.py" --math strict -o other -q
./other train --data "$fixture/data.csv" --quiet --epochs 6 --out other.run >/dev/null
cmp -s one/last.safetensors other.run/last.safetensors &&
    not_ok "without it masks are others" "they are the same" || ok "without it masks are others"
"$SEQC" ir "$fixture/model.py" --dropout torch --stage shape >drop.ir
check "IR text keeps the masks" "$SEQC" build drop.ir --math strict -o text -q
./text train --data "$fixture/data.csv" --quiet --epochs 6 --out text.run >/dev/null
check "with the same bits" cmp one/last.safetensors text.run/last.safetensors
refuses "IR text has it settled" 2 "--dropout is for model files" "$SEQC" build drop.ir --dropout torch -o text
sed 's/^mask .2#0. .*/mask "2#0" 1.5/' drop.ir >bad.ir
refuses "a mask's probability" 1 "between 0 and 1" "$SEQC" build bad.ir -o text
