/* frontend/diag.c: collects diagnostics. Printing is diag_print.c.
 *
 * Sources are copied, so that the caller may free its text before it prints. The same report
 * twice is said once; beyond 20 they are only counted. */
#include "frontend/diag.h"
#include <stdlib.h>
#include <string.h>

#define ERROR SEV_ERROR
#define WARNING SEV_WARNING
#define NOTE SEV_NOTE
const DiagInfo fe_diag_info[DIAG_COUNT] = {
#define DIAG(id, code, severity, format, doc) { #id, code, severity, doc },
#include "frontend/diags.def"
#undef DIAG
};
#undef ERROR
#undef WARNING
#undef NOTE

FeDiags *fe_diags_new(void)
{
    Arena *a = arena_new();
    FeDiags *d = arena_alloc(a, 1, sizeof *d);
    d->arena = a;
    fe_source(d, "", "", 0);
    d->n_source = 1;
    return d;
}

void fe_diags_free(FeDiags *d)
{
    if (d) arena_free(d->arena);
}

int fe_error_count(const FeDiags *d) { return d->errors; }
int fe_warning_count(const FeDiags *d) { return d->warnings; }

bool fe_lacks_tool(const FeDiags *d)
{
    for (int i = 0; i < d->n_item; i++)
        if (d->item[i].id == DIAG_own_clang) return true;
    return false;
}

const char *fe_explain(const char *code)
{
    for (int i = 0; i < DIAG_COUNT; i++)
        if (strcmp(fe_diag_info[i].code, code) == 0) return fe_diag_info[i].doc;
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* A line ends at \n, \r\n or a lone \r, as in Python. */
static void find_lines(FeDiags *d, DiagSource *s)
{
    uint32_t n = 1;
    for (size_t i = 0; i < s->len; i++)
        n += s->text[i] == '\n' || (s->text[i] == '\r' && s->text[i + 1] != '\n');
    s->line = arena_alloc(d->arena, n, sizeof *s->line);
    s->n_line = 1;
    for (size_t i = 0; i < s->len; i++)
        if (s->text[i] == '\n' || (s->text[i] == '\r' && s->text[i + 1] != '\n'))
            s->line[s->n_line++] = (uint32_t)(i + 1);
}

uint16_t fe_source(FeDiags *d, const char *name, const char *text, size_t len)
{
    if (len > FE_MAX_SOURCE) len = FE_MAX_SOURCE;
    size_t n = (size_t)d->n_source;
    d->source = arena_grow(d->arena, d->source, n, n + 1, sizeof *d->source);
    DiagSource *s = &d->source[d->n_source];
    char *copy = arena_alloc(d->arena, len + 1, 1);
    if (len > 0) memcpy(copy, text, len);
    *s = (DiagSource){ .name = arena_str(d->arena, base_name(name)), .text = copy, .len = len };
    find_lines(d, s);
    return (uint16_t)d->n_source++;
}

uint16_t fe_source_again(FeDiags *d, const char *name, const char *text, size_t len)
{
    for (int i = 1; i < d->n_source; i++) {
        const DiagSource *s = &d->source[i];
        if (s->len == len && strcmp(s->name, base_name(name)) == 0 && memcmp(s->text, text, len) == 0)
            return (uint16_t)i;
    }
    return fe_source(d, name, text, len);
}

const char *fe_source_name(const FeDiags *d, uint16_t src) { return d->source[src].name; }

const char *fe_source_text(const FeDiags *d, uint16_t src, size_t *len)
{
    *len = d->source[src].len;
    return d->source[src].text;
}

static const char *format_text(FeDiags *d, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    char *text = arena_alloc(d->arena, (n < 0 ? 0 : (size_t)n) + 1, 1);
    if (n > 0) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

static bool same_span(Span a, Span b)
{
    return a.src == b.src && a.at == b.at && a.len == b.len;
}

void fe_report(FeDiags *d, Span s, DiagId id, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *text = format_text(d, format, ap);
    va_end(ap);
    d->last = NULL;
    for (int i = 0; i < d->n_item; i++)
        if (d->item[i].id == id && same_span(d->item[i].at, s)
            && strcmp(d->item[i].text, text) == 0) return;
    Severity severity = fe_diag_info[id].severity;
    d->errors += severity == SEV_ERROR;
    d->warnings += severity == SEV_WARNING;
    if (d->n_item == FE_MAX_DIAGS) {
        d->dropped++;
        return;
    }
    d->last = &d->item[d->n_item++];
    *d->last = (Diag){ .id = id, .severity = severity, .at = s, .text = text };
    if (d->trace && severity != SEV_NOTE) d->trace(d, d->running);
}

static void add_part(FeDiags *d, bool help, Span s, const char *text)
{
    Diag *x = d->last;
    if (!x) return;
    if (x->n_part == x->cap_part) {
        int cap = x->cap_part ? 2 * x->cap_part : 4;
        x->part = arena_grow(d->arena, x->part, (size_t)x->cap_part, (size_t)cap, sizeof *x->part);
        x->cap_part = cap;
    }
    x->part[x->n_part++] = (DiagPart){ help, s, text };
}

void fe_note(FeDiags *d, Span s, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    add_part(d, false, s, format_text(d, format, ap));
    va_end(ap);
}

void fe_help(FeDiags *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    add_part(d, true, (Span){ 0 }, format_text(d, format, ap));
    va_end(ap);
}

size_t fe_utf8(const char *text, size_t n, uint32_t *c)
{
    const unsigned char *s = (const unsigned char *)text;
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4 : 0;
    *c = 0xfffd;
    if (len == 0 || len > n) return 1;
    uint32_t v = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 1;
        v = v << 6 | (s[i] & 0x3fu);
    }
    if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) return 1;
    *c = v;
    return len;
}

LineCol fe_place(const FeDiags *d, Span s)
{
    const DiagSource *src = &d->source[s.src];
    if (s.src == 0) return (LineCol){ 0, 0 };
    uint32_t low = 0, high = src->n_line;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (src->line[mid] <= s.at) low = mid;
        else high = mid;
    }
    uint32_t col = 1, c;
    size_t at = src->line[low];
    while (at < s.at && at < src->len) {
        at += fe_utf8(src->text + at, src->len - at, &c);
        col++;
    }
    return (LineCol){ low + 1, col };
}

Span fe_span_to(Span a, Span b)
{
    if (a.src != b.src || b.at + b.len < a.at) return a;
    a.len = b.at + b.len - a.at;
    return a;
}
