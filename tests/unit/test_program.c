/* tests/unit/test_program.c: the program's face on two models written by hand: every verb, the run
 * directory, PyTorch's draws and order, gradients, exit codes, signals. References are naive loops
 * in double, written here anew. */
#define _XOPEN_SOURCE 700
#include "program_run.h"
#include "program_toy.h"
#include "runtime/program.h"
#include "runtime/random.h"
#include <math.h>
#include <signal.h>
#include <time.h>

/* ---- a naive reference of toy_classes ---- */

typedef struct Ref { double w[C][F], b[C], mw[C][F], mb[C], dw[C][F], db[C]; } Ref;

static void ref_init(Ref *r, rt_random *random)
{
    float w[C * F], b[C];
    memset(r, 0, sizeof *r);
    rt_random_seed(random, SEED);
    rt_random_uniform(random, w, C * F, -0.5, 0.5);
    rt_random_uniform(random, b, C, -0.5, 0.5);
    for (int c = 0; c < C; c++) {
        r->b[c] = (double)b[c];
        for (int f = 0; f < F; f++)
            r->w[c][f] = (double)w[c * F + f];
    }
}

/* Mean loss of these rows and the gradients of it. */
static double ref_loss(Ref *r, const int64_t *rows, int n)
{
    double loss = 0;
    memset(r->dw, 0, sizeof r->dw);
    memset(r->db, 0, sizeof r->db);
    for (int i = 0; i < n; i++) {
        double y[C], sum = 0;
        const double *x = x_of[rows[i]];
        for (int c = 0; c < C; c++) {
            y[c] = r->b[c];
            for (int f = 0; f < F; f++)
                y[c] += r->w[c][f] * x[f];
            sum += exp(y[c]);
        }
        loss += log(sum) - y[class_of[rows[i]]];
        for (int c = 0; c < C; c++) {
            double d = (exp(y[c]) / sum - (c == class_of[rows[i]])) / n;
            r->db[c] += d;
            for (int f = 0; f < F; f++)
                r->dw[c][f] += d * x[f];
        }
    }
    return loss / n;
}

static void ref_update(Ref *r, double lr)
{
    for (int c = 0; c < C; c++) {
        r->mb[c] = 0.9 * r->mb[c] + r->db[c];
        r->b[c] -= lr * r->mb[c];
        for (int f = 0; f < F; f++) {
            r->mw[c][f] = 0.9 * r->mw[c][f] + r->dw[c][f];
            r->w[c][f] -= lr * r->mw[c][f];
        }
    }
}

static void close_to(const float *got, const double *want, int n, double bound, const char *what)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) <= bound, "%s[%d] is %.9g, not %.9g", what, i,
                      (double)got[i], want[i]);
}

/* ---- training ---- */

/* Initial weights are PyTorch's draws, in its order, however the state lies in memory. */
START_TEST(initial_weights)
{
    Ref ref;
    rt_random random;
    ref_init(&ref, &random);
    must_run(&toy_classes, "train --data data.csv --epochs 0 --out first");
    close_to(tensor("first/last.safetensors", "0.weight", C * F), &ref.w[0][0], C * F, 0, "w");
    close_to(tensor("first/last.safetensors", "0.bias", C), ref.b, C, 0, "b");
    must_run(&toy_classes, "train --data data.csv --epochs 0 --out other --seed 8");
    ck_assert(fabs((double)*tensor("other/last.safetensors", "0.bias", C) - ref.b[0]) > 1e-4);
}
END_TEST

/* Every step's loss, the shuffle, the smaller last batch and the epoch's mean. */
START_TEST(steps_equal_the_reference)
{
    bool shuffle = _i == 0;
    Ref ref;
    rt_random random;
    int64_t order[ROWS];
    must_run(&toy_classes, shuffle ? "train --data data.csv --epochs 3 --log-steps --out r"
                           : "train --data data.csv --epochs 3 --log-steps --out r --no-shuffle");
    FILE *steps = fopen("r/steps.csv", "r"), *epochs = fopen("r/metrics.csv", "r");
    char head[256];
    ck_assert_ptr_nonnull(fgets(head, sizeof head, steps));
    ck_assert_str_eq(head, "step,epoch,loss,lr\n");
    ck_assert_ptr_nonnull(fgets(head, sizeof head, epochs));
    ck_assert_str_eq(head, "epoch,loss,accuracy,lr,seconds,samples_per_second,best\n");
    ref_init(&ref, &random);
    for (int epoch = 1, step = 1; epoch <= 3; epoch++) {
        double sum = 0, loss, lr, acc;
        int got_step, got_epoch;
        rt_random_epoch(&random, shuffle, order, ROWS);
        for (int at = 0; at < ROWS; at += BATCH, step++) {
            int n = ROWS - at < BATCH ? ROWS - at : BATCH;
            double want = ref_loss(&ref, order + at, n);
            ck_assert_int_eq(fscanf(steps, "%d,%d,%lf,%lf\n", &got_step, &got_epoch, &loss, &lr), 4);
            ck_assert_int_eq(got_step, step);
            ck_assert_int_eq(got_epoch, epoch);
            ck_assert_double_eq_tol(lr, 0.1, 1e-9);
            ck_assert_double_eq_tol(loss, want, 1e-5 * want);
            ref_update(&ref, 0.1);
            sum += want * n;
        }
        ck_assert_int_eq(fscanf(epochs, "%d,%lf,%lf%*[^\n]\n", &got_epoch, &loss, &acc), 3);
        ck_assert_double_eq_tol(loss, sum / ROWS, 1e-5 * sum / ROWS);
        ck_assert(acc >= 0 && acc <= 1);
    }
    fclose(steps);
    fclose(epochs);
    close_to(tensor("r/last.safetensors", "0.weight", C * F), &ref.w[0][0], C * F, 1e-5, "w");
    close_to(tensor("r/last.safetensors", "0.weight#momentum", C * F), &ref.mw[0][0], C * F, 1e-5,
             "momentum");
}
END_TEST

START_TEST(run_directory)
{
    static const char *const file[] = { "config.json", "metrics.csv", "metrics.jsonl",
                                        "best.safetensors", "last.safetensors", "curves.svg" };
    char path[64];
    for (int k = 1; k <= 2; k++) {
        must_run(&toy_classes, "train --data data.csv --epochs 4 --val-split 0.25");
        for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
            snprintf(path, sizeof path, "runs/%d/%s", k, file[i]);
            ck_assert_msg(exists(path), "no %s", path);
        }
    }
    ck_assert(!exists("runs/1/steps.csv"));
    ck_assert_int_eq(lines_of("runs/1/metrics.csv"), 5);
    ck_assert_int_eq(lines_of("runs/1/metrics.jsonl"), 4);
    ck_assert_ptr_nonnull(strstr(out_text, "epoch 4/4  loss 0."));
    ck_assert_ptr_nonnull(strstr(out_text, "  |  val 0."));
    ck_assert_ptr_nonnull(strstr(out_text, "best epoch "));
    ck_assert_ptr_nonnull(strstr(out_text, "runs/2/best.safetensors\n"));
    ck_assert_ptr_null(strchr(out_text, '\033'));
    ck_assert_ptr_null(strchr(out_text, '\r'));
    must_run(&toy_classes, "train --data data.csv --epochs 2 --quiet --out a/b/c");
    ck_assert_int_eq(strncmp(out_text, "best epoch ", 11), 0);
    ck_assert(exists("a/b/c/last.safetensors"));
}
END_TEST

/* What evaluation keeps of weights is made anew after each epoch, and for weights from a file. */
START_TEST(validation_sees_new_weights)
{
    double epoch = 0, train = 0, val = 0, before = 0, loss = 0;
    for (int i = 0; i < 2; i++) {
        must_run(&toy_classes, i ? "train --data data.csv --val data.csv --epochs 3 --out three"
                                 : "train --data data.csv --val data.csv --epochs 1 --out one");
        const char *line = strstr(out_text, i ? "epoch 3/3" : "epoch 1/1");
        ck_assert_ptr_nonnull(line);
        ck_assert_int_eq(sscanf(line, "epoch %lf/%*d loss %lf acc %*f%% | val %lf", &epoch, &train,
                                &val), 3);
        must_run(&toy_classes, i ? "eval --data data.csv --weights three/last.safetensors"
                                 : "eval --data data.csv --weights one/last.safetensors");
        ck_assert_int_eq(sscanf(out_text, "loss %lf", &loss), 1);
        ck_assert_double_eq_tol(val, loss, 1e-4);
        ck_assert_double_gt(fabs(val - before), 1e-3);
        before = val;
    }
}
END_TEST

START_TEST(threads_change_no_bit)
{
    must_run(&toy_classes, "train --data data.csv --epochs 3 --threads 1 --out one");
    must_run(&toy_classes, "train --data data.csv --epochs 3 --threads 3 --out three");
    same_bytes("one/last.safetensors", "three/last.safetensors");
    same_bytes("one/best.safetensors", "three/best.safetensors");
}
END_TEST

START_TEST(regression)
{
    double r2 = 0, loss = 1;
    must_run(&toy_line, "train --data line.csv --epochs 200 --lr 0.1 --out r --val line.csv");
    must_run(&toy_line, "eval --data line.csv --weights r/last.safetensors");
    ck_assert_int_eq(sscanf(out_text, "loss %lf, mae %*f, r2 %lf", &loss, &r2), 2);
    ck_assert_double_lt(loss, 1e-4);
    ck_assert_double_gt(r2, 0.999);
    must_run(&toy_line, "predict --input line.csv --weights r/last.safetensors");
    ck_assert_int_eq(strncmp(out_text, "y0\n", 3), 0);
    ck_assert_double_eq_tol(atof(out_text + 3), 3 * x_of[0][0] - x_of[0][1] + 0.5, 0.05);
}
END_TEST

/* R² of the untrained model, by hand: eval divides by the squares around the targets' mean. */
START_TEST(r_squared)
{
    double mean = 0, total = 0, rest = 0, size = 0, got[3];
    must_run(&toy_line, "train --data line.csv --epochs 0 --out r");
    const float *w = tensor("r/last.safetensors", "fc.weight", 2);
    for (int i = 0; i < ROWS; i++)
        mean += (3 * x_of[i][0] - x_of[i][1] + 0.5) / ROWS;
    for (int i = 0; i < ROWS; i++) {
        double t = 3 * x_of[i][0] - x_of[i][1] + 0.5;
        double d = (double)w[0] * x_of[i][0] + (double)w[1] * x_of[i][1] + 0.25 - t;
        total += (t - mean) * (t - mean);
        rest += d * d;
        size += fabs(d);
    }
    must_run(&toy_line, "eval --data line.csv --weights r/last.safetensors");
    ck_assert_int_eq(sscanf(out_text, "loss %lf, mae %lf, r2 %lf", got, got + 1, got + 2), 3);
    ck_assert_double_eq_tol(got[0], rest / ROWS, 1e-5 * rest / ROWS);
    ck_assert_double_eq_tol(got[1], size / ROWS, 1e-5 * size / ROWS);
    ck_assert_double_eq_tol(got[2], 1 - rest / total, 1e-4);
}
END_TEST

/* ---- predict and grad ---- */

static void write_rows(void)
{
    float x[ROWS][F];
    for (int i = 0; i < ROWS; i++)
        for (int f = 0; f < F; f++)
            x[i][f] = (float)x_of[i][f];
    write_npy("x.npy", RT_F32, 2, ROWS, x);
}

/* A batch of one is for `infer_one`, whose outputs are larger by 1 in the toy. */
START_TEST(single_samples)
{
    rt_tensor y[2] = { { 0 }, { 0 } };
    rt_err e = { 0 };
    write_rows();
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out r");
    must_run(&toy_classes, "predict --weights r/last.safetensors --input x.npy -o many.npy");
    must_run(&toy_classes, "predict --weights r/last.safetensors --input x.npy -o ones.npy "
                           "--batch 1");
    ck_assert_msg(rt_npy_read(&e, "many.npy", &y[0]), "%s", e.message);
    ck_assert_msg(rt_npy_read(&e, "ones.npy", &y[1]), "%s", e.message);
    for (int i = 0; i < ROWS * C; i++)
        ck_assert_float_eq(((const float *)y[1].data)[i], ((const float *)y[0].data)[i] + 1);
    for (int i = 0; i < 2; i++)
        rt_tensor_free(&y[i]);
}
END_TEST

/* A batch as its samples: in turns where they are fewer than threads, else a thread a sample. */
START_TEST(samples_one_by_one)
{
    rt_tensor want = { 0 }, got = { 0 };
    rt_err e = { 0 };
    write_rows();
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out r");
    must_run(&toy_classes, "predict --weights r/last.safetensors --input x.npy -o y.npy");
    ck_assert_msg(rt_npy_read(&e, "y.npy", &want), "%s", e.message);
    static const char *const how[] = { "--threads 1", "--threads 2", "--threads 3 --batch 2",
                                       "--threads 4", "--threads 2 --batch 1" };
    for (size_t k = 0; k < sizeof how / sizeof *how; k++) {
        char words[160];
        snprintf(words, sizeof words,
                 "predict --weights r/last.safetensors --input x.npy -o z.npy %s", how[k]);
        must_run(&toy_samples, words);
        ck_assert_msg(rt_npy_read(&e, "z.npy", &got), "%s", e.message);
        for (int i = 0; i < ROWS * C; i++)
            ck_assert_float_eq_tol(((const float *)got.data)[i],
                                   ((const float *)want.data)[i] + 1000, 0.1f);
        rt_tensor_free(&got);
    }
    rt_tensor_free(&want);
    must_run(&toy_samples, "info");
    ck_assert_msg(strstr(out_text, "infer         0 B          0 B     0 B") &&
                      strstr(out_text, ", a thread a sample\n") &&
                      strstr(out_text, "infer_one     0 B         64 B   128 B"), "%s", out_text);
}
END_TEST

START_TEST(predictions)
{
    write_rows();
    must_run(&toy_classes, "train --data names.csv --epochs 0 --out r");
    must_run(&toy_classes, "predict --weights r/last.safetensors --input x.npy --output y.npy");
    must_run(&toy_classes, "predict --weights r/last.safetensors --input x.npy -o y.csv --quiet");
    ck_assert_str_eq(out_text, "");
    float w[C * F], b[C];
    memcpy(w, tensor("r/last.safetensors", "0.weight", C * F), sizeof w);
    memcpy(b, tensor("r/last.safetensors", "0.bias", C), sizeof b);
    rt_tensor y = { 0 };
    rt_err e = { 0 };
    ck_assert_msg(rt_npy_read(&e, "y.npy", &y), "%s", e.message);
    ck_assert(y.rank == 2 && y.shape[0] == ROWS && y.shape[1] == C && y.dtype == RT_F32);
    FILE *csv = fopen("y.csv", "r");
    char head[64];
    ck_assert_ptr_nonnull(fgets(head, sizeof head, csv));
    ck_assert_str_eq(head, "ash,birch,cedar\n");
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < C; c++) {
            double want = (double)b[c], in_csv;
            for (int f = 0; f < F; f++)
                want += (double)w[c * F + f] * x_of[i][f];
            float got = ((float *)y.data)[i * C + c];
            ck_assert_double_eq_tol((double)got, want, 1e-5);
            ck_assert_int_eq(fscanf(csv, c < C - 1 ? "%lf," : "%lf\n", &in_csv), 1);
            ck_assert(got == (float)in_csv);
        }
    fclose(csv);
    rt_tensor_free(&y);
    must_run(&toy_classes, "predict --weights r/last.safetensors --input x.npy");
    ck_assert_int_eq(strncmp(out_text, " 1  ", 4), 0);
    ck_assert_ptr_nonnull(strstr(out_text, "cedar "));
}
END_TEST

START_TEST(gradients)
{
    enum { N = 5 };
    float x[N][F];
    int64_t t[N], rows[N];
    Ref ref;
    rt_random random;
    for (int i = 0; i < N; i++) {
        rows[i] = i;
        t[i] = class_of[i];
        for (int f = 0; f < F; f++)
            x[i][f] = (float)x_of[i][f];
    }
    write_npy("x.npy", RT_F32, 2, N, x);
    write_npy("t.npy", RT_I64, 1, N, t);
    must_run(&toy_classes, "train --data data.csv --epochs 0 --out r");
    must_run(&toy_classes, "grad --weights r/last.safetensors --input x.npy --target t.npy "
                           "-o g.safetensors");
    ref_init(&ref, &random);
    double loss = ref_loss(&ref, rows, N), dx[N][F];
    close_to(tensor("g.safetensors", "loss", 1), &loss, 1, 1e-6, "loss");
    close_to(tensor("g.safetensors", "d_0.weight", C * F), &ref.dw[0][0], C * F, 1e-6, "dw");
    close_to(tensor("g.safetensors", "d_0.bias", C), ref.db, C, 1e-6, "db");
    for (int i = 0; i < N; i++)   /* by central differences */
        for (int f = 0; f < F; f++) {
            double keep = x_of[i][f];
            x_of[i][f] = keep + 1e-5;
            double up = ref_loss(&ref, rows, N);
            x_of[i][f] = keep - 1e-5;
            dx[i][f] = (up - ref_loss(&ref, rows, N)) / 2e-5;
            x_of[i][f] = keep;
        }
    close_to(tensor("g.safetensors", "d_input", N * F), &dx[0][0], N * F, 1e-6, "dx");
    tensor("g.safetensors", "output", N * C);
    ck_assert_int_eq(weights.count, 5);
}
END_TEST

START_TEST(gradients_of_a_cotangent)
{
    float x[2][F] = { { 1, 2, 3, 4 }, { -1, 0.5f, 2, -3 } };
    double want[C * F];
    rt_err e = { 0 };
    float g[2][C] = { { 1, 0, -2 }, { 0.5f, 3, 0 } };
    rt_tensor cotangent = { .dtype = RT_F32, .rank = 2, .shape = { 2, C }, .elems = 2 * C,
                            .bytes = 2 * C * 4, .data = g };
    write_npy("x.npy", RT_F32, 2, 2, x);
    ck_assert(rt_npy_write(&e, "g.npy", &cotangent));
    must_run(&toy_classes, "train --data data.csv --epochs 0 --out r");
    must_run(&toy_classes, "grad --weights r/last.safetensors --input x.npy --cotangent g.npy "
                           "--eval -o g.safetensors");
    for (int c = 0; c < C; c++)
        for (int f = 0; f < F; f++)
            want[c * F + f] = (double)(g[0][c] * x[0][f] + g[1][c] * x[1][f]);
    close_to(tensor("g.safetensors", "d_0.weight", C * F), want, C * F, 1e-5, "dw");
    ck_assert_ptr_null(rt_tensors_find(&weights, "loss"));
}
END_TEST

/* ---- what is refused ---- */

START_TEST(usage_errors)
{
    must_fail(&toy_classes, "train", 2, "train needs --data PATH");
    must_fail(&toy_classes, "train --data d.csv --epoch 1", 2, "did you mean '--epochs'?");
    must_fail(&toy_classes, "train --data data.csv --batch 9", 2, "compile it with --batch 9");
    must_fail(&toy_classes, "train --data data.csv --val data.csv --val-split 0.5", 2,
              "exclude each other");
    must_fail(&toy_classes, "eval --data data.csv", 2, "eval needs --weights FILE");
    must_fail(&toy_classes, "predict --weights w", 2, "predict needs --input FILE");
    must_fail(&toy_classes, "predict --weights w --input x --output y.txt", 2, ".npy or .csv");
    must_fail(&toy_classes, "grad --weights w --input x.npy -o g", 2, "either --target FILE");
    must_fail(&toy_line, "grad --weights w", 2, "this program has no 'grad'");
    ck_assert(!exists("runs"));
    ck_assert_int_eq(run(&toy_classes, ""), 2);
    ck_assert_ptr_nonnull(strstr(err_text, "usage: toy VERB"));
}
END_TEST

START_TEST(data_errors)
{
    text_file("ragged.csv", "a,b,c,d,kind\n1,2,3,4,0\n1,2,3,1\n");
    text_file("label.csv", "a,b,c,d,kind\n1,2,3,4,0\n1,2,3,4,3\n");
    text_file("text.csv", "a,b,c,d,kind\n1,2,x,4,0\n1,2,3,4,1\n");
    text_file("wide.csv", "a,b,c,d,e,kind\n1,2,3,4,5,0\n");
    must_fail(&toy_classes, "train --data missing.csv", 3, "missing.csv");
    must_fail(&toy_classes, "train --data ragged.csv", 1, "ragged.csv");
    must_fail(&toy_classes, "train --data label.csv", 1, "3");
    must_fail(&toy_classes, "train --data text.csv", 1, "text.csv");
    must_fail(&toy_classes, "train --data wide.csv", 1, "wide.csv");
    ck_assert_msg(!exists("runs"), "bad data made a run directory");
}
END_TEST

START_TEST(foreign_weights)
{
    must_run(&toy_line, "train --data line.csv --epochs 1 --out line");
    must_fail(&toy_classes, "eval --data data.csv --weights line/best.safetensors", 1,
              "2 tensors missing, 2 unexpected, 0 different");
    ck_assert_ptr_nonnull(strstr(err_text, "note: missing 0.weight (3, 4)\n"));
    ck_assert_ptr_nonnull(strstr(err_text, "note: unexpected fc.bias (1,)\n"));
    text_file("broken.safetensors", "not a file of weights");
    must_fail(&toy_classes, "eval --data data.csv --weights broken.safetensors", 1,
              "broken.safetensors");
    must_fail(&toy_classes, "eval --data data.csv --weights none.safetensors", 3,
              "none.safetensors");
}
END_TEST

START_TEST(other_shapes_in_weights)
{
    rt_tensors list = { 0 };
    rt_err e = { 0 };
    int64_t shape[] = { 4, 3 };
    ck_assert(rt_tensors_add(&e, &list, "0.weight", RT_F32, 2, shape, NULL));
    ck_assert(rt_tensors_add(&e, &list, "0.bias", RT_I64, 1, shape + 1, NULL));
    ck_assert(rt_safetensors_write(&e, "w.safetensors", &list));
    rt_tensors_free(&list);
    must_fail(&toy_classes, "eval --data data.csv --weights w.safetensors", 1, "2 different");
    ck_assert_ptr_nonnull(strstr(err_text, "0.weight (4, 3), this program's is (3, 4)"));
    ck_assert_ptr_nonnull(strstr(err_text, "0.bias int64, this program's is float32"));
}
END_TEST

/* A number that is none ends training and leaves an earlier run's files as they were. */
START_TEST(not_a_number)
{
    must_run(&toy_line, "train --data line.csv --epochs 1 --out r");
    must_run(&toy_line, "train --data line.csv --epochs 1 --out copy");
    must_fail(&toy_line, "train --data line.csv --lr 1e30 --out r", 4, "at step 2 (epoch 1)");
    ck_assert_ptr_nonnull(strstr(err_text, "'fc.weight'"));
    ck_assert_ptr_nonnull(strstr(err_text, "help: a lower --lr"));
    same_bytes("r/last.safetensors", "copy/last.safetensors");
    same_bytes("r/best.safetensors", "copy/best.safetensors");
}
END_TEST

/* Epochs faster than the disk are kept in memory; a failure still writes the last good one. */
START_TEST(last_good_epoch)
{
    must_fail(&toy_line, "train --data line.csv --lr 1.5 --epochs 1000 --out r", 4, "the loss is ");
    int epochs = lines_of("r/metrics.csv") - 1;
    ck_assert_int_gt(epochs, 3);
    const float *w = tensor("r/last.safetensors", "fc.weight", 2);
    ck_assert(isfinite(w[0]) && isfinite(w[1]));
    ck_assert_int_eq(atoi(rt_meta_get(&weights, "seqc.epoch")), epochs);
}
END_TEST

START_TEST(full_disk)
{
    if (!exists("/dev/full"))
        return;
    ck_assert_int_eq(finish(start(&toy_classes, "info", "/dev/full")), 3);
    ck_assert_ptr_nonnull(strstr(err_text, "toy: error: standard output"));
    text_file("file", "");
    must_fail(&toy_classes, "train --data data.csv --out file", 3, "file");
}
END_TEST

/* Whatever allocation fails, the program says so, frees the rest and returns 5. */
START_TEST(no_memory)
{
    const char *words = "train --data data.csv --epochs 1 --val-split 0.2 --threads 2 --out r "
                        "--log-steps --normalize zscore";
    int code = 5;
    for (int n = 0; code == 5; n++) {
        ck_assert_int_lt(n, 2000);
        fail_alloc = n;
        code = run(&toy_classes, words);
        ck_assert_msg(code == 0 || code == 5, "allocation %d: exit code %d\n%s", n, code, err_text);
        ck_assert_msg(code == 0 || strncmp(err_text, "toy: error: ", 12) == 0, "%s", err_text);
        if (code == 0)
            ck_assert_int_gt(n, 20);
    }
    fail_alloc = -1;
}
END_TEST

/* Whatever write fails, the program returns 3, and the weights of an earlier run are whole. */
START_TEST(full_disk_at_any_write)
{
    int code = 3;
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out r");
    for (int n = 0; code == 3; n++) {
        ck_assert_int_lt(n, 200);
        fail_write = n;
        code = run(&toy_classes, "train --data data.csv --epochs 2 --out r --log-steps");
        ck_assert_msg(code == 0 || code == 3, "write %d: exit code %d\n%s", n, code, err_text);
        tensor("r/last.safetensors", "0.weight", C * F);
        tensor("r/best.safetensors", "0.weight", C * F);
        if (code == 0)
            ck_assert_int_gt(n, 8);
    }
    fail_write = -1;
}
END_TEST

/* ---- signals ---- */

START_TEST(signal_saves)
{
    int number = _i == 0 ? SIGINT : SIGTERM;
    struct timespec pause = { .tv_nsec = 2000000 };
    pid_t child = start(&toy_classes, "train --data data.csv --epochs 100000000 --out r --quiet",
                        "stdout");
    for (int i = 0; i < 10000 && lines_of("r/metrics.jsonl") < 2; i++)
        nanosleep(&pause, NULL);
    unlink("r/last.safetensors");
    ck_assert_int_eq(kill(child, number), 0);
    ck_assert_int_eq(finish(child), 128 + number);
    ck_assert_ptr_nonnull(strstr(out_text, number == SIGINT ? "stopped by SIGINT after step "
                                                            : "stopped by SIGTERM after step "));
    tensor("r/last.safetensors", "0.weight", C * F);
    ck_assert_int_gt(atoll(rt_meta_get(&weights, "seqc.step")), 8);
}
END_TEST

/* ---- verbs for people ---- */

START_TEST(instruction_sets)
{
    rt_model best = toy_classes;
    best.isa = "tomorrow's", best.march = "next", best.features = "sse2 no-such-instruction";
    must_fail(&best, "train --data data.csv", 3, "compiled for tomorrow's, which this processor");
    must_run(&best, "info");
    ck_assert_ptr_nonnull(strstr(out_text, "0.1 for tomorrow's, which this processor lacks\n"));
    second_model = &toy_classes;
    must_run(&best, "train --data data.csv --epochs 1 --out r");
    ck_assert_ptr_nonnull(strstr(out_text, "threads, any processor\n"));
    must_run(&best, "train --data data.csv --epochs 1 --out r --march any");
    ck_assert_ptr_nonnull(strstr(out_text, "any processor by --march\n"));
    must_run(&best, "info");
    ck_assert_ptr_nonnull(strstr(out_text, "tomorrow's, any processor; here any processor\n"));
    must_fail(&best, "train --data data.csv --march next", 3, "this processor lacks tomorrow's");
    must_fail(&best, "bench --march old", 2, "--march takes next, any");
    must_run(&best, "--version");
    ck_assert_str_eq(out_text, "toy (seqc 0.1, tomorrow's, any processor)\n");
    second_model = NULL;
}
END_TEST

/* 0.1 is not 0.1f: initial_accumulator_value and constant_ keep their digits in float64. */
START_TEST(constants_in_double)
{
    static const rt_state states[] = {
        { "w#sum", RT_OPTIMIZER, RT_F64, 1, { { 3, 1, 1, 1 } }, 0, 24 }
    };
    static const rt_draw draws[] = { { RT_DRAW_CONSTANT, 0, 0.1, 0, 3 } };
    static const rt_model model = { .abi = RT_ABI, .real = RT_F64, .states = states, .n_states = 1,
                                    .state_bytes = 64, .draws = draws, .n_draws = 1 };
    rt_prog p = { .model = &model };
    rt_err e = { 0 };
    ck_assert_msg(rt_states_open(&e, &p), "%s", e.message);
    for (int i = 0; i < 3; i++)
        ck_assert(((const double *)p.state)[i] == 0.1);
    rt_free(p.state);
}
END_TEST

START_TEST(texts)
{
    must_run(&toy_classes, "info");
    ck_assert_ptr_nonnull(strstr(out_text, "Linear(4, 3)"));
    ck_assert_ptr_nonnull(strstr(out_text, "0.weight#momentum   optimizer   3x4"));
    must_run(&toy_classes, "bench --steps 5 --threads 1");
    ck_assert_ptr_nonnull(strstr(out_text, "training step   batch 8"));
    ck_assert_ptr_nonnull(strstr(out_text, "inference       batch 1"));
    must_run(&toy_classes, "--version");
    ck_assert_str_eq(out_text, "toy (seqc 0.1, any processor)\n");
    must_run(&toy_classes, "--help");
    must_run(&toy_classes, "train --help");
    rt_model other = toy_classes;
    other.abi = RT_ABI + 1;
    ck_assert_int_eq(run(&other, "info"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("program");
    TCase *tests = case_create("program");
    tcase_add_checked_fixture(tests, folder_open, folder_close);
    tcase_add_test(tests, initial_weights);
    tcase_add_loop_test(tests, steps_equal_the_reference, 0, 2);
    tcase_add_test(tests, run_directory);
    tcase_add_test(tests, validation_sees_new_weights);
    tcase_add_test(tests, threads_change_no_bit);
    tcase_add_test(tests, regression);
    tcase_add_test(tests, r_squared);
    tcase_add_test(tests, single_samples);
    tcase_add_test(tests, samples_one_by_one);
    tcase_add_test(tests, predictions);
    tcase_add_test(tests, gradients);
    tcase_add_test(tests, gradients_of_a_cotangent);
    tcase_add_test(tests, usage_errors);
    tcase_add_test(tests, data_errors);
    tcase_add_test(tests, foreign_weights);
    tcase_add_test(tests, other_shapes_in_weights);
    tcase_add_test(tests, not_a_number);
    tcase_add_test(tests, last_good_epoch);
    tcase_add_test(tests, full_disk);
    tcase_add_test(tests, no_memory);
    tcase_add_test(tests, full_disk_at_any_write);
    tcase_add_loop_test(tests, signal_saves, 0, 2);
    tcase_add_test(tests, instruction_sets);
    tcase_add_test(tests, constants_in_double);
    tcase_add_test(tests, texts);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, program_resume());
    suite_add_tcase(suite, program_ends());
    return run_suite(suite);
}
