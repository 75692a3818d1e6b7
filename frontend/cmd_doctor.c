/* frontend/cmd_doctor.c: `seqc doctor`: what this machine offers, what each thing is for, and how
 * to get what is missing. It looks and runs `CC --version`; it changes nothing. */
#define _DEFAULT_SOURCE
#include "codegen/codegen.h"
#include "frontend/cmd.h"
#include "runtime/remote.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void row(const char *what, const char *found, const char *purpose)
{
    if (*purpose)
        printf("  %-12s %-44s %s\n", what, found, purpose);
    else
        printf("  %-12s %s\n", what, found);
}

static void missing(const char *what, const char *purpose, const char *install)
{
    row(what, "not found", purpose);
    if (install)
        printf("  %-12s %s\n", "", install);
}

static void compilers(Arena *a)
{
    puts("C compiler (compiles the generated source; the first one here is used)");
    const char *list[] = {getenv("CC"), "cc", "gcc", "clang"};
    int found = 0;
    for (int i = 0; i < 4; i++) {
        if (!list[i] || !*list[i])
            continue;
        const char *version = cmd_version_line(a, list[i]);
        if (version) {
            row(list[i], version, i == 0 ? "$CC" : "");
            found++;
        } else if (i == 0) {
            row(list[i], "does not run", "$CC");
        }
    }
    if (!found)
        missing("cc", "", "sudo apt-get install gcc libc6-dev");
}

/* What the kernel says of a cache: "Data", "32K"; false: there is none of that number. */
static bool cache_says(int index, const char *what, char text[32])
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, what);
    FILE *f = fopen(path, "r");
    bool there = f && fgets(text, 32, f);
    if (f) fclose(f);
    return there;
}

/* ", L2 512 KiB", of what holds data. As the kernel says: the C library counts the third cache of
 * processors that a virtual machine has not got. */
static const char *cache_text(Arena *a, int level, const char *name, long bytes)
{
    char text[32];
    for (int i = 0; cache_says(i, "level", text); i++)
        if (atoi(text) == level && cache_says(i, "type", text) && text[0] != 'I'
            && cache_says(i, "size", text))
            return arena_printf(a, "%s %ld KiB", name, atol(text) * (strchr(text, 'M') ? 1024 : 1));
    return bytes > 0 ? arena_printf(a, "%s %ld KiB", name, bytes / 1024) : "";
}

static void processor(Arena *a)
{
    const Target *t = cmd_native_target();
    puts("\nprocessor");
    row("model", cmd_processor(a), "");
    row("cores", arena_printf(a, "%ld", sysconf(_SC_NPROCESSORS_ONLN)),
        "threads of a program, unless --threads says another number");
    row("vectors", arena_printf(a, "%s (%s)", t->name, cmd_march(t)),
        "what --march native means here");
    row("caches", arena_printf(a, "%s%s%s", cache_text(a, 1, "L1d", sysconf(_SC_LEVEL1_DCACHE_SIZE)),
                               cache_text(a, 2, ", L2", sysconf(_SC_LEVEL2_CACHE_SIZE)),
                               cache_text(a, 3, ", L3", sysconf(_SC_LEVEL3_CACHE_SIZE))), "");
}

/* The first file that matches, or null. */
static const char *first_match(Arena *a, const char *pattern)
{
    glob_t g;
    const char *path = NULL;
    if (glob(pattern, 0, NULL, &g) == 0) {
        if (g.gl_pathc)
            path = arena_str(a, g.gl_pathv[g.gl_pathc - 1]);
        globfree(&g);
    }
    return path;
}

/* "0.3.21" of the header that lies beside the archive, or "". */
static const char *openblas_version(Arena *a)
{
    const char *path = first_match(a, "/usr/include/*/openblas-*/openblas_config.h");
    if (!path)
        path = first_match(a, "/usr/include/openblas*/openblas_config.h");
    FILE *f = path ? fopen(path, "r") : NULL;
    char line[512];
    const char *version = "";
    while (f && fgets(line, sizeof line, f)) {
        char *at = strstr(line, "OpenBLAS ");
        if (strstr(line, "OPENBLAS_VERSION") && at)
            version = arena_strn(a, at + 9, strcspn(at + 9, " \"\n"));
    }
    if (f)
        fclose(f);
    return version;
}

static void openblas(Arena *a)
{
    static const char *const purpose = "products that it computes faster; --blas none does without";
    static const char *const kinds[] = {"pthread", "openmp", "serial"};
    for (int i = 0; i < 3; i++) {
        const char *path = first_match(a, arena_printf(a, "/usr/lib/*/openblas-%s/libopenblas.a",
                                                       kinds[i]));
        if (!path)
            continue;
        row("OpenBLAS", arena_printf(a, "%s, %s build", openblas_version(a), kinds[i]), purpose);
        if (i == 0)
            return;
        row("", "only the pthread build may be called from threads",
            "sudo apt-get install libopenblas-pthread-dev");
        return;
    }
    missing("OpenBLAS", purpose, "sudo apt-get install libopenblas-pthread-dev");
}

static bool opens(const char *library)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

/* The module that reads C functions, and which Clang it opens; where there is none, Clang's own
 * libraries, with which it could be built. */
static void clang(Arena *a, const char *home)
{
    static const char *const purpose = "reads C functions of models; a kept .seqc/ does without";
    const char *path = home ? arena_printf(a, "%s/libseqc_ctool.so", home) : "";
    void *module = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    const char *(*version)(void) = NULL;
    if (module)
        *(void **)&version = dlsym(module, "ct_version");
    if (version) {
        row("Clang", arena_printf(a, "%s, by %s", version(), path), purpose);
        return;
    }
    bool there = first_match(a, "/usr/lib/llvm-1[4-9]/lib/cmake/clang/ClangConfig.cmake");
    if (home && access(path, R_OK) == 0)
        row("Clang", "the libraries that the module was built with are gone", purpose);
    else
        row("Clang", there ? "there, but seqc was built without it" : "not found", purpose);
    printf("  %-12s %s\n", "", there ? "build seqc again, with a C++ compiler"
                                     : "sudo apt-get install libclang-dev llvm-dev clang g++, and build seqc again");
}

static void libraries(Arena *a, const char *home)
{
    puts("\nlibraries");
    openblas(a);
    const char *zlib = first_match(a, "/usr/lib/*/libz.a");
    if (zlib)
        row("zlib", zlib, "programs read gzip files with it");
    else
        missing("zlib", "programs read gzip files with it", "sudo apt-get install zlib1g-dev");
    const char *png = first_match(a, "/usr/lib/*/libpng.a");
    const char *jpeg = first_match(a, "/usr/lib/*/libjpeg.a");
    if (png && jpeg)
        row("images", arena_printf(a, "%s, %s", png, jpeg), "programs read PNG and JPEG with them");
    else
        missing("images", "programs read PNG and JPEG with them",
                "sudo apt-get install libpng-dev libjpeg-dev");
    clang(a, home);

    puts("\ngraphics processor (--target cuda)");
    rt_err e = {0};
    int arch;
    char device[RT_REMOTE_TEXT];
    if (opens("libcuda.so.1")) {
        row("driver", "libcuda.so.1", "programs for CUDA run with it");
        if (rt_remote_find(&e, &arch, device))
            row("device", device, "the first one, which they take");
        else
            row("device", arena_printf(a, "none: %.*s", (int)strcspn(e.message, "\n"), e.message), "");
    } else
        missing("driver", "programs for CUDA run with it",
                "NVIDIA's, on a machine with one of its graphics processors; to compile needs none");
    const char *nvrtc = emit_nvrtc(a);
    const char *cache = cmd_kernel_cache(a);
    if (nvrtc)
        row("NVRTC", nvrtc, cache ? arena_printf(a, "compiles kernels, which are kept in %s", cache)
                                  : "compiles kernels, which no folder is there to keep");
    else
        missing("NVRTC", "compiles kernels",
                "the CUDA toolkit, or cuda-nvrtc-13-0 of NVIDIA's package repository");
}

int cmd_doctor(const Cmd *c)
{
    Arena *a = c->arena;
    const char *home = cmd_runtime_dir(a);
    printf("seqc %s  %s\n", SEQC_VERSION, cmd_executable(a));
    printf("runtime     %s\n\n", home ? home : "not found: build seqc, or set SEQC_HOME");
    compilers(a);
    processor(a);
    libraries(a, home);
    return EXIT_OK;
}
