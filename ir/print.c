/* ir/print.c: a module as exact text.
 *
 * One fact a line; what the parser derives again is printed for people. Columns are aligned inside
 * a section by widths that follow from the section's rows alone, so the same module gives the same
 * bytes. Comments (# …) are derived facts that the parser skips. Grammar: ir/parse.c. */
#include "ir/priv.h"
#include <string.h>

enum { MAX_LEFT = 84, MAX_KERNEL = 120, MAX_MIDDLE = 40, MAX_LINE = 100 };

/* One row of a section: left [: middle] [@ place]. */
typedef struct Row { Str left, middle; Loc loc; } Row;
typedef struct Rows { Arena *arena; Row *row; size_t n, cap, max_left; const char *sign; } Rows;

static Row *row_add(Rows *r, Loc loc)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        r->row = arena_grow(r->arena, r->row, r->n, cap, sizeof *r->row);
        r->cap = cap;
    }
    Row *x = &r->row[r->n++];
    *x = (Row){{r->arena, NULL, 0, 0}, {r->arena, NULL, 0, 0}, loc};
    return x;
}

static void str_place(Str *t, const Module *m, Loc loc)
{
    if (!loc.file || loc.file >= m->n_file)
        return;
    const char *name = m->file[loc.file];
    bool bare = *name != '\0';
    for (const char *c = name; *c && bare; c++)
        bare = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')
            || *c == '_' || *c == '.' || *c == '-';
    ir_str_add(t, "@ ", 2);
    if (bare)
        ir_str_add(t, name, strlen(name));
    else
        ir_str_quoted(t, name);
    ir_str_fmt(t, ":%u:%u", loc.line, loc.col);
}

/* Longer cells than the limits do not widen a column; they just push their own row's rest. */
static void rows_print(Str *t, const Module *m, const Rows *r)
{
    size_t left = 0, middle = 0;
    for (size_t i = 0; i < r->n; i++) {
        const Row *x = &r->row[i];
        if (x->left.n > left && x->left.n <= r->max_left)
            left = x->left.n;
        if (x->middle.n > middle && x->middle.n <= MAX_MIDDLE)
            middle = x->middle.n;
    }
    for (size_t i = 0; i < r->n; i++) {
        const Row *x = &r->row[i];
        ir_str_add(t, x->left.s, x->left.n);
        if (x->middle.n) {
            ir_str_pad(t, x->left.n < left ? left - x->left.n : 0);
            ir_str_fmt(t, " %s ", r->sign);
            ir_str_add(t, x->middle.s, x->middle.n);
        }
        if (x->loc.file && x->loc.file < m->n_file) {
            ir_str_pad(t, 2 + (x->middle.n && x->middle.n < middle ? middle - x->middle.n : 0));
            str_place(t, m, x->loc);
        }
        ir_str_add(t, "\n", 1);
    }
}

static void str_type(Str *t, const Type *type)
{
    char buf[IR_TYPE_TEXT];
    const char *text = ir_type_text(type, buf);
    ir_str_add(t, text, strlen(text));
}

/* ---- head, states, program ---- */

static void print_head(Str *t, const Module *m)
{
    ir_str_fmt(t, "seqc.ir %d\n", IR_VERSION);
    for (int i = 1; i < m->n_file; i++) {
        ir_str_add(t, "file ", 5);
        ir_str_quoted(t, m->file[i]);
        ir_str_add(t, "\n", 1);
    }
    ir_str_fmt(t, "batch n <= %lld\nreal %s\n", (long long)m->capacity, ir_dtype_name(m->real));
    if (m->math != MATH_default)
        ir_str_fmt(t, "math %s\n", ir_math[m->math].name);
    ir_str_add(t, "stage ", 6);
    ir_str_name(t, m->stage);
    ir_str_add(t, "\n", 1);
}

static void print_states(Str *t, const Module *m)
{
    Rows rows = {.arena = t->arena, .max_left = MAX_LEFT, .sign = ":"};
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        Row *x = row_add(&rows, s->loc);
        ir_str_add(&x->left, "state ", 6);
        ir_str_quoted(&x->left, s->key);
        str_type(&x->middle, &s->type);
        ir_str_fmt(&x->middle, " %s", ir_role_name[s->role]);
    }
    if (rows.n)
        ir_str_add(t, "\n", 1);
    rows_print(t, m, &rows);
}

static void str_word_quoted(Str *t, const char *word, const char *text)
{
    if (!text)
        return;
    ir_str_fmt(t, "%s ", word);
    ir_str_quoted(t, text);
    ir_str_add(t, "\n", 1);
}

static void str_sample(Str *t, const char *word, const Shape *s)
{
    char buf[IR_TYPE_TEXT];
    if (s->rank)
        ir_str_fmt(t, "%s %s\n", word, ir_shape_text(s, buf));
}

static bool program_is_empty(const Program *p)
{
    bool zero = p->lr == 0 && !(1 / p->lr < 0);
    return !p->name && !p->loss && !p->optimizer && !p->schedule && !(p->plateau[0] > 0)
        && !(p->clip_norm > 0) && !(p->clip_value > 0) && !p->target && !p->n_classes && zero
        && !p->batch
        && p->epochs == -1 && p->seed == -1 && p->shuffle == TRI_UNSET && !p->drop_last
        && !p->least_batch && !p->input.rank && !p->target_shape.rank && !p->output.rank
        && !p->data && !p->n_transform && !p->n_draw && !p->n_load && !p->n_mask && !p->n_scalar
        && !p->n_group && !p->n_layer && !p->n_metric;
}

static void print_data(Str *t, const Program *p)
{
    ir_str_add(t, "data ", 5);
    ir_str_quoted(t, p->data);
    if (p->root) {
        ir_str_add(t, " root ", 6);
        ir_str_quoted(t, p->root);
    }
    ir_str_add(t, "\n", 1);
}

static void print_schedule(Str *t, const Program *p)
{
    str_word_quoted(t, p->schedule_steps ? "schedule step" : "schedule epoch", p->schedule);
    if (p->plateau[PLATEAU_factor] > 0) {
        ir_str_add(t, "plateau", 7);
        for (int i = 0; i < PLATEAU_COUNT; i++)
            ir_str_fmt(t, " %s=%s", ir_plateau_name[i], ir_real_string(p->plateau[i], t->arena));
        ir_str_add(t, "\n", 1);
    }
    if (p->clip_norm > 0)
        ir_str_fmt(t, "clip_norm %s\n", ir_real_string(p->clip_norm, t->arena));
    if (p->clip_value > 0)
        ir_str_fmt(t, "clip_value %s\n", ir_real_string(p->clip_value, t->arena));
}

static void print_settings(Str *t, const Program *p)
{
    ir_str_add(t, "\nprogram", 8);
    if (p->name)
        str_word_quoted(t, "", p->name);
    else
        ir_str_add(t, "\n", 1);
    str_word_quoted(t, "loss", p->loss);
    str_word_quoted(t, "optimizer", p->optimizer);
    if (p->target || p->n_classes)
        ir_str_fmt(t, "target %s", ir_target_name[p->target]);
    if (p->n_classes)
        ir_str_fmt(t, " %lld", (long long)p->n_classes);
    if (p->n_classes && p->ignores)
        ir_str_fmt(t, " ignore %lld", (long long)p->ignore);
    if (p->target || p->n_classes)
        ir_str_add(t, "\n", 1);
    if (p->lr != 0 || 1 / p->lr < 0)
        ir_str_fmt(t, "lr %s\n", ir_real_string(p->lr, t->arena));
    print_schedule(t, p);
    if (p->batch)
        ir_str_fmt(t, "batch %lld\n", (long long)p->batch);
    if (p->epochs != -1)
        ir_str_fmt(t, "epochs %lld\n", (long long)p->epochs);
    if (p->seed != -1)
        ir_str_fmt(t, "seed %lld\n", (long long)p->seed);
    if (p->shuffle != TRI_UNSET)
        ir_str_fmt(t, "shuffle %s\n", p->shuffle == TRI_YES ? "yes" : "no");
    if (p->drop_last)
        ir_str_add(t, "drop_last\n", 10);
    if (p->least_batch)
        ir_str_fmt(t, "least_batch %lld\n", (long long)p->least_batch);
    str_sample(t, "input", &p->input);
    str_sample(t, "target_shape", &p->target_shape);
    str_sample(t, "output", &p->output);
    if (p->data) print_data(t, p);
    for (int i = 0; i < p->n_transform; i++)
        ir_print_transform(t, &p->transform[i]);
}

static void print_draw(Str *t, const Module *m, const Draw *d)
{
    const char *a = ir_real_string(d->a, t->arena), *b = ir_real_string(d->b, t->arena);
    const char *word = ir_draw_name[d->kind];
    ir_str_add(t, "draw ", 5);
    if (d->state.i) {
        ir_str_quoted(t, ir_state(m, d->state)->key);
        ir_str_add(t, " ", 1);
    }
    ir_str_fmt(t, "%s", word);
    if (ir_draw_info[d->kind].counted)
        ir_str_fmt(t, " %lld", (long long)d->elems);
    if (ir_draw_info[d->kind].numbers > 0)
        ir_str_fmt(t, " %s", a);
    if (ir_draw_info[d->kind].numbers > 1)
        ir_str_fmt(t, " %s", b);
    ir_str_add(t, "\n", 1);
}

static void print_load(Str *t, const Module *m, const Load *l)
{
    ir_str_fmt(t, "load %d %s", l->call, l->strict ? "strict " : "");
    ir_str_quoted(t, l->file);
    ir_str_add(t, " ", 1);
    ir_str_quoted(t, l->key);
    if (l->state.i) {
        ir_str_add(t, " ", 1);
        ir_str_quoted(t, ir_state(m, l->state)->key);
    }
    ir_str_add(t, "\n", 1);
}

static void print_group(Str *t, const Module *m, const OptGroup *g)
{
    ir_str_add(t, "group ", 6);
    ir_str_name(t, g->rule);
    if (g->lr >= 0)
        ir_str_fmt(t, " lr=%s", ir_real_string(g->lr, t->arena));
    for (int i = 0; i < g->n_setting; i++) {
        ir_str_add(t, " ", 1);
        ir_str_name(t, g->setting[i].name);
        ir_str_add(t, "=", 1);
        if (g->setting[i].f)
            ir_str_quoted(t, g->setting[i].f);
        else
            ir_str_fmt(t, "%s", ir_real_string(g->setting[i].value, t->arena));
    }
    ir_str_add(t, " {", 2);
    for (int i = 0; i < g->n_param; i++) {
        ir_str_add(t, " ", 1);
        ir_str_quoted(t, ir_state(m, g->param[i])->key);
    }
    ir_str_add(t, " }", 2);
    if (g->loc.file && g->loc.file < m->n_file) {
        ir_str_add(t, "  ", 2);
        str_place(t, m, g->loc);
    }
    ir_str_add(t, "\n", 1);
}

static void print_program(Str *t, const Module *m)
{
    const Program *p = &m->prog;
    if (program_is_empty(p))
        return;
    print_settings(t, p);
    Rows rows = {.arena = t->arena, .max_left = MAX_LEFT, .sign = ":"};
    for (int i = 0; i < p->n_layer; i++) {
        Row *x = row_add(&rows, p->layer[i].loc);
        ir_str_add(&x->left, "layer ", 6);
        ir_str_quoted(&x->left, p->layer[i].path);
        ir_str_add(&x->left, " ", 1);
        ir_str_quoted(&x->left, p->layer[i].text);
        str_type(&x->middle, &p->layer[i].out);
        ir_str_fmt(&x->middle, " params %lld", (long long)p->layer[i].params);
    }
    rows_print(t, m, &rows);
    for (int i = 0; i < p->n_metric; i++)
        ir_str_fmt(t, "metric %s\n", ir_metric_name[p->metric[i]]);
    for (int i = 0; i < p->n_draw; i++)
        print_draw(t, m, &p->draw[i]);
    for (int i = 0; i < p->n_load; i++)
        print_load(t, m, &p->load[i]);
    for (int i = 0; i < p->n_mask; i++) {
        ir_str_add(t, "mask ", 5);
        ir_str_quoted(t, p->mask[i].name);
        ir_str_fmt(t, " %s\n", ir_real_string(p->mask[i].keep, t->arena));
    }
    for (int i = 0; i < p->n_scalar; i++) {
        ir_str_add(t, "scalar ", 7);
        ir_str_quoted(t, p->scalar[i].name);
        if (p->scalar[i].group)
            ir_str_fmt(t, " group %d", p->scalar[i].group);
        ir_str_add(t, " ", 1);
        ir_str_quoted(t, p->scalar[i].f);
        ir_str_add(t, "\n", 1);
    }
    for (int i = 0; i < p->n_group; i++)
        print_group(t, m, &p->group[i]);
}

/* ---- graphs ---- */

static void print_node(Row *row, const Graph *g, const int *number, uint32_t i, int width)
{
    const Node *x = &g->node[i];
    int pad = width - snprintf(NULL, 0, "%d", number[i]);
    ir_str_fmt(&row->left, "%%%d%*s = %s", number[i], pad, "", ir_op[x->op].name);
    if (x->name) {
        ir_str_add(&row->left, " ", 1);
        ir_str_quoted(&row->left, x->name);
    }
    for (int j = 0; j < x->n_in; j++) {
        ir_str_add(&row->left, ", ", j ? 2 : 0);
        ir_str_add(&row->left, " ", j ? 0 : 1);
        ir_str_val(&row->left, g, number, x->in[j]);
    }
    for (int j = 0; j < x->n_attr; j++) {
        ir_str_add(&row->left, j ? " " : " {", j ? 1 : 2);
        ir_str_attr(&row->left, &x->attr[j]);
    }
    ir_str_add(&row->left, "}", x->n_attr ? 1 : 0);
    str_type(&row->middle, &x->type);
}

/* Roots of one kind share a line as long as it is not full. */
static void print_roots(Str *t, const Graph *g, const int *number)
{
    static const char *const word[] = {"return", "grad", "update"};
    size_t start = t->n;
    for (int i = 0; i < g->n_root; i++) {
        const Root *r = &g->root[i];
        Str one = {.arena = t->arena};
        if (r->kind == ROOT_RETURN)
            ir_str_name(&one, r->name);
        else
            ir_str_quoted(&one, ir_state(g->module, r->state)->key);
        ir_str_add(&one, "=", 1);
        ir_str_val(&one, g, number, r->val);
        bool joins = i && g->root[i - 1].kind == r->kind && t->n - start + one.n + 2 <= MAX_LINE;
        if (!joins) {
            ir_str_add(t, "\n", i ? 1 : 0);
            start = t->n;
            ir_str_fmt(t, "%s ", word[r->kind]);
        } else {
            ir_str_add(t, ", ", r->kind == ROOT_RETURN ? 0 : 1);
            ir_str_add(t, " ", 1);
        }
        ir_str_add(t, one.s, one.n);
    }
    ir_str_add(t, "\n", g->n_root ? 1 : 0);
}

static void print_kernels(Str *t, const Graph *g, const int *number)
{
    Rows rows = {.arena = t->arena, .max_left = MAX_KERNEL, .sign = "#"};
    Stored stored = ir_stored(g, t->arena);
    size_t name_width = 0;
    for (int k = 0; k < g->n_kernel; k++) {
        size_t n = strlen(ir_kernel_name(g, k, t->arena));
        name_width = n > name_width ? n : name_width;
    }
    for (int k = 0; k < g->n_kernel; k++) {
        const Kernel *x = &g->kernel[k];
        const char *name = ir_kernel_name(g, k, t->arena);
        char flop[32], bytes[32];
        Row *row = row_add(&rows, (Loc){0});
        ir_str_fmt(&row->left, "k%d %s", k, name);
        ir_str_pad(&row->left, name_width - strlen(name) + (k < 10 && g->n_kernel > 10));
        ir_str_add(&row->left, " {", 2);
        for (int i = 0; i < x->n_member; i++) {
            ir_str_add(&row->left, " ", 1);
            ir_str_val(&row->left, g, number, x->member[i]);
        }
        ir_str_fmt(&row->left, " } %s", ir_algo[x->algo].name);
        if (x->tile[0] || x->tile[1])
            ir_str_fmt(&row->left, " tile %lldx%lld", (long long)x->tile[0], (long long)x->tile[1]);
        if (x->micro[0] || x->micro[1])
            ir_str_fmt(&row->left, " micro %lldx%lld", (long long)x->micro[0],
                       (long long)x->micro[1]);
        if (x->us > 0)
            ir_str_fmt(&row->left, " takes %s us", ir_real_string(x->us, t->arena));
        ir_str_fmt(&row->middle, "%s, %s", ir_count_text(ir_kernel_flop(g, k), "FLOP", flop),
                   ir_count_text((double)ir_kernel_bytes_of(g, k, &stored), "B", bytes));
    }
    ir_str_add(t, "kernels ", 8);
    ir_str_name(t, g->name);
    if (g->one_block) {
        char all[32];
        double flop = 0;
        for (int k = 0; k < g->n_kernel; k++)
            flop += ir_kernel_flop(g, k);
        ir_str_fmt(t, " in one block  # %s", ir_count_text(flop, "FLOP", all));
    }
    ir_str_add(t, "\n", 1);
    rows_print(t, g->module, &rows);
}

static void print_buffers(Str *t, const Graph *g, const int *number)
{
    ir_str_add(t, "buffers ", 8);
    ir_str_name(t, g->name);
    ir_str_fmt(t, " arena %lld bound %lld worker %lld%s\n", (long long)g->arena_bytes,
               (long long)g->bound_bytes, (long long)g->worker_bytes,
               g->by_sample ? " by sample" : "");
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (!b->val.i)
            ir_str_add(t, "scratch", 7);
        else
            ir_str_val(t, g, number, b->val);
        if (b->kind == BUF_KEPT)
            ir_str_add(t, " kept", 5);
        if (ir_in_arena(b) || b->kind == BUF_KEPT)
            ir_str_fmt(t, " @%lld %lld", (long long)b->offset_bytes, (long long)b->bytes);
        if (b->kind == BUF_STATE) {
            ir_str_add(t, " state ", 7);
            ir_str_quoted(t, ir_state(g->module, b->state)->key);
        }
        if (b->kind == BUF_OUT)
            ir_str_fmt(t, " out %d", b->out);
        ir_str_fmt(t, " k%d..k%d", b->first, b->last);
        if (b->in_place_of.i) {
            ir_str_add(t, " in ", 4);
            ir_str_val(t, g, number, b->in_place_of);
        }
        ir_str_add(t, "\n", 1);
    }
}

static void print_graph(Str *t, const Graph *g)
{
    Rows rows = {.arena = t->arena, .max_left = MAX_LEFT, .sign = ":"};
    int *number = ir_numbers(g, t->arena), last = 0;
    for (uint32_t i = 1; i < g->n_node; i++)
        last = number[i] > last ? number[i] : last;
    int width = snprintf(NULL, 0, "%d", last);
    ir_str_add(t, "\ngraph ", 7);
    ir_str_name(t, g->name);
    ir_str_add(t, "\n", 1);
    for (uint32_t i = 1; i < g->n_node; i++)
        if (number[i] >= 0)
            print_node(row_add(&rows, g->node[i].loc), g, number, i, width);
    rows_print(t, g->module, &rows);
    print_roots(t, g, number);
    if (g->has_kernels)
        print_kernels(t, g, number);
    if (g->has_plan)
        print_buffers(t, g, number);
}

static void print_module(Str *t, const Module *m, const char *const *graphs)
{
    print_head(t, m);
    print_states(t, m);
    print_program(t, m);
    for (int i = 0; i < m->n_graph; i++)
        if (ir_prints_graph(m->graph[i]->name, graphs))
            print_graph(t, m->graph[i]);
    if (m->state_bytes < 0)
        return;
    ir_str_fmt(t, "\nbuffers states %lld\n", (long long)m->state_bytes);
    for (uint32_t i = 1; i < m->n_state; i++) {
        ir_str_quoted(t, m->state[i].key);
        ir_str_fmt(t, " @%lld\n", (long long)m->state[i].offset_bytes);
    }
}

void ir_print(const Module *m, FILE *out, const char *const *graphs)
{
    Str t = {.arena = arena_new()};
    print_module(&t, m, graphs);
    fwrite(t.s, 1, t.n, out);
    arena_free(t.arena);
}

char *ir_print_string(const Module *m, Arena *a)
{
    Str t = {.arena = a};
    print_module(&t, m, NULL);
    return t.s;
}
