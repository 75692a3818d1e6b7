/* runtime/json.h: a small JSON reader that hands out one token a call, and quoting for writers.
 *
 * No tree and no recursion: nesting is a bit a level, at most RT_JSON_DEPTH of them. Grammar of
 * RFC 8259; a byte order mark, comments and trailing commas are errors. */
#ifndef SEQC_RT_JSON_H
#define SEQC_RT_JSON_H
#include "runtime/base.h"

enum { RT_JSON_DEPTH = 32 };

typedef enum rt_json_kind {
    RT_JSON_OBJECT, RT_JSON_OBJECT_END, RT_JSON_ARRAY, RT_JSON_ARRAY_END,
    RT_JSON_KEY, RT_JSON_STRING, RT_JSON_NUMBER, RT_JSON_TRUE, RT_JSON_FALSE, RT_JSON_NULL,
    RT_JSON_END                  /* the one value is over and nothing follows */
} rt_json_kind;

/* The current token. `text` holds a key, a string (unescaped) or a number (as written), until the
 * next call. */
typedef struct rt_json {
    rt_json_kind kind;
    rt_buf text;
    const char *name;            /* of the source, for messages: "w.safetensors: header" */
    const char *start, *at, *end;
    int depth;
    uint32_t in_object;          /* bit d: level d is an object, else an array */
    int expect;
} rt_json;

void rt_json_open(rt_json *j, const char *name, const char *text, int64_t length);
bool rt_json_next(rt_err *e, rt_json *j);
/* The next token must be of this kind. */
bool rt_json_want(rt_err *e, rt_json *j, rt_json_kind kind);
/* Says what is wrong with the current token; returns false. */
bool rt_json_fail(rt_err *e, const rt_json *j, const char *what);
/* The current token as an integer that is not negative, written as plain digits. */
bool rt_json_integer(rt_err *e, const rt_json *j, int64_t *value);
void rt_json_close(rt_json *j);

/* Appends "text" in quotes with escapes; broken UTF-8 becomes U+FFFD. */
bool rt_json_quote(rt_err *e, rt_buf *b, const char *text);

#endif
