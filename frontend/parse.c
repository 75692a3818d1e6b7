/* frontend/parse.c: statements of the model language.
 *
 * Statements that belong to Python but not to the language are skipped by indentation and refused
 * when they run: a function that nobody calls may hold them. What they would have bound is
 * remembered, so that one mistake makes one message. The block under `if __name__ ==
 * "__main__":` is PyTorch's and is skipped unread. */
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

static const char main_guard[] =
    "move a training loop under `if __name__ == \"__main__\":`; the generated program "
    "has its own: PROGRAM train --data …";
const char fe_only_runs[] =
    "what only runs the model belongs under `if __name__ == \"__main__\":`";

static const struct { const char *word; DiagId id; const char *help; } refused[] = {
    { "with", DIAG_with, fe_only_runs },
    { "try", DIAG_try, "write the branch that is meant" },
    { "async", DIAG_statement, NULL },
    { "global", DIAG_statement, "give the function a parameter, and return what changes" },
    { "nonlocal", DIAG_statement, "give the function a parameter, and return what changes" },
};

/* A statement outside the language: kept to be refused when it runs, and past it. */
static bool refuse_statement(Parser *p, Stmt *s)
{
    const Tok *t = p->tok;
    size_t i = 0, n = sizeof refused / sizeof *refused;
    while (i < n && !fe_at(p, refused[i].word)) i++;
    if (i == n) return false;
    *s = (Stmt){ .kind = S_REFUSED, .at = t->at, .refused = refused[i].id,
                 .word = refused[i].word, .help = refused[i].help };
    if (t[1].kind == T_NAME) add_name(p, s, t[1].text);
    skip_statement(p, s);
    skip_more_clauses(p, s);
    return true;
}

/* ---- blocks ---- */

static void statement(Parser *p, Script *c);
static void simple_statement(Parser *p, Script *c);

/* After the colon: the rest of the line, or the indented lines below. */
static void block(Parser *p, Script *c)
{
    if (!fe_accept(p, ":")) {
        fe_syntax_error(p, "expected ':'");
        return;
    }
    if (p->tok->kind != T_NEWLINE) {
        bool more = true;
        while (more && !p->failed) {
            simple_statement(p, c);
            more = p->tok[-1].kind == T_OP && fe_tok_is(p->tok - 1, ";")
                && p->tok->kind != T_NEWLINE && p->tok->kind != T_END;
        }
        p->failed = false;
        return;
    }
    p->tok++;
    if (p->tok->kind != T_INDENT) {
        fe_syntax_error(p, "expected an indented block");
        p->tok--;
        return;
    }
    p->tok++;
    while (p->tok->kind != T_DEDENT && p->tok->kind != T_END) {
        if (p->tok->kind == T_NEWLINE || p->tok->kind == T_INDENT) p->tok++;
        else statement(p, c);
    }
    if (p->tok->kind == T_DEDENT) p->tok++;
    p->failed = false;
}

static Stmt *add_stmt(Parser *p, Script *c)
{
    if (c->n_stmt == c->cap_stmt) {
        int cap = c->cap_stmt ? 2 * c->cap_stmt : 8;
        c->stmt = arena_grow(p->arena, c->stmt, (size_t)c->cap_stmt, (size_t)cap, sizeof *c->stmt);
        c->cap_stmt = cap;
    }
    Stmt *s = &c->stmt[c->n_stmt++];
    *s = (Stmt){ .at = p->tok->at, .refused = DIAG_COUNT };
    return s;
}

/* Past a header that is no Python, and the block below it. */
static void skip_broken(Parser *p, Stmt *s)
{
    s->kind = S_REFUSED;
    s->refused = DIAG_COUNT;
    skip_statement(p, s);
    p->failed = false;
}

/* An `elif` is an `if` that is all of the `else`; long chains are no deep recursion. */
static void if_statement(Parser *p, Stmt *s)
{
    for (;;) {
        s->kind = S_IF;
        p->tok++;
        s->value = fe_expr(p);
        bool names = !p->failed && fe_at(p, ",");
        block(p, &s->body);
        if (names) fe_help(p->diags, "a loop over names begins with `for`");
        if (p->failed) {
            skip_broken(p, s);
            return;
        }
        if (!fe_at(p, "elif")) break;
        Script *other = &s->other;
        s = add_stmt(p, other);
    }
    if (!fe_accept(p, "else")) return;
    block(p, &s->other);
    if (p->failed) skip_broken(p, s);
}

/* Does the statement here take training steps? Such a loop is not read further. */
static bool trains(const Parser *p)
{
    static const char *const words[] = { "backward", "zero_grad", "step" };
    int depth = 0;
    bool line_end = false;
    for (const Tok *t = p->tok; t->kind != T_END; t++) {
        if (t->kind == T_DEDENT) depth--;
        if (line_end && t->kind != T_INDENT && depth <= 0) return false;
        if (t->kind == T_INDENT) depth++;
        line_end = t->kind == T_NEWLINE || t->kind == T_DEDENT || (line_end && t->kind == T_INDENT);
        if (t->kind != T_NAME || !fe_tok_is(t - 1, ".")) continue;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strcmp(t->text, words[i]) == 0) return true;
    }
    return false;
}

static void check_target(Parser *p, const Expr *x);

static void loop_statement(Parser *p, Stmt *s)
{
    if (trains(p)) {
        s->kind = S_REFUSED;
        s->refused = DIAG_loop, s->help = main_guard;
        skip_statement(p, s);
        skip_more_clauses(p, s);
        return;
    }
    bool is_for = fe_at(p, "for");
    s->kind = is_for ? S_FOR : S_WHILE;
    p->tok++;
    if (is_for) {
        s->target = arena_alloc(p->arena, 1, sizeof *s->target);
        s->target[s->n_target++] = fe_targets(p);
        check_target(p, s->target[0]);
        if (!p->failed && !fe_accept(p, "in")) fe_syntax_error(p, "expected `in`");
        s->value = fe_exprs(p);
    } else {
        s->value = fe_expr(p);
    }
    s->at = fe_span_to(s->at, p->tok[-1].at);
    p->loops++;
    block(p, &s->body);
    p->loops--;
    if (!p->failed && fe_accept(p, "else")) block(p, &s->other);
    if (p->failed) skip_broken(p, s);
}

/* `with` of one thing without a name: whether it is one of those that are known is seen when it runs. False:
 * nothing was read. */
static bool with_statement(Parser *p, Stmt *s)
{
    const Tok *first = p->tok++;
    s->kind = S_WITH;
    s->value = fe_expr(p);
    if (!p->failed && !fe_at(p, ":")) {
        p->tok = first;
        return false;
    }
    block(p, &s->body);
    if (p->failed) skip_broken(p, s);
    return true;
}

/* @expression lines before a def or class. */
typedef struct Decorators { Expr **item; int n; } Decorators;

static void def_statement(Parser *p, Stmt *s, Decorators by)
{
    FuncDef *f = arena_alloc(p->arena, 1, sizeof *f), *outer = p->fn;
    int loops = p->loops;
    s->kind = S_DEF;
    s->fn = f;
    p->tok++;
    *f = (FuncDef){ .name = p->tok->text, .at = p->tok->at, .decorator = by.item,
                    .n_decorator = by.n };
    if (p->tok->kind == T_NAME) p->tok++;
    else fe_syntax_error(p, "expected the name of the function");
    if (!p->failed) fe_local(p, f->name);
    if (!p->failed && !fe_accept(p, "(")) fe_syntax_error(p, "expected '('");
    fe_params(p, f, ")");
    if (!p->failed && !fe_accept(p, ")")) fe_syntax_error(p, "expected ')'");
    if (fe_accept(p, "->")) fe_expr(p);
    p->fn = f;
    p->loops = 0;
    for (int i = 0; i < f->n_param; i++) fe_local(p, f->param[i].name);
    block(p, &f->body);
    p->fn = outer;
    p->loops = loops;
    if (!p->failed) return;
    if (f->name) add_name(p, s, f->name);
    skip_broken(p, s);
}

/* The names that the body assigns are the class's, not those of a function around it. */
static void class_statement(Parser *p, Stmt *s, bool decorated)
{
    ClassDef *c = arena_alloc(p->arena, 1, sizeof *c);
    FuncDef *outer = p->fn;
    s->kind = S_CLASS;
    s->cls = c;
    p->tok++;
    *c = (ClassDef){ .name = p->tok->text, .at = p->tok->at, .decorated = decorated };
    if (p->tok->kind == T_NAME) p->tok++;
    else fe_syntax_error(p, "expected the name of the class");
    if (!p->failed) fe_local(p, c->name);
    if (!p->failed && fe_accept(p, "(")) {
        while (!p->failed && !fe_at(p, ")")) {
            c->base = arena_grow(p->arena, c->base, (size_t)c->n_base, (size_t)c->n_base + 1,
                                 sizeof *c->base);
            c->base[c->n_base++] = fe_expr(p);
            if (!fe_accept(p, ",")) break;
        }
        if (!p->failed && !fe_accept(p, ")")) fe_syntax_error(p, "expected ')'");
    }
    p->fn = NULL;
    block(p, &c->body);
    p->fn = outer;
    if (!p->failed) return;
    if (c->name) add_name(p, s, c->name);
    skip_broken(p, s);
}

/* Statements that hold blocks. */
static bool compound(Parser *p, Script *c)
{
    Decorators by = { NULL, 0 };
    const Tok *first = p->tok;
    while (p->tok->kind == T_OP && fe_at(p, "@")) {
        p->tok++;
        by.item = arena_grow(p->arena, by.item, (size_t)by.n, (size_t)by.n + 1, sizeof *by.item);
        by.item[by.n++] = fe_expr(p);
        if (p->failed || p->tok->kind != T_NEWLINE) break;
        p->tok++;
    }
    if (by.n && !p->failed && !fe_at(p, "def") && !fe_at(p, "class"))
        fe_syntax_error(p, "expected `def` or `class` after a decorator");
    Stmt *s = add_stmt(p, c);
    if (p->failed) {
        s->at = first->at;
        skip_broken(p, s);
        return true;
    }
    if (fe_at(p, "if") && !p->fn && is_main_guard(p)) {
        s->kind = S_PASS;
        skip_statement(p, NULL);
        skip_more_clauses(p, NULL);
    } else if (fe_at(p, "if")) if_statement(p, s);
    else if (fe_at(p, "for") || fe_at(p, "while")) loop_statement(p, s);
    else if (fe_at(p, "with") && with_statement(p, s)) return true;
    else if (fe_at(p, "def")) def_statement(p, s, by);
    else if (fe_at(p, "class")) class_statement(p, s, by.n > 0);
    else if (!refuse_statement(p, s)) {
        c->n_stmt--;
        return false;
    }
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
        if (strcmp(x.path, "*") != 0)
            fe_local(p, x.name ? x.name : arena_strn(p->arena, x.path, strcspn(x.path, ".")));
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
    if (x->kind == X_NAME) fe_local(p, x->text);
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
            s->kind = S_PASS;
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

static void outside(Parser *p, const char *what)
{
    fe_report(p->diags, p->tok->at, DG(outside), p->tok->text, what);
    p->failed = true;
}

/* The words that begin a statement without a block. */
static bool word_statement(Parser *p, Stmt *s)
{
    const Tok *t = p->tok;
    bool ends = t[1].kind == T_NEWLINE || fe_tok_is(t + 1, ";");
    if (fe_accept(p, "pass")) s->kind = S_PASS;
    else if (fe_at(p, "break") || fe_at(p, "continue")) {
        s->kind = fe_at(p, "break") ? S_BREAK : S_CONTINUE;
        if (p->loops == 0) outside(p, "a loop");
        p->tok++;
    } else if (fe_at(p, "return")) {
        s->kind = S_RETURN;
        if (!p->fn) outside(p, "a function");
        p->tok++;
        if (!ends) s->value = fe_exprs(p);
    } else if (fe_accept(p, "raise")) {
        s->kind = S_RAISE;
        if (!ends) s->value = fe_exprs(p);
        if (fe_accept(p, "from")) fe_expr(p);
    } else if (fe_accept(p, "assert")) {
        s->kind = S_ASSERT;
        s->value = fe_expr(p);
        if (fe_accept(p, ",")) s->message = fe_expr(p);
    } else if (fe_accept(p, "del")) {
        s->kind = S_DEL;
        s->target = arena_alloc(p->arena, 1, sizeof *s->target);
        s->target[s->n_target++] = fe_exprs(p);
        check_target(p, s->target[0]);
    } else return false;
    return true;
}

static void simple_statement(Parser *p, Script *c)
{
    const Tok *first = p->tok;
    Stmt *s = add_stmt(p, c);
    if (fe_at(p, "import") || fe_at(p, "from")) import(p, s);
    else if (!word_statement(p, s)) assignment(p, s);
    if (!p->failed && !fe_at(p, ";") && p->tok->kind != T_NEWLINE)
        fe_syntax_error(p, "expected the end of the statement");
    if (p->failed) broken(p, s, first);
    s->at = p->tok > first ? fe_span_to(first->at, p->tok[-1].at) : first->at;
    if (!fe_accept(p, ";") && p->tok->kind == T_NEWLINE) p->tok++;
}

static void statement(Parser *p, Script *c)
{
    p->failed = false;
    p->depth = 0;
    if (notebook_line(p)) {
        Stmt *s = add_stmt(p, c);
        s->kind = S_REFUSED;
        skip_statement(p, NULL);
        return;
    }
    if (compound(p, c)) return;
    simple_statement(p, c);
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
