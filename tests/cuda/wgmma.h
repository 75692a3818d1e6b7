/* tests/cuda/wgmma.h: part of emulator.h: wgmma.mma_async of the warpgroups of a block.
 *
 * A product is asked for by all of a warpgroup's threads and computed when they wait for it: until then
 * its accumulators are NaN. It reads its factors at the worst time: in one order of threads when it is
 * asked for, what had been shown to the asynchronous proxy by then, in another when it is waited for,
 * what lies in shared memory by then, else now so, now so.
 *
 * Stricter than PTX: registers may be read after every wait, so a wgmma_fence stands between it and the
 * next product; one set of accumulators at a time; descriptors whose pattern does not begin where bit 7
 * to 9 of an address are 0 are refused. */

static inline void wgmma_fence(void) { emu.now->fenced = true; }
static inline void wgmma_end(void) { emu.now->turn++; }

static inline void emu_wgmma(int cols, int depth, float *sums, uint64_t a, uint64_t b, int line)
{
    if (!emu.now->fenced) emu_fail(emu.now, "multiplies without a wgmma_fence before, line %d", line);
    emu.now->asked = (emu_asked){ sums, a, b, cols, depth, emu.now->turn };
    emu.multiplies = true;
    emu_wait(EMU_AT_WGMMA, 0xffffffffu, 0, line);
}

static inline void emu_wgmma_wait(int left, int line)
{
    emu.now->asked.turn = emu.now->turn - left;
    emu_wait(EMU_AT_WGMMA_WAIT, 0xffffffffu, 0, line);
}
#define wgmma_tf32_128(sums, a, b) emu_wgmma(128, 8, sums, a, b, __LINE__)
#define wgmma_tf32_256(sums, a, b) emu_wgmma(256, 8, sums, a, b, __LINE__)
#define wgmma_bf16_128(sums, a, b) emu_wgmma(128, 16, sums, a, b, __LINE__)
#define wgmma_bf16_256(sums, a, b) emu_wgmma(256, 16, sums, a, b, __LINE__)
#define wgmma_wait_1() emu_wgmma_wait(1, __LINE__)
#define wgmma_wait_all_128(sums) ((void)(sums), emu_wgmma_wait(0, __LINE__))
#define wgmma_wait_all_256(sums) ((void)(sums), emu_wgmma_wait(0, __LINE__))

static double emu_take_element(const emu_descriptor *d, int row, int k, int size, bool late,
                               const emu_thread *t)
{
    uint32_t at = emu_element_at(d, row, k, size, true), bits = 0;
    if (at < EMU_SHARED_START || at + (uint32_t)size > EMU_SHARED_START + (uint32_t)emu.shared_bytes)
        emu_fail(t, "a descriptor leads out of shared memory");
    memcpy(&bits, (late ? emu.shared : emu.shown) + (at - EMU_SHARED_START), (size_t)size);
    if (size == 2) return emu_half(bits, 0);
    if (bits & 0x1fff) emu_fail(t, "multiplies a number that was not rounded, line %d", t->line);
    return emu_of_bits(bits);
}

static void emu_take_factors(emu_product *p, bool late, const emu_thread *t)
{
    emu_descriptor a = emu_described(p->a), b = emu_described(p->b);
    if (a.base || b.base) emu_fail(t, "a descriptor has a base offset");
    const int size = 2 * GROUP_DEPTH / p->depth;
    for (int k = 0; k < p->depth; k++) {
        for (int i = 0; i < GROUP_ROWS; i++)
            p->factors.a[i][k] = emu_take_element(&a, i, k, size, late, t);
        for (int i = 0; i < p->cols; i++)
            p->factors.b[i][k] = emu_take_element(&b, i, k, size, late, t);
    }
    p->taken = true;
}

/* All threads of a warpgroup are here: its product is under way. */
static void emu_ask(emu_thread *first, emu_group *g)
{
    const emu_asked *asked = &first->asked;
    int each = asked->cols / 2;
    if (g->n == EMU_PRODUCTS) emu_fail(first, "more than %d products are under way", EMU_PRODUCTS);
    for (int t = 0; t < WARPGROUP; t++) {
        const emu_asked *own = &first[t].asked;
        if (own->a != asked->a || own->b != asked->b || own->turn != asked->turn
            || own->depth != asked->depth)
            emu_fail(&first[t], "its warpgroup does not ask for the same product, line %d", first->line);
        for (int i = 0; i < each && g->n; i++)
            if (own->cols != g->cols || emu_bits_of(own->sums[i]) != UINT32_MAX)
                emu_fail(&first[t], "its accumulators are touched before wgmma_wait, line %d",
                         first->line);
        if (!g->n) memcpy(&g->sums[t * each], own->sums, sizeof(float) * (size_t)each);
        memset(own->sums, 0xff, sizeof(float) * (size_t)each);
    }
    g->cols = asked->cols;
    emu_product *p = &g->product[g->n++];
    p->a = asked->a, p->b = asked->b, p->cols = asked->cols, p->turn = asked->turn;
    p->depth = asked->depth;
    p->taken = false;
    if (!emu_late()) emu_take_factors(p, false, first);
}

/* And all that they wait for here is done, in turn. */
static void emu_finish(emu_thread *first, emu_group *g)
{
    int done = 0;
    for (; done < g->n && g->product[done].turn < first->asked.turn; done++) {
        emu_product *p = &g->product[done];
        if (!p->taken) emu_take_factors(p, true, first);
        emu_group_multiply(&p->factors, p->depth, g->sums, p->cols);
    }
    for (int i = done; i < g->n; i++) g->product[i - done] = g->product[i];
    g->n -= done;
    for (int t = 0; t < WARPGROUP; t++) {
        first[t].fenced = false;
        if (done && !g->n)
            memcpy(first[t].asked.sums, &g->sums[t * (g->cols / 2)], sizeof(float) * (size_t)(g->cols / 2));
    }
}

/* Lets a warpgroup go on as soon as all of it is in one call. */
static bool emu_release_group(emu_thread *first)
{
    emu_state state = first->state;
    if (state != EMU_AT_WGMMA && state != EMU_AT_WGMMA_WAIT) return false;
    for (int t = 0; t < WARPGROUP; t++)
        if (first->number + t >= emu.threads || !emu_together(first, &first[t])) return false;
    (state == EMU_AT_WGMMA ? emu_ask : emu_finish)(first, &emu.group[first->number / WARPGROUP]);
    for (int t = 0; t < WARPGROUP; t++) first[t].state = EMU_RUNS;
    return true;
}

/* Where warpgroups multiply, in two of the orders one of them is ahead, as far as nothing holds it; -1: all
 * go on. */
static int emu_group_ahead(int order)
{
    int groups = (emu.threads + WARPGROUP - 1) / WARPGROUP;
    if (!emu.multiplies || order <= EMU_SHUFFLED) return -1;
    for (int i = 0; i < groups; i++) {
        int g = order % 2 ? groups - 1 - i : i;
        for (int t = g * WARPGROUP; t < (g + 1) * WARPGROUP && t < emu.threads; t++)
            if (emu.thread[t].state == EMU_RUNS) return g;
    }
    return -1;
}
