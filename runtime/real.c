/* runtime/real.c: real numbers as printf writes them, to the character, but faster.
 *
 * By printf the row of an epoch in two logs took six times as long as a small model's epoch itself.
 * Up to 10^22 a power of ten is a double, so the value times that power, which brings the digits
 * before the point, is a double and what it was rounded by (fused multiply-add): nothing is lost,
 * and the last digit is rounded as printf does, half to even. What is not in reach (infinities,
 * more digits, larger numbers) goes to printf.
 * Source: C11 7.21.6.1, conversion g; ISO/IEC 60559, fusedMultiplyAdd. */
#include "runtime/text.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_DIGITS = 9, MOST_POWER = 22 };

static const double power_of_ten[MOST_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

/* value * 10^power, rounded to the nearest integer, half to even. */
static int64_t scaled(double value, int power)
{
    double ten = power_of_ten[abs(power)];
    double near = power < 0 ? value / ten : value * ten;
    double rest = power < 0 ? fma(-near, ten, value) : fma(value, ten, -near);
    double whole = floor(near), beyond = near - whole - 0.5;
    if (beyond == 0)
        beyond = rest;
    return (int64_t)whole + (beyond > 0 || (beyond == 0 && (int64_t)whole % 2 == 1));
}

/* value = integer * 10^(exponent + 1 - digits), of `digits` digits. False: not in reach. */
static bool decimal(double value, int digits, int64_t *integer, int *exponent)
{
    const int64_t all = (int64_t)power_of_ten[digits];
    int x = (int)floor(log10(value));
    if (abs(digits - 1 - x) >= MOST_POWER)
        return false;
    *integer = scaled(value, digits - 1 - x);
    if (*integer < all / 10)             /* the logarithm was rounded up */
        *integer = scaled(value, digits - 1 - --x);
    if (*integer >= all) {               /* …or the digits were: 9.9996 */
        if (*integer != all)
            return false;
        *integer = all / 10;
        x++;
    }
    *exponent = x;
    return true;
}

/* The digits at `to`, the point behind the first `before` of them (before them, with zeros between,
 * where that is 0 or less), without zeros at the end. */
static char *put_digits(char *to, int64_t integer, int digits, int before)
{
    char text[MOST_DIGITS];
    for (int i = digits; i-- > 0; integer /= 10)
        text[i] = (char)('0' + integer % 10);
    while (digits > 0 && digits > before && text[digits - 1] == '0')
        digits--;
    if (before <= 0)
        *to++ = '0';
    for (int i = before < 0 ? before : 0; i < digits; i++) {
        if (i == before)
            *to++ = '.';
        *to++ = i < 0 ? '0' : text[i];
    }
    return to;
}

static char *put_real(char *to, int64_t integer, int digits, int exponent)
{
    if (exponent >= -4 && exponent < digits)
        return put_digits(to, integer, digits, exponent + 1);
    to = put_digits(to, integer, digits, 1);
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    *to++ = (char)('0' + abs(exponent) / 10);
    *to++ = (char)('0' + abs(exponent) % 10);
    return to;
}

bool rt_buf_real(rt_err *e, rt_buf *to, double value, int digits)
{
    int64_t integer;
    int exponent;
    double size = fabs(value);
    char text[RT_TEXT], *end = text;
    if (signbit(value))
        *end++ = '-';
    if (size == 0)
        *end++ = '0';
    else if (digits >= 1 && digits <= MOST_DIGITS && isfinite(size) &&
             decimal(size, digits, &integer, &exponent))
        end = put_real(end, integer, digits, exponent);
    else
        return rt_buf_printf(e, to, "%.*g", digits, value);
    return rt_buf_add(e, to, text, end - text);
}
