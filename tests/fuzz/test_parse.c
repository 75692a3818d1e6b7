/* tests/fuzz/test_parse.c: the model language's lexer and parser alone: any bytes become a tree
 * whose places lie in the text, with errors or without. What a tree does when it runs, and how
 * errors print, is test_model.c's, which takes ten times as long. */
#define _DEFAULT_SOURCE
#include "frontend/ast.h"

#define REPLAY_NAME "parse"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/model", ""}, {"tests/errors", ".py"}, \
    {"tests/unit/language", ".py"}
enum { REPLAY_MUTANTS = 120 };

static void must_lie_within(Span at, uint32_t size)
{
    if (at.at > size || at.len > size - at.at)
        ir_die(NULL, "%u bytes at %u are not in a text of %u", at.len, at.at, size);
}

static void must_be_all_placed(const Script *s, uint32_t size);

static void must_be_placed(const Expr *x, uint32_t size)
{
    if (!x)
        return;
    must_lie_within(x->at, size);
    must_be_placed(x->of, size);
    for (int i = 0; i < x->n_item; i++)
        must_be_placed(x->item[i], size);
    for (int i = 0; i < x->n_arg; i++)
        must_be_placed(x->arg[i].value, size);
    for (int i = 0; i < x->n_clause; i++)
        must_be_placed(x->clause[i].iter, size);
}

static void must_be_all_placed(const Script *s, uint32_t size)
{
    for (int i = 0; i < s->n_stmt; i++) {
        const Stmt *t = &s->stmt[i];
        must_lie_within(t->at, size);
        must_be_placed(t->value, size);
        must_be_placed(t->message, size);
        for (int k = 0; k < t->n_target; k++)
            must_be_placed(t->target[k], size);
        must_be_all_placed(&t->body, size);
        must_be_all_placed(&t->other, size);
        if (t->fn)
            must_be_all_placed(&t->fn->body, size);
        if (t->cls)
            must_be_all_placed(&t->cls->body, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    FeDiags *d = fe_diags_new();
    Script s = fe_parse(d, fe_source(d, "fuzz.py", (const char *)data, size), a);
    must_be_all_placed(&s, (uint32_t)size);
    fe_diags_free(d);
    arena_free(a);
    return 0;
}

#include "tests/fuzz/replay.h"
