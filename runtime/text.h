/* runtime/text.h: numbers, sizes and times as people read them. No locale is asked. */
#ifndef SEQC_RT_TEXT_H
#define SEQC_RT_TEXT_H
#include "runtime/base.h"
#include "runtime/rt.h"

enum { RT_TEXT = 32 };

/* All return `text`. */
char *rt_count_text(char text[RT_TEXT], int64_t count);       /* "101,770" */
char *rt_rate_text(char text[RT_TEXT], double per_second);    /* "286k/s" "1.2M/s" "850/s" */
char *rt_time_text(char text[RT_TEXT], double seconds);       /* "3.1ms" "0.21s" "4m05s" "2h10m" */
char *rt_loss_text(char text[RT_TEXT], double loss);          /* 6 characters: "0.1234" "1.2e-5" */
char *rt_bytes_text(char text[RT_TEXT], int64_t bytes);       /* "832 B" "138 kB" "1.5 MB" */
char *rt_short_time_text(char text[RT_TEXT], double seconds); /* "8.2 us" "1.73 ms" "2.05 s" */
/* "1x28x28" of a sample's shape, "scalar" for rank 0. */
enum { RT_DIMS = 96 };
char *rt_dims_text(char text[RT_DIMS], const int64_t *shape, int rank);
/* "n x 128", "n x 3 x 4" of a batched shape. */
char *rt_dim_text(char text[RT_DIMS], const rt_dim *dim, int rank);

/* Appends what printf's "%.*g" makes of `digits` and `value`, to the character; quickly up to 9. */
bool rt_buf_real(rt_err *e, rt_buf *to, double value, int digits);
/* Appends a JSON number; null for NaN and infinities. */
bool rt_json_real(rt_err *e, rt_buf *to, double value);

/* Seconds since some fixed moment. */
double rt_now(void);

#endif
