/* frontend/parse_fstr.c: f-strings: text with fields {value!r:format}.
 *
 * The expressions are read from their place in the source, so that a message about one points
 * there. A format may hold fields itself, one level deep, as in Python. */
#include "frontend/ast.h"
#include <string.h>

typedef struct Field { size_t end, colon, mark; bool equals; } Field;

/* From after the brace: where the expression ends (colon, mark, brace). False: it never ends. */
static bool find_field(const char *s, size_t at, size_t end, Field *f)
{
    int depth = 0;
    char quote = 0;
    *f = (Field){ 0 };
    for (size_t i = at; i < end; i++) {
        char c = s[i];
        if (f->colon) {                          /* inside the format only braces count */
            depth += c == '{';
            if (c == '}' && depth-- == 0) return f->end = i, true;
        } else if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (strchr("([{", c)) {
            depth++;
        } else if (c == '}' && depth == 0) {
            return f->end = i, true;
        } else if (strchr(")]}", c)) {
            depth--;
        } else if (depth == 0 && c == ':') {
            f->colon = i;
        } else if (depth == 0 && c == '!' && i + 1 < end && s[i + 1] != '=') {
            f->mark = i;
        }
    }
    return false;
}

static Expr *text_part(Parser *p, const char *s, size_t n, bool raw, Span at)
{
    size_t len;
    Expr *x = fe_expr_new(p, X_STR, at);
    char *text = fe_unescape(p->arena, s, n, raw, &len);
    size_t k = 0;
    for (size_t i = 0; i < len; i++) {           /* {{ and }} are braces */
        if ((text[i] == '{' || text[i] == '}') && i + 1 < len && text[i + 1] == text[i]) i++;
        text[k++] = text[i];
    }
    text[k] = 0;
    x->text = text, x->text_len = (uint32_t)k;
    return x;
}

static void cut(Parser *p, Expr *x, size_t at, size_t end, bool raw, int level);

/* The expression in the bytes of a field, with the parser set aside. */
static Expr *value_part(Parser *p, size_t at, size_t end)
{
    Toks toks = fe_lex_part(p->diags, p->src, at, end, p->arena);
    const Tok *here = p->tok;
    p->tok = toks.tok + 1;
    Expr *v = fe_exprs(p);
    if (!p->failed && p->tok->kind != T_END) fe_syntax_error(p, "expected the end of this field");
    p->tok = here;
    return v;
}

static void field(Parser *p, Expr *x, size_t at, const Field *f, bool raw, int level)
{
    size_t len, stop = f->mark ? f->mark : f->colon ? f->colon : f->end, last = stop;
    const char *s = fe_source_text(p->diags, p->src, &len);
    while (last > at && (s[last - 1] == ' ' || s[last - 1] == '\t')) last--;
    bool equals = last > at + 1 && s[last - 1] == '=' && !strchr("=!<>", s[last - 2]);
    if (equals) {                                /* {x=} says its own text first */
        Span all = { p->src, (uint32_t)at, (uint32_t)(stop - at) };
        fe_expr_add(p, x, text_part(p, s + at, stop - at, true, all));
        stop = last - 1;
    }
    Expr *part = fe_expr_new(p, X_FIELD, (Span){ p->src, (uint32_t)at, (uint32_t)(f->end - at) });
    fe_expr_add(p, part, value_part(p, at, stop));
    part->u.i = f->mark ? s[f->mark + 1] : equals && !f->colon ? 'r' : 0;
    if (part->u.i && !strchr("rsa", (int)part->u.i) && !p->failed) {
        fe_report(p->diags, part->at, DG(fstring));
        p->failed = true;
    }
    if (f->colon) {
        Expr *format = fe_expr_new(p, X_FSTR, part->at);
        cut(p, format, f->colon + 1, f->end, raw, level + 1);
        fe_expr_add(p, part, format);
    }
    fe_expr_add(p, x, part);
}

static void cut(Parser *p, Expr *x, size_t at, size_t end, bool raw, int level)
{
    size_t len, from = at;
    const char *s = fe_source_text(p->diags, p->src, &len);
    while (at < end && !p->failed) {
        Field f;
        bool brace = s[at] == '{' || s[at] == '}';
        if (!brace || (at + 1 < end && s[at + 1] == s[at] && level == 0)) {
            at += brace ? 2 : 1;
            continue;
        }
        Span here = { p->src, (uint32_t)at, 1 };
        if (at > from) fe_expr_add(p, x, text_part(p, s + from, at - from, raw, here));
        if (s[at] == '}' || level > 1 || !find_field(s, at + 1, end, &f) || f.end == at + 1) {
            fe_report(p->diags, here, DG(fstring));
            fe_help(p->diags, "a brace that is text is written twice: {{ or }}");
            p->failed = true;
            return;
        }
        field(p, x, at + 1, &f, raw, level);
        from = at = f.end + 1;
    }
    if (end > from && !p->failed)
        fe_expr_add(p, x, text_part(p, s + from, end - from, raw, x->at));
}

Expr *fe_formatted(Parser *p, const Tok *first, const Tok *end)
{
    size_t len;
    const char *s = fe_source_text(p->diags, p->src, &len);
    Expr *x = fe_expr_new(p, X_FSTR, fe_span_to(first->at, end[-1].at));
    for (const Tok *t = first; t < end && !p->failed; t++) {
        size_t at = t->at.at, stop = at + t->at.len;
        bool raw = false;
        if (!t->formatted) {
            Expr *part = fe_expr_new(p, X_STR, t->at);
            part->text = t->text, part->text_len = t->str_len;
            fe_expr_add(p, x, part);
            continue;
        }
        for (; s[at] != '"' && s[at] != '\''; at++) raw |= (s[at] | 32) == 'r';
        size_t quotes = stop - at >= 6 && s[at + 1] == s[at] && s[at + 2] == s[at] ? 3 : 1;
        cut(p, x, at + quotes, stop - quotes, raw, 0);
    }
    return x;
}
