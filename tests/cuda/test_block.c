/* tests/cuda/test_block.c: a training step by one block, and many of them in one launch: the states
 * and the report are those of the same steps launch by launch, to the bit, in five orders of
 * threads, with batches of any size, from numbers and from bytes, and wherever states and values
 * have room. */
#include "passes/passes.h"
#include "runtime/base.h"
#include "tests/cuda/guarded.h"
#include "tests/e2e/loaded.h"

enum { ORDERS = 5, CAPACITY = 24, SAMPLES = 61, ELEMS = 12, CLASSES = 5, SCALARS = 3, RESULTS = 2,
       FIRST = 2, ROWS = 7, ROW_BYTES = 24, LINE_BYTES = RESULTS * 8 };

/* Normalisation, a mask and Adam: running statistics, counters and scalars that change. $ is the
 * real type, # the width. */
static const char *const model =
    "seqc.ir 1\nbatch n <= 24\nreal $\nstage shape\n\n"
    "state \"w0\" : $[#,12] param\nstate \"b0\" : $[#] param\n"
    "state \"mean\" : $[#] buffer\nstate \"w1\" : $[5,#] param\nstate \"b1\" : $[5] param\n\n"
    "program \"t\"\nloss \"CrossEntropyLoss()\"\noptimizer \"Adam(lr=0.01)\"\ntarget class 5\nlr 0.01\n"
    "input [12]\noutput [5]\nscalar \"lr\" \"a\"\n"
    "group adam beta1=0.9 beta2=0.999 eps=1e-08 weight_decay=0 amsgrad=0 maximize=0 "
    "{ \"w0\" \"b0\" \"w1\" \"b1\" }\n\ngraph train\n"
    "%0 = input \"x\" : $[n,12]\n%1 = input \"target\" : i64[n]\n"
    "%2 = linear %0, \"w0\", \"b0\" : $[n,#]\n%3 = mean %2 {axes=[0]} : $[#]\n"
    "%4 = map \"mean\", %3 {f=\"a*0.9 + b*0.1\"} : $[#]\n%5 = map %2, %3 {f=\"a - b\"} : $[n,#]\n"
    "%6 = tanh %5 : $[n,#]\n%7 = random {stream=\"3#0\"} : $[n,#]\n"
    "%8 = map %6, %7 {f=\"b < 0.25 ? 0 : a*1.25\"} : $[n,#]\n"
    "%9 = linear %8, \"w1\", \"b1\" : $[n,5]\n%10 = cross_entropy %9, %1 : $[]\n"
    "%11 = correct %9, %1 : i64[]\nupdate \"mean\"=%4\nreturn loss=%10 correct=%11\n";

static char *model_text(const char *real, int width)
{
    char *text = malloc(strlen(model) * 4), *to = text;
    ck_assert(text != NULL);
    for (const char *at = model; *at; at++) {
        if (*at == '$') to += sprintf(to, "%s", real);
        else if (*at == '#' && at[-1] != '3') to += sprintf(to, "%d", width);
        else *to++ = *at;
    }
    *to = '\0';
    return text;
}

typedef void Launch(const char *kernel, int64_t blocks, const void *const *memory, int count,
                    int64_t n);
typedef void RunGraph(int graph, bool changed, int64_t n, const void *const *in, void *const *out,
                      char *state, char *kept, char *arena, char *workers, const void *scalars,
                      uint64_t seed, uint64_t step, void *pool);
typedef void Scalars(const double *lr, double step, double steps, void *to);

typedef struct Code {
    Module *m;
    Replay *replay;
    RunGraph *run;
    Launch *launch;
    Scalars *scalars;
    int *order;
} Code;

static void function(const Replay *r, const char *name, void *to)
{
    void *symbol = emit_symbol(r, name);
    ck_assert_msg(symbol != NULL, "%s", name);
    memcpy(to, &symbol, sizeof symbol);
}

static Code code_open(const char *text, Tier tier, Arena *a)
{
    ParseErr parse;
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%d: %s", parse.line, parse.text);
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE, .tier = tier };
    Code x = { .m = pass_run(m, &c, NULL) };
    x.replay = loaded_open("block", x.m, c.target, "-O1", NULL, a);
    function(x.replay, "seqc_graph", &x.run);
    function(x.replay, "seqc_launch", &x.launch);
    function(x.replay, "seqc_scalars", &x.scalars);
    x.order = emit_symbol(x.replay, "seqc_order");
    ir_module_free(m);
    return x;
}

static void code_close(Code *x)
{
    emit_close(x->replay);
    ir_module_free(x->m);
}

/* ---- a set, rows, and what they share ---- */

typedef struct Step { int64_t at, n; uint64_t step; } Step;
static const Step steps[ROWS] = {
    { 0, 0, 0 }, { 0, 0, 0 }, { 0, 24, 1 }, { 24, 24, 2 }, { 48, 13, 3 }, { 3, 1, 4 }, { 37, 24, 5 },
};

static guarded memory_of(int64_t bytes)
{
    guarded g = guarded_alloc((size_t)bytes);
    ck_assert(g.bytes != NULL);
    return g;
}

/* One number, of float or double. */
static void put(void *to, bool single, int64_t i, double x)
{
    if (single) ((float *)to)[i] = (float)x;
    else ((double *)to)[i] = x;
}

/* What the device has. */
enum { CONTROL, ROW, REPORT, ORDER, X, SPAN, TABLE, Y, X_TO, Y_TO, STATE, ARENA, N_MEMORY };
typedef struct World { guarded at[N_MEMORY]; bool single, bytes; } World;

static double x_value(const World *w, int64_t sample, int64_t k)
{
    int64_t i = sample * ELEMS + k;
    return w->bytes ? (double)(i * 131 % 256) / 255 - 0.5 : 0.001 * (double)(i * 7919 % 1000) - 0.5;
}

static int64_t sample_at(int64_t i) { return i * 29 % SAMPLES; }

static int64_t row_bytes(const World *w)
{
    return (ROW_BYTES + SCALARS * (w->single ? 4 : 8) + 7) / 8 * 8;
}

static void fill_rows(const World *w, const Code *code)
{
    const double lr[] = { 0.01 };
    for (int i = FIRST; i < ROWS; i++) {
        unsigned char *row = w->at[ROW].bytes + i * row_bytes(w);
        memcpy(row, &steps[i], sizeof steps[i]);
        code->scalars(lr, (double)steps[i].step, 10, row + ROW_BYTES);
    }
}

static World world_open(const Code *code, bool single, bool bytes, int64_t arena_bytes)
{
    int64_t real = single ? 4 : 8;
    const int64_t size[N_MEMORY] = {
        [CONTROL] = 24 + SCALARS * real, [REPORT] = ROWS * LINE_BYTES, [ORDER] = SAMPLES * 8,
        [X] = SAMPLES * ELEMS * (bytes ? 1 : real), [SPAN] = 4, [TABLE] = 256 * real,
        [Y] = SAMPLES * 8, [X_TO] = CAPACITY * ELEMS * real, [Y_TO] = CAPACITY * 8,
        [STATE] = code->m->state_bytes, [ARENA] = arena_bytes,
    };
    World w = { .single = single, .bytes = bytes };
    for (int i = 0; i < N_MEMORY; i++) w.at[i] = memory_of(i == ROW ? ROWS * row_bytes(&w) : size[i]);
    const uint64_t control[] = { 99, 0, FIRST };
    const int32_t span = ELEMS;
    memcpy(w.at[CONTROL].bytes, control, sizeof control);
    memcpy(w.at[SPAN].bytes, &span, sizeof span);
    for (int64_t i = 0; i < SAMPLES; i++) {
        int64_t from = sample_at(i), y = i * 3 % CLASSES;
        memcpy(w.at[ORDER].bytes + i * 8, &from, 8);
        memcpy(w.at[Y].bytes + i * 8, &y, 8);
    }
    for (int64_t i = 0; i < SAMPLES * ELEMS; i++) {
        if (bytes) w.at[X].bytes[i] = (unsigned char)(i * 131);
        else put(w.at[X].bytes, single, i, x_value(&w, i / ELEMS, i % ELEMS));
    }
    for (int i = 0; i < 256; i++) put(w.at[TABLE].bytes, single, i, (double)i / 255 - 0.5);
    memset(w.at[STATE].bytes, 0, w.at[STATE].n_bytes);
    for (uint32_t s = 1; s < code->m->n_state; s++) {
        const StateInfo *x = &code->m->state[s];
        for (int64_t i = 0; x->role == ROLE_PARAM && i < ir_elems_at(&x->type.shape, 1); i++)
            put(w.at[STATE].bytes + x->offset_bytes, single, i, 0.01 * (double)(i * 17 % 41) - 0.2);
    }
    fill_rows(&w, code);
    return w;
}

static void world_close(World *w)
{
    for (int i = 0; i < N_MEMORY; i++) {
        ck_assert_msg(guarded_intact(&w->at[i]), "memory %d was written beside", i);
        guarded_free(&w->at[i]);
    }
}

/* ---- launch by launch, and by one block ---- */

/* The steps of the rows by one run of the graph each, with batches from here. */
static void run_each(const Code *code, World *w)
{
    for (int i = FIRST; i < ROWS; i++) {
        const Step *s = &steps[i];
        float loss32;
        double loss64, *line = (double *)(void *)(w->at[REPORT].bytes + i * LINE_BYTES);
        int64_t correct;
        for (int64_t j = 0; j < s->n; j++) {
            int64_t from = sample_at(s->at + j);
            memcpy(w->at[Y_TO].bytes + j * 8, w->at[Y].bytes + from * 8, 8);
            for (int k = 0; k < ELEMS; k++)
                put(w->at[X_TO].bytes, w->single, j * ELEMS + k, x_value(w, from, k));
        }
        const void *const in[] = { w->at[X_TO].bytes, w->at[Y_TO].bytes };
        void *const out[] = { w->single ? (void *)&loss32 : (void *)&loss64, &correct };
        code->run(0, i == FIRST, s->n, in, out, (char *)w->at[STATE].bytes, NULL,
                  (char *)w->at[ARENA].bytes, NULL, w->at[ROW].bytes + i * row_bytes(w) + ROW_BYTES, 99,
                  s->step, NULL);
        line[0] = w->single ? (double)loss32 : loss64;
        line[1] = (double)correct;
    }
}

/* In two launches. */
static void run_whole(const Code *code, World *w)
{
    const void *memory[N_MEMORY + 1 + RESULTS] = { NULL };     /* scalars and results are the rows' */
    for (int i = 0; i < N_MEMORY; i++) memory[i] = w->at[i].bytes;
    if (!w->bytes) memory[TABLE] = NULL;
    code->launch("train_steps", 1, memory, N_MEMORY + 1 + RESULTS, 3);
    code->launch("train_steps", 1, memory, N_MEMORY + 1 + RESULTS, ROWS - FIRST - 3);
}

static void compare(const char *name, int order, const World *want, const World *got)
{
    static const int places[] = { STATE, REPORT };
    for (int i = 0; i < 2; i++) {
        const guarded *a = &want->at[places[i]], *b = &got->at[places[i]];
        for (size_t k = 0; k < a->n_bytes; k++)
            if (a->bytes[k] != b->bytes[k])
                ck_abort_msg("%s, order %d: byte %zu of the %s differs", name, order, k,
                             i ? "report" : "states");
    }
}

static const struct { const char *name, *real; int width; bool bytes, fits; } kinds[] = {
    { "floats", "f32", 20, false, true },      { "bytes", "f32", 37, true, true },
    { "doubles", "f64", 20, false, true },     { "wide", "f32", 600, false, false },
    { "wide in double", "f64", 500, true, false },
};

START_TEST(steps_as_launched)
{
    bool single = kinds[_i].real[1] == '3', bytes = kinds[_i].bytes;
    Arena *a = arena_new();
    char *text = model_text(kinds[_i].real, kinds[_i].width);
    Code launches = code_open(text, TIER_GRAPH, a), block = code_open(text, TIER_BLOCK, a);
    Code once = code_open(text, TIER_AUTO, a);
    ck_assert(block.m->graph[0]->one_block && !launches.m->graph[0]->one_block);
    ck_assert(once.m->graph[0]->one_block == kinds[_i].fits);
    int64_t most = block.m->graph[0]->arena_bytes;
    if (launches.m->graph[0]->arena_bytes > most) most = launches.m->graph[0]->arena_bytes;
    World want = world_open(&launches, single, bytes, most);
    run_each(&launches, &want);
    ck_assert(want.at[STATE].bytes[0] != 0);
    for (int order = 0; order < ORDERS; order++) {
        World steps_of = world_open(&block, single, bytes, most);
        World each = world_open(&block, single, bytes, most);
        *block.order = order;
        run_whole(&block, &steps_of);
        run_each(&block, &each);
        compare(kinds[_i].name, order, &want, &steps_of);
        compare(kinds[_i].name, order, &want, &each);
        int64_t next;
        memcpy(&next, steps_of.at[CONTROL].bytes + 16, sizeof next);
        ck_assert_int_eq(next, ROWS);
        world_close(&steps_of);
        world_close(&each);
    }
    world_close(&want);
    code_close(&launches);
    code_close(&block);
    code_close(&once);
    free(text);
    arena_free(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("block");
    TCase *t = tcase_create("steps");
    tcase_add_loop_test(t, steps_as_launched, 0, (int)(sizeof kinds / sizeof *kinds));
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
