/* runtime/decode.c: what PNG and JPEG share (see decode.h). */
#include "runtime/decode.h"
#include <inttypes.h>
#include <string.h>

bool rt_image_room(rt_err *e, const char *name, int64_t packed, int64_t most, int64_t height,
                   int64_t width, int channels, rt_buf *room)
{
    int64_t bytes = height * width * channels;
    if (height < 1 || width < 1 || height > RT_IMAGE_SIDE || width > RT_IMAGE_SIDE)
        return rt_fail(e, RT_E_DATA, "%s: an image of %" PRId64 "x%" PRId64 " (height, width); a "
                       "side has 1 to %d pixels", name, height, width, RT_IMAGE_SIDE);
    if (bytes / most > packed + 64)
        return rt_fail(e, RT_E_DATA, "%s: %" PRId64 "x%" PRId64 " pixels cannot be packed into %"
                       PRId64 " bytes", name, height, width, packed);
    room->length = 0;
    return rt_buf_reserve(e, room, bytes);
}

void rt_image_planes(const uint8_t *rows, int channels, rt_image *x)
{
    int64_t n = (int64_t)x->height * x->width;
    for (int c = 0; c < 3; c++) {
        const uint8_t *from = rows + (channels == 3 ? c : 0);
        uint8_t *to = x->plane + c * n;
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i * channels];
    }
}

bool rt_image_decode(rt_err *e, const char *name, const rt_buf *file, rt_buf *pixels,
                     rt_buf *scratch, rt_image *x)
{
    bool png = file->length >= 8 && !memcmp(file->data, "\x89PNG\r\n\x1a\n", 8);
    bool jpeg = file->length >= 3 && !memcmp(file->data, "\xff\xd8\xff", 3);
    if (!png && !jpeg)
        return rt_fail(e, RT_E_DATA, "%s: is neither a PNG nor a JPEG image", name);
    if (&rt_image_decoders == NULL)
        return rt_fail(e, RT_E_DATA, "%s: this program was built without libpng and libjpeg", name)
            || rt_help(e, "install libpng-dev and libjpeg-dev, build seqc again, then the program");
    return (png ? rt_image_decoders.png : rt_image_decoders.jpeg)(e, name, file, pixels, scratch,
                                                                   x);
}
