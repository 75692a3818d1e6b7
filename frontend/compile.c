/* frontend/compile.c: the room's entry: text to module. */
#include "frontend/lower.h"
#include <string.h>

/* NAME=VALUE: the value is an expression of the language. */
static void define(Interp *in, const char *text)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text) {
        fe_report(in->d, (Span){ 0 }, DG(bad_define), text);
        return;
    }
    const char *name = arena_strn(in->a, text, (size_t)(eq - text));
    uint16_t src = fe_source(in->d, arena_printf(in->a, "-D %.100s", name), eq + 1, strlen(eq + 1));
    const Expr *x = fe_parse_expr(in->d, src, in->a);
    in->option = true;
    Value *v = fe_eval(in, x);
    in->option = false;
    fe_bind_name(in, name, v, x->at)->defined = true;
}

static Module *compile(Interp *in, const char *path, uint16_t src)
{
    Roles roles;
    Script script = fe_parse(in->d, src, in->a);
    in->d->trace = fe_trace, in->d->running = in;
    fe_run(in, &script);
    if (in->d->errors > 0 || !fe_roles(in, &roles)) return NULL;
    fe_unused_defines(in);
    Module *m = fe_input_shape(in, &roles) ? fe_lower(in, path, &roles) : NULL;
    char err[IR_ERR];
    if (m && !ir_verify(m, err)) ir_die(m, "the frontend made a wrong module: %s", err);
    return m;
}

Module *fe_compile(const char *path, const char *text, size_t len, const FeOpts *o, FeDiags *d)
{
    uint16_t src = fe_source(d, path, text, len);
    if (len > FE_MAX_SOURCE) {
        fe_report(d, (Span){ src, 0, 0 }, DG(file_too_big), FE_MAX_SOURCE >> 20);
        return NULL;
    }
    Arena *a = arena_new();
    Interp in = { .d = d, .a = a, .path = path, .o = o };
    for (int i = 0; i < o->n_define; i++) define(&in, o->define[i]);
    Module *m = compile(&in, path, src);
    arena_free(a);
    return m;
}
