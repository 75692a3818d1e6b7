/* tests/cuda/standin.c: a libcuda.so.1 for machines without NVIDIA's: what runtime/cuda_driver.def
 * calls, with kernels that the emulator runs. The host side of a program runs on it unchanged.
 *
 * It is as strict as it can be. Memory begins as NaNs and is guarded; copies must lie within one
 * allocation; nothing in a stream is done before somebody waits for it, a copy out of page-locked
 * memory reads what lies there then; what a recording forbids is refused; what is not given back at
 * the process' end is listed, and the exit code is then 86.
 *
 * By environment: STANDIN_KERNELS, the shared object of the kernels, in place of any image; without
 * it that is the file beside the one that holds the image, with ".kernels" behind its name;
 * STANDIN_ORDER, the emulator's order of threads; STANDIN_EAGER, streams but the first one do all at
 * once; STANDIN_ARCH (90), STANDIN_DEVICES (1), STANDIN_BYTES, of its memory (1 GiB); STANDIN_PTX, what
 * comes of loading PTX that says its version (0: a module); STANDIN_FAIL, the
 * call that fails, from 1, and STANDIN_STATUS (999), how; STANDIN_SIGNAL, the call at which the
 * process gets a SIGTERM; STANDIN_LOG, a file that gets the number of calls of each kind and which
 * one failed. */
#define _GNU_SOURCE   /* dlopen, unlimited by a standard */
#include "tests/cuda/guarded.h"
#include "tests/cuda/module.h"
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OK, BAD_VALUE = 1, NO_MEMORY = 2, NOT_STARTED = 3, NO_DEVICE = 101, BAD_IMAGE = 200,
       BAD_HANDLE = 400, NOT_FOUND = 500, FORBIDDEN_IN_RECORDING = 900 };
enum { MOST_ARGS = 192, MOST_BLOCKS = 512, NOT_GIVEN_BACK = 86 };

/* ---- what calls are counted, and which one fails ---- */

static const struct { const char *symbol; } known[] = {
#define CALL(name, symbol, parameters) { symbol },
#include "runtime/cuda_driver.def"
};
enum { N_KNOWN = sizeof known / sizeof *known };
static int calls[N_KNOWN], all_calls;
static const char *failed = "none";
static int live_streams, live_modules, live_graphs, live_contexts, live_events;
static bool started;

static long setting(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static int enter(const char *symbol)
{
    for (int i = 0; i < N_KNOWN; i++)
        calls[i] += strcmp(known[i].symbol, symbol) == 0;
    if (++all_calls == setting("STANDIN_SIGNAL", 0)) raise(SIGTERM);
    if (all_calls == setting("STANDIN_FAIL", 0)) {
        failed = symbol;
        return (int)setting("STANDIN_STATUS", 999);
    }
    return started || strcmp(symbol, "cuInit") == 0 ? OK : NOT_STARTED;
}

#define ENTER                          \
    do {                               \
        int status_ = enter(__func__); \
        if (status_) return status_;   \
    } while (0)

static _Noreturn void wrong(const char *what)
{
    fprintf(stderr, "stand-in: %s\n", what);
    abort();
}

/* ---- memory ---- */

static guarded block[MOST_BLOCKS], locked[MOST_BLOCKS];    /* the device's; page-locked here */
static size_t used_bytes;

static guarded *find(guarded *list, uint64_t address, size_t bytes)
{
    for (int i = 0; i < MOST_BLOCKS; i++) {
        uint64_t start = (uintptr_t)list[i].bytes;
        if (list[i].pages && address >= start && address - start <= list[i].n_bytes &&
            bytes <= list[i].n_bytes - (address - start))
            return &list[i];
    }
    return NULL;
}

static guarded *block_of(uint64_t address, size_t bytes) { return find(block, address, bytes); }

static void check_guards(const char *after)
{
    char text[256];
    for (int i = 0; i < MOST_BLOCKS; i++)
        if (block[i].pages && !guarded_intact(&block[i])) {
            snprintf(text, sizeof text, "%s wrote beside %zu bytes of memory", after,
                     block[i].n_bytes);
            wrong(text);
        }
}

/* ---- streams: work that waits, and recordings of it ---- */

typedef struct Stream Stream;
/* How often it was recorded, and how often that was reached. */
typedef struct Event { Stream *stream; long recorded, reached; } Event;
typedef enum Kind { KERNEL_WORK, TO_HOST, TO_DEVICE, ON_DEVICE, RECORD, WAIT } Kind;
typedef struct Work {
    Kind kind;
    const emu_kernel *kernel;
    unsigned blocks, blocks_y;
    int threads, shared_bytes;
    uint64_t arg[MOST_ARGS];
    void *here, *kept;                   /* of a copy; kept: what is sent, if it may change */
    uint64_t there, to;                  /* to: on the device, too */
    size_t bytes;
    Event *event;
    long count;                          /* of its recordings */
    struct Work *next;
} Work;
typedef struct List { Work *first, **end; } List;
struct Stream { List waiting, recorded; bool recording, eager; Stream *next; };

static Stream *streams;

static void clear(List *l)
{
    for (Work *w = l->first, *next; w; w = next) {
        next = w->next;
        free(w->kept);
        free(w);
    }
    *l = (List){ 0 };
}

static void add(List *l, const Work *w)
{
    Work *copy = malloc(sizeof *copy);
    if (!copy) wrong("no memory");
    *copy = *w;
    copy->next = NULL;
    if (!l->first) l->end = &l->first;
    *l->end = copy;
    l->end = &copy->next;
}

/* The device failed: what waited is never done. */
static void lose(Stream *s)
{
    for (Work *w = s->waiting.first; w; w = w->next)
        if (w->kind == RECORD) w->event->reached = w->count;
    clear(&s->waiting);
}

static void run_kernel(const Work *w);
static void run_first(Stream *s);

/* Until an event was reached so often. */
static void reach(Event *e, long count)
{
    while (e->reached < count) {
        if (!e->stream->waiting.first) wrong("an event that never comes is waited for");
        run_first(e->stream);
    }
}

static void run_first(Stream *s)
{
    Work *w = s->waiting.first;
    s->waiting.first = w->next;
    switch (w->kind) {
    case KERNEL_WORK: run_kernel(w); break;
    case TO_HOST: memcpy(w->here, (const void *)(uintptr_t)w->there, w->bytes); break;
    case TO_DEVICE: memcpy((void *)(uintptr_t)w->there, w->kept ? w->kept : w->here, w->bytes); break;
    case ON_DEVICE:
        memcpy((void *)(uintptr_t)w->to, (const void *)(uintptr_t)w->there, w->bytes);
        break;
    case RECORD: w->event->reached = w->count; break;
    case WAIT: reach(w->event, w->count); break;
    }
    free(w->kept);
    free(w);
}

static void finish(Stream *s)
{
    while (s->waiting.first) run_first(s);
}

/* Something was added. */
static void added(Stream *s)
{
    if (s->eager) finish(s);
}

static void finish_all(void)
{
    for (Stream *s = streams; s; s = s->next) finish(s);
}

static bool any_recording(void)
{
    for (Stream *s = streams; s; s = s->next)
        if (s->recording) return true;
    return false;
}

/* ---- kernels ---- */

typedef struct Module {
    const unsigned char *image;
    void *object;
    const emu_module *kernels;
} Module;
static const emu_module *kernels;            /* all modules' */

static void run_kernel(const Work *w)
{
    void *arg[MOST_ARGS];
    for (int i = 0; i < w->kernel->n_args; i++) arg[i] = (void *)(uintptr_t)&w->arg[i];
    kernels->launch(w->kernel, w->blocks, w->blocks_y, w->threads, w->shared_bytes, arg,
                    (int)setting("STANDIN_ORDER", 0));
    check_guards(w->kernel->name);
}

/* ---- the driver's calls ---- */

int cuInit(unsigned flags)
{
    ENTER;
    started = flags == 0;
    return flags ? BAD_VALUE : OK;
}

int cuDriverGetVersion(int *version)
{
    ENTER;
    *version = 13000;
    return OK;
}

int cuDeviceGetCount(int *count)
{
    ENTER;
    *count = (int)setting("STANDIN_DEVICES", 1);
    return OK;
}

int cuDeviceGet(int *device, int ordinal)
{
    ENTER;
    *device = 7;                         /* a handle, not the ordinal */
    return ordinal < setting("STANDIN_DEVICES", 1) ? OK : NO_DEVICE;
}

int cuDeviceGetName(char *name, int bytes, int device)
{
    ENTER;
    snprintf(name, (size_t)bytes, "stand-in");
    return device == 7 ? OK : NO_DEVICE;
}

int cuDeviceGetAttribute(int *value, int which, int device)
{
    ENTER;
    int arch = (int)setting("STANDIN_ARCH", 90);
    *value = which == 75 ? arch / 10 : which == 76 ? arch % 10 : which == 97 ? 227 << 10 : 0;
    return device == 7 ? OK : NO_DEVICE;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    ENTER;
    live_contexts++;
    *context = &live_contexts;
    return device == 7 ? OK : NO_DEVICE;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
    int status = enter(__func__);
    live_contexts--;
    return status ? status : device == 7 ? OK : NO_DEVICE;
}

int cuCtxSetCurrent(void *context)
{
    ENTER;
    return context == &live_contexts ? OK : 201;
}

/* Machine code of NVIDIA's (an ELF file of machine 190) or PTX. */
static bool is_image(const unsigned char *image)
{
    static const unsigned char elf[] = { 0x7f, 'E', 'L', 'F' };
    return (memcmp(image, elf, sizeof elf) == 0 && image[18] == 190 && image[19] == 0) ||
           memcmp(image, "//", 2) == 0 || memcmp(image, ".version", 8) == 0;
}

/* The kernels that an image stands for. */
static const char *object_of(const void *image, char beside[4096])
{
    const char *object = getenv("STANDIN_KERNELS");
    Dl_info file;
    if (object || !dladdr(image, &file)) return object;
    snprintf(beside, 4096, "%s.kernels", file.dli_fname);
    return beside;
}

/* Where an image ends: after its tables of sections and segments, or at PTX's zero byte. */
static size_t image_bytes(const unsigned char *image)
{
    uint64_t table[2];
    uint16_t entry[4];
    if (image[0] != 0x7f) return strlen((const char *)image);
    memcpy(table, image + 0x20, sizeof table);           /* where segments are, sections */
    memcpy(entry, image + 0x36, sizeof entry);           /* bytes and number of each */
    uint64_t segments = table[0] + (uint64_t)entry[0] * entry[1];
    uint64_t sections = table[1] + (uint64_t)entry[2] * entry[3];
    return segments > sections ? segments : sections;
}

/* Names end at a zero byte in machine code, at a parenthesis in PTX. Text without them stands for
 * all kernels. */
static bool has_kernel(const unsigned char *image, const char *name)
{
    size_t bytes = image_bytes(image), length = strlen(name);
    if (image[0] != 0x7f && !strstr((const char *)image, ".entry ")) return true;
    for (const unsigned char *at = image;; at++) {
        at = memmem(at, bytes - (size_t)(at - image), name, length);
        if (!at || at[length] == '\0' || at[length] == '(') return at != NULL;
    }
}

int cuModuleLoadData(void **module, const void *image)
{
    ENTER;
    char beside[4096];
    if (!is_image(image)) return BAD_IMAGE;
    const bool ptx = *(const unsigned char *)image != 0x7f && strstr(image, ".version");
    if (ptx && setting("STANDIN_PTX", OK)) return (int)setting("STANDIN_PTX", OK);
    const char *object = object_of(image, beside);
    Module *m = calloc(1, sizeof *m);
    m->image = image;
    m->object = object ? dlopen(object, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!m->object) wrong(object ? dlerror() : "STANDIN_KERNELS names no kernels");
    m->kernels = dlsym(m->object, "emu_kernels_here");
    if (!m->kernels) wrong("the object of the kernels has no table");
    kernels = m->kernels;
    live_modules++;
    *module = m;
    return OK;
}

int cuModuleUnload(void *module)
{
    int status = enter(__func__);
    Module *m = module;
    finish_all();
    if (!m || live_modules-- == 0) return BAD_HANDLE;
    dlclose(m->object);
    free(m);
    return status;
}

int cuModuleGetFunction(void **function, void *module, const char *name)
{
    ENTER;
    const Module *m = module;
    if (!m) return BAD_HANDLE;
    for (const emu_kernel *k = m->kernels->kernels; k->name && has_kernel(m->image, name); k++)
        if (strcmp(k->name, name) == 0) {
            *function = (void *)(uintptr_t)k;
            return OK;
        }
    return NOT_FOUND;
}

int cuFuncSetAttribute(void *function, int which, int value)
{
    ENTER;
    (void)function;
    return which == 8 && value <= 227 << 10 ? OK : BAD_VALUE;
}

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
    ENTER;
    *total = (size_t)setting("STANDIN_BYTES", 1L << 30);
    *free_bytes = *total - used_bytes;
    return OK;
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes)
{
    ENTER;
    if (bytes == 0) return BAD_VALUE;
    if (any_recording()) return FORBIDDEN_IN_RECORDING;
    if (bytes > (size_t)setting("STANDIN_BYTES", 1L << 30) - used_bytes) return NO_MEMORY;
    for (int i = 0; i < MOST_BLOCKS; i++)
        if (!block[i].pages) {
            block[i] = guarded_alloc(bytes);
            if (!block[i].pages) return NO_MEMORY;
            used_bytes += bytes;
            *address = (uintptr_t)block[i].bytes;
            return OK;
        }
    return NO_MEMORY;
}

int cuMemHostAlloc(void **memory, size_t bytes, unsigned flags)
{
    ENTER;
    if (bytes == 0 || flags) return BAD_VALUE;
    if (any_recording()) return FORBIDDEN_IN_RECORDING;
    for (int i = 0; i < MOST_BLOCKS; i++)
        if (!locked[i].pages) {
            locked[i] = guarded_alloc(bytes);
            *memory = locked[i].bytes;
            return locked[i].pages ? OK : NO_MEMORY;
        }
    return NO_MEMORY;
}

static bool is_needed(const guarded *g)
{
    for (Stream *s = streams; s; s = s->next)
        for (Work *w = s->waiting.first; w; w = w->next)
            if ((w->kind == TO_HOST || (w->kind == TO_DEVICE && !w->kept)) &&
                (unsigned char *)w->here >= g->bytes &&
                (unsigned char *)w->here < g->bytes + g->n_bytes)
                return true;
    return false;
}

int cuMemFreeHost(void *memory)
{
    int status = enter(__func__);
    guarded *g = find(locked, (uintptr_t)memory, 0);
    if (!g || g->bytes != memory) return BAD_VALUE;
    if (is_needed(g)) wrong("page-locked memory is given back while a copy needs it");
    if (!guarded_intact(g)) wrong("something was written beside page-locked memory");
    guarded_free(g);
    return status;
}

int cuMemFree_v2(uint64_t address)
{
    int status = enter(__func__);
    guarded *b = block_of(address, 0);
    if (!b || (uintptr_t)b->bytes != address) return BAD_VALUE;
    finish_all();
    used_bytes -= b->n_bytes;
    guarded_free(b);
    return status;
}

static Stream *stream_of(void *stream)
{
    for (Stream *s = streams; s; s = s->next)
        if (s == stream) return s;
    return NULL;
}

/* What is sent out of other memory is taken at once. */
static int add_copy(Kind kind, uint64_t there, void *here, size_t bytes, void *stream)
{
    Stream *s = stream_of(stream);
    if (!s) return BAD_HANDLE;
    if (s->recording) return FORBIDDEN_IN_RECORDING;
    if (!block_of(there, bytes)) return BAD_VALUE;
    Work w = { .kind = kind, .there = there, .here = here, .bytes = bytes };
    if (kind == TO_DEVICE && !find(locked, (uintptr_t)here, bytes)) {
        w.kept = malloc(bytes + 1);
        if (!w.kept) return NO_MEMORY;
        memcpy(w.kept, here, bytes);
    }
    add(&s->waiting, &w);
    if (kind == TO_HOST) memset(here, 0xff, bytes);
    added(s);
    return OK;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream)
{
    ENTER;
    return add_copy(TO_DEVICE, to, (void *)(uintptr_t)from, bytes, stream);
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream)
{
    ENTER;
    return add_copy(TO_HOST, from, to, bytes, stream);
}

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream)
{
    ENTER;
    Stream *s = stream_of(stream);
    if (!s) return BAD_HANDLE;
    if (s->recording) return FORBIDDEN_IN_RECORDING;
    if (!block_of(to, bytes) || !block_of(from, bytes)) return BAD_VALUE;
    add(&s->waiting, &(Work){ .kind = ON_DEVICE, .there = from, .to = to, .bytes = bytes });
    added(s);
    return OK;
}

int cuStreamCreate(void **stream, unsigned flags)
{
    ENTER;
    if (flags > 1) return BAD_VALUE;
    Stream *s = calloc(1, sizeof *s);
    if (!s) return NO_MEMORY;
    s->eager = streams && setting("STANDIN_EAGER", 0);
    s->next = streams;
    streams = s;
    live_streams++;
    *stream = s;
    return OK;
}

int cuStreamDestroy_v2(void *stream)
{
    int status = enter(__func__);
    Stream **at = &streams;
    while (*at && *at != stream) at = &(*at)->next;
    Stream *s = *at;
    if (!s) return BAD_HANDLE;
    finish(s);
    clear(&s->recorded);
    *at = s->next;
    free(s);
    live_streams--;
    return status;
}

/* One that fails means that the device does: what waited never comes. */
int cuStreamSynchronize(void *stream)
{
    int status = enter(__func__);
    Stream *s = stream_of(stream);
    if (!s) return BAD_HANDLE;
    if (s->recording) return FORBIDDEN_IN_RECORDING;
    if (status) lose(s);
    finish(s);
    return status;
}

/* ---- events ---- */

int cuEventCreate(void **event, unsigned flags)
{
    ENTER;
    if (flags > 3) return BAD_VALUE;
    *event = calloc(1, sizeof(Event));
    live_events += *event != NULL;
    return *event ? OK : NO_MEMORY;
}

/* Streams may still come to it. */
int cuEventDestroy_v2(void *event)
{
    int status = enter(__func__);
    for (Stream *s = streams; s; s = s->next)
        for (Work *w = s->waiting.first; w; w = w->next)
            if (w->event == event) {
                finish_all();
                break;
            }
    free(event);
    live_events--;
    return status;
}

static int add_event(Kind kind, Event *e, void *stream)
{
    Stream *s = stream_of(stream);
    if (!s) return BAD_HANDLE;
    if (s->recording) return FORBIDDEN_IN_RECORDING;
    if (kind == RECORD) {
        e->stream = s;
        e->recorded++;
    }
    add(&s->waiting, &(Work){ .kind = kind, .event = e, .count = e->recorded });
    added(s);
    return OK;
}

int cuEventRecord(void *event, void *stream)
{
    ENTER;
    return add_event(RECORD, event, stream);
}

int cuStreamWaitEvent(void *stream, void *event, unsigned flags)
{
    ENTER;
    return flags ? BAD_VALUE : add_event(WAIT, event, stream);
}

/* As cuStreamSynchronize, as far as it goes. */
int cuEventSynchronize(void *event)
{
    int status = enter(__func__);
    Event *e = event;
    if (status && e->stream) lose(e->stream);
    reach(e, e->recorded);
    return status;
}

int cuStreamBeginCapture_v2(void *stream, int mode)
{
    ENTER;
    Stream *s = stream_of(stream);
    if (!s || s->recording) return BAD_HANDLE;
    s->recording = true;
    return mode >= 0 && mode <= 2 ? OK : BAD_VALUE;
}

int cuStreamEndCapture(void *stream, void **graph)
{
    int status = enter(__func__);
    Stream *s = stream_of(stream);
    if (!s || !s->recording) return BAD_HANDLE;
    s->recording = false;
    List *l = status ? NULL : calloc(1, sizeof *l);
    if (!l) {
        clear(&s->recorded);
        *graph = NULL;
        return status ? status : NO_MEMORY;
    }
    for (Work *w = s->recorded.first; w; w = w->next) add(l, w);
    clear(&s->recorded);
    live_graphs++;
    *graph = l;
    return OK;
}

int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags)
{
    ENTER;
    List *l = calloc(1, sizeof *l);
    if (!l) return NO_MEMORY;
    for (const Work *w = ((List *)graph)->first; w; w = w->next) add(l, w);
    live_graphs++;
    *exec = l;
    return flags ? BAD_VALUE : OK;
}

static int destroy_graph(int status, List *l)
{
    clear(l);
    free(l);
    live_graphs--;
    return status;
}

int cuGraphDestroy(void *graph) { return destroy_graph(enter(__func__), graph); }
int cuGraphExecDestroy(void *exec) { return destroy_graph(enter(__func__), exec); }

int cuGraphLaunch(void *exec, void *stream)
{
    ENTER;
    Stream *s = stream_of(stream);
    if (!s) return BAD_HANDLE;
    if (s->recording) return FORBIDDEN_IN_RECORDING;
    for (const Work *w = ((List *)exec)->first; w; w = w->next) add(&s->waiting, w);
    added(s);
    return OK;
}

int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   void *stream, void **parameters, void **extra)
{
    ENTER;
    Stream *s = stream_of(stream);
    const emu_kernel *k = function;
    if (!s) return BAD_HANDLE;
    if (!grid_x || !grid_y || grid_z != 1 || block_y != 1 || block_z != 1 || extra ||
        block_x > 1024 || k->n_args > MOST_ARGS)
        return BAD_VALUE;
    Work w = { .kernel = k, .blocks = grid_x, .blocks_y = grid_y, .threads = (int)block_x,
               .shared_bytes = (int)shared_bytes };
    for (int i = 0; i < k->n_args; i++) memcpy(&w.arg[i], parameters[i], k->arg_bytes[i]);
    add(s->recording ? &s->recorded : &s->waiting, &w);
    added(s);
    return OK;
}

/* NVRTC asks a driver that is there for tables of its own, and does without. */
int cuGetExportTable(const void **table, const void *name)
{
    (void)name;
    *table = NULL;
    return NOT_FOUND;
}

/* ---- the end ---- */

__attribute__((destructor)) static void count_what_is_left(void)
{
    const char *path = getenv("STANDIN_LOG");
    FILE *log = path && all_calls ? fopen(path, "w") : NULL;
    for (int i = 0; log && i < N_KNOWN; i++) fprintf(log, "%s %d\n", known[i].symbol, calls[i]);
    if (log) {
        fprintf(log, "failed %s\n", failed);
        fclose(log);
    }
    int blocks = 0;
    for (int i = 0; i < MOST_BLOCKS; i++)
        blocks += (block[i].pages != NULL) + (locked[i].pages != NULL);
    if (!blocks && !live_streams && !live_modules && !live_graphs && !live_contexts && !live_events)
        return;
    fprintf(stderr, "stand-in: not given back: %d pieces of memory, %d streams, %d modules, "
            "%d graphs, %d contexts, %d events\n", blocks, live_streams, live_modules, live_graphs,
            live_contexts, live_events);
    _exit(NOT_GIVEN_BACK);
}
