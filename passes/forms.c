/* passes/forms.c: what a kernel may be made of.
 *
 * Forms by their root: a product, a convolution, a window, a convolution and what pools it, or what
 * concatenates, cuts or permutes, with a MAP epilogue; a linear layer's two gradients, each with its own;
 * a row program, of rows or of channels (ir/rows.h); a reduction, or a GPU's convolution, with a MAP prologue
 * and epilogue; maps of one element count; any number of counters; a single node of any kind. fuse only
 * proposes groups, this file is the one place that says which of them code can be generated for. It does not
 * know orders: cycles are fuse's concern. */
#include "ir/rows.h"
#include "ir/tasks.h"
#include "passes/kernels.h"
#include <string.h>

Flow pass_flow(const Graph *g, Arena *a)
{
    size_t n = g->n_node;
    Flow f = { arena_alloc(a, n, sizeof(Val)), arena_alloc(a, n, sizeof(bool)), NULL,
               arena_alloc(a, n + 2, sizeof(uint32_t)),
               arena_alloc(a, g->module->n_state, sizeof(Val)) };
    for (uint32_t i = 1; i < n; i++) {
        OpKind kind = ir_op[g->node[i].op].kind;
        f.base[i] = kind == KIND_VIEW ? f.base[g->node[i].in[0].i] : (Val){ i };
        f.grouped[i] = kind != KIND_VIEW && kind != KIND_LEAF;
    }
    for (int r = 0; r < g->n_root; r++)
        if (g->root[r].kind == ROOT_UPDATE)
            f.update_of[g->root[r].state.i] = f.base[g->root[r].val.i];
    /* Counted, summed, filled: twice the same walk. */
    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t i = 1; i < n; i++) {
            const Node *x = &g->node[i];
            for (int k = 0; f.grouped[i] && k < x->n_in; k++) {
                Val b = f.base[x->in[k].i], from = b, to = { i };
                if (ir_is(g, b, OP_state)) {
                    from = to;
                    to = f.update_of[ir_node(g, b)->state.i];
                }
                if (!to.i || to.i == from.i || !f.grouped[from.i] || !f.grouped[to.i]) continue;
                if (fill) f.next[--f.at[from.i + 1]] = to.i;
                else f.at[from.i + 1]++;
            }
        }
        if (fill) break;
        for (size_t i = 0; i <= n; i++) f.at[i + 1] += f.at[i];
        f.next = arena_alloc(a, (size_t)f.at[n + 1] + 1, sizeof *f.next);
    }
    /* Filling moved each start down from the next one's place. */
    for (size_t i = 0; i <= n; i++) f.at[i] = f.at[i + 1];
    return f;
}

/* ---- shapes ---- */

bool pass_same_elements(const Shape *a, const Shape *b)
{
    int64_t ka = 1, kb = 1;
    int na = 0, nb = 0;
    for (int i = 0; i < a->rank; i++) ka *= a->dim[i].k, na += a->dim[i].n;
    for (int i = 0; i < b->rank; i++) kb *= b->dim[i].k, nb += b->dim[i].n;
    return ka == kb && na == nb;
}

static bool is_one(Dim d) { return ir_dim_eq(d, ir_dim(1)); }
static const Shape *shape_of(const Graph *g, Val v) { return &ir_type(g, v)->shape; }
static OpKind kind_of(const Graph *g, Val v) { return ir_op[ir_node(g, v)->op].kind; }

/* A shape that adds nothing but a number. */
static bool is_scalar(const Shape *s) { return s->rank == 0; }

/* [l] or [1,l] under [..,l]. */
static bool is_columns(const Shape *s, const Shape *frame)
{
    if (!s->rank || !frame->rank) return false;
    for (int i = 0; i + 1 < s->rank; i++)
        if (!is_one(s->dim[i])) return false;
    return s->rank <= frame->rank && ir_dim_eq(s->dim[s->rank - 1], frame->dim[frame->rank - 1]);
}

/* [..,1] under [..,l], all other axes there. */
static bool is_per_row(const Shape *s, const Shape *frame)
{
    if (!s->rank || s->rank != frame->rank || !is_one(s->dim[s->rank - 1])) return false;
    for (int i = 0; i + 1 < s->rank; i++)
        if (!ir_dim_eq(s->dim[i], frame->dim[i])) return false;
    return true;
}

/* ---- members ---- */

typedef struct Group { const Graph *g; const Flow *f; const Val *member; int n; } Group;

static bool is_member(const Group *k, Val v)
{
    int low = 0, high = k->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (k->member[middle].i == v.i) return true;
        if (k->member[middle].i < v.i) low = middle + 1;
        else high = middle;
    }
    return false;
}

/* Operands that come out of the kernel itself must not be seen through a view here. */
static bool hidden_member(const Group *k, Val in)
{
    Val base = k->f->base[in.i];
    return base.i != in.i && is_member(k, base);
}

/* A state that the kernel replaces may be read by `reader` only element by element. `frame` is the
 * shape over which it writes; a null frame allows no reader. */
static bool state_safe(const Group *k, Val reader, const Shape *frame)
{
    const Node *x = ir_node(k->g, reader);
    for (int i = 0; i < x->n_in; i++) {
        Val base = k->f->base[x->in[i].i];
        if (!ir_is(k->g, base, OP_state)) continue;
        Val update = k->f->update_of[ir_node(k->g, base)->state.i];
        if (!update.i || !is_member(k, update)) continue;
        if (!frame || !ir_shape_eq(shape_of(k->g, x->in[i]), frame)) return false;
        if (!ir_shape_eq(&x->type.shape, frame)) return false;
    }
    return true;
}

typedef bool Accepts(const Shape *s, const Shape *frame);

static bool by_product(const Shape *s, const Shape *frame)
{
    return is_scalar(s) || ir_shape_eq(s, frame) || is_columns(s, frame) || is_per_row(s, frame);
}

/* Anything that broadcasts: lines and planes of results know where they are on every axis. */
static bool by_axes(const Shape *s, const Shape *frame)
{
    for (int i = 1; i <= s->rank; i++)
        if (i > frame->rank || (!is_one(s->dim[s->rank - i])
                                && !ir_dim_eq(s->dim[s->rank - i], frame->dim[frame->rank - i])))
            return false;
    return true;
}

/* One for each image, or channel, or both, or each element: places of an image need not be known. */
static bool by_channels(const Shape *s, const Shape *frame)
{
    if (!by_axes(s, frame)) return false;
    for (int i = 1; i <= s->rank && i <= frame->rank - 2; i++)
        if (!is_one(s->dim[s->rank - i])) return ir_shape_eq(s, frame);
    return true;
}

static bool by_result(const Shape *s, const Shape *frame)
{
    return is_scalar(s) || ir_shape_eq(s, frame);
}

/* v is a MAP over the frame whose operands have shapes that the form can index. */
static bool map_over(const Group *k, Val v, const Shape *frame, Accepts *accepts)
{
    const Node *x = ir_node(k->g, v);
    if (kind_of(k->g, v) != KIND_MAP || !ir_shape_eq(&x->type.shape, frame)) return false;
    for (int i = 0; i < x->n_in; i++)
        if (hidden_member(k, x->in[i]) || !accepts(shape_of(k->g, x->in[i]), frame)) return false;
    return true;
}

static int count_kind(const Group *k, OpKind kind, Val *first)
{
    int n = 0;
    for (int i = 0; i < k->n; i++) {
        if (kind_of(k->g, k->member[i]) != kind) continue;
        if (!n++) *first = k->member[i];
    }
    return n;
}

/* ---- forms ---- */

/* Max pooling finds the largest element's tap and has the element as well. */
static bool takes_found(const Group *k, Val root, Val v)
{
    const Node *index = ir_node(k->g, root), *take = ir_node(k->g, v);
    return index->op == OP_pool_index && take->op == OP_pool_take
        && take->in[0].i == index->in[0].i && take->in[1].i == root.i;
}

static bool form_places(const Group *k, Val root)
{
    const Shape *frame = shape_of(k->g, root);
    if (!state_safe(k, root, NULL)) return false;
    for (int i = 0; i < k->n; i++) {
        Val v = k->member[i];
        if (v.i == root.i || takes_found(k, root, v)) continue;
        if (v.i < root.i || !map_over(k, v, frame, by_axes) || !state_safe(k, v, frame))
            return false;
    }
    return true;
}

/* Elements that are moved are known where they are put. */
static bool form_move(const Group *k, Val root)
{
    return ir_moves_elements(k->g, root) && form_places(k, root);
}

/* Every reader stands in the kernel. */
static bool is_inner(const Group *k, Val v)
{
    const Graph *g = k->g;
    for (int r = 0; r < g->n_root; r++)
        if (k->f->base[g->root[r].val.i].i == v.i) return false;
    for (uint32_t e = k->f->at[v.i]; e < k->f->at[v.i + 1]; e++)
        if (!is_member(k, (Val){ k->f->next[e] })) return false;
    return true;
}

bool pass_reads_images(const Graph *g, Val conv, int operand)
{
    const Node *x = ir_node(g, conv);
    return ir_op[x->op].kind == KIND_CONV && (operand == 0 || (operand == 1 && x->op == OP_conv_weight));
}

static bool is_root(const Group *k, Val v)
{
    for (int r = 0; r < k->g->n_root; r++)
        if (k->f->base[k->g->root[r].val.i].i == v.i) return true;
    return false;
}

/* Elements of images that a convolution reads, each as often as it does: they follow from elements of images that can
 * be copied in their place, and from what their channel has. What is drawn is drawn once. */
static bool before_conv(const Group *k, Val root, Val v)
{
    const Node *conv = ir_node(k->g, root), *x = ir_node(k->g, v);
    bool fits = false;
    if (v.i > root.i || is_root(k, v) || !state_safe(k, v, NULL)) return false;
    for (int i = 0; i < conv->n_in; i++)
        fits = fits || (pass_reads_images(k->g, root, i)
                        && map_over(k, v, shape_of(k->g, conv->in[i]), by_channels));
    for (int i = 0; i < x->n_in; i++) {
        const Type *t = ir_type(k->g, x->in[i]);
        bool copies = t->dtype == x->type.dtype && t->layout.kind == LAYOUT_plain;
        fits = fits && !ir_is(k->g, x->in[i], OP_random);
        fits = fits && (copies || !pass_same_elements(&t->shape, &x->type.shape));
    }
    for (uint32_t e = k->f->at[v.i]; e < k->f->at[v.i + 1]; e++)
        fits = fits && (k->f->next[e] <= root.i || !is_member(k, (Val){ k->f->next[e] }));
    return fits;
}

/* Elements of a convolution, of what maps make of its images, or of the one pooling of it, which alone reads
 * it. */
static bool form_conv(const Group *k, Val root)
{
    const Node *conv = ir_node(k->g, root);
    Val index = { 0 };
    bool pools = count_kind(k, KIND_WINDOW, &index);
    if (!state_safe(k, root, NULL)) return false;
    for (int i = 0; i < conv->n_in; i++)
        if (hidden_member(k, conv->in[i])) return false;
    if (pools && (ir_node(k->g, index)->op != OP_pool_index || ir_node(k->g, index)->in[0].i != root.i
                  || !is_inner(k, root) || !is_inner(k, index))) return false;
    Val last = pools ? index : root;
    const Shape *frame = shape_of(k->g, last);
    for (int i = 0; i < k->n; i++) {
        Val v = k->member[i];
        if (v.i == root.i || v.i == index.i || (pools && takes_found(k, index, v))) continue;
        if (!pools && before_conv(k, root, v)) continue;
        if (v.i < last.i || !map_over(k, v, frame, by_axes) || !state_safe(k, v, frame)) return false;
    }
    return true;
}

static bool form_product(const Group *k, Val root)
{
    const Shape *frame = shape_of(k->g, root);
    if (!state_safe(k, root, NULL)) return false;
    for (int i = 0; i < k->n; i++) {
        Val v = k->member[i];
        if (v.i == root.i) continue;
        if (v.i < root.i || !map_over(k, v, frame, by_product) || !state_safe(k, v, frame))
            return false;
    }
    return true;
}

/* Both gradients of a linear layer: maps of either, and the update of the weights, of which d_x
 * reads a block before any of it is replaced. */
static bool form_back(const Group *k)
{
    Back b;
    if (!ir_back(k->g, k->member, k->n, &b) || !state_safe(k, b.d_w, NULL)) return false;
    for (int i = 0; i < k->n; i++) {
        Val v = k->member[i];
        if (v.i == b.d_x.i || v.i == b.d_w.i) continue;
        Val root = ir_shape_eq(shape_of(k->g, v), shape_of(k->g, b.d_w)) ? b.d_w : b.d_x;
        const Shape *frame = shape_of(k->g, root);
        if (v.i < root.i || !map_over(k, v, frame, by_product) || !state_safe(k, v, frame))
            return false;
    }
    return true;
}

static bool form_reduce(const Group *k, Val root)
{
    const Shape *over = shape_of(k->g, ir_node(k->g, root)->in[0]), *out = shape_of(k->g, root);
    /* A total is known after the last task, and what has one shape has no before and after. */
    bool full = is_scalar(out) || ir_shape_eq(out, over);
    if (k->n == 1) return true;
    if (hidden_member(k, ir_node(k->g, root)->in[0]) || !state_safe(k, root, NULL)) return false;
    for (int i = 0; i < k->n; i++) {
        Val v = k->member[i];
        if (v.i == root.i) continue;
        bool before = v.i < root.i && map_over(k, v, over, by_axes) && is_inner(k, v)
                   && state_safe(k, v, NULL);
        bool after = v.i > root.i && !full && map_over(k, v, out, by_result)
                  && state_safe(k, v, out);
        if (!before && !after) return false;
    }
    return true;
}

/* A sum of all elements: its value is known after the last task, so nobody may read it inside. */
static bool reads_total(const Group *k, Val v)
{
    const Node *x = ir_node(k->g, v);
    for (int i = 0; i < x->n_in; i++) {
        OpKind kind = kind_of(k->g, x->in[i]);
        bool total = (kind == KIND_ROW || kind == KIND_REDUCE)
                  && is_scalar(shape_of(k->g, x->in[i]));
        if (total && is_member(k, x->in[i])) return true;
    }
    return false;
}

static bool row_reduce(const Group *k, Val v, const Rows *rows)
{
    const Node *x = ir_node(k->g, v);
    const Shape *in = shape_of(k->g, x->in[0]);
    Rows own;
    if (hidden_member(k, x->in[0])) return false;
    if (ir_rows(k->g, v, &own) && ir_rows_eq(&own, rows)) return true;
    return is_scalar(&x->type.shape) && (ir_shape_eq(in, rows->frame) || ir_per_row(in, rows));
}

/* What a map on the frame may read: of the kernel's own values those of its element and its row. A
 * row's value is the same through any view. */
static bool row_operand(const Group *k, Val in, const Rows *rows)
{
    Val base = k->f->base[in.i];
    const Shape *s = shape_of(k->g, in);
    if (!is_member(k, base)) return by_axes(s, rows->frame);
    if (base.i == in.i && ir_shape_eq(s, rows->frame)) return true;
    return ir_row_beside(s, rows) && ir_per_row(shape_of(k->g, base), rows);
}

static bool row_map(const Group *k, Val v, const Rows *rows)
{
    const Node *x = ir_node(k->g, v);
    bool elements = ir_shape_eq(&x->type.shape, rows->frame);
    if (is_scalar(&x->type.shape) || !(elements || ir_per_row(&x->type.shape, rows))) return false;
    for (int i = 0; i < x->n_in; i++) {
        const Shape *s = shape_of(k->g, x->in[i]), *base = shape_of(k->g, k->f->base[x->in[i].i]);
        bool per_row = is_scalar(s) || (ir_per_row(s, rows) && ir_per_row(base, rows));
        if (elements ? !row_operand(k, x->in[i], rows) : !per_row) return false;
    }
    return true;
}

/* A row's values are stored after all of its elements have been read, so what is an element of a
 * state for each row may be replaced here. */
static bool row_state_safe(const Group *k, Val reader, const Rows *rows)
{
    const Node *x = ir_node(k->g, reader);
    bool elements = ir_shape_eq(&x->type.shape, rows->frame);
    for (int i = 0; i < x->n_in; i++) {
        Val base = k->f->base[x->in[i].i];
        if (!ir_is(k->g, base, OP_state)) continue;
        Val update = k->f->update_of[ir_node(k->g, base)->state.i];
        if (!update.i || !is_member(k, update)) continue;
        const Shape *s = shape_of(k->g, x->in[i]);
        if (kind_of(k->g, reader) != KIND_MAP || !ir_per_row(shape_of(k->g, update), rows)
            || !(elements ? ir_row_beside(s, rows) : ir_per_row(s, rows))) return false;
    }
    return true;
}

static bool form_row(const Group *k, Val root)
{
    Rows rows;
    if (k->n == 1) return true;
    if (!ir_rows(k->g, root, &rows)) return false;
    for (int i = 0; i < k->n; i++) {
        Val v = k->member[i];
        const Node *x = ir_node(k->g, v);
        OpKind kind = kind_of(k->g, v);
        Rows own;
        bool fits = false;
        if (kind == KIND_ROW) fits = ir_rows(k->g, v, &own) && ir_rows_eq(&own, &rows);
        for (int j = 0; kind == KIND_ROW && j < x->n_in; j++)
            fits = fits && !hidden_member(k, x->in[j]);
        if (kind == KIND_REDUCE) fits = row_reduce(k, v, &rows);
        if (kind == KIND_MAP) fits = row_map(k, v, &rows);
        if (!fits || reads_total(k, v) || !row_state_safe(k, v, &rows)) return false;
    }
    return true;
}

/* All members count the same elements in the same order; where something is broadcast, all have one
 * shape. */
static bool form_map(const Group *k)
{
    const Shape *first = shape_of(k->g, k->member[0]);
    bool broadcast = false, shapes_differ = false;
    for (int i = 0; i < k->n; i++) {
        const Node *x = ir_node(k->g, k->member[i]);
        if (kind_of(k->g, k->member[i]) != KIND_MAP) return false;
        if (!pass_same_elements(&x->type.shape, first)) return false;
        shapes_differ = shapes_differ || !ir_shape_eq(&x->type.shape, first);
        for (int j = 0; j < x->n_in; j++) {
            const Shape *s = shape_of(k->g, x->in[j]);
            bool whole = ir_shape_eq(s, &x->type.shape);
            if (hidden_member(k, x->in[j]) && !whole) return false;
            broadcast = broadcast || (!whole && !is_scalar(s));
        }
    }
    return !(broadcast && shapes_differ);
}

bool pass_form(const Graph *g, const Flow *f, const Val *member, int n, Algo *algo)
{
    Group k = { g, f, member, n };
    Val root = { 0 };
    int moves = count_kind(&k, KIND_MOVE, &root);
    if (moves)
        return *algo = ALGO_move,
               n == 1 || ir_count_steps(g, member, n) || (moves == 1 && form_move(&k, root));
    if (count_kind(&k, KIND_NARROW, &root)) {
        *algo = ir_is(g, root, OP_linear_half) ? ALGO_half : ALGO_int8;
        return n == 1;
    }
    int products = count_kind(&k, KIND_PROD, &root);
    if (products == 2) return *algo = ALGO_gemm_back, form_back(&k);
    if (products)
        return *algo = ALGO_gemm, n == 1 || (products == 1 && form_product(&k, root));
    if (count_kind(&k, KIND_CONV, &root))
        return *algo = ALGO_direct, form_conv(&k, root);
    if (count_kind(&k, KIND_WINDOW, &root))
        return *algo = ALGO_window, form_places(&k, root);
    int rows = count_kind(&k, KIND_ROW, &root);
    if (rows) return *algo = ALGO_row, form_row(&k, root);
    int reductions = count_kind(&k, KIND_REDUCE, &root);
    if (reductions == 1 && form_reduce(&k, root)) return *algo = ALGO_reduce, true;
    if (reductions) return *algo = ALGO_row, form_row(&k, root);
    return *algo = ALGO_map, form_map(&k);
}
