/* tests/cuda/test_device.c: programs for CUDA on the stand-in for NVIDIA's driver: every verb gives
 * what the same program in C gives; what the machine lacks is said; and whichever call of the driver
 * fails, the program ends with its code, gives everything back and leaves good files. */
#define _XOPEN_SOURCE 700   /* nftw */
#include "tests/cuda/device_toy.h"
#include "tests/unit/program_run.h"
#include "tests/unit/program_toy.h"
#include "runtime/program.h"

enum { ORDERS = 5 };
#define TRAIN "train --data data.csv --epochs 3 --log-steps --val-split 0.25 --out "

#define SENT "batches sent ahead: the set takes "

/* The driver's setting for processes that start from here on. */
static void set(const char *name, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    setenv(name, text, 1);
}

/* A device that has memory for a run but not for its data. */
static void crowd(const char *words, int step)
{
    int code = 5;
    for (int bytes = step; code == 5; bytes += step) {
        set("STANDIN_BYTES", bytes);
        code = run(toy_cuda(), words);
    }
    ck_assert_msg(code == 0, "exit code %d\n%s", code, err_text);
    contains(out_text, SENT);
}

/* How often a call was made, by the log of the driver. */
static int logged(const char *call)
{
    char text[4096], key[64];
    read_text("log", text, sizeof text);
    snprintf(key, sizeof key, "\n%s ", call);
    const char *at = strstr(text, key);
    ck_assert_msg(at != NULL, "no %s in:\n%s", call, text);
    return atoi(at + strlen(key));
}

/* ---- the same as in C ---- */

START_TEST(trains_as_in_c)
{
    char words[128], steps[32], last[48];
    must_run(&toy_classes, TRAIN "c");
    for (int i = 0; i < ORDERS; i++) {
        set("STANDIN_ORDER", i);
        snprintf(words, sizeof words, TRAIN "cuda%d", i);
        snprintf(steps, sizeof steps, "cuda%d/steps.csv", i);
        snprintf(last, sizeof last, "cuda%d/last.safetensors", i);
        must_run(toy_cuda(), words);
        contains(out_text, "stand-in");
        same_bytes("c/steps.csv", steps);
        float want[C * F];
        memcpy(want, tensor("c/last.safetensors", "0.weight", C * F), sizeof want);
        ck_assert_mem_eq(want, tensor(last, "0.weight", C * F), sizeof want);
    }
}
END_TEST

START_TEST(weights_change_sides)
{
    must_run(toy_cuda(), "train --data data.csv --epochs 2 --out r");
    must_run(&toy_classes, "eval --data data.csv --weights r/last.safetensors");
    *strstr(out_text, " samples") = '\0';       /* behind it is the time */
    char *text = strdup(out_text);
    must_run(toy_cuda(), "eval --data data.csv --weights r/last.safetensors");
    contains(out_text, text);
    free(text);
}
END_TEST

/* Steps of a run, its weights and what it says of its last epoch are those of another. */
static void same_run(const char *a, const char *b)
{
    static const char *const key[] = { "0.weight", "0.weight#momentum", "0.bias" };
    char left[64], right[64];
    snprintf(left, sizeof left, "%s/steps.csv", a);
    snprintf(right, sizeof right, "%s/steps.csv", b);
    same_bytes(left, right);
    snprintf(left, sizeof left, "%s/last.safetensors", a);
    snprintf(right, sizeof right, "%s/last.safetensors", b);
    for (int i = 0; i < 3; i++) {
        int elems = i < 2 ? C * F : C;
        float want[C * F];
        memcpy(want, tensor(left, key[i], elems), sizeof *want * (size_t)elems);
        ck_assert_mem_eq(want, tensor(right, key[i], elems), sizeof *want * (size_t)elems);
    }
}

/* Where there is no memory for the data, batches are sent; streams may run ahead of each other. */
START_TEST(sends_what_does_not_fit)
{
    must_run(&toy_classes, TRAIN "c");
    crowd(TRAIN "crowd", 100);
    set("STANDIN_EAGER", _i);
    must_run(toy_cuda(), TRAIN "cuda");
    contains(out_text, "a step a launch, " SENT);
    same_run("c", "cuda");
}
END_TEST

/* Less memory than a run takes is said; with whatever is enough it is the same run. */
START_TEST(fits_or_says)
{
    int sent = 0, there = 0;
    must_run(&toy_classes, TRAIN "c");
    for (int bytes = 1000; there == 0; bytes += 100) {
        ck_assert_int_lt(bytes, 6000);
        set("STANDIN_BYTES", bytes);
        int code = run(toy_cuda(), TRAIN "cuda");
        ck_assert_msg(code == 5 || code == 0, "exit code %d\n%s", code, err_text);
        if (code == 5) contains(err_text, "no memory on stand-in for ");
        if (code == 5) continue;
        sent += strstr(out_text, SENT) != NULL;
        there += strstr(out_text, "a launch, data on the device") != NULL;
        same_run("c", "cuda");
        ck_assert_int_eq(system("rm -r cuda"), 0);
    }
    ck_assert_int_gt(sent, 0);
}
END_TEST

/* Steps by one block: the same, and sent by launches where the data are not there. */
START_TEST(whole_steps)
{
    must_run(&toy_classes, TRAIN "c");
    for (int i = 0; i < ORDERS; i++) {
        set("STANDIN_ORDER", i);
        must_run(toy_whole(), TRAIN "whole");
        contains(out_text, "\nsteps         up to 3 a launch, by one block, data on the device\n");
        same_run("c", "whole");
        ck_assert_int_eq(system("rm -r whole"), 0);
    }
    must_run(toy_whole(), "info");
    contains(out_text, "\nsteps         up to 1024 a launch; data on the device where they fit");
    crowd(TRAIN "crowd", 100);
    must_run(toy_whole(), TRAIN "sent");
    contains(out_text, "a step a launch, " SENT);
    same_run("c", "sent");
}
END_TEST

/* More rows than there are steps in a report. */
static void many_rows(int rows)
{
    FILE *csv = fopen("many.csv", "w");
    uint64_t state = 5;
    fprintf(csv, "a,b,c,d,kind\n");
    for (int i = 0; i < rows; i++) {
        for (int f = 0; f < F; f++) fprintf(csv, "%.6g,", floor(unit(&state) * 4096) / 1024 - 2);
        fprintf(csv, "%d\n", i % 7 % C);
    }
    ck_assert(fclose(csv) == 0);
}
#define MANY "train --data many.csv --epochs 2 --batch 2 --log-steps --quiet --out "

/* Two epochs of 1,101 steps, of which the last is of one sample, in reports; nobody waits for each. How many steps a
 * report has, and so a launch, is a matter of their time. */
START_TEST(reports_many_steps)
{
    many_rows(2201);
    must_run(&toy_classes, MANY "c");
    setenv("STANDIN_LOG", "log", 1);
    must_run(toy_cuda(), MANY "cuda");
    same_run("c", "cuda");
    ck_assert_int_lt(logged("cuEventSynchronize") + logged("cuStreamSynchronize"), 500);
    ck_assert_int_lt(logged("cuGraphLaunch"), 2 * 1101);
    ck_assert_int_eq(logged("cuStreamBeginCapture_v2"), 3);
    must_run(toy_whole(), MANY "whole");
    same_run("c", "whole");
    ck_assert_int_lt(logged("cuLaunchKernel"), 500);
    ck_assert_int_eq(logged("cuStreamBeginCapture_v2"), 0);
}
END_TEST

#define EPOCHS "train --data data.csv --epochs 120 --log-steps --quiet --out "

/* States come from the device for files alone, which most of these epochs have none of. */
START_TEST(epochs_copy_nothing_here)
{
    must_run(&toy_classes, EPOCHS "c");
    setenv("STANDIN_LOG", "log", 1);
    must_run(toy_cuda(), EPOCHS "cuda");
    same_run("c", "cuda");
    ck_assert_int_gt(logged("cuMemcpyDtoDAsync_v2"), 60);
    ck_assert_int_lt(logged("cuMemcpyDtoHAsync_v2"), 180);
    ck_assert_int_lt(logged("cuStreamSynchronize"), 60);
}
END_TEST

/* A stop waits for what is under way, and what it leaves goes on to the bit. */
START_TEST(stops_and_goes_on)
{
    int step = 0;
    many_rows(601);
    must_run(&toy_classes, MANY "c");
    if (_i) crowd("train --data many.csv --epochs 1 --batch 2 --out crowd", 2000);
    for (int call = 160; step % 301 == 0; call += 20) {
        ck_assert_int_lt(call, 5000);
        set("STANDIN_SIGNAL", call);
        if (system("rm -rf cuda") != 0 || run(toy_cuda(), MANY "cuda") != 143) continue;
        contains(out_text, "stopped by SIGTERM after step ");
        step = atoi(strstr(out_text, "after step ") + strlen("after step "));
        ck_assert_int_eq(lines_of("cuda/steps.csv"), step + 1);
    }
    unsetenv("STANDIN_SIGNAL");
    must_run(toy_cuda(), MANY "cuda --resume auto");
    same_run("c", "cuda");
}
END_TEST

/* The step that a loss is of, when the steps behind it have been done too. */
START_TEST(names_the_first_bad_step)
{
    char want[128];
    many_rows(601);
    ck_assert_int_eq(run(&toy_classes, MANY "c --lr 1e38"), 4);
    const char *step = strstr(err_text, " at step ");
    ck_assert_msg(step != NULL, "%s", err_text);
    snprintf(want, sizeof want, "%.*s", (int)strcspn(step, ";,"), step);
    must_fail(toy_cuda(), MANY "cuda --lr 1e38", 4, want);
    ck_assert_int_eq(lines_of("c/steps.csv"), lines_of("cuda/steps.csv"));
}
END_TEST

/* Images as they lie in files, as bytes that a table makes numbers. */
static void images(int rows)
{
    const unsigned char head[] = { 0, 0, 8, 3, 0, 0, 0, (unsigned char)rows, 0, 0, 0, 2, 0, 0, 0, 2 };
    const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, (unsigned char)rows };
    static const char *const name[] = { "images/train", "images/t10k" };
    ck_assert_int_eq(system("mkdir images"), 0);
    for (int part = 0; part < 2; part++) {
        char path[64];
        snprintf(path, sizeof path, "%s-images-idx3-ubyte", name[part]);
        FILE *x = fopen(path, "wb");
        snprintf(path, sizeof path, "%s-labels-idx1-ubyte", name[part]);
        FILE *y = fopen(path, "wb");
        fwrite(head, 1, sizeof head, x);
        fwrite(labels, 1, sizeof labels, y);
        for (int i = 0; i < rows * 4; i++) fputc(i * 37 * (part + 1) % 256, x);
        for (int i = 0; i < rows; i++) fputc(i % C, y);
        ck_assert(fclose(x) == 0 && fclose(y) == 0);
    }
}

START_TEST(bytes_become_numbers)
{
    static const char *const options[] = { "", " --normalize zscore --val-split 0.3",
                                           " --normalize minmax --overfit-batches 2" };
    char words[256], text[sizeof out_text];
    images(57);
    for (int i = 0; i < 2; i++) {
        snprintf(words, sizeof words, "train --data images --epochs 3 --log-steps%s --out %s",
                 options[_i], i ? "cuda" : "c");
        must_run(i ? toy_cuda() : &toy_classes, words);
        const char *test = strstr(out_text, "test, last weights: ");
        ck_assert(test != NULL);
        if (i) ck_assert_str_eq(test, text);
        snprintf(text, sizeof text, "%s", test);
    }
    contains(out_text, "data on the device");
    same_run("c", "cuda");
}
END_TEST

/* 29 rows in batches of 8 and 5, and one by one. */
START_TEST(predicts_as_in_c)
{
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out r");
    const char *const predict = "predict --weights r/last.safetensors --input data.csv --batch ";
    for (int batch = 1; batch <= 8; batch += 7) {
        char words[128];
        for (int i = 0; i < 2; i++) {
            snprintf(words, sizeof words, "%s%d -o %s.npy", predict, batch, i ? "cuda" : "c");
            must_run(i ? toy_cuda() : &toy_classes, words);
        }
        same_bytes("c.npy", "cuda.npy");
    }
}
END_TEST

#define GRAD "grad --weights r/last.safetensors --input x.npy --target t.npy -o "

static void batch_of_five(void)
{
    float x[5][F];
    int64_t t[5];
    for (int i = 0; i < 5; i++) {
        t[i] = class_of[i];
        for (int f = 0; f < F; f++) x[i][f] = (float)x_of[i][f];
    }
    write_npy("x.npy", RT_F32, 2, 5, x);
    write_npy("t.npy", RT_I64, 1, 5, t);
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out r");
}

/* What gradients alone launch is loaded for them, or lies with the rest. */
START_TEST(gradients_as_in_c)
{
    const rt_model *model = _i ? toy_whole() : toy_cuda();
    batch_of_five();
    must_run(&toy_classes, GRAD "c.safetensors");
    setenv("STANDIN_LOG", "log", 1);
    must_run(model, GRAD "cuda.safetensors");
    same_bytes("c.safetensors", "cuda.safetensors");
    ck_assert_int_eq(logged("cuModuleLoadData"), _i ? 1 : 3);
    must_run(model, "train --data data.csv --epochs 1 --out r");
    ck_assert_int_eq(logged("cuModuleLoadData"), _i ? 1 : 2);
}
END_TEST

START_TEST(resumes_to_the_bit)
{
    must_run(toy_cuda(), "train --data data.csv --epochs 4 --out whole");
    must_run(toy_cuda(), "train --data data.csv --epochs 2 --out parts");
    must_run(toy_cuda(), "train --data data.csv --epochs 4 --resume auto --out parts");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out mixed");
    must_run(toy_cuda(), "train --data data.csv --epochs 4 --resume auto --out mixed");
    static const char *const key[] = { "0.weight", "0.weight#momentum" };
    for (int i = 0; i < 2; i++) {
        float want[C * F];
        memcpy(want, tensor("whole/last.safetensors", key[i], C * F), sizeof want);
        ck_assert_mem_eq(want, tensor("parts/last.safetensors", key[i], C * F), sizeof want);
        ck_assert_mem_eq(want, tensor("mixed/last.safetensors", key[i], C * F), sizeof want);
    }
}
END_TEST

START_TEST(benches)
{
    must_run(toy_cuda(), "bench --steps 5");
    contains(out_text, "device          stand-in (sm_90, driver for CUDA 13.0)\n");
    contains(out_text, "training step   batch 8");
    contains(out_text, "inference       batch 1");
    ck_assert_ptr_null(strstr(out_text, "peak"));
}
END_TEST

/* ---- what changes between runs reaches a recorded graph ---- */

static void expect_echo(rt_bound *b, int64_t n, uint64_t step, double lr)
{
    rt_err e = { 0 };
    b->prog->lr[0] = lr;
    if (!rt_run(&e, b, n, NULL, step)) {
        fprintf(stderr, "%s\n", e.message);
        _exit(1);
    }
    const double *told = rt_result(b, "told");
    const double want[] = { 11, (double)step, (float)lr, (double)n, 31 };
    for (int i = 0; i < 5; i++)
        if (told[i] != want[i]) {
            fprintf(stderr, "value %d is %g, not %g\n", i, told[i], want[i]);
            _exit(1);
        }
}

/* Runs of five batch sizes; the first is recorded twice, as four recordings are kept. */
static void echo(void)
{
    static const int64_t n[] = { 8, 8, 3, 8, 5, 1, 2, 8 };
    rt_err e = { 0 };
    rt_prog p = { .model = toy_echo(), .seed = 11 };
    rt_bound b = { 0 };
    p.pool = rt_pool_open(1);
    bool ok = p.pool && rt_device_open(&e, &p) && rt_states_open(&e, &p) &&
              rt_bind(&e, &b, &p, p.model->graphs);
    if (!ok) fprintf(stderr, "%s\n", e.message);
    for (int i = 0; ok && i < 8; i++) expect_echo(&b, n[i], (uint64_t)i + 1, 0.5 / (i + 1));
    rt_unbind(&b);
    rt_free(p.state);
    rt_free(p.scalars);
    rt_free(p.lr);
    rt_arena_free(&p);
    rt_device_close(&p);
    rt_pool_close(p.pool);
    exit(ok ? 0 : 1);
}

START_TEST(nothing_is_frozen)
{
    int status = 0;
    setenv("STANDIN_LOG", "log", 1);
    pid_t child = fork();
    if (child == 0) echo();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
    ck_assert_int_eq(logged("cuGraphLaunch"), 8);
    ck_assert_int_eq(logged("cuStreamBeginCapture_v2"), 6);
    ck_assert_int_eq(logged("cuGraphInstantiateWithFlags"), 6);
    ck_assert_int_eq(logged("cuGraphExecDestroy"), 6);
    ck_assert_int_eq(logged("cuLaunchKernel"), 12);
    ck_assert_int_eq(logged("cuFuncSetAttribute"), 1);
}
END_TEST

/* ---- what a machine may lack ---- */

/* As must_fail, in a process whose libraries are looked for in `folder` first. */
static void must_fail_with(const char *folder, const char *message)
{
    pid_t child = fork();
    if (child == 0) {
        char *const argv[] = { "toy", "train", "--data", "data.csv", NULL };
        to_file("stdout", STDOUT_FILENO);
        to_file("stderr", STDERR_FILENO);
        setenv("LD_LIBRARY_PATH", folder, 1);
        execv("/proc/self/exe", argv);
        _exit(99);
    }
    ck_assert_int_eq(finish(child), 3);
    contains(err_text, message);
    ck_assert(!exists("runs"));
}

START_TEST(without_a_driver)
{
    text_file("libcuda.so.1", "");
    must_fail_with(test_folder, "toy: error: this program was compiled for CUDA, and there is no "
                                "driver for it: ");
    contains(err_text, "\nhelp: install NVIDIA's driver on a machine with one of its graphics "
                       "processors, or compile the model with --target c\n");
}
END_TEST

START_TEST(without_a_device)
{
    set("STANDIN_DEVICES", 0);
    must_fail(toy_cuda(), "train --data data.csv", 3, "NVIDIA's driver sees no device\nhelp: "
              "CUDA_VISIBLE_DEVICES may hide them");
    must_run(toy_cuda(), "info");
    contains(out_text, "device        none: NVIDIA's driver sees no device\n");
}
END_TEST

static const struct { int arch; const char *image; int bytes; } choices[] = {
    { 80, "sm_80", 24 }, { 86, "sm_80", 24 }, { 89, "sm_89", 24 }, { 90, "sm_90", 1024 },
    { 100, "PTX of compute_80", 24 },
};

START_TEST(chooses_an_image)
{
    char line[64];
    set("STANDIN_ARCH", choices[_i].arch);
    must_run(toy_cuda(), "info");
    snprintf(line, sizeof line, "device        stand-in (sm_%d, driver for CUDA 13.0)\n",
             choices[_i].arch);
    contains(out_text, line);
    snprintf(line, sizeof line, "image         %s, %d bytes\n", choices[_i].image,
             choices[_i].bytes);
    contains(out_text, line);
    contains(out_text, "\nfor grad      PTX of compute_80, 48 bytes\nsteps ");
    contains(out_text, "\nsteps         up to 16 a launch; data on the device where they fit");
}
END_TEST

START_TEST(without_an_image)
{
    set("STANDIN_ARCH", 75);
    must_fail(toy_cuda(), "train --data data.csv", 3, "this program has kernels for sm_80, sm_89, "
              "sm_90, compute_80, and stand-in is sm_75\nhelp: compile the model with --arch sm_75");
}
END_TEST

START_TEST(a_driver_too_old)
{
    set("STANDIN_FAIL", 11);             /* cuModuleLoadData */
    set("STANDIN_STATUS", 209);
    must_fail(toy_cuda(), "train --data data.csv", 3, "NVIDIA's driver, loading the kernels for "
              "sm_90 on stand-in (sm_90, driver for CUDA 13.0): the kernels' image has no code for "
              "this device (CUDA error 209)\nhelp: a driver that is older than the CUDA toolkit");
}
END_TEST

/* Only gradients want PTX compiled. */
START_TEST(a_driver_older_than_ptx)
{
    batch_of_five();
    set("STANDIN_PTX", 222);
    must_run(toy_cuda(), "train --data data.csv --epochs 1 --out r");
    must_fail(toy_cuda(), GRAD "cuda.safetensors", 3, "NVIDIA's driver, loading the kernels of `grad` for "
              "compute_80 on stand-in (sm_90, driver for CUDA 13.0): the kernels' PTX is newer than the "
              "driver (CUDA error 222)\nhelp: what `grad` alone launches is PTX");
    ck_assert(!exists("cuda.safetensors"));
    must_run(toy_whole(), GRAD "cuda.safetensors");
    must_run(toy_whole(), "info");
    ck_assert_ptr_null(strstr(out_text, "for grad"));
}
END_TEST

/* 256 bytes of states and 28 of counters and scalars; a batch of 8 takes 396. */
START_TEST(too_little_memory)
{
    set("STANDIN_BYTES", 100);
    must_fail(toy_cuda(), "train --data data.csv", 5, "no memory on stand-in for the parameters: "
              "it takes 256 bytes, and 72 bytes of 100 bytes are free\nhelp: no batch fits: end what "
              "else uses the device, or make the model smaller");
    set("STANDIN_BYTES", 500);
    must_fail(toy_cuda(), "train --data data.csv", 5, "no memory on stand-in for a graph's inputs "
              "and results: it takes 128 bytes, and 24 bytes of 500 bytes are free\nhelp: 'train' "
              "needs 652 bytes in all for batches of 8; compile the model with --batch 4, about "
              "the largest that fits");
    ck_assert(!exists("runs"));
}
END_TEST

/* ---- failures ---- */

static bool gives_back(const char *call)
{
    return strstr(call, "Free") || strstr(call, "Destroy") || strstr(call, "Unload") ||
           strstr(call, "Release");
}

/* The name behind "failed " in the log; "none" where the run had fewer calls. */
static const char *failed_call(void)
{
    static char text[4096];
    read_text("log", text, sizeof text);
    char *name = strstr(text, "\nfailed ");
    ck_assert_msg(name != NULL, "the log is:\n%s%s", text, err_text);
    name += strlen("\nfailed ");
    name[strcspn(name, "\n")] = '\0';
    return name;
}

static bool unchanged(const char *a, const char *b)
{
    rt_buf left = { 0 }, right = { 0 };
    ck_assert(rt_file_read(NULL, a, -1, &left) && rt_file_read(NULL, b, -1, &right));
    bool same = left.length == right.length &&
                memcmp(left.data, right.data, (size_t)left.length) == 0;
    rt_buf_free(&left);
    rt_buf_free(&right);
    return same;
}

/* In a run that goes on for an epoch every call fails once, with an error of the device or for want
 * of memory; the data are there, or are sent, or steps are one block's. What it leaves is good: going
 * on from there gives what a run without failures gave. */
START_TEST(any_call_may_fail)
{
    const char *const goes_on = "train --data data.csv --epochs 3 --resume auto --out r --quiet";
    float want[C * F];
    bool full = _i % 2 == 1;
    int k, failures = 0;
    const rt_model *model = _i / 2 == 2 ? toy_whole() : toy_cuda();
    if (_i / 2 == 1) crowd("train --data data.csv --epochs 1 --out crowd", 100);
    must_run(model, "train --data data.csv --epochs 3 --out whole");
    contains(out_text, _i / 2 == 1 ? SENT : "data on the device");
    must_run(model, "train --data data.csv --epochs 2 --out base");
    memcpy(want, tensor("whole/last.safetensors", "0.weight", C * F), sizeof want);
    setenv("STANDIN_LOG", "log", 1);
    set("STANDIN_STATUS", full ? 2 : 999);
    for (k = 1;; k++) {
        ck_assert_int_eq(system("rm -rf r && cp -r base r"), 0);
        set("STANDIN_FAIL", k);
        int code = run(model, goes_on);
        const char *call = failed_call();
        if (strcmp(call, "none") == 0) break;
        bool sent = full && code == 0 && (strstr(call, "Alloc") || strstr(call, "HtoD"));
        ck_assert_msg(code == (gives_back(call) || sent ? 0 : full ? 5 : 3),
                      "call %d, %s: exit code %d\n%s", k, call, code, err_text);
        ck_assert_msg((code == 0) == (err_text[0] == '\0'), "%s", err_text);
        failures += code != 0;
        unsetenv("STANDIN_FAIL");
        if (unchanged("base/last.safetensors", "r/last.safetensors")) continue;
        must_run(&toy_classes, "eval --data data.csv --weights r/best.safetensors");
        must_run(model, goes_on);
        ck_assert_mem_eq(want, tensor("r/last.safetensors", "0.weight", C * F), sizeof want);
    }
    ck_assert_int_gt(failures, 50);
    ck_assert_int_gt(k, failures + 10);
}
END_TEST

/* Gradients are written whole, or not at all. */
START_TEST(gradients_may_fail)
{
    int k, failures = 0;
    batch_of_five();
    must_run(toy_cuda(), GRAD "want.safetensors");
    setenv("STANDIN_LOG", "log", 1);
    for (k = 1;; k++) {
        unlink("g.safetensors");
        set("STANDIN_FAIL", k);
        int code = run(toy_cuda(), GRAD "g.safetensors");
        const char *call = failed_call();
        ck_assert_msg(code == (!strcmp(call, "none") || gives_back(call) ? 0 : 3),
                      "call %d, %s: exit code %d\n%s", k, call, code, err_text);
        ck_assert_int_eq(exists("g.safetensors"), code == 0);
        if (code == 0) same_bytes("want.safetensors", "g.safetensors");
        if (!strcmp(call, "none")) break;
        failures += code != 0;
    }
    ck_assert_int_gt(failures, 40);
}
END_TEST

/* The device's memory is given back whatever this process runs out of. */
START_TEST(no_memory_here)
{
    const char *words = "train --data data.csv --epochs 1 --val-split 0.2 --threads 1 --out r";
    int code = 5;
    for (int n = 0; code == 5; n++) {
        ck_assert_int_lt(n, 2000);
        fail_alloc = n;
        code = run(toy_cuda(), words);
        ck_assert_msg(code == 0 || code == 5, "allocation %d: exit code %d\n%s", n, code, err_text);
        if (code == 0) ck_assert_int_gt(n, 20);
    }
    fail_alloc = -1;
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1) return rt_main((const rt_model *const[]){ toy_cuda(), NULL }, argc, argv);
    Suite *s = suite_create("device");
    TCase *t = tcase_create("programs");
    tcase_add_checked_fixture(t, folder_open, folder_close);
    tcase_add_test(t, trains_as_in_c);
    tcase_add_loop_test(t, sends_what_does_not_fit, 0, 2);
    tcase_add_test(t, fits_or_says);
    tcase_add_test(t, whole_steps);
    tcase_add_test(t, reports_many_steps);
    tcase_add_test(t, epochs_copy_nothing_here);
    tcase_add_loop_test(t, stops_and_goes_on, 0, 2);
    tcase_add_test(t, names_the_first_bad_step);
    tcase_add_loop_test(t, bytes_become_numbers, 0, 3);
    tcase_add_test(t, weights_change_sides);
    tcase_add_test(t, predicts_as_in_c);
    tcase_add_loop_test(t, gradients_as_in_c, 0, 2);
    tcase_add_test(t, resumes_to_the_bit);
    tcase_add_test(t, benches);
    tcase_add_test(t, nothing_is_frozen);
    suite_add_tcase(s, t);
    t = tcase_create("machines");
    tcase_add_checked_fixture(t, folder_open, folder_close);
    tcase_add_test(t, without_a_driver);
    tcase_add_test(t, without_a_device);
    tcase_add_loop_test(t, chooses_an_image, 0, (int)(sizeof choices / sizeof *choices));
    tcase_add_test(t, without_an_image);
    tcase_add_test(t, a_driver_too_old);
    tcase_add_test(t, a_driver_older_than_ptx);
    tcase_add_test(t, too_little_memory);
    tcase_add_loop_test(t, any_call_may_fail, 0, 6);
    tcase_add_test(t, gradients_may_fail);
    tcase_add_test(t, no_memory_here);
    suite_add_tcase(s, t);
    return run_suite(s);
}
