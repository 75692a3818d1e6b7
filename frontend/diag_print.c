/* frontend/diag_print.c: diagnostics as text for people and as JSON for editors.
 *
 * The text has the source line with a caret under what is meant. Tabs are repeated above the
 * caret, wide characters count two, a long line is shown around the place, and bytes that are no
 * text are shown as a replacement character, so that no file can write control codes to a
 * terminal. */
#include "frontend/diag.h"
#include <string.h>

enum { WINDOW = 100 };      /* characters of a source line that are shown */

static int char_width(uint32_t c)
{
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) || (c >= 0xfe00 && c <= 0xfe0f)
        || c == 0x2060 || c == 0xfeff) return 0;
    if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3)
        || (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f)
        || (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6)
        || (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd)) return 2;
    return 1;
}

static bool unprintable(uint32_t c)
{
    return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e)
        || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

static void put_char(FILE *out, uint32_t c, const char *s, size_t n)
{
    if (unprintable(c) || c == 0xfffd) fputs("\xef\xbf\xbd", out);
    else fwrite(s, 1, n, out);
}

/* Text that may hold a user's bytes, newlines kept. */
static void put_text(FILE *out, const char *s)
{
    for (size_t n = strlen(s); n > 0;) {
        uint32_t c;
        size_t k = fe_utf8(s, n, &c);
        if (c == '\n') fputc('\n', out);
        else put_char(out, c, s, k);
        s += k, n -= k;
    }
}

typedef struct Line { const char *s; size_t len; uint32_t number; } Line;

static Line line_of(const FeDiags *d, Span at)
{
    const DiagSource *src = &d->source[at.src];
    uint32_t n = fe_place(d, at).line;
    size_t from = src->line[n - 1], to = n < src->n_line ? src->line[n] : src->len;
    while (to > from && (src->text[to - 1] == '\n' || src->text[to - 1] == '\r')) to--;
    return (Line){ src->text + from, to - from, n };
}

/* The line and its carets, clipped to a window around the place. */
static void put_source(const FeDiags *d, FILE *out, Span at, const char *on, const char *off)
{
    Line l = line_of(d, at);
    uint32_t col = fe_place(d, at).col, c;
    uint32_t first = col > WINDOW * 3 / 4 ? col - WINDOW / 2 : 1;
    size_t mark = at.at - d->source[at.src].line[l.number - 1];
    size_t end = mark + (at.len ? at.len : 1);
    fprintf(out, "%5u | %s", l.number, first > 1 ? "…" : "");
    uint32_t i = 1;
    for (size_t p = 0, k; p < l.len; p += k, i++) {
        k = fe_utf8(l.s + p, l.len - p, &c);
        if (i >= first + WINDOW) {
            fputs("…", out);
            break;
        }
        if (i >= first) put_char(out, c, l.s + p, k);
    }
    fprintf(out, "\n      | %s", first > 1 ? " " : "");
    i = 1;
    bool inside = false;
    for (size_t p = 0, k; p < l.len && p < end && i < first + WINDOW; p += k, i++) {
        k = fe_utf8(l.s + p, l.len - p, &c);
        if (i < first) continue;
        if (p >= mark && !inside) fputs(on, out), inside = true;
        if (c == '\t' && !inside) fputc('\t', out);
        else
            for (int w = unprintable(c) ? 1 : char_width(c); w > 0; w--)
                fputc(inside ? '^' : ' ', out);
    }
    if (!inside) fprintf(out, "%s^", on);
    fprintf(out, "%s\n", off);
}

static void put_place(const FeDiags *d, FILE *out, Span at)
{
    if (at.src == 0) return;
    LineCol p = fe_place(d, at);
    put_text(out, d->source[at.src].name);
    fprintf(out, ":%u:%u: ", p.line, p.col);
}

static const char *const severity_name[] = { "note", "warning", "error" };

static void put_diag(const FeDiags *d, FILE *out, const Diag *x, bool color)
{
    static const char *const paint[] = { "\033[36m", "\033[33m", "\033[31m" };
    const char *off = color ? "\033[0m" : "", *bold = color ? "\033[1m" : "";
    const char *on = color ? paint[x->severity] : "";
    fputs(bold, out);
    put_place(d, out, x->at);
    fprintf(out, "%s%s: %s%s", on, severity_name[x->severity], off, bold);
    put_text(out, x->text);
    fprintf(out, "%s\n", off);
    if (x->at.src) put_source(d, out, x->at, on, off);
    for (int i = 0; i < x->n_part; i++) {
        const DiagPart *p = &x->part[i];
        put_place(d, out, p->at);
        fprintf(out, "%s%s: %s", color ? "\033[36m" : "", p->help ? "help" : "note", off);
        put_text(out, p->text);
        fputc('\n', out);
        if (p->at.src) put_source(d, out, p->at, color ? "\033[36m" : "", off);
    }
}

void fe_diags_text(const FeDiags *d, FILE *out, bool color)
{
    for (int i = 0; i < d->n_item; i++) put_diag(d, out, &d->item[i], color);
    if (d->dropped > 0) fprintf(out, "note: and %d more like these\n", d->dropped);
    for (int i = 0; i < d->n_item; i++)
        if (d->item[i].severity == SEV_ERROR) {
            fprintf(out, "%d error%s; more about the first: seqc explain %s\n", d->errors,
                    d->errors == 1 ? "" : "s", fe_diag_info[d->item[i].id].code);
            break;
        }
}

static void put_json(FILE *out, const char *s)
{
    fputc('"', out);
    for (size_t n = strlen(s); n > 0;) {
        uint32_t c;
        size_t k = fe_utf8(s, n, &c);
        if (c == '"' || c == '\\') fprintf(out, "\\%c", (char)c);
        else if (c == '\n') fputs("\\n", out);
        else if (c < 0x20 || c == 0x7f) fprintf(out, "\\u%04x", c);
        else if (c == 0xfffd) fputs("\\ufffd", out);
        else fwrite(s, 1, k, out);
        s += k, n -= k;
    }
    fputc('"', out);
}

static void put_json_place(const FeDiags *d, FILE *out, Span at)
{
    if (at.src == 0) return;
    LineCol p = fe_place(d, at);
    Span end = at;
    end.at += at.len;
    LineCol q = fe_place(d, end);
    fputs("\"file\": ", out);
    put_json(out, d->source[at.src].name);
    fprintf(out, ", \"line\": %u, \"column\": %u, \"end_line\": %u, \"end_column\": %u, ",
            p.line, p.col, q.line, q.col);
}

static void put_json_parts(const FeDiags *d, FILE *out, const Diag *x, bool help)
{
    const char *comma = "";
    for (int i = 0; i < x->n_part; i++) {
        if (x->part[i].help != help) continue;
        fputs(comma, out);
        comma = ", ";
        if (help) {
            put_json(out, x->part[i].text);
            continue;
        }
        fputc('{', out);
        put_json_place(d, out, x->part[i].at);
        fputs("\"message\": ", out);
        put_json(out, x->part[i].text);
        fputc('}', out);
    }
}

void fe_diags_json(const FeDiags *d, FILE *out)
{
    fputc('[', out);
    for (int i = 0; i < d->n_item; i++) {
        const Diag *x = &d->item[i];
        fprintf(out, "%s\n  {", i ? "," : "");
        put_json_place(d, out, x->at);
        fprintf(out, "\"severity\": \"%s\", \"code\": \"%s\", \"message\": ",
                severity_name[x->severity], fe_diag_info[x->id].code);
        put_json(out, x->text);
        fputs(", \"notes\": [", out);
        put_json_parts(d, out, x, false);
        fputs("], \"help\": [", out);
        put_json_parts(d, out, x, true);
        fputs("]}", out);
    }
    fputs(d->n_item ? "\n]\n" : "]\n", out);
}
