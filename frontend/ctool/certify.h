/* certify.h: what the module says about a C file: a flat interface, as ctool.h is. */
#ifndef SEQC_CTOOL_CERTIFY_H
#define SEQC_CTOOL_CERTIFY_H
#ifdef __cplusplus
extern "C" {
#endif

enum { CERTIFY_ABI = 1 };

/* Something that could not be proved, or is not allowed. */
typedef struct CertifyOpen {
    const char *file;        /* as the compiler knows it */
    int line, column;
    const char *function;    /* that it stands in */
    const char *why;
} CertifyOpen;

typedef struct CertifyFunction {
    const char *name;
    long long stack_bytes;    /* of its variables and parameters */
    long long deepest;        /* with those of what it calls */
    int root;                 /* of the file with the roots: it belongs to no one's program */
} CertifyFunction;

typedef struct Certificate {
    int abi;
    const char *error;    /* null, or why the file could not be read */
    int accesses, accesses_proved, loops, loops_bounded, calls, calls_allowed;
    long long most_turns;    /* of a loop, each time that it is met; -1: not as a number */
    long long static_bytes, constant_bytes;
    const CertifyFunction *functions;
    int n_functions;
    const char *const *deepest;    /* the path that takes most stack, outermost first; its bytes */
    int n_deepest;
    long long deepest_bytes;
    const CertifyOpen *open;
    int n_open;
    void *memory;    /* the module's own */
} Certificate;

/* Reads the C file `path`, whose functions call what is to be certified: each is a root. */
typedef Certificate *CertifyFile(const char *path, const char *const *args, int n_args);
typedef void CertifyFree(Certificate *);

#ifdef __cplusplus
#define CERTIFY_EXPORT __attribute__((visibility("default")))
CERTIFY_EXPORT CertifyFile certify_file;
CERTIFY_EXPORT CertifyFree certify_free;
#endif

#ifdef __cplusplus
}
#endif
#endif
