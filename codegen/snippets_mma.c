/* codegen/snippets_mma.c: tensor cores and copies into shared memory, as PTX: text of generated source
 * for GPUs. The emulator has functions of these names (tests/cuda/emulator.h). */
#include "codegen/snippets.h"

const char *const snippet_mma_text[SNIP_COUNT] = {
    [SNIP_copies] =
    "#ifdef __CUDACC__\n"
    "/* Begins to copy a number, or four, to shared memory: zeros where it is not inside. */\n"
    "DEVICE void copy_4(void *to, const void *from, bool inside)\n"
    "{\n"
    "    asm volatile(\"cp.async.ca.shared.global [%0], [%1], 4, %2;\" :: \"r\"(\n"
    "        (uint32_t)__cvta_generic_to_shared(to)), \"l\"(from), \"r\"(inside ? 4 : 0) : \"memory\");\n"
    "}\n"
    "DEVICE void copy_16(void *to, const void *from, bool inside)\n"
    "{\n"
    "    asm volatile(\"cp.async.cg.shared.global [%0], [%1], 16, %2;\" :: \"r\"(\n"
    "        (uint32_t)__cvta_generic_to_shared(to)), \"l\"(from), \"r\"(inside ? 16 : 0) : \"memory\");\n"
    "}\n"
    "/* Ends a group of copies; waits for all groups that have ended but the last one, for all. */\n"
    "DEVICE void copies_end(void) { asm volatile(\"cp.async.commit_group;\" ::: \"memory\"); }\n"
    "DEVICE void copies_wait(void) { asm volatile(\"cp.async.wait_group 1;\" ::: \"memory\"); }\n"
    "DEVICE void copies_wait_all(void) { asm volatile(\"cp.async.wait_all;\" ::: \"memory\"); }\n"
    "#endif\n",
    [SNIP_mma_tf32] =
    "#ifdef __CUDACC__\n"
    "DEVICE uint32_t to_tf32(float x)\n"
    "{\n"
    "    uint32_t bits;\n"
    "    asm(\"cvt.rna.tf32.f32 %0, %1;\" : \"=r\"(bits) : \"f\"(x));\n"
    "    return bits;\n"
    "}\n"
    "/* sums[16][8] += a[16][8] b[8][8] of a warp. */\n"
    "DEVICE void mma_tf32(float sums[4], const uint32_t a[4], const uint32_t b[2])\n"
    "{\n"
    "    asm volatile(\"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, \"\n"
    "                 \"{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\"\n"
    "                 : \"+f\"(sums[0]), \"+f\"(sums[1]), \"+f\"(sums[2]), \"+f\"(sums[3])\n"
    "                 : \"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3]), \"r\"(b[0]), \"r\"(b[1]));\n"
    "}\n"
    "#endif\n",
    [SNIP_mma_bf16] =
    "#ifdef __CUDACC__\n"
    "DEVICE uint32_t to_bf16(float low, float high)\n"
    "{\n"
    "    uint32_t both;\n"
    "    asm(\"cvt.rn.bf16x2.f32 %0, %1, %2;\" : \"=r\"(both) : \"f\"(high), \"f\"(low));\n"
    "    return both;\n"
    "}\n"
    "/* sums[16][8] += a[16][16] b[16][8] of a warp. */\n"
    "DEVICE void mma_bf16(float sums[4], const uint32_t a[4], const uint32_t b[2])\n"
    "{\n"
    "    asm volatile(\"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, \"\n"
    "                 \"{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\"\n"
    "                 : \"+f\"(sums[0]), \"+f\"(sums[1]), \"+f\"(sums[2]), \"+f\"(sums[3])\n"
    "                 : \"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3]), \"r\"(b[0]), \"r\"(b[1]));\n"
    "}\n"
    "#endif\n",
};
