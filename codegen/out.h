/* codegen/out.h: text under construction. It owns indentation, braces and blank lines, so that
 * emitters say what they write and not where it stands.
 *
 * Text that comes from users (state keys, file and layer names, losses) enters C in one of three
 * ways alone: out_comment, out_string, out_ident. */
#ifndef SEQC_OUT_H
#define SEQC_OUT_H
#include "ir/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct Out Out;
typedef struct { const char *name, *text; } Hole;     /* $name in a template becomes text */

Out *out_new(Arena *a);                               /* lives in the arena */
Out *out_beside(Arena *a, const Out *o);              /* empty, at the same depth */
const char *out_text(const Out *o);                   /* what was written so far, null-terminated */
bool out_mentions(const char *text, const char *word);   /* does the identifier occur, not as
                                                            a member? */

/* One line at the present depth; the newline is added. "" is a blank line. */
void out_line(Out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same and " {", one deeper; out_close writes "}" and what follows it, as in "} u;". */
void out_open(Out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_close(Out *o, const char *after);
/* One deeper or back without braces: for a loop of one statement, and for continued lines. */
void out_deeper(Out *o, int by);
/* Text of several lines at the present depth, holes filled; unknown ones are a mistake of ours. */
void out_template(Out *o, const char *text, const Hole *holes, int n);
/* Bytes as they are. */
void out_raw(Out *o, const char *text);

const char *out_comment(Arena *a,
                        const char *s); /* cannot end the comment it stands in; printable ASCII */
const char *out_string(Arena *a,
                       const char *s); /* a C string literal with its quotes; "0" for null */
const char *out_ident(Arena *a,
                      const char *s); /* letters, digits and _, not starting with a digit */
#endif
