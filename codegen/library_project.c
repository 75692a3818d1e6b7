/* codegen/library_project.c: what stands around a library's sources, so that a project can take it
 * in: CMake's and pkg-config's files, an example, a page with its sizes. The texts are in
 * library_files.def. */
#include "codegen/library.h"
#include <string.h>

const char *const emit_library_path[LIBRARY_FILES] = {
#define LIBRARY_FILE(id, path, text) path,
#include "codegen/library_files.def"
};

static const char *const file_text[LIBRARY_FILES] = {
#define LIBRARY_FILE(id, path, text) text,
#include "codegen/library_files.def"
};

/* A table of layers: what a call multiplies and adds, what it takes of weights. */
static const char *layer_table(Library *l)
{
    Emit *e = &l->e;
    const Program *p = &e->m->prog;
    if (!p->n_layer) return "";
    const char *s = "| layer | | output | parameters |\n| --- | --- | --- | --- |";
    for (int i = 0; i < p->n_layer; i++) {
        const Layer *x = &p->layer[i];
        s = text(e, "%s\n| %s | %s | %s | %lld |", s, out_comment(e->a, x->path),
                 out_comment(e->a, x->text), library_dims(l, &x->out.shape), (long long)x->params);
    }
    return s;
}

static double flop(const Library *l)
{
    double sum = 0;
    for (int i = 0; i < l->infer->n_kernel; i++)
        if (!ir_runs_once(l->infer, i)) sum += ir_kernel_flop(l->infer, i);
    return sum;
}

static const char *size_table(Library *l)
{
    return text(&l->e,
                "| | bytes |\n| --- | --- |\n"
                "| weights%s | %lld |\n%s"
                "| workspace of an inference | %lld |\n%s"
                "\n"
                "An inference computes %lld sample%s with %.0f floating-point operations.\n",
                l->train ? " and the optimizer's numbers" : " (read only)",
                (long long)library_params_bytes(l),
                l->gpu ? text(&l->e, "| the same on the device | %lld |\n",
                              (long long)library_device_bytes(l)) : "",
                (long long)library_workspace_bytes(l, l->infer),
                l->train ? text(&l->e, "| workspace of a training step | %lld |\n",
                                (long long)library_workspace_bytes(l, l->train)) : "",
                (long long)library_batch(l), library_batch(l) == 1 ? "" : "s",
                flop(l) * (double)(library_batch(l) / l->e.m->capacity));
}

/* How the example comes by weights that lie in a file. */
static const char *const read_function =
    "\n\n"
    "/* The bytes of a file, aligned; null: it cannot be read. */\n"
    "static void *read_file(const char *path, size_t bytes)\n"
    "{\n"
    "    FILE *file = fopen(path, \"rb\");\n"
    "    char *memory = (char *)malloc(bytes + $N_ALIGN);\n"
    "    size_t over = (uintptr_t)memory % $N_ALIGN;\n"
    "    char *start = memory ? memory + ($N_ALIGN - over) % $N_ALIGN : NULL;\n"
    "    size_t got = file && start ? fread(start, 1, bytes, file) : 0;\n"
    "    if (file) fclose(file);\n"
    "    return got == bytes ? start : NULL;\n"
    "}";

static const char *const read_weights =
    "\n    const char *path = argc > 1 ? argv[1] : \"$n_weights.bin\";\n"
    "    const void *bytes = read_file(path, $N_PARAMS_BYTES);\n"
    "    const $n_params *params = $n_load(bytes, $N_PARAMS_BYTES);\n"
    "    if (!params) {\n"
    "        fprintf(stderr, \"example: %s has no weights of this network (fault %d)\\n\", path,\n"
    "                (int)$n_check(bytes, $N_PARAMS_BYTES));\n"
    "        return 1;\n"
    "    }";

static const char *const install =
    "install(TARGETS $n EXPORT $n-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})\n"
    "install(FILES $headers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})\n"
    "install(EXPORT $n-targets FILE $n-config.cmake NAMESPACE $n::\n"
    "    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/$n)\n"
    "configure_file($n.pc.in $n.pc @ONLY)\n"
    "install(FILES ${CMAKE_CURRENT_BINARY_DIR}/$n.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)\n";

static const char *const assembled =
    "\nset_source_files_properties($source PROPERTIES\n"
    "    COMPILE_DEFINITIONS \"$N_WEIGHTS=\\\"${CMAKE_CURRENT_SOURCE_DIR}/$n_weights.bin\\\"\"\n"
    "    OBJECT_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/$n_weights.bin)";

static const char *const needs_libm =
    "It calls functions of `math.h`, and memcpy, memmove, memset or memcmp where a compiler does so for\n"
    "a copy; no other.";
static const char *const needs_none =
    "It calls no function but memcpy, memmove, memset and memcmp, which compilers ask for even where\n"
    "there is no C library (`-ffreestanding`), and what they have in a library of their own (`-lgcc`).\n"
    "The headers are the compiler's own: `stddef.h`, `stdint.h`, `stdbool.h`.";
static const char *const needs_blas =
    "Products are OpenBLAS's, which allocates memory of its own; besides it calls functions of `math.h`,\n"
    "memcpy and memset. OpenBLAS's numbers depend on how many threads it has itself: after\n"
    "`openblas_set_num_threads(1)` they are those of a program of seqc's. Where several threads call this\n"
    "library at a time, it must be the pthread build of OpenBLAS (Debian: libopenblas-pthread-dev).";

static const char *const needs_driver =
    "The driver of NVIDIA's is found when the\n"
    "program runs (`dlopen`), or linked with it; nothing else of CUDA is needed.";

static const char *const about_threads =
    "\n\n`$n_forward_parallel` hands the tasks of a call to up to $N_THREADS threads, and gives the same bits\n"
    "as `$n_forward`: `$n_threads.c` is a pool of POSIX threads for it. Without that file, any `$n_parallel`\n"
    "does that runs tasks on threads of a project's own.";

static const char *const call_alone = "$n_forward($params, in, out, workspace);";
static const char *const call_parallel =
    "$n_pool_open(&pool, $N_THREADS);\n"
    "    const $n_parallel by = $n_pool_parallel(&pool);\n"
    "    $n_forward_parallel($params, in, out, workspace, &by);\n"
    "    $n_pool_close(&pool);";

static const char *params_text(Library *l)
{
    return l->o->weights == WEIGHTS_BIN ? "params" : text(&l->e, "&%s_weights", l->o->name);
}

static const char *filled(Library *l, const char *template)
{
    Out *o = out_new(l->e.a);
    const Hole holes[] = { { "params", params_text(l) },
                           { "headers", text(&l->e, l->o->threads ? "%s.h %s_threads.h" : "%s.h",
                                             l->o->name, l->o->name) },
                           { "source", text(&l->e, l->o->one_file ? "%s.c" : "%s_weights.c",
                                            l->o->name) } };
    library_text(l, o, template, holes, 3);
    return out_text(o);
}

/* On a GPU the host computes no more than a step's numbers. */
static bool needs_math(const Library *l) { return l->gpu ? l->train != NULL : !l->o->no_libm; }

/* What CMake links it with. */
static const char *linked(Library *l)
{
    const char *m = needs_math(l) ? " m" : "", *threads = l->o->threads ? " pthread" : "";
    if (!*m && !*threads) return "";
    return text(&l->e, "target_link_libraries(%s PUBLIC%s%s%s)", l->o->name,
                l->blas ? " openblas" : "", m, threads);
}

static const char *sources(Library *l)
{
    const char *name = l->o->name;
    const char *weights = emit_library_has_weights(l->o) ? text(&l->e, " %s_weights.c", name) : "";
    const char *threads = l->o->threads ? text(&l->e, " %s_threads.c", name) : "";
    return text(&l->e, "%s.c%s%s", name, weights, threads);
}

const char *emit_library_libs(const Module *m, const LibraryOpts *o, Arena *a)
{
    Library l = library_of(m, o, a);
    return arena_printf(a, "%s%s%s", l.blas ? " -lopenblas" : "", needs_math(&l) ? " -lm" : "",
                        o->threads ? " -lpthread" : "");
}

bool emit_library_has(const LibraryOpts *o, LibraryFile file)
{
    bool gpu = o->target->block_threads > 0;
    switch (file) {
    case LIBRARY_FILE_threads_c: case LIBRARY_FILE_threads_h: return o->threads > 0;
    case LIBRARY_FILE_cuda_cmake: case LIBRARY_FILE_cuda_readme: case LIBRARY_FILE_cuda_example:
        return gpu;
    case LIBRARY_FILE_pkgconfig: return true;
    default: return !gpu;
    }
}

static const char *arch_list(const Library *l)
{
    const LibraryOpts *o = l->o;
    const char *s = "";
    for (int i = 0; i < o->n_arch; i++)
        s = arena_printf(l->e.a, "%s%ssm_%d", s, !i ? "" : i + 1 < o->n_arch ? ", " : " and ",
                         o->arch[i]);
    return s;
}

void emit_library_file(const Module *m, const LibraryOpts *opts, LibraryFile file, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    bool loads = opts->weights == WEIGHTS_BIN;
    const char *name = opts->name;
    const Hole holes[] = {
        { "real", l.elems },
        { "flags", emit_library_flags(m, opts, a) },
        { "std", opts->c11 ? "11" : "99" },
        { "sources", sources(&l) },
        { "params", params_text(&l) },
        { "format", m->real == DT_f32 ? "%f" : "%lf" },
        { "stdlib", loads ? "\n#include <stdlib.h>" : "" },
        { "read_function", loads ? filled(&l, read_function) : "" },
        { "read", loads ? filled(&l, read_weights) : "" },
        { "main", loads ? "int argc, char **argv" : "void" },
        { "argument", loads ? text(&l.e, " %s_weights.bin", name) : "" },
        { "libs", linked(&l) },
        { "lm", emit_library_libs(m, opts, a) },
        { "header", text(&l.e, opts->threads ? "%s_threads.h" : "%s.h", name) },
        { "pool", opts->threads ? text(&l.e, "\nstatic %s_pool pool;", name) : "" },
        { "pool_tasks", filled(&l, library_pool_tasks) },
        { "pool_threads", filled(&l, library_pool_threads) },
        { "call", filled(&l, opts->threads ? call_parallel : call_alone) },
        { "needs", l.gpu ? filled(&l, needs_driver) : l.blas ? needs_blas
                   : opts->no_libm ? needs_none : needs_libm },
        { "install", filled(&l, install) },
        { "script", l.gpu ? nvcc_text(a, name, name, opts->arch, opts->n_arch, NVCC_SCRIPT) : "" },
        { "commands", l.gpu ? nvcc_text(a, name, name, opts->arch, opts->n_arch, NVCC_COMMANDS) : "" },
        { "archs", arch_list(&l) },
        { "threads", opts->threads ? filled(&l, about_threads) : "" },
        { "assembled", opts->weights == WEIGHTS_INCBIN ? filled(&l, assembled) : "" },
        { "about", text(&l.e, "The network of %s, generated by seqc %s: %s, math %s, %s.",
                        out_comment(a, opts->source), opts->version, ir_dtype_name(m->real),
                        ir_math[m->math].name, opts->target->name) },
        { "sizes", size_table(&l) },
        { "layers", layer_table(&l) },
    };
    Out *o = out_new(a);
    library_text(&l, o, file_text[file], holes, (int)(sizeof holes / sizeof *holes));
    fputs(out_text(o), out);
    arena_free(a);
}
