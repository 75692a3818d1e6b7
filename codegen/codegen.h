/* codegen/codegen.h: a planned module becomes source text, and source text an executable.
 *
 * Errors: emit_* cannot fail on a planned, verified module. emit_compile reports the C compiler's
 * failure as text. */
#ifndef SEQC_CODEGEN_H
#define SEQC_CODEGEN_H
#include "ir/ir.h"

typedef struct EmitOpts {
    const Target *target;
    const char *version;              /* seqc's, for the head of the file */
    const char *source;               /* base name of the model file */
    const char *name;                 /* of the file; null: the model's */
    bool variant;                     /* of a program for several targets: without main */
    int n_arch;                       /* of a GPU: as many are compiled for side by side; 0: who knows */
} EmitOpts;

/* Writes one C file: kernels, graphs, tables and main for runtime/rt.h. The same module gives the
 * same bytes. */
void emit_program(const Module *m, const EmitOpts *o, FILE *out);
/* For a GPU the file of its kernels; emit_program's has what launches them. */
void emit_kernels(const Module *m, const EmitOpts *o, FILE *out);
/* Both in the time of one: the kernels' file, in the arena. */
const char *emit_program_with_kernels(const Module *m, const EmitOpts *o, FILE *out, Arena *a);
/* A line of that file. What follows it, up to the next one, can be compiled apart, after all that
 * precedes the first. */
#define EMIT_PART "/* ---- part ---- */\n"
/* The next line of a part whose kernels run so seldom that compiling them is what takes time: where
 * there is PTX, that is all that becomes of it, and the driver compiles it when it is wanted. */
#define EMIT_SELDOM "/* Run seldom: compiled fast. */\n"
/* What a part asks for that has instructions of sm_90a: the compiler defines it there alone. */
extern const char emit_sm_90a[];
/* Writes the file with main for the variants of m, one a target, best first. */
void emit_main(const Module *m, const EmitOpts *variant, int n, FILE *out);
/* NAME.contract.c of such a file, whose name without folder is `source`: functions that call it as the
 * runtime does, which is what is certified. A line of it that begins so has the compiler's flags. */
#define CONTRACT_FLAGS " * Compiled with "
#define CONTRACT_END ".contract.c"
void emit_program_contract(const Module *m, const EmitOpts *o, const char *source, const char *flags,
                           FILE *out);
void emit_main_contract(const Module *m, const EmitOpts *variant, const char *source,
                        const char *flags, FILE *out);
bool emit_uses_blas(const Module *m);

/* ---- a library for other people's projects: `seqc emit` ---- */

typedef struct LibraryOpts {
    const Target *target;
    const char *version, *source;     /* as EmitOpts */
    const char *name;                 /* a C identifier; all that others see begins with it */
    bool native;                      /* compiled with -march=native instead of the target's */
    bool trains;                      /* it has the module's training step, too */
    int64_t batch;                    /* samples of a call, a multiple of the module's; 0: as many */
    bool total;                       /* the loss is a sum over samples, not their mean */
    int threads;                      /* most that compute a call; 0: the caller's alone */
    const int *arch; int n_arch;      /* of a GPU: what kernels are compiled for */
    bool c11;                         /* says alignment and assertions as C11 does, not GNU C99 */
    bool no_libm;                     /* calls no function of math.h: they are its own */
    bool one_file;                    /* the weights stand in NAME.c, too */
    enum {
        WEIGHTS_CONST,                /* numbers in a C file */
        WEIGHTS_INCBIN,               /* bytes that the assembler includes */
        WEIGHTS_BIN                   /* bytes of a file, for NAME_load */
    } weights;
} LibraryOpts;

/* NAME.h and NAME.c: the module's graph `infer` for full batches and, if it trains, `train` for any, on
 * the caller's thread and in the caller's memory. The same module gives the same bytes. */
void emit_library_header(const Module *m, const LibraryOpts *o, FILE *out);
void emit_library_source(const Module *m, const LibraryOpts *o, const char *params, FILE *out);
/* NAME_params: its bytes, made of the block of all states as a program has it, and of what the graph
 * keeps (emit_keep); then, where they have one of their own, their C file. */
int64_t emit_library_bytes(const Module *m, const LibraryOpts *o);
/* Bytes that its caller has to be able to write: a workspace; where it trains, the params, too. */
int64_t emit_library_ram(const Module *m, const LibraryOpts *o);
/* Bytes of the workspace of its graph `infer`, or `train`. */
int64_t emit_library_workspace(const Module *m, const LibraryOpts *o, const char *graph);
void emit_library_params(const Module *m, const LibraryOpts *o, const char *states,
                         const char *kept, char *params);
bool emit_library_intact(const char *params, int64_t bytes);    /* it has the sum that it says */
void emit_library_weights(const Module *m, const LibraryOpts *o, const char *params, FILE *out);
bool emit_library_has_weights(const LibraryOpts *o);
/* NAME.contract.c: functions that call the library's as a caller may, which is what is certified. */
void emit_library_contract(const Module *m, const LibraryOpts *o, FILE *out);
/* For a GPU NAME.cu, the file of its kernels. */
void emit_library_kernels(const Module *m, const LibraryOpts *o, FILE *out);
/* What goes around it: CMakeLists.txt, NAME.pc.in, example.c, README.md. */
typedef enum {
#define LIBRARY_FILE(id, path, text) LIBRARY_FILE_##id,
#include "codegen/library_files.def"
    LIBRARY_FILES
} LibraryFile;
extern const char *const emit_library_path[LIBRARY_FILES];   /* $n is the name */
bool emit_library_has(const LibraryOpts *o, LibraryFile file);
void emit_library_file(const Module *m, const LibraryOpts *o, LibraryFile file, FILE *out);
const char *emit_upper(const char *name, Arena *a);
/* What its C file has to be compiled with, "-O3 -march=native …". In the arena. */
const char *emit_library_flags(const Module *m, const LibraryOpts *o, Arena *a);
/* And what a program with it is linked with, " -lm …". In the arena. */
const char *emit_library_libs(const Module *m, const LibraryOpts *o, Arena *a);

/* The states that it has, and where their bytes begin in the params, and where they end ([n + 1]). In
 * the arena. */
typedef struct LibraryStates {
    const uint32_t *state;
    const int64_t *offset_bytes;
    int n;
    uint64_t about[4];                /* ABI, model, bytes of params and of the workspace */
    int64_t train_workspace;          /* bytes; 0: it does not train */
    int64_t device_bytes;             /* of params on a GPU */
} LibraryStates;
LibraryStates emit_library_states(const Module *m, const LibraryOpts *o, Arena *a);
/* A program around it: CASES RESULTS [WEIGHTS], files of raw numbers. Of cases: how many inferences
 * and steps (int64); inputs; then of each step n (int64), seed, step (uint64), steps, rates (double),
 * n samples, n targets, and each state in PyTorch's order. Of results: `about`; the params; outputs;
 * then of each step the loss and each state. Before that a line on stderr, and exit code 1, where a
 * call does what it must not. */
void emit_library_driver(const Module *m, const LibraryOpts *o, FILE *out);

/* Is no tensor longer than four of the target's vectors? */
bool emit_is_short(const Module *m, const Target *t);

/* A file to be compiled. */
typedef struct CompileUnit {
    const char *source;
    const char *object;               /* where it is compiled to, if it is one among several */
    const Target *target;
    bool native;                      /* -march=native instead of the target's */
    bool half_vectors;                /* loops are short: fewer elements are left over */
    struct CompileJob *job;           /* what compiles it already, or null */
} CompileUnit;

/* "-std=c11 -O3 -march=…": what its text depends on, and how it is optimized. In the arena. */
const char *emit_unit_flags(const CompileUnit *u, Arena *a);

/* How to call the C compiler. */
typedef struct CompileOpts {
    const char *cc;                   /* null: $CC, cc, gcc, clang, the first that is there */
    bool blas;                        /* link OpenBLAS */
    bool images;                      /* link what reads PNG and JPEG files, where it is there */
    bool shared;                      /* a shared object, without the runtime's library */
    const char *runtime_dir;          /* holds libseqc_rt.a and include/runtime/rt.h */
    const char *const *extra;         /* further flags, null-terminated, or null */
    bool verbose;                     /* print the command line */
} CompileOpts;

/* Does OpenBLAS lie where compilers look for it? */
bool emit_finds_blas(const Target *t, Arena *a);

/* May the program meet images? Its samples are some. */
bool emit_uses_images(const Module *m);

/* Begins to compile a unit among several; emit_compile waits for it, as emit_compile_wait does where nothing
 * comes of it. False and a message where there is no compiler, or it does not start. */
bool emit_compile_start(CompileUnit *unit, const CompileOpts *o, char **message, Arena *a);
void emit_compile_wait(const CompileUnit *unit);
/* Has it failed by now? Waits for nothing. And what is to be said of it then: once, and in the end. */
bool emit_compile_failed(const CompileUnit *unit);
char *emit_compile_message(const CompileUnit *unit);
/* Compiles n units, all at once, and links them to `output`, by posix_spawn. False and a message
 * that says what ran and what it printed. Objects stay: the caller removes them. */
bool emit_compile(const CompileUnit *unit, int n, const char *output, const CompileOpts *o,
                  char **message, Arena *a);

/* Compiles a library's sources, null-terminated, and others to a program, with the flags of its
 * kernels. o: cc, extra, verbose. */
bool emit_compile_library(const Module *m, const LibraryOpts *l, const char *const *sources,
                          const char *output, const CompileOpts *o, char **message, Arena *a);
/* Runs a program, on $PATH or by its path. *status as waitpid says it, *printed what it wrote, kept in
 * a file beside `beside` meanwhile. False, and why in *printed, where it cannot be run. */
bool emit_execute(const char *const *argv, const char *beside, bool verbose, int *status,
                  char **printed, Arena *a);

/* ---- images of kernels for CUDA ---- */

typedef struct ImageOpts {
    const int *arch; int n_arch;      /* 80, 90: machine code for sm_80 and sm_90 */
    bool ptx;                         /* and PTX of the lowest, which newer ones translate */
    bool usage;                       /* print what each kernel takes of a multiprocessor, once assembled */
    const char *library;              /* its name: they are a library's, NAME_images; else a program's */
    const char *cache;                /* a folder of what was compiled before, or null */
    struct ImageCount *count;         /* told how many are compiled, and how many were found there; or null */
    int (*interrupted)(void);         /* not 0: nothing more is begun, and it fails; or null */
    const CompileUnit *beside;        /* where that is compiled meanwhile, and fails, so does this; or null */
} ImageOpts;
typedef struct ImageCount { int all, found; } ImageCount;

/* NVRTC's version and where it is; null: this machine has none. */
const char *emit_nvrtc(Arena *a);
/* Opens it in a thread of its own, so that the 20 ms of that are over when there are kernels; nothing happens
 * where it is missing, or for one processor alone. end: waits for that. */
void emit_nvrtc_begin(void);
void emit_nvrtc_end(void);
/* Compiles the kernels of a file by NVRTC to a C file that defines `images` (runtime/cuda.h). False
 * and a message that says what is missing or what the compiler printed. */
bool emit_images(const char *kernels_cu, const ImageOpts *o, const char *images_c, char **message,
                 Arena *a);

/* Writes a CMakeLists.txt that makes the program of NAME.c and NAME.cu by nvcc. The name: letters,
 * digits, '-', '_' and '.'. */
void emit_nvcc(const Module *m, const char *name, const int *arch, int n_arch, FILE *out);

/* ---- generated code in this process, beside the interpreter ---- */

/* What emit_program writes, and after it what stands in for the runtime: tasks run one after the
 * other, unless the object's `seqc_parallel` points to something like rt_parallel. */
void emit_replay(const Module *m, const EmitOpts *o, FILE *out);
/* The same of a module for CUDA, with the file of its images. `seqc_model` is the rt_model, and
 * `seqc_launcher` points to what launches kernels. */
void emit_replay_cuda(const Module *m, const EmitOpts *o, const char *images_c, FILE *out);

/* The functions of a shared object that was compiled from emit_replay's source. */
typedef struct Replay Replay;
/* Null and a message where it cannot be loaded. The module must outlive the result, which lives in
 * the arena until emit_close. */
Replay *emit_open(const Module *planned, const char *object, char **message, Arena *a);
void emit_close(Replay *r);
void *emit_symbol(const Replay *r, const char *name);   /* null: none */

typedef struct ReplayHow {
    unsigned char fill;               /* of memory whose contents are undefined; 0xff is NaN */
    int workers;                      /* at least 1 */
    void *pool;                       /* given to seqc_parallel, or to `run` */
    /* Runs a graph of the module in place of the object, on the same memory; null: the object does. */
    void (*run)(void *pool, int graph, int64_t n, const void *const *in, void *const *out,
                char *state, const void *scalars, uint64_t seed, uint64_t step);
} ReplayHow;
/* Runs a graph of the module on what the interpreter is given. The roots' values, [n_root], in
 * row-major order. */
double **emit_run(const Replay *r, const Graph *g, const EvalIn *in, const ReplayHow *how,
                  Arena *a);
/* A state's values, in PyTorch's order, in the block of all states of a planned module, whose padding
 * is left alone, and out of it. */
void emit_state_put(const Module *planned, State s, const double *value, char *block);
double *emit_state_get(const Module *planned, State s, const char *block, Arena *a);
/* Fills kept (graph->kept_bytes) from a block of states, as the graph does before its first run. */
void emit_keep(const Replay *r, const Graph *g, char *state, char *kept);
/* The shortest of at least three runs, and of as many as fill that time, on one thread at capacity.
 * The graph has no scalars. */
double emit_seconds(const Replay *r, const Graph *g, double least_seconds);
#endif
