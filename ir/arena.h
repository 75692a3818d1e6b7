/* ir/arena.h: memory that is freed whole. One arena a module, one scratch a pass.
 *
 * Errors: out of memory ends the process with exit code 5 and a message, here and nowhere else. */
#ifndef SEQC_ARENA_H
#define SEQC_ARENA_H
#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *a);                                /* null is fine */
void *arena_alloc(Arena *a, size_t count, size_t size);   /* zeroed, aligned to 16; overflow dies */
void *arena_grow(Arena *a, void *old, size_t old_count, size_t new_count, size_t size);
char *arena_str(Arena *a, const char *s);                 /* a copy */
char *arena_strn(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
