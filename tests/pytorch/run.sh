#!/bin/sh
# tests/pytorch/run.sh: programs beside the same model file under PyTorch, where PyTorch is installed.
. tests/lib.sh
for python in /usr/bin/python3 python3; do
    if $python -c 'import torch, numpy' 2>/dev/null; then
        exec $python tests/pytorch/parity.py "$@"
    fi
done
skip "parity with PyTorch" "no Python here can import torch and numpy (Debian: python3-torch)"
