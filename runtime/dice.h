/* runtime/dice.h: random numbers by a counter, for transforms of images.
 *
 * Philox4x32-10: a number depends on key and counter alone. Source: Salmon, Moraes, Dror, Shaw,
 * "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. */
#ifndef SEQC_RT_DICE_H
#define SEQC_RT_DICE_H
#include <stdint.h>

typedef struct rt_dice { uint32_t key[2], counter[4], number[4]; int left; } rt_dice;

/* Numbers of one step on one row of one epoch. */
rt_dice rt_dice_start(uint64_t seed, uint64_t epoch, int64_t row, int step);
uint32_t rt_dice_u32(rt_dice *d);
double rt_dice_unit(rt_dice *d);                              /* [0, 1), 24 bits */
double rt_dice_between(rt_dice *d, double low, double high);
int rt_dice_below(rt_dice *d, int n);                         /* 0 .. n - 1 */
double rt_dice_normal(rt_dice *d);

#endif
