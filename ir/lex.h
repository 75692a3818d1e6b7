/* ir/lex.h: reading IR text line by line. Private to the parser.
 *
 * The first mistake is kept and makes every later call a quiet no-op, so that callers check
 * `failed` where they act, not after every token. */
#ifndef SEQC_IR_LEX_H
#define SEQC_IR_LEX_H
#include "ir/priv.h"

typedef struct Lex {
    const char *text;
    size_t len, at;
    size_t line_start;
    int line;
    bool failed;
    ParseErr *err;
    Module *m;                       /* strings are interned here */
} Lex;

typedef struct { const char *s; size_t n, at; } Word;

/* The message points at byte `at` of the text, which is on the current line. */
void ir_lex_fail(Lex *l, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void ir_lex_expected(Lex *l, const char *what); /* expected WHAT, found … */
size_t ir_lex_here(Lex *l); /* after blanks */
bool ir_lex_line(Lex *l); /* to the next line that says something */
bool ir_lex_at_end(Lex *l); /* of the line */
void ir_lex_end(Lex *l); /* nothing more may stand on this line */
int ir_lex_peek(Lex *l); /* next byte after blanks; -1: end of line */
bool ir_lex_accept(Lex *l, char c);
void ir_lex_need(Lex *l, char c);
Word ir_lex_word(Lex *l); /* letters, digits, _; empty if none */
bool ir_lex_is(Word w, const char *s);
bool ir_lex_accept_word(Lex *l, const char *s);
void ir_lex_need_word(Lex *l, const char *s);
const char *ir_lex_string(Lex *l, const char *what); /* quoted; interned */
const char *ir_lex_name(Lex *l, const char *what); /* bare (dots too) or quoted; interned */
int64_t ir_lex_int(Lex *l, int64_t low, int64_t high, const char *what);
double ir_lex_real(Lex *l, const char *what);
/* One of the words of a table; -1 with a message that names the nearest. */
int ir_lex_choice(Lex *l, const char *what, const char *const *table, int n);
Type ir_lex_type(Lex *l);
Shape ir_lex_shape(Lex *l);
Loc ir_lex_place(Lex *l); /* optional: @ file:line:col */
State ir_lex_state(Lex *l); /* a key in quotes, which must be known */
#endif
