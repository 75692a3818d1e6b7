#!/bin/sh
# tests/full.sh [PART…]: what tests/run --full adds: other compilers, sanitizers, coverage, every case of what
# takes turns, generated code as C++ and under every warning, valgrind. All parts, or those that are named:
# clang bare asan tsan coverage cases warnings valgrind.
. tests/lib.sh
jobs=$(nproc 2>/dev/null || echo 2)
have() { command -v "$1" >/dev/null 2>&1; }
[ $# -gt 0 ] || set -- clang bare asan tsan coverage cases warnings valgrind

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

run_clang() {
    have clang || { skip clang "not installed"; return; }
    CC=clang SEQC_CFLAGS=-O3 tree clang -DCMAKE_C_COMPILER=clang
}

# Without Clang's libraries or a C++ compiler everything builds but what reads C functions, and says so.
run_bare() {
    bare=$SCRATCH/bare
    rm -rf "$bare"
    check "there need be no C++ compiler" sh -c "CXX=/bin/false cmake -S . -B '$bare' -DSEQC_TESTS=OFF &&
        cmake --build '$bare' -j $jobs && [ ! -e '$bare/lib/seqc/libseqc_ctool.so' ]"
    mkdir -p "$bare/scratch"
    SEQC=$bare/seqc SCRATCH=$bare/scratch sh tests/cli/ctool.sh
    check "-DSEQC_CLANG=OFF" sh -c "cmake -S . -B '$bare/off' -DSEQC_TESTS=OFF -DSEQC_CLANG=OFF &&
        ! grep -q '^CMAKE_CXX_COMPILER:' '$bare/off/CMakeCache.txt'"
}

# The sanitizers' runtime must be in the programs too, which link the runtime library; at -O1, since
# gcc takes four times as long for them at -O3. Their exit code is none of ours: 1, their default,
# would pass for a refusal in the tests that expect one. Of programs that are compared with PyTorch's
# numbers, and of layers whose errors are measured, they get a fourth (tests/e2e/turns.h).
run_asan() {
    ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=exitcode=99 FEWER=4 \
        SEQC_CFLAGS="-O1 -fsanitize=address,undefined -fno-sanitize-recover=all" \
        tree asan -DSEQC_SANITIZE=address,undefined -DCMAKE_C_COMPILER=gcc
}

run_tsan() { FEWER=8 SEQC_CFLAGS="-O1 -fsanitize=thread" tree tsan -DSEQC_SANITIZE=thread -DCMAKE_C_COMPILER=gcc; }

run_coverage() {
    have gcov || { skip coverage "gcov is not installed"; return; }
    check "coverage: lines 90%, branches of parsers and planner 95%" \
        env BUILD="$SCRATCH/coverage" tests/coverage
}

# all_cases EVERY TESTS: what tests/run takes in turns; programs by -O3, as users get them.
all_cases() {
    (cd "$(dirname "$SEQC")" && EVERY=$1 SEQC_CFLAGS=-O3 ctest -j "$jobs" --output-on-failure -R "^($2)\$")
}

run_cases() {
    check "more numbers of e2e_math" all_cases 61 e2e_math
    check "all cases" all_cases 1 \
        'unit_lex_parse|passes_passes|e2e_(kernels|precision|source|library|fixtures)|cuda_kernels'
}

# One model's C under every warning, by each compiler that is here: as C optimized, as the optimizer warns, too
# (in double by -O1), and as C++, where what it warns of is the same, read alone. No program is needed: `made` is
# its compiler.
strict="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
flags="-march=x86-64-v3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd"
warnings_of() {
    file=$1 dtype=$2 home=$(dirname "$SEQC")/lib/seqc/include
    name="$(echo "$file" | sed 's|samples/||; s|tests/fixtures/models/||; s|/model.py||; s|\.py$||') $dtype"
    mine=$SCRATCH/$(echo "$name" | tr ' /' __)
    "$SEQC" build "$file" --dtype "$dtype" --march x86-64-v3 --cc "$SCRATCH/made" --keep "$mine" -o "$mine.p" -q ||
        not_ok "$name builds" "exit code $?"
    source=$(find "$mine" -name '*.c')
    good=yes level=-O3
    [ "$dtype" = f64 ] && level=-O1
    for cc in "gcc -std=c11 $level -c -o /dev/null" "clang -std=c11 $level -c -o /dev/null" \
        "g++ -x c++ -fsyntax-only" "clang++ -x c++ -fsyntax-only"; do
        have "${cc%% *}" || continue
        # shellcheck disable=SC2086  # lists of flags
        $cc $flags $strict -I"$home" "$source" 2>"$mine.log" || good="$cc: $(head -n 3 "$mine.log")"
    done
    [ "$good" = yes ] && ok "$name: no warnings as C and C++" || not_ok "$name: no warnings as C and C++" "$good"
    rm -rf "$mine" "$mine.p" "$mine.log"
}

run_warnings() {
    printf '%s\n' '#!/bin/sh' 'while [ $# -gt 1 ]; do' '    [ "$1" = -o ] && : >"$2"' '    shift' 'done' >"$SCRATCH/made"
    chmod +x "$SCRATCH/made"
    for file in samples/*/model.py tests/fixtures/models/*.py; do
        for dtype in f32 f64; do echo "one $file $dtype"; done
    done | xargs -P "$jobs" -n 3 sh tests/full.sh
}

run_valgrind() {
    have valgrind || { skip valgrind "not installed"; return; }
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
}

[ "$1" = one ] && { warnings_of "$2" "$3"; exit 0; }     # for run_warnings
for part; do
    command -v "run_$part" >/dev/null || { echo "tests/full.sh: no part '$part'; see its first lines" >&2; exit 2; }
    "run_$part"
done
exit 0
