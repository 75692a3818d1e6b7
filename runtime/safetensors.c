/* runtime/safetensors.c: reading and writing safetensors files.
 *
 * A file is 8 bytes with the header's length, the header (a JSON object: name -> dtype, shape,
 * offsets; "__metadata__" -> strings), then the data. Strict as the format's own reader: names are
 * unique, tensors lie in the data without overlap or gap, and every shape times dtype is its bytes.
 * Read tensors stay where they are, in the file or in its bytes, until they are asked for; but for
 * 16-bit floats and what lies unaligned. Source: huggingface.co/docs/safetensors, "Format". */
#define _POSIX_C_SOURCE 200809L
#include "runtime/files.h"
#include "runtime/json.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT_BYTES = 100 * 1000 * 1000 };    /* as the format's own reader has it */

static const struct dtype_row { const char *name; int64_t bytes; rt_dtype dtype; rt_stored stored; }
dtypes[] = {
    {"F32", 4, RT_F32, RT_STORED_PLAIN}, {"F64", 8, RT_F64, RT_STORED_PLAIN},
    {"I64", 8, RT_I64, RT_STORED_PLAIN}, {"I32", 4, RT_I32, RT_STORED_PLAIN},
    {"U8", 1, RT_U8, RT_STORED_PLAIN},   {"I8", 1, RT_I8, RT_STORED_PLAIN},
    {"F16", 2, RT_F32, RT_STORED_HALF},  {"BF16", 2, RT_F32, RT_STORED_BRAIN},
};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

/* Where a tensor lies, counted from the start of the data. */
typedef struct place { int64_t begin, end, tensor; const struct dtype_row *row; } place;

typedef struct reader {
    rt_err *e;
    const char *name;
    rt_json json;
    rt_tensors *out;
    rt_buf places;               /* of place, one a tensor */
} reader;

/* ---- the header ---- */

static bool read_metadata(reader *r)
{
    rt_json *j = &r->json;
    if (!rt_json_want(r->e, j, RT_JSON_OBJECT))
        return false;
    while (rt_json_next(r->e, j)) {
        if (j->kind == RT_JSON_OBJECT_END)
            return true;
        char *key = rt_strdup(r->e, j->text.data);
        bool ok = key && rt_json_want(r->e, j, RT_JSON_STRING)
               && rt_meta_append(r->e, r->out, key, j->text.data);
        rt_free(key);
        if (!ok)
            return false;
    }
    return false;
}

static bool read_dtype(reader *r, place *p)
{
    if (!rt_json_want(r->e, &r->json, RT_JSON_STRING))
        return false;
    for (int i = 0; i < N_DTYPES; i++)
        if (!strcmp(dtypes[i].name, r->json.text.data))
            p->row = &dtypes[i];
    if (p->row)
        return true;
    char text[RT_SHOW_TEXT];
    rt_fail(r->e, RT_E_DATA, "%s: a tensor has the dtype %s", r->name,
            rt_show(text, r->json.text.data, (size_t)r->json.text.length));
    return rt_help(r->e, "F32, F64, I64, I32, U8, F16 and BF16 can be read");
}

/* A list of integers; more than `room` are an error. */
static bool read_integers(reader *r, int64_t *value, int room, int *count)
{
    if (!rt_json_want(r->e, &r->json, RT_JSON_ARRAY))
        return false;
    for (*count = 0; rt_json_next(r->e, &r->json); ++*count) {
        if (r->json.kind == RT_JSON_ARRAY_END)
            return true;
        if (*count == room)
            return rt_json_fail(r->e, &r->json, room == 2 ? "data_offsets are two numbers"
                                                          : "a tensor of more than 8 dimensions");
        if (!rt_json_integer(r->e, &r->json, &value[*count]))
            return false;
    }
    return false;
}

/* After the tensor's key: its object. */
static bool read_tensor(reader *r, rt_tensor *t, place *p)
{
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4 };
    rt_json *j = &r->json;
    int seen = 0, count = 0;
    int64_t offsets[2] = {0, 0};
    if (!rt_json_want(r->e, j, RT_JSON_OBJECT))
        return false;
    while (rt_json_next(r->e, j) && j->kind == RT_JSON_KEY) {
        const char *key = j->text.data;
        int field = !strcmp(key, "dtype") ? DTYPE : !strcmp(key, "shape") ? SHAPE
                  : !strcmp(key, "data_offsets") ? OFFSETS : 0;
        if (!field || seen & field)
            return rt_json_fail(r->e, j, field ? "a key twice"
                                               : "a key other than dtype, shape and data_offsets");
        seen |= field;
        bool ok = field == DTYPE ? read_dtype(r, p)
                : field == SHAPE ? read_integers(r, t->shape, RT_FILE_RANK, &t->rank)
                                 : read_integers(r, offsets, 2, &count);
        if (!ok)
            return false;
    }
    if (j->kind != RT_JSON_OBJECT_END)
        return false;
    if (seen != (DTYPE | SHAPE | OFFSETS) || count != 2)
        return rt_json_fail(r->e, j, "a tensor needs dtype, shape and two data_offsets");
    p->begin = offsets[0];
    p->end = offsets[1];
    t->dtype = p->row->dtype;
    return true;
}

/* shape * dtype must be end - begin, and what is kept in memory must be possible. */
static bool check_size(reader *r, rt_tensor *t, const place *p)
{
    char name[RT_SHOW_TEXT], shape[RT_SHAPE_TEXT];
    int64_t bytes;
    rt_show(name, t->name, strlen(t->name));
    rt_shape_text(shape, t->shape, t->rank);
    if (!rt_elems(t->shape, t->rank, &t->elems) || !rt_mul(t->elems, p->row->bytes, &bytes)
        || !rt_mul(t->elems, rt_dtype_bytes(t->dtype), &t->bytes))
        return rt_fail(r->e, RT_E_DATA, "%s: tensor %s has the impossible shape %s", r->name, name,
                       shape);
    if (p->end < p->begin || p->end - p->begin != bytes)
        return rt_fail(r->e, RT_E_DATA,
                       "%s: tensor %s of shape %s and dtype %s takes %" PRId64 " bytes, but its "
                       "offsets are %" PRId64 " to %" PRId64, r->name, name, shape, p->row->name,
                       bytes, p->begin, p->end);
    return true;
}

static bool read_header(reader *r)
{
    rt_json *j = &r->json;
    bool metadata = false;
    if (!rt_json_want(r->e, j, RT_JSON_OBJECT))
        return false;
    while (rt_json_next(r->e, j) && j->kind == RT_JSON_KEY) {
        if (!strcmp(j->text.data, "__metadata__")) {
            if (metadata)
                return rt_json_fail(r->e, j, "__metadata__ twice");
            metadata = true;
            if (!read_metadata(r))
                return false;
            continue;
        }
        rt_tensor *t = rt_tensors_append(r->e, r->out);
        if (!t || !(t->name = rt_strdup(r->e, j->text.data)))
            return false;
        place p = {.tensor = r->out->count - 1};
        if (!read_tensor(r, t, &p) || !check_size(r, t, &p)
            || !rt_buf_add(r->e, &r->places, &p, (int64_t)sizeof p))
            return false;
    }
    return j->kind == RT_JSON_OBJECT_END && rt_json_next(r->e, j);
}

/* ---- checks over all tensors ---- */

static int by_begin(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->begin != q->begin)
        return p->begin < q->begin ? -1 : 1;
    return (p->end > q->end) - (p->end < q->end);    /* empty ones first */
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fails where the sorted copy of these names holds one twice. */
static bool check_unique(reader *r, const char **names, int64_t count, const char *what)
{
    char text[RT_SHOW_TEXT];
    if (count)
        qsort(names, (size_t)count, sizeof *names, by_text);
    for (int64_t i = 1; i < count; i++)
        if (!strcmp(names[i - 1], names[i]))
            return rt_fail(r->e, RT_E_DATA, "%s: two %s have the name %s", r->name, what,
                           rt_show(text, names[i], strlen(names[i])));
    return true;
}

static bool check_names(reader *r)
{
    const rt_tensors *l = r->out;
    int64_t most = l->count > l->n_meta ? l->count : l->n_meta;
    const char **names = rt_alloc(r->e, most, (int64_t)sizeof *names, "a list of names");
    if (!names)
        return false;
    for (int64_t i = 0; i < l->count; i++)
        names[i] = l->item[i].name;
    bool ok = check_unique(r, names, l->count, "tensors");
    for (int64_t i = 0; i < l->n_meta; i++)
        names[i] = l->meta[i].key;
    ok = ok && check_unique(r, names, l->n_meta, "metadata strings");
    rt_free(names);
    return ok;
}

/* The tensors must fill the data without overlap or gap. */
static bool check_places(reader *r, int64_t data_bytes)
{
    place *p = (place *)(void *)r->places.data;
    int64_t count = r->out->count, at = 0;
    char text[RT_SHOW_TEXT];
    if (count)
        qsort(p, (size_t)count, sizeof *p, by_begin);
    for (int64_t i = 0; i < count; at = p[i++].end) {
        const char *name = r->out->item[p[i].tensor].name;
        rt_show(text, name, strlen(name));
        if (p[i].end > data_bytes)
            return rt_fail(r->e, RT_E_DATA,
                           "%s: tensor %s ends at byte %" PRId64 " of the data, but there are only "
                           "%" PRId64 ": the file is cut off or damaged", r->name, text, p[i].end,
                           data_bytes);
        if (p[i].begin != at)
            return rt_fail(r->e, RT_E_DATA,
                           "%s: tensor %s begins at byte %" PRId64 " of the data, %s byte %" PRId64,
                           r->name, text, p[i].begin,
                           p[i].begin < at ? "inside another one, which ends at"
                                           : "but the one before it ends at", at);
    }
    if (at != data_bytes)
        return rt_fail(r->e, RT_E_DATA, "%s: %" PRId64 " bytes follow the last tensor", r->name,
                       data_bytes - at);
    return true;
}

/* Says where in the file each tensor lies; `data` is what the file's places count from. */
static void note_places(reader *r, int64_t data)
{
    const place *p = (const place *)(const void *)r->places.data;
    for (int64_t i = 0; i < r->out->count; i++) {
        r->out->item[p[i].tensor].begin = data + p[i].begin;
        r->out->item[p[i].tensor].stored = p[i].row->stored;
    }
}

/* ---- reading ---- */

static bool header_length(rt_err *e, const char *name, const char *start, int64_t file_bytes,
                          int64_t *length)
{
    uint64_t stated = 0;
    if (file_bytes < 8)
        return rt_fail(e, RT_E_DATA, "%s: %" PRId64 " bytes are too few for a safetensors file",
                       name, file_bytes);
    memcpy(&stated, start, 8);
    if (stated < 2 || file_bytes < 9 || start[8] != '{')
        return rt_fail(e, RT_E_DATA, "%s: is not a safetensors file", name);
    if (stated > HEADER_LIMIT_BYTES || (int64_t)stated > file_bytes - 8)
        return rt_fail(e, RT_E_DATA,
                       "%s: its header is said to have %" PRIu64 " bytes, but %" PRId64 " are "
                       "there: the file is cut off or no safetensors file", name, stated,
                       file_bytes - 8);
    *length = (int64_t)stated;
    return true;
}

/* Everything but the data. */
static bool parse_header(rt_err *e, const char *name, const char *header, int64_t length,
                         int64_t file_bytes, rt_tensors *out)
{
    reader r = {.e = e, .name = name, .out = out};
    char *label = rt_format(e, "%s: header", name);
    if (!label)
        return false;
    rt_json_open(&r.json, label, header, length);
    bool ok = read_header(&r) && check_names(&r) && check_places(&r, file_bytes - 8 - length);
    if (ok)
        note_places(&r, 8 + length);
    rt_json_close(&r.json);
    rt_buf_free(&r.places);
    rt_free(label);
    return ok;
}

/* The data where they lie in the file's bytes, or copies of what is unaligned or of 16 bits. */
static bool take_data(rt_err *e, rt_tensors *list)
{
    for (int64_t i = 0; i < list->count; i++) {
        rt_tensor *t = &list->item[i];
        char *from = list->file.data + t->begin;
        if (t->stored == RT_STORED_PLAIN
            && (uintptr_t)from % (uintptr_t)rt_dtype_bytes(t->dtype) == 0) {
            t->data = from;
            continue;
        }
        void *copy = rt_alloc_raw(e, t->bytes, 1, "a tensor of a weight file");
        if (!copy || !rt_tensor_get(e, list, t, 0, t->elems, copy)) {
            rt_free(copy);
            return false;
        }
        t->data = t->owner = copy;
    }
    return true;
}

bool rt_safetensors_parse(rt_err *e, const char *name, rt_buf *file, rt_tensors *out)
{
    int64_t length = 0;
    *out = (rt_tensors){.file = *file};
    *file = (rt_buf){0};
    bool ok = header_length(e, name, out->file.data, out->file.length, &length)
           && parse_header(e, name, out->file.data + 8, length, out->file.length, out)
           && take_data(e, out);
    if (!ok)
        rt_tensors_free(out);
    return ok;
}

bool rt_safetensors_read(rt_err *e, const char *path, rt_tensors *out)
{
    rt_buf file = {0};
    *out = (rt_tensors){0};
    return rt_file_read(e, path, -1, &file) && rt_safetensors_parse(e, path, &file, out);
}

static bool open_header(rt_err *e, const char *path, int file, int64_t bytes, rt_tensors *out)
{
    char start[9] = {0};
    int64_t length = 0;
    if (!rt_file_read_at(e, path, file, 0, bytes < 9 ? bytes : 9, start)
        || !header_length(e, path, start, bytes, &length))
        return false;
    char *header = rt_alloc_raw(e, length, 1, "the header of a weight file");
    bool ok = header && rt_file_read_at(e, path, file, 8, length, header)
           && parse_header(e, path, header, length, bytes, out);
    rt_free(header);
    return ok;
}

bool rt_safetensors_open(rt_err *e, const char *path, rt_tensors *out)
{
    int file;
    int64_t bytes;
    *out = (rt_tensors){0};
    if (!rt_file_open(e, path, &file, &bytes))
        return false;
    if (file < 0)
        return rt_safetensors_read(e, path, out);
    bool ok = open_header(e, path, file, bytes, out) && rt_tensors_keep_open(e, out, path, &file);
    if (file >= 0)
        rt_os.close(file);
    if (!ok)
        rt_tensors_free(out);
    return ok;
}

/* ---- writing ---- */

static bool write_metadata(rt_err *e, rt_buf *b, const rt_tensors *list)
{
    bool ok = rt_buf_printf(e, b, "\"__metadata__\":{");
    for (int64_t i = 0; ok && i < list->n_meta; i++)
        ok = rt_buf_printf(e, b, i ? "," : "") && rt_json_quote(e, b, list->meta[i].key)
          && rt_buf_printf(e, b, ":") && rt_json_quote(e, b, list->meta[i].value);
    return ok && rt_buf_printf(e, b, "}");
}

static bool write_entry(rt_err *e, rt_buf *b, const rt_tensor *t, int64_t begin)
{
    const char *dtype = NULL;
    for (int i = 0; i < N_DTYPES && !dtype; i++)
        if (dtypes[i].dtype == t->dtype)
            dtype = dtypes[i].name;
    bool ok = rt_json_quote(e, b, t->name)
           && rt_buf_printf(e, b, ":{\"dtype\":\"%s\",\"shape\":[", dtype);
    for (int k = 0; ok && k < t->rank; k++)
        ok = rt_buf_printf(e, b, k ? ",%" PRId64 : "%" PRId64, t->shape[k]);
    return ok && rt_buf_printf(e, b, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", begin,
                               begin + t->bytes);
}

/* The header, with its length before it, padded so that the data are aligned to 8. Wide elements
 * come first in the data (pieces[1 ..]), so that all of them are aligned. */
static bool write_header(rt_err *e, rt_buf *b, const rt_tensors *list, rt_piece *pieces,
                         int64_t *begin)
{
    int64_t at = 0;
    int piece = 1;
    for (int64_t size = 8; size; size /= 2)
        for (int64_t i = 0; i < list->count; i++) {
            const rt_tensor *t = &list->item[i];
            if (rt_dtype_bytes(t->dtype) != size)
                continue;
            begin[i] = at;
            pieces[piece++] = t->data ? (rt_piece){.bytes = t->data, .count = t->bytes}
                                      : (rt_piece){t->source, t->bytes, t->make, size};
            if (!rt_add(at, t->bytes, &at))
                return rt_fail(e, RT_E_DATA, "tensors of an impossible total size");
        }
    bool ok = rt_buf_add(e, b, "\0\0\0\0\0\0\0\0{", 9);
    if (ok && list->n_meta)
        ok = write_metadata(e, b, list);
    for (int64_t i = 0; ok && i < list->count; i++)
        ok = rt_buf_printf(e, b, i || list->n_meta ? "," : "")
          && write_entry(e, b, &list->item[i], begin[i]);
    ok = ok && rt_buf_printf(e, b, "}");
    while (ok && b->length % 8)
        ok = rt_buf_add(e, b, " ", 1);
    if (ok) {
        uint64_t length = (uint64_t)(b->length - 8);
        memcpy(b->data, &length, 8);
        pieces[0] = (rt_piece){.bytes = b->data, .count = b->length};
    }
    return ok;
}

bool rt_safetensors_write(rt_err *e, const char *path, const rt_tensors *list)
{
    rt_buf header = {0};
    rt_piece *pieces = NULL;
    int64_t *begin = NULL;
    bool ok = list->count < 1 << 24
           || rt_fail(e, RT_E_DATA, "%s: too many tensors for one file", path);
    ok = ok && (pieces = rt_alloc(e, list->count + 1, (int64_t)sizeof *pieces, "a file's header"));
    ok = ok && (begin = rt_alloc(e, list->count, (int64_t)sizeof *begin, "a file's header"));
    ok = ok && write_header(e, &header, list, pieces, begin)
      && rt_file_replace(e, path, pieces, (int)list->count + 1);
    rt_free(pieces);
    rt_free(begin);
    rt_buf_free(&header);
    return ok;
}
