/* codegen/twin.c: kernels that compute the same but for maps on it, convolutions and batch norms: one adds
 * what goes around a block, has a relu, keeps running statistics, or stores what training wants as it is.
 * NVIDIA's compiler takes some 50 ms for each, so all of them launch the one that has most, and tell it by an
 * argument, `maps`, which of these it computes. What they do not store it has no memory for.
 *
 * To find it, values of a guest are laid beside those of its host, from what it stores towards what it reads
 * (match). Where the host has a map more, the operand that the map changes takes the map's part. */
#include "codegen/twin.h"
#include "ir/rows.h"
#include <string.h>

/* ---- what may be compared ---- */

static const Kernel *kernel_of(const Twin *t) { return &t->g->kernel[t->i]; }
static Val root_of(const Twin *t) { return ir_kernel_root(t->g, kernel_of(t)); }

static bool has(const Twin *t, Val v)
{
    const Kernel *k = kernel_of(t);
    for (int m = 0; m < k->n_member; m++)
        if (k->member[m].i == v.i) return true;
    return false;
}

static OpKind kind_of(const Twin *t, Val v) { return ir_op[ir_node(t->g, v)->op].kind; }

/* Where it stores v, if that is one place. */
static bool stores(const Twin *t, Val v, Place *place)
{
    const Kern k = { .g = t->g, .index = t->i };
    Place p[4];
    const int n = stores_of(&k, v, p);
    if (n) *place = p[0];
    return n == 1;
}

static bool is_stored(const Twin *t, Val v)
{
    const Kern k = { .g = t->g, .index = t->i };
    Place p[4];
    return stores_of(&k, v, p) > 0;
}

/* The rows of a batch norm's statistics; false: it is none. */
static bool rows_of(const Twin *t, Rows *rows)
{
    const Kernel *k = kernel_of(t);
    if (k->algo != ALGO_row || !ir_rows(t->g, root_of(t), rows) || ir_kernel_slots(t->g, k)) return false;
    for (int m = 0; m < k->n_member; m++)
        if (kind_of(t, k->member[m]) != KIND_MAP && kind_of(t, k->member[m]) != KIND_REDUCE) return false;
    return kind_of(t, root_of(t)) == KIND_REDUCE;
}

static bool is_conv(const Twin *t)
{
    const Op op = ir_node(t->g, root_of(t))->op;
    return (op == OP_conv || op == OP_conv_transpose) && ir_simt_parts(t->g, kernel_of(t)) == 1;
}

static bool per_row(const Twin *t, Val v)
{
    Rows rows;
    return rows_of(t, &rows) && ir_per_row(&ir_type(t->g, v)->shape, &rows);
}

/* One of blocks, which run always, of these algorithms, each of whose results has one place. */
static bool may_share(const Twin *t)
{
    Rows rows;
    Place p;
    const Kernel *k = kernel_of(t);
    if (t->g->one_block || ir_runs_once(t->g, t->i) || (!is_conv(t) && !rows_of(t, &rows))) return false;
    for (int m = 0; m < k->n_member; m++)
        if (is_stored(t, k->member[m]) && !stores(t, k->member[m], &p)) return false;
    return true;
}

static bool same_attr(const Attr *a, const Attr *b)
{
    if (a->id != b->id || a->count != b->count) return false;
    switch (ir_attr_info[a->id].kind) {
    case ATK_FLAG: return true;
    case ATK_INT: return a->u.i == b->u.i;
    case ATK_REAL: return a->u.r == b->u.r;
    case ATK_INTS: return !memcmp(a->u.ints, b->u.ints, (size_t)a->count * sizeof *a->u.ints);
    case ATK_REALS: return !memcmp(a->u.reals, b->u.reals, (size_t)a->count * sizeof *a->u.reals);
    case ATK_STR: case ATK_EXPR: return !strcmp(a->u.s, b->u.s);
    }
    return false;
}

/* But for what a pass has chosen. */
static bool same_attrs(const Node *x, const Node *y)
{
    int n = 0;
    for (; n < x->n_attr && x->attr[n].id < AT_algo; n++)
        if (n == y->n_attr || !same_attr(&x->attr[n], &y->attr[n])) return false;
    return n == y->n_attr || y->attr[n].id >= AT_algo;
}

/* Sizes are parameters of what has rows: there they may differ, but for 1, which is broadcast. */
static bool alike(const Twin *t, const Type *a, const Type *b)
{
    if (is_conv(t)) return ir_type_eq(a, b);
    if (a->dtype != b->dtype || a->shape.rank != b->shape.rank || a->layout.kind != LAYOUT_plain
        || b->layout.kind != LAYOUT_plain) return false;
    for (int i = 0; i < a->shape.rank; i++)
        if (a->shape.dim[i].n != b->shape.dim[i].n || (a->shape.dim[i].k == 1) != (b->shape.dim[i].k == 1))
            return false;
    return true;
}

/* ---- guests and hosts ---- */

/* as: what a value of the host's is of the guest's; of: the other way; through: of a map that the guest has
 * not, which operand takes its part, from 1 on. done: values of the host's that were matched, in order. */
typedef struct Fit {
    const Twin *guest, *host;
    Val *as, *of, *done;
    int *through, n_done;
} Fit;

static void matched(Fit *f, Val v, Val w, int through)
{
    f->as[w.i] = v;
    if (!through) f->of[v.i] = w;
    f->through[w.i] = through;
    f->done[f->n_done++] = w;
}

/* Back to where so many were. */
static void forget(Fit *f, int n)
{
    while (f->n_done > n) {
        const Val w = f->done[--f->n_done], v = f->as[w.i];
        if (!f->through[w.i]) f->of[v.i] = (Val){ 0 };
        f->as[w.i] = (Val){ 0 };
        f->through[w.i] = 0;
    }
}

/* A value that neither computes: of memory, or of the shapes. */
static bool same_leaf(const Node *x, const Node *y)
{
    if (x->op == OP_random || y->op == OP_random) return false;
    if (x->op == OP_const || y->op == OP_const || x->op == OP_count || y->op == OP_count)
        return x->op == y->op && same_attrs(x, y);
    return (x->op == OP_scalar) == (y->op == OP_scalar);
}

/* Is the guest's a what the host's b is, perhaps without some maps? */
static bool match(Fit *f, Val a, Val b)
{
    const Graph *g = f->guest->g, *h = f->host->g;
    const Val v = ir_view_base(g, a), w = ir_view_base(h, b);
    const Node *x = ir_node(g, v), *y = ir_node(h, w);
    if (!alike(f->host, ir_type(g, a), ir_type(h, b)) || !alike(f->host, &x->type, &y->type)) return false;
    if (f->as[w.i].i) return f->as[w.i].i == v.i;
    const bool ours = has(f->guest, v), theirs = has(f->host, w), fresh = !f->of[v.i].i;
    const int before = f->n_done;
    if (!ours && !theirs) {
        if (!fresh || !same_leaf(x, y)) return false;
        matched(f, v, w, 0);
        return true;
    }
    if (ours && theirs && fresh && x->op == y->op && x->n_in == y->n_in && same_attrs(x, y)) {
        bool same = true;
        for (int j = 0; j < x->n_in && same; j++) same = match(f, x->in[j], y->in[j]);
        if (same) {
            matched(f, v, w, 0);
            return true;
        }
        forget(f, before);
    }
    const int always = f->host->through[w.i];          /* as guests before do */
    const bool before_conv = is_conv(f->host) && w.i < root_of(f->host).i;      /* that pays for who has them */
    for (int j = 0; j < y->n_in && theirs && ir_op[y->op].kind == KIND_MAP && !before_conv; j++) {
        if (always && always != j + 1) continue;
        if (match(f, a, y->in[j])) {
            matched(f, v, w, j + 1);
            return true;
        }
        forget(f, before);
    }
    return false;
}

/* Is it stored by the guest, too? */
static bool both_store(const Fit *f, Val w, Place *own)
{
    const Val v = f->as[w.i];
    return v.i && f->of[v.i].i && stores(f->guest, v, own);
}

/* Each value that the guest stores is one that the host does, whose other ones are `extra`. */
static bool match_stores(Fit *f, bool *extra)
{
    const Kernel *k = kernel_of(f->guest), *other = kernel_of(f->host);
    Place p;
    for (int n = 0; n < other->n_member; n++)
        extra[other->member[n].i] = stores(f->host, other->member[n], &p);
    for (int m = 0; m < k->n_member; m++) {
        bool found = !stores(f->guest, k->member[m], &p);
        for (int n = 0; n < other->n_member && !found; n++) {
            const Val w = other->member[n];
            if (!extra[w.i]) continue;
            const int before = f->n_done;
            found = match(f, k->member[m], w);
            if (found) extra[w.i] = false;
            else forget(f, before);
        }
        if (!found) return false;
    }
    return true;
}

/* Marks what is computed for w whatever `maps` has. */
static void expose(const Fit *f, Val w, bool *exposed)
{
    const Node *y = ir_node(f->host->g, w);
    exposed[w.i] = true;
    for (int j = 0; j < y->n_in; j++) {
        const Val in = ir_view_base(f->host->g, y->in[j]);
        if (f->through[w.i] && f->through[w.i] != j + 1) continue;
        if (!exposed[in.i]) {
            if (has(f->host, in)) expose(f, in, exposed);
            else exposed[in.i] = true;
        }
    }
}

/* Of results that the guest does not store a convolution has none, a batch norm at most its one loop's over
 * elements, which it passes over, and those of rows; what they need the guest has, or it is of rows. */
static bool may_lack(const Fit *f, const bool *extra, Arena *arena)
{
    const Graph *h = f->host->g;
    const Kernel *k = kernel_of(f->host);
    bool *exposed = arena_alloc(arena, h->n_node, sizeof *exposed);
    int elements = 0, lacking = 0;
    for (int m = 0; m < k->n_member; m++) {
        const Val w = k->member[m];
        const bool of_row = per_row(f->host, w);
        elements += !of_row && is_stored(f->host, w);
        lacking += !of_row && extra[w.i];
        if (extra[w.i] && is_conv(f->host)) return false;
        if (of_row || (is_stored(f->host, w) && !extra[w.i])) expose(f, w, exposed);
    }
    for (uint32_t i = 1; i < h->n_node; i++) {
        const Val w = { i };
        if (!exposed[i] || has(f->host, w) || f->as[i].i) continue;
        const Type *t = ir_type(h, w);
        if (ir_place(h, w).where != AT_NOWHERE && (!t->shape.rank || !per_row(f->host, w))) return false;
    }
    return !lacking || elements == 1;
}

/* A place of the host's, and that of the guest's for it. */
typedef struct Pair { Place host, guest; bool there, written; } Pair;

static int pairs_of(const Fit *f, Pair *pair)
{
    const Graph *h = f->host->g;
    const Kernel *k = kernel_of(f->host);
    int n = 0;
    for (int m = 0; m < k->n_member; m++) {
        const Node *y = ir_node(h, k->member[m]);
        for (int j = 0; j <= y->n_in && n < MAX_SLOTS; j++) {
            const bool written = j == y->n_in;
            const Val w = written ? k->member[m] : ir_view_base(h, y->in[j]);
            Pair p = { .written = written };
            if (written ? !stores(f->host, w, &p.host) : has(f->host, w)) continue;
            if (!written) p.host = ir_place(h, w);
            if (p.host.where == AT_NOWHERE || p.host.where == AT_CONST) continue;
            p.there = written ? both_store(f, w, &p.guest) : f->as[w.i].i > 0;
            if (p.there && !written) p.guest = ir_place(f->guest->g, f->as[w.i]);
            pair[n++] = p;
        }
    }
    return n;
}

/* Has each of the host's places one of the guest's, and where one of the two replaces a number, so does the
 * other? */
static bool same_places(const Fit *f)
{
    Pair pair[MAX_SLOTS];
    const int n = pairs_of(f, pair);
    if (n == MAX_SLOTS) return false;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            const Pair *p = &pair[i], *q = &pair[j];
            const bool host = same_place(p->host, q->host);
            const bool guest = p->there && q->there && same_place(p->guest, q->guest);
            if (host && p->there && q->there && !guest) return false;
            if (host && p->there && !q->there && q->written) return false;
            if (guest && !host && (p->written || q->written)) return false;
        }
    return true;
}

/* Do they begin alike? */
static bool same_root(const Twin *a, const Twin *b)
{
    const Kernel *k = kernel_of(a), *l = kernel_of(b);
    Rows x, y;
    if (k->algo != l->algo) return false;
    if (is_conv(a))
        return k->tile[0] == l->tile[0] && k->tile[1] == l->tile[1] && k->micro[0] == l->micro[0]
            && k->micro[1] == l->micro[1] && alike(a, ir_type(a->g, root_of(a)), ir_type(b->g, root_of(b)));
    return rows_of(a, &x) && rows_of(b, &y) && x.first == y.first && x.end == y.end
        && ir_tasks(a->g, a->i, 1).tile_rows == ir_tasks(b->g, b->i, 1).tile_rows;
}

/* ---- who launches what ---- */

/* The host has `maps` for what this one does without. */
static void settle(Twin *host, const Fit *f, const bool *extra)
{
    const Kernel *k = kernel_of(host);
    bool alone = !ir_derives(f->guest->g) && is_conv(host);
    for (int m = 0; m < k->n_member; m++)
        alone = alone && (k->member[m].i <= root_of(host).i || f->through[k->member[m].i]);
    host->alone = host->alone || alone;
    for (uint32_t i = 1; i < host->g->n_node; i++) {
        if (f->through[i]) {
            host->lacking[i] |= UINT64_C(1) << host->n_guest;
            host->through[i] = f->through[i];
        }
        const bool leaf = !has(host, (Val){ i }) && !f->as[i].i && per_row(host, (Val){ i });
        host->absent[i] = host->absent[i] || extra[i] || leaf;
    }
    host->n_guest++;
}

static void find_host(Emit *e, Twin *t, Twin *const *host, int n_host)
{
    for (int i = 0; i < n_host; i++) {
        const bool seldom = ir_derives(host[i]->g) && !ir_derives(t->g);
        if (host[i]->n_guest == 64 || seldom || !same_root(t, host[i])) continue;
        const size_t n = host[i]->g->n_node;
        Fit f = { .guest = t, .host = host[i] };
        f.as = arena_alloc(e->a, n, sizeof *f.as);
        f.of = arena_alloc(e->a, t->g->n_node, sizeof *f.of);
        f.done = arena_alloc(e->a, n, sizeof *f.done);
        f.through = arena_alloc(e->a, n, sizeof *f.through);
        bool *extra = arena_alloc(e->a, n, sizeof *extra);
        if (!match_stores(&f, extra) || !may_lack(&f, extra, e->a) || !same_places(&f)) continue;
        settle(host[i], &f, extra);
        t->host = host[i];
        t->as = f.as;
        t->of = f.of;
        t->without = f.through;
        return;
    }
}

/* All kernels that may share one, the richest first. */
static void find_all(Emit *e)
{
    const Module *m = e->m;
    int n = 0;
    for (int i = 0; i < m->n_graph; i++) n += m->graph[i]->n_kernel;
    e->twin = arena_alloc(e->a, (size_t)n + 1, sizeof *e->twin);
    Twin **host = arena_alloc(e->a, (size_t)n + 1, sizeof *host);
    int most = 0, n_host = 0;
    for (int i = 0; i < m->n_graph; i++)
        for (int k = 0; k < m->graph[i]->n_kernel; k++) {
            Twin t = { .g = m->graph[i], .i = k };
            if (!may_share(&t)) continue;
            t.lacking = arena_alloc(e->a, t.g->n_node, sizeof *t.lacking);
            t.through = arena_alloc(e->a, t.g->n_node, sizeof *t.through);
            t.absent = arena_alloc(e->a, t.g->n_node, sizeof *t.absent);
            const Kernel *own = kernel_of(&t);
            for (int j = 0; j < own->n_member; j++) t.size += 1 + is_stored(&t, own->member[j]);
            if (t.size > most) most = t.size;
            e->twin[e->n_twin++] = t;
        }
    for (int size = most; size > 0; size--)
        for (int i = 0; i < e->n_twin; i++) {
            Twin *t = &e->twin[i];
            if (t->size != size) continue;
            find_host(e, t, host, n_host);
            if (!t->host) host[n_host++] = t;
        }
}

Twin *twin_of(Emit *e, const Graph *g, int i)
{
    if (!e->l->blocks) return NULL;
    if (!e->twin) find_all(e);
    for (int t = 0; t < e->n_twin; t++)
        if (e->twin[t].g == g && e->twin[t].i == i) return &e->twin[t];
    return NULL;
}

/* ---- what a host writes ---- */

/* Maps that the same guests do without have one bit. */
static int bit_of(const Twin *t, Val v, int *all)
{
    const Kernel *k = kernel_of(t);
    int bit = 0, n = 0;
    for (int m = 0; m < k->n_member; m++) {
        const uint64_t own = t->lacking[k->member[m].i];
        bool before = !own;
        for (int j = 0; j < m; j++) before = before || t->lacking[k->member[j].i] == own;
        if (!before) n++;
        if (!before && own == t->lacking[v.i]) bit = 1 << (n - 1);
    }
    if (all) *all = (1 << n) - 1;
    return bit;
}

const char *twin_asks(const Kern *k, Val v)
{
    int all;
    if (!k->twin || !k->twin->lacking[v.i]) return NULL;
    const int bit = bit_of(k->twin, v, &all);
    const bool marks = k->e->marks;
    k->e->marks = true;
    const char *maps = size_text(k->e, all, TWIN_MAPS);
    k->e->marks = marks;
    return text(k->e, "%s & %d", maps, bit);
}

int twin_operand(const Kern *k, Val v) { return k->twin->through[v.i] - 1; }
bool twin_lacks(const Kern *k, Val v) { return k->twin && k->twin->absent[v.i]; }
bool twin_lacks_number(const Kern *k, Val v) { return twin_lacks(k, v) && per_row(k->twin, v); }
bool twin_alone(const Kern *k) { return k->twin && k->twin->alone; }

const char *twin_note(const Kern *k)
{
    Emit *e = k->e;
    const char *s = "";
    for (int i = 0, bit = 1; k->twin && i < k->k->n_member; i++) {
        const char *which = "";
        for (int m = 0; m < k->k->n_member; m++) {
            const Val v = k->k->member[m];
            if (k->twin->lacking[v.i] && bit_of(k->twin, v, NULL) == bit)
                which = text(e, "%s%s%%%d", which, *which ? ", " : "", ir_printed_number(k->g, v));
        }
        if (!*which) break;
        s = text(e, "%s%s %s where it has %d", s, *s ? "," : "", which, bit);
        bit *= 2;
    }
    if (!*s) return "";
    return text(e, "\n * `maps` says what it computes of it:%s.", s);
}

/* ---- what a guest launches ---- */

static bool is_maps(const Size *s) { return !strcmp(s->role, TWIN_MAPS); }

bool twin_sized(const Sizes *s)
{
    for (int i = 0; i < s->n; i++)
        if (!is_maps(&s->size[i])) return true;
    return false;
}

/* The sizes of a guest for those of its host, which have the same names; false: they have not. */
static bool take_sizes(const Twin *t, const Sizes *own, Sizes *s)
{
    int n = 0, maps = 0;
    for (int i = 0; i < s->n; i++) {
        Size *x = &s->size[i];
        if (is_maps(x)) {
            int64_t left = x->value;
            for (int m = 0; m < kernel_of(t->host)->n_member; m++) {
                const Val w = kernel_of(t->host)->member[m];
                if (t->without[w.i]) left &= ~(int64_t)bit_of(t->host, w, NULL);
            }
            x->value = left;
            maps = 1;
            continue;
        }
        const Size *other = &own->size[n++];
        if (n > own->n || strcmp(x->name, other->name) || x->divides != other->divides) return false;
        x->value = other->value;
    }
    bool asks = false;
    for (uint32_t i = 1; i < t->host->g->n_node; i++) asks = asks || t->host->lacking[i];
    return n == own->n && (maps || !asks);
}

bool twin_use(Emit *e, const Graph *g, int i, KernelUse *u)
{
    const Twin *t = twin_of(e, g, i);
    if (!t || !t->host) return false;
    if (!t->host->use) {
        t->host->use = arena_alloc(e->a, 1, sizeof *t->host->use);
        *t->host->use = kernel_emit(e, t->host->g, t->host->i);
    }
    const KernelUse host = *t->host->use;
    *u = host;
    const Sizes own = kernel_sizes(e, g, i);
    if (host.fn->prepare.name || host.fn->finish.name || !take_sizes(t, &own, &u->sizes[1])) return false;
    const Fit f = { .guest = t, .host = t->host, .as = t->as, .of = t->of, .through = t->without };
    Pair pair[MAX_SLOTS];
    const int n = pairs_of(&f, pair);
    Slot *slot = arena_alloc(e->a, (size_t)host.n_slot, sizeof *slot);
    for (int s = 0; s < host.n_slot; s++) {
        slot[s] = host.slot[s];
        slot[s].null = true;
        for (int p = 0; p < n; p++) {
            if (!same_place(pair[p].host, host.slot[s].place) || !pair[p].there) continue;
            slot[s].place = pair[p].guest;
            slot[s].null = false;
        }
        if (slot[s].null) slot[s].place = (Place){ .where = AT_NOWHERE };
    }
    u->slot = slot;
    twin_tasks(e, g, i, u);
    for (int s = 0; s < u->sizes[1].n; s++)
        if (!is_maps(&u->sizes[1].size[s])
            && u->sizes[1].size[s].value != host.sizes[1].size[s].value) u->fn->resized = true;
    kernel_used(e, u->fn, g);
    return true;
}
