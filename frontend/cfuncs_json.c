/* frontend/cfuncs_json.c: functions in C as JSON, written; cfuncs_read.c reads it.
 *
 * {"seqc_functions": 2, "source": "ops.c", "hash": "…", "includes": [{"file": "…", "hash": "…"}],
 *  "warnings": [{"code": "W811", "function": "swish", "text": "…", "at": [0, 29, 5]}],
 *  "functions": [{"name": "swish", "params": ["x", "beta"], "type": "float", "line": 3, "column": 7,
 *    "nodes": [["arg", 0], ["arg", 1], ["mul", 1, 0], …, ["num", 1.0]], "value": 7,
 *    "at": [0, 6, 5], "compared": [[4, 0, 30, 7]],
 *    "gradient": {"nodes": […], "value": 5, "derivatives": [9, 12]}}]}
 *
 * "warnings" are what was found out when Clang read the file, with places as CPlace has them: file,
 * byte, length; those with "function" are about its derivatives. "at" is the place of the function's
 * name, "compared" has those of comparisons among its nodes: number, file, byte, length. "gradient" is
 * for the Python module, which differentiates nothing: the value in the form that is differentiated
 * and the derivative by each parameter, of nodes of their own. Nothing here believes it: it is read to
 * be skipped, and may be missing.
 * Operands are numbers of earlier nodes, so that sharing survives and nothing can run in a circle.
 * Numbers have the fewest digits that read back the same bits; what JSON has no number for is
 * "inf", "-inf" or "nan". */
#include "frontend/cfuncs.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const CFunc *fe_cfunc(const CFuncs *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->f[i].name, name) == 0) return &c->f[i];
    return NULL;
}

typedef struct Text { Arena *arena; char *s; size_t n, cap; } Text;

__attribute__((format(printf, 2, 3)))
static void put(Text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    size_t more = (size_t)vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (t->n + more + 1 > t->cap) {
        size_t cap = 2 * (t->n + more + 1);
        t->s = arena_grow(t->arena, t->s, t->cap, cap, 1);
        t->cap = cap;
    }
    vsnprintf(t->s + t->n, more + 1, fmt, again);
    va_end(again);
    t->n += more;
}

static void put_string(Text *t, const char *s)
{
    put(t, "\"");
    for (; *s; s++)
        if (*s == '"' || *s == '\\') put(t, "\\%c", *s);
        else if ((unsigned char)*s < 0x20) put(t, "\\u%04x", (unsigned)*s);
        else put(t, "%c", *s);
    put(t, "\"");
}

/* A number of JSON that no reader takes for an integer: those have no -0. */
static void put_real(Text *t, double x)
{
    const char *s = ir_real_string(x, t->arena);
    const char *quote = isfinite(x) ? "" : "\"";
    put(t, "%s%s%s%s", quote, s, *quote || strpbrk(s, ".e") ? "" : ".0", quote);
}

/* Nodes that are being written: number[handle] of each that stands, from 1. */
typedef struct Nodes { Text *t; const ExPool *pool; int *number; int n; } Nodes;

/* Operands first, so that the order follows from the expression alone. An expression is at most as
 * deep as it has nodes. */
static int put_node(Nodes *w, Ex e)
{
    const ExNode *x = ex_node(w->pool, e);
    int in[3] = { 0 };
    if (w->number[e.i]) return w->number[e.i] - 1;
    for (int k = 0; k < 3 && x->in[k].i; k++) in[k] = put_node(w, x->in[k]);
    put(w->t, "%s[\"%s\"", w->n ? ", " : "", ex_op_name(x->op));
    switch (x->op) {
    case EX_NUM: put(w->t, ", "), put_real(w->t, x->u.num); break;
    case EX_INT: put(w->t, ", %" PRId64, x->u.i); break;
    case EX_BOOL: put(w->t, ", %s", x->u.i ? "true" : "false"); break;
    case EX_ARG: put(w->t, ", %u", (unsigned)x->u.arg); break;
    default:
        for (int k = 0; k < 3 && x->in[k].i; k++) put(w->t, ", %d", in[k]);
    }
    put(w->t, "]");
    w->number[e.i] = ++w->n;
    return w->n - 1;
}

/* "nodes": all that the roots read; at[i]: the number of root i. */
static Nodes put_nodes(Text *t, const ExPool *pool, const Ex *root, int n_root, int *at)
{
    uint32_t last = 0;
    for (int i = 0; i < n_root; i++) last = root[i].i > last ? root[i].i : last;
    Nodes w = { t, pool, arena_alloc(t->arena, (size_t)last + 1, sizeof(int)), 0 };
    put(t, "\"nodes\": [");
    for (int i = 0; i < n_root; i++) at[i] = put_node(&w, root[i]);
    put(t, "]");
    return w;
}

static void put_gradient(Text *t, ExPool *pool, const CFunc *f)
{
    Ex root[1 + EX_MAX_ARGS] = { ex_stable(pool, f->value) };
    for (int i = 0; i < f->n_param; i++) root[1 + i] = ex_diff(pool, f->value, i);
    put(t, ",\n  \"gradient\": {");
    int at[1 + EX_MAX_ARGS];
    put_nodes(t, pool, root, 1 + f->n_param, at);
    put(t, ", \"value\": %d, \"derivatives\": [", at[0]);
    for (int i = 0; i < f->n_param; i++) put(t, i ? ", %d" : "%d", at[1 + i]);
    put(t, "]}");
}

static void put_place(Text *t, const char *key, CPlace at)
{
    put(t, ", \"%s\": [%d, %" PRIu32 ", %" PRIu32 "]", key, at.file, at.at, at.len);
}

static void put_compared(Text *t, const CFunc *f, const Nodes *w)
{
    const char *between = "";
    put(t, ", \"compared\": [");
    for (int i = 0; i < f->n_compared; i++) {
        const CCompared *x = &f->compared[i];
        if (!w->number[x->node]) continue;           /* the value does not need it */
        put(t, "%s[%d, %d, %" PRIu32 ", %" PRIu32 "]", between, w->number[x->node] - 1, x->at.file,
            x->at.at, x->at.len);
        between = ", ";
    }
    put(t, "]");
}

static void put_function(Text *t, ExPool *pool, const CFunc *f)
{
    put(t, "{\"name\": ");
    put_string(t, f->name);
    put(t, ", \"params\": [");
    for (int i = 0; i < f->n_param; i++) put(t, i ? ", " : ""), put_string(t, f->param[i]);
    put(t, "], \"type\": \"%s\", \"line\": %d, \"column\": %d,\n  ",
        f->is_double ? "double" : "float", f->line, f->column);
    int at;
    Nodes w = put_nodes(t, pool, &f->value, 1, &at);
    put(t, ", \"value\": %d", at);
    if (f->at.len) put_place(t, "at", f->at), put_compared(t, f, &w);
    put_gradient(t, pool, f);
    put(t, "}");
}

static void put_said(Text *t, const CSaid *s)
{
    put(t, "{\"code\": \"%s\"", fe_diag_info[s->id].code);
    if (s->function) put(t, ", \"function\": "), put_string(t, s->function);
    put(t, ", \"text\": ");
    put_string(t, s->text);
    put_place(t, "at", s->at);
    if (s->help) put(t, ", \"help\": "), put_string(t, s->help);
    if (s->note) put(t, ", \"note\": "), put_string(t, s->note), put_place(t, "note_at", s->note_at);
    put(t, "}");
}

const char *fe_cfuncs_json(Arena *a, const CFuncs *c)
{
    Text t = { .arena = a };
    put(&t, "{\"seqc_functions\": %d, \"source\": ", CFUNCS_VERSION);
    put_string(&t, c->source);
    put(&t, ", \"hash\": ");
    put_string(&t, c->hash);
    put(&t, ", \"includes\": [");
    for (int i = 0; i < c->n_include; i++) {
        put(&t, i ? ", {\"file\": " : "{\"file\": ");
        put_string(&t, c->include[i].file);
        put(&t, ", \"hash\": ");
        put_string(&t, c->include[i].hash);
        put(&t, "}");
    }
    put(&t, "],\n \"warnings\": [");
    for (int i = 0; i < c->n_said; i++) {
        put(&t, i ? ",\n " : "\n ");
        put_said(&t, &c->said[i]);
    }
    put(&t, "],\n \"functions\": [");
    for (int i = 0; i < c->n; i++) {
        put(&t, i ? ",\n " : "\n ");
        put_function(&t, c->pool, &c->f[i]);
    }
    put(&t, "]}\n");
    return t.s;
}
