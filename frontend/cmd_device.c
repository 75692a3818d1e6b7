/* frontend/cmd_device.c: the graphics processor that `seqc check --target cuda` runs generated code on.
 * It belongs to processes that are begun for it: the driver does not serve their children. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "frontend/cmd_check.h"
#include "runtime/remote.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct { int arch; char text[RT_REMOTE_TEXT]; } Found;

int check_device(const Cmd *c, int *arch, const char **text)
{
    int ends[2], status = 0;
    Found f = {0};
    if (pipe(ends))
        return cmd_fail(c, EXIT_IO, "no pipe: %s", strerror(errno));
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        return cmd_fail(c, EXIT_IO, "no process: %s", strerror(errno));
    if (!child) {
        rt_err e = {0};
        if (!rt_remote_find(&e, &f.arch, f.text))
            _exit(cmd_fail_rt(c, &e));
        _exit(write(ends[1], &f, sizeof f) == (ssize_t)sizeof f ? EXIT_OK : EXIT_IO);
    }
    close(ends[1]);
    bool whole = read(ends[0], &f, sizeof f) == (ssize_t)sizeof f;
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) { }
    if (WIFEXITED(status) && WEXITSTATUS(status))
        return WEXITSTATUS(status);
    if (status || !whole)
        return cmd_fail(c, EXIT_IO, "the process that asked for the device ended without an answer");
    *arch = f.arch;
    *text = arena_str(c->arena, f.text);
    return EXIT_OK;
}

typedef struct { const Cmd *c; rt_remote *remote; } Running;

static void run_graph(void *running, int graph, int64_t n, const void *const *in, void *const *out,
                      char *state, const void *scalars, uint64_t seed, uint64_t step)
{
    const Running *r = running;
    rt_err e = {0};
    rt_call call = {.n = n, .in = in, .out = out, .state = state, .scalars = scalars, .seed = seed,
                    .step = step};
    if (!rt_remote_run(&e, r->remote, graph, &call))
        _exit(cmd_fail_rt(r->c, &e));
}

ReplayHow check_device_open(const Cmd *c, const Replay *r)
{
    rt_err e = {0};
    Running *running = arena_alloc(c->arena, 1, sizeof *running);
    rt_remote_launch **launcher = emit_symbol(r, "seqc_launcher");
    const rt_model *const *model = emit_symbol(r, "seqc_model");
    *launcher = rt_remote_launcher();
    *running = (Running){c, rt_remote_open(&e, *model)};
    if (!running->remote)
        _exit(cmd_fail_rt(c, &e));
    return (ReplayHow){.fill = 0xff, .workers = 1, .pool = running, .run = run_graph};
}

void check_device_close(ReplayHow how)
{
    rt_remote_close(((Running *)how.pool)->remote);
}
