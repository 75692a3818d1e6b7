/* codegen/kernel_head.c: what a kernel says about itself: the comment above it, with the nodes that it
 * computes, and its name, of what it does and the sizes of what it does it to. */
#include "codegen/emit.h"
#include <string.h>

static const char *attr_text(Emit *e, const Attr *a)
{
    const char *s = "";
    switch (ir_attr_info[a->id].kind) {
    case ATK_FLAG: return ir_attr_info[a->id].name;
    case ATK_INT: s = text(e, "%lld", (long long)a->u.i); break;
    case ATK_REAL: s = text(e, "%.9g", a->u.r); break;
    case ATK_STR: case ATK_EXPR: s = text(e, "\"%s\"", a->u.s); break;
    case ATK_INTS:
        for (int i = 0; i < a->count; i++)
            s = text(e, "%s%s%lld", s, i ? "," : "", (long long)a->u.ints[i]);
        s = text(e, "[%s]", s);
        break;
    case ATK_REALS: s = a->count == 1 ? text(e, "[%.9g]", a->u.reals[0]) : "[...]"; break;
    }
    return text(e, "%s=%s", ir_attr_info[a->id].name, s);
}

static const char *val_text(Emit *e, const Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    if (x->op == OP_state) return text(e, "\"%s\"", ir_state(e->m, x->state)->key);
    return text(e, "%%%d", ir_printed_number(g, v));
}

/* "%5 = relu %4" and what follows it apart, so that columns can be aligned. */
static const char *node_left(Emit *e, const Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    const char *s = text(e, "%%%d = %s", ir_printed_number(g, v), ir_op[x->op].name);
    for (int i = 0; i < x->n_in; i++)
        s = text(e, "%s%s %s", s, i ? "," : "", val_text(e, g, x->in[i]));
    int n = x->n_attr - ir_has(x, AT_why);           /* the last, which is no concern of the kernel */
    for (int i = 0; i < n; i++)
        s = text(e, "%s%s%s%s", s, i ? " " : " {", attr_text(e, &x->attr[i]), i + 1 < n ? "" : "}");
    return out_comment(e->a, s);
}

static const char *node_right(Emit *e, const Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    const char *s = ir_type_string(&x->type, e->a);
    if (!x->loc.file) return s;
    return text(e, "%s   %s:%u", s, out_comment(e->a, e->m->file[x->loc.file]), x->loc.line);
}

static const char *flop_text(Emit *e, double flop)
{
    static const char *const unit[] = { "FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP" };
    int u = 0;
    for (; flop >= 1000 && u < 4; u++) flop /= 1000;
    return text(e, "%.3g %s", flop, unit[u]);
}

const char *kernel_head(Kern *k, const char *id)
{
    Emit *e = k->e;
    int width = 0, n = k->k->n_member;
    for (int i = 0; i < n; i++) {
        int w = (int)strlen(node_left(e, k->g, k->k->member[i]));
        if (w > width && w < 70) width = w;
    }
    double flop = ir_kernel_flop(k->g, k->index);
    const char *s = text(e, "/* %s: %s of %s", id,
                         out_comment(e->a, ir_kernel_name(k->g, k->index, e->a)), k->g->name);
    if (flop > 0)
        s = text(e, "%s, %s at n = %lld", s, flop_text(e, flop), (long long)e->m->capacity);
    for (int i = 0; i < n; i++) {
        const char *left = node_left(e, k->g, k->k->member[i]);
        s = text(e, "%s\n *   %-*s : %s", s, width, left, node_right(e, k->g, k->k->member[i]));
    }
    return text(e, "%s\n * %s", s, sizes_numbers(k->note, e->a));
}

static const char *dims_text(Emit *e, const Kern *k)
{
    Shape s = ir_type(k->g, k->root)->shape;
    if (ir_algo[k->k->algo].root == KIND_PROD) {
        s.rank = 3;
        s.dim[2] = ir_product(k->g, k->root).k;
    } else if (ir_op[ir_node(k->g, k->root)->op].kind != KIND_MAP) {
        s = ir_type(k->g, ir_node(k->g, k->root)->in[0])->shape;
    }
    const char *t = "";
    for (int i = 0; i < s.rank; i++) {
        bool bare_n = i && s.dim[i - 1].n;
        const char *d = s.dim[i].n ? s.dim[i].k == 1 ? "n" : text(e, "%lldn", (long long)s.dim[i].k)
                                   : text(e, "%lld", (long long)s.dim[i].k);
        t = text(e, "%s%s%s", t, i && !bare_n ? "x" : "", d);
    }
    return *t ? t : "1";
}

const char *kernel_base(Kern *k, bool sized)
{
    Emit *e = k->e;
    char ops[41];
    snprintf(ops, sizeof ops, "%s", out_ident(e->a, ir_kernel_name(k->g, k->index, e->a)));
    if (sized) return text(e, "%s_%s", ops, ir_dtype_name(e->m->real));
    return text(e, "%s_%s_%s", ops, ir_dtype_name(e->m->real), dims_text(e, k));
}
