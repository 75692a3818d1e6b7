/* runtime/tensors.c: the list of named tensors that readers fill and writers take (see files.h). */
#define _POSIX_C_SOURCE 200809L
#include "runtime/files.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#if defined __BYTE_ORDER__ && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "file formats here are little endian and used in place: this machine would need swaps"
#endif

int64_t rt_dtype_bytes(rt_dtype d)
{
    static const int64_t bytes[] = {[RT_F32] = 4, [RT_F64] = 8, [RT_I64] = 8, [RT_I32] = 4,
                                    [RT_U8] = 1, [RT_I8] = 1};
    return bytes[d];
}

const char *rt_dtype_name(rt_dtype d)
{
    static const char *const name[] = {[RT_F32] = "float32", [RT_F64] = "float64",
                                       [RT_I64] = "int64", [RT_I32] = "int32", [RT_U8] = "uint8",
                                       [RT_I8] = "int8"};
    return name[d];
}

double rt_tensor_number(const rt_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case RT_F32: return (double)((const float *)t->data)[i];
    case RT_F64: return ((const double *)t->data)[i];
    case RT_I64: return (double)((const int64_t *)t->data)[i];
    case RT_I32: return ((const int32_t *)t->data)[i];
    case RT_I8: return ((const int8_t *)t->data)[i];
    case RT_U8: break;
    }
    return ((const uint8_t *)t->data)[i];
}

/* Everything but name and data. */
static bool describe(rt_err *e, rt_tensor *t, rt_dtype d, int rank, const int64_t *shape)
{
    char text[RT_SHAPE_TEXT];
    *t = (rt_tensor){.dtype = d, .rank = rank};
    if (rank < 0 || rank > RT_FILE_RANK)
        return rt_fail(e, RT_E_DATA, "a tensor of %d dimensions; at most %d are possible", rank,
                       RT_FILE_RANK);
    for (int i = 0; i < rank; i++)
        t->shape[i] = shape[i];
    if (!rt_elems(shape, rank, &t->elems) || !rt_mul(t->elems, rt_dtype_bytes(d), &t->bytes))
        return rt_fail(e, RT_E_DATA, "a tensor of the impossible shape %s",
                       rt_shape_text(text, shape, rank));
    return true;
}

bool rt_tensor_make(rt_err *e, rt_tensor *t, rt_dtype d, int rank, const int64_t *shape)
{
    if (!describe(e, t, d, rank, shape))
        return false;
    t->data = t->owner = rt_alloc(e, t->bytes, 1, "a tensor");
    return t->data != NULL;
}

void rt_tensor_free(rt_tensor *t)
{
    rt_free(t->name);
    rt_free(t->owner);
    *t = (rt_tensor){0};
}

/* Room for one item more in an array that doubles. */
static bool grow(rt_err *e, void **items, int64_t count, int64_t *capacity, int64_t size)
{
    if (count < *capacity)
        return true;
    int64_t wanted = *capacity ? *capacity * 2 : 16;
    void *bigger = rt_alloc(e, wanted, size, "a list of tensors");
    if (!bigger)
        return false;
    if (count)
        memcpy(bigger, *items, (size_t)(count * size));
    rt_free(*items);
    *items = bigger;
    *capacity = wanted;
    return true;
}

rt_tensor *rt_tensors_append(rt_err *e, rt_tensors *list)
{
    void *items = list->item;
    if (!grow(e, &items, list->count, &list->capacity, (int64_t)sizeof *list->item))
        return NULL;
    list->item = items;
    list->item[list->count] = (rt_tensor){0};
    return &list->item[list->count++];
}

rt_tensor *rt_tensors_add(rt_err *e, rt_tensors *list, const char *name, rt_dtype d, int rank,
                          const int64_t *shape, void *data)
{
    char text[RT_SHOW_TEXT];
    if (rt_tensors_find(list, name)) {
        rt_fail(e, RT_E_DATA, "two tensors have the name %s", rt_show(text, name, strlen(name)));
        return NULL;
    }
    rt_tensor made;
    bool ok = data ? describe(e, &made, d, rank, shape) : rt_tensor_make(e, &made, d, rank, shape);
    if (!ok)
        return NULL;
    if (data)
        made.data = data;
    made.name = rt_strdup(e, name);
    rt_tensor *t = made.name ? rt_tensors_append(e, list) : NULL;
    if (!t)
        rt_tensor_free(&made);
    else
        *t = made;
    return t;
}

rt_tensor *rt_tensors_find(const rt_tensors *list, const char *name)
{
    for (int64_t i = 0; i < list->count; i++)
        if (list->item[i].name && !strcmp(list->item[i].name, name))
            return &list->item[i];
    return NULL;
}

bool rt_meta_append(rt_err *e, rt_tensors *list, const char *key, const char *value)
{
    void *items = list->meta;
    if (!grow(e, &items, list->n_meta, &list->meta_capacity, (int64_t)sizeof *list->meta))
        return false;
    list->meta = items;
    rt_text_pair pair = {rt_strdup(e, key), NULL};
    pair.value = pair.key ? rt_strdup(e, value) : NULL;
    if (!pair.value) {
        rt_free(pair.key);
        return false;
    }
    list->meta[list->n_meta++] = pair;
    return true;
}

bool rt_meta_set(rt_err *e, rt_tensors *list, const char *key, const char *value)
{
    for (int64_t i = 0; i < list->n_meta; i++) {
        if (strcmp(list->meta[i].key, key) != 0)
            continue;
        char *copy = rt_strdup(e, value);
        if (!copy)
            return false;
        rt_free(list->meta[i].value);
        list->meta[i].value = copy;
        return true;
    }
    return rt_meta_append(e, list, key, value);
}

const char *rt_meta_get(const rt_tensors *list, const char *key)
{
    for (int64_t i = 0; i < list->n_meta; i++)
        if (!strcmp(list->meta[i].key, key))
            return list->meta[i].value;
    return NULL;
}

/* ---- data that are still in the file ---- */

typedef struct rt_opened { int file; char *path; } rt_opened;

bool rt_tensors_keep_open(rt_err *e, rt_tensors *list, const char *path, int *file)
{
    list->opened = rt_alloc(e, 1, (int64_t)sizeof *list->opened, "a weight file");
    if (!list->opened)
        return false;
    *list->opened = (rt_opened){ *file, rt_strdup(e, path) };
    *file = -1;
    return list->opened->path != NULL;
}

/* From `count` 16-bit floats at the end of `to`'s own room, which are read before they are
 * overwritten. */
static void widen(rt_stored stored, int64_t count, float *to)
{
    const char *from = (const char *)to + 2 * count;
    for (int64_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, from + 2 * i, 2);
        to[i] = stored == RT_STORED_HALF ? rt_from_f16(bits) : rt_from_bf16(bits);
    }
}

bool rt_tensor_get(rt_err *e, const rt_tensors *list, const rt_tensor *t, int64_t first,
                   int64_t count, void *to)
{
    int64_t elem = rt_dtype_bytes(t->dtype);
    if (t->data) {
        memcpy(to, (const char *)t->data + first * elem, (size_t)(count * elem));
        return true;
    }
    int64_t in_file = t->stored == RT_STORED_PLAIN ? elem : 2, at = t->begin + first * in_file;
    char *end = (char *)to + count * (elem - in_file);
    if (!list->opened)
        memcpy(end, list->file.data + at, (size_t)(count * in_file));
    else if (!rt_file_read_at(e, list->opened->path, list->opened->file, at, count * in_file, end))
        return false;
    if (t->stored != RT_STORED_PLAIN)
        widen(t->stored, count, to);
    return true;
}

void rt_tensors_free(rt_tensors *list)
{
    if (list->opened) {
        rt_os.close(list->opened->file);
        rt_free(list->opened->path);
        rt_free(list->opened);
    }
    for (int64_t i = 0; i < list->count; i++)
        rt_tensor_free(&list->item[i]);
    for (int64_t i = 0; i < list->n_meta; i++) {
        rt_free(list->meta[i].key);
        rt_free(list->meta[i].value);
    }
    rt_free(list->item);
    rt_free(list->meta);
    rt_buf_free(&list->file);
    *list = (rt_tensors){0};
}

/* ---- 16-bit floats ---- */

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

float rt_from_bf16(uint16_t b) { return from_bits((uint32_t)b << 16); }

float rt_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ffu;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent)
        return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float tiny = (float)fraction * 0x1p-24f;    /* a subnormal is exact in float32 */
    return sign ? -tiny : tiny;
}

/* ---- what a file is ---- */

/* Reads up to `room` bytes, fewer only at the end of the file. */
static ssize_t read_start(int file, char *bytes, size_t room)
{
    size_t have = 0;
    while (have < room) {
        ssize_t got = rt_os.read(file, bytes + have, room - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static rt_file_kind kind_of(const unsigned char *b, size_t n)
{
    static const struct { const char *magic; size_t length; rt_file_kind kind; } table[] = {
        {"\x93NUMPY", 6, RT_FILE_NPY},  {"PK\3\4", 4, RT_FILE_ZIP},   {"PK\5\6", 4, RT_FILE_ZIP},
        {"\x1f\x8b", 2, RT_FILE_GZIP},  {"\x89PNG", 4, RT_FILE_IMAGE}, {"GIF8", 4, RT_FILE_IMAGE},
        {"\xff\xd8\xff", 3, RT_FILE_IMAGE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (n >= table[i].length && !memcmp(b, table[i].magic, table[i].length))
            return table[i].kind;
    if (n >= 4 && b[0] == 0 && b[1] == 0 && b[2] >= 8 && b[2] <= 14 && b[3] >= 1)
        return RT_FILE_IDX;
    /* The header's length in 8 bytes, then the header, a JSON object. */
    if (n >= 9 && b[8] == '{' && b[4] == 0 && b[5] == 0 && b[6] == 0 && b[7] == 0)
        return RT_FILE_SAFETENSORS;
    return RT_FILE_TEXT;
}

bool rt_file_sniff(rt_err *e, const char *path, rt_file_kind *kind)
{
    struct stat info;
    char bytes[16];
    if (stat(path, &info) != 0)
        return rt_fail_errno(e, errno, path, "cannot be opened");
    *kind = RT_FILE_DIRECTORY;
    if (S_ISDIR(info.st_mode))
        return true;
    *kind = RT_FILE_TEXT;
    if (!S_ISREG(info.st_mode))
        return true;    /* looking at a pipe would consume it */
    int file = rt_os.open(path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return rt_fail_errno(e, errno, path, "cannot be opened");
    ssize_t got = read_start(file, bytes, sizeof bytes);
    int failure = errno;
    rt_os.close(file);
    if (got < 0)
        return rt_fail_errno(e, failure, path, "cannot be read");
    *kind = kind_of((const unsigned char *)bytes, (size_t)got);
    return true;
}
