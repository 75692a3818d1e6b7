#!/bin/sh
# tests/cuda/gpu.sh: what one of NVIDIA's graphics processors alone can tell: samples trained on it ten
# times with equal bits and the losses of C (samples.sh, large.sh), libraries that give the bits of
# programs (library.sh), `seqc check --target cuda`, all of PyTorch's fixtures, the kernels under
# compute-sanitizer where it is, and the times of tests/bench/gpu where PyTorch for CUDA is. Without a
# device: one line that says so.
. tests/lib.sh
cd "$SCRATCH" || exit 1
if ! "$SEQC" build "$ROOT/samples/iris/model.py" --target cuda -o iris -q >build.log 2>&1; then
    skip "the GPU suite" "kernels cannot be compiled: $(grep -m 1 . build.log)"
    exit 0
fi
./iris info >info.txt 2>&1
architecture=$(sed -n 's/^device .*(\(sm_[0-9]*\),.*/\1/p' info.txt)
if [ ! "$architecture" ]; then
    skip "the GPU suite" "no GPU: $(sed -n 's/^device *none: //p' info.txt)"
    exit 0
fi

mkdir -p samples large library
(cd "$ROOT" && DEVICE=real SCRATCH=$SCRATCH/samples sh tests/cuda/samples.sh)
(cd "$ROOT" && DEVICE=real SCRATCH=$SCRATCH/large sh tests/cuda/large.sh)
(cd "$ROOT" && DEVICE=real SCRATCH=$SCRATCH/library sh tests/cuda/library.sh)

# Against the interpreter: by one block, in launches, with norms, masks, convolutions.
check "seqc check of one block" "$SEQC" check "$ROOT/samples/iris/model.py" --target cuda
check "seqc check of launches" "$SEQC" check "$ROOT/samples/iris/model.py" --target cuda --tier graph
for model in deep images block; do
    check "seqc check of $model" "$SEQC" check samples/$model.py --target cuda
done

fixtures=$(dirname "$SEQC")/test_e2e_fixtures
if [ -x "$fixtures" ]; then
    export BUILD_OPTIONS="--target cuda --arch $architecture"
    (cd "$ROOT" && "$fixtures") >fixtures.log 2>&1
    code=$?
    grep -m 20 ':[FE]:' fixtures.log
    [ $code = 0 ] && ok "PyTorch's fixtures" || not_ok "PyTorch's fixtures" "$(grep -m 1 Checks: fixtures.log)"
else
    skip "PyTorch's fixtures" "Check is not installed"
fi

# A product and a reduction, convolutions with their gradients, tensor cores by warps and by warpgroups.
small="--data $ROOT/samples/fashion_mnist/small.csv --normalize zscore --overfit-batches 2 --epochs 1"
for tool in memcheck racecheck; do
    for program in iris deep images block wide_tf32 wide_bf16 tiles_tf32 tiles; do
        if ! command -v compute-sanitizer >/dev/null; then
            skip "$program under $tool" "compute-sanitizer is not here"
            continue
        fi
        data=$small
        [ $program = iris ] && data="--data $ROOT/samples/iris/iris.csv --epochs 2"
        # shellcheck disable=SC2086  # a list of words
        check "$program under $tool" compute-sanitizer --tool $tool --error-exitcode 9 \
            samples/$program.cuda train $data --quiet --out $tool.$program
    done
done

"$ROOT/tests/bench/gpu" --rounds 3 --out "$SCRATCH/gpu.csv" >bench.log 2>&1
case $? in
0) ok "times are in $SCRATCH/gpu.csv" ;;
3) skip "tests/bench/gpu" "$(grep -m 1 . bench.log)" ;;
*) not_ok "tests/bench/gpu" "$(tail -n 1 bench.log)" ;;
esac
