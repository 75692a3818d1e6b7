/* tests/cuda/test_steps.c: the kernels around those of a step: `begin` gathers out of a set what
 * rt_data_gather does, to the bit, and hands on what the row says; `end` writes a line of the report.
 * In five orders of threads, with memory that finds what is written beside it. */
#include "passes/passes.h"
#include "runtime/data.h"
#include "tests/cuda/guarded.h"
#include "tests/e2e/loaded.h"

enum { ORDERS = 5, ELEMS = 12, CAPACITY = 150, SAMPLES = 211, BLOCK = 1024, ROWS = 3, RESULTS = 2 };

typedef void Launch(const char *kernel, int64_t blocks, const void *const *memory, int count,
                    int64_t n);
typedef struct Steps { Module *parsed, *planned; Replay *replay; Launch *launch; int *order; } Steps;

/* A module whose graph `train` takes class indices or numbers. */
static Steps steps_open(const char *real, bool classes, Arena *a)
{
    static const char *const passes[] = { "layout", "fuse", "schedule", "plan" };
    const char *head = arena_printf(a, "seqc.ir 1\nfile \"t.py\"\nbatch n <= %d\nreal %s\nstage tidy\n"
        "\n\nprogram \"t\"\ntarget %s\ninput [12]\noutput [12]\nscalar \"lr\" \"a\"\n"
        "scalar \"step_size\" \"2 * a\"\n\ngraph train\n", CAPACITY, real,
        classes ? "class 12" : "real");
    const char *text = classes
        ? arena_printf(a, "%s%%0 = input \"x\" : %s[n,12]\n%%1 = input \"target\" : i64[n]\n"
                       "%%2 = cross_entropy %%0, %%1 : %s[]\n%%3 = correct %%0, %%1 : i64[]\n"
                       "return loss=%%2 correct=%%3\n", head, real, real)
        : arena_printf(a, "%s%%0 = input \"x\" : %s[n,12]\n%%1 = input \"target\" : %s[n,12]\n"
                       "%%2 = map %%0, %%1 {f=\"a - b\"} : %s[n,12]\n"
                       "%%3 = sum %%2 {axes=[0,1]} : %s[]\nreturn loss=%%3 abs_err=%%3\n", head,
                       real, real, real, real);
    ParseErr parse;
    char err[IR_ERR];
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE };
    Steps s = { .parsed = ir_parse(text, strlen(text), &parse) };
    ck_assert_msg(s.parsed != NULL, "%s", parse.text);
    s.planned = pass_run_list(s.parsed, &c, passes, 4, err);
    ck_assert_msg(s.planned != NULL, "%s", err);
    s.replay = loaded_open("steps", s.planned, c.target, "-O0", NULL, a);
    void *launch = emit_symbol(s.replay, "seqc_launch");
    memcpy(&s.launch, &launch, sizeof launch);
    s.order = emit_symbol(s.replay, "seqc_order");
    return s;
}

static void steps_close(Steps *s)
{
    emit_close(s->replay);
    ir_module_free(s->planned);
    ir_module_free(s->parsed);
}

/* ---- a set, and the memory of a device ---- */

typedef struct Set { rt_set set; int64_t order[SAMPLES]; } Set;

/* groups 0: numbers, else bytes with a table of so many. */
static void set_open(Set *s, rt_dtype real, int groups, bool classes)
{
    rt_err e = { 0 };
    int64_t bytes = rt_dtype_bytes(real);
    s->set = (rt_set){ .n = SAMPLES, .rows = SAMPLES, .x_bytes = groups > 0, .row_elems = ELEMS,
                       .x_elems = ELEMS, .y_elems = classes ? 1 : ELEMS, .real = real,
                       .y_kind = classes ? RT_Y_INDEX : RT_Y_REAL, .table_groups = groups };
    s->set.owner_x = s->set.x = rt_alloc(&e, SAMPLES * ELEMS, bytes, "x");
    s->set.owner_y = s->set.y = rt_alloc(&e, SAMPLES * ELEMS, 8, "y");
    s->set.table = groups ? rt_alloc(&e, 256 * groups, bytes, "a table") : NULL;
    for (int64_t i = 0; i < SAMPLES * ELEMS; i++) {
        double value = 0.37 * (double)(i * 7919 % 1000) - 100;
        if (groups) ((uint8_t *)s->set.x)[i] = (uint8_t)(i * 131 + i / 256);
        else if (real == RT_F32) ((float *)s->set.x)[i] = (float)value;
        else ((double *)s->set.x)[i] = value;
        if (classes) ((int64_t *)s->set.y)[i] = i % 12;
        else if (real == RT_F32) ((float *)s->set.y)[i] = (float)(value * value);
        else ((double *)s->set.y)[i] = value * value;
    }
    for (int i = 0; i < 256 * groups; i++) {
        if (real == RT_F32) ((float *)s->set.table)[i] = (float)i / 255 - 3;
        else ((double *)s->set.table)[i] = i / 255.0 - 3;
    }
    for (int64_t i = 0; i < SAMPLES; i++) s->order[i] = i * 100 % SAMPLES;
}

/* What kernels share with the host (runtime/cuda.h). */
#define TYPES(real, name)                                                                         \
    typedef struct { int64_t at, n; uint64_t step; real scalar[2]; } Row_##name;                  \
    typedef struct { uint64_t seed, step; int64_t next; real scalar[2]; } Control_##name;         \
    static void fill_##name(void *rows, void *control, int64_t at, int64_t n)                     \
    {                                                                                             \
        Row_##name *row = rows;                                                                   \
        *(Control_##name *)control = (Control_##name){ 5, 6, 1, { 7, 8 } };                       \
        row[1] = (Row_##name){ at, n, 77, { (real)0.1, (real)0.2 } };                             \
    }                                                                                             \
    static void expect_##name(const void *control, uint64_t step, int64_t next, double lr)        \
    {                                                                                             \
        const Control_##name *c = control;                                                        \
        ck_assert(c->seed == 5 && c->step == step && c->next == next);                            \
        ck_assert(c->scalar[0] == (real)lr && c->scalar[1] == (real)(2 * lr));                    \
    }
TYPES(float, f32)
TYPES(double, f64)

typedef struct Memory { guarded control, rows, order, x, span, table, y, x_to, y_to; } Memory;

static guarded copied(const void *from, int64_t bytes)
{
    guarded g = guarded_alloc((size_t)bytes);
    ck_assert(g.bytes != NULL);
    if (from) memcpy(g.bytes, from, (size_t)bytes);
    return g;
}

static Memory place_open(const Set *s, int64_t n)
{
    const rt_set *set = &s->set;
    int64_t real = rt_dtype_bytes(set->real), y = set->y_kind == RT_Y_INDEX ? 8 : real;
    int32_t span = set->x_bytes ? (int32_t)(ELEMS / set->table_groups) : 0;
    return (Memory){
        copied(NULL, 24 + 2 * real), copied(NULL, ROWS * (24 + 2 * real)),
        copied(s->order, (int64_t)sizeof s->order),
        copied(set->x, SAMPLES * ELEMS * (set->x_bytes ? 1 : real)), copied(&span, 4),
        copied(set->table, set->x_bytes ? set->table_groups * 256 * real : 1),
        copied(set->y, SAMPLES * set->y_elems * y), copied(NULL, n * ELEMS * real),
        copied(NULL, n * set->y_elems * y),
    };
}

static void place_close(Memory *p)
{
    guarded *const all[] = { &p->control, &p->rows, &p->order, &p->x, &p->span, &p->table, &p->y,
                             &p->x_to, &p->y_to };
    for (int i = 0; i < 9; i++) {
        ck_assert_msg(guarded_intact(all[i]), "memory %d was written beside", i);
        guarded_free(all[i]);
    }
}

/* ---- begin ---- */

static void begins(const Steps *steps, const Set *s, bool ordered, int64_t at, int64_t n, int order)
{
    bool single = s->set.real == RT_F32, classes = s->set.y_kind == RT_Y_INDEX;
    int64_t words = s->set.y_elems * (single && !classes ? 4 : 8) / 4;
    Memory p = place_open(s, n);
    char x[CAPACITY * ELEMS * 8], y[CAPACITY * ELEMS * 8];
    rt_err e = { 0 };
    rt_studio studio = { 0 };
    rt_pick pick = { ordered ? s->order + at : NULL, at, n, NULL };
    ck_assert(rt_data_gather(&e, &s->set, &studio, &pick, x, y));
    (single ? fill_f32 : fill_f64)(p.rows.bytes, p.control.bytes, at, n);
    const void *const memory[] = {
        p.control.bytes, p.rows.bytes, ordered ? p.order.bytes : NULL, p.x.bytes, p.span.bytes,
        s->set.x_bytes ? p.table.bytes : NULL, p.y.bytes, p.x_to.bytes, p.y_to.bytes,
        (const void *)(uintptr_t)words,
    };
    *steps->order = order;
    steps->launch("begin_batch", (n * (ELEMS > words ? ELEMS : words) + BLOCK - 1) / BLOCK, memory, 10, n);
    (single ? expect_f32 : expect_f64)(p.control.bytes, 77, 1, 0.1);
    ck_assert_mem_eq(p.x_to.bytes, x, p.x_to.n_bytes);
    ck_assert_mem_eq(p.y_to.bytes, y, p.y_to.n_bytes);
    place_close(&p);
}

static const struct { const char *real; rt_dtype dtype; bool classes; } kinds[] = {
    { "f32", RT_F32, true }, { "f32", RT_F32, false }, { "f64", RT_F64, true }, { "f64", RT_F64, false },
};

START_TEST(gathers_as_the_host)
{
    static const int groups[] = { 0, 1, 3, ELEMS };
    Arena *a = arena_new();
    Steps steps = steps_open(kinds[_i].real, kinds[_i].classes, a);
    for (int g = 0; g < 4; g++) {
        Set s;
        set_open(&s, kinds[_i].dtype, groups[g], kinds[_i].classes);
        for (int order = 0; order < ORDERS; order++) {
            begins(&steps, &s, true, 0, CAPACITY, order);
            begins(&steps, &s, true, CAPACITY, SAMPLES - CAPACITY, order);
            begins(&steps, &s, false, 60, CAPACITY, order);
            begins(&steps, &s, false, SAMPLES - 1, 1, order);
        }
        rt_set_free(&s.set);
    }
    steps_close(&steps);
    arena_free(a);
}
END_TEST

/* A batch that the host has sent stays as it is. */
START_TEST(gathers_nothing_without_a_set)
{
    Arena *a = arena_new();
    Steps steps = steps_open("f32", true, a);
    Set s;
    set_open(&s, RT_F32, 0, true);
    Memory p = place_open(&s, 9);
    fill_f32(p.rows.bytes, p.control.bytes, 0, 9);
    const void *const memory[] = { p.control.bytes, p.rows.bytes, NULL, NULL, NULL, NULL, NULL,
                                   p.x_to.bytes, p.y_to.bytes, (const void *)(uintptr_t)2 };
    steps.launch("begin_batch", 1, memory, 10, 9);
    expect_f32(p.control.bytes, 77, 1, 0.1);
    for (size_t i = 0; i < p.x_to.n_bytes; i++) ck_assert_int_eq(p.x_to.bytes[i], GUARDED_POISON);
    place_close(&p);
    rt_set_free(&s.set);
    steps_close(&steps);
    arena_free(a);
}
END_TEST

/* ---- end ---- */

START_TEST(ends_with_a_line)
{
    Arena *a = arena_new();
    Steps steps = steps_open("f32", true, a);
    float loss = 0.7f;
    int64_t correct = 123456789012;
    Control_f32 control = { 5, 6, 1, { 7, 14 } };
    for (int order = 0; order < ORDERS; order++) {
        guarded report = copied(NULL, ROWS * RESULTS * 8), state = copied(&control, sizeof control);
        const void *const memory[] = { state.bytes, report.bytes, &loss, &correct };
        *steps.order = order;
        steps.launch("end_loss_correct", 1, memory, 4, 9);
        const double *line = (const double *)(const void *)report.bytes;
        ck_assert(line[2] == (double)loss && line[3] == 123456789012.0);
        ck_assert(line[0] != line[0] && line[1] != line[1] && line[4] != line[4]);
        expect_f32(state.bytes, 6, 2, 7);
        ck_assert(guarded_intact(&report) && guarded_intact(&state));
        guarded_free(&report);
        guarded_free(&state);
    }
    steps_close(&steps);
    arena_free(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("steps");
    TCase *t = tcase_create("kernels");
    tcase_add_loop_test(t, gathers_as_the_host, 0, (int)(sizeof kinds / sizeof *kinds));
    tcase_add_test(t, gathers_nothing_without_a_set);
    tcase_add_test(t, ends_with_a_line);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
