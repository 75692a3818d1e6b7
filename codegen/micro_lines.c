/* codegen/micro_lines.c: register tiles that read a frame (ir/frame.h) where it lies: rows of
 * weights times pixels that are whole vectors of a line, or of the lines that a line of windows
 * reads, of which each sum is then the largest of its window. */
#include "codegen/patches.h"
#include "codegen/vectors.h"

static const char lines_text[] =
    "/* sums[$height][$found]: $height rows of weights [$channels][$taps] times what they read of\n"
    " * $pixels pixels on $lines$many of a frame$pooled. */\n"
    "ONCE void lines_$id(const $R *restrict weight, const $R *restrict frame, $R *restrict sums)\n"
    "{\n"
    "$zeros"
    "    for (int c = 0; c < $channels; c++, weight += $taps, frame += $plane)\n"
    "        for (int y = 0; y < $taps_y; y++)\n"
    "            for (int x = 0; x < $taps_x; x++) {\n"
    "                const $R *const a = weight + y * $taps_x + x;\n"
    "                const $R *const b = frame + y * $down + x * $right;\n"
    "$steps"
    "            }\n"
    "$ends"
    "}\n";

typedef struct Lines {
    Kern *k;
    Emit *e;
    const Frame *f;
    const Pooled *pool;                    /* null: none */
    int height, lines, vectors;            /* vectors of a line */
    int64_t vector;
} Lines;

static const char *zeros_text(const Lines *t)
{
    const char *all = "";
    for (int i = 0; i < t->height; i++) {
        all = text(t->e, "%s    vec", all);
        for (int j = 0; j < t->lines * t->vectors; j++)
            all = text(t->e, "%s%s c%d_%d = { 0 }", all, j ? "," : "", i, j);
        all = text(t->e, "%s;\n", all);
    }
    return all;
}

/* One tap's. */
static const char *steps_text(const Lines *t)
{
    Emit *e = t->e;
    const char *all = "", *in = "                ", *real = real_type(t->k);
    for (int j = 0; j < t->lines * t->vectors; j++) {
        int64_t at = j / t->vectors * ir_frame_pixel(t->f, 1, 0) + j % t->vectors * t->vector;
        all = text(e, "%s%sconst vec b%d = *(const vec *)(b + %lld);\n", all, in, j,
                   (long long)at);
    }
    for (int i = 0; i < t->height; i++) {
        all = text(e, "%s%sconst %s a%d = a[%lld];", all, in, real, i,
                   (long long)(i * ir_frame_depth(t->f)));
        for (int j = 0; j < t->lines * t->vectors; j++)
            all = text(e, "%s c%d_%d += a%d * b%d;", all, i, j, i, j);
        all = text(e, "%s\n", all);
    }
    return all;
}

static const char *store_text(const Lines *t, int64_t at, const char *x)
{
    return text(t->e, "    *(vec *)(sums + %lld) = %s;\n", (long long)at, x);
}

/* Row i's windows, whose columns are as many as a line has vectors. */
static const char *largest_text(const Lines *t, int i)
{
    Emit *e = t->e;
    const char *best = text(e, "best%d", i), *all = "";
    for (int line = 0; line < t->lines; line++) {
        const char *x[IR_POOLED_TAPS];
        for (int j = 0; j < t->vectors; j++)
            x[j] = text(e, "c%d_%d", i, line * t->vectors + j);
        for (int j = 0; j < t->vectors; j++) {
            const char *tap = vec_dealt(e, x, t->vectors, j);
            all = line + j ? text(e, "%s    %s = %s;\n", all, best, vec_larger(e, tap, best))
                           : text(e, "    vec %s = %s;\n", best, tap);
        }
    }
    return text(e, "%s%s", all, store_text(t, i * t->vector, best));
}

static const char *ends_text(const Lines *t)
{
    const char *all = "";
    for (int i = 0; i < t->height; i++) {
        if (t->pool) all = text(t->e, "%s%s", all, largest_text(t, i));
        for (int j = 0; j < t->vectors && !t->pool; j++)
            all = text(t->e, "%s%s", all, store_text(t, (i * t->vectors + j) * t->vector,
                                                     text(t->e, "c%d_%d", i, j)));
    }
    return all;
}

const char *lines_tile(Kern *k, const Frame *f, const Pooled *pool, int height, int vectors)
{
    Emit *e = k->e;
    Lines t = { .k = k, .e = e, .f = f, .pool = pool, .height = height, .vectors = vectors,
                .lines = pool ? (int)pool->taps[0] : 1,
                .vector = e->o->target->vector_bytes / ir_dtype_bytes(e->m->real) };
    long long down = t.lines, across = pool ? (long long)pool->taps[1] : 1;
    const Number number[] = {
        { "height", height }, { "found", vectors / across * t.vector },
        { "channels", f->channels }, { "taps", ir_frame_taps(f) }, { "lines", t.lines },
        { "pixels", t.lines * vectors * t.vector }, { "plane", ir_frame_plane(f) },
        { "taps_y", f->taps[0] }, { "taps_x", f->taps[1] },
        { "down", f->dilation[0] * f->phases * f->length }, { "right", f->dilation[1] } };
    const Hole piece[] = {
        { "many", t.lines > 1 ? " lines" : " line" },
        { "pooled", pool ? text(e, ", the largest of %lldx%lld", down, across) : "" },
        { "zeros", zeros_text(&t) }, { "steps", steps_text(&t) }, { "ends", ends_text(&t) } };
    const char *id = text(e, "%dx%dx%d_%lldx%lldx%lld%s", height, t.lines, vectors,
                          (long long)f->channels, (long long)f->taps[0], (long long)f->taps[1],
                          pool ? text(e, "_max%lldx%lld", down, across) : "");
    const Shaped shaped = { lines_text, "lines_", id, number, sizeof number / sizeof *number,
                            piece, sizeof piece / sizeof *piece };
    return shaped_function(k, &shaped);
}
