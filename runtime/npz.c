/* runtime/npz.c: NumPy's archives: a zip file of NPY files, stored or deflated.
 *
 * The central directory at the end says what is there; local headers are only stepped over.
 * Refused: encryption, other packings, members beyond 4 GiB (zip64), members whose packed bytes
 * overlap or could not hold what they claim. Source: PKWARE's APPNOTE, sections 4.3 and 4.4. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/files.h"
#include "runtime/inflate.h"
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

enum { END_BYTES = 22, ENTRY_BYTES = 46, LOCAL_BYTES = 30, STORED = 0, DEFLATED = 8 };

typedef struct member {
    const char *name;            /* not terminated */
    int64_t name_length, packed, unpacked, local;
    uint32_t checksum;
    int method, flags;
} member;

static int64_t u16(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;
    return b[0] | b[1] << 8;
}

static int64_t u32(const char *at) { return u16(at) | u16(at + 2) << 16; }

static bool damaged(rt_err *e, const char *name, const char *what)
{
    return rt_fail(e, RT_E_DATA, "%s: this NPZ archive is damaged: %s", name, what);
}

/* Offset of the end record, which a comment of up to 65535 bytes may follow; or -1. */
static int64_t find_end(const rt_buf *file)
{
    for (int64_t at = file->length - END_BYTES, i = 0; at >= 0 && i <= 65535; at--, i++)
        if (!memcmp(file->data + at, "PK\5\6", 4)
            && at + END_BYTES + u16(file->data + at + 20) == file->length)
            return at;
    return -1;
}

/* The entry at *at of the directory, which ends at `end`; moves *at behind it. */
static bool read_entry(rt_err *e, const char *name, const rt_buf *file, int64_t *at, int64_t end,
                       member *m)
{
    const char *b = file->data + *at;
    if (end - *at < ENTRY_BYTES || memcmp(b, "PK\1\2", 4) != 0)
        return damaged(e, name, "its directory is cut off");
    *m = (member){b + ENTRY_BYTES, u16(b + 28), u32(b + 20), u32(b + 24), u32(b + 42),
                  (uint32_t)u32(b + 16), (int)u16(b + 10), (int)u16(b + 8)};
    int64_t all = ENTRY_BYTES + m->name_length + u16(b + 30) + u16(b + 32);
    if (end - *at < all)
        return damaged(e, name, "its directory is cut off");
    *at += all;
    return true;
}

static bool check_member(rt_err *e, const char *label, const member *m)
{
    if (m->flags & 1)
        return rt_fail(e, RT_E_DATA, "%s: is encrypted", label);
    if (m->method != STORED && m->method != DEFLATED)
        return rt_fail(e, RT_E_DATA, "%s: is packed by method %d; NPZ uses 0 and 8", label,
                       m->method);
    if (m->packed == UINT32_MAX || m->unpacked == UINT32_MAX || m->local == UINT32_MAX) {
        rt_fail(e, RT_E_DATA, "%s: is larger than 4 GiB", label);
        return rt_help(e, "store it as a file of its own: np.save(path, x)");
    }
    if (m->method == STORED ? m->packed != m->unpacked
                            : !rt_inflate_possible(m->packed, m->unpacked))
        return damaged(e, label, "its packed size cannot hold its unpacked one");
    return true;
}

/* The member's bytes, unpacked and checked, into `out`. */
static bool unpack(rt_err *e, const char *label, const rt_buf *file, int64_t limit,
                   const member *m, rt_buf *out)
{
    const char *local = file->data + m->local;
    if (limit - m->local < LOCAL_BYTES || memcmp(local, "PK\3\4", 4) != 0)
        return damaged(e, label, "no local header");
    int64_t skip = LOCAL_BYTES + u16(local + 26) + u16(local + 28);
    if (limit - m->local < skip || limit - m->local - skip < m->packed)
        return damaged(e, label, "it is cut off");
    if (!rt_buf_reserve(e, out, m->unpacked))
        return false;
    bool ok = true;
    if (m->method == STORED) {
        ok = rt_buf_add(e, out, local + skip, m->packed);
    } else {
        rt_inflate s;
        ok = rt_inflate_open(e, &s, label, RT_PACKED_RAW, local + skip, m->packed)
          && rt_inflate_read(e, &s, out->data, m->unpacked) && rt_inflate_finish(e, &s);
        rt_inflate_close(&s);
        out->length = ok ? m->unpacked : 0;
    }
    if (!ok)
        return false;
    uLong sum = crc32_z(0, (const Bytef *)out->data, (z_size_t)out->length);
    return sum == m->checksum || damaged(e, label, "its checksum is wrong");
}

static bool add_member(rt_err *e, const char *label, const rt_buf *file, int64_t limit,
                       const member *m, rt_tensors *out)
{
    static const char suffix[] = ".npy";
    rt_buf bytes = {0};
    rt_tensor t;
    int64_t length = m->name_length - 4;
    if (length < 1 || memcmp(m->name + length, suffix, 4) != 0
        || memchr(m->name, 0, (size_t)m->name_length))
        return rt_fail(e, RT_E_DATA, "%s: is no NPY file, which all members of an NPZ archive are",
                       label);
    char *name = check_member(e, label, m) ? rt_strndup(e, m->name, (size_t)length) : NULL;
    if (!name)
        return false;
    bool ok = (!rt_tensors_find(out, name) || damaged(e, label, "this name is there twice"))
           && unpack(e, label, file, limit, m, &bytes) && rt_npy_parse(e, label, &bytes, &t);
    rt_buf_free(&bytes);
    rt_tensor *place = ok ? rt_tensors_append(e, out) : NULL;
    if (place) {
        *place = t;
        place->name = name;
        return true;
    }
    if (ok)
        rt_tensor_free(&t);
    rt_free(name);
    return false;
}

static bool parse(rt_err *e, const char *name, const rt_buf *file, rt_tensors *out)
{
    int64_t end = find_end(file);
    if (end < 0)
        return rt_fail(e, RT_E_DATA, "%s: is not an NPZ archive, or is cut off", name);
    const char *b = file->data + end;
    int64_t count = u16(b + 10), size = u32(b + 12), at = u32(b + 16), packed = 0;
    if (count == 65535 || at == UINT32_MAX)
        return rt_fail(e, RT_E_DATA, "%s: an NPZ archive beyond 4 GiB or 65534 members", name);
    if (u16(b + 4) || u16(b + 6) || u16(b + 8) != count || at > end || size > end - at)
        return damaged(e, name, "its end record contradicts itself");
    int64_t limit = at, stop = at + size;
    for (int64_t i = 0; i < count; i++) {
        member m = {0};
        char shown[RT_SHOW_TEXT];
        if (!read_entry(e, name, file, &at, stop, &m))
            return false;
        /* Members that shared their packed bytes would let a small file unpack to a huge one. */
        if (!rt_add(packed, m.packed, &packed) || packed > limit)
            return damaged(e, name, "its members overlap");
        char *label = rt_format(e, "%s: member %s", name,
                                rt_show(shown, m.name, (size_t)m.name_length));
        bool ok = label && add_member(e, label, file, limit, &m, out);
        rt_free(label);
        if (!ok)
            return false;
    }
    return true;
}

bool rt_npz_parse(rt_err *e, const char *name, rt_buf *file, rt_tensors *out)
{
    *out = (rt_tensors){0};
    bool ok = parse(e, name, file, out);
    rt_buf_free(file);
    if (!ok)
        rt_tensors_free(out);
    return ok;
}

bool rt_npz_read(rt_err *e, const char *path, rt_tensors *out)
{
    rt_buf file = {0};
    *out = (rt_tensors){0};
    return rt_file_read(e, path, -1, &file) && rt_npz_parse(e, path, &file, out);
}
