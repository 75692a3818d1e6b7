/* codegen/snippets_int8.c: helpers of kernels of codes, as text of generated source. */
#include "codegen/snippets.h"

const char *const snippet_int8_text[SNIP_COUNT] = {
    [SNIP_codes] =
    "/* Four codes as a word, and fewer. */\n"
    "$function uint32_t four_codes(const uint8_t *at)\n"
    "{\n"
    "    uint32_t word;\n"
    "    memcpy(&word, at, 4);\n"
    "    return word;\n"
    "}\n"
    "$function uint32_t some_codes(const uint8_t *at, int64_t n)\n"
    "{\n"
    "    uint8_t four[4] = { 0 };\n"
    "    for (int64_t i = 0; i < n; i++)\n"
    "        four[i] = at[i];\n"
    "    return four_codes(four);\n"
    "}\n",
    [SNIP_code_of] =
    "/* The code of y, which counts from `zero`: within low and high, ties to even. Floats as large as\n"
    " * 1.5 * 2^23 are integers. */\n"
    "$function uint8_t code_of(float y, float low, float high, int32_t zero)\n"
    "{\n"
    "    const float above = y > low ? y : low, within = above < high ? above : high;\n"
    "    const float large = within + 12582912.0f, even = large - 12582912.0f;\n"
    "    return (uint8_t)((int32_t)even + zero);\n"
    "}\n",
    [SNIP_finish_reals] =
    "/* What sums become: times their factors, reals. */\n"
    "$function void finish_reals(const uint32_t *restrict sums, const int32_t *restrict start,\n"
    "    const float *restrict factor, int64_t n, float *restrict reals)\n"
    "{\n"
    "    for (int64_t j = 0; j < n; j++)\n"
    "        reals[j] = (float)(int32_t)(sums[j] + (uint32_t)start[j]) * factor[j];\n"
    "}\n",
    [SNIP_frame_codes] =
    "/* frame[frame_rows][step]: so many bytes of an image's rows, which are from_step apart, behind\n"
    " * `left` bytes of padding, under `top` rows of it. The last four codes of a frame may be read\n"
    " * from its end on. */\n"
    "$function void frame_codes(const uint8_t *restrict x, int64_t rows, int64_t bytes,\n"
    "    int64_t from_step, uint8_t *restrict frame, int64_t step, int64_t frame_rows, int64_t top,\n"
    "    int64_t left, int padding)\n"
    "{\n"
    "    memset(frame, padding, (size_t)(frame_rows * step + 4));\n"
    "    for (int64_t i = 0; i < rows; i++)\n"
    "        memcpy(frame + (top + i) * step + left, x + i * from_step, (size_t)bytes);\n"
    "}\n",
};
