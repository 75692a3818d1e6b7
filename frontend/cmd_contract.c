/* frontend/cmd_contract.c: what is certified beside programs: a library, and sources that were kept.
 * Each has a contract, C functions that call it as others may. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "frontend/cmd_certify.h"
#include "frontend/cmd_emit.h"
#include "runtime/base.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>

static void print_contract(FILE *f, const void *ctx)
{
    const Emission *e = ctx;
    emit_library_contract(e->m, &e->opts, f);
}

int certify_library(const Emission *e, const Cmd *c, const char *dir)
{
    const char *place = arena_printf(c->arena, "%s/%s", dir, e->opts.name);
    const char *contract = arena_printf(c->arena, "%s" CONTRACT_END, place);
    int code = cmd_write(c, contract, print_contract, e);
    return code ? code : certify(c, &(Certified){ .contract = contract, .dir = dir, .name = e->opts.name,
                                                  .place = place,
                                                  .flags = emit_library_flags(e->m, &e->opts, c->arena) });
}

/* ---- sources of programs that were kept ---- */

/* The contract's line of flags. */
static int read_flags(const Cmd *c, const char *path, const char **flags)
{
    enum { MAX_BYTES = 64 << 20 };
    rt_err err = { 0 };
    rt_buf text = { 0 };
    if (!rt_file_read(&err, path, MAX_BYTES, &text)) return cmd_fail_rt(c, &err);
    const char *all = arena_strn(c->arena, text.data ? text.data : "", (size_t)text.length);
    rt_buf_free(&text);
    const char *line = strstr(all, "\n" CONTRACT_FLAGS);
    if (!line)
        return cmd_fail(c, EXIT_REFUSED, "%s: it does not say with what flags its source is compiled\n"
                        "help: `seqc build --keep DIR --certify` writes it again", path);
    line += strlen("\n" CONTRACT_FLAGS);
    const char *end = strstr(line, " */");
    *flags = arena_strn(c->arena, line, end ? (size_t)(end - line) : strcspn(line, "\n"));
    return EXIT_OK;
}

static int certify_one(const Cmd *c, const char *dir, const char *name)
{
    const char *place = arena_printf(c->arena, "%s/%s", dir, name), *flags = NULL;
    const char *contract = arena_printf(c->arena, "%s" CONTRACT_END, place);
    int code = read_flags(c, contract, &flags);
    return code ? code : certify(c, &(Certified){ .contract = contract, .dir = dir, .name = name,
                                                  .place = place, .flags = flags, .program = true });
}

int certify_kept(const Cmd *c, const char *dir, int *n)
{
    rt_err err = { 0 };
    const struct dirent *d;
    int first = EXIT_OK;
    DIR *open = opendir(dir);
    *n = 0;
    if (!open) {
        rt_fail_errno(&err, errno, dir, "cannot be opened as a folder");
        return cmd_fail_rt(c, &err);
    }
    for (errno = 0; (d = readdir(open)) != NULL; errno = 0) {
        size_t length = strlen(d->d_name), end = strlen(CONTRACT_END);
        if (length <= end || strcmp(d->d_name + length - end, CONTRACT_END) != 0) continue;
        int code = certify_one(c, dir, arena_strn(c->arena, d->d_name, length - end));
        if (!first) first = code;
        ++*n;
    }
    if (errno) rt_fail_errno(&err, errno, dir, "cannot be read");
    closedir(open);
    return err.code ? cmd_fail_rt(c, &err) : first;
}
