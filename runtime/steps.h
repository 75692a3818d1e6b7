/* runtime/steps.h: a queue's steps on a device (queue.h), and the sets that they read there. */
#ifndef SEQC_RT_STEPS_H
#define SEQC_RT_STEPS_H
#include "runtime/queue.h"

struct rt_cuda;
struct rt_device;
struct rt_graph;

enum { RT_WHY_TEXT = 96 };

/* ---- placed.c: a set in a device's memory ---- */

/* What `begin` of a step reads (cuda.h). Its memory here stays where it is until it is closed. */
typedef struct rt_placed {
    char *x, *y;                 /* null: the set is not there */
    char *span, *table;          /* one piece of memory; null: x are numbers */
    char *order;                 /* [n] rows of x and y; null: all in order */
    int64_t table_bytes, order_bytes;
    int32_t first_span;          /* what lies at `span` */
    int64_t *rows;               /* what lies at `order`, page-locked */
    char why[RT_WHY_TEXT];       /* it is not there */
} rt_placed;

/* Copies a set to the device; where it cannot be there, says why and succeeds. ordered: passes
 * have an order. */
bool rt_placed_open(rt_err *e, rt_placed *s, struct rt_device *d, const rt_set *set, bool ordered);
void rt_placed_close(rt_placed *s, struct rt_device *d);
/* The order of a pass over the set or a part of it. */
bool rt_placed_order(rt_err *e, rt_placed *s, const struct rt_device *d, const rt_set *set,
                     const int64_t *order);

/* ---- steps.c ---- */

/* As rt_queue_open, …; q->device is theirs. */
bool rt_stepping_open(rt_err *e, rt_queue *q, const rt_set *set, bool ordered, int64_t batch);
void rt_stepping_close(rt_queue *q);
bool rt_stepping_begin(rt_err *e, rt_queue *q);
int64_t rt_stepping_room(const rt_queue *q);
void rt_stepping_add(rt_queue *q, const rt_step *step);
bool rt_stepping_turn(rt_err *e, rt_queue *q, rt_report *done);
bool rt_stepping_busy(const rt_queue *q);

/* How many steps of a graph a launch has at most, at a full batch. */
int64_t rt_steps_together(const struct rt_cuda *cuda, const struct rt_graph *g);
/* "16 steps a launch, data on the device"; returns `text`. */
enum { RT_STEPPING_TEXT = 192 };
char *rt_stepping_text(char text[RT_STEPPING_TEXT], const rt_queue *q);

#endif
