/* codegen/library.h: what the files of `seqc emit` share: the names and sizes of a library. */
#ifndef SEQC_CODEGEN_LIBRARY_H
#define SEQC_CODEGEN_LIBRARY_H
#include "codegen/program.h"
#include "codegen/stored.h"

/* A library as it is written. */
typedef struct Library {
    Emit e;
    const LibraryOpts *o;
    const Graph *infer, *train;       /* train: null where it does not */
    const Graph *apply;               /* of a step in pieces, the optimizer; else null */
    uint32_t *state; int n_state;     /* those that it reads, and where they lie in the params */
    int64_t *offset_bytes;            /* [n_state + 1]: then, where they end */
    bool blas;                        /* their kernels call OpenBLAS */
    bool gpu;                         /* they are a GPU's */
    const char *upper;                /* "NET", before macros */
    const char *elems;                /* of the type of inputs and results: "float" */
} Library;

/* The first bytes of a library's weights, before the states; what tells a file of them, and a sum
 * (FNV-1a, by words of 64 bits). */
enum { LIBRARY_ABI = 1, LIBRARY_HEAD_BYTES = 64, LIBRARY_MAGIC = 0x63716573 };
#define LIBRARY_SUM UINT64_C(0xcbf29ce484222325)
#define LIBRARY_PRIME UINT64_C(0x100000001b3)

Library library_of(const Module *m, const LibraryOpts *o, Arena *a);
/* Bytes of params, and of them of what is made of the states; of the workspace of an inference, of a
 * training step. Where weights change, an inference makes in its workspace what it makes of them. */
int64_t library_params_bytes(const Library *l);
int64_t library_prepared_bytes(const Library *l);
int64_t library_workspace_bytes(const Library *l, const Graph *g);
/* All that is written to: a workspace for either, and the params where they change. */
int64_t library_ram_bytes(const Library *l);
/* Of it the arena, with what the workers need while a kernel runs; how many there are. */
int64_t library_arena_bytes(const Library *l, const Graph *g);
/* Samples of a call: the module's, or several of its batches, which are pieces of it then. */
int64_t library_batch(const Library *l);
bool library_in_pieces(const Library *l);
/* Names the parts of a workspace that the body mentions. Returns the workspace's name if there are any,
 * else "". */
const char *library_memory(Library *l, Out *o, const Graph *g, const char *body,
                           const char *workspace);
/* library_pieces.c: NAME_forward, and NAME_train_step, with the functions that they call. */
Out *library_forward_pieces(Library *l);
Out *library_step_pieces(Library *l);
int library_workers(const Library *l);
/* The graph's input, or result, of this name. */
const Type *library_value(const Library *l, const Graph *g, const char *name);
/* "[1][784]", for a full batch. */
const char *library_dims(Library *l, const Shape *s);
/* Elements that the i-th of its states has room for, padding included. */
int64_t library_room(const Library *l, int i);
/* A template: $n becomes the library's name, $N what its macros begin with. */
void library_text(Library *l, Out *o, const char *template, const Hole *more, int n);
const char *library_names(Library *l, const char *template);      /* these alone */
/* What defines the weights in C, where it does: as numbers, or bytes that the assembler includes. */
void library_weights(Library *l, Out *o, const char *params);
/* Where several threads compute a call: what the header says of that; a graph's function and the tasks
 * that it hands out; what hands them out. */
extern const char *const library_parallel_text, *const library_forward_parallel;
Out *library_parallel(Library *l, const Graph *g);
void library_run_tasks(Library *l, Out *o);
/* NAME_threads.c. */
extern const char *const library_pool_tasks, *const library_pool_threads;
/* What a file of it has of math.h: INFINITY and NAN; the macros that this code needs besides, having
 * reached the functions that they name. */
void library_constants(Library *l, Out *o);
const char *library_math(Library *l, const char *code);
/* library_cuda.c: what the header of a library for a GPU says instead, and NAME.c after its head, with
 * functions of the host's. How many kernels it has; bytes of the device's memory for params, with what
 * kernels make of them; of a step's numbers, at the end of its workspace. */
extern const char *const library_cuda_about, *const library_cuda_training;
void library_cuda_declarations(Library *l, Out *o);
void library_cuda_source(Library *l, const char *functions, Out *o);
int library_cuda_kernels(Library *l);
int64_t library_device_bytes(const Library *l);
int64_t library_control_bytes(const Library *l);
/* A macro HOLDS, and what must. */
void library_holds(Library *l, Out *o);
/* What tells apart weights of models that differ in a key, a shape or how they are stored. */
uint64_t library_model(const Library *l);

#endif
