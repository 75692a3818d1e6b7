/* ir/expr_parse.c: text to scalar expression.
 *
 * Two steps, because a literal takes its type from its place: a tree with types that may be open,
 * from the leaves up; then nodes, from the root down, with the type that the place asks for (real
 * where it asks for none). Locals are nodes as soon as they are read. Text is hostile: its length,
 * that of each of its parts and its nesting are limited, chains of binary operators are read by a
 * loop. */
#include "ir/expr_pool.h"
#include "ir/ir.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part is a local or the expression itself; a chain of operators nests as deep as it is long.
 * MAX_DEPTH is that of nodes, through locals: others walk them by recursion. */
enum { MAX_PART = 8192, MAX_NESTING = 200, MAX_DEPTH = 4000 };

const ExBinary ex_binary[EX_N_BINARY] = {
    {"||", EX_OR, 1, false}, {"&&", EX_AND, 2, false},
    {"==", EX_EQ, 3, false}, {"!=", EX_NE, 3, false},
    {"<=", EX_LE, 4, false}, {">=", EX_GE, 4, false},   /* before < and >, which they begin with */
    {"<", EX_LT, 4, false}, {">", EX_GT, 4, false},
    {"+", EX_ADD, 5, false}, {"-", EX_SUB, 5, false},
    {"*", EX_MUL, 6, true}, {"/", EX_DIV, 6, true},
};

typedef enum { REAL = EXT_REAL, INT = EXT_INT, BOOL = EXT_BOOL, OPEN } Kind;

typedef struct Tree {
    ExOp op;
    Kind kind;                           /* OPEN: real or int, as the place asks */
    struct Tree *in[3];
    double num;
    int64_t i;                           /* of EX_INT, EX_BOOL; the argument's number */
    const char *name;
    Ex built;                            /* a local */
} Tree;

typedef struct Parser {
    const char *text;
    size_t at;
    const char *const *names;
    Arena *scratch;
    char *err;                           /* filled: parsing has failed */
    int depth;
    ExPool *pool;
    Ex *local; size_t n_local;
} Parser;

static Tree *parse_select(Parser *ps);

__attribute__((format(printf, 3, 4)))
static Tree *fail(Parser *ps, size_t at, const char *fmt, ...)
{
    if (ps->err[0])
        return NULL;                     /* the first mistake counts */
    int n = snprintf(ps->err, EX_ERR, "column %zu: ", at + 1);
    va_list args;
    va_start(args, fmt);
    vsnprintf(ps->err + n, EX_ERR - (size_t)n, fmt, args);
    va_end(args);
    return NULL;
}

/* ---- characters ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char peek(Parser *ps)
{
    while (ps->text[ps->at] == ' ' || ps->text[ps->at] == '\t' || ps->text[ps->at] == '\n')
        ps->at++;
    return ps->text[ps->at];
}

static bool accept(Parser *ps, char c)
{
    if (peek(ps) != c)
        return false;
    ps->at++;
    return true;
}

static Tree *unexpected(Parser *ps, const char *wanted)
{
    char c = peek(ps);
    if (!c)
        return fail(ps, ps->at, "expected %s, found the end", wanted);
    if (c < ' ' || c > '~')
        return fail(ps, ps->at, "expected %s, found byte 0x%02x", wanted, (unsigned char)c);
    return fail(ps, ps->at, "expected %s, found '%c'", wanted, c);
}

/* ---- trees and their types ---- */

static Tree *tree(Parser *ps, ExOp op, Kind kind, Tree *a, Tree *b, Tree *c)
{
    Tree *t = arena_alloc(ps->scratch, 1, sizeof *t);
    t->op = op;
    t->kind = kind;
    t->in[0] = a;
    t->in[1] = b;
    t->in[2] = c;
    return t;
}

static const char *kind_name(Kind k)
{
    return k == REAL ? "a real" : k == INT ? "an int" : k == BOOL ? "a condition" : "a number";
}

/* The type that two numbers share. */
static bool unify(Parser *ps, size_t at, const char *what, Kind a, Kind b, Kind *out)
{
    if (a == BOOL || b == BOOL)
        return fail(ps, at, "%s takes numbers, not a condition", what) != NULL;
    if (a != b && a != OPEN && b != OPEN)
        return fail(ps, at, "%s mixes real and int; write real() or int()", what) != NULL;
    *out = a == OPEN ? b : a;
    return true;
}

static Tree *binary(Parser *ps, const ExBinary *o, size_t at, Tree *a, Tree *b)
{
    char what[8];
    snprintf(what, sizeof what, "'%s'", o->text);
    if (o->op == EX_AND || o->op == EX_OR) {
        if (a->kind != BOOL || b->kind != BOOL)
            return fail(ps, at, "%s takes conditions, not %s", what,
                        kind_name(a->kind == BOOL ? b->kind : a->kind));
        return tree(ps, o->op, BOOL, a, b, NULL);
    }
    Kind k = REAL;
    if (!unify(ps, at, what, a->kind, b->kind, &k))
        return NULL;
    if (o->op == EX_DIV && k == INT)
        return fail(ps, at, "'/' divides reals only; write real()");
    if (o->level <= 4)
        k = BOOL;
    else if (o->op == EX_DIV)
        k = REAL;
    return tree(ps, o->op, k, a, b, NULL);
}

/* ---- grammar ---- */

static Tree *number(Parser *ps)
{
    size_t start = ps->at, at = start;
    const char *s = ps->text;
    bool whole = true;
    if (s[at] == '0' && (s[at + 1] == 'x' || s[at + 1] == 'X')) {
        at += 2;
        size_t digits = at;
        while (is_hex(s[at]) || s[at] == '.')
            at++;
        if (at == digits)
            return fail(ps, start, "a hexadecimal number needs digits");
        whole = false;
    } else {
        while (is_digit(s[at]))
            at++;
        if (s[at] == '.') {
            whole = false;
            while (is_digit(s[++at]))
                ;
        }
    }
    char mark = s[start + 1] == 'x' || s[start + 1] == 'X' ? 'p' : 'e';
    if ((s[at] | 0x20) == mark) {
        size_t e = at + 1 + (s[at + 1] == '+' || s[at + 1] == '-');
        if (is_digit(s[e])) {
            whole = false;
            for (at = e; is_digit(s[at]); at++)
                ;
        }
    }
    char *end;
    double x = strtod(s + start, &end);
    if (end != s + at || is_alpha(s[at]) || s[at] == '.')
        return fail(ps, start, "malformed number");
    if (isinf(x))
        return fail(ps, start, "number too large; infinity is written inf");
    ps->at = at;
    Tree *t = tree(ps, EX_NUM, REAL, NULL, NULL, NULL);
    t->num = x;
    errno = 0;
    t->i = whole ? strtoll(s + start, NULL, 10) : 0;
    if (whole && errno == 0)
        t->kind = OPEN;
    return t;
}

static Tree *call(Parser *ps, const char *name, size_t at)
{
    int fn = -1, arity = 1;
    bool to_int = strcmp(name, "int") == 0, to_real = strcmp(name, "real") == 0;
    for (int k = 0; k < EX_COUNT - EX_exp; k++)
        if (strcmp(name, ex_fn_names[k]) == 0)
            fn = k;
    if (fn < 0 && !to_int && !to_real)
        return fail(ps, at, "unknown function '%.40s'", name);
    if (fn >= 0)
        arity = ex_fn_arity[fn];
    accept(ps, '(');
    Tree *in[2] = {NULL, NULL};
    for (int k = 0; k < arity; k++) {
        if (k && !accept(ps, ','))
            return unexpected(ps, "','");
        size_t place = (peek(ps), ps->at);
        in[k] = parse_select(ps);
        if (!in[k])
            return NULL;
        Kind wanted = to_real ? INT : REAL;
        if (in[k]->kind != wanted && in[k]->kind != OPEN)
            return fail(ps, place, "%s() takes %s, not %s", name,
                        wanted == INT ? "an int" : "a real", kind_name(in[k]->kind));
    }
    if (!accept(ps, ')'))
        return unexpected(ps, "')'");
    ExOp op = to_int ? EX_TO_INT : to_real ? EX_TO_REAL : (ExOp)(EX_exp + fn);
    return tree(ps, op, to_int ? INT : REAL, in[0], in[1], NULL);
}

/* The local of that name: t0, t1, … in the order in which they stand. */
static bool local_of(const Parser *ps, const char *name, Ex *e)
{
    size_t i = 0, k = 1;
    if (name[0] != 't' || !is_digit(name[1]) || (name[1] == '0' && name[2]))
        return false;
    for (; is_digit(name[k]) && i < ps->n_local; k++)
        i = 10 * i + (size_t)(name[k] - '0');
    if (name[k] || i >= ps->n_local)
        return false;
    *e = ps->local[i];
    return true;
}

static Tree *word(Parser *ps)
{
    size_t start = ps->at;
    while (is_alpha(ps->text[ps->at]) || is_digit(ps->text[ps->at]))
        ps->at++;
    size_t n = ps->at - start;
    char *name = arena_strn(ps->scratch, ps->text + start, n);
    if (peek(ps) == '(')
        return call(ps, name, start);
    Tree *t = tree(ps, EX_NUM, REAL, NULL, NULL, NULL);
    if (n == 1 && name[0] >= 'a' && name[0] <= 'z') {
        t->op = EX_ARG;
        t->i = name[0] - 'a';
        return t;
    }
    if (local_of(ps, name, &t->built)) {
        t->op = EX_NONE;
        t->kind = (Kind)ex_node(ps->pool, t->built)->type;
        return t;
    }
    if (strcmp(name, "inf") == 0 || strcmp(name, "nan") == 0) {
        t->num = name[0] == 'i' ? (double)INFINITY : (double)NAN;
        return t;
    }
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) {
        t->op = EX_BOOL;
        t->kind = BOOL;
        t->i = name[0] == 't';
        return t;
    }
    for (const char *const *k = ps->names; k && *k; k++)
        if (strcmp(name, *k) == 0) {
            t->op = EX_NAME;
            t->name = name;
            return t;
        }
    return fail(ps, start, "unknown name '%.40s'", name);
}

static Tree *primary(Parser *ps)
{
    char c = peek(ps);
    if (is_digit(c) || (c == '.' && is_digit(ps->text[ps->at + 1])))
        return number(ps);
    if (is_alpha(c))
        return word(ps);
    if (!accept(ps, '('))
        return unexpected(ps, "a number, a name or '('");
    Tree *t = parse_select(ps);
    if (t && !accept(ps, ')'))
        return unexpected(ps, "')'");
    return t;
}

static Tree *unary(Parser *ps)
{
    char c = peek(ps);
    if (c != '-' && c != '!')
        return primary(ps);
    size_t at = ps->at++;
    if (++ps->depth > MAX_NESTING)
        return fail(ps, at, "nested deeper than %d", (int)MAX_NESTING);
    Tree *t = unary(ps);
    ps->depth--;
    if (!t)
        return NULL;
    if ((c == '!') != (t->kind == BOOL))
        return fail(ps, at, c == '!' ? "'!' takes a condition, not %s"
                                     : "'-' takes a number, not %s", kind_name(t->kind));
    return tree(ps, c == '!' ? EX_NOT : EX_NEG, t->kind, t, NULL, NULL);
}

static const ExBinary *next_binary(Parser *ps, int level)
{
    peek(ps);
    for (int k = 0; k < EX_N_BINARY; k++)
        if (strncmp(ps->text + ps->at, ex_binary[k].text, strlen(ex_binary[k].text)) == 0)
            return ex_binary[k].level >= level ? &ex_binary[k] : NULL;
    return NULL;
}

/* Operators of at least that level; all are left-associative. */
static Tree *operators(Parser *ps, int level)
{
    Tree *left = unary(ps);
    for (const ExBinary *o; left && (o = next_binary(ps, level)); ) {
        size_t at = ps->at;
        ps->at += strlen(o->text);
        Tree *right = operators(ps, o->level + 1);
        left = right ? binary(ps, o, at, left, right) : NULL;
    }
    return left;
}

static Tree *select_rest(Parser *ps, Tree *c)
{
    size_t at = ps->at;
    if (!accept(ps, '?'))
        return c;
    if (c->kind != BOOL)
        return fail(ps, at, "'?' takes a condition, not %s", kind_name(c->kind));
    Tree *a = parse_select(ps);
    if (!a)
        return NULL;
    if (!accept(ps, ':'))
        return unexpected(ps, "':'");
    Tree *b = parse_select(ps);
    if (!b)
        return NULL;
    Kind k = BOOL;
    if ((a->kind != BOOL || b->kind != BOOL) && !unify(ps, at, "'?:'", a->kind, b->kind, &k))
        return NULL;
    return tree(ps, EX_SELECT, k, c, a, b);
}

static Tree *parse_select(Parser *ps)
{
    if (++ps->depth > MAX_NESTING)
        return fail(ps, ps->at, "nested deeper than %d", (int)MAX_NESTING);
    Tree *t = operators(ps, 1);
    if (t)
        t = select_rest(ps, t);
    ps->depth--;
    return t;
}

/* ---- trees to nodes ---- */

static Ex build(ExPool *p, const Tree *t, Kind place)
{
    Kind kind = t->kind == OPEN ? place : t->kind;
    switch (t->op) {
    case EX_NONE: return t->built;
    case EX_NUM: return kind == INT ? ex_int(p, t->i) : ex_num(p, t->num);
    case EX_BOOL: return ex_bool(p, t->i != 0);
    case EX_ARG: return ex_arg(p, (int)t->i);
    case EX_NAME: return ex_named(p, t->name);
    default: break;
    }
    Kind inner = kind;                   /* what the operands are asked for */
    if (t->op == EX_TO_REAL)
        inner = INT;
    else if (t->op == EX_TO_INT)
        inner = REAL;
    else if (kind == BOOL && t->op != EX_SELECT && t->in[1])
        inner = t->in[0]->kind == INT || t->in[1]->kind == INT ? INT : REAL;
    Ex in[3] = {{0}, {0}, {0}};
    for (int k = 0; k < 3 && t->in[k]; k++)
        in[k] = build(p, t->in[k], inner);
    return ex_op(p, t->op, in[0], in[1], in[2]);
}

/* "t0 = …; t1 = …;" */
static bool read_locals(Parser *ps)
{
    for (;;) {
        char name[24];
        snprintf(name, sizeof name, "t%zu", ps->n_local);
        size_t start = (peek(ps), ps->at), n = strlen(name);
        if (strncmp(ps->text + start, name, n) != 0 || is_digit(ps->text[start + n]))
            return true;
        ps->at += n;
        if (peek(ps) != '=' || ps->text[ps->at + 1] == '=') {
            ps->at = start;
            return true;
        }
        ps->at++;
        Tree *t = parse_select(ps);
        if (!t || !accept(ps, ';'))
            return t && unexpected(ps, "an operator or ';'");
        if (ps->at - start > MAX_PART)
            return fail(ps, start, "a part longer than %d characters", (int)MAX_PART);
        size_t used = ps->n_local++;
        if (!(used & (used + 1)))
            ps->local = arena_grow(ps->scratch, ps->local, used, 2 * used + 1, sizeof *ps->local);
        ps->local[used] = build(ps->pool, t, REAL);
    }
}

/* Deeper nodes are refused. */
static bool shallow(Parser *ps, Ex e)
{
    const ExPool *p = ps->pool;
    const bool *reach = ex_reach(p, e, ps->scratch);
    int *depth = arena_alloc(ps->scratch, (size_t)e.i + 1, sizeof *depth);
    for (uint32_t i = 1; i <= e.i; i++)
        for (int k = 0; reach[i] && k < 3; k++)
            if (depth[p->node[i].in[k].i] >= depth[i])
                depth[i] = depth[p->node[i].in[k].i] + 1;
    return depth[e.i] <= MAX_DEPTH ||
           fail(ps, 0, "operations deeper than %d", (int)MAX_DEPTH) != NULL;
}

/* What is read must be short enough to be read again after printing, which adds blanks, digits. */
static bool prints_short(Parser *ps, Ex e)
{
    enum { CERTAIN = EX_MAX_TEXT / 8 };
    return strlen(ps->text) <= CERTAIN ||
           strlen(ex_print(ps->scratch, ps->pool, e)) <= EX_MAX_TEXT ||
           fail(ps, 0, "expression longer than %d characters when printed", (int)EX_MAX_TEXT) != NULL;
}

Ex ex_parse(ExPool *p, const char *text, const char *const *names, char err[EX_ERR])
{
    Parser ps = {.text = text, .names = names, .err = err, .pool = p};
    err[0] = 0;
    if (strlen(text) > EX_MAX_TEXT) {
        fail(&ps, EX_MAX_TEXT, "expression longer than %d characters", (int)EX_MAX_TEXT);
        return (Ex){0};
    }
    ps.scratch = arena_new();
    bool good = read_locals(&ps);
    size_t start = ps.at;
    Tree *t = good ? parse_select(&ps) : NULL;
    if (t && peek(&ps))
        t = unexpected(&ps, "an operator or the end");
    if (t && ps.at - start > MAX_PART)
        t = fail(&ps, start, "a part longer than %d characters", (int)MAX_PART);
    Ex e = t ? build(p, t, REAL) : (Ex){0};
    if (t && (!shallow(&ps, e) || !prints_short(&ps, e)))
        e = (Ex){0};
    arena_free(ps.scratch);
    return e;
}
