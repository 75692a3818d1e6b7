/* tests/unit/test_ir_verify.c: the verifier finds each invariant that is broken, one at a time, in a
 * module that held before; both checkers of the memory plan find overlaps, each on its own. */
#include "ir/priv.h"
#include "tests/unit/ir_sample.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static Module *sample(void)
{
    ParseErr err;
    Module *m = ir_parse(ir_sample, strlen(ir_sample), &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    return m;
}

static Graph *train(Module *m)
{
    return ir_graph_find(m, "train");
}

/* The node that is printed as %number, to be changed. */
static Node *node(Module *m, int number)
{
    Graph *g = train(m);
    for (uint32_t i = 1; i < g->n_node; i++)
        if (ir_printed_number(g, (Val){i}) == number)
            return &g->node[i];
    ck_abort_msg("no %%%d", number);
}

static Val val(Module *m, int number)
{
    return (Val){(uint32_t)(node(m, number) - train(m)->node)};
}

static Val *operands(Module *m, int number)
{
    return (Val *)(uintptr_t)node(m, number)->in;
}

static Val *members(Module *m, int k)
{
    return (Val *)(uintptr_t)train(m)->kernel[k].member;
}

static Buffer *buffer(Module *m, int i)
{
    return &train(m)->buffer[i];
}

/* ---- one broken invariant each ---- */

static void capacity(Module *m) { m->capacity = 0; }
static void real_type(Module *m) { m->real = DT_i64; }
static void state_batch(Module *m) { m->state[2].type.shape.dim[0].n = true; }
static void state_rank(Module *m) { m->state[2].type.shape.dim[0].k = 0; }
static void no_op(Module *m) { node(m, 5)->op = OP_NONE; }
static void operand_count(Module *m) { node(m, 5)->n_in = 0; }
static void operand_order(Module *m) { operands(m, 5)[0] = val(m, 9); }
static void result_type(Module *m) { node(m, 5)->type.dtype = DT_f64; }
static void reshape_type(Module *m) { node(m, 3)->type.shape.dim[0] = ir_dim(200704); }
static void attr_missing(Module *m) { node(m, 13)->n_attr = 0; }
static void attr_foreign(Module *m) { ((Attr *)(uintptr_t)node(m, 13)->attr)[0].id = AT_axis; }
static void expr_text(Module *m) { ((Attr *)(uintptr_t)node(m, 11)->attr)[0].u.s = "b>0?a:0"; }
static void place_file(Module *m) { node(m, 5)->loc.file = 9; }
static void input_name(Module *m) { node(m, 0)->name = NULL; }
static void input_twice(Module *m) { node(m, 1)->name = node(m, 0)->name; }
static void root_none(Module *m) { train(m)->root[0].val.i = 0; }
static void root_no_name(Module *m) { train(m)->root[0].name = NULL; }
static void root_twice(Module *m) { train(m)->root[1].name = train(m)->root[0].name; }
static void update_type(Module *m) { train(m)->root[4].state.i = 5; }
static void update_twice(Module *m) { train(m)->root[3].state = train(m)->root[2].state; }
static void grad_late(Module *m) { train(m)->root[4].kind = ROOT_GRAD; }
static void state_type(Module *m) { m->state[2].type.dtype = DT_i32; }

static void state_twice(Module *m)
{
    Graph *g = train(m);
    State first = {0};
    for (uint32_t i = 1; i < g->n_node; i++) {
        if (g->node[i].op != OP_state || !ir_type_eq(&g->node[i].type, ir_type(g, val(m, 12))))
            continue;
        if (first.i)
            g->node[i].state = first;
        first = g->node[i].state;
    }
}

static void no_algo(Module *m) { train(m)->kernel[1].algo = ALGO_NONE; }
static void algo_loose(Module *m)
{
    m->math = MATH_strict;
    train(m)->kernel[1].algo = ALGO_bf16x6;
}
static void simt(Module *m, Algo algo, int64_t rows, int64_t high)
{
    Kernel *k = &train(m)->kernel[1];
    k->algo = algo;
    k->tile[0] = k->tile[1] = rows;
    k->micro[0] = k->micro[1] = high;
}
static void simt_tile(Module *m) { simt(m, ALGO_simt, 48, 2); }
static void simt_shared(Module *m) { m->real = DT_f64, simt(m, ALGO_simt, 128, 8); }
static void mma_tile(Module *m) { m->math = MATH_bf16, simt(m, ALGO_mma_bf16, 160, 5); }
static void mma_type(Module *m) { m->real = DT_f64, m->math = MATH_tf32, simt(m, ALGO_mma_tf32, 32, 1); }
static void dots_tile(Module *m) { simt(m, ALGO_simt_dots, 8, 0); }
static void no_back(Module *m) { train(m)->kernel[1].algo = ALGO_gemm_back; }
static void tile_negative(Module *m) { train(m)->kernel[1].tile[0] = -1; }
static void time_infinite(Module *m) { train(m)->kernel[1].us = INFINITY; }
static void member_order(Module *m) { members(m, 0)[0] = members(m, 0)[1]; }
static void member_view(Module *m) { members(m, 1)[0] = val(m, 3); }
static void member_input(Module *m) { members(m, 1)[0] = val(m, 0); }
static void member_kind(Module *m) { train(m)->kernel[1].algo = ALGO_map; }
static void two_roots(Module *m) { members(m, 0)[1] = val(m, 6); }
static void no_root(Module *m) { members(m, 1)[0] = val(m, 5); }
static void computed_twice(Module *m) { members(m, 1)[0] = val(m, 4); }

static void kernel_order(Module *m)
{
    Kernel k = train(m)->kernel[1];
    train(m)->kernel[1] = train(m)->kernel[2];
    train(m)->kernel[2] = k;
}

static void not_computed(Module *m) { train(m)->kernel[4].n_member = 1; }
static void plan_alone(Module *m) { train(m)->has_kernels = false; }
static void below_bound(Module *m) { train(m)->bound_bytes = 200000; }
static void negative_worker(Module *m) { train(m)->worker_bytes = -64; }
static void train_by_sample(Module *m) { train(m)->by_sample = true; }
static void two_buffers(Module *m) { buffer(m, 1)->val = buffer(m, 0)->val; }
static void no_buffer(Module *m) { train(m)->n_buffer = 9; }
static void buffer_unstored(Module *m) { buffer(m, 1)->val = val(m, 4); }
static void first_wrong(Module *m) { buffer(m, 2)->first = 1; }
static void last_early(Module *m) { buffer(m, 0)->last = 1; }
static void last_far(Module *m) { buffer(m, 0)->last = 6; }
static void misaligned(Module *m) { buffer(m, 2)->offset_bytes += 4; }
static void beyond(Module *m) { buffer(m, 2)->offset_bytes = 151552; }
static void too_small(Module *m) { buffer(m, 2)->bytes -= 64; }
static void wrong_result(Module *m) { buffer(m, 4)->out = 1; }
static void update_in_arena(Module *m) { buffer(m, 9)->kind = BUF_ARENA; }
static void arena_in_result(Module *m) { buffer(m, 2)->kind = BUF_OUT; }
static void scratch_long(Module *m) { buffer(m, 6)->last = 3; }
static void in_place_early(Module *m) { buffer(m, 0)->last = 4; }
static void in_place_moved(Module *m) { buffer(m, 3)->offset_bytes = 64; }
static void in_place_result(Module *m) { buffer(m, 3)->in_place_of = val(m, 7); }

static void offset_negative(Module *m) { buffer(m, 2)->offset_bytes = -64; }
static void bytes_odd(Module *m) { buffer(m, 2)->bytes += 4; }
static void bytes_none(Module *m) { buffer(m, 2)->bytes = 0; }
static void end_overflows(Module *m) { buffer(m, 2)->offset_bytes = INT64_MAX - 63; }
static void state_in_arena(Module *m) { buffer(m, 2)->kind = BUF_STATE; }
static void result_in_state(Module *m) { buffer(m, 4)->kind = BUF_STATE; }
static void update_elsewhere(Module *m) { buffer(m, 9)->state.i = 1; }
static void first_negative(Module *m) { buffer(m, 0)->first = -1; }
static void last_before(Module *m) { buffer(m, 2)->last = 1; }
static void buffer_of_none(Module *m) { buffer(m, 2)->val.i = 0; }
static void buffer_far(Module *m) { buffer(m, 2)->val.i = train(m)->n_node; }
static void in_place_far(Module *m) { buffer(m, 3)->in_place_of.i = train(m)->n_node; }
static void in_place_larger(Module *m) { buffer(m, 3)->bytes += 64; }
static void in_place_state(Module *m) { buffer(m, 7)->in_place_of = buffer(m, 3)->val; }
static void arena_negative(Module *m) { train(m)->arena_bytes = -1; }
static void bound_negative(Module *m) { train(m)->bound_bytes = -1; }
static void state_overflows(Module *m) { m->state[2].offset_bytes = INT64_MAX - 63; }

static void taken_twice(Module *m)
{
    buffer(m, 2)->in_place_of = buffer(m, 3)->in_place_of = buffer(m, 1)->val;
    buffer(m, 2)->offset_bytes = buffer(m, 1)->offset_bytes;
}

static void both_roots(Module *m) { ir_return(train(m), "again", train(m)->root[0].val); }
static void dead_member(Module *m) { train(m)->root[1].val = train(m)->root[0].val; }
static void overlap(Module *m) { buffer(m, 2)->offset_bytes = 131072; }
static void scratch_overlap(Module *m) { buffer(m, 6)->offset_bytes = 141312; }
static void state_nowhere(Module *m) { m->state[2].offset_bytes = -1; }
static void state_misaligned(Module *m) { m->state[2].offset_bytes = 401412; }
static void state_overlap(Module *m) { m->state[2].offset_bytes = 401344; }
static void state_beyond(Module *m) { m->state_bytes = 808448; }
static void draw_nothing(Module *m) { m->prog.draw[1].state.i = 0; }
static void scalar_twice(Module *m) { m->prog.scalar[1].name = m->prog.scalar[0].name; }
static void scalar_text(Module *m) { m->prog.scalar[1].f = "d"; }
static void scalar_group(Module *m) { m->prog.scalar[1].group = 1; }
static void schedule_text(Module *m) { m->prog.schedule = "a * d"; }
static void group_rule(Module *m) { m->prog.group[0].rule = "sgdx"; }
static void group_short(Module *m) { m->prog.group[0].n_setting = 3; }
static void group_member(Module *m) { ((State *)(uintptr_t)m->prog.group[0].param)[0].i = 5; }
static void batch_large(Module *m) { m->prog.batch = 257; }

static const struct { void (*spoil)(Module *); const char *says; } broken[] = {
    {capacity, "the batch capacity is 0"},
    {real_type, "the module's real type is i64"},
    {state_batch, "state \"1.bias\" has a batch axis: f32[128n]"},
    {state_rank, "state \"1.bias\": axis 0 has size 0, but sizes are at least 1"},
    {no_op, "graph train: %5 (none): it has no op"},
    {operand_count, "graph train: %5 (relu): it has 0 operands"},
    {operand_order, "graph train: %5 (relu): operand 1 does not stand before it"},
    {result_type, "graph train: %5 (relu): its type is f32[n,128], not f64[n,128]"},
    {reshape_type, "graph train: %3 (reshape): f32[n,1,28,28] cannot become f32[200704,784]: the batch must "
                   "stay a factor"},
    {attr_missing, "graph train: %13 (sum): sum needs attribute axes"},
    {attr_foreign, "graph train: %13 (sum): sum takes no attribute axis"},
    {expr_text, "graph train: %11 (map): the expression \"b>0?a:0\" is not canonical: \"b > 0 ? a : 0\""},
    {place_file, "graph train: %5 (relu): its place names file 9 of 2"},
    {input_name, "graph train: %0 (input): it has no name"},
    {input_twice, "graph train: input \"x\" is there twice"},
    {state_twice, "graph train: state \"1.weight\" has two nodes"},
    {state_type, "graph train: state \"1.bias\": it is f32[128], but the state is i32[128]"},
    {root_none, "graph train: a root names no node"},
    {root_no_name, "graph train: a return has no name"},
    {root_twice, "graph train: result loss is returned twice"},
    {update_type, "graph train: the update of \"mean\" is f32[128], not f32[10]"},
    {update_twice, "graph train: \"1.weight\" has two updates"},
    {grad_late, "graph train: the gradient of \"1.bias\" is still there after fuse"},
    {no_algo, "graph train: k1: it has no algorithm"},
    {algo_loose, "graph train: k1: math strict does not take algorithm bf16x6"},
    {tile_negative, "graph train: k1: a tile is negative"},
    {simt_tile, "graph train: k1: a tile of algorithm simt is 16 times 1 to 8 register tiles"},
    {simt_shared, "graph train: k1: a tile's factors want more than 49152 bytes of shared memory"},
    {mma_tile, "graph train: k1: a tile of algorithm mma_bf16 is 32 times 1 to 4 register tiles"},
    {mma_type, "graph train: k1: tensor cores multiply no f64"},
    {dots_tile, "graph train: k1: a tile of algorithm simt_dots is of one row"},
    {no_back, "graph train: k1: its products are no linear layer's two gradients, with the update "
              "of weights in panels and at most 32 samples"},
    {time_infinite, "graph train: k1: its predicted time is no time"},
    {member_order, "graph train: k0: its members do not ascend"},
    {member_view, "graph train: k1: %3 (reshape) is a view, which no kernel computes"},
    {member_input, "graph train: k1: %0 (input) is given, so no kernel computes it"},
    {member_kind, "graph train: k1: %6 (matmul) cannot be in a kernel of algorithm map"},
    {two_roots, "graph train: k0: it has 2 roots, but algorithm gemm computes one"},
    {no_root, "graph train: k1: nothing in it is what algorithm blas computes"},
    {computed_twice, "graph train: k0: %4 (linear) is computed by several kernels"},
    {kernel_order, "graph train: k1: it reads %6 (matmul), which no kernel before it stores"},
    {not_computed, "graph train: no kernel computes %16 (map)"},
    {plan_alone, "graph train: there are buffers, but no kernels"},
    {below_bound, "graph train: the arena of 151616 bytes is below its lower bound of 200000"},
    {negative_worker, "graph train: a size of the plan is negative"},
    {train_by_sample, "graph train: samples one by one are `infer`'s, where there is an infer_one"},
    {two_buffers, "graph train: %5 has two buffers"},
    {no_buffer, "graph train: %16 is stored by k4, but has no buffer"},
    {buffer_unstored, "graph train: %4 has a buffer, but no kernel stores it"},
    {first_wrong, "graph train: %9 lives from k1 on, but k2 stores it"},
    {last_early, "graph train: %5 lives until k1, but k3 reads it"},
    {last_far, "graph train: %5 lives from k0 to k6 of 6 kernels"},
    {misaligned, "graph train: %9 at 141316, 10240 bytes: not multiples of 64"},
    {beyond, "graph train: %9 ends beyond the arena of 151616 bytes"},
    {too_small, "graph train: %9 has 10176 bytes, but needs 10240"},
    {wrong_result, "graph train: %7 is returned, but does not lie in result 0"},
    {update_in_arena, "graph train: %16 updates \"1.bias\", but does not lie in it"},
    {arena_in_result, "graph train: %9 is no root, but lies in a result"},
    {scratch_long, "graph train: the scratch of k2 lives for several kernels"},
    {in_place_early, "graph train: %11 cannot take over %5: k0..k4 at 0, 131072 bytes"},
    {in_place_moved, "graph train: %11 cannot take over %5: k0..k3 at 0, 131072 bytes"},
    {in_place_result, "graph train: %11 takes the place of a value that is not in the arena"},
    {offset_negative, "graph train: %9 at -64, 10240 bytes: not multiples of 64"},
    {bytes_odd, "graph train: %9 at 141312, 10244 bytes: not multiples of 64"},
    {bytes_none, "graph train: %9 at 141312, 0 bytes: not multiples of 64"},
    {end_overflows, "graph train: %9 ends beyond the arena of 151616 bytes"},
    {state_in_arena, "graph train: %9 is no root, but lies in a state"},
    {result_in_state, "graph train: %7 is returned, but does not lie in result 0"},
    {update_elsewhere, "graph train: %16 updates \"1.bias\", but does not lie in it"},
    {first_negative, "graph train: %5 lives from k-1 to k3 of 6 kernels"},
    {last_before, "graph train: %9 lives from k2 to k1 of 6 kernels"},
    {buffer_of_none, "graph train: buffer 2 holds no value"},
    {buffer_far, "graph train: buffer 2 holds no value"},
    {in_place_far, "graph train: %11 takes the place of a value that is not in the arena"},
    {in_place_larger, "graph train: %11 cannot take over %5: k0..k3 at 0, 131072 bytes"},
    {in_place_state, "graph train: %15 takes the place of a value that is not in the arena"},
    {arena_negative, "graph train: a size of the plan is negative"},
    {bound_negative, "graph train: a size of the plan is negative"},
    {state_overflows, "state \"1.bias\" ends beyond the 808512 bytes of all states"},
    {taken_twice, "graph train: %6 is taken over twice"},
    {both_roots, "graph train: %7 is in two roots, but has one place"},
    {dead_member, "graph train: k2 computes %8 (correct), which no root needs"},
    {overlap, "graph train: sweep: %6 and %9 are both live at k2 and overlap"},
    {scratch_overlap, "graph train: sweep: %9 and the scratch of k2 are both live at k2 and overlap"},
    {state_nowhere, "state \"1.bias\" has no place"},
    {state_misaligned, "state \"1.bias\" lies at 401412, not at a multiple of 64"},
    {state_overlap, "states \"1.weight\" and \"1.bias\" overlap"},
    {state_beyond, "state \"mean\" ends beyond the 808448 bytes of all states"},
    {draw_nothing, "a draw names no state"},
    {scalar_twice, "scalar \"lr\" is defined twice"},
    {scalar_text, "scalar \"bias1\": the expression \"d\" reads more than the 3 operands"},
    {scalar_group, "scalar \"bias1\" reads the learning rate of group 1 of 1"},
    {schedule_text, "schedule: the expression \"a * d\" reads more than the 3 operands"},
    {group_rule, "\"sgdx\" is not a rule of an optimizer"},
    {group_short, "group sgd lacks its setting nesterov"},
    {group_member, "group sgd: \"mean\" has role buffer: no parameter"},
    {batch_large, "the batch of 257 is above the capacity of 256"},
};
enum { N_BROKEN = sizeof broken / sizeof *broken };

START_TEST(sound)
{
    char err[IR_ERR] = "";
    Module *m = sample();
    ck_assert_msg(ir_verify(m, err), "%s", err);
    ir_module_free(m);
}
END_TEST

START_TEST(invariants)
{
    char err[IR_ERR] = "holds";
    Module *m = sample();
    broken[_i].spoil(m);
    ck_assert(!ir_verify(m, err));
    ck_assert_str_eq(err, broken[_i].says);
    ir_module_free(m);
}
END_TEST

/* ---- the two checkers, each alone ---- */

static void check_both(Module *m, const char *sweep, const char *replay)
{
    char err[IR_ERR];
    ck_assert(!ir_verify_sweep(train(m), err));
    ck_assert_str_eq(err, sweep);
    ck_assert(!ir_verify_replay(train(m), err));
    ck_assert_str_eq(err, replay);
    ir_module_free(m);
}

START_TEST(overlap_with_an_operand)
{
    Module *m = sample();
    overlap(m);
    check_both(m, "sweep: %6 and %9 are both live at k2 and overlap",
               "replay: k2 writes over %6 while it reads it");
}
END_TEST

START_TEST(overlap_of_two_results)
{
    Module *m = sample();
    scratch_overlap(m);
    check_both(m, "sweep: %9 and the scratch of k2 are both live at k2 and overlap",
               "replay: k2 writes %9 and something else over it");
}
END_TEST

START_TEST(overlap_with_a_later_operand)
{
    Module *m = sample();
    buffer(m, 1)->offset_bytes = 65536;
    check_both(m, "sweep: %5 and %6 are both live at k1 and overlap",
               "replay: k1 writes over %5 while it reads it");
}
END_TEST

/* In place, but the sweep is told so: only the replay looks at what the kernel reads. */
START_TEST(in_place_of_a_products_operand)
{
    char err[IR_ERR];
    static const char text[] =
        "seqc.ir 1\nbatch n <= 16\nreal f32\nstage plan\n"
        "state \"w\" : f32[4,4] param\n"
        "graph train\n"
        "%0 = input \"x\" : f32[n,4]\n"
        "%1 = relu %0 : f32[n,4]\n"
        "%2 = linear %1, \"w\" : f32[n,4]\n"
        "%3 = relu %2 : f32[n,4]\n"
        "return y=%3\n"
        "kernels train\nk0 a { %1 } map\nk1 b { %2 } gemm\nk2 c { %3 } map\n"
        "buffers train arena 512 bound 256 worker 0\n"
        "%1 @0 256 k0..k1\n%2 @256 256 k1..k2\n%3 out 0 k2..k2\n";
    ParseErr at;
    Module *m = ir_parse(text, strlen(text), &at);
    ck_assert_msg(m != NULL, "%s", at.text);
    Buffer *b = buffer(m, 1);
    b->offset_bytes = 0;
    b->in_place_of = buffer(m, 0)->val;
    ck_assert(ir_verify_sweep(train(m), err));
    ck_assert(!ir_verify_replay(train(m), err));
    ck_assert_str_eq(err, "replay: k1 writes %2 in place of %1, but does not read it element by element");
    ir_module_free(m);
}
END_TEST

/* ---- both gradients of a layer in one kernel ---- */

static const char layer[] =
    "seqc.ir 1\nbatch n <= 16\nreal f32\nstage fuse\n"
    "state \"w\" : f32[20,30]{panel8} param\n"
    "graph train\n"
    "%0 = input \"x\" : f32[n,30]\n"
    "%1 = linear %0, \"w\" : f32[n,20]\n"
    "%2 = relu %1 : f32[n,20]\n"
    "%3 = matmul %2, %0 {ta} : f32[20,30]{panel8}\n"
    "%4 = map \"w\", %3 {f=\"a - b\"} : f32[20,30]{panel8}\n"
    "%5 = matmul %2, \"w\" : f32[n,30]\n"
    "return y=%1 d_x=%5\nupdate \"w\"=%4\n"
    "kernels train\nk0 a { %1 %2 } gemm\n"
    "k1 b { %3 %4 %5 } gemm_back tile 12x24 micro 4x1\n";

static Kernel *both(Module *m) { return &train(m)->kernel[1]; }
static void unspoilt(Module *m) { (void)m; }
static void many_samples(Module *m) { m->capacity = 33; }
static void another_slope(Module *m) { operands(m, 5)[0] = val(m, 1); }
static void never_replaced(Module *m) { train(m)->n_root = 2; }
static void one_gradient(Module *m) { both(m)->n_member = 2; }
static void some_columns(Module *m) { both(m)->tile[1] = 16; }
static void no_strips(Module *m) { both(m)->micro[0] = 0; }
static void short_tile(Module *m) { both(m)->tile[0] = 14; }     /* and one of 2 rows */

static const char no_pair[] = "graph train: k1: its products are no linear layer's two gradients, with "
                              "the update of weights in panels and at most 32 samples";
static const char no_tile[] = "graph train: k1: a tile of algorithm gemm_back has all columns, and no "
                              "fewer rows than its strips";
static const struct {
    void (*spoil)(Module *);
    const char *says;
} back[] = {
    {unspoilt, NULL}, {many_samples, no_pair}, {another_slope, no_pair},
    {never_replaced, no_pair}, {one_gradient, no_pair}, {some_columns, no_tile},
    {no_strips, no_tile}, {short_tile, no_tile},
};

START_TEST(both_gradients)
{
    ParseErr at;
    char err[IR_ERR] = "it holds";
    Module *m = ir_parse(layer, strlen(layer), &at);
    ck_assert_msg(m != NULL, "%s", at.text);
    back[_i].spoil(m);
    bool holds = ir_verify(m, err);
    ck_assert_msg(holds == !back[_i].says, "%s", err);
    if (!holds) ck_assert_str_eq(err, back[_i].says);
    ir_module_free(m);
}
END_TEST

/* ---- maps beside what moves elements ---- */

/* "" where it holds: the kernels of such a graph. */
static const struct { const char *kernels, *says; } moved[] = {
    { "k0 a { %1 } map\nk1 b { %2 %3 } move\nk2 c { %4 %5 } move\nk3 d { %6 } move\n", "" },
    { "k0 b { %1 %2 } move\nk1 c { %3 } map\nk2 d { %4 %5 } move\nk3 e { %6 } move\n",
      "8:1: graph train: k0: %1 (exp) precedes what algorithm move computes" },
    { "k0 a { %1 } map\nk1 b { %2 %3 } move\nk2 c { %4 %5 %6 } move\n",
      "8:1: graph train: k2: it has 3 roots, but algorithm move computes one" },
    { "k0 a { %1 } map\nk1 b { %2 } move\nk2 c { %3 %6 } move\nk3 d { %4 %5 } move\n",
      "8:1: graph train: k2: no map follows increment in its kernel" },
};

START_TEST(maps_that_follow)
{
    char text[1024];
    snprintf(text, sizeof text,
             "seqc.ir 1\nbatch n <= 16\nreal f32\nstage fuse\n"
             "state \"one\" : i64[] buffer\nstate \"two\" : i64[] buffer\nstate \"kept\" : i64[3] buffer\n"
             "graph train\n"
             "%%0 = input \"x\" : f32[n,4]\n"
             "%%1 = exp %%0 : f32[n,4]\n"
             "%%2 = cat %%1, %%0 {axis=1} : f32[n,8]\n"
             "%%3 = relu %%2 : f32[n,8]\n"
             "%%4 = increment \"one\" : i64[]\n"
             "%%5 = increment \"two\" : i64[]\n"
             "%%6 = increment \"kept\" : i64[3]\n"
             "return y=%%3\n"
             "update \"one\"=%%4, \"two\"=%%5, \"kept\"=%%6\n"
             "kernels train\n%s", moved[_i].kernels);
    ParseErr at = { .text = "" };
    Module *m = ir_parse(text, strlen(text), &at);
    ck_assert_str_eq(m ? "" : at.text, moved[_i].says);
    ir_module_free(m);
}
END_TEST

/* ---- maps before a convolution ---- */

/* %1 is read by both convolutions, %2 has an operand for each place; %5 is returned. */
static const struct { const char *kernels, *says; } before[] = {
    { "k0 a { %1 %3 } simt_conv tile 16x16 micro 1x1\nk1 b { %2 } map\nk2 c { %4 } simt_conv tile 16x16 micro 1x1\n"
      "k3 d { %5 } map\nk4 e { %1 %6 } simt_conv tile 16x16 micro 1x1\n", "" },
    { "k0 a { %1 } map\nk1 b { %2 } map\nk2 c { %3 } simt_conv tile 16x16 micro 1x1\n"
      "k3 d { %4 } simt_conv tile 16x16 micro 1x1\nk4 e { %5 } map\nk5 f { %1 %6 } simt_conv tile 16x16 micro 1x1\n",
      "9:1: graph train: k5: %1 (map) precedes the convolution, which does not store it for others" },
    { "k0 a { %1 } map\nk1 b { %3 } simt_conv tile 16x16 micro 1x1\nk2 c { %2 %4 } simt_conv tile 16x16 micro 1x1\n"
      "k3 d { %5 } map\nk4 e { %6 } simt_conv tile 16x16 micro 1x1\n",
      "9:1: graph train: k2: %2 (map) precedes the convolution, and has operands for each place" },
    { "k0 a { %1 %3 } direct\nk1 b { %2 } map\nk2 c { %4 } direct\nk3 d { %5 } map\nk4 e { %6 } direct\n",
      "9:1: graph train: k0: %1 (map) precedes what algorithm direct computes" },
    { "k0 a { %1 } map\nk1 b { %2 } map\nk2 c { %3 } simt_conv tile 16x16 micro 1x1\n"
      "k3 d { %4 } simt_conv tile 16x16 micro 1x1\nk4 e { %5 %6 } simt_conv tile 16x16 micro 1x1\n",
      "9:1: graph train: k4: %5 (map) precedes what algorithm simt_conv computes" },
};

START_TEST(maps_that_precede)
{
    char text[1536];
    snprintf(text, sizeof text,
             "seqc.ir 1\nbatch n <= 16\nreal f32\nstage fuse\n"
             "state \"w\" : f32[2,3,1,1] param\nstate \"mean\" : f32[3,1,1] buffer\n"
             "state \"row\" : f32[4] buffer\n\n"
             "graph train\n"
             "%%0 = input \"x\" : f32[n,3,4,4]\n"
             "%%1 = map %%0, \"mean\" {f=\"a - b\"} : f32[n,3,4,4]\n"
             "%%2 = map %%0, \"row\" {f=\"a - b\"} : f32[n,3,4,4]\n"
             "%%3 = conv %%1, \"w\" : f32[n,2,4,4]\n"
             "%%4 = conv %%2, \"w\" : f32[n,2,4,4]\n"
             "%%5 = map \"w\" {f=\"2*a\"} : f32[2,3,1,1]\n"
             "%%6 = conv %%1, %%5 : f32[n,2,4,4]\n"
             "return a=%%3 b=%%4 c=%%6\n"
             "kernels train\n%s", before[_i].kernels);
    ParseErr at = { .text = "" };
    Module *m = ir_parse(text, strlen(text), &at);
    ck_assert_str_eq(m ? "" : at.text, before[_i].says);
    ir_module_free(m);
}
END_TEST

/* ---- what evaluation keeps ---- */

static const char keeping[] =
    "seqc.ir 1\nbatch n <= 16\nreal f32\nstage plan\n"
    "state \"w\" : f32[64,64] param\n"
    "graph train\n"
    "%0 = input \"x\" : f32[n,64]\n"
    "%1 = exp \"w\" : f32[64,64]\n"
    "%2 = tanh \"w\" : f32[64,64]\n"
    "%3 = linear %0, %1 : f32[n,64]\n"
    "%4 = linear %3, %2 : f32[n,64]\n"
    "return y=%4\n"
    "kernels train\nk0 a { %1 %2 } map\nk1 b { %3 } gemm\nk2 c { %4 } gemm\n"
    "buffers train arena 4160 bound 4160 worker 0\n"
    "%1 kept @0 16384 k0..k1\n%2 kept @16384 16384 k0..k2\n%3 @0 4096 k1..k2\n"
    "%4 out 0 k2..k2\nscratch @4096 64 k1..k1\n";

static void as_it_is(Module *m) { (void)m; }
static void kept_at_end(Module *m, int i)
{
    buffer(m, i)->kind = BUF_KEPT;
    buffer(m, i)->offset_bytes = 32768;
    train(m)->kept_bytes = 32768 + buffer(m, i)->bytes;
}
static void kept_scratch(Module *m) { kept_at_end(m, 4); }
static void of_inputs(Module *m) { kept_at_end(m, 2); }
static void derivatives(Module *m) { train(m)->name = "grad"; }
static void kept_beyond(Module *m) { buffer(m, 1)->offset_bytes = 32768; }
static void kept_in_turns(Module *m) { buffer(m, 1)->offset_bytes = 64; }
static void half_kept(Module *m)
{
    buffer(m, 1)->kind = BUF_ARENA;
    train(m)->arena_bytes = 32768;
}

static const struct { void (*spoil)(Module *); const char *says; } kept[] = {
    {as_it_is, NULL},
    {kept_scratch, "graph train: the scratch of k1 is kept, but does not follow from states and "
                   "constants alone"},
    {of_inputs, "graph train: %3 is kept, but does not follow from states and constants alone"},
    {derivatives, "graph grad: %1 is kept, but does not follow from states and constants alone"},
    {kept_beyond, "graph train: %2 ends beyond the kept memory of 32768 bytes"},
    {kept_in_turns, "graph train: sweep: %1 and %2 are both live at k0 and overlap"},
    {half_kept, "graph train: %2 lies in the arena, but k0 runs once"},
};
enum { N_KEPT = sizeof kept / sizeof *kept };

START_TEST(what_is_kept)
{
    ParseErr at;
    char err[IR_ERR] = "it holds";
    Module *m = ir_parse(keeping, strlen(keeping), &at);
    ck_assert_msg(m != NULL, "%s", at.text);
    kept[_i].spoil(m);
    bool holds = ir_verify(m, err);
    ck_assert_msg(holds == !kept[_i].says, "%s", err);
    if (!holds) ck_assert_str_eq(err, kept[_i].says);
    ir_module_free(m);
}
END_TEST

/* What the replay says of a graph "train" that the verifier never sees: each is spoiled first. */
static void replay_says(const char *graph, void (*spoil)(Module *), const char *says)
{
    char text[2048], err[IR_ERR] = "it holds";
    ParseErr at;
    int n = snprintf(text, sizeof text, "seqc.ir 1\nbatch n <= 16\nreal f32\nstage plan\n"
                     "state \"w\" : f32[4,4] param\nstate \"v\" : f32[4,4] param\n"
                     "graph train\n%%0 = input \"x\" : f32[n,4]\n%s", graph);
    Module *m = ir_parse(text, (size_t)n, &at);
    ck_assert_msg(m != NULL, "%s", at.text);
    ck_assert_msg(ir_verify_replay(train(m), err), "%s", err);
    spoil(m);
    ck_assert(!ir_verify_replay(train(m), err));
    ck_assert_str_eq(err, says);
    ir_module_free(m);
}

static void wider(Module *m) { node(m, 2)->type.dtype = DT_f64; }
static void other_layout(Module *m) { node(m, 2)->type.layout.kind = 1; }
static void other_width(Module *m) { node(m, 2)->type.layout.width = 8; }
static void other_batch(Module *m) { node(m, 2)->type.shape.dim[0].n = false; }
static void other_row(Module *m)
{
    node(m, 2)->type.shape.dim[0].k = 2;
    node(m, 2)->type.shape.dim[1].k = 2;
}

START_TEST(in_place_of_something_else)
{
    static const char says[] =
        "replay: k1 writes %2 in place of %1, but does not read it element by element";
    static const char map[] =
        "%1 = relu %0 : f32[n,4]\n%2 = tanh %1 : f32[n,4]\n%3 = relu %2 : f32[n,4]\nreturn y=%3\n"
        "kernels train\nk0 a { %1 } map\nk1 b { %2 } map\nk2 c { %3 } map\n"
        "buffers train arena 256 bound 256 worker 0\n"
        "%1 @0 256 k0..k1\n%2 @0 256 k1..k2 in %1\n%3 out 0 k2..k2\n";
    static const char row[] =
        "%1 = relu %0 : f32[n,4]\n%2 = softmax %1 {axis=1} : f32[n,4]\n%3 = relu %2 : f32[n,4]\n"
        "return y=%3\n"
        "kernels train\nk0 a { %1 } map\nk1 b { %2 } row\nk2 c { %3 } map\n"
        "buffers train arena 256 bound 256 worker 0\n"
        "%1 @0 256 k0..k1\n%2 @0 256 k1..k2 in %1\n%3 out 0 k2..k2\n";
    replay_says(map, wider, says);
    replay_says(map, other_layout, says);
    replay_says(map, other_width, says);
    replay_says(map, other_batch, says);
    replay_says(row, other_row, says);
    replay_says(row, other_batch, says);
}
END_TEST

static void written_over(Module *m) { buffer(m, 1)->offset_bytes = 0; }
static void partly_over(Module *m) { buffer(m, 1)->offset_bytes = 128; }
static void read_early(Module *m)
{
    Kernel k = train(m)->kernel[0];
    train(m)->kernel[0] = train(m)->kernel[2];
    train(m)->kernel[2] = k;
}
static void both_in_one_state(Module *m) { buffer(m, 1)->state = buffer(m, 0)->state; }

START_TEST(values_that_are_gone)
{
    static const char later[] =
        "%1 = relu %0 : f32[n,4]\n%2 = tanh %0 : f32[n,4]\n%3 = add %1, %2 : f32[n,4]\n"
        "return y=%3\n"
        "kernels train\nk0 a { %1 } map\nk1 b { %2 } map\nk2 c { %3 } map\n"
        "buffers train arena 512 bound 512 worker 0\n"
        "%1 @0 256 k0..k2\n%2 @256 256 k1..k2\n%3 out 0 k2..k2\n";
    static const char states[] =
        "%1 = map \"w\" {f=\"2*a\"} : f32[4,4]\n%2 = map \"v\" {f=\"2*a\"} : f32[4,4]\n"
        "%3 = linear %0, %1 : f32[n,4]\nreturn y=%3\nupdate \"w\"=%1, \"v\"=%2\n"
        "kernels train\nk0 a { %1 } map\nk1 b { %2 } map\nk2 c { %3 } gemm\n"
        "buffers train arena 0 bound 0 worker 0\n"
        "%1 state \"w\" k0..k2\n%2 state \"v\" k1..k1\n%3 out 0 k2..k2\n";
    replay_says(later, written_over, "replay: k2 reads %1, but %2 was written over it");
    replay_says(later, partly_over, "replay: k2 reads %1, but part of it was overwritten");
    replay_says(later, read_early, "replay: k0 reads %1, but nothing was written there");
    replay_says(states, both_in_one_state, "replay: k2 reads %1, which \"w\" does not hold");
}
END_TEST

static const struct { const char *graph, *says; } state_order[] = {
    {"%1 = map \"w\" {f=\"2*a\"} : f32[4,4]\n%2 = linear %0, \"w\" : f32[n,4]\n"
     "return y=%2\nupdate \"w\"=%1\n"
     "kernels t\nk0 a { %1 } map\nk1 b { %2 } gemm\n"
     "buffers t arena 0 bound 0 worker 0\n%1 state \"w\" k0..k0\n%2 out 0 k1..k1\n",
     "6:1: graph t: replay: k1 reads the old \"w\", but k0 has updated it"},
    {"%1 = matmul \"w\", \"w\" : f32[4,4]\n"
     "update \"w\"=%1\n"
     "kernels t\nk0 a { %1 } gemm\n"
     "buffers t arena 0 bound 0 worker 0\n%1 state \"w\" k0..k0\n",
     "6:1: graph t: replay: k0 updates \"w\" while it reads more of it than one element"},
    {"%1 = linear %0, \"w\" : f32[n,4]\n%2 = map \"w\" {f=\"2*a\"} : f32[4,4]\n"
     "return y=%1\nupdate \"w\"=%2\n"
     "kernels t\nk0 b { %1 } gemm\nk1 a { %2 } map\n"
     "buffers t arena 0 bound 0 worker 0\n%2 state \"w\" k1..k1\n%1 out 0 k0..k0\n", NULL},
};

START_TEST(states_are_read_before_they_change)
{
    char text[2048];
    ParseErr err = {0};
    int n = snprintf(text, sizeof text, "seqc.ir 1\nbatch n <= 16\nreal f32\nstage plan\n"
                     "state \"w\" : f32[4,4] param\ngraph t\n%%0 = input \"x\" : f32[n,4]\n%s",
                     state_order[_i].graph);
    Module *m = ir_parse(text, (size_t)n, &err);
    if (state_order[_i].says)
        ck_assert_str_eq(err.text, state_order[_i].says);
    else
        ck_assert_msg(m != NULL, "%s", err.text);
    ir_module_free(m);
}
END_TEST

/* Tiles come from texts that anyone may write; code and memory are cut by them. */
static const struct { const char *op, *kernel, *says; } conv_tiles[] = {
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "patches tile 4x16 micro 2x2", NULL},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "winograd tile 3x1 micro 4x1", NULL},
    {"conv_weight %0, %0 {padding=[1,1,1,1]}", "patches tile 4x18 micro 2x2", NULL},
    {"conv %0, \"g\" {padding=[1,1,1,1] groups=2}", "patches tile 4x16 micro 2x2",
     "algorithm patches does not take this convolution"},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "patches tile 4x20 micro 2x2",
     "a tile of 4 by 20 does not divide its work"},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "patches tile 5x16 micro 2x2",
     "a tile of 5 by 16 does not divide its work"},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "patches tile 4x16 micro 2x65",
     "a register tile of 2 by 65"},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "winograd tile 4x1", "a register tile of 0 by 0"},
    {"conv_weight %0, %0 {padding=[1,1,1,1]}", "patches tile 4x12 micro 2x2",
     "a tile of 4 by 12 does not divide its work"},
    {"conv %0, \"w\" {padding=[1,1,1,1] dilation=[1,1] stride=[3,3]}",
     "winograd tile 4x1 micro 2x2",
     "algorithm winograd has no tile for these taps, strides and paddings"},
    {"conv_weight %0, %0 {padding=[1,1,1,1]}", "winograd tile 4x4 micro 4x1",
     "algorithm winograd has no tile for these taps, strides and paddings, or errs too much for "
     "sums of so few terms"},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "conv_bf16x6 tile 4x2", NULL},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "conv_bf16x6 tile 4x6",
     "a tile of 4 by 6 does not divide its work"},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "conv_bf16x6 tile 3x4",
     "a tile of 3 by 4 does not divide its work"},
    {"conv_weight %0, %0 {padding=[1,1,1,1]}", "conv_bf16x6 tile 3x18", NULL},
    {"conv_weight %0, %0 {padding=[1,1,1,1]}", "conv_bf16x6 tile 4x12",
     "a tile of 4 by 12 does not divide its work"},
    {"conv %0, \"w\" {padding=[1,1,1,1]}", "conv_bf16x3 tile 4x4",
     "math default does not take algorithm conv_bf16x3"},
};

START_TEST(convolutions_are_cut_whole)
{
    char text[2048], says[IR_ERR];
    ParseErr err = {0};
    bool weight = !strncmp(conv_tiles[_i].op, "conv_weight", 11);
    bool strides = strstr(conv_tiles[_i].op, "stride") != NULL;
    int n = snprintf(text, sizeof text, "seqc.ir 1\nbatch n <= 16\nreal f32\nstage fuse\n"
                     "state \"w\" : f32[4,4,3,3] param\nstate \"g\" : f32[4,2,3,3] param\n"
                     "graph t\n%%0 = input \"x\" : f32[n,4,4,4]\n%%1 = %s : %s\nreturn y=%%1\n"
                     "kernels t\nk0 a { %%1 } %s\n", conv_tiles[_i].op,
                     weight ? "f32[4,4,3,3]" : strides ? "f32[n,4,2,2]" : "f32[n,4,4,4]",
                     conv_tiles[_i].kernel);
    Module *m = ir_parse(text, (size_t)n, &err);
    if (conv_tiles[_i].says) {
        snprintf(says, sizeof says, "k0: %s", conv_tiles[_i].says);
        ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
    } else {
        ck_assert_msg(m != NULL, "%s", err.text);
    }
    ir_module_free(m);
}
END_TEST

/* Random plans of a chain: the checkers agree with each other and with comparing all pairs. */
START_TEST(random_plans)
{
    enum { NODES = 12, ROUNDS = 400 };
    char text[4096], err[IR_ERR];
    uint32_t seed = 99;
    int n_good = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int n = snprintf(text, sizeof text, "seqc.ir 1\nbatch n <= 16\nreal f32\nstage plan\ngraph train\n"
                         "%%0 = input \"x\" : f32[n]\n%%1 = relu %%0 : f32[n]\n%%2 = relu %%1 : f32[n]\n");
        int from[NODES + 2] = {0}, last[NODES + 2] = {0}, offset[NODES + 2] = {0};
        last[1] = 1;
        for (int i = 3; i <= NODES; i++) {
            seed = seed * 1664525u + 1013904223u;
            from[i] = 1 + (int)((seed >> 10) % (uint32_t)(i - 1));
            n += snprintf(text + n, sizeof text - (size_t)n, "%%%d = add %%%d, %%%d : f32[n]\n", i, i - 1,
                          from[i]);
            last[i - 1] = last[from[i]] = i - 1;
        }
        n += snprintf(text + n, sizeof text - (size_t)n, "return y=%%%d\nkernels train\n", NODES);
        for (int i = 1; i <= NODES; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "k%d a { %%%d } map\n", i - 1, i);
        Module *m = ir_parse(text, (size_t)n, &(ParseErr){0});
        ck_assert_ptr_nonnull(m);
        Buffer plan[NODES];
        for (int i = 1; i < NODES; i++) {
            seed = seed * 1664525u + 1013904223u;
            offset[i] = 64 * (int)((seed >> 10) % (round % 2 ? 14 : 60));
            plan[i - 1] = (Buffer){.kind = BUF_ARENA, .val = val(m, i), .offset_bytes = offset[i],
                                   .bytes = 64, .first = i - 1, .last = last[i]};
        }
        plan[NODES - 1] = (Buffer){.kind = BUF_OUT, .val = val(m, NODES), .first = NODES - 1, .last = NODES - 1};
        ir_set_plan(train(m), plan, NODES, 64 * 60, 0, 0);
        ck_assert_msg(ir_verify_plan(train(m), err), "%s", err);
        bool apart = true;
        for (int i = 1; i < NODES; i++)
            for (int j = i + 1; j < NODES; j++)
                apart = apart && (offset[i] != offset[j] || last[i] < j - 1);
        ck_assert_int_eq(ir_verify_sweep(train(m), err), apart);
        ck_assert_int_eq(ir_verify_replay(train(m), err), apart);
        n_good += apart;
        ir_module_free(m);
    }
    ck_assert_int_gt(n_good, 10);
    ck_assert_int_lt(n_good, ROUNDS - 10);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ir_verify");
    TCase *t = tcase_create("verify");
    tcase_add_test(t, sound);
    tcase_add_loop_test(t, invariants, 0, N_BROKEN);
    tcase_add_test(t, overlap_with_an_operand);
    tcase_add_test(t, overlap_of_two_results);
    tcase_add_test(t, overlap_with_a_later_operand);
    tcase_add_test(t, in_place_of_a_products_operand);
    tcase_add_loop_test(t, what_is_kept, 0, N_KEPT);
    tcase_add_loop_test(t, both_gradients, 0, (int)(sizeof back / sizeof *back));
    tcase_add_loop_test(t, maps_that_precede, 0, (int)(sizeof before / sizeof *before));
    tcase_add_loop_test(t, maps_that_follow, 0, (int)(sizeof moved / sizeof *moved));
    tcase_add_test(t, in_place_of_something_else);
    tcase_add_test(t, values_that_are_gone);
    tcase_add_loop_test(t, states_are_read_before_they_change, 0, 3);
    tcase_add_loop_test(t, convolutions_are_cut_whole, 0,
                        sizeof conv_tiles / sizeof *conv_tiles);
    tcase_add_test(t, random_plans);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
