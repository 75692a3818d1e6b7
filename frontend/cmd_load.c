/* frontend/cmd_load.c: what several commands do: read a model, settle how passes run, write output,
 * and say numbers to people. */
#define _GNU_SOURCE   /* fopencookie, readlink, realpath */
#include "codegen/codegen.h"
#include "frontend/cmd.h"
#include "passes/passes.h"
#include "runtime/base.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SOURCE_BYTES = 64 << 20 };

/* ---- reading ---- */

bool cmd_is_ir(const char *text, int64_t length)
{
    static const char magic[] = "seqc.ir";
    return length >= (int64_t)sizeof magic - 1 && memcmp(text, magic, sizeof magic - 1) == 0;
}

/* --math, where it is given. */
static void set_math(const Cmd *c, Module *m)
{
    for (int i = 0; i < MATH_COUNT; i++)
        if (c->text[OPT_math] && strcmp(c->text[OPT_math], ir_math[i].name) == 0)
            m->math = (MathMode)i;
}

static int load_ir(const Cmd *c, const rt_buf *text, Module **out)
{
    static const OptId fixed[] = {OPT_define, OPT_input, OPT_batch, OPT_model, OPT_loss,
                                  OPT_optimizer, OPT_dtype, OPT_dropout};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (c->text[fixed[i]])
            return cmd_fail(c, EXIT_USAGE, "--%s is for model files; IR text has it settled",
                            cmd_option[fixed[i]].name);
    ParseErr err;
    *out = ir_parse(text->data, (size_t)text->length, &err);
    if (!*out)
        return cmd_fail(c, EXIT_REFUSED, "%s:%s", c->file, err.text);
    char why[IR_ERR];
    set_math(c, *out);                       /* before its kernels are checked against it */
    bool good = ir_verify(*out, why);
    if (good && (c->number[OPT_target] != TARGET_CUDA || ir_target_check(*out, ir_gpu("cuda"), why)))
        return EXIT_OK;
    ir_module_free(*out);
    *out = NULL;
    return cmd_fail(c, EXIT_REFUSED, "%s: %s", c->file, why);
}

static int load_model(const Cmd *c, const rt_buf *text, FeOwn *own, void *ctx, Module **out)
{
    FeOpts o = {.define = c->define, .n_define = c->n_define, .input = c->text[OPT_input],
                .batch = c->command == CMD_emit && !c->text[OPT_batch] ? 1 : c->number[OPT_batch],
                .model = c->text[OPT_model],
                .loss = c->text[OPT_loss], .optimizer = c->text[OPT_optimizer],
                .real = c->command == CMD_check || c->number[OPT_dtype] == 1 ? DT_f64 : DT_f32,
                .drawn_masks = c->number[OPT_dropout] == 1, .inference = c->command == CMD_emit,
                .verbose = c->text[OPT_verbose] != NULL, .home = cmd_runtime_dir(c->arena),
                .cc = cmd_cc(c), .own = own, .own_ctx = ctx};
    FeDiags *d = fe_diags_new();
    *out = fe_compile(c->file, text->data, (size_t)text->length, &o, d);
    if (c->json)
        fe_diags_json(d, stderr);
    else
        fe_diags_text(d, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
    bool lacks = fe_lacks_tool(d);
    fe_diags_free(d);
    if (!*out)
        return lacks ? EXIT_IO : EXIT_REFUSED;
    set_math(c, *out);
    return EXIT_OK;
}

int cmd_load_own(const Cmd *c, FeOwn *own, void *ctx, Module **out)
{
    rt_err e = {0};
    rt_buf text = {0};
    const char *path = strcmp(c->file, "-") == 0 ? "/dev/stdin" : c->file;
    if (!rt_file_read(&e, path, MAX_SOURCE_BYTES, &text))
        return cmd_fail_rt(c, &e);
    int code = text.data && cmd_is_ir(text.data, text.length) ? load_ir(c, &text, out)
             : c->command == CMD_opt
                 ? cmd_fail(c, EXIT_REFUSED, "%s is no IR text: its first line is not "
                            "\"seqc.ir %d\"\nhelp: `seqc ir model.py` writes such text",
                            c->file, IR_VERSION)
                 : load_model(c, &text, own, ctx, out);
    rt_buf_free(&text);
    return code;
}

int cmd_load(const Cmd *c, Module **out) { return cmd_load_own(c, NULL, NULL, out); }

const char *cmd_stem(const Cmd *c)
{
    const char *slash = strrchr(c->file, '/');
    const char *base = slash ? slash + 1 : c->file;
    const char *dot = strrchr(base, '.');
    return arena_strn(c->arena, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

/* ---- passes ---- */

/* Called after every pass. */
static void show_pass(void *ctx, const char *pass, const Module *m, double seconds)
{
    (void)ctx;
    int nodes = 0, kernels = 0;
    for (int i = 0; i < m->n_graph; i++) {
        nodes += (int)m->graph[i]->n_node - 1;
        kernels += m->graph[i]->n_kernel;
    }
    fprintf(stderr, "%-14s %6d nodes %5d kernels %9.3f ms\n", pass, nodes, kernels, seconds * 1e3);
}

int cmd_pass_ctx(const Cmd *c, PassCtx *p)
{
    *p = (PassCtx){.blas = (Blas)c->number[OPT_blas],
                   .tier = (Tier)c->number[OPT_tier],
                   .no_fuse = c->text[OPT_no_fuse] || c->text[OPT_no_passes],
                   .no_reuse = c->text[OPT_no_reuse] || c->text[OPT_no_passes],
                   .as_written = c->text[OPT_no_passes] != NULL,
                   .verify = c->text[OPT_verify] != NULL,
                   .after = c->text[OPT_verbose] ? show_pass : NULL};
    CmdTarget list[CMD_MAX_TARGETS];
    int n, code = cmd_targets(c, list, &n);
    p->target = list[0].target;
    if (code || p->blas != BLAS_AUTO) return code;
    /* What is installed here is for this machine. */
    if (ir_target_foreign(p->target) || !emit_finds_blas(p->target, c->arena)) p->blas = BLAS_NONE;
    return code;
}

/* ---- writing ---- */

static ssize_t add_text(void *text, const char *bytes, size_t count)
{
    return rt_buf_add(NULL, text, bytes, (int64_t)count) ? (ssize_t)count : 0;
}

int cmd_text(const Cmd *c, CmdPrint *print, const void *ctx, rt_buf *text)
{
    /* Not open_memstream: glibc's loses text without a word where memory runs out. */
    FILE *f = fopencookie(text, "w", (cookie_io_functions_t){.write = add_text});
    bool whole = false;
    if (f) {
        print(f, ctx);
        whole = fflush(f) == 0 && !ferror(f);
        fclose(f);
    }
    return whole ? EXIT_OK : cmd_fail(c, EXIT_MEMORY, "out of memory");
}

int cmd_write(const Cmd *c, const char *path, CmdPrint *print, const void *ctx)
{
    rt_buf text = {0};
    rt_err e = {0};
    int code = cmd_text(c, print, ctx, &text);
    if (!code && !rt_file_put(&e, path, text.data, text.length))
        code = cmd_fail_rt(c, &e);
    rt_buf_free(&text);
    return code;
}

int cmd_output(const Cmd *c, CmdPrint *print, const void *ctx)
{
    const char *path = c->text[OPT_output];
    if (path && strcmp(path, "-") != 0)
        return cmd_write(c, path, print, ctx);
    print(stdout, ctx);
    return EXIT_OK;
}

const char *cmd_executable(Arena *a)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? arena_strn(a, path, (size_t)n) : "";
}

static bool has_runtime(Arena *a, const char *dir)
{
    return access(arena_printf(a, "%s/libseqc_rt.a", dir), R_OK) == 0 &&
           access(arena_printf(a, "%s/include/runtime/rt.h", dir), R_OK) == 0;
}

const char *cmd_runtime_dir(Arena *a)
{
    const char *home = getenv("SEQC_HOME");
    if (home && *home)
        return has_runtime(a, home) ? home : NULL;
    const char *self = cmd_executable(a);
    const char *slash = strrchr(self, '/');
    const char *beside = slash ? arena_strn(a, self, (size_t)(slash - self)) : ".";
    static const char *const places[] = {"../lib/seqc", "lib/seqc"};
    for (int i = 0; i < 2; i++) {
        const char *dir = arena_printf(a, "%s/%s", beside, places[i]);
        if (has_runtime(a, dir)) {
            char *plain = realpath(dir, NULL);
            const char *kept = plain ? arena_str(a, plain) : dir;
            free(plain);
            return kept;
        }
    }
    return NULL;
}

/* ---- numbers for people ---- */

const char *cmd_commas(Arena *a, int64_t x)
{
    char digits[32], *out = arena_alloc(a, 48, 1);
    int n = snprintf(digits, sizeof digits, "%" PRId64, x), at = 0;
    for (int i = 0; i < n; i++) {
        out[at++] = digits[i];
        if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0)
            out[at++] = ',';
    }
    return out;
}

const char *cmd_big(Arena *a, double x)
{
    static const char *const unit[] = {"", " k", " M", " G", " T", " P"};
    int u = 0;
    while (x >= 999.5 && u < 5) {
        x /= 1000;
        u++;
    }
    return arena_printf(a, u && x < 99.95 ? "%.1f%s" : "%.0f%s", x, unit[u]);
}

const char *cmd_bytes(Arena *a, int64_t bytes)
{
    const char *number = cmd_big(a, (double)bytes);    /* 128, or 1.6 M */
    return arena_printf(a, strchr(number, ' ') ? "%sB" : "%s B", number);
}
