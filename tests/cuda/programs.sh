# tests/cuda/programs.sh: models as programs for CUDA, with no device: NVIDIA's driver is the stand-in,
# the kernels run in the emulator. Their losses are those of the same models as programs in C, and
# their bits do not depend on the order of threads and blocks. Contraction is off on both sides. With
# tensor cores losses are as near as their numbers are.
#
# DEVICE=real runs them on this machine's device instead: ten runs give the same bits, and losses
# agree to 1e-4, as NVIDIA's compiler contracts.
#
# Sourced by samples.sh and large.sh in their folders, behind tests/lib.sh; full=yes has all programs
# built with images.
# shellcheck shell=sh
S=$ROOT/samples T=$ROOT/tests/cuda DRIVER=$(dirname "$SEQC")/tests/cuda/driver
export SEQC_CFLAGS='-ffp-contract=off -O0'    # they run for a moment, and are compiled for longer
emulated=-O1                               # kernels run longer, in five orders
arch=sm_90 math=default near=1e-5          # the stand-in looks at no image
orders='0 1 2 3 4' samples=0
if [ "${DEVICE:-}" = real ]; then
    orders='0 1 2 3 4 5 6 7 8 9'           # so many runs
    DRIVER='' arch=sm_80,sm_90,sm_100,sm_120 near=1e-4
    if "$SEQC" doctor | grep -q '^  driver *not found'; then
        skip "samples on a device" "there is no driver of NVIDIA's"
        exit 0
    fi
elif [ ! -e "$DRIVER/libcuda.so.1" ]; then
    skip "samples for CUDA" "the stand-in is not built"
    exit 0
fi
"$SEQC" doctor | grep -q '^  NVRTC *[0-9]' && nvrtc=yes || nvrtc=''
[ "$nvrtc" ] || skip "images by NVRTC" "there is none: the stand-in for it makes them"
# The stand-in for the driver looks at no image, and nvrtc.sh compiles the kernels of every sample: a few
# programs have NVIDIA's images, or all of them on a device and with --full, the others a stand-in's.
imaged='iris block tiles'
STANDIN=$(dirname "$SEQC")/tests/cuda/nvrtc

# with_images NAME COMMAND…: that program's images are made by it.
with_images() {
    case "$DRIVER,$nvrtc,${full:-}, $imaged " in
    ,* | *,yes,yes,* | *,yes,*" $1 "*) _libraries=${LD_LIBRARY_PATH:-} ;;
    *) _libraries=$STANDIN${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} ;;
    esac
    shift
    LD_LIBRARY_PATH=$_libraries "$@"
}

# The program NAME.cuda of MODEL, and NAME.so of its kernels; options: seqc's.
options=''
build() {
    name=$1 model=$2
    # shellcheck disable=SC2086  # a list of words
    with_images "$name" "$SEQC" build "$model" --target cuda --math $math --arch $arch --tier "${TIER:-auto}" \
        --keep "$name.src" -o "$name.cuda" -q $options || return
    kernels "$name" "$(echo "$name".src/*.cu)"
}

# kernels NAME FILE: NAME.so of the file's kernels.
kernels() {
    grep -q WARPGROUPS "$2" && plain='' || plain=-DEMU_PLAIN
    awk -f "$T/table.awk" "$2" >"$1.src/table.h" &&
        cc -std=gnu11 $SEQC_CFLAGS $emulated -shared -fPIC -I"$ROOT" -I"$PWD/$1.src" \
            -DKERNELS="\"$(readlink -f "$2")\"" -DTABLE='"table.h"' $plain "$T/module.c" -lm -o "$1.so"
}

# on_device NAME ORDER VERB…
on_device() {
    _program=$1 _order=$2
    shift 2
    STANDIN_KERNELS=$PWD/$_program.so STANDIN_ORDER=$_order \
        LD_LIBRARY_PATH=$DRIVER${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "./$_program.cuda" "$@"
}

# The losses of two steps.csv: equally many, and each near the other's.
near() {
    [ "$(wc -l <"$1")" = "$(wc -l <"$2")" ] && paste -d, "$1" "$2" | awk -F, -v near=$near '
        NR > 1 {
            size = $3 < 0 ? -$3 : $3
            d = $3 > $7 ? $3 - $7 : $7 - $3
            if (!(d <= near * size)) { print "step " $1 ": " $3 " in C, " $7; bad = 1 }
        }
        END { exit bad || NR < 4 }'
}

# sample NAME MODEL TRAIN-OPTIONS…; beside: a sample of the same model and options, whose program in C is this one's.
beside=''
sample() {
    name=$1 model=$2
    shift 2
    check "$name builds for CUDA" build "$name" "$model" || return
    if [ "$beside" ]; then
        ln -sfn "$beside.in_c" "$name.in_c"
    else
        # shellcheck disable=SC2086
        "$SEQC" build "$model" --math strict --blas none -o "$name.c" -q $options
        check "$name trains in C" "./$name.c" train "$@" --log-steps --quiet --out "$name.in_c"
    fi
    samples=$((samples + 1))
    for order in $orders; do
        # Each has order 0 and one more, in turns; all of them on a device and with --full.
        [ "${full:-}" ] || [ ! "$DRIVER" ] || [ "$order" = 0 ] || [ "$order" = $((1 + samples % 4)) ] || continue
        check "$name trains, order $order" on_device "$name" $order train "$@" --log-steps --quiet \
            --out "$name.$order"
        [ $order = 0 ] && check "$name has the losses of C" near "$name.in_c/steps.csv" "$name.0/steps.csv"
        check "$name has the same bits, order $order" cmp "$name.0/steps.csv" "$name.$order/steps.csv"
    done
}
