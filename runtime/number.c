/* runtime/number.c: decimal text to double (see csv.h).
 *
 * Short numbers, which nearly all are, take an exact way: an integer up to 2^53 times or divided by
 * a power of ten up to 10^22 rounds once (W. Clinger, PLDI 1990). The rest goes to strtod. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct decimal {
    uint64_t digits;             /* the first 19 of them */
    int64_t exponent;
    bool negative, exact;        /* exact: no digit was left out */
} decimal;

static bool scan(const char *at, const char *end, decimal *d)
{
    bool any = false, point = false;
    *d = (decimal){.exact = true};
    if (at < end && (*at == '+' || *at == '-'))
        d->negative = *at++ == '-';
    for (; at < end && ((*at >= '0' && *at <= '9') || (*at == '.' && !point)); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        any = true;
        if (d->digits >= (uint64_t)1000000000000000000)
            d->exact = false;
        else
            d->digits = d->digits * 10 + (uint64_t)(*at - '0');
        d->exponent -= point && d->exact;
    }
    if (!any)
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        bool minus = false;
        int64_t power = 0;
        if (++at < end && (*at == '+' || *at == '-'))
            minus = *at++ == '-';
        if (at == end)
            return false;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            power = power < 100000 ? power * 10 + (*at - '0') : power;
        d->exponent += minus ? -power : power;
    }
    return at == end;
}

bool rt_parse_number(const char *text, int64_t length, double *value)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    decimal d;
    char copy[512];
    if (!scan(text, text + length, &d))
        return false;
    if (d.exact && d.digits <= (uint64_t)1 << 53 && d.exponent >= -22 && d.exponent <= 22) {
        double whole = (double)d.digits;
        double result = d.exponent < 0 ? whole / ten[-d.exponent] : whole * ten[d.exponent];
        *value = d.negative ? -result : result;
        return true;
    }
    if (length >= (int64_t)sizeof copy)
        return false;
    memcpy(copy, text, (size_t)length);
    copy[length] = 0;
    *value = strtod(copy, NULL);
    return isfinite(*value);
}
