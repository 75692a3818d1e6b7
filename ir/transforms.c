/* ir/transforms.c: what happens to images before the model, as lines of the program section:
 *
 *     transform train normalize channels=1 mean_0=0.5 … std_2=0.5
 *
 * Every field of the kind is said, in the table's order. */
#include "ir/parse.h"
#include <math.h>
#include <string.h>

enum { IMAGE, TENSOR };
enum { REAL, WHOLE };

const TransformInfo ir_transform_info[TRANSFORM_COUNT] = {
#define TRANSFORM(kind, word, stage, fields, doc) {#word, stage == TENSOR, fields, doc},
#include "ir/transforms.def"
};

static const struct { const char *name; double low, high; int whole; } range[] = {
#define FIELD(name, low, high, whole) {#name, low, high, whole},
#include "ir/transforms.def"
};
enum { N_RANGES = sizeof range / sizeof *range };

static const char *const pad_mode[] = {
#define PAD_MODE(word) #word,
#include "ir/transforms.def"
};
static const char *const image_filter[] = {
#define IMAGE_FILTER(word) #word,
#include "ir/transforms.def"
};

/* The words that a field's values are; null: it is a number. */
static const char *const *words_of(Word field, int *n)
{
    *n = (int)(sizeof pad_mode / sizeof *pad_mode);
    if (ir_lex_is(field, "mode"))
        return pad_mode;
    *n = (int)(sizeof image_filter / sizeof *image_filter);
    return ir_lex_is(field, "filter") ? image_filter : NULL;
}

/* The next field of a kind's list; false at its end. */
static bool next_field(const char **fields, Word *field)
{
    *fields += strspn(*fields, " ");
    *field = (Word){*fields, strcspn(*fields, " "), 0};
    *fields += field->n;
    return field->n > 0;
}

int ir_transform_field(TransformKind kind, const char *name)
{
    const char *fields = ir_transform_info[kind].fields;
    Word field;
    for (int i = 0; next_field(&fields, &field); i++)
        if (ir_lex_is(field, name))
            return i;
    return -1;
}

/* ---- checking ---- */

static bool check_field(const Transform *t, int i, Word field, char err[IR_ERR])
{
    const char *word = ir_transform_info[t->kind].word;
    double x = t->value[i];
    int n;
    if (words_of(field, &n))
        return (x >= 0 && x < n && x == floor(x))
            || ir_fail(err, "transform %s: %.*s is no known one", word, (int)field.n, field.s);
    for (int k = 0; k < N_RANGES; k++)
        if (ir_lex_is(field, range[k].name)
            && !(x >= range[k].low && x <= range[k].high && (!range[k].whole || x == floor(x))))
            return ir_fail(err, "transform %s: %.*s is a%s number from %g to %g", word,
                           (int)field.n, field.s, range[k].whole ? " whole" : "", range[k].low,
                           range[k].high);
    bool ends = field.n > 5 && !memcmp(field.s + field.n - 5, "_high", 5);
    return !ends || i == 0 || t->value[i] >= t->value[i - 1]
        || ir_fail(err, "transform %s: %.*s is below the other end", word, (int)field.n, field.s);
}

bool ir_transform_check(const Transform *t, char err[IR_ERR])
{
    const char *fields = ir_transform_info[t->kind].fields;
    Word field;
    for (int i = 0; next_field(&fields, &field); i++)
        if (!check_field(t, i, field, err))
            return false;
    return true;
}

bool ir_transforms_check(const Program *p, char err[IR_ERR])
{
    for (int set = 0; set < 2; set++) {
        bool tensor = false, any = false;
        for (int i = 0; i < p->n_transform; i++) {
            const Transform *t = &p->transform[i];
            const TransformInfo *info = &ir_transform_info[t->kind];
            if (t->test != (set == 1))
                continue;
            if (!ir_transform_check(t, err))
                return false;
            bool first = t->kind == TRANSFORM_TO_TENSOR;
            if (tensor == (first || !info->tensor))
                return ir_fail(err, "transform %s stands %s to_tensor", info->word,
                               tensor ? "after" : "before");
            tensor = tensor || first;
            any = true;
        }
        if (any && !tensor)
            return ir_fail(err, "the transforms of the %s set lack to_tensor",
                           set ? "test" : "training");
    }
    return true;
}

/* ---- text ---- */

void ir_print_transform(Str *s, const Transform *t)
{
    const char *fields = ir_transform_info[t->kind].fields;
    Word field;
    ir_str_fmt(s, "transform %s %s", t->test ? "test" : "train", ir_transform_info[t->kind].word);
    for (int i = 0; next_field(&fields, &field); i++) {
        int n;
        const char *const *words = words_of(field, &n);
        ir_str_fmt(s, " %.*s=%s", (int)field.n, field.s,
                   words ? words[(int)t->value[i]] : ir_real_string(t->value[i], s->arena));
    }
    ir_str_add(s, "\n", 1);
}

void ir_parse_transform(Parser *p)
{
    static const char *const set[] = {"train", "test"};
    const char *kinds[TRANSFORM_COUNT];
    char why[IR_ERR];
    Lex *l = &p->l;
    Transform t = {.test = ir_lex_choice(l, "train or test", set, 2) == 1};
    for (int i = 0; i < TRANSFORM_COUNT; i++)
        kinds[i] = ir_transform_info[i].word;
    size_t at = ir_lex_here(l);
    int kind = ir_lex_choice(l, "a transform", kinds, TRANSFORM_COUNT);
    if (l->failed)
        return;
    t.kind = (TransformKind)kind;
    const char *fields = ir_transform_info[kind].fields;
    Word field;
    for (int i = 0; !l->failed && next_field(&fields, &field); i++) {
        int n;
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)field.n, field.s);
        const char *const *words = words_of(field, &n);
        ir_lex_need_word(l, name);
        ir_lex_need(l, '=');
        t.value[i] = words ? ir_lex_choice(l, name, words, n) : ir_lex_real(l, "a number");
    }
    if (!l->failed && !ir_transform_check(&t, why))
        ir_lex_fail(l, at, "%.480s", why);
    if (!l->failed)
        ir_transform(p->m, t);
}
