/* codegen/loss.c: losses of rows, whose targets are indices of classes or probabilities; a target that names
 * no class gives NaN, as the interpreter does.
 *
 * NVIDIA's compiler takes some 90 ms for a kernel that has one. So training and what evaluates launch the
 * same, and so do both kinds of targets: the kernel gets memory of one of them. */
#include "codegen/row.h"
#include <string.h>

Val loss_part(const Graph *g, const Kernel *k, Op op)
{
    Val found = { 0 }, loss = { 0 };
    for (int i = 0; i < k->n_member; i++) {
        Op own = ir_node(g, k->member[i])->op;
        if (own == OP_cross_entropy && i == 0) loss = k->member[0];
        else if ((own != OP_correct || i != 1) && (own != OP_cross_entropy_grad || i != 2)) return (Val){ 0 };
        if (own == op) found = k->member[i];
    }
    return loss.i && k->n_member > 1 ? found : (Val){ 0 };
}

bool loss_may_lack_gradient(const Kern *k)
{
    const Module *m = k->e->m;
    Place p[4];
    Val slope = loss_part(k->g, k->k, OP_cross_entropy_grad);
    if (!k->e->l->blocks || k->g->one_block || !loss_part(k->g, k->k, OP_correct).i) return false;
    if (slope.i) return stores_of(k, slope, p) == 1;
    for (int i = 0; i < m->n_graph; i++)
        for (int j = 0; j < m->graph[i]->n_kernel && !strncmp(m->graph[i]->name, "train", 5); j++)
            if (loss_part(m->graph[i], &m->graph[i]->kernel[j], OP_cross_entropy_grad).i) return true;
    return false;
}

/* ---- targets ---- */

static bool is_index(const Row *r, Val target)
{
    return !ir_dtype_real(ir_type(r->k->g, target)->dtype) &&
           ir_type(r->k->g, target)->shape.rank == 1;
}

/* The type of the target of the same graph for the other kind; null: there is no such graph. */
static const Type *other_target(const Graph *g)
{
    const Module *m = g->module;
    size_t length = strlen(g->name);
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *h = m->graph[i];
        const bool longer = strlen(h->name) > length;
        if (strcmp(longer ? h->name + length : g->name + strlen(h->name), "_prob")
            || strncmp(h->name, g->name, longer ? length : strlen(h->name))) continue;
        for (uint32_t j = 0; j < h->n_node; j++)
            if (h->node[j].op == OP_input && !strcmp(h->node[j].name, "target")) return &h->node[j].type;
    }
    return NULL;
}

void loss_targets(Row *r)
{
    Kern *k = r->k;
    const Node *first = ir_node(k->g, k->k->member[0]);
    if (!r->e->l->blocks || k->g->one_block || first->op != OP_cross_entropy) return;
    const Val target = ir_view_base(k->g, first->in[1]);
    if (ir_node(k->g, target)->op != OP_input) return;
    for (int i = 0; i < k->k->n_member; i++) {
        const Node *x = ir_node(k->g, k->k->member[i]);
        const bool loss = x->op == OP_cross_entropy || x->op == OP_cross_entropy_grad || x->op == OP_correct;
        if (!loss || ir_has(x, AT_ignore) || ir_view_base(k->g, x->in[1]).i != target.i) return;
    }
    const Type *own = ir_type(k->g, target), *other = other_target(k->g);
    if (!other || ir_dtype_real(own->dtype) == ir_dtype_real(other->dtype)) return;
    const bool index = !ir_dtype_real(own->dtype);
    r->share = index ? *other : *own;
    r->indices = index ? slot_named(k, target, "target") : slot_null(k, other, "target", false);
    r->shares = index ? slot_null(k, other, "probabilities", false)
                      : slot_named(k, target, "probabilities");
}

/* The class that an index target names, or -1. It is read once: what is compared is what is used. */
const char *loss_wanted(Row *r, Val target)
{
    Val base = ir_view_base(r->k->g, target);
    if (r->wanted[base.i]) return r->wanted[base.i];
    const char *label = local_name(r->k, "label"), *name = local_name(r->k, "wanted");
    if (r->indices) out_line(r->o, "const int64_t %s = %s ? %s[row] : -1;", label, r->indices, r->indices);
    else out_line(r->o, "const int64_t %s = %s[row];", label, slot_read(r->k, target));
    out_line(r->o, "const int64_t %s = %s >= 0 && %s < %s ? %s : -1;", name, label, label,
             extent_text(r->e, r->cols), label);
    return r->wanted[base.i] = name;
}

/* What classes weigh that an index does not name: 0, or NaN where it names none. */
void loss_other(Row *r, Val target)
{
    Val base = ir_view_base(r->k->g, target);
    const char *t = loss_wanted(r, target);
    if (r->other[base.i]) return;
    r->other[base.i] = local_name(r->k, "other");
    out_line(r->o, "const %s %s = %s < 0 ? %s : %s;", real_type(r->k), r->other[base.i], t,
             r->e->l->nan, literal(r->k, 0));
}

/* The target's probability at the place of nest. */
static const char *share_at(Row *r, Val target, const Nest *nest)
{
    if (!r->shares) return value_emit(r->k, r->o, target, nest);
    return text(r->e, "%s[%s]", r->shares, index_text(r->e, &r->share, &r->share.shape, nest));
}

/* Where both kinds may be there, what is for probabilities alone. */
static void open_shares(Row *r)
{
    if (r->indices) out_open(r->o, "if (!%s)", r->indices);
}

/* Before a loop of theirs: it turns as it says, as steps of indices, which are most, never run it. */
static void turn_shares(Row *r)
{
    if (r->indices) out_line(r->o, "#pragma unroll 1");
}

static void close_shares(Row *r)
{
    if (r->indices) out_close(r->o, "");
}

/* The sum of a row's target probabilities. */
static void sum_weights(Row *r, Val target)
{
    Val base = ir_view_base(r->k->g, target);
    if (r->weights[base.i]) return;
    const char *name = r->weights[base.i] = local_name(r->k, "weights");
    out_line(r->o, "%s %s = %s;", real_type(r->k), name, r->indices ? literal(r->k, 1) : "0");
    open_shares(r);
    if (r->indices) out_line(r->o, "%s = 0;", name);
    turn_shares(r);
    const char **before = cols_open(r, NULL);
    out_line(r->o, "%s += %s;", name, share_at(r, target, &r->element));
    cols_close(r, before);
    team_join(r->k, r->o, JOIN_sum, r->e->m->real, name, name);
    close_shares(r);
}

void loss_prepare(Row *r, const Node *x)
{
    const bool index = is_index(r, x->in[1]);
    if (index || r->indices) loss_other(r, x->in[1]);
    if ((!index || r->indices) && x->op == OP_cross_entropy_grad) sum_weights(r, x->in[1]);
}

const char *loss_factor(Row *r, const Node *x)
{
    const char *weights = r->weights[ir_view_base(r->k->g, x->in[1]).i];
    return weights ? text(r->e, " * %s", weights) : "";
}

/* 1 or 0, or the probability; NaN if it names no class. */
const char *loss_weight(Row *r, const Node *x, const Nest *nest)
{
    if (!is_index(r, x->in[1]) && !r->indices) return share_at(r, x->in[1], nest);
    const Val base = ir_view_base(r->k->g, x->in[1]);
    const char *index = text(r->e, "(%s == %s ? %s : %s)", nest->dim[1].var, r->wanted[base.i],
                             literal(r->k, 1), r->other[base.i]);
    if (!r->indices) return index;
    return text(r->e, "(%s ? %s : %s)", r->indices, index, share_at(r, x->in[1], nest));
}

const char *loss_class(Row *r, Val target)
{
    if (!r->indices) return is_index(r, target) ? loss_wanted(r, target) : row_argmax(r, target);
    const char *name = local_name(r->k, "named"), *wanted = loss_wanted(r, target);
    const char *best = local_name(r->k, "best"), *p = local_name(r->k, "share");
    out_line(r->o, "int64_t %s = %s;", name, wanted);
    open_shares(r);
    out_line(r->o, "%s %s = -%s;", real_type(r->k), best, r->e->l->infinity);
    out_line(r->o, "%s = 0;", name);
    turn_shares(r);
    along_open(r->k, r->o, "col", extent_text(r->e, r->cols));
    out_line(r->o, "const %s %s = %s;", real_type(r->k), p, share_at(r, target, &r->element));
    out_open(r->o, "if (%s > %s || (%s != %s && %s == %s))", p, best, p, p, best, best);
    out_line(r->o, "%s = %s;", best, p);
    out_line(r->o, "%s = col;", name);
    out_close(r->o, "");
    out_close(r->o, "");
    team_join(r->k, r->o, JOIN_first, r->e->m->real, name, text(r->e, "&%s, %s", best, name));
    close_shares(r);
    return name;
}

/* ---- losses ---- */

/* -log-probability of a class: x - top - log(sum); large logits are subtracted from each other, before the
 * small logarithm comes in. */
static const char *surprise(Row *r, const char *log_sum, Val in, const char *s)
{
    if (!log_sum) return text(r->e, "-%s", s);
    return text(r->e, "%s + (%s - %s)", log_sum, r->max[ir_view_base(r->k->g, in).i], s);
}

static void of_index(Row *r, const char *name, const char *log_sum, const Node *x)
{
    const char *t = loss_wanted(r, x->in[1]), **before = names_save(r->k);
    out_open(r->o, "if (%s >= 0)", t);
    Nest at = r->element;
    at.dim[1].var = t;
    const char *s = value_emit(r->k, r->o, x->in[0], &at);
    out_line(r->o, "%s = %s;", name, surprise(r, log_sum, x->in[0], s));
    cols_close(r, before);
}

static void of_shares(Row *r, const char *name, const char *log_sum, const Node *x)
{
    turn_shares(r);
    const char **before = cols_open(r, NULL);
    const char *s = value_emit(r->k, r->o, x->in[0], &r->element), *p = share_at(r, x->in[1], &r->element);
    if (log_sum) out_line(r->o, "%s += %s * (%s);", name, p, surprise(r, log_sum, x->in[0], s));
    else out_line(r->o, "%s -= %s * %s;", name, p, s);
    cols_close(r, before);
    team_join(r->k, r->o, JOIN_sum, r->e->m->real, name, name);
}

const char *loss_row(Row *r, const Node *x)
{
    const char *name = local_name(r->k, "loss"), *log_sum = NULL, *exps, *zero = "0";
    const bool index = is_index(r, x->in[1]);
    if (x->op == OP_cross_entropy) {
        exps = row_exponentials(r, x->in[0]);
        log_sum = local_name(r->k, "log_sum");
        out_line(r->o, "const %s %s = %s(%s);", real_type(r->k), log_sum,
                 fn_name(r->e, r->e->m->real, EX_log), exps);
    }
    if (index || r->indices) loss_wanted(r, x->in[1]);
    if (r->indices) zero = text(r->e, "%s ? %s : %s", r->indices, r->e->l->nan, literal(r->k, 0));
    out_line(r->o, "%s %s = %s;", real_type(r->k), name, r->indices || !index ? zero : r->e->l->nan);
    if (index || r->indices) of_index(r, name, log_sum, x);
    if (index && !r->indices) return name;
    open_shares(r);
    of_shares(r, name, log_sum, x);
    close_shares(r);
    return name;
}
