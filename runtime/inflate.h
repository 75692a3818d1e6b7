/* runtime/inflate.h: reading compressed bytes that are in memory, a piece at a time.
 *
 * The caller asks for exactly as many bytes as its format needs, so a stream that unpacks to far
 * more than it should costs nothing. `rt_inflate_possible` tells a size that the packed bytes can
 * really hold from one that a damaged header made up. Uses zlib. */
#ifndef SEQC_RT_INFLATE_H
#define SEQC_RT_INFLATE_H
#include "runtime/base.h"

typedef enum rt_packing { RT_PACKED_GZIP, RT_PACKED_RAW } rt_packing;

typedef struct rt_inflate {
    void *stream;                /* zlib's */
    const char *name;            /* of the source, for messages */
    const unsigned char *in;     /* packed bytes not yet given to zlib */
    int64_t left;                /* their number */
    int64_t given;               /* unpacked so far */
    rt_packing packing;
    bool ended;
} rt_inflate;

bool rt_inflate_open(rt_err *e, rt_inflate *s, const char *name, rt_packing packing,
                     const void *in, int64_t in_bytes);
/* Exactly `count` bytes; an error where the stream ends before, or is damaged. */
bool rt_inflate_read(rt_err *e, rt_inflate *s, void *out, int64_t count);
/* The stream must end here, its checksum right and nothing after it. */
bool rt_inflate_finish(rt_err *e, rt_inflate *s);
void rt_inflate_close(rt_inflate *s);

/* Can `packed` bytes unpack to `unpacked`? Deflate's best is 1032 to 1. */
bool rt_inflate_possible(int64_t packed, int64_t unpacked);

#endif
