/* frontend/interp.c: names of a running file, imports and assignments.
 *
 * What an evaluation may take is bounded by one budget: every expression, element and character
 * costs some of it, so that a hostile file ends soon and in little memory. */
#include "frontend/tensor.h"
#include <string.h>

bool fe_spend(Interp *in, int64_t units, Span at)
{
    if (in->spent > FE_BUDGET) return false;
    in->spent += units;
    if (in->spent <= FE_BUDGET) return true;
    fe_report(in->d, at, DG(budget));
    fe_help(in->d, "a model file describes a model; data and training belong under "
                   "`if __name__ == \"__main__\":`");
    return false;
}

/* ---- names ---- */

static uint32_t hash(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static uint32_t *find_slot(Interp *in, const char *name)
{
    uint32_t i = hash(name) & (in->n_slot - 1);
    while (in->slot[i] && strcmp(in->name[in->slot[i] - 1].name, name) != 0)
        i = (i + 1) & (in->n_slot - 1);
    return &in->slot[i];
}

static void more_slots(Interp *in)
{
    in->n_slot = in->n_slot ? 2 * in->n_slot : 128;
    in->slot = arena_alloc(in->a, in->n_slot, sizeof *in->slot);
    for (uint32_t i = 0; i < in->n_name; i++) *find_slot(in, in->name[i].name) = i + 1;
}

Binding *fe_lookup(Interp *in, const char *name)
{
    if (in->n_slot == 0) return NULL;
    uint32_t i = *find_slot(in, name);
    return i ? &in->name[i - 1] : NULL;
}

Binding *fe_bind_name(Interp *in, const char *name, Value *v, Span at)
{
    Binding *b = fe_lookup(in, name);
    if (!b) {
        if (2 * in->n_name >= in->n_slot) more_slots(in);
        if (in->n_name == in->cap_name) {
            uint32_t cap = in->cap_name ? 2 * in->cap_name : 64;
            in->name = arena_grow(in->a, in->name, in->cap_name, cap, sizeof *in->name);
            in->cap_name = cap;
        }
        *find_slot(in, name) = in->n_name + 1;
        b = &in->name[in->n_name++];
        *b = (Binding){ .name = name };
    }
    b->v = v;
    b->at = at;
    return b;
}

Local *fe_local_name(const Frame *f, const char *name)
{
    for (int i = f->n - 1; i >= 0; i--)
        if (strcmp(f->local[i].name, name) == 0) return &f->local[i];
    return NULL;
}

void fe_set_local(Interp *in, Frame *f, const char *name, Value *v)
{
    Local *l = fe_local_name(f, name);
    if (!l) {
        if (f->n == f->cap) {
            int cap = f->cap ? 2 * f->cap : 4;
            f->local = arena_grow(in->a, f->local, (size_t)f->cap, (size_t)cap, sizeof *f->local);
            f->cap = cap;
        }
        l = &f->local[f->n++];
        l->name = name;
    }
    l->v = v;
}

/* The file's own assignment. A name given with -D keeps that value where the file's is only data.
 * */
static void assign_name(Interp *in, const char *name, Value *v, Span at)
{
    if (in->frame) {
        fe_set_local(in, in->frame, name, v);
        return;
    }
    Binding *b = fe_lookup(in, name);
    if (b && b->defined && v->kind == V_DATA) {
        b->used = true;
        return;
    }
    if (b && b->defined) {
        b->defined = false;
        fe_report(in->d, at, DG(define_overwritten), name);
    }
    fe_bind_name(in, name, v, at);
}

/* ---- imports ---- */

/* A module's value, or null with a diagnostic where the path is a misspelt one. */
static Value *space_value(Interp *in, const char *path, Span at)
{
    if (fe_space(path) == SPACE_NONE) {
        static const char *const tops[] = { "torch",        "torchvision", "numpy",   "math",
                                            "pandas",       "matplotlib",  "sklearn", "collections",
                                            "torchmetrics", "random",      "typing",  "pathlib",
                                            "tqdm" };
        size_t top_len = strcspn(path, ".");
        const char *top = arena_strn(in->a, path, top_len);
        Nearest n = { top, NULL, 0 };
        for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) fe_consider(&n, tops[i]);
        if (fe_nearest(&n) && n.distance > 0 && n.distance <= 2 && top_len > 3) {
            const char *right = arena_printf(in->a, "%s%s", n.best, path + top_len);
            fe_report(in->d, at, DG(unknown_import), path);
            fe_help(in->d, "did you mean `%s`?", right);
            path = fe_space(right) == SPACE_NONE ? n.best : right;
        } else if (strcmp(top, "torch") == 0) {
            Nearest m = { fe_last_part(path), NULL, 0 };
            const char *parent =
                arena_strn(in->a, path, strlen(path) - strlen(fe_last_part(path)) - 1);
            fe_consider_space(&m, parent);
            if (fe_nearest(&m) && m.distance > 0) {
                fe_report(in->d, at, DG(unknown_import), path);
                fe_help(in->d, "did you mean `%s.%s`?", parent, m.best);
                return fe_bad(in, at);
            }
            return fe_data(in, arena_printf(in->a, "the Python module %s", path), at);
        } else {
            return fe_data(in, arena_printf(in->a, "the Python module %s", path), at);
        }
    }
    Value *v = fe_val(in, V_SPACE, at);
    v->u.s = path;
    return v;
}

void fe_run_import(Interp *in, const Stmt *s)
{
    for (int i = 0; i < s->n_import; i++) {
        const Import *x = &s->import[i];
        Value *v = space_value(in, x->path, x->at);
        const char *name = x->name;
        if (!name) {
            name = arena_strn(in->a, x->path, strcspn(x->path, "."));
            if (v->kind == V_SPACE || v->kind == V_DATA)
                v = strcmp(name, x->path) == 0 ? v : space_value(in, name, x->at);
        }
        assign_name(in, name, v, x->at);
    }
}

void fe_run_from(Interp *in, const Stmt *s)
{
    Value *space = space_value(in, s->from, s->from_at);
    for (int i = 0; i < s->n_import; i++) {
        const Import *x = &s->import[i];
        if (strcmp(x->path, "*") == 0) {
            if (space->kind != V_SPACE) continue;
            in->star = arena_grow(in->a, in->star, (size_t)in->n_star, (size_t)in->n_star + 1,
                                  sizeof *in->star);
            in->star[in->n_star++] = space->u.s;
            continue;
        }
        Value *v =
            space->kind == V_SPACE ? fe_attr_of_space(in, space->u.s, x->path, x->at, x->at)
            : space->kind == V_BAD
                ? fe_bad(in, x->at)
                : fe_data(in, arena_printf(in->a, "%s of the Python module %s", x->path, s->from),
                          x->at);
        assign_name(in, x->name ? x->name : x->path, v, x->at);
    }
}

/* ---- assignments ---- */

static void unpack(Interp *in, const Expr *x, Value *v)
{
    if (v->kind != V_BAD && v->kind != V_DATA && v->kind != V_TUPLE && v->kind != V_LIST
        && (v->kind == V_STR || v->kind == V_TENSOR || v->kind == V_DICT || v->kind == V_MODULE))
        v = fe_items(in, v, x->at);
    else if (v->kind == V_LIST && v->u.list->once) v = fe_items(in, v, x->at);
    if (!v) v = fe_bad(in, x->at);
    bool many = v->kind == V_TUPLE || v->kind == V_LIST;
    if (many && v->u.list->n != x->n_item) {
        fe_report(in->d, x->at, DG(unpack_count), x->n_item, v->u.list->n);
        v = fe_bad(in, x->at);
        many = false;
    }
    if (!many && v->kind != V_BAD && v->kind != V_DATA) {
        fe_report(in->d, x->at, DG(unpack_kind), x->n_item, fe_kind_name(v));
        v = fe_bad(in, x->at);
    }
    for (int i = 0; i < x->n_item; i++) fe_assign(in, x->item[i], many ? v->u.list->item[i] : v);
}

static void assign_index(Interp *in, const Expr *x, Value *v)
{
    Value *of = fe_eval(in, x->of);
    if (of->kind == V_TENSOR && v->kind != V_BAD) {
        fe_tensor_assign(in, of, x->item[0], v, x->at);
        return;
    }
    Value *key = fe_eval(in, x->item[0]);
    if (of->kind == V_BAD || key->kind == V_BAD || v->kind == V_BAD || of->kind == V_DATA) return;
    if (of->kind == V_DICT) {
        fe_dict_put(in, of, key, v);
        return;
    }
    int64_t n = of->kind == V_LIST ? of->u.list->n : -1;
    if (n >= 0 && key->kind == V_INT && key->u.i < n && key->u.i >= -n) {
        of->u.list->item[key->u.i < 0 ? key->u.i + n : key->u.i] = v;
        return;
    }
    fe_report(in->d, x->at, DG(cannot_assign_index), fe_kind_name(of));
    if (of->kind == V_MODULE) fe_help(in->d, "write the layer where the Sequential is made");
}

void fe_assign(Interp *in, const Expr *x, Value *v)
{
    switch (x->kind) {
    case X_NAME: assign_name(in, x->text, v, x->at); break;
    case X_TUPLE: case X_LIST: unpack(in, x, v); break;
    case X_INDEX: assign_index(in, x, v); break;
    case X_ATTR: fe_set_attr(in, fe_eval(in, x->of), x->text, v, x->at, x->name_at); break;
    default: break;
    }
}
