/* ir/verify.c: what holds for every module: order, types, attributes, names, roots, program.
 *
 * Everything is derived again from the text's own facts; kernels and plans are ir/verify_plan.c's.
 * Batch rules: a state has no n, a view keeps n as a factor, sizes are equal for every n or not at
 * all; reductions and products over a batch axis are fine, since kernels stop at n. */
#include "ir/priv.h"
#include <math.h>
#include <string.h>

#define T(t) ir_type_text(t, (char[IR_TYPE_TEXT]){0})

static bool verify_expr(const Node *x, const Attr *a, char err[IR_ERR])
{
    const char *canonical = NULL;
    Arena *scratch = arena_new();
    bool ok = ir_expr_check(a->u.s, x->n_in, scratch, &canonical, err);
    if (ok && strcmp(canonical, a->u.s) != 0)
        ok = ir_fail(err, "the expression \"%.200s\" is not canonical: \"%.200s\"", a->u.s,
                     canonical);
    arena_free(scratch);
    return ok;
}

static bool verify_leaf(const Graph *g, uint32_t i, char err[IR_ERR])
{
    const Node *x = &g->node[i];
    if (x->op == OP_state) {
        const Module *m = g->module;
        if (!x->state.i || x->state.i >= m->n_state)
            return ir_fail(err, "it names no state");
        return ir_type_eq(&x->type, &m->state[x->state.i].type)
            || ir_fail(err, "it is %s, but the state is %s", T(&x->type),
                       T(&m->state[x->state.i].type));
    }
    bool named = x->op == OP_input || x->op == OP_scalar;
    return named == (x->name != NULL) || ir_fail(err, named ? "it has no name" : "it has a name");
}

static bool verify_node(const Graph *g, uint32_t i, char err[IR_ERR])
{
    const Node *x = &g->node[i];
    ShapeIn s = {.g = g, .op = x->op, .n_in = x->n_in, .attr = x->attr, .n_attr = x->n_attr,
                 .given = &x->type};
    Type derived;
    if (x->op <= OP_NONE || x->op >= OP_COUNT)
        return ir_fail(err, "it has no op");
    if (x->n_in < ir_op[x->op].min_in || x->n_in > ir_op[x->op].max_in)
        return ir_fail(err, "it has %d operands", x->n_in);
    for (int j = 0; j < x->n_in; j++) {
        if (!x->in[j].i || x->in[j].i >= i)
            return ir_fail(err, "operand %d does not stand before it", j + 1);
        s.in[j] = &g->node[x->in[j].i].type;
    }
    for (int j = 1; j < x->n_attr; j++)
        if (x->attr[j].id <= x->attr[j - 1].id)
            return ir_fail(err, "its attributes are not in the order of the table");
    if (!ir_attrs_check(x->op, x->attr, x->n_attr, err) || !verify_leaf(g, i, err))
        return false;
    for (int j = 0; j < x->n_attr; j++)
        if (ir_attr_info[x->attr[j].id].kind == ATK_EXPR && !verify_expr(x, &x->attr[j], err))
            return false;
    if (x->loc.file >= g->module->n_file && x->loc.file)
        return ir_fail(err, "its place names file %u of %d", x->loc.file, g->module->n_file - 1);
    return ir_shape_derive(&s, &derived, err);
}

/* Inputs and scalars once a name, states once. */
static bool verify_once(const Graph *g, char err[IR_ERR])
{
    Arena *scratch = arena_new();
    bool *seen = arena_alloc(scratch, g->module->n_state, sizeof *seen), ok = true;
    uint32_t *named = arena_alloc(scratch, g->n_node, sizeof *named), n_named = 0;
    for (uint32_t i = 1; i < g->n_node && ok; i++) {
        const Node *x = &g->node[i];
        if (x->op == OP_state) {
            if (seen[x->state.i])
                ok = ir_fail(err, "state \"%.100s\" has two nodes",
                             g->module->state[x->state.i].key);
            seen[x->state.i] = true;
        }
        if (!x->name)
            continue;
        for (uint32_t j = 0; j < n_named && ok; j++)
            if (g->node[named[j]].op == x->op && g->node[named[j]].name == x->name)
                ok = ir_fail(err, "%s \"%.100s\" is there twice", ir_op[x->op].name, x->name);
        named[n_named++] = i;
    }
    arena_free(scratch);
    return ok;
}

bool ir_root_check(const Graph *g, const Root *r, char err[IR_ERR])
{
    const Module *m = g->module;
    if (!r->val.i || r->val.i >= g->n_node)
        return ir_fail(err, "a root names no node");
    if (r->kind == ROOT_RETURN)
        return (r->name && *r->name) || ir_fail(err, "a return has no name");
    if (!r->state.i || r->state.i >= m->n_state)
        return ir_fail(err, "a root names no state");
    const StateInfo *s = &m->state[r->state.i];
    const Type *t = &g->node[r->val.i].type;
    if (r->kind == ROOT_UPDATE)
        return ir_type_eq(t, &s->type)
            || ir_fail(err, "the update of \"%.100s\" is %s, not %s", s->key, T(t), T(&s->type));
    if (g->has_kernels)
        return ir_fail(err, "the gradient of \"%.100s\" is still there after fuse", s->key);
    if (s->role != ROLE_PARAM)
        return ir_fail(err, "\"%.100s\" has a gradient, but role %s", s->key,
                       ir_role_name[s->role]);
    return (t->dtype == s->type.dtype && ir_shape_eq(&t->shape, &s->type.shape))
        || ir_fail(err, "the gradient of \"%.100s\" is %s, not %s", s->key, T(t), T(&s->type));
}

static bool verify_roots(const Graph *g, char err[IR_ERR])
{
    Arena *scratch = arena_new();
    uint8_t *seen = arena_alloc(scratch, g->module->n_state, sizeof *seen);
    const Root **named = arena_alloc(scratch, (size_t)g->n_root + 1, sizeof *named);
    int n_named = 0;
    bool ok = true;
    for (int i = 0; i < g->n_root && ok; i++) {
        const Root *r = &g->root[i];
        ok = ir_root_check(g, r, err);
        if (!ok)
            break;
        if (r->kind == ROOT_RETURN) {
            for (int j = 0; j < n_named && ok; j++)
                if (!strcmp(named[j]->name, r->name))
                    ok = ir_fail(err, "result %.100s is returned twice", r->name);
            named[n_named++] = r;
            continue;
        }
        uint8_t bit = r->kind == ROOT_GRAD ? 1 : 2;
        if (seen[r->state.i] & bit)
            ok = ir_fail(err, "\"%.100s\" has two %s", g->module->state[r->state.i].key,
                         bit == 1 ? "gradients" : "updates");
        seen[r->state.i] |= bit;
    }
    arena_free(scratch);
    return ok;
}

/* In grad and grad_eval the input "cotangent" is the derivative of the result "output". */
static bool verify_cotangent(const Graph *g, char err[IR_ERR])
{
    const Type *cotangent = NULL;
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, "cotangent"))
            cotangent = &g->node[i].type;
    for (int i = 0; i < g->n_root && cotangent && !strncmp(g->name, "grad", 4); i++) {
        const Root *r = &g->root[i];
        const Type *t = &g->node[r->val.i].type;
        if (r->kind == ROOT_RETURN && !strcmp(r->name, "output")
            && (t->dtype != cotangent->dtype || !ir_shape_eq(&t->shape, &cotangent->shape)))
            return ir_fail(err, "output is %s, but its cotangent %s", T(t), T(cotangent));
    }
    return true;
}

static bool verify_graph(const Graph *g, char err[IR_ERR])
{
    char why[IR_ERR];
    for (uint32_t i = 1; i < g->n_node; i++)
        if (!verify_node(g, i, why)) {
            const Node *x = &g->node[i];
            if (x->op == OP_state && x->state.i && x->state.i < g->module->n_state)
                return ir_fail(err, "state \"%.60s\": %.400s", g->module->state[x->state.i].key,
                               why);
            return ir_fail(err, "%%%d (%s): %.450s", ir_printed_number(g, (Val){i}),
                           x->op < OP_COUNT ? ir_op[x->op].name : "?", why);
        }
    return verify_once(g, err) && verify_roots(g, err) && verify_cotangent(g, err)
        && (!g->has_kernels || ir_verify_kernels(g, err))
        && (!g->has_plan || (ir_verify_plan(g, err) && ir_verify_sweep(g, err)
                             && ir_verify_replay(g, err)));
}

/* ---- the program ---- */

static const struct { const char *rule, *name; double value; } setting[] = {
#define OPTIMIZER(rule, class, doc)
#define OPT_SETTING(rule, name, value) {#rule, #name, value},
#define OPT_SLOT(...)
#define OPT_SCALAR(rule, name, f)
#define OPT_LET(rule, name, f)
#include "ir/optimizers.def"
#undef OPTIMIZER
#undef OPT_SETTING
#undef OPT_SLOT
#undef OPT_SCALAR
#undef OPT_LET
};
enum { N_SETTINGS = sizeof setting / sizeof *setting };

/* Settings of a rule that is no row: expressions, each under its own name. */
static bool own_rule_check(const OptGroup *g, char err[IR_ERR])
{
    const char *canonical;
    char why[IR_ERR];
    Arena *scratch = arena_new();
    int reads = g->n_setting + 3;        /* parameter, gradient, slots, lr, step */
    bool ok = g->n_setting > 0 || ir_fail(err, "group %s lacks the parameter's new value", g->rule);
    if (ok && reads > EX_MAX_ARGS)
        ok = ir_fail(err, "group %s has %d slots", g->rule, g->n_setting - 1);
    for (int i = 0; i < g->n_setting && ok; i++) {
        ok = g->setting[i].f || ir_fail(err, "group %s: %.50s is no expression", g->rule,
                                        g->setting[i].name);
        for (int j = 0; j < i && ok; j++)
            ok = strcmp(g->setting[i].name, g->setting[j].name)
              || ir_fail(err, "group %s sets %.50s twice", g->rule, g->setting[i].name);
        ok = ok && (ir_expr_check(g->setting[i].f, reads, scratch, &canonical, why)
                    || ir_fail(err, "%.120s: %.350s", g->setting[i].name, why));
    }
    arena_free(scratch);
    return ok;
}

static bool is_own(const OptGroup *g) { return !strcmp(g->rule, IR_OWN_RULE); }

bool ir_group_complete(OptGroup *g, Arena *a, char err[IR_ERR])
{
    if (is_own(g))
        return true;
    OptSetting *all = arena_alloc(a, N_SETTINGS, sizeof *all);
    int n = 0;
    for (int i = 0; i < N_SETTINGS; i++) {
        if (strcmp(setting[i].rule, g->rule))
            continue;
        all[n] = (OptSetting){setting[i].name, setting[i].value, NULL};
        for (int j = 0; j < g->n_setting; j++)
            if (!strcmp(g->setting[j].name, setting[i].name))
                all[n] = g->setting[j];
        n++;
    }
    for (int j = 0; n && j < g->n_setting; j++) {
        int same = 0, known = 0;
        for (int i = 0; i < n; i++)
            known += !strcmp(g->setting[j].name, all[i].name);
        for (int i = 0; i < j; i++)
            same += !strcmp(g->setting[j].name, g->setting[i].name);
        if (!known || same)
            return ir_fail(err, "group %s %s %.50s%s", g->rule, known ? "sets" : "has no setting",
                           g->setting[j].name, known ? " twice" : "");
    }
    g->setting = all;
    g->n_setting = n;
    return true;
}

/* Settings of a row, in its order. */
static bool row_check(const OptGroup *g, char err[IR_ERR])
{
    int n = 0;
    for (int i = 0; i < N_SETTINGS; i++) {
        if (strcmp(setting[i].rule, g->rule))
            continue;
        if (n >= g->n_setting || strcmp(g->setting[n].name, setting[i].name))
            return ir_fail(err, "group %.50s lacks its setting %s", g->rule, setting[i].name);
        n++;
    }
    if (!n)
        return ir_fail(err, "\"%.50s\" is not a rule of an optimizer", g->rule);
    if (n < g->n_setting)
        return ir_fail(err, "group %s has no setting %.50s", g->rule, g->setting[n].name);
    for (int i = 0; i < n; i++)
        if (g->setting[i].f && !ir_schedule_check(g->setting[i].name, g->setting[i].f, err))
            return false;
    return true;
}

bool ir_group_check(const Module *m, const OptGroup *g, char err[IR_ERR])
{
    if (!(is_own(g) ? own_rule_check(g, err) : row_check(g, err)))
        return false;
    for (int i = 0; i < g->n_param; i++) {
        if (!g->param[i].i || g->param[i].i >= m->n_state)
            return ir_fail(err, "group %s names no state", g->rule);
        const StateInfo *s = &m->state[g->param[i].i];
        if (s->role != ROLE_PARAM && s->role != ROLE_FROZEN)
            return ir_fail(err, "group %s: \"%.100s\" has role %s: no parameter", g->rule, s->key,
                           ir_role_name[s->role]);
    }
    return true;
}

bool ir_schedule_check(const char *what, const char *f, char err[IR_ERR])
{
    const char *canonical;
    char why[IR_ERR];
    Arena *scratch = arena_new();
    bool ok = ir_expr_check(f, 3, scratch, &canonical, why)
           || ir_fail(err, "%.120s: %.350s", what, why);
    arena_free(scratch);
    return ok;
}

bool ir_scalar_check(const ScalarDef *d, char err[IR_ERR])
{
    char what[120];
    snprintf(what, sizeof what, "scalar \"%.100s\"", d->name);
    return ir_schedule_check(what, d->f, err);
}

static bool verify_draw(const Module *m, const Draw *d, char err[IR_ERR])
{
    if (!ir_draw_info[d->kind].state)
        return d->elems >= 0 || ir_fail(err, "a draw of %lld elements", (long long)d->elems);
    if (!d->state.i || d->state.i >= m->n_state)
        return ir_fail(err, "a draw names no state");
    int64_t elems = 0;
    const StateInfo *s = &m->state[d->state.i];
    if (d->kind == DRAW_ELEMENT
        && !(ir_elems_ok(&s->type.shape, 1, &elems) && d->a >= 0 && d->a < (double)elems && d->a == floor(d->a)))
        return ir_fail(err, "\"%.100s\" has no element at place %g", s->key, d->a);
    bool matrix = d->kind == DRAW_ORTHOGONAL || d->kind == DRAW_EYE || d->kind == DRAW_SPARSE;
    return !matrix || m->state[d->state.i].type.shape.rank >= 2
        || ir_fail(err, "a draw %s needs a state with two axes", ir_draw_name[d->kind]);
}

static bool verify_program(const Module *m, char err[IR_ERR])
{
    const Program *p = &m->prog;
    bool ok = true;
    for (int i = 0; i < p->n_draw && ok; i++)
        ok = verify_draw(m, &p->draw[i], err);
    for (int i = 0; i < p->n_load && ok; i++)
        ok = p->load[i].state.i < m->n_state || ir_fail(err, "a load names no state");
    for (int i = 0; i < p->n_scalar && ok; i++) {
        ok = ir_scalar_check(&p->scalar[i], err);
        for (int j = 0; j < i && ok; j++)
            if (p->scalar[j].name == p->scalar[i].name)
                ok = ir_fail(err, "scalar \"%.100s\" is defined twice", p->scalar[i].name);
    }
    for (int i = 0; i < p->n_scalar && ok; i++)
        if (p->scalar[i].group < 0 || (p->scalar[i].group && p->scalar[i].group >= p->n_group))
            ok = ir_fail(err, "scalar \"%.100s\" reads the learning rate of group %d of %d",
                         p->scalar[i].name, p->scalar[i].group, p->n_group);
    for (int i = 0; i < p->n_group && ok; i++)
        ok = ir_group_check(m, &p->group[i], err);
    ok = ok && ir_transforms_check(p, err);
    if (ok && p->schedule)
        ok = ir_schedule_check("schedule", p->schedule, err);
    for (int i = 0; i < p->n_layer && ok; i++)
        ok = ir_type_sound(&p->layer[i].out, m->capacity, err);
    if (ok && (p->batch < 0 || p->batch > m->capacity))
        ok = ir_fail(err, "the batch of %lld is above the capacity of %lld", (long long)p->batch,
                     (long long)m->capacity);
    return ok;
}

int ir_verify_where(const Module *m, char err[IR_ERR])
{
    char why[IR_ERR];
    bool ok = m->capacity >= 1 && m->capacity <= IR_MAX_CAPACITY;
    if (!ok)
        ir_fail(err, "the batch capacity is %lld", (long long)m->capacity);
    else if (!ir_dtype_real(m->real))
        ok = ir_fail(err, "the module's real type is %s", ir_dtype_name(m->real));
    for (uint32_t i = 1; i < m->n_state && ok; i++) {
        const StateInfo *s = &m->state[i];
        if (ir_has_n(&s->type.shape))
            ok = ir_fail(err, "state \"%.100s\" has a batch axis: %s", s->key, T(&s->type));
        else if (!ir_type_sound(&s->type, m->capacity, why))
            ok = ir_fail(err, "state \"%.100s\": %.350s", s->key, why);
    }
    if (!ok || !verify_program(m, err))
        return 0;
    for (int i = 0; i < m->n_graph; i++)
        if (!verify_graph(m->graph[i], why)) {
            ir_fail(err, "graph %.60s: %.440s", m->graph[i]->name, why);
            return i + 1;
        }
    return m->state_bytes < 0 || ir_verify_states(m, err) ? -1 : 0;
}

bool ir_verify(const Module *m, char err[IR_ERR])
{
    return ir_verify_where(m, err) < 0;
}
