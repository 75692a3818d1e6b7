/* frontend/images.h: data sets of images and what is done to them. Private to the room. */
#ifndef SEQC_FRONTEND_IMAGES_H
#define SEQC_FRONTEND_IMAGES_H
#include "frontend/lower.h"
#include "frontend/tensor.h"

/* A transform of the file: a step of the program and where it was written. */
typedef struct ImageStep { Transform t; const char *name; Span at; } ImageStep;
struct Steps { Span at; ImageStep *item; int n; };

/* datasets.def */
typedef struct SetInfo { const char *name; int64_t channels, height, width; const char *files; }
    SetInfo;
struct ImageSet {
    const SetInfo *info;
    Span at;
    Tri train;                   /* not said: a folder */
    Steps *steps;                /* null: no transform */
    const char *root;            /* null: not known here */
};

/* transforms.c: does the list make a tensor of an image? Puts its steps in the program's order. */
bool fe_check_steps(Interp *in, Steps *s);
#endif
