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

/* One function of floats or doubles that returns one. */
typedef struct CFunc {
    const char *name;
    const char **param; int n_param;     /* names; argument i of the expression is param[i] */
    bool is_double;
    int line, column;                    /* of its name in the C file, from 1 */
    Ex value;                            /* real, in the pool of CFuncs */
} CFunc;

/* file: as the #include names it. */
typedef struct CInclude { const char *file, *hash; } CInclude;

typedef struct CFuncs {
    ExPool *pool;
    const char *source, *hash;           /* the file's name without its folder; of its bytes */
    CInclude *include; int n_include;
    CFunc *f; int n;
} CFuncs;

/* Reads the C file that `path` names, relative to the folder of the file `model`: what was kept of
 * it, else by Clang. Null after a report at `at`. Lives in the arena. */
const CFuncs *fe_cfuncs(FeDiags *d, Arena *a, const FeOpts *o, const char *model,
                        const char *path, Span at);

/* cfuncs_clang.c: the same by Clang alone. name: as the model has it; path: as it opens here. */
typedef struct CSource { const char *name, *path, *text; size_t len; } CSource;
const CFuncs *fe_cfuncs_clang(FeDiags *d, Arena *a, const FeOpts *o, const CSource *source, Span at);

/* Of a file's bytes, as caches have it. */
const char *fe_cfuncs_hash(Arena *a, const char *text, size_t len);

/* cfuncs_json.c */
const char *fe_cfuncs_json(Arena *a, const CFuncs *c);
/* Any bytes; null, with "byte N: what" in err, where they are not what fe_cfuncs_json writes. */
enum { CFUNCS_ERR = 160 };
const CFuncs *fe_cfuncs_read(Arena *a, const char *text, size_t len, char err[CFUNCS_ERR]);
/* The function of that name; or null. */
const CFunc *fe_cfunc(const CFuncs *c, const char *name);
#endif
