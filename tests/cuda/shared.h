/* tests/cuda/shared.h: part of emulator.h: copies into shared memory, and what the asynchronous proxy,
 * by which wgmma reads it, sees of it: what a thread stored before its proxy_fence, from then on; of a
 * copy this holds for the thread that asked and waited for it. Bulk copies are seen as they arrive, at
 * once or when somebody waits at their mbarrier: of both orders of threads one has the one, one the
 * other, else now so, now so. */

static bool emu_late(void)
{
    return emu.launch_order == EMU_BACKWARD || (emu.launch_order >= EMU_SHUFFLED && emu_random() & 1);
}

static inline uint32_t emu_shared_place(const void *at)
{
    const char *byte = (const char *)at;
    if (byte < emu.shared || byte >= emu.shared + emu.shared_bytes)
        emu_fail(emu.now, "asks for the place of what is not in shared memory");
    return (uint32_t)(byte - emu.shared) + EMU_SHARED_START;
}
#define __cvta_generic_to_shared(at) emu_shared_place(at)

/* fence.proxy.async.shared::cta: of what this thread copied, or else of what was stored. */
static inline void proxy_fence(void)
{
    emu_thread *me = emu.now;
    for (int i = 0; i < me->arrived; i++) {
        const emu_copy *c = &emu.arrived[me->number][i];
        memcpy(emu.shown + (c->to - emu.shared), c->to, (size_t)c->bytes);
        memset(emu.hidden + (c->to - emu.shared), 0, (size_t)c->bytes);
    }
    for (int i = 0; i < emu.shared_bytes && !me->arrived; i++)
        if (!emu.hidden[i]) emu.shown[i] = emu.shared[i];
    me->arrived = 0;
}

/* A copy of this thread's has arrived: it alone shows it to the proxy. */
static void emu_arrive(const emu_copy *c)
{
    emu_thread *me = emu.now;
    if (me->arrived == EMU_COPIES) return;
    emu.arrived[me->number][me->arrived++] = *c;
    memset(emu.hidden + (c->to - emu.shared), 1, (size_t)c->bytes);
}

static inline void emu_copy_start(void *to, const void *from, int bytes, bool inside)
{
    emu_thread *me = emu.now;
    char *at = (char *)to;
    if (at < emu.shared || at + bytes > emu.shared + emu.shared_bytes)
        emu_fail(me, "copies to where no shared memory is");
    if ((uintptr_t)to % (unsigned)bytes || (inside && (uintptr_t)from % (unsigned)bytes))
        emu_fail(me, "copies %d bytes that are not aligned to as many", bytes);
    if (me->copies == EMU_COPIES) emu_fail(me, "more than %d copies are under way", EMU_COPIES);
    memset(at, 0xff, (size_t)bytes);
    emu.copy[me->number][me->copies++] =
        (emu_copy){ at, inside ? (const char *)from : NULL, bytes, me->group };
}

static inline void copy_4(void *to, const void *from, bool inside)
{
    emu_copy_start(to, from, 4, inside);
}

static inline void copy_16(void *to, const void *from, bool inside)
{
    emu_copy_start(to, from, 16, inside);
}

static inline void copies_end(void) { emu.now->group++; }

/* All arrive but those of the group that ended last, and of what has not ended. */
static inline void copies_wait(void)
{
    emu_thread *me = emu.now;
    emu_copy *copy = emu.copy[me->number];
    int left = 0;
    for (int i = 0; i < me->copies; i++) {
        const emu_copy *c = &copy[i];
        if (c->group >= me->group - 1) copy[left++] = *c;
        else if (c->from) memcpy(c->to, c->from, (size_t)c->bytes);
        else memset(c->to, 0, (size_t)c->bytes);
        if (c->group < me->group - 1) emu_arrive(c);
    }
    me->copies = left;
}

/* ---- mbarriers and bulk copies ---- */

static emu_barrier *emu_barrier_at(const uint64_t *at)
{
    for (int i = 0; i < emu.barriers; i++)
        if (emu.barrier[i].at == at && emu.barrier[i].shown) return &emu.barrier[i];
    emu_fail(emu.now, "there is no mbarrier where it looks for one");
}

/* The phase is over when all have arrived that are expected, and all bytes. */
static void emu_turn(emu_barrier *b)
{
    if (b->expected || b->bytes) return;
    b->phase ^= 1;
    b->expected = 1;
}

/* Begins one that one arrival of a thread's ends, and the bytes that it expects. */
static inline void barrier_init(uint64_t *at)
{
    if ((uintptr_t)at % 8 || (char *)at < emu.shared || (char *)(at + 1) > emu.shared + emu.shared_bytes)
        emu_fail(emu.now, "begins an mbarrier where no place is for one");
    if (emu.barriers == EMU_BARRIERS) emu_fail(emu.now, "more than %d mbarriers", EMU_BARRIERS);
    emu.barrier[emu.barriers++] = (emu_barrier){ .at = at, .expected = 1, .maker = emu.now->number };
}

/* fence.mbarrier_init and the proxy's: before, nobody else finds what this thread began. */
static inline void barrier_fence(void)
{
    for (int i = 0; i < emu.barriers; i++)
        if (emu.barrier[i].maker == emu.now->number) emu.barrier[i].shown = true;
}

static inline void barrier_expect(uint64_t *at, int bytes)
{
    emu_barrier *b = emu_barrier_at(at);
    if (!b->expected) emu_fail(emu.now, "arrives at an mbarrier that expects nobody");
    b->expected--;
    b->bytes += bytes;
    emu_turn(b);
}

/* The oldest copy for that mbarrier arrives; false: there is none. */
static bool emu_bulk_arrives(emu_barrier *b)
{
    for (int i = 0; i < emu.bulks; i++) {
        emu_bulk c = emu.bulk[i];
        if (c.barrier != b) continue;
        memcpy(c.to, c.from, (size_t)c.bytes);
        memcpy(emu.shown + (c.to - emu.shared), c.from, (size_t)c.bytes);
        memset(emu.hidden + (c.to - emu.shared), 0, (size_t)c.bytes);
        for (int k = i + 1; k < emu.bulks; k++) emu.bulk[k - 1] = emu.bulk[k];
        emu.bulks--;
        b->bytes -= c.bytes;
        emu_turn(b);
        return true;
    }
    return false;
}

static inline void bulk_copy(void *to, const void *from, int bytes, uint64_t *at)
{
    char *place = (char *)to;
    emu_barrier *b = emu_barrier_at(at);
    if (place < emu.shared || place + bytes > emu.shared + emu.shared_bytes)
        emu_fail(emu.now, "copies to where no shared memory is");
    if ((uintptr_t)to % 16 || (uintptr_t)from % 16 || bytes % 16)
        emu_fail(emu.now, "copies %d bytes in bulk that are not aligned to 16", bytes);
    if (emu.bulks == EMU_BULKS) emu_fail(emu.now, "more than %d bulk copies are under way", EMU_BULKS);
    memset(to, 0xff, (size_t)bytes);
    memset(emu.shown + (place - emu.shared), 0xff, (size_t)bytes);
    emu.bulk[emu.bulks++] = (emu_bulk){ place, (const char *)from, bytes, b };
    if (!emu_late()) emu_bulk_arrives(b);
}

/* Waits until the phase of that parity is over. */
static inline void emu_barrier_wait(const uint64_t *at, int parity, int line)
{
    emu_barrier *b = emu_barrier_at(at);
    emu.now->barrier = b;
    emu.now->parity = parity;
    while (b->phase == parity && emu_bulk_arrives(b)) continue;
    if (b->phase == parity) emu_wait(EMU_AT_ARRIVAL, 0xffffffffu, 0, line);
}
#define barrier_wait(at, parity) emu_barrier_wait(at, (int)(parity), __LINE__)

static bool emu_release_arrivals(void)
{
    bool any = false;
    for (int i = 0; i < emu.threads; i++) {
        emu_thread *t = &emu.thread[i];
        if (t->state != EMU_AT_ARRIVAL || t->barrier->phase == t->parity) continue;
        t->state = EMU_RUNS;
        any = true;
    }
    return any;
}
