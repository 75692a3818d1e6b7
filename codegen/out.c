/* codegen/out.c: growing text with indentation, templates, and the three gates for users' text. */
#include "codegen/out.h"
#include "ir/ir.h"
#include <ctype.h>
#include <string.h>

struct Out {
    Arena *arena;
    char *text;
    size_t len, cap;
    int depth;
};

Out *out_new(Arena *a)
{
    Out *o = arena_alloc(a, 1, sizeof *o);
    o->arena = a;
    o->cap = 4096;
    o->text = arena_alloc(a, o->cap, 1);
    return o;
}

Out *out_beside(Arena *a, const Out *o)
{
    Out *beside = out_new(a);
    beside->depth = o->depth;
    return beside;
}

const char *out_text(const Out *o) { return o->text; }

static void put(Out *o, const char *s, size_t len)
{
    if (o->len + len + 1 > o->cap) {
        size_t cap = (o->len + len + 1) * 2;
        o->text = arena_grow(o->arena, o->text, o->len, cap, 1);
        o->cap = cap;
    }
    memcpy(o->text + o->len, s, len);
    o->len += len;
    o->text[o->len] = '\0';
}

void out_raw(Out *o, const char *text) { put(o, text, strlen(text)); }

static void indent(Out *o)
{
    for (int i = 0; i < o->depth; i++) put(o, "    ", 4);
}

static void put_line(Out *o, const char *s, size_t len, const char *end)
{
    if (len && s[0] != '#') indent(o);
    put(o, s, len);
    out_raw(o, end);
}

static const char *format(Out *o, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) ir_die(NULL, "out: a line that cannot be formatted");
    char *s = arena_alloc(o->arena, (size_t)n + 1, 1);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    return s;
}

void out_line(Out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = format(o, fmt, ap);
    va_end(ap);
    put_line(o, s, strlen(s), "\n");
}

void out_open(Out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = format(o, fmt, ap);
    va_end(ap);
    if (*s) put_line(o, s, strlen(s), " {\n");
    else put_line(o, "{", 1, "\n");
    o->depth++;
}

void out_close(Out *o, const char *after)
{
    o->depth--;
    indent(o);
    out_raw(o, "}");
    out_raw(o, after);
    out_raw(o, "\n");
}

void out_deeper(Out *o, int by) { o->depth += by; }

static bool word_char(char c) { return isalnum((unsigned char)c) || c == '_'; }

static const char *hole_text(const char *name, size_t len, const Hole *holes, int n)
{
    for (int i = 0; i < n; i++)
        if (strlen(holes[i].name) == len && !strncmp(holes[i].name, name, len))
            return holes[i].text;
    ir_die(NULL, "out: a template asks for $%.*s", (int)len, name);
}

void out_template(Out *o, const char *text, const Hole *holes, int n)
{
    for (bool start = true; *text; start = text[-1] == '\n') {
        if (start && *text != '\n' && *text != '#') indent(o);
        const char *end = text + strcspn(text, "$\n");
        put(o, text, (size_t)(end - text));
        text = end;
        if (*text == '\n') {
            put(o, text++, 1);
        } else if (*text == '$') {
            const char *name = ++text;
            while (word_char(*text)) text++;
            if (text == name) put(o, "$", 1);            /* other languages have it, too */
            else out_raw(o, hole_text(name, (size_t)(text - name), holes, n));
        }
    }
}

bool out_mentions(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *s = text; (s = strstr(s, word)) != NULL; s += len)
        if ((s == text || (!word_char(s[-1]) && s[-1] != '.')) && !word_char(s[len]))
            return true;
    return false;
}

/* ---- users' text ---- */

const char *out_comment(Arena *a, const char *s)
{
    size_t len = strlen(s);
    char *r = arena_alloc(a, len + 1, 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\' && c != '?';
        bool ends = (c == '/' && i && s[i - 1] == '*') || (c == '*' && i && s[i - 1] == '/');
        r[i] = plain && !ends ? (char)c : c == '?' ? '?' : '_';
        if (c == '?' && i && s[i - 1] == '?') r[i] = '_';       /* no trigraphs */
    }
    return r;
}

const char *out_string(Arena *a, const char *s)
{
    if (!s) return "0";
    char *r = arena_alloc(a, strlen(s) * 4 + 3, 1), *w = r;
    *w++ = '"';
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            *w++ = '\\';
            *w++ = (char)c;
        } else if (c >= 0x20 && c < 0x7f && c != '?') {
            *w++ = (char)c;
        } else {                             /* octal: ends after three digits, unlike \x */
            w += snprintf(w, 5, "\\%03o", c);
        }
    }
    *w = '"';
    return r;
}

const char *out_ident(Arena *a, const char *s)
{
    size_t len = strlen(s);
    char *r = arena_alloc(a, len + 2, 1), *w = r;
    if (!len || isdigit((unsigned char)*s)) *w++ = '_';
    for (; *s; s++)
        *w++ = ((unsigned char)*s < 0x80 && word_char(*s)) ? *s : '_';
    return r;
}
