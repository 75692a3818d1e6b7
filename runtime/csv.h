/* runtime/csv.h: tables in text files, a record at a time.
 *
 * RFC 4180 with what people really have: comma, semicolon or tab (found in the first line), CRLF or
 * LF, quoted fields with doubled quotes and line breaks, a UTF-8 byte order mark, empty lines.
 * Every record must have as many fields as the first. Missing values are errors, not guesses. */
#ifndef SEQC_RT_CSV_H
#define SEQC_RT_CSV_H
#include "runtime/base.h"

/* Not terminated; valid until the next record is read. */
typedef struct rt_csv_field { const char *text; int64_t length; } rt_csv_field;

typedef struct rt_csv {
    const char *path;
    rt_buf file;
    char delimiter;
    char **names;                /* [n_columns]; null: no header */
    int64_t n_columns;
    rt_csv_field *field;         /* [n_columns] of the current record */
    int64_t line;                /* where the current record starts, from 1 */
    /* the reader's own */
    int64_t at, next_line;
    int64_t n_fields, capacity;
    rt_buf scratch;              /* fields whose quotes had to be taken away */
} rt_csv;

/* Reads the file and decides about the header: the first record is one if it holds no number, or
 * text above a number while its own numbers only count columns (0,1,2,target). `path` must outlive
 * the csv. */
bool rt_csv_open(rt_err *e, rt_csv *c, const char *path);
/* The next record; *more is false at the end. */
bool rt_csv_next(rt_err *e, rt_csv *c, bool *more);
/* No file can hold more records than this, from where the reader stands. */
int64_t rt_csv_record_bound(const rt_csv *c);
/* "age" or "3" (from 1) as an index from 0; RT_E_USAGE where there is no such column. */
bool rt_csv_column(rt_err *e, const rt_csv *c, const char *name, size_t length, int64_t *column);
/* A field of the current record as a finite number, or the reason why it is none. */
bool rt_csv_number(rt_err *e, const rt_csv *c, int64_t column, double *value);
/* The same question without a message. */
bool rt_csv_is_number(const rt_csv *c, int64_t column, double *value);
/* Fails where this field of the current record is empty or says NA, NaN, null, None or "?". */
bool rt_csv_present(rt_err *e, const rt_csv *c, int64_t column);
/* "column 'age'" or "column 3", for messages; returns `text`. */
char *rt_csv_column_text(char text[RT_SHOW_TEXT + 16], const rt_csv *c, int64_t column);
void rt_csv_close(rt_csv *c);

/* A decimal number that fills the text; what strtod would make of it. Hexadecimal, infinity and
 * NaN are no numbers here. */
bool rt_parse_number(const char *text, int64_t length, double *value);

#endif
