/* frontend/symbols.c: functions of a number that is not known yet, such as LambdaLR's of the epoch.
 *
 * The function is run with a symbol in the number's place, and arithmetic makes expressions of it.
 * Where the function asks something of it (`if epoch < 5`), one answer is taken; the function is
 * run again for each other answer, and what comes out of the runs become branches. */
#include "frontend/eval.h"
#include <string.h>

enum { MAX_ASKED = 16, MAX_RUNS = 200, MAX_SIZE = 2000 };

/* What a run asked, in order; the first `known` answers were given before it. */
struct Asking {
    Ex condition[MAX_ASKED];
    bool answer[MAX_ASKED];
    int n, known, runs;
};

static Value *refused(Interp *in, Span at, const char *why)
{
    fe_report(in->d, at, DG(symbol), why);
    return fe_bad(in, at);
}

/* size: of the expression as a tree, which its text will be. */
static Value *symbol(Interp *in, Ex e, uint32_t size, Span at)
{
    if (size > MAX_SIZE) return refused(in, at, "it would be too long");
    Value *v = fe_val(in, V_SYMBOL, at);
    v->u.ex = e;
    v->len = size;
    v->self = in->compared;
    return v;
}

/* None where v is no number. */
static Ex expression(Interp *in, const Value *v)
{
    double x;
    if (v->kind == V_SYMBOL) return v->u.ex;
    return fe_number(v, &x) ? ex_num(in->symbols, x) : (Ex){ 0 };
}

static uint32_t size_of(const Value *v) { return v->kind == V_SYMBOL ? v->len : 1; }

static Ex op(Interp *in, ExOp o, Ex a, Ex b)
{
    return ex_op(in->symbols, o, a, b, (Ex){ 0 });
}

Value *fe_symbol_binary(Interp *in, Oper o, const Value *a, const Value *b, Span at)
{
    const Ex none = { 0 };
    Ex x = expression(in, a), y = expression(in, b), e = none;
    if (!x.i || !y.i) return refused(in, at, "it adds or multiplies something else than numbers");
    switch (o) {
    case O_ADD: e = op(in, EX_ADD, x, y); break;
    case O_SUB: e = op(in, EX_SUB, x, y); break;
    case O_MUL: e = op(in, EX_MUL, x, y); break;
    case O_DIV: e = op(in, EX_DIV, x, y); break;
    case O_POW: e = op(in, EX_pow, x, y); break;
    case O_FLOORDIV: e = op(in, EX_floor, op(in, EX_DIV, x, y), none); break;
    case O_MOD:
        e = op(in, EX_MUL, op(in, EX_floor, op(in, EX_DIV, x, y), none), y);
        e = op(in, EX_SUB, x, e);
        break;
    default: return refused(in, at, "no formula has this operator");
    }
    return symbol(in, e, (o == O_MOD ? 2 : 1) * (size_of(a) + size_of(b)) + 3, at);
}

Value *fe_symbol_unary(Interp *in, Oper o, const Value *a, Span at)
{
    if (o == O_POS) return symbol(in, a->u.ex, a->len, at);
    if (o == O_NEG) return symbol(in, op(in, EX_NEG, a->u.ex, (Ex){ 0 }), a->len + 1, at);
    return refused(in, at, "no formula has this operator");
}

static int ask(Interp *in, Ex condition, Span at)
{
    struct Asking *a = in->asking;
    if (!a) return refused(in, at, "the function is over"), -1;
    if (a->n == MAX_ASKED) return refused(in, at, "it asks more than 16 times"), -1;
    if (a->n >= a->known) a->answer[a->n] = true;
    a->condition[a->n] = condition;
    return a->answer[a->n++];
}

int fe_symbol_compare(Interp *in, Oper o, const Value *a, const Value *b, Span at)
{
    static const ExOp ops[] = {
        [O_LT] = EX_LT, [O_LE] = EX_LE, [O_GT] = EX_GT, [O_GE] = EX_GE, [O_EQ] = EX_EQ,
        [O_NE] = EX_NE,
    };
    Ex x = expression(in, a), y = expression(in, b);
    if (x.i && y.i && o >= O_LT && o <= O_NE) return ask(in, op(in, ops[o], x, y), at);
    return refused(in, at, "it is compared with something else than a number"), -1;
}

int fe_holds(Interp *in, const Value *v, Span at)
{
    if (v->kind != V_SYMBOL) return fe_truth(v);
    return ask(in, op(in, EX_NE, v->u.ex, ex_num(in->symbols, 0)), at);
}

Value *fe_symbol_call(Interp *in, const Call *c, const Value *const *arg, int n)
{
    static const struct { const char *name; ExOp op; int n; } fns[] = {
        { "sqrt", EX_sqrt, 1 },   { "exp", EX_exp, 1 },   { "log", EX_log, 1 },
        { "sin", EX_sin, 1 },     { "cos", EX_cos, 1 },   { "tanh", EX_tanh, 1 },
        { "floor", EX_floor, 1 }, { "ceil", EX_ceil, 1 }, { "int", EX_trunc, 1 },
        { "abs", EX_abs, 1 },     { "pow", EX_pow, 2 },   { "min", EX_min, 2 },
        { "max", EX_max, 2 },     { "float", EX_NONE, 1 },
    };
    for (size_t k = 0; k < sizeof fns / sizeof *fns; k++) {
        if (strcmp(fns[k].name, c->name) != 0 || n < fns[k].n) continue;
        Ex e = expression(in, arg[0]);
        uint32_t size = size_of(arg[0]) + 1;
        if (fns[k].n == 1 && n == 1 && e.i)
            return symbol(in, fns[k].op ? op(in, fns[k].op, e, (Ex){ 0 }) : e, size, c->at);
        for (int i = 1; i < n && i < MAX_SIZE && e.i; i++) {
            Ex next = expression(in, arg[i]);
            e = next.i ? op(in, fns[k].op, e, next) : next;
            size += size_of(arg[i]) + 1;
        }
        if (fns[k].n == 2 && n < MAX_SIZE && e.i) return symbol(in, e, size, c->at);
    }
    return refused(in, c->at, "no formula has this call");
}

/* What f gives after the answers that are known. */
static Ex branches(Interp *in, Value *f, Span at)
{
    struct Asking *a = in->asking;
    int known = a->known;
    if (++a->runs > MAX_RUNS) return refused(in, at, "it has more than 200 branches"), (Ex){ 0 };
    a->n = 0;
    in->compared->u.b = false;
    Value *epoch = symbol(in, ex_arg(in->symbols, 1), 1, at);
    Value *v = fe_call_value(in, f, &epoch, 1, at);
    if (in->compared->u.b) v = refused(in, at, "it is looked up in a list or dict");
    Ex e = expression(in, v);
    if (!e.i && v->kind != V_BAD) refused(in, at, "its result is no number");
    struct Asking here = *a;
    for (int k = here.n - 1; k >= known && e.i; k--) {
        memcpy(a->answer, here.answer, sizeof a->answer);
        a->answer[k] = false;
        a->known = k + 1;
        Ex other = branches(in, f, at);
        e = other.i ? ex_op(in->symbols, EX_SELECT, here.condition[k], e, other) : other;
    }
    return e;
}

const char *fe_symbol_formula(Interp *in, Value *f, Span at)
{
    struct Asking asking = { .n = 0 };
    if (in->asking) return refused(in, at, "it is made in such a function"), NULL;
    if (!in->symbols) {
        in->symbols = ex_pool(in->a);
        in->compared = fe_bool(in, false, at);
    }
    in->asking = &asking;
    Ex e = branches(in, f, at);
    in->asking = NULL;
    return e.i ? ex_print(in->a, in->symbols, e) : NULL;
}
