/* runtime/csv.c: the CSV reader (see csv.h). The file's bytes are never changed, so that a record
 * can be read again once it is known whether the first one was a header. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/csv.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* A tab that separates fields is no blank. */
static bool is_space(const rt_csv *c, char b) { return is_blank(b) && b != c->delimiter; }

static bool is_end(const rt_csv *c, int64_t at)
{
    return at >= c->file.length || c->file.data[at] == '\n' || c->file.data[at] == '\r';
}

/* Behind the line break at `at`, if there is one. */
static void end_line(rt_csv *c)
{
    const char *b = c->file.data;
    if (c->at >= c->file.length)
        return;
    c->at += b[c->at] == '\r' && c->at + 1 < c->file.length && b[c->at + 1] == '\n' ? 2 : 1;
    c->next_line++;
}

static void skip_empty_lines(rt_csv *c)
{
    while (c->at < c->file.length) {
        int64_t at = c->at;
        while (at < c->file.length && is_blank(c->file.data[at]))
            at++;
        if (!is_end(c, at))
            return;
        c->at = at;
        end_line(c);
    }
}

/* ---- fields ---- */

static bool add_field(rt_err *e, rt_csv *c, const char *text, int64_t length)
{
    if (c->n_fields == c->capacity) {
        int64_t capacity = c->capacity ? 2 * c->capacity : 64;
        rt_csv_field *bigger = rt_alloc(e, capacity, (int64_t)sizeof *bigger, "a line of CSV");
        if (!bigger)
            return false;
        if (c->n_fields)
            memcpy(bigger, c->field, (size_t)c->n_fields * sizeof *bigger);
        rt_free(c->field);
        c->field = bigger;
        c->capacity = capacity;
    }
    c->field[c->n_fields++] = (rt_csv_field){text, length};
    return true;
}

/* at: the opening quote. Leaves `at` at the delimiter or the end of the line. */
static bool read_quoted(rt_err *e, rt_csv *c)
{
    const char *b = c->file.data;
    int64_t first = ++c->at, quotes = 0;
    for (;; c->at++) {
        const char *quote = memchr(b + c->at, '"', (size_t)(c->file.length - c->at));
        int64_t stop = quote ? quote - b : c->file.length;
        for (int64_t i = c->at; i < stop; i++)
            c->next_line += b[i] == '\n';
        c->at = stop;
        if (!quote) {
            rt_fail(e, RT_E_DATA, "%s:%" PRId64 ": a quote is opened and never closed", c->path,
                    c->line);
            return rt_help(e, "a quote inside a quoted field is written twice: \"\"");
        }
        if (c->at + 1 >= c->file.length || b[c->at + 1] != '"')
            break;
        quotes++;
        c->at++;
    }
    int64_t length = c->at++ - first;
    while (!is_end(c, c->at) && is_space(c, b[c->at]))
        c->at++;
    if (!is_end(c, c->at) && b[c->at] != c->delimiter)
        return rt_fail(e, RT_E_DATA, "%s:%" PRId64 ": text follows a closing quote", c->path,
                       c->next_line);
    if (!quotes)
        return add_field(e, c, b + first, length);
    /* Without its doubled quotes the field lies in scratch, which may still move: the pointer is
     * made once the record is complete (place_quoted). */
    if (!rt_buf_reserve(e, &c->scratch, length))
        return false;
    int64_t start = c->scratch.length;
    for (int64_t i = 0; i < length; i++) {
        c->scratch.data[c->scratch.length++] = b[first + i];
        i += b[first + i] == '"';
    }
    return add_field(e, c, NULL, c->scratch.length - start);
}

static void place_quoted(rt_csv *c)
{
    int64_t at = 0;
    for (int64_t i = 0; i < c->n_fields; i++) {
        if (c->field[i].text)
            continue;
        c->field[i].text = c->scratch.data + at;
        at += c->field[i].length;
    }
}

static bool read_plain(rt_err *e, rt_csv *c)
{
    const char *b = c->file.data;
    int64_t first = c->at, last;
    while (!is_end(c, c->at) && b[c->at] != c->delimiter)
        c->at++;
    for (last = c->at; last > first && is_blank(b[last - 1]); last--)
        ;
    return add_field(e, c, b + first, last - first);
}

/* The record that starts at `at`, however many fields it has. */
static bool read_record(rt_err *e, rt_csv *c)
{
    const char *b = c->file.data;
    c->line = c->next_line;
    c->n_fields = c->scratch.length = 0;
    for (;; c->at++) {
        while (!is_end(c, c->at) && is_space(c, b[c->at]))
            c->at++;
        bool quoted = c->at < c->file.length && b[c->at] == '"';
        if (!(quoted ? read_quoted(e, c) : read_plain(e, c)))
            return false;
        if (is_end(c, c->at))
            break;
    }
    end_line(c);
    place_quoted(c);
    return true;
}

bool rt_csv_next(rt_err *e, rt_csv *c, bool *more)
{
    skip_empty_lines(c);
    *more = c->at < c->file.length;
    if (!*more)
        return true;
    if (!read_record(e, c))
        return false;
    if (c->n_fields == c->n_columns)
        return true;
    rt_fail(e, RT_E_DATA, "%s:%" PRId64 ": %" PRId64 " field%s, but %s has %" PRId64, c->path,
            c->line, c->n_fields, c->n_fields == 1 ? "" : "s",
            c->names ? "the header" : "the first line", c->n_columns);
    return rt_help(e, "every line needs as many fields as the first; a field that holds a '%c' "
                      "must stand in quotes", c->delimiter == '\t' ? ' ' : c->delimiter);
}

int64_t rt_csv_record_bound(const rt_csv *c)
{
    /* Delimiters and line breaks alone take n_columns bytes of each record, but for the last. */
    int64_t left = c->file.length - c->at, lines = 1;
    const char *b = c->file.data;    /* a zero byte follows the last one */
    for (int64_t i = c->at; i < c->file.length; i++)
        lines += b[i] == '\n' || (b[i] == '\r' && b[i + 1] != '\n');
    int64_t most = left / (c->n_columns ? c->n_columns : 1) + 1;
    return lines < most ? lines : most;
}

/* ---- what a field says ---- */

bool rt_csv_is_number(const rt_csv *c, int64_t column, double *value)
{
    return rt_parse_number(c->field[column].text, c->field[column].length, value);
}

static bool is_missing(const rt_csv_field *f)
{
    static const char *const words[] = {"?", "na", "n/a", "nan", "null", "none", "<na>"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((size_t)f->length == strlen(words[i])
            && !strncasecmp(f->text, words[i], (size_t)f->length))
            return true;
    return f->length == 0;
}

char *rt_csv_column_text(char text[RT_SHOW_TEXT + 16], const rt_csv *c, int64_t column)
{
    char shown[RT_SHOW_TEXT];
    if (c->names)
        snprintf(text, RT_SHOW_TEXT + 16, "column %s",
                 rt_show(shown, c->names[column], strlen(c->names[column])));
    else
        snprintf(text, RT_SHOW_TEXT + 16, "column %" PRId64, column + 1);
    return text;
}

bool rt_csv_present(rt_err *e, const rt_csv *c, int64_t column)
{
    char where[RT_SHOW_TEXT + 16], shown[RT_SHOW_TEXT];
    const rt_csv_field *f = &c->field[column];
    if (!is_missing(f))
        return true;
    rt_fail(e, RT_E_DATA, "%s:%" PRId64 ": %s has no value%s%s", c->path, c->line,
            rt_csv_column_text(where, c, column), f->length ? ": " : "",
            f->length ? rt_show(shown, f->text, (size_t)f->length) : "");
    return rt_help(e, "fill missing values in or take their lines out before training");
}

bool rt_csv_number(rt_err *e, const rt_csv *c, int64_t column, double *value)
{
    char where[RT_SHOW_TEXT + 16], shown[RT_SHOW_TEXT];
    const rt_csv_field *f = &c->field[column];
    if (rt_csv_is_number(c, column, value))
        return true;
    if (!rt_csv_present(e, c, column))
        return false;
    rt_fail(e, RT_E_DATA, "%s:%" PRId64 ": %s holds %s, which is no number", c->path, c->line,
            rt_csv_column_text(where, c, column), rt_show(shown, f->text, (size_t)f->length));
    return rt_help(e, "inputs are numbers; only the target of a class loss (--target COL, the last "
                      "column by default) may hold names");
}

static bool list_columns(rt_err *e, const rt_csv *c, const char *name, size_t length)
{
    char shown[RT_SHOW_TEXT];
    rt_fail(e, RT_E_USAGE, "--target: %s has no column %s", c->path, rt_show(shown, name, length));
    if (!c->names)
        return rt_help(e, "it has no header; its columns are 1 to %" PRId64, c->n_columns);
    rt_buf list = {0};
    bool ok = true;
    int64_t i = 0;
    for (; ok && i < c->n_columns && list.length < 400; i++)
        ok = rt_buf_printf(e, &list, i ? ", %s" : "%s",
                           rt_show(shown, c->names[i], strlen(c->names[i])));
    if (ok)
        rt_help(e, "its columns are %s%s", list.data, i < c->n_columns ? ", …" : "");
    rt_buf_free(&list);
    return false;
}

bool rt_csv_column(rt_err *e, const rt_csv *c, const char *name, size_t length, int64_t *column)
{
    char shown[RT_SHOW_TEXT];
    int64_t found = -1;
    for (int64_t i = 0; c->names && i < c->n_columns; i++) {
        if (strlen(c->names[i]) != length || memcmp(c->names[i], name, length) != 0)
            continue;
        if (found >= 0)
            return rt_fail(e, RT_E_USAGE, "--target: %s has two columns %s: name it by its number",
                           c->path, rt_show(shown, name, length));
        found = i;
    }
    int64_t number = 0;
    bool digits = length > 0 && length < 10;
    for (size_t i = 0; digits && i < length; i++) {
        digits = name[i] >= '0' && name[i] <= '9';
        number = number * 10 + (name[i] - '0');
    }
    if (found < 0 && digits && number >= 1 && number <= c->n_columns)
        found = number - 1;
    if (found < 0)
        return list_columns(e, c, name, length);
    *column = found;
    return true;
}

/* ---- the start ---- */

/* The delimiter that the first line has most of, outside quotes. */
static char find_delimiter(const rt_csv *c)
{
    static const char choice[] = ",;\t";
    int64_t count[3] = {0};
    bool quoted = false;
    for (int64_t at = c->at; at < c->file.length && (quoted || !is_end(c, at)); at++) {
        char b = c->file.data[at];
        const char *which = b ? strchr(choice, b) : NULL;
        quoted ^= b == '"';
        if (which && !quoted)
            count[which - choice]++;
    }
    int best = 0;
    for (int i = 1; i < 3; i++)
        if (count[i] > count[best])
            best = i;
    return choice[best];
}

/* What the first record says about being a header, before the second one is seen. */
typedef struct guess { bool any_number, counts_columns; bool *text; } guess;

static bool look_at_first(rt_err *e, const rt_csv *c, guess *g)
{
    double value, before = 0;
    *g = (guess){.counts_columns = true};
    g->text = rt_alloc(e, c->n_columns, (int64_t)sizeof *g->text, "the columns of a CSV file");
    if (!g->text)
        return false;
    for (int64_t i = 0; i < c->n_columns; i++) {
        bool number = rt_csv_is_number(c, i, &value);
        g->text[i] = !number && c->field[i].length > 0;
        if (!number)
            continue;
        bool plain = value >= 0 && !memchr(c->field[i].text, '.', (size_t)c->field[i].length);
        if (!plain || (g->any_number ? value != before + 1 : value > 1))
            g->counts_columns = false;
        g->any_number = true;
        before = value;
    }
    return true;
}

static bool take_names(rt_err *e, rt_csv *c)
{
    c->names = rt_alloc(e, c->n_columns, (int64_t)sizeof *c->names, "the header of a CSV file");
    for (int64_t i = 0; c->names && i < c->n_columns; i++) {
        c->names[i] = rt_strndup(e, c->field[i].text, (size_t)c->field[i].length);
        if (!c->names[i])
            return false;
    }
    return c->names != NULL;
}

/* Reads the first record, and the second where that one alone does not tell. */
static bool find_header(rt_err *e, rt_csv *c)
{
    guess g;
    double value;
    int64_t start = c->at, line = c->next_line;
    if (!read_record(e, c))
        return false;
    c->n_columns = c->n_fields;
    if (!look_at_first(e, c, &g))
        return false;
    bool header = !g.any_number;
    bool ok = true;
    if (g.any_number && g.counts_columns) {
        skip_empty_lines(c);
        ok = c->at >= c->file.length || read_record(e, c);
        for (int64_t i = 0; ok && c->n_fields == c->n_columns && i < c->n_columns; i++)
            header = header || (g.text[i] && rt_csv_is_number(c, i, &value));
        c->at = start;
        c->next_line = line;
        ok = ok && read_record(e, c);
    }
    if (ok && header) {
        ok = take_names(e, c);
    } else {
        c->at = start;
        c->next_line = line;
    }
    rt_free(g.text);
    return ok;
}

static bool open_text(rt_err *e, rt_csv *c)
{
    if (!rt_file_read(e, c->path, -1, &c->file))
        return false;
    if (c->file.length >= 3 && !memcmp(c->file.data, "\xef\xbb\xbf", 3))
        c->at = 3;
    if (c->file.length && memchr(c->file.data, 0, (size_t)c->file.length)) {
        rt_fail(e, RT_E_DATA, "%s: is no text file: it holds zero bytes", c->path);
        return rt_help(e, "a CSV file is expected here, in UTF-8; NPY, IDX, PNG and JPEG files are "
                          "known by their first bytes; CIFAR's are read by the folder");
    }
    skip_empty_lines(c);
    if (c->at >= c->file.length)
        return rt_fail(e, RT_E_DATA, "%s: is empty", c->path);
    c->delimiter = find_delimiter(c);
    return find_header(e, c);
}

bool rt_csv_open(rt_err *e, rt_csv *c, const char *path)
{
    *c = (rt_csv){.path = path, .next_line = 1, .delimiter = ','};
    bool ok = open_text(e, c);
    if (!ok)
        rt_csv_close(c);
    return ok;
}

void rt_csv_close(rt_csv *c)
{
    for (int64_t i = 0; c->names && i < c->n_columns; i++)
        rt_free(c->names[i]);
    rt_free(c->names);
    rt_free(c->field);
    rt_buf_free(&c->scratch);
    rt_buf_free(&c->file);
    *c = (rt_csv){0};
}
