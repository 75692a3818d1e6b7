/* codegen/kernel.c: one kernel of a graph as a C function, shared with every kernel of equal text.
 *
 * The algorithms write bodies and ask for parameters as they need them; here parameters get their
 * names and comments, and the fixed ones (task, n, scratch …) are taken only where the body
 * mentions them. Names come from roles alone, never from users' text, so that equal layers give
 * equal text. */
#include "codegen/twin.h"
#include <string.h>

const char *text(Emit *e, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *s = arena_alloc(e->a, (size_t)n + 1, 1);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

void reach(Emit *e, Snippet s) { snippet_reach(e->reached, s); }

const char *fn_name(Emit *e, DType d, ExOp op)
{
    const DialectFn *f = d == DT_f32 ? &dialect_fn32[op] : &dialect_fn64[op];
    if (!f->name) ir_die(e->m, "codegen: no function for expression op %d", op);
    reach(e, f->snippet);
    return f->name;
}

const char *local_name(Kern *k, const char *word)
{
    int i = 0;
    while (i < k->n_local && strcmp(k->local[i].word, word)) i++;
    if (i == (int)(sizeof k->local / sizeof *k->local))
        ir_die(k->e->m, "codegen: too many kinds of local names");
    if (i == k->n_local) k->local[k->n_local++].word = word;
    int n = k->local[i].n++;
    if (!word[1]) return text(k->e, "%s%d", word, n);
    return n ? text(k->e, "%s%d", word, n + 1) : word;
}

const char **names_save(Kern *k)
{
    const char **copy = arena_alloc(k->e->a, k->g->n_node, sizeof *copy);
    memcpy(copy, k->name, k->g->n_node * sizeof *copy);
    return copy;
}

void names_restore(Kern *k, const char **saved)
{
    memcpy(k->name, saved, k->g->n_node * sizeof *saved);
}

/* ---- parameters ---- */

/* `name` if it is one of the words that we know to be harmless in C, else `other`. */
static const char *known(const char *name, const char *other)
{
    static const char *const words[] = {
        "x", "target", "cotangent", "output", "weight", "bias", "lr", "step_size", "bias2_sqrt",
        "eps_hat", "decay", "momentum_buffer", "exp_avg", "exp_avg_sq", "running_mean", "running_var",
        "num_batches_tracked", NULL };
    for (int i = 0; words[i]; i++)
        if (!strcmp(name, words[i])) return words[i];
    return other;
}

static const char *role_name(const Kern *k, Place p, bool write)
{
    switch (p.where) {
    case AT_INPUT: return known(p.name, "input");
    case AT_SCALAR: return known(p.name, "scalar");
    case AT_STATE: {
        const char *key = ir_state(k->e->m, p.state)->key, *last = strrchr(key, '#');
        if (!last) last = strrchr(key, '.');
        return known(last ? last + 1 : key, "state");
    }
    default: return write ? "y" : "t";
    }
}

bool same_place(Place a, Place b)
{
    if (a.where != b.where) return false;
    switch (a.where) {
    case AT_INPUT: case AT_SCALAR: return !strcmp(a.name, b.name);
    case AT_STATE: return a.state.i == b.state.i;
    case AT_ARENA: case AT_KEPT: return a.offset_bytes == b.offset_bytes;
    case AT_OUT: return a.out == b.out;
    default: return a.base.i == b.base.i;
    }
}

static Slot *slot_find(Kern *k, Place p, const Type *t, bool write)
{
    for (int i = 0; i < k->n_slot; i++)
        if (same_place(k->slot[i].place, p) && k->slot[i].type.dtype == t->dtype)
            return &k->slot[i];
    if (k->n_slot == MAX_SLOTS)
        ir_die(k->e->m, "kernel k%d of %s touches too many tensors", k->index, k->g->name);
    const char *base = role_name(k, p, write);
    int same = 1;
    for (int i = 0; i < k->n_slot; i++) same += !strcmp(k->slot[i].base, base);
    Slot *s = &k->slot[k->n_slot++];
    *s = (Slot){ .place = p,
                 .type = *t,
                 .base = base,
                 .name = same > 1 ? text(k->e, "%s_%d", base, same) : base };
    return s;
}

const char *slot_read(Kern *k, Val v)
{
    Place p = ir_place(k->g, v);
    if (p.where == AT_NOWHERE)
        ir_die(k->e->m, "kernel k%d of %s reads %%%d, which is nowhere", k->index, k->g->name,
               ir_printed_number(k->g, v));
    Slot *s = slot_find(k, p, ir_type(k->g, v), false);
    s->read = true;
    return s->name;
}

const char *slot_write(Kern *k, Place p, const Type *t)
{
    Slot *s = slot_find(k, p, t, true);
    s->written = true;
    return s->name;
}

const char *slot_shared(Kern *k, DType dtype, const char *name, const char *note)
{
    Place p = { .where = AT_NOWHERE };
    for (int i = 0; i < k->g->n_buffer; i++) {
        const Buffer *b = &k->g->buffer[i];
        if (b->val.i || b->first != k->index) continue;
        if (b->kind == BUF_KEPT) p.where = AT_KEPT;
        p.offset_bytes = b->offset_bytes;
    }
    Type t = ir_type_of(dtype, ir_shape(0, NULL));
    for (int i = 0; i < k->n_slot; i++)
        if (k->slot[i].note) return k->slot[i].name;
    k->slot[k->n_slot++] = (Slot){ .place = p, .type = t, .written = true,
                                   .base = name, .name = name, .note = note };
    return name;
}

const char *slot_named(Kern *k, Val v, const char *name)
{
    Slot *s = slot_find(k, ir_place(k->g, v), ir_type(k->g, v), false);
    s->read = true;
    return s->base = s->name = name;
}

const char *slot_null(Kern *k, const Type *t, const char *name, bool write)
{
    k->slot[k->n_slot++] = (Slot){ .place = { .where = AT_NOWHERE }, .type = *t, .written = write,
                                   .base = name, .name = name, .null = true };
    return name;
}

const char *slot_parts(Kern *k, DType dtype)
{
    return slot_shared(k, dtype, "parts", "partial sums, a row a task");
}

const char *type_text(Emit *e, const Type *t)
{
    const char *s = "";
    if (t->layout.kind == LAYOUT_panel)
        s = text(e, "panels of %d rows: ", t->layout.width);
    else if (t->layout.kind == LAYOUT_c)
        s = text(e, "blocks of %d channels: ", t->layout.width);
    if (!t->shape.rank) return "a number";
    for (int i = 0; i < t->shape.rank; i++)
        s = text(e, "%s[%s]", s, extent_text(e, extent_of(&t->shape, i, i + 1)));
    return s;
}

/* fills: the stage writes the tasks' common memory; others read it. */
static const char *slot_declaration(const Kern *k, const Slot *s, bool fills)
{
    Emit *e = k->e;
    const char *type = e->l->type[s->type.dtype];
    if (s->place.where == AT_SCALAR && !e->l->blocks) return text(e, "%s %s", type, s->name);
    bool constant = !s->written || (!fills && s->note);
    return text(e, "%s%s *%s %s", constant ? "const " : "", type, e->l->restricted, s->name);
}

enum { MAX_PARAMS = MAX_SLOTS + SIZES_MOST + 2 };
typedef struct { const char *decl[MAX_PARAMS], *note[MAX_PARAMS]; int n; } Params;

static void add_param(Params *p, const char *decl, const char *note)
{
    p->decl[p->n] = decl;
    p->note[p->n++] = note;
}

/* The memory that `body` mentions. */
static Params memory_params(Kern *k, const char *body, bool fills)
{
    Emit *e = k->e;
    Params list = { .n = 0 };
    for (int i = 0; i < k->n_slot; i++) {
        const Slot *p = &k->slot[i];
        if (!out_mentions(body, p->name)) continue;
        const char *note = p->note ? p->note
                                   : text(e, "%s%s", type_text(e, &p->type),
                                          p->read && p->written ? ", updated in place" : "");
        bool number = p->place.where == AT_SCALAR && !e->l->blocks;
        add_param(&list, slot_declaration(k, p, fills), number ? NULL : note);
    }
    return list;
}

/* Parameters with the closing parenthesis, after those of the first line. */
static const char *params_text(Emit *e, const char *first, const Params *p)
{
    int width = 0;
    for (int i = 0; i < p->n; i++)
        if ((int)strlen(p->decl[i]) > width) width = (int)strlen(p->decl[i]);
    const char *s = *first && p->n ? text(e, "%s,", first) : first;
    if (!p->n) return *s ? text(e, "%s)", s) : "void)";
    for (int i = 0; i < p->n; i++) {
        const char *decl = p->decl[i], *end = i + 1 < p->n ? "," : ")";
        s = p->note[i] ? text(e, "%s\n    %s%s%*s/* %s */", s, decl, end,
                              width - (int)strlen(decl) + 2, "", p->note[i])
                       : text(e, "%s\n    %s%s", s, decl, end);
    }
    return s;
}

/* Those that every kernel may have: on the first line what `body` mentions of them. */
static const char *fixed_params(Emit *e, const char *const *fixed, const char *body)
{
    const char *s = "";
    for (int i = 0; fixed[i]; i++)
        if (out_mentions(body, strrchr(fixed[i], ' ')[1] == '*' ? strrchr(fixed[i], ' ') + 2
                                                                  : strrchr(fixed[i], ' ') + 1))
            s = text(e, "%s%s%s", s, *s ? ", " : "", fixed[i]);
    return s;
}

/* ---- emitting and sharing ---- */

static void by_n(Kern *k)
{
    Tasks one = ir_tasks(k->g, k->index, 1), two = ir_tasks(k->g, k->index, 2);
    k->rows = extent(one.rows, two.rows != one.rows);
    k->cols = extent(one.cols, two.cols != one.cols);
}

static Stage stage(Kern *k, const char *const *fixed, const Out *o, bool fills)
{
    if (!o) return (Stage){ 0 };
    const char *body = out_text(o);
    Params memory = memory_params(k, body, fills);
    const char *first = fixed_params(k->e, fixed, body);
    return (Stage){ .params = params_text(k->e, first, &memory), .body = body };
}

/* Adds to a stage of blocks the memory that their threads share; begin: what its body begins with. */
static Stage of_blocks(Kern *k, Stage s, const char *begin, int threads)
{
    Emit *e = k->e;
    s.threads = threads;
    if (out_mentions(s.body, "room")) {
        s.shared_bytes = threads / IR_WARP * BLOCK_ROOM_BYTES;
        begin = text(e, "    SHARED(Room, room);\n%s", begin);
    } else if (out_mentions(s.body, "shared")) {
        s.shared_bytes = k->shared_bytes;
    }
    s.body = text(e, "{\n%s%s", begin, s.body + strlen("{\n"));
    return s;
}

/* Sizes, where they are parameters. */
static void add_sizes(Emit *e, Params *p, const Sizes *sizes)
{
    for (int i = 0; i < sizes->n; i++) {
        const Size *s = &sizes->size[i];
        if (s->divides) reach(e, SNIP_divisor);
        add_param(p, text(e, "%s %s", s->divides ? "Divisor" : "int", s->name),
                  text(e, "%s%lld here", s->divides ? "by " : "", (long long)s->value));
    }
}

/* The same for a kernel of several blocks, or of one: all that it is given lies in memory but n,
 * which comes last; what the body has beside that it finds out first. */
static Stage block_stage(Kern *k, const Out *o, bool several, bool fills, int threads)
{
    Emit *e = k->e;
    if (!o) return (Stage){ 0 };
    Sizes sizes = { .n = 0 };
    bool room = k->n_slot + SIZES_MOST < MAX_SLOTS;        /* a launch takes no more than that */
    const char *begin = "", *body = room ? sizes_named(out_text(o), &sizes, e->a)
                                         : sizes_numbers(out_text(o), e->a);
    Params p = memory_params(k, body, fills);
    add_sizes(e, &p, &sizes);
    if (out_mentions(body, "seed")) {
        add_param(&p, "const uint64_t *__restrict__ counters", "seed, step");
        begin = "    const uint64_t seed = counters[0], step = counters[1];\n";
    }
    if (out_mentions(body, "n")) add_param(&p, "int64_t n", NULL);
    if (several && out_mentions(body, "task"))
        begin = text(e, "    const int64_t task = blockIdx.x;\n%s", begin);
    return of_blocks(k, (Stage){ .params = params_text(e, "", &p), .body = body, .sizes = sizes },
                     begin, threads);
}

/* What is computed once for many runs of the graph is launched by itself. */
static bool in_one_block(const Kern *k)
{
    return k->e->l->blocks && k->g->one_block && !ir_runs_once(k->g, k->index);
}

/* A kernel, or what follows its tasks: a function in C, a kernel of blocks, or where one block runs
 * the whole graph a function of its threads. */
static Stage stage_of(Kern *k, const char *const *fixed, const Out *o, bool tasks, bool fills)
{
    const Target *t = k->e->o->target;
    if (!k->e->l->blocks || !o) return stage(k, fixed, o, fills);
    int threads = tasks ? t->block_threads : IR_WARP;
    if (!in_one_block(k)) return block_stage(k, o, tasks, fills, threads);
    return of_blocks(k, stage(k, fixed, o, fills), "", threads);
}

/* Past blanks and comments. */
static const char *past_comments(const char *s)
{
    while (*s == ' ' || *s == '\n' || !strncmp(s, "/*", 2))
        s = *s == '/' ? strstr(s, "*/") + 2 : s + 1;
    return s;
}

/* Are the parameters of equal stages with sizes the same, for whatever sizes? */
static bool same_params(const char *a, const char *b)
{
    for (;; a++, b++) {
        a = past_comments(a);
        b = past_comments(b);
        if (*a != *b || !*a) return *a == *b;
    }
}

static bool same_stage(const Stage *a, const Stage *b)
{
    if (!a->body || !b->body) return a->body == b->body;
    return !strcmp(a->body, b->body) && a->sizes.n == b->sizes.n
        && (a->sizes.n ? same_params(a->params, b->params) : !strcmp(a->params, b->params));
}

static bool same_sizes(const Sizes *a, const Sizes *b)
{
    for (int i = 0; i < a->n; i++)
        if (a->size[i].value != b->size[i].value) return false;
    return true;
}

/* Kernels of blocks are launched by their names, whatever they are part of: takes that of an equal
 * one, or `name`. */
static void name_stage(Emit *e, Stage *s, bool inlined, bool seldom, const char *name)
{
    s->name = name;
    for (int i = 0; i < e->n_fn && e->l->blocks && !inlined; i++) {
        KernelFn *f = e->fn[i];
        const Stage *const other[] = { &f->prepare, &f->main, &f->finish };
        for (int k = 0; k < 3 && !f->inlined; k++) {
            if (!other[k]->body || !same_stage(other[k], s) || other[k]->threads != s->threads
                || other[k]->shared_bytes != s->shared_bytes) continue;
            s->name = other[k]->name;
            s->there = true;
            f->seldom = f->seldom && seldom;
            return;
        }
    }
}

void kernel_used(Emit *e, KernelFn *f, const Graph *g)
{
    if (g != f->first && !out_mentions(f->users, g->name)) f->users = text(e, "%s, %s", f->users, g->name);
    if (!ir_derives(g)) f->seldom = false;
}

void kernel_add(Emit *e, KernelFn *f)
{
    e->fn = arena_grow(e->a, e->fn, (size_t)e->n_fn, (size_t)e->n_fn + 1, sizeof *e->fn);
    e->fn[e->n_fn++] = f;
}

static KernelFn *share(Kern *k, Sizes own[3])
{
    static const char *const fixed[] = { "int64_t task",  "int64_t n",     "char *scratch",
                                         "uint64_t seed", "uint64_t step", NULL };
    static const char *const once[] = { "int64_t n", NULL };
    static const char *const again[] = { "int64_t task", "int64_t n", NULL };
    const char *const *fixed_finish = k->finish_tasks ? again : once;
    Emit *e = k->e;
    bool one_block = in_one_block(k);
    Stage main = stage_of(k, fixed, k->out, true, !k->prepare);
    Stage prepare = e->l->blocks ? block_stage(k, k->prepare, true, true, k->threads)
                                 : stage(k, fixed, k->prepare, true);
    Stage finish = stage_of(k, fixed_finish, k->finish, k->finish_tasks > 0, false);
    const char *base = kernel_base(k, twin_sized(&main.sizes));
    own[0] = prepare.sizes;
    own[1] = main.sizes;
    own[2] = finish.sizes;
    for (int i = 0; i < e->n_fn; i++) {
        KernelFn *f = e->fn[i];
        if (e->l->blocks && f->inlined != one_block) continue;
        if (!same_stage(&f->main, &main) || !same_stage(&f->prepare, &prepare)
            || !same_stage(&f->finish, &finish)) continue;
        if (!same_sizes(&f->main.sizes, &main.sizes)) f->resized = true;
        kernel_used(e, f, k->g);
        return f;
    }
    KernelFn *f = arena_alloc(e->a, 1, sizeof *f);
    const char *id = text(e, "k%d", e->n_fn);
    bool seldom = ir_derives(k->g);
    name_stage(e, &main, one_block, seldom, text(e, "%s_%s", id, base));
    if (prepare.body) name_stage(e, &prepare, one_block, seldom, text(e, "%s_prepare", id));
    if (finish.body) name_stage(e, &finish, one_block, seldom, text(e, "%s_finish", id));
    *f = (KernelFn){ .main = main, .prepare = prepare, .finish = finish, .head = kernel_head(k, id),
                     .users = "", .first = k->g, .inlined = one_block,
                     .seldom = seldom };
    kernel_add(e, f);
    return f;
}

/* From here on, or no more, numbers from shapes are marked, where a kernel may have them as parameters. */
void sizes_mark(Kern *k, bool on) { k->e->marks = on && k->e->l->blocks && !k->g->one_block; }

typedef void Emitter(Kern *k);
static Emitter *const emitters[ALGO_COUNT] = {
#define ALGO(name, ...) [ALGO_##name] = emit_##name,
#include "ir/algos.def"
#undef ALGO
};

/* Its text: what it computes, but as a function. */
static Kern *kernel_text(Emit *e, const Graph *g, int i, const Twin *twin)
{
    Kern *k = arena_alloc(e->a, 1, sizeof *k);
    *k = (Kern){ .e = e,
                 .g = g,
                 .index = i,
                 .k = &g->kernel[i],
                 .root = ir_kernel_root(g, &g->kernel[i]),
                 .tasks = ir_tasks(g, i, e->m->capacity),
                 .out = out_new(e->a),
                 .real = e->m->real,
                 .threads = e->o->target->block_threads,
                 .pool = ex_pool(e->a),
                 .twin = twin };
    k->member = arena_alloc(e->a, g->n_node, sizeof *k->member);
    k->name = arena_alloc(e->a, g->n_node, sizeof *k->name);
    for (int j = 0; j < k->k->n_member; j++) k->member[k->k->member[j].i] = true;
    by_n(k);
    if (!ir_serves(e->o->target, k->k->algo))
        ir_die(e->m, "kernel k%d of %s is for another machine than %s", i, g->name,
               e->o->target->name);
    out_open(k->out, "%s", "");
    Algo algo = k->k->algo;
    /* Other convolutions have a layer's epilogue, and none to share with: sizes make them longer. */
    const bool weight = algo == ALGO_simt_conv && ir_is(g, k->root, OP_conv_weight);
    sizes_mark(k, algo == ALGO_map || algo == ALGO_row || algo == ALGO_reduce || weight);
    emitters[algo](k);
    sizes_mark(k, true);
    if (ir_kernel_slots(g, k->k)) finish_emit(k);
    sizes_mark(k, false);
    out_close(k->out, "");
    k->note = text(e, "%s%s", k->note, twin_note(k));
    return k;
}

Sizes kernel_sizes(Emit *e, const Graph *g, int i)
{
    Sizes s;
    sizes_named(out_text(kernel_text(e, g, i, NULL)->out), &s, e->a);
    return s;
}

void twin_tasks(Emit *e, const Graph *g, int i, KernelUse *u)
{
    Kern k = { .e = e, .g = g, .index = i };
    by_n(&k);
    u->tasks = ir_tasks(g, i, e->m->capacity);
    u->rows = k.rows;
    u->cols = k.cols;
}

KernelUse kernel_emit(Emit *e, const Graph *g, int i)
{
    KernelUse u;
    if (twin_use(e, g, i, &u)) return u;
    const Twin *twin = twin_of(e, g, i);
    Kern *k = kernel_text(e, g, i, twin && twin->n_guest ? twin : NULL);
    u = (KernelUse){ .slot = k->slot, .n_slot = k->n_slot, .tasks = k->tasks, .rows = k->rows,
                     .cols = k->cols, .prepare_tasks = k->prepare_tasks,
                     .finish_tasks = k->finish_tasks };
    u.fn = share(k, u.sizes);
    return u;
}
