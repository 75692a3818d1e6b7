/* runtime/transforms.h: what the model file does to images before the model sees them. */
#ifndef SEQC_RT_TRANSFORMS_H
#define SEQC_RT_TRANSFORMS_H
#include "runtime/data.h"

/* For how many channels Normalize has numbers: 1 or 3; 0: there is none. */
int64_t rt_transforms_channels(const rt_transforms *t);
/* What a byte of a channel becomes, rounded as PyTorch rounds in the real type. */
double rt_transforms_value(const rt_transforms *t, rt_dtype real, int64_t channel, int byte);

#endif
