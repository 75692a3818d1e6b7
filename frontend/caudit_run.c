/* frontend/caudit_run.c: the values of C functions that a C compiler has compiled.
 *
 * The file is compiled as it stands, without optimization, while its formulas are still being made.
 * What it became is opened in a process of its own, which may crash or hang without harm, can do
 * nothing but compute (caudit_confine.c), and leaves its values in shared memory. */
#define _DEFAULT_SOURCE   /* mkdtemp, MAP_ANONYMOUS, strsep */
#include "frontend/caudit.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_WORDS = 14, RUN_SECONDS = 20, NOT_CONFINED = 3 };

struct Compiled { pid_t pid; const char *folder, *object; };

Compiled *fe_compiled_begin(Arena *a, const char *cc, const char *path)
{
    /* Bound to itself: a function may be called like one of the C library. */
    static const char *const flags[] = {
        "-std=c11", "-D_DEFAULT_SOURCE",         /* M_PI and its like, as our <math.h> has them */
        "-O0", "-fno-builtin", "-ffp-contract=off", "-fPIC", "-shared", "-w",
        "-Wl,-Bsymbolic",
        "-nostdlib", "-fno-use-linker-plugin",   /* a fifth of the time; libc is here when it is opened */
        "-o",
    };
    enum { FLAGS = sizeof flags / sizeof *flags };
    const char *tmp = getenv("TMPDIR");
    char *folder = arena_printf(a, "%s/seqc.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) return NULL;
    Compiled *c = arena_alloc(a, 1, sizeof *c);
    c->folder = folder;
    c->object = arena_printf(a, "%s/functions.so", folder);
    char *argv[MAX_WORDS + FLAGS + 6] = { NULL }, *rest = arena_str(a, cc);
    int n = 0;
    for (char *word; n < MAX_WORDS && (word = strsep(&rest, " \t")) != NULL;)
        if (*word) argv[n++] = word;
    for (int i = 0; i < FLAGS; i++) argv[n++] = arena_str(a, flags[i]);
    argv[n++] = arena_str(a, c->object);
    argv[n++] = *path == '/' ? arena_str(a, path) : arena_printf(a, "./%s", path);
    argv[n++] = arena_str(a, "-lm");
    argv[n++] = arena_str(a, "-lgcc");
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    bool started = posix_spawnp(&c->pid, argv[0], &quiet, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&quiet);
    if (!started) rmdir(folder);
    return started ? c : NULL;
}

/* ---- calls ---- */

#define LIST1(x) x(0)
#define LIST2(x) LIST1(x), x(1)
#define LIST3(x) LIST2(x), x(2)
#define LIST4(x) LIST3(x), x(3)
#define LIST5(x) LIST4(x), x(4)
#define LIST6(x) LIST5(x), x(5)
#define LIST7(x) LIST6(x), x(6)
#define LIST8(x) LIST7(x), x(7)
#define LIST9(x) LIST8(x), x(8)
#define LIST10(x) LIST9(x), x(9)
#define LIST11(x) LIST10(x), x(10)
#define LIST12(x) LIST11(x), x(11)
#define LIST13(x) LIST12(x), x(12)
#define LIST14(x) LIST13(x), x(13)
#define LIST15(x) LIST14(x), x(14)
#define LIST16(x) LIST15(x), x(15)
#define LIST17(x) LIST16(x), x(16)
#define LIST18(x) LIST17(x), x(17)
#define LIST19(x) LIST18(x), x(18)
#define LIST20(x) LIST19(x), x(19)
#define LIST21(x) LIST20(x), x(20)
#define LIST22(x) LIST21(x), x(21)
#define LIST23(x) LIST22(x), x(22)
#define LIST24(x) LIST23(x), x(23)
#define LIST25(x) LIST24(x), x(24)
#define LIST26(x) LIST25(x), x(25)
#define COUNTS(CASE) \
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) \
    CASE(12) CASE(13) CASE(14) CASE(15) CASE(16) CASE(17) CASE(18) CASE(19) CASE(20) CASE(21) \
    CASE(22) CASE(23) CASE(24) CASE(25) CASE(26)

#define FLOAT(i) float
#define FLOAT_ARG(i) (float)v[i]
#define DOUBLE(i) double
#define DOUBLE_ARG(i) v[i]

/* dlsym gives objects, whose bits are those of a function's pointer. */
static double call_float(void *f, int n, const double *v)
{
    switch (n) {
#define CASE(n) case n: { \
        float (*g)(LIST##n(FLOAT)); \
        memcpy(&g, &f, sizeof g); \
        return (double)g(LIST##n(FLOAT_ARG)); \
    }
    COUNTS(CASE)
#undef CASE
    default: return 0;
    }
}

static double call_double(void *f, int n, const double *v)
{
    switch (n) {
#define CASE(n) case n: { \
        double (*g)(LIST##n(DOUBLE)); \
        memcpy(&g, &f, sizeof g); \
        return g(LIST##n(DOUBLE_ARG)); \
    }
    COUNTS(CASE)
#undef CASE
    default: return 0;
    }
}

/* ---- the process ---- */

static void run_all(const char *object, const CRun *run, int n, double *out)
{
    alarm(RUN_SECONDS);
    if (!fe_confine()) _exit(NOT_CONFINED);
    void *library = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    for (int i = 0; i < n; i++) {
        void *f = library ? dlsym(library, run[i].name) : NULL;
        if (!f) _exit(1);
        for (int k = 0; k < run[i].n; k++) {
            const double *in = run[i].in + (size_t)k * (size_t)run[i].n_param;
            *out++ = run[i].is_double ? call_double(f, run[i].n_param, in)
                                      : call_float(f, run[i].n_param, in);
        }
    }
    _exit(0);
}

static const char *run_apart(const char *object, CRun *run, int n)
{
    size_t count = 0, at = 0;
    for (int i = 0; i < n; i++) count += (size_t)run[i].n;
    double *out = mmap(NULL, count * sizeof *out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0);
    if (out == MAP_FAILED) return "there is no memory for it";
    pid_t child = fork();
    if (child == 0) run_all(object, run, n, out);
    int status = 1;
    bool ran = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    for (int i = 0; ran && i < n; i++) {
        memcpy(run[i].out, out + at, (size_t)run[i].n * sizeof *out);
        at += (size_t)run[i].n;
    }
    munmap(out, count * sizeof *out);
    return ran ? NULL
         : WIFEXITED(status) && WEXITSTATUS(status) == NOT_CONFINED
             ? "this system cannot keep them from doing more than compute"
             : "what the C compiler made of it does not run here";
}

const char *fe_compiled_run(Compiled *c, CRun *run, int n)
{
    if (!c) return "there is no C compiler";
    int status = 1;
    bool compiled = waitpid(c->pid, &status, 0) == c->pid && status == 0;
    const char *why = !compiled ? "the C compiler does not take the file"
                      : n       ? run_apart(c->object, run, n)
                                : NULL;
    unlink(c->object);
    rmdir(c->folder);
    return why;
}
