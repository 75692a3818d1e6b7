/* frontend/frontend.h: a model file becomes a module. The public header of the room.
 *
 * Errors: null, with diagnostics in the FeDiags that the caller gave (up to 20 are kept). */
#ifndef SEQC_FRONTEND_H
#define SEQC_FRONTEND_H
#include "ir/ir.h"

typedef struct FeDiags FeDiags;
FeDiags *fe_diags_new(void);
void fe_diags_free(FeDiags *d);
int fe_error_count(const FeDiags *d);
int fe_warning_count(const FeDiags *d);
bool fe_lacks_tool(const FeDiags *d);       /* an error is that something is not installed here */
/* file:line:col, source line, caret, notes, help */
void fe_diags_text(const FeDiags *d, FILE *out, bool color);
void fe_diags_json(const FeDiags *d, FILE *out);                /* one JSON array */

struct CFuncs;
struct CFunc;
/* Told of each C function that the model differentiates, layers and losses, as often as it uses it, while
 * it is compiled. value[i]: the number that the model gives its parameter i; NaN: a tensor or a weight.
 * Types of frontend/cfuncs.h. */
typedef void FeOwn(void *ctx, const struct CFuncs *file, const struct CFunc *f, const double *value);

typedef struct FeOpts {
    const char *const *define; int n_define;    /* "NAME=VALUE" as given to -D */
    const char *input;                          /* "3,32,32" or null */
    int64_t batch;                              /* 0: not said */
    const char *model, *loss, *optimizer;       /* NAME and EXPR of the options; or null */
    DType real;                                 /* DT_f32 or DT_f64 */
    bool drawn_masks;                           /* of dropout, by PyTorch's generator, in order */
    bool inference;                             /* wanted alone: what cannot be trained is no error */
    bool verbose;                               /* print(...) is shown on stderr */
    const char *home;                           /* lib/seqc, with the module over Clang; or null */
    const char *cc;                             /* C functions are compared with its; or null */
    FeOwn *own; void *own_ctx;                  /* own: or null */
} FeOpts;

/* text: the file's bytes, any bytes. path: for messages. Returns a verified module at stage "shape"
 * with the graphs infer and, where there is a loss, train eval grad grad_eval loss (and *_prob). */
Module *fe_compile(const char *path, const char *text, size_t len, const FeOpts *o, FeDiags *d);

/* The diagnostic table, for `seqc explain CODE`: null if unknown. */
const char *fe_explain(const char *code);
#endif
