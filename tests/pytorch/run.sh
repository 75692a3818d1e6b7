#!/bin/sh
# tests/pytorch/run.sh: where PyTorch is installed: the language's files run under it, and programs
# beside the same model file.
. tests/lib.sh
PYTHONPATH=$ROOT/frontend/python
export PYTHONPATH
for python in /usr/bin/python3 python3; do
    if $python -c 'import torch, numpy' 2>/dev/null; then
        for file in tests/unit/language/*.py; do
            check "PyTorch agrees with $file" "$python" "$file"
        done
        for file in samples/*/*.py; do
            case $file in */make_* | */fine_tuning/model.py) continue ;; esac    # parity.py has the latter
            # Sets of images are made where their files are; without them PyTorch has nothing to run.
            if grep -q '^from torchvision' "$file"; then
                skip "PyTorch runs $file" "it opens a data set of torchvision's"
                continue
            fi
            check "PyTorch runs $file" "$python" "$file"
        done
        check "functions in C under PyTorch" "$python" tests/pytorch/own.py
        exec $python tests/pytorch/parity.py "$@"
    fi
done
skip "parity with PyTorch" "no Python here can import torch and numpy (Debian: python3-torch)"
