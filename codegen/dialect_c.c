/* codegen/dialect_c.c: C11 that C++ reads too, for gcc and clang. */
#include "codegen/dialect.h"

const Dialect dialect_c = {
    .name = "c",
    .type = { [DT_f32] = "float", [DT_f64] = "double", [DT_i64] = "int64_t",
              [DT_i32] = "int32_t", [DT_u8] = "uint8_t",
              [DT_i8] = "int8_t", [DT_bf16] = "uint16_t", [DT_f16] = "uint16_t" },
    .literal_suffix = { [DT_f32] = "f", [DT_f64] = "", [DT_i64] = "", [DT_i32] = "", [DT_u8] = "",
                        [DT_i8] = "", [DT_bf16] = "", [DT_f16] = "" },
    .infinity = "INFINITY", .nan = "NAN",
    .kernel = "static void", .function = "static inline",
    .inlined = "static INLINED void",
    .restricted = "restrict",
    .each = "for (int64_t $i = $from; $i < $end; $i++)",
    .row = "for (int64_t $i = $from; $i < $end; $i++)",
    .along = "for (int64_t $i = $from; $i < $end; $i++)",
    .simd = "#pragma omp simd",
    .task = "task",
};
