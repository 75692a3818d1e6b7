/* tests/fuzz/test_gzip.c: packed bytes, by gzip or bare, unpacked in pieces.
 *
 * The first byte says the packing (bit 0) and how large the pieces are; the rest is packed. */
#define _DEFAULT_SOURCE
#include "runtime/inflate.h"
#include "tests/fuzz/files.h"

#define REPLAY_NAME "gzip"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/gzip", ""}
enum { REPLAY_MUTANTS = 400, MOST_BYTES = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[256];
    rt_err e = {0};
    rt_inflate s;
    if (!size)
        return 0;
    rt_packing packing = data[0] & 1 ? RT_PACKED_RAW : RT_PACKED_GZIP;
    int64_t piece = data[0] / 2 + 1, packed = (int64_t)size - 1;
    bool ok = rt_inflate_open(&e, &s, "x.gz", packing, data + 1, packed);
    must(ok, "a stream can be opened");
    while (s.given < MOST_BYTES && (ok = rt_inflate_read(&e, &s, out, piece))) {}
    if (!ok)
        must_explain(&e);
    must(rt_inflate_possible(packed, s.given), "what was unpacked could be packed");
    /* Either all was read, and the end is the end, or more comes, and is refused. */
    e = (rt_err){0};
    if (!rt_inflate_finish(&e, &s))
        must_explain(&e);
    rt_inflate_close(&s);
    return 0;
}

#include "tests/fuzz/replay.h"
