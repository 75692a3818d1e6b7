#!/bin/sh
# tests/cuda/own.sh: functions in C as layers, losses and optimizers of programs for CUDA, with no device
# (programs.sh): every model own_* of the fixtures has the losses of the same program in C, and the
# same bits in two orders of threads. By tests/run --full; tests/cli/own.sh counts their kernels.
. tests/lib.sh
cd "$SCRATCH" || exit 1
. "$ROOT/tests/cuda/programs.sh"

# rows COLUMNS FILE: 40 rows of numbers in 0 … 1, the last three columns are targets.
rows() {
    awk -v columns="$1" 'BEGIN {
        for (i = 1; i <= columns; i++) printf "%sc%d", (i > 1 ? "," : ""), i
        print ""
        for (k = x = 1; k <= 40; k++) {
            for (i = 1; i <= columns; i++) {
                x = (x * 16807) % 2147483647
                printf "%s%.5f", (i > 1 ? "," : ""), x / 2147483647
            }
            print ""
        }
    }' >"$2"
}
rows 8 rows.csv
rows 39 images.csv

[ "$orders" = '0 1 2 3 4' ] && orders='0 3'
for model in "$ROOT"/tests/fixtures/models/own_*.py; do
    name=$(basename "$model" .py) data=rows.csv targets=c6,c7,c8
    grep -q Conv2d "$model" && data=images.csv targets=c37,c38,c39
    sample "$name" "$model" --data "$data" --target "$targets" --epochs 3
done
