#!/bin/sh
# tests/random/run.sh: random models beside PyTorch, where it is installed: 200, or with --full as
# many as $RANDOM_MODELS says (10,000).
. tests/lib.sh
count=200
[ "${1-}" = --full ] && count=${RANDOM_MODELS:-10000}
for python in /usr/bin/python3 python3; do
    if $python -c 'import torch, numpy' 2>/dev/null; then
        exec $python tests/random/compare.py --count "$count"
    fi
done
skip "random models" "no Python here can import torch and numpy (Debian: python3-torch)"
