"""What tests/bench/run and tests/bench/gpu share: processes that answer lines with JSON, data,
figures, tables.
"""
import csv
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import time


class Server:
    def __init__(self, command, **env):
        self.process = subprocess.Popen(
            command, text=True, env=dict(os.environ, BENCH_START=str(time.time()), **env),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def answer(self):
        """None: it is not there, or what it needs is missing, which `missing` says."""
        try:
            answer = json.loads(self.process.stdout.readline())
        except ValueError:
            answer = {"missing": "it ended"}
        self.missing = answer.get("missing")
        return None if self.missing else answer

    def ask(self, *words):
        try:
            print(*words, file=self.process.stdin, flush=True)
        except OSError:
            return None
        return self.answer()

    def close(self):
        try:
            self.process.stdin.close()
        except OSError:
            pass                               # it ended before it read all
        self.process.wait()


def pythons(named):
    """Those that have PyTorch: of the named ones, or the first of the usual places."""
    usual = [sys.executable] + [p for folder in os.environ.get("PATH", "").split(":") + ["/usr/bin"]
                                for p in sorted(glob.glob(os.path.join(folder, "python3*")))
                                if re.fullmatch(r"python3(\.\d+)?", os.path.basename(p))]
    have = []
    for path in dict.fromkeys(named or usual):
        probe = subprocess.run([path, "-c", "import torch"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        if probe.returncode == 0:
            have.append(path)
            if not named:
                break
        elif named:
            print(f"# {path} has no PyTorch")
    return have


def write_npy(path, kind, shape, values):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust((len(head) + 1 + 10 + 63) // 64 * 64 - 11) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        values.tofile(f)


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def ratio(theirs, mine):
    return median([t / m for t, m in zip(theirs, mine) if t])


def smallest(values):
    return min((v for v in values if v), default=None)


def show(name, fields, values):
    """The row of these figures, which is printed."""
    figure = lambda x: "" if x is None else x if isinstance(x, str) else f"{x:.4g}"
    row = {"name": name, **{k: figure(values.get(k)) for k in fields}}
    print("  ".join(f"{k} {v}" for k, v in row.items() if v), flush=True)
    return row


def write_table(path, note, rows):
    """As CSV after the note, where there is a path and something to say."""
    if path and rows:
        with open(path, "w", newline="") as f:
            f.write(note + "\n")
            writer = csv.DictWriter(f, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
