/* frontend/cmd_slopes.c: `seqc check`: derivatives of elementwise functions against differences.
 *
 * Of each C function that the model uses, and of all built-in functions of its graphs: the first
 * derivatives by each argument against differences of values, the second ones against differences of
 * the first, at a thousand points and more, where numbers that the model gives stay as they are.
 * Left out is where differences say nothing: at kinks and jumps, and where rounding hides them. */
#include "frontend/caudit.h"
#include "frontend/cmd_check.h"
#include <math.h>
#include <string.h>

/* What is known of one function, or of all built-in ones, whose points are counted together. */
typedef struct CheckFunction {
    struct CheckFunction *next;
    const char *name, *key;          /* key: the same for what is the same */
    const char *worst[2];            /* by order: where, and which numbers differ */
    Slopes order[2];
    bool small;                      /* second derivatives were compared */
} CheckFunction;

/* "d2 swish / d x d beta at x = 1, beta = 2", with both numbers where they differ too much */
static const char *worst_text(Arena *a, const CFunc *f, const Slopes *s, int order)
{
    const char *by = order ? arena_printf(a, "d2 %s / d %s d %s", f->name, f->param[s->by[0]],
                                          f->param[s->by[1]])
                           : arena_printf(a, "d %s / d %s", f->name, f->param[s->by[0]]);
    const char *numbers = s->share <= SLOPES_BOUND ? ""
                        : arena_printf(a, ": %.9g, differences say %.9g", s->symbolic, s->differences);
    return arena_printf(a, "%s at %s%s", by, fe_audit_point(a, f, s->at), numbers);
}

static void add_slopes(CheckFunction *to, Arena *a, ExPool *p, const CFunc *f, const double *value)
{
    Slopes order[2];
    to->small = fe_slopes(p, f, value, ex_diff, order) && to->small;
    for (int i = 0; i < 2; i++) {
        Slopes *sum = &to->order[i];
        sum->left_out += order[i].left_out;
        sum->compared += order[i].compared;
        if (order[i].share > sum->share) {
            sum->share = order[i].share;
            to->worst[i] = worst_text(a, f, &order[i], i);
        }
    }
}

static CheckFunction *added(Check *k, const char *name, const char *key)
{
    CheckFunction **end = &k->function;
    while (*end && strcmp((*end)->key, key) != 0) end = &(*end)->next;
    if (*end) return NULL;
    *end = arena_alloc(k->c->arena, 1, sizeof **end);
    **end = (CheckFunction){ .name = name, .key = key, .small = true };
    return *end;
}

void check_own(void *ctx, const CFuncs *file, const CFunc *f, const double *value)
{
    Check *k = ctx;
    Arena *a = k->c->arena;
    const char *name = f->name, *key = arena_printf(a, "%s:%s", file->source, f->name);
    for (int i = 0; i < f->n_param; i++) {
        name = arena_printf(a, "%s%s%s", name, i ? ", " : "(", f->param[i]);
        key = arena_printf(a, "%s %.17g", key, value[i]);
    }
    CheckFunction *of = added(k, arena_printf(a, "%s%s", name, f->n_param ? ")" : ""), key);
    if (of) add_slopes(of, a, file->pool, f, value);
}

/* ---- built-in functions ---- */

/* A node's function, of numbers that its attributes are. */
static void add_node(Check *k, CheckFunction *all, ExPool *p, const Node *x)
{
    static const char *letters[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    enum { MOST = sizeof letters / sizeof *letters };
    if (x->n_in > MOST) return;
    CFunc f = { .name = ir_op[x->op].name, .param = letters, .n_param = x->n_in, .is_double = true,
                .value = ir_scalar_expr(p, x) };
    add_slopes(all, k->c->arena, p, &f, NULL);
}

static void built_in(Check *k)
{
    Arena *a = arena_new();
    ExPool *p = ex_pool(a);
    const char **known = NULL;
    size_t n = 0;
    CheckFunction all = { .small = true };
    for (int i = 0; i < k->start->n_graph; i++)
        for (uint32_t v = 1; v < k->start->graph[i]->n_node; v++) {
            const Node *x = ir_node(k->start->graph[i], (Val){ v });
            const OpInfo *op = &ir_op[x->op];
            if (op->kind != KIND_MAP || !op->scalar || x->op == OP_stop || x->op == OP_expand) continue;
            const char *text = ex_print(a, p, ir_scalar_expr(p, x));
            size_t at = 0;
            while (at < n && strcmp(known[at], text) != 0) at++;
            if (at < n) continue;
            known = arena_grow(a, known, n, n + 1, sizeof *known);
            known[n++] = text;
            add_node(k, &all, p, x);
        }
    all.name = n == 1 ? "1 built-in" : arena_printf(k->c->arena, "%zu built-in", n);
    CheckFunction *of = n ? added(k, all.name, "") : NULL;
    if (of) *of = all;
    arena_free(a);
}

/* ---- the table ---- */

static void print_order(Check *k, const CheckFunction *f, int order)
{
    const Slopes *s = &f->order[order];
    Arena *a = k->c->arena;
    const char *left_out = s->left_out ? arena_printf(a, ", %lld left out", (long long)s->left_out) : "";
    check_line(&k->report, arena_printf(a, "%s, %s", f->name, order ? "second" : "first"), s->share,
               SLOPES_BOUND, arena_printf(a, "%lld points%s  %s", (long long)s->compared, left_out,
                                          s->share > 0 ? f->worst[order] : ""));
}

void check_functions(Check *k)
{
    built_in(k);
    if (k->function)
        printf("\nfunctions: derivatives against differences, second ones against those of the first\n");
    for (const CheckFunction *f = k->function; f; f = f->next) {
        print_order(k, f, 0);
        if (f->small) print_order(k, f, 1);
        else printf("  %s, second: too large to be compared\n", f->name);
    }
}
