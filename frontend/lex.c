/* frontend/lex.c: cuts Python text into tokens, any bytes.
 *
 * Follows "Lexical analysis" of the Python language reference, without its parts that the model
 * language has no use for: integers have 63 bits, complex numbers are refused. */
#include "frontend/lex.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_INDENT = 100, MAX_NUMBER = 400 };

typedef struct Lexer {
    FeDiags *diags;
    Arena *arena;
    const char *s;
    size_t n, at;
    uint16_t src;
    Tok *tok;
    uint32_t count, cap;
    int brackets, n_indent;
    uint32_t indent[MAX_INDENT];
} Lexer;

bool fe_tok_is(const Tok *t, const char *op)
{
    size_t n = strlen(op);
    return (t->kind == T_OP && t->op_len == n && memcmp(t->text, op, n) == 0)
        || (t->kind == T_NAME && strcmp(t->text, op) == 0);
}

static Tok *push(Lexer *l, TokKind kind, size_t from, size_t to)
{
    if (l->count == l->cap) {
        uint32_t cap = l->cap ? 2 * l->cap : 256;
        l->tok = arena_grow(l->arena, l->tok, l->cap, cap, sizeof *l->tok);
        l->cap = cap;
    }
    Tok *t = &l->tok[l->count++];
    *t = (Tok){ .kind = kind, .at = { l->src, (uint32_t)from, (uint32_t)(to - from) } };
    return t;
}

static void push_error(Lexer *l, DiagId id, size_t from, size_t to, const char *detail)
{
    Tok *t = push(l, T_ERROR, from, to);
    t->u.error = id;
    t->text = detail;
}

static int peek(const Lexer *l, size_t ahead)
{
    return l->at + ahead < l->n ? (unsigned char)l->s[l->at + ahead] : 0;
}

static bool is_digit(int c) { return c >= '0' && c <= '9'; }
static bool is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}
static int hex_value(int c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* ---- numbers ---- */

static void whole_number(Lexer *l, size_t from, const char *digits, int base)
{
    int64_t v = 0;
    for (const char *p = digits; *p; p++) {
        int64_t d = hex_value((unsigned char)*p);
        if (d >= base) {
            push_error(l, DIAG_bad_number, from, l->at, "");
            return;
        }
        if (v > (INT64_MAX - d) / base) {
            push_error(l, DIAG_big_number, from, l->at, "");
            return;
        }
        v = v * base + d;
    }
    push(l, T_INT, from, l->at)->u.i = v;
}

static void number(Lexer *l)
{
    char digits[MAX_NUMBER + 1];
    size_t from = l->at, k = 0;
    int base = 10, c1 = peek(l, 1) | 32;
    bool real = false;
    if (peek(l, 0) == '0' && (c1 == 'x' || c1 == 'o' || c1 == 'b')) {
        base = c1 == 'x' ? 16 : c1 == 'o' ? 8 : 2;
        l->at += 2;
    }
    for (;; l->at++) {
        int c = peek(l, 0);
        bool sign = base == 10 && (c == '+' || c == '-') && k > 0 && (digits[k - 1] | 32) == 'e';
        if (!is_name(c) && !sign && !(c == '.' && base == 10)) break;
        if (c == '_') continue;
        if (base == 10 && (c == '.' || (c | 32) == 'e')) real = true;
        if (k < MAX_NUMBER) digits[k] = (char)c;
        k++;
    }
    digits[k < MAX_NUMBER ? k : MAX_NUMBER] = 0;
    if (k == 0 || k > MAX_NUMBER || (base == 10 && (digits[k - 1] | 32) == 'j')) {
        push_error(l, DIAG_bad_number, from, l->at, "");
    } else if (!real) {
        whole_number(l, from, digits, base);
    } else {
        char *end;
        double v = strtod(digits, &end);
        if (*end) push_error(l, DIAG_bad_number, from, l->at, "");
        else push(l, T_FLOAT, from, l->at)->u.f = v;
    }
}

/* ---- strings ---- */

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) return to[0] = (char)c, 1;
    if (c < 0x800) return to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63));
        return to[2] = (char)(0x80 | (c & 63)), 3;
    }
    to[0] = (char)(0xf0 | c >> 18), to[1] = (char)(0x80 | (c >> 12 & 63));
    return to[2] = (char)(0x80 | (c >> 6 & 63)), to[3] = (char)(0x80 | (c & 63)), 4;
}

/* One escape after the backslash at s[0]; returns the bytes it took and writes at most 4. 0: Python
 * refuses it too, or it is a character by its name, a zero byte or half a character, which no text
 * here holds. */
static size_t escape(const char *s, size_t n, char *to, size_t *wrote)
{
    static const char from[] = "\\'\"abfnrtv", value[] = "\\'\"\a\b\f\n\r\t\v";
    int c = n > 1 ? (unsigned char)s[1] : 0;
    const char *p = c ? strchr(from, c) : NULL;
    if (p) return to[0] = value[p - from], *wrote = 1, 2;
    if (c == '\n') return *wrote = 0, 2;
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0, i = 0, from_digit = 2;
    uint32_t v = 0, base = 16;
    if (digits == 0 && c >= '0' && c <= '7') digits = 3, from_digit = 1, base = 8;
    for (; i < digits && from_digit + i < n; i++) {
        uint32_t d = (uint32_t)hex_value((unsigned char)s[from_digit + i]);
        if (d >= base) break;
        v = v * base + d;
    }
    bool half = v >= 0xd800 && v < 0xe000;
    if (i > 0 && (base == 8 || i == digits) && v > 0 && v <= 0x10ffff && !half)
        return *wrote = put_utf8(to, v), from_digit + i;
    return to[0] = '\\', *wrote = 1, digits == 0 && c != 'N';
}

char *fe_unescape(Arena *a, const char *s, size_t n, bool raw, size_t *len)
{
    char *text = arena_alloc(a, n + 4, 1);
    size_t k = 0;
    for (size_t i = 0; i < n;) {
        size_t wrote = 1, took = 1;
        if (s[i] == '\\' && !raw) took = escape(s + i, n - i, text + k, &wrote);
        else text[k] = s[i];
        if (!took) return NULL;
        i += took, k += wrote;
    }
    text[k] = 0;
    *len = k;
    return text;
}

/* At the opening quote; `from` is where the prefix began. */
static void string(Lexer *l, size_t from, const char *prefix, size_t n_prefix)
{
    bool raw = false, formatted = false, bytes = false;
    for (size_t i = 0; i < n_prefix; i++) {
        int c = prefix[i] | 32;
        raw |= c == 'r', formatted |= c == 'f', bytes |= c == 'b';
    }
    char quote = l->s[l->at];
    bool triple = peek(l, 1) == quote && peek(l, 2) == quote;
    l->at += triple ? 3 : 1;
    size_t start = l->at, close = triple ? 3 : 1;
    for (;; l->at++) {
        if (l->at >= l->n || (!triple && (l->s[l->at] == '\n' || l->s[l->at] == '\r'))) {
            push_error(l, triple ? DIAG_open_triple : DIAG_open_string, from,
                       triple ? from + n_prefix + 3 : l->at, "");
            return;
        }
        if (l->s[l->at] == '\\') {
            if (l->at + 1 < l->n) l->at++;
            continue;
        }
        if (l->s[l->at] == quote && (!triple || (peek(l, 1) == quote && peek(l, 2) == quote)))
            break;
    }
    size_t k;
    char *text = fe_unescape(l->arena, l->s + start, l->at - start, raw, &k);
    l->at += close;
    if (!text) {
        push_error(l, DIAG_bad_escape, from, l->at, "");
        return;
    }
    Tok *t = push(l, T_STR, from, l->at);
    t->text = text, t->str_len = (uint32_t)k, t->formatted = formatted, t->bytes = bytes;
}

/* ---- the rest ---- */

/* Letters beyond ASCII; signs, blanks and pictures are none. Coarser than Unicode's tables. */
static bool is_letter(uint32_t u)
{
    static const uint32_t none[][2] = {
        { 0, 0xa9 },          { 0xab, 0xb4 },     { 0xb6, 0xb9 },     { 0xbb, 0xbf },
        { 0xd7, 0xd7 },       { 0xf7, 0xf7 },     { 0x2000, 0x206f }, { 0x20a0, 0x2bff },
        { 0x2e00, 0x2e7f },   { 0x3000, 0x3004 }, { 0x3008, 0x3020 }, { 0xd800, 0xf8ff },
        { 0xfe00, 0xfe6f },   { 0xfeff, 0xff20 }, { 0xffe0, 0xffff }, { 0x1f000, 0x1faff },
        { 0xe0000, 0x10ffff }
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (u >= none[i][0] && u <= none[i][1]) return false;
    return true;
}

/* Bytes of the letter, digit or underscore here; 0: something else. */
static size_t name_char(const Lexer *l)
{
    uint32_t u;
    int c = peek(l, 0);
    if (c < 0x80) return is_name(c);
    size_t k = fe_utf8(l->s + l->at, l->n - l->at, &u);
    return is_letter(u) ? k : 0;
}

static void name_or_string(Lexer *l)
{
    size_t from = l->at;
    for (size_t k; (k = name_char(l)) > 0;) l->at += k;
    size_t n = l->at - from;
    if (n <= 2 && (peek(l, 0) == '"' || peek(l, 0) == '\'')) {
        size_t good = 0;
        for (size_t i = 0; i < n; i++) good += strchr("rRbBuUfF", l->s[from + i]) != NULL;
        if (good == n) {
            string(l, from, l->s + from, n);
            return;
        }
    }
    push(l, T_NAME, from, l->at)->text = arena_strn(l->arena, l->s + from, n);
}

static void operator(Lexer *l)
{
    static const char *const ops[] = {
        "**=", "//=", ">>=", "<<=", "...", "**", "//", "==", "!=", "<=", ">=", "->",
        "+=",  "-=",  "*=",  "/=",  "%=",  "@=", "&=", "|=", "^=", ":=", "<<", ">>"
    };
    size_t len = 1;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        size_t n = strlen(ops[i]);
        if (l->n - l->at >= n && memcmp(l->s + l->at, ops[i], n) == 0) {
            len = n;
            break;
        }
    }
    int c = peek(l, 0);
    if (c == 0 || (len == 1 && !strchr("+-*/%@&|^~<>()[]{},:.;=", c))) {
        uint32_t u;
        size_t k = fe_utf8(l->s + l->at, l->n - l->at, &u);
        const char *what =
            c == '!' || c == '?' || c == '$' ? arena_printf(l->arena, "'%c'", c)
            : c < 0x20 || c == 0x7f ? arena_printf(l->arena, "the byte 0x%02x", (unsigned)c)
            : c >= 0x80 && u == 0xfffd
                ? arena_printf(l->arena, "the byte 0x%02x, which is not UTF-8", (unsigned)c)
                : arena_printf(l->arena, "'%s' (U+%04X)", arena_strn(l->arena, l->s + l->at, k), u);
        push_error(l, DIAG_bad_char, l->at, l->at + k, what);
        l->at += k;
        return;
    }
    if (strchr("([{", c)) l->brackets++;
    if (strchr(")]}", c) && l->brackets > 0) l->brackets--;
    Tok *t = push(l, T_OP, l->at, l->at + len);
    t->text = l->s + l->at, t->op_len = (uint8_t)len;
    l->at += len;
}

static void skip_comment(Lexer *l)
{
    while (l->at < l->n && l->s[l->at] != '\n' && l->s[l->at] != '\r') l->at++;
}

static bool newline_at(Lexer *l)
{
    if (peek(l, 0) == '\r') l->at += peek(l, 1) == '\n' ? 2 : 1;
    else if (l->at < l->n && l->s[l->at] == '\n') l->at++;
    else return false;
    return true;
}

/* At the start of a line: its indentation, against the blocks that are open. Empty lines do not
 * count. */
static void indentation(Lexer *l)
{
    for (;;) {
        uint32_t width = 0;
        size_t from = l->at;
        for (; peek(l, 0) == ' ' || peek(l, 0) == '\t' || peek(l, 0) == '\f'; l->at++)
            width = peek(l, 0) == '\t' ? (width / 8 + 1) * 8 : width + 1;
        if (peek(l, 0) == '#') skip_comment(l);
        if (newline_at(l)) continue;
        if (l->at >= l->n) return;
        uint32_t open = l->n_indent ? l->indent[l->n_indent - 1] : 0;
        if (width > open) {
            if (l->n_indent == MAX_INDENT) {
                push_error(l, DIAG_too_deep, from, l->at, "blocks");
                return;
            }
            l->indent[l->n_indent++] = width;
            push(l, T_INDENT, from, l->at);
        }
        while (l->n_indent > 0 && width < l->indent[l->n_indent - 1]) {
            l->n_indent--;
            push(l, T_DEDENT, l->at, l->at);
            if (width > (l->n_indent ? l->indent[l->n_indent - 1] : 0)) {
                push_error(l, DIAG_bad_indent, from, l->at, "");
                l->indent[l->n_indent++] = width;
                return;
            }
        }
        return;
    }
}

static void token(Lexer *l)
{
    int c = peek(l, 0);
    if (c == ' ' || c == '\t' || c == '\f') l->at++;
    else if (c == '#') skip_comment(l);
    else if (c == '\n' || c == '\r') {
        size_t from = l->at;
        newline_at(l);
        if (l->brackets > 0) return;
        push(l, T_NEWLINE, from, from);
        indentation(l);
    } else if (c == '\\' && (peek(l, 1) == '\n' || peek(l, 1) == '\r')) {
        l->at++;
        newline_at(l);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) number(l);
    else if (name_char(l) > 0) name_or_string(l);
    else if (c == '"' || c == '\'') string(l, l->at, "", 0);
    else operator(l);
}

Toks fe_lex_part(FeDiags *d, uint16_t src, size_t at, size_t end, Arena *a)
{
    Lexer l = { .diags = d, .arena = a, .src = src, .at = at, .brackets = 1 };
    l.s = fe_source_text(d, src, &l.n);
    l.n = end;
    push(&l, T_NEWLINE, at, at);
    while (l.at < l.n) token(&l);
    uint32_t count = l.count + 1;
    for (int i = 0; i < 4; i++) push(&l, T_END, l.n, l.n);
    return (Toks){ l.tok, count };
}

Toks fe_lex(FeDiags *d, uint16_t src, Arena *a)
{
    Lexer l = { .diags = d, .arena = a, .src = src };
    l.s = fe_source_text(d, src, &l.n);
    if (l.n >= 3 && memcmp(l.s, "\xef\xbb\xbf", 3) == 0) l.at = 3;
    push(&l, T_NEWLINE, 0, 0);
    indentation(&l);
    while (l.at < l.n) token(&l);
    push(&l, T_NEWLINE, l.n, l.n);
    for (; l.n_indent > 0; l.n_indent--) push(&l, T_DEDENT, l.n, l.n);
    uint32_t count = l.count + 1;
    for (int i = 0; i < 4; i++) push(&l, T_END, l.n, l.n);
    return (Toks){ l.tok, count };
}
