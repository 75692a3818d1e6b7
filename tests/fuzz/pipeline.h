/* tests/fuzz/pipeline.h: what must hold for a module that came from outside: text that is
 * refused is refused by the parser or the verifier, and what they take goes through everything.
 * Included by the harnesses of the model language and of IR text. */
#ifndef SEQC_FUZZ_PIPELINE_H
#define SEQC_FUZZ_PIPELINE_H
#include "codegen/codegen.h"
#include "passes/passes.h"
#include <stdlib.h>
#include <string.h>

/* print(parse(print(m))) is print(m). */
static void must_round_trip(const Module *m)
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

static void must_print(const Module *m)
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
static void must_compile(const Module *m)
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
