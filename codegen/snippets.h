/* codegen/snippets.h: helpers in C that generated source carries, each with what it needs. */
#ifndef SEQC_SNIPPETS_H
#define SEQC_SNIPPETS_H
#include "codegen/out.h"

typedef enum {
    SNIP_none,
#define SNIPPET(name, ...) SNIP_##name,
#include "codegen/snippets.def"
#undef SNIPPET
    SNIP_COUNT
} Snippet;

/* The text of a snippet. Holes: $R the real type, $S its name (f32), $F its literals' suffix,
 * $function what stands before one, $vector_bytes, $lanes. */
extern const char *const snippet_text[SNIP_COUNT];
extern const char *const snippet_math_text[SNIP_COUNT];    /* null where it is in another */
extern const char *const snippet_libm_text[SNIP_COUNT];
extern const char *const snippet_angles_text[SNIP_COUNT];
extern const char *const snippet_tiles_text[SNIP_COUNT];
extern const char *const snippet_warp_text[SNIP_COUNT];
extern const char *const snippet_mma_text[SNIP_COUNT];
extern const char *const snippet_wgmma_text[SNIP_COUNT];
extern const char *const snippet_int8_text[SNIP_COUNT];

const char *snippet_name(Snippet s);
/* Marks a snippet and all that it needs in reached[SNIP_COUNT]. */
void snippet_reach(bool *reached, Snippet s);
/* Writes the marked ones in order. */
void snippets_write(Out *o, const bool *reached, const Hole *holes, int n_hole);
#endif
