/* passes/optimizer.c: gradients become updates.
 *
 * needs   ROOT_GRAD of parameters; groups of parameters in the program
 * keeps   returns
 * breaks  gradients are no roots any more; states "key#slot" and scalars are added to the module
 *
 *     grad "1.weight"=%14          %18 = map "1.weight#momentum_buffer", %14 {f="0.9 * a + b"}
 *                             ->   %19 = map "1.weight", %18, %2 {f="a - c * b"}
 *                                  update "1.weight"=%19, "1.weight#momentum_buffer"=%18
 *
 * A rule is rows of ir/optimizers.def. Its settings are numbers by now and are put in first, so
 * that what they switch off is never built; one that changes from step to step is a scalar. What a
 * row sets is an expression that later rows read if it is g, else a node. A rule of the user's own
 * is in the group instead, as expressions of the values before the step.
 * A parameter in no group keeps its value. Source: torch.optim's documentation. */
#include "passes/rules.h"
#include "passes/stages.h"
#include <ctype.h>
#include <string.h>

typedef enum { ROW_RULE, ROW_SETTING, ROW_SLOT, ROW_SCALAR, ROW_LET } RowKind;
typedef struct {
    RowKind kind;
    const char *rule, *name, *f;
    const char *start;               /* of a slot */
    bool one;                        /* a slot that is one number */
} Row;
enum { SIZE_each = false, SIZE_one = true };

static const Row rows[] = {
#define OPTIMIZER(rule, pytorch, doc) { ROW_RULE, #rule, NULL, NULL, NULL, false },
#define OPT_SETTING(rule, name, value) { ROW_SETTING, #rule, #name, NULL, NULL, false },
#define OPT_SLOT(rule, name, size, when, start) \
    { ROW_SLOT, #rule, #name, when, start, SIZE_##size },
#define OPT_SCALAR(rule, name, f) { ROW_SCALAR, #rule, #name, f, NULL, false },
#define OPT_LET(rule, name, f) { ROW_LET, #rule, #name, f, NULL, false },
#include "ir/optimizers.def"
#undef OPTIMIZER
#undef OPT_SETTING
#undef OPT_SLOT
#undef OPT_SCALAR
#undef OPT_LET
};
enum { N_ROWS = (int)(sizeof rows / sizeof *rows), MAX_VARS = EX_MAX_ARGS };

/* A name that rows read: p, slots, g, lr, step, scalars. Its index is its argument in expressions;
 * operands of maps follow that order. */
typedef struct Var { const char *name; Val val; Ex value; } Var;

typedef struct Opt {
    Graph *g;
    Module *m;
    Arena *scratch;
    ExPool *pool;
    const OptGroup *group;
    Var var[MAX_VARS];
    int n_var;
} Opt;

static bool of_rule(const Opt *o, int row, RowKind kind)
{
    return rows[row].kind == kind && !strcmp(rows[row].rule, o->group->rule);
}

static int find_var(const Opt *o, const char *name, size_t len)
{
    for (int i = 0; i < o->n_var; i++)
        if (strlen(o->var[i].name) == len && !memcmp(o->var[i].name, name, len)) return i;
    return -1;
}

/* The expression of a row: variables as arguments, settings as their numbers. Names are replaced in
 * the text, because expressions call only single letters arguments. Slots that the settings switch
 * off are names until the branch that reads them is folded away. */
static Ex parse_row(const Opt *o, const char *f)
{
    size_t n_names = 0;
    const char **names = arena_alloc(o->scratch, (size_t)o->group->n_setting + N_ROWS + 1,
                                     sizeof *names);
    char *text = arena_alloc(o->scratch, strlen(f) + 1, 1), *to = text, err[EX_ERR];
    for (int i = 0; i < o->group->n_setting; i++) names[n_names++] = o->group->setting[i].name;
    for (int i = 0; i < N_ROWS; i++)
        if (of_rule(o, i, ROW_SLOT)) names[n_names++] = rows[i].name;
    while (*f) {
        size_t len = 0;
        while (isalnum((unsigned char)f[len]) || f[len] == '_' || (len && f[len] == '.')) len++;
        int var = len ? find_var(o, f, len) : -1;
        if (var >= 0) *to++ = (char)('a' + var);
        else memcpy(to, f, len ? len : 1), to += len ? len : 1;
        f += len ? len : 1;
    }
    Ex e = ex_parse(o->pool, text, names, err);
    if (!e.i) ir_die(o->m, "optimizer %s: `%s`: %s", o->group->rule, text, err);
    for (int i = 0; i < o->group->n_setting; i++)
        if (!o->group->setting[i].f)
            e = ex_name_value(o->pool, e, o->group->setting[i].name, o->group->setting[i].value);
    return ex_simplify(o->pool, e);
}

static void add_var(Opt *o, const char *name, Val val)
{
    if (o->n_var == MAX_VARS) ir_die(o->m, "optimizer %s has too many names", o->group->rule);
    o->var[o->n_var] = (Var){ name, val, ex_arg(o->pool, o->n_var) };
    o->n_var++;
}

static double group_lr(const Program *p, const OptGroup *g) { return g->lr < 0 ? p->lr : g->lr; }

/* Which learning rate the group's is: the number of the first group that has the same. */
static int rate_of(const Program *p, const OptGroup *group)
{
    int k = 0;
    while (&p->group[k] != group && group_lr(p, &p->group[k]) != group_lr(p, group)) k++;
    return k;
}

/* The scalar of the program with that name and expression of a = lr, b = step, c = steps of an
 * epoch. Groups whose settings differ get their own: step_size, step_size2, … */
static const char *program_scalar(Opt *o, const char *name, const char *f)
{
    const Program *p = &o->m->prog;
    const char *unique = name;
    char err[EX_ERR];
    Ex e = ex_parse(o->pool, f, NULL, err);
    int rate = ex_args_used(o->pool, e) & 1 ? rate_of(p, o->group) : 0;
    for (int k = 2;; k++) {
        int i = 0;
        while (i < p->n_scalar && strcmp(p->scalar[i].name, unique)) i++;
        if (i == p->n_scalar) ir_scalar_def(o->m, unique, f, rate);
        if (!strcmp(p->scalar[i].f, f) && p->scalar[i].group == rate) return unique;
        unique = arena_printf(o->scratch, "%s%d", name, k);
    }
}

/* The text of a scalar's row in terms of a = lr, b = step, c = steps of an epoch. */
static const char *scalar_text(Opt *o, const char *f)
{
    Opt of = { .m = o->m, .scratch = o->scratch, .pool = o->pool, .group = o->group };
    Ex args[MAX_VARS] = { ex_arg(o->pool, 0), ex_arg(o->pool, 1), ex_arg(o->pool, 2) };
    char err[EX_ERR];
    add_var(&of, "lr", (Val){ 0 });
    add_var(&of, "step", (Val){ 0 });
    add_var(&of, "steps of an epoch", (Val){ 0 });
    for (int i = 0; i < o->group->n_setting; i++) {
        if (!o->group->setting[i].f) continue;
        args[of.n_var] = ex_parse(o->pool, o->group->setting[i].f, NULL, err);
        add_var(&of, o->group->setting[i].name, (Val){ 0 });
    }
    Ex e = ex_subst(o->pool, parse_row(&of, f), args, of.n_var);
    return ex_print(o->scratch, o->pool, ex_simplify(o->pool, e));
}

/* The node of a scalar variable, made when a map first reads it. */
static Val scalar_node(Opt *o, const Var *v)
{
    const char *f = !strcmp(v->name, "lr") ? "a" : !strcmp(v->name, "step") ? "b" : NULL;
    for (int i = 0; i < N_ROWS && !f; i++)
        if (of_rule(o, i, ROW_SCALAR) && !strcmp(rows[i].name, v->name))
            f = scalar_text(o, rows[i].f);
    if (!f) f = scalar_text(o, v->name);   /* a setting that changes */
    return ir_scalar(o->g, program_scalar(o, v->name, f), o->group->loc);
}

static Val emit(Opt *o, Ex f, Type type)
{
    Val in[MAX_VARS];
    uint32_t used = ex_args_used(o->pool, f);
    for (int i = 0; i < o->n_var; i++) {
        Var *v = &o->var[i];
        if ((used >> i & 1) && !v->val.i) v->val = scalar_node(o, v);
        in[i] = v->val;
    }
    return pass_emit_map(o->g, o->pool, o->scratch, f, in, o->n_var, type, o->group->loc);
}

/* The state of a slot, added where another graph has not; *added: it is new. */
static State slot_state(Opt *o, const char *of, const char *name, Type type, bool *added)
{
    const char *key = arena_printf(o->scratch, "%s#%s", of, name);
    State slot = ir_state_find(o->m, key);
    /* Text may hold a state of that name that is none of ours. */
    while (slot.i && (ir_state(o->m, slot)->role != ROLE_OPTIMIZER
                      || !ir_type_eq(&ir_state(o->m, slot)->type, &type))) {
        key = arena_printf(o->scratch, "%s_", key);
        slot = ir_state_find(o->m, key);
    }
    *added = !slot.i;
    return slot.i ? slot : ir_state_add(o->m, key, ROLE_OPTIMIZER, type, o->group->loc);
}

/* The same of a row's slot, which starts as the row says. */
static State row_state(Opt *o, const StateInfo *p, const Row *row)
{
    bool added;
    Type type = row->one ? ir_type_of(p->type.dtype, (Shape){ .rank = 0 }) : p->type;
    State slot = slot_state(o, p->key, row->name, type, &added);
    Ex start = parse_row(o, row->start);
    if (added && !ex_is_num(o->pool, start, 0))
        ir_draw(o->m, (Draw){ .kind = DRAW_CONSTANT, .state = slot,
                              .a = ex_node(o->pool, start)->u.num });
    return slot;
}

/* p and the slots come first, then g, then scalars: `0.9 * a + b` reads momentum, gradient. */
static void bind_names(Opt *o, State p, Val g)
{
    o->n_var = 0;
    add_var(o, "p", ir_state_val(o->g, p));
    for (int i = 0; i < N_ROWS; i++) {
        if (!of_rule(o, i, ROW_SLOT)) continue;
        if (ex_is_num(o->pool, parse_row(o, rows[i].f), 0)) {
            /* Rows may name it; the settings that leave it out take it out of their expressions. */
            add_var(o, rows[i].name, (Val){ 0 });
            continue;
        }
        StateInfo info = *ir_state(o->m, p);
        add_var(o, rows[i].name, ir_state_val(o->g, row_state(o, &info, &rows[i])));
    }
    add_var(o, "g", g);
    add_var(o, "lr", (Val){ 0 });
    add_var(o, "step", (Val){ 0 });
    for (int i = 0; i < N_ROWS; i++)
        if (of_rule(o, i, ROW_SCALAR)) add_var(o, rows[i].name, (Val){ 0 });
    for (int i = 0; i < o->group->n_setting; i++)
        if (o->group->setting[i].f) add_var(o, o->group->setting[i].name, (Val){ 0 });
}

static void update(Opt *o, State p, Val g)
{
    Val slot_value[MAX_VARS] = { { 0 } };
    State slot[MAX_VARS] = { { 0 } };
    Type type = ir_state(o->m, p)->type;
    bind_names(o, p, g);
    for (int i = 0; i < N_ROWS; i++) {
        if (!of_rule(o, i, ROW_LET)) continue;
        int at = find_var(o, rows[i].name, strlen(rows[i].name));
        if (at >= 0 && !o->var[at].val.i) continue;
        Ex args[MAX_VARS];
        for (int k = 0; k < o->n_var; k++) args[k] = o->var[k].value;
        Ex f = ex_simplify(o->pool, ex_subst(o->pool, parse_row(o, rows[i].f), args, o->n_var));
        if (at < 0) {
            add_var(o, rows[i].name, emit(o, f, type));
        } else if (!strcmp(rows[i].name, "g")) {
            o->var[at].value = f;
        } else {
            slot[at] = ir_node(o->g, o->var[at].val)->state;
            Type own = ir_state(o->m, slot[at])->type;
            o->var[at].val = slot_value[at] = emit(o, f, own);
        }
    }
    for (int i = 0; i < o->n_var; i++)
        if (slot[i].i) ir_update(o->g, slot[i], slot_value[i]);
}

/* A rule of the user's own. What a slot becomes is often part of what the parameter becomes: there
 * it is read, not computed again. */
static void update_own(Opt *o, State p, Val g)
{
    const OptSetting *set = o->group->setting;
    int n = o->group->n_setting;
    const StateInfo info = *ir_state(o->m, p);
    State slot[MAX_VARS] = { p };
    Val value[MAX_VARS];
    Ex f[MAX_VARS];
    char err[EX_ERR];
    add_var(o, info.key, ir_state_val(o->g, p));
    add_var(o, "g", g);
    for (int i = 1; i < n; i++) {
        bool added;
        slot[i] = slot_state(o, info.key, set[i].name, info.type, &added);
        add_var(o, set[i].name, ir_state_val(o->g, slot[i]));
    }
    add_var(o, "lr", (Val){ 0 });
    add_var(o, "step", (Val){ 0 });
    for (int i = 0; i < n; i++) f[i] = ex_simplify(o->pool, ex_parse(o->pool, set[i].f, NULL, err));
    for (int i = 1; i < n; i++) {
        value[i] = emit(o, f[i], info.type);
        if (!ex_node(o->pool, f[i])->in[0].i || o->n_var == MAX_VARS) continue;
        add_var(o, set[i].name, value[i]);
        for (int k = 0; k < n; k++)
            if (k == 0 || k > i) f[k] = ex_replace(o->pool, f[k], f[i], o->var[o->n_var - 1].value);
    }
    value[0] = emit(o, f[0], info.type);
    for (int i = 0; i < n; i++) ir_update(o->g, slot[i], value[i]);
}

/* The first group that names the parameter; null: none does. */
static const OptGroup *group_of(const Module *m, State p)
{
    for (int k = 0; k < m->prog.n_group; k++)
        for (int j = 0; j < m->prog.group[k].n_param; j++)
            if (m->prog.group[k].param[j].i == p.i) return &m->prog.group[k];
    return NULL;
}

/* torch.nn.utils.clip_grad_norm_ and clip_grad_value_ on the gradients of all parameters. */
static void clip(Graph *g, Arena *scratch, Val *grad, int n)
{
    const Program *p = &g->module->prog;
    Val total = { 0 };
    for (int i = 0; i < n && p->clip_norm > 0; i++) {
        int64_t axes[IR_MAX_RANK] = { 0, 1, 2, 3, 4, 5 };
        int rank = ir_type(g, grad[i])->shape.rank;
        Loc loc = ir_node(g, grad[i])->loc;
        Val sum = ir_map(g, "a * a", &grad[i], 1, loc);
        if (rank)
            sum = ir_add(g, OP_sum, loc, &sum, 1, IR_ATTRS(ir_ints(AT_axes, axes, rank)));
        total = total.i ? ir_add(g, OP_add, loc, IR_IN(total, sum), IR_NO_ATTRS) : sum;
    }
    if (total.i) {
        const char *max = ir_real_string(p->clip_norm, scratch);
        const char *f = arena_printf(scratch, "min(%s / (sqrt(a) + 1e-06), 1.0)", max);
        total = ir_map(g, f, &total, 1, ir_node(g, total)->loc);
    }
    for (int i = 0; i < n; i++) {
        Loc loc = ir_node(g, grad[i])->loc;
        if (total.i)
            grad[i] = ir_add(g, OP_mul, loc, IR_IN(grad[i], total), IR_NO_ATTRS);
        if (p->clip_value > 0) {
            const char *v = ir_real_string(p->clip_value, scratch);
            grad[i] = ir_map(g, arena_printf(scratch, "max(min(a, %s), -%s)", v, v), &grad[i], 1,
                             loc);
        }
    }
}

static void optimize(Graph *to, const Graph *from, Arena *scratch)
{
    Module *m = to->module;
    Val *map = arena_alloc(scratch, from->n_node, sizeof *map);
    pass_copy_but_gradients(to, from, map);
    Val *grad = arena_alloc(scratch, (size_t)from->n_root + 1, sizeof *grad);
    int n = 0;
    for (int i = 0; i < from->n_root; i++)
        if (from->root[i].kind == ROOT_GRAD) grad[n++] = map[from->root[i].val.i];
    clip(to, scratch, grad, n);
    n = 0;
    for (int i = 0; i < from->n_root; i++) {
        const Root *r = &from->root[i];
        if (r->kind != ROOT_GRAD) continue;
        Val g = grad[n++];
        const OptGroup *group = group_of(m, r->state);
        if (!group) continue;
        Opt o = { .g = to, .m = m, .scratch = scratch, .pool = ex_pool(scratch), .group = group };
        if (strcmp(group->rule, IR_OWN_RULE) == 0) update_own(&o, r->state, g);
        else update(&o, r->state, g);
    }
}

Module *pass_optimizer(const Module *in, const PassCtx *ctx)
{
    (void)ctx;
    Module *m = pass_begin(in, "optimizer");
    Arena *scratch = arena_new();
    for (int i = 0; i < in->n_graph; i++)
        optimize(ir_graph_add(m, in->graph[i]->name), in->graph[i], scratch);
    arena_free(scratch);
    return m;
}
