/* tests/e2e/loaded.h: generated code in this process: a planned module is written, compiled without
 * a warning to a shared object, and opened. What is for a processor with matrix tiles runs on one
 * without them too: tiles are then computed in C. What is for CUDA runs in the emulator. */
#ifndef SEQC_TEST_LOADED_H
#define SEQC_TEST_LOADED_H
#include "codegen/codegen.h"
#include "runtime/base.h"
#include "runtime/pool.h"
#include "tests/cuda/emulated.h"
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

/* optimize: "-O1", say; flag: one more, or null. Lives in the arena until emit_close. Each object has a name of its own:
 * of one name, dlopen gives what is open already. */
static Replay *loaded_open(const char *name, const Module *planned, const Target *target,
                           const char *optimize, const char *flag, Arena *a)
{
    bool here = rt_cpu_runs(target->features), cuda = target->block_threads > 0;
    const char *const strict[] = { optimize, flag ? flag : "-Wall", "-Wall", "-Wextra", "-Wpedantic",
                                   "-Wconversion", "-Wshadow", "-Werror",
                                   "-Wno-pass-failed",       /* Clang's -O1 vectorizes nothing, and says so */
                                   here ? NULL : "-DEMULATE_TILES", NULL };
    const char *const emulated[] = { optimize, "-std=gnu11", flag ? flag : "-Wall", "-Wall", "-Wextra", "-Wshadow",
                                     "-Werror", "-Wno-unknown-pragmas", "-Wno-unused-function",
                                     "-I.", NULL };
    const char *dir = getenv("SCRATCH");
    static int count;
    const char *base = arena_printf(a, "%s/kernel-%ld-%d", dir ? dir : "/tmp", (long)getpid(), count++);
    const char *source = arena_printf(a, "%s.c", base), *object = arena_printf(a, "%s.so", base);
    FILE *f = fopen(source, "w");
    ck_assert(f != NULL);
    EmitOpts options = { .target = target, .version = "test", .source = "test.py" };
    if (cuda) emulated_write(f, base, planned, &options, a);
    else emit_replay(planned, &options, f);
    ck_assert(fclose(f) == 0);
    char *message = NULL;
    CompileUnit unit = { .source = source, .target = target, .native = !here };
    CompileOpts o = { .blas = emit_uses_blas(planned), .shared = true,
                      .extra = cuda ? emulated : strict,
                      .runtime_dir = getenv("SEQC_HOME") };
    ck_assert_msg(emit_compile(&unit, 1, object, &o, &message, a), "%s: %s", name, message);
    Replay *r = emit_open(planned, object, &message, a);
    ck_assert_msg(r != NULL, "%s: %s", name, message);
    void (**parallel)(rt_pool *, rt_task *, const void *, int64_t);
    parallel = emit_symbol(r, "seqc_parallel");
    *parallel = rt_parallel;
    static const char *const made[] = { "so", "c", "cu", "h" };
    for (int i = 0; i < 4; i++) unlink(arena_printf(a, "%s.%s", base, made[i]));
    return r;
}
#endif
