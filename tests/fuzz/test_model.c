/* tests/fuzz/test_model.c: the model language: any bytes end in diagnostics or in a module, and
 * the diagnostics can be printed. What becomes of such a module is test_pipeline.c's.
 *
 * A first line "#: 3,32,32" gives --input, so that models without one are reached too. */
#define _DEFAULT_SOURCE
#include "tests/fuzz/pipeline.h"

#define REPLAY_NAME "model"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/model", ""}, {"tests/errors", ".py"}, \
    {"tests/fixtures/models", ".py"}
enum { REPLAY_MUTANTS = 60 };

static void must_explain(const FeDiags *d, bool failed)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        exit(5);
    fe_diags_text(d, f, true);
    fe_diags_json(d, f);
    fclose(f);
    if (failed != (fe_error_count(d) > 0) || (failed && size == 0))
        ir_die(NULL, "a model without a module must have an error, one with a module none");
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FeDiags *d = fe_diags_new();
    Module *m = module_of_model(data, size, d);
    char why[IR_ERR];
    must_explain(d, m == NULL);
    fe_diags_free(d);
    if (m && !ir_verify(m, why))
        ir_die(m, "the frontend made it: %s", why);
    ir_module_free(m);
    return 0;
}

#include "tests/fuzz/replay.h"
