/* tests/fuzz/pipeline.h: what must hold for a module that came from outside: text that is
 * refused is refused by the parser or the verifier, and what they take goes through everything.
 * Included by the harnesses of the model language, of IR text and of the pipeline. */
#ifndef SEQC_FUZZ_PIPELINE_H
#define SEQC_FUZZ_PIPELINE_H
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include <stdlib.h>
#include <string.h>

#define FOLDERS_OF_IR \
    {"tests/passes/shape", ".ir"}, \
    {"tests/passes/simplify", ".ir"}, \
    {"tests/passes/differentiate", ".ir"}, \
    {"tests/passes/optimizer", ".ir"}, \
    {"tests/passes/tidy", ".ir"}, \
    {"tests/passes/layout", ".ir"}, \
    {"tests/passes/fuse", ".ir"}, \
    {"tests/passes/schedule", ".ir"}, \
    {"tests/passes/plan", ".ir"}

/* A model file; a first line "#: 3,32,32" is its --input. Null: refused, d says why. */
static inline Module *module_of_model(const uint8_t *data, size_t size, FeDiags *d)
{
    char input[64] = "";
    const uint8_t *end = size > 3 && !memcmp(data, "#: ", 3) ? memchr(data, '\n', size) : NULL;
    if (end && end - data < 60)
        memcpy(input, data + 3, (size_t)(end - data) - 3);
    FeOpts o = {.input = *input ? input : NULL, .real = DT_f32};
    return fe_compile("fuzz.py", (const char *)data, size, &o, d);
}

/* print(parse(print(m))) is print(m). */
static inline void must_round_trip(const Module *m)
{
    Arena *a = arena_new();
    ParseErr err;
    char *once = ir_print_string(m, a);
    Module *again = ir_parse(once, strlen(once), &err);
    if (!again)
        ir_die(m, "the text does not parse: %d:%d: %s", err.line, err.col, err.text);
    char *twice = ir_print_string(again, a);
    if (strcmp(once, twice))
        ir_die(m, "the text changes when it is read and printed again");
    ir_module_free(again);
    arena_free(a);
}

static inline void must_print(const Module *m)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        exit(5);
    ir_print_json(m, f, NULL);
    ir_print_dot(m, f, NULL);
    ir_print_svg(m, f, NULL);
    ir_print_table(m, f, NULL);
    fclose(f);
    free(text);
}

/* m is verified. All passes, each verified with its round trip; source text, if it is a program. */
static inline void must_compile(const Module *m)
{
    const PassCtx c = {.target = ir_target("x86-64-v3"), .blas = BLAS_NONE, .verify = true};
    Module *done = pass_run(m, &c, NULL);
    must_print(done);
    char why[IR_ERR] = "", *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        exit(5);
    if (ir_program_check(done, why))
        emit_program(done, &(EmitOpts){.target = c.target, .version = "0", .source = "fuzz"}, f);
    else if (!why[0])
        ir_die(done, "the check of the program must say what is wrong");
    fclose(f);
    free(text);
    ir_module_free(done);
}

#endif
