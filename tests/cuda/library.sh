#!/bin/sh
# tests/cuda/library.sh: libraries of `seqc emit --target cuda`, with no device (programs.sh): they give the bits
# of the program for CUDA, in any order of threads; what is theirs is given back, whichever call of the
# driver's fails; `seqc verify` holds for them, and finds what is wrong.
. tests/lib.sh
cd "$SCRATCH" || exit 1
. "$ROOT/tests/cuda/programs.sh"
imaged='infer train'
if [ "${DEVICE:-}" != real ] && [ ! "$nvrtc" ]; then
    LD_LIBRARY_PATH=$STANDIN${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
fi
STRICT='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wvla -Werror'

# library NAME MODEL OPTIONS…: the folder NAME with the library `net`, and NAME.so of its kernels.
library() {
    name=$1 model=$2
    shift 2
    with_images "$name" "$SEQC" emit "$model" --target cuda --arch $arch --name net -o "$name" -q "$@" 2>"$name.log" || {
        cat "$name.log"
        return 1
    }
    mkdir -p "$name.src"
    kernels "$name" "$name/net.cu"
}
there() {
    _of=$1 _order=$2
    shift 2
    STANDIN_KERNELS=$PWD/$_of.so STANDIN_ORDER=$_order LD_LIBRARY_PATH=$DRIVER${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$@"
}
# compiled NAME: of its library and tests/cuda/library.c the program NAME.run.
compiled() {
    cc -std=gnu11 -O1 $SEQC_CFLAGS -I"$1" -I"$ROOT" "$ROOT/tests/cuda/library.c" "$1/net.c" "$1/net_weights.c" \
        "$1/net_images.c" -DNET_WEIGHTS="\"$1/net_weights.bin\"" -lm -ldl -o "$1.run"
}
# same_bits NAME ORDER WANT: what the program computes of the flowers.
same_bits() { there "$1" "$2" "./$1.run" iris.txt out.bin && cmp "$3" out.bin; }
# every_call_may_fail NAME DATA WANT: the N-th call fails, for all N; a second run gives what is wanted.
every_call_may_fail() {
    n=0
    while n=$((n + 1)); do
        STANDIN_FAIL=$n there "$1" 0 "./$1.run" "$2" failed.bin >failed.log 2>&1 || {
            echo "call $n: exit code $?"
            cat failed.log
            return 1
        }
        cmp "$3" failed.bin || return 1
        grep -q 'failed at 999' failed.log || break
    done
    [ $n -gt 40 ]
}

sed 's/, momentum=0.9//' "$S/iris/model.py" >sgd.py
tail -n +2 "$S/iris/iris.csv" | sed 's/setosa/0/; s/versicolor/1/; s/virginica/2/' | tr , ' ' >iris.txt

# ---- inference: the program's bits ----
check "a program" build iris sgd.py
check "it trains" on_device iris 0 train --data "$S/iris/iris.csv" --no-shuffle --epochs 2 --quiet --out trained
cut -d, -f1-4 "$S/iris/iris.csv" >inputs.csv
check "a library" library infer sgd.py --batch 16 --weights trained/last.safetensors
check "compiled" compiled infer
check "the program predicts" on_device iris 0 predict --weights trained/last.safetensors --input inputs.csv -o y.npy --quiet
tail -c $((150 * 3 * 4)) y.npy >y.bin
for order in $orders; do
    check "the library gives the same bits, order $order" same_bits infer $order y.bin
done
check "seqc verify" there infer 0 "$SEQC" verify infer

# ---- training: the program's bits, the last batch smaller ----
check "a library that trains" library train sgd.py --mode train --batch 16
check "it is compiled" compiled train
check "an epoch" on_device iris 0 train --data "$S/iris/iris.csv" --no-shuffle --epochs 1 --quiet --out epoch
"$SEQC" emit sgd.py --target cuda --arch $arch --mode train --batch 16 --weights epoch/last.safetensors --weights-as bin \
    --name net -o want -q 2>/dev/null
tail -c +65 want/net_weights.bin >want.bin
for order in $orders; do
    check "steps of the library give the same bits, order $order" same_bits train $order want.bin
done
check "seqc verify, and its steps" there train 0 "$SEQC" verify train
if [ "$DRIVER" ]; then
    check "any call may fail, and nothing is lost" every_call_may_fail infer iris.txt y.bin
    check "and none of training" every_call_may_fail train iris.txt want.bin
fi

# ---- other models ----
verified() {
    what=$1
    shift
    check "$what: a library" library "$@"
    check "$what: seqc verify" there "$1" 0 "$SEQC" verify "$1"
}
verified "masks, Adam, batch norm" drawn "$S/regularization/model.py" --mode train --batch 8
verified "what is made of weights" resnet "$S/resnet/model.py" --batch 2
grep -q '^#define NET_DEVICE_BYTES' resnet/net.h && grep -q 'kept + 0' resnet/net.c && ok "the device makes it" ||
    not_ok "the device makes it" "$(grep DEVICE_BYTES resnet/net.h)"
verified "convolutions that learn" cnn "$S/fashion_cnn/model.py" --batch 3 --mode train --weights-as incbin --layout one
verified "float64, a scheduler" double "$S/schedules/model.py" --batch 5 --mode train --dtype f64 --std c11
verified "tensor cores" cores "$S/fashion_mnist/model.py" --batch 32 --math tf32 --weights-as bin

# ---- what is written ----
for name in infer train resnet; do
    check "$name: C99 without a warning" cc -std=c99 -O2 $STRICT -c $name/net.c $name/net_images.c $name/example.c
    check "$name: as C++" sh -c "command -v c++ >/dev/null || exit 0
        for f in net net_images example; do c++ -x c++ -std=c++11 -O2 $STRICT -c $name/\$f.c -o $name.o || exit 1; done"
    nm net.o net_images.o >symbols
    ! grep -q ' [BbDdCc] ' symbols && ! grep ' U ' symbols | grep -qv -e net_image -e memset -e memcpy -e GLOBAL_OFFSET -e ' pow' -e ' sqrt' &&
        ok "$name: no object that is written to, no function that is called" || not_ok "$name: its symbols" "$(cat symbols)"
done
check "the same bytes again" sh -c "'$SEQC' emit sgd.py --target cuda --arch $arch --name net -o again -q --mode train --batch 16 2>/dev/null && diff -r train again"
check "the same library of NAME.ir" sh -c "'$SEQC' emit train/net.ir \$(sed -n 's/^# seqc emit //p' train/net.ir) -q -o of_text &&
    for f in net.c net.h net.cu; do sed 's/ from [a-z.]*ir\\. / from sgd.py. /; s/net\\.ir/sgd.py/' of_text/\$f >a && cmp a train/\$f || exit 1; done"
"$SEQC" emit sgd.py --target cuda --arch $arch --name net -o told -q --report text >report.txt 2>/dev/null
awk -v least="${nvrtc:+1000}" '{ gsub(",", "") } $1 == "kernels" && $NF > least { n++ } /^on the device/ && $NF == 640 { n++ } $1 == "code" && $NF > 500 { n++ } END { exit n != 3 }' report.txt &&
    ok "a report" || not_ok "a report" "$(cat report.txt)"

# ---- by CMake, and with nvcc ----
awk '{ print $1, $2, $3, $4 }' iris.txt | head -n 16 >example.txt
made() {
    cmake -S "$1" -B "$1-build" && cmake --build "$1-build" && there infer 0 "$1-build/example" <example.txt >example.out &&
        [ "$(wc -l <example.out)" = 48 ]
}
if command -v cmake >/dev/null; then
    check "its CMake project, and an example" made infer
    cp -r infer by_nvcc && rm by_nvcc/net_images.c
    PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin
    if command -v nvcc >/dev/null; then
        cp example.out want.out
        check "without images by nvcc" made by_nvcc
        check "which the library takes" cmp want.out example.out
        cp by_nvcc-build/net_images.c by_nvcc
        check "and seqc verify" there infer 0 "$SEQC" verify by_nvcc
    else
        skip "without images by nvcc" "there is no nvcc"
    fi
else
    skip "its CMake project" "there is no cmake"
fi

# ---- samples/embedding: a program with CUDA's headers ----
driver=-lcuda
[ "$DRIVER" ] && driver=$DRIVER/libcuda.so.1
CUDA_INCLUDE=${CUDA_HOME:-/usr/local/cuda}/include
if [ -e "$CUDA_INCLUDE/cuda.h" ]; then
    check "a sample" sh -c "'$SEQC' emit sgd.py --target cuda --arch $arch --batch 16 --name iris --weights trained/last.safetensors -o iris_cuda -q &&
        cc -O2 $STRICT -Iiris_cuda -isystem '$CUDA_INCLUDE' '$S/embedding/device.c' iris_cuda/*_images.c iris_cuda/*_weights.c iris_cuda/iris.c \
            $driver -ldl -o device"
    awk '{ print $1, $2, $3, $4 }' iris.txt | there infer 0 ./device >species.txt
    od -An -v -w12 -f y.bin | awk '{ best = 1; for (k = 2; k <= 3; k++) if ($k > $best) best = k
        print best == 1 ? "setosa" : best == 2 ? "versicolor" : "virginica" }' | cmp - species.txt &&
        ok "it says what the network says" || not_ok "it says what the network says" "$(head -n 3 species.txt)"
else
    skip "a sample with CUDA's headers" "cuda.h is not here"
fi

# ---- what is wrong, and what is missing ----
if [ "$DRIVER" ]; then
    refuses "no driver" 3 "there is no driver for one" "$SEQC" verify infer
    refuses "no driver: an example" 3 "there is no driver of NVIDIA's" infer-build/example <example.txt
    for arch in 75 120; do
        STANDIN_ARCH=$arch there infer 0 infer-build/example <example.txt >example.log 2>&1
        says=$?
        [ $arch = 75 ] && { [ $says = 3 ] && grep -q 'net_image: CUDA error 209' example.log; } || { [ $arch = 120 ] && [ $says = 0 ]; } &&
            ok "a device of sm_$arch" || not_ok "a device of sm_$arch" "$(cat example.log)"
    done
fi
cp -r infer broken && rm broken/net_images.c
refuses "no images" 3 "broken/net_images.c: it cannot be read" there infer 0 "$SEQC" verify broken
rm -rf broken && cp -r train broken
sed -i 's/scalar0;/scalar0 * 1.01f;/' broken/net.cu && mkdir -p broken.src && kernels broken broken/net.cu
refuses "a rate that is wrong by 1%" 1 "FAILS" there broken 0 "$SEQC" verify broken
rm -rf broken && cp -r infer broken
sed -i 's/        out,  /        arena - 64,  /' broken/net.c
cmp -s broken/net.c infer/net.c && not_ok "a result that goes elsewhere" "nothing was edited"
refuses "a result that goes elsewhere" 1 "it writes before its workspace" there infer 0 "$SEQC" verify broken
for option in "--blas openblas" "--threads 2" --embed --no-libm "--quantize int8" "--store bf16" "--ram-budget 1M"; do
    # shellcheck disable=SC2086  # an option and its value
    refuses "$option" 2 "goes with --target c" "$SEQC" emit sgd.py --target cuda $option
done
refuses "an instruction set" 2 "for --target c" "$SEQC" emit sgd.py --target cuda --march native
refuses "an architecture for a processor" 2 "for --target cuda" "$SEQC" emit sgd.py --arch sm_90
refuses "no architecture" 2 "unknown architecture 'ampere'" "$SEQC" emit sgd.py --target cuda --arch ampere
