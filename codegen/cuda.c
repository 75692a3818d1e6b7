/* codegen/cuda.c: the file of a module's kernels for CUDA, and what its program says of them.
 *
 * The file needs no header: NVRTC, nvcc and, after tests/cuda/emulator.h, a C compiler read the
 * same text. What it asks of a language beside C stands at its beginning. */
#include "codegen/program.h"
#include <string.h>

const char *const cuda_language =
    "#ifdef __CUDACC__\n"
    "#ifdef __CUDACC_RTC__\n"
    "typedef unsigned char uint8_t;\n"
    "typedef int int32_t;\n"
    "typedef unsigned int uint32_t;\n"
    "typedef long long int64_t;\n"
    "typedef unsigned long long uint64_t;\n"
    "#define INT64_C(x) x##ll\n"
    "#define INT64_MAX INT64_C(0x7fffffffffffffff)\n"
    "#define INT64_MIN (-INT64_MAX - 1)\n"
    "#define INFINITY __int_as_float(0x7f800000)\n"
    "#define NAN __int_as_float(0x7fc00000)\n"
    "#else\n"
    "#include <math.h>\n"
    "#include <stdint.h>\n"
    "#include <string.h>\n"
    "#endif\n"
    "/* A kernel for blocks of so many threads, a function that becomes part of kernels, one that\n"
    " * kernels call, and the memory that a block's threads share. */\n"
    "#define KERNEL(threads) extern \"C\" __global__ void __launch_bounds__(threads, 1)\n"
    "#define DEVICE static __device__ __forceinline__\n"
    "#ifndef SUBROUTINE\n"
    "#define SUBROUTINE static __device__ __noinline__\n"
    "#endif\n"
    "/* How many turns of a loop are written out side by side; no macros, as nvcc has none in a pragma. */\n"
    "#ifndef TURNS\n"
    "#define TURNS 4\n"
    "#endif\n"
    "enum { FOUR_TURNS = TURNS, TWO_TURNS = (TURNS + 1) / 2 };\n"
    "extern __shared__ __align__(1024) char block_memory[];\n"
    "#define SHARED(type, name) type *const name = (type *)block_memory\n"
    "#endif\n"
    "\n";

/* Has it a stage that is the other's? */
static bool borrows(const KernelFn *f, const KernelFn *other)
{
    const Stage *const own[] = { &f->prepare, &f->main, &f->finish };
    const Stage *const stage[] = { &other->prepare, &other->main, &other->finish };
    for (int i = 0; i < 9; i++) {
        const Stage *s = own[i / 3], *t = stage[i % 3];
        if (s->there && t->name && !t->there && !strcmp(s->name, t->name)) return true;
    }
    return false;
}

/* Can they be compiled apart? None is part of another. */
static bool are_apart(const Emit *e)
{
    bool apart = true;
    for (int i = 0; i < e->n_fn; i++) apart = apart && !e->fn[i]->inlined;
    return apart;
}

/* Which kernels run seldom, so that they are compiled apart: none where kernels are part of others, nor
 * one with a stage that is launched for a kernel which runs often. */
static void settle(Emit *e)
{
    for (int i = 0; i < e->n_fn; i++) e->fn[i]->seldom = e->fn[i]->seldom && are_apart(e);
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < e->n_fn; i++)
            for (int k = 0; k < e->n_fn; k++) {
                if (e->fn[i]->seldom || !e->fn[k]->seldom || !borrows(e->fn[i], e->fn[k])) continue;
                e->fn[k]->seldom = false;
                again = true;
            }
    }
}

/* How long NVIDIA's compiler takes for a text, more or less: its bytes that are no comments, and what any
 * kernel takes. */
static size_t weight(const char *text)
{
    enum { KERNEL_BYTES = 800 };
    size_t all = KERNEL_BYTES;
    for (const char *end; *text; text = end) {
        const char *begin = strstr(text, "/*");
        end = begin ? strstr(begin, "*/") : NULL;
        if (!end) return all + strlen(text);
        all += (size_t)(begin - text);
        end += 2;
    }
    return all;
}

/* What an image is of: kernels that are run often, or seldom, and what they weigh. */
typedef struct Share { size_t all, each, so_far; int n; } Share;

/* Begins a part where the next one's text would be nearer to it than to the part before. */
static void write_part(Out *o, Share *s, bool seldom, const char *text)
{
    const size_t own = weight(text);
    if (!s->n || (double)s->so_far + (double)own / 2 > (double)s->each * s->n) {
        out_raw(o, EMIT_PART);
        if (seldom) out_raw(o, EMIT_SELDOM);
        s->n++;
    }
    s->so_far += own;
    out_raw(o, text);
}

/* In how many equal parts: of those that are run often two for a few kernels of a single architecture, and
 * any even number of more, as few processors wait for the odd one. */
static size_t n_parts(const Emit *e, const Share *s, bool seldom)
{
    enum { OFTEN = 32 << 10, SELDOM = 48 << 10 };
    if (!are_apart(e)) return 1;
    if (seldom) return s->all / SELDOM + 1;
    size_t parts = s->all / OFTEN + 1;
    if (parts == 1) return e->o->n_arch == 1 && s->all > OFTEN / 2 ? 2 : 1;
    return parts + parts % 2;
}

/* The kernels in parts that are compiled side by side. Those that call kernels of one block stay with them.
 * What is run seldom comes last, in parts of its own. */
static void write_parts(Emit *e, Out *o, const char *steps)
{
    const char **texts = arena_alloc(e->a, (size_t)e->n_fn + 1, sizeof *texts);
    Share share[2] = { { .all = weight(steps) }, { .all = 0 } };
    settle(e);
    for (int i = 0; i < e->n_fn; i++) {
        Out *one = out_new(e->a);
        kernel_write(e, one, e->fn[i]);
        texts[i] = out_text(one);
        share[e->fn[i]->seldom].all += weight(texts[i]);
    }
    for (int i = 0; i < 2; i++) share[i].each = share[i].all / n_parts(e, &share[i], i == 1) + 1;
    write_part(o, &share[0], false, steps);
    for (int seldom = 0; seldom < 2; seldom++)
        for (int i = 0; i < e->n_fn; i++)
            if (e->fn[i]->seldom == seldom) write_part(o, &share[seldom], seldom, texts[i]);
}

const char *cuda_kernels(Emit *e)
{
    Out *o = out_new(e->a), *steps = out_new(e->a);
    head_write(e, o, ".cu", e->o->target->name);
    out_line(o, " * A kernel computes a group of operations. Which block and thread computes what");
    out_line(o, " * follows from shapes alone, and sums are added in a fixed order: the same bits");
    out_line(o, " * always. Parts are compiled apart, each after what precedes the first. */");
    out_raw(o, cuda_language);
    steps_kernels(e, steps);
    snippets_all(e, o);
    write_parts(e, o, out_text(steps));
    return out_text(o);
}

void emit_kernels(const Module *m, const EmitOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Emit e = { .m = m, .o = opts, .l = dialect_of(opts->target), .a = a };
    graphs_text(&e);
    fputs(cuda_kernels(&e), out);
    arena_free(a);
}

void cuda_includes(Out *o)
{
    out_line(o, "#include \"runtime/cuda.h\"");
    out_line(o, "#include <math.h>");
    out_line(o, "%s", "");
}

int cuda_kernel_rows(Emit *e, bool seldom, Out *names, Out *rows)
{
    int n = 0;
    for (int i = 0; i < e->n_fn; i++) {
        if (e->fn[i]->inlined || e->fn[i]->seldom != seldom) continue;
        const Stage *const stage[] = { &e->fn[i]->prepare, &e->fn[i]->main, &e->fn[i]->finish };
        for (int k = 0; k < 3; k++) {
            if (!stage[k]->name || stage[k]->there) continue;
            out_line(names, "K_%s,", stage[k]->name);
            out_line(rows, "{ \"%s\", %d, %lld },", stage[k]->name, stage[k]->threads,
                     (long long)stage[k]->shared_bytes);
            n++;
        }
    }
    return n;
}

void cuda_tables(Emit *e, Out *o)
{
    int n_steps;
    Out *names = out_new(e->a), *rows = out_new(e->a), *steps = out_new(e->a);
    out_open(names, "enum");
    out_open(rows, "static const rt_kernel kernels[] =");
    out_open(steps, "static const rt_steps step_kernels[] =");
    settle(e);
    int n = steps_tables(e, names, rows, steps, &n_steps);
    n += cuda_kernel_rows(e, false, names, rows);
    int n_seldom = cuda_kernel_rows(e, true, names, rows);
    n += n_seldom;
    out_close(names, ";");
    out_close(rows, ";");
    out_close(steps, ";");
    if (n) out_raw(o, out_text(names));
    if (n) out_line(o, "/* Threads of a block, bytes that they share.%s */",
                    n_seldom ? " Those that derivatives alone launch come last." : "");
    if (n) out_raw(o, out_text(rows));
    if (n_steps) out_line(o, "/* Graphs, what begins and ends a step of theirs, elements of a block "
                             "that gathers, what does whole steps. */");
    if (n_steps) out_raw(o, out_text(steps));
    out_line(o, "/* What they were compiled to is a file of its own. */");
    out_line(o, "extern const rt_cuda_image images[];");
    out_line(o, "static const rt_cuda cuda = { %s, %d, images, %s, %d, %d };", n ? "kernels" : "0", n,
             n_steps ? "step_kernels" : "0", n_steps, n_seldom);
    out_line(o, "%s", "");
}
