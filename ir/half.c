/* ir/half.c: numbers of 16 bits, as weights are stored: bfloat16, the upper half of a float, and IEEE
 * 754's binary16. Rounded to nearest, ties to even; what is too large for binary16 becomes infinite. */
#include "ir/ir.h"
#include <math.h>
#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint16_t to_bf16(float x)
{
    uint32_t bits = bits_of(x);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Below 2^-14 numbers are multiples of 2^-24, as those from 0.5 up to 1 are in a float. */
static uint16_t to_f16(float x)
{
    uint32_t sign = bits_of(x) >> 16 & 0x8000, bits = bits_of(fabsf(x));
    if (isnan(x)) return (uint16_t)(sign | 0x7e00);
    if (bits >= 0x47800000) return (uint16_t)(sign | 0x7c00);
    if (bits < 0x38800000) return (uint16_t)(sign | (bits_of(fabsf(x) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | ((bits + 0xfff + (bits >> 13 & 1) - 0x38000000) >> 13));
}

uint16_t ir_to_half(DType d, double x) { return d == DT_bf16 ? to_bf16((float)x) : to_f16((float)x); }

double ir_from_half(DType d, uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, size = half & 0x7fff;
    if (d == DT_bf16) return (double)float_of((uint32_t)half << 16);
    if (size >= 0x7c00) return (double)float_of(sign | 0x7f800000 | (size & 0x3ff) << 13);
    double x = (double)float_of(size << 13) * 0x1p112;
    return sign ? -x : x;
}
