/* codegen/library_cuda.c: a library whose kernels are a GPU's: what its header and NAME.c say
 * instead of a processor's, and NAME.cu.
 *
 * NAME.c launches kernels into a stream of the caller's, on memory of the device that is the caller's,
 * too. It calls NVIDIA's driver by functions that it looks up through one that it is given, so that it
 * needs neither CUDA's headers nor its libraries. All that it has of the device is in a struct of the
 * caller's; numbers that change from step to step travel as parameters of a kernel, so that no call
 * waits for the device, and any may be recorded into a graph. */
#include "codegen/library.h"
#include <string.h>

/* ---- NAME.h ---- */

const char *const library_cuda_about =
    " *     static $n_cuda cuda;                      context, device, stream: yours, of any program's\n"
    " *     $n_open(&cuda, dlsym, dlopen(\"libcuda.so.1\", RTLD_NOW), device);\n"
    " *     $n_upload(&cuda, $params, params_device, stream);\n"
    " *     $n_forward(&cuda, params_device, in_device, out_device, workspace_device, stream);\n"
    " *\n"
    " * What is called _device is memory of the device, aligned to $N_ALIGN as all that cuMemAlloc and\n"
    " * cudaMalloc give, of $N_DEVICE_BYTES for params, $N_WORKSPACE_BYTES for a workspace; a stream is a\n"
    " * CUstream or a cudaStream_t, and its context is current. Calls allocate nothing and wait for\n"
    " * nothing: they tell the stream what to do, and return 0 or the driver's CUresult. Threads and\n"
    " * streams may share `cuda` and params, each with a workspace of its own; $n_forward may be recorded\n"
    " * into a CUDA graph. */\n";

static const char *const open_text =
    "/* The kernels on a device, in one of its contexts. */\n"
    "typedef struct $n_cuda {\n"
    "    struct {                 /* of NVIDIA's driver, what is called */\n"
    "        int (*attribute)(int *value, int which, int device);\n"
    "        int (*load)(void **module, const void *image);\n"
    "        int (*unload)(void *module);\n"
    "        int (*find)(void **kernel, void *module, const char *name);\n"
    "        int (*allow)(void *kernel, int which, int value);\n"
    "        int (*send)(uint64_t to, const void *from, size_t bytes, void *stream);\n"
    "        int (*receive)(void *to, uint64_t from, size_t bytes, void *stream);\n"
    "        int (*launch)(void *kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z,\n"
    "                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,\n"
    "                      void *stream, void **parameters, void **extra);\n"
    "    } driver;\n"
    "    void *module, *kernel[$N_KERNELS];\n"
    "    const char *failed;      /* after $n_open: the call or the kernel that it failed at; null */\n"
    "} $n_cuda;\n"
    "\n"
    "/* Finds the driver's functions, as dlsym does in a library that dlopen has opened (null: among those\n"
    " * that the program is linked with), and loads the kernels for the device, a CUdevice. Of its own it\n"
    " * returns 500 where the driver is too old for a function, 209 where no image fits the device, 701\n"
    " * where that has too little shared memory. What failed leaves nothing to close. */\n"
    "typedef void *$n_find(void *library, const char *symbol);\n"
    "int $n_open($n_cuda *cuda, $n_find *find, void *library, int device);\n"
    "/* The kernels' machine code for an architecture, 90 for sm_90, or their PTX: in $n_images.c. Null:\n"
    " * there is none. */\n"
    "const void *$n_image(int arch, int ptx);\n"
    "/* When nothing that was launched is under way. One that is closed, or all zeros, stays so. */\n"
    "void $n_close($n_cuda *cuda);\n"
    "\n"
    "/* Copies params to the device$made. */\n"
    "int $n_upload(const $n_cuda *cuda, const $n_params *p, $n_params *params_device, void *stream);\n"
    "/* out = the network of in, for $N_BATCH samples at once. Only `out` and the workspace are\n"
    " * written; what the workspace holds before and after a call means nothing. */\n"
    "int $n_forward(const $n_cuda *cuda, const $n_params *params_device, const $real *in_device,\n"
    "    $real *out_device, void *workspace_device, void *stream);\n"
    "\n";

const char *const library_cuda_training =
    "/* What a run of training has: all of it is the caller's. */\n"
    "typedef struct $n_training {\n"
    "    $n_params *params_device;  /* at first an upload of $initial */\n"
    "    void *workspace_device;    /* $N_TRAIN_WORKSPACE_BYTES */\n"
    "    int64_t n;                 /* samples of the next step, 1 to $N_BATCH */\n"
    "    double lr[$N_RATES];       /* at first $N_LR */\n"
    "    double steps;              /* of an epoch, for schedules that count them */\n"
    "    uint64_t seed, step;       /* of what is drawn; steps done, at first 0 */\n"
    "} $n_training;\n"
    "\n"
    "/* One step: *loss_device becomes the loss of these samples before it. The step is counted, unless\n"
    " * a launch failed. */\n"
    "int $n_train_step(const $n_cuda *cuda, $n_training *t, const $real *in_device,\n"
    "    const $target *target_device, $real *loss_device, void *stream);\n"
    "/* Copies params back: they are there when the stream has come so far. */\n"
    "int $n_download(const $n_cuda *cuda, const $n_params *params_device, $n_params *p, void *stream);\n"
    "\n";

/* ---- the kernels and their launches ---- */

enum { COUNTER_BYTES = 16 };          /* seed, step; the scalars follow */

int64_t library_control_bytes(const Library *l)
{
    const Module *m = l->e.m;
    return ir_round64(COUNTER_BYTES + m->prog.n_scalar * ir_dtype_bytes(m->real));
}

/* The device's side of a library. */
typedef struct Device {
    Emit e;
    const char *keep, *forward, *step;     /* launches */
    const char *begin;                     /* a kernel: a step's numbers to where others read them */
    int kernels;
    Out *names, *rows;                     /* of a table of them */
} Device;

static const char *launches(Library *l, Device *d, const Graph *g, bool keeps, bool once)
{
    static const char *const infer[][2] = { { "x", "in" }, { "output", "out" }, { NULL, NULL } };
    static const char *const train[][2] = { { "x", "in" }, { "target", "target" },
                                            { "loss", "loss" }, { NULL, NULL } };
    const Names at = { .own = g == l->train ? train : infer, .keeps = keeps, .full = g != l->train,
                       .launch = "launch(&call", .state = "p", .arena = "arena", .kept = "kept",
                       .scalars = "scalar", .counters = "control",
                       .n = "call.n" };
    Out *o = out_new(l->e.a);
    out_deeper(o, 1);
    graph_launches(&d->e, g, &at, once, o);
    return out_text(o);
}

/* Parameters by value, since what the host has is another step's by the time the device reads it. */
static const char *begin_kernel(Emit *e)
{
    const char *real = e->l->type[e->m->real], *parameters = "", *stores = "";
    for (int i = 0; i < e->m->prog.n_scalar; i++) {
        parameters = text(e, "%s%s%s scalar%d", parameters, i % 4 ? ", " : ",\n    ", real, i);
        stores = text(e, "%s    scalars[%d] = scalar%d;\n", stores, i, i);
    }
    return text(e,
                "/* A step begins: its numbers to where kernels read them. */\n"
                "KERNEL(1) begin_step(uint64_t *counters, %s *scalars, uint64_t seed, uint64_t step%s)\n"
                "{\n"
                "    counters[0] = seed;\n"
                "    counters[1] = step;\n"
                "%s%s"
                "}\n", real, parameters, *stores ? stores : "    (void)scalars;\n", "");
}

static void device_of(Library *l, Device *d)
{
    *d = (Device){ .e = { .m = l->e.m, .o = l->e.o, .l = dialect_of(l->o->target), .a = l->e.a },
                   .names = out_new(l->e.a), .rows = out_new(l->e.a), .keep = "", .begin = "" };
    if (l->infer->kept_bytes && !l->train) d->keep = launches(l, d, l->infer, true, true);
    d->forward = launches(l, d, l->infer, !l->train, false);
    out_open(d->names, "enum");
    if (l->train) {
        d->step = launches(l, d, l->train, false, false);
        d->begin = begin_kernel(&d->e);
        out_line(d->names, "K_begin_step,");
    }
    size_t longest = sizeof "begin_step";
    for (int i = 0; i < d->e.n_fn; i++) {
        const KernelFn *f = d->e.fn[i];
        const Stage *const stage[] = { &f->prepare, &f->main, &f->finish };
        for (int k = 0; k < 3; k++)
            if (stage[k]->name && strlen(stage[k]->name) >= longest)
                longest = strlen(stage[k]->name) + 1;
    }
    out_open(d->rows, "static const struct { char name[%zu]; int threads, shared_bytes; } "
                      "kernels[%s_KERNELS] =", longest, l->upper);
    if (l->train) out_line(d->rows, "{ \"begin_step\", 1, 0 },");
    d->kernels = (l->train != NULL) + cuda_kernel_rows(&d->e, false, d->names, d->rows);
    out_close(d->names, ";");
    out_close(d->rows, ";");
}

void library_cuda_declarations(Library *l, Out *o)
{
    const Hole holes[] = { { "real", l->elems },
                           { "made", !l->train && l->infer->kept_bytes
                                         ? ", and makes there what kernels want of them" : "" } };
    library_text(l, o, open_text, holes, 2);
}

int library_cuda_kernels(Library *l)
{
    Device d;
    device_of(l, &d);
    return d.kernels;
}

int64_t library_device_bytes(const Library *l)
{
    return library_params_bytes(l) + (l->train ? 0 : ir_round64(l->infer->kept_bytes));
}

void emit_library_kernels(const Module *m, const LibraryOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Device d;
    device_of(&l, &d);
    Out *o = out_new(a);
    head_write(&d.e, o, ".cu", opts->target->name);
    out_line(o, " * A kernel computes a group of operations. Which block and thread computes what");
    out_line(o, " * follows from shapes alone, and sums are added in a fixed order: the same bits");
    out_line(o, " * always. */");
    out_raw(o, cuda_language);
    snippets_all(&d.e, o);
    out_raw(o, d.begin);
    for (int i = 0; i < d.e.n_fn; i++) kernel_write(&d.e, o, d.e.fn[i]);
    fputs(out_text(o), out);
    arena_free(a);
}

/* ---- NAME.c ---- */

static const char *const source_head =
    " * Kernels are in $n.cu, and compiled in $n_images.c. Here is what loads and launches them. */\n"
    "#include \"$n.h\"\n"
    "$constants"
    "\n";

static const char *const source_open =
    "/* Machine code of the device's major version, of the newest minor one that there is; else PTX. */\n"
    "static const void *best_image(int arch)\n"
    "{\n"
    "    const void *image = 0;\n"
    "    for (int a = arch; !image && a >= arch / 10 * 10; a--) image = $n_image(a, 0);\n"
    "    for (int a = arch; !image && a > 0; a--) image = $n_image(a, 1);\n"
    "    return image;\n"
    "}\n"
    "\n"
    "/* The driver's names for what is called of it, in the order of the struct. */\n"
    "static const char symbols[][24] = {\n"
    "    \"cuDeviceGetAttribute\", \"cuModuleLoadData\", \"cuModuleUnload\", \"cuModuleGetFunction\",\n"
    "    \"cuFuncSetAttribute\", \"cuMemcpyHtoDAsync_v2\", \"cuMemcpyDtoHAsync_v2\", \"cuLaunchKernel\"\n"
    "};\n"
    "enum { N_SYMBOLS = sizeof symbols / sizeof *symbols };\n"
    "HOLDS(sizeof(void *) * N_SYMBOLS == offsetof($n_cuda, module));\n"
    "\n"
    "static int find_driver($n_cuda *cuda, $n_find *find, void *library)\n"
    "{\n"
    "    for (int i = 0; i < N_SYMBOLS; i++) {\n"
    "        void *const address = find(library, symbols[i]);\n"
    "        cuda->failed = symbols[i];\n"
    "        if (!address) return 500;\n"
    "        /* C casts no pointer to an object to one to a function. */\n"
    "        __builtin_memcpy((char *)&cuda->driver + (size_t)i * sizeof address, &address, sizeof address);\n"
    "    }\n"
    "    return 0;\n"
    "}\n"
    "\n"
    "/* The kernels of the device's image. More shared memory than usual must be asked for. */\n"
    "static int find_kernels($n_cuda *cuda, int device)\n"
    "{\n"
    "    enum { MAJOR = 75, MINOR = 76, MOST_SHARED = 97, SHARED = 8, USUAL_SHARED = 48 << 10 };\n"
    "    int major = 0, minor = 0, most = 0, status;\n"
    "    cuda->failed = \"cuDeviceGetAttribute\";\n"
    "    if ((status = cuda->driver.attribute(&major, MAJOR, device)) != 0 ||\n"
    "        (status = cuda->driver.attribute(&minor, MINOR, device)) != 0 ||\n"
    "        (status = cuda->driver.attribute(&most, MOST_SHARED, device)) != 0)\n"
    "        return status;\n"
    "    const void *const image = best_image(10 * major + minor);\n"
    "    cuda->failed = \"$n_image\";\n"
    "    if (!image) return 209;\n"
    "    cuda->failed = \"cuModuleLoadData\";\n"
    "    if ((status = cuda->driver.load(&cuda->module, image)) != 0) {\n"
    "        cuda->module = 0;\n"
    "        return status;\n"
    "    }\n"
    "    for (int i = 0; i < $N_KERNELS; i++) {\n"
    "        const int shared = kernels[i].shared_bytes;\n"
    "        cuda->failed = kernels[i].name;\n"
    "        status = cuda->driver.find(&cuda->kernel[i], cuda->module, kernels[i].name);\n"
    "        if (!status && shared > USUAL_SHARED)\n"
    "            status = shared > most ? 701 : cuda->driver.allow(cuda->kernel[i], SHARED, shared);\n"
    "        if (status) return status;\n"
    "    }\n"
    "    cuda->failed = 0;\n"
    "    return 0;\n"
    "}\n"
    "\n"
    "int $n_open($n_cuda *cuda, $n_find *find, void *library, int device)\n"
    "{\n"
    "    __builtin_memset(cuda, 0, sizeof *cuda);\n"
    "    int status = find_driver(cuda, find, library);\n"
    "    if (!status) status = find_kernels(cuda, device);\n"
    "    if (status) $n_close(cuda);\n"
    "    return status;\n"
    "}\n"
    "\n"
    "void $n_close($n_cuda *cuda)\n"
    "{\n"
    "    if (cuda->module) (void)cuda->driver.unload(cuda->module);\n"
    "    cuda->module = 0;\n"
    "}\n"
    "\n"
    "/* What is launched after another: the first failure is kept, and what follows it does nothing. */\n"
    "typedef struct Call {\n"
    "    const $n_cuda *cuda;\n"
    "    void *stream;\n"
    "    int64_t n;\n"
    "    int status;\n"
    "} Call;\n"
    "\n"
    "static void start(Call *c, int kernel, unsigned blocks, void **parameter)\n"
    "{\n"
    "    if (!c->status)\n"
    "        c->status = c->cuda->driver.launch(c->cuda->kernel[kernel], blocks, 1, 1,\n"
    "                                           (unsigned)kernels[kernel].threads, 1, 1,\n"
    "                                           (unsigned)kernels[kernel].shared_bytes, c->stream,\n"
    "                                           parameter, 0);\n"
    "}\n"
    "\n"
    "/* Parameters are memory of the device, and n. */\n"
    "static void launch(Call *c, int kernel, int64_t blocks, const void *const *memory, int count)\n"
    "{\n"
    "    void *parameter[$most];\n"
    "    if (blocks > 0x7fffffff) c->status = 1;\n"
    "    for (int i = 0; i < count; i++) parameter[i] = (void *)(uintptr_t)&memory[i];\n"
    "    parameter[count] = &c->n;\n"
    "    if (blocks > 0) start(c, kernel, (unsigned)blocks, parameter);\n"
    "}\n"
    "\n";

/* A function's body: the parts of the device's memory that its launches mention, what its parameters
 * come to where they mention none of them, the launches. */
static void write_body(Library *l, Out *o, const Graph *g, const char *workspace, const char *launches,
                       const char *const *parameter)
{
    Emit *e = &l->e;
    Out *body = out_beside(e->a, o);
    const char *kept = l->train ? text(e, "(char *)%s + %lld", workspace,
                                       (long long)library_arena_bytes(l, g))
                                : text(e, "(char *)(uintptr_t)p + %s_PARAMS_BYTES", l->upper);
    if (out_mentions(launches, "arena")) out_line(body, "char *const arena = (char *)%s;", workspace);
    if (out_mentions(launches, "kept")) out_line(body, "char *const kept = %s;", kept);
    out_raw(body, launches);
    for (int i = 0; parameter[i]; i++)
        if (!out_mentions(out_text(body), parameter[i])) out_line(o, "(void)%s;", parameter[i]);
    out_raw(o, out_text(body));
}

static void write_upload(Library *l, const Device *d, Out *o)
{
    static const char *const none[] = { NULL };
    library_text(l, o,
                 "int $n_upload(const $n_cuda *cuda, const $n_params *from, $n_params *p, void *stream)\n"
                 "{\n"
                 "    Call call = { cuda, stream, $N_BATCH, 0 };\n"
                 "    call.status = cuda->driver.send((uintptr_t)p, from, sizeof *from, stream);\n", NULL, 0);
    out_deeper(o, 1);
    write_body(l, o, l->infer, "", d->keep, none);
    out_line(o, "return call.status;");
    out_close(o, "");
    out_line(o, "%s", "");
}

static void write_forward(Library *l, const Device *d, Out *o)
{
    static const char *const parameter[] = { "p", "in", "workspace", NULL };
    const Hole holes[] = { { "real", l->elems } };
    library_text(l, o,
                 "int $n_forward(const $n_cuda *cuda, const $n_params *p, const $real *in, $real *out,\n"
                 "    void *workspace, void *stream)\n"
                 "{\n"
                 "    Call call = { cuda, stream, $N_BATCH, 0 };\n", holes, 1);
    out_deeper(o, 1);
    write_body(l, o, l->infer, "workspace", d->forward, parameter);
    out_line(o, "return call.status;");
    out_close(o, "");
    out_line(o, "%s", "");
}

static const char *const step_text =
    "int $n_train_step(const $n_cuda *cuda, $n_training *t, const $real *in,\n"
    "    const $target *target, $real *loss, void *stream)\n"
    "{\n"
    "    $n_params *const p = t->params_device;\n"
    "    char *const control = (char *)t->workspace_device + $control;\n"
    "    const char *const scalar = control + $counters;\n"
    "    const uint64_t seed = t->seed, step = t->step + 1;\n"
    "$values"
    "    const void *const told[] = { &control, &scalar, &seed, &step$parameters };\n"
    "    void *parameter[sizeof told / sizeof *told];\n"
    "    Call call = { cuda, stream, t->n, 0 };\n"
    "    for (size_t i = 0; i < sizeof told / sizeof *told; i++) parameter[i] = (void *)(uintptr_t)told[i];\n"
    "    start(&call, K_begin_step, 1, parameter);\n";

static const char *const values_text =
    "    $real values[$count];\n"
    "    scalars(t->lr, (double)step, t->steps, values);\n";

static const char *const download_text =
    "int $n_download(const $n_cuda *cuda, const $n_params *from, $n_params *p, void *stream)\n"
    "{\n"
    "    return cuda->driver.receive(p, (uintptr_t)from, sizeof *p, stream);\n"
    "}\n"
    "\n";

static void write_step(Library *l, const Device *d, Out *o)
{
    static const char *const parameter[] = { "p", "in", "target", NULL };
    Emit *e = &l->e;
    const Graph *g = l->train;
    int n = e->m->prog.n_scalar;
    int64_t control = library_workspace_bytes(l, g) - library_control_bytes(l);
    const char *parameters = "";
    for (int i = 0; i < n; i++) parameters = text(e, "%s, &values[%d]", parameters, i);
    const Hole count[] = { { "real", l->elems }, { "count", text(e, "%d", n) } };
    Out *values = out_new(e->a);
    if (n) out_template(values, values_text, count, 2);
    const Hole holes[] = {
        { "real", l->elems }, { "target", e->l->type[library_value(l, g, "target")->dtype] },
        { "control", text(e, "%lld", (long long)control) },
        { "counters", text(e, "%d", COUNTER_BYTES) }, { "values", out_text(values) },
        { "parameters", parameters },
    };
    library_text(l, o, step_text, holes, 6);
    out_deeper(o, 1);
    write_body(l, o, g, "t->workspace_device", d->step, parameter);
    out_line(o, "if (!call.status) t->step = step;");
    out_line(o, "return call.status;");
    out_close(o, "");
    out_line(o, "%s", "");
    library_text(l, o, download_text, NULL, 0);
}

void library_cuda_source(Library *l, const char *functions, Out *o)
{
    Device d;
    device_of(l, &d);
    Emit *e = &l->e;
    Out *own = out_new(e->a), *constants = out_new(e->a);
    if (l->train) tables_scalars(e, own);
    out_raw(own, functions);
    if (*out_text(own)) library_constants(l, constants);
    const Hole holes[] = { { "constants", out_text(constants) },
                           { "most", text(e, "%d", MAX_SLOTS + 2) } };
    library_text(l, o, source_head, holes, 2);
    library_holds(l, o);
    out_raw(o, out_text(d.names));
    out_line(o, "/* Threads of a block, bytes that they share. */");
    out_raw(o, out_text(d.rows));
    out_line(o, "%s", "");
    library_text(l, o, source_open, holes, 2);
    snippets_all(e, o);
    out_raw(o, out_text(own));
    write_upload(l, &d, o);
    write_forward(l, &d, o);
    if (l->train) write_step(l, &d, o);
}
