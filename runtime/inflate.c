/* runtime/inflate.c: zlib behind inflate.h; its memory comes from rt_os like all other. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/inflate.h"
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

static void *zlib_alloc(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return rt_alloc(NULL, count, size, "zlib");
}

static void zlib_free(void *unused, void *memory)
{
    (void)unused;
    rt_free(memory);
}

static bool out_of_memory(rt_err *e, const char *name)
{
    return rt_fail(e, RT_E_MEMORY, "%s: out of memory for unpacking", name);
}

bool rt_inflate_open(rt_err *e, rt_inflate *s, const char *name, rt_packing packing,
                     const void *in, int64_t in_bytes)
{
    *s = (rt_inflate){.name = name, .in = in, .left = in_bytes, .packing = packing};
    z_stream *z = rt_alloc(e, 1, (int64_t)sizeof *z, "unpacking");
    if (!z)
        return false;
    z->zalloc = zlib_alloc;
    z->zfree = zlib_free;
    if (inflateInit2(z, packing == RT_PACKED_GZIP ? 16 + MAX_WBITS : -MAX_WBITS) != Z_OK) {
        rt_free(z);
        return out_of_memory(e, name);
    }
    s->stream = z;
    return true;
}

/* A gzip file may be several streams one after another. */
static bool next_member(rt_inflate *s, z_stream *z)
{
    int64_t ahead = s->left + z->avail_in;
    const unsigned char *at = z->avail_in ? z->next_in : s->in;
    return s->packing == RT_PACKED_GZIP && ahead >= 2 && at[0] == 0x1f
        && (ahead - s->left == 1 ? s->in[0] : at[1]) == 0x8b && inflateReset(z) == Z_OK;
}

/* Unpacks up to `count` bytes into out, fewer only where all ends; *got says how many. */
static bool unpack(rt_err *e, rt_inflate *s, unsigned char *out, int64_t count, int64_t *got)
{
    z_stream *z = s->stream;
    for (*got = 0; *got < count && !s->ended;) {
        if (!z->avail_in && s->left) {
            uInt step = s->left > (1 << 30) ? (uInt)1 << 30 : (uInt)s->left;
            z->next_in = (Bytef *)(uintptr_t)s->in;    /* zlib does not write there */
            z->avail_in = step;
            s->in += step;
            s->left -= step;
        }
        uInt room = count - *got > (1 << 30) ? (uInt)1 << 30 : (uInt)(count - *got);
        z->next_out = out + *got;
        z->avail_out = room;
        int status = inflate(z, Z_NO_FLUSH);
        *got += room - z->avail_out;
        s->given += room - z->avail_out;
        if (status == Z_STREAM_END)
            s->ended = !next_member(s, z);
        else if (status == Z_MEM_ERROR)
            return out_of_memory(e, s->name);
        else if (status == Z_BUF_ERROR || (status == Z_OK && !z->avail_in && !s->left
                                           && z->avail_out))
            return rt_fail(e, RT_E_DATA, "%s: the packed data are cut off after %" PRId64
                           " unpacked bytes", s->name, s->given);
        else if (status != Z_OK)
            return rt_fail(e, RT_E_DATA, "%s: the packed data are damaged after %" PRId64
                           " unpacked bytes: %s", s->name, s->given,
                           z->msg ? z->msg : "no such stream");
    }
    return true;
}

bool rt_inflate_read(rt_err *e, rt_inflate *s, void *out, int64_t count)
{
    int64_t got;
    if (!unpack(e, s, out, count, &got))
        return false;
    return got == count || rt_fail(e, RT_E_DATA, "%s: its data end after %" PRId64
                                   " unpacked bytes, but more were announced", s->name, s->given);
}

bool rt_inflate_finish(rt_err *e, rt_inflate *s)
{
    unsigned char more;
    int64_t got;
    const z_stream *z = s->stream;
    if (!unpack(e, s, &more, 1, &got))
        return false;
    if (got)
        return rt_fail(e, RT_E_DATA, "%s: more than the announced %" PRId64
                       " bytes are packed in it", s->name, s->given - 1);
    if (z->avail_in || s->left)
        return rt_fail(e, RT_E_DATA, "%s: %" PRId64 " bytes follow the packed data", s->name,
                       s->left + z->avail_in);
    return true;
}

void rt_inflate_close(rt_inflate *s)
{
    if (s->stream)
        inflateEnd(s->stream);
    rt_free(s->stream);
    *s = (rt_inflate){0};
}

bool rt_inflate_possible(int64_t packed, int64_t unpacked)
{
    int64_t most;
    return !rt_mul(packed, 1032, &most) || !rt_add(most, 64, &most) || unpacked <= most;
}
