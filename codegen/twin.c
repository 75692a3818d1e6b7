/* codegen/twin.c: a convolution that training stores as it is, where what evaluates has a batch norm or
 * more on it. NVIDIA's compiler takes some 70 ms for each, so both launch the kernel that has more: training
 * without memory for what comes on it.
 *
 * That kernel looks for the first of what it reads on it alone (twin_more), and is launched for the other
 * one with the memory of the other's convolution (twin_use). */
#include "codegen/emit.h"
#include <string.h>

static bool same_attrs(const Node *x, const Node *y)
{
    int n = 0;
    for (; n < x->n_attr && x->attr[n].id < AT_algo; n++) {
        const Attr *a = &x->attr[n], *b = n < y->n_attr ? &y->attr[n] : NULL;
        const AttrKind kind = ir_attr_info[a->id].kind;
        if (!b || a->id != b->id || a->count != b->count) return false;
        if (kind == ATK_INT && a->u.i != b->u.i) return false;
        if (kind == ATK_INTS && memcmp(a->u.ints, b->u.ints, (size_t)a->count * sizeof *a->u.ints))
            return false;
        if (kind != ATK_INT && kind != ATK_INTS) return false;
    }
    return n == y->n_attr || y->attr[n].id >= AT_algo;
}

/* The convolution of a kernel that has one; null: it is no such kernel. */
static const Node *conv_of(const Graph *g, int i)
{
    const Kernel *k = &g->kernel[i];
    const Node *x = ir_node(g, k->member[0]);
    return x->op == OP_conv && !g->one_block && ir_simt_parts(g, k) == 1 ? x : NULL;
}

/* Do they compute the same convolution, of whatever memory, by the same tiles? */
static bool same_conv(const Graph *g, int i, const Graph *h, int j)
{
    const Node *x = conv_of(g, i), *y = conv_of(h, j);
    const Kernel *a = &g->kernel[i], *b = &h->kernel[j];
    if (!x || !y || a->algo != b->algo || x->n_in != y->n_in || !same_attrs(x, y)) return false;
    for (int d = 0; d < 2; d++)
        if (a->tile[d] != b->tile[d] || a->micro[d] != b->micro[d]) return false;
    for (int o = 0; o < x->n_in; o++)
        if (!ir_type_eq(ir_type(g, x->in[o]), ir_type(h, y->in[o]))) return false;
    return ir_type_eq(&x->type, &y->type);
}

/* Where a kernel stores its one result, if that is the convolution or, more, what maps make of it. */
static bool stores_one(const Graph *g, int i, bool more, Place *place)
{
    const Kern k = { .g = g, .index = i };
    const Kernel *own = &g->kernel[i];
    const Node *conv = ir_node(g, own->member[0]);
    Place p[4];
    int n = 0;
    for (int m = 0; m < own->n_member; m++) {
        const Node *x = ir_node(g, own->member[m]);
        const int stores = stores_of(&k, own->member[m], p);
        if (m > 0 && ir_op[x->op].kind != KIND_MAP) return false;
        if (!stores) continue;
        if (stores > 1 || (m == 0) == more || !ir_type_eq(&x->type, &conv->type)) return false;
        *place = p[0];
        n++;
    }
    return n == 1 && more == (own->n_member > 1) && place->where != AT_STATE;
}

/* What a kernel that has more reads on the convolution alone, from memory. */
static Val read_alone(const Graph *g, int i, Place store)
{
    const Kernel *k = &g->kernel[i];
    const Node *conv = ir_node(g, k->member[0]);
    for (int m = 1; m < k->n_member; m++) {
        const Node *x = ir_node(g, k->member[m]);
        for (int j = 0; j < x->n_in; j++) {
            const Val in = ir_view_base(g, x->in[j]);
            const Place p = ir_place(g, in);
            bool own = p.where != AT_STATE && p.where != AT_KEPT;
            for (int n = 0; n < k->n_member; n++) own = own || k->member[n].i == in.i;
            for (int n = 0; n < conv->n_in; n++) own = own || same_place(p, ir_place(g, conv->in[n]));
            if (!own && !same_place(p, store)) return x->in[j];
        }
    }
    return (Val){ 0 };
}

/* The first kernel that has the same convolution: with more on it, or as it is. */
static bool find(const Graph *g, int i, bool more, const Graph **h, int *j)
{
    const Module *m = g->module;
    Place p;
    for (int n = 0; n < m->n_graph; n++) {
        *h = m->graph[n];
        for (*j = 0; *j < (*h)->n_kernel; (*j)++)
            if (same_conv(g, i, *h, *j) && stores_one(*h, *j, more, &p)
                && (!more || read_alone(*h, *j, p).i)) return true;
    }
    return false;
}

const char *twin_more(Kern *k)
{
    const Graph *h;
    Place p;
    int j;
    if (!k->e->l->blocks || !conv_of(k->g, k->index) || !stores_one(k->g, k->index, true, &p)) return NULL;
    const Val v = read_alone(k->g, k->index, p);
    return v.i && find(k->g, k->index, false, &h, &j) ? slot_read(k, v) : NULL;
}

bool twin_use(Emit *e, const Graph *g, int i, KernelUse *u)
{
    const Graph *h;
    Place own, other;
    int j;
    if (!e->l->blocks || !conv_of(g, i) || !stores_one(g, i, false, &own) || !find(g, i, true, &h, &j))
        return false;
    *u = kernel_emit(e, h, j);
    stores_one(h, j, true, &other);
    const Node *x = conv_of(g, i), *y = conv_of(h, j);
    Slot *slot = arena_alloc(e->a, (size_t)u->n_slot, sizeof *slot);
    memcpy(slot, u->slot, (size_t)u->n_slot * sizeof *slot);
    for (int s = 0; s < u->n_slot; s++) {
        const Place p = slot[s].place;
        int in = 0;
        while (in < y->n_in && !same_place(p, ir_place(h, y->in[in]))) in++;
        if (in < y->n_in) slot[s].place = ir_place(g, x->in[in]);
        else if (same_place(p, other)) slot[s].place = own;
        else slot[s] = (Slot){ .place = { .where = AT_NOWHERE }, .type = slot[s].type, .null = true,
                               .written = slot[s].written, .base = slot[s].base, .name = slot[s].name };
    }
    u->slot = slot;
    kernel_used(e, u->fn, g);
    return true;
}
