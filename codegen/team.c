/* codegen/team.c: who walks the elements of a task. In C one thread does, from the first to the
 * last. Emitters open their loops here and say what they sum, so that another language may share a
 * task out among several threads. The loops' texts are the dialect's. */
#include "codegen/emit.h"

/* The dialect's loop over `var`, open. */
static void open_loop(Kern *k, Out *o, const char *loop, const char *var, const char *from,
                      const char *end)
{
    const Hole holes[] = { { "i", var }, { "from", from }, { "end", end } };
    Out *line = out_new(k->e->a);
    out_template(line, loop, holes, (int)(sizeof holes / sizeof *holes));
    out_open(o, "%s", out_text(line));
}

void task_range(Kern *k, int64_t tile, Extent all)
{
    reach(k->e, SNIP_smaller);
    out_line(k->out, "const int64_t begin = task * %lld, end = smaller(begin + %lld, %s);",
             (long long)tile, (long long)tile, extent_text(k->e, all));
}

void each_open(Kern *k, Out *o, const char *var, const char *from, const char *end)
{
    open_loop(k, o, k->e->l->each, var, from, end);
}

void row_open(Kern *k, Out *o, const char *var)
{
    open_loop(k, o, k->e->l->row, var, "begin", "end");
}

void along_open(Kern *k, Out *o, const char *var, const char *end)
{
    open_loop(k, o, k->e->l->along, var, "0", end);
}

void free_order(Kern *k, Out *o, const char *sums)
{
    const char *simd = k->e->l->simd;
    if (simd && k->e->m->real == DT_f32) out_line(o, "%s reduction(+:%s)", simd, sums);
}
