/* codegen/snippets_wgmma.c: what kernels need around a warpgroup's products, as PTX for sm_90a: bulk
 * copies and the mbarriers at which they arrive; and numbers that are rounded to tf32 and to pairs of
 * bfloat16: text of generated source for GPUs. The emulator has functions of these names
 * (tests/cuda/wgmma.h, shared.h). */
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
    "DEVICE void wgmma_wait_1(void)\n"
    "{\n"
    "    asm volatile(\"wgmma.wait_group.sync.aligned 1;\" ::: \"memory\");\n"
    "}\n"
    "DEVICE uint32_t shared_place(const void *at) { return (uint32_t)__cvta_generic_to_shared(at); }\n"
    "/* Begins an mbarrier, whose phases one arrival and its bytes end; shows those of this thread to all. */\n"
    "DEVICE void barrier_init(uint64_t *at)\n"
    "{\n"
    "    asm volatile(\"mbarrier.init.shared::cta.b64 [%0], 1;\" :: \"r\"(shared_place(at)) : \"memory\");\n"
    "}\n"
    "DEVICE void barrier_fence(void)\n"
    "{\n"
    "    asm volatile(\"fence.mbarrier_init.release.cluster;\" ::: \"memory\");\n"
    "    asm volatile(\"fence.proxy.async.shared::cta;\" ::: \"memory\");\n"
    "}\n"
    "/* Arrives, and says how many bytes will. */\n"
    "DEVICE void barrier_expect(uint64_t *at, int bytes)\n"
    "{\n"
    "    asm volatile(\"mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\"\n"
    "                 :: \"r\"(shared_place(at)), \"r\"(bytes) : \"memory\");\n"
    "}\n"
    "/* Waits for the end of a phase; the first one's parity is 0. */\n"
    "DEVICE void barrier_wait(uint64_t *at, uint32_t parity)\n"
    "{\n"
    "    uint32_t over;\n"
    "    do asm volatile(\"{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; \"\n"
    "                    \"selp.u32 %0, 1, 0, p;}\"\n"
    "                    : \"=r\"(over) : \"r\"(shared_place(at)), \"r\"(parity) : \"memory\");\n"
    "    while (!over);\n"
    "}\n"
    "DEVICE void bulk_copy(void *to, const void *from, int bytes, uint64_t *at)\n"
    "{\n"
    "    asm volatile(\"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes \"\n"
    "                 \"[%0], [%1], %2, [%3];\"\n"
    "                 :: \"r\"(shared_place(to)), \"l\"(from), \"r\"(bytes), \"r\"(shared_place(at))\n"
    "                 : \"memory\");\n"
    "}\n"
    "#endif\n"
    "/* A line along k is 64 bytes, four chunks, which are exchanged by the line's number: so\n"
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
    [SNIP_chunks] =
    "typedef struct Words { uint32_t word[4]; } __attribute__((aligned(16))) Words;\n"
    "typedef struct Four { float x[4]; } __attribute__((aligned(16))) Four;\n",
    [SNIP_rounded_tf32] =
    "/* Four numbers, rounded, are a chunk. */\n"
    "DEVICE void put_tf32(int32_t *to, const float x[4])\n"
    "{\n"
    "    Words w;\n"
    "    #pragma unroll\n"
    "    for (int i = 0; i < 4; i++) w.word[i] = to_tf32(x[i]);\n"
    "    *(Words *)to = w;\n"
    "}\n",
    [SNIP_rounded_bf16] =
    "/* Eight numbers, rounded, are a chunk. */\n"
    "DEVICE void put_bf16(int32_t *to, const float x[8])\n"
    "{\n"
    "    Words w;\n"
    "    #pragma unroll\n"
    "    for (int i = 0; i < 4; i++) w.word[i] = to_bf16(x[2 * i], x[2 * i + 1]);\n"
    "    *(Words *)to = w;\n"
    "}\n",
};
