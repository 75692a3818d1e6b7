/* passes/groups.h: nodes of a graph in the groups that become kernels. What passes/fuse.c and
 * passes/groups.c share. */
#ifndef SEQC_PASSES_GROUPS_H
#define SEQC_PASSES_GROUPS_H
#include "passes/kernels.h"

typedef struct Group { Val *member; int n; } Group;      /* by handle */

/* Convolutions whose maps graphs before this one have apart. */
typedef struct Apart { const Node **conv; int n; } Apart;

typedef struct Groups {
    const Graph *g;
    Flow flow;
    Group *group;                    /* by the group's number, which is its first node's */
    uint32_t *of;                    /* [n_node] group of a node; 0: none */
    Arena *scratch;
    const Choice *choice;            /* [n_node] of products and convolutions */
    const Target *target;
    /* Of groups.c alone. */
    uint32_t *before, *before_at;    /* the flow's edges the other way round */
    uint32_t *reader, *reader_at;    /* nodes of kernels that read a base, leaves' too */
    uint32_t *stack[2];              /* of groups, for walks down and up */
    uint32_t *seen[2], walk;         /* seen[..][group] == walk: met in this walk */
    bool normalising;                /* reductions may become row programs */
    const char **why;                /* [n_node] of a convolution: why it has a prologue, or none; null */
    Apart *apart;                    /* null: there is no other graph */
} Groups;

/* Every node of a kernel alone. In the arena. */
Groups pass_groups(const Graph *g, const Choice *choice, const Target *t, Arena *scratch);
/* Groups take neighbours for as long as a kernel can have that form and no path leads out of a
 * group and back. */
void pass_groups_grow(Groups *f);
/* Whether something in group b needs what is in group a; whether these members, with the randoms that they read,
 * touch too many tensors. */
bool pass_group_leads(Groups *f, uint32_t a, uint32_t b);
bool pass_too_wide(const Groups *f, const Val *member, int n);
bool pass_is_row(const Groups *f, const Group *x);       /* is it a row program? */
bool pass_is_cheap(const Groups *f, uint32_t v);         /* a map that may be computed again */
/* shared_maps.c: row programs compute maps again that they would read. */
void pass_share_maps(Groups *f);
/* prologue.c: convolutions of a GPU compute what maps make of their images, where that pays. */
void pass_prologues(Groups *f);
/* For qsort of a Val[]. */
int pass_by_handle(const void *a, const void *b);
#endif
