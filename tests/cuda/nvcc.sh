#!/bin/sh
# tests/cuda/nvcc.sh: the project beside kept sources makes the program by NVIDIA's nvcc: with machine
# code and PTX that the stand-in for the driver takes, and from images, what reads them.
. tests/lib.sh
cd "$SCRATCH" || exit 1
S=$ROOT/samples DRIVER=$(dirname "$SEQC")/tests/cuda/driver
SEQC_HOME=$("$SEQC" doctor | sed -n 's/^runtime  *//p')
export SEQC_HOME
PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin
if ! command -v nvcc >/dev/null || ! command -v cmake >/dev/null; then
    skip "a project for nvcc" "there is no nvcc"
    exit 0
fi

# made NAME MODEL: by nvcc, of what `seqc build --keep` leaves. Without NVRTC that is all it does.
made() {
    name=$1
    "$SEQC" build "$2" --target cuda --arch sm_90,sm_86 --keep "$name.src" -o "$name" -q >build.log 2>&1
    rm -f "$name.src"/*_images.c
    cmake -S "$name.src" -B "$name.made" && cmake --build "$name.made" && [ -x "$name.made/model" ]
}

# info ARCH TEXT: what the program made of iris says on a device of that architecture.
info() {
    STANDIN_ARCH=$1 LD_LIBRARY_PATH=$DRIVER${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        ./iris.made/model info >info.log || return 1
    cat info.log
    grep -q "$2" info.log
}

check "iris is made by nvcc" made iris "$S/iris/model.py"
if [ -e "$DRIVER/libcuda.so.1" ]; then
    check "with machine code for sm_90" info 90 'sm_90, [1-9]'
    check "with machine code for 8.6, which 8.9 takes" info 89 'sm_86, [1-9]'
    check "with PTX of the lowest for what comes later" info 120 'compute_86, [1-9]'
else
    skip "what iris was made with" "the stand-in is not built"
fi
check "a model of images is made by nvcc" made fashion_cnn "$S/fashion_cnn/model.py"
check "and trains on a device alone" sh -c "! ./fashion_cnn.made/model train --data \"$S/fashion_mnist\" >out.log 2>&1 &&
    grep -q 'libcuda.so.1' out.log"
check "without SEQC_HOME it says what is missing" sh -c "! env -u SEQC_HOME cmake -S iris.src -B none >cmake.log 2>&1 &&
    grep -q 'DSEQC_HOME=FOLDER' cmake.log"
