/* codegen/snippets.c: the helpers that are not mathematics, and the writing of snippets. */
#include "codegen/snippets.h"
#include "ir/ir.h"
#include <string.h>

const char *const snippet_text[SNIP_COUNT] = {
#define PAD(name, source, doc) \
    [SNIP_pad_##name] = "/* Which place of an axis of that size holds the value at place `at`: " \
    doc ". */\n" \
    "$function int64_t pad_" #name "(int64_t at, int64_t size)\n" \
    "{\n" \
    "    return " #source ";\n" \
    "}\n",
#include "ir/pads.def"
#undef PAD
    [SNIP_smaller] =
    "$function int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }\n",
    [SNIP_divisor] =
    "/* What divides by a size: x / size = x * times >> shift for 0 <= x < 2^31. And the rest. */\n"
    "typedef struct { uint32_t times, shift; } Divisor;\n"
    "$function int whole_by(int x, Divisor by)\n"
    "{\n"
    "    return (int)((uint64_t)x * by.times >> by.shift);\n"
    "}\n"
    "$function int left_by(int x, Divisor by, int size) { return x - whole_by(x, by) * size; }\n",
    [SNIP_within] =
    "$function bool is_within(int at, int size) { return (uint32_t)at < (uint32_t)size; }\n",
    [SNIP_columns] =
    "/* The first column, and the one after the last, whose column * stride + shift is one of so\n"
    " * many places. */\n"
    "$function int64_t first_column(int64_t shift, int64_t stride)\n"
    "{\n"
    "    return shift < 0 ? (stride - 1 - shift) / stride : 0;\n"
    "}\n"
    "$function int64_t end_column(int64_t shift, int64_t stride, int64_t places)\n"
    "{\n"
    "    return shift < places ? (places - 1 - shift) / stride + 1 : 0;\n"
    "}\n",
    [SNIP_nearest] =
    "/* The place nearest to `at` of a stretched axis, found in float as in PyTorch. */\n"
    "$function int64_t nearest(int64_t at, int64_t places, float scale)\n"
    "{\n"
    "    const int64_t place = (int64_t)((float)at * scale);\n"
    "    return place < places ? place : places - 1;\n"
    "}\n",
    [SNIP_between] =
    "/* Where `at` of a stretched axis stands, between place 0 and the last. */\n"
    "$function double between(int64_t at, double scale, double shift, int64_t places)\n"
    "{\n"
    "    const double place = (double)at * scale + shift, last = (double)(places - 1);\n"
    "    return place < 0 ? 0 : place < last ? place : last;\n"
    "}\n",
    [SNIP_philox] =
    "/* Element e of a random stream, uniform in [0, 1): Philox4x32-10 (Salmon et al., 2011), key\n"
    " * (seed, stream), counter (e / 4, step); the upper 24 bits of word e % 4. */\n"
    "$function $R uniform_$S(uint64_t seed, uint32_t stream, uint64_t step, int64_t e)\n"
    "{\n"
    "    const uint64_t block = (uint64_t)e / 4;\n"
    "    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32) ^ stream;\n"
    "    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32);\n"
    "    uint32_t c2 = (uint32_t)step, c3 = (uint32_t)(step >> 32);\n"
    "    for (int round = 0; round < 10; round++) {\n"
    "        const uint64_t p = (uint64_t)0xD2511F53 * c0, q = (uint64_t)0xCD9E8D57 * c2;\n"
    "        c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;\n"
    "        c1 = (uint32_t)q;\n"
    "        c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;\n"
    "        c3 = (uint32_t)p;\n"
    "        k0 += 0x9E3779B9;\n"
    "        k1 += 0xBB67AE85;\n"
    "    }\n"
    "    const uint32_t word = e % 4 == 0 ? c0 : e % 4 == 1 ? c1 : e % 4 == 2 ? c2 : c3;\n"
    "    return ($R)(word >> 8) * ($R)(1.0 / 16777216.0);\n"
    "}\n",
    [SNIP_inlined] =
    "/* Kernels of a graph that is one function: where the batch is full the compiler knows how\n"
    " * often each loop turns. */\n"
    "#define INLINED inline __attribute__((always_inline))\n",
    [SNIP_once] =
    "/* Compiled once, neither inlined nor cloned: they are most of the compiler's work. */\n"
    "#ifdef __clang__\n"
    "#define ONCE static __attribute__((noinline))\n"
    "#else\n"
    "#define ONCE static __attribute__((noinline, noclone))\n"
    "#endif\n",
    [SNIP_vec] =
    "/* $lanes elements that one instruction handles; memory need not be aligned to it. */\n"
    "typedef $R vec __attribute__((vector_size($vector_bytes), aligned(sizeof($R)), may_alias));\n",
    [SNIP_pack_rows] =
    "/* pack[k][width] = b[k][cols], rows of b being `stride` apart; zeros beyond cols. */\n"
    "ONCE void pack_rows(int64_t depth, int64_t cols,\n"
    "    int64_t width, const $R *restrict b, int64_t stride, $R *restrict pack)\n"
    "{\n"
    "    for (int64_t k = 0; k < depth; k++, b += stride, pack += width) {\n"
    "        for (int64_t j = 0; j < cols; j++)\n"
    "            pack[j] = b[j];\n"
    "        for (int64_t j = cols; j < width; j++)\n"
    "            pack[j] = 0;\n"
    "    }\n"
    "}\n",
    [SNIP_pack_columns] =
    "/* pack[k][width] = b[cols][k], transposed in blocks of 4 x 4; zeros beyond cols. */\n"
    "typedef $R vec4\n"
    "    __attribute__((vector_size(4 * sizeof($R)), aligned(sizeof($R)), may_alias));\n"
    "$function void transpose_4x4(const $R *restrict b, int64_t stride, $R *restrict pack,\n"
    "                                 int64_t width)\n"
    "{\n"
    "    const vec4 a0 = *(const vec4 *)b, a1 = *(const vec4 *)(b + stride);\n"
    "    const vec4 a2 = *(const vec4 *)(b + 2 * stride), a3 = *(const vec4 *)(b + 3 * stride);\n"
    "    const vec4 lo01 = __builtin_shufflevector(a0, a1, 0, 4, 1, 5);\n"
    "    const vec4 hi01 = __builtin_shufflevector(a0, a1, 2, 6, 3, 7);\n"
    "    const vec4 lo23 = __builtin_shufflevector(a2, a3, 0, 4, 1, 5);\n"
    "    const vec4 hi23 = __builtin_shufflevector(a2, a3, 2, 6, 3, 7);\n"
    "    *(vec4 *)pack = __builtin_shufflevector(lo01, lo23, 0, 1, 4, 5);\n"
    "    *(vec4 *)(pack + width) = __builtin_shufflevector(lo01, lo23, 2, 3, 6, 7);\n"
    "    *(vec4 *)(pack + 2 * width) = __builtin_shufflevector(hi01, hi23, 0, 1, 4, 5);\n"
    "    *(vec4 *)(pack + 3 * width) = __builtin_shufflevector(hi01, hi23, 2, 3, 6, 7);\n"
    "}\n"
    "ONCE void pack_columns(int64_t depth, int64_t cols,\n"
    "    int64_t width, const $R *restrict b, int64_t stride, $R *restrict pack)\n"
    "{\n"
    "    const int64_t fours = cols / 4 * 4;\n"
    "    for (int64_t first = 0; first < depth; first += 64) {  /* what is written stays in L1 */\n"
    "        const int64_t last = first + 64 < depth ? first + 64 : depth;\n"
    "        const int64_t whole = first + (last - first) / 4 * 4;\n"
    "        for (int64_t j = 0; j < fours; j += 4) {\n"
    "            for (int64_t k = first; k < whole; k += 4)\n"
    "                transpose_4x4(b + j * stride + k, stride, pack + k * width + j, width);\n"
    "            for (int64_t k = whole; k < last; k++)\n"
    "                for (int64_t i = j; i < j + 4; i++)\n"
    "                    pack[k * width + i] = b[i * stride + k];\n"
    "        }\n"
    "        for (int64_t j = fours; j < cols; j++)\n"
    "            for (int64_t k = first; k < last; k++)\n"
    "                pack[k * width + j] = b[j * stride + k];\n"
    "        for (int64_t j = cols; j < width; j++)\n"
    "            for (int64_t k = first; k < last; k++)\n"
    "                pack[k * width + j] = 0;\n"
    "    }\n"
    "}\n",
    [SNIP_dot_rows] =
    "/* sums[cols] = the row a[depth] times rows of b: for too few rows for packing to pay. */\n"
    "ONCE void dot_rows(int64_t depth, const $R *restrict a,\n"
    "    const $R *restrict b, int64_t stride, int64_t cols, $R *restrict sums)\n"
    "{\n"
    "    for (int64_t j = 0; j < cols; j++, b += stride) {\n"
    "        $R sum = 0;\n"
    "#pragma omp simd reduction(+:sum)\n"
    "        for (int64_t k = 0; k < depth; k++)\n"
    "            sum += a[k] * b[k];\n"
    "        sums[j] = sum;\n"
    "    }\n"
    "}\n",
    [SNIP_patches] =
    "/* Pixels from `first` to `end`, line by line, in vectors: where each is in the frame, and\n"
    " * in a row of patches. Returns how many. */\n"
    "$function int find_runs(int64_t first, int64_t end, int64_t columns, int64_t step,\n"
    "    int32_t *restrict from, int32_t *restrict to)\n"
    "{\n"
    "    int runs = 0;\n"
    "    for (int64_t p = first; p < end;) {\n"
    "        const int64_t line = p / columns, stop = smaller((line + 1) * columns, end);\n"
    "        for (int64_t i = p; i < stop; i += $lanes, runs++) {\n"
    "            from[runs] = (int32_t)(line * step + i - line * columns);\n"
    "            to[runs] = (int32_t)(i - first);\n"
    "        }\n"
    "        p = stop;\n"
    "    }\n"
    "    return runs;\n"
    "}\n"
    "/* pack[channel][tap][width]: what taps of these pixels read. Whole vectors are copied; what\n"
    " * one writes beyond its pixels the next writes over. */\n"
    "ONCE void pack_patches(int64_t channels, int64_t plane, const $R *restrict frame, int taps,\n"
    "    const int32_t *restrict tap, int runs, const int32_t *restrict from,\n"
    "    const int32_t *restrict to, int64_t width, $R *restrict pack)\n"
    "{\n"
    "    const int second = runs > 1 ? 1 : 0, third = runs > 2 ? 2 : 0;    /* others are rare */\n"
    "    const int64_t from0 = from[0], from1 = from[second], from2 = from[third];\n"
    "    const int64_t to0 = to[0], to1 = to[second], to2 = to[third];\n"
    "    for (int64_t c = 0; c < channels; c++, frame += plane)\n"
    "        for (int t = 0; t < taps; t++, pack += width) {\n"
    "            const $R *restrict const at = frame + tap[t];\n"
    "            *(vec *)(pack + to0) = *(const vec *)(at + from0);\n"
    "            if (second) *(vec *)(pack + to1) = *(const vec *)(at + from1);\n"
    "            if (third) *(vec *)(pack + to2) = *(const vec *)(at + from2);\n"
    "            for (int r = 3; r < runs; r++)\n"
    "                *(vec *)(pack + to[r]) = *(const vec *)(at + from[r]);\n"
    "        }\n"
    "}\n",
    [SNIP_fetch] =
    "/* Asks for memory that is written soon. */\n"
    "$function void fetch(const $R *at, int64_t elems)\n"
    "{\n"
    "    for (int64_t i = 0; i < elems; i += 64 / (int64_t)sizeof *at)\n"
    "        __builtin_prefetch(at + i, 1);\n"
    "}\n",
    [SNIP_ahead] =
    "/* Asks for memory that is read soon. */\n"
    "$function void ahead(const $R *at, int64_t elems)\n"
    "{\n"
    "    for (int64_t i = 0; i < elems; i += 64 / (int64_t)sizeof *at)\n"
    "        __builtin_prefetch(at + i);\n"
    "}\n",
    [SNIP_blas] =
    "/* OpenBLAS, called on one thread a tile; own prototypes, so that no header is needed. */\n"
    "#ifdef __cplusplus\n"
    "extern \"C\" {\n"
    "#endif\n"
    "void cblas_sgemm(int, int, int, int, int, int, float, const float *, int, const float *,\n"
    "                 int, float, float *, int);\n"
    "void cblas_dgemm(int, int, int, int, int, int, double, const double *, int, const double *,\n"
    "                 int, double, double *, int);\n"
    "void openblas_set_num_threads(int);\n"
    "int openblas_get_parallel(void);\n"
    "char *openblas_get_corename(void);\n"
    "#ifdef __cplusplus\n"
    "}\n"
    "#endif\n"
    "enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 };\n",
};

static const struct { const char *name, *needs; } info[SNIP_COUNT] = {
#define SNIPPET(n, needs) [SNIP_##n] = { #n, needs },
#include "codegen/snippets.def"
#undef SNIPPET
};

const char *snippet_name(Snippet s) { return info[s].name; }

static Snippet find(const char *name, size_t len)
{
    for (int s = 1; s < SNIP_COUNT; s++)
        if (strlen(info[s].name) == len && !strncmp(info[s].name, name, len)) return (Snippet)s;
    ir_die(NULL, "codegen/snippets.def: no snippet %.*s", (int)len, name);
}

void snippet_reach(bool *reached, Snippet s)
{
    if (s == SNIP_none || reached[s]) return;
    reached[s] = true;
    for (const char *w = info[s].needs; *w;) {
        size_t len = strcspn(w, " ");
        snippet_reach(reached, find(w, len));
        w += len + strspn(w + len, " ");
    }
}

void snippets_write(Out *o, const bool *reached, const Hole *holes, int n_hole)
{
    for (int s = 1; s < SNIP_COUNT; s++) {
        if (!reached[s]) continue;
        const char *text = snippet_text[s]      ? snippet_text[s]
                         : snippet_math_text[s]  ? snippet_math_text[s]
                         : snippet_libm_text[s]  ? snippet_libm_text[s]
                         : snippet_angles_text[s] ? snippet_angles_text[s]
                         : snippet_tiles_text[s] ? snippet_tiles_text[s]
                         : snippet_warp_text[s]  ? snippet_warp_text[s]
                         : snippet_int8_text[s]  ? snippet_int8_text[s]
                         : snippet_wgmma_text[s] ? snippet_wgmma_text[s]
                                                 : snippet_mma_text[s];
        out_template(o, text, holes, n_hole);
        out_line(o, "%s", "");
    }
}
