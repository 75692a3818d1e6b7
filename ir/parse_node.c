/* ir/parse_node.c: the line of a node, and the numbers of a graph. Types are derived again by
 * ir_try_add, which also says what is wrong. */
#include "ir/parse.h"
#include <string.h>

enum { MAX_NAMED = 1000, MAX_IN = 26 };

/* ---- numbers and operands ---- */

static NumberSlot *number_slot(Parser *p, int64_t number)
{
    uint32_t mask = p->cap - 1;
    uint32_t i = (uint32_t)((uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (p->slot[i].val && p->slot[i].number != number)
        i = (i + 1) & mask;
    return &p->slot[i];
}

static void number_add(Parser *p, int64_t number, Val v)
{
    if (p->count * 2 >= p->cap) {
        NumberSlot *old = p->slot;
        uint32_t cap = p->cap;
        p->cap = cap ? cap * 2 : 64;
        p->slot = arena_alloc(p->scratch, p->cap, sizeof *p->slot);
        for (uint32_t i = 0; i < cap; i++)
            if (old[i].val)
                *number_slot(p, old[i].number) = old[i];
    }
    *number_slot(p, number) = (NumberSlot){number, v.i};
    p->count++;
}

static Val state_operand(Parser *p)
{
    State s = ir_lex_state(&p->l);
    return s.i ? ir_state_val(p->g, s) : (Val){0};
}

Val ir_parse_val(Parser *p)
{
    Lex *l = &p->l;
    size_t start = ir_lex_here(l);
    if (ir_lex_peek(l) == '"')
        return state_operand(p);
    if (!ir_lex_accept(l, '%')) {
        ir_lex_expected(l, "a value (%number or a state's key in quotes)");
        return (Val){0};
    }
    int64_t number = ir_lex_int(l, 0, INT32_MAX, "a value's number");
    Val v = {l->failed || !p->cap ? 0 : number_slot(p, number)->val};
    if (!v.i)
        ir_lex_fail(l, start, "%%%lld is not defined above in graph %.100s", (long long)number,
                    p->g->name);
    return v;
}

/* ---- nodes ---- */

static void parse_attr_value(Parser *p, Attr *a)
{
    Lex *l = &p->l;
    const AttrInfo *info = &ir_attr_info[a->id];
    if (info->kind == ATK_FLAG)
        return;
    ir_lex_need(l, '=');
    if (info->kind == ATK_INT) {
        a->u.i = ir_lex_int(l, INT64_MIN, INT64_MAX, "a number");
    } else if (info->kind == ATK_REAL) {
        a->u.r = ir_lex_real(l, "a number");
    } else if (info->kind == ATK_STR || info->kind == ATK_EXPR) {
        a->u.s = ir_lex_string(l, "text in quotes");
    } else {
        int64_t *ints = NULL;
        double *reals = NULL;
        int cap = 0;
        ir_lex_need(l, '[');
        while (!l->failed && ir_lex_peek(l) != ']') {
            if (a->count)
                ir_lex_need(l, ',');
            if (a->count == cap) {
                int wider = cap ? cap * 2 : 8;
                ints = arena_grow(p->scratch, ints, (size_t)cap, (size_t)wider, sizeof *ints);
                reals = arena_grow(p->scratch, reals, (size_t)cap, (size_t)wider, sizeof *reals);
                cap = wider;
            }
            if (info->kind == ATK_INTS)
                ints[a->count++] = ir_lex_int(l, INT64_MIN, INT64_MAX, "a number");
            else
                reals[a->count++] = ir_lex_real(l, "a number");
        }
        ir_lex_need(l, ']');
        if (info->kind == ATK_INTS)
            a->u.ints = ints;
        else
            a->u.reals = reals;
    }
}

static int parse_attrs(Parser *p, Op op, Attr attr[AT_COUNT])
{
    Lex *l = &p->l;
    uint64_t seen = 0;
    int n = 0;
    if (!ir_lex_accept(l, '{'))
        return 0;
    while (!l->failed && !ir_lex_accept(l, '}')) {
        Word w = ir_lex_word(l);
        int id = w.n ? ir_attr_named(w.s, w.n) : -1;
        if (!w.n) {
            ir_lex_expected(l, "an attribute or '}'");
        } else if (id < 0 || !(ir_attrs_allowed(op) >> id & 1)) {
            Near near = ir_near(w.s, w.n);
            for (int i = 0; i < AT_COUNT; i++)
                if (ir_attrs_allowed(op) >> i & 1)
                    ir_near_try(&near, ir_attr_info[i].name);
            ir_lex_fail(l, w.at, "%s has no attribute '%.*s'%s%s%s", ir_op[op].name,
                     (int)(w.n < 40 ? w.n : 40), w.s, near.best ? "; did you mean '" : "",
                     near.best ? near.best : "", near.best ? "'?" : "");
        } else if (seen >> id & 1) {
            ir_lex_fail(l, w.at, "attribute %s is given twice", ir_attr_info[id].name);
        } else {
            seen |= UINT64_C(1) << id;
            attr[n] = (Attr){.id = (AttrId)id};
            parse_attr_value(p, &attr[n++]);
        }
    }
    return n;
}

static Op parse_op(Parser *p)
{
    Lex *l = &p->l;
    Word w = ir_lex_word(l);
    if (!w.n) {
        ir_lex_expected(l, "an op");
        return OP_NONE;
    }
    Op op = ir_op_named(w.s, w.n);
    if (op == OP_state) {
        ir_lex_fail(l, w.at, "a state is written as its key in quotes where it is read");
        return OP_NONE;
    }
    if (op)
        return op;
    Near near = ir_near(w.s, w.n);
    for (int i = OP_NONE + 1; i < OP_COUNT; i++)
        if (i != OP_state)
            ir_near_try(&near, ir_op[i].name);
    ir_lex_fail(l, w.at, "'%.*s' is not an op%s%s%s", (int)(w.n < 40 ? w.n : 40), w.s,
                near.best ? "; did you mean '" : "", near.best ? near.best : "",
                near.best ? "'?" : "");
    return OP_NONE;
}

/* An input or a scalar: op "name". */
static Val add_named(Parser *p, Op op, size_t at, const char *name, const Type *t, Loc loc)
{
    Lex *l = &p->l;
    Graph *g = p->g;
    Type want = ir_type_of(op == OP_scalar ? p->m->real : t->dtype, t->shape);
    if (op == OP_scalar)
        want.shape.rank = 0;
    if (!ir_type_eq(&want, t)) {
        ir_lex_fail(l, at, op == OP_scalar ? "a scalar has type %s[]" : "an input of %s lies plain",
                 ir_dtype_name(want.dtype));
        return (Val){0};
    }
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == op && g->node[i].name == name) {
            ir_lex_fail(l, at, "%s \"%.100s\" is there already", ir_op[op].name, name);
            return (Val){0};
        }
    if (++p->n_named > MAX_NAMED) {
        ir_lex_fail(l, at, "a graph has at most %d inputs and scalars", MAX_NAMED);
        return (Val){0};
    }
    return op == OP_scalar ? ir_scalar(g, name, loc) : ir_input(g, name, *t, loc);
}

void ir_parse_node(Parser *p)
{
    Lex *l = &p->l;
    Val in[MAX_IN], v = {0};
    Attr attr[AT_COUNT];
    int n_in = 0;
    char why[IR_ERR];
    size_t start = ir_lex_here(l);
    ir_lex_need(l, '%');
    int64_t number = ir_lex_int(l, 0, INT32_MAX, "a value's number");
    if (!l->failed && p->cap && number_slot(p, number)->val)
        ir_lex_fail(l, start, "%%%lld is defined twice", (long long)number);
    ir_lex_need(l, '=');
    size_t op_at = ir_lex_here(l);
    Op op = parse_op(p);
    bool named = op == OP_input || op == OP_scalar;
    size_t name_at = ir_lex_here(l);
    const char *name = named ? ir_lex_string(l, "its name in quotes") : NULL;
    if (!named && (ir_lex_peek(l) == '%' || ir_lex_peek(l) == '"'))
        do {
            if (n_in == MAX_IN)
                ir_lex_fail(l, ir_lex_here(l), "a node has at most %d operands", MAX_IN);
            else
                in[n_in++] = ir_parse_val(p);
        } while (!l->failed && ir_lex_accept(l, ','));
    int n_attr = l->failed || named ? 0 : parse_attrs(p, op, attr);
    if (!l->failed && ir_lex_peek(l) != ':')
        ir_lex_expected(l, n_attr || named ? "':' and the type"
                           : n_in          ? "',', '{' or ':' and the type"
                                           : "an operand, '{' or ':' and the type");
    ir_lex_need(l, ':');
    Type t = ir_lex_type(l);
    Loc loc = ir_lex_place(l);
    ir_lex_end(l);
    if (l->failed)
        return;
    if (named) {
        v = add_named(p, op, name_at, name, &t, loc);
    } else {
        v = ir_try_add(p->g, op, loc, &t, in, n_in, attr, n_attr, why);
        if (!v.i)
            ir_lex_fail(l, op_at, "%.480s", why);
    }
    if (v.i)
        number_add(p, number, v);
}
