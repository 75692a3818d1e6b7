/* runtime/device.h: the graphics processor that a model for CUDA runs on: its memory, the model's
 * kernels, graphs recorded and replayed. Everything here belongs to rt_prog.device and is used by
 * one thread. Addresses of its memory are `char *` that this process must not follow.
 *
 * The states live on the device; rt_prog.state is where they come from and, after rt_states_fetch,
 * what they have become. One run sends its inputs, learning rates and counters, replays the graph
 * and waits for its results; steps of a pass go on without that (steps.h). */
#ifndef SEQC_RT_DEVICE_H
#define SEQC_RT_DEVICE_H
#include "runtime/cuda.h"
#include "runtime/cuda_driver.h"

struct rt_prog;
struct rt_bound;
struct rt_ready;

enum {
    RT_DEVICE_NAME = 96, RT_DEVICE_TEXT = 192,
    RT_REPLAYS = 4,              /* of a graph, for as many n */
    RT_COPIES = 6,               /* inputs and targets of three sets */
    RT_COUNTER_BYTES = 24,       /* seed, step, next row (cuda.h), before the scalars */
    RT_ROW_BYTES = 24,           /* what a row tells, before the scalars */
    RT_WORD_BYTES = 4            /* what targets are counted in as they are gathered */
};

/* What lies here and there, for as long as anybody uses it. */
typedef struct rt_copy { const void *from; char *there; int64_t bytes; int users; } rt_copy;

typedef struct rt_device {
    rt_driver driver;
    char name[RT_DEVICE_NAME];   /* "NVIDIA H200" */
    int number;                  /* the driver's for it */
    int arch, version;           /* 90: compute capability 9.0; 12040: the driver is CUDA 12.4's */
    const rt_cuda *cuda;
    const rt_cuda_image *image; int n_images; /* those that fit it best: each has some kernels */
    const rt_cuda_image *seldom; int n_seldom; /* the same of kernels of derivatives, if they are apart */
    void *context, *stream;
    void **module; int n_modules;     /* what they became, those of derivatives last */
    void **function; int n_functions; /* [cuda->n_kernels]; found so far */
    char *state;                 /* the state block */
    int64_t state_of;            /* rt_prog.changes that it shows; -1: none */
    bool newer;                  /* a run changed it since rt_prog.state was the same */
    char *control;               /* counters, then the scalars */
    char *sent;                  /* the same on this side */
    rt_copy copy[RT_COPIES];     /* from null: not used */
    int64_t bytes;               /* of all its memory that is in use here */
} rt_device;

/* A graph's launches, so many times one after the other, each time between others. */
typedef struct rt_launches {
    int64_t n, times;
    char *const *in;             /* where the graph's inputs are */
    void (*begin)(const rt_call *call, const void *of), (*end)(const rt_call *call, const void *of);
    const void *of;              /* begin and end null: it stands alone */
} rt_launches;

/* Their recording, for one place of the arena. */
typedef struct rt_replay { rt_launches what; const char *arena; void *exec; } rt_replay;

/* Finds the driver, the device and the image for it, without a context: what `info` shows. */
bool rt_device_find(rt_err *e, rt_device *d, const rt_cuda *cuda);
/* "NVIDIA H200 (sm_90, driver for CUDA 12.4)"; returns `text`. */
char *rt_device_text(char text[RT_DEVICE_TEXT], const rt_device *d);
/* Opens rt_prog.device for the model's kernels, but for those of derivatives. */
bool rt_device_open(rt_err *e, struct rt_prog *p);
/* Opens those, which the driver may have to compile, once. */
bool rt_device_derives(rt_err *e, rt_device *d);
void rt_device_close(struct rt_prog *p);    /* null is fine */

/* Memory of the device; its contents are undefined. RT_E_MEMORY with what is wanted and free. */
char *rt_device_alloc(rt_err *e, rt_device *d, int64_t bytes, const char *what);
void rt_device_free(rt_device *d, char *memory, int64_t bytes);     /* null is fine */
/* Memory of this process that the device reaches: copies from and to it wait for nobody. */
void *rt_device_lock(rt_err *e, const rt_device *d, int64_t bytes, const char *what);
void rt_device_unlock(const rt_device *d, void *memory);            /* null is fine */
bool rt_device_event(rt_err *e, const rt_device *d, void **event);
void rt_device_event_free(const rt_device *d, void *event);         /* null is fine */

/* Copies that are done in the order of the stream's work; `what` is for messages. */
bool rt_device_send(rt_err *e, const rt_device *d, void *stream, char *to, const void *from,
                    int64_t bytes, const char *what);
bool rt_device_receive(rt_err *e, const rt_device *d, void *to, const char *from, int64_t bytes,
                       const char *what);

/* Room for a bound graph's inputs and results. */
bool rt_device_bind(rt_err *e, struct rt_bound *b);
void rt_device_unbind(struct rt_bound *b);
/* Adds to a failure for want of memory what the graph needs and which batch would fit; `copies`: of its
 * inputs, beside those that are bound. */
void rt_device_too_small(rt_err *e, const struct rt_bound *b, int copies);
/* rt_run, on the device. */
bool rt_device_run(rt_err *e, struct rt_bound *b, struct rt_ready *r, int64_t n,
                   const void *const *in, uint64_t step);
/* Bytes of one of the graph's inputs at capacity. */
int64_t rt_device_input_bytes(const struct rt_bound *b, int input);
/* Starts the launches of the graph that is bound: the states are there and nobody waits. */
bool rt_device_replay(rt_err *e, struct rt_bound *b, struct rt_ready *r, const rt_launches *what);
/* The same of one kernel, of one block, which is not recorded; n follows its `count` pointers. */
bool rt_device_launch(rt_err *e, struct rt_bound *b, struct rt_ready *r, int kernel,
                      const void *const *memory, int count, int64_t n);
/* The states that were there have been changed by a run. */
void rt_device_changed(struct rt_prog *p);
/* Copies the states to rt_prog.state, where a run has changed them. */
bool rt_device_fetch(rt_err *e, struct rt_prog *p);
/* A copy of them on the device, *copy, which is made where it is null, as the steps under way leave
 * them; waits for none. RT_E_MEMORY where there is no room. */
bool rt_device_keep(rt_err *e, struct rt_prog *p, char **copy);
/* Brings such a copy to a block of this process. */
bool rt_device_kept(rt_err *e, struct rt_prog *p, const char *copy, char *block);

#endif
