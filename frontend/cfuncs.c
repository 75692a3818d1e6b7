/* frontend/cfuncs.c: finds the functions of a C file beside a model: in what was kept of it.
 *
 * DIR/ops.c has DIR/.seqc/ops.json, which holds as long as the bytes of the file and of what it
 * includes have the hashes that stand there. Warnings stand there, too, to be said every time. */
#define _DEFAULT_SOURCE   /* mkstemp, fchmod */
#include "frontend/caudit.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 16 << 20 };

/* The file's bytes, with a zero behind them; null and errno where it cannot be read. */
static char *file_text(Arena *a, const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t cap = 0;
    *len = 0;
    if (!f) return NULL;
    do {
        text = arena_grow(a, text, cap, 2 * cap + 4096, 1);
        cap = 2 * cap + 4096;
        *len += fread(text + *len, 1, cap - 1 - *len, f);
    } while (!ferror(f) && !feof(f) && cap <= MAX_FILE_BYTES);
    bool good = feof(f) && !ferror(f);
    if (!good && !ferror(f)) errno = EFBIG;
    fclose(f);
    return good ? text : NULL;
}

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
const char *fe_cfuncs_hash(Arena *a, const char *text, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    return arena_printf(a, "%016" PRIx64, h);
}

/* `path` as the file `of` means it: relative to its folder. */
static const char *beside(Arena *a, const char *of, const char *path)
{
    const char *slash = strrchr(of, '/');
    if (path[0] == '/' || !slash) return path;
    return arena_printf(a, "%.*s/%s", (int)(slash - of), of, path);
}

static const char *kept_path(Arena *a, const char *file)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    return arena_printf(a, "%.*s.seqc/%.*s.json", (int)(base - file), file, (int)n, base);
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool lies_in(CPlace at, const CText *text, int n)
{
    return at.file == CPLACE_CALL
        || (at.file < n && at.at <= text[at.file].len && at.len <= text[at.file].len - at.at);
}

/* Was it made of these bytes, and of files that are as they were? text: [1 + n_include], the first one
 * filled. */
static bool holds(Arena *a, const CFuncs *c, const char *file, CText *text)
{
    const char *hash = fe_cfuncs_hash(a, text[0].text, text[0].len);
    if (strcmp(c->source, base_of(file)) != 0 || strcmp(c->hash, hash) != 0) return false;
    for (int i = 0; i < c->n_include; i++) {
        CText *t = &text[1 + i];
        t->name = c->include[i].file;
        t->text = file_text(a, beside(a, file, t->name), &t->len);
        if (!t->text || strcmp(fe_cfuncs_hash(a, t->text, t->len), c->include[i].hash) != 0)
            return false;
    }
    for (int i = 0; i < c->n_said; i++)
        if (!lies_in(c->said[i].at, text, 1 + c->n_include)
            || !lies_in(c->said[i].note_at, text, 1 + c->n_include)) return false;
    for (int i = 0; i < c->n; i++) {
        const CFunc *f = &c->f[i];
        if (!lies_in(f->at, text, 1 + c->n_include)) return false;
        for (int k = 0; k < f->n_compared; k++)
            if (!lies_in(f->compared[k].at, text, 1 + c->n_include)) return false;
    }
    return true;
}

/* Its functions were never compared with compiled ones, and now they can be; or an older seqc kept them,
 * without places. */
static bool is_due(const CFuncs *c, const FeOpts *o, Arena *a)
{
    bool alone = false, old = false;
    for (int i = 0; i < c->n_said; i++) alone = alone || c->said[i].id == DIAG_c_alone;
    for (int i = 0; i < c->n; i++) old = old || !c->f[i].at.len;
    return ((alone && o->cc) || old) && o->home && access(fe_cfuncs_module(a, o), R_OK) == 0;
}

static Span span_of(FeDiags *d, const CFuncs *c, CPlace at, Span call)
{
    if (at.file == CPLACE_CALL) return call;
    const CText *f = &c->text[at.file];
    return (Span){ fe_source_again(d, f->name, f->text, f->len), at.at, at.len };
}

static void say(FeDiags *d, const CFuncs *c, const CSaid *s, Span call)
{
    fe_report(d, span_of(d, c, s->at, call), s->id, "%s", s->text);
    if (s->note) fe_note(d, span_of(d, c, s->note_at, call), "%s", s->note);
    if (s->help) fe_help(d, "%s", s->help);
}

static bool is_about(const CSaid *s, const CFunc *f)
{
    return f ? s->function && strcmp(s->function, f->name) == 0 : !s->function;
}

void fe_cfuncs_say(FeDiags *d, const CFuncs *c, const CFunc *f, Span call)
{
    for (int i = 0; i < c->n_said; i++)
        if (is_about(&c->said[i], f)) say(d, c, &c->said[i], call);
}

void fe_cfuncs_say_used(FeDiags *d, const CFuncs *c, const CFunc *f, const CUse *use, Span call)
{
    if (!f->at.len) {                    /* kept by an older seqc, and nothing here reads C */
        fe_cfuncs_say(d, c, f, call);
        return;
    }
    for (int i = 0; i < c->n_said; i++)
        if (is_about(&c->said[i], f) && c->said[i].id == DIAG_c_derivative) say(d, c, &c->said[i], call);
    Arena *scratch = arena_new();
    Span *place = arena_alloc(scratch, (size_t)f->value.i + 1, sizeof *place);
    for (int i = 0; i < f->n_compared; i++)
        place[f->compared[i].node] = span_of(d, c, f->compared[i].at, call);
    AuditFunc audit = { .f = f, .at = span_of(d, c, f->at, call), .place = place };
    fe_audit_used(d, c->pool, &audit, use);
    arena_free(scratch);
}

/* Whole or not at all; where the folder cannot be written the next run reads the file again. */
static void keep(Arena *a, const CFuncs *c, const char *path)
{
    const char *json = fe_cfuncs_json(a, c), *slash = strrchr(path, '/');
    const char *folder = arena_strn(a, path, (size_t)(slash - path));
    char *partial = arena_printf(a, "%s.XXXXXX", path);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return;
    int fd = mkstemp(partial);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (fd >= 0) fchmod(fd, 0644);
    bool good = f && fputs(json, f) >= 0;
    if (f) good = fclose(f) == 0 && good;
    else if (fd >= 0) close(fd);
    if (fd >= 0 && (!good || rename(partial, path) != 0)) unlink(partial);
}

const CFuncs *fe_cfuncs(FeDiags *d, Arena *a, const FeOpts *o, const char *model,
                        const char *path, Span at)
{
    const char *file = beside(a, model, path), *kept = kept_path(a, file);
    size_t len, json_len;
    char err[CFUNCS_ERR];
    const char *text = file_text(a, file, &len);
    if (!text) {
        fe_report(d, at, DG(own_file), file, strerror(errno));
        fe_help(d, "the path is relative to the folder of the model file");
        return NULL;
    }
    const char *json = file_text(a, kept, &json_len);
    CFuncs *c = json ? fe_cfuncs_read(a, json, json_len, err) : NULL;
    const char *why = c ? "the file, or one that it includes, has changed since" : err;
    CText *all = arena_alloc(a, c ? 1 + (size_t)c->n_include : 1, sizeof *all);
    all[0] = (CText){ file, text, len };
    if (c && holds(a, c, file, all) && !is_due(c, o, a)) {
        c->text = all;
    } else {
        c = fe_cfuncs_clang(d, a, o, &(CSource){ path, file, text, len }, at);
        if (c) keep(a, c, kept);
        else if (json && d->n_item && d->item[d->n_item - 1].id == DIAG_own_clang)
            fe_help(d, "%s does not stand for it: %s", kept, why);
    }
    if (c) fe_cfuncs_say(d, c, NULL, at);
    return c;
}
