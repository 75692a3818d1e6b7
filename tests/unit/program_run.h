/* tests/unit/program_run.h: the runtime's face run in a process of its own, in a folder of its own,
 * with hooks that fail there; and a look at the files it leaves. For test_program.c and the
 * program_*.c beside it, each of which has its own copy. */
#ifndef SEQC_PROGRAM_RUN_H
#define SEQC_PROGRAM_RUN_H
#include "runtime/files.h"
#include "tests/unit/rt_test.h"
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <sys/wait.h>

enum { ROWS = 29, F = 4, C = 3, BATCH = 8, SEED = 7 };

/* The tests that stand in files of their own. */
TCase *program_resume(void);
TCase *program_ends(void);

/* ---- running ---- */

static char out_text[1 << 16], err_text[1 << 14];

static MAY_BE_UNUSED void read_text(const char *path, char *text, size_t room)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(text, 1, room - 1, f) : 0;
    text[n] = '\0';
    if (f)
        fclose(f);
}

static MAY_BE_UNUSED void to_file(const char *path, int as)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || dup2(file, as) < 0)
        _exit(99);
    close(file);
}

/* Hooks of the child: the allocation that fails, and the write from which `fail_writes` of them do,
 * counted from 0. Negative: none. */
static int fail_alloc = -1, fail_write = -1, fail_writes = 1;

static MAY_BE_UNUSED void *failing_alloc(size_t bytes)
{
    return fail_alloc-- == 0 ? NULL : rt_os_real.alloc(bytes);
}

static MAY_BE_UNUSED ssize_t failing_write(int file, const void *bytes, size_t count)
{
    static int number;
    int n = number++;
    if (fail_write < 0 || n < fail_write || n >= fail_write + fail_writes)
        return rt_os_real.write(file, bytes, count);
    errno = ENOSPC;
    return -1;
}

/* The same model for another instruction set; null: the program has one alone. */
static MAY_BE_UNUSED const rt_model *second_model;

/* Starts the program with words that single blanks separate; returns its process. */
static MAY_BE_UNUSED pid_t start(const rt_model *model, const char *words, const char *out_path)
{
    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        return child;
    static char text[1024];
    static char *argv[64];
    int argc = 1;
    argv[0] = "./toy";
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    to_file(out_path, STDOUT_FILENO);
    to_file("stderr", STDERR_FILENO);
    rt_os.alloc = failing_alloc;
    rt_os.write = failing_write;
    exit(rt_main((const rt_model *const[]){ model, second_model, NULL }, argc, argv));
}

static MAY_BE_UNUSED int finish(pid_t child)
{
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    read_text("stdout", out_text, sizeof out_text);
    read_text("stderr", err_text, sizeof err_text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static MAY_BE_UNUSED int run(const rt_model *model, const char *words)
{
    return finish(start(model, words, "stdout"));
}

static MAY_BE_UNUSED void must_run(const rt_model *model, const char *words)
{
    int code = run(model, words);
    ck_assert_msg(code == 0, "%s: exit code %d\n%s%s", words, code, out_text, err_text);
    ck_assert_msg(err_text[0] == '\0', "%s: %s", words, err_text);
}

static MAY_BE_UNUSED void must_fail(const rt_model *model, const char *words, int code,
                                    const char *message)
{
    int got = run(model, words);
    ck_assert_msg(got == code, "%s: exit code %d, not %d\n%s%s", words, got, code, out_text,
                  err_text);
    ck_assert_msg(strstr(err_text, message) != NULL, "%s says:\n%s\nnot: %s", words, err_text,
                  message);
    ck_assert_msg(strncmp(err_text, "toy: error: ", 12) == 0, "%s", err_text);
}

static MAY_BE_UNUSED void contains(const char *text, const char *what)
{
    ck_assert_msg(strstr(text, what) != NULL, "'%s' is not in:\n%s", what, text);
}

/* ---- data ---- */

static double x_of[ROWS][F];
static int class_of[ROWS];

static MAY_BE_UNUSED double unit(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (double)(1 << 24);
}

static MAY_BE_UNUSED void make_data(void)
{
    uint64_t state = 42;
    FILE *csv = fopen("data.csv", "w"), *names = fopen("names.csv", "w");
    FILE *line = fopen("line.csv", "w");
    fprintf(csv, "a,b,c,d,kind\n");
    fprintf(names, "a,b,c,d,kind\n");
    fprintf(line, "u,v,y\n");
    static const char *const name[] = { "ash", "birch", "cedar" };
    for (int i = 0; i < ROWS; i++) {
        for (int f = 0; f < F; f++) {
            x_of[i][f] = floor((unit(&state) * 4 - 2) * 1024) / 1024;
            fprintf(csv, "%.10g,", x_of[i][f]);
            fprintf(names, "%.10g,", x_of[i][f]);
        }
        double sum = x_of[i][0] + 2 * x_of[i][1] - x_of[i][2];
        class_of[i] = i < C ? i : sum < -1 ? 0 : sum < 1 ? 1 : 2;
        fprintf(csv, "%d\n", class_of[i]);
        fprintf(names, "%s\n", name[class_of[i]]);
        fprintf(line, "%.10g,%.10g,%.10g\n", x_of[i][0], x_of[i][1],
                3 * x_of[i][0] - x_of[i][1] + 0.5);
    }
    fclose(csv);
    fclose(names);
    fclose(line);
}

static MAY_BE_UNUSED void folder_open(void)
{
    folder_make();
    ck_assert_int_eq(chdir(test_folder), 0);
    unsetenv("NO_COLOR");
    make_data();
}

static MAY_BE_UNUSED int remove_one(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static MAY_BE_UNUSED void folder_close(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    nftw(test_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- files ---- */

static rt_tensors weights;

static MAY_BE_UNUSED const float *tensor(const char *path, const char *name, int64_t elems)
{
    rt_err e = { 0 };
    rt_tensors_free(&weights);
    ck_assert_msg(rt_safetensors_read(&e, path, &weights), "%s", e.message);
    const rt_tensor *t = rt_tensors_find(&weights, name);
    ck_assert_msg(t != NULL, "%s has no %s", path, name);
    ck_assert_int_eq(t->elems, elems);
    ck_assert_int_eq(t->dtype, RT_F32);
    return t->data;
}

static MAY_BE_UNUSED int lines_of(const char *path)
{
    static char text[1 << 16];
    int n = 0;
    read_text(path, text, sizeof text);
    for (const char *c = text; *c; c++)
        n += *c == '\n';
    return n;
}

static MAY_BE_UNUSED bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static MAY_BE_UNUSED void same_bytes(const char *a, const char *b)
{
    rt_buf left = { 0 }, right = { 0 };
    ck_assert(rt_file_read(NULL, a, -1, &left) && rt_file_read(NULL, b, -1, &right));
    ck_assert_int_eq(left.length, right.length);
    ck_assert_msg(memcmp(left.data, right.data, (size_t)left.length) == 0, "%s, %s", a, b);
    rt_buf_free(&left);
    rt_buf_free(&right);
}

/* Samples: one a row, of F columns where the rank is 2. */
static MAY_BE_UNUSED void write_npy(const char *path, rt_dtype dtype, int rank, int64_t rows,
                                    const void *data)
{
    int64_t columns = rank == 2 ? F : 1;
    rt_err e = { 0 };
    rt_tensor t = { .dtype = dtype, .rank = rank, .shape = { rows, columns },
                    .elems = rows * columns, .data = (void *)(uintptr_t)data };
    t.bytes = t.elems * rt_dtype_bytes(dtype);
    ck_assert_msg(rt_npy_write(&e, path, &t), "%s", e.message);
}

static MAY_BE_UNUSED void text_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

#endif
