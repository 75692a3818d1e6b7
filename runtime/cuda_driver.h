/* runtime/cuda_driver.h: NVIDIA's driver, which a program opens when it runs: it needs none to start,
 * and no header of CUDA's to be compiled. Handles are the driver's, pointers without a type. */
#ifndef SEQC_RT_CUDA_DRIVER_H
#define SEQC_RT_CUDA_DRIVER_H
#include "runtime/base.h"

/* Values of the driver's that the runtime passes to it. */
enum {
    RT_CU_OUT_OF_MEMORY = 2, RT_CU_NOT_FOUND = 500,
    RT_CU_MAJOR = 75, RT_CU_MINOR = 76,      /* attributes: compute capability */
    RT_CU_SHARED_BYTES = 97,                 /* attribute: most shared memory of a block */
    RT_CU_DYNAMIC_BYTES = 8,                 /* of a function: the most that a launch may ask for */
    RT_CU_USUAL_SHARED_BYTES = 48 << 10,     /* what a launch may ask for without that */
    RT_CU_NO_TIMES = 2,                      /* an event that says that, and not when */
    RT_CU_OWN_ORDER = 1,                     /* a stream that does not wait for the default one */
    RT_CU_THREADS_OWN = 1                    /* a recording that other threads do not disturb */
};

/* Its calls; each returns 0 or a status. */
typedef struct rt_driver {
    void *library;
#define CALL(name, symbol, parameters) int (*name) parameters;
#include "runtime/cuda_driver.def"
} rt_driver;

/* Opens libcuda.so.1 and initializes it; RT_E_IO and what to do where that fails. The library stays
 * open: it has threads of its own. */
bool rt_driver_open(rt_err *e, rt_driver *d);
/* Is the status 0? Else fills `e` with what was tried and what the status means: RT_E_MEMORY where
 * the device has none left, RT_E_IO for all else. */
bool rt_driver_did(rt_err *e, int status, const char *what);

#endif
