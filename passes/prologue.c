/* passes/prologue.c: maps whose values convolutions alone read, on a GPU: each of these computes them where it copies
 * what it reads of its images, if that takes less than a kernel of their own (passes/cost_gpu.c).
 *
 *     %1 = map %0 {f="2*a - 1"}       k0 { %1 } map                  k0 { %1 %2 } simt_conv
 *     %2 = conv %1, "w"               k1 { %2 } simt_conv
 *
 * A layer's derivatives read them too: then each of the kernels computes them, or none. Where a step has them apart,
 * what evaluates has, too: it shares the step's kernel then, and the compiler has one less. It is the last of what
 * groups.c does: what a producer's epilogue could compute is not here. */
#include "passes/cost.h"
#include "passes/groups.h"
#include <stdlib.h>
#include <string.h>

/* A convolution's group, with the maps that it needs. */
typedef struct Reader { uint32_t group; Val conv; Val *member; int n; } Reader;

typedef struct Maps {
    const Group *group;
    bool *has;                       /* [n_node] its members */
    Reader *reader; int n_reader;
} Maps;

static const Node *node_at(const Groups *f, uint32_t v) { return &f->g->node[v]; }
static OpKind kind_at(const Groups *f, uint32_t v) { return ir_op[node_at(f, v)->op].kind; }

/* Maps alone, one of which a convolution reads. */
static bool precedes_conv(const Groups *f, const Group *x)
{
    bool read = false;
    for (int i = 0; i < x->n; i++) {
        const uint32_t v = x->member[i].i;
        if (kind_at(f, v) != KIND_MAP) return false;
        for (uint32_t e = f->reader_at[v]; e < f->reader_at[v + 1]; e++)
            read = read || kind_at(f, f->reader[e]) == KIND_CONV;
    }
    return read;
}

/* Is it computed for each call anew, of what no kernel replaces? Gradients with evaluation behaviour have the
 * kernels of training (groups.c): there maps of inputs alone are what they are in training. */
static bool may_move(const Groups *f, const Maps *m, uint32_t v)
{
    const Node *x = node_at(f, v);
    const bool as_trained = !strcmp(f->g->name, "grad_eval");
    if (!ir_has_n(&x->type.shape)) return false;
    for (int r = 0; r < f->g->n_root; r++)
        if (f->flow.base[f->g->root[r].val.i].i == v) return false;
    for (int k = 0; k < x->n_in; k++) {
        Val base = f->flow.base[x->in[k].i];
        const Node *from = ir_node(f->g, base);
        if (from->op == OP_state && f->flow.update_of[from->state.i].i) return false;
        if (as_trained && f->of[base.i] && !m->has[base.i]) return false;
    }
    return true;
}

static void add_reader(Groups *f, Maps *m, uint32_t conv)
{
    for (int i = 0; i < m->n_reader; i++)
        if (m->reader[i].conv.i == conv) return;
    m->reader = arena_grow(f->scratch, m->reader, (size_t)m->n_reader, (size_t)m->n_reader + 1,
                           sizeof *m->reader);
    m->reader[m->n_reader++] = (Reader){ .group = f->of[conv], .conv = { conv } };
}

/* Whether v is read by other members, and as images by convolutions, whose list it adds to. */
static bool find_convs(Groups *f, Maps *m, uint32_t v)
{
    for (uint32_t e = f->reader_at[v]; e < f->reader_at[v + 1]; e++) {
        uint32_t to = f->reader[e];
        const Node *x = node_at(f, to);
        if (m->has[to]) continue;
        for (int k = 0; k < x->n_in; k++)
            if (f->flow.base[x->in[k].i].i == v
                && (x->in[k].i != v || !pass_reads_images(f->g, (Val){ to }, k))) return false;
        if (!ir_block_tile(f->choice[to].algo).side) return false;
        add_reader(f, m, to);
    }
    return true;
}

/* Tensors of as many elements as `like`, or bytes of all, that these maps read and do not compute; each once. */
static int64_t read_by(const Groups *f, const Maps *m, const Val *map, int n, const Shape *like, bool bytes)
{
    bool *seen = arena_alloc(f->scratch, f->g->n_node, sizeof *seen);
    int64_t sum = 0;
    for (int i = 0; i < n; i++) {
        const Node *x = ir_node(f->g, map[i]);
        for (int k = 0; k < x->n_in; k++) {
            Val base = f->flow.base[x->in[k].i];
            const Type *t = ir_type(f->g, base);
            if (!m->has[map[i].i] || m->has[base.i] || seen[base.i] || ir_is(f->g, base, OP_const)) continue;
            seen[base.i] = true;
            sum += bytes ? ir_stored_bytes(t, f->g->module->capacity) : pass_same_elements(&t->shape, like);
        }
    }
    return sum;
}

/* The convolution's members and the maps that it needs, if that is a kernel. */
static bool with_maps(Groups *f, const Maps *m, Reader *r)
{
    const Group *own = &f->group[r->group];
    enum { MOST_TENSORS = 2 };       /* one is copied; another takes registers */
    const Node *conv = ir_node(f->g, r->conv);
    bool *needs = arena_alloc(f->scratch, f->g->n_node, sizeof *needs);
    Algo algo;
    r->member = arena_alloc(f->scratch, (size_t)(own->n + m->group->n), sizeof *r->member);
    for (int k = 0; k < conv->n_in; k++) needs[conv->in[k].i] = true;
    for (int i = m->group->n; i-- > 0;) {
        const Node *x = ir_node(f->g, m->group->member[i]);
        if (!needs[m->group->member[i].i]) continue;
        for (int k = 0; k < x->n_in; k++) needs[f->flow.base[x->in[k].i].i] = true;
        r->member[r->n++] = m->group->member[i];
    }
    for (int i = 0; i < own->n; i++) r->member[r->n++] = own->member[i];
    qsort(r->member, (size_t)r->n, sizeof *r->member, pass_by_handle);
    for (int k = 0; k < conv->n_in; k++) {
        int64_t n = read_by(f, m, r->member, r->n, &ir_type(f->g, conv->in[k])->shape, false);
        if (m->has[conv->in[k].i] && (n < 1 || n > MOST_TENSORS)) return false;
    }
    return !pass_too_wide(f, r->member, r->n)
        && pass_form(f->g, &f->flow, r->member, r->n, &algo) && algo == ALGO_direct;
}

/* ---- what it costs ---- */

/* What functions take as codegen writes them, in PTX; others some TRANSCENDENTAL. */
static int function_instructions(ExOp op)
{
    enum { DIVISION = 10, TRANSCENDENTAL = 40, POWER = 120 };
    switch (op) {
    case EX_abs: case EX_sign: case EX_floor: case EX_ceil: case EX_trunc: case EX_round: return 2;
    case EX_max: case EX_min: return 3;
    case EX_DIV: case EX_sqrt: return DIVISION;
    case EX_pow: return POWER;
    default: return op >= EX_exp ? TRANSCENDENTAL : 1;
    }
}

static int instructions_of(const ExPool *p, Ex e)
{
    const ExNode *x = ex_node(p, e);
    int n = x->in[0].i ? function_instructions(x->op) : 0;
    for (int i = 0; i < 3; i++)
        if (x->in[i].i) n += instructions_of(p, x->in[i]);
    return n;
}

/* As a kernel, which stores what convolutions read. */
static double seconds_apart(const Groups *f, const Maps *m)
{
    const int64_t n = f->g->module->capacity;
    int64_t bytes = read_by(f, m, m->group->member, m->group->n, NULL, true);
    for (int i = 0; i < m->group->n; i++) {
        Val v = m->group->member[i];
        bool stored = false;
        for (uint32_t e = f->reader_at[v.i]; e < f->reader_at[v.i + 1]; e++)
            stored = stored || !m->has[f->reader[e]];
        if (stored) bytes += ir_stored_bytes(ir_type(f->g, v), n);
    }
    return pass_gpu_map_seconds(bytes);
}

/* Of a map: its expression's, and of each operand that is found by channel or image, at a division. */
static int map_instructions(const Groups *f, const Node *x)
{
    enum { BY_CHANNEL = 7 };
    ExPool *p = ex_pool(f->scratch);
    int n = instructions_of(p, ir_scalar_expr(p, x));
    for (int k = 0; k < x->n_in; k++) {
        const Shape *s = &ir_type(f->g, x->in[k])->shape;
        if (s->rank && !pass_same_elements(s, &x->type.shape)) n += BY_CHANNEL;
    }
    return n;
}

/* What it takes the convolution more. */
static double seconds_more(const Groups *f, const Maps *m, const Reader *r)
{
    const Node *conv = ir_node(f->g, r->conv);
    double seconds = 0;
    for (int k = 0; k < conv->n_in; k++) {
        Val in = conv->in[k];
        if (!m->has[in.i]) continue;
        const Shape *frame = &ir_type(f->g, in)->shape;
        int instructions = 0;
        for (int i = 0; i < r->n; i++) {
            const Node *x = ir_node(f->g, r->member[i]);
            if (m->has[r->member[i].i] && ir_shape_eq(&x->type.shape, frame)) instructions += map_instructions(f, x);
        }
        seconds += pass_gpu_prologue_seconds(f->g, r->conv, &f->choice[r->conv.i], k, instructions,
                                             (int)read_by(f, m, r->member, r->n, frame, false));
    }
    return seconds;
}

/* ---- all of it ---- */

/* Readers in an order in which each may come after all before it; false: there is none. */
static bool order_readers(Groups *f, Maps *m)
{
    for (int i = 0; i < m->n_reader; i++) {
        int first = -1;
        for (int j = i; j < m->n_reader && first < 0; j++) {
            bool after = false;
            for (int k = i; k < m->n_reader && !after; k++)
                after = k != j && pass_group_leads(f, m->reader[k].group, m->reader[j].group);
            if (!after) first = j;
        }
        if (first < 0) return false;
        Reader r = m->reader[i];
        m->reader[i] = m->reader[first];
        m->reader[first] = r;
    }
    return true;
}

/* Where a map is in several groups, the first of them stands for it. */
static void move_in(Groups *f, const Maps *m, uint32_t from)
{
    for (int i = m->n_reader; i-- > 0;) {
        const Reader *r = &m->reader[i];
        f->group[r->group] = (Group){ r->member, r->n };
        for (int j = 0; j < r->n; j++)
            if (m->has[r->member[j].i]) f->of[r->member[j].i] = r->group;
    }
    f->group[from] = (Group){ NULL, 0 };
}

/* Notes the convolutions that have maps apart. */
static void keep_apart(const Groups *f, const Maps *m)
{
    Apart *a = f->apart;
    for (int i = 0; i < m->n_reader && a; i++) {
        const Node *x = ir_node(f->g, m->reader[i].conv);
        if (!x->loc.file || x->op == OP_conv_weight) continue;
        a->conv = arena_grow(f->scratch, a->conv, (size_t)a->n, (size_t)a->n + 1, sizeof *a->conv);
        a->conv[a->n++] = x;
    }
}

/* Was such a convolution, of the same line? */
static bool is_apart(const Groups *f, const Maps *m)
{
    bool found = false;
    for (int i = 0; i < m->n_reader && f->apart; i++) {
        const Node *x = ir_node(f->g, m->reader[i].conv);
        for (int k = 0; k < f->apart->n; k++) {
            const Node *y = f->apart->conv[k];
            found = found || (x->op == y->op && x->loc.file == y->loc.file && x->loc.line == y->loc.line
                              && x->loc.col == y->loc.col && ir_type_eq(&x->type, &y->type));
        }
    }
    return found;
}

static void consider(Groups *f, uint32_t group)
{
    enum { TENTHS = 9 };             /* another choice is made where it gains a tenth */
    const Group own = f->group[group];
    Maps m = { .group = &own, .has = arena_alloc(f->scratch, f->g->n_node, sizeof *m.has) };
    bool fits = true;
    for (int i = 0; i < own.n; i++) m.has[own.member[i].i] = true;
    for (int i = 0; i < own.n && fits; i++)
        fits = may_move(f, &m, own.member[i].i) && find_convs(f, &m, own.member[i].i);
    double more = 0;
    for (int i = 0; i < m.n_reader && fits; i++) {
        fits = with_maps(f, &m, &m.reader[i]);
        if (fits) more += seconds_more(f, &m, &m.reader[i]);
    }
    if (!fits || !m.n_reader || !order_readers(f, &m)) return;
    double apart = seconds_apart(f, &m);
    bool less = 10 * more < TENTHS * apart, as_before = less && is_apart(f, &m), pays = less && !as_before;
    const char *why = arena_printf(f->scratch, "%s: %.3g us in %s, %.3g us apart%s",
                                   pays ? "maps before it" : "no maps before it", 1e6 * more,
                                   m.n_reader > 1 ? "all that read them" : "it", 1e6 * apart,
                                   as_before ? ", as in another graph" : "");
    if (!pays && !as_before) keep_apart(f, &m);
    for (int i = 0; i < m.n_reader; i++) {
        const char **said = &f->why[m.reader[i].conv.i];
        *said = *said ? arena_printf(f->scratch, "%s; %s", *said, why) : why;
    }
    if (pays) move_in(f, &m, group);
}

void pass_prologues(Groups *f)
{
    if (!f->target->block_threads) return;
    for (uint32_t v = 1; v < f->g->n_node; v++)
        if (precedes_conv(f, &f->group[v])) consider(f, v);
}
