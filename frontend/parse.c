/* frontend/parse.c: statements of the model language.
 *
 * Statements that belong to Python but not to the language are refused by name, with what to do
 * instead, and skipped by indentation; what they would have bound is remembered, so that one
 * mistake makes one message. The block under `if __name__ == "__main__":` is PyTorch's and is
 * skipped unread. */
#include "frontend/ast.h"
#include <string.h>

static void add_name(Parser *p, Stmt *s, const char *name)
{
    int n = s->n_bound;
    if ((n & (n - 1)) == 0)
        s->bound =
            arena_grow(p->arena, s->bound, (size_t)n, n ? (size_t)n * 2 : 1, sizeof *s->bound);
    s->bound[s->n_bound++] = name;
}

/* Skips to the end of the line and the block below it, noting assigned names in s (null: none). */
static void skip_statement(Parser *p, Stmt *s)
{
    int depth = 0;
    for (bool line_end = false; p->tok->kind != T_END; p->tok++) {
        TokKind k = p->tok->kind;
        if (k == T_DEDENT) depth--;
        if (line_end && k != T_INDENT && depth <= 0) {
            if (k == T_DEDENT && depth == 0) p->tok++;
            return;
        }
        if (k == T_INDENT) depth++;
        line_end = k == T_NEWLINE || k == T_DEDENT || (line_end && k == T_INDENT);
        if (s && k == T_NAME && (fe_tok_is(p->tok + 1, "=") || fe_tok_is(p->tok - 1, "as")
                                 || fe_tok_is(p->tok - 1, "for") || fe_tok_is(p->tok + 1, "in")
                                 || fe_tok_is(p->tok - 1, ",")))
            add_name(p, s, p->tok->text);
    }
}

static void skip_more_clauses(Parser *p, Stmt *s)
{
    while (fe_at(p, "elif") || fe_at(p, "else") || fe_at(p, "except") || fe_at(p, "finally"))
        skip_statement(p, s);
}

static bool is_main_guard(const Parser *p)
{
    const Tok *t = p->tok + 1;
    if (fe_tok_is(t, "(")) t++;
    const Tok *name = t->kind == T_NAME ? t : t + 2, *text = t->kind == T_NAME ? t + 2 : t;
    return (t->kind == T_NAME || t->kind == T_STR) && t[1].kind != T_END && fe_tok_is(t + 1, "==")
           && fe_tok_is(name, "__name__") && text->kind == T_STR
           && strcmp(text->text, "__main__") == 0;
}

static const struct { const char *word; DiagId id; const char *help; } refused[] = {
    { "for", DIAG_loop,
      "move a training loop under `if __name__ == \"__main__\":`; the generated program "
      "has its own: PROGRAM train --data …" },
    { "while", DIAG_loop,
      "move a training loop under `if __name__ == \"__main__\":`; the generated program "
      "has its own: PROGRAM train --data …" },
    { "if", DIAG_branch,
      "write the branch that is meant, use `a if c else b` on constants, or give the "
      "value with -D NAME=VALUE" },
    { "def", DIAG_function,
      "write its statements here; functions for PyTorch alone may stand under "
      "`if __name__ == \"__main__\":`" },
    { "class", DIAG_class, "describe the model with nn.Sequential(…)" },
    { "with", DIAG_with, "what only runs the model belongs under `if __name__ == \"__main__\":`" },
    { "try", DIAG_try, "write the branch that is meant" },
    { "async", DIAG_statement, NULL },
    { "@", DIAG_statement, NULL },
    { "del", DIAG_statement, NULL },
    { "assert", DIAG_statement, NULL },
    { "raise", DIAG_statement, NULL },
    { "global", DIAG_statement, NULL },
    { "nonlocal", DIAG_statement, NULL },
    { "return", DIAG_statement, NULL },
    { "break", DIAG_statement, NULL },
    { "continue", DIAG_statement, NULL },
    { "!", DIAG_statement, NULL },
};

/* A statement outside the language: its message, and past it. */
static bool refuse_statement(Parser *p, Stmt *s)
{
    const Tok *t = p->tok;
    size_t i = 0, n = sizeof refused / sizeof *refused;
    while (i < n && !fe_at(p, refused[i].word)) i++;
    if (i == n) return false;
    s->kind = S_REFUSED;
    if (refused[i].id == DIAG_branch && is_main_guard(p)) {
        skip_statement(p, NULL);
        return true;
    }
    switch (refused[i].id) {
    case DIAG_loop: fe_report(p->diags, t->at, DG(loop)); break;
    case DIAG_branch: fe_report(p->diags, t->at, DG(branch)); break;
    case DIAG_function:
        fe_report(p->diags, t->at, DG(function), t[1].kind == T_NAME ? t[1].text : "?");
        break;
    case DIAG_class:
        fe_report(p->diags, t->at, DG(class), t[1].kind == T_NAME ? t[1].text : "?");
        break;
    case DIAG_with: fe_report(p->diags, t->at, DG(with)); break;
    case DIAG_try: fe_report(p->diags, t->at, DG(try)); break;
    default: fe_report(p->diags, t->at, DG(statement), refused[i].word); break;
    }
    bool parameters = false;
    for (const Tok *k = t; k->kind != T_NEWLINE && k->kind != T_END; k++)
        parameters |= fe_tok_is(k, "parameters") || fe_tok_is(k, "named_parameters");
    if (refused[i].id == DIAG_loop && parameters)
        fe_help(p->diags, "write a line for each parameter: model[0].weight.requires_grad = False");
    else if (refused[i].help) fe_help(p->diags, "%s", refused[i].help);
    if (t[1].kind == T_NAME) add_name(p, s, t[1].text);
    skip_statement(p, s);
    skip_more_clauses(p, s);
    return true;
}

/* ---- imports ---- */

static const char *dotted(Parser *p)
{
    const char *path = "";
    for (;;) {
        if (p->tok->kind != T_NAME) {
            fe_syntax_error(p, "expected the name of a module");
            return path;
        }
        path = *path ? arena_printf(p->arena, "%s.%s", path, p->tok->text) : p->tok->text;
        p->tok++;
        if (strlen(path) > 200) fe_syntax_error(p, "this name is too long");
        if (!fe_accept(p, ".")) return path;
    }
}

static void add_import(Parser *p, Stmt *s, Import x)
{
    size_t n = (size_t)s->n_import;
    if ((n & (n - 1)) == 0)
        s->import = arena_grow(p->arena, s->import, n, n ? n * 2 : 1, sizeof *s->import);
    s->import[s->n_import++] = x;
}

static void import_items(Parser *p, Stmt *s, bool whole)
{
    do {
        if (fe_at(p, ")")) return;
        Import x = { .at = p->tok->at };
        if (!whole && fe_accept(p, "*")) x.path = "*";
        else x.path = dotted(p);
        if (p->failed) return;
        x.at = fe_span_to(x.at, p->tok[-1].at);
        if (fe_accept(p, "as")) {
            x.name = p->tok->text;
            if (p->tok->kind != T_NAME) fe_syntax_error(p, "expected a name after `as`");
            else p->tok++;
        }
        add_import(p, s, x);
    } while (fe_accept(p, ","));
}

static void import(Parser *p, Stmt *s)
{
    s->kind = fe_at(p, "from") ? S_FROM : S_IMPORT;
    p->tok++;
    if (s->kind == S_IMPORT) {
        import_items(p, s, true);
        return;
    }
    s->from_at = p->tok->at;
    if (fe_at(p, ".")) {
        fe_syntax_error(p, "a model file is one file: no relative imports");
        return;
    }
    s->from = dotted(p);
    s->from_at = fe_span_to(s->from_at, p->tok[-1].at);
    if (!fe_accept(p, "import")) {
        fe_syntax_error(p, "expected `import`");
        return;
    }
    bool brackets = fe_accept(p, "(");
    import_items(p, s, false);
    if (brackets && !fe_accept(p, ")")) fe_syntax_error(p, "expected ')' after the imported names");
}

/* ---- assignments and expressions ---- */

static void check_target(Parser *p, const Expr *x)
{
    if (p->failed || x->kind == X_NAME || x->kind == X_ATTR || x->kind == X_INDEX
        || x->kind == X_BAD)
        return;
    if (x->kind == X_TUPLE || x->kind == X_LIST) {
        for (int i = 0; i < x->n_item; i++) check_target(p, x->item[i]);
        return;
    }
    p->failed = true;
    if (x->kind == X_STAR) {
        fe_report(p->diags, x->at, DG(star_target));
        return;
    }
    fe_report(p->diags, x->at, DG(bad_target));
    if (x->kind == X_COMPARE || x->kind == X_BINARY)
        fe_help(p->diags, "a comparison is written `==`");
}

static const struct { const char *text; Oper op; } augmented[] = {
    { "+=", O_ADD }, { "-=", O_SUB }, { "*=", O_MUL }, { "/=", O_DIV }, { "//=", O_FLOORDIV },
    { "%=", O_MOD }, { "**=", O_POW }, { "@=", O_MATMUL }, { "&=", O_BITAND }, { "|=", O_BITOR },
    { "^=", O_BITXOR }, { "<<=", O_SHL }, { ">>=", O_SHR },
};

static void assignment(Parser *p, Stmt *s)
{
    s->kind = S_EXPR;
    s->value = fe_exprs(p);
    if (fe_accept(p, ":")) {                       /* an annotation: x: int = 3 */
        fe_expr(p);
        if (!fe_at(p, "=")) {
            s->kind = S_REFUSED;
            return;
        }
    }
    for (size_t i = 0; i < sizeof augmented / sizeof *augmented; i++)
        if (fe_accept(p, augmented[i].text)) {
            s->kind = S_AUGMENTED, s->op = augmented[i].op;
            s->target = arena_alloc(p->arena, 1, sizeof *s->target);
            s->target[s->n_target++] = s->value;
            check_target(p, s->value);
            s->value = fe_exprs(p);
            return;
        }
    while (fe_accept(p, "=")) {
        s->kind = S_ASSIGN;
        size_t n = (size_t)s->n_target;
        s->target = arena_grow(p->arena, s->target, n, n + 1, sizeof *s->target);
        s->target[s->n_target++] = s->value;
        check_target(p, s->value);
        if (s->n_target > FE_MAX_TREE) fe_syntax_error(p, "too many targets");
        s->value = fe_exprs(p);
    }
}

static Stmt *add_stmt(Parser *p, Script *c)
{
    if (c->n_stmt == c->cap_stmt) {
        int cap = c->cap_stmt ? 2 * c->cap_stmt : 32;
        c->stmt = arena_grow(p->arena, c->stmt, (size_t)c->cap_stmt, (size_t)cap, sizeof *c->stmt);
        c->cap_stmt = cap;
    }
    Stmt *s = &c->stmt[c->n_stmt++];
    *s = (Stmt){ .at = p->tok->at };
    return s;
}

/* A line that begins with ! or % is a notebook's, not Python's. */
static bool notebook_line(Parser *p)
{
    const Tok *t = p->tok;
    bool mark = (t->kind == T_ERROR && t->u.error == DIAG_bad_char
                 && (strcmp(t->text, "'!'") == 0 || strcmp(t->text, "'?'") == 0)) || fe_at(p, "%");
    if (!mark) return false;
    fe_report(p->diags, t->at, DG(notebook));
    fe_help(p->diags, "remove the line");
    return true;
}

/* Names that a broken statement would have assigned. */
static void broken(Parser *p, Stmt *s, const Tok *first)
{
    s->kind = S_REFUSED;
    for (const Tok *t = first; t <= p->tok && t->kind == T_NAME; t += 2) {
        add_name(p, s, t->text);
        if (!fe_tok_is(t + 1, ",")) break;
    }
    while (p->tok->kind != T_NEWLINE && p->tok->kind != T_END) p->tok++;
}

static void statement(Parser *p, Script *c)
{
    const Tok *first = p->tok;
    p->failed = false;
    p->depth = 0;
    Stmt *s = add_stmt(p, c);
    if (notebook_line(p)) {
        s->kind = S_REFUSED;
        skip_statement(p, NULL);
        return;
    }
    if (refuse_statement(p, s)) return;
    if (fe_accept(p, "pass")) s->kind = S_REFUSED;
    else if (fe_at(p, "import") || fe_at(p, "from")) import(p, s);
    else assignment(p, s);
    if (!p->failed && !fe_at(p, ";") && p->tok->kind != T_NEWLINE)
        fe_syntax_error(p, "expected the end of the statement");
    if (p->failed) broken(p, s, first);
    s->at = p->tok > first ? fe_span_to(first->at, p->tok[-1].at) : first->at;
    if (!fe_accept(p, ";") && p->tok->kind == T_NEWLINE) p->tok++;
    p->failed = false;
    if (p->tok->kind == T_INDENT) {
        fe_report(p->diags, p->tok->at, DG(indented));
        fe_help(p->diags, "remove the blanks at the start of the line");
    }
}

Script fe_parse(FeDiags *d, uint16_t src, Arena *a)
{
    Toks toks = fe_lex(d, src, a);
    Parser p = { .diags = d, .arena = a, .src = src, .tok = toks.tok + 1 };
    Script c = { 0 };
    if (p.tok->kind == T_INDENT) {
        fe_report(d, p.tok->at, DG(indented));
        fe_help(d, "remove the blanks at the start of every line");
    }
    while (p.tok->kind != T_END) {
        if (p.tok->kind == T_NEWLINE || p.tok->kind == T_INDENT || p.tok->kind == T_DEDENT) p.tok++;
        else statement(&p, &c);
    }
    return c;
}

Expr *fe_parse_expr(FeDiags *d, uint16_t src, Arena *a)
{
    Toks toks = fe_lex(d, src, a);
    Parser p = { .diags = d, .arena = a, .src = src, .tok = toks.tok + 1 };
    if (p.tok->kind == T_INDENT) p.tok++;
    Expr *x = fe_exprs(&p);
    if (!p.failed && p.tok->kind != T_NEWLINE)
        fe_syntax_error(&p, "expected the end of the expression");
    return p.failed ? fe_expr_new(&p, X_BAD, x->at) : x;
}
