/* codegen/emit_wide.c: wide_bf16 and wide_tf32, the sums of emit_simt.c's tile where a product is so large
 * that what limits it is how fast factors come from the second cache (passes/cost_gpu.c).
 *
 * First a kernel of its own rounds both factors and writes them as they are wanted in shared memory: tiles
 * of 128 lines and 64 bytes, 32 bfloat16 or 16 tf32, along k whatever way the factor is stored, with zeros
 * beyond its ends. A block of the product then copies them as they are, four steps in turn: one is
 * multiplied, one has been and is still being read, two are on their way; so one barrier a step is
 * enough.
 *
 * For sm_90a one thread asks for a step by bulk copies, which arrive at an mbarrier. Two warpgroups have
 * 64 rows of the tile each and multiply by wgmma, which reads shared memory by itself: while it does, the
 * next step begins. A warp's accumulators lie as mma.sync's fragments of 16 rows do. Elsewhere all threads
 * copy, and eight warps have parts of 64 rows and a quarter of the columns, which they multiply by
 * mma.sync, in the same order of k. In bytes both kinds of numbers lie and are multiplied alike: 32 of a
 * line are a product's 16 or 8 of k, a word of mma.sync's fragments has two numbers or one.
 *
 * What comes next, where there is a device to measure on: a factor that two products read is rounded twice,
 * since each reads it along its own k. Of bfloat16 wgmma could read such tiles across k, too, and who
 * computes a factor could write it rounded. By the model copies are a sixth of a large product's time.
 *
 * Not here: warps that only copy, clusters of blocks, tcgen05.
 * Source: PTX ISA, sections on wgmma, its shared memory layouts, the asynchronous proxy, mbarrier and
 * cp.async.bulk; CUTLASS's mainloops for sm_90. */
#include "codegen/simt.h"
#include <string.h>

enum { STAGES = 4, WORDS = IR_WIDE_BYTES / 4, TILE_WORDS = IR_WIDE_LINES * WORDS };

static bool is_tf32(const Simt *s) { return s->k->k->algo == ALGO_wide_tf32; }

static const char *kind(const Simt *s) { return is_tf32(s) ? "tf32" : "bf16"; }

/* Numbers in a chunk of a line, 16 bytes. */
static int in_chunk(const Simt *s) { return (int)(16 / ir_wide_bytes(s->k->k->algo)); }

static const char *type_name(const Simt *s)
{
    return text(s->e, "Wide%s_%lldx%lld", is_tf32(s) ? "Tf32" : "Bf16", (long long)s->k->k->tile[0],
                (long long)s->k->k->tile[1]);
}

const char *wide_bound(Simt *s, int axis)
{
    return text(s->e, "%s_%s", type_name(s), axis ? "across" : "down");
}

const char *wide_note(Simt *s)
{
    const int64_t *tile = s->k->k->tile;
    return text(s->e, "Its first part rounds both factors, in tiles. Then a block is a tile of %lldx%lld "
                "results,\n * a warp fragments of 16x8.", (long long)tile[0], (long long)tile[1]);
}

static const char *wgmma_name(const Simt *s)
{
    return text(s->e, "wgmma_%s_%lld", kind(s), (long long)s->k->k->tile[1]);
}

/* wgmma of 64 rows and so many columns, and the wait after which its accumulators may be read: all of
 * them are named to the compiler. */
static void write_wgmma(Simt *s)
{
    Emit *e = s->e;
    int cols = (int)s->k->k->tile[1], each = cols / 2;
    const char *names = "", *sums = "";
    for (int i = 0; i < each; i++) {
        names = text(e, "%s%s%%%d", names, !i ? "" : i % 16 ? ", " : ",\"\n                 \" ", i);
        sums = text(e, "%s%s\"+f\"(sums[%d])", sums, !i ? "" : i % 6 ? ", " : ",\n                   ", i);
    }
    const Hole holes[] = { { "cols", text(e, "%d", cols) }, { "kind", kind(s) },
                           { "depth", text(e, "%d", 2 * in_chunk(s)) },
                           { "wgmma", wgmma_name(s) },
                           { "shape", text(e, "m64n%dk%d", cols, 2 * in_chunk(s)) },
                           { "stored", is_tf32(s) ? "" : ", 0, 0" }, { "names", names }, { "sums", sums },
                           { "a", text(e, "%%%d", each) }, { "b", text(e, "%%%d", each + 1) } };
    static const char *const words =
        "#ifdef __CUDA_ARCH_FEAT_SM90_ALL\n"
        "/* sums += a[64][$depth] b[$depth][$cols] of a warpgroup. */\n"
        "DEVICE void $wgmma(float *sums, uint64_t a, uint64_t b)\n"
        "{\n"
        "    asm volatile(\"wgmma.mma_async.sync.aligned.$shape.f32.$kind.$kind \"\n"
        "                 \"{$names}, \"\n"
        "                 \"$a, $b, 1, 1, 1$stored;\"\n"
        "                 : $sums\n"
        "                 : \"l\"(a), \"l\"(b));\n"
        "}\n"
        "DEVICE void wgmma_wait_all_$cols(float *sums)\n"
        "{\n"
        "    asm volatile(\"wgmma.wait_group.sync.aligned 0;\"\n"
        "                 : $sums :: \"memory\");\n"
        "}\n"
        "#endif\n";
    Out *o = out_new(e->a);
    out_template(o, words, holes, (int)(sizeof holes / sizeof *holes));
    add_micro(e, out_text(o));
}

/* The places of four steps, their copies, and the products of one. */
static void write_steps(Simt *s)
{
    Emit *e = s->e;
    long long rows = (long long)s->k->k->tile[0], cols = (long long)s->k->k->tile[1];
    const Hole holes[] = {
        { "name", type_name(s) },
        { "down", wide_bound(s, 0) },
        { "across", wide_bound(s, 1) },
        { "index", s->index },
        { "numbers", is_tf32(s) ? "tf32" : "pairs of bfloat16" },
        { "wgmma", wgmma_name(s) },
        { "mma", text(e, "mma_%s", kind(s)) },
        { "depth", text(e, "%d", 2 * in_chunk(s)) },
        { "stages", text(e, "%d", STAGES) },
        { "rows", text(e, "%lld", rows) },
        { "cols", text(e, "%lld", cols) },
        { "words", text(e, "%d", WORDS) },
        { "tile_bytes", text(e, "%d", 4 * TILE_WORDS) },
        { "step_bytes", text(e, "%lld", (rows + cols) * WORDS * 4) },
        { "b_tiles", text(e, "%lld", cols / IR_WIDE_LINES) },
        { "chunks", text(e, "%d", TILE_WORDS / 4) },
        { "a_each", text(e, "%lld", rows * WORDS / 4 / s->k->threads) },
        { "b_each", text(e, "%lld", cols * WORDS / 4 / s->k->threads) },
        { "threads", text(e, "%d", s->k->threads) },
        { "fragments", text(e, "%lld", cols / 8) },
        { "broad", text(e, "%lld", cols / 32) },
        { "quarter", text(e, "%lld", cols / 4) },
    };
    static const char *const words =
        "/* Steps of both factors, $numbers along k, which is swizzled. */\n"
        "typedef struct {\n"
        "    uint32_t a[$stages][$rows][$words], b[$stages][$cols][$words];\n"
        "    uint64_t arrivals[$stages];\n"
        "} $name;\n"
        "/* begin_: before all copies. fetch_: begins to copy a step, if there is one; b's tiles of 128\n"
        " * columns lie `apart`. await_: it is there, when all threads have waited. */\n"
        "#ifdef WARPGROUPS\n"
        "DEVICE void begin_$name($name *shared)\n"
        "{\n"
        "    if (threadIdx.x == 0) {\n"
        "        for (int i = 0; i < $stages; i++) barrier_init(&shared->arrivals[i]);\n"
        "        barrier_fence();\n"
        "    }\n"
        "    __syncthreads();\n"
        "}\n"
        "DEVICE void fetch_$name($name *shared, bool there, int stage, const int32_t *a, const int32_t *b,\n"
        "    $index apart)\n"
        "{\n"
        "    uint64_t *const arrivals = &shared->arrivals[stage];\n"
        "    if (!there || threadIdx.x > 0) return;\n"
        "    barrier_expect(arrivals, $step_bytes);\n"
        "    bulk_copy(shared->a[stage], a, $tile_bytes, arrivals);\n"
        "    for (int i = 0; i < $b_tiles; i++)\n"
        "        bulk_copy(shared->b[stage][128 * i], b + i * apart, $tile_bytes, arrivals);\n"
        "}\n"
        "DEVICE void await_$name($name *shared, $index step)\n"
        "{\n"
        "    barrier_wait(&shared->arrivals[step % $stages], step / $stages % 2);\n"
        "}\n"
        "#else\n"
        "DEVICE void begin_$name($name *shared) { (void)shared; }\n"
        "DEVICE void fetch_$name($name *shared, bool there, int stage, const int32_t *a, const int32_t *b,\n"
        "    $index apart)\n"
        "{\n"
        "    #pragma unroll\n"
        "    for (int i = 0; i < $a_each; i++) {\n"
        "        const int e = (int)threadIdx.x + $threads * i;\n"
        "        if (there) copy_16(&shared->a[stage][e / 4][e % 4 * 4], a + 4 * e, true);\n"
        "    }\n"
        "    #pragma unroll\n"
        "    for (int i = 0; i < $b_each; i++) {\n"
        "        const int e = (int)threadIdx.x + $threads * i;\n"
        "        const int32_t *const from = b + e / $chunks * apart + e % $chunks * 4;\n"
        "        if (there) copy_16(&shared->b[stage][e / 4][e % 4 * 4], from, true);\n"
        "    }\n"
        "    copies_end();\n"
        "}\n"
        "DEVICE void await_$name($name *shared, $index step)\n"
        "{\n"
        "    (void)shared, (void)step;\n"
        "    copies_wait();\n"
        "}\n"
        "#endif\n"
        "#ifdef WARPGROUPS\n"
        "enum { $down = 1, $across = $fragments };      /* fragments of a warp */\n"
        "DEVICE int top_$name(void) { return (int)threadIdx.x / 32 * 16; }\n"
        "DEVICE int left_$name(void) { return 0; }\n"
        "/* Begins sums += products of a step, and waits for those of the one before. */\n"
        "DEVICE void add_$name(const $name *shared, int stage, float sums[1][$fragments][4])\n"
        "{\n"
        "    const uint64_t a = lines_at(shared->a[stage][(int)threadIdx.x / 128 * 64]);\n"
        "    const uint64_t b = lines_at(shared->b[stage][0]);\n"
        "    wgmma_fence();\n"
        "    $wgmma(&sums[0][0][0], a, b);\n"
        "    $wgmma(&sums[0][0][0], a + 2, b + 2);      /* $depth of k are 32 bytes */\n"
        "    wgmma_end();\n"
        "    wgmma_wait_1();\n"
        "}\n"
        "DEVICE void finish_$name(float sums[1][$fragments][4]) { wgmma_wait_all_$cols(&sums[0][0][0]); }\n"
        "#else\n"
        "enum { $down = 4, $across = $broad };\n"
        "DEVICE int top_$name(void) { return (int)threadIdx.x / 128 * 64; }\n"
        "DEVICE int left_$name(void) { return (int)threadIdx.x / 32 % 4 * $quarter; }\n"
        "DEVICE void add_$name(const $name *shared, int stage, float sums[4][$broad][4])\n"
        "{\n"
        "    const int group = (int)threadIdx.x % 32 / 4, own = (int)threadIdx.x % 4;\n"
        "    const int top = top_$name() + group, left = left_$name() + group;\n"
        "    #pragma unroll\n"
        "    for (int k = 0; k < 4; k += 2) {\n"
        "        uint32_t a[4][4], b[$broad][2];\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < 4; i++)\n"
        "            #pragma unroll\n"
        "            for (int r = 0; r < 4; r++)\n"
        "                a[i][r] = shared->a[stage][top + 16 * i + r % 2 * 8]\n"
        "                                  [swizzled(group, k + r / 2) + own];\n"
        "        #pragma unroll\n"
        "        for (int j = 0; j < $broad; j++)\n"
        "            #pragma unroll\n"
        "            for (int r = 0; r < 2; r++)\n"
        "                b[j][r] = shared->b[stage][left + 8 * j][swizzled(group, k + r) + own];\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < 4; i++)\n"
        "            #pragma unroll\n"
        "            for (int j = 0; j < $broad; j++) $mma(sums[i][j], a[i], b[j]);\n"
        "    }\n"
        "}\n"
        "DEVICE void finish_$name(float sums[4][$broad][4]) { (void)sums; }\n"
        "#endif\n";
    Out *o = out_new(e->a);
    out_template(o, words, holes, (int)(sizeof holes / sizeof *holes));
    add_micro(e, out_text(o));
}

const char *wide_type(Simt *s)
{
    reach(s->e, SNIP_wgmma);
    reach(s->e, is_tf32(s) ? SNIP_rounded_tf32 : SNIP_rounded_bf16);
    write_wgmma(s);
    write_steps(s);
    s->k->shared_bytes = STAGES * (s->k->k->tile[0] + s->k->k->tile[1]) * IR_WIDE_BYTES
                       + STAGES * (int64_t)sizeof(uint64_t);
    return type_name(s);
}

/* Steps of k, and tiles of a factor. */
static const char *steps_text(Simt *s)
{
    return text(s->e, "(%s + %d) / %d", extent_atom(s->e, s->depth), (int)s->step - 1, (int)s->step);
}

static const char *tiles_text(Simt *s, Extent size, int64_t together)
{
    long long lines = (long long)(together * IR_WIDE_LINES);
    return text(s->e, "(%s + %lld) / %lld%s", extent_atom(s->e, size), lines - 1, lines,
                simt_times(s->e, together));
}

static const char *tiles_of(Simt *s)
{
    return slot_shared(s->k, DT_i32, "tiles", "both factors, rounded");
}

/* ---- what comes first ---- */

/* One tile of a factor: `at` is its number among the factor's. A thread has chunks of 16 bytes. */
static void write_tile(Simt *s, const Factor *f, const char *at)
{
    Emit *e = s->e;
    Out *o = s->o;
    const char *inside;
    int chunks = TILE_WORDS / 4, each = in_chunk(s);
    out_line(o, "const %s %s0 = %s / steps * %d, k0 = %s %% steps * %d;", s->index, f->line, at,
             IR_WIDE_LINES, at, (int)s->step);
    out_line(o, "#pragma unroll");
    out_open(o, "for (int i = 0; i < %d; i++)", chunks / s->k->threads);
    out_line(o, "const int e = (int)threadIdx.x + %d * i;", s->k->threads);
    out_line(o, f->along ? "const int line = e / 4, chunk = e %% 4;"
                         : "const int line = e %% %d, chunk = e / %d;", IR_WIDE_LINES, IR_WIDE_LINES);
    out_line(o, "const %s %s = %s0 + line;", s->index, f->line, f->line);
    out_line(o, "float numbers[%d];", each);
    out_line(o, "#pragma unroll");
    bool four = f->along && f->fours;
    out_open(o, "for (int j = 0; j < %d; j%s)", each, four ? " += 4" : "++");
    out_line(o, "const %s k = k0 + %d * chunk + j;", s->index, each);
    const char *place = f->place(s, f, &inside);
    const char *element = text(e, "%s[%s]", slot_read(s->k, f->operand), place);
    const char *there = text(e, "%s < %s && k < %s", f->line, extent_text(e, f->size), s->last);
    if (four) {
        out_line(o, "const Four zeros = { { 0 } };");
        out_line(o, "const Four four = %s ? *(const Four *)&%s : zeros;", there, element);
        out_line(o, "#pragma unroll");
        out_line(o, "for (int l = 0; l < 4; l++) numbers[j + l] = four.x[l];");
    } else {
        out_line(o, "numbers[j] = %s ? %s : 0;", there, element);
    }
    out_close(o, "");
    out_line(o, "put_%s(%s + (part * %d + line) * %d + swizzled(line, chunk), numbers);", kind(s), tiles_of(s),
             IR_WIDE_LINES, WORDS);
    out_close(o, "");
}

/* A block rounds a tile. Beyond the last ones at this n there is nothing to do. */
static void write_first(Simt *s, const Factor f[2])
{
    Kern *k = s->k;
    Emit *e = s->e;
    WideTiles w = ir_wide_tiles(k->g, k->k, e->m->capacity);
    Out *was = s->o, *o = k->prepare = s->o = out_new(e->a);
    const char *cast = strcmp(s->index, "int") ? "" : "(int)";
    k->prepare_tasks = (w.rows + w.cols) * w.steps;
    out_open(o, "%s", "");
    out_line(o, "const %s part = %stask, steps = %s(%s);", s->index, cast, cast, steps_text(s));
    out_line(o, "const %s rest = part - steps * %s(%s);", s->index, cast, tiles_text(s, s->m, 1));
    out_open(o, "if (rest < 0)");
    write_tile(s, &f[0], "part");
    out_close(o, text(e, " else if (rest < steps * %s(%s)) {", cast,
                      tiles_text(s, s->l, k->k->tile[1] / IR_WIDE_LINES)));
    out_deeper(o, 1);
    write_tile(s, &f[1], "rest");
    out_close(o, "");
    out_close(o, "");
    s->o = was;
}

/* ---- the products ---- */

void wide_sums(Simt *s, const Factor f[2])
{
    Out *o = s->o;
    const char *name = type_name(s), *cast = strcmp(s->index, "int") ? "" : "(int)", *tiles = tiles_of(s);
    write_first(s, f);
    out_line(o, "const int group = (int)threadIdx.x %% 32 / 4, own = (int)threadIdx.x %% 4;");
    out_line(o, "const int top = top_%s(), left = left_%s();", name, name);
    out_line(o, "const %s steps = %s(%s), apart = steps * %d;", s->index, cast, steps_text(s), TILE_WORDS);
    out_line(o, "const int32_t *const a = %s + row0 / %d * apart;", tiles, IR_WIDE_LINES);
    out_line(o, "const int32_t *const b = %s + (%s + col0 / %d) * apart;", tiles,
             text(s->e, "%s(%s)", cast, tiles_text(s, s->m, 1)), IR_WIDE_LINES);
    out_line(o, "float sums[%s][%s][4] = { { { 0 } } };", wide_bound(s, 0), wide_bound(s, 1));
    out_line(o, "begin_%s(shared);", name);
    out_line(o, "for (int step = 0; step < 2; step++)");
    out_line(o, "    fetch_%s(shared, step < steps, step, a + step * %d, b + step * %d, apart);", name,
             TILE_WORDS, TILE_WORDS);
    out_open(o, "for (%s step = 0; step < steps; step++)", s->index);
    out_line(o, "const %s next = step + 2, from = next * %d;", s->index, TILE_WORDS);
    out_line(o, "await_%s(shared, step);", name);
    out_line(o, "__syncthreads();");
    out_line(o, "fetch_%s(shared, next < steps, (int)(next %% %d), a + from, b + from, apart);", name,
             STAGES);
    out_line(o, "add_%s(shared, (int)(step %% %d), sums);", name, STAGES);
    out_close(o, "");
    out_line(o, "finish_%s(sums);", name);
}
