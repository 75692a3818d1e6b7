/* tests/cuda/module.c: kernels for the stand-in: a shared object of the emulator, the text KERNELS,
 * and TABLE, which table.awk made of it. */
#include "tests/cuda/emulator.h"
#include KERNELS
#include TABLE

extern const emu_module emu_kernels_here;
const emu_module emu_kernels_here = { emu_kernels, emu_launch };
