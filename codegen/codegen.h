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
    bool variant;                     /* of a program for several targets: without main */
} EmitOpts;

/* Writes one C file: kernels, graphs, tables and main for runtime/rt.h. The same module gives the
 * same bytes. */
void emit_program(const Module *m, const EmitOpts *o, FILE *out);
/* Writes the file with main for the variants of m, one a target, best first. */
void emit_main(const Module *m, const EmitOpts *variant, int n, FILE *out);
bool emit_uses_blas(const Module *m);
/* Is no tensor longer than four of the target's vectors? */
bool emit_is_short(const Module *m, const Target *t);

/* A file to be compiled. */
typedef struct CompileUnit {
    const char *source;
    const char *object;               /* where it is compiled to, if it is one among several */
    const Target *target;
    bool native;                      /* -march=native instead of the target's */
    bool half_vectors;                /* loops are short: fewer elements are left over */
} CompileUnit;

/* How to call the C compiler. */
typedef struct CompileOpts {
    const char *cc;                   /* null: $CC, cc, gcc, clang, the first that is there */
    bool blas;                        /* link OpenBLAS */
    const char *runtime_dir;          /* holds libseqc_rt.a and include/runtime/rt.h */
    const char *const *extra;         /* further flags, null-terminated, or null */
    bool verbose;                     /* print the command line */
} CompileOpts;

/* Compiles n units, all at once, and links them to `output`, by posix_spawn. False and a message
 * that says what ran and what it printed. Objects stay: the caller removes them. */
bool emit_compile(const CompileUnit *unit, int n, const char *output, const CompileOpts *o,
                  char **message, Arena *a);
#endif
