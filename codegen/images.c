/* codegen/images.c: from the text of kernels to a C file that holds them as images: machine code for
 * each architecture, PTX last. NVIDIA's compiler NVRTC is opened by name when it is needed; seqc
 * builds and runs without it. The C file is text that any compiler reads fast: strings, whose bytes
 * are escaped where they are no letters.
 *
 * The same kernels, architectures and NVRTC give the same bytes. */
#define _POSIX_C_SOURCE 200809L
#include "codegen/codegen.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct Nvrtc {
    void *library;
#define CALL(name, type, parameters) type (*name) parameters;
#include "codegen/nvrtc.def"
} Nvrtc;

static const struct { const char *symbol; size_t offset; } calls[] = {
#define CALL(name, type, parameters) { #name, offsetof(Nvrtc, name) },
#include "codegen/nvrtc.def"
};

/* ---- finding it ---- */

/* By its name, as the system's loader looks for it, then where the toolkit lies. */
static void *open_library(Arena *a, const char **path)
{
    static const char *const name[] = { "libnvrtc.so.13", "libnvrtc.so.12" };
    const char *const home[] = { getenv("CUDA_HOME"), getenv("CUDA_PATH"), "/usr/local/cuda" };
    for (int i = 0; i < 2; i++) {
        *path = name[i];
        void *library = dlopen(*path, RTLD_NOW | RTLD_LOCAL);
        for (int k = 0; k < 3 && !library; k++) {
            if (!home[k] || !*home[k]) continue;
            *path = arena_printf(a, "%s/lib64/%s", home[k], name[i]);
            library = dlopen(*path, RTLD_NOW | RTLD_LOCAL);
        }
        if (library) return library;
    }
    return NULL;
}

static bool open_nvrtc(Nvrtc *n, Arena *a, const char **path)
{
    *n = (Nvrtc){ .library = open_library(a, path) };
    for (size_t i = 0; n->library && i < sizeof calls / sizeof *calls; i++) {
        void *address = dlsym(n->library, calls[i].symbol);
        if (!address) {
            dlclose(n->library);
            n->library = NULL;
            return false;
        }
        /* C casts no pointer to an object to one to a function. */
        memcpy((char *)n + calls[i].offset, &address, sizeof address);
    }
    return n->library != NULL;
}

const char *emit_nvrtc(Arena *a)
{
    Nvrtc n;
    const char *path;
    int major, minor;
    if (!open_nvrtc(&n, a, &path)) return NULL;
    bool ok = n.nvrtcVersion(&major, &minor) == 0;
    dlclose(n.library);
    return ok ? arena_printf(a, "%d.%d, %s", major, minor, path) : NULL;
}

/* ---- the kernels' text ---- */

static char *read_text(const char *path, char **message, Arena *a)
{
    FILE *f = fopen(path, "rb");
    long bytes = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    char *text = NULL;
    if (bytes >= 0 && fseek(f, 0, SEEK_SET) == 0) {
        text = arena_alloc(a, (size_t)bytes + 1, 1);
        if (fread(text, 1, (size_t)bytes, f) != (size_t)bytes) text = NULL;
    }
    if (!text) *message = arena_printf(a, "%s: cannot be read: %s", path, strerror(errno));
    if (f) fclose(f);
    return text;
}

/* ---- one architecture ---- */

typedef struct Image {
    int arch;
    bool ptx;
    char *bytes;
    size_t n_bytes;
} Image;

typedef struct Compiling {
    const Nvrtc *nvrtc;
    const char *name, *text;         /* of the kernels' file */
    const ImageOpts *o;
    char **message;
    Arena *a;
} Compiling;

static bool take(const Compiling *c, void *program, bool ptx, Image *image)
{
    const Nvrtc *n = c->nvrtc;
    int error = ptx ? n->nvrtcGetPTXSize(program, &image->n_bytes)
                    : n->nvrtcGetCUBINSize(program, &image->n_bytes);
    if (!error) {
        image->bytes = arena_alloc(c->a, image->n_bytes + 1, 1);
        error = ptx ? n->nvrtcGetPTX(program, image->bytes) : n->nvrtcGetCUBIN(program, image->bytes);
    }
    image->ptx = ptx;
    if (error)
        *c->message = arena_printf(c->a, "NVRTC gives no image for sm_%d: %s", image->arch,
                                   n->nvrtcGetErrorString(error));
    return !error;
}

static const char *log_of(const Compiling *c, void *program)
{
    size_t bytes = 0;
    if (c->nvrtc->nvrtcGetProgramLogSize(program, &bytes)) return "";
    char *log = arena_alloc(c->a, bytes + 1, 1);
    return c->nvrtc->nvrtcGetProgramLog(program, log) ? "" : log;
}

/* What the assembler says of each kernel: registers, shared memory, what it spills. */
static void print_usage(int arch, const char *log)
{
    for (const char *line = log; *line;) {
        size_t length = strcspn(line, "\n");
        if (!strncmp(line, "ptxas", 5)) fprintf(stderr, "sm_%d %.*s\n", arch, (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* Machine code for the architecture; for the PTX of it `ptx` too, where not null. */
static bool compile(const Compiling *c, Image *code, Image *ptx)
{
    const Nvrtc *n = c->nvrtc;
    const char *option[] = { arena_printf(c->a, "--gpu-architecture=sm_%d", code->arch),
                             "--std=c++17", "--ptxas-options=-v" };
    void *program = NULL;
    int error = n->nvrtcCreateProgram(&program, c->text, c->name, 0, NULL, NULL);
    if (!error) error = n->nvrtcCompileProgram(program, c->o->usage ? 3 : 2, option);
    const char *log = program ? log_of(c, program) : "";
    if (error)
        *c->message = arena_printf(c->a, "NVRTC does not compile %s for sm_%d: %s\n%s", c->name,
                                   code->arch, n->nvrtcGetErrorString(error), log);
    if (!error && c->o->usage) print_usage(code->arch, log);
    bool ok = !error && take(c, program, false, code) && (!ptx || take(c, program, true, ptx));
    if (program) n->nvrtcDestroyProgram(&program);
    return ok;
}

/* ---- the C file ---- */

/* A string of the bytes: lines of at most LINE characters, octal digits always three, so that what
 * follows is no part of them; no question marks, which could make trigraphs. */
static void write_bytes(FILE *f, const Image *image)
{
    enum { LINE = 92 };
    int at = 0;
    for (size_t i = 0; i < image->n_bytes; i++) {
        unsigned char b = (unsigned char)image->bytes[i];
        bool plain = b >= ' ' && b < 127 && b != '"' && b != '\\' && b != '?';
        if (at == 0) fputs("    \"", f);
        if (plain) at += fputc(b, f) != EOF;
        else at += fprintf(f, "\\%03o", b);
        if (at >= LINE || i + 1 == image->n_bytes) {
            fputs("\"\n", f);
            at = 0;
        }
    }
}

static void write_images(FILE *f, const char *name, const Image *image, int n)
{
    fprintf(f, "/* The images of %s: made by seqc with NVIDIA's compiler, byte by byte. */\n"
               "#include \"runtime/cuda.h\"\n\n", name);
    for (int i = 0; i < n; i++) {
        fprintf(f, "static const char %s_%d[] =\n", image[i].ptx ? "compute" : "sm", image[i].arch);
        write_bytes(f, &image[i]);
        fputs("    ;\n\n", f);
    }
    fputs("extern const rt_cuda_image images[];\nconst rt_cuda_image images[] = {\n", f);
    for (int i = 0; i < n; i++)
        fprintf(f, "    { %d, %s, (const unsigned char *)%s_%d, %zu },\n", image[i].arch,
                image[i].ptx ? "true" : "false", image[i].ptx ? "compute" : "sm", image[i].arch,
                image[i].n_bytes);
    fputs("    { 0, false, 0, 0 }\n};\n", f);
}

static bool write_file(const Compiling *c, const char *path, const Image *image, int n)
{
    FILE *f = fopen(path, "w");
    if (f) write_images(f, c->name, image, n);
    bool ok = f && !ferror(f);
    if (f && fclose(f) != 0) ok = false;
    if (!ok) *c->message = arena_printf(c->a, "%s: cannot be written: %s", path, strerror(errno));
    return ok;
}

/* ---- the whole ---- */

bool emit_images(const char *kernels_cu, const ImageOpts *o, const char *images_c, char **message,
                 Arena *a)
{
    Nvrtc nvrtc;
    const char *path, *slash = strrchr(kernels_cu, '/');
    *message = NULL;
    char *text = read_text(kernels_cu, message, a);
    if (!text) return false;
    if (!open_nvrtc(&nvrtc, a, &path)) {
        *message = arena_str(a, "NVRTC, NVIDIA's compiler at run time, is not here: no libnvrtc.so.13 "
                                "or libnvrtc.so.12 was found by its name, nor in the lib64 of "
                                "$CUDA_HOME, $CUDA_PATH or /usr/local/cuda\n"
                                "help: install the CUDA toolkit (on Debian and Ubuntu the packages "
                                "cuda-nvrtc-13-0 of NVIDIA's repository are enough), or keep the "
                                "sources for a machine that has it: --keep DIR");
        return false;
    }
    Compiling c = { &nvrtc, slash ? slash + 1 : kernels_cu, text, o, message, a };
    Image *image = arena_alloc(a, (size_t)o->n_arch + 1, sizeof *image);
    int lowest = 0;
    for (int i = 0; i < o->n_arch; i++) {
        image[i].arch = o->arch[i];
        if (o->arch[i] < o->arch[lowest]) lowest = i;
    }
    Image *ptx = &image[o->n_arch];
    ptx->arch = o->arch[lowest];
    bool ok = true;
    for (int i = 0; i < o->n_arch && ok; i++)
        ok = compile(&c, &image[i], o->ptx && i == lowest ? ptx : NULL);
    dlclose(nvrtc.library);
    return ok && write_file(&c, images_c, image, o->n_arch + o->ptx);
}
