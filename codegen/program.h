/* codegen/program.h: the parts of a generated file that are not kernels. See tables.c. */
#ifndef SEQC_CODEGEN_PROGRAM_H
#define SEQC_CODEGEN_PROGRAM_H
#include "codegen/emit.h"

/* What a graph's function calls the things that it is given, as C. */
typedef struct Names {
    const char *const (*own)[2];      /* inputs and results that have names: {IR's, C's} …, {0};
                                         states are members of a struct then */
    bool keeps, full;                 /* then: what is kept is there; n is the whole batch */
    const char *call, *parallel;      /* the type of what `c` points to; what begins a call that runs
                                         tasks of it. Null: tasks run one after the other */
    const char *launch;               /* a GPU's: what begins a call that launches a kernel */
    const char *in, *out;             /* else: arrays of them, and bytes */
    const char *state, *arena, *kept, *workers, *scalars, *n, *seed, *step, *counters;
    int n_workers;                    /* of them, where each kernel's have so many bytes each in the */
    int64_t worker_bytes;             /* arena; 0: they have the graph's, wherever `workers` is */
} Names;
extern const Names names_call;        /* by an rt_call */

/* A graph: its functions, and what they refer to. */
typedef struct GraphText {
    const Graph *g;
    Out *out;
    Val *input; int n_input;
    Names at;
} GraphText;
/* graph.c: emits its kernels and writes how they are called. */
GraphText graph_text(Emit *e, const Graph *g);
/* The same in the function that is open, of a file without that struct: a call a kernel. Where tasks run
 * in parallel, the functions that they are go to `tasks`. Workers' memory is in the arena
 * (ir_workspace_bytes). */
void graph_calls(Emit *e, const Graph *g, const Names *at, Out *tasks, Out *o);
/* The same for a GPU: its kernels' launches. Where what it keeps is there (at->keeps), those that make
 * it, or else all others. */
void graph_launches(Emit *e, const Graph *g, const Names *at, bool once, Out *o);
/* library.c: the member of a struct that a state is. */
const char *state_name(Emit *e, State s);
/* Arguments or elements of a list, one a line, with what each is; `end` follows the last. */
void graph_list(Emit *e, Out *o, const char *const *item, const char *const *what, int n,
                const char *end);
/* A call of a kernel's stage, with the values of what it may have beside memory: {name, value} …,
 * {0}. */
void graph_call(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const Stage *stage,
                const char *const (*fixed)[2]);
bool graph_uses_blas(const Graph *g);
/* How many tasks a kernel has. */
const char *graph_tasks(Emit *e, const GraphText *t, const KernelUse *u);
/* one_block.c: a kernel that runs all kernels of a graph, and its launch. */
void one_block(Emit *e, Out *o, const GraphText *t, const KernelUse *u);

/* The kernel with its head comment. */
void kernel_write(Emit *e, Out *o, const KernelFn *f);
/* The head comment of a file whose name ends so; what follows it ends the comment. */
void head_write(Emit *e, Out *o, const char *end, const char *machine);
/* All graphs and with them their kernels, and the holes of snippets. */
GraphText *graphs_text(Emit *e);
void snippets_all(Emit *e, Out *o);

/* cuda.c: the file of the kernels of graphs that have their text. */
const char *cuda_kernels(Emit *e);
/* Names and sizes of the kernels, which the launches name. */
void cuda_tables(Emit *e, Out *o);
/* Those of the module's graphs, that run seldom or the others: lines of an enum K_NAME, rows { "NAME",
 * threads, bytes }; how many. */
int cuda_kernel_rows(Emit *e, bool seldom, Out *names, Out *rows);
/* What a file of kernels asks of a language, after its head comment. */
extern const char *const cuda_language;
void cuda_includes(Out *o);

/* nvcc.c: parts of a CMakeLists.txt: at its beginning, what writes the images as C when it runs as a
 * script; and the commands that make them of NAME.cu by nvcc. Images of a library, or of a program. */
typedef enum { NVCC_SCRIPT, NVCC_COMMANDS } NvccPart;
const char *nvcc_text(Arena *a, const char *name, const char *library, const int *arch, int n_arch,
                      NvccPart part);

/* steps.c: the kernels around those of graphs that are steps, and the rows of the tables that name
 * them; how many kernels, and how many steps. */
void steps_kernels(Emit *e, Out *o);
int steps_tables(Emit *e, Out *names, Out *rows, Out *steps, int *n_steps);
/* Does it take a batch of samples with targets to numbers? */
bool steps_are(const Graph *g);
/* A kernel that takes many steps of such a graph: its name and parameters. In it row i of `rows` is
 * `row`; the batch is gathered to in_0 and in_1, by the graph's inputs; out_0 … become a line. */
const char *steps_name(Emit *e, const Graph *g);
const char *steps_parameters(Emit *e, const Graph *g);
void steps_gather(Emit *e, Out *o, const Graph *g, const Val input[2]);
void steps_report(Emit *e, Out *o, const Graph *g);

/* tables.c: functions of learning rates and steps, `scalars` and `schedule` (runtime/rt.h), where the
 * module has them. */
void tables_scalars(Emit *e, Out *o);
void tables_schedule(Emit *e, Out *o);
/* The learning rates of the groups of parameters, "0.1, 0.01". */
const char *tables_rates(Emit *e);
void tables_includes(Emit *e, Out *o);
/* The graph's inputs and results. */
void tables_graph(Emit *e, Out *o, const Graph *g, const Val *input, int n_input);
/* Everything of rt_model, and where the program has one of it, main. */
void tables_program(Emit *e, Out *o);
/* main, for the models of n variants. */
void tables_main(Emit *e, Out *o, const EmitOpts *variant, int n);
#endif
