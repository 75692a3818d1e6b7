/* ir/module.c: modules, their strings, states, graphs and program.
 *
 * Interning makes equal strings equal pointers; the table also knows which state has a string as
 * its key, so that finding a state is one look-up. Tables grow by doubling inside the arena. */
#include "ir/priv.h"
#include <stdlib.h>
#include <string.h>

typedef struct { const char *s; uint32_t hash, state; } Slot;
struct Intern { Slot *slot; uint32_t cap, count; };   /* cap is a power of two, at most half full */

uint32_t ir_hash(const char *s, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

static Slot *find_slot(const struct Intern *t, const char *s, size_t n, uint32_t hash)
{
    for (uint32_t i = hash & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        Slot *e = &t->slot[i];
        if (!e->s || (e->hash == hash && !strncmp(e->s, s, n) && !e->s[n]))
            return e;
    }
}

static void grow_intern(Module *m)
{
    struct Intern *t = m->intern, old = *t;
    t->cap = old.cap * 2;
    t->slot = arena_alloc(m->arena, t->cap, sizeof *t->slot);
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.slot[i].s)
            *find_slot(t, old.slot[i].s, strlen(old.slot[i].s), old.slot[i].hash) = old.slot[i];
}

static Slot *intern_slot(Module *m, const char *s, size_t n)
{
    uint32_t hash = ir_hash(s, n);
    Slot *e = find_slot(m->intern, s, n, hash);
    if (e->s)
        return e;
    if (m->intern->count * 2 >= m->intern->cap) {
        grow_intern(m);
        e = find_slot(m->intern, s, n, hash);
    }
    *e = (Slot){arena_strn(m->arena, s, n), hash, 0};
    m->intern->count++;
    return e;
}

const char *ir_intern_n(Module *m, const char *s, size_t n)
{
    return intern_slot(m, s, n)->s;
}

const char *ir_intern(Module *m, const char *s)
{
    return s ? ir_intern_n(m, s, strlen(s)) : NULL;
}

Module *ir_module_new(void)
{
    Arena *a = arena_new();
    Module *m = arena_alloc(a, 1, sizeof *m);
    m->arena = a;
    m->intern = arena_alloc(a, 1, sizeof *m->intern);
    m->intern->cap = 256;
    m->intern->slot = arena_alloc(a, m->intern->cap, sizeof *m->intern->slot);
    m->cap_file = 4;
    m->file = arena_alloc(a, 4, sizeof *m->file);
    m->n_file = 1;
    m->state = arena_alloc(a, m->cap_state = 16, sizeof *m->state);
    m->n_state = 1;
    m->state_bytes = -1;
    m->capacity = 1;
    m->real = DT_f32;
    m->stage = ir_intern(m, "shape");
    m->prog.epochs = m->prog.seed = -1;
    m->prog.shuffle = TRI_UNSET;
    return m;
}

void ir_module_free(Module *m)
{
    if (m)
        arena_free(m->arena);
}

void ir_die(const Module *m, const char *fmt, ...)
{
    va_list list;
    fputs("seqc: internal error: ", stderr);
    va_start(list, fmt);
    vfprintf(stderr, fmt, list);
    va_end(list);
    fputs("\n", stderr);
    if (m)
        ir_print(m, stderr, NULL);
    fflush(NULL);
    abort();
}

/* One more element at the end of a growing table: a pointer to it, zeroed. */
#define PUSH(m, table, count, cap) \
    ((count) < (cap) ? 0 : ((table) = arena_grow((m)->arena, (table), (size_t)(count), \
                            (size_t)((cap) = (cap) ? (cap) * 2 : 8), sizeof *(table)), 0), \
     &(table)[(count)++])

uint16_t ir_file(Module *m, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = ir_intern(m, slash ? slash + 1 : path);
    for (int i = 1; i < m->n_file; i++)
        if (m->file[i] == name)
            return (uint16_t)i;
    if (m->n_file > IR_MAX_FILES)
        ir_die(NULL, "more than %d files", IR_MAX_FILES);
    *PUSH(m, m->file, m->n_file, m->cap_file) = name;
    return (uint16_t)(m->n_file - 1);
}

State ir_state_add(Module *m, const char *key, Role role, Type type, Loc loc)
{
    char why[IR_ERR];
    Slot *e = intern_slot(m, key, strlen(key));
    if (e->state)
        ir_die(m, "state \"%s\" is added twice", key);
    if (ir_has_n(&type.shape))
        ir_die(m, "state \"%s\" has a batch axis", key);
    if (!ir_type_sound(&type, m->capacity, why))
        ir_die(m, "state \"%s\": %s", key, why);
    e->state = m->n_state;
    *PUSH(m, m->state, m->n_state, m->cap_state) = (StateInfo){e->s, role, type, loc, -1};
    return (State){e->state};
}

State ir_state_find(const Module *m, const char *key)
{
    size_t n = strlen(key);
    return (State){find_slot(m->intern, key, n, ir_hash(key, n))->state};
}

StateInfo *ir_state(const Module *m, State s)
{
    if (!s.i || s.i >= m->n_state)
        ir_die(m, "state handle %u of %u", s.i, m->n_state);
    return &m->state[s.i];
}

Graph *ir_graph_find(const Module *m, const char *name)
{
    for (int i = 0; i < m->n_graph; i++)
        if (!strcmp(m->graph[i]->name, name))
            return m->graph[i];
    return NULL;
}

Graph *ir_graph_add(Module *m, const char *name)
{
    if (ir_graph_find(m, name))
        ir_die(m, "graph %s is added twice", name);
    if (m->n_graph >= IR_MAX_GRAPHS)
        ir_die(m, "more than %d graphs", IR_MAX_GRAPHS);
    Graph *g = arena_alloc(m->arena, 1, sizeof *g);
    g->module = m;
    g->name = ir_intern(m, name);
    g->node = arena_alloc(m->arena, g->cap_node = 32, sizeof *g->node);
    g->n_node = 1;
    *PUSH(m, m->graph, m->n_graph, m->cap_graph) = g;
    return g;
}

void ir_draw(Module *m, Draw d)
{
    /* What a kind does not use is made equal, so that the text says everything. */
    const DrawInfo *info = &ir_draw_info[d.kind];
    if (info->state)
        d.elems = ir_elems_at(&ir_state(m, d.state)->type.shape, 1);
    else
        d.state.i = 0;
    if (!info->state && !info->counted)
        d.elems = 0;
    if (info->numbers < 1)
        d.a = 0;
    if (info->numbers < 2)
        d.b = 0;
    *PUSH(m, m->prog.draw, m->prog.n_draw, m->prog.cap_draw) = d;
}

void ir_load(Module *m, Load l)
{
    l.file = ir_intern(m, l.file);
    l.key = ir_intern(m, l.key);
    *PUSH(m, m->prog.load, m->prog.n_load, m->prog.cap_load) = l;
}

const Mask *ir_mask_find(const Module *m, const char *name)
{
    for (int i = 0; i < m->prog.n_mask; i++)
        if (!strcmp(m->prog.mask[i].name, name))
            return &m->prog.mask[i];
    return NULL;
}

void ir_mask(Module *m, Mask x)
{
    if (ir_mask_find(m, x.name))
        return;
    x.name = ir_intern(m, x.name);
    *PUSH(m, m->prog.mask, m->prog.n_mask, m->prog.cap_mask) = x;
}

void ir_transform(Module *m, Transform t)
{
    *PUSH(m, m->prog.transform, m->prog.n_transform, m->prog.cap_transform) = t;
}

void ir_scalar_def(Module *m, const char *name, const char *f, int group)
{
    ScalarDef d = {ir_intern(m, name), ir_intern(m, f), group};
    *PUSH(m, m->prog.scalar, m->prog.n_scalar, m->prog.cap_scalar) = d;
}

void ir_layer(Module *m, Layer l)
{
    l.path = ir_intern(m, l.path);
    l.text = ir_intern(m, l.text);
    *PUSH(m, m->prog.layer, m->prog.n_layer, m->prog.cap_layer) = l;
}

void ir_metric(Module *m, Metric x)
{
    *PUSH(m, m->prog.metric, m->prog.n_metric, m->prog.cap_metric) = x;
}

void ir_group(Module *m, OptGroup g)
{
    OptSetting *setting = arena_alloc(m->arena, (size_t)g.n_setting + 1, sizeof *setting);
    for (int i = 0; i < g.n_setting; i++)
        setting[i] = (OptSetting){ir_intern(m, g.setting[i].name), g.setting[i].value,
                                  ir_intern(m, g.setting[i].f)};
    g.rule = ir_intern(m, g.rule);
    g.setting = setting;
    g.param = arena_grow(m->arena, (void *)(uintptr_t)g.param, (size_t)g.n_param,
                         (size_t)g.n_param + 1, sizeof *g.param);
    *PUSH(m, m->prog.group, m->prog.n_group, m->prog.cap_group) = g;
}
