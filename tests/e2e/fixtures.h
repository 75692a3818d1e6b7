/* tests/e2e/fixtures.h: the models of tests/fixtures/models and what PyTorch computed of them, for the
 * suites that compare with it. ONLY names the models, blank-separated; FEWER leaves most out (turns.h). */
#ifndef SEQC_TEST_FIXTURES_H
#define SEQC_TEST_FIXTURES_H
#include "runtime/files.h"
#include "tests/e2e/turns.h"
#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "tests/fixtures/models"
enum { MAX_MODELS = 512 };
static char *model_name[MAX_MODELS];
static int n_models;

static double largest(const rt_tensor *t)
{
    double max = 0;
    for (int64_t i = 0; i < t->elems; i++)
        max = fmax(max, fabs(rt_tensor_number(t, i)));
    return max;
}

/* |a - b| <= rel * |b| + of_max * max|b| + abs for every element. */
static void compare(const char *what, const rt_tensor *a, const rt_tensor *b, double rel, double of_max,
                    double abs)
{
    ck_assert_msg(a != NULL, "%s is missing", what);
    ck_assert_msg(a->rank == b->rank, "%s has rank %d, not %d", what, a->rank, b->rank);
    for (int i = 0; i < a->rank; i++)
        ck_assert_msg(a->shape[i] == b->shape[i], "%s has another shape", what);
    double room = of_max * largest(b) + abs;
    for (int64_t i = 0; i < b->elems; i++) {
        double x = rt_tensor_number(a, i), y = rt_tensor_number(b, i);
        if (!(fabs(x - y) <= rel * fabs(y) + room))     /* an assertion is a system call */
            ck_abort_msg("%s[%lld] is %.9g, PyTorch has %.9g", what, (long long)i, x, y);
    }
}

static const char *scratch(void)
{
    const char *dir = getenv("SCRATCH");
    return dir ? dir : ".";
}

/* Runs a shell command line made of the pieces; ours alone, and file names without blanks. */
static void run(const char *format, ...)
{
    char line[2048], log[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 600, format, args);
    va_end(args);
    ck_assert(n > 0 && n < (int)sizeof line - 600);
    snprintf(log, sizeof log, "%s/%ld.log", scratch(), (long)getpid());
    snprintf(line + n, sizeof line - (size_t)n, " >%s 2>&1 </dev/null", log);
    int status = system(line);
    char text[1024] = "";
    FILE *f = fopen(log, "r");
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
    }
    remove(log);
    ck_assert_msg(status == 0, "%s\n%s", line, text);
}

static rt_tensors read_tensors(const char *path)
{
    rt_err e = {0};
    rt_tensors t = {0};
    ck_assert_msg(rt_safetensors_read(&e, path, &t), "%s", e.message);
    return t;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Is it in $ONLY, or nothing? */
static bool listed(const char *name)
{
    const char *only = getenv("ONLY");
    size_t n = strlen(name);
    for (const char *p = only; p && *p; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (word == n && strncmp(p, name, n) == 0)
            return true;
        p += word;
    }
    return !only;
}

/* Of the list, every so many-eth stays. */
static void keep_every(int step)
{
    int n = 0;
    for (int i = 0; i < n_models; i++) {
        if (step > 1 && i % step) free(model_name[i]);
        else model_name[n++] = model_name[i];
    }
    n_models = n;
}

/* Fills in the list. False: this is not the source root. */
static bool find_models(void)
{
    DIR *d = opendir(FOLDER);
    if (!d) {
        fputs("run this from the source root: no " FOLDER "\n", stderr);
        return false;
    }
    for (struct dirent *f; n_models < MAX_MODELS && (f = readdir(d)) != NULL;) {
        char *dot = strrchr(f->d_name, '.');
        if (!dot || strcmp(dot, ".safetensors") != 0)
            continue;
        *dot = 0;
        if (listed(f->d_name))
            model_name[n_models++] = strdup(f->d_name);
    }
    closedir(d);
    qsort(model_name, (size_t)n_models, sizeof *model_name, by_name);
    keep_every(fewer());
    return true;
}

#endif
