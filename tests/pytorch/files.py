"""PyTorch takes the language's files and the samples: each runs in a process of its own, which is forked
from one that has imported torch, as that takes longer than most files. Prints "ok NAME" lines.

    python3 tests/pytorch/files.py FILE…
"""
import os
import runpy
import sys
import tempfile

import torch  # noqa: F401  # for the children

TORCHVISION = "\nfrom torchvision"


def in_child(path, output):
    """Runs the file as a program; its exit code."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv[:], sys.path[0] = [path], os.path.dirname(path)
    code = 0
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else int(e.code is not None)
        print(e)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def run(path):
    """The exit code of the file as a program, and what it said."""
    with tempfile.TemporaryFile() as output:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os._exit(in_child(path, output.fileno()))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        return code, output.read().decode(errors="replace")


for path in sys.argv[1:]:
    with open(path) as file:
        text = file.read()
    # Sets of images are made where their files are; without them PyTorch has nothing to run.
    if TORCHVISION in "\n" + text:
        print(f"skip PyTorch runs {path}: it opens a data set of torchvision's")
        continue
    code, said = run(path)
    if code == 0:
        print(f"ok PyTorch runs {path}")
    else:
        print(f"not ok PyTorch runs {path}: exit code {code}")
        print("".join(f"    {line}\n" for line in said.splitlines()[-20:]), end="")
sys.exit(0)
