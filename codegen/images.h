/* codegen/images.h: images of kernels, and where they are kept. Private to images.c, which compiles them, and
 * image_cache.c, which knows those that were compiled before. */
#ifndef SEQC_IMAGES_H
#define SEQC_IMAGES_H
#include "codegen/codegen.h"

typedef struct Image {
    int arch, part;
    bool ptx, seldom;
    char *bytes;
    size_t n_bytes;
} Image;

/* What a part's images are kept by: a hash of its text, comments and numbers of lines left out, as these change
 * no byte of what becomes of it, and of `how` it is compiled. */
const char *cache_key(const char *text, const char *how, Arena *a);
/* The images that were kept by that key: the bytes of those that are there, or none. They may be null. False: they
 * are not there, or not what was kept. */
bool cache_take(const char *folder, const char *key, Image *code, Image *ptx, Arena *a);
/* Keeps them; nothing, where that cannot be. */
void cache_keep(const char *folder, const char *key, const Image *code, const Image *ptx, Arena *a);
/* Removes what has not been used for longest where it is too much. */
void cache_tidy(const char *folder, Arena *a);
#endif
