/* runtime/json.c: the token reader and the quoting of json.h. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/json.h"
#include <inttypes.h>
#include <string.h>

/* What may come next. */
enum { VALUE, FIRST_VALUE, FIRST_KEY, NEXT_KEY, COLON, COMMA, NOTHING };

void rt_json_open(rt_json *j, const char *name, const char *text, int64_t length)
{
    *j = (rt_json){.kind = RT_JSON_END, .name = name, .start = text, .at = text,
                   .end = text + length, .expect = VALUE};
}

void rt_json_close(rt_json *j) { rt_buf_free(&j->text); }

bool rt_json_fail(rt_err *e, const rt_json *j, const char *what)
{
    return rt_fail(e, RT_E_DATA, "%s: at byte %td: %s", j->name, j->at - j->start, what);
}

static bool at_char(const rt_json *j, char c) { return j->at < j->end && *j->at == c; }

static bool is_digit(const rt_json *j) { return j->at < j->end && *j->at >= '0' && *j->at <= '9'; }

/* Four hexadecimal digits, or -1. */
static int hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char *digit = at[i] ? strchr("0123456789abcdefABCDEF", at[i]) : NULL;
        if (!digit)
            return -1;
        int place = (int)(digit - "0123456789abcdefABCDEF");
        value = value * 16 + (at[i] >= 'A' && at[i] <= 'F' ? place - 6 : place);
    }
    return value;
}

static bool add_point(rt_err *e, rt_buf *b, unsigned point)
{
    char out[4];
    int n = 0;
    if (point < 0x80) {
        out[n++] = (char)point;
    } else if (point < 0x800) {
        out[n++] = (char)(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        out[n++] = (char)(0xe0 | point >> 12);
        out[n++] = (char)(0x80 | (point >> 6 & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | point >> 18);
        out[n++] = (char)(0x80 | (point >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (point >> 6 & 0x3f));
    }
    if (point >= 0x80)
        out[n++] = (char)(0x80 | (point & 0x3f));
    return rt_buf_add(e, b, out, n);
}

/* at: the character after the backslash. */
static bool read_escape(rt_err *e, rt_json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = j->at < j->end ? *j->at++ : 0;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple)
        return rt_buf_add(e, &j->text, &to[simple - from], 1);
    int high = c == 'u' ? hex4(j->at, j->end) : -1;
    if (high < 0)
        return rt_json_fail(e, j, "this escape is not JSON's");
    j->at += 4;
    unsigned point = (unsigned)high;
    if (high >= 0xd800 && high < 0xe000) {
        bool pair = high < 0xdc00 && j->end - j->at >= 6 && j->at[0] == '\\' && j->at[1] == 'u';
        int low = pair ? hex4(j->at + 2, j->end) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return rt_json_fail(e, j, "half of a surrogate pair");
        j->at += 6;
        point = 0x10000 + (((unsigned)high & 0x3ff) << 10 | ((unsigned)low & 0x3ff));
    }
    if (point == 0)
        return rt_json_fail(e, j, "a string with a zero character");
    return add_point(e, &j->text, point);
}

/* at: after the opening quote. */
static bool read_string(rt_err *e, rt_json *j)
{
    j->text.length = 0;
    if (!rt_buf_add(e, &j->text, "", 0))
        return false;
    for (;;) {
        const char *run = j->at;
        while (j->at < j->end && *j->at != '"' && *j->at != '\\') {
            int width = rt_utf8_length(j->at, (size_t)(j->end - j->at));
            if (!width || (unsigned char)*j->at < 0x20)
                return rt_json_fail(e, j, width ? "a control character in a string"
                                                : "a string that is not UTF-8");
            j->at += width;
        }
        if (!rt_buf_add(e, &j->text, run, j->at - run))
            return false;
        if (j->at == j->end)
            return rt_json_fail(e, j, "ends inside a string");
        if (*j->at++ == '"')
            return true;
        if (!read_escape(e, j))
            return false;
    }
}

static bool read_digits(rt_err *e, rt_json *j)
{
    if (!is_digit(j))
        return rt_json_fail(e, j, "a digit is missing");
    while (is_digit(j))
        j->at++;
    return true;
}

static bool read_number(rt_err *e, rt_json *j)
{
    const char *first = j->at;
    if (at_char(j, '-'))
        j->at++;
    if (at_char(j, '0'))
        j->at++;
    else if (!read_digits(e, j))
        return false;
    if (at_char(j, '.')) {
        j->at++;
        if (!read_digits(e, j))
            return false;
    }
    if (at_char(j, 'e') || at_char(j, 'E')) {
        j->at++;
        if (at_char(j, '+') || at_char(j, '-'))
            j->at++;
        if (!read_digits(e, j))
            return false;
    }
    j->kind = RT_JSON_NUMBER;
    j->text.length = 0;
    return rt_buf_add(e, &j->text, first, j->at - first);
}

static bool read_word(rt_err *e, rt_json *j)
{
    static const struct { const char *word; rt_json_kind kind; } words[] = {
        {"true", RT_JSON_TRUE}, {"false", RT_JSON_FALSE}, {"null", RT_JSON_NULL}};
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(words[i].word);
        if ((size_t)(j->end - j->at) >= length && !memcmp(j->at, words[i].word, length)) {
            j->at += length;
            j->kind = words[i].kind;
            return true;
        }
    }
    return rt_json_fail(e, j, "a value is missing");
}

static bool open_level(rt_err *e, rt_json *j, bool object)
{
    if (j->depth == RT_JSON_DEPTH)
        return rt_json_fail(e, j, "nested too deeply");
    uint32_t bit = (uint32_t)1 << j->depth++;
    j->in_object = object ? j->in_object | bit : j->in_object & ~bit;
    j->kind = object ? RT_JSON_OBJECT : RT_JSON_ARRAY;
    j->expect = object ? FIRST_KEY : FIRST_VALUE;
    j->at++;
    return true;
}

static void after_value(rt_json *j) { j->expect = j->depth ? COMMA : NOTHING; }

static bool close_level(rt_json *j, bool object)
{
    j->kind = object ? RT_JSON_OBJECT_END : RT_JSON_ARRAY_END;
    j->depth--;
    j->at++;
    after_value(j);
    return true;
}

static bool read_value(rt_err *e, rt_json *j)
{
    if (at_char(j, '{') || at_char(j, '['))
        return open_level(e, j, *j->at == '{');
    bool ok;
    if (at_char(j, '"')) {
        j->at++;
        j->kind = RT_JSON_STRING;
        ok = read_string(e, j);
    } else if (at_char(j, '-') || is_digit(j)) {
        ok = read_number(e, j);
    } else {
        ok = read_word(e, j);
    }
    after_value(j);
    return ok;
}

static void skip_space(rt_json *j)
{
    while (j->at < j->end && *j->at && strchr(" \t\r\n", *j->at))
        j->at++;
}

static bool read_token(rt_err *e, rt_json *j)
{
    bool object = j->depth && j->in_object >> (j->depth - 1) & 1;
    skip_space(j);
    if (j->expect == NOTHING) {
        j->kind = RT_JSON_END;
        return j->at == j->end || rt_json_fail(e, j, "something follows the value");
    }
    if (j->at == j->end)
        return rt_json_fail(e, j, "ends too early");
    if (j->expect == COMMA) {
        if (at_char(j, object ? '}' : ']'))
            return close_level(j, object);
        if (!at_char(j, ','))
            return rt_json_fail(e, j, "a comma is missing");
        j->at++;
        skip_space(j);
        j->expect = object ? NEXT_KEY : VALUE;
    }
    if ((j->expect == FIRST_KEY && at_char(j, '}'))
        || (j->expect == FIRST_VALUE && at_char(j, ']')))
        return close_level(j, object);
    if (j->expect == VALUE || j->expect == FIRST_VALUE)
        return read_value(e, j);
    if (j->expect == COLON) {
        if (!at_char(j, ':'))
            return rt_json_fail(e, j, "a colon is missing");
        j->at++;
        skip_space(j);
        return read_value(e, j);
    }
    if (!at_char(j, '"'))
        return rt_json_fail(e, j, "a key is missing");
    j->at++;
    j->kind = RT_JSON_KEY;
    j->expect = COLON;
    return read_string(e, j);
}

bool rt_json_next(rt_err *e, rt_json *j)
{
    if (read_token(e, j))
        return true;
    j->kind = RT_JSON_END;    /* so that a loop over a level's tokens sees no end of the level */
    return false;
}

bool rt_json_want(rt_err *e, rt_json *j, rt_json_kind kind)
{
    static const char *const text[] = {
        "an object is expected", "the object should end", "a list is expected",
        "the list should end", "a key is expected", "a string is expected", "a number is expected",
        "true is expected", "false is expected", "null is expected", "the end is expected"};
    if (!rt_json_next(e, j))
        return false;
    return j->kind == kind || rt_json_fail(e, j, text[kind]);
}

bool rt_json_integer(rt_err *e, const rt_json *j, int64_t *value)
{
    int64_t sum = 0;
    bool ok = j->kind == RT_JSON_NUMBER && j->text.length > 0;
    for (int64_t i = 0; ok && i < j->text.length; i++) {
        char c = j->text.data[i];
        ok = c >= '0' && c <= '9' && rt_mul(sum, 10, &sum) && rt_add(sum, c - '0', &sum);
    }
    if (!ok)
        return rt_json_fail(e, j, "a whole number from 0 to 9223372036854775807 is expected");
    *value = sum;
    return true;
}

bool rt_json_quote(rt_err *e, rt_buf *b, const char *text)
{
    bool ok = rt_buf_add(e, b, "\"", 1);
    size_t left = strlen(text);
    while (ok && left) {
        int width = rt_utf8_length(text, left);
        unsigned char c = (unsigned char)*text;
        if (!width)
            ok = rt_buf_add(e, b, "\xef\xbf\xbd", 3);
        else if (c == '"' || c == '\\')
            ok = rt_buf_printf(e, b, "\\%c", c);
        else if (c == '\n')
            ok = rt_buf_add(e, b, "\\n", 2);
        else if (c < 0x20 || c == 0x7f)
            ok = rt_buf_printf(e, b, "\\u%04x", c);
        else
            ok = rt_buf_add(e, b, text, width);
        text += width ? width : 1;
        left -= (size_t)(width ? width : 1);
    }
    return ok && rt_buf_add(e, b, "\"", 1);
}
