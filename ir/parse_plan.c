/* ir/parse_plan.c: the sections kernels and buffers of a graph. Handles are checked here; whether the
 * kernels are in order and the buffers apart is the verifier's business. */
#include "ir/parse.h"
#include <string.h>

void parse_kernels_done(Parser *p)
{
    p->g->has_kernels = true;
}

void parse_buffers_done(Parser *p)
{
    Graph *g = p->g;
    ir_set_plan(g, g->buffer, g->n_buffer, g->arena_bytes, g->bound_bytes, g->worker_bytes);
}

/* Tables double: their capacity is the power of two that holds their count. */
static bool is_full(int count)
{
    return !(count & (count - 1));
}

static void parse_pair(Lex *l, int64_t pair[2], const char *what)
{
    pair[0] = lex_int(l, 0, IR_MAX_CAPACITY, what);
    lex_need(l, 'x');
    pair[1] = lex_int(l, 0, IR_MAX_CAPACITY, what);
}

/* A value of a kernel or a buffer: not a state. */
static Val computed_val(Parser *p)
{
    if (lex_peek(&p->l) != '%') {
        lex_expected(&p->l, "a value (%number)");
        return (Val){0};
    }
    return parse_val(p);
}

static void parse_algo(Parser *p, Kernel *k)
{
    const char *name[ALGO_COUNT];
    for (int i = 0; i < ALGO_COUNT; i++)
        name[i] = ir_algo[i].name;
    int algo = lex_choice(&p->l, "an algorithm", name, ALGO_COUNT);
    k->algo = algo < 0 ? ALGO_NONE : (Algo)algo;
    if (lex_accept_word(&p->l, "tile"))
        parse_pair(&p->l, k->tile, "a tile's size");
    if (lex_accept_word(&p->l, "micro"))
        parse_pair(&p->l, k->micro, "a register tile's size");
}

void parse_kernel_line(Parser *p, Word word)
{
    Lex *l = &p->l;
    Graph *g = p->g;
    Kernel k = {.algo = ALGO_NONE};
    Val *member = NULL;
    char want[24];
    snprintf(want, sizeof want, "k%d", g->n_kernel);
    if (!lex_is(word, want)) {
        lex_fail(l, word.at, "kernels are numbered in order: this one is %s", want);
        return;
    }
    if (lex_peek(l) != '{' && !lex_word(l).n)
        lex_expected(l, "the kernel's name or '{'");
    lex_need(l, '{');
    while (!l->failed && !lex_accept(l, '}')) {
        if (is_full(k.n_member))
            member = arena_grow(p->m->arena, member, (size_t)k.n_member, (size_t)k.n_member * 2 + 1,
                                sizeof *member);
        member[k.n_member++] = computed_val(p);
    }
    parse_algo(p, &k);
    if (l->failed)
        return;
    k.member = member;
    if (is_full(g->n_kernel))
        g->kernel = arena_grow(p->m->arena, g->kernel, (size_t)g->n_kernel, (size_t)g->n_kernel * 2 + 1,
                               sizeof *g->kernel);
    g->kernel[g->n_kernel++] = k;
}

void parse_buffers_head(Parser *p)
{
    Lex *l = &p->l;
    lex_need_word(l, "arena");
    p->g->arena_bytes = lex_int(l, 0, INT64_MAX, "the arena's bytes");
    lex_need_word(l, "bound");
    p->g->bound_bytes = lex_int(l, 0, INT64_MAX, "the lower bound");
    lex_need_word(l, "worker");
    p->g->worker_bytes = lex_int(l, 0, INT64_MAX, "a worker's bytes");
    p->g->has_plan = !l->failed;
}

static int kernel_index(Parser *p)
{
    Lex *l = &p->l;
    size_t at = lex_here(l);
    lex_need(l, 'k');
    int64_t i = lex_int(l, 0, INT32_MAX, "a kernel's number");
    if (!l->failed && i >= p->g->n_kernel)
        lex_fail(l, at, "k%lld is not one of the %d kernels", (long long)i, p->g->n_kernel);
    return l->failed ? 0 : (int)i;
}

void parse_buffer_line(Parser *p)
{
    Lex *l = &p->l;
    Graph *g = p->g;
    Buffer b = {.kind = BUF_ARENA};
    if (lex_accept_word(l, "scratch"))
        b.kind = BUF_SCRATCH;
    else
        b.val = computed_val(p);
    if (lex_peek(l) == '@') {
        lex_need(l, '@');
        b.offset_bytes = lex_int(l, 0, INT64_MAX / 2, "an offset");
        b.bytes = lex_int(l, 0, INT64_MAX / 2, "a size in bytes");
    } else if (b.kind == BUF_ARENA && lex_accept_word(l, "state")) {
        b.kind = BUF_STATE;
        b.state = lex_state(l);
    } else if (b.kind == BUF_ARENA && lex_accept_word(l, "out")) {
        b.kind = BUF_OUT;
        b.out = (int)lex_int(l, 0, INT32_MAX, "a result's index");
    } else {
        lex_expected(l, b.kind == BUF_SCRATCH ? "@offset" : "@offset, state or out");
    }
    b.first = kernel_index(p);
    lex_need(l, '.');
    lex_need(l, '.');
    b.last = kernel_index(p);
    if (b.kind == BUF_ARENA && lex_accept_word(l, "in"))
        b.in_place_of = computed_val(p);
    if (l->failed)
        return;
    if (is_full(g->n_buffer))
        g->buffer = arena_grow(p->m->arena, g->buffer, (size_t)g->n_buffer, (size_t)g->n_buffer * 2 + 1,
                               sizeof *g->buffer);
    g->buffer[g->n_buffer++] = b;
}
