/* codegen/dialect_cuda.c: CUDA C++ as far as it is C: the same text goes to the compilers of
 * CUDA and, after tests/cuda/emulator.h, to a C compiler. */
#include "codegen/dialect.h"

const Dialect dialect_cuda = {
    .name = "cuda",
    .type = { [DT_f32] = "float", [DT_f64] = "double", [DT_i64] = "int64_t",
              [DT_i32] = "int32_t", [DT_u8] = "uint8_t",
              [DT_i8] = "int8_t", [DT_bf16] = "uint16_t", [DT_f16] = "uint16_t" },
    .literal_suffix = { [DT_f32] = "f", [DT_f64] = "", [DT_i64] = "", [DT_i32] = "", [DT_u8] = "",
                        [DT_i8] = "", [DT_bf16] = "", [DT_f16] = "" },
    .infinity = "INFINITY", .nan = "NAN",
    .function = "DEVICE",
    .inlined = "SUBROUTINE void",
    .restricted = "__restrict__",
    .each = "for ($type $i = $own; $i < $end; $i += $threads)",
    .row = "for (int64_t $i = $from + warp; $i < $end; $i += $warps)",
    .along = "for (int64_t $i = lane; $i < $end; $i += $lanes)",
    .flat = "for ($type $i = lane; $i < $end; $i += $lanes)",
    .blocks = true,
    .task = "block",
};
