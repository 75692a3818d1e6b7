"""Random models through seqc and through PyTorch; what differs is reduced to the fewest layers.

    SEQC=build/seqc python3 tests/random/compare.py --count 200 [--seed 1] [--first 0] [--jobs 2]
    … --only 17          one model of the run, for a closer look
    … --model FILE.json  one that an earlier run left in its folder
    … --show 17          prints its file and runs nothing
    … --interpret        leaves the C compiler out, which takes four fifths of the time
    … --images           models of images and sequences, which hold every ordered pair of kinds of
                         layers; --tally FILE adds up how often, over several runs

What is compared, with what tolerance and what is excused: README.md beside this file. One line a
batch for tests/run: "ok …", or "not ok …" followed by a model file and how to run it again.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import traceback

import numpy as np
import torch

import generate
import images
import unit
from torch_side import common, data, reference

SEQC = os.path.abspath(os.environ.get("SEQC", "build/seqc"))
DRIVER = os.path.join(os.path.dirname(SEQC), "random_driver")
SCRATCH = os.environ.get("SCRATCH", "/tmp/seqc-random")
CC = os.environ.get("CC", "cc").split()
CFLAGS = ("-std=c11 -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd "
          "-fPIC -shared").split()
# gcc 12 at -O1, and only there, takes some functions with an `omp simd` loop for ones without
# effect and drops their calls.
if "clang" not in CC[0]:
    CFLAGS += ["-fno-ipa-pure-const", "-fno-ipa-modref"]
BATCH = 50          # models of one translation unit
# Of the two units of a batch; batches take turns, since most of our time is the C compiler's.
LEVELS = [("-O1", "-O0"), ("-O0", None), ("-O0", "-O0"), ("-O0", None)]
RUNS = 16           # of PyTorch, where its own spread is asked for
ROUNDS = 40         # of simplifying a model


# ---- models and their reference ----

class Case:
    """A model with its file, its data, and PyTorch's results in float64."""

    def __init__(self, model):
        self.model = model
        self.text = generate.source(model)
        self.given = data(model, self.text, generate.shapes(model)[-1])
        self.want = reference(model, self.text, self.given)
        if not all((np.abs(v) < 1e12).all() for v in self.want.values()):
            raise generate.Unfit

    def spread(self, single, key):
        """How far PyTorch's own results lie from the reference when it computes in this type and
        weights and inputs move by a unit in the last place: the largest of RUNS runs."""
        dtype = torch.float32 if single else torch.float64
        if not hasattr(self, "spreads"):
            self.spreads = {}
        if dtype not in self.spreads:
            runs = [reference(self.model, self.text, self.given, dtype, np.random.RandomState(i))
                    for i in range(RUNS)]
            self.spreads[dtype] = {k: max(np.abs(r[k] - v).max(initial=0) for r in runs)
                                   for k, v in self.want.items()}
        return self.spreads[dtype][key]


def case_of(seed, index, of_images):
    """Model `index` of a run: the first drawn one that fits together and stays finite."""
    for attempt in range(100):
        try:
            return Case(generate.draw(seed, index, attempt, of_images))
        except (generate.Unfit, ValueError):    # PyTorch refuses GroupNorm of single values
            continue
    raise RuntimeError(f"model {index} of seed {seed}: nothing fits")


def try_case(model):
    """A simplified model's case, or None where PyTorch refuses it too."""
    try:
        return Case(model)
    except (generate.Unfit, ValueError, RuntimeError, TypeError, IndexError, AssertionError,
            KeyError):
        return None


# ---- running a folder of models ----

def write_inputs(case, folder, name):
    real = np.float64 if case.model["dtype"] == "f64" else np.float32
    tensors = {k: v if v.dtype == np.int64 else v.astype(real) for k, v in case.given.items()}
    tensors["zeros"] = np.zeros(case.want["infer.output"].shape, real)
    common.save_safetensors(os.path.join(folder, name + ".in"), tensors)
    with open(os.path.join(folder, name + ".py"), "w") as f:
        f.write(case.text)


def drive(verb, folder):
    done = subprocess.run([DRIVER, verb, folder], capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise RuntimeError(f"random_driver {verb}: exit code {done.returncode}\n{done.stderr}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return {line[0]: line[1] for line in lines}


def compile_unit(folder, variant, names, march, level):
    """One shared object of the models' sources. The compiler's message if it refuses it."""
    files = []
    for name in names:
        with open(os.path.join(folder, f"{name}.{variant}.c")) as f:
            files.append((name, f.read()))
    path = os.path.join(folder, variant)
    with open(path + ".c", "w") as f:
        f.write(unit.join(files))
    isa = [f"-march={march}"] if march != "generic" else []
    isa += ["-mprefer-vector-width=512"] * (march == "x86-64-v4")
    files = ["-I.", "-o", path + ".so", path + ".c", "-lm"]
    done = subprocess.run([*CC, *CFLAGS, level, *isa, *files], capture_output=True, text=True)
    return done.stderr or f"exit code {done.returncode}" if done.returncode else ""


def run_folder(cases, folder, levels):
    """Every case through emit, the C compiler and run: a list of results, or of what went wrong.
    levels: of the C compiler's optimization for the two units; None leaves one out."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    names = [str(i) for i in range(len(cases))]
    for name, case in zip(names, cases):
        write_inputs(case, folder, name)
    with open(os.path.join(folder, "list"), "w") as f:
        for name, case in zip(names, cases):
            f.write(f"{name} {case.model['dtype']} {case.model['off']}\n")
    brief = all(case.model.get("brief") for case in cases)
    emitted = drive("brief" if brief else "emit", folder)
    good = [name for name in names if emitted.get(name) == "0"]
    trouble = {name: "the compiler ended with " + emitted.get(name, "nothing")
               for name in names if name not in good}
    for variant, o in zip(("all", "off"), levels):
        if o and good and compile_unit(folder, variant, good, emitted[variant], o):
            for name in list(good):
                message = compile_unit(folder, variant, [name], emitted[variant], "-O0")
                if message:
                    good.remove(name)
                    trouble[name] = f"{variant}: the C compiler refuses it\n{message[:2000]}"
            if good and compile_unit(folder, variant, good, emitted[variant], o):
                raise RuntimeError(f"{folder}/{variant}.c does not compile, but each model does")
    compiled = any(levels)
    ran = drive("run", folder) if good and compiled else {}
    results = []
    for name in names:
        if name in good and compiled and ran.get(name) != "0":
            trouble[name] = "the program ended with " + ran.get(name, "nothing")
        if name in trouble:
            log = os.path.join(folder, name + ".log")
            text = open(log, errors="replace").read()[-3000:] if os.path.exists(log) else ""
            results.append(f"{trouble[name]}\n{text}")
        else:
            files = [name + ".eval"] + [name + ".run"] * compiled
            results.append({k: v for file in files
                            for k, v in common.load_safetensors(os.path.join(folder, file)).items()})
    return results


# ---- judging ----

def tolerance(key, want, G, single):
    """What every element of the tensor may differ by."""
    most = np.abs(want).max(initial=0)
    if ".d_" in key:
        return 1e-5 * most + 1e-6 * G if single else 1e-10 * most + 1e-11 * G
    if single:
        return 1.3e-6 * np.abs(want) + 1e-5 * min(most, 1)
    return 1e-11 * most


def compare(case, variant, key, got, single, G):
    """None, "ill" where PyTorch's own arithmetic spreads as much, or what differs."""
    want = case.want[key]
    if got.shape != want.shape:
        return f"{variant}/{key} has shape {got.shape}, PyTorch's has {want.shape}"
    far = np.abs(got.astype(np.float64) - want)
    room = tolerance(key, want, G, single)
    if (far <= room).all():
        return None
    if (far <= room + 4 * case.spread(single, key)).all():
        return "ill"
    at = np.unravel_index(np.argmax(np.where(np.isnan(far), np.inf, far - room)), want.shape)
    return (f"{variant}/{key}{list(map(int, at))} is {got[at]:.9g}, PyTorch has {want[at]:.9g} "
            f"(its own spread {case.spread(single, key):.2g})")


def judge(case, got):
    """(what is wrong, in words; which single-precision tensors are ill-conditioned)."""
    if isinstance(got, str):
        return [got], []
    wrong, ill = [], []
    for variant in sorted({k.partition("/")[0] for k in got}):
        mine = {k.partition("/")[2]: v for k, v in got.items() if k.startswith(variant + "/")}
        modes = ["grad"] + ["grad_eval"] * any(k.startswith("grad_eval.") for k in mine)
        need = [k for k in case.want if not k.startswith("grad_eval.") or "grad_eval" in modes]
        single = variant in ("all", "off") and case.model["dtype"] == "f32"
        for key in need:
            G = max(np.abs(v).max(initial=0) for k, v in case.want.items()
                    if k.startswith(key.partition(".")[0] + ".d_")) if ".d_" in key else 0
            if key not in mine:
                wrong.append(f"{variant}/{key} is missing")
                continue
            verdict = compare(case, variant, key, mine[key], single, G)
            if verdict == "ill":
                ill.append(f"{variant}/{key}")
            elif verdict:
                wrong.append(verdict)
    return wrong, ill


# ---- reducing ----

def kind_of(wrong):
    """What a simpler model has to show too: the same sort of trouble."""
    return "differs" if ", PyTorch has " in wrong[0] else wrong[0].split("\n")[0]


def reduce(case, wrong, folder, levels):
    """The simplest model found that still fails, and how."""
    for _ in range(ROUNDS):
        found = None
        simpler = [c for c in map(try_case, generate.simpler(case.model)) if c]
        for first in range(0, len(simpler), BATCH):
            some = simpler[first:first + BATCH]
            for other, got in zip(some, run_folder(some, folder, levels)):
                bad, _ = judge(other, got)
                if bad and kind_of(bad) == kind_of(wrong):
                    found = other, bad
                    break
            if found:
                break
        if not found:
            return case, wrong
        case, wrong = found
    return case, wrong


# ---- batches ----

def show_failure(name, case, wrong, folder, levels):
    """levels: of the C compiler, to reduce the model with; None: it stays as it is."""
    small, why = reduce(case, wrong, folder + ".reduce", levels) if levels else (case, wrong)
    kept = os.path.join(SCRATCH, name.replace(" ", "_") + ".json")
    with open(kept, "w") as f:
        json.dump(small.model, f, indent=1)
    m = small.model
    lines = [f"not ok {name}: {wrong[0]}", *wrong[1:4], "reduced to:" if levels else "which is:",
             *small.text.splitlines(), f"which shows: {why[0]}",
             f"{m['dtype']}, without {m['off']}, batches of {m['n1']} and {m['n2']}",
             f"again: SEQC={SEQC} {sys.executable} tests/random/compare.py --model {kept}"]
    return "\n    ".join("\n".join(lines).splitlines())


def run_batch(label, names, cases, levels, reducing):
    """Lines for tests/run, number of models, of ill-conditioned ones. `reducing`: how many of those
    that fail are reduced; what is wrong with the others is often the same."""
    folder = os.path.join(SCRATCH, label.replace(" ", "_"))
    ill, lines = [], []
    fast = tuple(o and "-O0" for o in levels)

    def show(name, case, wrong):
        reduce_at = fast if len(lines) < reducing else None
        lines.append(show_failure(name, case, wrong, folder, reduce_at))

    for name, case, got in zip(names, cases, run_folder(cases, folder, levels)):
        wrong, excused = judge(case, got)
        if wrong:
            show(name, case, wrong)
        elif excused:
            ill.append((name, case, excused))
    # What single precision cannot show has to be right in double precision.
    again = [(name + " in float64", Case({**case.model, "dtype": "f64"}))
             for name, case, _ in ill if case.model["dtype"] == "f32"]
    if again:
        results = run_folder([case for _, case in again], folder + ".f64", levels)
        for (name, case), got in zip(again, results):
            wrong, _ = judge(case, got)
            if wrong:
                show(name, case, wrong)
    if not lines:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(folder + ".f64", ignore_errors=True)
        lines = [f"ok {label}" + f" ({len(ill)} beyond float32, right in float64)" * bool(ill)]
    return lines, len(cases), len(ill)


def batch_of(args, first, last):
    """The models first … last-1 of a run; a mistake of ours is a failure of its batch alone."""
    of = "of images " * args.images
    label = f"{last - first} models {of}from {first} of seed {args.seed}"
    try:
        names = [f"model {of}{i} of seed {args.seed}" for i in range(first, last)]
        cases = [case_of(args.seed, i, args.images) for i in range(first, last)]
        levels = LEVELS[first // BATCH % len(LEVELS)]
        if args.level:
            levels = (args.level, "-O0")
        if args.interpret:
            levels = (None, None)
        counts = sum((images.pairs(case.model["layers"]) for case in cases), collections.Counter())
        return *run_batch(label, names, cases, levels, args.reduce), counts
    except Exception:
        text = traceback.format_exc().strip().replace("\n", "\n    ")
        return [f"not ok {label}: {text}"], last - first, 0, collections.Counter()


def show_pairs(counts, path):
    """Says which ordered pair of kinds was the rarest, in earlier runs of the same tally too."""
    if path and os.path.exists(path):
        with open(path) as f:
            counts.update({tuple(k.split(" ")): n for k, n in json.load(f).items()})
    if path:
        with open(path, "w") as f:
            json.dump({" ".join(k): n for k, n in sorted(counts.items())}, f, indent=0)
    rarest = min(((a, b) for a in images.KINDS for b in images.KINDS), key=lambda k: counts[k])
    print(f"{len(images.KINDS)} kinds of layers; the rarest ordered pair, {' and '.join(rarest)}, "
          f"{counts[rarest]} times", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--level")
    parser.add_argument("--reduce", type=int, default=1)
    parser.add_argument("--interpret", action="store_true")
    parser.add_argument("--only", type=int)
    parser.add_argument("--show", type=int)
    parser.add_argument("--images", action="store_true")
    parser.add_argument("--tally")
    parser.add_argument("--model")
    args = parser.parse_args()
    os.makedirs(SCRATCH, exist_ok=True)
    if args.show is not None:
        print(case_of(args.seed, args.show, args.images).text, end="")
    elif args.model or args.only is not None:
        case = (Case(json.load(open(args.model))) if args.model
                else case_of(args.seed, args.only, args.images))
        name = args.model or f"model {args.only} of seed {args.seed}"
        levels = (args.level or "-O1", "-O0")
        wrong, ill = judge(case, run_folder([case], os.path.join(SCRATCH, "one"), levels)[0])
        print(case.text, *wrong[:20], *(f"beyond this precision: {k}" for k in ill), sep="\n")
        print(f"not ok {name}" if wrong else f"ok {name}")
    else:
        last = args.first + args.count
        starts = range(args.first, last, BATCH)
        total, ill, counts = 0, 0, collections.Counter()
        with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
            for lines, n, k, found in pool.map(batch_of, [args] * len(starts), starts,
                                        [min(s + BATCH, last) for s in starts]):
                print(*lines, sep="\n", flush=True)
                total, ill = total + n, ill + k
                counts += found
        print(f"{total} models, {ill} of them beyond their precision", file=sys.stderr)
        if args.images:
            show_pairs(counts, args.tally)


if __name__ == "__main__":
    main()
