/* tests/unit/test_frontend.c: what a model file becomes. Expected texts and numbers are written
 * by hand from PyTorch's documentation, not taken from the compiler. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/frontend.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static FeOpts opts;

static Module *compile(const char *text)
{
    FeDiags *d = fe_diags_new();
    if (opts.real == DT_NONE) opts.real = DT_f32;
    Module *m = fe_compile("dir/net.py", text, strlen(text), &opts, d);
    if (!m) fe_diags_text(d, stderr, false);
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(fe_error_count(d), 0);
    fe_diags_free(d);
    opts = (FeOpts){ .real = DT_f32 };
    return m;
}

/* Not inlined: gcc 12 would take what open_memstream returns for a pointer to the local variable. */
__attribute__((noinline)) static char *printed(const Module *m, const char *graph)
{
    const char *const names[] = { graph, NULL };
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    ir_print(m, out, names);
    fclose(out);
    return text;
}

/* The text of one graph without what stands before it. */
static void check_graph(const Module *m, const char *graph, const char *expected)
{
    char *text = printed(m, graph);
    ck_assert_ptr_nonnull(strstr(text, "\ngraph "));
    ck_assert_str_eq(strstr(text, "\ngraph ") + 1, expected);
    free(text);
}

static void check_has(const Module *m, const char *graph, const char *part)
{
    char *text = printed(m, graph);
    ck_assert_msg(strstr(text, part) != NULL, "no `%s` in\n%s", part, text);
    free(text);
}

static const char fashion[] =
    "import torch\nfrom torch import nn, optim\n\ntorch.manual_seed(1)\nbatch_size = 256\n\n"
    "model = nn.Sequential(\n    nn.Flatten(),\n    nn.Linear(784, 128),\n    nn.ReLU(),\n"
    "    nn.Linear(128, 10),\n)\ninput_shape = (1, 28, 28)\ncriterion = nn.CrossEntropyLoss()\n"
    "optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)\n";

START_TEST(whole_model)
{
    Module *m = compile(fashion);
    const Program *p = &m->prog;
    check_graph(m, "train",
        "graph train\n"
        "%0 = input \"x\"                       : f32[n,1,28,28]\n"
        "%1 = input \"target\"                  : i64[n]\n"
        "%2 = reshape %0                      : f32[n,784]      @ net.py:8:5\n"
        "%3 = linear %2, \"1.weight\", \"1.bias\" : f32[n,128]      @ net.py:9:5\n"
        "%4 = relu %3                         : f32[n,128]      @ net.py:10:5\n"
        "%5 = linear %4, \"3.weight\", \"3.bias\" : f32[n,10]       @ net.py:11:5\n"
        "%6 = cross_entropy %5, %1            : f32[]           @ net.py:14:13\n"
        "%7 = correct %5, %1                  : i64[]\n"
        "return loss=%6 correct=%7\n");
    ck_assert_str_eq(p->name, "net");
    ck_assert_str_eq(p->loss, "CrossEntropyLoss()");
    ck_assert_str_eq(p->optimizer, "SGD(lr=0.1, momentum=0.9)");
    ck_assert_int_eq(p->target, TARGET_CLASS);
    ck_assert_int_eq(p->n_classes, 10);
    ck_assert_int_eq(p->batch, 256);
    ck_assert_int_eq(m->capacity, 256);
    ck_assert_int_eq(p->seed, 1);
    ck_assert_int_eq(p->epochs, -1);
    ck_assert_int_eq(p->shuffle, TRI_UNSET);
    ck_assert_double_eq(p->lr, 0.1);
    ck_assert_int_eq(p->n_layer, 4);
    ck_assert_int_eq(p->layer[1].params, 100480);
    static const char *const graphs[] = { "train", "train_prob", "eval",      "eval_prob",
                                          "infer", "loss",       "loss_prob", "grad" };
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
        ck_assert_ptr_nonnull(ir_graph_find(m, graphs[i]));
    ck_assert_ptr_null(ir_graph_find(m, "grad_eval"));
    ir_module_free(m);
}
END_TEST

static void check_draw(const Module *m, int i, DrawKind kind, const char *key, double a, double b,
                       int64_t elems)
{
    ck_assert_int_lt(i, m->prog.n_draw);
    const Draw *d = &m->prog.draw[i];
    ck_assert_int_eq(d->kind, kind);
    ck_assert_str_eq(d->state.i ? ir_state(m, d->state)->key : "", key);
    ck_assert_double_eq_tol(d->a, a, 1e-15);
    ck_assert_double_eq_tol(d->b, b, 1e-15);
    if (elems) ck_assert_int_eq(d->elems, elems);
}

/* Modules draw when they are made, also those outside the model; nn.init draws later. */
START_TEST(draws)
{
    Module *m =
        compile("a = nn.Linear(4, 9)\nspare = nn.Linear(3, 2)\ntorch.manual_seed(5)\n"
                "x = torch.randn(2, 3)\ny = torch.randperm(10)\n"
                "model = nn.Sequential(nn.Linear(16, 4, bias=False), a)\n"
                "nn.init.kaiming_normal_(model[0].weight, mode='fan_out', nonlinearity='relu')\n"
                "nn.init.normal_(spare.weight)\nnn.init.zeros_(spare.bias)\nnn.init.constant_(a."
                "bias, 0.25)\n"
                "nn.init.xavier_uniform_(a.weight)\nnn.init.kaiming_uniform_(a.weight)\n");
    int i = 0;
    float quarter = (float)(sqrt(3.0) * (sqrt(2.0 / 6) / 2));
    check_draw(m, i++, DRAW_UNIFORM, "1.weight", -quarter, quarter, 0);
    check_draw(m, i++, DRAW_UNIFORM, "1.bias", -0.5, 0.5, 0);
    check_draw(m, i++, DRAW_SKIP_UNIFORM, "", 0, 0, 6);
    check_draw(m, i++, DRAW_SKIP_UNIFORM, "", 0, 0, 2);
    check_draw(m, i++, DRAW_SEED, "", 5, 0, 0);
    check_draw(m, i++, DRAW_SKIP_NORMAL, "", 0, 0, 6);
    check_draw(m, i++, DRAW_SKIP_UNIFORM, "", 0, 0, 9);
    check_draw(m, i++, DRAW_UNIFORM, "0.weight", -0.25, 0.25, 0);
    check_draw(m, i++, DRAW_NORMAL, "0.weight", 0, sqrt(2.0) / 2, 0);
    check_draw(m, i++, DRAW_SKIP_NORMAL, "", 0, 0, 6);
    check_draw(m, i++, DRAW_CONSTANT, "1.bias", 0.25, 0, 0);
    float xavier = (float)sqrt(6.0 / 13), kaiming = (float)sqrt(1.5);
    check_draw(m, i++, DRAW_UNIFORM, "1.weight", -xavier, xavier, 0);
    check_draw(m, i++, DRAW_UNIFORM, "1.weight", -kaiming, kaiming, 0);
    ck_assert_int_eq(m->prog.n_draw, i);
    ir_module_free(m);
}
END_TEST

/* An activation alone behind a Linear is this line. */
static void check_layer(const char *layer, const char *line)
{
    char text[300];
    snprintf(text, sizeof text, "model = nn.Sequential(nn.Linear(3, 4), %s)\n", layer);
    Module *m = compile(text);
    check_has(m, "infer", line);
    ir_module_free(m);
}

START_TEST(layers)
{
    check_layer("nn.ReLU()", "= relu %1 ");
    check_layer("nn.LeakyReLU()", "= leaky_relu %1 {negative_slope=0.01} ");
    check_layer("nn.LeakyReLU(0.05, True)", "= leaky_relu %1 {negative_slope=0.05} ");
    check_layer("nn.ELU(alpha=2, inplace=True)", "= elu %1 {alpha=2} ");
    check_layer("nn.Sigmoid()", "= sigmoid %1 ");
    check_layer("nn.Tanh()", "= tanh %1 ");
    check_layer("nn.GELU()", "= gelu %1 ");
    check_layer("nn.GELU('tanh')", "= gelu_tanh %1 ");
    check_layer("nn.SiLU()", "= silu %1 ");
    check_layer("nn.Softplus()", "= softplus %1 {beta=1 threshold=20} ");
    check_layer("nn.Softplus(2, threshold=5)", "= softplus %1 {beta=2 threshold=5} ");
    check_layer("nn.Softmax(dim=-1)", "= softmax %1 {axis=1} ");
    check_layer("nn.LogSoftmax()", "= log_softmax %1 {axis=1} ");
    check_layer("nn.Hardtanh(-2, max_val=3)", "= hardtanh %1 {min_val=-2 max_val=3} ");
    check_layer("nn.Threshold(0.1, 20)", "= threshold %1 {threshold=0.1 value=20} ");
    check_layer("nn.Softmin(dim=1)", "= softmax %2 {axis=1} ");
    check_layer("nn.PReLU(4)", "= prelu %1, \"1.weight\" ");
    check_layer("nn.RReLU(0.2, 0.6)", "= leaky_relu %1 {negative_slope=0.4} ");
    check_layer("nn.AlphaDropout()", "return output=%1\n");
    check_layer("nn.Dropout()", "return output=%1\n");
    check_layer("nn.Identity(3, a=4)", "return output=%1\n");
    check_layer("nn.Flatten()", "return output=%1\n");
}
END_TEST

START_TEST(dropout)
{
    Module *m = compile(
        "model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Dropout(0.5)), nn.Dropout(1.0),"
        " nn.Dropout(0))\ncriterion = nn.L1Loss()\n"
        "optimizer = optim.SGD(model.parameters(), lr=1)\n");
    check_has(m, "train", "= random {stream=\"1.0#0\"} ");
    check_has(m, "train", "= map %2, %3 {f=\"b < 0.5 ? 0 : a*2\"} ");
    check_has(m, "train", "= map %4 {f=\"a*0\"} ");
    check_has(m, "eval", "= abs_error %2, %1 ");
    check_has(m, "grad", "random");
    ck_assert_ptr_nonnull(ir_graph_find(m, "grad_eval"));
    ir_module_free(m);
}
END_TEST

/* Outputs of a model without parameters in training, for samples that are -1, 1, -1, … */
enum { NOISE = 4000 };
typedef struct Fed { double x[NOISE], one[NOISE]; } Fed;

static const double *fed_input(void *ctx, const char *name)
{
    Fed *f = ctx;
    return strcmp(name, "x") == 0 ? f->x : f->one;
}

static void trained_output(const char *layer, double *y)
{
    char text[200];
    snprintf(text, sizeof text, "input_shape = (%d,)\nmodel = %s\n", NOISE, layer);
    Module *m = compile(text);
    Graph *g = ir_graph_find(m, "grad");
    Fed *f = calloc(1, sizeof *f);
    Arena *a = arena_new();
    for (int i = 0; i < NOISE; i++) f->x[i] = i % 2 ? 1 : -1;
    const EvalIn in = { .n = 1, .input = fed_input, .ctx = f, .seed = 7, .step = 1 };
    memcpy(y, ir_eval(g, &in, a)[g->root[0].val.i], NOISE * sizeof *y);
    arena_free(a);
    free(f);
    ir_module_free(m);
}

static void moments(const double *y, int from, int by, double *mean, double *variance)
{
    double n = 0, sum = 0, squares = 0;
    for (int i = from; i < NOISE; i += by) n++, sum += y[i], squares += y[i] * y[i];
    *mean = sum / n;
    *variance = squares / n - *mean * *mean;
}

START_TEST(random_slopes)
{
    double y[NOISE], mean, variance;
    trained_output("nn.RReLU(0.2, 0.6)", y);
    for (int i = 0; i < NOISE; i++)
        ck_assert(i % 2 ? y[i] == 1 : y[i] <= -0.2 && y[i] >= -0.6);
    moments(y, 0, 2, &mean, &variance);
    ck_assert(fabs(mean + 0.4) < 0.01 && fabs(variance - 0.4 * 0.4 / 12) < 0.001);
}
END_TEST

/* Mean 0 and variance 1 stay; a share p lies where SELU goes far left of 0. */
START_TEST(alpha_dropout)
{
    double y[NOISE], mean, variance, p = 0.3, alpha = 1.7580993408473766;
    double scale = 1 / sqrt((1 - p) * (1 + p * alpha * alpha)), dropped = 0;
    trained_output("nn.AlphaDropout(0.3)", y);
    for (int i = 0; i < NOISE; i++) {
        double kept = scale * (i % 2 ? 1 : -1) + scale * alpha * p;
        double gone = -scale * alpha + scale * alpha * p;
        ck_assert(fabs(y[i] - kept) < 1e-12 || fabs(y[i] - gone) < 1e-12);
        dropped += fabs(y[i] - gone) < 1e-12;
    }
    moments(y, 0, 1, &mean, &variance);
    ck_assert(fabs(dropped / NOISE - p) < 0.03 && fabs(mean) < 0.06 && fabs(variance - 1) < 0.06);
}
END_TEST

/* More axes than two: rows of the last one. */
START_TEST(linear_of_many_axes)
{
    opts.input = "5,7,4";
    Module *m =
        compile("model = nn.Sequential(nn.Linear(4, 2), nn.Flatten(2, -1), nn.Linear(14, 3))\n");
    check_has(m, "infer", "= reshape %0 ");
    check_has(m, "infer", ": f32[35n,4] ");
    check_has(m, "infer", ": f32[n,5,7,2] ");
    check_has(m, "infer", ": f32[n,5,14] ");
    check_has(m, "infer", ": f32[5n,3] ");
    ck_assert_int_eq(m->prog.output.rank, 2);
    ck_assert_int_eq(m->prog.output.dim[1].k, 3);
    ir_module_free(m);
}
END_TEST

START_TEST(losses)
{
    static const struct {
        const char *loss, *line;
        TargetKind target;
        int metrics;
        bool prob;
    } all[] = {
        { "nn.CrossEntropyLoss(reduction='sum')", "= cross_entropy %2, %1 {total} ", TARGET_CLASS,
          1, true },
        { "nn.NLLLoss()", "= nll %2, %1 ", TARGET_INDEX, 1, false },
        { "nn.MSELoss()", "= mean %3 {axes=[0,1]} ", TARGET_REAL, 2, false },
        { "nn.MSELoss(reduction='sum')", "= sum %3 {axes=[0,1]} ", TARGET_REAL, 2, false },
        { "nn.L1Loss()", "= abs_error %2, %1 ", TARGET_REAL, 2, false },
        { "nn.BCELoss()", "= bce %2, %1 ", TARGET_REAL, 1, false },
        { "BCEWithLogitsLoss", "= bce_logits %2, %1 ", TARGET_REAL, 1, false },
        { "nn.SoftMarginLoss()", "{f=\"a > 0 ? b > 0 ? 1 : 0 : b > 0 ? 0 : 1\"}", TARGET_REAL, 1,
          false },
        { "nn.KLDivLoss()", "= kl_div %2, %1 ", TARGET_REAL, 0, false },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        opts.loss = all[i].loss;
        Module *m = compile("net = nn.Linear(4, 3)\n");
        check_has(m, "eval", all[i].line);
        ck_assert_ptr_null(ir_graph_find(m, "train"));       /* nothing says how */
        check_has(m, "loss", "input \"output\"");
        ck_assert_int_eq(m->prog.target, all[i].target);
        ck_assert_int_eq(m->prog.n_metric, all[i].metrics);
        ck_assert_int_eq(m->prog.n_classes, all[i].target == TARGET_REAL ? 0 : 3);
        ck_assert_int_eq(ir_graph_find(m, "eval_prob") != NULL, all[i].prob);
        ir_module_free(m);
    }
}
END_TEST

static double setting(const Module *m, const char *name)
{
    const OptGroup *g = &m->prog.group[0];
    for (int i = 0; i < g->n_setting; i++)
        if (strcmp(g->setting[i].name, name) == 0) return g->setting[i].value;
    ck_abort_msg("no setting %s", name);
}

START_TEST(optimizers)
{
    opts.optimizer = "AdamW(lr=2e-3, betas=[0.8, 0.9])";
    Module *m = compile("model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))\n"
                        "model[0].requires_grad_(False)\nmodel[0].bias.requires_grad = True\n");
    ck_assert_str_eq(m->prog.group[0].rule, "adamw");
    ck_assert_int_eq(m->prog.group[0].n_param, 3);
    ck_assert_double_eq(setting(m, "beta1"), 0.8);
    ck_assert_double_eq(setting(m, "beta2"), 0.9);
    ck_assert_double_eq(setting(m, "eps"), 1e-8);
    ck_assert_double_eq(setting(m, "weight_decay"), 0.01);
    ck_assert_double_eq(m->prog.lr, 2e-3);
    ck_assert_int_eq(ir_state(m, ir_state_find(m, "0.weight"))->role, ROLE_FROZEN);
    ck_assert_int_eq(ir_state(m, ir_state_find(m, "0.bias"))->role, ROLE_PARAM);
    ir_module_free(m);
    opts.optimizer = "optim.SGD(model[1].parameters(), 0.5, 0.9, weight_decay=1e-4, nesterov=True)";
    m = compile("model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))\n");
    ck_assert_int_eq(m->prog.group[0].n_param, 2);
    ck_assert_double_eq(setting(m, "momentum"), 0.9);
    ck_assert_double_eq(setting(m, "nesterov"), 1);
    ck_assert_str_eq(m->prog.optimizer,
                     "SGD(lr=0.5, momentum=0.9, weight_decay=0.0001, nesterov=True)");
    ir_module_free(m);
    m = compile("model = nn.Linear(4, 3)\no = optim.Adam(list(model.parameters()))\n");
    ck_assert_double_eq(m->prog.lr, 1e-3);
    ck_assert_double_eq(setting(m, "beta2"), 0.999);
    ir_module_free(m);
}
END_TEST

START_TEST(program_fields)
{
    static const char *const define[] = { "n_features=8", "n_classes=3" };
    opts.define = define, opts.n_define = 2, opts.real = DT_f64;
    Module *m = compile(
        "from torch.utils.data import DataLoader\nnum_epochs = 7\nseed = 3\nbatch_size = 5\n"
        "trainloader = DataLoader(torch.load('x'), batch_size=12, shuffle=True, drop_last=True)\n"
        "testloader = DataLoader(torch.load('y'), batch_size=50)\n"
        "model = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(n_features, n_classes))\n");
    ck_assert_int_eq(m->prog.epochs, 7);
    ck_assert_int_eq(m->prog.seed, 3);
    ck_assert_int_eq(m->prog.batch, 12);
    ck_assert_int_eq(m->prog.shuffle, TRI_YES);
    ck_assert(m->prog.drop_last);
    ck_assert_int_eq(m->real, DT_f64);
    ck_assert_int_eq(m->prog.input.rank, 1);
    ck_assert_int_eq(m->prog.input.dim[0].k, 8);
    check_has(m, "infer", ": f64[n,3] ");
    ir_module_free(m);
    opts.batch = 100, opts.model = "b";
    m = compile("a = nn.Linear(2, 3)\nb = nn.Linear(3, 4)\n");
    ck_assert_int_eq(m->capacity, 100);
    ck_assert_int_eq(m->prog.input.dim[0].k, 3);
    ck_assert_int_eq(m->prog.loss == NULL, 1);
    ir_module_free(m);
}
END_TEST

/* A tensor that the file gives the model says what a sample is, before its first Linear does. */
START_TEST(input_of_a_call)
{
    Module *m = compile("softmax = nn.Softmax(dim=-1)\n"
                        "print(softmax(torch.tensor([[4.3, 6.1, 2.3]])))\n");
    ck_assert_int_eq(m->prog.input.rank, 1);
    ck_assert_int_eq(m->prog.input.dim[0].k, 3);
    ir_module_free(m);
    m = compile("model = nn.Linear(4, 2)\ny = model(torch.zeros(7, 3, 4))\n");
    check_has(m, "infer", ": f32[n,3,2] ");
    ir_module_free(m);
    opts.input = "4";
    m = compile("model = nn.Linear(4, 2)\ny = model(torch.zeros(7, 3, 4))\n");
    check_has(m, "infer", ": f32[n,2] ");
    ir_module_free(m);
}
END_TEST

/* What a part is loaded from has the keys of the module that was loaded. */
START_TEST(loads)
{
    Module *m = compile(
        "from safetensors.torch import load_file\nbody = nn.Sequential(nn.Linear(4, 2))\n"
        "base = nn.Sequential(body, nn.Linear(2, 2))\nbase.load_state_dict(load_file('a'))\n"
        "base.load_state_dict(load_file('b'), strict=False)\nnn.init.zeros_(body[0].bias)\n"
        "model = nn.Sequential(nn.ReLU(), body, nn.Linear(2, 3))\n");
    static const struct { int call; bool strict; const char *file, *key, *state; } all[] = {
        { 1, true, "a", "0.0.weight", NULL }, { 1, true, "a", "0.0.bias", NULL },
        { 1, true, "a", "1.weight", NULL },   { 1, true, "a", "1.bias", NULL },
        { 2, false, "b", "0.0.weight", "1.0.weight" },
    };
    ck_assert_int_eq(m->prog.n_load, 5);
    for (int i = 0; i < 5; i++) {
        const Load *l = &m->prog.load[i];
        ck_assert(l->call == all[i].call && l->strict == all[i].strict);
        ck_assert_str_eq(l->file, all[i].file);
        ck_assert_str_eq(l->key, all[i].key);
        ck_assert_pstr_eq(l->state.i ? ir_state(m, l->state)->key : NULL, all[i].state);
    }
    ir_module_free(m);
}
END_TEST

/* Data may be passed on; a name given on the command line stands where the file has only data. */
START_TEST(data_is_passed_on)
{
    static const char *const define[] = { "n=6" };
    opts.define = define, opts.n_define = 1;
    Module *m = compile(
        "import pandas as pd\nimport numpy as np\nfrom torch.utils.data import TensorDataset\n"
        "df = pd.read_csv('a.csv')\nX = df.iloc[:, 1:-1].to_numpy()\nn = X.shape[1]\n"
        "dataset = TensorDataset(torch.tensor(X).float(), torch.tensor(df['y'].values))\n"
        "sample, label = dataset[0]\nprint(f'{sample}', sample.mean() / np.pi)\n"
        "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n"
        "model = nn.Sequential(nn.Linear(n, 2)).to(device)\npred = model(sample)\nw = "
        "model[0].weight - pred * 2\n");
    ck_assert_int_eq(m->prog.input.dim[0].k, 6);
    ir_module_free(m);
}
END_TEST

START_TEST(containers)
{
    Module *m = compile(
        "from collections import OrderedDict\nblocks = [nn.Linear(4, 4), nn.ReLU()]\n"
        "act = nn.Tanh()\nhead = nn.Sequential(OrderedDict([('fc', nn.Linear(4, 2)), ('act', "
        "act)]))\n"
        "model = nn.Sequential(*blocks, act, head)\nmodel.append(nn.Linear(2, 1))\n"
        "model.add_module('last', act)\nassertion = len(model)\nnn.init.ones_(head.fc.bias)\n");
    static const char *const keys[] = { "0.weight",  "0.bias",   "3.fc.weight",
                                        "3.fc.bias", "4.weight", "4.bias" };
    ck_assert_int_eq(m->n_state, 7);
    for (uint32_t i = 0; i < 6; i++) ck_assert_str_eq(m->state[i + 1].key, keys[i]);
    ck_assert_str_eq(m->prog.layer[m->prog.n_layer - 1].path, "last");
    ir_module_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frontend");
    TCase *t = tcase_create("frontend");
    tcase_add_test(t, whole_model);
    tcase_add_test(t, draws);
    tcase_add_test(t, layers);
    tcase_add_test(t, dropout);
    tcase_add_test(t, random_slopes);
    tcase_add_test(t, alpha_dropout);
    tcase_add_test(t, linear_of_many_axes);
    tcase_add_test(t, losses);
    tcase_add_test(t, optimizers);
    tcase_add_test(t, program_fields);
    tcase_add_test(t, input_of_a_call);
    tcase_add_test(t, loads);
    tcase_add_test(t, data_is_passed_on);
    tcase_add_test(t, containers);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
