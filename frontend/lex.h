/* frontend/lex.h: Python text becomes tokens. Private to the room.
 *
 * The whole text is cut at once. What is no token becomes T_ERROR with its message, which the
 * parser reports only when it gets there: a skipped block may hold anything. */
#ifndef SEQC_FRONTEND_LEX_H
#define SEQC_FRONTEND_LEX_H
#include "frontend/diag.h"

typedef enum {
    T_END,
    T_NEWLINE,
    T_INDENT,
    T_DEDENT,
    T_NAME,
    T_INT,
    T_FLOAT,
    T_STR,
    T_OP,
    T_ERROR
} TokKind;

typedef struct Tok {
    TokKind kind;
    uint8_t op_len;            /* T_OP: 1 to 3 characters, at text */
    bool formatted, bytes;     /* T_STR: f"…", b"…" */
    uint32_t str_len;
    Span at;
    const char *text; /* T_NAME: the name; T_OP: in the source; T_STR: decoded; T_ERROR: detail */
    union { int64_t i; double f; DiagId error; } u;
} Tok;

typedef struct Toks { Tok *tok; uint32_t n; } Toks;

/* Begins with a T_NEWLINE and ends with T_END (a few more follow it), so that a parser may look one
 * token back and some ahead. Nesting of indentation is limited. */
Toks fe_lex(FeDiags *d, uint16_t src, Arena *a);
bool fe_tok_is(const Tok *t, const char *op);
/* The bytes from `at` to before `end` of the source, as if in brackets; begins like fe_lex. */
Toks fe_lex_part(FeDiags *d, uint16_t src, size_t at, size_t end, Arena *a);
/* What stands in a string literal: escapes decoded unless it is raw. */
char *fe_unescape(Arena *a, const char *s, size_t n, bool raw, size_t *len);
#endif
