/* frontend/cmd_make.c: what commands that call the C compiler share: a folder for generated
 * sources that is gone afterwards, whatever happens, and the compiler's options. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "frontend/cmd.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- interrupts ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* The C compiler runs in our process group and dies of the same signal; then we clean up. */
void cmd_catch_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGPIPE, &act, NULL);
}

int cmd_interrupted(void)
{
    return interrupted ? 128 + (int)interrupted : 0;
}

/* ---- the folder ---- */

/* Letters, digits, '-', '_' and '.': the file's name as part of another name. */
static const char *plain_name(const Cmd *c)
{
    char *s = arena_str(c->arena, cmd_stem(c));
    for (char *p = s; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *p))
            *p = '_';
    return *s && *s != '-' ? s : "model";
}

/* What is to go again; in the command's arena. */
typedef struct Made {
    const char *path;
    struct Made *next;
} Made;
static const char *temporary;        /* the folder; null: none */
static Made *files;                  /* in it */

/* Where memory runs out, the arena ends the process: so at its end, and without asking for any. */
void cmd_folder_remove(void)
{
    for (; files; files = files->next)
        unlink(files->path);
    if (temporary)
        rmdir(temporary);
    temporary = NULL;
}

int cmd_folder(const Cmd *c, const char **dir)
{
    *dir = c->text[OPT_keep] ? c->text[OPT_keep] : temporary;
    if (c->text[OPT_keep])
        return mkdir(*dir, 0777) && errno != EEXIST
                   ? cmd_fail(c, EXIT_IO, "--keep %s: %s", *dir, strerror(errno)) : EXIT_OK;
    if (temporary)
        return EXIT_OK;
    const char *tmp = getenv("TMPDIR");
    char *made = arena_printf(c->arena, "%s/seqc-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(made))
        return cmd_fail(c, EXIT_IO, "%s: a folder for the C source cannot be made: %s", made,
                        strerror(errno));
    *dir = temporary = made;
    atexit(cmd_folder_remove);
    return EXIT_OK;
}

const char *cmd_folder_file(const Cmd *c, const char *dir, const char *end)
{
    char *path = arena_printf(c->arena, "%s/%s%s", dir, plain_name(c), end);
    if (!temporary)
        return path;
    Made *made = arena_alloc(c->arena, 1, sizeof *made);
    *made = (Made){path, files};
    files = made;
    return path;
}

/* ---- the compiler ---- */

/* $SEQC_CFLAGS at its blanks; null-terminated. */
static const char *const *extra_flags(Arena *a)
{
    const char *s = getenv("SEQC_CFLAGS");
    if (!s)
        return NULL;
    const char **list = arena_alloc(a, strlen(s) / 2 + 2, sizeof *list);
    int n = 0;
    for (;;) {
        s += strspn(s, " \t\n");
        size_t length = strcspn(s, " \t\n");
        if (!length)
            return list;
        list[n++] = arena_strn(a, s, length);
        s += length;
    }
}

const char *cmd_cache(Arena *a)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') return arena_printf(a, "%s/seqc", cache);
    return home && *home == '/' ? arena_printf(a, "%s/.cache/seqc", home) : NULL;
}

const char *cmd_kernel_cache(Arena *a)
{
    const char *cache = cmd_cache(a);
    return cache ? arena_printf(a, "%s/kernels", cache) : NULL;
}

int cmd_compile_opts(const Cmd *c, CompileOpts *o)
{
    errno = 0;
    *o = (CompileOpts){.cc = c->text[OPT_cc], .runtime_dir = cmd_runtime_dir(c->arena),
                       .extra = extra_flags(c->arena), .verbose = c->text[OPT_verbose] != NULL};
    if (o->runtime_dir)
        return EXIT_OK;
    const char *home = getenv("SEQC_HOME");
    bool silent = !errno || errno == ENOENT;
    return cmd_fail(c, EXIT_IO, "libseqc_rt.a and include/runtime/rt.h are not %s%s%s%s\n"
                    "help: build seqc (`cmake --build`), or let SEQC_HOME name their folder",
                    home && *home ? "in $SEQC_HOME, " : "beside seqc in lib/seqc",
                    home && *home ? home : "", silent ? "" : ": ", silent ? "" : strerror(errno));
}
