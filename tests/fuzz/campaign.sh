#!/bin/sh
# tests/fuzz/campaign.sh COUNT NAME…: executes each harness COUNT times on inputs that libFuzzer
# makes, and adds a line to tests/fuzz/record.csv. It ends at the first finding.
#
# Without NAME it sums the record up. Hours of work: best under `nice -n 19`. Inputs have up to
# MAX_LEN (1024) bytes; longer ones are the business of fuzz.sh.
set -eu
cd "$(dirname "$0")/../.."
record=tests/fuzz/record.csv
case ${1:-} in
[1-9]*) ;;
'') awk -F, 'NR > 1 { n[$2] += $3; found[$2] += $7 }
        END { for (h in n) printf "%-12s %10d executions, %d findings\n", h, n[h], found[h] }' \
        $record | sort; exit 0 ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
count=$1
shift
for name; do
    seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    log=${BUILD:-build}/fuzz/$name.campaign
    mkdir -p "${BUILD:-build}/fuzz"
    begin=$(date +%s) found=0
    # Without traced comparisons, entropic schedules and a large quarantine an execution costs a
    # quarter. The time limit is for the loaded machine too.
    UNTRACED=1 ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=8 sh tests/fuzz/fuzz.sh "$name" 0 \
        -runs="$count" -seed="$seed" -entropic=0 -timeout=100 -max_len="${MAX_LEN:-1024}" \
        >"$log" 2>&1 || found=1
    done=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$(date +%F),$name,${done:-0},$(($(date +%s) - begin)),$seed,${MAX_LEN:-1024},$found" \
        >>$record
    [ $found = 0 ] || { tail -n 20 "$log"; exit 1; }
done
