#!/bin/sh
# tests/cli/verbs.sh: seqc's verbs as people use them: help, stages, formats, text that is input again,
# programs built from text, the same bytes twice, an installed tree.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
samples="$ROOT/samples/fashion_mnist/model.py $ROOT/samples/softmax_regression/model.py
    $ROOT/samples/regression/model.py $ROOT/samples/iris/model.py $ROOT/samples/fashion_cnn/model.py"
model=$ROOT/samples/regression/model.py
stages="shape simplify differentiate optimizer tidy single layout fuse schedule remat plan"

check "version" sh -c "'$SEQC' --version | grep -qx 'seqc [0-9.]*'"
check "help" sh -c "'$SEQC' --help | grep -q 'seqc VERB FILE'"
for verb in build emit ir opt summary check diff doctor explain completion; do
    check "$verb --help" sh -c "'$SEQC' $verb --help | grep -q 'usage: seqc $verb'"
done
for verb in weights; do
    refuses "$verb is refused" 2 "this version has no \`seqc $verb\`" "$SEQC" $verb model.py
done
refuses "no verb" 2 "usage: seqc VERB FILE" "$SEQC"
refuses "misspelt verb" 2 "did you mean \`seqc build\`?" "$SEQC" biuld x.py
refuses "misspelt option" 2 "did you mean --stage?" "$SEQC" ir x.py --stagge fuse
refuses "option of another verb" 2 "has no option '--keep'" "$SEQC" ir x.py --keep d
refuses "option without its value" 2 "--stage takes a value" "$SEQC" ir x.py --stage
refuses "no file" 2 "takes FILE" "$SEQC" build
refuses "two files" 2 "one FILE at a time" "$SEQC" build a.py b.py
refuses "batch 0" 2 "whole number from 1" "$SEQC" build x.py --batch 0
refuses "unknown format" 2 "text|json|dot|svg|table" "$SEQC" ir x.py --format pdf
refuses "unknown stage" 2 "did you mean 'fuse'?" "$SEQC" ir "$model" --stage fuze
refuses "unknown march" 2 "--march takes native" "$SEQC" build "$model" --march i386
refuses "an empty march in a list" 2 "--march takes native" "$SEQC" build "$model" --march x86-64,,generic
refuses "an instruction set twice" 2 "x86-64 twice" "$SEQC" build "$model" --march x86-64,generic,x86-64
refuses "several instruction sets to look at" 2 "one instruction set at a time" "$SEQC" ir "$model" --march x86-64,generic
refuses "an architecture" 2 "unknown architecture 'sm_x'" "$SEQC" build "$model" --target cuda --arch sm_80,sm_x
refuses "an architecture twice" 2 "--arch names sm_90 twice" "$SEQC" build "$model" --target cuda --arch sm_90,sm_90
refuses "an instruction set" 2 "for --target c" "$SEQC" build "$model" --target cuda --march native
refuses "an architecture for C" 2 "for --target cuda" "$SEQC" build "$model" --arch sm_90
refuses "a tier for C" 2 "for --target cuda" "$SEQC" build "$model" --tier block
refuses "a tier that there is not" 2 "auto|block|graph" "$SEQC" ir "$model" --target cuda --tier grid
"$SEQC" ir "$model" --target cuda >gpu.ir && "$SEQC" ir gpu.ir --target cuda | cmp -s - gpu.ir &&
    ok "a plan for cuda is input again" || not_ok "a plan for cuda is input again" "it differs"
"$SEQC" ir "$ROOT/samples/iris/model.py" --target cuda >block.ir
check "a small step is one block's" grep -q '^kernels train in one block' block.ir
check "which is input again" sh -c "'$SEQC' ir block.ir --target cuda | cmp -s - block.ir"
check "but not if launches are asked for" sh -c "! '$SEQC' ir '$ROOT/samples/iris/model.py' --target cuda --tier graph |
    grep -q 'in one block'"
refuses "a step of one block as C" 1 "for another machine" "$SEQC" build block.ir -o p
refuses "a plan for cuda as C" 1 "for another machine" "$SEQC" build gpu.ir -o p
"$SEQC" ir "$ROOT/samples/fashion_mnist/model.py" --march x86-64-v3 >cpu.ir
refuses "layouts of a processor for cuda" 1 "laid out for a processor" "$SEQC" ir cpu.ir --target cuda
refuses "a precision mode that there is not" 2 "default|strict|fast|tf32|bf16" "$SEQC" build "$model" --math exact
for math in default strict fast bf16; do
    "$SEQC" ir "$model" --math $math >math.ir && "$SEQC" opt math.ir | cmp -s - math.ir &&
        "$SEQC" build math.ir -o math -q && ./math info | grep -qx "math          $math" &&
        ok "--math $math goes from the command line through IR text to the program" ||
        not_ok "--math $math goes from the command line through IR text to the program" "it does not"
done
check "a precision mode explained" sh -c "'$SEQC' explain strict | grep -q 'plain float32'"
refuses "missing model file" 3 "nowhere.py" "$SEQC" build nowhere.py
refuses "a folder as model file" 3 samples "$SEQC" ir "$ROOT/samples"
refuses "a name that would replace the model" 2 "no ending" "$SEQC" build "$ROOT/LICENSE"
refuses "the C compiler is missing" 3 "no-such-cc" "$SEQC" build "$model" --cc no-such-cc -o p
refuses "the C compiler fails" 3 "false" "$SEQC" build "$model" --cc false -o p
[ -e p ] && not_ok "a failed build leaves nothing" "p is there" || ok "a failed build leaves nothing"
refuses "no runtime" 3 "SEQC_HOME" env SEQC_HOME=/nowhere "$SEQC" build "$model" -o p
refuses "output in a missing folder" 3 "no/such" "$SEQC" build "$model" -o no/such/p
printf 'import torch\nfrom torch import nn\nmodel = nn.Sequential(nn.Linear(4, 2), nn.Relu())\n' >typo.py
refuses "a mistake in the model" 1 "ReLU" "$SEQC" build typo.py
check "diagnostics as JSON" sh -c "'$SEQC' ir typo.py --diagnostics json 2>&1 | grep -q '\"line\": *3'"
printf 'seqc.ir 99\n' >other.ir
refuses "IR of another version" 1 "other.ir:1" "$SEQC" opt other.ir
printf 'seqc.ir 1\ngarbage\n' >garbage.ir
refuses "IR that is damaged" 1 "garbage.ir:2" "$SEQC" build garbage.ir -o p
refuses "opt on a model file" 1 "no IR text" "$SEQC" opt "$model"

check "summary" sh -c "'$SEQC' summary '$model' | grep -q 'Linear(5, 64)'"
check "doctor" sh -c "'$SEQC' doctor | grep -q processor"
check "explain an op" sh -c "'$SEQC' explain relu | grep -q torch.nn.ReLU"
check "explain a move" sh -c "'$SEQC' explain increment | grep -q 'an op, move'"
check "explain a pass" sh -c "'$SEQC' explain fuse | grep -q stage"
refuses "explain nothing" 2 "nothing is known" "$SEQC" explain e999999
for shell in bash zsh fish; do
    "$SEQC" completion $shell >completion.$shell || not_ok "completion $shell" "exit code"
done
check "completion parses" bash -n completion.bash
refuses "completion of an unknown shell" 2 "bash, zsh and fish" "$SEQC" completion tcsh

# Text is exact and is input: printed again it is the same, and what follows from it too.
n=0
for sample in $samples; do
    n=$((n + 1))
    name=$(basename "$(dirname "$sample")")
    "$SEQC" ir "$sample" >whole.ir || not_ok "ir of $name" "exit code $?"
    for stage in $stages; do
        "$SEQC" ir "$sample" --stage $stage --verify >a.ir && "$SEQC" opt a.ir >b.ir &&
            cmp -s a.ir b.ir && "$SEQC" ir a.ir >c.ir && cmp -s c.ir whole.ir &&
            ok "$name: $stage is read back, and leads to the same plan" ||
            not_ok "$name: $stage is read back, and leads to the same plan" "differs"
    done
    bound=$("$SEQC" ir "$sample" | awk '/^buffers [a-z_]+ arena/ && $4 != $6' )
    [ -z "$bound" ] && ok "$name: the plan reaches its lower bound" ||
        not_ok "$name: the plan reaches its lower bound" "$bound"
    "$SEQC" build "$sample" --keep k1 -o p1 -q && "$SEQC" build whole.ir --keep k2 -o p2 -q &&
        "$SEQC" build "$sample" --keep k3 -o p3 -q || not_ok "$name: builds" "exit code"
    cmp -s k1/model.c k3/model.c && ok "$name: the same source twice" || not_ok "$name: the same source twice" "differs"
    # The name of the file stands in the head of the source.
    sed 's/whole\.ir/model.py/g' k2/whole.c | cmp -s - k1/model.c && ok "$name: the same source from IR text" ||
        not_ok "$name: the same source from IR text" "differs"
    rm -rf k1 k2 k3
done
check "opt runs passes" sh -c "'$SEQC' ir '$model' --stage shape | '$SEQC' opt - --passes simplify,differentiate,optimizer,tidy >o.ir &&
    '$SEQC' ir '$model' --stage tidy | cmp - o.ir"
refuses "opt refuses a wrong order" 1 "" sh -c "'$SEQC' ir '$model' --stage shape | '$SEQC' opt - --passes plan"
refuses "ir does not go back" 1 "already" sh -c "'$SEQC' ir '$model' | '$SEQC' ir - --stage shape"
for mode in all train infer eval grad; do
    for format in text json dot svg table; do
        "$SEQC" ir "$model" --mode $mode --format $format -o out.$format && [ -s out.$format ] ||
            not_ok "ir --mode $mode --format $format" "exit code or nothing written"
    done
done
check "svg is XML" sh -c "head -c 5 out.svg | grep -q '<' && tail -n 1 out.svg | grep -q '</svg>'"
check "modes choose graphs" sh -c "'$SEQC' ir '$model' --mode train | grep -c '^graph ' | grep -qx 1"
printf 'model = nn.Sequential(nn.Linear(4, 2), nn.ReLU())\n' >bare.py
check "no loss: the training stages show inference" sh -c "'$SEQC' ir bare.py --mode train | grep -q '^graph infer'"
check "no loss: a program that predicts" "$SEQC" build bare.py -o bare
refuses "no loss: train is refused" 2 "" ./bare train --data x.csv
printf 'input_shape = (2,)\nmodel = nn.Sequential(nn.ReLU())\n' >relu.py
check "a model without parameters needs no weights" sh -c "'$SEQC' build relu.py -o relu && echo '-1,2' >two.csv &&
    ./relu predict --input two.csv --output out.csv && grep -q '^0,2$' out.csv"
check "names left open" sh -c "printf 'model = nn.Linear(n_in, 2)\n' >open.py && '$SEQC' summary open.py -D n_in=3 | grep -q 'Linear(3, 2)'"
check "program needs only the C library" sh -c "! ldd ./p1 | grep -vE 'linux-vdso|libc\.so|libm\.so|libpthread|ld-linux|statically|not a dynamic'"
check "IR text after an edit" sh -c "sed 's/^lr .*/lr 0.5/' whole.ir >edited.ir && '$SEQC' build edited.ir -o edited"

# Without OpenBLAS a program is built without it, and who asks for it is told where it is.
printf 'batch_size = 1024\nmodel = nn.Linear(2048, 2048)\n' >large.py
check "products that OpenBLAS may compute" "$SEQC" build large.py --march x86-64 -o large
if [ "$(echo 'int main(void){return 0;}' | ${CC:-cc} -x c - -lopenblas -o linked 2>&1)" ]; then
    refuses "OpenBLAS that is not there" 3 "apt-get install libopenblas-pthread-dev" \
        "$SEQC" build large.py --blas openblas -o large
else
    check "OpenBLAS by name" "$SEQC" build large.py --blas openblas -o large
fi

# An installed tree works where it is put.
check "install" cmake --install "$(dirname "$SEQC")" --prefix "$SCRATCH/prefix"
check "the installed seqc builds" env -u SEQC_HOME "$SCRATCH/prefix/bin/seqc" build "$model" -o p4
rm -rf "$SCRATCH/prefix"
exit 0
