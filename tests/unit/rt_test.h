/* tests/unit/rt_test.h: what the runtime's unit tests share: a folder of their own, hooks that fail
 * on purpose, and running a suite. Each file that includes it has its own copy. */
#ifndef SEQC_RT_TEST_H
#define SEQC_RT_TEST_H
#include "runtime/base.h"
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __GNUC__
#define MAY_BE_UNUSED __attribute__((unused))
#else
#define MAY_BE_UNUSED
#endif

/* ---- a folder ---- */

static char test_folder[256];

static MAY_BE_UNUSED void folder_make(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(test_folder, sizeof test_folder, "%s/seqc-test-XXXXXX", parent ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(test_folder));
}

/* Removes the folder's files and itself; it holds no folders. */
static MAY_BE_UNUSED void folder_empty(void)
{
    char path[600];
    DIR *d = opendir(test_folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", test_folder, entry->d_name);
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            unlink(path);
    }
    if (d)
        closedir(d);
}

static MAY_BE_UNUSED void folder_remove(void)
{
    rt_os = rt_os_real;
    folder_empty();
    rmdir(test_folder);
}

static MAY_BE_UNUSED int folder_count(void)
{
    int count = -2;    /* "." and ".." */
    DIR *d = opendir(test_folder);
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

/* Of more than 64 names, the oldest is overwritten. */
static MAY_BE_UNUSED const char *in_folder(const char *name)
{
    static char path[64][600];
    static int next;
    next = (next + 1) % 64;
    snprintf(path[next], sizeof path[next], "%s/%s", test_folder, name);
    return path[next];
}

static MAY_BE_UNUSED const char *file_with(const char *name, const void *bytes, size_t count)
{
    const char *path = in_folder(name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, count, f), count);
    ck_assert_int_eq(fclose(f), 0);
    return path;
}

static MAY_BE_UNUSED const char *file_with_text(const char *name, const char *text)
{
    return file_with(name, text, strlen(text));
}

static MAY_BE_UNUSED rt_buf buf_of(const void *bytes, size_t count)
{
    rt_buf b = {0};
    ck_assert(rt_buf_add(NULL, &b, bytes, (int64_t)count));
    return b;
}

/* The message must say this. */
#define ck_says(e, text) \
    ck_assert_msg(strstr((e).message, text) != NULL, "'%s' is not in: %s", text, (e).message)

/* ---- memory that runs out ---- */

static int64_t alloc_left = -1;      /* allocations until one fails; negative: none fails */
static int64_t alloc_live;           /* pieces of memory that are not yet freed */
static int64_t alloc_largest;        /* the largest piece asked for */

static void *test_alloc(size_t bytes)
{
    if ((int64_t)bytes > alloc_largest)
        alloc_largest = (int64_t)bytes;
    if (alloc_left == 0)
        return NULL;
    if (alloc_left > 0)
        alloc_left--;
    void *memory = rt_os_real.alloc(bytes);
    if (memory) {
        alloc_live++;
        memset(memory, 0xa5, bytes < 4096 ? bytes : 4096);    /* nobody may count on zeros */
    }
    return memory;
}

static void test_release(void *memory)
{
    alloc_live--;
    rt_os_real.release(memory);
}

static MAY_BE_UNUSED void watch_memory(void)
{
    alloc_left = -1;
    alloc_live = alloc_largest = 0;
    rt_os.alloc = test_alloc;
    rt_os.release = test_release;
}

/* Calls work(e) with the first, second, … allocation failing until it succeeds; each failure must
 * be said as one of memory and free everything. `undo` frees what success made. */
static MAY_BE_UNUSED void fail_every_alloc(bool (*work)(rt_err *e), void (*undo)(void))
{
    bool done = false;
    watch_memory();
    for (int64_t n = 0; !done; n++) {
        rt_err e = {0};
        ck_assert_int_lt(n, 100000);
        alloc_left = n;
        done = work(&e);
        if (done) {
            ck_assert_int_gt(n, 0);
            undo();
        } else {
            ck_assert_msg(e.code == RT_E_MEMORY, "allocation %d: %s", (int)n, e.message);
        }
        ck_assert_msg(alloc_live == 0, "allocation %d: %d pieces are left", (int)n,
                      (int)alloc_live);
    }
    rt_os = rt_os_real;
}

/* ---- running ---- */

/* No test here measures time; the limit only ends one that hangs, on slow machines too. */
static MAY_BE_UNUSED TCase *case_create(const char *name)
{
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 300);
    return c;
}

static MAY_BE_UNUSED int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
