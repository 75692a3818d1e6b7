/* frontend/cmd_replay.c: a module's generated code, compiled and opened in this process. */
#include "codegen/codegen.h"
#include "frontend/cmd.h"

typedef struct Source { const Module *m; EmitOpts o; } Source;

static void print_replay(FILE *out, const void *ctx)
{
    const Source *s = ctx;
    emit_replay(s->m, &s->o, out);
}

int cmd_replay(const Cmd *c, const Module *planned, CmdTarget t, const char *what, const char *help,
               Replay **r)
{
    CompileOpts o;
    const char *dir;
    char *message = NULL;
    const Source text = { planned, { .target = t.target, .version = SEQC_VERSION, .source = c->file } };
    *r = NULL;
    int code = cmd_compile_opts(c, &o);
    if (!code) code = cmd_folder(c, &dir);
    if (code) return code;
    o.shared = true;
    o.blas = emit_uses_blas(planned);
    const char *source = cmd_folder_file(c, dir, arena_printf(c->arena, "-%s.c", what));
    const char *object = cmd_folder_file(c, dir, arena_printf(c->arena, "-%s.so", what));
    const CompileUnit unit = { source, NULL, t.target, t.native, emit_is_short(planned, t.target), NULL };
    code = cmd_write(c, source, print_replay, &text);
    if (code) return code;
    bool ok = emit_compile(&unit, 1, object, &o, &message, c->arena);
    *r = ok ? emit_open(planned, object, &message, c->arena) : NULL;
    return *r ? EXIT_OK : cmd_fail(c, EXIT_IO, "%s\nhelp: %s", message, help);
}
