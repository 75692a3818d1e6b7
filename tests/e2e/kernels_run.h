/* tests/e2e/kernels_run.h: IR text becomes generated C, a shared object, and results, which are
 * compared with the interpreter. Helper of test_kernels.c. */
#ifndef SEQC_TEST_KERNELS_RUN_H
#define SEQC_TEST_KERNELS_RUN_H
#include "ir/ir.h"

typedef struct Variant {
    bool no_fuse, blas;
    Algo algo;               /* serves wherever it can, and somewhere; ALGO_NONE: any */
    bool quick;              /* compiled at -O0 in place of -O1 */
    bool cuda;               /* for CUDA, in the emulator, and not for `march` */
    bool one_block;          /* then: one block runs a graph, to the bits of launches */
    bool as_unfused;         /* to the bits of one kernel a node, if no product is contracted with a sum */
    bool again;              /* as many values as can be are computed again, to the bits of one time each */
    const char *march;
    const char *flag;        /* of the C compiler, one more; null: none */
} Variant;

/* A graph in IR text, stage tidy, that the passes from layout on and codegen take to the end. Then
 * it runs at n = 1, a middle n and n = capacity, on 1, 2 and 3 threads, with NaN in all memory that
 * is not an input; every root has to equal ir_eval's, and the same bits have to come from any
 * number of threads, in the emulator from five orders of them, and from an arena that is not
 * poisoned. */
void check_text(const char *name, const char *text, Variant v);
#endif
