/* runtime/base.c: errors, checked sizes, memory and growing bytes (see base.h).
 *
 * Files are in file.c. Text that comes from outside goes into messages through rt_show alone, so
 * that no file can send control sequences to a terminal. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/base.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- errors ---- */

/* Appends to the message; text that does not fit is cut where a UTF-8 character ends. */
static void append(rt_err *e, size_t at, const char *format, va_list args)
{
    size_t room = sizeof e->message - at;
    int wanted = vsnprintf(e->message + at, room, format, args);
    if (wanted < 0)
        e->message[at] = 0;
    if (wanted < 0 || (size_t)wanted < room)
        return;
    size_t end = sizeof e->message - 1, last = end - 1;
    while (last > at && ((unsigned char)e->message[last] & 0xc0) == 0x80)
        last--;
    if (!rt_utf8_length(e->message + last, end - last))
        e->message[last] = 0;
}

bool rt_fail(rt_err *e, rt_code code, const char *format, ...)
{
    if (!e)
        return false;
    va_list args;
    va_start(args, format);
    e->code = code;
    append(e, 0, format, args);
    va_end(args);
    return false;
}

bool rt_help(rt_err *e, const char *format, ...)
{
    static const char lead[] = "\nhelp: ";
    size_t at = e ? strlen(e->message) : 0;
    if (!e || at + sizeof lead >= sizeof e->message)
        return false;
    memcpy(e->message + at, lead, sizeof lead);
    va_list args;
    va_start(args, format);
    append(e, at + sizeof lead - 1, format, args);
    va_end(args);
    return false;
}

bool rt_fail_errno(rt_err *e, int error_number, const char *path, const char *what)
{
    return rt_fail(e, error_number == ENOMEM ? RT_E_MEMORY : RT_E_IO, "%s: %s: %s", path, what,
                   strerror(error_number));
}

/* ---- sizes ---- */

bool rt_mul(int64_t a, int64_t b, int64_t *result)
{
    if (a < 0 || b < 0 || (b && a > INT64_MAX / b))
        return false;
    *result = a * b;
    return true;
}

bool rt_add(int64_t a, int64_t b, int64_t *result)
{
    if (a < 0 || b < 0 || a > INT64_MAX - b)
        return false;
    *result = a + b;
    return true;
}

bool rt_elems(const int64_t *shape, int rank, int64_t *elems)
{
    int64_t product = 1;
    bool zero = false;
    /* A zero must not hide an overflow of the other dimensions. */
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 0)
            zero = true;
        else if (!rt_mul(product, shape[i], &product))
            return false;
    }
    *elems = zero ? 0 : product;
    return true;
}

char *rt_size_text(char text[RT_SIZE_TEXT], int64_t bytes)
{
    static const char *const unit[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        snprintf(text, RT_SIZE_TEXT, "%" PRId64 " bytes", bytes);
        return text;
    }
    double amount = (double)bytes / 1024;
    int u = 0;
    for (; amount >= 1023.95 && u < 5; u++)
        amount /= 1024;
    snprintf(text, RT_SIZE_TEXT, "%.1f %s", amount, unit[u]);
    return text;
}

char *rt_shape_text(char text[RT_SHAPE_TEXT], const int64_t *shape, int rank)
{
    size_t at = 1;
    text[0] = '(';
    for (int i = 0; i < rank && at + 32 < RT_SHAPE_TEXT; i++)
        at += (size_t)snprintf(text + at, RT_SHAPE_TEXT - at, i ? ", %" PRId64 : "%" PRId64,
                               shape[i]);
    snprintf(text + at, RT_SHAPE_TEXT - at, rank == 1 ? ",)" : ")");
    return text;
}

int rt_utf8_length(const char *bytes, size_t available)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (!available)
        return 0;
    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80)
        return 1;
    int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || (size_t)length > available)
        return 0;
    uint32_t point = first & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if ((c & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (c & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < smallest[length] || point > 0x10ffff || surrogate ? 0 : length;
}

char *rt_show(char text[RT_SHOW_TEXT], const char *bytes, size_t length)
{
    static const char cut[] = "…'";
    size_t at = 0;
    text[at++] = '\'';
    for (size_t i = 0; i < length;) {
        if (at + 4 + sizeof cut > RT_SHOW_TEXT) {
            memcpy(text + at, cut, sizeof cut);
            return text;
        }
        int width = rt_utf8_length(bytes + i, length - i);
        unsigned char c = (unsigned char)bytes[i];
        /* U+0080 to U+009F are control characters too. */
        bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && width == 2
                                                 && (unsigned char)bytes[i + 1] < 0xa0);
        if (!width || control) {
            at += (size_t)snprintf(text + at, 5, "\\x%02x", c);
            i++;
        } else {
            memcpy(text + at, bytes + i, (size_t)width);
            at += (size_t)width;
            i += (size_t)width;
        }
    }
    text[at++] = '\'';
    text[at] = 0;
    return text;
}

/* ---- the operating system ---- */

static void *real_alloc(size_t bytes)
{
    size_t rounded = (bytes + 63) / 64 * 64;
    return rounded < bytes ? NULL : aligned_alloc(64, rounded ? rounded : 64);
}

static int real_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

#define REAL_HOOKS {real_alloc, free, real_open, read, write, fsync, close, rename, unlink}
const rt_hooks rt_os_real = REAL_HOOKS;
rt_hooks rt_os = REAL_HOOKS;

/* ---- memory ---- */

void *rt_alloc_raw(rt_err *e, int64_t count, int64_t size, const char *what)
{
    int64_t bytes;
    if (!rt_mul(count, size, &bytes) || bytes > INT64_MAX / 2 || (uint64_t)bytes > SIZE_MAX / 2) {
        rt_fail(e, RT_E_DATA, "%s: the size of %" PRId64 " times %" PRId64 " bytes is impossible",
                what, count, size);
        return NULL;
    }
    void *memory = rt_os.alloc((size_t)bytes);
    if (!memory) {
        char text[RT_SIZE_TEXT];
        rt_fail(e, RT_E_MEMORY, "out of memory: %s would need %s more", what,
                rt_size_text(text, bytes));
    }
    return memory;
}

void *rt_alloc(rt_err *e, int64_t count, int64_t size, const char *what)
{
    void *memory = rt_alloc_raw(e, count, size, what);
    if (memory)
        memset(memory, 0, (size_t)(count * size));
    return memory;
}

void rt_free(void *memory)
{
    if (memory)
        rt_os.release(memory);
}

char *rt_strndup(rt_err *e, const char *text, size_t length)
{
    char *copy = rt_alloc_raw(e, (int64_t)length + 1, 1, "a string");
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *rt_strdup(rt_err *e, const char *text) { return rt_strndup(e, text, strlen(text)); }

/* ---- growing bytes ---- */

bool rt_buf_reserve(rt_err *e, rt_buf *b, int64_t more)
{
    int64_t needed;
    if (!rt_add(b->length, more, &needed) || !rt_add(needed, 1, &needed))
        return rt_fail(e, RT_E_DATA, "a size of %" PRId64 " bytes more is impossible", more);
    if (needed <= b->capacity)
        return true;
    /* Twice as much as before, so that adding little by little stays linear. */
    int64_t capacity = b->capacity > INT64_MAX / 2 ? needed : b->capacity * 2;
    capacity = capacity < 64 ? 64 : capacity;
    capacity = capacity < needed ? needed : capacity;
    char *data = rt_alloc_raw(e, capacity, 1, "a buffer");
    if (!data)
        return false;
    if (b->length)
        memcpy(data, b->data, (size_t)b->length);
    data[b->length] = 0;
    rt_free(b->data);
    b->data = data;
    b->capacity = capacity;
    return true;
}

bool rt_buf_add(rt_err *e, rt_buf *b, const void *bytes, int64_t count)
{
    if (!rt_buf_reserve(e, b, count))
        return false;
    if (count)
        memcpy(b->data + b->length, bytes, (size_t)count);
    b->length += count;
    b->data[b->length] = 0;
    return true;
}

static bool buf_vprintf(rt_err *e, rt_buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int wanted = vsnprintf(NULL, 0, format, args);
    bool ok = wanted >= 0 && rt_buf_reserve(e, b, wanted);
    if (wanted < 0)
        rt_fail(e, RT_E_DATA, "text of a message cannot be formatted: '%s'", format);
    if (ok) {
        vsnprintf(b->data + b->length, (size_t)wanted + 1, format, again);
        b->length += wanted;
    }
    va_end(again);
    return ok;
}

bool rt_buf_printf(rt_err *e, rt_buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool ok = buf_vprintf(e, b, format, args);
    va_end(args);
    return ok;
}

char *rt_format(rt_err *e, const char *format, ...)
{
    rt_buf b = {0};
    va_list args;
    va_start(args, format);
    bool ok = buf_vprintf(e, &b, format, args);
    va_end(args);
    if (!ok)
        rt_buf_free(&b);
    return b.data;
}

void rt_buf_free(rt_buf *b)
{
    rt_free(b->data);
    *b = (rt_buf){0};
}
