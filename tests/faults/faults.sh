#!/bin/sh
# tests/faults/faults.sh [--full] [VERB…]: memory that runs out and files that fail, at every call,
# in seqc and in a generated program, unmodified (shim.c is preloaded).
#
# A run that meets a fault ends with 5 (memory) or 3 (files) and a message that says why, or does
# all its work as if nothing had been; interrupted and short reads and writes, and threads that
# cannot be started, are no faults at all. A result that was there before is whole, old or new;
# nothing temporary is left. Without --full each kind of fault is tried at a spread of calls, with
# it at every one.
. tests/lib.sh
most=4 most_memory=12
[ "${1:-}" = --full ] && shift && most=100000 most_memory=100000
iris=$ROOT/samples/iris
shim=$SCRATCH/shim.so
cd "$SCRATCH" || exit 1
if ! ${CC:-cc} -O1 -shared -fPIC -o "$shim" "$ROOT/tests/faults/shim.c" 2>shim.log; then
    skip faults "the library to preload cannot be built here"
    exit 0
fi
env LD_PRELOAD="$shim" FAULT_CALL=open FAULT_AT=1 FAULT_HOW=EIO \
    "$SEQC" ir "$iris/model.py" >/dev/null 2>&1
if [ $? != 3 ]; then
    skip faults "preloading does not reach seqc here (sanitizers, static linking)"
    exit 0
fi
export TMPDIR=$SCRATCH/tmp
mkdir -p tmp

# ---- what is run ----

# A compiler that takes no time: what it makes is never started.
cat >fast-cc <<'END'
#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo program >"$2"
END
# One that keeps what it makes, for what is loaded.
cat >kept-cc <<'END'
#!/bin/sh
out='' source=''
for arg; do
    [ "$out" = next ] && out=$arg
    case $arg in -o) out=next ;; *.c) source=$arg ;; esac
done
kept=kept-$(cksum <"$source" | tr ' ' -)
[ -e "$kept" ] || { ${CC:-cc} -O0 "$@" && cp "$out" "$kept"; }
cp "$kept" "$out"
END
chmod +x fast-cc kept-cc
printf 'from torch import nn\nmodel = nn.Sequential(nn.Linear(3, 2), nn.Tanh())\n' >small.py
printf 'from torch import nn\nmodel = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh())\n' >norm.py
"$SEQC" build "$iris/model.py" --march x86-64 --blas none -q -o iris || {
    not_ok build "exit code $?"
    exit 0
}
"$SEQC" ir "$iris/model.py" --stage shape -o shape.ir
train="./iris train --data $iris/iris.csv --normalize zscore --val-split 0.2 --quiet --threads 2"
$train --epochs 1 --log-steps --out first >/dev/null
W=first/last.safetensors
cut -d, -f1-4 "$iris/iris.csv" | head -n 20 >x.csv
# x.npy: five rows of float32 zeros.
{
    printf '\223NUMPY\001\000\166\000%-117s\n' \
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4), }"
    head -c 80 /dev/zero
} >x.npy

# Six images of four bytes, packed, and as many labels.
mkdir idx
for part in train t10k; do
    { printf '\0\0\010\003\0\0\0\006\0\0\0\002\0\0\0\002'; head -c 24 "$iris/iris.csv"; } |
        gzip -n >idx/$part-images-idx3-ubyte.gz
    printf '\0\0\010\001\0\0\0\006\0\001\002\0\001\002' >idx/$part-labels-idx1-ubyte
done
sed 's/^model = nn.Sequential(/input_shape = (2, 2)\n&nn.Flatten(), nn.Dropout(0.5), /' "$iris/model.py" >images.py
"$SEQC" build images.py --dropout torch --march x86-64 --blas none -q -o images || not_ok build "exit code $?"
# Two records of CIFAR's, and a name for each class.
mkdir cifar
{ printf '\001'; head -c 3072 "$SEQC"; printf '\002'; head -c 3072 "$SEQC"; } >cifar/data_batch_1.bin
cp cifar/data_batch_1.bin cifar/test_batch.bin
printf 'plane\ncar\nbird\n' >cifar/batches.meta.txt
cat >cifar.py <<'END'
import torchvision
from torch import nn, optim
from torchvision import transforms
steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((.5, .4, .3), (1, 2, 3))])
train = torchvision.datasets.CIFAR10("cifar", transform=steps)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
END
"$SEQC" build cifar.py --march x86-64 --blas none -q -o cifar-net || not_ok build "exit code $?"
# Two folders of images, where they can be read.
mkdir -p photos/a photos/b
cp "$ROOT/tests/fixtures/images/rgb.png" photos/a
cp "$ROOT/tests/fixtures/images/rgb.jpg" photos/b
sed 's/CIFAR10("cifar"/ImageFolder("photos"/; s/(\[transforms.ToTensor/([transforms.Resize((32, 32)), transforms.ToTensor/' \
    cifar.py >photos.py
"$SEQC" build photos.py --march x86-64 --blas none -q -o photo-net || not_ok build "exit code $?"
folders=''
./photo-net train --data photos --epochs 0 --quiet --out tried >tried.txt 2>&1 &&
    ./photo-net predict --input photos/a/rgb.png --weights tried/last.safetensors >tried.txt 2>&1 && folders=folder
# A run to go on with.
mkdir -p auto/runs
cp -r first auto/runs/1

# Each verb leaves its result in the file `result`, which may be there before. $fault comes first.
run_build() { $fault "$SEQC" build "$iris/model.py" --cc ./fast-cc --march x86-64 -q -o result; }
run_variants() { $fault "$SEQC" build "$iris/model.py" --cc ./fast-cc --march x86-64,generic -q -o result; }
run_emit() {
    [ -e result ] && mkdir lib && mv result lib/n.c
    $fault "$SEQC" emit norm.py --name n --march x86-64 --cc ./kept-cc -q -o lib
    ended=$?
    [ -e lib/n.c ] && mv lib/n.c result
    rm -rf lib
    return $ended
}
run_verify() { $fault "$SEQC" verify library --cc ./kept-cc --runner 'env -u LD_PRELOAD' >result; }
run_ir() { $fault "$SEQC" ir "$iris/model.py" --march x86-64 -o result; }
run_svg() { $fault "$SEQC" ir "$iris/model.py" --stage fuse --format svg -o result; }
run_opt() { $fault "$SEQC" opt shape.ir --passes differentiate,optimizer -o result; }
run_summary() { $fault "$SEQC" summary "$iris/model.py" --march x86-64 >result; }
run_check() {
    $fault "$SEQC" check small.py --loss 'nn.MSELoss()' --cc ./kept-cc --march x86-64 >check.txt
    ended=$?
    sed 's/  [^ ]* s$//' check.txt >result      # without the time that it took
    return $ended
}
run_doctor() { $fault "$SEQC" doctor >doctor.txt && : >result; }
run_explain() { $fault "$SEQC" explain fuse >result; }
run_completion() { $fault "$SEQC" completion bash >result; }
run_train() {
    [ -e result ] && mkdir run && mv result run/last.safetensors
    $fault $train --epochs 1 --log-steps --out run >train.txt
    take_run $?
}
run_resume() {
    cp -r first run
    [ -e result ] && mv result run/last.safetensors
    $fault $train --epochs 2 --resume first/last.safetensors --out run >train.txt
    take_run $?
}
run_auto() {
    rm -rf run && cp -r auto run
    (cd run && $fault ../iris train --data "$iris/iris.csv" --normalize zscore --val-split 0.2 \
        --quiet --threads 2 --epochs 2 --resume auto >train.txt)
    ended=$?
    cmp -s run/runs/1/last.safetensors $W || mv run/runs/1/last.safetensors result
    find run -name '.seqc*' -exec mv {} . \;
    return $ended
}
run_images() {
    [ -e result ] && mkdir run && mv result run/last.safetensors
    $fault ./images train --data idx --epochs 1 --quiet --threads 2 --out run >train.txt
    take_run $?
}
run_cifar() {
    [ -e result ] && mkdir run && mv result run/last.safetensors
    $fault ./cifar-net train --data cifar --epochs 1 --quiet --threads 2 --out run >train.txt
    take_run $?
}
run_folder() {
    [ -e result ] && mkdir run && mv result run/last.safetensors
    $fault ./photo-net train --data photos --epochs 1 --quiet --threads 2 --out run >train.txt
    take_run $?
}
take_run() {
    ended=$1
    [ -e run/last.safetensors ] && mv run/last.safetensors result
    find run -name '.seqc*' -exec mv {} . \;
    rm -rf run
    return $ended
}
run_eval() {
    $fault ./iris eval --data "$iris/iris.csv" --weights $W --quiet --threads 1 >eval.txt
    ended=$?
    sed 's/, [^,]*$//' eval.txt >result      # without the time that it took
    return $ended
}
run_predict() {
    $fault ./iris predict --weights $W --input x.csv --output result.csv --quiet --threads 2
    ended=$?
    [ -e result.csv ] && mv result.csv result
    return $ended
}
run_grad() {
    $fault ./iris grad --weights $W --input x.npy --cotangent y.npy --output result.safetensors \
        --quiet --threads 2
    ended=$?
    [ -e result.safetensors ] && mv result.safetensors result
    return $ended
}
run_info() { $fault ./iris info >result; }
run_bench() { $fault ./iris bench --steps 2 --threads 2 --quiet >bench.txt && : >result; }
./iris predict --weights $W --input x.npy --output y.npy --quiet
"$SEQC" emit norm.py --loss 'nn.MSELoss()' --optimizer 'optim.SGD(model.parameters(), lr=0.1)' --mode train --batch 4 \
    --name n --march x86-64 -q -o library 2>emit.txt || not_ok emit "exit code $?"
every="build variants emit verify ir svg opt summary check doctor explain completion train resume auto images cifar
    $folders eval
    predict grad info bench"
to_stdout=" summary check verify explain completion eval info doctor bench "    # nothing old to keep

# ---- one run ----

temporaries() { find . -name '.seqc-*' -o -name '*.part*' -o -name '*.log-*' -o -path './tmp/?*'; }

# reason CALL HOW: what a message must say. Text that waits in a stream may fail where nobody asks
# why.
reason() {
    case $1,$2 in
    *,ENOMEM | *,out) echo memory ;;
    stdout,*) echo 'standard output:' ;;
    *,EIO) echo 'Input/output error' ;;
    *,EINTR) echo 'Interrupted system call' ;;
    *,EAGAIN) echo 'temporarily unavailable' ;;
    *) echo 'No space left on device|the disk is full' ;;
    esac
}

# attempt VERB CALL N HOW CODE: CODE is the one that a failure may have; 0: it may not fail.
attempt() {
    fault="env LD_PRELOAD=$shim FAULT_CALL=$2 FAULT_AT=$3 FAULT_HOW=$4"
    printf old >result
    run_"$1" >stdout.txt 2>stderr.txt
    got=$?
    what="$1: $4 at $2 $3"
    if [ $got = 0 ]; then
        cmp -s result "$1.expected" || complain "$what" "exit code 0, but another result"
    elif [ $got != "$5" ]; then
        complain "$what" "exit code $got"
    elif ! grep -qiE "$(reason "$2" "$4")" stderr.txt; then
        complain "$what" "no message that says why"
    elif [ "${to_stdout#* $1 }" != "$to_stdout" ]; then
        :
    elif [ "$(cat result)" != old ] && ! cmp -s result "$1.expected"; then
        complain "$what" "the old result is lost"
    fi
    if [ "$(temporaries)" ]; then
        # What cannot be removed stays.
        [ "$2" = unlink ] || complain "$what" "left behind: $(temporaries | tr '\n' ' ')"
        temporaries | xargs rm -rf
    fi
}

complain() {
    echo "    $1: $2" >>complaints.txt
    sed 's/^/        /' stderr.txt | tail -n 3 >>complaints.txt
}

# sweep VERB CALL CODE HOW…: at as many calls as there are, or at a spread of them.
sweep() {
    verb=$1 call=$2 code=$3
    shift 3
    fault="env LD_PRELOAD=$shim FAULT_CALL=$call FAULT_COUNT=$SCRATCH/count"
    rm -f count result
    run_"$verb" >stdout.txt 2>&1
    calls=$(cat count)
    limit=$most
    [ "$call" = memory ] && limit=$most_memory
    : >complaints.txt
    for how in "$@"; do
        n=1
        while [ "$n" -le "$calls" ]; do
            attempt "$verb" "$call" $n "$how" "$code"
            # The first calls one by one, the others evenly.
            step=$(((calls - limit / 2) / (limit / 2 + 1)))
            [ $n -lt $((limit / 2)) ] || [ $step -lt 1 ] && step=1
            n=$((n + step))
        done
    done
    [ "$calls" = 0 ] && return
    if [ -s complaints.txt ]; then
        not_ok "$verb: $call, $* ($calls calls)" "see below"
        head -n 30 complaints.txt
    else
        ok "$verb: $call, $*"
    fi
}

# ---- all ----

for verb in ${*:-$every}; do
    fault=''
    rm -f result
    run_"$verb" >stdout.txt 2>&1 || not_ok "$verb without faults" "exit code $?"
    cp result "$verb.expected"
    # doctor loads graphics drivers' libraries, which end the process themselves.
    [ "$verb" = doctor ] || sweep "$verb" memory 5 ENOMEM out
    sweep "$verb" open 3 EIO EINTR full
    sweep "$verb" read 3 EIO
    sweep "$verb" read 0 EINTR short
    sweep "$verb" write 3 EIO full
    sweep "$verb" write 0 EINTR short
    sweep "$verb" stdout 3 EIO full
    sweep "$verb" fsync 3 EIO ENOSPC EINTR
    sweep "$verb" close 3 EIO EINTR
    sweep "$verb" rename 3 EIO ENOSPC
    sweep "$verb" unlink 3 EIO
    sweep "$verb" mkdir 3 EIO full
    sweep "$verb" temp 3 EIO full
    sweep "$verb" stat 3 EIO
    sweep "$verb" list 3 EIO
    sweep "$verb" spawn 3 EAGAIN
    sweep "$verb" thread 0 EAGAIN
done
exit 0
