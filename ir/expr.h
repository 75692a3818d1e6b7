/* ir/expr.h: scalar expressions, the mathematics of elementwise ops.
 *
 * Text like "a > 0 ? a : slope * a" becomes hash-consed nodes in a pool: equal expressions have
 * equal handles. Types are real, int and bool without implicit promotion (a literal without '.'
 * takes the type that its place asks for). Grammar, loosest first:
 *   ?:   ||   &&   == !=   < <= > >=   + -   * /   unary - !   f(x, y)   literal  name  ( )
 * before it any number of "t0 = …; t1 = …;", each read by what follows under that name: what is
 * large is printed so, each shared part once.
 *   int(x) truncates and saturates, real(i) converts. Literals: decimal, hex float, inf, nan.
 * Names of one letter are arguments 0 .. 25; longer ones are looked up in the caller's list.
 * Printing is canonical: fewest parentheses, shortest numbers that read back the same bits.
 * Nothing here reassociates, and nothing drops a NaN, an infinity or a -0. */
#ifndef SEQC_EXPR_H
#define SEQC_EXPR_H
#include "ir/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct { uint32_t i; } Ex;      /* 0 is none */

typedef enum {
    EX_NONE, EX_NUM, EX_INT, EX_BOOL, EX_ARG, EX_NAME,
    EX_ADD, EX_SUB, EX_MUL, EX_DIV, EX_NEG,
    EX_LT, EX_LE, EX_GT, EX_GE, EX_EQ, EX_NE, EX_AND, EX_OR, EX_NOT,
    EX_SELECT,                          /* in[0] ? in[1] : in[2] */
    EX_TO_INT, EX_TO_REAL,
#define EXFN(name, ...) EX_##name,
#include "ir/exfuncs.def"
#undef EXFN
    EX_COUNT
} ExOp;

typedef enum { EXT_REAL, EXT_INT, EXT_BOOL } ExType;
enum { EX_MAX_ARGS = 26 };

typedef struct ExNode {
    ExOp op;
    ExType type;
    Ex in[3];
    union { double num; int64_t i; uint32_t arg; const char *name; } u;
} ExNode;

typedef struct ExPool ExPool;

ExPool *ex_pool(Arena *a);                              /* lives in, and is freed with, the arena */
const ExNode *ex_node(const ExPool *p, Ex e);

/* Parses text of at most EX_MAX_TEXT characters, as is and printed. On a mistake returns none and
 * writes "column N: what" to err. names: longer names that may stand in it, null-terminated, or null. */
enum { EX_ERR = 160, EX_MAX_TEXT = 1 << 16 };
Ex ex_parse(ExPool *p, const char *text, const char *const *names, char err[EX_ERR]);
const char *ex_print(Arena *a, const ExPool *p, Ex e);   /* canonical text */

Ex ex_num(ExPool *p, double x);
Ex ex_arg(ExPool *p, int i);
Ex ex_op(ExPool *p, ExOp op, Ex a, Ex b, Ex c);          /* builds, simplifying constants */
Ex ex_int(ExPool *p, int64_t i);
Ex ex_bool(ExPool *p, bool b);
/* Has the operation as many operands, of such types? ex_op dies where it has not. */
bool ex_fits(const ExPool *p, ExOp op, Ex a, Ex b, Ex c);
Ex ex_subst(ExPool *p, Ex e, const Ex *args, int n);    /* argument i becomes args[i]; none: kept */
Ex ex_replace(ExPool *p, Ex e, Ex from, Ex to);       /* every occurrence of a part */
Ex ex_name_value(ExPool *p, Ex e, const char *name, double value);   /* a name becomes a number */

/* d e / d argument, simplified and stabilised; branches as written, kinks as exfuncs.def says. */
Ex ex_diff(ExPool *p, Ex e, int arg);
/* Rewrites that change no bit of any value (a NaN stays a NaN). */
Ex ex_simplify(ExPool *p, Ex e);
/* Simplifies, and replaces forms that overflow or cancel by equal ones that do not:
 * log(1 + exp(a)), 1 / (1 + exp(-a)), log(1 + a), exp(a) - 1, log(exp(a) + exp(b)), log(cosh(a)),
 * roots of squares. Equal as mathematics, not in bits. */
Ex ex_stable(ExPool *p, Ex e);
/* g times the derivative d, for the chain rule. It goes into the branches of a d that masks: there
 * a branch that is 0 gives 0 whatever g is (inf and NaN too, as PyTorch's masks do) and one that is
 * 1 gives g: ex_chain(b, a > 0 ? 1 : 0) is a > 0 ? b : 0. Where that would repeat a large g in
 * several branches it multiplies from outside. */
Ex ex_chain(ExPool *p, Ex g, Ex d);

/* The derivative `d` of f (one argument, number `arg`) rewritten so that it reads f's output as
 * argument `out` instead of `arg`; none where that cannot be proved equal. */
Ex ex_in_output(ExPool *p, Ex f, Ex d, int arg, int out);

double ex_eval(const ExPool *p, Ex e, const double *args);   /* in double; bool as 0 or 1 */
uint32_t ex_args_used(const ExPool *p, Ex e);                /* bit i: argument i occurs */
int ex_cost(const ExPool *p, Ex e);                          /* operations, shared ones once */
bool ex_is_num(const ExPool *p, Ex e, double x);

const char *ex_op_name(ExOp op);          /* "add", "exp" */
ExOp ex_op_named(const char *name);       /* EX_NONE: there is none */
extern const char *const ex_fn_names[];   /* by EX_##name - EX_exp */
extern const int ex_fn_arity[];
#endif
