/* frontend/parse_fn.c: what makes names of its own: parameters, lambdas, comprehensions. */
#include "frontend/ast.h"
#include <string.h>

void fe_local(Parser *p, const char *name)
{
    FuncDef *f = p->fn;
    if (!f) return;
    for (int i = 0; i < f->n_local; i++)
        if (strcmp(f->local[i], name) == 0) return;
    if (f->n_local >= FE_MAX_LOCALS) {
        fe_syntax_error(p, "this function has too many names");
        return;
    }
    size_t n = (size_t)f->n_local;
    if ((n & (n - 1)) == 0)
        f->local = arena_grow(p->arena, f->local, n, n ? 2 * n : 1, sizeof *f->local);
    f->local[f->n_local++] = name;
}

static void add_param(Parser *p, FuncDef *f, ParamDef x)
{
    size_t n = (size_t)f->n_param;
    if (n >= FE_MAX_LOCALS) {
        fe_syntax_error(p, "this function has too many parameters");
        return;
    }
    if ((n & (n - 1)) == 0)
        f->param = arena_grow(p->arena, f->param, n, n ? 2 * n : 1, sizeof *f->param);
    f->param[f->n_param++] = x;
}

/* Up to `end`, at which it stops. Annotations are read and dropped. */
void fe_params(Parser *p, FuncDef *f, const char *end)
{
    bool by_name = false, last = false;
    while (!p->failed && !fe_at(p, end)) {
        ParamDef x = { .by_name = by_name };
        if (last) fe_syntax_error(p, "expected no parameter after **");
        x.stars = fe_accept(p, "**") ? 2 : fe_accept(p, "*") ? 1 : 0;
        last = x.stars == 2;
        by_name |= x.stars == 1;
        x.at = p->tok->at;
        if (p->tok->kind == T_NAME) {
            x.name = p->tok++->text;
            for (int i = 0; i < f->n_param; i++)
                if (strcmp(f->param[i].name, x.name) == 0) {
                    p->tok--;
                    fe_syntax_error(p, "expected parameters with different names");
                }
            if (*end == ')' && fe_accept(p, ":")) fe_expr(p);
            if (x.stars == 0 && fe_accept(p, "=")) x.value = fe_expr(p);
            else if (x.stars == 0 && !by_name && f->n_param > 0 && f->param[f->n_param - 1].value) {
                p->tok--;
                fe_syntax_error(p, "expected a default, as the parameter before has one");
            }
            add_param(p, f, x);
        } else if (!(x.stars == 1 && fe_at(p, ",")) && !fe_accept(p, "/")) {
            fe_syntax_error(p, "expected the name of a parameter");
        }
        if (!fe_accept(p, ",")) break;
    }
}

Expr *fe_lambda(Parser *p)
{
    Expr *x = fe_expr_new(p, X_LAMBDA, p->tok->at);
    FuncDef *f = arena_alloc(p->arena, 1, sizeof *f), *outer = p->fn;
    *f = (FuncDef){ .name = "<lambda>", .at = p->tok->at };
    x->fn = f;
    p->tok++;
    fe_params(p, f, ":");
    if (!p->failed && !fe_accept(p, ":")) fe_syntax_error(p, "expected ':' and the lambda's value");
    p->fn = f;
    for (int i = 0; i < f->n_param; i++) fe_local(p, f->param[i].name);
    f->result = fe_expr(p);
    p->fn = outer;
    x->depth = f->result->depth + 1;
    x->at = fe_span_to(x->at, p->tok[-1].at);
    return x;
}

static void add_clause(Parser *p, Expr *x, Clause c)
{
    size_t n = (size_t)x->n_clause;
    if ((n & (n - 1)) == 0)
        x->clause = arena_grow(p->arena, x->clause, n, n ? 2 * n : 1, sizeof *x->clause);
    x->clause[x->n_clause++] = c;
    if (x->n_clause > FE_MAX_CLAUSES) fe_syntax_error(p, "this comprehension has too many loops");
}

bool fe_comprehension(Parser *p, Expr *x, char open)
{
    if (p->failed || !fe_at(p, "for")) return false;
    x->kind = X_COMP;
    x->open = open;
    while (!p->failed && fe_accept(p, "for")) {
        Clause c = { .target = fe_targets(p) };
        if (!p->failed && !fe_accept(p, "in")) fe_syntax_error(p, "expected `in`");
        c.iter = fe_simple(p);
        while (!p->failed && fe_accept(p, "if")) {
            size_t n = (size_t)c.n_cond;
            if (n > FE_MAX_CLAUSES)
                fe_syntax_error(p, "this comprehension has too many conditions");
            c.cond = arena_grow(p->arena, c.cond, n, n + 1, sizeof *c.cond);
            c.cond[c.n_cond++] = fe_simple(p);
        }
        for (int i = 0; i < c.n_cond; i++)
            if (c.cond[i]->depth >= x->depth) x->depth = c.cond[i]->depth + 1;
        if (c.iter->depth >= x->depth) x->depth = c.iter->depth + 1;
        add_clause(p, x, c);
    }
    return true;
}
