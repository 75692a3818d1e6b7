/* runtime/device.c: the device opened and closed: the driver's first device, the image that fits it,
 * the kernels in it, memory. CUDA_VISIBLE_DEVICES says which device is the first. */
#include "runtime/program.h"
#include <inttypes.h>
#include <string.h>

/* ---- which image ---- */

/* Machine code of the same major version, of the newest minor one that it has; else PTX. */
static const rt_cuda_image *best_image(const rt_cuda *cuda, int arch, bool seldom)
{
    const rt_cuda_image *best = NULL;
    for (const rt_cuda_image *i = cuda->images; i->bytes; i++) {
        bool runs = i->arch <= arch && (i->ptx || i->arch / 10 == arch / 10);
        if (runs && i->seldom == seldom && (!best || (best->ptx && !i->ptx) ||
                     (best->ptx == i->ptx && best->arch < i->arch)))
            best = i;
    }
    return best;
}

static bool same_machine(const rt_cuda_image *a, const rt_cuda_image *b)
{
    return a->bytes && b->bytes && a->arch == b->arch && a->ptx == b->ptx && a->seldom == b->seldom;
}

/* How many follow each other for the machine of the first; none of none. */
static int alike(const rt_cuda_image *image)
{
    int n = 0;
    while (image && same_machine(image, image + n))
        n++;
    return n;
}

static const char *image_list(char text[RT_DIMS], const rt_cuda *cuda)
{
    int used = 0;
    text[0] = '\0';
    for (const rt_cuda_image *i = cuda->images; i->bytes && used < RT_DIMS; i++)
        if (!i->seldom && (i == cuda->images || !same_machine(i, i - 1)))
            used += snprintf(text + used, (size_t)(RT_DIMS - used), "%s%s_%d", used ? ", " : "",
                             i->ptx ? "compute" : "sm", i->arch);
    return text;
}

bool rt_device_find(rt_err *e, rt_device *d, const rt_cuda *cuda)
{
    int count = 0, major = 0, minor = 0;
    char list[RT_DIMS];
    *d = (rt_device){ .cuda = cuda, .state_of = -1 };
    rt_driver *cu = &d->driver;
    if (!rt_driver_open(e, cu) ||
        !rt_driver_did(e, cu->cuDriverGetVersion(&d->version), "asked for its version") ||
        !rt_driver_did(e, cu->cuDeviceGetCount(&count), "asked for its devices"))
        return false;
    if (count == 0)
        return rt_fail(e, RT_E_IO, "NVIDIA's driver sees no device") ||
               rt_help(e, "CUDA_VISIBLE_DEVICES may hide them; `nvidia-smi` lists them");
    if (!rt_driver_did(e, cu->cuDeviceGet(&d->number, 0), "asked for its first device") ||
        !rt_driver_did(e, cu->cuDeviceGetName(d->name, RT_DEVICE_NAME, d->number),
                       "asked for the device's name") ||
        !rt_driver_did(e, cu->cuDeviceGetAttribute(&major, RT_CU_MAJOR, d->number),
                       "asked for the device's architecture") ||
        !rt_driver_did(e, cu->cuDeviceGetAttribute(&minor, RT_CU_MINOR, d->number),
                       "asked for the device's architecture"))
        return false;
    d->arch = 10 * major + minor;
    d->image = best_image(cuda, d->arch, false);
    d->n_images = alike(d->image);
    d->seldom = best_image(cuda, d->arch, true);
    d->n_seldom = alike(d->seldom);
    return d->image ||
           rt_fail(e, RT_E_IO, "this program has kernels for %.200s, and %s is sm_%d",
                   image_list(list, cuda), d->name, d->arch) ||
           rt_help(e, "compile the model with --arch sm_%d", d->arch);
}

char *rt_device_text(char text[RT_DEVICE_TEXT], const rt_device *d)
{
    snprintf(text, RT_DEVICE_TEXT, "%s (sm_%d, driver for CUDA %d.%d)", d->name, d->arch,
             d->version / 1000, d->version % 1000 / 10);
    return text;
}

/* ---- kernels ---- */

/* More shared memory than usual must be asked for before a launch does. */
static bool allow_shared(rt_err *e, rt_device *d, int i)
{
    const rt_kernel *k = &d->cuda->kernels[i];
    int most = 0;
    if (k->shared_bytes <= RT_CU_USUAL_SHARED_BYTES)
        return true;
    if (!rt_driver_did(e, d->driver.cuDeviceGetAttribute(&most, RT_CU_SHARED_BYTES, d->number),
                       "asked for a block's shared memory"))
        return false;
    if (k->shared_bytes > most)
        return rt_fail(e, RT_E_IO, "kernel %.200s needs %d bytes of shared memory, and a block has "
                       "%d on %s", k->name, k->shared_bytes, most, d->name);
    return rt_driver_did(e, d->driver.cuFuncSetAttribute(d->function[i], RT_CU_DYNAMIC_BYTES,
                                                         k->shared_bytes),
                         "asked for more shared memory");
}

static const char *const too_new =
    "a driver that is older than the CUDA toolkit that compiled them reads none: install a newer one, "
    "or build with an older toolkit";
static const char *const too_new_to_derive =
    "what `grad` alone launches is PTX, which a driver compiles that is as new as the CUDA toolkit of the "
    "build: install one, or have nvcc make the program, of the project that `seqc build --keep DIR` "
    "leaves";

/* Those of the images up to so many, in their order. */
static bool open_modules(rt_err *e, rt_device *d, int to)
{
    char what[RT_DEVICE_TEXT + 48], device[RT_DEVICE_TEXT];
    for (; d->n_modules < to; d->n_modules++) {
        const int more = d->n_modules - d->n_images;
        const rt_cuda_image *image = more < 0 ? d->image + d->n_modules : d->seldom + more;
        snprintf(what, sizeof what, "loading the kernels%s for %s_%d on %s",
                 more < 0 ? "" : " of `grad`", image->ptx ? "compute" : "sm", image->arch,
                 rt_device_text(device, d));
        if (!rt_driver_did(e, d->driver.cuModuleLoadData(&d->module[d->n_modules], image->bytes), what))
            return e->code == RT_E_IO && rt_help(e, "%s", more < 0 ? too_new : too_new_to_derive);
    }
    return true;
}

/* Finds kernel i, in the module where the one before it was or in one that follows. */
static bool find_kernel(rt_err *e, rt_device *d, int i, int *module)
{
    char what[RT_DEVICE_TEXT];
    const char *name = d->cuda->kernels[i].name;
    int status = RT_CU_NOT_FOUND;
    snprintf(what, sizeof what, "finding kernel %.160s", name);
    for (int k = 0; k < d->n_modules && status == RT_CU_NOT_FOUND; k++) {
        if (k > 0)
            *module = (*module + 1) % d->n_modules;
        status = d->driver.cuModuleGetFunction(&d->function[i], d->module[*module], name);
    }
    return rt_driver_did(e, status, what);
}

/* Up to so many, in the modules that are there. */
static bool find_kernels(rt_err *e, rt_device *d, int to)
{
    int module = 0;
    bool ok = true;
    for (; ok && d->n_functions < to; d->n_functions += ok)
        ok = find_kernel(e, d, d->n_functions, &module) && allow_shared(e, d, d->n_functions);
    return ok;
}

static bool open_kernels(rt_err *e, rt_device *d)
{
    const rt_cuda *cuda = d->cuda;
    d->module = rt_alloc(e, d->n_images + d->n_seldom, (int64_t)sizeof *d->module, "the kernels");
    d->function = d->module ? rt_alloc(e, cuda->n_kernels, (int64_t)sizeof *d->function, "the kernels")
                            : NULL;
    return d->function && open_modules(e, d, d->n_images) &&
           find_kernels(e, d, cuda->n_kernels - cuda->n_seldom);
}

bool rt_device_derives(rt_err *e, rt_device *d)
{
    return open_modules(e, d, d->n_images + d->n_seldom) && find_kernels(e, d, d->cuda->n_kernels);
}

/* ---- memory ---- */

char *rt_device_alloc(rt_err *e, rt_device *d, int64_t bytes, const char *what)
{
    uint64_t address = 0;
    int64_t least = bytes > 0 ? bytes : RT_ALIGN;    /* the driver gives no empty memory */
    int status = d->driver.cuMemAlloc(&address, (size_t)least);
    if (status == 0) {
        d->bytes += bytes;
        return (char *)(uintptr_t)address;
    }
    if (status != RT_CU_OUT_OF_MEMORY) {
        rt_driver_did(e, status, "asked for memory");
        return NULL;
    }
    char wanted[RT_SIZE_TEXT], here[RT_SIZE_TEXT], all[RT_SIZE_TEXT];
    size_t free = 0, total = 0;
    d->driver.cuMemGetInfo(&free, &total);
    rt_fail(e, RT_E_MEMORY, "no memory on %s for %s: it takes %s, and %s of %s are free", d->name,
            what, rt_size_text(wanted, bytes), rt_size_text(here, (int64_t)free),
            rt_size_text(all, (int64_t)total));
    return NULL;
}

void rt_device_free(rt_device *d, char *memory, int64_t bytes)
{
    if (!memory)
        return;
    d->driver.cuMemFree((uint64_t)(uintptr_t)memory);
    d->bytes -= bytes;
}

void *rt_device_lock(rt_err *e, const rt_device *d, int64_t bytes, const char *what)
{
    char text[RT_DEVICE_TEXT];
    void *memory = NULL;
    snprintf(text, sizeof text, "asked for page-locked memory for %.120s", what);
    int status = d->driver.cuMemHostAlloc(&memory, (size_t)(bytes > 0 ? bytes : 1), 0);
    return rt_driver_did(e, status, text) ? memory : NULL;
}

void rt_device_unlock(const rt_device *d, void *memory)
{
    if (memory)
        d->driver.cuMemFreeHost(memory);
}

bool rt_device_event(rt_err *e, const rt_device *d, void **event)
{
    return rt_driver_did(e, d->driver.cuEventCreate(event, RT_CU_NO_TIMES), "asked for an event");
}

void rt_device_event_free(const rt_device *d, void *event)
{
    if (event)
        d->driver.cuEventDestroy(event);
}

/* ---- the whole ---- */

static int64_t control_bytes(const rt_model *m)
{
    return RT_COUNTER_BYTES + m->n_scalars * rt_dtype_bytes(m->real);
}

static bool open_device(rt_err *e, rt_device *d, const rt_model *m)
{
    rt_driver *cu = &d->driver;
    const char *const what = "opening the device";
    if (!rt_driver_did(e, cu->cuDevicePrimaryCtxRetain(&d->context, d->number), what) ||
        !rt_driver_did(e, cu->cuCtxSetCurrent(d->context), what) ||
        !rt_driver_did(e, cu->cuStreamCreate(&d->stream, RT_CU_OWN_ORDER), "opening a stream") ||
        !open_kernels(e, d))
        return false;
    d->sent = rt_alloc(e, control_bytes(m), 1, "the scalars");
    d->control = d->sent ? rt_device_alloc(e, d, control_bytes(m), "the scalars") : NULL;
    d->state = d->control ? rt_device_alloc(e, d, m->state_bytes, "the parameters") : NULL;
    return d->state || (e->code == RT_E_MEMORY &&
                        rt_help(e, "no batch fits: end what else uses the device, or make the "
                                "model smaller"));
}

bool rt_device_open(rt_err *e, rt_prog *p)
{
    rt_device *d = p->device = rt_alloc(e, 1, (int64_t)sizeof *d, "the device");
    return d && rt_device_find(e, d, p->model->cuda) && open_device(e, d, p->model);
}

void rt_device_close(rt_prog *p)
{
    rt_device *d = p->device;
    if (!d)
        return;
    rt_device_free(d, d->state, p->model->state_bytes);
    rt_device_free(d, d->control, control_bytes(p->model));
    while (d->n_modules > 0)
        d->driver.cuModuleUnload(d->module[--d->n_modules]);
    if (d->stream)
        d->driver.cuStreamDestroy(d->stream);
    if (d->context)
        d->driver.cuDevicePrimaryCtxRelease(d->number);
    rt_free(d->sent);
    rt_free(d->function);
    rt_free(d->module);
    rt_free(d);
    p->device = NULL;
}
