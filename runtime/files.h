/* runtime/files.h: named tensors in files: safetensors, NPY, NPZ.
 *
 * All readers take their bytes as hostile: every size is checked with overflow-safe arithmetic
 * against what is really there before memory is asked for. Sources: the safetensors format page
 * (huggingface.co/docs/safetensors), NumPy's numpy.lib.format page, PKWARE's APPNOTE for the zip
 * container of NPZ. */
#ifndef SEQC_RT_FILES_H
#define SEQC_RT_FILES_H
#include "runtime/base.h"
#include "runtime/rt.h"

enum { RT_FILE_RANK = 8 };   /* tensors of higher rank are refused */

/* How a file holds what is RT_F32 in memory: as such, or in 16 bits. */
typedef enum rt_stored { RT_STORED_PLAIN, RT_STORED_HALF, RT_STORED_BRAIN } rt_stored;

/* Elements in C order, little endian as the machine's own, aligned to their size. Floats of 16 bits
 * become RT_F32 on reading. `owner` is the memory to free, null where the data are someone else's;
 * data may lie inside it. `data` is null while they are in the file (rt_safetensors_open). */
typedef struct rt_tensor {
    char *name;                  /* UTF-8 without zero bytes; null in an NPY file */
    rt_dtype dtype;
    int rank;
    int64_t shape[RT_FILE_RANK];
    int64_t elems, bytes;
    void *data, *owner;
    int64_t begin;               /* byte of the file where it begins, for rt_tensor_get */
    rt_stored stored;
    /* For a list to write, where data is null: `make` writes elements [first, first + elems) of
     * `source` to `to`. */
    void (*make)(const void *source, int64_t first, int64_t elems, void *to);
    const void *source;
} rt_tensor;

typedef struct rt_text_pair { char *key, *value; } rt_text_pair;

/* Starts as {0}. Names are unique. */
typedef struct rt_tensors {
    rt_tensor *item;   int64_t count, capacity;
    rt_text_pair *meta; int64_t n_meta, meta_capacity;
    rt_buf file;                 /* bytes of the file, where tensors lie in it */
    struct rt_opened *opened;    /* the file itself, where data are still there */
} rt_tensors;

int64_t rt_dtype_bytes(rt_dtype d);          /* of one element */
const char *rt_dtype_name(rt_dtype d);       /* "float32", as PyTorch and NumPy say it */

float rt_from_f16(uint16_t bits);             /* exact */
float rt_from_bf16(uint16_t bits);

/* Fills in everything but name; allocates cleared data, which the tensor then owns. */
bool rt_tensor_make(rt_err *e, rt_tensor *t, rt_dtype d, int rank, const int64_t *shape);
void rt_tensor_free(rt_tensor *t);           /* name, owned data; leaves {0} */
double rt_tensor_number(const rt_tensor *t, int64_t i);      /* element i, whatever its type */

/* Appends a tensor; `data` null allocates cleared memory, else it is borrowed and must outlive the
 * list. Returns it (until the next add), or null. A name twice is RT_E_DATA. */
rt_tensor *rt_tensors_add(rt_err *e, rt_tensors *list, const char *name, rt_dtype d, int rank,
                          const int64_t *shape, void *data);
rt_tensor *rt_tensors_find(const rt_tensors *list, const char *name);     /* or null */
/* Appends {0} without a look at the rest: for readers, which check names their own way. */
rt_tensor *rt_tensors_append(rt_err *e, rt_tensors *list);
/* Sets a metadata string, replacing an earlier one of this key. */
bool rt_meta_set(rt_err *e, rt_tensors *list, const char *key, const char *value);
bool rt_meta_append(rt_err *e, rt_tensors *list, const char *key, const char *value);
const char *rt_meta_get(const rt_tensors *list, const char *key);         /* or null */
/* For a reader that leaves data in the file: the list owns *file from now on (-1 is left). */
bool rt_tensors_keep_open(rt_err *e, rt_tensors *list, const char *path, int *file);
void rt_tensors_free(rt_tensors *list);      /* leaves {0} */

/* Reading replaces nothing on failure: *out is then {0}. `parse` reads bytes that are in memory
 * already; it takes `file` over (also on failure) and says `name` in messages. */
bool rt_safetensors_read(rt_err *e, const char *path, rt_tensors *out);
bool rt_safetensors_parse(rt_err *e, const char *name, rt_buf *file, rt_tensors *out);
/* Reads names, shapes and metadata; the data stay in the file until rt_tensor_get asks for them or
 * rt_tensors_free closes it, so that a large file needs no memory. (A pipe is read whole.) */
bool rt_safetensors_open(rt_err *e, const char *path, rt_tensors *out);
/* Elements [first, first + count) of a tensor of the list, as `dtype`, wherever they are now. */
bool rt_tensor_get(rt_err *e, const rt_tensors *list, const rt_tensor *t, int64_t first,
                   int64_t count, void *to);
/* Atomic (see rt_file_replace); tensors in the list's order, metadata as they stand. */
bool rt_safetensors_write(rt_err *e, const char *path, const rt_tensors *list);

bool rt_npy_read(rt_err *e, const char *path, rt_tensor *out);
bool rt_npy_parse(rt_err *e, const char *name, rt_buf *file, rt_tensor *out);
bool rt_npy_write(rt_err *e, const char *path, const rt_tensor *t);   /* atomic, version 1.0 */

/* Names are those of the members without ".npy". No metadata. */
bool rt_npz_read(rt_err *e, const char *path, rt_tensors *out);
bool rt_npz_parse(rt_err *e, const char *name, rt_buf *file, rt_tensors *out);

/* What the first bytes of a file say it is. RT_FILE_TEXT: no magic known, so CSV or the like. */
typedef enum rt_file_kind {
    RT_FILE_TEXT, RT_FILE_NPY, RT_FILE_ZIP, RT_FILE_SAFETENSORS, RT_FILE_IDX, RT_FILE_GZIP,
    RT_FILE_IMAGE, RT_FILE_DIRECTORY
} rt_file_kind;
bool rt_file_sniff(rt_err *e, const char *path, rt_file_kind *kind);

#endif
