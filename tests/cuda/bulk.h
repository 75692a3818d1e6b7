/* tests/cuda/bulk.h: part of emulator.h: mbarriers and bulk copies, which the asynchronous proxy sees as
 * they arrive: at once, or when somebody waits at their mbarrier. Of both orders of threads one has the
 * one, one the other, else now so, now so. */

static bool emu_late(void)
{
    return emu.launch_order == EMU_BACKWARD || (emu.launch_order >= EMU_SHUFFLED && emu_random() & 1);
}

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
