/* runtime/transforms.h: what the model file does to images before the model sees them.
 *
 * Steps from bytes to bytes come first, then ToTensor, then steps on numbers. Random ones draw from
 * a counter-based generator by what the image is: seed, epoch, row, step. So an image comes out
 * the same whichever thread makes it, and whenever. They draw from torchvision's distributions, but
 * not its numbers. */
#ifndef SEQC_RT_TRANSFORMS_H
#define SEQC_RT_TRANSFORMS_H
#include "runtime/base.h"
#include "runtime/image.h"
#include "runtime/rt.h"

/* Which image it is. */
typedef struct rt_shot { uint64_t seed, epoch; int64_t row; } rt_shot;
typedef struct rt_size { int channels, height, width; } rt_size;

/* Memory that one thread reads images into and changes them in. Starts as {0}. */
typedef struct rt_studio { rt_buf file, pixels, front, back, scratch; } rt_studio;
void rt_studio_free(rt_studio *s);

/* Are there steps that are more than functions of a byte? */
bool rt_transforms_change(const rt_transforms *t);
/* What they make of an image of this size; false, with a message about `name`, where one cannot. */
bool rt_transforms_size(rt_err *e, const rt_transforms *t, const char *name, rt_size *size);
/* Applies them: *x becomes an image in the studio, or stays where it is. */
bool rt_transforms_image(rt_err *e, const rt_transforms *t, const rt_shot *shot, rt_studio *s,
                         rt_image *x);

/* For how many channels Normalize has numbers: 1 or 3; 0: there is none. */
int64_t rt_transforms_channels(const rt_transforms *t);
/* What a byte of a channel becomes, rounded as PyTorch rounds in the real type. */
double rt_transforms_value(const rt_transforms *t, rt_dtype real, int64_t channel, int byte);
/* What follows ToTensor and is no function of one byte: RandomErasing, in x [channels][..][..]. */
void rt_transforms_erase(const rt_transforms *t, const rt_shot *shot, rt_dtype real, rt_size size,
                         void *x);

#endif
