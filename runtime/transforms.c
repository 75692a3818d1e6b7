/* runtime/transforms.c: torchvision's transforms on bytes of images (see transforms.h).
 *
 * ToTensor and Normalize are functions of one byte, so they are a table; each of their operations
 * is rounded to the real type, as PyTorch does one after another on a tensor. */
#include "runtime/transforms.h"

enum { CHANNELS_AT = 0, MEAN_AT = 1, STD_AT = 4 };    /* values of RT_NORMALIZE */

int64_t rt_transforms_channels(const rt_transforms *t)
{
    int64_t channels = 0;
    for (int i = 0; i < t->n; i++)
        if (t->step[i].kind == RT_NORMALIZE && (int64_t)t->step[i].value[CHANNELS_AT] > channels)
            channels = (int64_t)t->step[i].value[CHANNELS_AT];
    return channels;
}

double rt_transforms_value(const rt_transforms *t, rt_dtype real, int64_t channel, int byte)
{
    double wide = (double)byte / 255;
    float narrow = (float)byte / 255;
    for (int i = 0; i < t->n; i++) {
        const double *value = t->step[i].value;
        if (t->step[i].kind != RT_NORMALIZE)
            continue;
        double mean = value[MEAN_AT + channel], std = value[STD_AT + channel];
        wide = (wide - mean) / std;
        narrow = (narrow - (float)mean) / (float)std;
    }
    return real == RT_F32 ? (double)narrow : wide;
}
