/* ir/expr_pool.h: what the files of the expression library share; nobody else includes it.
 *
 * Operands are always made before the node that reads them, so an operand's handle is the smaller
 * number. Walks over an expression are therefore loops over handles, never recursions. */
#ifndef SEQC_EXPR_POOL_H
#define SEQC_EXPR_POOL_H
#include "ir/expr.h"
#include <stddef.h>

struct ExPool {
    Arena *arena;
    ExNode *node;                        /* [cap]; node[0] is none */
    uint32_t n, cap;
    uint32_t *slot;                      /* open addressing: handles, 0 is free */
    uint32_t n_slot;                     /* a power of two, at least twice n */
};

typedef union { double r; int64_t i; } ExValue;       /* i of int, and 0 or 1 of bool */

/* Binary operators, loosest first; level 0 is the conditional, higher binds tighter. */
typedef struct { const char *text; ExOp op; int level; bool tight; } ExBinary;
extern const ExBinary ex_binary[];
enum { EX_N_BINARY = 12, EX_LEVEL_SELECT = 0, EX_LEVEL_UNARY = 7, EX_LEVEL_ATOM = 8 };

Ex ex_make(ExPool *p, ExNode x);                      /* hash-consed as it is, nothing folded */
Ex ex_named(ExPool *p, const char *name);
bool ex_eq(Ex a, Ex b);
bool ex_some(Ex e);                                   /* not none */
ExOp ex_op_of(const ExPool *p, Ex e);
bool ex_const(const ExPool *p, Ex e);                 /* a literal of any type */
bool *ex_reach(const ExPool *p, Ex e, Arena *scratch);   /* [e.i + 1]: e reads it */

/* Rewrites e from the leaves up: rule gets every node with its operands already rewritten. */
typedef Ex ExRule(ExPool *p, Ex old, const ExNode *x, void *ctx);
Ex ex_rewrite(ExPool *p, Ex e, ExRule *rule, void *ctx);
Ex ex_again(ExPool *p, Ex old, const ExNode *x);      /* the rule that changes nothing */

Ex ex_simp(ExPool *p, ExOp op, Ex a, Ex b, Ex c);     /* ex_op of normal forms, in normal form */

#endif
