/* codegen/twin.h: kernels that compute the same but for maps on it. Private to twin.c, kernel.c and the
 * emitters of what they share. */
#ifndef SEQC_TWIN_H
#define SEQC_TWIN_H
#include "codegen/emit.h"

#define TWIN_MAPS "maps"                /* the argument that says what a launch computes */

/* Kernel i of g. A guest has a host; what a host's nodes are for it: `as` by the host's nodes, `of` by its
 * own; `without`, of maps that it has not, the operand in their place, from 1 on. Of a host: `lacking`, which
 * guests do without a map, and `through`, that operand; `absent`, what some have no memory for;
 * `alone`: a step or an evaluation stores a convolution as it is. */
typedef struct Twin {
    const Graph *g;
    int i, size;
    struct Twin *host;
    Val *as, *of;
    int *without, *through;
    uint64_t *lacking;
    bool *absent, alone;
    int n_guest;
    KernelUse *use;                                      /* its own, once a guest has asked */
} Twin;

Twin *twin_of(Emit *e, const Graph *g, int i);           /* null: it shares with none */
/* The use of its host for kernel i of g; false: it has none. */
bool twin_use(Emit *e, const Graph *g, int i, KernelUse *u);
/* Of a host: do steps store its sums alone, too; the condition to compute a map, or null: always, and the
 * operand in its place; is there perhaps no memory for an operand or a result, a number of a row; what its
 * head says. */
bool twin_alone(const Kern *k);
const char *twin_asks(const Kern *k, Val v);
int twin_operand(const Kern *k, Val v);
bool twin_lacks(const Kern *k, Val v);
bool twin_lacks_number(const Kern *k, Val v);
const char *twin_note(const Kern *k);
bool twin_sized(const Sizes *s);                         /* has it others than `maps`? */
/* kernel.c: the sizes that kernel i of g has as parameters by itself; its tasks. */
Sizes kernel_sizes(Emit *e, const Graph *g, int i);
void twin_tasks(Emit *e, const Graph *g, int i, KernelUse *u);
#endif
