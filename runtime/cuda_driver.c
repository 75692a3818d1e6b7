/* runtime/cuda_driver.c: libcuda.so.1 opened by name, its calls found, its errors put into words. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/cuda_driver.h"
#include <dlfcn.h>
#include <string.h>

static const struct { const char *symbol; size_t offset; } calls[] = {
#define CALL(name, symbol, parameters) { symbol, offsetof(rt_driver, name) },
#include "runtime/cuda_driver.def"
};

static const struct { int number; const char *text; } statuses[] = {
#define STATUS(number, text) { number, text },
#include "runtime/cuda_driver.def"
};

bool rt_driver_did(rt_err *e, int status, const char *what)
{
    if (status == 0)
        return true;
    const char *text = "an error that this program does not know";
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].number == status)
            text = statuses[i].text;
    return rt_fail(e, status == RT_CU_OUT_OF_MEMORY ? RT_E_MEMORY : RT_E_IO,
                   "NVIDIA's driver, %.200s: %s (CUDA error %d)", what, text, status);
}

static const char *const no_driver =
    "install NVIDIA's driver on a machine with one of its graphics processors, or compile the "
    "model with --target c";

bool rt_driver_open(rt_err *e, rt_driver *d)
{
    *d = (rt_driver){ .library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) };
    if (!d->library)
        return rt_fail(e, RT_E_IO, "this program was compiled for CUDA, and there is no driver for "
                       "it: %.300s", dlerror()) ||
               rt_help(e, "%s", no_driver);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *address = dlsym(d->library, calls[i].symbol);
        if (!address)
            return rt_fail(e, RT_E_IO, "NVIDIA's driver is too old for this program: it has no %s",
                           calls[i].symbol) ||
                   rt_help(e, "install one for CUDA 12 or newer");
        /* C casts no pointer to an object to one to a function. */
        memcpy((char *)d + calls[i].offset, &address, sizeof address);
    }
    return rt_driver_did(e, d->cuInit(0), "at its start") || rt_help(e, "%s", no_driver);
}
