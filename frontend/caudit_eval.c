/* frontend/caudit_eval.c: formulas, evaluated step by step as C does: every operation of a float
 * function is rounded to float, and its functions are the C library's for floats. */
#include "frontend/caudit.h"
#include "frontend/ctool/ctool.h"
#include <math.h>
#include <string.h>

/* ---- functions ---- */

#define MATH1(name, ex) \
    static double name##_d(double a, double b) { (void)b; return name(a); } \
    static double name##_f(double a, double b) { (void)b; return (double)name##f((float)a); }
#define MATH2(name, ex) \
    static double name##_d(double a, double b) { return name(a, b); } \
    static double name##_f(double a, double b) { return (double)name##f((float)a, (float)b); }
#include "frontend/ctool/math.def"
#undef MATH1
#undef MATH2

/* Those of expressions that C has not: derivatives have them. */
static double sigmoid_d(double a, double b)
{
    double e = exp(-fabs(a));
    (void)b;
    return a >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double logsigmoid_d(double a, double b)
{
    (void)b;
    return (a < 0 ? a : 0) - log1p(exp(-fabs(a)));
}

static double sign_d(double a, double b)
{
    (void)b;
    return (a > 0) - (a < 0);
}

static double max_d(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : a < b ? b : a;
}

static double min_d(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : b < a ? b : a;
}

typedef struct Function { const char *name; Binary *of_doubles, *of_floats; } Function;

static const Function functions[] = {
    { "sigmoid", sigmoid_d, sigmoid_d }, { "logsigmoid", logsigmoid_d, logsigmoid_d },
    { "sign", sign_d, sign_d }, { "max", max_d, max_d }, { "min", min_d, min_d },
#define MATH1(name, ex) { ex, name##_d, name##_f },
#define MATH2(name, ex) { ex, name##_d, name##_f },
#include "frontend/ctool/math.def"
#undef MATH1
#undef MATH2
};

static Binary *function_of(ExOp op, bool is_double)
{
    const char *name = ex_op_name(op);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            return is_double ? functions[i].of_doubles : functions[i].of_floats;
    ir_die(NULL, "audit: '%s' is not known", name);
}

/* ---- evaluation ---- */

Tape *fe_tape(Arena *a, const ExPool *p, Ex e, bool is_double)
{
    Tape *t = arena_alloc(a, 1, sizeof *t);
    Arena *scratch = arena_new();
    bool *needed = arena_alloc(scratch, (size_t)e.i + 1, sizeof *needed);
    t->pool = p;
    t->step = arena_alloc(a, (size_t)e.i + 1, sizeof *t->step);
    t->n_v = (size_t)e.i + 1;
    t->v = arena_alloc(a, t->n_v, sizeof *t->v);
    t->error = arena_alloc(a, t->n_v, sizeof *t->error);
    t->was = arena_alloc(a, t->n_v, sizeof *t->was);
    t->is_double = is_double;
    needed[e.i] = true;
    for (uint32_t i = e.i; i > 0; i--)
        for (int k = 0; needed[i] && k < 3; k++) needed[ex_node(p, (Ex){ i })->in[k].i] = true;
    for (uint32_t i = 1; i <= e.i; i++) {
        ExOp op = ex_node(p, (Ex){ i })->op;
        if (needed[i]) t->step[t->n++] = (Step){ i, op >= EX_exp ? function_of(op, is_double) : NULL };
    }
    arena_free(scratch);
    return t;
}

/* C's int; what is larger it leaves undefined. */
static double integer(Tape *t, double x)
{
    t->undefined = t->undefined || !(fabs(x) < 0x1p31);
    return t->undefined ? 0 : trunc(x);
}

static double value_of(Tape *t, const ExNode *x, Binary *f, double a, double b, double c)
{
    switch (x->op) {
    case EX_ADD: return a + b;
    case EX_SUB: return a - b;
    case EX_MUL: return a * b;
    case EX_DIV: return a / b;
    case EX_NEG: return -a;
    case EX_LT: return a < b;
    case EX_LE: return a <= b;
    case EX_GT: return a > b;
    case EX_GE: return a >= b;
    case EX_EQ: return a == b;
    case EX_NE: return a != b;
    case EX_AND: return a != 0 && b != 0;
    case EX_OR: return a != 0 || b != 0;
    case EX_NOT: return a == 0;
    case EX_SELECT: return a != 0 ? b : c;
    case EX_TO_INT: return integer(t, a);
    case EX_TO_REAL: return a;
    case EX_NUM: return x->u.num;
    case EX_INT: case EX_BOOL: return (double)x->u.i;
    default: return f(a, b);
    }
}

double fe_tape_run(Tape *t, const double *arg)
{
    double v = 0;
    t->undefined = false;
    for (int i = 0; i < t->n; i++) {
        const ExNode *x = ex_node(t->pool, (Ex){ t->step[i].node });
        const double *in = t->v;
        v = x->op == EX_ARG
            ? arg[x->u.arg]
            : value_of(t, x, t->step[i].f, in[x->in[0].i], in[x->in[1].i], in[x->in[2].i]);
        if (x->type == EXT_INT) v = integer(t, v) + 0.0;
        else if (x->type == EXT_REAL && !t->is_double) v = (double)(float)v;
        t->v[t->step[i].node] = v;
    }
    return v;
}

/* ---- rounding ---- */

static double times(double a, double error) { return error == 0 ? 0 : fabs(a) * error; }

/* What an error of the arguments makes of a function's value v: asked by the function itself. */
static double through(Binary *f, double a, double b, double v, double of_a, double of_b)
{
    double sum = 0;
    for (int k = 0; k < 2; k++) {
        double x = k ? b : a, error = k ? of_b : of_a, step = fmax(error, 0x1p-50 * fabs(x));
        if (error == 0) continue;
        double up = f(k ? a : a + step, k ? b + step : b), down = f(k ? a : a - step, k ? b - step : b);
        /* No fmax: it drops a NaN. */
        double most = fabs(up - v) >= fabs(down - v) ? fabs(up - v) : fabs(down - v);
        sum += most * (error / step);
    }
    return sum;
}

/* Of one step with the value v: what comes with its operands, and its own rounding. A function of the
 * C library is taken to be off by up to two units of the last place. */
static double error_of(const Step *s, const ExNode *x, const double *v, const double *e)
{
    uint32_t a = x->in[0].i, b = x->in[1].i, c = x->in[2].i;
    double y = v[s->node], unit = 0x1p-53 * fabs(y) + 0x1p-1074;
    switch (x->op) {
    case EX_ADD: case EX_SUB: return e[a] + e[b] + unit;
    case EX_MUL: return times(v[a], e[b]) + times(v[b], e[a]) + unit;
    case EX_DIV: return (e[a] + times(y, e[b])) / fabs(v[b]) + unit;
    case EX_NEG: return e[a];
    case EX_SELECT: return v[a] != 0 ? e[b] : e[c];
    case EX_floor: case EX_ceil: case EX_trunc: case EX_round: case EX_sign: case EX_abs: case EX_max:
    case EX_min: case EX_fmod: case EX_copysign:
        return through(s->f, v[a], v[b], y, e[a], e[b]);
    default:
        if (!s->f) return 0;
        return through(s->f, v[a], v[b], y, e[a], e[b]) + 4 * unit;
    }
}

double fe_tape_error(Tape *t)
{
    double e = 0;
    for (int i = 0; i < t->n; i++) {
        const Step *s = &t->step[i];
        e = t->error[s->node] = error_of(s, ex_node(t->pool, (Ex){ s->node }), t->v, t->error);
    }
    return e;
}
