/* frontend/run.c: runs statements.
 *
 * Loops are unrolled: their bodies run once for each value. The file itself goes on after a wrong
 * statement, so that it is told about several at once; loops and functions end at the first. */
#include "frontend/lower.h"
#include "frontend/tensor.h"
#include <string.h>

typedef enum { NEXT, BREAK, CONTINUE, RETURN, STOP } Flow;

static Flow run(Interp *in, const Script *c, bool top);

void fe_trace(FeDiags *d, void *interp)
{
    const Interp *in = interp;
    int n = 0;
    const Running *last = NULL;
    for (const Running *s = in->site; s && n < 5; s = s->up) {
        bool again = last && last->at.src == s->at.src && last->at.at == s->at.at;
        last = s;
        if (again) continue;
        n++;
        if (s->fn) fe_note(d, s->at, "`%s` is called here", s->fn);
        else fe_note(d, s->at, "in the round of this loop with %s%s%s",
                     s->target->kind == X_NAME ? s->target->text : "",
                     s->target->kind == X_NAME ? " = " : "", fe_repr(in->a, s->item));
    }
}

static bool enough(const Interp *in) { return in->spent > FE_BUDGET; }

/* Names that statements which did not run would have bound: they are not unknown. */
static void bind_bad(Interp *in, const Expr *x)
{
    if (x->kind == X_TUPLE || x->kind == X_LIST)
        for (int i = 0; i < x->n_item; i++) bind_bad(in, x->item[i]);
    if (x->kind == X_NAME && !in->frame && !fe_lookup(in, x->text))
        fe_bind_name(in, x->text, fe_bad(in, x->at), x->at);
}

static void did_not_run(Interp *in, const Script *c)
{
    for (int i = 0; i < c->n_stmt; i++) {
        const Stmt *s = &c->stmt[i];
        for (int k = 0; k < s->n_target && s->kind != S_DEL; k++) bind_bad(in, s->target[k]);
        const char *made = s->kind == S_DEF ? s->fn->name : s->kind == S_CLASS ? s->cls->name : NULL;
        if (made) bind_bad(in, &(Expr){ .kind = X_NAME, .at = s->at, .text = made });
        did_not_run(in, &s->body);
        if (s->kind != S_IF || s->other.n_stmt != 1) did_not_run(in, &s->other);
    }
}

/* 1, 0; -1: an error. */
static int condition(Interp *in, const Expr *x)
{
    int errors = in->d->errors;
    const Value *v = fe_eval(in, x);
    int t = fe_holds(in, v, x->at);
    if (t < 0 && v->kind != V_BAD && v->kind != V_SYMBOL)
        fe_condition_on(in, v, x->at);
    return in->d->errors > errors ? -1 : t;
}

/* ---- loops ---- */

/* One round; false ends the loop with *flow. */
static bool round_of(Interp *in, const Stmt *s, Flow *flow)
{
    Flow f = run(in, &s->body, false);
    if (f == BREAK || f == RETURN || f == STOP) *flow = f;
    return f == NEXT || f == CONTINUE;
}

static void over_data(Interp *in, const Stmt *s, const Value *v)
{
    fe_report(in->d, s->value->at, DG(loop_data),
              v->kind == V_LOADER ? "a DataLoader" : v->kind == V_DATA ? v->u.s : "a parameter");
    fe_help(in->d, "what runs or measures the model belongs under "
                   "`if __name__ == \"__main__\":`; the generated program has train and eval");
}

static Flow for_loop(Interp *in, const Stmt *s)
{
    Value *of = fe_eval(in, s->value), *all = of;
    Flow flow = NEXT;
    if (of->kind == V_BAD) return STOP;
    if (of->kind != V_LOADER && of->kind != V_PARAM) all = fe_items(in, of, s->value->at);
    if (!all) return STOP;
    if (all->kind != V_LIST && all->kind != V_TUPLE) {
        over_data(in, s, all);
        return STOP;
    }
    const List *l = all->u.list;                  /* it may grow while it is walked */
    for (int i = 0; i < l->n; i++) {
        Running site = { in->site, s->at, NULL, s->target[0], l->item[i] };
        in->site = &site;
        int errors = in->d->errors;
        fe_assign(in, s->target[0], l->item[i]);
        bool go_on = in->d->errors == errors && !enough(in) && round_of(in, s, &flow);
        if (in->d->errors > errors || enough(in)) flow = STOP;
        in->site = site.up;
        if (!go_on || flow == STOP) return flow == BREAK ? NEXT : flow;
    }
    return s->other.n_stmt > 0 ? run(in, &s->other, false) : NEXT;
}

static Flow while_loop(Interp *in, const Stmt *s)
{
    Flow flow = NEXT;
    int t;
    while ((t = condition(in, s->value)) == 1 && !enough(in))
        if (!round_of(in, s, &flow)) return flow == BREAK ? NEXT : flow;
    if (t < 0 || enough(in)) return STOP;
    return s->other.n_stmt > 0 ? run(in, &s->other, false) : NEXT;
}

/* ---- the rest ---- */

static Flow if_chain(Interp *in, const Stmt *s, bool top)
{
    for (;;) {
        int t = condition(in, s->value);
        if (t < 0) {
            did_not_run(in, &s->body);
            did_not_run(in, &s->other);
            return STOP;
        }
        if (t) return run(in, &s->body, top);
        if (s->other.n_stmt != 1 || s->other.stmt[0].kind != S_IF) return run(in, &s->other, top);
        s = &s->other.stmt[0];
    }
}

/* What forward computes there is constant to derivatives; elsewhere nothing is derived. */
static Flow with_block(Interp *in, const Stmt *s, bool top)
{
    int errors = in->d->errors;
    if (!fe_no_grad(in, s->value)) {
        if (in->d->errors == errors) {
            fe_report(in->d, s->at, DG(with));
            fe_help(in->d, "%s", fe_only_runs);
        }
        return STOP;
    }
    if (in->trace) in->trace->no_grad++;
    Flow flow = run(in, &s->body, top);
    if (in->trace) in->trace->no_grad--;
    return flow;
}

/* A list grows and a tensor changes in place, for all who hold it. */
static void augmented(Interp *in, const Stmt *s)
{
    const Expr *to = s->target[0];
    Value *old = fe_eval(in, to);
    if (old->kind == V_LIST && s->op == O_ADD) {
        Value *more = fe_eval(in, s->value);
        if (more->kind == V_BAD) return;
        Value *items = fe_items(in, more, s->value->at);
        if (!items || items->kind == V_DATA) {
            if (items) fe_assign(in, to, items);
            return;
        }
        for (int i = 0, n = items->u.list->n; i < n; i++)
            if (!fe_push(in, old, items->u.list->item[i])) return;
        return;
    }
    Expr sum = { .kind = X_BINARY, .op = s->op, .at = s->at, .n_item = 2 };
    Expr *both[2] = { s->target[0], s->value };
    sum.item = both;
    Value *v = fe_eval(in, &sum);
    if (old->kind == V_TRACED && v->kind == V_TRACED) {
        fe_traced_in_place(in, old, v, s->at);
        return;
    }
    if (old->kind != V_TENSOR || v->kind != V_TENSOR) {
        fe_assign(in, to, v);
        return;
    }
    Tensor *a = old->u.tensor;
    const Tensor *b = v->u.tensor;
    if (a->shared || a->type != b->type || a->n != b->n || a->rank != b->rank) {
        fe_report(in->d, s->at, DG(tensor_in_place));
        fe_help(in->d, "make a new tensor: t = t * 2");
        return;
    }
    memcpy(a->x, b->x, (size_t)a->n * sizeof *a->x);
}

static void delete_item(Interp *in, const Expr *x)
{
    Value *of = fe_eval(in, x->of), *key = fe_eval(in, x->item[0]);
    if (of->kind == V_BAD || key->kind == V_BAD || of->kind == V_DATA) return;
    List *l = of->u.list;
    if (of->kind == V_DICT)
        for (int i = 0; i + 1 < l->n; i += 2)
            if (fe_equal(l->item[i], key)) {
                memmove(l->item + i, l->item + i + 2, (size_t)(l->n - i - 2) * sizeof *l->item);
                l->n -= 2;
                return;
            }
    if (of->kind == V_LIST && key->kind == V_INT && key->u.i < l->n && key->u.i >= -l->n) {
        int64_t i = key->u.i < 0 ? key->u.i + l->n : key->u.i;
        memmove(l->item + i, l->item + i + 1, (size_t)(l->n - i - 1) * sizeof *l->item);
        l->n--;
        return;
    }
    fe_report(in->d, x->at, DG(cannot_delete), fe_kind_name(of));
}

static void delete(Interp *in, const Expr *x)
{
    if (x->kind == X_TUPLE || x->kind == X_LIST)
        for (int i = 0; i < x->n_item; i++) delete(in, x->item[i]);
    else if (x->kind == X_INDEX) delete_item(in, x);
    else if (x->kind == X_NAME) {
        Local *l = in->frame ? fe_local_name(in->frame, x->text) : NULL;
        Binding *b = in->frame ? NULL : fe_lookup(in, x->text);
        if (l && l->v) l->v = NULL;
        else if (b && b->v->kind != V_GONE) b->v = fe_val(in, V_GONE, x->at);
        else fe_eval(in, x);                      /* says that it is unknown */
    } else fe_report(in->d, x->at, DG(cannot_delete), "an attribute");
}

static void check_assert(Interp *in, const Stmt *s)
{
    const Value *v = fe_eval(in, s->value);
    if (v->kind == V_BAD || fe_truth(v) != 0) return;
    fe_report(in->d, s->value->at, DG(assert_fails));
    const Value *say = s->message ? fe_eval(in, s->message) : NULL;
    if (say && say->kind == V_STR) fe_note(in->d, s->message->at, "%s", say->u.s);
}

static void raised(Interp *in, const Stmt *s)
{
    const Expr *x = s->value;
    in->quiet++;
    const Value *say =
        x && x->kind == X_CALL && x->n_arg == 1 ? fe_eval(in, x->arg[0].value) : NULL;
    in->quiet--;
    fe_report(in->d, s->at, DG(raised));
    if (say && say->kind == V_STR) fe_note(in->d, x->arg[0].value->at, "%s", say->u.s);
}

static void refused(Interp *in, const Stmt *s)
{
    switch (s->refused) {
    case DIAG_COUNT: break;
    case DIAG_loop: fe_report(in->d, s->at, DG(loop)); break;
    case DIAG_with: fe_report(in->d, s->at, DG(with)); break;
    case DIAG_try: fe_report(in->d, s->at, DG(try)); break;
    default: fe_report(in->d, s->at, DG(statement), s->word); break;
    }
    if (s->help) fe_help(in->d, "%s", s->help);
    for (int k = 0; k < s->n_bound && !in->frame; k++)
        if (!fe_lookup(in, s->bound[k])) fe_bind_name(in, s->bound[k], fe_bad(in, s->at), s->at);
}

static Flow statement(Interp *in, const Stmt *s, bool top)
{
    switch (s->kind) {
    case S_EXPR: fe_eval(in, s->value); break;
    case S_ASSIGN: {
        Value *v = fe_eval(in, s->value);
        for (int k = 0; k < s->n_target; k++) fe_assign(in, s->target[k], v);
        break;
    }
    case S_AUGMENTED: augmented(in, s); break;
    case S_IMPORT: fe_run_import(in, s); break;
    case S_FROM: fe_run_from(in, s); break;
    case S_PASS: break;
    case S_IF: return if_chain(in, s, top);
    case S_FOR: return for_loop(in, s);
    case S_WHILE: return while_loop(in, s);
    case S_WITH: return with_block(in, s, top);
    case S_DEF: {
        Expr name = { .kind = X_NAME, .at = s->fn->at, .text = s->fn->name };
        fe_assign(in, &name, fe_make_decorated(in, s->fn, s->fn->at));
        break;
    }
    case S_CLASS: {
        Expr name = { .kind = X_NAME, .at = s->cls->at, .text = s->cls->name };
        fe_assign(in, &name, fe_make_class(in, s->cls));
        break;
    }
    case S_RETURN:
        in->result = s->value ? fe_eval(in, s->value) : fe_val(in, V_NONE, s->at);
        return RETURN;
    case S_BREAK: return BREAK;
    case S_CONTINUE: return CONTINUE;
    case S_DEL: delete(in, s->target[0]); break;
    case S_ASSERT: check_assert(in, s); break;
    case S_RAISE: raised(in, s); break;
    case S_REFUSED: refused(in, s); break;
    }
    return NEXT;
}

static Flow run(Interp *in, const Script *c, bool top)
{
    for (int i = 0; i < c->n_stmt; i++) {
        int errors = in->d->errors;
        const Stmt *s = &c->stmt[i];
        Flow f = fe_spend(in, 32, s->at) ? statement(in, s, top) : STOP;
        if (f == STOP || (!top && in->d->errors > errors)) {
            for (int k = 0; k < s->n_target && s->kind == S_FOR; k++) bind_bad(in, s->target[k]);
            did_not_run(in, &s->body);
            if (!top || enough(in)) {
                did_not_run(in, c);
                return STOP;
            }
        } else if (f != NEXT) return f;
    }
    return NEXT;
}

void fe_run(Interp *in, const Script *c) { run(in, c, true); }

bool fe_run_body(Interp *in, const Script *c)
{
    in->result = NULL;
    return run(in, c, false) != STOP;
}
