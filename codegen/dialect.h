/* codegen/dialect.h: how a language for kernels says things. One table a language; what differs
 * between C and another one stands here and in no emitter. */
#ifndef SEQC_DIALECT_H
#define SEQC_DIALECT_H
#include "codegen/snippets.h"
#include "ir/ir.h"

/* A function of scalar expressions: its name, and the snippet that defines it (SNIP_none: the
 * language's own library does; `own` is a snippet that computes the same). */
typedef struct { const char *name; Snippet snippet, own; } DialectFn;

typedef struct Dialect {
    const char *name;
    const char *type[DT_COUNT];            /* float, double, int64_t … */
    const char *literal_suffix[DT_COUNT];  /* f for float */
    const char *infinity, *nan;
    const char *kernel, *function;         /* what stands before a kernel, before a helper */
    const char *inlined;                   /* before a kernel that becomes part of its callers */
    const char *restricted;                /* a pointer that nothing else aliases */
    /* Loops over $i: of a task's elements that are independent of each other, from $from to
     * $end; of its rows, from begin to end; along a row, from 0 to $end; of blocks, along all parts
     * of a row, where places are of $type. */
    const char *each, *row, *along, *flat;
    const char *simd;                      /* before a loop whose sums' order is free, or null */
    /* Tasks are blocks of threads: loops above share them out, numbers that change from step to
     * step are read from memory, and what threads find is joined. */
    bool blocks;
    const char *task;                      /* what people call a task */
} Dialect;

extern const Dialect dialect_c, dialect_cuda;
/* From EX_exp on, in every language. */
extern const DialectFn dialect_fn32[EX_COUNT], dialect_fn64[EX_COUNT];
/* That of the target's code. */
const Dialect *dialect_of(const Target *t);

/* The shortest literal of type `d` that reads back as x converted to d. */
const char *dialect_literal(const Dialect *l, DType d, double x, Arena *a);
#endif
