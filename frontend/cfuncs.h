/* frontend/cfuncs.h: functions in C that a model names, as scalar expressions. Private to the room
 * and to the command that shows them.
 *
 * A C file is read by Clang (frontend/ctool) or from what was read before: JSON beside the model,
 * which the Python module of the same name reads, too. */
#ifndef SEQC_FRONTEND_CFUNCS_H
#define SEQC_FRONTEND_CFUNCS_H
#include "frontend/diag.h"

/* What a function may have: nodes, its arguments and literals counted. Its parameters are at most
 * EX_MAX_ARGS. */
enum { CFUNC_MAX_NODES = 2000 };

/* len bytes from byte `at` of a file: 0 is the C file, i its include i - 1; CPLACE_CALL: where the
 * model names it. */
enum { CPLACE_CALL = -1 };
typedef struct CPlace { int file; uint32_t at, len; } CPlace;

/* Where a comparison of a function stands. */
typedef struct CCompared { uint32_t node; CPlace at; } CCompared;    /* node: its handle */

bool fe_is_comparison(ExOp op);      /* caudit_differ.c */

/* One function of floats or doubles that returns one. */
typedef struct CFunc {
    const char *name;
    const char **param; int n_param;     /* names; argument i of the expression is param[i] */
    bool is_double;
    int line, column;                    /* of its name in the C file, from 1 */
    Ex value;                            /* real, in the pool of CFuncs */
    CPlace at;                           /* of its name; len 0: what was kept does not say it */
    CCompared *compared; int n_compared;
} CFunc;

/* What a model gives an argument: any number (at: NaN), one number, or what training makes of a
 * parameter, from at - within to at + within. */
typedef struct CArg {
    double at, within;
    bool slope;                          /* the model takes the derivative by it */
} CArg;
typedef struct CUse { CArg arg[EX_MAX_ARGS]; } CUse;

/* What was found out about the file when Clang read it. help, note: or null. */
typedef struct CSaid {
    DiagId id;
    const char *function;                /* it is about its derivatives, or its jumps; or null */
    const char *text, *help, *note;
    CPlace at, note_at;
} CSaid;

/* A file's text, by its name in messages. */
typedef struct CText { const char *name, *text; size_t len; } CText;

/* file: as the #include names it. */
typedef struct CInclude { const char *file, *hash; } CInclude;

typedef struct CFuncs {
    ExPool *pool;
    const char *source, *hash;           /* the file's name without its folder; of its bytes */
    CInclude *include; int n_include;
    CSaid *said; int n_said;             /* warnings and notes */
    const CText *text;                   /* [1 + n_include]; null: of JSON alone */
    CFunc *f; int n;
} CFuncs;

/* Reads the C file that `path` names, relative to the folder of the file `model`: what was kept of
 * it, else by Clang, and says what is about no derivative. Null after a report at `at`. Lives in the
 * arena. */
const CFuncs *fe_cfuncs(FeDiags *d, Arena *a, const FeOpts *o, const char *model,
                        const char *path, Span at);

/* Reports what is about f's derivatives; null: about no function's. call: see CPLACE_CALL. */
void fe_cfuncs_say(FeDiags *d, const CFuncs *c, const CFunc *f, Span call);
/* The same for a model that uses f so: slopes and jumps that it meets. */
void fe_cfuncs_say_used(FeDiags *d, const CFuncs *c, const CFunc *f, const CUse *use, Span call);

/* cfuncs_clang.c: the same by Clang alone, which reports errors and says nothing else. name: as the
 * model has it; path: as it opens here. */
typedef struct CSource { const char *name, *path, *text; size_t len; } CSource;
CFuncs *fe_cfuncs_clang(FeDiags *d, Arena *a, const FeOpts *o, const CSource *source, Span at);

/* The module over Clang; o->home is not null. */
const char *fe_cfuncs_module(Arena *a, const FeOpts *o);

/* Of a file's bytes, as caches have it. */
const char *fe_cfuncs_hash(Arena *a, const char *text, size_t len);

/* cfuncs_json.c, cfuncs_read.c. A string has at most CFUNCS_STRING bytes. */
enum { CFUNCS_VERSION = 2, CFUNCS_STRING = 4096 };
const char *fe_cfuncs_json(Arena *a, const CFuncs *c);
/* Any bytes; null, with "byte N: what" in err, where they are not what fe_cfuncs_json writes. */
enum { CFUNCS_ERR = 160 };
CFuncs *fe_cfuncs_read(Arena *a, const char *text, size_t len, char err[CFUNCS_ERR]);
/* The function of that name; or null. */
const CFunc *fe_cfunc(const CFuncs *c, const char *name);
#endif
