/* runtime/jpeg.c: JPEG images by libjpeg, or libjpeg-turbo (see decode.h). With its slow, exact
 * transform and smooth chroma, which are its defaults and Pillow's.
 *
 * libjpeg goes on after damage and says so in warnings; those that mean lost pixels are errors
 * here. It leaves by longjmp: nothing that is needed behind it lives in a variable of the function
 * that calls it. */
#include "runtime/decode.h"
#include <setjmp.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* A block of 64 pixels in each of three channels takes a bit a channel at least; a file with very
 * many scans would take very long. */
enum { MOST = 2048, SCANS = 500 };

typedef struct reader {
    struct jpeg_error_mgr errors;      /* first: libjpeg knows it by this address */
    struct jpeg_progress_mgr progress;
    jmp_buf out;
    rt_err *e;
    const char *name;
    const rt_buf *file;
    rt_buf *pixels, *scratch;
    rt_image *x;
    struct jpeg_decompress_struct jpeg;
} reader;

static void on_error(j_common_ptr jpeg)
{
    reader *r = (reader *)jpeg->err;
    char what[JMSG_LENGTH_MAX];
    bool memory = r->errors.msg_code == JERR_OUT_OF_MEMORY;
    r->errors.format_message(jpeg, what);
    rt_fail(r->e, memory ? RT_E_MEMORY : RT_E_DATA, "%s: %s: %s", r->name,
            memory ? "out of memory for a JPEG image" : "is a damaged JPEG image", what);
    longjmp(r->out, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    bool harmless = code == JWRN_ADOBE_XFORM || code == JWRN_EXTRANEOUS_DATA
                 || code == JWRN_JFIF_MAJOR || code == JWRN_TOO_MUCH_DATA;
    if (level < 0 && !harmless)
        on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    reader *r = (reader *)jpeg->err;
    if (r->jpeg.input_scan_number > SCANS) {
        rt_fail(r->e, RT_E_DATA, "%s: a JPEG image of more than %d scans", r->name, SCANS);
        longjmp(r->out, 1);
    }
}

static bool read_rows(reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    jpeg_read_header(j, TRUE);
    if (j->jpeg_color_space == JCS_CMYK || j->jpeg_color_space == JCS_YCCK)
        return rt_fail(r->e, RT_E_DATA, "%s: is a JPEG image in CMYK, the colours of print",
                       r->name) || rt_help(r->e, "store it in RGB");
    int channels = j->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    j->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    int64_t height = j->image_height, width = j->image_width;
    r->scratch->length = 0;
    if (!rt_image_room(r->e, r->name, r->file->length, MOST, height, width, 3, r->pixels)
        || !rt_buf_reserve(r->e, r->scratch, height * width * channels))
        return false;
    jpeg_start_decompress(j);
    while (j->output_scanline < j->output_height) {
        JSAMPROW row = (JSAMPROW)r->scratch->data + j->output_scanline * width * channels;
        jpeg_read_scanlines(j, &row, 1);
    }
    jpeg_finish_decompress(j);
    *r->x = (rt_image){3, (int)height, (int)width, (uint8_t *)r->pixels->data};
    rt_image_planes((const uint8_t *)r->scratch->data, channels, r->x);
    return true;
}

static bool decode(reader *r)
{
    if (setjmp(r->out))
        return false;
    jpeg_create_decompress(&r->jpeg);
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
    jpeg_mem_src(&r->jpeg, (const unsigned char *)r->file->data, (unsigned long)r->file->length);
    return read_rows(r);
}

bool rt_jpeg_decode(rt_err *e, const char *name, const rt_buf *file, rt_buf *pixels,
                    rt_buf *scratch, rt_image *x)
{
    reader r = {.e = e, .name = name, .file = file, .pixels = pixels, .scratch = scratch, .x = x};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    bool ok = decode(&r);
    jpeg_destroy_decompress(&r.jpeg);
    return ok;
}
