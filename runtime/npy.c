/* runtime/npy.c: NumPy's array files, versions 1 to 3.
 *
 * Read: little endian f2 f4 f8 i8 i4 u1 (and bool as u1), C order in place, Fortran order copied
 * into C order. Not read: objects (they are Python's pickles and could run code), structures, other
 * integers. Written: version 1.0, C order, header padded to 64 bytes as NumPy pads it.
 * Source: NumPy's manual, numpy.lib.format. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/files.h"
#include <inttypes.h>
#include <string.h>

enum { HEADER_LIMIT_BYTES = 1 << 20 };

static const struct descr_row { const char *descr; int64_t bytes; rt_dtype dtype; } descrs[] = {
    {"<f4", 4, RT_F32}, {"<f8", 8, RT_F64}, {"<i8", 8, RT_I64}, {"<i4", 4, RT_I32},
    {"|u1", 1, RT_U8},  {"|b1", 1, RT_U8},  {"<f2", 2, RT_F32},
};
enum { N_DESCRS = sizeof descrs / sizeof *descrs };

/* The header is a Python dictionary of three known keys: read as exactly that. */
typedef struct reader {
    rt_err *e;
    const char *name, *at, *end;
    const struct descr_row *row;
    bool fortran;
} reader;

static bool bad_header(reader *r, const char *what)
{
    return rt_fail(r->e, RT_E_DATA, "%s: the header of this NPY file is damaged: %s", r->name,
                   what);
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t'))
        r->at++;
}

static bool eat(reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    skip_space(r);
    return true;
}

/* A string in quotes without escapes, which these headers never need. */
static bool read_quoted(reader *r, const char **text, size_t *length)
{
    skip_space(r);
    char quote = r->at < r->end ? *r->at : 0;
    if (quote != '\'' && quote != '"')
        return false;
    *text = ++r->at;
    while (r->at < r->end && *r->at != quote && *r->at != '\\')
        r->at++;
    if (r->at == r->end || *r->at != quote)
        return false;
    *length = (size_t)(r->at++ - *text);
    return true;
}

static bool read_descr(reader *r)
{
    const char *text;
    size_t length;
    char shown[RT_SHOW_TEXT];
    skip_space(r);
    if (!read_quoted(r, &text, &length)) {
        if (r->at == r->end || *r->at != '[')
            return bad_header(r, "no dtype");
        return rt_fail(r->e, RT_E_DATA,
                       "%s: holds an array of structures; plain numbers are needed", r->name);
    }
    for (int i = 0; i < N_DESCRS; i++)
        if (strlen(descrs[i].descr) == length && !memcmp(descrs[i].descr, text, length))
            r->row = &descrs[i];
    if (r->row)
        return true;
    rt_fail(r->e, RT_E_DATA, "%s: holds elements of dtype %s", r->name,
            rt_show(shown, text, length));
    return rt_help(r->e, "float32, float64, int64, int32 and uint8 can be read: "
                         "np.save(path, x.astype('float32'))");
}

static bool read_bool(reader *r)
{
    skip_space(r);
    if (r->end - r->at >= 4 && !memcmp(r->at, "True", 4)) {
        r->fortran = true;
        r->at += 4;
        return true;
    }
    if (r->end - r->at < 5 || memcmp(r->at, "False", 5) != 0)
        return bad_header(r, "fortran_order is neither True nor False");
    r->at += 5;
    return true;
}

static bool read_shape(reader *r, rt_tensor *t)
{
    if (!eat(r, '('))
        return bad_header(r, "no shape");
    while (!eat(r, ')')) {
        int64_t size = 0;
        if (t->rank == RT_FILE_RANK)
            return bad_header(r, "more than 8 dimensions");
        if (r->at == r->end || *r->at < '0' || *r->at > '9')
            return bad_header(r, "a dimension is no whole number");
        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
            if (!rt_mul(size, 10, &size) || !rt_add(size, *r->at - '0', &size))
                return bad_header(r, "a dimension is impossibly large");
        t->shape[t->rank++] = size;
        if (!eat(r, ',') && (r->at == r->end || *r->at != ')'))
            return bad_header(r, "the shape is not a tuple");
    }
    return true;
}

static bool read_header(reader *r, rt_tensor *t)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    unsigned seen = 0;
    if (!eat(r, '{'))
        return bad_header(r, "no dictionary");
    while (!eat(r, '}')) {
        const char *text;
        size_t length;
        unsigned key = 0;
        if (!read_quoted(r, &text, &length) || !eat(r, ':'))
            return bad_header(r, "a key is missing");
        while (key < 3 && (strlen(keys[key]) != length || memcmp(keys[key], text, length) != 0))
            key++;
        if (key == 3 || seen & 1u << key)
            return bad_header(r, key == 3 ? "an unknown key" : "a key twice");
        seen |= 1u << key;
        if (!(key == 0 ? read_descr(r) : key == 1 ? read_bool(r) : read_shape(r, t)))
            return false;
        skip_space(r);
        if (!eat(r, ',') && (r->at == r->end || *r->at != '}'))
            return bad_header(r, "a comma is missing");
    }
    skip_space(r);
    if (r->at != r->end)
        return bad_header(r, "something follows the dictionary");
    return seen == 7 || bad_header(r, "descr, fortran_order or shape is missing");
}

/* Copies one element a step: to in C order, from in Fortran order (first index fastest). */
static void from_fortran(const rt_tensor *t, int64_t bytes, char *to, const char *from)
{
    int64_t index[RT_FILE_RANK] = {0}, stride[RT_FILE_RANK] = {0}, step = 1;
    for (int k = 0; k < t->rank; k++) {
        stride[k] = step;
        step *= t->shape[k];
    }
    for (int64_t i = 0, at = 0; i < t->elems; i++) {
        memcpy(to + i * bytes, from + at * bytes, (size_t)bytes);
        for (int k = t->rank - 1; k >= 0; k--) {
            at += stride[k];
            if (++index[k] < t->shape[k])
                break;
            at -= stride[k] * t->shape[k];
            index[k] = 0;
        }
    }
}

static void widen_half(float *to, const char *from, int64_t elems)
{
    for (int64_t i = 0; i < elems; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, 2);
        to[i] = rt_from_f16(half);
    }
}

/* Gives the tensor its elements; the file's bytes become its owner where they can stay. */
static bool take_data(rt_err *e, rt_tensor *t, const reader *r, rt_buf *file, char *data)
{
    bool half = r->row->bytes == 2, reorder = r->fortran && t->rank > 1;
    if (!half && !reorder && (uintptr_t)data % (uintptr_t)r->row->bytes == 0) {
        t->owner = file->data;
        t->data = data;
        *file = (rt_buf){0};
        return true;
    }
    char *ordered = NULL;
    if (reorder) {
        ordered = rt_alloc_raw(e, t->elems, r->row->bytes, "an NPY array in Fortran order");
        if (!ordered)
            return false;
        from_fortran(t, r->row->bytes, ordered, data);
        data = ordered;
    }
    if (reorder && !half) {
        t->data = t->owner = ordered;
        return true;
    }
    t->data = t->owner = rt_alloc_raw(e, t->bytes, 1, "an NPY array");
    if (t->data && half)
        widen_half(t->data, data, t->elems);
    else if (t->data)
        memcpy(t->data, data, (size_t)t->bytes);
    rt_free(ordered);
    return t->data != NULL;
}

/* The header's text: where it starts and ends. */
static bool find_header(reader *r, const rt_buf *file)
{
    const unsigned char *b = (const unsigned char *)file->data;
    if (file->length < 10 || memcmp(b, "\x93NUMPY", 6) != 0)
        return rt_fail(r->e, RT_E_DATA, "%s: is not an NPY file", r->name);
    if (b[6] < 1 || b[6] > 3)
        return rt_fail(r->e, RT_E_DATA, "%s: NPY version %d; 1 to 3 can be read", r->name, b[6]);
    int64_t start = b[6] == 1 ? 10 : 12, length = b[8] | b[9] << 8;
    if (start == 12 && file->length >= 12)
        length |= (int64_t)b[10] << 16 | (int64_t)b[11] << 24;
    if (length > HEADER_LIMIT_BYTES || file->length - start < length)
        return bad_header(r, "it is longer than the file or than 1 MiB");
    r->at = file->data + start;
    r->end = r->at + length;
    return true;
}

static bool parse(reader *r, rt_buf *file, rt_tensor *out)
{
    int64_t bytes, there;
    char shape[RT_SHAPE_TEXT];
    if (!find_header(r, file) || !read_header(r, out))
        return false;
    there = file->length - (r->end - file->data);
    rt_shape_text(shape, out->shape, out->rank);
    out->dtype = r->row->dtype;
    if (!rt_elems(out->shape, out->rank, &out->elems)
        || !rt_mul(out->elems, r->row->bytes, &bytes)
        || !rt_mul(out->elems, rt_dtype_bytes(out->dtype), &out->bytes))
        return rt_fail(r->e, RT_E_DATA, "%s: the impossible shape %s", r->name, shape);
    if (bytes != there)
        return rt_fail(r->e, RT_E_DATA,
                       "%s: shape %s and dtype %s need %" PRId64 " bytes, but %" PRId64
                       " are there%s", r->name, shape, r->row->descr, bytes, there,
                       there < bytes ? ": the file is cut off" : "");
    return take_data(r->e, out, r, file, file->data + (file->length - there));
}

bool rt_npy_parse(rt_err *e, const char *name, rt_buf *file, rt_tensor *out)
{
    reader r = {.e = e, .name = name};
    *out = (rt_tensor){0};
    bool ok = parse(&r, file, out);
    rt_buf_free(file);
    if (!ok)
        rt_tensor_free(out);
    return ok;
}

bool rt_npy_read(rt_err *e, const char *path, rt_tensor *out)
{
    rt_buf file = {0};
    *out = (rt_tensor){0};
    return rt_file_read(e, path, -1, &file) && rt_npy_parse(e, path, &file, out);
}

bool rt_npy_write(rt_err *e, const char *path, const rt_tensor *t)
{
    rt_buf b = {0};
    const char *descr = NULL;
    for (int i = 0; i < N_DESCRS && !descr; i++)
        if (descrs[i].dtype == t->dtype)
            descr = descrs[i].descr;
    bool ok = rt_buf_add(e, &b, "\x93NUMPY\1\0\0\0", 10)
           && rt_buf_printf(e, &b, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int k = 0; ok && k < t->rank; k++)
        ok = rt_buf_printf(e, &b, k ? ", %" PRId64 : "%" PRId64, t->shape[k]);
    ok = ok && rt_buf_printf(e, &b, t->rank == 1 ? ",), }" : "), }");
    while (ok && b.length % 64 != 63)
        ok = rt_buf_add(e, &b, " ", 1);
    ok = ok && rt_buf_add(e, &b, "\n", 1);
    if (ok) {
        b.data[8] = (char)((b.length - 10) & 255);
        b.data[9] = (char)((b.length - 10) >> 8);
        const rt_piece pieces[] = {{.bytes = b.data, .count = b.length},
                                   {.bytes = t->data, .count = t->bytes}};
        ok = rt_file_replace(e, path, pieces, 2);
    }
    rt_buf_free(&b);
    return ok;
}
