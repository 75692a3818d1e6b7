/* frontend/names.c: which names PyTorch's world has, which of them this version knows, and which
 * known name a misspelt one was meant to be. All from tables. */
#include "frontend/value.h"
#include <stdlib.h>
#include <string.h>

static const struct { const char *path, *names; SpaceKind kind; } spaces[] = {
#define SPACE(path, predeclared, kind) { path, predeclared, SPACE_##kind },
#include "frontend/spaces.def"
#undef SPACE
};

static const struct { const char *path, *instead; } elsewhere[] = {
#define KNOWN(path, instead) { path, instead },
#include "frontend/known.def"
#undef KNOWN
};

/* Bodies of the tables' rows, declared before they are pasted. */
#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

enum {
#define LAYER(name, ...) LAYER_ROW_##name,
#include "frontend/layers.def"
#undef LAYER
    LAYER_ROW_COUNT
};
enum {
#define LOSS(name, ...) LOSS_ROW_##name,
#include "frontend/losses.def"
#undef LOSS
};
enum {
#define OPTIM(name, ...) OPTIM_ROW_##name,
#include "frontend/optims.def"
#undef OPTIM
};
enum {
#define SCHEDULER(name, ...) SCHEDULER_ROW_##name,
#include "frontend/schedulers.def"
#undef SCHEDULER
};
enum {
#define INIT(name, ...) INIT_ROW_##name,
#include "frontend/inits.def"
#undef INIT
};
enum {
#define IMAGE_TRANSFORM(name, ...) TRANSFORM_ROW_##name,
#include "frontend/transforms.def"
#undef IMAGE_TRANSFORM
};
enum {
#define DATASET(name, ...) DATASET_ROW_##name,
#include "frontend/datasets.def"
#undef DATASET
};

enum {
#define FORM(name, ...) FORM_ROW_##name,
#include "frontend/forward.def"
#undef FORM
};

#define no_path "-.-"            /* no name that anyone can write */
static const Fn fns[] = {
#define LAYER(name, signature, ...)                                                                \
    { "torch.nn." #name, signature, fe_make_layer, LAYER_ROW_##name },
#include "frontend/layers.def"
#undef LAYER
#define LOSS(name, signature, ...) { "torch.nn." #name, signature, fe_make_loss, LOSS_ROW_##name },
#include "frontend/losses.def"
#undef LOSS
#define OPTIM(name, rule, signature)                                                               \
    { "torch.optim." #name, signature, fe_make_optim, OPTIM_ROW_##name },
#include "frontend/optims.def"
#undef OPTIM
#define SCHEDULER(name, signature, ...)                                                            \
    { "torch.optim.lr_scheduler." #name, signature, fe_make_schedule, SCHEDULER_ROW_##name },
#include "frontend/schedulers.def"
#undef SCHEDULER
#define INIT(name, signature, ...) { "torch.nn.init." #name, signature, fe_init, INIT_ROW_##name },
#include "frontend/inits.def"
#undef INIT
#define IMAGE_TRANSFORM(name, signature, rule)                                                     \
    { "torchvision.transforms." #name, signature, fe_make_transform, TRANSFORM_ROW_##name },
#include "frontend/transforms.def"
#undef IMAGE_TRANSFORM
#define DATASET(name, signature, ...)                                                              \
    { "torchvision.datasets." #name, signature, fe_make_dataset, DATASET_ROW_##name },
#include "frontend/datasets.def"
#undef DATASET
#define FN(path, signature, body) { path, signature, body, 0 },
#include "frontend/builtins.def"
#undef FN
/* Three names each, of which `forms` says which there are. */
#define FORM(name, forms, signature, ...)                                                          \
    { forms & FORM_M ? ".traced." #name : no_path, signature, fe_forward, FORM_ROW_##name },        \
    { forms & FORM_T ? "torch." #name : no_path, signature, fe_forward, FORM_ROW_##name },         \
    { forms & FORM_F ? "torch.nn.functional." #name : no_path, signature, fe_forward,              \
      FORM_ROW_##name },
#include "frontend/forward.def"
#undef FORM
};
enum { N_FNS = sizeof fns / sizeof *fns };

const char *fe_last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

const Fn *fe_tensor_fn(const char *path)
{
    for (size_t i = 0; i < N_FNS; i++)
        if (fns[i].body == fe_forward && strcmp(fns[i].path, path) == 0) return &fns[i];
    return NULL;
}

const Fn *fe_fn(const char *path)
{
    for (size_t i = 0; i < N_FNS; i++)
        if (strcmp(fns[i].path, path) == 0) return &fns[i];
    return NULL;
}

SpaceKind fe_space(const char *path)
{
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (strcmp(spaces[i].path, path) == 0) return spaces[i].kind;
    return SPACE_NONE;
}

/* Is `name` one of the blank-separated words? */
static bool has_word(const char *words, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = words; n > 0 && (p = strstr(p, name)) != NULL; p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == 0 || p[n] == ' ')) return true;
    return false;
}

const char *fe_predeclared(const char *name)
{
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (has_word(spaces[i].names, name)) return spaces[i].path;
    return NULL;
}

bool fe_known_elsewhere(const char *path, const char **instead)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(elsewhere[i].path, path) == 0) {
            *instead = elsewhere[i].instead;
            return true;
        }
    return false;
}

/* ---- the nearest known name ---- */

enum { MAX_WORD = 40 };

static int lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

/* Twice the edit distance (insert, delete, replace, swap neighbours); another case of a letter is
 * half a change. */
static int distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    int row[3][MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD) return 1000;
    for (size_t j = 0; j <= m; j++) row[0][j] = 2 * (int)j;
    int *old = row[1], *prev = row[0], *cur = row[2];
    for (size_t i = 1; i <= n; i++) {
        cur[0] = 2 * (int)i;
        for (size_t j = 1; j <= m; j++) {
            int same = a[i - 1] == b[j - 1] ? 0 : lower(a[i - 1]) == lower(b[j - 1]) ? 1 : 2;
            int d = prev[j - 1] + same;
            if (prev[j] + 2 < d) d = prev[j] + 2;
            if (cur[j - 1] + 2 < d) d = cur[j - 1] + 2;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]
                && old[j - 2] + 2 < d)
                d = old[j - 2] + 2;
            cur[j] = d;
        }
        int *t = old;
        old = prev, prev = cur, cur = t;
    }
    return prev[m];
}

/* A name farther away than this was not meant. */
static int allowed(const char *wanted)
{
    size_t d = strlen(wanted) * 2 / 3;
    return d < 2 ? 2 : d > 6 ? 6 : (int)d;
}

void fe_consider(Nearest *n, const char *name)
{
    size_t a = strlen(n->wanted), b = strlen(name);
    int limit = n->best ? n->distance - 1 : allowed(n->wanted);
    /* Most names differ too much in length alone. */
    if (2 * (a < b ? b - a : a - b) > (size_t)limit) return;
    int d = distance(n->wanted, name);
    if (d > limit) return;
    n->best = name;
    n->distance = d;
}

const char *fe_nearest(const Nearest *n) { return n->best; }

/* The name of something that stands directly in the space; null if it stands elsewhere. */
static const char *member(const char *path, const char *space)
{
    size_t n = strlen(space);
    if (n == 0) return strchr(path, '.') ? NULL : path;
    if (strncmp(path, space, n) != 0 || path[n] != '.' || strchr(path + n + 1, '.')) return NULL;
    return path + n + 1;
}

void fe_consider_space(Nearest *n, const char *path)
{
    for (size_t i = 0; i < N_FNS; i++) {
        const char *name = member(fns[i].path, path);
        if (name) fe_consider(n, name);
    }
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        const char *name = member(elsewhere[i].path, path);
        if (name) fe_consider(n, name);
    }
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        const char *name = member(spaces[i].path, path);
        if (name) fe_consider(n, name);
    }
}

/* Names of a space, without activations: there are many, and the table grows. */
/* Conv1d and Conv2d: the same but for that digit. */
static bool is_second(const char *first, const char *name)
{
    size_t n = strlen(name);
    return n > 2 && strcmp(name + n - 2, "2d") == 0 && strlen(first) == n
        && strncmp(first, name, n - 2) == 0 && strcmp(first + n - 2, "1d") == 0;
}

const char *fe_names_here(Arena *a, const char *path, bool losses)
{
    const char *list = "", *last = "";
    for (size_t i = 0; i < N_FNS; i++) {
        const char *name = member(fns[i].path, path);
        bool activation = fns[i].body == fe_make_layer
            && strcmp(fe_layer[fns[i].row].rule, "elementwise") == 0;
        bool holds = fns[i].body == fe_fn_module_class || fns[i].body == fe_fn_parameter
            || fns[i].body == fe_make_module_list;
        if (name && !activation && !holds
            && (strstr(name, "Loss") != NULL) == losses)
            list = is_second(last, name) ? arena_printf(a, "%s/2d", list)
                 : *list ? arena_printf(a, "%s, %s", list, name) : name;
        if (name) last = name;
    }
    return list;
}
