"""OpenBLAS for tests/bench/run: answers "M OUT K forward|d-input" with the median seconds of that
product on one thread, in a process of its own, as it reads OPENBLAS_CORETYPE once."""
import array
import ctypes
import json
import random
import statistics
import sys
import time

ROWS, PLAIN, TRANSPOSED = 101, 111, 112


def product(lib, m, out, k, what):
    """y = x w' or dx = dy w, for w [out][k], and what it takes to call it."""
    a, b, rows, cols, depth, transposed = ((m, k), (out, k), m, out, k, TRANSPOSED) \
        if what == "forward" else ((m, out), (out, k), m, k, out, PLAIN)
    numbers = random.Random(1)
    values = [array.array("f", [numbers.uniform(-1, 1) for _ in range(size[0] * size[1])])
              for size in (a, b, (rows, cols))]
    at = [ctypes.c_void_p(v.buffer_info()[0]) for v in values]
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    call = lambda: lib.cblas_sgemm(ROWS, PLAIN, transposed, rows, cols, depth, one, at[0], a[1],
                                   at[1], b[1], zero, at[2], cols)
    return call, values


def median(call, group):
    times = []
    for _ in range(15):
        start = time.perf_counter()
        for _ in range(group):
            call()
        times.append((time.perf_counter() - start) / group)
    return statistics.median(times)


def main():
    lib = ctypes.CDLL("libopenblas.so.0")
    lib.openblas_set_num_threads(1)
    lib.openblas_get_corename.restype = ctypes.c_char_p
    made = {}
    for line in sys.stdin:
        m, out, k, what = line.split()
        if line not in made:
            made[line] = product(lib, int(m), int(out), int(k), what)
            made[line][0]()
        group = max(1, int(2e6 / (2 * int(m) * int(out) * int(k))))
        print(json.dumps({"seconds": median(made[line][0], group),
                          "core": lib.openblas_get_corename().decode()}), flush=True)


if __name__ == "__main__":
    try:
        main()
    except OSError as e:
        print(json.dumps({"missing": str(e)}), flush=True)
