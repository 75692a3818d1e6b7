/* codegen/emit_tiles.c: products of float32 on tiles of bfloat16: bf16x6, bf16x3, bf16x1.
 *
 * With x = x0 + x1 + x2, each a bfloat16, a b is a0b2 + a0b1 + a1b1 + a1b0 + a2b0 + a0b0 to the
 * last bits of float32; the largest term is added last, in an order that loads tiles seldom. Two
 * parts and three products leave an error of 2^-16, one of each 2^-8.
 *
 * A task is a tile of rows and columns. For each 128 of k it splits its columns of b, then 32 rows
 * of a at a time, and adds 32 x 32 sums with four tiles of sums, two of a, two of b. The sums lie
 * in the worker's memory until k ends and the epilogue takes them.
 *
 * Not here: operands in layouts other than plain, splits that are kept between tasks or steps. */
#include "codegen/tiles.h"
#include <string.h>

typedef struct Order {
    Algo algo;
    const char *products;                  /* a's part, b's part */
} Order;

static const Order orders[] = {
    { ALGO_bf16x6, "02 01 11 10 20 00" },
    { ALGO_bf16x3, "01 10 00" },
    { ALGO_bf16x1, "00" },
};

static const char *name_of(Emit *e, const Order *order)
{
    return text(e, "tiles_%s", ir_algo[order->algo].name);
}

/* The parts of a tile's operand: where part p begins. */
static const char *part_of(Emit *e, const char *operand, char p, const char *step)
{
    return p == '0' ? operand : text(e, "%s + %c * %s", operand, p, step);
}

void tiles_products(Emit *e, Out *o, Algo algo, const TileSide *b)
{
    const char *products = "00";
    for (int i = 0; i < (int)(sizeof orders / sizeof *orders); i++)
        if (ir_split_parts(orders[i].algo) == ir_split_parts(algo)) products = orders[i].products;
    char a = 0, with = 0;
    for (const char *p = products; *p; p += strspn(p + 2, " ") + 2) {
        if (a != p[0]) {
            a = p[0];
            out_line(o, "tile_load(t, 4, %s, 64); tile_load(t, 5, %s, 64);",
                     part_of(e, "a", a, "512"), part_of(e, "a + 256", a, "512"));
        }
        if (with != p[1]) {
            with = p[1];
            const char *second = "";
            if (b->second)
                second = text(e, " tile_load(t, 7, %s, %s);", part_of(e, b->second, with, b->part),
                              b->step);
            out_line(o, "tile_load(t, 6, %s, %s);%s", part_of(e, b->first, with, b->part), b->step,
                     second);
        }
        out_line(o, "tile_dot(t, 0, 4, 6);%s", b->second ? " tile_dot(t, 1, 4, 7);" : "");
        out_line(o, "tile_dot(t, 2, 5, 6);%s", b->second ? " tile_dot(t, 3, 5, 7);" : "");
    }
}

void tiles_begin(Out *o)
{
    out_open(o, "%s", "");
    out_line(o, "TILES(t);");
    out_line(o, "TILE_BARRIER;");
}

void tiles_store(Out *o, const char *const sums[4])
{
    for (int i = 0; i < 4; i++)
        if (sums[i]) out_line(o, "tile_store(t, %d, %s, width * 4);", i, sums[i]);
    out_line(o, "TILE_BARRIER;");
}

/* sums[32][32] in rows of `width`: steps times 32 of k, split as split_rows and _columns do. */
static void write_tiles(Emit *e, const Order *order)
{
    static const char *const at[] = { "sums", "sums + 16", "sums + 16 * width",
                                      "sums + 16 * width + 16" };
    const TileSide b = { "b", "b + 256", "512", "64" };
    Out *o = out_new(e->a);
    int step = ir_split_parts(order->algo) * 512;
    out_line(o, "/* sums[32][32] += a b, or = a b if it is the first: parts %s. */",
             order->products);
    out_line(o, "ONCE void %s(int64_t steps, const uint32_t *a, const uint32_t *b, float *sums,",
             name_of(e, order));
    out_line(o, "    int64_t width, bool first)");
    tiles_begin(o);
    for (int i = 0; i < 4; i++)
        out_line(o, "if (first) tile_zero(t, %d); else tile_load(t, %d, %s, width * 4);", i, i,
                 at[i]);
    out_open(o, "for (; steps > 0; steps--, a += %d, b += %d)", step, step);
    tiles_products(e, o, order->algo, &b);
    out_close(o, "");
    tiles_store(o, at);
    out_close(o, "");
    add_micro(e, out_text(o));
}

/* ---- the task ---- */

/* An operand as it is stored: rows and columns of the product, and k, are its axes. */
typedef struct Operand {
    const char *array, *row_step;          /* of its first axis; the second is contiguous */
    Extent stride;
    bool k_first;                          /* its first axis is k */
} Operand;

static Operand operand(Kern *k, Val v, bool k_first)
{
    Extent stride = extent_of(&ir_type(k->g, v)->shape, 1, 2);
    return (Operand){ slot_read(k, v), extent_text(k->e, stride), stride, k_first };
}

/* Its elements from (lane, k0) on. */
static const char *from(Emit *e, const Operand *x, const char *lane)
{
    const char *row = x->k_first ? "k0" : lane, *col = x->k_first ? lane : "k0";
    return text_add(e, text_add(e, x->array, text_mul(e, row, x->stride)), col);
}

/* Its steps along rows or columns of the product, and along k. */
static const char *lane_step(const Operand *x) { return x->k_first ? "1" : x->row_step; }
static const char *k_step(const Operand *x) { return x->k_first ? x->row_step : "1"; }

/* block[lanes][width] of `from`, along its rows or across them. */
static void pack(Kern *k, const Operand *x, bool across, const char *sizes, int width,
                 const char *lane)
{
    reach(k->e, across ? SNIP_pack_columns : SNIP_pack_rows);
    out_line(k->out, "%s(%s, %d, %s, %s, block);", across ? "pack_columns" : "pack_rows", sizes,
             width, from(k->e, x, lane), x->row_step);
}

static int64_t in_32s(int64_t x) { return (x + 31) / 32 * 32; }
static int64_t sums_width(const Kern *k) { return in_32s(k->tasks.tile_cols); }

static void write_blocks(Kern *k, const Order *order, const Operand *a, const Operand *b)
{
    Emit *e = k->e;
    Out *o = k->out;
    int parts = ir_split_parts(order->algo);
    long long strip = (long long)ir_split_bytes(k->g, k->k) / 4, width = (long long)sums_width(k);
    out_open(o, "for (int64_t j = 0; j < cols; j += 32)");
    pack(k, b, !b->k_first, "depth, smaller(32, cols - j)", 32, "(col0 + j)");
    out_line(o, "largest[j / 32] = split_columns(%d, depth, block, b_parts + j / 32 * %lld);",
             parts, strip);
    out_close(o, "");
    out_open(o, "for (int64_t i = 0; i < rows; i += 32)");
    out_line(o, "const int64_t height = smaller(32, rows - i);");
    pack(k, a, a->k_first, "height, depth", IR_SPLIT_DEPTH, "(row0 + i)");
    out_line(o, "const bool usual = splits(split_rows(%d, height, depth, block, a_parts));", parts);
    out_open(o, "for (int64_t j = 0; j < cols; j += 32)");
    out_line(o, "float *const to = sums + i * %lld + j;", width);
    out_line(o, "if (usual && splits(largest[j / 32]))");
    out_line(o, "    %s((depth + 31) / 32, a_parts, b_parts + j / 32 * %lld, to, %lld, !k0);",
             name_of(e, order), strip, width);
    out_line(o, "else");
    out_line(o, "    plain_block(height, smaller(32, cols - j), depth, %s, %s, %s,",
             from(e, a, "(row0 + i)"), lane_step(a), k_step(a));
    out_line(o, "                %s, %s, %s, to, %lld, !k0);", from(e, b, "(col0 + j)"), k_step(b),
             lane_step(b), width);
    out_close(o, "");
    out_close(o, "");
}

static bool plain(const Kern *k, Val v)
{
    return ir_type(k->g, v)->layout.kind == LAYOUT_plain;
}

static void emit_tiles(Kern *k, const Order *order)
{
    Emit *e = k->e;
    Out *o = k->out;
    Product p = ir_product(k->g, k->root);
    if (!plain(k, p.a) || !plain(k, p.b) || e->m->real != DT_f32) {
        emit_loops(k);
        return;
    }
    Operand a = operand(k, p.a, p.ta), b = operand(k, p.b, !p.tb);
    int64_t strip = ir_split_bytes(k->g, k->k) / 4, width = sums_width(k);
    const char *depth = extent_text(e, extent(p.k.k, p.k.n));
    reach(e, SNIP_tiles);
    reach(e, SNIP_split_columns);
    reach(e, SNIP_smaller);
    write_tiles(e, order);
    k->note = text(e, "A task is %lld rows of %lld columns, on tiles of bfloat16.",
                   (long long)k->tasks.tile_rows, (long long)k->tasks.tile_cols);
    tile_place(k);
    out_line(o, "uint32_t *const a_parts = (uint32_t *)scratch, *const b_parts = a_parts + %lld;",
             (long long)strip);
    out_line(o, "float *const block = (float *)(b_parts + %lld), *const sums = block + %d;",
             (long long)(width / 32 * strip), 32 * IR_SPLIT_DEPTH);
    out_line(o, "uint32_t *const largest = (uint32_t *)(sums + %lld);    /* of 32 columns each */",
             (long long)(in_32s(k->tasks.tile_rows) * width));
    out_line(o, "tiles_open();");
    out_open(o, "for (int64_t k0 = 0; k0 < %s; k0 += %d)", depth, IR_SPLIT_DEPTH);
    out_line(o, "const int64_t depth = smaller(%d, %s - k0);", IR_SPLIT_DEPTH, depth);
    write_blocks(k, order, &a, &b);
    out_close(o, "");
    out_line(o, "tiles_close();");
    tile_epilogue(k, "sums", width);
}

void emit_bf16x6(Kern *k) { emit_tiles(k, &orders[0]); }
void emit_bf16x3(Kern *k) { emit_tiles(k, &orders[1]); }
void emit_bf16x1(Kern *k) { emit_tiles(k, &orders[2]); }
