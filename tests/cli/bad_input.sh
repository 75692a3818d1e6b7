#!/bin/sh
# tests/cli/bad_input.sh: files that are wrong, through the real command lines: a message that says
# what and where, the exit code, and nothing lost.
. tests/lib.sh
cd "$SCRATCH" || exit 1
"$SEQC" build "$ROOT/samples/iris/model.py" -o iris -q || { not_ok "build" "exit code $?"; exit 0; }
"$SEQC" build "$ROOT/samples/regression/model.py" -o houses -q
"$SEQC" build "$ROOT/samples/softmax_regression/model.py" -o images -q
iris=$ROOT/samples/iris/iris.csv
houses=$ROOT/samples/regression/houses.csv
./iris train --data "$iris" --epochs 1 --out run --quiet >/dev/null || not_ok "a run to begin with" "exit code $?"
W=run/last.safetensors
train() { refuses "$1" "$2" "$3" ./iris train --quiet --epochs 1 --out bad --data "$4"; }

# ---- CSV ----
train "missing data" 3 nowhere.csv nowhere.csv
: >empty.csv
train "empty file" 1 empty.csv empty.csv
head -n 1 "$iris" >header.csv
train "header alone" 1 header.csv header.csv
{ head -n 5 "$iris"; echo 1,2,setosa; } >ragged.csv
train "ragged row" 1 "ragged.csv:6" ragged.csv
{ head -n 5 "$iris"; echo 1,2,x3,4,setosa; } >text.csv
train "text in a number column" 1 "text.csv:6" text.csv
{ head -n 5 "$iris"; echo 1,2,nan,4,setosa; } >nan.csv
refuses "NaN in a number column" 1 "nan.csv:6" ./iris train --quiet --epochs 1 --out bad --data nan.csv
{ head -n 5 "$iris"; echo 1,2,,4,setosa; } >hole.csv
train "an empty cell" 1 "hole.csv:6" hole.csv
{ head -n 5 "$iris"; printf '1,2,3,4,"setosa\n'; } >quote.csv
train "a quote that never ends" 1 "quote.csv" quote.csv
awk -F, 'NR > 1 { $5 = NR % 3 }; NR == 9 { $5 = 3 }; { print }' OFS=, "$iris" >range.csv
train "label out of range" 1 "3" range.csv
awk -F, 'NR > 1 { $5 = -1 }; { print }' OFS=, "$iris" >negative.csv
train "negative label" 1 "-1" negative.csv
awk -F, 'NR > 1 { $5 = "k" NR % 4 }; { print }' OFS=, "$iris" >four.csv
train "more names than classes" 1 "3 classes" four.csv
cut -d, -f1,2,5 "$iris" >narrow.csv
train "too few columns" 1 "narrow.csv" narrow.csv
refuses "an unknown target column" 2 "colour" ./iris train --data "$iris" --target colour --out bad
printf '\377\376a,b\n\000\001,2\n' >binary.csv
train "binary bytes" 1 binary.csv binary.csv

# ---- weights ----
refuses "weights of another model" 1 "0.weight" ./houses eval --data "$houses" --weights $W
refuses "missing weights" 3 nowhere ./iris eval --data "$iris" --weights nowhere.safetensors
for bytes in 0 4 8 50 200 400; do
    head -c $bytes $W >cut.safetensors
    refuses "safetensors cut to $bytes bytes" 1 cut.safetensors ./iris eval --data "$iris" --weights cut.safetensors
done
printf '\377\377\377\377\377\377\377\177{}' >huge.safetensors
refuses "a header of 2^63 bytes" 1 huge.safetensors ./iris eval --data "$iris" --weights huge.safetensors
hostile() {   # NAME HEADER
    printf "\\$(printf %o ${#2})\\0\\0\\0\\0\\0\\0\\0%s" "$2" >hostile.safetensors
    refuses "$1" 1 hostile.safetensors ./iris eval --data "$iris" --weights hostile.safetensors
}
hostile "a header that is no JSON" '{"0.weight":'
hostile "offsets behind the end" '{"0.weight":{"dtype":"F32","shape":[16,4],"data_offsets":[0,256]}}'
hostile "negative offsets" '{"0.weight":{"dtype":"F32","shape":[16,4],"data_offsets":[-256,0]}}'
hostile "a shape that overflows" '{"0.weight":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'
hostile "nesting without end" "$(printf '%0200d' 0 | sed 's/0/[/g')"

# ---- NPY, IDX, gzip ----
printf '\223NUMPY\001\000\166\000{"descr": ' >cut.npy
refuses "NPY that is cut" 1 cut.npy ./iris predict --weights $W --input cut.npy --output y.npy
printf "\\223NUMPY\\001\\000\\106\\000%-69s\\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 4), }" >short.npy
refuses "NPY with fewer data than it says" 1 short.npy ./iris predict --weights $W --input short.npy --output y.npy
printf "\\223NUMPY\\001\\000\\106\\000%-69s\\n" "{'descr': '|O', 'fortran_order': False, 'shape': (1, 4), }" >object.npy
refuses "NPY of Python objects" 1 object.npy ./iris predict --weights $W --input object.npy --output y.npy
mkdir -p idx
idx() { refuses "$1" "$2" "$3" ./images train --quiet --data idx --epochs 1 --out bad; rm -f idx/*; }
refuses "a folder without data" "1" "idx" ./images train --quiet --data idx --epochs 1 --out bad
printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034abc' >idx/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\002\0\001' >idx/train-labels-idx1-ubyte
idx "IDX that is cut" 1 train-images
printf '\0\0\010\003\377\377\377\377\377\377\377\377\377\377\377\377' >idx/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\002\0\001' >idx/train-labels-idx1-ubyte
idx "IDX sizes that overflow" 1 train-images
{ printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034'; head -c 1568 /dev/zero; } >idx/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\003\0\001\002' >idx/train-labels-idx1-ubyte
idx "more labels than images" 1 train-labels
{ printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034'; head -c 1568 /dev/zero; } >idx/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\002\0\012' >idx/train-labels-idx1-ubyte
idx "IDX label out of range" 1 10
{ printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034'; head -c 1568 /dev/urandom; } | gzip | head -c 700 >idx/train-images-idx3-ubyte.gz
printf '\0\0\010\001\0\0\0\002\0\001' >idx/train-labels-idx1-ubyte
idx "gzip that is cut" 1 train-images-idx3-ubyte.gz
echo "no gzip at all" >idx/train-images-idx3-ubyte.gz
printf '\0\0\010\001\0\0\0\002\0\001' >idx/train-labels-idx1-ubyte
idx "gzip that is none" 1 train-images-idx3-ubyte.gz

# ---- usage ----
refuses "no verb" 2 train ./iris
refuses "misspelt verb" 2 "did you mean" ./iris trian
refuses "unknown option" 2 "--epoch" ./iris train --epoch 3
refuses "batch above the capacity" 2 "--batch" ./iris train --data "$iris" --batch 9999
refuses "no data" 2 "--data" ./iris train
refuses "predict without weights" 2 "--weights" ./iris predict --input "$iris" --output y.csv
refuses "an output in a missing folder" 3 "no/such" ./iris predict --quiet --weights $W --input "$iris" --output no/such/y.csv
refuses "an output folder that cannot be made" 3 "" ./iris train --data "$iris" --epochs 1 --out /proc/none
refuses "learning rate that explodes" 4 "" ./houses train --data "$houses" --lr 1e30 --epochs 3 --out bad

# ---- signals: it saves, says so and ends as the shell expects ----
for s in INT TERM; do
    code=130
    [ $s = TERM ] && code=143
    rm -rf sig
    ./houses train --data "$houses" --normalize zscore --epochs 1000000 --out sig --quiet >sig.log 2>&1 &
    pid=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.2
        [ -s sig/metrics.csv ] && break
    done
    kill -s $s $pid
    wait $pid
    got=$?
    if [ $got = $code ] && [ -s sig/last.safetensors ]; then
        check "after SIG$s the weights can be used" ./houses eval --data "$houses" --weights sig/last.safetensors
    else
        not_ok "SIG$s" "exit code $got, not $code, or no weights saved"
        tail -n 3 sig.log | sed 's/^/    /'
    fi
done
cat >signals <<'END'
#!/bin/sh
kill -TERM $PPID
exec cc "$@"
END
chmod +x signals
echo before >earlier
"$SEQC" build "$ROOT/samples/iris/model.py" --cc ./signals -o earlier
got=$?
check "an interrupted build leaves an earlier program" [ "$got $(cat earlier) $(echo earlier.*)" = "143 before earlier.*" ]
cmp -s $W run/best.safetensors || [ -s $W ] && ok "the first run is as it was" || not_ok "the first run is as it was" "lost"
exit 0
