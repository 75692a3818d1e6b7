/* runtime/remote.h: a graph of a model for CUDA run by itself, on memory of this process: what
 * `seqc check` compares. The device is asked by the same code as in a program. */
#ifndef SEQC_RT_REMOTE_H
#define SEQC_RT_REMOTE_H
#include "runtime/base.h"
#include "runtime/rt.h"

enum { RT_REMOTE_TEXT = 192 };

/* The first device's architecture, 90 for sm_90, and what it is called. Fails (RT_E_IO) where there
 * is none, or no driver. A process that has asked must not fork for others that ask. */
bool rt_remote_find(rt_err *e, int *arch, char text[RT_REMOTE_TEXT]);

/* A model whose kernels are on the device. */
typedef struct rt_remote rt_remote;
rt_remote *rt_remote_open(rt_err *e, const rt_model *model);
void rt_remote_close(rt_remote *r);    /* null is fine */
/* What its graphs call in place of rt_launch, where that is not linked to them. */
typedef void rt_remote_launch(const rt_call *call, int kernel, int64_t blocks,
                              const void *const *memory, int count);
rt_remote_launch *rt_remote_launcher(void);
/* Graph `graph` of the model, on what the call says: its n, in, out, state, scalars, seed and step.
 * State and out are replaced by what the device has made of them. */
bool rt_remote_run(rt_err *e, rt_remote *r, int graph, const rt_call *call);

#endif
