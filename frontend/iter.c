/* frontend/iter.c: walks over values, and the functions of Python that walk: enumerate, zip, map,
 * filter, sorted, reversed, any, all, set. */
#include "frontend/tensor.h"
#include <stdlib.h>
#include <string.h>

#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

static Value *taken(Interp *in, Value *v, Span at)
{
    Value *r = fe_list(in, V_LIST, at);
    *r->u.list = *v->u.list;
    r->u.list->once = false;
    *v->u.list = (List){ .once = true };
    return r;
}

static Value *characters(Interp *in, const Value *v, Span at)
{
    Value *r = fe_list(in, V_LIST, at);
    for (size_t i = 0; i < v->len;) {
        uint32_t c;
        size_t n = fe_utf8(v->u.s + i, v->len - i, &c);
        if (!fe_push(in, r, fe_str(in, v->u.s + i, n, at))) return NULL;
        i += n;
    }
    return r;
}

Value *fe_items(Interp *in, Value *v, Span at)
{
    Value *r;
    switch (v->kind) {
    case V_BAD: return NULL;
    case V_DATA:
    case V_LOADER:
    case V_PARAM: return v->kind == V_DATA ? v : fe_data(in, "data", at);
    case V_LIST: case V_TUPLE:
        if (!fe_spend(in, v->u.list->n, at)) return NULL;
        if (v->u.list->is_set && v->u.list->n > 1) {
            fe_report(in->d, at, DG(set_order));
            fe_help(in->d, "write sorted(…), or a list in place of the set");
            return NULL;
        }
        return v->u.list->once ? taken(in, v, at) : v;
    case V_STR: return characters(in, v, at);
    case V_DICT:
        r = fe_list(in, V_LIST, at);
        for (int i = 0; i + 1 < v->u.list->n; i += 2) fe_push(in, r, v->u.list->item[i]);
        return r;
    case V_MODULE:
        if (v->u.mod->info || v->u.mod->holds == HOLDS_BY_CLASS) break;
        r = fe_list(in, V_LIST, at);
        for (int i = 0; i < v->u.mod->n_child; i++) {
            const char *key = v->u.mod->child_name[i];
            fe_push(in, r, v->u.mod->holds == HOLDS_DICT ? fe_str(in, key, strlen(key), at)
                                                         : fe_module_value(in, v->u.mod->child[i],
                                                                           at));
        }
        return r;
    case V_TENSOR:
        if (v->u.tensor->rank == 0) break;
        r = fe_list(in, V_LIST, at);
        for (int64_t i = 0; i < v->u.tensor->dim[0]; i++)
            if (!fe_push(in, r, fe_tensor_row(in, v, i, at))) return NULL;
        return r;
    default: break;
    }
    fe_report(in->d, at, DG(not_iterable), fe_kind_name(v));
    if (v->kind == V_INT) fe_help(in->d, "write range(%s)", fe_repr(in->a, v));
    if (v->kind == V_FUNC || v->kind == V_METHOD || v->kind == V_FN)
        fe_help(in->d, "is it meant to be called? write () after it");
    return NULL;
}

static bool sequence(const Value *v) { return v && (v->kind == V_LIST || v->kind == V_TUPLE); }

static Value *fresh(Interp *in, const Call *c, bool once)
{
    Value *r = fe_list(in, V_LIST, c->at);
    r->u.list->once = once;
    return r;
}

/* Null: *out says why not (data or a mistake). */
static const List *walked(Interp *in, const Call *c, Value *v, Value **out)
{
    Value *all = fe_items(in, v, c->at);
    *out = !all ? fe_bad(in, c->at) : all;
    return sequence(all) ? all->u.list : NULL;
}

static Value *pair(Interp *in, Value *a, Value *b, Span at)
{
    Value *t = fe_list(in, V_TUPLE, at);
    fe_push(in, t, a);
    fe_push(in, t, b);
    return t;
}

Value *fe_fn_enumerate(Interp *in, const Call *c)
{
    Value *out, *r = fresh(in, c, true);
    const List *l = walked(in, c, c->v[0], &out);
    for (int i = 0; l && i < l->n; i++)
        if (!fe_push(in, r, pair(in, fe_int(in, c->v[1]->u.i + i, c->at), l->item[i], c->at)))
            return fe_bad(in, c->at);
    return l ? r : out;
}

Value *fe_fn_zip(Interp *in, const Call *c)
{
    const List *of = c->self->u.list, *l[FE_MAX_ARGS];
    Value *out, *r = fresh(in, c, true);
    int n = of->n ? INT32_MAX : 0;
    if (of->n > FE_MAX_ARGS) return fe_data(in, "zip", c->at);
    for (int i = 0; i < of->n; i++) {
        if (!(l[i] = walked(in, c, of->item[i], &out))) return out;
        if (l[i]->n < n) n = l[i]->n;
    }
    for (int k = 0; k < n; k++) {
        Value *t = fe_list(in, V_TUPLE, c->at);
        for (int i = 0; i < of->n; i++) fe_push(in, t, l[i]->item[k]);
        if (!fe_push(in, r, t)) return fe_bad(in, c->at);
    }
    return r;
}

Value *fe_fn_map(Interp *in, const Call *c)
{
    const List *of = c->self->u.list;
    Value *out, *r = fresh(in, c, true);
    bool filter = strcmp(c->name, "filter") == 0;
    if (of->n != 2) return fe_data(in, c->name, c->at);
    const List *l = walked(in, c, of->item[1], &out);
    for (int i = 0; l && i < l->n; i++) {
        Value *x = l->item[i], *v = x;
        if (!filter || of->item[0]->kind != V_NONE)
            v = fe_call_value(in, of->item[0], &x, 1, c->at);
        int keep = filter ? fe_truth(v) : 1;
        if (v->kind == V_BAD || in->spent > FE_BUDGET) return fe_bad(in, c->at);
        if (keep < 0) return fe_data(in, "a filter of data", c->at);
        if (keep && !fe_push(in, r, filter ? x : v)) return fe_bad(in, c->at);
    }
    return l ? r : out;
}

Value *fe_fn_any(Interp *in, const Call *c)
{
    Value *out;
    const List *l = walked(in, c, c->v[0], &out);
    bool any = c->name[1] == 'n';
    for (int i = 0; l && i < l->n; i++) {
        int t = fe_truth(l->item[i]);
        if (t < 0) return fe_data(in, "a condition on data", c->at);
        if ((t == 1) == any) return fe_bool(in, any, c->at);
    }
    return l ? fe_bool(in, !any, c->at) : out;
}

Value *fe_fn_set(Interp *in, const Call *c)
{
    Value *out, *r = fresh(in, c, false);
    const List *l = walked(in, c, c->v[0], &out);
    r->u.list->is_set = true;
    for (int i = 0; l && i < l->n; i++)
        if (!fe_set_put(in, r, l->item[i])) return fe_bad(in, c->at);
    return l ? r : out;
}

Value *fe_fn_reversed(Interp *in, const Call *c)
{
    Value *out, *r = fresh(in, c, true);
    const List *l = walked(in, c, c->v[0], &out);
    for (int i = l ? l->n : 0; i-- > 0;) fe_push(in, r, l->item[i]);
    return l ? r : out;
}

/* ---- order ---- */

/* -1, 0, 1; 2: not comparable. Lists and tuples by their elements, a few levels deep. */
int fe_order(const Value *a, const Value *b, int depth)
{
    double p, q;
    if (a->kind == V_INT && b->kind == V_INT) return (a->u.i > b->u.i) - (a->u.i < b->u.i);
    if (fe_number(a, &p) && fe_number(b, &q)) return p != p || q != q ? 2 : (p > q) - (p < q);
    if (a->kind != b->kind) return 2;
    if (a->kind == V_STR) {
        int r = memcmp(a->u.s, b->u.s, a->len < b->len ? a->len : b->len);
        return r ? (r > 0) - (r < 0) : (a->len > b->len) - (a->len < b->len);
    }
    if ((a->kind != V_LIST && a->kind != V_TUPLE) || depth > 8) return 2;
    const List *x = a->u.list, *y = b->u.list;
    for (int i = 0; i < x->n && i < y->n; i++) {
        if (fe_equal(x->item[i], y->item[i])) continue;
        return fe_order(x->item[i], y->item[i], depth + 1);
    }
    return (x->n > y->n) - (x->n < y->n);
}

/* Stable merge of keys and items; false: two of them cannot be compared. */
static bool merge(Value **key, Value **item, Value **room, int n, bool down)
{
    if (n < 2) return true;
    int half = n / 2, i = 0, j = half, k = 0;
    if (!merge(key, item, room, half, down)
        || !merge(key + half, item + half, room + 2 * half, n - half, down)) return false;
    while (i < half || j < n) {
        int order = i == half ? 1 : j == n ? -1 : fe_order(key[i], key[j], 0);
        if (order == 2) return false;
        if (down && i < half && j < n) order = -order;
        int from = order <= 0 ? i++ : j++;
        room[k] = key[from], room[n + k++] = item[from];
    }
    memcpy(key, room, (size_t)n * sizeof *key);
    memcpy(item, room + n, (size_t)n * sizeof *item);
    return true;
}

static Value *sort(Interp *in, const Call *c, const List *l, Value *by, bool down)
{
    size_t n = (size_t)l->n;
    Value *r = fe_list(in, V_LIST, c->at);
    Value **key = arena_alloc(in->a, n + 1, sizeof *key),
          **room = arena_alloc(in->a, 2 * n + 1, sizeof *room);
    if (!fe_spend(in, 64 * l->n, c->at)) return fe_bad(in, c->at);
    for (size_t i = 0; i < n; i++) {
        key[i] = l->item[i];
        if (by->kind != V_NONE) key[i] = fe_call_value(in, by, &l->item[i], 1, c->at);
        if (key[i]->kind == V_BAD) return key[i];
        if (key[i]->kind == V_DATA) return fe_data(in, "an order of data", c->at);
        if (!fe_push(in, r, l->item[i])) return fe_bad(in, c->at);
    }
    if (merge(key, r->u.list->item, room, (int)n, down)) return r;
    fe_report(in->d, c->at, DG(wants_numbers), c->name);
    return fe_bad(in, c->at);
}

Value *fe_fn_sorted(Interp *in, const Call *c)
{
    Value *out, *v = c->v[0];
    List plain;
    if (sequence(v) && v->u.list->is_set) {
        plain = *v->u.list;
        return sort(in, c, &plain, c->v[1], c->v[2]->u.b);
    }
    const List *l = walked(in, c, v, &out);
    return l ? sort(in, c, l, c->v[1], c->v[2]->u.b) : out;
}

Value *fe_l_sort(Interp *in, const Call *c)
{
    Value *r = sort(in, c, c->self->u.list, c->v[0], c->v[1]->u.b);
    if (r->kind != V_LIST) return r;
    memcpy(c->self->u.list->item, r->u.list->item, (size_t)r->u.list->n * sizeof *r->u.list->item);
    return fe_val(in, V_NONE, c->at);
}

/* ---- dicts and sets ---- */

/* Of one comparison with the key. */
static int64_t cost(const Value *key)
{
    return key->kind == V_TUPLE || key->kind == V_LIST ? 4 * key->u.list->n + 16 : 1;
}

bool fe_dict_put(Interp *in, Value *dict, Value *key, Value *v)
{
    List *l = dict->u.list;
    if (!fe_spend(in, l->n * cost(key), dict->at)) return false;
    for (int i = 0; i + 1 < l->n; i += 2)
        if (fe_equal(l->item[i], key)) return l->item[i + 1] = v, true;
    return fe_push(in, dict, key) && fe_push(in, dict, v);
}

bool fe_set_put(Interp *in, Value *set, Value *v)
{
    List *l = set->u.list;
    if (!fe_spend(in, l->n * cost(v), set->at)) return false;
    for (int i = 0; i < l->n; i++)
        if (fe_equal(l->item[i], v)) return true;
    return fe_push(in, set, v);
}
