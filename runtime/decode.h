/* runtime/decode.h: PNG and JPEG files as images of bytes.
 *
 * Images come out in RGB, as Pillow's convert("RGB") gives them: grey repeated, palettes looked up,
 * transparency dropped. libpng and libjpeg do the work, in a library of its own, libseqc_image.a,
 * that is linked where a program may meet images. Files are hostile: what they announce is held
 * against their length before memory is asked for. */
#ifndef SEQC_RT_DECODE_H
#define SEQC_RT_DECODE_H
#include "runtime/image.h"

/* Fills x, whose planes lie in `pixels`; `name` is for messages. */
typedef bool rt_decoder(rt_err *e, const char *name, const rt_buf *file, rt_buf *pixels,
                        rt_buf *scratch, rt_image *x);
rt_decoder rt_png_decode, rt_jpeg_decode;     /* png.c, jpeg.c: in libseqc_image.a */

/* Null where the program was linked without libseqc_image.a. */
typedef struct rt_decoders { rt_decoder *png, *jpeg; } rt_decoders;
extern const rt_decoders rt_image_decoders __attribute__((__weak__));

/* By the file's first bytes. */
rt_decoder rt_image_decode;

/* Room for an image of this size, which its `packed` bytes must be able to hold: each at most
 * `most` times as many. */
bool rt_image_room(rt_err *e, const char *name, int64_t packed, int64_t most, int64_t height,
                   int64_t width, int channels, rt_buf *room);
/* Interleaved rows of 1 or 3 channels become three planes. */
void rt_image_planes(const uint8_t *rows, int channels, rt_image *x);

#endif
