/* frontend/own_known.c: which op of ir/ops.def a formula is, if any: what is written in C as a built-in
 * computes it becomes that built-in. */
#include "frontend/own.h"
#include <math.h>
#include <string.h>

/* Are pattern and expression alike, names of the pattern being literals of the expression or its
 * arguments whose values are known? value: by the argument, NaN where there is none. */
typedef struct Match {
    const ExPool *pattern, *pool;
    const double *value;
    const char *name[8];
    double bound[8];
    int n;
} Match;

static bool bind(Match *m, const char *name, double x)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->name[i], name) == 0) return m->bound[i] == x;
    if (m->n == 8) return false;
    m->name[m->n] = name;
    m->bound[m->n++] = x;
    return true;
}

static bool known_number(const Match *m, Ex e, double *x)
{
    const ExNode *n = ex_node(m->pool, e);
    if (n->op == EX_NUM) return *x = n->u.num, true;
    if (n->op != EX_ARG || isnan(m->value[n->u.arg])) return false;
    return *x = m->value[n->u.arg], true;
}

/* Of one operation and type. */
static bool same_leaf(const ExNode *a, const ExNode *b)
{
    if (a->op == EX_NUM) return memcmp(&a->u.num, &b->u.num, sizeof a->u.num) == 0;
    return a->op == EX_ARG ? a->u.arg == b->u.arg : a->u.i == b->u.i;
}

static bool matches(Match *m, Ex pattern, Ex e)
{
    const ExNode *p = ex_node(m->pattern, pattern), *x = ex_node(m->pool, e);
    double number;
    if (p->op == EX_NAME) return known_number(m, e, &number) && bind(m, p->u.name, number);
    if (p->op == EX_NEG && ex_node(m->pattern, p->in[0])->op == EX_NAME && known_number(m, e, &number))
        return bind(m, ex_node(m->pattern, p->in[0])->u.name, -number);
    if (p->op != x->op || p->type != x->type) return false;
    if (p->op < EX_ADD) return same_leaf(p, x);
    for (int k = 0; k < 3 && p->in[k].i; k++)
        if (!matches(m, p->in[k], x->in[k])) return false;
    return true;
}

/* The formulas of ir/ops.def in the form that is computed; none: op is none of those. */
typedef struct OwnPatterns { ExPool *pool; Ex of[OP_COUNT]; } OwnPatterns;

static const OwnPatterns *patterns(Interp *in)
{
    const char *names[AT_COUNT + 1];
    char err[EX_ERR];
    if (in->own_patterns) return in->own_patterns;
    OwnPatterns *p = in->own_patterns = arena_alloc(in->a, 1, sizeof *p);
    p->pool = ex_pool(in->a);
    ir_real_names(names);
    for (Op op = OP_NONE + 1; op < OP_COUNT; op++) {
        const OpInfo *info = &ir_op[op];
        if (info->kind != KIND_MAP || !info->scalar || op == OP_stop || op == OP_expand) continue;
        p->of[op] = ex_stable(p->pool, ex_parse(p->pool, info->scalar, names, err));
    }
    return p;
}

Op fe_own_known(Interp *in, const ExPool *pool, Ex e, int n, const double *value, OwnForm *o)
{
    const OwnPatterns *p = patterns(in);
    for (Op op = OP_NONE + 1; op < OP_COUNT; op++) {
        Match m = { .pattern = p->pool, .pool = pool, .value = value };
        if (!p->of[op].i || ir_op[op].min_in != n || !matches(&m, p->of[op], e)) continue;
        o->n_attr = 0;
        for (int id = 0; id < AT_COUNT; id++)
            for (int k = 0; k < m.n; k++)
                if (strcmp(ir_attr_info[id].name, m.name[k]) == 0)
                    o->attr[o->n_attr++] = ir_real((AttrId)id, m.bound[k]);
        return op;
    }
    return OP_map;
}
