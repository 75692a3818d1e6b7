/* codegen/library_driver.c: a program around a library, for `seqc verify`: it reads cases, runs them
 * on memory that shows what a call should not do, and writes what the calls compute. */
#include "codegen/library.h"
#include <string.h>

static const char *const driver_head =
    "/* Runs the library $n on cases: CASES RESULTS [WEIGHTS]. Files hold raw numbers.\n"
    " *\n"
    " * Each case runs twice, on memory full of ones and full of something else; the bits of both must\n"
    " * be the same, and nothing around the memory may change. */\n"
    "#include \"$n.h\"\n$pool"
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "#include <string.h>\n"
    "\n"
    "enum { GUARD = 4096, EDGE = 64 };\n"
    "static const int fills[2] = { 0xff, 0x55 };\n"
    "static FILE *cases, *results;\n"
    "$N_ALIGNED static unsigned char workspace[GUARD + $N_WORKSPACE_BYTES + GUARD];\n"
    "static $real in[$N_IN_ELEMS], given[$N_IN_ELEMS], out[2][EDGE + $N_OUT_ELEMS + EDGE];\n"
    "\n"
    "static void fail(const char *what)\n"
    "{\n"
    "    fprintf(stderr, \"%s\\n\", what);\n"
    "    exit(1);\n"
    "}\n"
    "\n"
    "static void get(void *to, size_t bytes)\n"
    "{\n"
    "    if (fread(to, 1, bytes, cases) != bytes) fail(\"the cases end early\");\n"
    "}\n"
    "\n"
    "static void put(const void *from, size_t bytes)\n"
    "{\n"
    "    if (fwrite(from, 1, bytes, results) != bytes) fail(\"the results cannot be written\");\n"
    "}\n"
    "\n"
    "static void hold(const void *memory, size_t bytes, int fill, const char *what)\n"
    "{\n"
    "    const unsigned char *p = (const unsigned char *)memory;\n"
    "    for (size_t i = 0; i < bytes; i++)\n"
    "        if (p[i] != fill) fail(what);\n"
    "}\n"
    "\n"
    "static void guards_hold(const unsigned char *memory, size_t bytes, int fill)\n"
    "{\n"
    "    hold(memory, GUARD, fill, \"it writes before its workspace\");\n"
    "    hold(memory + GUARD + bytes, GUARD, fill, \"it writes behind its workspace\");\n"
    "}\n"
    "\n"
    "/* A sum of the params, which an inference must leave alone. */\n"
    "static uint64_t sum_of(const $n_params *p)\n"
    "{\n"
    "    uint64_t sum = 0, word;\n"
    "    for (size_t i = 0; i < sizeof *p; i += sizeof word) {\n"
    "        memcpy(&word, (const char *)p + i, sizeof word);\n"
    "        sum = (sum ^ word) * UINT64_C(0x100000001b3);\n"
    "    }\n"
    "    return sum;\n"
    "}\n"
    "\n";

static const char *const driver_infer =
    "static void infer(const $n_params *p)\n"
    "{\n"
    "    const uint64_t sum = sum_of(p);\n"
    "    get(in, sizeof in);\n"
    "    memcpy(given, in, sizeof in);\n"
    "    for (int k = 0; k < 2; k++) {\n"
    "        memset(workspace, fills[k], sizeof workspace);\n"
    "        memset(out[k], fills[k], sizeof out[k]);\n"
    "        $call;\n"
    "        guards_hold(workspace, $N_WORKSPACE_BYTES, fills[k]);\n"
    "        hold(out[k], EDGE * sizeof($real), fills[k], \"it writes before its result\");\n"
    "        hold(out[k] + EDGE + $N_OUT_ELEMS, EDGE * sizeof($real), fills[k],\n"
    "             \"it writes behind its result\");\n"
    "    }\n"
    "    if (memcmp(out[0] + EDGE, out[1] + EDGE, $N_OUT_ELEMS * sizeof($real)))\n"
    "        fail(\"the result depends on $depends\");\n"
    "    if (memcmp(in, given, sizeof in)) fail(\"it changes its input\");\n"
    "    if (sum != sum_of(p)) fail(\"an inference changes the weights\");\n"
    "    put(out[0] + EDGE, $N_OUT_ELEMS * sizeof($real));\n"
    "}\n"
    "\n";

static const char *const driver_room =
    "$N_ALIGNED static unsigned char train_workspace[GUARD + $N_TRAIN_WORKSPACE_BYTES + GUARD];\n"
    "$N_ALIGNED static $n_params params[2];\n"
    "static $target target[$N_TARGET_ELEMS];\n"
    "\n"
    "static void *room(int tensor)\n"
    "{\n"
    "    const $n_tensor *t = &$n_tensors[tensor];\n"
    "    void *memory = malloc((size_t)t->elems * (size_t)t->element + 1);\n"
    "    if (!memory) fail(\"no memory for a tensor\");\n"
    "    return memory;\n"
    "}\n"
    "\n"
    "/* A tensor of the case; what was set is what is got. */\n"
    "static void set_tensor(int tensor)\n"
    "{\n"
    "    const size_t bytes = (size_t)$n_tensors[tensor].elems * (size_t)$n_tensors[tensor].element;\n"
    "    void *value = room(tensor), *again = room(tensor);\n"
    "    get(value, bytes);\n"
    "    for (int k = 0; k < 2; k++) {\n"
    "        $n_set_params(&params[k], tensor, value);\n"
    "        $n_get_params(&params[k], tensor, again);\n"
    "        if (memcmp(value, again, bytes)) fail(\"$n_get_params gives other values than were set\");\n"
    "    }\n"
    "    free(value);\n"
    "    free(again);\n"
    "}\n"
    "\n";

static const char *const driver_train =
    "static void train(const $n_params *p)\n"
    "{\n"
    "    struct { int64_t n; uint64_t seed, step; double steps, lr[$N_RATES]; } head;\n"
    "    $real loss[2] = { 0, 0 };\n"
    "    get(&head, sizeof head);\n"
    "    if (head.n < 1 || head.n > $N_BATCH) fail(\"a case of no batch\");\n"
    "    memset(in, 0xff, sizeof in);\n"
    "    memset(target, 0, sizeof target);\n"
    "    get(in, (size_t)head.n * (sizeof in / $N_BATCH));\n"
    "    get(target, (size_t)head.n * (sizeof target / $N_BATCH));\n"
    "    for (int k = 0; k < 2; k++) memcpy(&params[k], p, sizeof *p);\n"
    "    for (int i = 0; i < $N_TENSORS; i++) set_tensor(i);\n"
    "    for (int k = 0; k < 2; k++) {\n"
    "        $n_training t = { &params[k], train_workspace + GUARD, head.n, { 0 }, head.steps,\n"
    "                          head.seed, head.step - 1 };\n"
    "        memcpy(t.lr, head.lr, sizeof t.lr);\n$by"
    "        memset(train_workspace, fills[k], sizeof train_workspace);\n"
    "        $step;\n"
    "        guards_hold(train_workspace, $N_TRAIN_WORKSPACE_BYTES, fills[k]);\n"
    "        if (t.step != head.step) fail(\"a step is not counted\");\n"
    "    }\n"
    "    if (memcmp(&loss[0], &loss[1], sizeof loss[0]) || memcmp(&params[0], &params[1], sizeof *p))\n"
    "        fail(\"a step depends on $depends\");\n"
    "    put(loss, sizeof loss[0]);\n"
    "    for (int i = 0; i < $N_TENSORS; i++) {\n"
    "        void *value = room(i);\n"
    "        $n_get_params(&params[0], i, value);\n"
    "        put(value, (size_t)$n_tensors[i].elems * (size_t)$n_tensors[i].element);\n"
    "        free(value);\n"
    "    }\n"
    "}\n"
    "\n";

static const char *const driver_load =
    "$N_ALIGNED static $n_params loaded;\n"
    "static const $n_params *weights_of(const char *path)\n"
    "{\n"
    "    FILE *f = path ? fopen(path, \"rb\") : NULL;\n"
    "    size_t got = f ? fread(&loaded, 1, sizeof loaded, f) : 0;\n"
    "    if (!f || fgetc(f) != EOF) got = 0;\n"
    "    if (f) fclose(f);\n"
    "    if ($n_check(&loaded, got) != $N_OK) fail(\"its weights are damaged, or those of another\");\n"
    "    return $n_load(&loaded, got);\n"
    "}\n"
    "\n";

static const char *const driver_main =
    "int main(int argc, char **argv)\n"
    "{\n"
    "    static const uint64_t about[] = { $N_ABI, $N_MODEL, $N_PARAMS_BYTES, $N_WORKSPACE_BYTES };\n"
    "    int64_t calls[2];\n"
    "    if (argc < 3) fail(\"CASES RESULTS [WEIGHTS]\");\n"
    "    cases = fopen(argv[1], \"rb\");\n"
    "    results = fopen(argv[2], \"wb\");\n"
    "    if (!cases || !results) fail(\"a file cannot be opened\");\n$open"
    "    const $n_params *p = $params;\n"
    "    put(about, sizeof about);\n"
    "    put(p, sizeof *p);\n"
    "    get(calls, sizeof calls);\n"
    "    for (int64_t i = 0; i < calls[0]; i++) infer(p);\n"
    "$steps$close"
    "    return fclose(results) ? 1 : 0;\n"
    "}\n";

/* The device, on which each call has copies of what it is given, guards and all. */
static const char *const driver_device =
    "static $n_cuda cuda;\n"
    "static void *stream, *context;\n"
    "static int device;\n"
    "static int (*cuInit)(unsigned flags), (*cuDeviceGet)(int *device, int ordinal);\n"
    "static int (*cuDevicePrimaryCtxRetain)(void **context, int device);\n"
    "static int (*cuDevicePrimaryCtxRelease)(int device), (*cuCtxSetCurrent)(void *context);\n"
    "static int (*cuStreamCreate)(void **stream, unsigned flags), (*cuStreamDestroy)(void *stream);\n"
    "static int (*cuStreamSynchronize)(void *stream);\n"
    "static int (*cuMemAlloc)(uint64_t *address, size_t bytes), (*cuMemFree)(uint64_t address);\n"
    "\n"
    "static void did(int status, const char *what)\n"
    "{\n"
    "    if (!status) return;\n"
    "    fprintf(stderr, \"NVIDIA's driver, %s: CUDA error %d\\n\", what, status);\n"
    "    exit(3);\n"
    "}\n"
    "\n"
    "static void find(void *library, const char *symbol, void *function)\n"
    "{\n"
    "    void *const address = dlsym(library, symbol);\n"
    "    did(address ? 0 : 500, symbol);\n"
    "    memcpy(function, &address, sizeof address);\n"
    "}\n"
    "\n"
    "static void open_device(void)\n"
    "{\n"
    "    void *const library = dlopen(\"libcuda.so.1\", RTLD_NOW);\n"
    "    if (!library) {\n"
    "        fprintf(stderr, \"it computes on a device of NVIDIA's, and there is no driver for one: %s\\n\",\n"
    "                dlerror());\n"
    "        exit(3);\n"
    "    }\n"
    "    find(library, \"cuInit\", &cuInit);\n"
    "    find(library, \"cuDeviceGet\", &cuDeviceGet);\n"
    "    find(library, \"cuDevicePrimaryCtxRetain\", &cuDevicePrimaryCtxRetain);\n"
    "    find(library, \"cuDevicePrimaryCtxRelease_v2\", &cuDevicePrimaryCtxRelease);\n"
    "    find(library, \"cuCtxSetCurrent\", &cuCtxSetCurrent);\n"
    "    find(library, \"cuStreamCreate\", &cuStreamCreate);\n"
    "    find(library, \"cuStreamDestroy_v2\", &cuStreamDestroy);\n"
    "    find(library, \"cuStreamSynchronize\", &cuStreamSynchronize);\n"
    "    find(library, \"cuMemAlloc_v2\", &cuMemAlloc);\n"
    "    find(library, \"cuMemFree_v2\", &cuMemFree);\n"
    "    did(cuInit(0), \"at its start\");\n"
    "    did(cuDeviceGet(&device, 0), \"asked for its first device\");\n"
    "    did(cuDevicePrimaryCtxRetain(&context, device), \"opening the device\");\n"
    "    did(cuCtxSetCurrent(context), \"opening the device\");\n"
    "    did(cuStreamCreate(&stream, 0), \"opening a stream\");\n"
    "    const int status = $n_open(&cuda, dlsym, library, device);\n"
    "    did(status, cuda.failed);\n"
    "}\n"
    "\n"
    "static void close_device(void)\n"
    "{\n"
    "    $n_close(&cuda);\n"
    "    did(cuStreamDestroy(stream), \"closing a stream\");\n"
    "    did(cuDevicePrimaryCtxRelease(device), \"closing the device\");\n"
    "}\n"
    "\n"
    "/* Memory of the device, with what lies here: and back. */\n"
    "static char *there(const void *from, size_t bytes)\n"
    "{\n"
    "    uint64_t address = 0;\n"
    "    did(cuMemAlloc(&address, bytes), \"asked for memory\");\n"
    "    if (from) did(cuda.driver.send(address, from, bytes, stream), \"copying to the device\");\n"
    "    return (char *)(uintptr_t)address;\n"
    "}\n"
    "\n"
    "static void back(void *to, char *from, size_t bytes)\n"
    "{\n"
    "    if (to) did(cuda.driver.receive(to, (uintptr_t)from, bytes, stream), \"copying from the device\");\n"
    "    did(cuStreamSynchronize(stream), \"computing\");\n"
    "    did(cuMemFree((uintptr_t)from), \"giving memory back\");\n"
    "}\n"
    "\n"
    "$N_ALIGNED static $n_params params_back;\n"
    "static void infer_there(const $n_params *p, $real *result)\n"
    "{\n"
    "    char *const params = there(NULL, $N_DEVICE_BYTES), *const space = there(workspace, sizeof workspace);\n"
    "    char *const x = there(in, sizeof in), *const y = there(result, sizeof out[0]);\n"
    "    did($n_upload(&cuda, p, ($n_params *)(void *)params, stream), \"copying the weights\");\n"
    "    did($n_forward(&cuda, (const $n_params *)(const void *)params, (const $real *)(const void *)x,\n"
    "                   ($real *)(void *)y + EDGE, space + GUARD, stream), \"launching kernels\");\n"
    "    did(cuda.driver.receive(&params_back, (uintptr_t)params, sizeof params_back, stream),\n"
    "        \"copying from the device\");\n"
    "    back(result, y, sizeof out[0]);\n"
    "    back(in, x, sizeof in);\n"
    "    back(workspace, space, sizeof workspace);\n"
    "    back(NULL, params, 0);\n"
    "    if (memcmp(&params_back, p, sizeof *p)) fail(\"an inference changes the weights\");\n"
    "}\n"
    "\n";

static const char *const driver_device_step =
    "static void step_there($n_training *t, $real *loss)\n"
    "{\n"
    "    $n_params *const learnt = t->params_device;\n"
    "    char *const learning = there(NULL, $N_DEVICE_BYTES);\n"
    "    char *const space = there(train_workspace, sizeof train_workspace);\n"
    "    char *const x = there(in, sizeof in), *const y = there(target, sizeof target);\n"
    "    char *const z = there(NULL, sizeof *loss);\n"
    "    t->params_device = ($n_params *)(void *)learning;\n"
    "    t->workspace_device = space + GUARD;\n"
    "    did($n_upload(&cuda, learnt, t->params_device, stream), \"copying the weights\");\n"
    "    did($n_train_step(&cuda, t, (const $real *)(const void *)x, (const $target *)(const void *)y,\n"
    "                      ($real *)(void *)z, stream), \"launching kernels\");\n"
    "    did($n_download(&cuda, t->params_device, learnt, stream), \"copying the weights\");\n"
    "    back(NULL, learning, 0);\n"
    "    back(train_workspace, space, sizeof train_workspace);\n"
    "    back(loss, z, sizeof *loss);\n"
    "    back(NULL, x, 0);\n"
    "    back(NULL, y, 0);\n"
    "}\n"
    "\n";

static const char *const one_step = "$n_train_step(&t, in, target, &loss[k])";
static const char *const one_call = "$n_forward(p, in, out[k] + EDGE, workspace + GUARD)";
/* The second time several threads compute it. */
static const char *const pool_call =
    "const $n_parallel by = $n_pool_parallel(&pool);\n"
    "        $n_forward_parallel(p, in, out[k] + EDGE, workspace + GUARD, k ? &by : NULL)";
static const char *const pool_by =
    "        const $n_parallel by = $n_pool_parallel(&pool);\n"
    "        t.by = k ? &by : NULL;\n";

void emit_library_driver(const Module *m, const LibraryOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Out *o = out_new(a);
    bool loads = opts->weights == WEIGHTS_BIN;
    const char *target = l.train ? l.e.l->type[library_value(&l, l.train, "target")->dtype] : "";
    bool pool = opts->threads > 0, gpu = l.gpu;
    const Hole holes[] = {
        { "real", l.elems },
        { "target", target },
        { "pool", pool ? library_names(&l, "#include \"$n_threads.h\"\nstatic $n_pool pool;\n")
                  : gpu ? "#include <dlfcn.h>\n" : "" },
        { "open", pool ? library_names(&l, "    $n_pool_open(&pool, $N_THREADS);\n")
                  : gpu ? "    open_device();\n" : "" },
        { "close", gpu ? "    close_device();\n" : "" },
        { "call", library_names(&l, pool ? pool_call : gpu ? "infer_there(p, out[k])" : one_call) },
        { "step", library_names(&l, gpu ? "step_there(&t, &loss[k])" : one_step) },
        { "by", pool ? library_names(&l, pool_by) : "" },
        { "depends", pool ? "what the workspace held before, or on the number of threads"
                          : "what the workspace held before" },
        { "params", loads ? "weights_of(argc > 3 ? argv[3] : NULL)"
                          : text(&l.e, "&%s_weights", opts->name) },
        { "steps", l.train ? "    for (int64_t i = 0; i < calls[1]; i++) train(p);\n" : "" },
    };
    int n = (int)(sizeof holes / sizeof *holes);
    library_text(&l, o, driver_head, holes, n);
    if (gpu) library_text(&l, o, driver_device, holes, n);
    library_text(&l, o, driver_infer, holes, n);
    if (l.train) library_text(&l, o, driver_room, holes, n);
    if (gpu && l.train) library_text(&l, o, driver_device_step, holes, n);
    if (l.train) library_text(&l, o, driver_train, holes, n);
    if (loads) library_text(&l, o, driver_load, holes, n);
    library_text(&l, o, driver_main, holes, n);
    fputs(out_text(o), out);
    arena_free(a);
}

LibraryStates emit_library_states(const Module *m, const LibraryOpts *opts, Arena *a)
{
    Library l = library_of(m, opts, a);
    return (LibraryStates){
        l.state, l.offset_bytes, l.n_state,
        { LIBRARY_ABI, library_model(&l), (uint64_t)library_params_bytes(&l),
          (uint64_t)library_workspace_bytes(&l, l.infer) },
        l.train ? library_workspace_bytes(&l, l.train) : 0, library_device_bytes(&l)
    };
}
