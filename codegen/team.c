/* codegen/team.c: who walks the elements of a task.
 *
 * In C one thread does, from the first to the last. Elsewhere a task is a block's: its threads
 * share out elements that are independent of each other; a row is a warp's, or the whole
 * block's, whose lanes share out what is along it and join what they found, by a fixed tree, so
 * that each has the whole row's. What depends on that alone each lane computes for itself; lane
 * 0 stores it. A short row is a thread's, as in C. Emitters say which of these a loop is; the
 * loops' texts are the dialect's. */
#include "codegen/emit.h"
#include <string.h>

static const char *number(Emit *e, int64_t x) { return text(e, "%lld", (long long)x); }

/* Does one thread walk a row? */
static bool is_alone(const Kern *k) { return !k->e->l->blocks || k->lanes == 1; }

/* The dialect's loop over `var`, open. */
static void open_loop(Kern *k, Out *o, const char *loop, const char *type, const char *var,
                      const char *from, const char *end)
{
    Emit *e = k->e;
    const char *own = strcmp(type, "int")  ? text(e, "%s + threadIdx.x", from)
                    : !strcmp(from, "0") ? "(int)threadIdx.x"
                                         : text(e, "(int)%s + (int)threadIdx.x", text_atom(e, from));
    const Hole holes[] = { { "type", type }, { "i", var }, { "from", from }, { "end", end }, { "own", own },
                           { "threads", number(e, k->threads) }, { "lanes", number(e, k->lanes) },
                           { "warps", number(e, k->threads / IR_WARP) } };
    Out *line = out_new(e->a);
    out_template(line, loop, holes, (int)(sizeof holes / sizeof *holes));
    out_open(o, "%s", out_text(line));
}

void task_range(Kern *k, int64_t tile, Extent all)
{
    reach(k->e, SNIP_smaller);
    out_line(k->out, "const int64_t begin = task * %lld, end = smaller(begin + %lld, %s);",
             (long long)tile, (long long)tile, extent_text(k->e, all));
}

void each_open(Kern *k, Out *o, const char *type, const char *var, const char *from, const char *end)
{
    open_loop(k, o, k->e->l->each, type, var, from, end);
}

Nest places_of(Kern *k, const Shape *s, const char *type, const char *flat, const char *const *name)
{
    Nest nest = { .rank = s->rank };
    for (int a = 0; a < s->rank; a++) {
        Extent size = extent_of(s, a, a + 1), below = extent_of(s, a + 1, s->rank);
        bool one = extent_eq(size, extent(1, 0)), last = extent_eq(below, extent(1, 0));
        nest.dim[a] = (NestDim){ size, one ? "0" : name[a] };
        if (one) continue;
        const char *at = last ? flat : text(k->e, "%s / %s", flat, extent_atom(k->e, below));
        if (a) at = text(k->e, "%s %% %s", at, extent_atom(k->e, size));
        out_line(k->out, "const %s %s = %s;", type, name[a], at);
    }
    return nest;
}

void row_open(Kern *k, Out *o, const char *var)
{
    const char *loop = k->e->l->row;
    if (k->lanes == k->threads) loop = dialect_c.row;
    else if (is_alone(k)) loop = k->e->l->each;
    open_loop(k, o, loop, "int64_t", var, "begin", "end");
}

void along_open(Kern *k, Out *o, const char *var, const char *end)
{
    open_loop(k, o, is_alone(k) ? dialect_c.along : k->e->l->along, "int64_t", var, "0", end);
}

void flat_open(Kern *k, Out *o, const char *type, const char *var, const char *end)
{
    open_loop(k, o, k->e->l->flat, type, var, "0", end);
}

void free_order(Kern *k, Out *o, const char *sums)
{
    const char *simd = k->e->l->simd;
    if (simd && k->e->m->real == DT_f32) out_line(o, "%s reduction(+:%s)", simd, sums);
}

/* ---- rows of several lanes ---- */

void team_rows(Kern *k, Out *o, int lanes)
{
    if (!k->e->l->blocks) return;
    k->lanes = lanes;
    if (is_alone(k)) return;
    if (k->lanes < k->threads)
        out_line(o, "const int lane = (int)threadIdx.x %% %d, warp = (int)threadIdx.x / %d;",
                 IR_WARP, IR_WARP);
    else out_line(o, "const int lane = (int)threadIdx.x;");
}

static Snippet join_snippet(Join what, DType d, bool block)
{
    static const Snippet warp[][2] = { { SNIP_warp_sum_f32, SNIP_warp_sum_f64 },
                                       { SNIP_warp_max_f32, SNIP_warp_max_f64 },
                                       { SNIP_warp_first_f32, SNIP_warp_first_f64 } };
    static const Snippet all[][2] = { { SNIP_block_sum_f32, SNIP_block_sum_f64 },
                                      { SNIP_block_max_f32, SNIP_block_max_f64 },
                                      { SNIP_block_first_f32, SNIP_block_first_f64 } };
    return (block ? all : warp)[what][d == DT_f64];
}

static const char *joined(Kern *k, Join what, DType d, const char *found, bool block)
{
    static const char *const name[] = { "sum", "max", "first" };
    reach(k->e, join_snippet(what, d, block));
    return text(k->e, "%s_%s_%s(%s%s)", block ? "block" : "warp", name[what], ir_dtype_name(d),
                found, block ? ", room" : "");
}

void team_join(Kern *k, Out *o, Join what, DType d, const char *name, const char *found)
{
    if (is_alone(k)) return;
    out_line(o, "%s = %s;", name, joined(k, what, d, found, k->lanes > IR_WARP));
}

void team_wait(Kern *k, Out *o)
{
    if (is_alone(k)) return;
    out_line(o, k->lanes > IR_WARP ? "__syncthreads();" : "__syncwarp();");
}

void team_store(Kern *k, Out *o, const Out *stores)
{
    if (!*out_text(stores)) return;
    if (!is_alone(k)) out_open(o, "if (lane == 0)");
    out_raw(o, out_text(stores));
    if (!is_alone(k)) out_close(o, "");
}

Out *team_stores(Kern *k, Out *o)
{
    Out *stores = out_beside(k->e->a, o);
    out_deeper(stores, !is_alone(k));
    return stores;
}

/* ---- partial sums ---- */

void team_parts(Kern *k, Out *o, int slots)
{
    const char *parts = slot_parts(k, DT_f64);
    bool blocks = k->e->l->blocks, several = k->lanes < k->threads;
    for (int i = 0; i < slots && several; i++) {       /* a warp's rows are counted by one lane */
        const char *found = text(k->e, is_alone(k) ? "total%d" : "lane == 0 ? total%d : 0", i);
        out_line(o, "total%d = %s;", i, joined(k, JOIN_sum, DT_f64, found, true));
    }
    if (blocks) out_open(o, "if (threadIdx.x == 0)");
    for (int i = 0; i < slots; i++)
        out_line(o, slots == 1 ? "%s[task] = total0;" : "%s[task * %d + %d] = total%d;", parts,
                 slots, i, i);
    if (blocks) out_close(o, "");
}
