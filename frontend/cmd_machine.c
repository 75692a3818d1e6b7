/* frontend/cmd_machine.c: what compiles and runs programs here: the C compiler's version, the
 * processor's name. */
#define _DEFAULT_SOURCE
#include "frontend/cmd.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_WORDS = 14 };             /* of a C compiler's name with its own arguments */

const char *cmd_version_line(Arena *a, const char *cc)
{
    int ends[2];
    if (pipe(ends))
        return NULL;
    posix_spawn_file_actions_t act;
    posix_spawn_file_actions_init(&act);
    posix_spawn_file_actions_adddup2(&act, ends[1], 1);
    posix_spawn_file_actions_addclose(&act, ends[0]);
    posix_spawn_file_actions_addclose(&act, ends[1]);
    posix_spawn_file_actions_addopen(&act, 2, "/dev/null", O_WRONLY, 0);
    char *argv[MAX_WORDS + 2], *rest = arena_str(a, cc);
    int words = 0;
    for (char *word; words < MAX_WORDS && (word = strsep(&rest, " \t")) != NULL;)
        if (*word)
            argv[words++] = word;
    argv[words] = arena_str(a, "--version");
    argv[words + 1] = NULL;
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], &act, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&act);
    close(ends[1]);
    char text[4096];
    size_t n = 0;
    ssize_t got;
    while (!error && n < sizeof text && (got = read(ends[0], text + n, sizeof text - n)) > 0)
        n += (size_t)got;
    close(ends[0]);
    int status = 1;
    if (error || waitpid(pid, &status, 0) != pid || status)
        return NULL;
    const char *end = memchr(text, '\n', n);
    return arena_strn(a, text, end ? (size_t)(end - text) : n);
}

const char *cmd_cc(const Cmd *c)
{
    const char *cc = getenv("CC");
    return c->text[OPT_cc] ? c->text[OPT_cc] : cc && *cc ? cc : "cc";
}

const char *cmd_compiler_version(const Cmd *c)
{
    const char *const list[] = {c->text[OPT_cc], getenv("CC"), "cc", "gcc", "clang"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        const char *line = list[i] && *list[i] ? cmd_version_line(c->arena, list[i]) : NULL;
        if (line) return line;
    }
    return "";
}

const char *cmd_processor(Arena *a)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[512];
    const char *name = "unknown";
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        name = arena_strn(a, colon + 2, strcspn(colon + 2, "\n"));
        break;
    }
    if (f)
        fclose(f);
    return name;
}
