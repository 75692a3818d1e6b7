#!/bin/sh
# tests/cli/tune.sh: --tune: choices follow what the cache says, whoever wrote it; it is filled once,
# and nothing depends on its being there.
. tests/lib.sh
cd "$SCRATCH" || exit 1
quick_programs
export XDG_CACHE_HOME="$SCRATCH/cache" TMPDIR="$SCRATCH/tmp"
mkdir tmp
cache=cache/seqc/tune
cat >net.py <<'END'
import torch
from torch import nn, optim

torch.manual_seed(1)
input_shape = (16, 16, 16)
batch_size = 8
model = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8192, 40))
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
END
layout() { "$SEQC" ir net.py --stage layout "$@" 2>said; }
# How many convolutions have that algorithm.
count() { grep -c "conv.* algo=\"$1\"" layout.ir; }

layout >predicted.ir
grep -q 'algo="[a-z]*".* why="predicted: ' predicted.ir && ok "predictions are said" || not_ok "predictions are said" "they are not"
"$SEQC" build net.py --tune -o net 2>said && ok "builds" || not_ok "builds" "$(cat said)"
grep -qE '^tuned: [0-9]+ candidates measured, kept in ' said && ok "measures" || not_ok "measures" "$(cat said)"
[ -z "$(ls tmp)" ] && ok "leaves nothing temporary" || not_ok "leaves nothing temporary" "$(ls tmp)"
grep -qvE '^[0-9a-f]{16} [0-9.e+-]+ (gemm|blas|patches|winograd) of [a-z_]+ ' $cache && not_ok "the cache's lines" "$(head -n 3 $cache)" || ok "the cache's lines"
cp $cache kept
layout --tune >layout.ir
grep -q '^tuned: all candidates known from ' said && ok "measures nothing twice" || not_ok "measures nothing twice" "$(cat said)"
cmp -s $cache kept && ok "leaves the cache as it is" || not_ok "leaves the cache as it is" "it changed"
grep -q 'why="measured: ' layout.ir && ! grep -q 'why="predicted: ' layout.ir && ok "measurements are said" || not_ok "measurements are said" "they are not"
check "tuned text is input" sh -c "'$SEQC' opt layout.ir | cmp - layout.ir"

for slow in winograd patches; do
    awk -v slow=$slow '{ $2 = $3 == slow ? 9e6 : 1; print }' kept >$cache
    layout --tune >layout.ir
    fast=patches
    [ $slow = patches ] && fast=winograd
    [ "$(count $slow)" = 0 ] && [ "$(count $fast)" -gt 0 ] && ok "obeys a cache in which $slow is slow" ||
        not_ok "obeys a cache in which $slow is slow" "$(count $slow) of it, $(count $fast) of $fast"
done
# Panels are chosen by the times of the products that they belong to.
awk '{ $2 = /panel/ ? 9e6 : 1; print }' kept >$cache
layout --tune >layout.ir
grep -q '^state.*{panel' layout.ir && not_ok "panels that are slow" "are taken" || ok "panels that are slow are left"
awk '{ $2 = /panel/ ? 1 : 9e6; print }' kept >$cache
layout --tune >layout.ir
grep -q '^state.*{panel' layout.ir && ok "panels that are fast are taken" || not_ok "panels that are fast are taken" "they are not"

# Programs of different choices learn the same.
awk '{ $2 = $3 == "patches" || $3 == "gemm" ? 1 : 9e6; print }' kept >$cache
"$SEQC" build net.py --tune -q -o other || not_ok "builds by that cache" "exit code $?"
awk 'BEGIN { srand(1); for (k = 0; k <= 16; k++) for (i = 0; i < 4136; i++)
    printf "%s%s", (k ? sprintf("%.3f", rand()) : "c" i), (i < 4135 ? "," : "\n") }' >data.csv
targets=$(awk 'BEGIN { for (i = 4096; i < 4136; i++) printf "%sc%d", (i > 4096 ? "," : ""), i }')
for program in net other; do
    check "$program trains" ./$program train --data data.csv --target "$targets" --epochs 3 --out $program.run --quiet
done
a=$(tail -n 1 net.run/metrics.csv | cut -d, -f2) b=$(tail -n 1 other.run/metrics.csv | cut -d, -f2)
awk -v a="$a" -v b="$b" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 <= (1e-4 * a) ^ 2) }' && ok "both learn the same" || not_ok "both learn the same" "$a, $b"

# ---- caches that nobody should have written ----
hostile() {
    _name=$1
    layout --tune >layout.ir || { not_ok "$_name" "exit code $?"; return; }
    grep -qF "$2" said && grep -q 'why="measured: ' layout.ir && ok "$_name" || not_ok "$_name" "says $(cat said)"
}
{ echo "ffffffffffffffff nan nothing of nothing"; echo "0123456789abcdef -1 a b"; echo "0123456789abcdef 1e999 a b"
    echo "0123456789ABCDEF 1 a b"; echo; echo "0123456789abcdef  1 a b"; printf '0123456789abcdef 1 a\033[2Jb\n'
    printf '0123456789abcdef 1 \000\n'; head -c 5000 "$SEQC" | tr -d '\n'; echo; } >$cache
hostile "lines of another form" "9 lines are not seqc's and passed over"
grep -q nan $cache && not_ok "they leave the cache" "they are still there" || ok "they leave the cache"
printf '0123456789abcdef 5 no end' >$cache
hostile "a line without an end" "tuned: "
head -c 5000000 /dev/zero >$cache
hostile "a cache that is too large" "everything is measured anew"
rm -rf cache && mkdir -p $cache
hostile "a folder in its place" "everything is measured anew"
rm -rf cache && : >cache
hostile "a file in its folder's place" "what was measured is not kept"
rm -f cache
XDG_CACHE_HOME=/proc/none
hostile "a folder that cannot be made" "what was measured is not kept"
XDG_CACHE_HOME=relative HOME=''
hostile "no place" "neither XDG_CACHE_HOME nor HOME"
unset XDG_CACHE_HOME
export HOME="$SCRATCH/home"
mkdir -p home
hostile "the usual place" "$HOME/.cache/seqc/tune"
[ -s home/.cache/seqc/tune ] && ok "~/.cache is the usual place" || not_ok "~/.cache is the usual place" "$(cat said)"
refuses "no C compiler" 3 "there is no C compiler nocc" "$SEQC" build net.py --tune --cc nocc -o none
[ -z "$(ls tmp)" ] && ok "nothing temporary is left" || not_ok "nothing temporary is left" "$(ls tmp)"
if ! grep -q amx_tile /proc/cpuinfo; then
    refuses "another machine's instructions" 2 "--tune measures on this machine, which has no" "$SEQC" build net.py --tune --march sapphirerapids -o far
fi
refuses "summary does not tune" 2 "--tune" "$SEQC" summary net.py --tune
exit 0
