#!/bin/sh
# tests/random/run.sh: random models beside PyTorch, where it is installed: 50 fully connected ones, most of them
# compiled by -O0, and 15 of images, or with --full of either as many as $RANDOM_MODELS says (500: 472 of
# images hold every pair of layers).
. tests/lib.sh
count=${RANDOM_MODELS:-500} full=''
[ "${1-}" = --full ] && full=yes
for python in /usr/bin/python3 python3; do
    if $python -c 'import torch, numpy' 2>/dev/null; then
        models() { $python tests/random/compare.py "$@"; }
        if [ "$full" ]; then
            models --count "$count" && models --images --count "$count"
        else
            models --count 15 && models --first 15 --count 35 --level=-O0 && models --images --count 15
        fi
        exit
    fi
done
skip "random models" "no Python here can import torch and numpy (Debian: python3-torch)"
