/* ir/json.c: a module as JSON, for other programs. A view: the text form alone is input.
 *
 * Values are numbered as in the text; states are named by their keys. Strings that are not UTF-8
 * become one \u00HH a byte, so that the output is always valid. */
#include "ir/priv.h"
#include <math.h>
#include <string.h>

typedef struct Json { Str t; bool first; } Json;

/* The length of the UTF-8 sequence at s; 0: not one. */
static size_t utf8_length(const char *s)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c < 0x80              ? 1
             : c >= 0xc2 && c < 0xe0 ? 2
             : c >= 0xe0 && c < 0xf0 ? 3
             : c >= 0xf0 && c < 0xf5 ? 4
                                     : 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = n > 2 ? (unsigned char)s[1] : 0;
    bool bad = (c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f)
            || (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f);
    return bad ? 0 : n;
}

static void string(Json *j, const char *s)
{
    Str *t = &j->t;
    ir_str_add(t, "\"", 1);
    while (*s) {
        size_t n = utf8_length(s);
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            ir_str_fmt(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || !n)
            ir_str_fmt(t, "\\u%04x", c);
        else
            ir_str_add(t, s, n);
        s += n ? n : 1;
    }
    ir_str_add(t, "\"", 1);
}

static void comma(Json *j)
{
    if (!j->first)
        ir_str_add(&j->t, ",", 1);
    j->first = false;
}

static void key(Json *j, const char *name)
{
    comma(j);
    ir_str_fmt(&j->t, "\"%s\":", name);
}

static void open(Json *j, const char *bracket)
{
    ir_str_add(&j->t, bracket, 1);
    j->first = true;
}

static void close(Json *j, const char *bracket)
{
    ir_str_add(&j->t, bracket, 1);
    j->first = false;
}

static void key_int(Json *j, const char *name, int64_t x)
{
    key(j, name);
    ir_str_fmt(&j->t, "%lld", (long long)x);
}

static void key_string(Json *j, const char *name, const char *s)
{
    key(j, name);
    if (s)
        string(j, s);
    else
        ir_str_add(&j->t, "null", 4);
}

/* JSON has no inf and nan: they are strings. */
static void real(Json *j, double x)
{
    const char *s = ir_real_string(x, j->t.arena);
    if (isfinite(x))
        ir_str_add(&j->t, s, strlen(s));
    else
        string(j, s);
}

static void value(Json *j, const Graph *g, const int *number, Val v)
{
    if (number[v.i] >= 0)
        ir_str_fmt(&j->t, "%d", number[v.i]);
    else
        string(j, ir_state(g->module, g->node[v.i].state)->key);
}

static void shape(Json *j, const Shape *s)
{
    open(j, "[");
    for (int i = 0; i < s->rank; i++) {
        comma(j);
        if (s->dim[i].n && s->dim[i].k == 1)
            string(j, "n");
        else if (s->dim[i].n)
            ir_str_fmt(&j->t, "\"%lldn\"", (long long)s->dim[i].k);
        else
            ir_str_fmt(&j->t, "%lld", (long long)s->dim[i].k);
    }
    close(j, "]");
}

static void type_and_place(Json *j, const Module *m, const Type *t, Loc loc)
{
    key_string(j, "dtype", ir_dtype_name(t->dtype));
    key(j, "shape");
    shape(j, &t->shape);
    if (t->layout.kind != LAYOUT_plain) {
        key(j, "layout");
        ir_str_fmt(&j->t, "\"%s%d\"", ir_layout[t->layout.kind].name, t->layout.width);
    }
    if (!loc.file || loc.file >= m->n_file)
        return;
    key(j, "at");
    open(j, "{");
    key_string(j, "file", m->file[loc.file]);
    key_int(j, "line", loc.line);
    key_int(j, "col", loc.col);
    close(j, "}");
}

static void attr(Json *j, const Attr *a)
{
    key(j, ir_attr_info[a->id].name);
    switch (ir_attr_info[a->id].kind) {
    case ATK_FLAG:
        ir_str_add(&j->t, "true", 4);
        break;
    case ATK_INT:
        ir_str_fmt(&j->t, "%lld", (long long)a->u.i);
        break;
    case ATK_REAL:
        real(j, a->u.r);
        break;
    case ATK_STR:
    case ATK_EXPR:
        string(j, a->u.s);
        break;
    case ATK_INTS:
    case ATK_REALS:
        open(j, "[");
        for (int i = 0; i < a->count; i++) {
            comma(j);
            if (ir_attr_info[a->id].kind == ATK_INTS)
                ir_str_fmt(&j->t, "%lld", (long long)a->u.ints[i]);
            else
                real(j, a->u.reals[i]);
        }
        close(j, "]");
        break;
    }
}

static void node(Json *j, const Graph *g, const int *number, uint32_t i)
{
    const Node *x = &g->node[i];
    comma(j);
    ir_str_add(&j->t, "\n   ", 4);
    open(j, "{");
    key_int(j, "id", number[i]);
    key_string(j, "op", ir_op[x->op].name);
    if (x->name)
        key_string(j, "name", x->name);
    key(j, "in");
    open(j, "[");
    for (int k = 0; k < x->n_in; k++) {
        comma(j);
        value(j, g, number, x->in[k]);
    }
    close(j, "]");
    if (x->n_attr) {
        key(j, "attrs");
        open(j, "{");
        for (int k = 0; k < x->n_attr; k++)
            attr(j, &x->attr[k]);
        close(j, "}");
    }
    type_and_place(j, g->module, &x->type, x->loc);
    close(j, "}");
}

static void roots(Json *j, const Graph *g, const int *number)
{
    static const char *const name[] = {"return", "grad", "update"};
    key(j, "roots");
    open(j, "[");
    for (int i = 0; i < g->n_root; i++) {
        const Root *r = &g->root[i];
        comma(j);
        open(j, "{");
        key_string(j, "kind", name[r->kind]);
        key_string(j, "name",
                   r->kind == ROOT_RETURN ? r->name : ir_state(g->module, r->state)->key);
        key(j, "value");
        value(j, g, number, r->val);
        close(j, "}");
    }
    close(j, "]");
}

static void kernels(Json *j, const Graph *g, const int *number)
{
    Stored stored = ir_stored(g, j->t.arena);
    key(j, "kernels");
    open(j, "[");
    for (int k = 0; k < g->n_kernel; k++) {
        const Kernel *x = &g->kernel[k];
        comma(j);
        ir_str_add(&j->t, "\n   ", 4);
        open(j, "{");
        key_string(j, "name", ir_kernel_name(g, k, j->t.arena));
        key_string(j, "algo", ir_algo[x->algo].name);
        key(j, "members");
        open(j, "[");
        for (int i = 0; i < x->n_member; i++) {
            comma(j);
            value(j, g, number, x->member[i]);
        }
        close(j, "]");
        key(j, "tile");
        ir_str_fmt(&j->t, "[%lld,%lld]", (long long)x->tile[0], (long long)x->tile[1]);
        key(j, "flop");
        real(j, ir_kernel_flop(g, k));
        key_int(j, "bytes", ir_kernel_bytes_of(g, k, &stored));
        key(j, "us");
        real(j, x->us);
        close(j, "}");
    }
    close(j, "]");
}

static void plan(Json *j, const Graph *g, const int *number)
{
    static const char *const kind[] = {"arena", "state", "out", "scratch", "kept"};
    key_int(j, "arena_bytes", g->arena_bytes);
    key_int(j, "bound_bytes", g->bound_bytes);
    key_int(j, "worker_bytes", g->worker_bytes);
    key_int(j, "kept_bytes", g->kept_bytes);
    if (g->by_sample) {
        key(j, "by_sample");
        ir_str_add(&j->t, "true", 4);
    }
    key(j, "buffers");
    open(j, "[");
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        comma(j);
        ir_str_add(&j->t, "\n   ", 4);
        open(j, "{");
        key_string(j, "kind", kind[b->kind]);
        if (b->val.i) {
            key(j, "value");
            value(j, g, number, b->val);
        }
        if (b->kind == BUF_STATE)
            key_string(j, "state", ir_state(g->module, b->state)->key);
        if (b->kind == BUF_OUT)
            key_int(j, "out", b->out);
        if (ir_in_arena(b) || b->kind == BUF_KEPT)
            key_int(j, "offset", b->offset_bytes);
        key_int(j, "bytes", b->bytes);
        key_int(j, "first", b->first);
        key_int(j, "last", b->last);
        if (b->in_place_of.i) {
            key(j, "in_place_of");
            value(j, g, number, b->in_place_of);
        }
        close(j, "}");
    }
    close(j, "]");
}

static void graph(Json *j, const Graph *g)
{
    int *number = ir_numbers(g, j->t.arena);
    comma(j);
    ir_str_add(&j->t, "\n ", 2);
    open(j, "{");
    key_string(j, "name", g->name);
    key(j, "nodes");
    open(j, "[");
    for (uint32_t i = 1; i < g->n_node; i++)
        if (number[i] >= 0)
            node(j, g, number, i);
    close(j, "]");
    roots(j, g, number);
    if (g->one_block) {
        key(j, "one_block");
        ir_str_add(&j->t, "true", 4);
    }
    if (g->has_kernels)
        kernels(j, g, number);
    if (g->has_plan)
        plan(j, g, number);
    close(j, "}");
}

void ir_print_json(const Module *m, FILE *out, const char *const *graphs)
{
    Json j = {.t = {.arena = arena_new()}};
    open(&j, "{");
    key_int(&j, "version", IR_VERSION);
    key_int(&j, "capacity", m->capacity);
    key_string(&j, "real", ir_dtype_name(m->real));
    key_string(&j, "math", ir_math[m->math].name);
    key_string(&j, "stage", m->stage);
    key_string(&j, "program", m->prog.name);
    key(&j, "states");
    open(&j, "[");
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        comma(&j);
        ir_str_add(&j.t, "\n ", 2);
        open(&j, "{");
        key_string(&j, "key", s->key);
        key_string(&j, "role", ir_role_name[s->role]);
        type_and_place(&j, m, &s->type, s->loc);
        if (s->offset_bytes >= 0)
            key_int(&j, "offset", s->offset_bytes);
        close(&j, "}");
    }
    close(&j, "]");
    key(&j, "graphs");
    open(&j, "[");
    for (int i = 0; i < m->n_graph; i++)
        if (ir_prints_graph(m->graph[i]->name, graphs))
            graph(&j, m->graph[i]);
    close(&j, "]");
    close(&j, "}");
    ir_str_add(&j.t, "\n", 1);
    fwrite(j.t.s, 1, j.t.n, out);
    arena_free(j.t.arena);
}
