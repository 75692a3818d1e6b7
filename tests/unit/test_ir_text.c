/* tests/unit/test_ir_text.c: the text form: it round-trips to the byte, every mistake has its exact
 * message and place, and hostile text is refused without harm (run it under ASan and UBSan). */
#define _POSIX_C_SOURCE 200809L   /* open_memstream */
#include "ir/ir.h"
#include "tests/unit/ir_sample.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static Module *parsed(const char *text, size_t len)
{
    ParseErr err;
    Module *m = ir_parse(text, len, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    return m;
}

START_TEST(round_trip)
{
    Arena *a = arena_new();
    Module *m = parsed(ir_sample, strlen(ir_sample));
    const char *first = ir_print_string(m, a);
    Module *again = parsed(first, strlen(first));
    ck_assert_str_eq(first, ir_print_string(again, a));
    ck_assert_ptr_nonnull(strstr(first, "\n%11 = map %8, %9, %0 {f=\"a/b + c\"}"));
    ck_assert_ptr_nonnull(strstr(first, "{values=[1,-0.5,inf,nan,1e-300,0.125]}"));
    ck_assert_ptr_nonnull(strstr(first, "\nreturn out.put=%11 \"d x\"=%10 z=%1\n"));
    ck_assert_ptr_nonnull(strstr(first, "@ \"a b\\\"\\xff.py\":1:2\n"));
    ck_assert_ptr_nonnull(strstr(first, "\n%11 @0 131072 k3..k5 in %5\n"));
    ir_module_free(m);
    ir_module_free(again);
    arena_free(a);
}
END_TEST

/* What the text says is what the structures hold. */
START_TEST(values)
{
    Module *m = parsed(ir_sample, strlen(ir_sample));
    const Program *p = &m->prog;
    ck_assert_int_eq(m->capacity, 256);
    ck_assert_str_eq(m->stage, "plan");
    ck_assert_int_eq(m->n_state, 6);
    ck_assert(ir_state_find(m, "w\n\x1b#m").i == 3);
    ck_assert_int_eq(ir_state(m, (State){3})->role, ROLE_FROZEN);
    ck_assert_int_eq(ir_state(m, (State){5})->offset_bytes, 808448);
    ck_assert_str_eq(m->file[2], "a b\"\xff.py");
    ck_assert_int_eq(p->target, TARGET_CLASS);
    ck_assert_int_eq(p->n_classes, 10);
    ck_assert(p->lr == 0.1 && p->epochs == 3 && p->seed == 7 && p->batch == 128 && p->drop_last);
    ck_assert_int_eq(p->shuffle, TRI_NO);
    ck_assert_int_eq(p->n_draw, 6);
    ck_assert(p->draw[1].a == -0.035714287310838699 && p->draw[1].elems == 128 * 784);
    ck_assert(isinf(p->draw[3].a) && p->draw[4].elems == 12);
    ck_assert_int_eq(p->group[0].n_setting, 5);   /* maximize by default */
    ck_assert(p->group[0].setting[0].value == 0.9 && p->group[0].param[1].i == 2);
    const Graph *g = ir_graph_find(m, "train");
    ck_assert_int_eq(g->n_kernel, 6);
    ck_assert_int_eq(g->kernel[0].tile[0], 128);
    ck_assert_int_eq(g->kernel[0].micro[1], 2);
    ck_assert_int_eq(g->kernel[5].n_member, 3);
    ck_assert_int_eq(g->n_buffer, 10);
    ck_assert_int_eq(g->buffer[3].in_place_of.i, g->buffer[0].val.i);
    ck_assert_int_eq(g->buffer[6].kind, BUF_SCRATCH);
    ck_assert_int_eq(g->worker_bytes, 64);
    ck_assert_int_eq(g->n_root, 5);
    ck_assert_int_eq(ir_node(g, g->root[0].val)->op, OP_cross_entropy);
    const Graph *odd = ir_graph_find(m, "odd name");
    ck_assert_int_eq(odd->root[3].kind, ROOT_GRAD);
    ck_assert(ir_is(odd, odd->root[3].val, OP_state));
    ir_module_free(m);
}
END_TEST

/* A line alone makes a program. */
START_TEST(least_batch)
{
    static const char text[] = "seqc.ir 1\nbatch n <= 8\nreal f32\nstage shape\n\n"
                               "program\nleast_batch 2\n";
    Arena *a = arena_new();
    Module *m = parsed(text, strlen(text));
    ck_assert_int_eq(m->prog.least_batch, 2);
    ck_assert_str_eq(ir_print_string(m, a), text);
    ir_module_free(m);
    arena_free(a);
}
END_TEST

/* What is done to images, and its mistakes. */
START_TEST(transforms)
{
    static const char head[] = "seqc.ir 1\nbatch n <= 8\nreal f32\nstage shape\n\nprogram\n";
    static const char normalize[] = " normalize channels=3 mean_0=0.5 mean_1=0.4 mean_2=0.3 "
                                    "std_0=0.25 std_1=1 std_2=2\n";
    static const struct { const char *lines, *says; } wrong[] = {
        {"transform all to_tensor\n", "7:11: 'all' is not train or test"},
        {"transform test to_tenser\n", "7:16: 'to_tenser' is not a transform; did you mean 'to_tensor'?"},
        {"transform train normalize channels=4 mean_0=0 mean_1=0 mean_2=0 std_0=1 std_1=1 "
         "std_2=1\n",
         "7:17: transform normalize: channels is a whole number from 1 to 3"},
        {"transform train normalize channels=1 mean_0=0 mean_1=0 mean_2=0 std_0=0 std_1=1 "
         "std_2=1\n",
         "7:17: transform normalize: std_0 is a number from 1e-30 to 1e+30"},
        {"data \"CIFAR10\" \"my data\"\n", "7:16: expected 'root'"},
        {"transform train normalize mean_0=0\n", "7:27: expected 'channels', found 'mean_0'"},
        {"transform train to_tensor\ntransform train to_tensor\n",
         "transform to_tensor stands after to_tensor"},
        {"transform test normalize channels=1 mean_0=0 mean_1=0 mean_2=0 std_0=1 std_1=1 "
         "std_2=1\n",
         "transform normalize stands before to_tensor"},
    };
    Arena *a = arena_new();
    const char *text = arena_printf(a, "%sdata \"CIFAR10\" root \"my data\"\ntransform train to_tensor\n"
                                       "transform train%stransform test to_tensor\n", head,
                                    normalize);
    Module *m = parsed(text, strlen(text));
    ck_assert_str_eq(m->prog.data, "CIFAR10");
    ck_assert_str_eq(m->prog.root, "my data");
    ck_assert_int_eq(m->prog.n_transform, 3);
    ck_assert(m->prog.transform[1].kind == TRANSFORM_NORMALIZE && !m->prog.transform[1].test);
    ck_assert(m->prog.transform[1].value[4] == 0.25 && m->prog.transform[2].test);
    ck_assert_str_eq(ir_print_string(m, a), text);
    Module *copy = ir_module_like(m);
    ck_assert_str_eq(ir_print_string(copy, a), text);
    ir_module_free(copy);
    ir_module_free(m);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ParseErr err;
        text = arena_printf(a, "%s%s", head, wrong[i].lines);
        ck_assert_ptr_null(ir_parse(text, strlen(text), &err));
        ck_assert_msg(strstr(err.text, wrong[i].says) != NULL, "%s", err.text);
    }
    arena_free(a);
}
END_TEST

START_TEST(copies_print_the_same)
{
    Arena *a = arena_new();
    Module *m = parsed(ir_sample, strlen(ir_sample)), *copy = ir_module_like(m);
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        Val *map = arena_alloc(a, g->n_node, sizeof *map);
        Graph *to = ir_graph_add(copy, g->name);
        ir_copy_graph(to, g, map);
        ck_assert_uint_eq(to->n_node, g->n_node);
    }
    const char *want = ir_print_string(m, a), *have = ir_print_string(copy, a);
    const char *kernels = strstr(want, "kernels train");
    ck_assert(!strncmp(want, have, (size_t)(kernels - want)));
    const char *next = strstr(want, "\ngraph \"odd name\"");
    ck_assert_str_eq(strstr(have, "\ngraph \"odd name\""), next);
    ir_module_free(m);
    ir_module_free(copy);
    arena_free(a);
}
END_TEST

START_TEST(only_named_graphs)
{
    const char *const names[] = {"odd name", NULL};
    char *text = NULL;
    size_t len = 0;
    Module *m = parsed(ir_sample, strlen(ir_sample));
    FILE *f = open_memstream(&text, &len);
    ir_print(m, f, names);
    fclose(f);
    ck_assert_ptr_null(strstr(text, "graph train"));
    ck_assert_ptr_nonnull(strstr(text, "graph \"odd name\""));
    free(text);
    ir_module_free(m);
}
END_TEST

static const struct { const char *from, *to, *says; } mistake[] = {
    {"seqc.ir 1\n", "seqc.ir 2\n", "1:9: this is version 2 of the text; version 1 is understood"},
    {"seqc.ir 1\n", "hello\n", "1:1: the text does not begin with: seqc.ir 1"},
    {"file \"net.py\"", "file net.py", "2:6: expected a file name in quotes, found 'net'"},
    {"file \"net.py\"", "file \"net.py", "2:6: the string has no closing quote on its line"},
    {"file \"net.py\"", "file \"a/net.py\"", "2:1: a file is named by its base name, without '/'"},
    {"file \"net.py\"\n",
     "file \"net.py\"\nfile \"net.py\"\n",
     "3:1: file \"net.py\" is named twice"},
    {"batch n <= 256",
     "batch n <= 0",
     "4:12: the batch is 0, but must lie between 1 and 2147483647"},
    {"batch n <= 256", "batch n < 256", "4:11: expected '=', found '256'"},
    {"real f32", "real f16", "5:6: 'f16' is not a real type (f32 f64); did you mean 'f32'?"},
    {"real f32", "real f32\nmath quick",
     "6:6: 'quick' is not a precision mode (default strict fast bf16)"},
    {"stage plan",
     "stange plan",
     "6:1: expected a line: file, batch, real, math, stage, state, program or graph, found 'stange'; "
     "did you mean 'stage'?"},
    {"f32[128] param         @",
     "g32[128] param         @",
     "9:22: 'g32' is not an element type (f32 f64 i64 i32 u8)"},
    {"f32[128] param         @", "f32[128,] param         @", "9:30: expected a size, found ']'"},
    {"f32[128] param         @", "f32[n] param         @", "9:22: a state has no batch axis"},
    {"f32[128] param         @",
     "f32[128] parm         @",
     "9:31: 'parm' is not a role (param frozen buffer optimizer); did you mean 'param'?"},
    {"f32[128] param         @",
     "f32[99999999999999] param         @",
     "9:26: a size is 99999999999999, but must lie between 1 and 70368744177664"},
    {"f32[128] param         @",
     "f32[128]{tile4} param         @",
     "9:31: 'tile4' is not a layout with its width (panel32, c16)"},
    {"\"mean\"       : f32[10] buffer",
     "\"1.bias\"       : f32[10] buffer",
     "12:7: state \"1.bias\" is there already"},
    {"\"mean\"       : f32[10]",
     "\"me\\qan\"       : f32[10]",
     "12:10: expected one of the escapes \\\" \\\\ \\n \\xHH"},
    {"\"mean\"       : f32[10]",
     "\"me\\x00an\"       : f32[10]",
     "12:10: a string cannot hold \\x00"},
    {"@ net.py:10:5\nmetric",
     "@ nat.py:10:5\nmetric",
     "28:60: no line above says: file \"nat.py\""},
    {"target class 10", "target class 10 10", "17:17: expected 'ignore', found '10'"},
    {"target class 10", "target class 10 ignore -9007199254740993",
     "17:24: the ignored label is -9007199254740993, but must lie between -9007199254740992 and "
     "9007199254740992"},
    {"target class 10",
     "target klass 10",
     "17:8: 'klass' is not a target (none class index real); did you mean 'class'?"},
    {"lr 0.1\n", "lr fast\n", "18:4: expected a learning rate, found 'fast'"},
    {"shuffle no", "shuffle maybe", "22:9: 'maybe' is not yes or no"},
    {"metric accuracy",
     "metric acuracy",
     "29:8: 'acuracy' is not a metric (accuracy mae r2); did you mean 'accuracy'?"},
    {"draw \"1.bias\" normal", "draw normal", "32:6: normal needs a state before it"},
    {"draw \"mean\" constant", "draw \"mode\" constant", "33:6: no state has the key \"mode\""},
    {"draw skip_normal 0", "draw skip_normal 0\nload 1 strict file \"k\"",
     "36:15: expected a file's name in quotes, found 'file'"},
    {"draw skip_normal 0", "draw skip_normal 0\nload 1 \"f\" \"k\" \"nothing\"",
     "36:16: no state has the key \"nothing\""},
    {"draw skip_normal 0",
     "draw skip_normal -1",
     "35:18: the number of elements is -1, but must lie between 0 and 9223372036854775807"},
    {"scalar \"bias1\" \"1 - pow(0.9, b)\"",
     "scalar \"bias1\" \"1 - pow(0.9, d)\"",
     "37:8: scalar \"bias1\": the expression \"1 - pow(0.9, d)\" reads more than the 3 operands"},
    {"lr 0.1\n", "lr 0.1\nclip_norm 0\n",
     "19:11: gradients are clipped to a number above 0"},
    {"lr 0.1\n", "lr 0.1\nschedule epoch \"a * d\"\n",
     "19:16: schedule: the expression \"a * d\" reads more than the 3 operands"},
    {"lr 0.1\n", "lr 0.1\nschedule month \"a\"\n",
     "19:10: 'month' is not epoch or step"},
    {"lr 0.1\n", "lr 0.1\nplateau factor=0.1 patience=-1\n",
     "19:20: patience must be finite and not below 0"},
    {"group sgd ", "group sgd lr=-1 ",
     "38:7: a learning rate is not below 0"},
    {"dampening=0 ", "dampening=\"d\" ",
     "38:7: dampening: the expression \"d\" reads more than the 3 operands"},
    {"dampening=0 ", "damping=0 ", "38:7: group sgd has no setting damping"},
    {"dampening=0 ", "momentum=0 ", "38:7: group sgd sets momentum twice"},
    {"group sgd", "group sdg", "38:7: \"sdg\" is not a rule of an optimizer"},
    {"{ \"1.weight\" \"1.bias\" }",
     "{ \"1.weight\" \"mean\" }",
     "38:7: group sgd: \"mean\" has role buffer: no parameter"},
    {"batch 128", "batch 300", "19:7: the batch is 300, but must lie between 1 and 256"},
    {"graph \"odd name\"", "graph train", "79:7: graph train is there already"},
    {"%5  = relu %4", "%5  = rellu %4", "46:7: 'rellu' is not an op; did you mean 'relu'?"},
    {"%5  = relu %4", "%5  = relu %40", "46:12: %40 is not defined above in graph train"},
    {"%5  = relu %4", "%4  = relu %4", "46:1: %4 is defined twice"},
    {"%5  = relu %4", "%5  = relu %4, %4", "46:7: relu takes 1 operand, not 2"},
    {"%5  = relu %4",
     "%5  = relu 4",
     "46:12: expected an operand, '{' or ':' and the type, found '4'"},
    {"%5  = relu %4", "%5  = relu \"nope\"", "46:12: no state has the key \"nope\""},
    {"%5  = relu %4",
     "5  = relu %4",
     "46:1: expected a node (%number = \342\200\246) or a root (return, grad, update), found '5'"},
    {"%5  = relu %4",
     "%5  = state \"1.bias\"",
     "46:7: a state is written as its key in quotes where it is read"},
    {"%5  = relu %4                                      : f32[n,128]",
     "%5  = relu %4                                      : f32[n,127]",
     "46:7: relu: its type is f32[n,128], not f32[n,127]"},
    {"%5  = relu %4                                      : f32[n,128]",
     "%5  = relu %4                                      : f32[n,128] extra",
     "46:65: expected the end of the line, found 'extra'"},
    {"%5  = relu %4 ", "%5  = relu %4 {axis=1}", "46:16: relu has no attribute 'axis'"},
    {"{axes=[0]}                           :",
     "{axis=[0]}                           :",
     "54:16: sum has no attribute 'axis'; did you mean 'axes'?"},
    {"{axes=[0]}                           :",
     "                           :",
     "54:7: sum needs attribute axes"},
    {"{axes=[0]}                           :",
     "{axes=0}                           :",
     "54:21: expected '[', found '0'"},
    {"{axes=[0]}                           :",
     "{axes=[0] axes=[0]}                           :",
     "54:25: attribute axes is given twice"},
    {"{f=\"b > 0 ? a : 0\"}",
     "{f=\"b > 0 ? a\"}",
     "52:7: the expression \"b > 0 ? a\": column 10: expected ':', found the end"},
    {"{f=\"b > 0 ? a : 0\"}",
     "{f=\"c\"}",
     "52:7: the expression \"c\" reads more than the 2 operands"},
    {"%1  = input \"target\"                               : i64[n]",
     "%1  = input \"x\"                                    : i64[n]",
     "42:13: input \"x\" is there already"},
    {"%2  = scalar \"lr\"                                  : f32[]",
     "%2  = scalar \"lr\"                                  : f64[]",
     "43:14: a scalar has type f32[]"},
    {"return loss=%7", "return loss=%77", "58:13: %77 is not defined above in graph train"},
    {"return loss=%7 correct=%8",
     "return loss=%7 loss=%8",
     "40:1: graph train: result loss is returned twice"},
    {"\"1.weight#m\"=%14, \"1.bias\"=%16",
     "\"1.weight#m\"=%14, \"1.bias\"=%15",
     "59:42: the update of \"1.bias\" is f32[128,784], not f32[128]"},
    {"update \"1.weight\"=%15, \"1.weight#m\"",
     "update \"1.weight\"=%15, \"1.weight\"",
     "40:1: graph train: \"1.weight\" has two updates"},
    {"kernels train", "kernels eval", "60:9: kernels eval must follow its graph"},
    {"k1 matmul", "k2 matmul", "62:1: kernels are numbered in order: this one is k1"},
    {"{ %6 } blas", "{ %6 } bals", "62:18: 'bals' is not an algorithm; did you mean 'blas'?"},
    {"{ %6 } blas", "{ %66 } blas", "62:13: %66 is not defined above in graph train"},
    {"{ %6 } blas",
     "{ %5 %6 } blas",
     "40:1: graph train: k1: %5 (relu) precedes what algorithm blas computes"},
    {"{ %6 } blas", "{ \"1.bias\" } blas", "62:13: expected a value (%number), found '\"'"},
    {"tile 14x64", "tile 14", "66:43: expected 'x', found the end of the line"},
    {"takes 310 us", "takes 310", "61:63: expected 'us', found the end of the line"},
    {"takes 310 us", "takes long", "61:60: expected the predicted time, found 'long'"},
    {"takes 310 us", "takes -1 us", "40:1: graph train: k0: its predicted time is no time"},
    {"takes 310 us", "takes nan us", "40:1: graph train: k0: its predicted time is no time"},
    {"%9 @141312 10240 k2..k3", "%9 @141312 10240 k2..k9", "70:22: k9 is not one of the 6 kernels"},
    {"%9 @141312 10240 k2..k3",
     "%9 @131072 10240 k2..k3",
     "40:1: graph train: sweep: %6 and %9 are both live at k2 and overlap"},
    {"k0 linear_relu { %4 %5 }",
     "k0 linear_relu { %4 %5",
     "61:24: expected a value (%number), found 'gemm'"},
    {"%8 out 1 k2..k2", "%8 oot 1 k2..k2", "73:4: expected @offset, kept, state or out, found 'oot'"},
    {"arena 151616 bound", "aren 151616 bound", "67:15: expected 'arena', found 'aren'"},
    {"\"1.bias\" @401408",
     "\"1.bias\" @401408\n\"1.bias\" @401408",
     "98:1: state \"1.bias\" has its place already"},
    {"\"1.bias\" @401408", "\"1.bios\" @401408", "97:1: no state has the key \"1.bios\""},
    {"\"1.bias\" @401408", "\"1.bias\" @401344", "1:1: states \"1.weight\" and \"1.bias\" overlap"},
    {"stage plan\n",
     "stage plan\nprogramm \"x\"\n",
     "7:1: expected a line: file, batch, real, math, stage, state, program or graph, found "
     "'programm'; did you mean 'program'?"},
    {"%0  = input \"x\" ", "%0  = input ", "41:48: expected its name in quotes, found ':'"},
    {"real f32", "real f32\001", "5:9: expected the end of the line, found byte 0x01"},
    {"input [1,28,28]", "input [n,28,28]", "24:7: the shape of one sample has no batch axis"},
    {"input [1,28,28]", "input [1,2,3,4,5,6,7]", "24:20: a shape has at most 6 axes"},
    {"f32[10] buffer",
     "f32[3037000500,3037000500] buffer",
     "12:22: the type has more than 2^46 elements in a batch of 256"},
    {"%5  = relu %4",
     "%5  = relu %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %4, %"
     "4, %4, %4, %4, %4, %4, %4, %4, %4",
     "46:116: a node has at most 26 operands"},
    {"lr 0.1\n", "lr 1e400\n", "18:4: expected a learning rate, found '1e400'"},
    {"lr 0.1\n", "lr -\n", "18:4: expected a learning rate, found '-'"},
    {"lr 0.1\n",
     "lr 0.1\nplateau factor=1e301 patience=1\n",
     "19:9: factor must be finite and not below 0"},
    {"real f32",
     "real ffffffffffffffffffffffffffffffffffffffffffffffffff",
     "5:6: 'ffffffffffffffffffffffffffffffffffffffff' is not a real type (f32 f64)"},
    {"%5  = relu %4",
     "%5  = rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr %4",
     "46:7: 'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr' is not an op"},
    {"{axes=[0]}                           :",
     "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=[0]}                  "
     "         :",
     "54:16: sum has no attribute 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"},
    {"%1  = input \"target\"                               : i64[n]",
     "%1  = input \"target\"                               : i64[n]{pppppppppppppppppppppp"
     "pppppppppppppppppppppppppppp}",
     "42:61: 'pppppppppppppppppppppppppppppppppppppppp' is not a layout with its width (pa"
     "nel32, c16)"},
    {"%0  = input \"x\"                                    : f32[n,1,28,28]",
     "%0  = input \"x\"                                    : f32[n,1,28,28]{c16}",
     "41:13: an input of f32 lies plain"},
    {"stage plan\n",
     "stage plan\nzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n",
     "7:1: expected a line: file, batch, real, math, stage, state, program or graph, found 'zzzz"
     "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz'"},
    {"shuffle no", "shuffle maybe", "22:9: 'maybe' is not yes or no"},
    {"\"w\\n\\x1b#m\"  : f32",
     "\"w\\xZ\"  : f32",
     "10:9: expected one of the escapes \\\" \\\\ \\n \\xHH"},
    {"draw \"mean\" constant -inf",
     "draw \"mean\" cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
     "33:13: 'cccccccccccccccccccccccccccccccccccccccc' is not a draw"},
    {"kernels train",
     "kernels train\nstates\nstates arena",
     "61:1: expected a kernel (k0 \342\200\246), buffers or a graph, found 'states'; did y"
     "ou mean 'state'?"},
    {"stage plan\n",
     "stage plan\nkernels train\n",
     "7:1: expected a line: file, batch, real, math, stage, state, program or graph, found 'kernels'"},
};
enum { N_MISTAKES = sizeof mistake / sizeof *mistake };

START_TEST(mistakes)
{
    size_t len = strlen(ir_sample);
    const char *at = strstr(ir_sample, mistake[_i].from);
    ck_assert_ptr_nonnull(at);
    size_t before = (size_t)(at - ir_sample), from = strlen(mistake[_i].from), to = strlen(mistake[_i].to);
    char *text = malloc(len + to + 1);
    memcpy(text, ir_sample, before);
    memcpy(text + before, mistake[_i].to, to);
    memcpy(text + before + to, at + from, len - before - from + 1);
    ParseErr err;
    Module *m = ir_parse(text, len - from + to, &err);
    ck_assert_ptr_null(m);
    ck_assert_str_eq(err.text, mistake[_i].says);
    free(text);
}
END_TEST

/* `count` lines, "%d" in them their number, in front of `before` in the sample. */
static void too_many(const char *before, const char *line, int count, const char *says)
{
    const char *at = strstr(ir_sample, before);
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    fwrite(ir_sample, 1, (size_t)(at - ir_sample), f);
    for (int i = 0; i < count; i++)
        fprintf(f, line, 2000 + i, i);
    fputs(at, f);
    fclose(f);
    ParseErr err;
    ck_assert_ptr_null(ir_parse(text, len, &err));
    ck_assert_str_eq(err.text, says);
    free(text);
}

START_TEST(counts)
{
    too_many("batch n", "file \"%d\"\n", 999, "1002:1: there are more than 1000 files");
    too_many("graph \"odd name\"", "graph g%d\n", 64, "142:7: there are more than 64 graphs");
    too_many("%2  = scalar", "%%%d = scalar \"s%d\" : f32[]\n", 1000,
             "1041:16: a graph has at most 1000 inputs and scalars");
    too_many("stage plan", "file \"f\"\nfile \"f%d\"\n", 2, "8:1: file \"f\" is named twice");
}
END_TEST

/* ---- hostile text ---- */

static void draw_views(const Module *m)
{
    FILE *f = fopen("/dev/null", "w");
    ck_assert_ptr_nonnull(f);
    ir_print_dot(m, f, NULL);
    ir_print_svg(m, f, NULL);
    ir_print_json(m, f, NULL);
    ir_print_table(m, f, NULL);
    fclose(f);
}

/* Whatever comes out of a mutated text must print and read back; exact copies end at the last byte, so
 * that ASan sees one read too many. */
static void survives(const char *text, size_t len)
{
    ParseErr err;
    char *exact = malloc(len ? len : 1);
    memcpy(exact, text, len);
    Module *m = ir_parse(exact, len, &err);
    free(exact);
    if (!m) {
        ck_assert(err.line > 0 && err.col > 0 && *err.text);
        return;
    }
    Arena *a = arena_new();
    const char *first = ir_print_string(m, a);
    draw_views(m);
    Module *again = ir_parse(first, strlen(first), &err);
    ck_assert_msg(again != NULL, "%s", err.text);
    ck_assert_str_eq(first, ir_print_string(again, a));
    ir_module_free(again);
    ir_module_free(m);
    arena_free(a);
}

START_TEST(every_truncation)
{
    for (size_t len = 0; len <= strlen(ir_sample); len++)
        survives(ir_sample, len);
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

START_TEST(random_changes)
{
    static const char likely[] = "0123456789%\"{}[]@:=,.nkx# \n-ef";
    size_t len = strlen(ir_sample);
    char *text = malloc(len);
    uint32_t seed = 12345;
    for (int round = 0; round < 4000; round++) {
        memcpy(text, ir_sample, len);
        for (uint32_t changes = 1 + next_random(&seed) % 3; changes > 0; changes--) {
            size_t at = next_random(&seed) % len;
            text[at] = round % 2 ? likely[next_random(&seed) % (sizeof likely - 1)]
                                 : (char)next_random(&seed);
        }
        survives(text, len);
    }
    free(text);
}
END_TEST

/* Lines swapped, doubled and dropped: well-formed pieces in wrong places. */
START_TEST(random_lines)
{
    size_t len = strlen(ir_sample), n = 0;
    const char *line[256];
    size_t size[256];
    for (const char *at = ir_sample; *at; at += size[n++]) {
        line[n] = at;
        size[n] = (size_t)(strchr(at, '\n') + 1 - at);
    }
    char *text = malloc(len * 3);
    uint32_t seed = 777;
    for (int round = 0; round < 2000; round++) {
        size_t skip = next_random(&seed) % n, twice = next_random(&seed) % n, put = next_random(&seed) % n;
        size_t out = 0;
        for (size_t i = 0; i < n; i++) {
            if (i == put) {
                memcpy(text + out, line[twice], size[twice]);
                out += size[twice];
            }
            if (i == skip && round % 3)
                continue;
            memcpy(text + out, line[i], size[i]);
            out += size[i];
        }
        survives(text, out);
    }
    free(text);
}
END_TEST

START_TEST(long_text)
{
    enum { NODES = 20000 };
    Arena *a = arena_new();
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    fputs("seqc.ir 1\nbatch n <= 4\ngraph g\n%0 = input \"x\" : f32[n]\n", f);
    for (int i = 1; i < NODES; i++)
        fprintf(f, "%%%d = relu %%%d : f32[n]\n", i, i - 1);
    fprintf(f, "return y=%%%d\n", NODES - 1);
    fclose(f);
    Module *m = parsed(text, len);
    ck_assert_uint_eq(ir_graph_find(m, "g")->n_node, NODES + 1);
    const char *printed = ir_print_string(m, a);
    ck_assert_ptr_nonnull(strstr(printed, "return y=%19999\n"));
    ir_module_free(m);
    arena_free(a);
    free(text);
}
END_TEST

/* ---- views ---- */

static char *view(void (*print)(const Module *, FILE *, const char *const *))
{
    char *text = NULL;
    size_t len = 0;
    Module *m = parsed(ir_sample, strlen(ir_sample));
    FILE *f = open_memstream(&text, &len);
    print(m, f, NULL);
    fclose(f);
    for (size_t i = 0; i < len; i++)
        ck_assert_msg((unsigned char)text[i] < 0x7f && (text[i] >= ' ' || text[i] == '\n'),
                      "byte %zu is 0x%02x", i, (unsigned char)text[i]);
    ir_module_free(m);
    return text;
}

static int balance(const char *text, char open, char close)
{
    int depth = 0;
    bool quoted = false;
    for (; *text; text++) {
        if (quoted && *text == '\\')
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (*text == open) - (*text == close);
    }
    return depth;
}

START_TEST(views)
{
    char *json = view(ir_print_json), *dot = view(ir_print_dot), *svg = view(ir_print_svg);
    char *table = view(ir_print_table);
    ck_assert_int_eq(balance(json, '{', '}'), 0);
    ck_assert_int_eq(balance(json, '[', ']'), 0);
    ck_assert_ptr_nonnull(strstr(json, "{\"id\":13,\"op\":\"sum\",\"in\":[11],\"attrs\":{\"axes\":[0]},"
                                       "\"dtype\":\"f32\",\"shape\":[128],"));
    ck_assert_ptr_nonnull(strstr(json, "\"w\\u000a\\u001b#m\""));
    ck_assert_ptr_nonnull(strstr(json, "[1,-0.5,\"inf\",\"nan\",1e-300,0.125]"));
    ck_assert_int_eq(balance(dot, '{', '}'), 0);
    ck_assert_ptr_nonnull(strstr(dot, "label=\"k4 sum_map (reduce)\""));
    ck_assert_ptr_nonnull(strstr(dot, "[label=\"[n,1,28,28]\"]"));
    ck_assert_ptr_nonnull(strstr(svg, "</svg>"));
    ck_assert_ptr_nonnull(strstr(svg, "b &gt; 0 ? a : 0</text>"));
    ck_assert_ptr_nonnull(strstr(svg, "update &quot;1.weight#m&quot;"));
    ck_assert_ptr_nonnull(strstr(table, "6 kernels, 105 MFLOP"));
    free(json);
    free(dot);
    free(svg);
    free(table);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ir_text");
    TCase *t = tcase_create("text");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, values);
    tcase_add_test(t, least_batch);
    tcase_add_test(t, transforms);
    tcase_add_test(t, copies_print_the_same);
    tcase_add_test(t, only_named_graphs);
    tcase_add_loop_test(t, mistakes, 0, N_MISTAKES);
    tcase_add_test(t, counts);
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, random_changes);
    tcase_add_test(t, random_lines);
    tcase_add_test(t, long_text);
    tcase_add_test(t, views);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
