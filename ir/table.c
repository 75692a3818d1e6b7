/* ir/table.c: a module for people: states, kernels and values in aligned columns, sizes at
 * capacity. A view; what is exact is the text form. */
#include "ir/priv.h"
#include <string.h>

enum { MAX_COLS = 8, MAX_CELL = 80 };

typedef struct Table {
    Arena *arena;
    int cols;
    const char **rows; size_t n, cap;
    bool right[MAX_COLS];            /* numbers stand at the right */
} Table;

static void row(Table *t, const char *const cell[MAX_COLS])
{
    if (t->n + (size_t)t->cols > t->cap) {
        size_t cap = t->cap * 2 + 64;
        t->rows = arena_grow(t->arena, t->rows, t->n, cap, sizeof *t->rows);
        t->cap = cap;
    }
    for (int i = 0; i < t->cols; i++)
        t->rows[t->n++] = cell[i] ? cell[i] : "";
}
#define ROW(t, ...) row(t, (const char *const[MAX_COLS]){__VA_ARGS__})

static void print(const Table *t, FILE *out)
{
    size_t width[MAX_COLS] = {0};
    for (size_t i = 0; i < t->n; i++) {
        size_t n = strlen(t->rows[i]);
        int c = (int)(i % (size_t)t->cols);
        if (n > width[c] && n <= MAX_CELL)
            width[c] = n;
    }
    for (size_t i = 0; i < t->n; i += (size_t)t->cols) {
        int last = t->cols - 1;
        while (last > 0 && !*t->rows[i + (size_t)last])
            last--;
        for (int c = 0; c <= last; c++) {
            const char *s = t->rows[i + (size_t)c];
            int pad = strlen(s) < width[c] ? (int)(width[c] - strlen(s)) : 0;
            fprintf(out, "  %*s%s%*s", t->right[c] ? pad : 0, "", s,
                    t->right[c] || c == last ? 0 : pad, "");
        }
        fputc('\n', out);
    }
}

static const char *quoted(Arena *a, const char *s)
{
    Str t = {.arena = a};
    ir_str_quoted(&t, s);
    t.s[t.n - 1] = '\0';
    return t.s + 1;
}

static const char *size(Arena *a, double x, const char *unit)
{
    char buf[32];
    return arena_str(a, ir_count_text(x, unit, buf));
}

static void print_states(const Module *m, FILE *out, Arena *a)
{
    Table t = {.arena = a, .cols = 4, .right = {false, false, true, false}};
    int64_t total = 0;
    if (m->n_state < 2)
        return;
    ROW(&t, "state", "type", "bytes", "role");
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        int64_t bytes = ir_stored_bytes(&s->type, 1);
        if (__builtin_add_overflow(total, bytes, &total))
            total = INT64_MAX;
        ROW(&t, quoted(a, s->key), ir_type_string(&s->type, a), size(a, (double)bytes, "B"),
            ir_role_name[s->role]);
    }
    fprintf(out, "\nstates: %u, %s\n", m->n_state - 1, size(a, (double)total, "B"));
    print(&t, out);
}

static const char *operands(const Graph *g, const int *number, const Node *x, Arena *a)
{
    Str t = {.arena = a};
    ir_str_add(&t, "", 0);
    if (x->name)
        ir_str_quoted(&t, x->name);
    for (int i = 0; i < x->n_in; i++) {
        ir_str_add(&t, ", ", i ? 2 : 0);
        ir_str_val(&t, g, number, x->in[i]);
    }
    for (int i = 0; i < x->n_attr; i++) {
        ir_str_add(&t, "  ", i ? 1 : 2);
        ir_str_attr(&t, &x->attr[i]);
    }
    return t.s;
}

static const char *place_text(const Module *m, Loc loc, Arena *a)
{
    if (!loc.file || loc.file >= m->n_file)
        return "";
    return arena_printf(a, "%s:%u", quoted(a, m->file[loc.file]), loc.line);
}

static void print_nodes(const Graph *g, const int *number, FILE *out, Arena *a)
{
    Table t = {.arena = a, .cols = 6, .right = {true, false, false, false, true, false}};
    ROW(&t, "value", "op", "of", "type", "FLOP", "from");
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        if (number[i] < 0)
            continue;
        double flop = ir_flop(g, (Val){i});
        ROW(&t, arena_printf(a, "%%%d", number[i]), ir_op[x->op].name, operands(g, number, x, a),
            ir_type_string(&x->type, a), flop > 0 ? size(a, flop, "") : "",
            place_text(g->module, x->loc, a));
    }
    print(&t, out);
}

static void print_kernels(const Graph *g, FILE *out, Arena *a)
{
    Table t = {.arena = a, .cols = 7, .right = {true, false, true, true, true, true, false}};
    Stored stored = ir_stored(g, a);
    double flop = 0, bytes = 0, us = 0;
    ROW(&t, "kernel", "name", "ops", "FLOP", "bytes", "predicted", "algorithm");
    for (int k = 0; k < g->n_kernel; k++) {
        const Kernel *x = &g->kernel[k];
        const char *tile =
            x->tile[0] || x->tile[1]
                ? arena_printf(a, " %lldx%lld", (long long)x->tile[0], (long long)x->tile[1])
                : "";
        double f = ir_kernel_flop(g, k), b = (double)ir_kernel_bytes_of(g, k, &stored);
        flop += f;
        bytes += b;
        us += x->us;
        ROW(&t, arena_printf(a, "k%d", k), ir_kernel_name(g, k, a),
            arena_printf(a, "%d", x->n_member), size(a, f, ""), size(a, b, "B"),
            x->us > 0 ? arena_printf(a, "%.3g us", x->us) : "",
            arena_printf(a, "%s%s", ir_algo[x->algo].name, tile));
    }
    fprintf(out, "\n  %d kernels%s, %s, %s read and written", g->n_kernel,
            g->one_block ? " in one block" : "", size(a, flop, "FLOP"), size(a, bytes, "B"));
    fprintf(out, us > 0 ? ", %.3g us predicted on one thread\n" : "\n", us);
    print(&t, out);
}

static void print_plan(const Graph *g, const int *number, FILE *out, Arena *a)
{
    Table t = {.arena = a, .cols = 5, .right = {true, true, true, false, false}};
    fprintf(out, "\n  arena %s, lower bound %s%s", size(a, (double)g->arena_bytes, "B"),
            size(a, (double)g->bound_bytes, "B"),
            g->arena_bytes == g->bound_bytes ? " (reached)" : "");
    if (g->kept_bytes)
        fprintf(out, ", kept %s", size(a, (double)g->kept_bytes, "B"));
    fputc('\n', out);
    ROW(&t, "value", "offset", "bytes", "kernels", "place");
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        Str name = {.arena = a}, where = {.arena = a};
        bool arena = ir_in_arena(b);
        bool kept = b->kind == BUF_KEPT;
        ir_str_add(&where, "", 0);
        if (!b->val.i)
            ir_str_add(&name, "scratch", 7);
        else
            ir_str_val(&name, g, number, b->val);
        if (b->kind == BUF_STATE)
            ir_str_fmt(&where, "state %s", quoted(a, ir_state(g->module, b->state)->key));
        if (b->kind == BUF_OUT)
            ir_str_fmt(&where, "result %d", b->out);
        if (kept)
            ir_str_add(&where, "kept", 4);
        if (b->in_place_of.i) {
            ir_str_add(&where, "in place of ", 12);
            ir_str_val(&where, g, number, b->in_place_of);
        }
        ROW(&t, name.s, arena || kept ? arena_printf(a, "%lld", (long long)b->offset_bytes) : "",
            arena_printf(a, "%lld", (long long)b->bytes),
            arena_printf(a, "k%d..k%d", b->first, b->last), where.s);
    }
    print(&t, out);
}

void ir_print_table(const Module *m, FILE *out, const char *const *graphs)
{
    Arena *a = arena_new();
    fprintf(out, "%s  stage %s, batch n <= %lld, %s, math %s\n",
            m->prog.name ? quoted(a, m->prog.name) : "module", quoted(a, m->stage),
            (long long)m->capacity, ir_dtype_name(m->real), ir_math[m->math].name);
    print_states(m, out, a);
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        if (!ir_prints_graph(g->name, graphs))
            continue;
        int *number = ir_numbers(g, a);
        fprintf(out, "\ngraph %s\n", quoted(a, g->name));
        print_nodes(g, number, out, a);
        if (g->has_kernels)
            print_kernels(g, out, a);
        if (g->has_plan)
            print_plan(g, number, out, a);
    }
    arena_free(a);
}
