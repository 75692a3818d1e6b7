/* frontend/cmd_tune.c: --tune: what the candidates of products and convolutions take on this
 * machine, in place of predictions.
 *
 * The passes ask for one node at a time (passes.h). Its candidates become the graphs of a module of
 * their own, which goes through the rest of the pipeline, is compiled to a shared object and run on
 * one thread: tiles do not depend on threads. A cache, $XDG_CACHE_HOME/seqc/tune or
 * ~/.cache/seqc/tune, keeps the times, a line each: a hash of the generated source, of who compiles
 * it with which flags and of the processor; microseconds; for people, what it is. Anyone may have
 * written it: lines of another form are passed over with a warning and leave it when it is written
 * next, and a false time costs speed, never results. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "frontend/cmd.h"
#include "ir/tasks.h"
#include "passes/passes.h"
#include "runtime/base.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Known { uint64_t key; double us; const char *what; } Known;

enum { CACHE_BYTES = 4 << 20, HEX = 16, MAX_WHAT = 200 };
static const double least_seconds = 0.02;        /* that a candidate is run for */

static struct {
    const Cmd *c;
    CmdTarget target;
    PassCtx plain;                   /* that predicts */
    CompileOpts options;
    const char *machine;             /* compiler, flags, processor */
    const char *path;                /* of the cache; null: there is no place for it */
    Known *known; int n, cap;
    int measured, objects;
    int code;                        /* of what failed; the rest is predicted */
} tuning;

/* ---- the cache ---- */

static void add(Known k)
{
    if (tuning.n == tuning.cap) {
        int cap = tuning.cap * 2 + 64;
        tuning.known = arena_grow(tuning.c->arena, tuning.known, (size_t)tuning.n, (size_t)cap,
                                  sizeof *tuning.known);
        tuning.cap = cap;
    }
    tuning.known[tuning.n++] = k;
}

static const Known *find(uint64_t key)
{
    for (int i = 0; i < tuning.n; i++)
        if (tuning.known[i].key == key) return &tuning.known[i];
    return NULL;
}

/* The file's place, and its folder; null: neither variable is an absolute path. */
static const char *cache_path(Arena *a, const char **folder)
{
    *folder = cmd_cache(a);
    return *folder ? arena_printf(a, "%s/tune", *folder) : NULL;
}

/* "0123456789abcdef 123.4 winograd of conv …". False: it is none. */
static bool read_line(const char *s, size_t length, Known *k)
{
    char line[HEX + MAX_WHAT + 64], *end;
    if (length < HEX + 4 || length >= sizeof line) return false;
    memcpy(line, s, length);
    line[length] = '\0';
    if (strlen(line) != length || strspn(line, "0123456789abcdef") != HEX || line[HEX] != ' ')
        return false;
    for (const char *p = line; *p; p++)
        if (*p < ' ' || *p > '~') return false;
    k->key = strtoull(line, NULL, 16);
    k->us = strtod(line + HEX + 1, &end);
    if (line[HEX + 1] == ' ' || *end != ' ' || !isfinite(k->us) || k->us <= 0) return false;
    k->what = arena_str(tuning.c->arena, end + 1);
    return strlen(k->what) <= MAX_WHAT;
}

static void read_cache(void)
{
    rt_err e = {0};
    rt_buf text = {0};
    bool there = false;
    int bad = 0;
    if (!rt_file_there(&e, tuning.path, &there)
        || (there && !rt_file_read(&e, tuning.path, CACHE_BYTES, &text))) {
        cmd_warn(tuning.c, "%s\nhelp: everything is measured anew", e.message);
        return;
    }
    for (int64_t at = 0; at < text.length;) {
        const char *s = text.data + at, *end = memchr(s, '\n', (size_t)(text.length - at));
        size_t length = end ? (size_t)(end - s) : (size_t)(text.length - at);
        Known k;
        if (read_line(s, length, &k)) add(k);
        else bad++;
        at += (int64_t)length + 1;
    }
    rt_buf_free(&text);
    if (bad)
        cmd_warn(tuning.c, "%s: %d line%s not seqc's and passed over", tuning.path, bad,
                 bad == 1 ? " is" : "s are");
}

/* False: it is not kept, which is said. */
static bool write_cache(void)
{
    rt_err e = {0};
    rt_buf text = {0};
    const char *folder;
    bool ok = true;
    cache_path(tuning.c->arena, &folder);
    char *up = arena_str(tuning.c->arena, folder);
    *strrchr(up, '/') = '\0';
    if ((mkdir(up, 0777) && errno != EEXIST) || (mkdir(folder, 0777) && errno != EEXIST)) {
        cmd_warn(tuning.c, "%s: %s\nhelp: what was measured is not kept", folder, strerror(errno));
        return false;
    }
    for (int i = 0; ok && i < tuning.n; i++)
        ok = rt_buf_printf(&e, &text, "%016" PRIx64 " %.6g %s\n", tuning.known[i].key,
                           tuning.known[i].us, tuning.known[i].what);
    ok = ok && rt_file_put(&e, tuning.path, text.data, text.length);
    if (!ok) cmd_warn(tuning.c, "%s\nhelp: what was measured is not kept", e.message);
    rt_buf_free(&text);
    return ok;
}

/* ---- candidates by themselves ---- */

/* A graph for each, of inputs, and of states where a layout is not plain, or where evaluation keeps
 * what it makes of them. */
static Module *alone(const Candidates *c)
{
    static const char *const names[] = {"a", "b", "c"};
    static const Loc nowhere;
    const Module *from = c->g->module;
    Node x = *ir_node(c->g, c->root);
    Module *m = ir_module_new();
    m->real = from->real;
    m->math = from->math;
    m->capacity = m->prog.batch = from->capacity;
    m->stage = ir_intern(m, "layout");
    m->prog.name = ir_intern(m, "tune");
    x.loc = nowhere;
    Type b = *ir_type(c->g, x.in[1]), y = x.type;
    b.layout = c->b;
    y.layout = c->result;
    State from_b = {0}, to_y = {0};
    bool kept = ir_keeps(c->g) && ir_is(c->g, ir_view_base(c->g, x.in[1]), OP_state);
    if (kept || b.layout.kind != LAYOUT_plain)
        from_b = ir_state_add(m, "b", ROLE_PARAM, b, nowhere);
    if (y.layout.kind != LAYOUT_plain) to_y = ir_state_add(m, "y", ROLE_PARAM, y, nowhere);
    for (int i = 0; i < c->n; i++) {
        Graph *g = ir_graph_add(m, arena_printf(tuning.c->arena, "candidate_%d", i));
        Val in[3];
        for (int k = 0; k < x.n_in; k++)
            in[k] = k == 1 && from_b.i ? ir_state_val(g, from_b)
                  : ir_input(g, names[k], k == 1 ? b : *ir_type(c->g, x.in[k]), nowhere);
        Val v = pass_chosen(g, &x, in, &c->choice[i], c->result, NULL);
        if (to_y.i) ir_update(g, to_y, v);
        else ir_return(g, "output", v);
    }
    return m;
}

/* "winograd of conv f32[n,64,32,32] f32[64,64,3,3] n=32" */
static const char *what(const Candidates *c, int i)
{
    Arena *a = tuning.c->arena;
    const Node *x = ir_node(c->g, c->root);
    char *s = arena_printf(a, "%s of %s", ir_algo[c->choice[i].algo].name, ir_op[x->op].name);
    for (int k = 0; k < x->n_in && k < 2; k++) {
        Type t = *ir_type(c->g, x->in[k]);
        if (k == 1) t.layout = c->b;
        s = arena_printf(a, "%s %s", s, ir_type_string(&t, a));
    }
    return arena_printf(a, "%.*s n=%lld", MAX_WHAT - 32, s, (long long)c->g->module->capacity);
}

static uint64_t hash(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* ---- measuring ---- */

static void print_source(FILE *out, const void *ctx)
{
    EmitOpts o = {.target = tuning.target.target, .version = SEQC_VERSION, .source = "tune"};
    emit_replay(ctx, &o, out);
}

/* Compiles the source and times each graph. 0 or an exit code. */
static int run(const Module *m, const rt_buf *source, double *seconds)
{
    const Cmd *c = tuning.c;
    const char *dir;
    char *message = NULL;
    rt_err e = {0};
    int code = cmd_folder(c, &dir);
    if (code) return code;
    /* An object of an earlier name might be the one that is loaded. */
    const char *name = arena_printf(c->arena, "-tune%d", tuning.objects++);
    const char *file = cmd_folder_file(c, dir, arena_printf(c->arena, "%s.c", name));
    const char *object = cmd_folder_file(c, dir, arena_printf(c->arena, "%s.so", name));
    CompileUnit unit = {file, NULL, tuning.target.target, tuning.target.native,
                        emit_is_short(m, tuning.target.target), NULL};
    CompileOpts o = tuning.options;
    o.shared = true;
    o.blas = emit_uses_blas(m);
    if (!rt_file_put(&e, file, source->data, source->length))
        return cmd_fail_rt(c, &e);
    Replay *r = emit_compile(&unit, 1, object, &o, &message, c->arena)
              ? emit_open(m, object, &message, c->arena) : NULL;
    for (int i = 0; r && i < m->n_graph; i++)
        seconds[i] = emit_seconds(r, m->graph[i], least_seconds);
    emit_close(r);
    unlink(file);
    unlink(object);
    code = cmd_interrupted();
    return code || r ? code : cmd_fail(c, EXIT_IO, "%s", message ? message : "--tune failed");
}

static void measure(void *ctx, Candidates *c)
{
    double seconds[PASS_MAX_CHOICES];
    rt_buf source = {0};
    (void)ctx;
    if (tuning.code) return;
    Module *raw = alone(c), *m = pass_run(raw, &tuning.plain, NULL);
    tuning.code = cmd_text(tuning.c, print_source, m, &source);
    if (!tuning.code) {
        uint64_t key = hash(UINT64_C(0xcbf29ce484222325), tuning.machine, strlen(tuning.machine));
        key = hash(key, source.data, (size_t)source.length);
        bool known = true;
        for (int i = 0; i < c->n && known; i++) {
            const Known *k = find(key + (uint64_t)i);
            known = k != NULL;
            if (k) seconds[i] = 1e-6 * k->us;
        }
        if (!known) tuning.code = run(m, &source, seconds);
        for (int i = 0; i < c->n && !known && !tuning.code; i++)
            add((Known){key + (uint64_t)i, 1e6 * seconds[i], what(c, i)});
        if (!known && !tuning.code) tuning.measured += c->n;
    }
    for (int i = 0; i < c->n && !tuning.code; i++) c->choice[i].seconds = seconds[i];
    c->measured = !tuning.code;
    rt_buf_free(&source);
    ir_module_free(m);
    ir_module_free(raw);
}

/* ---- for commands ---- */

int cmd_tune(const Cmd *c, CmdTarget target, PassCtx *ctx)
{
    if (!c->text[OPT_tune]) return EXIT_OK;
    if (!rt_cpu_runs(target.target->features))
        return cmd_fail(c, EXIT_USAGE, "--tune measures on this machine, which has no %s",
                        target.target->name);
    const char *folder, *flags = getenv("SEQC_CFLAGS");
    bool first = tuning.c == NULL;
    tuning.c = c;
    tuning.target = target;
    tuning.plain = (PassCtx){.target = target.target, .blas = ctx->blas};
    int code = cmd_compile_opts(c, &tuning.options);
    if (code) return code;
    tuning.options.verbose = false;
    tuning.machine = arena_printf(c->arena, "%s|%s|%s|%d|%s", cmd_compiler_version(c),
                                  flags ? flags : "", cmd_march(target.target), target.native,
                                  cmd_processor(c->arena));
    cmd_catch_signals();
    ctx->measure = measure;
    if (!first) return EXIT_OK;
    tuning.path = cache_path(c->arena, &folder);
    if (tuning.path) read_cache();
    else cmd_warn(c, "neither XDG_CACHE_HOME nor HOME says where measurements are to be kept");
    return EXIT_OK;
}

int cmd_tune_end(const Cmd *c)
{
    if (!tuning.c) return EXIT_OK;
    bool kept = tuning.path && tuning.measured && write_cache();
    if (tuning.code || c->text[OPT_quiet]) return tuning.code;
    if (tuning.measured)
        fprintf(stderr, "tuned: %d candidates measured%s%s\n", tuning.measured,
                kept ? ", kept in " : "", kept ? tuning.path : "");
    else if (tuning.path)
        fprintf(stderr, "tuned: all candidates known from %s\n", tuning.path);
    return EXIT_OK;
}
