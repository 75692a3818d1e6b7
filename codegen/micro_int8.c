/* codegen/micro_int8.c: sums of products of codes, the loops in which a quantized model's time is
 * spent, and what becomes of a sum.
 *
 * Weights lie in dots (ir/layouts.def): a vector holds four of each of as many rows. One instruction
 * multiplies them by the same four codes and adds up the products of each row (VNNI), or by two of the
 * four and their neighbours (SSE2, AVX2, AVX-512); elsewhere C does, with vectors. All give the same
 * sums, modulo 2^32. Instructions are written as such, since libraries read no header of intrinsics.
 * Source: Intel's Instruction Set Reference, VPDPBUSD and PMADDWD. */
#include "codegen/emit_int8.h"

/* $w lanes; $madd, $v, $first: the instruction, its registers and first operand; $has: who has it. */
static const char *const dots_text =
    "/* Fours of weights of $w rows, and sums with the products of them and four codes added. */\n"
    "typedef uint32_t words$w __attribute__((vector_size($bytes), aligned(4), may_alias));\n"
    "typedef int32_t ints$w __attribute__((vector_size($bytes), aligned(4), may_alias));\n"
    "typedef int16_t halves$w __attribute__((vector_size($bytes), aligned(4), may_alias));\n"
    "#if defined __AVX512VNNI__ && defined __AVX512VL__\n"
    "typedef words$w fours$w;\n"
    "$function fours$w fours_of$w(words$w w) { return w; }\n"
    "$function words$w add_dots$w(words$w sums, uint32_t codes, fours$w w)\n"
    "{\n"
    "    words$w all = { 0 };\n"
    "    all += codes;\n"
    "    __asm__(\"vpdpbusd %2, %1, %0\" : \"+v\"(sums) : \"v\"(all), \"v\"(w));\n"
    "    return sums;\n"
    "}\n"
    "#elif defined $has\n"
    "typedef struct fours$w { halves$w even, odd; } fours$w;\n"
    "$function fours$w fours_of$w(words$w w)\n"
    "{\n"
    "    const halves$w both = (halves$w)w;\n"
    "    fours$w apart;\n"
    "    apart.even = (halves$w)(words$w)(both << 8) >> 8;\n"
    "    apart.odd = both >> 8;\n"
    "    return apart;\n"
    "}\n"
    "$function words$w add_pairs$w(words$w sums, uint32_t codes, halves$w w)\n"
    "{\n"
    "    words$w all = { 0 };\n"
    "    all += codes & 0x00ff00ffu;\n"
    "    __asm__(\"$madd\" : \"+$v\"(all) : \"$v\"(w));\n"
    "    return sums + all;\n"
    "}\n"
    "$function words$w add_dots$w(words$w sums, uint32_t codes, fours$w w)\n"
    "{\n"
    "    return add_pairs$w(add_pairs$w(sums, codes, w.even), codes >> 8, w.odd);\n"
    "}\n"
    "#else\n"
    "typedef struct fours$w { words$w each[4]; } fours$w;\n"
    "$function fours$w fours_of$w(words$w w)\n"
    "{\n"
    "    fours$w apart;\n"
    "    for (int i = 0; i < 4; i++)\n"
    "        apart.each[i] = (words$w)((ints$w)(w << (24 - 8 * i)) >> 24);\n"
    "    return apart;\n"
    "}\n"
    "$function words$w add_dots$w(words$w sums, uint32_t codes, fours$w w)\n"
    "{\n"
    "    for (int i = 0; i < 4; i++)\n"
    "        sums += (codes >> 8 * i & 255) * w.each[i];\n"
    "    return sums;\n"
    "}\n"
    "#endif\n";

/* Branches of vectors are masks: C has no ?: for them. Adding 1.5 * 2^23 rounds to an integer, ties
 * to even. */
static const char *const finish_text =
    "typedef float floats$w __attribute__((vector_size($bytes), aligned(4), may_alias));\n"
    "typedef uint8_t bytes$w __attribute__((vector_size($w), aligned(1), may_alias));\n"
    "/* What sums of $w lanes become: times their factors, within low and high, codes from `zero` on.\n"
    " * Sums, starts and factors fill the last vector; codes do not. */\n"
    "$function void finish_codes$w(const uint32_t *restrict sums, const int32_t *restrict start,\n"
    "    const float *restrict factor, int64_t n, float low, float high, int32_t zero,\n"
    "    uint8_t *restrict codes)\n"
    "{\n"
    "    floats$w least = { 0 }, most = { 0 };\n"
    "    least += low;\n"
    "    most += high;\n"
    "    for (int64_t j = 0; j < n; j += $w) {\n"
    "        const words$w sum = *(const words$w *)(sums + j) + *(const words$w *)(start + j);\n"
    "        floats$w y = __builtin_convertvector((ints$w)sum, floats$w);\n"
    "        y *= *(const floats$w *)(factor + j);\n"
    "        const ints$w above = (ints$w)(y > least);\n"
    "        y = (floats$w)(((ints$w)y & above) | ((ints$w)least & ~above));\n"
    "        const ints$w below = (ints$w)(y < most);\n"
    "        y = (floats$w)(((ints$w)y & below) | ((ints$w)most & ~below));\n"
    "        const floats$w large = y + 12582912.0f, even = large - 12582912.0f;\n"
    "        const ints$w code = __builtin_convertvector(even, ints$w) + zero;\n"
    "        const bytes$w byte = __builtin_convertvector(code, bytes$w);\n"
    "        if (n - j >= $w) *(bytes$w *)(codes + j) = byte;\n"
    "        else memcpy(codes + j, &byte, (size_t)(n - j));\n"
    "    }\n"
    "}\n";

static void write_lanes(Emit *e, const char *template, int lanes)
{
    bool wide = lanes > 4;
    Out *o = out_new(e->a);
    const Hole holes[] = {
        { "w", text(e, "%d", lanes) }, { "bytes", text(e, "%d", 4 * lanes) },
        { "function", e->l->function }, { "v", lanes == 16 ? "v" : "x" },
        { "has", lanes == 16 ? "__AVX512BW__" : wide ? "__AVX2__" : "__SSE2__" },
        { "madd", wide ? "vpmaddwd %1, %0, %0" : "pmaddwd %1, %0" },
    };
    out_template(o, template, holes, (int)(sizeof holes / sizeof *holes));
    add_micro(e, out_text(o));
}

const char *micro_finish(Emit *e, int lanes)
{
    write_lanes(e, dots_text, lanes);
    write_lanes(e, finish_text, lanes);
    return text(e, "finish_codes%d", lanes);
}

/* Vectors of sums of a row of the tile. */
static int vectors_of(const CodeTile *t) { return t->panels * t->width / t->lanes; }

/* One step of a run: four codes of each row times the weights at w. */
static void write_step(Emit *e, Out *o, const CodeTile *t, const char *word)
{
    int lanes = t->lanes, each = t->width / lanes;
    for (int j = 0; j < vectors_of(t); j++)
        out_line(o, "const fours%d w%d = fours_of%d(*(const words%d *)(w + %d * panel_step + %d));",
                 lanes, j, lanes, lanes, j / each, j % each * 4 * lanes);
    for (int i = 0; i < t->rows; i++) {
        out_line(o, "%sword = %s;", i ? "" : "uint32_t ", text(e, word, i));
        for (int j = 0; j < vectors_of(t); j++)
            out_line(o, "c%d_%d = add_dots%d(c%d_%d, word, w%d);", i, j, lanes, i, j, j);
    }
    out_line(o, "w += %d;", 4 * t->width);
}

const char *micro_codes(Emit *e, const CodeTile *t)
{
    Out *o = out_new(e->a);
    int sums = t->panels * t->width, vectors = vectors_of(t);
    const char *name = text(e, "codes%d_%dx%d", t->width, t->rows, t->panels);
    write_lanes(e, dots_text, t->lanes);
    reach(e, SNIP_codes);
    reach(e, SNIP_once);
    out_line(o, "/* sums[%d][%d]: %d row%s of codes times %d panel%s of weights. A row is runs, each of",
             t->rows, sums, t->rows, t->rows > 1 ? "s" : "", t->panels, t->panels > 1 ? "s" : "");
    out_line(o, " * so many fours of codes and `rest` more. */");
    out_line(o, "ONCE void %s(int64_t runs, int64_t fours, int64_t rest, const uint8_t *restrict a,",
             name);
    out_line(o, "    int64_t row_step, int64_t run_step, const int8_t *restrict w, int64_t panel_step,");
    out_line(o, "    uint32_t *restrict sums)");
    out_open(o, "%s", "");
    for (int i = 0; i < t->rows; i++) {
        const char *s = "";
        for (int j = 0; j < vectors; j++)
            s = text(e, "%s%s c%d_%d = { 0 }", s, j ? "," : text(e, "words%d", t->lanes), i, j);
        out_line(o, "%s;", s);
    }
    out_open(o, "for (int64_t r = 0; r < runs; r++, a += run_step)");
    out_line(o, "const uint8_t *at = a;");
    out_open(o, "for (int64_t q = 0; q < fours; q++, at += 4)");
    write_step(e, o, t, "four_codes(at + %d * row_step)");
    out_close(o, "");
    out_open(o, "if (rest)");
    write_step(e, o, t, "some_codes(at + %d * row_step, rest)");
    out_close(o, "");
    out_close(o, "");
    for (int i = 0; i < t->rows; i++)
        for (int j = 0; j < vectors; j++)
            out_line(o, "*(words%d *)(sums + %d) = c%d_%d;", t->lanes, i * sums + j * t->lanes, i, j);
    out_close(o, "");
    add_micro(e, out_text(o));
    return name;
}
