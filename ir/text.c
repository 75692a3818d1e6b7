/* ir/text.c: small pieces of text that the printers share. What users wrote leaves only through
 * str_quoted and str_name: printable ASCII, the rest escaped. */
#include "ir/priv.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void ir_str_add(Str *t, const char *s, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        size_t cap = (t->n + n + 1) * 2 + 64;
        t->s = arena_grow(t->arena, t->s, t->n, cap, 1);
        t->cap = cap;
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

void ir_str_fmt(Str *t, const char *fmt, ...)
{
    char buf[512];
    va_list list;
    va_start(list, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, list);
    va_end(list);
    if (n < 0)
        return;
    if ((size_t)n < sizeof buf) {
        ir_str_add(t, buf, (size_t)n);
        return;
    }
    char *large = arena_alloc(t->arena, (size_t)n + 1, 1);
    va_start(list, fmt);
    vsnprintf(large, (size_t)n + 1, fmt, list);
    va_end(list);
    ir_str_add(t, large, (size_t)n);
}

void ir_str_pad(Str *t, size_t count)
{
    static const char blank[] = "                                ";
    for (; count >= sizeof blank; count -= sizeof blank - 1)
        ir_str_add(t, blank, sizeof blank - 1);
    ir_str_add(t, blank, count);
}

void ir_str_quoted(Str *t, const char *s)
{
    ir_str_add(t, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            ir_str_fmt(t, "\\%c", c);
        else if (c == '\n')
            ir_str_add(t, "\\n", 2);
        else if (c < 0x20 || c >= 0x7f)
            ir_str_fmt(t, "\\x%02x", c);
        else
            ir_str_add(t, s, 1);
    }
    ir_str_add(t, "\"", 1);
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void ir_str_name(Str *t, const char *s)
{
    bool bare = letter(*s);
    for (const char *c = s; *c && bare; c++)
        bare = letter(*c) || (*c >= '0' && *c <= '9') || *c == '.';
    if (bare)
        ir_str_add(t, s, strlen(s));
    else
        ir_str_quoted(t, s);
}

const char *ir_real_string(double x, Arena *a)
{
    char buf[40];
    if (isnan(x))
        return "nan";
    if (isinf(x))
        return x > 0 ? "inf" : "-inf";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, x);
        if (strtod(buf, NULL) == x)
            break;
    }
    return arena_str(a, buf);
}

const char *ir_count_text(double x, const char *unit, char buf[32])
{
    static const char prefix[] = {0, 'k', 'M', 'G', 'T', 'P'};
    int k = 0;
    for (; x >= 999.5 && k < 5; k++)
        x /= 1000;
    if (!k)
        snprintf(buf, 32, "%.0f%s%s", x, *unit ? " " : "", unit);
    else
        snprintf(buf, 32, "%.*f %c%s", x < 99.95 ? 1 : 0, x, prefix[k], unit);
    return buf;
}

bool ir_prints_graph(const char *name, const char *const *graphs)
{
    if (!graphs)
        return true;
    for (; *graphs; graphs++)
        if (!strcmp(*graphs, name))
            return true;
    return false;
}

int *ir_numbers(const Graph *g, Arena *a)
{
    int *number = arena_alloc(a, g->n_node, sizeof *number);
    int next = 0;
    for (uint32_t i = 0; i < g->n_node; i++)
        number[i] = i == 0 || g->node[i].op == OP_state ? -1 : next++;
    return number;
}

void ir_str_val(Str *t, const Graph *g, const int *number, Val v)
{
    if (number[v.i] >= 0)
        ir_str_fmt(t, "%%%d", number[v.i]);
    else if (g->node[v.i].op == OP_state)
        ir_str_quoted(t, ir_state(g->module, g->node[v.i].state)->key);
    else
        ir_str_add(t, "none", 4);
}

void ir_str_attr(Str *t, const Attr *x)
{
    const AttrInfo *info = &ir_attr_info[x->id];
    ir_str_fmt(t, "%s%s", info->name, info->kind == ATK_FLAG ? "" : "=");
    switch (info->kind) {
    case ATK_FLAG:
        break;
    case ATK_INT:
        ir_str_fmt(t, "%lld", (long long)x->u.i);
        break;
    case ATK_REAL:
        ir_str_fmt(t, "%s", ir_real_string(x->u.r, t->arena));
        break;
    case ATK_INTS:
        for (int i = 0; i < x->count; i++)
            ir_str_fmt(t, "%c%lld", i ? ',' : '[', (long long)x->u.ints[i]);
        ir_str_add(t, "[]", x->count ? 0 : 1);
        ir_str_add(t, "]", 1);
        break;
    case ATK_REALS:
        for (int i = 0; i < x->count; i++)
            ir_str_fmt(t, "%c%s", i ? ',' : '[', ir_real_string(x->u.reals[i], t->arena));
        ir_str_add(t, "[]", x->count ? 0 : 1);
        ir_str_add(t, "]", 1);
        break;
    case ATK_STR:
    case ATK_EXPR:
        ir_str_quoted(t, x->u.s);
        break;
    }
}
