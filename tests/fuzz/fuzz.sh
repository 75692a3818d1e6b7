#!/bin/sh
# tests/fuzz/fuzz.sh NAME [SECONDS] [LIBFUZZER OPTION…]: searches for inputs that break a parser.
#
# NAME is a harness, test_NAME.c: parse model ir expr csv npy npz idx cifar image gzip safetensors
# json cfuncs, or pipeline (what model and ir take goes through all passes and becomes C); SECONDS is
# 60, 0 is for ever.
# Needs Clang with libFuzzer. Starts from tests/fuzz/corpus/NAME and leaves what it finds in
# BUILD/fuzz/NAME (BUILD as for tests/run): a crash-…, leak-… or timeout-… belongs into the corpus
# once it is understood, small (-minimize_crash=1), under a name that says what it was.
set -eu
cd "$(dirname "$0")/../.."
case ${1:-} in
'' | -*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
name=$1 seconds=${2:-60}
shift $(($# > 1 ? 2 : 1))
[ -e "tests/fuzz/test_$name.c" ] || { echo "fuzz.sh: no harness '$name'" >&2; exit 2; }
command -v clang >/dev/null || { echo "fuzz.sh: needs clang (apt-get install clang)" >&2; exit 3; }
home=${BUILD:-build}/fuzz
mkdir -p "$home/$name"

# The rooms once for all harnesses; only what changed is compiled again. Operands of comparisons are
# traced, which finds words that no table lists and takes half the time: UNTRACED=1 leaves it out.
flags="-g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-recover=all"
if [ "${UNTRACED:-}" ]; then
    flags="$flags -fno-sanitize-coverage=trace-cmp,indirect-calls"
    home=$home/untraced
    mkdir -p "$home/$name"
fi
CFLAGS=$(echo $flags) CC=clang cmake -S . -B "$home/rooms" -DSEQC_TESTS=OFF >"$home/rooms.log"
cmake --build "$home/rooms" -j "$(nproc)" --target \
    seqc_ir seqc_passes seqc_codegen seqc_frontend seqc_rt >>"$home/rooms.log"
r=$home/rooms images=''
if [ "$name" = image ]; then
    cmake --build "$r" -j "$(nproc)" --target seqc_image >>"$home/rooms.log"
    images="$r/lib/seqc/libseqc_image.a -Wl,-u,rt_image_decoders"
fi
# shellcheck disable=SC2086  # lists of flags
clang -std=c11 $flags -fsanitize=fuzzer -DSEQC_LIBFUZZER -I. "tests/fuzz/test_$name.c" \
    -o "$home/fuzz_$name" $images "$r/libseqc_frontend.a" "$r/libseqc_codegen.a" "$r/libseqc_passes.a" \
    "$r/libseqc_ir.a" "$r/lib/seqc/libseqc_rt.a" ${images:+-lpng -ljpeg} -lz -lm -lpthread

# Words of the language help; they are in the tables.
{
    sed -n 's/^[A-Z_]*( *"\{0,1\}\([A-Za-z_][A-Za-z_0-9.]*\)"\{0,1\} *,.*/"\1"/p' \
        ir/*.def frontend/*.def
    printf '"%s"\n' "nn.Sequential(" "model = " "f32[n," "f64[" "i64[n]" "return " "update " \
        "kernels " "buffers " "graph " "state " "%%0" "{axes=[" "{shape=["
} | sort -u >"$home/words.dict"
# The folders that the harness names are where it starts.
harness=tests/fuzz/test_$name.c
grep -q FOLDERS_OF_IR "$harness" && harness="$harness tests/fuzz/pipeline.h"
# shellcheck disable=SC2046,SC2086  # lists of folders and files
exec "$home/fuzz_$name" -dict="$home/words.dict" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -max_len=16384 -artifact_prefix="$home/$name/" -print_final_stats=1 "$@" \
    "$home/$name" $(grep -oh '"tests/[a-z/]*", "' $harness | cut -d'"' -f2)
