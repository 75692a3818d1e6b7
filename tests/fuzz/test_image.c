/* tests/fuzz/test_image.c: PNG and JPEG files, as images of a folder or to predict. */
#define _DEFAULT_SOURCE
#include "runtime/decode.h"
#include "tests/fuzz/files.h"

#define REPLAY_NAME "image"
#define REPLAY_FOLDERS {"tests/fixtures/images", ""}, {"tests/fuzz/corpus/image", ""}
enum { REPLAY_MUTANTS = 150 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rt_err e = {0};
    rt_buf file = buf_of(data, size), pixels = {0}, scratch = {0};
    rt_image x;
    unsigned sum = 0;
    if (!&rt_image_decoders) {
        must(!rt_image_decode(&e, "x", &file, &pixels, &scratch, &x), "nothing decodes");
    } else if (rt_image_decode(&e, "x", &file, &pixels, &scratch, &x)) {
        must(x.channels == 3 && x.height > 0 && x.width > 0, "a size");
        must((char *)x.plane == pixels.data, "where the pixels are");
        for (int64_t i = 0; i < (int64_t)3 * x.height * x.width; i++)
            sum += x.plane[i];
        must(sum < UINT32_MAX, "pixels that can be read");
    } else {
        must_explain(&e);
    }
    rt_buf_free(&file);
    rt_buf_free(&pixels);
    rt_buf_free(&scratch);
    return 0;
}

#include "tests/fuzz/replay.h"
