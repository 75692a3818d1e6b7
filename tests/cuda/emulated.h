/* tests/cuda/emulated.h: the source of a planned module for CUDA that runs on the CPU, for
 * loaded.h: its kernels after the emulator, its graphs, and launches that run kernels in the
 * order of threads that `seqc_order` says; `seqc_launch` launches one by its name. */
#ifndef SEQC_TEST_EMULATED_H
#define SEQC_TEST_EMULATED_H
#include "codegen/codegen.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const emulated_launch =
    "\nconst rt_cuda_image images[] = { { 0, false, 0, 0, false } };\n"
    "extern int seqc_order;\n"
    "int seqc_order;\n"
    "void rt_launch(const rt_call *c, int kernel, int64_t blocks, const void *const *memory,\n"
    "               int count)\n"
    "{\n"
    "    const emu_kernel *k = emu_kernels;\n"
    "    void *arg[RT_MAX_MEMORY + 1];\n"
    "    while (k->name && strcmp(k->name, kernels[kernel].name) != 0) k++;\n"
    "    for (int i = 0; i < count; i++) arg[i] = (void *)&memory[i];\n"
    "    arg[count] = (void *)&c->n;\n"
    "    if (!k->name || k->n_args < count || k->n_args > count + 1) abort();\n"
    "    emu_launch(k, (unsigned)blocks, 1, kernels[kernel].threads,\n"
    "               kernels[kernel].shared_bytes, arg, seqc_order);\n"
    "}\n"
    "void seqc_launch(const char *kernel, int64_t blocks, const void *const *memory, int count,\n"
    "                 int64_t n);\n"
    "void seqc_launch(const char *kernel, int64_t blocks, const void *const *memory, int count,\n"
    "                 int64_t n)\n"
    "{\n"
    "    const rt_call call = { .n = n };\n"
    "    int i = 0;\n"
    "    while (strcmp(kernels[i].name, kernel) != 0) i++;\n"
    "    rt_launch(&call, i, blocks, memory, count);\n"
    "}\n";

/* Writes base.cu and base.h, which are the caller's to remove, and the source to `f`. */
static void emulated_write(FILE *f, const char *base, const Module *planned, const EmitOpts *o,
                           Arena *a)
{
    const char *cu = arena_printf(a, "%s.cu", base);
    char *text;
    size_t bytes;
    FILE *kernels = fopen(cu, "w"), *all = open_memstream(&text, &bytes);
    ck_assert(kernels != NULL && all != NULL);
    emit_kernels(planned, o, all);
    ck_assert(fclose(all) == 0 && fwrite(text, 1, bytes, kernels) == bytes && fclose(kernels) == 0);
    if (!strstr(text, "WARPGROUPS")) fputs("#define EMU_PLAIN\n", f);
    free(text);
    const char *table = arena_printf(a, "awk -f tests/cuda/table.awk '%s' >'%s.h'", cu, base);
    ck_assert_msg(system(table) == 0, "%s", table);
    fprintf(f, "#include \"tests/cuda/emulator.h\"\n#include \"%s\"\n#include \"%s.h\"\n", cu, base);
    emit_replay(planned, o, f);
    fputs(emulated_launch, f);
}
#endif
