/* ir/expr_print.c: scalar expression to canonical text, the exact inverse of expr_parse.c.
 *
 * Products stand without blanks, everything looser with them; parentheses only where the grammar
 * needs them, also around a right operand of equal level, since nothing is reassociated. What would
 * be long as a tree gets locals: one for each part that is shared, and for parts that are large or
 * deep, so that the text is as long as the expression has nodes and no line of it nests deeply. */
#include "ir/expr_pool.h"
#include "ir/ir.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* local: by handle, from 1; 0: none; null: there are no locals. */
typedef struct { Arena *arena; const ExPool *pool; char *s; size_t n, cap; const int *local; } Text;
enum { TREE_NODES = 256, TREE_DEPTH = 90, LOCAL_NODES = 80, LOCAL_DEPTH = 40 };

static void put(Text *t, const char *s)
{
    size_t n = strlen(s);
    if (t->n + n + 1 > t->cap) {
        size_t cap = (t->n + n + 1) * 2;
        t->s = arena_grow(t->arena, t->s, t->cap, cap, 1);
        t->cap = cap;
    }
    memcpy(t->s + t->n, s, n + 1);
    t->n += n;
}

static void put_real(Text *t, double x)
{
    char buf[40];
    if (isnan(x))
        put(t, "nan");
    else if (isinf(x))
        put(t, x < 0 ? "-inf" : "inf");
    else if (fabs(x) < 1e15 && x == floor(x)) {
        snprintf(buf, sizeof buf, "%.0f", x);
        put(t, buf);
    } else
        put(t, ir_real_string(x, t->arena));
}

/* Would the parser see literals alone, whose type the place must ask for? */
static bool open_type(const Text *t, Ex e)
{
    const ExNode *x = ex_node(t->pool, e);
    if (t->local && t->local[e.i])
        return false;
    switch (x->op) {
    case EX_INT: return true;
    case EX_NEG: return open_type(t, x->in[0]);
    case EX_ADD: case EX_SUB: case EX_MUL: return open_type(t, x->in[0]) && open_type(t, x->in[1]);
    case EX_SELECT: return open_type(t, x->in[1]) && open_type(t, x->in[2]);
    default: return false;
    }
}

static void put_ex(Text *t, Ex e, int level, bool asked);

/* asked: the place asks for an int; elsewhere a literal alone would be read as a real, and a large
 * one would be rounded on its way through int(). */
static void put_int(Text *t, int64_t i, bool asked)
{
    const int64_t exact = INT64_C(1) << 53;
    char buf[48];
    if (i == INT64_MIN)
        snprintf(buf, sizeof buf, "int(-9223372036854775808)");
    else if (asked)
        snprintf(buf, sizeof buf, "%" PRId64, i);
    else if (i >= -exact && i <= exact)
        snprintf(buf, sizeof buf, "int(%" PRId64 ")", i);
    else
        snprintf(buf, sizeof buf, "(int(0) + %" PRId64 ")", i);
    put(t, buf);
}

static void put_leaf(Text *t, const ExNode *x, bool asked)
{
    switch (x->op) {
    case EX_NUM: put_real(t, x->u.num); break;
    case EX_INT: put_int(t, x->u.i, asked); break;
    case EX_BOOL: put(t, x->u.i ? "true" : "false"); break;
    case EX_ARG: put(t, (char[2]){(char)('a' + x->u.arg), 0}); break;
    case EX_NAME: put(t, x->u.name); break;
    default: ir_die(NULL, "expression: none cannot be printed");
    }
}

static void put_call(Text *t, const char *name, const ExNode *x)
{
    bool asked = x->op == EX_TO_REAL;
    put(t, name);
    put(t, "(");
    put_ex(t, x->in[0], EX_LEVEL_SELECT, asked);
    if (ex_some(x->in[1])) {
        put(t, ", ");
        put_ex(t, x->in[1], EX_LEVEL_SELECT, asked);
    }
    put(t, ")");
}

static void put_binary(Text *t, const ExNode *x, const ExBinary *o, bool asked)
{
    bool inner = asked || !open_type(t, x->in[0]) || !open_type(t, x->in[1]);
    put_ex(t, x->in[0], o->level, inner);
    if (!o->tight)
        put(t, " ");
    put(t, o->text);
    if (!o->tight)
        put(t, " ");
    put_ex(t, x->in[1], o->level + 1, true);
}

static void put_select(Text *t, const ExNode *x, bool asked)
{
    bool inner = asked || !open_type(t, x->in[1]) || !open_type(t, x->in[2]);
    put_ex(t, x->in[0], EX_LEVEL_SELECT + 1, false);
    put(t, " ? ");
    put_ex(t, x->in[1], EX_LEVEL_SELECT, inner);
    put(t, " : ");
    put_ex(t, x->in[2], EX_LEVEL_SELECT, true);
}

static const ExBinary *binary_of(ExOp op)
{
    for (int k = 0; k < EX_N_BINARY; k++)
        if (ex_binary[k].op == op)
            return &ex_binary[k];
    return NULL;
}

static void put_whole(Text *t, Ex e, int level, bool asked)
{
    const ExNode *x = ex_node(t->pool, e);
    const ExBinary *o = binary_of(x->op);
    int own = x->op == EX_SELECT ? EX_LEVEL_SELECT : o ? o->level :
              x->op == EX_NEG || x->op == EX_NOT ? EX_LEVEL_UNARY : EX_LEVEL_ATOM;
    if (own < level)
        put(t, "(");
    if (x->op == EX_SELECT)
        put_select(t, x, asked);
    else if (o)
        put_binary(t, x, o, asked && o->level > 4);
    else if (own == EX_LEVEL_UNARY) {
        put(t, x->op == EX_NEG ? "-" : "!");
        put_ex(t, x->in[0], EX_LEVEL_UNARY, asked);
    } else if (x->op == EX_TO_INT || x->op == EX_TO_REAL)
        put_call(t, x->op == EX_TO_INT ? "int" : "real", x);
    else if (x->op >= EX_exp)
        put_call(t, ex_fn_names[x->op - EX_exp], x);
    else
        put_leaf(t, x, asked);
    if (own < level)
        put(t, ")");
}

static void put_ex(Text *t, Ex e, int level, bool asked)
{
    char name[16];
    if (!t->local || !t->local[e.i]) {
        put_whole(t, e, level, asked);
        return;
    }
    snprintf(name, sizeof name, "t%d", t->local[e.i] - 1);
    put(t, name);
}

/* What the text of a node shows: nodes, and how they nest. */
typedef struct { double nodes; int depth; } Shown;

static Shown shown(const ExNode *x, const Shown *of, const int *local)
{
    Shown s = {1, 1};
    for (int k = 0; k < 3 && ex_some(x->in[k]); k++) {
        Shown in = of[x->in[k].i];
        if (local && local[x->in[k].i])
            in = (Shown){1, 1};
        s.nodes += in.nodes;
        if (in.depth >= s.depth)
            s.depth = in.depth + 1;
    }
    return s;
}

/* The locals of e's text; null: it needs none. */
static const int *locals(const ExPool *p, Ex e, Arena *scratch)
{
    const bool *reach = ex_reach(p, e, scratch);
    Shown *of = arena_alloc(scratch, (size_t)e.i + 1, sizeof *of);
    int *uses = arena_alloc(scratch, (size_t)e.i + 1, sizeof *uses);
    int *local = arena_alloc(scratch, (size_t)e.i + 1, sizeof *local), n = 0;
    for (uint32_t i = 1; i <= e.i; i++)
        if (reach[i])
            of[i] = shown(&p->node[i], of, NULL);
    if (of[e.i].nodes <= TREE_NODES && of[e.i].depth <= TREE_DEPTH)
        return NULL;
    for (uint32_t i = 1; i <= e.i; i++)
        for (int k = 0; reach[i] && k < 3; k++)
            uses[p->node[i].in[k].i]++;
    for (uint32_t i = 1; i < e.i; i++) {
        if (!reach[i] || !ex_some(p->node[i].in[0]))
            continue;
        of[i] = shown(&p->node[i], of, local);
        if (uses[i] > 1 || of[i].nodes > LOCAL_NODES || of[i].depth > LOCAL_DEPTH)
            local[i] = ++n;
    }
    return local;
}

const char *ex_print(Arena *a, const ExPool *p, Ex e)
{
    Arena *scratch = arena_new();
    Text t = {.arena = a, .pool = p, .local = locals(p, e, scratch)};
    for (uint32_t i = 1; t.local && i < e.i; i++) {
        if (!t.local[i])
            continue;
        put_ex(&t, (Ex){i}, EX_LEVEL_SELECT, false);
        put(&t, " = ");
        put_whole(&t, (Ex){i}, EX_LEVEL_SELECT, false);
        put(&t, "; ");
    }
    put_whole(&t, e, EX_LEVEL_SELECT, false);
    arena_free(scratch);
    return t.s;
}
