/* codegen/emit_row.c: a program per row, or per channel of a batch (ir/rows.h). First the row's
 * numbers (largest, sum of exponentials, loss, reductions), each by one loop over the row, which
 * reductions share that do not wait for each other; then one loop that stores every element. Values
 * of elements that nobody stores are computed again in each loop: they stay in registers, and the
 * row in the first cache.
 *
 * Scalars over all rows are summed in double, per task, into `parts`; finish_emit adds the tasks in
 * order. A target that names no class gives NaN, as the interpreter does. */
#include "codegen/row.h"
#include "codegen/twin.h"
#include "ir/rows.h"
#include <string.h>

static const char *local(Row *r, const char *what) { return local_name(r->k, what); }

static Extent row_elems(const Row *r)
{
    return r->parts.k ? extent_mul(r->parts, r->cols) : r->cols;
}

static bool per_element(const Row *r, Val v)
{
    const Shape *s = &ir_type(r->k->g, v)->shape;
    return extent_eq(extent_of(s, 0, s->rank), extent_mul(r->row.dim[0].size, row_elems(r)));
}

/* Tensors of elements that v, of this kernel, is computed from: list[*n …]. */
static void sources(const Row *r, Val v, Val list[MAX_SLOTS], int *n)
{
    const Node *x = ir_node(r->k->g, v);
    for (int i = 0; i < x->n_in; i++) {
        Val in = ir_view_base(r->k->g, x->in[i]);
        const Type *t = ir_type(r->k->g, in);
        OpKind kind = ir_op[ir_node(r->k->g, in)->op].kind;
        bool member = value_in(r->k, in), there = !per_element(r, in);
        for (int j = 0; j < *n; j++) there = there || list[j].i == in.i;
        if (member && kind == KIND_MAP && !r->k->name[in.i]) sources(r, in, list, n);
        else if (!member && !there && *n < MAX_SLOTS && ir_dtype_real(t->dtype)
                 && t->layout.kind == LAYOUT_plain && ir_place(r->k->g, in).where != AT_NOWHERE
                 && ir_place(r->k->g, in).where != AT_CONST) list[(*n)++] = in;
    }
}

/* Parts lie far from each other, where the processor does not foresee them. */
static void ask_for_next_part(Row *r, const Val *list, int n)
{
    Emit *e = r->e;
    Nest next = r->element;
    if (r->fetched || !n || r->e->l->blocks) return;
    r->fetched = true;
    reach(e, SNIP_ahead);
    next.dim[0].var = "part + 1";
    next.dim[2].var = "0";
    out_open(r->o, "if (part + 1 < %s)", extent_text(e, r->parts));
    for (int i = 0; i < n; i++) {
        const Type *t = ir_type(r->k->g, list[i]);
        out_line(r->o, "ahead(%s + %s, %s);", slot_read(r->k, list[i]),
                 index_text(e, t, &t->shape, &next), extent_text(e, r->cols));
    }
    out_close(r->o, "");
}

/* Do lanes share out the elements of all parts at once? A part alone may be shorter than they are. */
static bool is_flat(const Row *r) { return r->parts.k && r->e->l->blocks && r->k->lanes > 1; }

static void open_flat(Row *r)
{
    Emit *e = r->e;
    Extent all = row_elems(r);
    const char *cols = extent_atom(e, r->cols);
    const char *type = extent_type(e, extent_mul(r->row.dim[0].size, all));
    flat_open(r->k, r->o, type, "at", extent_text(e, all));
    out_line(r->o, "const %s part = at / %s, col = at %% %s;", type, cols, cols);
}

/* Opens a loop over the row, in which `sums` are added to unless that is null, for a value of the
 * reductions `v`; what is named in it is forgotten by cols_close. */
static const char **open_sums(Row *r, const char *sums, const Val *v, int n)
{
    const char **before = names_save(r->k);
    Val list[MAX_SLOTS];
    int n_list = 0;
    if (is_flat(r)) {
        open_flat(r);
        return before;
    }
    if (r->parts.k) {
        out_open(r->o, "for (int64_t part = 0; part < %s; part++)", extent_text(r->e, r->parts));
        for (int i = 0; i < n; i++) sources(r, v[i], list, &n_list);
        ask_for_next_part(r, list, n_list);
    }
    if (sums) free_order(r->k, r->o, sums);
    along_open(r->k, r->o, "col", extent_text(r->e, r->cols));
    return before;
}

const char **cols_open(Row *r, const char *sums)
{
    return open_sums(r, sums, NULL, 0);
}

void cols_close(Row *r, const char **before)
{
    out_close(r->o, "");
    if (r->parts.k && !is_flat(r)) out_close(r->o, "");
    names_restore(r->k, before);
}

static const char *element(Row *r, Val v) { return value_emit(r->k, r->o, v, &r->element); }

/* ---- a row's numbers ---- */

static void largest(Row *r, Val x)
{
    Val base = ir_view_base(r->k->g, x);
    if (r->max[base.i]) return;
    const char *m = local(r, "top");
    out_line(r->o, "%s %s = -%s;", real_type(r->k), m, r->e->l->infinity);
    const char **before = cols_open(r, NULL);
    const char *s = element(r, x);
    out_line(r->o, "%s = %s > %s ? %s : %s;", m, s, m, s, m);
    cols_close(r, before);
    team_join(r->k, r->o, JOIN_max, r->e->m->real, m, m);
    r->max[base.i] = m;
}

const char *row_exponentials(Row *r, Val x)
{
    Val base = ir_view_base(r->k->g, x);
    if (r->sum[base.i]) return r->sum[base.i];
    largest(r, x);
    const char *sum = local(r, "sum"), *exp = fn_name(r->e, r->e->m->real, EX_exp);
    out_line(r->o, "%s %s = 0;", real_type(r->k), sum);
    const char **before = cols_open(r, sum);
    out_line(r->o, "%s += %s(%s - %s);", sum, exp, element(r, x), r->max[base.i]);
    cols_close(r, before);
    team_join(r->k, r->o, JOIN_sum, r->e->m->real, sum, sum);
    return r->sum[base.i] = sum;
}

/* The same for one_hot, where an ignored index names no class and the row is 0. */
static void hot(Row *r, const Node *x)
{
    size_t at = (size_t)(x - r->k->g->node);
    const char *t = loss_wanted(r, x->in[1]);
    loss_other(r, x->in[1]);
    r->hot[at] = t;
    r->cold[at] = r->other[ir_view_base(r->k->g, x->in[1]).i];
    if (!ir_has(x, AT_ignore)) return;
    const char *ignored = local(r, "ignored");
    out_line(r->o, "const bool %s = %s[row] == %lld;", ignored, slot_read(r->k, x->in[1]),
             (long long)ir_attr_int(x, AT_ignore));
    r->hot[at] = local(r, "hot");
    r->cold[at] = local(r, "cold");
    out_line(r->o, "const int64_t %s = %s ? -1 : %s;", r->hot[at], ignored, t);
    out_line(r->o, "const %s %s = %s ? %s : %s;", real_type(r->k), r->cold[at], ignored,
             literal(r->k, 0), r->other[ir_view_base(r->k->g, x->in[1]).i]);
}

static const char *scale_of(Row *r, const Node *x)
{
    if (ir_has(x, AT_total)) return "";
    return text(r->e, " * scale");
}

/* ---- ROW ops ---- */

const char *row_argmax(Row *r, Val x)
{
    const char *best = local(r, "best"), *at = local(r, "at");
    const char **before = names_save(r->k);
    out_line(r->o, "%s %s = -%s;", real_type(r->k), best, r->e->l->infinity);
    out_line(r->o, "int64_t %s = 0;", at);
    along_open(r->k, r->o, "col", extent_text(r->e, r->cols));
    const char *s = element(r, x);
    out_open(r->o, "if (%s > %s || (%s != %s && %s == %s))", s, best, s, s, best, best);
    out_line(r->o, "%s = %s;", best, s);
    out_line(r->o, "%s = col;", at);
    out_close(r->o, "");
    cols_close(r, before);
    team_join(r->k, r->o, JOIN_first, r->e->m->real, at, text(r->e, "&%s, %s", best, at));
    return at;
}

/* What the elements of x, a ROW op, need per row. */
static void prepare(Row *r, const Node *x)
{
    switch (x->op) {
    case OP_softmax: case OP_log_softmax: row_exponentials(r, x->in[0]); break;
    case OP_one_hot: hot(r, x); break;
    case OP_cross_entropy_grad:
        row_exponentials(r, x->in[0]);
        /* fall through */
    case OP_nll_grad: loss_prepare(r, x); break;
    default: break;
    }
}

/* The value of a ROW op's element, as an expression. */
static const char *row_value(void *ctx, const Node *x, const Nest *nest)
{
    Row *r = ctx;
    Emit *e = r->e;
    Val base = ir_view_base(r->k->g, x->in[0]);
    if (x->op == OP_one_hot) {
        size_t at = (size_t)(x - r->k->g->node);
        return text(e, "(%s == %s ? %s : %s)", nest->dim[1].var, r->hot[at], literal(r->k, 1),
                    r->cold[at]);
    }
    if (x->op == OP_nll_grad) return text(e, "-(%s)%s", loss_weight(r, x, nest), scale_of(r, x));
    const char *in = value_emit(r->k, r->o, x->in[0], nest);
    if (x->op == OP_log_softmax)
        return text(e, "%s - %s - %s(%s)", in, r->max[base.i], fn_name(e, e->m->real, EX_log),
                    r->sum[base.i]);
    const char *p = text(e, "%s(%s - %s) / %s", fn_name(e, e->m->real, EX_exp), in, r->max[base.i],
                         r->sum[base.i]);
    if (x->op == OP_softmax) return p;
    if (x->op != OP_cross_entropy_grad)
        ir_die(e->m, "row op %s has no elements", ir_op[x->op].name);
    return text(e, "(%s%s - %s)%s", p, loss_factor(r, x), loss_weight(r, x, nest), scale_of(r, x));
}

/* ---- the members in order ---- */

static void add_slot(Row *r, const char *s)
{
    out_line(r->o, "total%d += %s;", r->slot++, text_double(r->e, s));
}

/* The reductions over elements from member `at` on that need no ROW or REDUCE member after it: one
 * loop has their sums. */
static int together(const Row *r, int at, Val list[MAX_SLOTS])
{
    const Kern *k = r->k;
    int *needs = arena_alloc(r->e->a, k->g->n_node, sizeof *needs), n = 0;
    for (int i = 0; i < k->k->n_member; i++) {
        const Val v = k->k->member[i];
        const Node *x = ir_node(k->g, v);
        for (int j = 0; j < x->n_in; j++) {
            Val in = ir_view_base(k->g, x->in[j]);
            if (needs[in.i] > needs[v.i]) needs[v.i] = needs[in.i];
        }
        OpKind kind = ir_op[x->op].kind;
        if (i >= at && kind == KIND_REDUCE && needs[v.i] <= at && !r->summed[v.i]
            && per_element(r, x->in[0])) list[n++] = v;
        if (kind == KIND_REDUCE || kind == KIND_ROW) needs[v.i] = i + 1;
    }
    return n;
}

static void write_sum(Row *r, Val v, const char *sum)
{
    Kern *k = r->k;
    const Node *x = ir_node(k->g, v);
    if (ir_is_slot(k->g, k->k, v)) {
        r->summed[v.i] = sum;
        return;
    }
    const char *name = local(r, "v"), *type = r->e->l->type[x->type.dtype];
    Extent elems = row_elems(r);
    if (x->op == OP_mean)
        out_line(r->o, "const %s %s = (%s)(%s / %s%s);", type, name, type, sum,
                 elems.n ? "(double)" : "", extent_atom(r->e, elems));
    else
        out_line(r->o, "const %s %s = (%s)%s;", type, name, type, sum);
    k->name[v.i] = name;
}

static void emit_reductions(Row *r, int at)
{
    Kern *k = r->k;
    Val list[MAX_SLOTS];
    int n = together(r, at, list);
    const char *sum[MAX_SLOTS], *sums = "";
    for (int i = 0; i < n; i++) {
        sum[i] = local(r, "sum");
        sums = text(r->e, "%s%s%s", sums, i ? ", " : "", sum[i]);
        out_line(r->o, "double %s = 0;", sum[i]);
        r->summed[list[i].i] = sum[i];
    }
    const char **before = open_sums(r, sums, list, n);
    for (int i = 0; i < n; i++) {
        const Node *x = ir_node(k->g, list[i]);
        out_line(r->o, "%s += %s;", sum[i], text_double(r->e, element(r, x->in[0])));
    }
    cols_close(r, before);
    for (int i = 0; i < n; i++) team_join(k, r->o, JOIN_sum, DT_f64, sum[i], sum[i]);
    for (int i = 0; i < n; i++) write_sum(r, list[i], sum[i]);
}

/* Several reductions may be summed at the first one's turn; totals are added in their order. */
static void emit_reduction(Row *r, int member)
{
    Kern *k = r->k;
    Val v = k->k->member[member];
    const Node *x = ir_node(k->g, v);
    bool elements = per_element(r, x->in[0]);
    if (elements && !r->summed[v.i]) emit_reductions(r, member);
    if (ir_is_slot(k->g, k->k, v))
        add_slot(r, elements ? r->summed[v.i] : value_emit(k, r->o, x->in[0], &r->row));
}

static void emit_member(Row *r, int member)
{
    Kern *k = r->k;
    Val v = k->k->member[member];
    const Node *x = ir_node(k->g, v);
    switch (x->op) {
    case OP_cross_entropy: case OP_nll: add_slot(r, loss_row(r, x)); return;
    case OP_correct: {
        const char *t = loss_class(r, x->in[1]);
        t = text(r->e, "%s == %s", row_argmax(r, x->in[0]), t);
        if (ir_type(k->g, x->in[1])->shape.rank == 1 && ir_has(x, AT_ignore))
            t = text(r->e, "%s && %s[row] != %lld", t, slot_read(k, x->in[1]),
                     (long long)ir_attr_int(x, AT_ignore));
        add_slot(r, t);
        return;
    }
    default: break;
    }
    if (ir_op[x->op].kind == KIND_ROW) prepare(r, x);
    else if (ir_op[x->op].kind == KIND_REDUCE) emit_reduction(r, member);
    else if (ir_op[x->op].kind == KIND_MAP && !per_element(r, v)) value_emit(k, r->o, v, &r->row);
}

/* What maps read that is one number for a row, read once before its loops. */
static void name_row_values(Row *r)
{
    Kern *k = r->k;
    Rows rows;
    if (!ir_rows(k->g, k->root, &rows)) return;
    for (int i = 0; i < k->k->n_member; i++) {
        const Node *x = ir_node(k->g, k->k->member[i]);
        for (int j = 0; j < x->n_in && ir_op[x->op].kind == KIND_MAP; j++) {
            const Type *t = ir_type(k->g, x->in[j]);
            Op op = ir_node(k->g, ir_view_base(k->g, x->in[j]))->op;
            bool stored = op != OP_const && op != OP_random && op != OP_count;
            if (stored && t->shape.rank && ir_per_row(&t->shape, &rows) && ir_dtype_real(t->dtype)
                && !value_in(k, x->in[j])) value_emit(k, r->o, x->in[j], &r->row);
        }
    }
}

/* The shape [parts, row, cols] of a reduction, or [outer, axis, inner] of a ROW op, that the program
 * runs over. */
static void nests(Row *r)
{
    Kern *k = r->k;
    Emit *e = k->e;
    const Node *x = ir_node(k->g, k->root);
    const Shape *s = &ir_type(k->g, x->in[0])->shape;
    Rows of;
    if (ir_rows(k->g, k->root, &of)) {
        Extent rows = extent_of(s, of.first, of.end);
        r->cols = extent_of(s, of.end, s->rank);
        r->row = (Nest){ 1, { { rows, "row" } } };
        r->element = (Nest){ 2, { { rows, "row" }, { r->cols, "col" } } };
        if (!of.first) return;
        r->parts = extent_of(s, 0, of.first);
        r->element = (Nest){ 3, { { r->parts, "part" }, { rows, "row" }, { r->cols, "col" } } };
        return;
    }
    int axis = (int)ir_attr_int(x, AT_axis);
    Extent outer = extent_of(s, 0, axis), inner = extent_of(s, axis + 1, s->rank);
    r->cols = extent_of(s, axis, axis + 1);
    r->row = (Nest){ 1, { { extent_mul(outer, inner), "row" } } };
    r->inner = extent_atom(e, inner);
    r->element = (Nest){ 3, { { outer, "outer" }, { r->cols, "col" }, { inner, "inner" } } };
}

static bool needs_scale(const Row *r)
{
    for (int i = 0; i < r->k->k->n_member; i++) {
        const Node *x = ir_node(r->k->g, r->k->k->member[i]);
        if ((x->op == OP_cross_entropy_grad || x->op == OP_nll_grad) && !ir_has(x, AT_total))
            return true;
    }
    return false;
}

/* ---- a loss for training and for more (loss.c) ---- */

/* The elements of the gradient, or of what it would be, `x`. */
static void write_gradient(Row *r, const Node *x)
{
    Kern *k = r->k;
    const Type *t = ir_type(k->g, x->in[0]);
    Val own = loss_part(k->g, k->k, OP_cross_entropy_grad);
    Place p[4];
    if (own.i) stores_of(k, own, p);
    const char *y = own.i ? slot_write(k, p[0], ir_type(k->g, own)) : slot_null(k, t, "y", true);
    out_open(r->o, "if (%s)", y);
    const char **before = cols_open(r, NULL), *v;
    const char *value = row_value(r, x, &r->element);
    out_line(r->o, "const %s %s = %s;", real_type(k), v = local(r, "v"), value);
    out_line(r->o, "%s[%s] = %s;", y, index_text(r->e, t, &t->shape, &r->element), v);
    cols_close(r, before);
    out_close(r->o, "");
}

/* The memory of elements where some launches have none; else null. */
static const char *elements_slot(Row *r)
{
    Kern *k = r->k;
    for (int i = 0; i < k->k->n_member; i++) {
        const Val v = k->k->member[i];
        Place p[4];
        if (per_element(r, v) && twin_lacks(k, v) && stores_of(k, v, p))
            return slot_write(k, p[0], ir_type(k->g, v));
    }
    return NULL;
}

void emit_row(Kern *k)
{
    Emit *e = k->e;
    Out *o = k->out;
    size_t n = k->g->n_node;
    Row r = { .k = k, .e = e, .o = o };
    r.max = arena_alloc(e->a, n, sizeof *r.max);
    r.sum = arena_alloc(e->a, n, sizeof *r.sum);
    r.wanted = arena_alloc(e->a, n, sizeof *r.wanted);
    r.other = arena_alloc(e->a, n, sizeof *r.other);
    r.weights = arena_alloc(e->a, n, sizeof *r.weights);
    r.hot = arena_alloc(e->a, n, sizeof *r.hot);
    r.cold = arena_alloc(e->a, n, sizeof *r.cold);
    r.summed = arena_alloc(e->a, n, sizeof *r.summed);
    nests(&r);
    k->row_nest = r.row;
    k->row_value = row_value;
    k->row_ctx = &r;
    int slots = ir_kernel_slots(k->g, k->k);
    const char *rows = extent_text(e, r.row.dim[0].size);
    long long tile = (long long)k->tasks.tile_rows;
    k->note = tile == 1 ? text(e, "A %s is a row.", e->l->task)
                        : text(e, "A %s is %lld rows.", e->l->task, tile);
    if (slots)
        k->note = text(e, "%s Its sums go to `parts`; the %ss are added in order.", k->note,
                       e->l->task);
    if (tile > 1) task_range(k, tile, r.row.dim[0].size);
    team_rows(k, o, tile == 1 ? k->threads : tile < k->threads ? IR_WARP : 1);
    const bool may_lack = loss_may_lack_gradient(k);
    loss_targets(&r);
    Node slope = *ir_node(k->g, k->root);
    if (may_lack) slope = *ir_node(k->g, loss_part(k->g, k->k, OP_cross_entropy));
    slope.op = OP_cross_entropy_grad;
    if (needs_scale(&r) || (may_lack && !ir_has(&slope, AT_total)))
        out_line(o, "const %s scale = %s / (%s)%s;", real_type(k), literal(k, 1), real_type(k),
                 text_atom(e, rows));
    const char *zeros = "";
    for (int i = 0; i < slots; i++)
        zeros = text(e, "%s%s total%d = 0", zeros, i ? "," : "double", i);
    if (slots) out_line(o, "%s;", zeros);
    if (tile > 1) row_open(k, o, "row");
    else out_line(o, "const int64_t row = task;");
    if (r.inner)
        out_line(o, "const int64_t outer = row / %s, inner = row %% %s;", r.inner, r.inner);
    name_row_values(&r);
    for (int i = 0; i < k->k->n_member; i++) emit_member(&r, i);
    if (may_lack) {
        prepare(&r, &slope);
        write_gradient(&r, &slope);
    }
    bool any = false;
    for (int i = 0; i < k->k->n_member && !may_lack; i++) {
        Place p[4];
        any |= per_element(&r, k->k->member[i]) && stores_of(k, k->k->member[i], p);
    }
    if (any) {
        const char *y = elements_slot(&r);
        team_wait(k, o);
        if (y) out_open(o, "if (%s)", y);
        const char **before = cols_open(&r, NULL);
        members_emit(k, o, &r.element);
        cols_close(&r, before);
        if (y) out_close(o, "");
    }
    /* Numbers of rows come last: elements may read what they replace. */
    Out *stores = team_stores(k, o);
    members_emit(k, stores, &r.row);
    if (*out_text(stores)) team_wait(k, o);
    team_store(k, o, stores);
    if (tile > 1) out_close(o, "");
    if (slots) team_parts(k, o, slots);
}
