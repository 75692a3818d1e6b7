/* tests/e2e/loaded.h: generated code in this process: a planned module is written, compiled without
 * a warning to a shared object, and opened. What is for a processor with matrix tiles runs on one
 * without them too: tiles are then computed in C. */
#ifndef SEQC_TEST_LOADED_H
#define SEQC_TEST_LOADED_H
#include "codegen/codegen.h"
#include "runtime/base.h"
#include "runtime/pool.h"
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

/* What the shared object gets in place of the runtime's archive. */
static const char *const loaded_glue =
    "\nconst int RT_ABI_SYMBOL = RT_ABI;\n"
    "typedef void parallel_fn(rt_pool *, rt_task *, const void *, int64_t);\n"
    "parallel_fn *test_parallel;\n"
    "void rt_parallel(rt_pool *pool, rt_task *task, const void *ctx, int64_t n)\n"
    "{ test_parallel(pool, task, ctx, n); }\n"
    "int rt_main(const rt_model *const *m, int argc, char **argv)\n"
    "{ (void)m; (void)argv; return argc; }\n"
    "extern const rt_model *const test_model;\n"
    "const rt_model *const test_model = &model;\n";

typedef struct Loaded { void *so; const rt_model *model; } Loaded;

static Loaded loaded_open(const char *name, const Module *planned, const Target *t)
{
    const char *dir = getenv("SCRATCH"), *cc = getenv("CC");
    char source[512], object[512], command[3000];
    snprintf(source, sizeof source, "%s/kernel-%ld.c", dir ? dir : "/tmp", (long)getpid());
    snprintf(object, sizeof object, "%s/kernel-%ld.so", dir ? dir : "/tmp", (long)getpid());
    FILE *f = fopen(source, "w");
    ck_assert(f != NULL);
    emit_program(planned, &(EmitOpts){ t, "test", "test.py", false }, f);
    fputs(loaded_glue, f);
    ck_assert(fclose(f) == 0);
    bool here = rt_cpu_runs(t->features);
    const char *isa = here ? t->march : "native -DEMULATE_TILES";
    int n = snprintf(
        command, sizeof command,
        "%s -std=c11 -O1 %s%s -fno-math-errno -fno-trapping-math -ffp-contract=fast "
        "-fopenmp-simd -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I. -shared "
        "-fPIC -o %s %s %s -lm",
        cc ? cc : "cc", *isa ? "-march=" : "", isa, object, source,
        emit_uses_blas(planned) ? "-lopenblas" : "");
    ck_assert(n > 0 && n < (int)sizeof command);
    ck_assert_msg(system(command) == 0, "%s: the generated source does not compile: %s", name,
                  source);
    Loaded l = { .so = dlopen(object, RTLD_NOW | RTLD_LOCAL) };
    ck_assert_msg(l.so != NULL, "%s: %s", name, dlerror());
    void (**parallel)(rt_pool *, rt_task *, const void *, int64_t) = dlsym(l.so, "test_parallel");
    *parallel = rt_parallel;
    l.model = *(const rt_model *const *)dlsym(l.so, "test_model");
    unlink(object);
    unlink(source);
    return l;
}

static void loaded_close(Loaded *l) { dlclose(l->so); }
#endif
