/* tests/fuzz/test_expr.c: scalar expressions: any text is refused with a reason, or prints as
 * text that reads back the same; every rewrite and the derivative end, and simplifying changes
 * no bit. */
#define _DEFAULT_SOURCE
#include "ir/ir.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_NAME "expr"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/expr", ""}
enum { REPLAY_MUTANTS = 200 };

static const char *const names[] = {"slope", "alpha", "eps", NULL};

static void must_be_same_bits(const ExPool *p, Ex a, Ex b)
{
    static const double at[] = {0.0, -0.0, 1.5, -2.0, 3e8, -1e300, INFINITY, NAN};
    enum { N = sizeof at / sizeof *at };
    for (int i = 0; i < N; i++) {
        double args[EX_MAX_ARGS];
        for (int k = 0; k < EX_MAX_ARGS; k++)
            args[k] = at[(i + 3 * k) % N];
        double x = ex_eval(p, a, args), y = ex_eval(p, b, args);
        if (isnan(x) ? !isnan(y) : memcmp(&x, &y, sizeof x) != 0)
            ir_die(NULL, "simplifying changes %.17g to %.17g", x, y);
    }
}

static Ex without_names(ExPool *p, Ex e)
{
    for (int i = 0; names[i]; i++)
        e = ex_name_value(p, e, names[i], 0.25 * (i + 1));
    return e;
}

static void try_text(Arena *a, const char *text)
{
    char err[EX_ERR] = "";
    ExPool *p = ex_pool(a);
    Ex e = ex_parse(p, text, names, err);
    if (!e.i) {
        if (!err[0])
            ir_die(NULL, "a mistake must have a reason");
        return;
    }
    const char *once = ex_print(a, p, e);
    if (strlen(once) <= EX_MAX_TEXT) {
        Ex again = ex_parse(p, once, names, err);
        if (!again.i || strcmp(once, ex_print(a, p, again)))
            ir_die(NULL, "'%s' does not read back: %s", once, err);
    }
    Ex simple = ex_simplify(p, e);
    must_be_same_bits(p, without_names(p, e), without_names(p, simple));
    if (ex_node(p, e)->type != EXT_REAL)
        return;
    Ex d = ex_stable(p, ex_diff(p, e, 0));
    ex_in_output(p, e, d, 0, 25);
    ex_chain(p, ex_arg(p, 1), d);
    ex_cost(p, d);
    ex_print(a, p, d);
    ex_args_used(p, ex_subst(p, e, (Ex[]){d}, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    try_text(a, arena_strn(a, (const char *)data, size));
    arena_free(a);
    return 0;
}

#include "tests/fuzz/replay.h"
