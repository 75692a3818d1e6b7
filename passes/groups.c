/* passes/groups.c: nodes of a graph in the groups that become kernels: how passes/fuse.c decides.
 *
 * Greedy: every node starts alone; normalisations, products, row programs, reductions, then maps
 * take neighbours for as long as passes/forms.c accepts the group and no path leads out of it and
 * back. A path may run through memory: who reads a state must come before who replaces it. */
#include "ir/frame.h"
#include "ir/rows.h"
#include "passes/groups.h"
#include "passes/rules.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- edges ---- */

/* Counted, summed, filled. */
static void turn_round(Groups *f)
{
    uint32_t n = f->g->n_node, edges = f->flow.at[n];
    f->before = arena_alloc(f->scratch, (size_t)edges + 1, sizeof *f->before);
    f->before_at = arena_alloc(f->scratch, (size_t)n + 2, sizeof *f->before_at);
    for (uint32_t e = 0; e < edges; e++) f->before_at[f->flow.next[e] + 1]++;
    for (uint32_t v = 0; v <= n; v++) f->before_at[v + 1] += f->before_at[v];
    for (uint32_t v = n; v-- > 1;)
        for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1]; e++)
            f->before[--f->before_at[f->flow.next[e] + 1]] = v;
    /* Filling moved each start down from the next one's place. */
    for (uint32_t v = 0; v <= n; v++) f->before_at[v] = f->before_at[v + 1];
}

/* The same walk twice: counted, summed, filled. */
static void find_readers(Groups *f)
{
    uint32_t n = f->g->n_node;
    f->reader_at = arena_alloc(f->scratch, (size_t)n + 2, sizeof *f->reader_at);
    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t v = n; v-- > 1;)
            for (int k = 0; f->flow.grouped[v] && k < f->g->node[v].n_in; k++) {
                uint32_t *at = &f->reader_at[f->flow.base[f->g->node[v].in[k].i].i + 1];
                if (fill) f->reader[--*at] = v;
                else ++*at;
            }
        for (uint32_t v = 0; v <= n && !fill; v++) f->reader_at[v + 1] += f->reader_at[v];
        if (!fill)
            f->reader = arena_alloc(f->scratch, (size_t)f->reader_at[n + 1] + 1, sizeof *f->reader);
    }
    /* Filling moved each start down from the next one's place. */
    for (uint32_t v = 0; v <= n; v++) f->reader_at[v] = f->reader_at[v + 1];
}

Groups pass_groups(const Graph *g, const Choice *choice, const Target *t, Arena *scratch)
{
    size_t n = g->n_node;
    Groups f = { .g = g, .choice = choice, .target = t, .flow = pass_flow(g, scratch),
               .scratch = scratch, .group = arena_alloc(scratch, n, sizeof(Group)),
               .why = arena_alloc(scratch, n, sizeof(char *)),
               .of = arena_alloc(scratch, n, sizeof(uint32_t)) };
    for (int i = 0; i < 2; i++) {
        f.stack[i] = arena_alloc(scratch, n, sizeof(uint32_t));
        f.seen[i] = arena_alloc(scratch, n, sizeof(uint32_t));
    }
    turn_round(&f);
    find_readers(&f);
    for (uint32_t i = 1; i < n; i++) {
        if (!f.flow.grouped[i]) continue;
        f.of[i] = i;
        f.group[i].n = 1;
        f.group[i].member = arena_alloc(scratch, 1, sizeof(Val));
        f.group[i].member[0] = (Val){ i };
    }
    return f;
}

static bool edge_between(const Groups *f, uint32_t a, uint32_t b)
{
    for (int i = 0; i < f->group[a].n; i++) {
        uint32_t v = f->group[a].member[i].i;
        for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1]; e++)
            if (f->of[f->flow.next[e]] == b) return true;
    }
    return false;
}

/* One group's step of a walk from `from`, down the edges or up: true if it meets `goal` by way of
 * another group. */
static bool step(Groups *f, int up, uint32_t from, uint32_t goal, uint32_t *top)
{
    const uint32_t *edge = up ? f->before : f->flow.next;
    const uint32_t *start = up ? f->before_at : f->flow.at;
    uint32_t at = f->stack[up][--*top];
    for (int i = 0; i < f->group[at].n; i++) {
        uint32_t v = f->group[at].member[i].i;
        for (uint32_t e = start[v]; e < start[v + 1]; e++) {
            uint32_t to = f->of[edge[e]];
            if (to == goal && at != from) return true;
            if (to == goal || f->seen[up][to] == f->walk) continue;
            f->seen[up][to] = f->walk;
            f->stack[up][(*top)++] = to;
        }
    }
    return false;
}

/* Whether a path of at least one other group leads from a to b: walks down from a and up from b in
 * turn, so that the side on which little hangs decides soon. */
static bool path_between(Groups *f, uint32_t a, uint32_t b)
{
    uint32_t down = 1, up = 1;
    f->walk++;
    f->stack[0][0] = a;
    f->stack[1][0] = b;
    f->seen[0][a] = f->seen[1][b] = f->walk;
    while (down && up)
        if (step(f, 0, a, b, &down) || step(f, 1, b, a, &up)) return true;
    return false;
}

/* Whether joining them makes a circle. Groups are in an order: an edge one way leaves no path the
 * other way. */
static bool circle(Groups *f, uint32_t a, uint32_t b)
{
    bool down = edge_between(f, a, b), up = edge_between(f, b, a);
    return (!up && path_between(f, a, b)) || (!down && path_between(f, b, a));
}

bool pass_group_leads(Groups *f, uint32_t a, uint32_t b)
{
    return edge_between(f, a, b) || path_between(f, a, b);
}

int pass_by_handle(const void *a, const void *b)
{
    uint32_t x = ((const Val *)a)->i, y = ((const Val *)b)->i;
    return (x > y) - (x < y);
}

/* Randoms that the members read will be members too. */
bool pass_too_wide(const Groups *f, const Val *member, int n)
{
    int randoms = 0;
    for (int i = 0; i < n; i++) {
        const Node *x = ir_node(f->g, member[i]);
        for (int k = 0; k < x->n_in; k++) randoms += ir_is(f->g, x->in[k], OP_random);
    }
    return ir_touched(f->g, member, n) + 2 * randoms > IR_MAX_TOUCHED;
}

bool pass_is_row(const Groups *f, const Group *x)
{
    Algo algo;
    return pass_form(f->g, &f->flow, x->member, x->n, &algo) && algo == ALGO_row;
}

static bool has_prologue(const Groups *f, const Val *member, int n)
{
    for (int i = 0; i < n; i++)
        if (ir_op[ir_node(f->g, member[i])->op].kind == KIND_CONV) return i > 0;
    return false;
}

/* Joins the groups a and b if that is a kernel and leaves an order. The result is group a. */
static bool join(Groups *f, uint32_t a, uint32_t b)
{
    Algo algo;
    if (!a || !b || a == b) return false;
    Group *x = &f->group[a], *y = &f->group[b];
    int n = x->n + y->n;
    Val *all = arena_alloc(f->scratch, (size_t)n, sizeof *all);
    memcpy(all, x->member, (size_t)x->n * sizeof *all);
    memcpy(all + x->n, y->member, (size_t)y->n * sizeof *all);
    if (pass_too_wide(f, all, n)) return false;
    qsort(all, (size_t)n, sizeof *all, pass_by_handle);
    if (!pass_form(f->g, &f->flow, all, n, &algo)) return false;
    if (algo == ALGO_move && !f->target->block_threads) return false;     /* C copies whole rows */
    if (algo == ALGO_direct && has_prologue(f, all, n)) return false;     /* prologue.c says where that pays */
    if (algo == ALGO_row && !f->normalising && !pass_is_row(f, x) && !pass_is_row(f, y)) return false;
    if (circle(f, a, b)) return false;
    for (int i = 0; i < y->n; i++) f->of[y->member[i].i] = a;
    *x = (Group){ all, n };
    *y = (Group){ NULL, 0 };
    return true;
}

static OpKind kind_of(const Groups *f, uint32_t v) { return ir_op[f->g->node[v].op].kind; }

/* Not every edge is one: who replaces a state comes after its readers. */
static bool reads(const Groups *f, uint32_t reader, uint32_t v)
{
    const Node *x = &f->g->node[reader];
    for (int k = 0; k < x->n_in; k++)
        if (f->flow.base[x->in[k].i].i == v) return true;
    return false;
}

/* A map for one reduction alone is better computed there than stored for it. */
static bool only_reduced(const Groups *f, uint32_t v)
{
    uint32_t reader = 0;
    for (int r = 0; r < f->g->n_root; r++)
        if (f->flow.base[f->g->root[r].val.i].i == v) return false;
    for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1]; e++) {
        if (!reads(f, f->flow.next[e], v)) continue;
        if (reader && reader != f->flow.next[e]) return false;
        reader = f->flow.next[e];
    }
    return reader && kind_of(f, reader) == KIND_REDUCE;
}

/* Takes readers of members that are maps, nearest first, until none fits. */
static void take_readers(Groups *f, uint32_t group)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < f->group[group].n && !again; i++) {
            uint32_t v = f->group[group].member[i].i;
            for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1] && !again; e++) {
                uint32_t to = f->flow.next[e];
                bool alone = f->of[to] != group && f->group[f->of[to]].n == 1;
                alone = alone && kind_of(f, to) == KIND_MAP && !only_reduced(f, to);
                again = alone && join(f, group, f->of[to]);
            }
        }
    }
}

/* The group of a weight's update takes the layer's other gradient, if weights come from memory. */
static void take_other_gradient(Groups *f, uint32_t group)
{
    const Graph *g = f->g;
    const Node *d_w = &g->node[group];
    Choice c;
    if (d_w->type.layout.kind != LAYOUT_panel || !pass_tile_back(g, (Val){ group }, f->target, &c))
        return;
    for (uint32_t v = 1; v < g->n_node; v++)
        if (f->of[v] && f->of[v] != group && g->node[v].op == OP_matmul
            && ir_val_eq(g->node[v].in[0], d_w->in[0]) && join(f, group, f->of[v])) return;
}

/* Max pooling: the kernel that finds the largest elements' taps has the elements. */
static void take_found(Groups *f, uint32_t group)
{
    if (f->g->node[group].op != OP_pool_index) return;
    for (uint32_t e = f->flow.at[group]; e < f->flow.at[group + 1]; e++)
        if (f->g->node[f->flow.next[e]].op == OP_pool_take
            && join(f, group, f->of[f->flow.next[e]])) return;
}

/* A convolution pools what it computes, if its algorithm can, and nobody else reads that. */
static void take_pool(Groups *f, uint32_t conv)
{
    if (kind_of(f, conv) != KIND_CONV) return;
    const Choice *c = &f->choice[conv];
    Kernel alone = { .algo = c->algo, .n_member = 1, .member = &(Val){ conv },
                     .tile = { c->tile[0], c->tile[1] }, .micro = { c->micro[0], c->micro[1] } };
    for (uint32_t e = f->flow.at[conv]; e < f->flow.at[conv + 1]; e++) {
        uint32_t index = f->flow.next[e];
        if (!ir_pools(f->g, &alone, (Val){ index })) continue;
        take_found(f, index);
        join(f, conv, f->of[index]);
        return;
    }
}

/* Takes what members read, where that is a map on its own. */
static void take_sources(Groups *f, uint32_t group)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < f->group[group].n && !again; i++) {
            const Node *x = &f->g->node[f->group[group].member[i].i];
            for (int k = 0; k < x->n_in && !again; k++) {
                uint32_t from = f->flow.base[x->in[k].i].i;
                if (!f->of[from] || f->of[from] == group || f->group[f->of[from]].n > 1) continue;
                again = kind_of(f, from) == KIND_MAP && join(f, group, f->of[from]);
            }
        }
    }
}

/* Nodes that a group may take, each once, lowest first. */
typedef struct Near { Val *v; int n, cap; } Near;

static void near_add(Groups *f, Near *near, uint32_t v)
{
    if (near->n == near->cap) {
        int cap = 2 * near->cap + 16;
        near->v = arena_grow(f->scratch, near->v, (size_t)near->cap, (size_t)cap, sizeof *near->v);
        near->cap = cap;
    }
    near->v[near->n++] = (Val){ v };
}

static void near_sort(Near *near)
{
    int n = 0;
    if (near->n) qsort(near->v, (size_t)near->n, sizeof *near->v, pass_by_handle);
    for (int i = 0; i < near->n; i++)
        if (!n || near->v[i].i != near->v[n - 1].i) near->v[n++] = near->v[i];
    near->n = n;
}

static bool is_single(const Groups *f, uint32_t v, uint32_t group)
{
    return f->of[v] && f->of[v] != group && f->group[f->of[v]].n == 1;
}

static void add_readers(Groups *f, Near *near, uint32_t group, uint32_t base, bool rows)
{
    for (uint32_t e = f->reader_at[base]; e < f->reader_at[base + 1]; e++) {
        uint32_t v = f->reader[e];
        OpKind kind = kind_of(f, v);
        bool fits = rows ? kind == KIND_ROW && f->flow.base[f->g->node[v].in[0].i].i == base
                         : kind == KIND_ROW || kind == KIND_REDUCE || kind == KIND_MAP;
        if (fits && is_single(f, v, group)) near_add(f, near, v);
    }
}

/* Takes row programs and reductions that read a member or read the same tensor as a row member. */
static void take_rows(Groups *f, uint32_t group)
{
    for (bool again = true; again;) {
        Near near = { 0 };
        again = false;
        for (int i = 0; i < f->group[group].n; i++) {
            Val v = f->group[group].member[i];
            add_readers(f, &near, group, v.i, false);
            if (kind_of(f, v.i) == KIND_ROW)
                add_readers(f, &near, group, f->flow.base[f->g->node[v.i].in[0].i].i, true);
        }
        near_sort(&near);
        for (int i = 0; i < near.n && !again; i++) again = join(f, group, near.v[i].i);
    }
}

/* ---- normalisations: reductions of rows that wait for each other ---- */

static bool is_over(const Groups *f, uint32_t v, const Rows *rows)
{
    Rows own;
    return kind_of(f, v) == KIND_REDUCE && ir_rows(f->g, (Val){ v }, &own)
        && ir_rows_eq(&own, rows);
}

/* Whether v is computed by maps from what a row program gives for the same rows. */
static bool follows_row(Groups *f, uint32_t v, const Rows *rows)
{
    uint32_t top = 0;
    uint32_t *stack = f->stack[0], *seen = f->seen[0];
    f->walk++;
    stack[top++] = v;
    while (top) {
        const Node *x = &f->g->node[stack[--top]];
        for (int k = 0; k < x->n_in; k++) {
            uint32_t from = f->flow.base[x->in[k].i].i;
            Rows own;
            if (seen[from] == f->walk) continue;
            seen[from] = f->walk;
            if (kind_of(f, from) == KIND_MAP) stack[top++] = from;
            if (kind_of(f, from) == KIND_ROW && ir_rows(f->g, (Val){ from }, &own)
                && ir_rows_eq(&own, rows)) return true;
        }
    }
    return false;
}

/* Whether maps lead from the reduction v to another one over the same rows, or back to their
 * elements: of a row program that is there already these become a part anyway. */
static bool leads_to_row(Groups *f, uint32_t v, const Rows *rows)
{
    uint32_t top = 0;
    bool own = !follows_row(f, v, rows);
    uint32_t *stack = f->stack[0], *seen = f->seen[0];
    f->walk++;
    stack[top++] = v;
    seen[v] = f->walk;
    while (top) {
        uint32_t at = stack[--top];
        for (uint32_t e = f->flow.at[at]; e < f->flow.at[at + 1]; e++) {
            uint32_t to = f->flow.next[e];
            if (seen[to] == f->walk || !reads(f, to, at)) continue;
            seen[to] = f->walk;
            if (is_over(f, to, rows)) return true;
            if (kind_of(f, to) != KIND_MAP) continue;
            if (own && ir_shape_eq(&ir_type(f->g, (Val){ to })->shape, rows->frame)) return true;
            stack[top++] = to;
        }
    }
    return false;
}

/* Each loop over the row computes it again, so it must be no more than a few operations. */
bool pass_is_cheap(const Groups *f, uint32_t v)
{
    ExPool *p = ex_pool(f->scratch);
    const char *text = ex_print(f->scratch, p, ir_scalar_expr(p, &f->g->node[v]));
    for (const char *c = text; *c; c++)
        if (*c == '(' && c > text && isalpha((unsigned char)c[-1])) return false;
    return true;
}

static bool is_own(const Groups *f, uint32_t v, uint32_t group)
{
    for (uint32_t e = f->reader_at[v]; e < f->reader_at[v + 1]; e++)
        if (f->of[f->reader[e]] != group) return false;
    return true;
}

/* A map of tensors of its own shape on what a convolution or a window has computed: they take it
 * into their epilogue. */
static bool follows_windows(const Groups *f, uint32_t v)
{
    while (kind_of(f, v) == KIND_MAP) {
        const Node *x = &f->g->node[v];
        for (int k = 0; k < x->n_in; k++)
            if (!ir_shape_eq(&ir_type(f->g, x->in[k])->shape, &x->type.shape)) return false;
        v = f->flow.base[x->in[0].i].i;
    }
    return kind_of(f, v) == KIND_CONV || kind_of(f, v) == KIND_WINDOW;
}

/* Takes cheap maps that nobody else reads. */
static void take_own_sources(Groups *f, uint32_t group)
{
    for (bool again = true; again;) {
        Near near = { 0 };
        again = false;
        for (int i = 0; i < f->group[group].n; i++) {
            const Node *x = &f->g->node[f->group[group].member[i].i];
            for (int k = 0; k < x->n_in; k++) {
                uint32_t v = f->flow.base[x->in[k].i].i;
                if (is_single(f, v, group) && kind_of(f, v) == KIND_MAP) near_add(f, &near, v);
            }
        }
        near_sort(&near);
        for (int i = 0; i < near.n && !again; i++) {
            uint32_t v = near.v[i].i;
            bool elsewhere = follows_windows(f, v) && !only_reduced(f, v);
            again = is_own(f, v, group) && pass_is_cheap(f, v) && !elsewhere && join(f, group, v);
        }
    }
}

static bool reads_same(const Groups *f, uint32_t group, uint32_t v, const Shape *frame)
{
    for (int i = 0; i < f->group[group].n; i++) {
        const Node *x = &f->g->node[f->group[group].member[i].i];
        for (int k = 0; k < x->n_in; k++)
            if (f->flow.base[x->in[k].i].i == v
                && ir_shape_eq(&ir_type(f->g, x->in[k])->shape, frame)) return true;
    }
    return false;
}

/* Takes other reductions over the same rows of what the group reads, or of maps of it for them
 * alone; with what follows from them, or alone. */
static void take_fellows(Groups *f, uint32_t group, const Rows *rows, bool alone)
{
    for (uint32_t v = 1; v < f->g->n_node; v++) {
        if (!is_single(f, v, group) || !is_over(f, v, rows)) continue;
        uint32_t in = f->flow.base[f->g->node[v].in[0].i].i;
        bool same = reads_same(f, group, in, rows->frame);
        const Node *x = &f->g->node[in];
        bool map = is_single(f, in, group) && kind_of(f, in) == KIND_MAP && only_reduced(f, in);
        for (int k = 0; k < x->n_in && map && !same; k++)
            same = reads_same(f, group, f->flow.base[x->in[k].i].i, rows->frame);
        if (!same || !join(f, group, v)) continue;
        if (!alone) take_rows(f, group);
        take_own_sources(f, group);
    }
}

/* ---- all of it ---- */

static bool reads_buffer(const Groups *f, uint32_t v)
{
    const Node *x = &f->g->node[v];
    for (int k = 0; k < x->n_in; k++) {
        const Node *from = ir_node(f->g, f->flow.base[x->in[k].i]);
        if (from->op == OP_state && ir_state(f->g->module, from->state)->role == ROLE_BUFFER) return true;
    }
    return false;
}

/* Gradients with evaluation behaviour are asked for once. On a GPU their convolutions take in no batch
 * norm: then they are kernels of training, where it is none of theirs. Those take long to compile. */
static bool stays_alone(const Groups *f, uint32_t conv)
{
    if (!f->target->block_threads || kind_of(f, conv) != KIND_CONV || strcmp(f->g->name, "grad_eval"))
        return false;
    for (uint32_t e = f->flow.at[conv]; e < f->flow.at[conv + 1]; e++)
        if (reads_buffer(f, f->flow.next[e])) return true;
    return false;
}

void pass_groups_grow(Groups *f)
{
    uint32_t n = f->g->n_node;
    Rows rows;
    f->normalising = true;
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && f->group[v].n == 1 && kind_of(f, v) == KIND_REDUCE
            && ir_rows(f->g, (Val){ v }, &rows) && leads_to_row(f, v, &rows)) {
            /* Before maps that read several of these sums: later, paths would lead out and back. */
            take_own_sources(f, v);
            take_fellows(f, v, &rows, true);
            take_rows(f, v);
            take_own_sources(f, v);
            take_fellows(f, v, &rows, false);
        }
    f->normalising = false;
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_PROD) take_readers(f, v);
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_PROD) take_other_gradient(f, v);
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && (kind_of(f, v) == KIND_CONV || kind_of(f, v) == KIND_WINDOW)) {
            take_pool(f, v);
            take_found(f, v);
            if (!stays_alone(f, v)) take_readers(f, v);
        }
    for (uint32_t v = 1, counter = 0; v < n; v++) {
        if (f->of[v] == v && kind_of(f, v) == KIND_MOVE) take_readers(f, v);
        if (f->of[v] == v && f->g->node[v].op == OP_increment && !join(f, counter, v)) counter = v;
    }
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_ROW) take_rows(f, v);
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_REDUCE && f->group[v].n == 1) {
            take_readers(f, v);
            take_sources(f, v);
        }
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_MAP && f->group[v].n == 1) take_readers(f, v);
    /* Epilogues whose operands were maps of their own: compute those inside as well. */
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] && f->group[f->of[v]].n > 1) take_sources(f, f->of[v]);
    pass_share_maps(f);
    pass_prologues(f);
}

