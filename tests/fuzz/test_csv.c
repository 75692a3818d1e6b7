/* tests/fuzz/test_csv.c: CSV files, record by record and as data sets to train on and to
 * predict. */
#define _GNU_SOURCE    /* memfd_create */
#include "runtime/csv.h"
#include "tests/fuzz/files.h"
#include <sys/mman.h>
#include <unistd.h>

#define REPLAY_NAME "csv"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/csv", ""}
enum { REPLAY_MUTANTS = 200 };

static void read_records(const char *path)
{
    rt_err e = {0};
    rt_csv c = {0};
    bool more = true, ok = rt_csv_open(&e, &c, path);
    int64_t bound = ok ? rt_csv_record_bound(&c) : 0, records = 0, column;
    if (ok && c.names)
        for (int64_t i = 0; i < c.n_columns; i++)
            rt_csv_column(NULL, &c, c.names[i], strlen(c.names[i]), &column);
    while (ok && (ok = rt_csv_next(&e, &c, &more)) && more) {
        must(++records <= bound, "no more records than the bound says");
        for (int64_t i = 0; i < c.n_columns; i++) {
            double value;
            bool number = rt_csv_number(NULL, &c, i, &value);
            must(!number || rt_csv_is_number(&c, i, &value), "numbers are numbers");
            rt_csv_present(NULL, &c, i);
        }
    }
    if (!ok)
        must_explain(&e);
    rt_csv_close(&c);
}

static void load(const rt_model *m, const rt_data_options *o)
{
    rt_err e = {0};
    rt_data d;
    double x[8];
    int64_t y[8];
    if (rt_data_load(&e, &d, m, o))
        must(rt_data_gather(NULL, &d.train, NULL, &(rt_pick){.n = 1}, x, y), "a gathered sample");
    else
        must_explain(&e);
    rt_data_free(&d);
}

static void load_inputs(const rt_model *m, const char *path)
{
    rt_err e = {0};
    rt_set s;
    if (!rt_data_load_inputs(&e, &s, m, path, NULL))
        must_explain(&e);
    rt_set_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        exit(RT_E_IO);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    read_records(path);
    load(&fuzz_classes, &(rt_data_options){.data = path, .norm = RT_NORM_ZSCORE, .val_split = 0.3});
    load(&fuzz_regression, &(rt_data_options){.data = path, .norm = RT_NORM_MINMAX, .target = "2"});
    load_inputs(&fuzz_classes, path);
    close(file);
    return 0;
}

#include "tests/fuzz/replay.h"
