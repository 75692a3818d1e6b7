#!/bin/sh
# tests/random/run.sh: random models beside PyTorch, where it is installed: 50 fully connected ones
# and 15 of images, or with --full of either as many as $RANDOM_MODELS says (10,000).
. tests/lib.sh
count=50 of_images=15
[ "${1-}" = --full ] && count=${RANDOM_MODELS:-10000} of_images=${RANDOM_MODELS:-10000}
for python in /usr/bin/python3 python3; do
    if $python -c 'import torch, numpy' 2>/dev/null; then
        $python tests/random/compare.py --count "$count" &&
            exec $python tests/random/compare.py --images --count "$of_images"
        exit
    fi
done
skip "random models" "no Python here can import torch and numpy (Debian: python3-torch)"
