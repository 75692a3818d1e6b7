/* codegen/micro.c: register tiles of products, the loops over k in which a product's time is spent.
 * Each is written once a program, compiled once, and called by all kernels of its shape.
 *
 * micro_HxV: H rows of a, one element at a time, times V vectors of columns of b; micro_HxV_ahead
 * also asks for memory that is read next, a line a step. taps_HxV: the same where the vectors are of
 * V lines of an image, and those of the next step stand at the next tap. dots_HxC: H rows of a times
 * C rows of b, both contiguous in k, vectors along k; dots_lines_HxC: what C taps read of lines. */
#include "codegen/emit.h"
#include <string.h>

void add_micro(Emit *e, const char *function)
{
    for (int i = 0; i < e->n_micro; i++)
        if (!strcmp(e->micro[i], function)) return;
    e->micro =
        arena_grow(e->a, e->micro, (size_t)e->n_micro, (size_t)e->n_micro + 1, sizeof *e->micro);
    e->micro[e->n_micro++] = function;
}

/* Elements of a vector register. */
static long long lanes_of(const Emit *e)
{
    return e->o->target->vector_bytes / ir_dtype_bytes(e->m->real);
}

static void write_start(Emit *e, Out *o, int height, int v)
{
    for (int i = 0; i < height; i++) {
        const char *s = "";
        for (int j = 0; j < v; j++) s = text(e, "%s%s c%d_%d = { 0 }", s, j ? "," : "vec", i, j);
        out_line(o, "%s;", s);
    }
}

/* A step of k: vectors of columns from `b` on, `next` apart; a row's element at a + i * row_step. */
static void write_step(Emit *e, Out *o, int height, int v, const char *b, const char *next)
{
    for (int j = 0; j < v; j++)
        out_line(o, "const vec b%d = *(const vec *)(%s + %d * %s);", j, b, j, next);
    for (int i = 0; i < height; i++) {
        const char *s =
            text(e, "const %s a%d = a[%d * row_step];", e->l->type[e->m->real], i, i);
        for (int j = 0; j < v; j++) s = text(e, "%s c%d_%d += a%d * b%d;", s, i, j, i, j);
        out_line(o, "%s", s);
    }
}

static void write_end(Emit *e, Out *o, int height, int v)
{
    for (int i = 0; i < height; i++) {
        const char *s = "";
        for (int j = 0; j < v; j++)
            s = text(e, "%s%s*(vec *)(sums + %lld) = c%d_%d;", s, j ? " " : "",
                     (i * v + j) * lanes_of(e), i, j);
        out_line(o, "%s", s);
    }
}

static const char *write_tile(Emit *e, int height, int v, bool ahead)
{
    Out *o = out_new(e->a);
    const char *real = e->l->type[e->m->real];
    const char *name = text(e, "micro_%s_%dx%d%s", ir_dtype_name(e->m->real), height, v,
                            ahead ? "_ahead" : "");
    long long lanes = lanes_of(e);
    out_line(o, "/* sums[%d][%lld]: %d rows of a times %d vector%s of columns.%s", height,
             v * lanes, height, v, v > 1 ? "s" : "", ahead ? "" : " */");
    if (ahead)
        out_line(o, " * Asks for `depth` lines of memory, from `next` on, next_step apart. */");
    out_line(o, "ONCE void %s(int64_t depth, const %s *restrict a, int64_t row_step,", name, real);
    out_line(o, "    int64_t k_step, const %s *restrict b, int64_t b_step, %s *restrict sums%s",
             real, real, ahead ? "," : ")");
    if (ahead) out_line(o, "    const %s *next, int64_t next_step)", real);
    out_open(o, "%s", "");
    write_start(e, o, height, v);
    out_open(o, "for (int64_t k = 0; k < depth; k++, a += k_step, b += b_step%s)",
             ahead ? ", next += next_step" : "");
    if (ahead) out_line(o, "__builtin_prefetch(next);");
    write_step(e, o, height, v, "b", text(e, "%lld", lanes_of(e)));
    out_close(o, "");
    write_end(e, o, height, v);
    out_close(o, "");
    add_micro(e, out_text(o));
    return name;
}

const char *micro_tile(Emit *e, int height, int v) { return write_tile(e, height, v, false); }

const char *micro_tile_ahead(Emit *e, int height, int v) { return write_tile(e, height, v, true); }

const char *micro_taps(Emit *e, int height, int v)
{
    Out *o = out_new(e->a);
    const char *real = e->l->type[e->m->real];
    const char *name = text(e, "taps_%s_%dx%d", ir_dtype_name(e->m->real), height, v);
    out_line(o, "/* sums[%d][%d][%lld]: %d rows of weights, [channel][tap], times what these neighbours",
             height, v, lanes_of(e), height);
    out_line(o, " * read: of lines and channels that are `line` and `plane` apart, `tap` from b on. */");
    out_line(o, "ONCE void %s(int64_t channels, const %s *restrict a, int64_t row_step,", name, real);
    out_line(o, "    int taps, const int32_t *restrict tap, const %s *restrict b, int64_t line,", real);
    out_line(o, "    int64_t plane, %s *restrict sums)", real);
    out_open(o, "%s", "");
    write_start(e, o, height, v);
    out_line(o, "for (int64_t c = 0; c < channels; c++, b += plane)");
    out_deeper(o, 1);
    out_open(o, "for (int t = 0; t < taps; t++, a++)");
    write_step(e, o, height, v, "b + tap[t]", "line");
    out_close(o, "");
    out_deeper(o, -1);
    write_end(e, o, height, v);
    out_close(o, "");
    add_micro(e, out_text(o));
    return name;
}

/* add_pairs(a, b): sums of neighbours, those of a and then those of b. */
static void write_add_pairs(Emit *e, int64_t vector)
{
    const char *even = "", *odd = "";
    for (int64_t i = 0; i < 2 * vector; i += 2) {
        even = text(e, "%s, %lld", even, (long long)i);
        odd = text(e, "%s, %lld", odd, (long long)i + 1);
    }
    add_micro(e, text(e,
                      "/* Sums of neighbours: those of a, then those of b. */\n"
                      "static inline vec add_pairs(vec a, vec b)\n{\n"
                      "    return __builtin_shufflevector(a, b%s)\n"
                      "         + __builtin_shufflevector(a, b%s);\n}\n", even, odd));
}

/* Row i of the results: the lanes of ci_0, ci_1 … are summed. Neighbours go together, at first of
 * two vectors (the last of an odd number with itself), then of the one that is left. */
static void write_sums(Emit *e, Out *o, int i, int cols)
{
    char level = 'c';
    long long lanes = lanes_of(e);
    for (int n = cols; n > 1; n = (n + 1) / 2, level++, lanes /= 2) {
        for (int j = 0; j < n; j += 2)
            out_line(o, "const vec %c%d_%d = add_pairs(%c%d_%d, %c%d_%d);", level + 1, i, j / 2,
                     level, i, j, level, i, j + 1 < n ? j + 1 : j);
    }
    out_line(o, "%svec s%d = %c%d_0;", lanes > 1 ? "" : "const ", i, level, i);
    for (; lanes > 1; lanes /= 2) out_line(o, "s%d = add_pairs(s%d, s%d);", i, i, i);
    out_line(o, "for (int j = 0; j < %d; j++)", cols);
    out_line(o, "    sums[%d + j] = s%d[j];", i * cols, i);
}

const char *micro_dots(Emit *e, int height, int cols)
{
    Out *o = out_new(e->a);
    const char *real = e->l->type[e->m->real], *name = text(e, "dots_%dx%d", height, cols);
    long long vector = lanes_of(e);
    write_add_pairs(e, vector);
    out_line(o, "/* sums[%d][%d]: %d row%s of a times %d row%s of b, a vector along k. */", height,
             cols, height, height > 1 ? "s" : "", cols, cols > 1 ? "s" : "");
    out_line(o, "ONCE void %s(int64_t depth, const %s *restrict a, int64_t a_step,", name, real);
    out_line(o, "    const %s *restrict b, int64_t b_step, %s *restrict sums)", real, real);
    out_open(o, "%s", "");
    for (int i = 0; i < height; i++) {
        const char *s = "";
        for (int j = 0; j < cols; j++) s = text(e, "%s%s c%d_%d = { 0 }", s, j ? "," : "vec", i, j);
        out_line(o, "%s;", s);
    }
    out_line(o, "int64_t k = 0;");
    out_open(o, "for (; k + %lld <= depth; k += %lld)", vector, vector);
    for (int j = 0; j < cols; j++)
        out_line(o, "const vec b%d = *(const vec *)(b + %d * b_step + k);", j, j);
    for (int i = 0; i < height; i++) {
        out_line(o, "const vec a%d = *(const vec *)(a + %d * a_step + k);", i, i);
        const char *s = "";
        for (int j = 0; j < cols; j++)
            s = text(e, "%s%sc%d_%d += a%d * b%d;", s, j ? " " : "", i, j, i, j);
        out_line(o, "%s", s);
    }
    out_close(o, "");
    for (int i = 0; i < height; i++) write_sums(e, o, i, cols);
    /* Without the `if` gcc at -O3 takes the loop for an endless one where all calls are for whole vectors. */
    out_line(o, "if (depth %% %lld)", vector);
    out_line(o, "    for (; k < depth; k++)");
    out_line(o, "        for (int i = 0; i < %d; i++)", height);
    out_line(o, "            for (int j = 0; j < %d; j++)", cols);
    out_line(o, "                sums[i * %d + j] += a[i * a_step + k] * b[j * b_step + k];", cols);
    out_close(o, "");
    add_micro(e, out_text(o));
    return name;
}

/* Sums that are in memory to registers, and back. */
static void dots_begin(Emit *e, Out *o, int height, int cols)
{
    out_line(o, "vec *const sum = (vec *)sums;");
    for (int i = 0; i < height; i++) {
        const char *s = "";
        for (int j = 0; j < cols; j++)
            s = text(e, "%s%s c%d_%d = sum[%d]", s, j ? "," : "vec", i, j, i * cols + j);
        out_line(o, "%s;", s);
    }
}

static void dots_end(Emit *e, Out *o, int height, int cols)
{
    for (int i = 0; i < height; i++) {
        const char *s = "";
        for (int j = 0; j < cols; j++)
            s = text(e, "%s%ssum[%d] = c%d_%d;", s, j ? " " : "", i * cols + j, i, j);
        out_line(o, "%s", s);
    }
}

/* A vector of k of each row of a and, at b with its number, of each of b. */
static void dots_step(Emit *e, Out *o, int height, int cols, const char *b)
{
    for (int j = 0; j < cols; j++)
        out_line(o, "const vec b%d = *(const vec *)(%s);", j, text(e, b, j));
    for (int i = 0; i < height; i++) {
        out_line(o, "const vec a%d = *(const vec *)(a + %d * a_step + k);", i, i);
        const char *s = "";
        for (int j = 0; j < cols; j++)
            s = text(e, "%s%sc%d_%d += a%d * b%d;", s, j ? " " : "", i, j, i, j);
        out_line(o, "%s", s);
    }
}

const char *micro_dots_add(Emit *e, int height, int cols)
{
    Out *o = out_new(e->a);
    const char *real = e->l->type[e->m->real], *name = text(e, "dots_add_%dx%d", height, cols);
    long long vector = lanes_of(e);
    out_line(o, "/* Adds %d rows of a times %d row%s of b to sums[%d][%d][%lld], lane by lane. */",
             height, cols, cols > 1 ? "s" : "", height, cols, vector);
    out_line(o, "ONCE void %s(int64_t depth, const %s *restrict a, int64_t a_step,", name, real);
    out_line(o, "    const %s *restrict b, int64_t b_step, %s *restrict sums)", real, real);
    out_open(o, "%s", "");
    dots_begin(e, o, height, cols);
    out_open(o, "for (int64_t k = 0; k < depth; k += %lld)", vector);
    dots_step(e, o, height, cols, "b + %d * b_step + k");
    out_close(o, "");
    dots_end(e, o, height, cols);
    out_close(o, "");
    add_micro(e, out_text(o));
    return name;
}

/* Shapes are in the text, so that the division is none. One loop for all lines: gcc 12 unrolls one
 * over a short line, and takes a sixth longer. */
const char *micro_dots_lines(Emit *e, int height, int cols, const FrameLines *lines)
{
    Out *o = out_new(e->a);
    long long n = (long long)lines->n, width = (long long)lines->width;
    long long apart = (long long)lines->apart, all = n * width, vector = lanes_of(e);
    const char *real = e->l->type[e->m->real];
    const char *name = text(e, "dots_lines_%dx%d_%lldx%lld_%lld", height, cols, n, width, apart);
    out_line(o, "/* Adds %d rows of a, [%lld][%lld], times what these taps read to sums[%d][%d][%lld],",
             height, n, width, height, cols, vector);
    out_line(o, " * lane by lane: of lines that are %lld apart, from b + tap on. */", apart);
    out_line(o, "ONCE void %s(const %s *restrict a, int64_t a_step,", name, real);
    out_line(o, "    const %s *restrict b, const int32_t *restrict tap, %s *restrict sums)", real,
             real);
    out_open(o, "%s", "");
    dots_begin(e, o, height, cols);
    out_open(o, "for (int64_t k = 0; k < %lld; k += %lld)", all, vector);
    out_line(o, "const int64_t at = k + k / %lld * %lld;", width, apart - width);
    dots_step(e, o, height, cols, "b + tap[%d] + at");
    out_close(o, "");
    dots_end(e, o, height, cols);
    out_close(o, "");
    add_micro(e, out_text(o));
    return name;
}
