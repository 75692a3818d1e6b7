/* runtime/png.c: PNG images by libpng (see decode.h). Its memory comes from rt_os like all other.
 *
 * libpng leaves by longjmp: nothing that is needed behind it lives in a variable of the function
 * that calls it. */
#include "runtime/decode.h"
#include <png.h>
#include <setjmp.h>
#include <string.h>

/* A byte packed by deflate is 1032 at most. */
enum { MOST = 1032 };

typedef struct reader {
    rt_err *e;
    const char *name;
    const rt_buf *file;
    int64_t at;
    png_structp png;
    png_infop info;
    int channels;
    rt_buf *pixels, *scratch;
    rt_image *x;
} reader;

static void *take(png_structp png, png_alloc_size_t bytes)
{
    (void)png;
    return rt_alloc_raw(NULL, (int64_t)bytes, 1, "libpng");
}

static void give(png_structp png, void *memory)
{
    (void)png;
    rt_free(memory);
}

static void on_error(png_structp png, const char *what)
{
    reader *r = png_get_error_ptr(png);
    bool memory = strstr(what, "memory") != NULL;
    if (r->e->code == RT_E_OK)
        rt_fail(r->e, memory ? RT_E_MEMORY : RT_E_DATA, "%s: %s: %s", r->name,
                memory ? "out of memory for a PNG image" : "is a damaged PNG image", what);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, const char *what) { (void)png, (void)what; }

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    reader *r = png_get_io_ptr(png);
    if ((int64_t)count > r->file->length - r->at)
        png_error(png, "the file is cut off");
    memcpy(to, r->file->data + r->at, count);
    r->at += (int64_t)count;
}

/* Rows of 8 bits a channel, one channel or three. */
static bool set_form(reader *r)
{
    png_byte type = png_get_color_type(r->png, r->info), depth = png_get_bit_depth(r->png, r->info);
    bool grey = !(type & PNG_COLOR_MASK_COLOR);
    if (grey && depth == 16)
        return rt_fail(r->e, RT_E_DATA, "%s: is grey with 16 bits, which Pillow would cut off at "
                       "255", r->name) || rt_help(r->e, "store it with 8 bits");
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(r->png);
    if (grey && depth < 8)
        png_set_expand_gray_1_2_4_to_8(r->png);
    png_set_strip_16(r->png);
    png_set_strip_alpha(r->png);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->channels = png_get_channels(r->png, r->info);
    return true;
}

static bool read_rows(reader *r)
{
    int64_t height = png_get_image_height(r->png, r->info);
    int64_t width = png_get_image_width(r->png, r->info);
    int64_t bits = 8 / png_get_bit_depth(r->png, r->info);    /* pixels of a byte */
    r->scratch->length = 0;
    if (!set_form(r)
        || !rt_image_room(r->e, r->name, r->file->length, MOST * 3 * (bits > 1 ? bits : 1), height,
                          width, 3, r->pixels)
        || !rt_buf_reserve(r->e, r->scratch, height * width * r->channels
                                                 + height * (int64_t)sizeof(png_bytep)))
        return false;
    png_bytepp row = (png_bytepp)(void *)r->scratch->data;
    png_bytep rows = (png_bytep)(row + height);
    for (int64_t i = 0; i < height; i++)
        row[i] = rows + i * width * r->channels;
    png_read_image(r->png, row);
    png_read_end(r->png, NULL);
    *r->x = (rt_image){3, (int)height, (int)width, (uint8_t *)r->pixels->data};
    rt_image_planes(rows, r->channels, r->x);
    return true;
}

static bool decode(reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return false;
    png_set_user_limits(r->png, RT_IMAGE_SIDE, RT_IMAGE_SIDE);
    png_set_read_fn(r->png, r, read_bytes);
    png_read_info(r->png, r->info);
    return read_rows(r);
}

bool rt_png_decode(rt_err *e, const char *name, const rt_buf *file, rt_buf *pixels,
                   rt_buf *scratch, rt_image *x)
{
    rt_err own = {.code = RT_E_OK};
    reader r = {.e = &own, .name = name, .file = file, .pixels = pixels, .scratch = scratch,
                .x = x};
    r.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning, NULL, take,
                                     give);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    bool ok = r.info ? decode(&r)
                     : rt_fail(&own, RT_E_MEMORY, "%s: out of memory for a PNG image", name);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    if (!ok && e)
        *e = own;
    return ok;
}

const rt_decoders rt_image_decoders = {rt_png_decode, rt_jpeg_decode};
