/* frontend/diag.h: what the frontend says to people. Private to the room.
 *
 * A diagnostic is a row of diags.def (code, severity, format, explanation), a place, and what hangs
 * on it: notes with second places and help lines. The formats are constants of this header, so that
 * the compiler checks the arguments of every report. */
#ifndef SEQC_FRONTEND_DIAG_H
#define SEQC_FRONTEND_DIAG_H
#include "frontend/frontend.h"

typedef enum { SEV_NOTE, SEV_WARNING, SEV_ERROR } Severity;

typedef enum {
#define DIAG(id, ...) DIAG_##id,
#include "frontend/diags.def"
#undef DIAG
    DIAG_COUNT
} DiagId;

#define DIAG(id, code, severity, format, ...) \
    __attribute__((unused)) static const char fe_format_##id[] = format;
#include "frontend/diags.def"
#undef DIAG

/* What fe_report takes: the row and its format. */
#define DG(id) DIAG_##id, fe_format_##id

/* len bytes from byte `at` of a source; src 0 is nowhere. */
typedef struct Span { uint16_t src; uint32_t at, len; } Span;

enum { FE_MAX_DIAGS = 20, FE_MAX_SOURCE = 64 << 20 };

/* Keeps a copy of the text: the model file, or an option's expression named "--loss". */
uint16_t fe_source(FeDiags *d, const char *name, const char *text, size_t len);
/* The same, but a source of that name and text is there once. */
uint16_t fe_source_again(FeDiags *d, const char *name, const char *text, size_t len);
const char *fe_source_name(const FeDiags *d, uint16_t src);
const char *fe_source_text(const FeDiags *d, uint16_t src, size_t *len);

void fe_report(FeDiags *d, Span s, DiagId id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* These two belong to the diagnostic that was reported last. */
void fe_note(FeDiags *d, Span s, const char *format, ...) __attribute__((format(printf, 3, 4)));
void fe_help(FeDiags *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct LineCol { uint32_t line, col; } LineCol;
/* Both from 1; columns count characters, not bytes. */
LineCol fe_place(const FeDiags *d, Span s);
Span fe_span_to(Span a, Span b);         /* from the start of a to the end of b */

/* Decodes one character; returns its bytes, 1 with *c = 0xfffd where they are not UTF-8. */
size_t fe_utf8(const char *s, size_t n, uint32_t *c);

/* For the printers. */
typedef struct DiagPart { bool help; Span at; const char *text; } DiagPart;
typedef struct Diag {
    DiagId id;
    Severity severity;
    Span at;
    const char *text;
    DiagPart *part; int n_part, cap_part;
} Diag;
typedef struct DiagSource {
    const char *name, *text;
    size_t len;
    uint32_t *line; uint32_t n_line;     /* byte where each line starts */
} DiagSource;
struct FeDiags {
    Arena *arena;
    DiagSource *source; int n_source;    /* source[0] is nowhere */
    Diag item[FE_MAX_DIAGS]; int n_item;
    Diag *last;                          /* null: the last report was dropped */
    int errors, warnings, dropped;
    /* Adds the notes that say what was running; null: nothing runs. */
    void (*trace)(FeDiags *d, void *running);
    void *running;
};
typedef struct DiagInfo { const char *name, *code; Severity severity; const char *doc; } DiagInfo;
extern const DiagInfo fe_diag_info[DIAG_COUNT];
#endif
