/* frontend/cmd_doctor.c: `seqc doctor`: what this machine offers, what each thing is for, and how
 * to get what is missing. It looks and runs `CC --version`; it changes nothing. */
#define _DEFAULT_SOURCE
#include "frontend/cmd.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_WORDS = 14 };             /* of a C compiler's name with its own arguments */

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

/* First line that `cc --version` prints, or null if it does not run. `cc` may be several words. */
static const char *version_line(Arena *a, const char *cc)
{
    int ends[2];
    if (pipe(ends))
        return NULL;
    posix_spawn_file_actions_t act;
    posix_spawn_file_actions_init(&act);
    posix_spawn_file_actions_adddup2(&act, ends[1], 1);
    posix_spawn_file_actions_addclose(&act, ends[0]);
    posix_spawn_file_actions_addclose(&act, ends[1]);
    posix_spawn_file_actions_addopen(&act, 2, "/dev/null", O_WRONLY, 0);
    char *argv[MAX_WORDS + 2], *rest = arena_str(a, cc);
    int words = 0;
    for (char *word; words < MAX_WORDS && (word = strsep(&rest, " \t")) != NULL;)
        if (*word)
            argv[words++] = word;
    argv[words] = arena_str(a, "--version");
    argv[words + 1] = NULL;
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], &act, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&act);
    close(ends[1]);
    char text[4096];
    size_t n = 0;
    ssize_t got;
    while (!error && n < sizeof text && (got = read(ends[0], text + n, sizeof text - n)) > 0)
        n += (size_t)got;
    close(ends[0]);
    int status = 1;
    if (error || waitpid(pid, &status, 0) != pid || status)
        return NULL;
    const char *end = memchr(text, '\n', n);
    return arena_strn(a, text, end ? (size_t)(end - text) : n);
}

static void compilers(Arena *a)
{
    puts("C compiler (compiles the generated source; the first one here is used)");
    const char *list[] = {getenv("CC"), "cc", "gcc", "clang"};
    int found = 0;
    for (int i = 0; i < 4; i++) {
        if (!list[i] || !*list[i])
            continue;
        const char *version = version_line(a, list[i]);
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

/* The text behind "key :" in /proc/cpuinfo. */
static const char *cpu_model(Arena *a)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[512];
    const char *name = "unknown";
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        name = arena_strn(a, colon + 2, strcspn(colon + 2, "\n"));
        break;
    }
    if (f)
        fclose(f);
    return name;
}

static void processor(Arena *a)
{
    const Target *t = cmd_native_target();
    puts("\nprocessor");
    row("model", cpu_model(a), "");
    row("cores", arena_printf(a, "%ld", sysconf(_SC_NPROCESSORS_ONLN)),
        "threads of a program, unless --threads says another number");
    row("vectors", arena_printf(a, "%s (%s)", t->name, cmd_march(t)),
        "what --march native means here");
    long l1 = sysconf(_SC_LEVEL1_DCACHE_SIZE), l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    row("caches", arena_printf(a, "L1d %ld KiB, L2 %ld KiB, L3 %ld KiB", l1 / 1024, l2 / 1024,
                               l3 / 1024), "");
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

static void libraries(Arena *a)
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
    const char *llvm = NULL;
    for (int v = 19; v >= 14 && !llvm; v--)
        if (first_match(a, arena_printf(a, "/usr/lib/llvm-%d/lib/libclang-cpp.so*", v)))
            llvm = arena_printf(a, "LLVM %d with Clang's libraries", v);
    row("LLVM", llvm ? llvm : "not found", "nothing in this version");

    puts("\ngraphics processor (this version generates C alone and uses none)");
    row("driver", opens("libcuda.so.1") ? "libcuda.so.1" : "not found", "");
    static const char *const nvrtc[] = {"libnvrtc.so.13", "libnvrtc.so.12"};
    row("NVRTC", opens(nvrtc[0]) ? nvrtc[0] : opens(nvrtc[1]) ? nvrtc[1] : "not found", "");
}

int cmd_doctor(const Cmd *c)
{
    Arena *a = c->arena;
    const char *home = cmd_runtime_dir(a);
    printf("seqc %s  %s\n", SEQC_VERSION, cmd_executable(a));
    printf("runtime     %s\n\n", home ? home : "not found: build seqc, or set SEQC_HOME");
    compilers(a);
    processor(a);
    libraries(a);
    return EXIT_OK;
}
