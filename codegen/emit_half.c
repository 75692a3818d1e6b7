/* codegen/emit_half.c: linear layers whose weights have 16 bits (ir/half.c) and are widened as they are
 * read: half the memory, and half of what a single sample waits for.
 *
 * Weights lie in panels of as many rows as a vector of floats has lanes, or a multiple. A register tile
 * is some rows of x times some panels; each weight is widened once for all its rows. bfloat16 is a
 * shift; binary16 an instruction where there is F16C, else shifts and a multiplication, which is exact
 * but for infinities and NaN (weights are neither). */
#include "codegen/emit.h"

typedef struct HalfTile { int rows, panels, width, lanes; } HalfTile;

static const char *const types_text =
    "typedef float reals$w __attribute__((vector_size($bytes), aligned(4), may_alias));\n"
    "typedef uint32_t wide$w __attribute__((vector_size($bytes), aligned(4), may_alias));\n"
    "typedef uint16_t narrow$w __attribute__((vector_size($half_bytes), aligned(2), may_alias));\n";

static const char *const widen_text =
    "/* $w numbers of $d as floats. */\n"
    "$function reals$w $name(const uint16_t *at)\n"
    "{\n"
    "    const narrow$w half = *(const narrow$w *)at;\n"
    "$body"
    "}\n";

/* By an instruction: gcc finds two of half the width for what bfloat16 wants. */
static const char *const by_instruction[] = {
    "    wide$w bits;\n"
    "    __asm__(\"vpmovzxwd %1, %0\" : \"=$v\"(bits) : \"$v\"(half));\n"
    "    return (reals$w)(bits << 16);\n",
    "    reals$w x;\n"
    "    __asm__(\"vcvtph2ps %1, %0\" : \"=$v\"(x) : \"$v\"(half));\n"
    "    return x;\n",
};

static const char *const in_c[] = {
    "    const wide$w bits = __builtin_convertvector(half, wide$w);\n"
    "    return (reals$w)(bits << 16);\n",
    "    const wide$w bits = __builtin_convertvector(half, wide$w);\n"
    "    const reals$w size = (reals$w)((bits & 0x7fffu) << 13) * 5.192296858534828e33f;\n"
    "    return (reals$w)((wide$w)size | (bits & 0x8000u) << 16);\n",
};

static void write_widen(Emit *e, DType d, int lanes)
{
    Out *body = out_new(e->a), *o = out_new(e->a), *types = out_new(e->a);
    const char *has = lanes == 16 ? "__AVX512F__" : d == DT_f16 ? "__F16C__" : "__AVX2__";
    const Hole holes[] = { { "w", text(e, "%d", lanes) }, { "bytes", text(e, "%d", 4 * lanes) },
                           { "half_bytes", text(e, "%d", 2 * lanes) },
                           { "function", e->l->function }, { "v", lanes == 16 ? "v" : "x" },
                           { "has", has }, { "d", ir_dtype_name(d) },
                           { "name", text(e, "widen_%s_%d", ir_dtype_name(d), lanes) }, { "body", "" } };
    const int n = (int)(sizeof holes / sizeof *holes);
    Hole whole[sizeof holes / sizeof *holes];
    bool wide = lanes > 4;               /* four halves fill no register that compilers would take */
    if (wide) out_template(body, "#ifdef $has\n", holes, n - 1);
    if (wide) out_template(body, by_instruction[d == DT_f16], holes, n - 1);
    if (wide) out_template(body, "#else\n", holes, n - 1);
    out_template(body, in_c[d == DT_f16], holes, n - 1);
    if (wide) out_template(body, "#endif\n", holes, n - 1);
    for (int i = 0; i < n; i++) whole[i] = holes[i];
    whole[n - 1].text = out_text(body);
    out_template(types, types_text, holes, n);
    add_micro(e, out_text(types));
    out_template(o, widen_text, whole, n);
    add_micro(e, out_text(o));
}

/* sums[rows][panels * width] = rows of x times panels of weights. */
static const char *micro_halves(Emit *e, DType d, const HalfTile *t)
{
    Out *o = out_new(e->a);
    int each = t->width / t->lanes, vectors = t->panels * each, sums = t->panels * t->width;
    const char *name = text(e, "halves_%s_%dx%dx%d", ir_dtype_name(d), t->rows, t->panels, t->width);
    write_widen(e, d, t->lanes);
    reach(e, SNIP_once);
    out_line(o, "/* sums[%d][%d]: %d row%s of a times %d panel%s of weights. */", t->rows, sums, t->rows,
             t->rows > 1 ? "s" : "", t->panels, t->panels > 1 ? "s" : "");
    out_line(o, "ONCE void %s(int64_t depth, const float *restrict a, int64_t row_step,", name);
    out_line(o, "    const uint16_t *restrict w, int64_t panel_step, float *restrict sums)");
    out_open(o, "%s", "");
    for (int i = 0; i < t->rows; i++) {
        const char *s = "";
        for (int j = 0; j < vectors; j++)
            s = text(e, "%s%s c%d_%d = { 0 }", s, j ? "," : text(e, "reals%d", t->lanes), i, j);
        out_line(o, "%s;", s);
    }
    out_open(o, "for (int64_t k = 0; k < depth; k++, w += %d)", t->width);
    for (int j = 0; j < vectors; j++)
        out_line(o, "const reals%d w%d = widen_%s_%d(w + %d * panel_step + %d);", t->lanes, j,
                 ir_dtype_name(d), t->lanes, j / each, j % each * t->lanes);
    for (int i = 0; i < t->rows; i++) {
        const char *s = text(e, "const float a%d = a[%d * row_step + k];", i, i);
        for (int j = 0; j < vectors; j++) s = text(e, "%s c%d_%d += a%d * w%d;", s, i, j, i, j);
        out_line(o, "%s", s);
    }
    out_close(o, "");
    for (int i = 0; i < t->rows; i++)
        for (int j = 0; j < vectors; j++)
            out_line(o, "*(reals%d *)(sums + %d) = c%d_%d;", t->lanes, i * sums + j * t->lanes, i, j);
    out_close(o, "");
    add_micro(e, out_text(o));
    return name;
}

typedef struct Halves {
    Kern *k;
    const Type *w;
    int64_t depth, results, panels;
    const char *x, *weights, *bias;
} Halves;

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

static HalfTile tile_of(const Halves *t, int64_t rows)
{
    const Target *target = t->k->e->o->target;
    int width = t->w->layout.width, lanes = (int)at_most(width, target->vector_bytes / 4);
    int64_t each = width / lanes, sums = target->accumulators - 4;
    int64_t panels = at_most(rows == 1 ? 8 : 2, t->panels);
    while (panels > 1 && panels * each > sums / 2) panels--;
    int64_t most = panels * each < sums ? sums / (panels * each) : 1;
    int64_t tiles = (rows + most - 1) / most;
    return (HalfTile){ (int)((rows + tiles - 1) / tiles), (int)panels, width, lanes };
}

static void write_panels(const Halves *t, HalfTile tile, const char *panel)
{
    Kern *k = t->k;
    Emit *e = k->e;
    Place p[4];
    long long lanes = tile.panels * tile.width, results = (long long)t->results;
    const char *col = text_mul(e, panel, extent(tile.width, 0)), *n = text(e, "%lld", lanes);
    if (results % lanes) n = text(e, "smaller(%lld, %lld - %s)", lanes, results, text_atom(e, col));
    out_line(k->out, "%s(%lld, %s + row * %lld, %lld, %s + %s, %lld, sums);",
             micro_halves(e, t->w->dtype, &tile), (long long)t->depth, t->x, (long long)t->depth,
             (long long)t->depth, t->weights, text_mul(e, panel, extent(t->depth * tile.width, 0)),
             (long long)(t->depth * tile.width));
    out_open(k->out, "for (int64_t i = 0; i < %d; i++)", tile.rows);
    out_line(k->out, "for (int64_t j = 0; j < %s; j++)", n);
    for (int i = 0, m = stores_of(k, k->root, p); i < m; i++)
        out_line(k->out, "    %s[(row + i) * %lld + %s] = sums[i * %lld + j]%s;",
                 slot_write(k, p[i], ir_type(k->g, k->root)), results, text_add(e, col, "j"), lanes,
                 t->bias ? text(e, " + %s[%s]", t->bias, text_add(e, col, "j")) : "");
    out_close(k->out, "");
}

static void write_rows(const Halves *t, HalfTile tile)
{
    int64_t whole = t->panels / tile.panels * tile.panels;
    if (whole == tile.panels) {
        write_panels(t, tile, "0");
    } else {
        out_open(t->k->out, "for (int64_t panel = 0; panel < %lld; panel += %d)", (long long)whole,
                 tile.panels);
        write_panels(t, tile, "panel");
        out_close(t->k->out, "");
    }
    tile.panels = 1;
    for (int64_t i = whole; i < t->panels; i++)
        write_panels(t, tile, text(t->k->e, "%lld", (long long)i));
}

void emit_half(Kern *k)
{
    const Node *x = ir_node(k->g, k->root);
    const Type *w = ir_type(k->g, x->in[1]);
    Halves t = { .k = k, .w = w, .depth = w->shape.dim[1].k, .results = w->shape.dim[0].k,
                 .x = slot_read(k, x->in[0]), .weights = slot_read(k, x->in[1]),
                 .bias = x->n_in > 2 ? slot_read(k, x->in[2]) : NULL };
    t.panels = (t.results + w->layout.width - 1) / w->layout.width;
    int64_t rows = at_most(k->tasks.tile_rows, k->tasks.rows);
    HalfTile tile = tile_of(&t, rows > 1 ? rows : 1);
    k->note = text(k->e, "A task is %lld row%s.", (long long)k->tasks.tile_rows,
                   k->tasks.tile_rows > 1 ? "s" : "");
    reach(k->e, SNIP_smaller);
    task_range(k, k->tasks.tile_rows, k->rows);
    out_line(k->out, "float sums[%d];", tile.rows * tile.panels * tile.width);
    out_line(k->out, "int64_t row = begin;");
    out_open(k->out, "for (; row + %d <= end; row += %d)", tile.rows, tile.rows);
    write_rows(&t, tile);
    out_close(k->out, "");
    if (tile.rows == 1) return;
    out_open(k->out, "for (; row < end; row++)");
    tile.rows = 1;
    write_rows(&t, tile);
    out_close(k->out, "");
}
