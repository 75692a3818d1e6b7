/* codegen/snippets_warp.c: what the lanes of a warp, and the threads of a block, found together:
 * text of generated source for GPUs.
 *
 * Lanes exchange numbers in a butterfly, so that all have the same in the end; the warps of a
 * block leave theirs in `room`, and each thread joins them in their order. The order never
 * changes: two runs give the same bits. Kernels call the latter, which is a call a row and saves
 * compiling them in each; where one block does all, they are part of it. */
#include "codegen/snippets.h"

/* real: float or double, name: f32 or f64. */
#define WARP_SUM(real, name) \
    "/* The sum over the lanes of a warp. */\n" \
    "$function " real " warp_sum_" name "(" real " x)\n" \
    "{\n" \
    "    for (int lanes = 16; lanes > 0; lanes /= 2)\n" \
    "        x += __shfl_xor_sync(0xffffffffu, x, lanes);\n" \
    "    return x;\n" \
    "}\n"
#define WARP_MAX(real, name) \
    "/* The largest over the lanes of a warp, without NaN. */\n" \
    "$function " real " warp_max_" name "(" real " x)\n" \
    "{\n" \
    "    for (int lanes = 16; lanes > 0; lanes /= 2) {\n" \
    "        const " real " other = __shfl_xor_sync(0xffffffffu, x, lanes);\n" \
    "        x = other > x ? other : x;\n" \
    "    }\n" \
    "    return x;\n" \
    "}\n"
#define WARP_FIRST(real, name) \
    "/* Does b, at place q, come before a, at place p? The larger does, NaN before all, and of\n" \
    " * equals the first. */\n" \
    "$function bool is_before_" name "(" real " b, int64_t q, " real " a, int64_t p)\n" \
    "{\n" \
    "    return b == a || (b != b && a != a) ? q < p : b > a || b != b;\n" \
    "}\n" \
    "/* The place of the first of the largest over the lanes of a warp, which `best` becomes. */\n" \
    "$function int64_t warp_first_" name "(" real " *best, int64_t at)\n" \
    "{\n" \
    "    for (int lanes = 16; lanes > 0; lanes /= 2) {\n" \
    "        const " real " other = __shfl_xor_sync(0xffffffffu, *best, lanes);\n" \
    "        const int64_t place = __shfl_xor_sync(0xffffffffu, at, lanes);\n" \
    "        const bool before = is_before_" name "(other, place, *best, at);\n" \
    "        *best = before ? other : *best;\n" \
    "        at = before ? place : at;\n" \
    "    }\n" \
    "    return at;\n" \
    "}\n"
#define BLOCK_SUM(real, name) \
    "/* The sum over the threads of a block. */\n" \
    "$joining " real " block_sum_" name "(" real " x, Room *room)\n" \
    "{\n" \
    "    x = warp_sum_" name "(x);\n" \
    "    __syncthreads();              /* what was in the room has been read */\n" \
    "    if (threadIdx.x % 32 == 0) room->value[threadIdx.x / 32] = x;\n" \
    "    __syncthreads();\n" \
    "    x = (" real ")room->value[0];\n" \
    "    for (int w = 1; w < $warps; w++)\n" \
    "        x += (" real ")room->value[w];\n" \
    "    return x;\n" \
    "}\n"
#define BLOCK_MAX(real, name) \
    "/* The largest over the threads of a block, without NaN. */\n" \
    "$joining " real " block_max_" name "(" real " x, Room *room)\n" \
    "{\n" \
    "    x = warp_max_" name "(x);\n" \
    "    __syncthreads();\n" \
    "    if (threadIdx.x % 32 == 0) room->value[threadIdx.x / 32] = x;\n" \
    "    __syncthreads();\n" \
    "    for (int w = 0; w < $warps; w++)\n" \
    "        x = (" real ")room->value[w] > x ? (" real ")room->value[w] : x;\n" \
    "    return x;\n" \
    "}\n"
#define BLOCK_FIRST(real, name) \
    "/* The same over the threads of a block. */\n" \
    "$joining int64_t block_first_" name "(" real " *best, int64_t at, Room *room)\n" \
    "{\n" \
    "    at = warp_first_" name "(best, at);\n" \
    "    __syncthreads();\n" \
    "    if (threadIdx.x % 32 == 0) {\n" \
    "        room->value[threadIdx.x / 32] = *best;\n" \
    "        room->at[threadIdx.x / 32] = at;\n" \
    "    }\n" \
    "    __syncthreads();\n" \
    "    for (int w = 0; w < $warps; w++) {\n" \
    "        const " real " other = (" real ")room->value[w];\n" \
    "        const bool before = is_before_" name "(other, room->at[w], *best, at);\n" \
    "        *best = before ? other : *best;\n" \
    "        at = before ? room->at[w] : at;\n" \
    "    }\n" \
    "    return at;\n" \
    "}\n"

const char *const snippet_warp_text[SNIP_COUNT] = {
    [SNIP_warp_sum_f32] = WARP_SUM("float", "f32"),
    [SNIP_warp_sum_f64] = WARP_SUM("double", "f64"),
    [SNIP_warp_max_f32] = WARP_MAX("float", "f32"),
    [SNIP_warp_max_f64] = WARP_MAX("double", "f64"),
    [SNIP_warp_first_f32] = WARP_FIRST("float", "f32"),
    [SNIP_warp_first_f64] = WARP_FIRST("double", "f64"),
    [SNIP_room] =
    "/* What each warp of a block leaves for the others. */\n"
    "typedef struct { double value[$warps]; int64_t at[$warps]; } Room;\n",
    [SNIP_block_sum_f32] = BLOCK_SUM("float", "f32"),
    [SNIP_block_sum_f64] = BLOCK_SUM("double", "f64"),
    [SNIP_block_max_f32] = BLOCK_MAX("float", "f32"),
    [SNIP_block_max_f64] = BLOCK_MAX("double", "f64"),
    [SNIP_block_first_f32] = BLOCK_FIRST("float", "f32"),
    [SNIP_block_first_f64] = BLOCK_FIRST("double", "f64"),
};
