/* tests/cuda/shared.h: part of emulator.h: copies into shared memory, and what the asynchronous proxy,
 * by which wgmma reads it, sees of it: what a thread stored before its proxy_fence, from then on; of a
 * copy this holds for the thread that asked and waited for it. */

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

/* Those arrive that were begun before group `end`. */
static inline void emu_copies_arrive(int end)
{
    emu_thread *me = emu.now;
    emu_copy *copy = emu.copy[me->number];
    int left = 0;
    for (int i = 0; i < me->copies; i++) {
        const emu_copy *c = &copy[i];
        if (c->group >= end) copy[left++] = *c;
        else if (c->from) memcpy(c->to, c->from, (size_t)c->bytes);
        else memset(c->to, 0, (size_t)c->bytes);
        if (c->group < end) emu_arrive(c);
    }
    me->copies = left;
}

/* All but those of the group that ended last, and of what has not ended; all. */
static inline void copies_wait(void) { emu_copies_arrive(emu.now->group - 1); }
static inline void copies_wait_all(void) { emu_copies_arrive(emu.now->group + 1); }
