/* codegen/sizes.c: sizes as parameters of a GPU's kernels, so that layers of other sizes launch the
 * same kernel: NVIDIA's compiler takes some 50 ms a kernel, and a deep net has each of its layers for
 * images of several sizes.
 *
 * Emitters write all numbers that come from shapes by one function (extent_text), which marks them. A
 * text then either gets names for all of them or keeps the numbers: those that loops turn so often, unless
 * they have a role, and that 64-bit numbers are divided by, make what the compiler knows of them worth
 * more. An int is divided by a multiplication, as the compiler would by a number that it knows.
 *
 * Source: Granlund and Montgomery, Division by Invariant Integers using Multiplication, 1994. */
#include "codegen/sizes.h"
#include "codegen/out.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char size_role[] = "size";

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* Past a mark, and the role behind it, which is "size" where none is said. */
static const char *number_of(const char *mark, const char **role, Arena *a)
{
    const char *number = mark + 1, *end = number;
    while (is_word(*end)) end++;
    if (role) *role = *end == ':' ? arena_strn(a, number, (size_t)(end - number)) : size_role;
    return *end == ':' ? end + 1 : number;
}

const char *sizes_numbers(const char *text, Arena *a)
{
    char *out = arena_alloc(a, strlen(text) + 1, 1), *to = out;
    for (; *text; text++) {
        if (*text == SIZE_MARK) text = number_of(text, NULL, a);
        *to++ = *text;
    }
    *to = 0;
    return out;
}

/* Is the word that ends before `end` declared as an int? As an int64_t? */
static bool declared(const char *body, const char *type, const char *word, size_t length)
{
    for (const char *at = strstr(body, type); at; at = strstr(at + 1, type)) {
        if (at > body && is_word(at[-1])) continue;
        const char *line_end = at + strcspn(at, ";\n");
        for (const char *name = at + strlen(type); name + length < line_end; name++)
            if (!strncmp(name, word, length) && !strncmp(name + length, " = ", 3) && name[-1] == ' ')
                return true;
    }
    return false;
}

/* A number that something is divided by: "/" or "%" before it, and the word before that. */
typedef struct By { char sign; const char *word; size_t length; bool is_int, is_int64; } By;

static By divided(const char *body, const char *at)
{
    By b = { 0 };
    while (at > body && at[-1] == ' ') at--;
    if (at == body || (at[-1] != '/' && at[-1] != '%')) return b;
    b.sign = *--at;
    while (at > body && at[-1] == ' ') at--;
    const char *end = at;
    while (at > body && is_word(at[-1])) at--;
    b.word = at;
    b.length = (size_t)(end - at);
    b.is_int = declared(body, "int ", b.word, b.length);
    b.is_int64 = !b.length || isdigit((unsigned char)*b.word)
              || declared(body, "int64_t ", b.word, b.length);
    return b;
}

/* Equal numbers of a role have one name, and what divides by them has its end. */
static const char *name_of(Sizes *s, const char *role, int64_t value, bool divides, Arena *a)
{
    int number = 1;
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->size[i].role, role)) continue;
        if (s->size[i].value == value && s->size[i].divides == divides) return s->size[i].name;
        if (s->size[i].number >= number) number = s->size[i].number + 1;
    }
    for (int i = 0; i < s->n; i++)
        if (s->size[i].value == value && !strcmp(s->size[i].role, role)) number = s->size[i].number;
    if (s->n == SIZES_MOST) return NULL;
    const char *base = divides ? arena_printf(a, "by_%s", role) : role;
    const char *name = number > 1 ? arena_printf(a, "%s_%d", base, number) : base;
    s->size[s->n++] = (Size){ name, role, value, number, divides };
    return name;
}

/* The quotient or rest of `what` by that number. */
static const char *quotient(Sizes *s, const char *what, char sign, const char *role, int64_t value, Arena *a)
{
    const char *by = name_of(s, role, value, true, a), *size = "";
    if (by && sign == '%') size = name_of(s, role, value, false, a);
    if (!by || !size) return NULL;
    return sign == '/' ? arena_printf(a, "whole_by(%s, %s)", what, by)
                       : arena_printf(a, "left_by(%s, %s, %s)", what, by, size);
}

/* Writes what becomes of the text from *rest on up to the number at `at` and with it; false: no name
 * will do. */
static bool write_named(Out *o, const char *body, const char **rest, const char *at, Sizes *s, Arena *a)
{
    char *end;
    const char *role;
    int64_t value = strtoll(number_of(at, &role, a), &end, 10);
    const By b = divided(body, at);
    const bool turns = role == size_role && at >= body + 2 && at[-2] == '<' && *end == ';';
    const char *named, *from = b.is_int ? b.word : at;
    if (value > INT32_MAX || turns || (b.sign && b.is_int64)) return false;
    if (!b.sign || !b.is_int) {
        named = name_of(s, role, value, false, a);
    } else {
        named = quotient(s, arena_printf(a, "%.*s", (int)b.length, b.word), b.sign, role, value, a);
        while (named && !strncmp(end, " % @", 4)) {
            value = strtoll(number_of(end + 3, &role, a), &end, 10);
            named = quotient(s, named, '%', role, value, a);
        }
    }
    if (!named) return false;
    out_raw(o, arena_printf(a, "%.*s%s", (int)(from - *rest), *rest, named));
    *rest = end;
    return true;
}

const char *sizes_named(const char *body, Sizes *sizes, Arena *a)
{
    Out *o = out_new(a);
    const char *rest = body, *at;
    bool fits = !out_mentions(body, "size") && !out_mentions(body, "by_size");
    *sizes = (Sizes){ .n = 0 };
    while (fits && (at = strchr(rest, SIZE_MARK))) fits = write_named(o, body, &rest, at, sizes, a);
    if (fits) {
        out_raw(o, rest);
        return out_text(o);
    }
    *sizes = (Sizes){ .n = 0 };
    return sizes_numbers(body, a);
}

const char *size_value(const Size *size, Arena *a)
{
    if (!size->divides) return arena_printf(a, "%lld", (long long)size->value);
    int bits = 0;
    while ((INT64_C(1) << bits) < size->value) bits++;
    const uint64_t times = (UINT64_C(1) << (31 + bits)) / (uint64_t)size->value + 1;
    return arena_printf(a, "0x%llx", (unsigned long long)((uint64_t)(31 + bits) << 32 | times));
}
