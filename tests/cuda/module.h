/* tests/cuda/module.h: kernels as a shared object gives them to the stand-in for the driver. */
#ifndef SEQC_EMU_MODULE_H
#define SEQC_EMU_MODULE_H

/* A kernel and how to call it; tests/cuda/table.awk makes these of a kernels.cu. */
typedef struct emu_kernel {
    const char *name;
    void (*call)(void *const *arg);      /* arg[i]: where parameter i is */
    int threads;                         /* of a block */
    int n_args;
    const unsigned char *arg_bytes;      /* [n_args] */
} emu_kernel;

typedef struct emu_module {
    const emu_kernel *kernels;           /* ended by a row without a name */
    void (*launch)(const emu_kernel *kernel, unsigned grid_x, unsigned grid_y, int threads,
                   int shared_bytes, void *const *arg, int order);
} emu_module;

#endif
