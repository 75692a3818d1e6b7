/* codegen/vectors.c: see the header. */
#include "codegen/vectors.h"

enum { MAX_DEALT = 16 };

static int64_t lanes_of(const Emit *e)
{
    return e->o->target->vector_bytes / ir_dtype_bytes(e->m->real);
}

/* Adds `name`: lanes `order` of vectors a and b, after the statements `first`. */
static void add_pick(Emit *e, const char *name, const char *what, const char *first,
                     const char *order)
{
    static const char form[] = "/* %s */\n"
                               "static inline vec %s(vec a, vec b)\n"
                               "{\n"
                               "%s"
                               "    return __builtin_shufflevector(%s);\n"
                               "}\n";
    add_micro(e, text(e, form, what, name, first, order));
}

/* So many lanes of two vectors, from `first` on, `step` apart; or, step 0, pairs of lanes of both. */
static const char *pick(Emit *e, const char *name, const char *what, int64_t first, int64_t step)
{
    const char *order = "a, b";
    for (int64_t i = 0, n = lanes_of(e); i < n; i++)
        order = text(e, "%s, %lld", order,
                     (long long)(step ? first + i * step : first + i / 2 + i % 2 * n));
    add_pick(e, name, what, "", order);
    return name;
}

/* Vectors of AVX2 are two halves, between which few instructions move single lanes, each three times
 * as long as others. */
static bool in_halves(const Emit *e)
{
    enum { AVX2_BYTES = 32 };
    return e->o->target->vector_bytes == AVX2_BYTES;
}

/* Lanes `odd`, `odd` + 2 … of two vectors; of two halves those come first. */
static const char *every_other(Emit *e, int odd)
{
    const char *name = odd ? "odd" : "even";
    const char *what = odd ? "Elements 1, 3 … of a, then of b." : "Elements 0, 2 … of a, then of b.";
    const char *half[2] = { "", "" }, *order = "low, high";
    if (!in_halves(e)) return pick(e, name, what, odd, 2);
    for (int64_t i = 0, n = lanes_of(e); i < n; i++) {
        int64_t at = i % (n / 2), other = i / (n / 2) * n / 2;
        for (int64_t h = 0; h < 2; h++)
            half[h] = text(e, "%s, %lld", half[h], (long long)(at + h * n / 2 + other * 2));
        order = text(e, "%s, %lld", order,
                     (long long)(other + (2 * at + odd) % (n / 2) + 2 * at / (n / 2) * n));
    }
    add_pick(e, name, what,
             text(e, "    const vec low = __builtin_shufflevector(a, b%s);\n"
                     "    const vec high = __builtin_shufflevector(a, b%s);\n", half[0], half[1]),
             order);
    return name;
}

const char *vec_strided(Emit *e, const char *from, int64_t n)
{
    static const char form[] =
        "/* Elements 0, %lld, %lld … */\n"
        "static inline vec strided_%lld(const %s *from)\n"
        "{\n"
        "    vec x;\n"
        "    for (int i = 0; i < %lld; i++) x[i] = from[%lld * i];\n"
        "    return x;\n"
        "}\n";
    long long step = (long long)n;
    add_micro(e, text(e, form, step, 2 * step, step, e->l->type[e->m->real], (long long)lanes_of(e),
                      step));
    return text(e, "strided_%lld(%s)", step, from);
}

const char *vec_scattered(Emit *e, const char *to, const char *x, int64_t n)
{
    static const char form[] =
        "/* To elements 0, %lld, %lld … */\n"
        "static inline void scatter_%lld(%s *to, vec x)\n"
        "{\n"
        "    for (int i = 0; i < %lld; i++) to[%lld * i] = x[i];\n"
        "}\n";
    long long step = (long long)n;
    add_micro(e, text(e, form, step, 2 * step, step, e->l->type[e->m->real], (long long)lanes_of(e),
                      step));
    return text(e, "scatter_%lld(%s, %s)", step, to, x);
}

const char *vec_dealt(Emit *e, const char *const *x, int64_t n, int64_t k)
{
    const char *half[MAX_DEALT];
    if (n == 1) return x[0];
    if (n > MAX_DEALT) ir_die(e->m, "codegen: %lld vectors are dealt", (long long)n);
    const char *name = every_other(e, (int)(k % 2));
    for (int64_t i = 0; i < n / 2; i++)
        half[i] = text(e, "%s(%s, %s)", name, x[2 * i], x[2 * i + 1]);
    return vec_dealt(e, half, n / 2, k / 2);
}

const char *vec_zipped(Emit *e, const char *const *x, int64_t n, int64_t k)
{
    const char *even[MAX_DEALT], *odd[MAX_DEALT];
    if (n == 1) return x[0];
    if (n > MAX_DEALT) ir_die(e->m, "codegen: %lld vectors are zipped", (long long)n);
    for (int64_t i = 0; i < n / 2; i++) {
        even[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
    }
    const char *name =
        k % 2 ? pick(e, "zip_high", "Elements of a and b in turns, of their second halves.",
                     lanes_of(e) / 2, 0)
              : pick(e, "zip_low", "Elements of a and b in turns, of their first halves.", 0, 0);
    return text(e, "%s(%s, %s)", name, vec_zipped(e, even, n / 2, k / 2),
                vec_zipped(e, odd, n / 2, k / 2));
}

/* The neighbours of lanes `by` away, where those of a band lie in one vector: lanes at its edges, which
 * have none, get any. Between the halves of AVX2 go whole halves alone, as in every_other. */
static const char *moved_in_band(Emit *e, const char *x, int64_t by, int64_t band)
{
    static const char form[] = "/* Lanes %lld %s in each %lld; those that have none get any. */\n"
                               "static inline vec %s(vec x)\n"
                               "{\n"
                               "%s"
                               "    return __builtin_shufflevector(%s);\n"
                               "}\n";
    int64_t vector = lanes_of(e), half = vector / 2, far = by < 0 ? -by : by;
    bool halves = in_halves(e) && band > half && far < half;
    const char *name = text(e, "%s_%lld_of_%lld", by < 0 ? "before" : "after", (long long)far,
                            (long long)band);
    const char *order = "x, x", *first = "";
    for (int64_t i = 0; i < vector && !halves; i++) {
        int64_t at = i % band + by;
        order = text(e, "%s, %lld", order, (long long)(at < 0 || at >= band ? i : i + by));
    }
    if (halves) {                       /* near: the half whose lanes the other one lacks, twice */
        order = "x, near";
        for (int64_t i = 0; i < vector; i++)
            first = text(e, "%s, %lld", first, (long long)(i % half + (by < 0 ? 0 : half)));
        first = text(e, "    const vec near = __builtin_shufflevector(x, x%s);\n", first);
        for (int64_t i = 0; i < vector; i++) {
            int64_t at = i % half + by, own = i / half * half;
            bool other = at < 0 || at >= half;
            order = text(e, "%s, %lld", order,
                         (long long)(own + (other ? vector + (at + half) % half : at)));
        }
    }
    add_micro(e, text(e, form, (long long)far, by < 0 ? "back" : "further on", (long long)band, name,
                      first, order));
    return text(e, "%s(%s)", name, x);
}

/* Lanes that x has not are those of one more vector, which has nothing beyond the last of them. */
static const char *moved_from_memory(Emit *e, const char *x, int64_t n, int64_t by,
                                     const char *from)
{
    static const char form[] =
        "/* x, whose elements begin at `from`, %lld apart, from the one %lld %s on. */\n"
        "static inline vec %s(vec x, const %s *from)\n"
        "{\n"
        "    const vec more = *(const vec *)(from %s %lld);\n"
        "    return __builtin_shufflevector(x, more%s);\n"
        "}\n";
    int64_t vector = lanes_of(e), far = by < 0 ? -by : by, at = n * by;
    if (by > 0) at += (vector - 1) * (n - 1);
    const char *name = text(e, "%s_%lld_%lld", by < 0 ? "before" : "after", (long long)far,
                            (long long)n);
    const char *lanes = "";
    for (int64_t i = by; i < by + vector; i++) {
        int64_t lane = i < 0       ? vector + (i - by) * n
                     : i < vector  ? i
                                   : 2 * vector - 1 - (by + vector - 1 - i) * n;
        lanes = text(e, "%s, %lld", lanes, (long long)lane);
    }
    add_micro(e, text(e, form, (long long)n, (long long)far, by < 0 ? "back" : "further", name,
                      e->l->type[e->m->real], at < 0 ? "-" : "+", (long long)(at < 0 ? -at : at),
                      lanes));
    return text(e, "%s(%s, %s)", name, x, from);
}

const char *vec_moved(Emit *e, const char *x, int64_t n, int64_t by, int64_t band,
                      const char *from)
{
    if (!by) return x;
    return lanes_of(e) % band ? moved_from_memory(e, x, n, by, from)
                              : moved_in_band(e, x, by, band);
}

/* Of gcc 12 the loop is one instruction; masks are not. */
const char *vec_larger(Emit *e, const char *x, const char *best)
{
    static const char form[] =
        "/* The larger of each pair; a NaN is larger than what stands before it. */\n"
        "static inline vec larger(vec x, vec best)\n"
        "{\n"
        "    typedef int%lld_t mask __attribute__((vector_size(%d)));\n"
        "    vec most;\n"
        "    for (int i = 0; i < %lld; i++) most[i] = x[i] > best[i] ? x[i] : best[i];\n"
        "    return (vec)((mask)most | (mask)(x != x));\n"
        "}\n";
    add_micro(e, text(e, form, 8 * (long long)ir_dtype_bytes(e->m->real),
                      e->o->target->vector_bytes, (long long)lanes_of(e)));
    return text(e, "larger(%s, %s)", x, best);
}

const char *vec_inside(Emit *e, const char *x, const char *place, int64_t by, int64_t width)
{
    static const char form[] =
        "/* x where place + by is one of `width` places, else 0. */\n"
        "static inline vec inside(vec x, const int32_t *place, int32_t by, int32_t width)\n"
        "{\n"
        "    typedef uint32_t words __attribute__((vector_size(%d), aligned(4), may_alias));\n"
        "    const words at = *(const words *)place + (uint32_t)by;\n"
        "    return (vec)((words)x & (words)(at < (uint32_t)width));\n"
        "}\n";
    add_micro(e, text(e, form, e->o->target->vector_bytes));
    return text(e, "inside(%s, %s, %lld, %lld)", x, place, (long long)by, (long long)width);
}
