/* frontend/cmd_emit.c: `seqc emit`: a model's inference as a C library in a folder, with its
 * weights and what a project needs to take it in.
 *
 * The pipeline runs over all graphs, as for a program: so the library's kernels are those of a
 * program of the same target and batch. Everything is made before anything is written. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "frontend/cmd_certify.h"
#include "frontend/cmd_quantize.h"
#include "passes/passes.h"
#include "runtime/base.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_NUMBERS_BYTES = 256 << 10 };     /* of weights that a C compiler reads in no time */
enum { MOST_THREADS = 256 };

/* ---- what it is called, where it goes ---- */

static int choose_name(Emission *e)
{
    const Cmd *c = e->c;
    const char *name = c->text[OPT_name] ? c->text[OPT_name] : cmd_stem(c);
    bool good = isalpha((unsigned char)*name);
    for (const char *p = name; *p && good; p++)
        good = (unsigned char)*p < 0x80 && (isalnum((unsigned char)*p) || *p == '_');
    if (!good || strlen(name) > 40)
        return cmd_fail(c, EXIT_USAGE, "\"%.60s\" is no name for a C library: it wants a letter, "
                        "then letters, digits and _, 40 at most\nhelp: say one with --name", name);
    e->opts.name = name;
    return EXIT_OK;
}

static int choose_folder(Emission *e)
{
    struct stat st;
    e->dir = e->c->text[OPT_output] ? e->c->text[OPT_output] : e->opts.name;
    if (stat(e->dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return cmd_fail(e->c, EXIT_USAGE, "%s is a file\nhelp: say with -o which folder the library "
                        "goes to", e->dir);
    return EXIT_OK;
}

/* ---- the module ---- */

/* What a library for training has: inference, and of the training step no more than its loss and
 * updates. */
static void keep_training(Module *m)
{
    int kept = 0;
    for (int i = 0; i < m->n_graph; i++) {
        Graph *g = m->graph[i];
        bool train = !strcmp(g->name, "train");
        if (!train && strcmp(g->name, "infer") != 0) continue;
        int roots = 0;
        for (int r = 0; r < g->n_root; r++)
            if (!train || g->root[r].kind != ROOT_RETURN || !strcmp(g->root[r].name, "loss"))
                g->root[roots++] = g->root[r];
        g->n_root = roots;
        m->graph[kept++] = g;
    }
    m->n_graph = kept;
}

/* An input that is none of these; null: it has no other. */
static const char *other_input(const Graph *g, const char *a, const char *b)
{
    for (uint32_t v = 1; v < g->n_node; v++) {
        const Node *x = &g->node[v];
        if (x->op == OP_input && strcmp(x->name, a) != 0 && strcmp(x->name, b) != 0) return x->name;
    }
    return NULL;
}

/* A library's inference takes x and gives output. */
static int check_inference(const Cmd *c, const Graph *g)
{
    const char *input = other_input(g, "x", "x"), *result = NULL;
    bool gives = false;
    for (int i = 0; i < g->n_root; i++) {
        if (!strcmp(g->root[i].name, "output")) gives = true;
        else result = g->root[i].name;
    }
    if (input)
        return cmd_fail(c, EXIT_REFUSED, "%s: its graph `infer` has an input \"%.80s\", and a library's "
                        "takes x alone", c->file, input);
    if (!gives)
        return cmd_fail(c, EXIT_REFUSED, "%s: its graph `infer` returns no `output`\nhelp: that is what a "
                        "library's result is called: return output=%%…", c->file);
    if (result)
        return cmd_fail(c, EXIT_REFUSED, "%s: its graph `infer` returns \"%.80s\", too, and a library has "
                        "one result, output\nhelp: take it out of the graph's return line", c->file,
                        result);
    for (uint32_t v = 1; v < g->n_node; v++)
        if (ir_is(g, (Val){ v }, OP_random))
            return cmd_fail(c, EXIT_REFUSED, "%s: its inference draws random numbers, and a library's has "
                            "no seed\nhelp: `seqc build` makes a program of it; in a library, masks are "
                            "for training alone", c->file);
    return EXIT_OK;
}

/* IR text may be anything that verifies. */
static int check_graphs(const Emission *e, const Module *m)
{
    const Cmd *c = e->c;
    const Graph *train = ir_graph_find(m, "train"), *infer = ir_graph_find(m, "infer");
    if (!infer)
        return cmd_fail(c, EXIT_REFUSED, "%s: it has no graph `infer`", c->file);
    int code = check_inference(c, infer);
    if (code) return code;
    if (emit_uses_blas(m) && c->number[OPT_blas] != BLAS_OPENBLAS)
        return cmd_fail(c, EXIT_REFUSED, "%s: its kernels call OpenBLAS\nhelp: --blas openblas, if the "
                        "library may, or make the text with --blas none", c->file);
    if (!e->opts.trains) return EXIT_OK;
    if (!train || !m->prog.optimizer)
        return cmd_fail(c, EXIT_REFUSED, "%s: nothing is trained without a loss and an optimizer\n"
                        "help: name them in the file, or by --loss and --optimizer", c->file);
    if (strcmp(m->stage, "shape") != 0)
        return cmd_fail(c, EXIT_REFUSED, "%s: its training step is past the stage shape\n"
                        "help: `seqc ir FILE --stage shape` makes text that --mode train takes",
                        c->file);
    if (other_input(train, "x", "target"))
        return cmd_fail(c, EXIT_REFUSED, "%s: its masks are drawn by PyTorch's generator, which "
                        "libraries do not have\nhelp: leave --dropout torch out", c->file);
    return EXIT_OK;
}

static int plan(Emission *e, PassCtx *ctx)
{
    char why[IR_ERR];
    int code = cmd_load(e->c, &e->start);
    if (code) return code;
    ctx->target = e->opts.target;
    if (!e->c->text[OPT_blas]) ctx->blas = BLAS_NONE;
    ctx->tier = TIER_GRAPH;          /* a project records a step into a graph of its own, if it wants */
    code = check_graphs(e, e->start);
    if (code) return code;
    if (e->opts.trains) keep_training(e->start);
    if (e->c->text[OPT_store]) code = emission_store(e, ctx);
    else if (e->c->text[OPT_quantize] || e->c->text[OPT_calibrate]) code = emission_quantize(e, ctx);
    if (code) return code;
    if (e->c->number[OPT_ram_budget]) code = emission_fit(e, ctx);
    else e->m = pass_run(e->start, ctx, NULL);
    if (code) return code;
    if (!ir_program_check(e->m, why) || !ir_target_check(e->m, ctx->target, why))
        return cmd_fail(e->c, EXIT_REFUSED, "%s: %s", e->c->file, why);
    return EXIT_OK;
}

/* ---- weights ---- */

/* What kernels make of weights alone is made here, by the same code: it is part of the library. */
static int prepare(const Emission *e, char *states, char *kept)
{
    Replay *r;
    int code = cmd_replay(e->c, e->m, (CmdTarget){ e->opts.target, e->opts.native }, "prepare",
                          "weights are prepared by compiling and running the kernels here; --march "
                          "generic runs anywhere", &r);
    if (r) emit_keep(r, ir_graph_find(e->m, "infer"), states, kept);
    emit_close(r);
    cmd_folder_remove();
    return code;
}

/* The block of all states. */
static int make_states(const Emission *e, char **states)
{
    rt_err err = { 0 };
    if (!e->value) return cmd_states(e->c, e->m, states);
    *states = rt_alloc(&err, e->m->state_bytes, 1, "the weights");
    if (!*states) return cmd_fail_rt(e->c, &err);
    for (uint32_t s = 1; s < e->m->n_state; s++)
        emit_state_put(e->m, (State){ s }, e->value[s], *states);
    return EXIT_OK;
}

static int make_params(Emission *e)
{
    const Graph *infer = ir_graph_find(e->m, "infer");
    rt_err err = { 0 };
    char *states = NULL;
    int code = make_states(e, &states);
    if (code) return code;
    e->bytes = emit_library_bytes(e->m, &e->opts);
    char *kept = rt_alloc(&err, infer->kept_bytes, 1, "prepared weights");
    e->params = kept ? rt_alloc(&err, e->bytes, 1, "the library's weights") : NULL;
    if (!e->params) code = cmd_fail_rt(e->c, &err);
    bool makes = !e->opts.trains && !e->opts.n_arch;      /* a GPU makes it itself */
    if (!code && infer->kept_bytes && makes) code = prepare(e, states, kept);
    if (!code) emit_library_params(e->m, &e->opts, states, kept, e->params);
    rt_free(kept);
    rt_free(states);
    return code;
}

static int choose_form(Emission *e)
{
    int64_t as = e->c->number[OPT_weights_as];
    if (!as) as = e->bytes <= MOST_NUMBERS_BYTES || e->c->text[OPT_embed] ? AS_CONST : AS_INCBIN;
    e->opts.weights = as == AS_CONST ? WEIGHTS_CONST : as == AS_BIN ? WEIGHTS_BIN : WEIGHTS_INCBIN;
    if (e->opts.weights == WEIGHTS_CONST && e->bytes > 16 * (int64_t)MOST_NUMBERS_BYTES)
        cmd_warn(e->c, "%s of weights as numbers take the C compiler long\nhelp: --weights-as "
                 "incbin lets the assembler include them", cmd_bytes(e->c->arena, e->bytes));
    return EXIT_OK;
}

/* ---- files ---- */

static void print_header(FILE *out, const void *ctx)
{
    const Emission *e = ctx;
    emit_library_header(e->m, &e->opts, out);
}

static void print_source(FILE *out, const void *ctx)
{
    const Emission *e = ctx;
    emit_library_source(e->m, &e->opts, e->params, out);
}

static void print_kernels(FILE *out, const void *ctx)
{
    const Emission *e = ctx;
    emit_library_kernels(e->m, &e->opts, out);
}

static void print_weights(FILE *out, const void *ctx)
{
    const Emission *e = ctx;
    emit_library_weights(e->m, &e->opts, e->params, out);
}

static void print_bytes(FILE *out, const void *ctx)
{
    const Emission *e = ctx;
    fwrite(e->params, 1, (size_t)e->bytes, out);
}

/* The module before the passes, and with what options they ran: what `seqc verify` compares the
 * library with, and what `seqc emit` makes the same library of. Options that the text has settled
 * are not repeated, nor those that change nothing of it. */
static void print_graphs(FILE *out, const void *ctx)
{
    static const OptId settled[] = { OPT_define, OPT_input, OPT_batch, OPT_weights, OPT_name,
                                     OPT_model, OPT_loss, OPT_optimizer, OPT_dtype, OPT_march,
                                     OPT_quantize, OPT_calibrate, OPT_store, OPT_verify,
                                     OPT_output, OPT_report, OPT_certify, OPT_cc, OPT_quiet,
                                     OPT_verbose, OPT_diagnostics };
    const Emission *e = ctx;
    const Cmd *c = e->c;
    const char *text = ir_print_string(e->start, c->arena), *rest = strchr(text, '\n') + 1;
    fprintf(out, "%.*s" EMISSION_OPTIONS "--name %s", (int)(rest - text), text, e->opts.name);
    if (!e->opts.n_arch) fprintf(out, " --march %s", cmd_march(e->opts.target));
    for (int i = 0; i < OPT_COUNT; i++) {
        bool given = cmd_takes(CMD_emit, (OptId)i) && c->text[i];
        for (size_t k = 0; given && k < sizeof settled / sizeof *settled; k++)
            given = settled[k] != (OptId)i;
        if (given) fprintf(out, " --%s%s%s", cmd_option[i].name, *c->text[i] ? " " : "", c->text[i]);
    }
    fprintf(out, "\n%s", rest);
}

static void print_file(FILE *out, const void *ctx)
{
    const Emission *e = ctx;
    emit_library_file(e->m, &e->opts, e->file, out);
}

/* Files are written to a folder beside the library's and moved there when all are: a failure leaves
 * an earlier library as it was. What must not stay, where memory runs out, is known here. */
enum { MOST_FILES = 7 + LIBRARY_FILES };
static struct { const char *dir, *path[MOST_FILES], *place[MOST_FILES]; int n; } made;

static void remove_made(void)
{
    for (int i = 0; i < made.n; i++) unlink(made.path[i]);
    if (made.dir) rmdir(made.dir);
    made.n = 0;
    made.dir = NULL;
}

static int write_file(const Emission *e, const char *name, CmdPrint *print)
{
    Arena *a = e->c->arena;
    made.place[made.n] = arena_printf(a, "%s/%s", e->dir, name);
    made.path[made.n] = arena_printf(a, "%s/%s", made.dir, name);
    return cmd_write(e->c, made.path[made.n++], print, e);
}

/* NAME.cu, and what its kernels become: without NVRTC the project's nvcc makes that. */
static int write_kernels(const Emission *e)
{
    const Cmd *c = e->c;
    Arena *a = c->arena;
    char *message = NULL;
    const ImageOpts o = { .arch = e->opts.arch, .n_arch = e->opts.n_arch, .ptx = true,
                          .usage = c->text[OPT_verbose] != NULL, .library = e->opts.name,
                          .cache = cmd_kernel_cache(a), .interrupted = cmd_interrupted };
    int code = write_file(e, arena_printf(a, "%s.cu", e->opts.name), print_kernels);
    if (code) return code;
    if (!emit_nvrtc(a)) {
        fprintf(stderr, "seqc: note: NVRTC, NVIDIA's compiler, is not here: CMake will have nvcc compile "
                "%s.cu\n", e->opts.name);
        return EXIT_OK;
    }
    const char *kernels = made.path[made.n - 1];
    made.place[made.n] = arena_printf(a, "%s/%s_images.c", e->dir, e->opts.name);
    made.path[made.n] = arena_printf(a, "%s/%s_images.c", made.dir, e->opts.name);
    if (emit_images(kernels, &o, made.path[made.n++], &message, a)) return EXIT_OK;
    return cmd_interrupted() ? cmd_interrupted() : cmd_fail(c, EXIT_IO, "%s", message);
}

static int write_files(Emission *e)
{
    Arena *a = e->c->arena;
    const char *name = e->opts.name;
    int code = write_file(e, arena_printf(a, "%s.h", name), print_header);
    if (!code) code = write_file(e, arena_printf(a, "%s.c", name), print_source);
    if (!code && e->opts.n_arch) code = write_kernels(e);
    if (!code && emit_library_has_weights(&e->opts))
        code = write_file(e, arena_printf(a, "%s_weights.c", name), print_weights);
    if (!code && e->opts.weights != WEIGHTS_CONST)
        code = write_file(e, arena_printf(a, "%s_weights.bin", name), print_bytes);
    if (!code) code = write_file(e, arena_printf(a, "%s.ir", name), print_graphs);
    for (int i = 0; !code && i < LIBRARY_FILES; i++) {
        if (!emit_library_has(&e->opts, (LibraryFile)i)) continue;
        const char *path = emit_library_path[i];
        e->file = (LibraryFile)i;
        if (path[0] == '$') path = arena_printf(a, "%s%s", name, path + 2);
        code = write_file(e, path, print_file);
    }
    return code ? code : cmd_interrupted();
}

/* A file of an earlier library of this name that this one has not: a project would compile it, too, or
 * load old weights. Its first bytes tell that we wrote it. */
static void remove_earlier(const Emission *e)
{
    static const char *const end[] = { "_weights.c", "_threads.c", "_threads.h", "_weights.bin",
                                       "_images.c", ".cu", ".contract.c" };
    Arena *a = e->c->arena;
    for (size_t i = 0; i < sizeof end / sizeof *end; i++) {
        const char *path = arena_printf(a, "%s/%s%s", e->dir, e->opts.name, end[i]);
        const char *head = strstr(end[i], ".bin") ? "seqc"
                         : arena_printf(a, "/* %s%s: ", e->opts.name, end[i]);
        char words[80] = "";
        bool kept = false;
        for (int k = 0; k < made.n; k++) kept = kept || !strcmp(made.place[k], path);
        FILE *f = kept ? NULL : fopen(path, "r");
        if (!f) continue;
        bool ours = fgets(words, sizeof words, f) && !strncmp(words, head, strlen(head));
        fclose(f);
        if (ours) unlink(path);
        if (!ours || strcmp(end[i], ".contract.c") != 0) continue;
        unlink(arena_printf(a, "%s/%s.certificate.txt", e->dir, e->opts.name));
        unlink(arena_printf(a, "%s/%s.certificate.json", e->dir, e->opts.name));
    }
}

static int write_all(Emission *e)
{
    Arena *a = e->c->arena;
    size_t length = strlen(e->dir);
    while (length > 1 && e->dir[length - 1] == '/') length--;
    const char *dir = arena_printf(a, "%.*s.%ld.part", (int)length, e->dir, (long)getpid());
    if (mkdir(dir, 0777)) return cmd_fail(e->c, EXIT_IO, "%s: %s", dir, strerror(errno));
    made.dir = dir;
    atexit(remove_made);
    int code = write_files(e);
    if (!code && mkdir(e->dir, 0777) && errno != EEXIST)
        code = cmd_fail(e->c, EXIT_IO, "%s: %s", e->dir, strerror(errno));
    for (int i = 0; !code && i < made.n; i++)
        if (rename(made.path[i], made.place[i]))
            code = cmd_fail(e->c, EXIT_IO, "%s: %s", made.place[i], strerror(errno));
    if (!code) remove_earlier(e);
    remove_made();
    return code;
}

static void say_done(const Emission *e)
{
    Arena *a = e->c->arena;
    const char *step = "";
    if (e->opts.trains)
        step = arena_printf(a, ", %s of a training step",
                            cmd_bytes(a, emit_library_workspace(e->m, &e->opts, "train")));
    if (!e->c->text[OPT_weights])
        fprintf(stderr, "seqc: note: the weights are initial ones, as training would draw them; "
                "--weights FILE takes trained ones\n");
    fprintf(cmd_told(e->c),
            "emitted %s  %s, %lld sample%s a call, weights %s, workspace %s%s\n", e->dir,
           e->opts.target->name, (long long)e->start->capacity, e->start->capacity == 1 ? "" : "s",
           cmd_bytes(a, e->bytes), cmd_bytes(a, emit_library_workspace(e->m, &e->opts, "infer")),
           step);
}

/* A process asks the system for matrix tiles once, at its start: that is no library's business. */
static int without_tiles(const Cmd *c, CmdTarget *t)
{
    if (!t->target->tile_per_cycle) return EXIT_OK;
    if (!t->native)
        return cmd_fail(c, EXIT_USAGE, "--march %s: a library uses no matrix tiles, which a "
                        "program has to ask the system for\nhelp: --march x86-64-v4",
                        cmd_march(t->target));
    t->target = ir_target("x86_64_v4");
    return EXIT_OK;
}

/* What is said of a processor is none of a GPU's. */
static int check_gpu(const Cmd *c)
{
    static const struct { OptId option; const char *why; } no[] = {
        { OPT_blas, "OpenBLAS is for processors" },
        { OPT_threads, "a call is launched by one thread" },
        { OPT_embed, "a library for any processor has kernels in C" },
        { OPT_no_libm, "kernels call functions of CUDA's own" },
        { OPT_quantize, "this version has integer kernels in C alone" },
        { OPT_calibrate, "this version has integer kernels in C alone" },
        { OPT_store, "this version stores halves for kernels in C alone" },
        { OPT_ram_budget, "budgets are for memory of a processor" },
        { OPT_certify, "what is proved is C for processors, not kernels of a GPU" },
    };
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (c->text[no[i].option])
            return cmd_fail(c, EXIT_USAGE, "--%s goes with --target c: %s\nhelp: leave one of them out",
                            cmd_option[no[i].option].name, no[i].why);
    return EXIT_OK;
}

int emission_plan(Emission *e, const Cmd *c)
{
    PassCtx ctx;
    CmdTarget target[CMD_MAX_TARGETS];
    int n;
    const char *slash = strrchr(c->file, '/');
    *e = (Emission){ .c = c };
    int code = cmd_pass_ctx(c, &ctx);
    if (!code) code = cmd_targets(c, target, &n);
    if (code) return code;
    if (c->text[OPT_embed] && !c->text[OPT_march])
        target[0] = (CmdTarget){ ir_target("generic"), false };
    code = without_tiles(c, &target[0]);
    if (code) return code;
    e->opts = (LibraryOpts){ .target = target[0].target, .native = target[0].native,
                             .trains = c->number[OPT_mode] == MODE_TRAIN,
                             .threads = (int)c->number[OPT_threads],
                             .no_libm = c->text[OPT_no_libm] != NULL,
                             .c11 = c->number[OPT_std] == STD_C11,
                             .one_file = c->text[OPT_layout] ? c->number[OPT_layout] == LAYOUT_ONE
                                                             : c->text[OPT_embed] != NULL,
                             .version = SEQC_VERSION,
                             .source = slash ? slash + 1 : c->file };
    if (c->number[OPT_target] == TARGET_CUDA) {
        code = check_gpu(c);
        if (!code) code = cmd_archs(c, e->arch, &e->opts.n_arch);
        if (code) return code;
        e->opts.arch = e->arch;
    }
    if (c->text[OPT_no_libm] && ctx.blas != BLAS_NONE && c->text[OPT_blas])
        return cmd_fail(c, EXIT_USAGE, "--no-libm: a library that calls OpenBLAS needs the C library\n"
                        "help: leave --no-libm or --blas %s out", c->text[OPT_blas]);
    if (c->number[OPT_threads] > MOST_THREADS)
        return cmd_fail(c, EXIT_USAGE, "--threads %lld: a library has %d at most",
                        (long long)c->number[OPT_threads], MOST_THREADS);
    if (c->text[OPT_mode] && c->number[OPT_mode] != MODE_TRAIN && c->number[OPT_mode] != MODE_INFER)
        return cmd_fail(c, EXIT_USAGE, "--mode %s: a library infers, or trains, too\n"
                        "help: --mode infer, or --mode train", c->text[OPT_mode]);
    code = choose_name(e);
    return code ? code : plan(e, &ctx);
}

void emission_free(Emission *e)
{
    rt_free(e->params);
    if (e->m) ir_module_free(e->m);
    if (e->start) ir_module_free(e->start);
}

int cmd_emit(const Cmd *c)
{
    Emission e;
    cmd_catch_signals();
    int code = emission_plan(&e, c);
    if (!code && c->text[OPT_certify]) code = certify_ready(c);
    if (!code) code = choose_folder(&e);
    if (!code) code = make_params(&e);
    if (!code) code = choose_form(&e);
    if (!code) code = write_all(&e);
    if (!code && !c->text[OPT_quiet]) say_done(&e);
    if (!code && c->text[OPT_report]) code = emission_report(&e);
    if (!code && c->text[OPT_certify]) code = certify_library(&e, c, e.dir);
    emission_free(&e);
    return code;
}
