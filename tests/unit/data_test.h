/* tests/unit/data_test.h: data sets that load, and those that are refused, without a leak. */
#ifndef SEQC_DATA_TEST_H
#define SEQC_DATA_TEST_H
#include "runtime/data.h"
#include "tests/unit/rt_test.h"

static void loads(rt_data *d, const rt_model *m, const rt_data_options *o)
{
    rt_err e = {0};
    ck_assert_msg(rt_data_load(&e, d, m, o), "%s", e.message);
}

static void refused(const rt_model *m, const rt_data_options *o, rt_code code, const char *says)
{
    rt_err e = {0};
    rt_data d;
    watch_memory();
    ck_assert_msg(!rt_data_load(&e, &d, m, o), "taken, but should say: %s", says);
    ck_assert_int_eq(alloc_live, 0);
    rt_os = rt_os_real;
    ck_says(e, says);
    ck_assert_msg(e.code == code, "code %d: %s", (int)e.code, e.message);
    ck_assert_int_eq(d.train.n, 0);
}

#endif
