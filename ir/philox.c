/* ir/philox.c: the counter-based random numbers of `random` nodes, as the interpreter draws them.
 *
 * Philox4x32-10: a number depends on key and counter alone, so a value can be computed again
 * anywhere, by any thread. Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as
 * 1, 2, 3", SC 2011. */
#include "ir/priv.h"
#include <string.h>

enum { ROUNDS = 10 };

static void philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof next);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

uint32_t ir_stream_hash(const char *stream)
{
    return ir_hash(stream, strlen(stream));
}

double ir_random(uint64_t seed, const char *stream, uint64_t step, uint64_t e)
{
    uint32_t c[4] = {(uint32_t)(e / 4), (uint32_t)(e / 4 >> 32), (uint32_t)step,
                     (uint32_t)(step >> 32)};
    philox(c, (uint32_t)seed, (uint32_t)(seed >> 32) ^ ir_stream_hash(stream));
    return (double)(c[e % 4] >> 8) * 0x1p-24;
}
