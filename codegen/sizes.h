/* codegen/sizes.h: numbers of a kernel's text that are sizes, and may become its parameters. */
#ifndef SEQC_SIZES_H
#define SEQC_SIZES_H
#include "ir/arena.h"
#include <stdbool.h>
#include <stdint.h>

enum { SIZES_MOST = 16 };
/* A parameter: the number, or what divides by it; role: what it is called, unless others have that name. */
typedef struct Size { const char *name, *role; int64_t value; int number; bool divides; } Size;
typedef struct Sizes { Size size[SIZES_MOST]; int n; } Sizes;

enum { SIZE_MARK = '@' };            /* before such a number: "@784", or with its role "@pixels:784" */
/* The text with its sizes as names, which `sizes` lists; where they have to be numbers, with these. */
const char *sizes_named(const char *body, Sizes *sizes, Arena *a);
/* The text with all of them as numbers. */
const char *sizes_numbers(const char *text, Arena *a);
/* As 8 bytes of a launch, "INT64_C(0x1f)" or "784". */
const char *size_value(const Size *size, Arena *a);
#endif
