/* ir/lex.c: tokens of IR text. See ir/lex.h. Text is any bytes: nothing reads past its length. */
#include "ir/lex.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 64, MAX_SHOWN = 40 };

static int byte_at(const Lex *l, size_t at)
{
    return at < l->len ? (unsigned char)l->text[at] : -1;
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

void ir_lex_fail(Lex *l, size_t at, const char *fmt, ...)
{
    if (l->failed)
        return;
    l->failed = true;
    ParseErr *e = l->err;
    e->line = l->line;
    e->col = (int)(at - l->line_start) + 1;
    int n = snprintf(e->text, IR_ERR, "%d:%d: ", e->line, e->col);
    va_list list;
    va_start(list, fmt);
    vsnprintf(e->text + n, (size_t)(IR_ERR - n), fmt, list);
    va_end(list);
}

/* What stands here, as a message shows it: a word, a number or one byte. */
static const char *found(const Lex *l, char buf[MAX_SHOWN + 8])
{
    size_t n = 0;
    int c = byte_at(l, l->at);
    if (c < 0 || c == '\n' || c == '#')
        return c < 0 ? "the end of the text" : "the end of the line";
    while (n < MAX_SHOWN && (is_letter(byte_at(l, l->at + n)) || is_digit(byte_at(l, l->at + n))))
        n++;
    if (n)
        snprintf(buf, MAX_SHOWN + 8, "'%.*s'", (int)n, l->text + l->at);
    else if (c >= 0x20 && c < 0x7f)
        snprintf(buf, MAX_SHOWN + 8, "'%c'", c);
    else
        snprintf(buf, MAX_SHOWN + 8, "byte 0x%02x", (unsigned)c);
    return buf;
}

void ir_lex_expected(Lex *l, const char *what)
{
    char buf[MAX_SHOWN + 8];
    size_t at = ir_lex_here(l);
    ir_lex_fail(l, at, "expected %s, found %s", what, found(l, buf));
}

size_t ir_lex_here(Lex *l)
{
    while (byte_at(l, l->at) == ' ' || byte_at(l, l->at) == '\t' || byte_at(l, l->at) == '\r')
        l->at++;
    return l->at;
}

bool ir_lex_at_end(Lex *l)
{
    int c = byte_at(l, ir_lex_here(l));
    return c < 0 || c == '\n' || c == '#';
}

void ir_lex_end(Lex *l)
{
    if (!l->failed && !ir_lex_at_end(l))
        ir_lex_expected(l, "the end of the line");
}

bool ir_lex_line(Lex *l)
{
    while (!l->failed) {
        if (ir_lex_at_end(l))
            while (l->at < l->len && l->text[l->at] != '\n')
                l->at++;
        if (l->at >= l->len)
            return false;
        if (l->text[l->at] != '\n')
            return true;
        l->line_start = ++l->at;
        l->line++;
    }
    return false;
}

int ir_lex_peek(Lex *l)
{
    return l->failed || ir_lex_at_end(l) ? -1 : byte_at(l, l->at);
}

bool ir_lex_accept(Lex *l, char c)
{
    if (ir_lex_peek(l) != c)
        return false;
    l->at++;
    return true;
}

void ir_lex_need(Lex *l, char c)
{
    char what[] = {'\'', c, '\'', '\0'};
    if (!ir_lex_accept(l, c))
        ir_lex_expected(l, what);
}

Word ir_lex_word(Lex *l)
{
    Word w = {l->text + ir_lex_here(l), 0, l->at};
    if (l->failed || !is_letter(byte_at(l, l->at)))
        return w;
    while (is_letter(byte_at(l, l->at)) || is_digit(byte_at(l, l->at)))
        l->at++;
    w.n = l->at - w.at;
    return w;
}

bool ir_lex_is(Word w, const char *s)
{
    return w.n == strlen(s) && !memcmp(w.s, s, w.n);
}

bool ir_lex_accept_word(Lex *l, const char *s)
{
    size_t back = ir_lex_here(l);
    if (ir_lex_is(ir_lex_word(l), s))
        return true;
    l->at = back;
    return false;
}

void ir_lex_need_word(Lex *l, const char *s)
{
    char what[MAX_SHOWN];
    snprintf(what, sizeof what, "'%s'", s);
    if (!ir_lex_accept_word(l, s))
        ir_lex_expected(l, what);
}

static int hex_digit(int c)
{
    return is_digit(c)          ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* The byte that the escape after a backslash stands for; -1 with a message. */
static int escape(Lex *l)
{
    int c = byte_at(l, l->at);
    if (c == '"' || c == '\\') {
        l->at++;
        return c;
    }
    if (c == 'n') {
        l->at++;
        return '\n';
    }
    int high = c == 'x' ? hex_digit(byte_at(l, l->at + 1)) : -1;
    int low = high >= 0 ? hex_digit(byte_at(l, l->at + 2)) : -1;
    if (low < 0) {
        ir_lex_fail(l, l->at - 1, "expected one of the escapes \\\" \\\\ \\n \\xHH");
        return -1;
    }
    if (!high && !low) {
        ir_lex_fail(l, l->at - 1, "a string cannot hold \\x00");
        return -1;
    }
    l->at += 3;
    return high * 16 + low;
}

const char *ir_lex_string(Lex *l, const char *what)
{
    if (l->failed)
        return "";
    size_t start = ir_lex_here(l), n = 0;
    if (!ir_lex_accept(l, '"')) {
        ir_lex_expected(l, what);
        return "";
    }
    size_t end = l->at;
    while (end < l->len && l->text[end] != '"' && l->text[end] != '\n')
        end += l->text[end] == '\\' && end + 1 < l->len && l->text[end + 1] != '\n' ? 2 : 1;
    if (byte_at(l, end) != '"') {
        ir_lex_fail(l, start, "the string has no closing quote on its line");
        return "";
    }
    Arena *scratch = arena_new();
    char *buf = arena_alloc(scratch, end - start + 1, 1);
    while (l->at < end && !l->failed) {
        int c = byte_at(l, l->at++);
        if (c == '\\')
            c = escape(l);
        else if (c == 0)
            ir_lex_fail(l, l->at - 1, "a string cannot hold a zero byte");
        buf[n++] = (char)c;
    }
    l->at = end + 1;
    const char *s = l->failed ? "" : ir_intern_n(l->m, buf, n);
    arena_free(scratch);
    return s;
}

const char *ir_lex_name(Lex *l, const char *what)
{
    if (ir_lex_peek(l) == '"')
        return ir_lex_string(l, what);
    size_t start = ir_lex_here(l);
    if (!is_letter(byte_at(l, start))) {
        ir_lex_expected(l, what);
        return "";
    }
    int c;
    while (is_letter(c = byte_at(l, l->at)) || is_digit(c) || c == '.')
        l->at++;
    return l->failed ? "" : ir_intern_n(l->m, l->text + start, l->at - start);
}

int64_t ir_lex_int(Lex *l, int64_t low, int64_t high, const char *what)
{
    char buf[MAX_NUMBER], *end;
    size_t start = ir_lex_here(l), n = 0;
    if (l->failed)
        return low;
    if (byte_at(l, start) == '-')
        n++;
    while (is_digit(byte_at(l, start + n)))
        n++;
    if (!is_digit(byte_at(l, start + n - (n > 0))) || n >= MAX_NUMBER) {
        ir_lex_expected(l, what);
        return low;
    }
    memcpy(buf, l->text + start, n);
    buf[n] = '\0';
    errno = 0;
    int64_t x = strtoll(buf, &end, 10);
    if (errno || x < low || x > high) {
        ir_lex_fail(l, start, "%s is %s, but must lie between %lld and %lld", what, buf,
                    (long long)low, (long long)high);
        return low;
    }
    l->at += n;
    return x;
}

double ir_lex_real(Lex *l, const char *what)
{
    char buf[MAX_NUMBER], *end;
    size_t start = ir_lex_here(l), n = 0;
    if (l->failed)
        return 0;
    for (int c = 0; n < MAX_NUMBER - 1; n++) {
        int before = c;
        c = byte_at(l, start + n);
        bool sign = (c == '-' || c == '+')
                 && (!n || before == 'e' || before == 'E' || before == 'p' || before == 'P');
        if (!is_letter(c) && !is_digit(c) && c != '.' && !sign)
            break;
        buf[n] = (char)c;
    }
    buf[n] = '\0';
    bool word = !strcmp(buf, "inf") || !strcmp(buf, "-inf") || !strcmp(buf, "nan");
    bool number = is_digit(buf[0] == '-' ? buf[1] : buf[0]);
    double x = word || number ? strtod(buf, &end) : 0;
    if (!(word || number) || *end || (isinf(x) && !word)) {
        ir_lex_expected(l, what);
        return 0;
    }
    l->at += n;
    return x;
}

int ir_lex_choice(Lex *l, const char *what, const char *const *table, int n)
{
    Word w = ir_lex_word(l);
    if (!w.n) {
        ir_lex_expected(l, what);
        return -1;
    }
    Near near = ir_near(w.s, w.n);
    for (int i = 0; i < n; i++) {
        if (ir_lex_is(w, table[i]))
            return i;
        ir_near_try(&near, table[i]);
    }
    ir_lex_fail(l, w.at, "'%.*s' is not %s%s%s%s", (int)(w.n < MAX_SHOWN ? w.n : MAX_SHOWN), w.s,
                what, near.best ? "; did you mean '" : "", near.best ? near.best : "",
                near.best ? "'?" : "");
    return -1;
}

/* ---- types, places, states ---- */

Shape ir_lex_shape(Lex *l)
{
    Shape s = {.rank = 0};
    ir_lex_need(l, '[');
    while (!l->failed && ir_lex_peek(l) != ']') {
        if (s.rank)
            ir_lex_need(l, ',');
        if (s.rank == IR_MAX_RANK)
            ir_lex_fail(l, ir_lex_here(l), "a shape has at most %d axes", IR_MAX_RANK);
        if (l->failed)
            return s;
        Dim d = {1, ir_lex_peek(l) == 'n'};
        if (!d.n)
            d.k = ir_lex_int(l, 1, IR_MAX_ELEMS, "a size");
        d.n = byte_at(l, l->at) == 'n';
        l->at += d.n;
        s.dim[s.rank++] = d;
    }
    ir_lex_need(l, ']');
    return s;
}

Type ir_lex_type(Lex *l)
{
    Type t = {.dtype = DT_NONE};
    char why[IR_ERR];
    Word w = ir_lex_word(l);
    if (!w.n) {
        ir_lex_expected(l, "a type");
        return t;
    }
    t.dtype = ir_dtype_named(w.s, w.n);
    if (!t.dtype) {
        ir_lex_fail(l, w.at, "'%.*s' is not an element type (f32 f64 i64 i32 u8)",
                    (int)(w.n < MAX_SHOWN ? w.n : MAX_SHOWN), w.s);
        return t;
    }
    t.shape = ir_lex_shape(l);
    if (ir_lex_accept(l, '{')) {
        Word name = ir_lex_word(l);
        size_t letters = name.n;
        while (letters && is_digit(name.s[letters - 1]))
            letters--;
        for (int i = LAYOUT_plain + 1; i < LAYOUT_COUNT; i++)
            if (strlen(ir_layout[i].name) == letters && !memcmp(ir_layout[i].name, name.s, letters))
                t.layout.kind = (LayoutKind)i;
        for (size_t i = letters; i < name.n && t.layout.width <= IR_MAX_WIDTH; i++)
            t.layout.width = t.layout.width * 10 + (name.s[i] - '0');
        if (t.layout.kind == LAYOUT_plain)
            ir_lex_fail(l, name.at, "'%.*s' is not a layout with its width (panel32, c16)",
                        (int)(name.n < MAX_SHOWN ? name.n : MAX_SHOWN), name.s);
        ir_lex_need(l, '}');
    }
    if (!l->failed && !ir_type_sound(&t, l->m->capacity, why))
        ir_lex_fail(l, w.at, "%.400s", why);
    return t;
}

Loc ir_lex_place(Lex *l)
{
    Loc loc = {0, 0, 0};
    const char *name;
    if (!ir_lex_accept(l, '@'))
        return loc;
    size_t start = ir_lex_here(l);
    if (ir_lex_peek(l) == '"') {
        name = ir_lex_string(l, "a file name");
    } else {
        int c;
        while (is_letter(c = byte_at(l, l->at)) || is_digit(c) || c == '.' || c == '-')
            l->at++;
        if (l->at == start)
            ir_lex_expected(l, "a file name");
        name = l->failed ? "" : ir_intern_n(l->m, l->text + start, l->at - start);
    }
    for (int i = 1; i < l->m->n_file && !loc.file; i++)
        if (l->m->file[i] == name)
            loc.file = (uint16_t)i;
    if (!loc.file)
        ir_lex_fail(l, start, "no line above says: file \"%.100s\"", name);
    ir_lex_need(l, ':');
    loc.line = (uint32_t)ir_lex_int(l, 0, UINT32_MAX, "a line number");
    ir_lex_need(l, ':');
    loc.col = (uint32_t)ir_lex_int(l, 0, UINT32_MAX, "a column number");
    return loc;
}

State ir_lex_state(Lex *l)
{
    size_t start = ir_lex_here(l);
    const char *key = ir_lex_string(l, "a state's key in quotes");
    State s = l->failed ? (State){0} : ir_state_find(l->m, key);
    if (!s.i)
        ir_lex_fail(l, start, "no state has the key \"%.100s\"", key);
    return s;
}
