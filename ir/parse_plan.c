/* ir/parse_plan.c: the sections kernels and buffers of a graph. Handles are checked here; whether
 * the kernels are in order and the buffers apart is the verifier's business. */
#include "ir/parse.h"
#include <string.h>

void ir_parse_kernels_head(Parser *p)
{
    Lex *l = &p->l;
    if (l->failed || !ir_lex_accept_word(l, "in"))
        return;
    ir_lex_need_word(l, "one");
    ir_lex_need_word(l, "block");
    p->g->one_block = !l->failed;
}

void ir_parse_kernels_done(Parser *p)
{
    p->g->has_kernels = true;
}

void ir_parse_buffers_done(Parser *p)
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
    pair[0] = ir_lex_int(l, 0, IR_MAX_CAPACITY, what);
    ir_lex_need(l, 'x');
    pair[1] = ir_lex_int(l, 0, IR_MAX_CAPACITY, what);
}

/* A value of a kernel or a buffer: not a state. */
static Val computed_val(Parser *p)
{
    if (ir_lex_peek(&p->l) != '%') {
        ir_lex_expected(&p->l, "a value (%number)");
        return (Val){0};
    }
    return ir_parse_val(p);
}

static void parse_algo(Parser *p, Kernel *k)
{
    const char *name[ALGO_COUNT];
    for (int i = 0; i < ALGO_COUNT; i++)
        name[i] = ir_algo[i].name;
    int algo = ir_lex_choice(&p->l, "an algorithm", name, ALGO_COUNT);
    k->algo = algo < 0 ? ALGO_NONE : (Algo)algo;
    if (ir_lex_accept_word(&p->l, "tile"))
        parse_pair(&p->l, k->tile, "a tile's size");
    if (ir_lex_accept_word(&p->l, "micro"))
        parse_pair(&p->l, k->micro, "a register tile's size");
    if (ir_lex_accept_word(&p->l, "takes")) {
        k->us = ir_lex_real(&p->l, "the predicted time");
        ir_lex_need_word(&p->l, "us");
    }
}

void ir_parse_kernel_line(Parser *p, Word word)
{
    Lex *l = &p->l;
    Graph *g = p->g;
    Kernel k = {.algo = ALGO_NONE};
    Val *member = NULL;
    char want[24];
    snprintf(want, sizeof want, "k%d", g->n_kernel);
    if (!ir_lex_is(word, want)) {
        ir_lex_fail(l, word.at, "kernels are numbered in order: this one is %s", want);
        return;
    }
    if (ir_lex_peek(l) != '{' && !ir_lex_word(l).n)
        ir_lex_expected(l, "the kernel's name or '{'");
    ir_lex_need(l, '{');
    while (!l->failed && !ir_lex_accept(l, '}')) {
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
        g->kernel = arena_grow(p->m->arena, g->kernel, (size_t)g->n_kernel,
                               (size_t)g->n_kernel * 2 + 1, sizeof *g->kernel);
    g->kernel[g->n_kernel++] = k;
}

void ir_parse_buffers_head(Parser *p)
{
    Lex *l = &p->l;
    ir_lex_need_word(l, "arena");
    p->g->arena_bytes = ir_lex_int(l, 0, INT64_MAX, "the arena's bytes");
    ir_lex_need_word(l, "bound");
    p->g->bound_bytes = ir_lex_int(l, 0, INT64_MAX, "the lower bound");
    ir_lex_need_word(l, "worker");
    p->g->worker_bytes = ir_lex_int(l, 0, INT64_MAX, "a worker's bytes");
    p->g->by_sample = ir_lex_accept_word(l, "by");
    if (p->g->by_sample)
        ir_lex_need_word(l, "sample");
    p->g->has_plan = !l->failed;
}

static int kernel_index(Parser *p)
{
    Lex *l = &p->l;
    size_t at = ir_lex_here(l);
    ir_lex_need(l, 'k');
    int64_t i = ir_lex_int(l, 0, INT32_MAX, "a kernel's number");
    if (!l->failed && i >= p->g->n_kernel)
        ir_lex_fail(l, at, "k%lld is not one of the %d kernels", (long long)i, p->g->n_kernel);
    return l->failed ? 0 : (int)i;
}

void ir_parse_buffer_line(Parser *p)
{
    Lex *l = &p->l;
    Graph *g = p->g;
    Buffer b = {.kind = BUF_ARENA};
    if (ir_lex_accept_word(l, "scratch"))
        b.kind = BUF_SCRATCH;
    else
        b.val = computed_val(p);
    if (ir_lex_accept_word(l, "kept")) {
        b.kind = BUF_KEPT;
        if (ir_lex_peek(l) != '@')
            ir_lex_expected(l, "@offset");
    }
    if (ir_lex_peek(l) == '@') {
        ir_lex_need(l, '@');
        b.offset_bytes = ir_lex_int(l, 0, INT64_MAX / 2, "an offset");
        b.bytes = ir_lex_int(l, 0, INT64_MAX / 2, "a size in bytes");
    } else if (b.kind == BUF_ARENA && ir_lex_accept_word(l, "state")) {
        b.kind = BUF_STATE;
        b.state = ir_lex_state(l);
    } else if (b.kind == BUF_ARENA && ir_lex_accept_word(l, "out")) {
        b.kind = BUF_OUT;
        b.out = (int)ir_lex_int(l, 0, INT32_MAX, "a result's index");
    } else {
        ir_lex_expected(l, b.kind == BUF_SCRATCH ? "@offset or kept"
                                                 : "@offset, kept, state or out");
    }
    b.first = kernel_index(p);
    ir_lex_need(l, '.');
    ir_lex_need(l, '.');
    b.last = kernel_index(p);
    if (b.kind == BUF_ARENA && ir_lex_accept_word(l, "in"))
        b.in_place_of = computed_val(p);
    if (l->failed)
        return;
    if (is_full(g->n_buffer))
        g->buffer = arena_grow(p->m->arena, g->buffer, (size_t)g->n_buffer,
                               (size_t)g->n_buffer * 2 + 1, sizeof *g->buffer);
    g->buffer[g->n_buffer++] = b;
}
