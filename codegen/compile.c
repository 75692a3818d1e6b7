/* codegen/compile.c: from source text to an executable. The C compiler runs by posix_spawn with an
 * argument vector, never through a shell; what it prints goes to a file without a name beside the
 * output and becomes our message, with the command line. Several units are compiled side by side,
 * each with its own instruction set, then linked. A failed build leaves no output. */
#define _POSIX_C_SOURCE 200809L
#include "codegen/codegen.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_ARGS = 96, MAX_OUTPUT = 1 << 16 };

typedef struct Args { const char *v[MAX_ARGS]; int n; Arena *a; } Args;

static void arg(Args *x, const char *s)
{
    if (x->n + 1 == MAX_ARGS) ir_die(NULL, "compile: more than %d arguments", MAX_ARGS);
    x->v[x->n++] = s;
}

static bool is_file(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static bool is_program(const char *path) { return is_file(path) && access(path, X_OK) == 0; }

/* Is there a program of this name on $PATH, or at this path? */
static bool find_program(const char *name, Arena *a)
{
    if (strchr(name, '/')) return is_program(name);
    const char *path = getenv("PATH");
    for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
        size_t len = strcspn(p, ":");
        if (len && is_program(arena_printf(a, "%.*s/%s", (int)len, p, name))) return true;
        p += len + (p[len] == ':');
    }
    return false;
}

/* $CC may hold arguments: "ccache gcc". */
static void words(Args *x, const char *s)
{
    while (*(s += strspn(s, " \t"))) {
        size_t len = strcspn(s, " \t");
        arg(x, arena_strn(x->a, s, len));
        s += len;
    }
}

static bool choose_compiler(Args *x, const CompileOpts *o, char **message)
{
    static const char *const usual[] = { "cc", "gcc", "clang", NULL };
    const char *cc = o->cc ? o->cc : getenv("CC");
    if (cc && cc[strspn(cc, " \t")]) {
        words(x, cc);
        errno = 0;
        if (find_program(x->v[0], x->a)) return true;
        bool silent = !errno || errno == ENOENT;
        *message = arena_printf(
            x->a,
            "there is no C compiler %s%s%s\nhelp: install gcc, or name another one by --cc or $CC",
            x->v[0], silent ? "" : ": ", silent ? "" : strerror(errno));
        return false;
    }
    for (int i = 0; usual[i]; i++)
        if (find_program(usual[i], x->a)) {
            arg(x, usual[i]);
            return true;
        }
    *message = arena_str(
        x->a,
        "there is no C compiler (cc, gcc or clang)\nhelp: install gcc, or name one by --cc or $CC");
    return false;
}

/* A library's archive: beside the runtime's, else where the system keeps such files of this machine,
 * or of another one; null: not there. */
static const char *archive(Arena *a, const CompileOpts *o, const Target *t, const char *name)
{
    static const char *const folders[] = { "/usr/lib/x86_64-linux-gnu/openblas-pthread",
                                           "/usr/lib/aarch64-linux-gnu/openblas-pthread",
                                           "/usr/lib/x86_64-linux-gnu",
                                           "/usr/lib/aarch64-linux-gnu",
                                           "/usr/lib64",
                                           "/usr/lib",
                                           "/usr/local/lib",
                                           NULL };
    const char *path = arena_printf(a, "%s/%s", o->runtime_dir, name);
    if (is_file(path)) return path;
    for (int i = 0; folders[i]; i++) {
        if (ir_target_foreign(t) && !strstr(folders[i], t->machine)) continue;
        path = arena_printf(a, "%s/%s", folders[i], name);
        if (is_file(path)) return path;
    }
    return NULL;
}

/* What kernels are written for, the language left out. */
static void kernel_flags(Args *x, const Target *t, bool native, bool half_vectors, const char *optimized)
{
    static const char *const flags[] = { "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast",
                                         "-fopenmp-simd", NULL };
    arg(x, optimized);
    for (int i = 0; flags[i]; i++) arg(x, flags[i]);
    if (native) arg(x, "-march=native");
    else if (*t->march) arg(x, arena_printf(x->a, "-march=%s", t->march));
    /* Both compilers would halve vectors of 512 bits; clang even those of the register tiles. */
    if (t->vector_bytes == 64)
        arg(x, half_vectors ? "-mprefer-vector-width=256" : "-mprefer-vector-width=512");
}

/* Those, and a last one, with blanks between them. */
static const char *flags_text(const Target *t, bool native, bool half_vectors, const char *last, Arena *a)
{
    Args x = { .a = a };
    const char *all = "";
    kernel_flags(&x, t, native, half_vectors, "-O3");
    for (int i = 0; i < x.n; i++) all = arena_printf(a, "%s%s ", all, x.v[i]);
    return arena_printf(a, "%s%s", all, last);
}

const char *emit_library_flags(const Module *m, const LibraryOpts *o, Arena *a)
{
    return flags_text(o->target, o->native, emit_is_short(m, o->target),
                      arena_printf(a, "-D%s_SIMD", emit_upper(o->name, a)), a);
}

const char *emit_unit_flags(const CompileUnit *u, Arena *a)
{
    return flags_text(u->target, u->native, u->half_vectors, "-std=c11", a);
}

/* A compiler of C++ that is named takes what is C for that only if it is told so. */
static bool speaks_cpp(const Args *compiler)
{
    for (int i = 0; i < compiler->n; i++) {
        size_t length = strlen(compiler->v[i]);
        if (length > 2 && !strcmp(compiler->v[i] + length - 2, "++")) return true;
    }
    return false;
}

/* What launches a GPU's kernels runs once for each size of a batch: compiling it takes longer. */
static void compiling(Args *x, const CompileUnit *u, const CompileOpts *o)
{
    if (speaks_cpp(x)) arg(x, "-xc");
    arg(x, "-std=c11");
    kernel_flags(x, u->target, u->native, u->half_vectors, u->target->block_threads ? "-O0" : "-O3");
    for (int i = 0; o->extra && o->extra[i]; i++) arg(x, o->extra[i]);
    arg(x, arena_printf(x->a, "-I%s/include", o->runtime_dir));
}

bool emit_uses_images(const Module *m)
{
    const Shape *s = &m->prog.input;
    return s->rank == 3 && (s->dim[0].k == 1 || s->dim[0].k == 3);
}

/* Is the library of this name there, as an archive or to be loaded? */
static const char *library(Arena *a, const CompileOpts *o, const Target *t, const char *name)
{
    const char *path = archive(a, o, t, arena_printf(a, "lib%s.a", name));
    if (path) return path;
    return archive(a, o, t, arena_printf(a, "lib%s.so", name)) ? arena_printf(a, "-l%s", name) : NULL;
}

bool emit_finds_blas(const Target *t, Arena *a)
{
    const CompileOpts nowhere = { .runtime_dir = "" };
    return library(a, &nowhere, t, "openblas") != NULL;
}

/* The decoders of images, before the runtime, which they call: it asks for them only where they are
 * there. */
static void image_libraries(Args *x, const CompileOpts *o, const char *const lib[2])
{
    const char *decoders = arena_printf(x->a, "%s/libseqc_image.a", o->runtime_dir);
    if (!lib[0] || !lib[1] || !is_file(decoders)) return;
    arg(x, "-Wl,-u,rt_image_decoders");
    arg(x, decoders);
}

static void libraries(Args *x, const CompileOpts *o, const Target *t)
{
    Arena *a = x->a;
    bool images = o->images && !o->shared;
    const char *const image[2] = { images ? library(a, o, t, "png") : NULL,
                                   images ? library(a, o, t, "jpeg") : NULL };
    image_libraries(x, o, image);
    if (o->shared) {
        arg(x, "-shared");
        arg(x, "-fPIC");
    } else {
        arg(x, arena_printf(a, "%s/libseqc_rt.a", o->runtime_dir));
    }
    if (o->blas) {
        /* A shared object stays on this machine, and is small without the archive. */
        const char *blas = o->shared ? NULL : archive(a, o, t, "libopenblas.a");
        arg(x, blas ? blas : "-lopenblas");
        /* GNU ld takes most of a second for the archive, gold and lld a fraction. */
        if (blas && find_program("ld.gold", a)) arg(x, "-fuse-ld=gold");
    }
    for (int i = 0; i < 2 && image[0] && image[1]; i++) arg(x, image[i]);
    const char *zlib = archive(a, o, t, "libz.a");
    arg(x, zlib ? zlib : "-lz");
    arg(x, "-lm");
    arg(x, "-lpthread");
    arg(x, "-ldl");
}

static char *command_line(const Args *x)
{
    char *s = arena_str(x->a, "");
    for (int i = 0; i < x->n; i++) {
        bool quote = x->v[i][strcspn(x->v[i], " \t\"'$\\")] != '\0';
        s = arena_printf(x->a, quote ? "%s%s'%s'" : "%s%s%s", s, i ? " " : "", x->v[i]);
    }
    return s;
}

static char *read_back(int fd, Arena *a)
{
    char *s = arena_alloc(a, MAX_OUTPUT + 1, 1);
    size_t n = 0;
    if (lseek(fd, 0, SEEK_SET) < 0) return s;
    for (ssize_t got; n < MAX_OUTPUT && (got = read(fd, s + n, MAX_OUTPUT - n)) > 0;)
        n += (size_t)got;
    return s;
}

/* A running compiler. */
typedef struct CompileJob {
    Args args;
    int log;                                 /* what it prints */
    pid_t pid;
    int failed;                              /* errno where it could not be started */
    bool ended;
    int status;                              /* then, as waitpid says it */
} Job;

/* Starts the command with both outputs in a file that has no name: nothing can be left. */
static bool start(Job *j, const char *output, const CompileOpts *o, char **message)
{
    Args *x = &j->args;
    char *log = arena_printf(x->a, "%s.log-XXXXXX", output);
    j->log = mkstemp(log);
    if (j->log < 0) {
        *message = arena_printf(x->a, "cannot write beside %s: %s", output, strerror(errno));
        return false;
    }
    unlink(log);
    fcntl(j->log, F_SETFD, FD_CLOEXEC);
    x->v[x->n] = NULL;
    if (o->verbose) fprintf(stderr, "%s\n", command_line(x));
    posix_spawn_file_actions_t actions;
    j->failed = posix_spawn_file_actions_init(&actions);
    if (j->failed) return true;
    posix_spawn_file_actions_adddup2(&actions, j->log, 1);
    posix_spawn_file_actions_adddup2(&actions, j->log, 2);
    char *const *argv = (char *const *)(uintptr_t)x->v;
    j->failed = posix_spawnp(&j->pid, x->v[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return true;
}

/* Its status, once it has ended. */
static int ended(Job *j)
{
    while (!j->ended && !j->failed && waitpid(j->pid, &j->status, 0) < 0)
        if (errno != EINTR) j->failed = errno;
    j->ended = true;
    return j->status;
}

/* Waits for it: its status; what it printed, if that is asked for. */
static int wait_for(Job *j, bool wants_text, char **printed)
{
    int status = ended(j);
    if (wants_text || j->failed || status) *printed = read_back(j->log, j->args.a);
    close(j->log);
    return status;
}

/* False and, unless there is one already, a message if it failed. */
static bool finish(Job *j, char **message)
{
    Arena *a = j->args.a;
    char *printed = NULL;
    int status = wait_for(j, false, &printed);
    bool ok = !j->failed && status == 0;
    if (!ok && !*message) {
        const char *line = command_line(&j->args);
        if (j->failed)
            *message = arena_printf(a, "cannot run the C compiler %s: %s", j->args.v[0],
                                    strerror(j->failed));
        else if (WIFSIGNALED(status))
            *message = arena_printf(a, "the C compiler was ended by signal %d\n%s\n%s",
                                    WTERMSIG(status), line, printed);
        else
            *message = arena_printf(a, "the C compiler failed (exit %d)\n%s\n%s",
                                    WEXITSTATUS(status), line, printed);
    }
    return ok;
}

bool emit_execute(const char *const *argv, const char *beside, bool verbose, int *status,
                  char **printed, Arena *a)
{
    Job job = { .args = { .a = a } };
    const CompileOpts o = { .verbose = verbose };
    for (int i = 0; argv[i]; i++) arg(&job.args, argv[i]);
    if (!start(&job, beside, &o, printed)) return false;
    *status = wait_for(&job, true, printed);
    if (job.failed) *printed = arena_printf(a, "cannot run %s: %s", argv[0], strerror(job.failed));
    return !job.failed;
}

static bool start_object(Job *job, const Args *compiler, const CompileUnit *unit, const CompileOpts *o,
                         char **message)
{
    Args *x = &job->args;
    *x = *compiler;
    compiling(x, unit, o);
    arg(x, "-c");
    arg(x, "-o");
    arg(x, unit->object);
    arg(x, unit->source);
    return start(job, unit->object, o, message);
}

/* All at once; those that began earlier are waited for, whatever happens. */
static bool compile_objects(const Args *compiler, const CompileUnit *unit, int n,
                            const CompileOpts *o, char **message)
{
    Job *own = arena_alloc(compiler->a, (size_t)n, sizeof *own);
    bool ok = true;
    int started = 0;
    for (; ok && started < n; started += ok)
        if (!unit[started].job) ok = start_object(&own[started], compiler, &unit[started], o, message);
    for (int i = 0; i < n; i++)
        if (unit[i].job || i < started) ok = finish(unit[i].job ? unit[i].job : &own[i], message) && ok;
    return ok;
}

/* Is the runtime there, and a compiler? */
static bool ready(Args *compiler, const CompileOpts *o, char **message)
{
    Arena *a = compiler->a;
    *message = NULL;
    const char *library = arena_printf(a, "%s/libseqc_rt.a", o->runtime_dir);
    errno = 0;
    if (!is_file(library)) {
        *message = arena_printf(
            a,
            "the runtime library %s is missing%s%s\nhelp: install seqc whole, or set SEQC_HOME to "
            "the folder that holds it",
            library, errno ? ": " : "", errno ? strerror(errno) : "");
        return false;
    }
    return choose_compiler(compiler, o, message);
}

bool emit_compile_start(CompileUnit *unit, const CompileOpts *o, char **message, Arena *a)
{
    Args compiler = { .a = a };
    Job *job = arena_alloc(a, 1, sizeof *job);
    if (!ready(&compiler, o, message) || !start_object(job, &compiler, unit, o, message)) return false;
    unit->job = job;
    return true;
}

bool emit_compile_failed(const CompileUnit *unit)
{
    Job *j = unit->job;
    if (!j) return false;
    if (!j->ended && !j->failed) j->ended = waitpid(j->pid, &j->status, WNOHANG) == j->pid;
    return j->failed || (j->ended && j->status);
}

char *emit_compile_message(const CompileUnit *unit)
{
    char *message = NULL;
    finish(unit->job, &message);
    return message;
}

/* Where memory ran out, too: asks for none. */
void emit_compile_wait(const CompileUnit *unit)
{
    Job *j = unit->job;
    if (!j || j->ended) return;
    ended(j);
    close(j->log);
}

bool emit_compile(const CompileUnit *unit, int n, const char *output, const CompileOpts *o,
                  char **message, Arena *a)
{
    Args compiler = { .a = a };
    if (!ready(&compiler, o, message)) return false;
    if (n > 1 && !compile_objects(&compiler, unit, n, o, message)) return false;
    Job link = { .args = compiler };
    Args *x = &link.args;
    if (n == 1) compiling(x, unit, o);
    else for (int i = 0; o->extra && o->extra[i]; i++) arg(x, o->extra[i]);
    arg(x, "-o");
    arg(x, output);
    for (int i = 0; i < n; i++) arg(x, n == 1 ? unit[i].source : unit[i].object);
    if (n == 1 && speaks_cpp(&compiler)) arg(x, "-xnone");
    libraries(x, o, unit[0].target);
    bool ok = start(&link, output, o, message) && finish(&link, message);
    if (!ok) unlink(output);
    return ok;
}

bool emit_compile_library(const Module *m, const LibraryOpts *l, const char *const *sources,
                          const char *output, const CompileOpts *o, char **message, Arena *a)
{
    Job job = { .args = { .a = a } };
    Args *x = &job.args;
    *message = NULL;
    if (!choose_compiler(x, o, message)) return false;
    kernel_flags(x, l->target, l->native, emit_is_short(m, l->target), "-O3");
    arg(x, arena_printf(a, "-D%s_SIMD", emit_upper(l->name, a)));
    for (int i = 0; o->extra && o->extra[i]; i++) arg(x, o->extra[i]);
    arg(x, "-o");
    arg(x, output);
    for (int i = 0; sources[i]; i++) arg(x, sources[i]);
    words(x, emit_library_libs(m, l, a));
    arg(x, "-lm");                           /* for what stands around it */
    if (l->n_arch) arg(x, "-ldl");
    bool ok = start(&job, output, o, message) && finish(&job, message);
    if (!ok) unlink(output);
    return ok;
}
