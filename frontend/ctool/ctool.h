/* frontend/ctool/ctool.h: what crosses between seqc, which is C, and the module over Clang, which is
 * C++ and is opened only where a model names C functions of its own.
 *
 * Plain data: all of it belongs to the CtResult and is freed with it. Operations are those of
 * ir/expr.h; a module of another seqc says another number in ct_abi and is not used. */
#ifndef SEQC_CTOOL_H
#define SEQC_CTOOL_H
#include "ir/expr.h"
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CTOOL_VERSION = 1, CTOOL_ABI = CTOOL_VERSION * 1000 + EX_COUNT };

/* Why something is refused; CT_PRECISION alone is a warning. frontend/cfuncs.c has their codes. */
typedef enum {
    CT_SYNTAX,      /* Clang does not take it for C */
    CT_INCLUDE,     /* a header that is not read */
    CT_EFFECT,      /* something outlives the call, or is read that may change between calls */
    CT_TYPE,        /* a type other than float, double and integers */
    CT_KIND,        /* a statement or expression outside the language */
    CT_LOOP,        /* how often a loop runs is not known, or it is too often */
    CT_CALL,        /* a function that cannot be read */
    CT_INTEGER,     /* integers whose result is not known here, or that overflow */
    CT_VALUE,       /* a variable or function without a value on some way */
    CT_SIZE,        /* too large, or nested too deeply */
    CT_PRECISION,   /* computed in double, rounded to float */
} CtKind;

/* len bytes from byte `at` of files[file]. */
typedef struct CtPlace { uint32_t file, at, len; } CtPlace;

typedef struct CtDiag {
    CtKind kind;
    CtPlace at;
    const char *text, *help;         /* help: or null */
    const char *note;                /* about note_at; or null */
    CtPlace note_at;
} CtDiag;

/* Node i of a function; in[] are numbers of earlier nodes, from 1 on, 0 is none. */
typedef struct CtNode {
    ExOp op;
    uint32_t in[3];
    double num;                      /* EX_NUM */
    int64_t i;                       /* EX_INT, EX_BOOL; the argument of EX_ARG */
    CtPlace at;
} CtNode;

typedef struct CtFunc {
    const char *name;
    CtPlace at;                      /* of its name */
    const char *const *param; uint32_t n_param;
    const CtNode *node; uint32_t n_node;   /* node[0] is none */
    uint32_t value;
    bool is_double;                  /* its parameters and result; else float */
    bool mixed;                      /* float and double: C rounds where the expression does not */
    bool zero_sign;                  /* it calls fmax or fmin, which may return either zero */
} CtFunc;

/* files[0] is the C file itself, the others what it includes, named relative to its folder. */
typedef struct CtFile { const char *name, *text; size_t len; } CtFile;

typedef struct CtResult {
    const CtFile *file; uint32_t n_file;
    const CtFunc *func; uint32_t n_func;      /* none where a diagnostic is no warning */
    const CtDiag *diag; uint32_t n_diag;
} CtResult;

/* max_nodes: what one function may have. */
typedef CtResult *CtRead(const char *path, const char *text, size_t len, uint32_t max_nodes);
typedef void CtFree(CtResult *r);
typedef int CtAbi(void);
typedef const char *CtVersion(void);     /* Clang's, "14.0.6" */

#ifdef __cplusplus
#define CT_EXPORT __attribute__((visibility("default")))
CT_EXPORT CtRead ct_read;
CT_EXPORT CtFree ct_free;
CT_EXPORT CtAbi ct_abi;
CT_EXPORT CtVersion ct_version;
}
#endif
#endif
