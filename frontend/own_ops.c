/* frontend/own_ops.c: c_op of `from seqc import c_op`: a function in C becomes a layer.
 *
 * What the call names is a constant or a parameter of the layer; what it does not name is a tensor
 * of each call, in the order of the C function. The layer is one map: the function with constants
 * put in, in its stable form. Where that is what an op of ir/ops.def computes it is that op, so that
 * an activation in C is the built-in one. */
#include "frontend/own.h"
#include <math.h>
#include <string.h>

static const Ex none = { 0 };

/* ---- finding the function ---- */

const char *fe_own_signature(Arena *a, const CFunc *f)
{
    const char *text = "";
    for (int i = 0; i < f->n_param; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", f->param[i]);
    return arena_printf(a, "%s(%s)", f->name, text);
}

static const CFunc *unknown(Interp *in, const Call *c, const CFuncs *file, const Value *name)
{
    Nearest near = { name->u.s, NULL, 0 };
    const char *all = "";
    for (int i = 0; i < file->n; i++) {
        fe_consider(&near, file->f[i].name);
        if (strlen(all) < 200)
            all = arena_printf(in->a, "%s%s%s", all, i ? ", " : "", file->f[i].name);
    }
    fe_report(in->d, c->arg[1].at, DG(own_function), c->arg[0].v->u.s, name->u.s);
    if (fe_nearest(&near)) fe_help(in->d, "did you mean `%s`?", near.best);
    else if (file->n) fe_help(in->d, "it has %s", all);
    return NULL;
}

/* Argument i without a name as a string; null: reported. */
static const Value *string_at(Interp *in, const Call *c, int i, const char *what)
{
    if (i >= c->n_arg || c->arg[i].name) {
        fe_report(in->d, c->of_at, DG(missing), c->name, what);
        fe_help(in->d, "write %s(\"ops.c\", \"name\", …): the file beside this one and the function",
                c->name);
        return NULL;
    }
    const Value *v = c->arg[i].v;
    if (v->kind == V_STR) return v;
    if (v->kind != V_BAD)
        fe_report(in->d, c->arg[i].at, DG(wrong_type), c->name, what, "a string", fe_kind_name(v),
                  v->kind == V_NONE ? "" : ": ", v->kind == V_NONE ? "" : fe_repr(in->a, v));
    return NULL;
}

/* A C file, by the path in the model: read once, whatever is kept of it. file: null, was reported. */
typedef struct OwnFile { struct OwnFile *next; const char *path; const CFuncs *file; } OwnFile;

static const CFuncs *functions_of(Interp *in, const char *path, Span at)
{
    for (const OwnFile *x = in->own_files; x; x = x->next)
        if (strcmp(x->path, path) == 0) return x->file;
    const CFuncs *file = fe_cfuncs(in->d, in->a, in->o, in->path, path, at);
    OwnFile *x = arena_alloc(in->a, 1, sizeof *x);
    *x = (OwnFile){ in->own_files, path, file };
    in->own_files = x;
    return file;
}

/* A use of which all was said. */
typedef struct OwnUse { struct OwnUse *next; const CFunc *f; CUse use; } OwnUse;

static bool same_number(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static bool same_use(const CUse *a, const CUse *b, int n)
{
    for (int i = 0; i < n; i++) {
        const CArg *x = &a->arg[i], *y = &b->arg[i];
        if (!same_number(x->at, y->at) || x->within != y->within || x->slope != y->slope) return false;
    }
    return true;
}

void fe_own_used(Interp *in, const CFuncs *file, const CFunc *f, const CUse *use, Span at)
{
    double value[EX_MAX_ARGS];
    const OwnUse *u = in->own_uses;
    while (u && !(u->f == f && same_use(&u->use, use, f->n_param))) u = u->next;
    if (!u) {
        OwnUse *said = arena_alloc(in->a, 1, sizeof *said);
        *said = (OwnUse){ in->own_uses, f, *use };
        in->own_uses = said;
        fe_cfuncs_say_used(in->d, file, f, use, at);
    }
    for (int i = 0; i < f->n_param; i++) value[i] = use->arg[i].within > 0 ? NAN : use->arg[i].at;
    if (in->o->own) in->o->own(in->o->own_ctx, file, f, value);
}

const CFunc *fe_own_function(Interp *in, const Call *c, const CFuncs **file)
{
    const Value *path = string_at(in, c, 0, "path");
    const Value *name = path ? string_at(in, c, 1, "name") : NULL;
    if (!name) return NULL;
    if (c->n_given > FE_MAX_ARGS) {
        fe_report(in->d, c->at, DG(many_args), c->name, c->n_given);
        return NULL;
    }
    *file = functions_of(in, path->u.s, c->arg[0].at);
    if (!*file) return NULL;
    const CFunc *f = fe_cfunc(*file, name->u.s);
    return f ? f : unknown(in, c, *file, name);
}

/* ---- a call's names ---- */

int fe_own_argument(Interp *in, const Call *c, const CFunc *f, const ArgVal *x)
{
    if (!x->name) {
        fe_report(in->d, x->at, DG(too_many), c->name, 2, "s", c->n_arg);
        fe_help(in->d, "parameters of the C function are given by name: %s",
                fe_own_signature(in->a, f));
        return -1;
    }
    Nearest near = { x->name, NULL, 0 };
    for (int i = 0; i < f->n_param; i++) {
        if (strcmp(f->param[i], x->name) == 0) return i;
        fe_consider(&near, f->param[i]);
    }
    fe_report(in->d, x->name_at, DG(own_parameter), f->name, x->name);
    if (fe_nearest(&near)) fe_help(in->d, "did you mean `%s`?", near.best);
    else fe_help(in->d, "the function is %s", fe_own_signature(in->a, f));
    return -1;
}

bool fe_own_number(Interp *in, const Call *c, const ArgVal *x, const char *wants, double *number)
{
    if (x->v->kind == V_BAD) return false;
    if (!fe_number(x->v, number)) {
        fe_report(in->d, x->at, DG(wrong_type), c->name, x->name, wants, fe_kind_name(x->v),
                  x->v->kind == V_NONE ? "" : ": ",
                  x->v->kind == V_NONE ? "" : fe_repr(in->a, x->v));
        return false;
    }
    if (isfinite(*number)) return true;
    fe_report(in->d, x->at, DG(not_finite), c->name);
    return false;
}

static bool take_parameter(Interp *in, Mod *m, const ArgVal *x)
{
    Param *p = x->v->u.param;
    if (p->owner) {
        fe_report(in->d, x->at, DG(param_twice), p->name);
        return false;
    }
    p->name = x->name;
    fe_own_param(in, m, p, false);
    return true;
}

/* ---- expressions ---- */

/* Are the formula and its derivatives short enough to be text of a graph? */
static bool fits(Interp *in, const OwnForm *o, int n)
{
    char err[EX_ERR];
    for (int i = -1; i < n; i++) {
        Ex e = i < 0 ? o->f : ex_diff(o->pool, o->f, i);
        const char *text = ex_print(in->a, o->pool, e);
        if (strlen(text) > OWN_MAX_TEXT || !ex_parse(o->pool, text, NULL, err).i) return false;
    }
    return true;
}

bool fe_own_form(Interp *in, Span at, const CFunc *f, ExPool *pool, const Ex *arg,
                 const double *value, int n, OwnForm *o)
{
    /* Constants are arguments behind the others first, so that an op's attributes are found. */
    Ex args[EX_MAX_ARGS];
    double of[EX_MAX_ARGS];
    int open = n;
    for (int i = 0; i < EX_MAX_ARGS; i++) of[i] = NAN;
    for (int i = 0; i < f->n_param; i++) {
        args[i] = arg[i].i ? arg[i] : ex_arg(pool, open);
        if (!arg[i].i) of[open++] = value[i];
    }
    Ex whole = ex_stable(pool, ex_subst(pool, f->value, args, f->n_param));
    for (int i = 0; i < open; i++) args[i] = i < n ? none : ex_num(pool, of[i]);
    *o = (OwnForm){ .pool = pool, .f = ex_stable(pool, ex_subst(pool, whole, args, open)) };
    o->op = fe_own_known(in, pool, whole, n, of, o);
    if (o->op == OP_map) o->op = fe_own_known(in, pool, o->f, n, of, o);
    if (o->op != OP_map || fits(in, o, n)) return true;
    fe_report(in->d, at, DG(own_size), f->name, (int)OWN_MAX_TEXT);
    return false;
}

Val fe_own_node(Graph *g, Arena *a, const OwnForm *o, const Val *in, int n, Loc loc)
{
    return o->op == OP_map ? ir_map(g, ex_print(a, o->pool, o->f), in, n, loc)
                           : ir_add(g, o->op, loc, in, n, o->attr, o->n_attr);
}

/* ---- the layer ---- */

/* What a parameter may come to be: about as much more or less as it is when training begins. */
static CArg learned(const Interp *in, const Param *p)
{
    double lo = INFINITY, hi = -INFINITY;          /* of elements that have a value of their own */
    for (int i = in->n_draw - 1; i >= 0; i--) {
        const DrawRec *r = &in->draw[i];
        if (r->param != p) continue;
        if (r->kind == DRAW_ELEMENT) {
            lo = fmin(lo, r->b), hi = fmax(hi, r->b);
            continue;
        }
        if (r->kind != DRAW_UNIFORM && r->kind != DRAW_NORMAL && r->kind != DRAW_CONSTANT) break;
        double middle = r->kind == DRAW_UNIFORM ? (r->a + r->b) / 2 : r->a;
        double width = r->kind == DRAW_UNIFORM ? fabs(r->b - r->a) / 2 : fabs(r->b);    /* of a constant: 0 */
        if (lo <= hi) {
            lo = fmin(lo, middle - width), hi = fmax(hi, middle + width);
            middle = (lo + hi) / 2, width = (hi - lo) / 2;
        }
        return (CArg){ middle, width + (p->frozen ? 0 : fmax(1, fabs(middle))), !p->frozen };
    }
    return (CArg){ .at = NAN, .slope = true };
}

/* What each argument of the C function is: an operand, or none and a number. False: reported. */
static bool take_arguments(Interp *in, const Call *c, const CFunc *f, ExPool *pool, Mod *m,
                           Ex arg[EX_MAX_ARGS], double value[EX_MAX_ARGS], CUse *use)
{
    OwnOp *o = m->own;
    int place[EX_MAX_ARGS];              /* of a parameter among the layer's; -1: a tensor */
    for (int i = 0; i < f->n_param; i++) {
        place[i] = -1, value[i] = NAN;
        use->arg[i] = (CArg){ .at = NAN, .slope = true };
    }
    for (int k = 2; k < c->n_arg; k++) {
        const ArgVal *x = &c->arg[k];
        int i = fe_own_argument(in, c, f, x);
        if (i < 0) return false;
        if (place[i] >= 0 || !isnan(value[i])) {
            fe_report(in->d, x->name_at, DG(given_twice), c->name, x->name);
            return false;
        }
        if (x->v->kind == V_PARAM) {
            place[i] = m->n_param;
            if (!take_parameter(in, m, x)) return false;
            use->arg[i] = learned(in, x->v->u.param);
        } else if (!fe_own_number(in, c, x, "a number or nn.Parameter(…)", &value[i])) return false;
        if (!isnan(value[i])) use->arg[i] = (CArg){ .at = value[i] };
    }
    for (int i = 0; i < f->n_param; i++)
        if (place[i] < 0 && isnan(value[i])) o->tensor[o->n_tensor++] = f->param[i];
    int next = 0;
    for (int i = 0; i < f->n_param; i++)
        arg[i] = !isnan(value[i]) ? none
               : ex_arg(pool, place[i] >= 0 ? o->n_tensor + place[i] : next++);
    if (o->n_tensor) return true;
    fe_report(in->d, c->at, DG(own_no_tensor), fe_own_signature(in->a, f));
    return false;
}

Value *fe_fn_c_op(Interp *in, const Call *c)
{
    const CFuncs *file = NULL;
    const CFunc *f = fe_own_function(in, c, &file);
    if (!f) return fe_bad(in, c->at);
    LayerInfo *info = arena_alloc(in->a, 1, sizeof *info);
    *info = (LayerInfo){ "c_op", "", "elementwise", OP_map, false, "" };
    Mod *m = fe_new_module(in, c->at, info);
    OwnOp *o = m->own = arena_alloc(in->a, 1, sizeof *o);
    Ex arg[EX_MAX_ARGS];
    double value[EX_MAX_ARGS];
    CUse use;
    o->function = f->name;
    m->text = fe_call_text(in, c, "", false);
    bool good = take_arguments(in, c, f, file->pool, m, arg, value, &use)
        && fe_own_form(in, c->at, f, file->pool, arg, value, o->n_tensor + m->n_param, &o->form);
    if (good) fe_own_used(in, file, f, &use, c->at);
    return good ? fe_module_value(in, m, c->at) : fe_bad(in, c->at);
}

/* ---- a call of it ---- */

static bool take_tensors(Trace *t, const OwnOp *o, const Call *c, Val *in)
{
    bool good = c->n_given == o->n_tensor;
    for (int i = 0; i < c->n_given && good; i++) good = !c->arg[i].name;
    for (int i = 0; i < o->n_tensor && good; i++) {
        in[i] = fe_tensor_val(t, c->arg[i].v, c->arg[i].at);
        if (!in[i].i) return false;
    }
    if (good) return true;
    const char *names = "";
    for (int i = 0; i < o->n_tensor; i++)
        names = arena_printf(t->in->a, "%s%s%s", names, i ? ", " : "", o->tensor[i]);
    fe_report(t->in->d, c->at, DG(own_call), o->function, o->n_tensor, o->n_tensor == 1 ? "" : "s",
              names, c->n_given);
    return false;
}

/* One number for each channel stands along axis 1, as PReLU's do; other shapes broadcast. */
static Val parameter(const Forward *f, const Param *p, int rank)
{
    Val v = ir_state_val(f->g, p->state);
    int64_t dim[IR_MAX_RANK] = { p->dim[0] };
    for (int i = 1; i < rank; i++) dim[i] = 1;
    return p->rank == 1 && p->dim[0] > 1 && rank > 2 ? fe_reshaped(f, v, ir_shape(rank - 1, dim)) : v;
}

Value *fe_call_own(Trace *t, Mod *m, const char *path, const Call *c)
{
    const OwnOp *o = m->own;
    Val in[EX_MAX_ARGS] = { { 0 } };
    int n = o->n_tensor + m->n_param, rank = 0;
    Forward f = { .in = t->in, .t = t, .g = t->g, .at = c->at, .name = o->function,
                  .loc = fe_loc(t->g->module, t->in->d, m->at) };
    if (!take_tensors(t, o, c, in)) return fe_bad(t->in, c->at);
    for (int i = 0; i < o->n_tensor; i++) {
        int r = ir_type(t->g, in[i])->shape.rank;
        rank = r > rank ? r : rank;
    }
    for (int i = 0; i < m->n_param; i++) in[o->n_tensor + i] = parameter(&f, m->param[i], rank);
    Shape s = ir_type(t->g, in[0])->shape;
    for (int i = 1; i < n; i++)
        if (!ir_broadcast(&s, &ir_type(t->g, in[i])->shape)) return fe_two_shapes(&f, in[0], in[i]);
    if (!fe_fits(t, c->at, &s)) return fe_bad(t->in, c->at);
    Val y = fe_result(t, fe_own_node(t->g, t->in->a, &o->form, in, n, f.loc), f.loc);
    fe_add_step(t, (Step){ m, path, m->text, m->at, s, y, false });
    return fe_traced(t, y, NULL, c->at);
}
