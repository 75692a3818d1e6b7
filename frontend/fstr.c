/* frontend/fstr.c: f-strings, str.format and the mini-language of their formats:
 * [[fill]align][sign][0][width][,][.precision][type]. */
#include "frontend/eval.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Spec {
    char fill, align, sign, type;
    char separator;              /* , or _ between groups of digits */
    bool zero;
    int width, precision;        /* precision -1: not said */
} Spec;

enum { MAX_WIDTH = 1000, MAX_PRECISION = 100 };

static int digits(const char **s)
{
    int n = 0;
    for (; **s >= '0' && **s <= '9'; (*s)++) n = n > MAX_WIDTH ? n : n * 10 + (**s - '0');
    return n;
}

static bool is_bits(char type) { return type && strchr("xXob", type); }

static bool is_align(char c) { return c && strchr("<>^=", c); }

static bool parse(const char *s, Spec *f)
{
    *f = (Spec){ .fill = ' ', .precision = -1 };
    if (s[0] && is_align(s[1])) f->fill = s[0], f->align = s[1], s += 2;
    else if (is_align(s[0])) f->align = *s++;
    if (*s && strchr("+- ", *s)) f->sign = *s++;
    if (*s == '0') f->zero = true, s++;
    f->width = digits(&s);
    if (*s == ',' || *s == '_') f->separator = *s++;
    if (*s == '.') s++, f->precision = digits(&s);
    if (*s && strchr("defgsxXobn%EGF", *s)) f->type = *s++;
    /* Zeros that fill up would need separators too. */
    bool fills = f->separator && (f->zero || (f->separator == ',' && is_bits(f->type)));
    return *s == 0 && !fills && f->width <= MAX_WIDTH && f->precision <= MAX_PRECISION;
}

static const char *grouped(Arena *a, const char *s, char separator, size_t group)
{
    size_t n = strlen(s), whole = strspn(s, "0123456789abcdefABCDEF"), k = 0;
    char *to = arena_alloc(a, 2 * n + 1, 1);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && i < whole && (whole - i) % group == 0) to[k++] = separator;
        to[k++] = s[i];
    }
    return to;
}

/* Digits that are no zeros behind the point, but one digit at least, and what follows them. */
static const char *trimmed(Arena *a, const char *text, const char *rest)
{
    size_t n = strcspn(text, "e");
    while (n > 1 && text[n - 1] == '0') n--;
    bool point = text[n - 1] == '.';
    return arena_printf(a, "%.*s%s%s", (int)(n - (point && *rest)), text, point && !*rest ? "0" : "",
                        rest);
}

/* A precision without a type: %g, but a number without an exponent has a point. */
static const char *with_point(Arena *a, double x, int precision)
{
    char text[512];
    int after = precision > 0 ? precision - 1 : 0;
    snprintf(text, sizeof text, "%.*e", after, x);
    const char *e = strchr(text, 'e');
    int exponent = e ? atoi(e + 1) : 0;
    if (!e) return arena_printf(a, "%s", text);
    if (exponent < -4 || exponent >= after)
        return strchr(text, '.') ? trimmed(a, text, e) : arena_printf(a, "%s", text);
    snprintf(text, sizeof text, "%.*f", after - exponent, x);
    return trimmed(a, text, "");
}

/* Without its sign; null: the type does not go with the value. */
static const char *number_text(Arena *a, const Value *v, const Spec *f)
{
    double x;
    char t = f->type, plan[8] = { '%', '.', '*', t == 'n' ? 'g' : t, 0 };
    if (!fe_number(v, &x)) return NULL;
    x = fabs(x);
    if (v->kind != V_FLOAT && (!t || strchr("dnxXob", t))) {
        uint64_t i = v->kind == V_BOOL ? v->u.b
                     : v->u.i < 0      ? 0 - (uint64_t)v->u.i
                                       : (uint64_t)v->u.i;
        if (t == 'b') {
            char bits[65] = { 0 };
            int n = 64;
            do bits[--n] = (char)('0' + (i & 1)); while ((i >>= 1) && n > 0);
            return arena_strn(a, bits + n, (size_t)(64 - n));
        }
        return arena_printf(a, t == 'x' ? "%llx" : t == 'X' ? "%llX" : t == 'o' ? "%llo" : "%llu",
                            (unsigned long long)i);
    }
    if (!t && f->precision < 0) {
        Value plain = { .kind = V_FLOAT, .u.f = x };
        return fe_repr(a, &plain);
    }
    int precision = f->precision < 0 ? 6 : f->precision;
    char text[512];
    if (!t) return with_point(a, x, precision);
    if (t == '%') x *= 100, plan[3] = 'f';
    else if (!strchr("eEfFgGn", t)) return NULL;
    /* The plan is one of a few constants; clang and gcc cannot see that. */
    switch (plan[3]) {
    case 'e': snprintf(text, sizeof text, "%.*e", precision, x); break;
    case 'E': snprintf(text, sizeof text, "%.*E", precision, x); break;
    case 'g': snprintf(text, sizeof text, "%.*g", precision, x); break;
    case 'G': snprintf(text, sizeof text, "%.*G", precision, x); break;
    default: snprintf(text, sizeof text, "%.*f", precision, x); break;
    }
    return arena_printf(a, "%s%s", text, t == '%' ? "%" : "");
}

static Value *padded(Interp *in, const char *sign, const char *s, const Spec *f, bool number,
                     Span at)
{
    size_t n = strlen(s) + strlen(sign), chars = strlen(sign), k = 0;
    uint32_t c;
    for (const char *p = s; *p; p += fe_utf8(p, strlen(p), &c)) chars++;
    size_t pad = (size_t)f->width > chars ? (size_t)f->width - chars : 0;
    char align = f->align ? f->align : f->zero ? '=' : number ? '>' : '<';
    char fill = f->zero && !f->align ? '0' : f->fill;
    size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0, mid = align == '=' ? pad : 0;
    char *to = arena_alloc(in->a, n + pad + 1, 1);
    memset(to, fill, left), k = left;
    memcpy(to + k, sign, strlen(sign)), k += strlen(sign);
    memset(to + k, fill, mid), k += mid;
    memcpy(to + k, s, strlen(s)), k += strlen(s);
    memset(to + k, fill, pad - left - mid);
    return fe_str(in, to, n + pad, at);
}

static const char *plain(Interp *in, const Value *v)
{
    return v->kind == V_STR ? v->u.s : fe_repr(in->a, v);
}

Value *fe_format(Interp *in, const Value *v, const char *format, Span at)
{
    Spec f;
    double x = 0;
    if (*format == 0) {
        const char *s = plain(in, v);
        return fe_str(in, s, v->kind == V_STR ? v->len : strlen(s), at);
    }
    bool good = parse(format, &f), number = fe_number(v, &x);
    const char *s = NULL;
    if (good && number) s = number_text(in->a, v, &f);
    else if (good && (!f.type || f.type == 's') && !f.sign && !f.separator) s = plain(in, v);
    if (!s) {
        fe_report(in->d, at, DG(bad_format), format, fe_kind_name(v));
        return NULL;
    }
    if (number && f.separator) s = grouped(in->a, s, f.separator, is_bits(f.type) ? 4 : 3);
    if (!number && f.precision >= 0) {
        size_t n = 0, len = strlen(s);
        uint32_t c;
        for (int i = 0; i < f.precision && n < len; i++) n += fe_utf8(s + n, len - n, &c);
        s = arena_strn(in->a, s, n);
    }
    const char *sign = !number ? "" : signbit(x) ? "-" : f.sign == '+' ? "+" : f.sign == ' ' ? " " : "";
    return padded(in, sign, s, &f, number, at);
}

Value *fe_fstring(Interp *in, const Expr *x)
{
    char *to = NULL;
    size_t n = 0, cap = 0;
    for (int i = 0; i < x->n_item; i++) {
        const Expr *part = x->item[i];
        const Value *v = fe_eval(in, part->kind == X_FIELD ? part->item[0] : part);
        if (v->kind == V_BAD) return fe_bad(in, x->at);
        if (v->kind == V_DATA || v->kind == V_PARAM)
            return fe_data(in, "a formatted string", x->at);
        if (part->kind == X_FIELD) {
            const Value *format = part->n_item > 1 ? fe_eval(in, part->item[1]) : NULL;
            if (format && format->kind != V_STR) return fe_bad(in, x->at);
            if (part->u.i == 'r' || part->u.i == 'a') {
                const char *s = fe_repr(in->a, v);
                v = fe_str(in, s, strlen(s), x->at);
            } else if (part->u.i == 's') v = fe_format(in, v, "", part->at);
            v = fe_format(in, v, format ? format->u.s : "", part->at);
            if (!v) return fe_bad(in, x->at);
        }
        if (n + v->len > FE_MAX_TEXT || !fe_spend(in, v->len, x->at)) {
            fe_report(in->d, x->at, DG(too_long), FE_MAX_TEXT);
            return fe_bad(in, x->at);
        }
        if (n + v->len + 1 > cap) {
            size_t more = 2 * (n + v->len) + 16;
            to = arena_grow(in->a, to, cap, more, 1);
            cap = more;
        }
        memcpy(to + n, v->u.s, v->len);
        n += v->len;
    }
    return fe_str(in, to ? to : "", n, x->at);
}
