/* ir/ops.c: the tables of ops, attributes, algorithms and targets, pasted from the .def files, and
 * the words of the text form that no .def has. */
#include "ir/priv.h"
#include <string.h>

#define AB(name) (UINT64_C(1) << AT_##name)
const OpInfo ir_op[OP_COUNT] = {
    {"none", 0, 0, KIND_NONE, 0, 0, NULL, "no op"},
#define OP(name, min_in, max_in, kind, shape, eval, grad, required, optional, scalar, doc) \
    {#name, min_in, max_in, KIND_##kind, required, optional, scalar, doc},
#include "ir/ops.def"
#undef OP
};

const AttrInfo ir_attr_info[AT_COUNT] = {
#define NONE IR_NOT_NEUTRAL
#define ATTR(name, kind, neutral, doc) {#name, ATK_##kind, neutral, doc},
#include "ir/attrs.def"
#undef ATTR
#undef NONE
};

const AlgoInfo ir_algo[ALGO_COUNT] = {
    {"none", KIND_NONE, false, ERR_EXACT, ON_ANY, "none chosen yet"},
#define ALGO(name, root, epilogue, error, machine, doc) \
    {#name, KIND_##root, epilogue, ERR_##error, ON_##machine, doc},
#include "ir/algos.def"
#undef ALGO
};

const ErrorInfo ir_error[ERR_COUNT] = {
#define ERROR_CLASS(name, net, doc) { net, doc },
#include "ir/math.def"
};

const MathInfo ir_math[MATH_COUNT] = {
#define MATH(name, loosest, doc) {#name, ERR_##loosest, doc},
#include "ir/math.def"
};

bool ir_admits(MathMode mode, Algo algo)
{
    return ir_algo[algo].error <= ir_math[mode].loosest;
}

bool ir_serves(const Target *t, Algo algo)
{
    return ir_algo[algo].machine == ON_ANY
        || (ir_algo[algo].machine == ON_GPU) == (t->block_threads > 0);
}

const Target ir_targets[] = {
#define TARGET(id, march, name, machine, vector, sums, l1, l2, fma, tile, features) \
    {#id, march, name, machine, vector, sums, l1, l2, fma, tile, features, 0, 0, 0},
#include "ir/targets.def"
};
const int ir_n_targets = (int)(sizeof ir_targets / sizeof ir_targets[0]);

static const Target gpus[] = {
#define GPU(word, people, threads, flop, bytes) \
    {.id = #word, .march = "", .name = people, .machine = "", .features = "", \
     .block_threads = threads, .block_flop = flop, .block_bytes = bytes},
#include "ir/targets.def"
};

const char *const ir_role_name[4] = {"param", "frozen", "buffer", "optimizer"};
const char *const ir_draw_name[DRAW_COUNT] = {
#define DRAW(kind, word, ...) #word,
#include "ir/draws.def"
#undef DRAW
};
enum { NONE, STATE, ALL = 0, COUNTED = 1 };
const DrawInfo ir_draw_info[DRAW_COUNT] = {
#define DRAW(kind, word, state, numbers, elements, doc) {#word, state, numbers, elements},
#include "ir/draws.def"
#undef DRAW
};
const char *const ir_target_name[4] = {"none", "class", "index", "real"};
const char *const ir_metric_name[3] = {"accuracy", "mae", "r2"};
const char *const ir_plateau_name[PLATEAU_COUNT] = {"factor", "patience", "threshold", "relative",
                                                    "cooldown", "min_lr", "eps"};

bool ir_target_foreign(const Target *t)
{
#if defined __x86_64__
    static const char own[] = "x86_64";
#elif defined __aarch64__
    static const char own[] = "aarch64";
#else
    static const char own[] = "another";
#endif
    return *t->machine && strcmp(t->machine, own) != 0;
}

const Target *ir_target(const char *march)
{
    for (int i = 0; i < ir_n_targets; i++)
        if (!strcmp(ir_targets[i].id, march) || (*march && !strcmp(ir_targets[i].march, march)))
            return &ir_targets[i];
    return NULL;
}

const Target *ir_gpu(const char *id)
{
    for (size_t i = 0; i < sizeof gpus / sizeof *gpus; i++)
        if (!strcmp(gpus[i].id, id)) return &gpus[i];
    return NULL;
}

static bool named(const char *entry, const char *name, size_t len)
{
    return strlen(entry) == len && !memcmp(entry, name, len);
}

Op ir_op_named(const char *name, size_t len)
{
    for (int op = OP_NONE + 1; op < OP_COUNT; op++)
        if (named(ir_op[op].name, name, len))
            return (Op)op;
    return OP_NONE;
}

int ir_attr_named(const char *name, size_t len)
{
    for (int id = 0; id < AT_COUNT; id++)
        if (named(ir_attr_info[id].name, name, len))
            return id;
    return -1;
}

uint64_t ir_attrs_allowed(Op op)
{
    OpKind kind = ir_op[op].kind;
    uint64_t chosen = AB(algo) | AB(tile) | AB(micro) | AB(why);
    bool computed = kind != KIND_LEAF && kind != KIND_VIEW && kind != KIND_NONE;
    return ir_op[op].required | ir_op[op].optional | (computed ? chosen : 0);
}

enum { NEAR_MAX = 24 };

Near ir_near(const char *text, size_t len)
{
    return (Near){text, len, NULL, len < 3 ? 2 : len < 6 ? 3 : 4};
}

/* Levenshtein's distance with one row of the table. */
static int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int row[NEAR_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (int)j;
    for (size_t i = 0; i < a_len; i++) {
        int diagonal = row[0];
        row[0] = (int)i + 1;
        for (size_t j = 0; j < b_len; j++) {
            int change = diagonal + (a[i] != b[j]);
            int skip = 1 + (row[j] < row[j + 1] ? row[j] : row[j + 1]);
            diagonal = row[j + 1];
            row[j + 1] = change < skip ? change : skip;
        }
    }
    return row[b_len];
}

void ir_near_try(Near *n, const char *candidate)
{
    size_t len = strlen(candidate);
    if (len > NEAR_MAX || n->len > NEAR_MAX)
        return;
    int d = distance(n->text, n->len, candidate, len);
    if (d < n->distance) {
        n->best = candidate;
        n->distance = d;
    }
}
