/* frontend/cmd_build.c: `seqc build`: model file or IR text -> IR -> C -> one executable. Each
 * instruction set of --march has its own run of the passes and its own C file.
 *
 * The program is linked under a temporary name beside its place and renamed, so a failure leaves an
 * earlier program as it was and one that runs can be replaced. An interrupt removes what was
 * begun. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "frontend/cmd_certify.h"
#include "passes/passes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { MAX_UNITS = CMD_MAX_TARGETS + 1 };

/* What is made, and where things go. */
typedef struct {
    CmdTarget target[CMD_MAX_TARGETS];
    Module *module[CMD_MAX_TARGETS]; /* planned for it */
    int n;
    const char *output, *part;       /* the program and its temporary name */
    const char *dir;                 /* the folder of C files */
    CompileUnit unit[MAX_UNITS];     /* one; of several targets, a unit for each, then main's */
    Certified certified[MAX_UNITS];  /* each, with --certify */
    int n_unit;
    ImageCount images;               /* parts of kernels */
} Build;

static int choose_output(const Cmd *c, Build *p)
{
    p->output = c->text[OPT_output];
    if (!p->output) {
        p->output = cmd_stem(c);
        const char *slash = strrchr(c->file, '/');
        if (strcmp(p->output, slash ? slash + 1 : c->file) == 0)
            return cmd_fail(c, EXIT_USAGE, "%s has no ending to take off for the program's name\n"
                            "help: say where it goes with -o PATH", c->file);
    }
    struct stat a, b;
    if (stat(p->output, &a) == 0) {
        if (S_ISDIR(a.st_mode))
            return cmd_fail(c, EXIT_USAGE, "%s is a folder\nhelp: say the program's own name with "
                            "-o PATH", p->output);
        if (stat(c->file, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
            return cmd_fail(c, EXIT_USAGE, "%s is the model file itself; it stays as it is",
                            p->output);
    }
    p->part = arena_printf(c->arena, "%s.%ld.part", p->output, (long)getpid());
    return EXIT_OK;
}

typedef struct {
    const Module *module;
    const EmitOpts *options;
    int n;
    const char *name, *flags;        /* of the file that a contract is for */
    const char **kernels;            /* what to write beside the program, once that is written; or null */
    Arena *a;                        /* where that lies */
} Source;

static void print_program(FILE *out, const void *ctx)
{
    const Source *s = ctx;
    if (s->kernels) *s->kernels = emit_program_with_kernels(s->module, s->options, out, s->a);
    else emit_program(s->module, s->options, out);
}

static void print_main(FILE *out, const void *ctx)
{
    const Source *s = ctx;
    emit_main(s->module, s->options, s->n, out);
}

static void print_contract(FILE *out, const void *ctx)
{
    const Source *s = ctx;
    if (s->n == 1) emit_program_contract(s->module, s->options, s->name, s->flags, out);
    else emit_main_contract(s->module, s->options, s->name, s->flags, out);
}

/* What the unit whose name ends so is certified for. */
static int write_contract(const Cmd *c, Build *p, const char *end, Source s)
{
    Arena *a = c->arena;
    const CompileUnit *u = &p->unit[p->n_unit - 1];
    const char *stem = arena_strn(a, end, strlen(end) - strlen(".c"));
    const char *contract = cmd_folder_file(c, p->dir, arena_printf(a, "%s" CONTRACT_END, stem));
    Certified *x = &p->certified[p->n_unit - 1];
    s.name = strrchr(u->source, '/') + 1;
    *x = (Certified){.contract = contract, .dir = p->dir,
                     .name = arena_strn(a, s.name, strlen(s.name) - strlen(".c")),
                     .place = arena_printf(a, "%s%s", p->output, stem),
                     .flags = emit_unit_flags(u, a), .program = true, .gone = !c->text[OPT_keep]};
    s.flags = x->flags;
    return cmd_write(c, x->contract, print_contract, &s);
}

/* Writes a unit whose name ends so. */
static int write_unit(const Cmd *c, Build *p, const char *end, CmdTarget t, CmdPrint *print,
                      Source s)
{
    const char *path = cmd_folder_file(c, p->dir, end);
    const char *object = arena_printf(c->arena, "%s.%d.o", p->part, p->n_unit);
    bool short_loops = print == print_program && emit_is_short(s.module, t.target);
    p->unit[p->n_unit++] = (CompileUnit){path, object, t.target, t.native, short_loops, NULL};
    int code = cmd_write(c, path, print, &s);
    return code || !c->text[OPT_certify] ? code : write_contract(c, p, end, s);
}

static const Target any = {.march = "", .machine = ""};

static void print_kernels(FILE *out, const void *ctx)
{
    const Source *s = ctx;
    fputs(*s->kernels, out);
}

typedef struct { const Module *module; const char *name; const ImageOpts *images; } Project;

static void print_project(FILE *out, const void *ctx)
{
    const Project *p = ctx;
    emit_nvcc(p->module, p->name, p->images->arch, p->images->n_arch, out);
}

/* Beside sources that are kept, what makes the program of them where there is nvcc. */
static int write_project(const Cmd *c, const Build *p, const Module *m, const ImageOpts *images)
{
    if (!c->text[OPT_keep])
        return EXIT_OK;
    const char *name = cmd_folder_file(c, p->dir, "");
    return cmd_write(c, arena_printf(c->arena, "%s/CMakeLists.txt", p->dir), print_project,
                     &(Project){m, name + strlen(p->dir) + 1, images});
}

static bool uses_blas(const Build *p)
{
    for (int i = 0; i < p->n; i++)
        if (emit_uses_blas(p->module[i]))
            return true;
    return false;
}

static int compile_options(const Cmd *c, const Build *p, CompileOpts *o)
{
    int code = cmd_compile_opts(c, o);
    o->blas = uses_blas(p);
    o->images = emit_uses_images(p->module[0]);
    return code;
}

/* The C compiler takes the program while NVIDIA's takes its kernels. */
static int compile_beside(const Cmd *c, const Build *p, CompileUnit *program)
{
    CompileOpts o;
    char *message = NULL;
    int code = c->text[OPT_certify] ? EXIT_OK : compile_options(c, p, &o);
    if (code || c->text[OPT_certify] || emit_compile_start(program, &o, &message, c->arena))
        return code;
    return cmd_fail(c, EXIT_IO, "%s", message);
}

/* NAME.cu, and what its kernels become: NAME_images.c. */
static int write_kernels(const Cmd *c, Build *p, Source s, const int *arch)
{
    char *message;
    ImageOpts o = {.arch = arch, .n_arch = s.options->n_arch, .ptx = true,
                   .usage = c->text[OPT_verbose] != NULL, .cache = cmd_kernel_cache(c->arena),
                   .count = &p->images, .interrupted = cmd_interrupted};
    const char *kernels = cmd_folder_file(c, p->dir, ".cu");
    const char *images = cmd_folder_file(c, p->dir, "_images.c");
    const char *object = arena_printf(c->arena, "%s.%d.o", p->part, p->n_unit);
    CompileUnit *program = &p->unit[p->n_unit - 1];
    p->unit[p->n_unit++] = (CompileUnit){images, object, &any, false, false, NULL};
    int code = cmd_write(c, kernels, print_kernels, &s);
    if (!code)
        code = write_project(c, p, s.module, &o);
    if (!code)
        code = compile_beside(c, p, program);
    o.beside = program;
    if (code || emit_images(kernels, &o, images, &message, c->arena))
        return code;
    if (!cmd_interrupted() && emit_compile_failed(program))
        message = emit_compile_message(program);
    return cmd_interrupted() ? cmd_interrupted() : cmd_fail(c, EXIT_IO, "%s", message);
}

/* NAME.c, or for several targets NAME-TARGET.c for each and NAME.c with main. */
static int write_sources(const Cmd *c, Build *p)
{
    const char *slash = strrchr(c->file, '/');
    EmitOpts options[CMD_MAX_TARGETS];
    for (int i = 0; i < p->n; i++) {
        CmdTarget t = p->target[i];
        options[i] = (EmitOpts){.target = t.target, .version = SEQC_VERSION,
                                .source = slash ? slash + 1 : c->file, .variant = p->n > 1};
        const char *end = p->n > 1 ? arena_printf(c->arena, "-%s.c", cmd_march(t.target)) : ".c";
        Source own = {.module = p->module[i], .options = &options[i], .n = 1, .a = c->arena};
        const char *kernels;
        int arch[CMD_MAX_ARCHS], code = EXIT_OK;
        bool gpu = t.target->block_threads > 0;
        if (gpu) {
            own.kernels = &kernels;
            code = cmd_archs(c, arch, &options[i].n_arch);
        }
        if (!code)
            code = write_unit(c, p, end, t, print_program, own);
        if (!code && gpu)
            code = write_kernels(c, p, own, arch);
        if (code)
            return code;
    }
    Source all = {.module = p->module[0], .options = options, .n = p->n};
    return p->n == 1 ? EXIT_OK : write_unit(c, p, ".c", (CmdTarget){&any, false}, print_main, all);
}

static int compile(const Cmd *c, const Build *p)
{
    CompileOpts o;
    int code = compile_options(c, p, &o);
    if (code)
        return code;
    char *message = NULL;
    if (!emit_compile(p->unit, p->n_unit, p->part, &o, &message, c->arena)) {
        bool missing = o.blas && !emit_finds_blas(p->unit->target, c->arena);
        code = cmd_interrupted();
        return code ? code
                    : cmd_fail(c, EXIT_IO, "%s%s", message ? message : "the C compiler failed",
                               missing ? "\nhelp: OpenBLAS is in none of the usual folders: sudo "
                                         "apt-get install libopenblas-pthread-dev, or leave "
                                         "--blas openblas out" : "");
    }
    if (cmd_interrupted())
        return cmd_interrupted();
    if (rename(p->part, p->output))
        return cmd_fail(c, EXIT_IO, "%s: %s", p->output, strerror(errno));
    return EXIT_OK;
}

/* How a GPU takes a training step. */
static const char *step_text(const Cmd *c, const Build *p, const PassCtx *ctx)
{
    const Graph *g = ir_graph_find(p->module[0], "train");
    if (!g || !p->target[0].target->block_threads)
        return "";
    const char *why = pass_blocks_why(g, ctx);
    return g->one_block ? arena_printf(c->arena, ", a step by one block (%s)", why)
                        : arena_printf(c->arena, ", a step in launches (%s)", why ? why : "as read");
}

static void say_done(const Cmd *c, const Build *p, const PassCtx *ctx, double seconds)
{
    struct stat st;
    const Module *m = p->module[0];
    int64_t params = 0;
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        if (s->role == ROLE_PARAM || s->role == ROLE_FROZEN)
            params += ir_elems_at(&s->type.shape, 1);
    }
    printf("built %s  %s  %s parameters, %s", p->output,
           cmd_bytes(c->arena, stat(p->output, &st) == 0 ? (int64_t)st.st_size : 0),
           cmd_commas(c->arena, params),
           ir_graph_find(m, "train")  ? "trains and predicts"
           : ir_graph_find(m, "eval") ? "evaluates and predicts (no optimizer)"
                                      : "predicts (no loss or optimizer)");
    for (int i = 0; i < p->n; i++)
        printf(", %s", p->target[i].target->name);
    const ImageCount *i = &p->images;
    printf("%s%s%s  %.2f s\n", uses_blas(p) ? ", OpenBLAS" : "", step_text(c, p, ctx),
           !i->found ? "" : i->found == i->all ? ", kernels compiled before"
           : arena_printf(c->arena, ", %d of %d parts of kernels compiled before", i->found, i->all), seconds);
}

/* What must not stay beside the program, whatever happens: where memory runs out, the arena ends
 * the process. */
static const Build *temporary;

static void remove_temporary(void)
{
    if (!temporary)
        return;
    unlink(temporary->part);
    for (int i = 0; i < temporary->n_unit; i++) {
        emit_compile_wait(&temporary->unit[i]);
        unlink(temporary->unit[i].object);
    }
    temporary = NULL;
}

/* What an earlier build proved, of this program and of the sources in --keep's folder, holds no longer. */
static void forget_certificates(const Cmd *c, const Build *p, bool kept)
{
    Arena *a = c->arena;
    for (int t = -1; t < ir_n_targets; t++) {
        const char *stem = t < 0 ? "" : arena_printf(a, "-%s", cmd_march(&ir_targets[t]));
        const char *place = arena_printf(a, "%s%s", p->output, stem);
        bool renewed = false;
        for (int i = 0; i < p->n_unit; i++)
            renewed = renewed || (p->certified[i].place && !strcmp(p->certified[i].place, place));
        if (kept)
            certify_forget(c, cmd_folder_file(c, p->dir, stem),
                           cmd_folder_file(c, p->dir, arena_printf(a, "%s" CONTRACT_END, stem)));
        else if (!renewed)
            certify_forget(c, place, NULL);
    }
}

/* What is left to do once the modules are planned; everything temporary is gone afterwards. */
static int make_program(const Cmd *c, Build *p)
{
    temporary = p;
    atexit(remove_temporary);
    int code = cmd_folder(c, &p->dir);
    if (!code && c->text[OPT_keep])
        forget_certificates(c, p, true);
    if (!code)
        code = write_sources(c, p);
    for (int i = 0; !code && c->text[OPT_certify] && i < p->n_unit; i++)
        code = certify(c, &p->certified[i]);
    if (!code)
        code = compile(c, p);
    if (!code)
        forget_certificates(c, p, false);
    remove_temporary();
    cmd_folder_remove();
    return cmd_interrupted() ? cmd_interrupted() : code;
}

/* Another machine's program wants a compiler for it. */
static int check_compiler(const Cmd *c, const Build *p)
{
    const char *cc = c->text[OPT_cc] ? c->text[OPT_cc] : getenv("CC");
    const Target *t = p->target[0].target;
    if (!ir_target_foreign(t) || (cc && *cc))
        return EXIT_OK;
    return cmd_fail(c, EXIT_USAGE, "--march %s: the C compiler of this machine makes no programs "
                    "for %s\nhelp: name one that does, as --cc %s-linux-gnu-gcc, and in SEQC_HOME "
                    "the folder of the runtime library that it made", cmd_march(t), t->machine,
                    t->machine);
}

/* A module for each target. */
static int plan(const Cmd *c, const Module *m, PassCtx *ctx, Build *p)
{
    char why[IR_ERR];
    for (uint32_t s = 1; s < m->n_state; s++)
        if (m->state[s].type.dtype == DT_bf16 || m->state[s].type.dtype == DT_f16)
            return cmd_fail(c, EXIT_REFUSED, "%s: \"%.80s\" has 16 bits, and programs read no such weights"
                            "\nhelp: `seqc emit` makes a library of it", c->file, m->state[s].key);
    for (int i = 0; i < p->n; i++) {
        int code = cmd_tune(c, p->target[i], ctx);
        if (code)
            return code;
        ctx->target = p->target[i].target;
        p->module[i] = pass_run(m, ctx, NULL);
        if (!ir_program_check(p->module[i], why)
            || !ir_target_check(p->module[i], ctx->target, why))
            return cmd_fail(c, EXIT_REFUSED, "%s: %s", c->file, why);
    }
    return cmd_tune_end(c);
}

int cmd_build(const Cmd *c)
{
    double start = now();
    PassCtx ctx;
    static Build p;                          /* atexit looks at it */
    Module *m = NULL;
    int code = cmd_pass_ctx(c, &ctx);
    if (!code && c->text[OPT_certify])
        code = certify_ready(c);
    if (c->text[OPT_certify])
        ctx.blas = BLAS_NONE;
    if (!code)
        code = cmd_targets(c, p.target, &p.n);
    if (!code)
        code = check_compiler(c, &p);
    if (!code)
        code = choose_output(c, &p);
    if (!code)
        code = cmd_load(c, &m);
    if (code)
        return code;
    cmd_catch_signals();
    if (p.target[0].target->block_threads)
        emit_nvrtc_begin();
    code = plan(c, m, &ctx, &p);
    if (!code)
        code = make_program(c, &p);
    emit_nvrtc_end();
    if (!code && !c->text[OPT_quiet])
        say_done(c, &p, &ctx, now() - start);
    for (int i = 0; i < p.n; i++)
        ir_module_free(p.module[i]);
    ir_module_free(m);
    return code;
}
