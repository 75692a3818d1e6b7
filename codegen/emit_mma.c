/* codegen/emit_mma.c: the sums of emit_simt.c's tile on tensor cores.
 *
 * A block's eight warps stand in 2 rows of 4, each with fragments of 16 x 8 results. Steps of k of
 * both factors are copied into shared memory behind the threads' backs, two ahead of the one that
 * is multiplied: of three places in turn one is read and two are filled, so that one barrier a turn
 * is enough. A factor lies there as in memory, where the copies are of 16 bytes if it allows; lines
 * are padded so that a warp's lanes read from 32 banks. Its numbers are rounded (to nearest) on
 * their way to registers, and summed up in float32.
 *
 * Not here: TMA of sm_90a, tcgen05 of sm_100a; wgmma, which large products have
 * (emit_wide.c). On sm_90 mma.sync reaches 63% of the tensor cores' peak at most.
 * Source: PTX ISA, sections on mma and cp.async; CUTLASS's multistage kernels; Luo et al., Benchmarking
 * and Dissecting the Nvidia Hopper GPU Architecture through Microbenchmarking. */
#include "codegen/simt.h"

enum { STAGES = 3 };
enum { WARPS_ACROSS = 4, HEIGHT = 16, WIDTH = 8 };       /* of a tile; of a fragment of results */

static bool is_bf16(const Simt *s)
{
    return s->k->k->algo == ALGO_mma_bf16 || s->k->k->algo == ALGO_conv_mma_bf16;
}

/* A lane reads its own elements of k from the line of its group; of bfloat16 two at a time. */
static int64_t pad_of(const Simt *s, const Factor *f) { return is_bf16(s) == f->along ? 8 : 4; }

static int64_t inner(const Simt *s, const Factor *f)
{
    return (f->along ? s->step : f->lines) + pad_of(s, f);
}

static int64_t outer(const Simt *s, const Factor *f) { return f->along ? f->lines : s->step; }

/* The type's name: as in BLAS, t for a factor that is stored transposed. */
static const char *type_name(const Simt *s, const Factor f[2])
{
    return text(s->e, "%s_%lldx%lldx%lld_%c%c", is_bf16(s) ? "Bf16" : "Tf32", (long long)f[0].lines,
                (long long)f[1].lines, (long long)s->step, f[0].along ? 'n' : 't',
                f[1].along ? 't' : 'n');
}

/* stages->a[stage][…][…] at a line and a place in k. */
static const char *stored(const Simt *s, const Factor *f, const char *line, const char *k)
{
    return text(s->e, "stages->%c[stage][%s][%s]", f->name, f->along ? line : k,
                f->along ? k : line);
}

/* A register of a fragment of a factor: its one number, or its two. half: of k. */
static const char *rounded(const Simt *s, const Factor *f, const char *line, const char *half)
{
    if (!is_bf16(s))
        return text(s->e, "to_tf32(%s)", stored(s, f, line, text(s->e, "k + own + %s * 4", half)));
    const char *k = text(s->e, "k + 2 * own + %s * 8", half);
    return text(s->e, "to_bf16(%s,\n                                  %s)", stored(s, f, line, k),
                stored(s, f, line, text(s->e, "%s + 1", k)));
}

/* The places of three steps, and the products of one. */
static void write_type(Simt *s, const Factor f[2])
{
    Emit *e = s->e;
    const int64_t *micro = s->k->k->micro;
    const Hole holes[] = {
        { "name", type_name(s, f) },
        { "of_a", f[0].along ? "[row][k]" : "[k][row]" },
        { "of_b", f[1].along ? "[column][k]" : "[k][column]" },
        { "stages", text(e, "%d", STAGES) },
        { "a_outer", text(e, "%lld", (long long)outer(s, &f[0])) },
        { "a_inner", text(e, "%lld", (long long)inner(s, &f[0])) },
        { "b_outer", text(e, "%lld", (long long)outer(s, &f[1])) },
        { "b_inner", text(e, "%lld", (long long)inner(s, &f[1])) },
        { "h", text(e, "%lld", (long long)micro[0]) },
        { "w", text(e, "%lld", (long long)micro[1]) },
        { "step", text(e, "%lld", (long long)s->step) },
        { "deep", is_bf16(s) ? "16" : "8" },
        { "kind", is_bf16(s) ? "bf16" : "tf32" },
        { "a", rounded(s, &f[0], "top + 16 * i + r % 2 * 8 + group", "r / 2") },
        { "b", rounded(s, &f[1], "left + 8 * j + group", "r") },
    };
    static const char *const words =
        "/* Steps of both factors, a$of_a and b$of_b: one is read, others are on their way. */\n"
        "typedef struct {\n"
        "    float a[$stages][$a_outer][$a_inner], b[$stages][$b_outer][$b_inner];\n"
        "} $name;\n"
        "/* sums += products of a step: a warp's $h x $w fragments of 16 x 8 from row `top` and column\n"
        " * `left` on. Which lane has what: PTX's m16n8k$deep. */\n"
        "DEVICE void add_$name(const $name *stages, int stage, int top, int left,\n"
        "    float sums[$h][$w][4])\n"
        "{\n"
        "    const int group = (int)threadIdx.x % 32 / 4, own = (int)threadIdx.x % 4;\n"
        "    #pragma unroll\n"
        "    for (int k = 0; k < $step; k += $deep) {\n"
        "        uint32_t a[$h][4], b[$w][2];\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < $h; i++)\n"
        "            #pragma unroll\n"
        "            for (int r = 0; r < 4; r++)\n"
        "                a[i][r] = $a;\n"
        "        #pragma unroll\n"
        "        for (int j = 0; j < $w; j++)\n"
        "            #pragma unroll\n"
        "            for (int r = 0; r < 2; r++)\n"
        "                b[j][r] = $b;\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < $h; i++)\n"
        "            #pragma unroll\n"
        "            for (int j = 0; j < $w; j++) mma_$kind(sums[i][j], a[i], b[j]);\n"
        "    }\n"
        "}\n";
    Out *o = out_new(e->a);
    out_template(o, words, holes, (int)(sizeof holes / sizeof *holes));
    reach(e, is_bf16(s) ? SNIP_mma_bf16 : SNIP_mma_tf32);
    add_micro(e, out_text(o));
}

const char *mma_type(Simt *s, const Factor f[2])
{
    write_type(s, f);
    s->k->shared_bytes = 0;
    for (int i = 0; i < 2; i++)
        s->k->shared_bytes += STAGES * outer(s, &f[i]) * inner(s, &f[i]) * (int64_t)sizeof(float);
    return type_name(s, f);
}

/* So many of a factor's elements, or fours that lie together, each thread copies a step. */
static int64_t copies_of(const Simt *s, const Factor *f)
{
    return f->lines * s->step / (f->fours ? 4 : 1) / s->k->threads;
}

/* Opens what a thread does for each of them: where that is in a step of shared memory, and what follows. */
static void open_copies(Simt *s, const Factor *f, const char **whole, const char **rest)
{
    Emit *e = s->e;
    int64_t together = f->fours ? 4 : 1, side = (f->along ? s->step : f->lines) / together;
    int64_t copies = f->lines * s->step / together, each = copies_of(s, f);
    if (each) {
        out_open(s->o, "for (int i = 0; i < %lld; i++)", (long long)each);
        out_line(s->o, "const int e = (int)threadIdx.x + %d * i;", s->k->threads);
    } else {
        out_open(s->o, "if (threadIdx.x < %lld)", (long long)copies);
        out_line(s->o, "const int e = (int)threadIdx.x;");
    }
    *whole = text(e, "e / %lld", (long long)side);
    *rest = text(e, "e %% %lld%s", (long long)side, f->fours ? " * 4" : "");
}

/* Asks for a step of a factor: a thread for every 256th element, or four that lie together. */
static void write_copy(Simt *s, const Factor *f)
{
    const char *inside, *whole, *rest;
    if (copies_of(s, f)) out_line(s->o, "#pragma unroll");
    open_copies(s, f, &whole, &rest);
    out_line(s->o, "const %s %s = %s0 + %s, k = k0 + %s;", s->index, f->line, f->line,
             f->along ? whole : rest, f->along ? rest : whole);
    if (f->of_line) f->of_line(s, f);
    if (f->of_k) f->of_k(s, f);
    const char *place = f->place(s, f, &inside);
    const char *there = text(s->e, "%s < %s && k < %s%s%s", f->line, extent_text(s->e, f->size), s->last,
                             *inside ? " && " : "", inside);
    if (f->mapped) there = mapped_fetch(s, f, &place, there);
    out_line(s->o, "copy_%d(&shared->%c[stage][%s][%s], &%s[%s],", f->fours ? 16 : 4, f->name, whole, rest,
             factor_name(s, f), place);
    out_line(s->o, "%*s%s);", f->fours ? 8 : 7, "", there);
    out_close(s->o, "");
}

/* Has maps change what a thread copied of the step that is multiplied next: of two steps ago, as inside_a or inside_b
 * has bits of two. */
static void write_change(Simt *s, const Factor *f)
{
    const char *whole, *rest;
    long long each = (long long)copies_of(s, f);
    mapped_unroll(s, f);
    open_copies(s, f, &whole, &rest);
    mapped_change(s, f, &(MappedAt){ .line = f->along ? whole : rest, .k = f->along ? rest : whole,
                                     .k0 = text(s->e, "k0 - %lld", (STAGES - 1) * (long long)s->step),
                                     .bit = text(s->e, "(i + %lld)", each),
                                     .to = text(s->e, "shared->%c[next][%s][%s]", f->name, whole, rest) });
    out_close(s->o, "");
    mapped_age(s, f, each);
}

void mma_sums(Simt *s, const Factor f[2])
{
    Emit *e = s->e;
    Out *o = s->o;
    const int64_t *micro = s->k->k->micro;
    long long step = (long long)s->step, ahead = (STAGES - 1) * step;
    out_line(o, "const int group = (int)threadIdx.x %% 32 / 4, own = (int)threadIdx.x %% 4;");
    out_line(o, "const int top = (int)threadIdx.x / %d * %lld;", IR_WARP * WARPS_ACROSS,
             (long long)(HEIGHT * micro[0]));
    out_line(o, "const int left = (int)threadIdx.x / %d %% %d * %lld;", IR_WARP, WARPS_ACROSS,
             (long long)(WIDTH * micro[1]));
    out_line(o, "float sums[%lld][%lld][4] = { { { 0 } } };", (long long)micro[0],
             (long long)micro[1]);
    for (int i = 0; i < 2; i++)
        if (f[i].mapped) mapped_declare(s, &f[i], (STAGES - 1) * copies_of(s, &f[i]));
    out_line(o, "int stage = 0;");
    out_open(o, "for (%s k0 = %s; k0 < %s + %lld; k0 += %lld)", s->index, s->first, s->last, ahead,
             step);
    out_line(o, "copies_wait();");
    if (f[0].mapped || f[1].mapped) out_line(o, "const int next = stage == %d ? 0 : stage + 1;", STAGES - 1);
    for (int i = 0; i < 2; i++)
        if (f[i].mapped) write_change(s, &f[i]);
    out_line(o, "__syncthreads();");
    out_open(o, "if (k0 < %s)", s->last);
    for (int i = 0; i < 2; i++) write_copy(s, &f[i]);
    out_close(o, "");
    out_line(o, "copies_end();");
    out_line(o, "stage = stage == %d ? 0 : stage + 1;     /* that of two steps ago */", STAGES - 1);
    out_line(o, "if (k0 >= %s) add_%s(shared, stage, top, left, sums);",
             text_add(e, s->first, text(e, "%lld", ahead)), type_name(s, f));
    out_close(o, "");
}
