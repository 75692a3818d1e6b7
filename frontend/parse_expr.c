/* frontend/parse_expr.c: expressions of the model language.
 *
 * Precedence climbing over Python's operators. Recursion is limited twice: brackets and unary
 * operators while parsing, and the depth of the tree for those who walk it later. What Python has
 * and the language has not (await, walruses) becomes X_REFUSED: an error where it is evaluated, so
 * that a function which nobody calls may hold it. */
#include "frontend/ast.h"
#include <string.h>

bool fe_at(const Parser *p, const char *op) { return fe_tok_is(p->tok, op); }

bool fe_accept(Parser *p, const char *op)
{
    if (p->failed || !fe_at(p, op)) return false;
    p->tok++;
    return true;
}

static const char *describe(const Parser *p, const Tok *t)
{
    size_t len;
    switch (t->kind) {
    case T_END: return "the end of the file";
    case T_NEWLINE: return "the end of the line";
    case T_INDENT: case T_DEDENT: return "a change of the indentation";
    case T_STR: return "a string";
    case T_ERROR: return "";
    case T_NAME: return arena_printf(p->arena, "`%.40s`", t->text);
    case T_INT: case T_FLOAT: case T_OP: break;
    }
    const char *s = fe_source_text(p->diags, p->src, &len) + t->at.at;
    return arena_printf(p->arena, "`%.*s`", (int)(t->at.len < 40 ? t->at.len : 40), s);
}

void fe_syntax_error(Parser *p, const char *expected)
{
    if (p->failed) return;
    p->failed = true;
    const Tok *t = p->tok;
    if (t->kind != T_ERROR) {
        fe_report(p->diags, t->at, DG(syntax), expected, describe(p, t));
        return;
    }
    switch (t->u.error) {
    case DIAG_bad_char:
        fe_report(p->diags, t->at, DG(bad_char), t->text);
        if (strstr(t->text, "(U+201") || strstr(t->text, "(U+00AB") || strstr(t->text, "(U+00BB"))
            fe_help(p->diags, "strings stand in straight quotes: \"…\" or '…'");
        break;
    case DIAG_big_number: fe_report(p->diags, t->at, DG(big_number)); break;
    case DIAG_bad_number: fe_report(p->diags, t->at, DG(bad_number)); break;
    case DIAG_bad_escape: fe_report(p->diags, t->at, DG(bad_escape)); break;
    case DIAG_open_string: fe_report(p->diags, t->at, DG(open_string)); break;
    case DIAG_open_triple: fe_report(p->diags, t->at, DG(open_triple)); break;
    case DIAG_bad_indent: fe_report(p->diags, t->at, DG(bad_indent)); break;
    default: fe_report(p->diags, t->at, DG(too_deep), t->text); break;
    }
}

Expr *fe_expr_new(Parser *p, ExprKind kind, Span at)
{
    Expr *x = arena_alloc(p->arena, 1, sizeof *x);
    x->kind = kind;
    x->at = at;
    x->depth = 1;
    return x;
}

static Expr *bad(Parser *p) { return fe_expr_new(p, X_BAD, p->tok->at); }

Expr *fe_refused(Parser *p, DiagId id, const char *text)
{
    Expr *x = fe_expr_new(p, X_REFUSED, p->tok->at);
    x->u.i = (int64_t)id;
    x->text = text;
    return x;
}

static void deepen(Parser *p, Expr *x, const Expr *child)
{
    if (child->depth < x->depth) return;
    x->depth = child->depth + 1;
    if (x->depth > FE_MAX_TREE && !p->failed) {
        fe_report(p->diags, x->at, DG(too_deep), "expressions");
        p->failed = true;
    }
}

void fe_expr_add(Parser *p, Expr *x, Expr *item)
{
    int n = x->n_item;
    if ((n & (n - 1)) == 0)
        x->item = arena_grow(p->arena, x->item, (size_t)n, n ? (size_t)n * 2 : 1, sizeof *x->item);
    x->item[x->n_item++] = item;
    if (item) deepen(p, x, item);
}

static void until_here(Parser *p, Expr *x) { x->at = fe_span_to(x->at, p->tok[-1].at); }

static bool at_end(const Parser *p) { return p->tok->kind == T_END || p->tok->kind == T_NEWLINE; }

static bool starts_expr(const Tok *t)
{
    return t->kind == T_NAME || t->kind == T_INT || t->kind == T_FLOAT || t->kind == T_STR;
}

/* The bracket that opened at `open` must close here. */
static void close(Parser *p, const Tok *open, const char *bracket)
{
    if (p->failed || fe_accept(p, bracket)) return;
    const Tok *t = p->tok;
    if (t->kind == T_ERROR) {
        fe_syntax_error(p, "");
    } else if (t->kind == T_END || t->kind == T_NEWLINE) {
        fe_report(p->diags, open->at, DG(never_closed), (int)open->at.len, open->text);
    } else if (starts_expr(t)) {
        fe_report(p->diags, t[-1].at, DG(comma));
        fe_help(p->diags, "write a comma between this and %s", describe(p, t));
    } else {
        fe_report(p->diags, t->at, DG(expected_close), bracket, describe(p, t));
        fe_note(p->diags, open->at, "the bracket opens here");
    }
    p->failed = true;
}

/* ---- atoms ---- */

static Expr *strings(Parser *p)
{
    const Tok *first = p->tok;
    Expr *x = fe_expr_new(p, first->bytes ? X_BYTES : X_STR, first->at);
    size_t len = 0;
    const Tok *t;
    bool formatted = false;
    for (t = first; t->kind == T_STR; t++) {
        len += t->str_len;
        formatted |= t->formatted;
    }
    if (formatted) {
        p->tok = t;
        return fe_formatted(p, first, t);
    }
    char *text = arena_alloc(p->arena, len + 1, 1);
    len = 0;
    for (; p->tok < t; p->tok++) {
        memcpy(text + len, p->tok->text, p->tok->str_len);
        len += p->tok->str_len;
    }
    x->text = text, x->text_len = (uint32_t)len;
    until_here(p, x);
    return x;
}

static Expr *element(Parser *p)
{
    if (!fe_at(p, "*")) return fe_expr(p);
    Expr *x = fe_expr_new(p, X_STAR, p->tok->at);
    p->tok++;
    fe_expr_add(p, x, fe_expr(p));
    until_here(p, x);
    return x;
}

/* Elements up to the closing bracket, at which it stops. True if there was a comma. */
static bool elements(Parser *p, Expr *x, const char *bracket)
{
    bool comma = false;
    while (!p->failed && !fe_at(p, bracket) && !at_end(p)) {
        fe_expr_add(p, x, element(p));
        if (x->n_item == 1 && fe_comprehension(p, x, *bracket == ']' ? '[' : '(')) return true;
        if (!fe_accept(p, ",")) break;
        comma = true;
    }
    return comma;
}

static Expr *parens(Parser *p)
{
    const Tok *open = p->tok++;
    Expr *x = fe_expr_new(p, X_TUPLE, open->at);
    bool comma = elements(p, x, ")");
    close(p, open, ")");
    until_here(p, x);
    if (x->kind == X_COMP) return x;
    if (x->n_item == 1 && !comma && x->item[0]->kind != X_STAR) {
        Expr *inner = x->item[0];
        inner->in_brackets = true;
        return inner;
    }
    return x;
}

static Expr *binary(Parser *p, int level);

static Expr *braces(Parser *p)
{
    const Tok *open = p->tok++;
    Expr *x = fe_expr_new(p, X_DICT, open->at);
    while (!p->failed && !fe_at(p, "}") && !at_end(p)) {
        if (fe_accept(p, "**")) {                  /* X_STAR and nothing: the entries of a dict */
            Expr *all = fe_expr_new(p, X_STAR, p->tok[-1].at);
            fe_expr_add(p, all, binary(p, 1));
            fe_expr_add(p, x, all);
            fe_expr_add(p, x, all);
            if (!fe_accept(p, ",")) break;
            continue;
        }
        fe_expr_add(p, x, element(p));
        if (x->n_item == 1 && !fe_at(p, ":")) x->kind = X_SET;
        if (x->n_item == 1 && x->kind == X_SET && fe_comprehension(p, x, '{')) break;
        if (x->kind == X_DICT) {
            if (!fe_accept(p, ":")) {
                fe_syntax_error(p, "expected ':' and a value");
                break;
            }
            fe_expr_add(p, x, fe_expr(p));
            if (x->n_item == 2 && fe_comprehension(p, x, ':')) break;
        }
        if (!fe_accept(p, ",")) break;
    }
    close(p, open, "}");
    until_here(p, x);
    return x;
}

static Expr *name(Parser *p)
{
    static const struct { const char *word; ExprKind kind; } words[] = {
        { "True", X_TRUE }, { "False", X_FALSE }, { "None", X_NONE },
    };
    static const char *const reserved[] = {
        "and",  "as",       "assert",  "break", "class", "continue", "def", "del",    "elif",
        "else", "except",   "finally", "for",   "from",  "global",   "if",  "import", "in",
        "is",   "nonlocal", "or",      "pass",  "raise", "return",   "try", "while",  "with"
    };
    const Tok *t = p->tok;
    if (fe_at(p, "lambda")) return fe_lambda(p);
    if (fe_at(p, "yield") || fe_at(p, "await")) {
        Expr *y = fe_refused(p, DIAG_yield, "generators are not in the language");
        p->tok++;
        fe_accept(p, "from");
        if (!fe_at(p, ")") && !at_end(p)) fe_exprs(p);
        return y;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(t->text, reserved[i]) == 0) {
            fe_syntax_error(p, "expected a value");
            return bad(p);
        }
    Expr *x = fe_expr_new(p, X_NAME, t->at);
    x->text = t->text;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(t->text, words[i].word) == 0) x->kind = words[i].kind;
    p->tok++;
    return x;
}

static Expr *atom(Parser *p)
{
    const Tok *t = p->tok;
    Expr *x;
    switch (t->kind) {
    case T_INT: case T_FLOAT:
        x = fe_expr_new(p, t->kind == T_INT ? X_INT : X_FLOAT, t->at);
        if (t->kind == T_INT) x->u.i = t->u.i;
        else x->u.f = t->u.f;
        p->tok++;
        return x;
    case T_STR: return strings(p);
    case T_NAME: return name(p);
    case T_OP:
        if (fe_at(p, "(")) return parens(p);
        if (fe_at(p, "{")) return braces(p);
        if (fe_at(p, "...")) {
            p->tok++;
            return fe_expr_new(p, X_ELLIPSIS, t->at);
        }
        if (fe_at(p, "[")) {
            x = fe_expr_new(p, X_LIST, t->at);
            p->tok++;
            elements(p, x, "]");
            close(p, t, "]");
            until_here(p, x);
            return x;
        }
        break;
    default: break;
    }
    fe_syntax_error(p, "expected a value");
    return bad(p);
}

/* ---- calls, attributes, indices ---- */

static void add_arg(Parser *p, Expr *x, Arg a)
{
    int n = x->n_arg;
    if ((n & (n - 1)) == 0)
        x->arg = arena_grow(p->arena, x->arg, (size_t)n, n ? (size_t)n * 2 : 1, sizeof *x->arg);
    x->arg[x->n_arg++] = a;
    deepen(p, x, a.value);
}

static Expr *call(Parser *p, Expr *of)
{
    Expr *x = fe_expr_new(p, X_CALL, of->at);
    const Tok *open = p->tok++;
    x->of = of;
    deepen(p, x, of);
    bool named = false;
    while (!p->failed && !fe_at(p, ")") && !at_end(p)) {
        Arg a = { .name_at = p->tok->at };
        if (fe_accept(p, "**")) a.stars = 2;
        else if (fe_accept(p, "*")) a.stars = 1;
        else if (p->tok->kind == T_NAME && fe_tok_is(p->tok + 1, "=")) {
            a.name = p->tok->text;
            p->tok += 2;
            named = true;
        } else if (named) {
            fe_report(p->diags, p->tok->at, DG(positional_after));
            p->failed = true;
            break;
        }
        a.value = fe_expr(p);
        if (x->n_arg == 0 && !a.name && !a.stars && fe_at(p, "for")) {
            Expr *all = fe_expr_new(p, X_TUPLE, a.value->at);
            fe_expr_add(p, all, a.value);
            fe_comprehension(p, all, '(');
            until_here(p, all);
            a.value = all;
        }
        add_arg(p, x, a);
        if (!fe_accept(p, ",")) break;
    }
    close(p, open, ")");
    until_here(p, x);
    return x;
}

static Expr *subscript_item(Parser *p)
{
    Expr *first = NULL;
    Span at = p->tok->at;
    if (!fe_at(p, ":")) first = element(p);
    if (!fe_at(p, ":")) return first;
    Expr *x = fe_expr_new(p, X_SLICE, at);
    fe_expr_add(p, x, first);
    for (int i = 0; i < 2 && fe_accept(p, ":"); i++)
        fe_expr_add(p, x, fe_at(p, ":") || fe_at(p, "]") || fe_at(p, ",") ? NULL : fe_expr(p));
    while (x->n_item < 3) fe_expr_add(p, x, NULL);
    until_here(p, x);
    return x;
}

static Expr *subscript(Parser *p, Expr *of)
{
    Expr *x = fe_expr_new(p, X_INDEX, of->at);
    const Tok *open = p->tok++;
    x->of = of;
    deepen(p, x, of);
    Expr *key = subscript_item(p);
    if (fe_at(p, ",")) {
        Expr *tuple = fe_expr_new(p, X_TUPLE, key->at);
        fe_expr_add(p, tuple, key);
        while (fe_accept(p, ",") && !fe_at(p, "]")) fe_expr_add(p, tuple, subscript_item(p));
        key = tuple;
    }
    fe_expr_add(p, x, key);
    close(p, open, "]");
    until_here(p, x);
    return x;
}

static Expr *postfix(Parser *p)
{
    Expr *x = atom(p);
    while (!p->failed) {
        if (fe_at(p, "(")) x = call(p, x);
        else if (fe_at(p, "[")) x = subscript(p, x);
        else if (fe_at(p, ".")) {
            p->tok++;
            if (p->tok->kind != T_NAME) {
                fe_syntax_error(p, "expected a name after '.'");
                return bad(p);
            }
            Expr *a = fe_expr_new(p, X_ATTR, x->at);
            a->of = x, a->text = p->tok->text, a->name_at = p->tok->at;
            deepen(p, a, x);
            p->tok++;
            until_here(p, a);
            x = a;
        } else return x;
    }
    return x;
}

/* ---- operators ---- */

static Expr *unary(Parser *p);

static Expr *join(Parser *p, ExprKind kind, Oper op, Expr *a, Expr *b)
{
    Expr *x = fe_expr_new(p, kind, fe_span_to(a->at, b->at));
    x->op = op;
    fe_expr_add(p, x, a);
    fe_expr_add(p, x, b);
    return x;
}

static bool enter(Parser *p)
{
    if (++p->depth <= FE_MAX_DEPTH) return true;
    if (!p->failed) fe_report(p->diags, p->tok->at, DG(too_deep), "expressions");
    p->failed = true;
    return false;
}

static Expr *power(Parser *p)
{
    Expr *x = postfix(p);
    if (!fe_accept(p, "**")) return x;
    Expr *y = enter(p) ? unary(p) : bad(p);
    p->depth--;
    return join(p, X_BINARY, O_POW, x, y);
}

static Expr *unary(Parser *p)
{
    Oper op = fe_at(p, "-") ? O_NEG : fe_at(p, "+") ? O_POS : fe_at(p, "~") ? O_INVERT : O_NONE;
    if (p->failed) return bad(p);
    if (op == O_NONE) return power(p);
    Expr *x = fe_expr_new(p, X_UNARY, p->tok->at);
    x->op = op;
    p->tok++;
    if (enter(p)) fe_expr_add(p, x, unary(p));
    else fe_expr_add(p, x, bad(p));
    p->depth--;
    until_here(p, x);
    return x;
}

static const struct { const char *text; Oper op; int level; } binaries[] = {
    { "|", O_BITOR, 1 }, { "^", O_BITXOR, 2 }, { "&", O_BITAND, 3 }, { "<<", O_SHL, 4 },
    { ">>", O_SHR, 4 }, { "+", O_ADD, 5 }, { "-", O_SUB, 5 }, { "*", O_MUL, 6 }, { "/", O_DIV, 6 },
    { "//", O_FLOORDIV, 6 }, { "%", O_MOD, 6 }, { "@", O_MATMUL, 6 },
};

static Expr *binary(Parser *p, int level)
{
    Expr *x = unary(p);
    while (!p->failed && p->tok->kind == T_OP) {
        size_t i = 0, n = sizeof binaries / sizeof *binaries;
        while (i < n && !(binaries[i].level >= level && fe_at(p, binaries[i].text))) i++;
        if (i == n) break;
        p->tok++;
        x = join(p, X_BINARY, binaries[i].op, x, binary(p, binaries[i].level + 1));
    }
    return x;
}

static Oper comparison_op(Parser *p)
{
    static const struct { const char *text; Oper op; } ops[] = {
        { "<", O_LT },  { "<=", O_LE }, { ">", O_GT },  { ">=", O_GE },
        { "==", O_EQ }, { "!=", O_NE }, { "in", O_IN }, { "is", O_IS },
    };
    if (fe_at(p, "not") && fe_tok_is(p->tok + 1, "in")) return p->tok += 2, O_NOT_IN;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (fe_accept(p, ops[i].text))
            return ops[i].op == O_IS && fe_accept(p, "not") ? O_IS_NOT : ops[i].op;
    return O_NONE;
}

static Expr *comparison(Parser *p)
{
    Expr *first = binary(p, 1), *x = NULL;
    for (Oper op; (op = comparison_op(p)) != O_NONE;) {
        if (!x) {
            x = fe_expr_new(p, X_COMPARE, first->at);
            fe_expr_add(p, x, first);
        }
        int n = x->n_item - 1;
        x->ops = arena_grow(p->arena, x->ops, (size_t)n, (size_t)n + 1, sizeof *x->ops);
        x->ops[n] = op;
        fe_expr_add(p, x, binary(p, 1));
        until_here(p, x);
        if (n >= FE_MAX_TREE)
            return (fe_report(p->diags, x->at, DG(too_deep), "comparisons"), p->failed = true, x);
    }
    return x ? x : first;
}

static Expr *not_test(Parser *p)
{
    if (p->failed) return bad(p);
    if (!fe_at(p, "not")) return comparison(p);
    Expr *x = fe_expr_new(p, X_UNARY, p->tok->at);
    x->op = O_NOT;
    p->tok++;
    if (enter(p)) fe_expr_add(p, x, not_test(p));
    else fe_expr_add(p, x, bad(p));
    p->depth--;
    until_here(p, x);
    return x;
}

static Expr *logical(Parser *p, bool or)
{
    Expr *x = or ? logical(p, false) : not_test(p);
    while (fe_accept(p, or ? "or" : "and"))
        x = join(p, or ? X_OR : X_AND, O_NONE, x, or ? logical(p, false) : not_test(p));
    return x;
}

Expr *fe_expr(Parser *p)
{
    if (p->failed) return bad(p);
    if (!enter(p)) {
        p->depth--;
        return bad(p);
    }
    Expr *x = logical(p, true);
    if (fe_at(p, ":=")) {
        x = fe_refused(p, DIAG_walrus, "`:=` is not in the language");
        p->tok++;
        fe_expr(p);
    }
    if (fe_accept(p, "if")) {
        Expr *cond = logical(p, true);
        if (!fe_accept(p, "else")) fe_syntax_error(p, "expected `else` of this conditional");
        Expr *c = join(p, X_COND, O_NONE, x, cond);
        fe_expr_add(p, c, fe_expr(p));
        until_here(p, c);
        x = c;
    }
    p->depth--;
    return x;
}

Expr *fe_simple(Parser *p) { return logical(p, true); }

static Expr *target(Parser *p)
{
    if (fe_at(p, "*") && !p->failed) {
        fe_report(p->diags, p->tok->at, DG(star_target));
        p->failed = true;
    }
    return postfix(p);
}

Expr *fe_targets(Parser *p)
{
    Expr *first = target(p);
    if (!fe_at(p, ",")) return first;
    Expr *x = fe_expr_new(p, X_TUPLE, first->at);
    fe_expr_add(p, x, first);
    while (fe_accept(p, ",") && !fe_at(p, "in"))
        fe_expr_add(p, x, target(p));
    until_here(p, x);
    return x;
}

Expr *fe_exprs(Parser *p)
{
    Expr *first = element(p);
    if (!fe_at(p, ",") && first->kind != X_STAR) return first;
    Expr *x = fe_expr_new(p, X_TUPLE, first->at);
    fe_expr_add(p, x, first);
    while (fe_accept(p, ",")) {
        if (p->tok->kind == T_NEWLINE || p->tok->kind == T_END || fe_at(p, "=")) break;
        fe_expr_add(p, x, element(p));
    }
    until_here(p, x);
    return x;
}
