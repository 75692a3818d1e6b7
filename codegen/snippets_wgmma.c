/* codegen/snippets_wgmma.c: what kernels need around a warpgroup's products, as PTX for sm_90a, and
 * numbers that are rounded to pairs of bfloat16: text of generated source for GPUs. The emulator has
 * functions of these names (tests/cuda/wgmma.h, shared.h). */
#include "codegen/codegen.h"
#include "codegen/snippets.h"

const char emit_sm_90a[] = "__CUDA_ARCH_FEAT_SM90_ALL";

const char *const snippet_wgmma_text[SNIP_COUNT] = {
    [SNIP_wgmma] =
    "#ifdef __CUDA_ARCH_FEAT_SM90_ALL\n"
    "#define WARPGROUPS                    /* multiply, not warps */\n"
    "DEVICE void wgmma_fence(void) { asm volatile(\"wgmma.fence.sync.aligned;\" ::: \"memory\"); }\n"
    "/* Ends a group of products; waits for all groups that have ended but the last one. */\n"
    "DEVICE void wgmma_end(void) { asm volatile(\"wgmma.commit_group.sync.aligned;\" ::: \"memory\"); }\n"
    "DEVICE void wgmma_wait_1(void) { asm volatile(\"wgmma.wait_group.sync.aligned 1;\" ::: \"memory\"); }\n"
    "/* What this thread has copied is what products read. */\n"
    "DEVICE void proxy_fence(void) { asm volatile(\"fence.proxy.async.shared::cta;\" ::: \"memory\"); }\n"
    "#elif defined __CUDACC__\n"
    "DEVICE void proxy_fence(void) {}\n"
    "#endif\n"
    "/* A line of 32 numbers along k is 64 bytes, four chunks, which are exchanged by the line's number: so\n"
    " * a warp's lanes read from 32 banks. Where chunk `chunk` lies, in words. */\n"
    "DEVICE int swizzled(int line, int chunk) { return (chunk ^ line / 2 % 4) * 4; }\n"
    "#ifdef WARPGROUPS\n"
    "/* So wgmma finds such lines: bytes from eight lines to the next 512, swizzle of 64 bytes. */\n"
    "DEVICE uint64_t lines_at(const uint32_t *line)\n"
    "{\n"
    "    const uint64_t place = (uint64_t)__cvta_generic_to_shared(line) & 0x3ffff;\n"
    "    return place >> 4 | (uint64_t)1 << 16 | (uint64_t)(512 >> 4) << 32 | (uint64_t)2 << 62;\n"
    "}\n"
    "#endif\n",
    [SNIP_rounded] =
    "typedef struct Words { uint32_t word[4]; } __attribute__((aligned(16))) Words;\n"
    "typedef struct Four { float x[4]; } __attribute__((aligned(16))) Four;\n"
    "/* Eight numbers, rounded, are a chunk. */\n"
    "DEVICE void put_rounded(int32_t *to, const float x[8])\n"
    "{\n"
    "    Words w;\n"
    "    #pragma unroll\n"
    "    for (int i = 0; i < 4; i++) w.word[i] = to_bf16(x[2 * i], x[2 * i + 1]);\n"
    "    *(Words *)to = w;\n"
    "}\n",
};
