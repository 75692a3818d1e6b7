/* runtime/log.c: text files that grow by whole lines (see rundir.h). What a full disk leaves
 * unwritten stays in memory and is tried again; a resumed run cuts off what its checkpoint does not
 * know. Lines are not synced: a crash of the machine can take the last ones, a kill cannot. */
#define _XOPEN_SOURCE 700
#include "runtime/rundir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static bool open_as(rt_err *e, rt_log *log, int how)
{
    log->file = rt_os.open(log->path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
    log->open = log->file >= 0;
    return log->open || rt_fail_errno(e, errno, log->path, "cannot be written");
}

bool rt_log_open(rt_err *e, rt_log *log, const char *directory, const char *name)
{
    log->path = rt_format(e, "%s/%s", directory, name);
    return log->path && open_as(e, log, O_TRUNC);
}

/* Bytes of the whole lines that stay. */
static int64_t kept_length(const rt_log_cut *cut, const char *text)
{
    size_t head = cut->header ? strlen(cut->header) : 0, lead = strlen(cut->before);
    const char *at = text + head;
    for (const char *end; (end = strchr(at, '\n')); at = end + 1) {
        if (strncmp(at, cut->before, lead) != 0 || strtoll(at + lead, NULL, 10) > cut->most)
            break;
        const char *never = cut->never ? strstr(at, cut->never) : NULL;
        if (never && never < end)
            break;
    }
    return at - text;
}

bool rt_log_continue(rt_err *e, rt_log *log, const char *directory, const char *name,
                     const rt_log_cut *cut, rt_buf *kept)
{
    rt_err none = { 0 };
    log->path = rt_format(e, "%s/%s", directory, name);
    if (!log->path)
        return false;
    int there = rt_os.open(log->path, O_RDONLY | O_CLOEXEC, 0);
    if (there < 0 && errno == ENOENT)
        return open_as(e, log, O_TRUNC) &&
               (!cut->header || rt_buf_printf(e, &log->text, "%s", cut->header));
    if (there >= 0)
        rt_os.close(there);
    if (!rt_file_read(&none, log->path, -1, kept)) {
        *e = none;
        return false;
    }
    size_t head = cut->header ? strlen(cut->header) : 0;
    bool begun = kept->length > 0 && kept->length >= (int64_t)head;
    if (begun && head > 0 && strncmp(kept->data, cut->header, head) != 0)
        return rt_fail(e, RT_E_DATA, "%s: has other columns than this run would write",
                       log->path) ||
               rt_help(e, "--out DIR continues in another directory");
    int64_t length = begun ? kept_length(cut, kept->data) : 0;
    bool same = length == kept->length;
    kept->length = length;
    if (kept->data)
        kept->data[length] = '\0';
    return (same || rt_file_put(e, log->path, kept->data, length)) &&
           open_as(e, log, O_APPEND) &&
           (length > 0 || !cut->header || rt_buf_printf(e, &log->text, "%s", cut->header));
}

bool rt_log_flush(rt_err *e, rt_log *log)
{
    int64_t at = 0;
    int failure = 0;
    while (log->open && !failure && at < log->text.length) {
        ssize_t n = rt_os.write(log->file, log->text.data + at, (size_t)(log->text.length - at));
        failure = n < 0 && errno != EINTR ? errno : 0;
        at += n > 0 ? n : 0;
    }
    int64_t left = log->open ? log->text.length - at : 0;
    if (left > 0 && at > 0)
        memmove(log->text.data, log->text.data + at, (size_t)left);
    log->text.length = left;
    return !failure || rt_fail_write(e, failure, log->path, left);
}

void rt_log_close(rt_log *log)
{
    if (log->open)
        rt_os.close(log->file);
    rt_free(log->path);
    rt_buf_free(&log->text);
    *log = (rt_log){ 0 };
}
