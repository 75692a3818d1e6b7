/* tests/cuda/device_toy.h: models for CUDA written by hand as generated programs are. */
#ifndef SEQC_DEVICE_TOY_H
#define SEQC_DEVICE_TOY_H
#include "runtime/cuda.h"

/* toy_classes of tests/unit/program_toy.c, to the bit. */
const rt_model *toy_cuda(void);
/* The same, whose training steps are a kernel's of one block, and whose image has all kernels. */
const rt_model *toy_whole(void);
/* One graph, "echo": no inputs; "told" is seed, step, learning rate, n and 31 out of more shared
 * memory than a kernel usually gets. */
const rt_model *toy_echo(void);

#endif
