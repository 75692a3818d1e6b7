/* runtime/stored.c: one state to and from PyTorch's order. How it lies in the block is its rt_axis
 * list alone. */
#include "runtime/files.h"
#include "runtime/states.h"
#include <string.h>

int64_t rt_state_elems(const rt_state *s)
{
    int64_t elems = 1;
    for (int i = 0; i < s->rank; i++)
        elems *= s->axis[i].size;
    return elems;
}

static int64_t axis_offset(const rt_axis *axis, int64_t i)
{
    return i / axis->block * axis->outer + i % axis->block * axis->inner;
}

static void copy_element(char *to, const char *from, size_t bytes)
{
    switch (bytes) {   /* constant sizes become plain moves */
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    default: memcpy(to, from, bytes);
    }
}

/* Visits `count` elements from `first` on in PyTorch's order; `put` writes into the block, else out
 * of it. */
static void move(const rt_state *s, char *stored, int64_t first, int64_t count, char *logical,
                 bool put)
{
    static const rt_axis scalar = { 1, 1, 0, 0 };
    size_t bytes = (size_t)rt_dtype_bytes(s->dtype);
    int inner = s->rank > 0 ? s->rank - 1 : 0;
    const rt_axis *last = s->rank > 0 ? &s->axis[inner] : &scalar;
    int64_t index[RT_MAX_RANK] = { 0 };
    for (int i = s->rank - 1; i >= 0 && count > 0; i--) {
        index[i] = first % s->axis[i].size;
        first /= s->axis[i].size;
    }
    while (count > 0) {
        int64_t base = 0, end = index[inner] + count;
        if (end > last->size)
            end = last->size;
        for (int i = 0; i < inner; i++)
            base += axis_offset(&s->axis[i], index[i]);
        count -= end - index[inner];
        for (int64_t i = index[inner]; i < end; i++, logical += bytes) {
            char *place = stored + (size_t)(base + axis_offset(last, i)) * bytes;
            copy_element(put ? place : logical, put ? logical : place, bytes);
        }
        index[inner] = 0;
        for (int i = inner - 1; i >= 0 && ++index[i] == s->axis[i].size; i--)
            index[i] = 0;
    }
}

/* Where the state starts; callers that hold a constant block only read. */
static char *in_block(const char *block, const rt_state *s)
{
    return (char *)(uintptr_t)(block + s->offset_bytes);
}

const void *rt_state_plain(const rt_state *s, const char *block)
{
    int64_t stride = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        const rt_axis *axis = &s->axis[i];
        if (axis->size > 1 && (axis->block != 1 || axis->outer != stride))
            return NULL;
        stride *= axis->size;
    }
    return in_block(block, s);
}

void rt_state_get(const rt_state *s, const char *block, int64_t first, int64_t count, void *to)
{
    const char *plain = rt_state_plain(s, block);
    int64_t bytes = rt_dtype_bytes(s->dtype);
    if (plain)
        memcpy(to, plain + first * bytes, (size_t)(count * bytes));
    else
        move(s, in_block(block, s), first, count, to, false);
}

void rt_state_put(const rt_state *s, char *block, int64_t first, int64_t count, const void *from)
{
    int64_t bytes = rt_dtype_bytes(s->dtype);
    if (rt_state_plain(s, block))
        memcpy(in_block(block, s) + first * bytes, from, (size_t)(count * bytes));
    else
        move(s, in_block(block, s), first, count, (char *)(uintptr_t)from, true);
}
