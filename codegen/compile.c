/* codegen/compile.c: calls the C compiler on generated source.
 *
 * Knows how a C compiler is found and what it is told, not what it compiles. Libraries are linked
 * statically where the compiler finds an archive, so that a program needs libc, libm and libpthread
 * alone. Nothing goes through a shell: paths may hold any character.
 *
 * Sources: GCC's manual, "Options Controlling Optimization" and "Link Options"; POSIX posix_spawn. */
#define _GNU_SOURCE   /* pipe2 */
#include "codegen/codegen.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_ARGS = 96, MAX_OUTPUT = 1 << 16 };

/* Numbers as DESIGN wants them: no errno, no traps, fused multiply-add, reassociation only where a
 * loop's pragma grants it. */
static const char *const base_flags[] = {
    "-std=c11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast",
    "-fopenmp-simd"};

typedef struct { const char *arg[MAX_ARGS]; int n; } Args;

static void push(Args *a, const char *s)
{
    if (a->n + 1 >= MAX_ARGS)
        ir_die(NULL, "more than %d arguments for the C compiler", MAX_ARGS - 1);
    a->arg[a->n++] = s;
    a->arg[a->n] = NULL;
}

/* Is `name` something that can be run: as a path, or along $PATH? */
static bool runnable(const char *name, Arena *a)
{
    if (strchr(name, '/'))
        return access(name, X_OK) == 0;
    const char *path = getenv("PATH");
    for (const char *p = path && *path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        size_t length = strcspn(p, ":");
        const char *dir = length ? arena_strn(a, p, length) : ".";
        if (access(arena_printf(a, "%s/%s", dir, name), X_OK) == 0)
            return true;
        p += length + (p[length] == ':');
    }
    return false;
}

/* The compiler and its own arguments ("ccache gcc" is two). */
static bool choose_cc(const CompileOpts *o, Args *out, char **message, Arena *a)
{
    static const char *const usual[] = {"cc", "gcc", "clang"};
    const char *env = getenv("CC");
    const char *said = o->cc ? o->cc : env && env[strspn(env, " \t")] ? env : NULL;
    if (!said) {
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
            if (runnable(usual[i], a)) {
                push(out, usual[i]);
                return true;
            }
        *message = arena_printf(a, "no C compiler: cc, gcc and clang are not on the PATH\n"
                                "help: install one (`apt-get install gcc`), or name it with --cc");
        return false;
    }
    for (const char *p = said;;) {
        p += strspn(p, " \t");
        size_t length = strcspn(p, " \t");
        if (!length)
            break;
        push(out, arena_strn(a, p, length));
        p += length;
    }
    if (out->n && runnable(out->arg[0], a))
        return true;
    *message = arena_printf(a, "the C compiler '%s' (from %s) is not there or cannot be run\n"
                            "help: name another with --cc, or install it", said,
                            o->cc ? "--cc" : "$CC");
    return false;
}

/* The command as a person would type it. */
static const char *command_line(const Args *c, Arena *a)
{
    const char *line = "";
    for (int i = 0; i < c->n; i++) {
        bool plain = c->arg[i][0] && !c->arg[i][strspn(c->arg[i],
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,+:@%")];
        line = arena_printf(a, plain ? "%s%s%s" : "%s%s'%s'", line, i ? " " : "", c->arg[i]);
    }
    return line;
}

/* What `fd` gives until its end; only the beginning is kept. */
static char *read_all(int fd, Arena *a)
{
    char *kept = arena_alloc(a, MAX_OUTPUT + 1, 1), chunk[4096];
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return kept;
        size_t take = (size_t)got < MAX_OUTPUT - n ? (size_t)got : MAX_OUTPUT - n;
        memcpy(kept + n, chunk, take);
        n += take;
    }
}

static bool spawn(const Args *c, int out, pid_t *pid, char **message, Arena *a)
{
    posix_spawn_file_actions_t act;
    int error = posix_spawn_file_actions_init(&act);
    if (!error) {
        error = posix_spawn_file_actions_addopen(&act, 0, "/dev/null", O_RDONLY, 0);
        if (!error)
            error = posix_spawn_file_actions_adddup2(&act, out, 1);
        if (!error)
            error = posix_spawn_file_actions_adddup2(&act, out, 2);
        /* posix_spawn reads the vector alone; its type predates const. */
        char *argv[MAX_ARGS];
        for (int i = 0; i <= c->n; i++)
            memcpy(&argv[i], &c->arg[i], sizeof argv[i]);
        if (!error)
            error = posix_spawnp(pid, c->arg[0], &act, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&act);
    }
    if (error)
        *message = arena_printf(a, "%s cannot be started: %s", c->arg[0], strerror(error));
    return !error;
}

/* Runs a command; what it prints, on both streams, in *printed. False and a message if it cannot be
 * started; *status as waitpid gives it. */
static bool run(const Args *c, int *status, char **printed, char **message, Arena *a)
{
    int fd[2];
    pid_t pid = 0;
    if (pipe2(fd, O_CLOEXEC)) {
        *message = arena_printf(a, "a pipe to the C compiler: %s", strerror(errno));
        return false;
    }
    bool ok = spawn(c, fd[1], &pid, message, a);
    close(fd[1]);
    if (ok) {
        *printed = read_all(fd[0], a);
        while (waitpid(pid, status, 0) < 0)
            if (errno != EINTR) {
                *message = arena_printf(a, "waiting for %s: %s", c->arg[0], strerror(errno));
                ok = false;
                break;
            }
    }
    close(fd[0]);
    return ok;
}

/* Where the compiler finds this library file; null: nowhere. */
static const char *find_archive(const Args *cc, const char *file, Arena *a)
{
    Args c = *cc;
    char *printed = NULL, *message = NULL;
    int status = 0;
    push(&c, arena_printf(a, "-print-file-name=%s", file));
    if (!run(&c, &status, &printed, &message, a) || status)
        return NULL;
    printed[strcspn(printed, "\n")] = '\0';
    return strchr(printed, '/') && access(printed, R_OK) == 0 ? printed : NULL;
}

static void push_library(Args *c, const Args *cc, const char *name, Arena *a)
{
    const char *archive = find_archive(cc, arena_printf(a, "lib%s.a", name), a);
    push(c, archive ? archive : arena_printf(a, "-l%s", name));
}

static void push_all(Args *c, const Args *cc, const char *source, const char *output,
                     const CompileOpts *o, Arena *a)
{
    for (size_t i = 0; i < sizeof base_flags / sizeof *base_flags; i++)
        push(c, base_flags[i]);
    if (o->native)
        push(c, "-march=native");
    else if (o->target && o->target->march[0])
        push(c, arena_printf(a, "-march=%s", o->target->march));
    push(c, arena_printf(a, "-I%s/include", o->runtime_dir));
    for (const char *const *x = o->extra; x && *x; x++)
        push(c, *x);
    push(c, source[0] == '-' ? arena_printf(a, "./%s", source) : source);
    push(c, "-o");
    push(c, output);
    push(c, arena_printf(a, "%s/libseqc_rt.a", o->runtime_dir));
    if (o->blas) {
        push_library(c, cc, "openblas", a);
        if (runnable("ld.gold", a))
            push(c, "-fuse-ld=gold");    /* GNU ld takes a second for that archive */
    }
    push_library(c, cc, "z", a);
    push(c, "-lm");
    push(c, "-lpthread");
}

bool emit_compile(const char *source, const char *output, const CompileOpts *o, char **message,
                  Arena *a)
{
    Args cc = {0};
    char *printed = NULL;
    int status = 0;
    *message = NULL;
    if (!choose_cc(o, &cc, message, a))
        return false;
    Args c = cc;
    push_all(&c, &cc, source, output, o, a);
    if (o->verbose)
        fprintf(stderr, "%s\n", command_line(&c, a));
    if (!run(&c, &status, &printed, message, a))
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        if (printed[0])
            fputs(printed, stderr);    /* warnings are worth seeing */
        return true;
    }
    const char *how = WIFSIGNALED(status)
        ? arena_printf(a, "was ended by signal %d", WTERMSIG(status))
        : arena_printf(a, "failed with exit code %d", WEXITSTATUS(status));
    *message = arena_printf(a, "the C compiler %s\n  ran: %s\n%s%s"
                            "help: --keep DIR leaves the source for a closer look; another compiler"
                            " can be named with --cc", how, command_line(&c, a), printed,
                            printed[0] && printed[strlen(printed) - 1] != '\n' ? "\n" : "");
    return false;
}
