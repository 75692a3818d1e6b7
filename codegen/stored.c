/* codegen/stored.c: elements as memory holds them: numbers of any type, states in their layout. */
#include "codegen/stored.h"

void stored_put(DType d, void *p, int64_t i, double x)
{
    switch (d) {
    case DT_f32: ((float *)p)[i] = (float)x; break;
    case DT_f64: ((double *)p)[i] = x; break;
    case DT_i64: ((int64_t *)p)[i] = (int64_t)x; break;
    case DT_i32: ((int32_t *)p)[i] = (int32_t)x; break;
    case DT_bf16: case DT_f16: ((uint16_t *)p)[i] = ir_to_half(d, x); break;
    case DT_i8: ((int8_t *)p)[i] = (int8_t)x; break;
    default: ((uint8_t *)p)[i] = (uint8_t)x;
    }
}

double stored_get(DType d, const void *p, int64_t i)
{
    switch (d) {
    case DT_f32: return (double)((const float *)p)[i];
    case DT_f64: return ((const double *)p)[i];
    case DT_i64: return (double)((const int64_t *)p)[i];
    case DT_i32: return (double)((const int32_t *)p)[i];
    case DT_bf16: case DT_f16: return ir_from_half(d, ((const uint16_t *)p)[i]);
    case DT_i8: return (double)((const int8_t *)p)[i];
    default: return (double)((const uint8_t *)p)[i];
    }
}

int64_t stored_at(const Type *t, const StoredAxis axis[IR_MAX_RANK], int64_t i)
{
    int64_t at = 0;
    if (t->layout.kind == LAYOUT_plain) return i;
    for (int k = t->shape.rank; k-- > 0;) {
        int64_t x = i % axis[k].size;
        i /= axis[k].size;
        at += x / axis[k].block * axis[k].outer + x % axis[k].block * axis[k].inner;
    }
    return at;
}
