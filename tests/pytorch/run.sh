#!/bin/sh
# tests/pytorch/run.sh: where PyTorch is installed: the language's files run under it, and programs
# beside the same model file.
. tests/lib.sh
PYTHONPATH=$ROOT/frontend/python
export PYTHONPATH
for python in /usr/bin/python3 python3; do
    if $python -c 'import torch, numpy' 2>/dev/null; then
        # fine_tuning's reads what another program has written: parity.py has it.
        # shellcheck disable=SC2046  # file names without spaces
        "$python" tests/pytorch/files.py tests/unit/language/*.py \
            $(ls samples/*/*.py | grep -v '/make_\|/fine_tuning/model\.py')
        check "functions in C under PyTorch" "$python" tests/pytorch/own.py
        exec $python tests/pytorch/parity.py "$@"
    fi
done
skip "parity with PyTorch" "no Python here can import torch and numpy (Debian: python3-torch)"
