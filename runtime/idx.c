/* runtime/idx.c: reading IDX (see idx.h).
 *
 * A file is two zero bytes, a type, the number of dimensions, each dimension in 4 bytes big endian,
 * then the elements. A packed file is unpacked as far as its header needs, then the announced size
 * is held against what the packed bytes can hold at best, and only then memory is asked for.
 * Source: the description on the MNIST page of Y. LeCun. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/idx.h"
#include "runtime/inflate.h"
#include <inttypes.h>
#include <string.h>

static uint32_t big32(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The first four bytes: type and rank. */
static bool read_magic(rt_err *e, const char *name, const unsigned char *b, rt_tensor *t)
{
    if (b[0] || b[1])
        return rt_fail(e, RT_E_DATA, "%s: is not an IDX file: it begins with %02x %02x, not with "
                       "two zero bytes", name, b[0], b[1]);
    switch (b[2]) {
    case 0x08: t->dtype = RT_U8; break;
    case 0x0c: t->dtype = RT_I32; break;
    case 0x0d: t->dtype = RT_F32; break;
    case 0x0e: t->dtype = RT_F64; break;
    default:
        rt_fail(e, RT_E_DATA, "%s: its IDX type is 0x%02x", name, b[2]);
        return rt_help(e, "0x08 (bytes), 0x0c (32-bit integers), 0x0d (float) and 0x0e (double) "
                          "can be read");
    }
    t->rank = b[3];
    if (t->rank < 1 || t->rank > RT_FILE_RANK)
        return rt_fail(e, RT_E_DATA, "%s: %d dimensions; 1 to %d can be read", name, b[3],
                       RT_FILE_RANK);
    return true;
}

static bool read_shape(rt_err *e, const char *name, const unsigned char *b, rt_tensor *t)
{
    char text[RT_SHAPE_TEXT];
    for (int i = 0; i < t->rank; i++)
        t->shape[i] = big32(b + 4 * i);
    if (rt_elems(t->shape, t->rank, &t->elems)
        && rt_mul(t->elems, rt_dtype_bytes(t->dtype), &t->bytes))
        return true;
    return rt_fail(e, RT_E_DATA, "%s: the impossible shape %s", name,
                   rt_shape_text(text, t->shape, t->rank));
}

static bool too_short(rt_err *e, const char *name, const rt_tensor *t, int64_t there)
{
    char text[RT_SHAPE_TEXT];
    return rt_fail(e, RT_E_DATA, "%s: shape %s needs %" PRId64 " bytes of data, but %" PRId64
                   " are there%s", name, rt_shape_text(text, t->shape, t->rank), t->bytes, there,
                   there < t->bytes ? ": the file is cut off" : "");
}

static bool read_packed(rt_err *e, const char *name, const rt_buf *file, rt_tensor *t,
                        rt_inflate *s)
{
    unsigned char head[4 + 4 * RT_FILE_RANK];
    char shape[RT_SHAPE_TEXT];
    if (!rt_inflate_open(e, s, name, RT_PACKED_GZIP, file->data, file->length)
        || !rt_inflate_read(e, s, head, 4) || !read_magic(e, name, head, t)
        || !rt_inflate_read(e, s, head + 4, 4 * t->rank) || !read_shape(e, name, head + 4, t))
        return false;
    if (!rt_inflate_possible(file->length, t->bytes))
        return rt_fail(e, RT_E_DATA, "%s: shape %s cannot be packed into %" PRId64 " bytes", name,
                       rt_shape_text(shape, t->shape, t->rank), file->length);
    t->data = t->owner = rt_alloc_raw(e, t->bytes, 1, name);
    return t->data && rt_inflate_read(e, s, t->data, t->bytes) && rt_inflate_finish(e, s);
}

static bool read_plain(rt_err *e, const char *name, rt_buf *file, rt_tensor *t)
{
    const unsigned char *b = (const unsigned char *)file->data;
    if (file->length < 4)
        return rt_fail(e, RT_E_DATA, "%s: %" PRId64 " bytes are too few for an IDX file", name,
                       file->length);
    if (!read_magic(e, name, b, t))
        return false;
    int64_t head = 4 + 4 * t->rank;
    if (file->length < head)
        return rt_fail(e, RT_E_DATA, "%s: its header is cut off", name);
    if (!read_shape(e, name, b + 4, t))
        return false;
    if (file->length - head != t->bytes)
        return too_short(e, name, t, file->length - head);
    if ((uintptr_t)(b + head) % (uintptr_t)rt_dtype_bytes(t->dtype)) {
        t->data = t->owner = rt_alloc_raw(e, t->bytes, 1, name);
        if (t->data)
            memcpy(t->data, b + head, (size_t)t->bytes);
        return t->data != NULL;
    }
    t->data = file->data + head;
    t->owner = file->data;
    *file = (rt_buf){0};
    return true;
}

static void to_little_endian(unsigned char *b, int64_t elems, int64_t size)
{
    for (int64_t i = 0; i < elems; i++, b += size)
        for (int64_t k = 0; k < size / 2; k++) {
            unsigned char kept = b[k];
            b[k] = b[size - 1 - k];
            b[size - 1 - k] = kept;
        }
}

bool rt_idx_parse(rt_err *e, const char *name, rt_buf *file, rt_tensor *out)
{
    *out = (rt_tensor){0};
    bool packed = file->length >= 2 && !memcmp(file->data, "\x1f\x8b", 2), ok;
    if (packed) {
        rt_inflate s = {0};
        ok = read_packed(e, name, file, out, &s);
        rt_inflate_close(&s);
    } else {
        ok = read_plain(e, name, file, out);
    }
    rt_buf_free(file);
    if (ok && out->dtype != RT_U8)
        to_little_endian(out->data, out->elems, rt_dtype_bytes(out->dtype));
    if (!ok)
        rt_tensor_free(out);
    return ok;
}

bool rt_idx_read(rt_err *e, const char *path, rt_tensor *out)
{
    rt_buf file = {0};
    *out = (rt_tensor){0};
    return rt_file_read(e, path, -1, &file) && rt_idx_parse(e, path, &file, out);
}
