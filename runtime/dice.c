/* runtime/dice.c: counter-based random numbers (see dice.h). */
#define _XOPEN_SOURCE 700
#include "runtime/dice.h"
#include <math.h>
#include <string.h>

enum { ROUNDS = 10 };
static const uint32_t stream = 0x696d6167;   /* "imag": dropout's numbers are others */

rt_dice rt_dice_start(uint64_t seed, uint64_t epoch, int64_t row, int step)
{
    return (rt_dice){.key = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ stream},
                     .counter = {0, (uint32_t)step | (uint32_t)((uint64_t)row >> 32) << 8,
                                 (uint32_t)row, (uint32_t)epoch}};
}

static void roll(rt_dice *d)
{
    uint32_t c[4], k0 = d->key[0], k1 = d->key[1];
    memcpy(c, d->counter, sizeof c);
    for (int r = 0; r < ROUNDS; r++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
    }
    memcpy(d->number, c, sizeof c);
    d->counter[0]++;
    d->left = 4;
}

uint32_t rt_dice_u32(rt_dice *d)
{
    if (d->left == 0)
        roll(d);
    return d->number[4 - d->left--];
}

double rt_dice_unit(rt_dice *d) { return (double)(rt_dice_u32(d) >> 8) * 0x1p-24; }

double rt_dice_between(rt_dice *d, double low, double high)
{
    return low + rt_dice_unit(d) * (high - low);
}

int rt_dice_below(rt_dice *d, int n)
{
    return (int)((uint64_t)rt_dice_u32(d) * (uint64_t)n >> 32);
}

double rt_dice_normal(rt_dice *d)
{
    double radius = sqrt(-2 * log(1 - rt_dice_unit(d)));
    return radius * cos(2 * M_PI * rt_dice_unit(d));
}
