#!/bin/sh
# tests/full.sh: what tests/run --full adds: other compilers, sanitizers, coverage, valgrind,
# generated code as C++ and under every warning.
. tests/lib.sh
jobs=$(nproc 2>/dev/null || echo 2)
have() { command -v "$1" >/dev/null 2>&1; }

# tree NAME OPTIONS…: builds everything apart, without warnings, and runs its tests.
tree() {
    name=$1
    shift
    dir=$SCRATCH/$name
    rm -rf "$dir"
    mkdir -p "$dir"
    check "$name builds without warnings" sh -c 'dir=$1 jobs=$2; shift 2
        cmake -S . -B "$dir" -DSEQC_WERROR=ON "$@" && cmake --build "$dir" -j "$jobs"' - "$dir" "$jobs" "$@"
    check "$name passes" sh -c "cd '$dir' && ctest -j $jobs --output-on-failure"
}

SEQC_CFLAGS=-O3 tree gcc -DCMAKE_C_COMPILER=gcc
if have clang; then
    CC=clang SEQC_CFLAGS=-O3 tree clang -DCMAKE_C_COMPILER=clang
else
    skip clang "not installed"
fi
# Without Clang's libraries or a C++ compiler everything builds but what reads C functions, and says so.
bare=$SCRATCH/bare
rm -rf "$bare"
check "there need be no C++ compiler" sh -c "CXX=/bin/false cmake -S . -B '$bare' -DSEQC_TESTS=OFF &&
    cmake --build '$bare' -j $jobs && [ ! -e '$bare/lib/seqc/libseqc_ctool.so' ]"
mkdir -p "$bare/scratch"
SEQC=$bare/seqc SCRATCH=$bare/scratch sh tests/cli/ctool.sh
check "-DSEQC_CLANG=OFF" sh -c "cmake -S . -B '$bare/off' -DSEQC_TESTS=OFF -DSEQC_CLANG=OFF &&
    ! grep -q '^CMAKE_CXX_COMPILER:' '$bare/off/CMakeCache.txt'"
# The sanitizers' runtime must be in the programs too, which link the runtime library; at -O1, since
# gcc takes four times as long for them at -O3. Their exit code is none of ours: 1, their default,
# would pass for a refusal in the tests that expect one.
export ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=exitcode=99
SEQC_CFLAGS="-O1 -fsanitize=address,undefined -fno-sanitize-recover=all" \
    tree asan -DSEQC_SANITIZE=address,undefined -DCMAKE_C_COMPILER=gcc
SEQC_CFLAGS="-O1 -fsanitize=thread" tree tsan -DSEQC_SANITIZE=thread -DCMAKE_C_COMPILER=gcc

if have gcov; then
    check "coverage: lines 90%, branches of parsers and planner 95%" \
        env BUILD="$SCRATCH/coverage" tests/coverage
else
    skip coverage "gcov is not installed"
fi
# all_cases TEST [EVERY]: what tests/run takes in turns.
all_cases() {
    (cd "$(dirname "$SEQC")" && EVERY=${2:-1} ctest --output-on-failure -R "^$1\$")
}
check "more numbers of e2e_math" all_cases e2e_math 61
for test in unit_lex_parse passes_passes e2e_kernels e2e_precision e2e_source e2e_library cuda_kernels; do
    check "all cases of $test" all_cases $test
done

# ---- generated code: every warning, C and C++, both compilers ----
strict="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
flags="-O3 -march=x86-64-v3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd"
home=$(dirname "$SEQC")/lib/seqc/include
for file in samples/*/model.py tests/fixtures/models/*.py; do
    name=$(echo "$file" | sed 's|samples/||; s|tests/fixtures/models/||; s|/model.py||; s|\.py$||')
    for dtype in f32 f64; do
        "$SEQC" build "$file" --dtype $dtype --march x86-64-v3 --keep "$SCRATCH/k" -o "$SCRATCH/p" -q ||
            not_ok "$name $dtype builds" "exit code $?"
        source=$(find "$SCRATCH/k" -name '*.c')
        good=yes
        for cc in gcc clang; do
            have $cc || continue
            # shellcheck disable=SC2086  # lists of flags
            $cc -std=c11 $flags $strict -I"$home" -c -o /dev/null "$source" 2>"$SCRATCH/warn.log" || good="$cc: $(head -n 3 "$SCRATCH/warn.log")"
        done
        for cc in g++ clang++; do
            have $cc || continue
            # shellcheck disable=SC2086
            $cc -x c++ $flags $strict -I"$home" -c -o /dev/null "$source" 2>"$SCRATCH/warn.log" || good="$cc: $(head -n 3 "$SCRATCH/warn.log")"
        done
        [ "$good" = yes ] && ok "$name $dtype: no warnings as C and C++" || not_ok "$name $dtype: no warnings as C and C++" "$good"
        rm -rf "$SCRATCH/k"
    done
done

# ---- valgrind ----
if have valgrind; then
    vg="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
    check "valgrind: seqc ir" $vg "$SEQC" ir samples/fashion_mnist/model.py -o "$SCRATCH/o.ir"
    check "valgrind: seqc opt" $vg "$SEQC" opt "$SCRATCH/o.ir" -o "$SCRATCH/o2.ir"
    check "valgrind: seqc summary" $vg "$SEQC" summary samples/iris/model.py
    for sample in iris regression; do
        csv=$(ls samples/$sample/*.csv)
        check "$sample builds for valgrind" "$SEQC" build samples/$sample/model.py --march x86-64-v3 --blas none -o "$SCRATCH/v"
        check "valgrind: $sample trains" $vg "$SCRATCH/v" train --data "$csv" --normalize zscore --val-split 0.2 --epochs 2 --out "$SCRATCH/v.run"
        check "valgrind: $sample predicts" $vg "$SCRATCH/v" predict --weights "$SCRATCH/v.run/last.safetensors" --input "$csv" --output "$SCRATCH/v.csv"
    done
else
    skip valgrind "not installed"
fi
exit 0
