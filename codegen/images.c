/* codegen/images.c: from the text of kernels to a C file that holds them as images: machine code for
 * each architecture, PTX last. NVIDIA's compiler NVRTC is opened by name when it is needed; seqc
 * builds and runs without it. The C file is text that any compiler reads fast: strings, whose bytes
 * are escaped where they are no letters.
 *
 * Each part of the text (EMIT_PART) is an image of its own, and all of all architectures are compiled
 * side by side: NVRTC's programs know nothing of each other, and from 12.3 on it compiles several at a
 * time. The same kernels, architectures and NVRTC give the same bytes.
 *
 * Where a part has what only sm_90a has, machine code for 9.0 is of that; no other processor takes it, so
 * PTX is compiled by itself.
 *
 * What was compiled before is taken from the user's cache (image_cache.c), but to print what kernels take.
 *
 * What runs seldom becomes PTX of the lowest architecture, once for all: assembling it takes three
 * quarters of its time, and the driver does it for its own device if that is asked for.
 *
 * Source: NVRTC's documentation, Thread Safety. */
#define _GNU_SOURCE                      /* dladdr */
#include "codegen/images.h"
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* By its name, as the system's loader looks for it, then where the toolkit lies. It stays when it is
 * closed: each time it is loaded it takes memory that it never gives back. */
static void *open_library(Arena *a, const char **path)
{
    const int how = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    static const char *const name[] = { "libnvrtc.so.13", "libnvrtc.so.12" };
    const char *const home[] = { getenv("CUDA_HOME"), getenv("CUDA_PATH"), "/usr/local/cuda" };
    for (int i = 0; i < 2; i++) {
        *path = name[i];
        void *library = dlopen(*path, how);
        for (int k = 0; k < 3 && !library; k++) {
            if (!home[k] || !*home[k]) continue;
            *path = arena_printf(a, "%s/lib64/%s", home[k], name[i]);
            library = dlopen(*path, how);
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

static pthread_t opening;
static bool opens;

static void *open_once(void *unused)
{
    Nvrtc n;
    Arena *a = arena_new();
    const char *path;
    if (open_nvrtc(&n, a, &path)) dlclose(n.library);
    arena_free(a);
    return unused;
}

void emit_nvrtc_begin(void)
{
    opens = opens || (sysconf(_SC_NPROCESSORS_ONLN) > 1 && !pthread_create(&opening, NULL, open_once, NULL));
}

void emit_nvrtc_end(void)
{
    if (opens) pthread_join(opening, NULL);
    opens = false;
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

/* ---- its parts ---- */

typedef struct Parts { const char **text; int n; } Parts;

static int line_of(const char *text, const char *at)
{
    int line = 1;
    for (; text < at; text++) line += *text == '\n';
    return line;
}

/* Each after what they share, with the numbers that its lines have in the file. */
static Parts parts_of(const char *text, Arena *a)
{
    Parts p = { .n = 0 };
    const char *first = strstr(text, EMIT_PART);
    for (const char *at = first; at; p.n++) at = strstr(at + strlen(EMIT_PART), EMIT_PART);
    p.text = arena_alloc(a, (size_t)p.n + 1, sizeof *p.text);
    if (!first) p.text[p.n++] = text;
    for (int i = 0; first && i < p.n; i++) {
        const char *next = strstr(first + strlen(EMIT_PART), EMIT_PART);
        int shared = (int)(strstr(text, EMIT_PART) - text);
        int own = (int)(next ? next - first : (ptrdiff_t)strlen(first));
        p.text[i] = arena_printf(a, "%.*s#line %d\n%.*s", shared, text, line_of(text, first), own,
                                 first);
        first = next;
    }
    return p;
}

/* ---- one part for one architecture ---- */

/* One run of the compiler, in a thread, with memory of its own. */
typedef struct Compiling {
    const Nvrtc *nvrtc;
    const char *name, *text;         /* of the kernels' file; the part */
    bool usage;
    const char *cache, *compiler;    /* a folder or null; who compiles */
    bool found;                      /* it was there */
    bool assembled, kept;            /* is it to be machine code, of which the program has a copy? */
    Image code, ptx;                 /* of the same architecture; ptx.ptx: is it wanted? */
    const char *message, *log;       /* message null: all went well */
    Arena *a;
} Compiling;

static int take(Compiling *c, void *program, Image *image)
{
    const Nvrtc *n = c->nvrtc;
    int error = image->ptx ? n->nvrtcGetPTXSize(program, &image->n_bytes)
                           : n->nvrtcGetCUBINSize(program, &image->n_bytes);
    if (error) return error;
    image->bytes = arena_alloc(c->a, image->n_bytes + 1, 1);
    return image->ptx ? n->nvrtcGetPTX(program, image->bytes)
                      : n->nvrtcGetCUBIN(program, image->bytes);
}

static const char *log_of(Compiling *c, void *program)
{
    size_t bytes = 0;
    if (!program || c->nvrtc->nvrtcGetProgramLogSize(program, &bytes)) return "";
    char *log = arena_alloc(c->a, bytes + 1, 1);
    return c->nvrtc->nvrtcGetProgramLog(program, log) ? "" : log;
}

/* What it is compiled with, but the architecture: `all`, of which those after `plain` are for NVRTC that has
 * them: kernels need nothing of what `--minimal` does not declare. What runs seldom is compiled fast;
 * functions are part of kernels then, as called ones would save registers in memory, and loops turn as
 * often as they say: written out they take a third of the time. */
typedef struct Options { const char *v[7]; int plain, all; } Options;
static Options options_of(const Compiling *c)
{
    Options o = { { NULL, "--std=c++17" }, 2, 0 };
    if (c->usage) o.v[o.plain++] = "--ptxas-options=-v";
    o.all = o.plain;
    o.v[o.all++] = "--minimal";
    if (c->ptx.seldom) {
        o.v[o.all++] = "--Ofast-compile=min";
        o.v[o.all++] = "-DSUBROUTINE=static __device__ __forceinline__";
        o.v[o.all++] = "-DTURNS=1";
    }
    return o;
}

/* For `arch`, "sm_90a": the code, the PTX, or both; null: not that. */
static void compile_for(Compiling *c, const char *arch, Image *code, Image *ptx)
{
    enum { NO_SUCH_OPTION = 5 };         /* of compilers before 13.0 */
    const Nvrtc *n = c->nvrtc;
    Options o = options_of(c);
    o.v[0] = arena_printf(c->a, "--gpu-architecture=%s", arch);
    void *program = NULL;
    int error = n->nvrtcCreateProgram(&program, c->text, c->name, 0, NULL, NULL);
    if (!error) error = n->nvrtcCompileProgram(program, o.all, o.v);
    if (error == NO_SUCH_OPTION && o.all > o.plain) error = n->nvrtcCompileProgram(program, o.plain, o.v);
    if (code || error) c->log = log_of(c, program);
    if (!error && code) error = take(c, program, code);
    if (!error && ptx) error = take(c, program, ptx);
    if (error)
        c->message = arena_printf(c->a, "NVRTC does not compile %s for %s: %s\n%s", c->name, arch,
                                  n->nvrtcGetErrorString(error), c->log);
    if (program) n->nvrtcDestroyProgram(&program);
}

/* All but the text that its images depend on. */
static const char *key_of(const Compiling *c, const char *arch, bool code, bool ptx)
{
    const Options o = options_of(c);
    const char *how = arena_printf(c->a, "%s,%s%s of %s by %s", arch, code ? " code" : "", ptx ? " PTX" : "",
                                   c->name, c->compiler);
    for (int i = 1; i < o.all; i++) how = arena_printf(c->a, "%s %s", how, o.v[i]);
    return cache_key(c->text, how, c->a);
}

static void compile(Compiling *c)
{
    bool own = c->code.arch == 90 && strstr(c->text, emit_sm_90a);
    Image *ptx = c->ptx.ptx ? &c->ptx : NULL, *code = c->assembled ? &c->code : NULL;
    const char *arch = arena_printf(c->a, "sm_%d%s", c->code.arch, own ? "a" : "");
    const char *key = c->cache ? key_of(c, arch, code, ptx) : NULL;
    c->found = key && cache_take(c->cache, key, code, ptx, c->a);
    if (c->found) return;
    if (code) compile_for(c, arch, code, own ? NULL : ptx);
    if (ptx && !ptx->bytes && !c->message)
        compile_for(c, arena_printf(c->a, "compute_%d", ptx->arch), NULL, ptx);
    if (key && !c->message) cache_keep(c->cache, key, code, ptx, c->a);
}

/* What the assembler says of each kernel: registers, shared memory, what it spills. */
static void print_usage(const Compiling *c)
{
    for (const char *line = c->log; *line;) {
        size_t length = strcspn(line, "\n");
        if (!strncmp(line, "ptxas", 5))
            fprintf(stderr, "sm_%d %.*s\n", c->code.arch, (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* What is to be compiled, in this order, and what is next of it. */
typedef struct Queue {
    Compiling **c;
    int n, next;
    pthread_mutex_t lock;                /* of next and of beside, whose end one of all learns */
    const ImageOpts *o;
} Queue;

static bool is_interrupted(const Queue *q)
{
    return (q->o->interrupted && q->o->interrupted()) || (q->o->beside && emit_compile_failed(q->o->beside));
}

static void *work(void *queue)
{
    Queue *q = queue;
    for (;;) {
        pthread_mutex_lock(&q->lock);
        int mine = is_interrupted(q) ? q->n : q->next++;
        pthread_mutex_unlock(&q->lock);
        if (mine >= q->n) return NULL;
        compile(q->c[mine]);
    }
}

/* How long it takes, more or less: the assembler has most of it. */
static size_t length(const Compiling *c) { return strlen(c->text) * (c->assembled ? 4 : 1); }

/* Longest first. */
static int by_length(const void *a, const void *b)
{
    const Compiling *x = *(Compiling *const *)a, *y = *(Compiling *const *)b;
    size_t m = length(x), n = length(y);
    return m != n ? (m < n ? 1 : -1) : (x > y) - (x < y);
}

/* Side by side, one a processor: more take longer, each waiting for the others' memory. The longest
 * come first, so that none is alone at the end. */
static bool compile_all(Compiling *c, int n, const ImageOpts *o, char **message, Arena *a)
{
    enum { MOST = 64 };
    Queue q = { .c = arena_alloc(a, (size_t)n, sizeof *q.c), .n = n, .o = o };
    pthread_t thread[MOST];
    long wanted = sysconf(_SC_NPROCESSORS_ONLN);
    int most = wanted < 1 ? 1 : wanted > MOST ? MOST : (int)wanted, n_thread = 0;
    for (int i = 0; i < n; i++) c[i].a = arena_new();
    for (int i = 0; i < n; i++) q.c[i] = &c[i];
    qsort(q.c, (size_t)n, sizeof *q.c, by_length);
    pthread_mutex_init(&q.lock, NULL);
    while (n_thread + 1 < most && n_thread + 1 < n
           && pthread_create(&thread[n_thread], NULL, work, &q) == 0) n_thread++;
    work(&q);
    for (int i = 0; i < n_thread; i++) pthread_join(thread[i], NULL);
    pthread_mutex_destroy(&q.lock);
    if (is_interrupted(&q)) {
        *message = arena_printf(a, "%s: interrupted", c->name);
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (c[i].message && !*message) *message = arena_str(a, c[i].message);
        if (!c[i].message && c[i].usage) print_usage(&c[i]);
    }
    return !*message;
}

/* ---- the C file ---- */

/* A string of the bytes: lines of at most LINE characters and an escape, octal digits always three, so that
 * what follows is no part of them; no question marks, which could make trigraphs. */
static void write_bytes(FILE *f, const Image *image)
{
    enum { LINE = 92 };
    char line[LINE + 16];
    int at = 0;
    for (size_t i = 0; i < image->n_bytes; i++) {
        unsigned char b = (unsigned char)image->bytes[i];
        if (b >= ' ' && b < 127 && b != '"' && b != '\\' && b != '?') {
            line[at++] = (char)b;
        } else {
            line[at++] = '\\';
            for (int shift = 6; shift >= 0; shift -= 3) line[at++] = (char)('0' + (b >> shift & 7));
        }
        if (at < LINE && i + 1 < image->n_bytes) continue;
        line[at] = '\0';
        fprintf(f, "    \"%s\"\n", line);
        at = 0;
    }
}

static const char *kind(const Image *image) { return image->ptx ? "compute" : "sm"; }

/* Of a library: words, since C promises no strings of that length; least significant byte first, as all
 * hosts of these devices have them. */
static void write_words(FILE *f, const Image *image)
{
    enum { PER_LINE = 4 };
    for (size_t i = 0; i < image->n_bytes + 1; i += 8) {
        uint64_t word = 0;
        for (size_t k = 8; k-- > 0;)
            word = word << 8 | (i + k < image->n_bytes ? (unsigned char)image->bytes[i + k] : 0U);
        fprintf(f, "%s0x%" PRIx64 ",", i / 8 % PER_LINE ? " " : i ? "\n    " : "    ", word);
    }
    fputc('\n', f);
}

static void write_table(FILE *f, const Image *const *image, int n)
{
    fputs("extern const rt_cuda_image images[];\nconst rt_cuda_image images[] = {\n", f);
    for (int i = 0; i < n; i++)
        fprintf(f, "    { %d, %s, (const unsigned char *)%s_%d_%d, %zu, %s },\n", image[i]->arch,
                image[i]->ptx ? "true" : "false", kind(image[i]), image[i]->arch, image[i]->part,
                image[i]->n_bytes, image[i]->seldom ? "true" : "false");
    fputs("    { 0, false, 0, 0, false }\n};\n", f);
}

/* A table of addresses would be memory that the loader writes to. */
static void write_choice(FILE *f, const char *own, const Image *const *image, int n)
{
    fprintf(f, "const void *%s_image(int arch, int ptx)\n{\n", own);
    for (int i = 0; i < n; i++)
        fprintf(f, "    if (arch == %d && %sptx) return %s_%d_%d;\n", image[i]->arch,
                image[i]->ptx ? "" : "!", kind(image[i]), image[i]->arch, image[i]->part);
    fputs("    return 0;\n}\n", f);
}

static void write_images(FILE *f, const ImageOpts *o, const char *name, const Image *const *image, int n)
{
    const char *own = o->library;
    if (own) fprintf(f, "/* %s_images.c: the", own);
    else fputs("/* The", f);
    fprintf(f, " images of %s: made by seqc with NVIDIA's compiler, byte by byte. */\n", name);
    fprintf(f, "#include \"%s.h\"\n\n", own ? own : "runtime/cuda");
    for (int i = 0; i < n; i++) {
        fprintf(f, own ? "static const uint64_t %s_%d_%d[] = {\n" : "static const char %s_%d_%d[] =\n",
                kind(image[i]), image[i]->arch, image[i]->part);
        if (own) write_words(f, image[i]);
        else write_bytes(f, image[i]);
        fputs(own ? "};\n\n" : "    ;\n\n", f);
    }
    if (own) write_choice(f, own, image, n);
    else write_table(f, image, n);
}

/* Machine code in the order of the architectures, then the PTX of one of them, then what runs seldom. */
static bool write_file(const char *path, const ImageOpts *o, const Compiling *c, int n,
                       char **message, Arena *a)
{
    const Image **image = arena_alloc(a, 2 * (size_t)n, sizeof *image);
    int n_image = 0;
    for (int i = 0; i < n; i++)
        if (c[i].kept) image[n_image++] = &c[i].code;
    for (int seldom = 0; seldom < 2; seldom++)
        for (int i = 0; i < n; i++)
            if (c[i].ptx.ptx && c[i].ptx.seldom == seldom) image[n_image++] = &c[i].ptx;
    FILE *f = fopen(path, "w");
    if (f) write_images(f, o, c->name, image, n_image);
    bool ok = f && !ferror(f);
    if (f && fclose(f) != 0) ok = false;
    if (!ok) *message = arena_printf(a, "%s: cannot be written: %s", path, strerror(errno));
    return ok;
}

/* ---- the whole ---- */

static const char *const no_nvrtc =
    "NVRTC, NVIDIA's compiler at run time, is not here: no libnvrtc.so.13 or libnvrtc.so.12 was "
    "found by its name, nor in the lib64 of $CUDA_HOME, $CUDA_PATH or /usr/local/cuda\n"
    "help: install the CUDA toolkit, of which NVIDIA's package cuda-nvrtc-13-0 is enough; or let nvcc "
    "make the program, on any machine that has it, of the project that --keep DIR leaves: cmake -S "
    "DIR -B DIR/build -DSEQC_HOME=FOLDER && cmake --build DIR/build";

/* Which compiler it is, as its file says it. */
static const char *compiler_of(const Nvrtc *n, Arena *a)
{
    int major = 0, minor = 0;
    struct stat s = { .st_size = 0 };
    Dl_info library = { .dli_fname = NULL };
    void *address;
    memcpy(&address, &n->nvrtcVersion, sizeof address);
    n->nvrtcVersion(&major, &minor);
    if (dladdr(address, &library) && library.dli_fname) stat(library.dli_fname, &s);
    return arena_printf(a, "NVRTC %d.%d, %lld bytes of %lld", major, minor, (long long)s.st_size,
                        (long long)s.st_mtime);
}

/* How many there are, and were found; where some were not, too many are removed. */
static void count_found(const ImageOpts *o, const Compiling *c, int n, Arena *a)
{
    ImageCount count = { .all = n };
    for (int i = 0; i < n; i++) count.found += c[i].found;
    if (o->count) *o->count = count;
    if (o->cache && count.found < n) cache_tidy(o->cache, a);
}

bool emit_images(const char *kernels_cu, const ImageOpts *o, const char *images_c, char **message,
                 Arena *a)
{
    Nvrtc nvrtc;
    const char *path, *slash = strrchr(kernels_cu, '/');
    *message = NULL;
    char *text = read_text(kernels_cu, message, a);
    if (!text) return false;
    if (!open_nvrtc(&nvrtc, a, &path)) {
        *message = arena_str(a, no_nvrtc);
        return false;
    }
    const char *compiler = compiler_of(&nvrtc, a);
    Parts parts = parts_of(text, a);
    int n = o->n_arch * parts.n, lowest = o->arch[0];
    Compiling *c = arena_alloc(a, (size_t)n, sizeof *c);
    for (int i = 1; i < o->n_arch; i++)
        if (o->arch[i] < lowest) lowest = o->arch[i];
    for (int i = 0; i < n; i++) {
        int arch = o->arch[i / parts.n], part = i % parts.n;
        const char *own = parts.text[part];
        bool seldom = strstr(own, EMIT_SELDOM) && !strstr(own, emit_sm_90a), ptx = o->ptx && arch == lowest;
        c[i] = (Compiling){ .nvrtc = &nvrtc, .name = slash ? slash + 1 : kernels_cu, .text = own,
                            .usage = o->usage, .cache = o->usage ? NULL : o->cache,
                            .compiler = compiler, .kept = !seldom || !o->ptx,
                            .assembled = !seldom || !o->ptx || o->usage,
                            .code = { .arch = arch, .part = part + 1 },
                            .ptx = { .arch = arch, .part = part + 1, .ptx = ptx, .seldom = seldom } };
    }
    bool ok = compile_all(c, n, o, message, a) && write_file(images_c, o, c, n, message, a);
    count_found(o, c, n, a);
    for (int i = 0; i < n; i++) arena_free(c[i].a);
    dlclose(nvrtc.library);
    return ok;
}
