/* tests/unit/test_files_faults.c: replacing a file while everything fails: a full disk after every
 * byte, every call of the system refused, a kill between any two steps. The name must hold the old
 * bytes or the new ones, always. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/files.h"
#include "tests/unit/rt_test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- hooks that fail ---- */

static int64_t disk_room = -1;       /* bytes until the disk is full; negative: endless */
static int calls_left = -1;          /* calls until one fails; negative: none */
static int call_error = EIO;
static bool die_instead;             /* a call that would fail kills the process */
static int calls, syncs, renames;
static bool short_writes;

static bool this_call_fails(void)
{
    calls++;
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    if (die_instead)
        raise(SIGKILL);
    errno = call_error;
    calls_left = -1;
    return true;
}

static int bad_open(const char *path, int flags, mode_t mode)
{
    return this_call_fails() ? -1 : rt_os_real.open(path, flags, mode);
}

static ssize_t bad_read(int file, void *bytes, size_t count)
{
    if (this_call_fails())
        return -1;
    return rt_os_real.read(file, bytes, short_writes && count > 3 ? 3 : count);
}

static ssize_t bad_write(int file, const void *bytes, size_t count)
{
    if (this_call_fails())
        return -1;
    if (short_writes && count > 3)
        count = 3;
    if (disk_room == 0 && count) {
        errno = ENOSPC;
        return -1;
    }
    if (disk_room > 0 && (int64_t)count > disk_room)
        count = (size_t)disk_room;
    ssize_t done = rt_os_real.write(file, bytes, count);
    if (disk_room > 0)
        disk_room -= done;
    return done;
}

static int bad_fsync(int file)
{
    syncs++;
    return this_call_fails() ? -1 : rt_os_real.fsync(file);
}

static int bad_close(int file)
{
    bool fails = this_call_fails();
    int result = rt_os_real.close(file);
    if (fails)
        errno = call_error;
    return fails ? -1 : result;
}

static int bad_rename(const char *from, const char *to)
{
    /* What is renamed must be on the disk already. */
    ck_assert_int_eq(syncs, 1);
    renames++;
    return this_call_fails() ? -1 : rt_os_real.rename(from, to);
}

static void fail_nothing(void)
{
    disk_room = calls_left = -1;
    call_error = EIO;
    die_instead = short_writes = false;
    calls = syncs = renames = 0;
    rt_os = rt_os_real;
    rt_os.open = bad_open;
    rt_os.read = bad_read;
    rt_os.write = bad_write;
    rt_os.fsync = bad_fsync;
    rt_os.close = bad_close;
    rt_os.rename = bad_rename;
}

/* ---- what is written ---- */

static const char old_bytes[] = "the old file", new_bytes[] = "a new file, and a longer one";
static const char *target;

static bool replace(rt_err *e)
{
    const rt_piece pieces[] = {{.bytes = new_bytes, .count = 5}, {.bytes = new_bytes + 5},
                               {.bytes = new_bytes + 5, .count = 23}};
    return rt_file_replace(e, target, pieces, 3);
}

static void holds(const char *bytes)
{
    rt_buf b = {0};
    rt_os = rt_os_real;
    ck_assert(rt_file_read(NULL, target, -1, &b));
    ck_assert_str_eq(b.data, bytes);
    rt_buf_free(&b);
}

static void start_over(void)
{
    folder_empty();
    target = file_with_text("w.safetensors", old_bytes);
    fail_nothing();
}

START_TEST(replaces)
{
    rt_err e = {0};
    start_over();
    ck_assert_msg(replace(&e), "%s", e.message);
    ck_assert_int_eq(syncs, 2);    /* the file, then the directory */
    ck_assert_int_eq(renames, 1);
    holds(new_bytes);
    ck_assert_int_eq(folder_count(), 1);

    start_over();
    short_writes = true;
    ck_assert(replace(&e));
    holds(new_bytes);

    start_over();
    unlink(target);
    ck_assert(replace(&e));
    holds(new_bytes);
}
END_TEST

START_TEST(full_disk)
{
    for (int64_t room = 0; room < 28; room++) {
        rt_err e = {0};
        start_over();
        disk_room = room;
        ck_assert(!replace(&e));
        ck_assert_int_eq(e.code, RT_E_IO);
        ck_says(e, "w.safetensors: the disk is full: it needs 28 bytes");
        ck_says(e, "free are ");
        ck_says(e, "\nhelp: ");
        holds(old_bytes);
        ck_assert_int_eq(folder_count(), 1);
    }
}
END_TEST

START_TEST(every_call_fails)
{
    const int errors[] = {EIO, ENOSPC, EDQUOT, EACCES, EMFILE};
    for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
        bool done = false;
        for (int n = 0; !done; n++) {
            rt_err e = {0};
            start_over();
            calls_left = n;
            call_error = errors[k];
            done = replace(&e);
            bool failed = calls_left < 0;
            int renamed = renames;
            if (!done) {
                ck_assert_int_eq(e.code, RT_E_IO);
                ck_says(e, "w.safetensors");
            }
            rt_os = rt_os_real;
            rt_buf b = {0};
            ck_assert(rt_file_read(NULL, target, -1, &b));
            ck_assert(!strcmp(b.data, done || renamed ? new_bytes : old_bytes)
                      || !strcmp(b.data, old_bytes));
            if (done)
                ck_assert_str_eq(b.data, new_bytes);
            rt_buf_free(&b);
            ck_assert_int_eq(folder_count(), 1);
            /* A success in spite of a failed call: only what has no part in the promise. */
            if (done && failed)
                done = false;
            ck_assert_int_lt(n, 40);
        }
    }
}
END_TEST

/* The process is killed instead of its n-th call: what lies there is the old file or the new. */
START_TEST(killed_between_steps)
{
    bool finished = false;
    for (int n = 0; !finished; n++) {
        start_over();
        fflush(NULL);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            calls_left = n;
            die_instead = true;
            _exit(replace(NULL) ? 0 : 1);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        ck_assert(finished || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        rt_buf b = {0};
        rt_os = rt_os_real;
        ck_assert(rt_file_read(NULL, target, -1, &b));
        bool is_new = !strcmp(b.data, new_bytes);
        ck_assert(is_new || !strcmp(b.data, old_bytes));
        ck_assert(!finished || is_new);
        rt_buf_free(&b);
        /* What a killed writer left behind does not disturb the next one. */
        fail_nothing();
        ck_assert(replace(NULL));
        holds(new_bytes);
        ck_assert_int_lt(n, 40);
    }
}
END_TEST

START_TEST(strange_targets)
{
    rt_err e = {0};
    const rt_piece piece = {.bytes = "x", .count = 1};
    rt_os = rt_os_real;
    ck_assert(!rt_file_replace(&e, test_folder, &piece, 1));
    ck_says(e, "it is a directory");
    ck_assert(!rt_file_replace(&e, in_folder("none/w"), &piece, 1));
    ck_assert_int_eq(e.code, RT_E_IO);
    ck_says(e, "none/w: cannot be written: no file can be made in");
    ck_assert(rt_file_replace(&e, "/dev/null", &piece, 1));
    struct stat info;
    ck_assert(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));

    /* A link keeps pointing, and the file keeps its mode. */
    target = file_with_text("real", old_bytes);
    ck_assert_int_eq(chmod(target, 0640), 0);
    ck_assert_int_eq(symlink("real", in_folder("link")), 0);
    ck_assert(rt_file_replace(&e, in_folder("link"), &piece, 1));
    holds("x");
    ck_assert(lstat(in_folder("link"), &info) == 0 && S_ISLNK(info.st_mode));
    ck_assert(stat(target, &info) == 0 && (info.st_mode & 07777) == 0640);

    const char *const wrong[] = {"", "/nowhere-at-all/w"};
    for (int i = 0; i < 2; i++)
        ck_assert(!rt_file_replace(&e, wrong[i], &piece, 1));
}
END_TEST

START_TEST(reading)
{
    rt_err e = {0};
    rt_buf b = {0};
    start_over();
    short_writes = true;
    ck_assert(rt_file_read(&e, target, -1, &b) && b.length == 12 && !strcmp(b.data, old_bytes));
    ck_assert(rt_file_read(&e, target, 12, &b));
    ck_assert(!rt_file_read(&e, target, 11, &b));
    ck_assert_int_eq(e.code, RT_E_DATA);
    ck_says(e, "longer than 11 bytes");
    ck_assert_ptr_null(b.data);
    ck_assert(!rt_file_read(&e, test_folder, -1, &b));
    ck_says(e, "is a directory");
    calls_left = 1;
    ck_assert(!rt_file_read(&e, target, -1, &b));
    ck_says(e, "cannot be read: ");
    ck_assert(!rt_file_read(&e, in_folder("none"), -1, &b));
    ck_says(e, "none: cannot be opened: No such file");
    ck_assert_int_eq(e.code, RT_E_IO);
}
END_TEST

/* ---- whole writers without memory ---- */

static bool write_weights(rt_err *e)
{
    rt_tensors list = {0};
    bool ok = rt_tensors_add(e, &list, "0.weight", RT_F32, 2, (int64_t[]){2, 3}, NULL)
           && rt_meta_set(e, &list, "a", "b") && rt_safetensors_write(e, target, &list);
    rt_tensors_free(&list);
    return ok;
}

static bool write_array(rt_err *e)
{
    rt_tensor t;
    bool ok = rt_tensor_make(e, &t, RT_F64, 1, (int64_t[]){5}) && rt_npy_write(e, target, &t);
    rt_tensor_free(&t);
    return ok;
}

static bool read_back(rt_err *e)
{
    rt_buf b = {0};
    bool ok = rt_file_read(e, target, -1, &b);
    rt_buf_free(&b);
    return ok;
}

static void nothing(void) {}

START_TEST(memory)
{
    rt_os = rt_os_real;
    target = file_with_text("w", old_bytes);
    fail_every_alloc(replace, nothing);
    fail_every_alloc(write_weights, nothing);
    fail_every_alloc(write_array, nothing);
    fail_every_alloc(read_back, nothing);
    ck_assert_int_eq(folder_count(), 1);
}
END_TEST

START_TEST(impossible_sizes)
{
    rt_err e = {0};
    watch_memory();
    ck_assert_ptr_null(rt_alloc(&e, INT64_MAX, 8, "the thing"));
    ck_assert_int_eq(e.code, RT_E_DATA);
    ck_assert_ptr_null(rt_alloc(&e, -1, 8, "the thing"));
    ck_assert_ptr_null(rt_alloc(&e, INT64_MAX / 2 + 1, 1, "the thing"));
    ck_assert_int_eq(alloc_largest, 0);
    rt_tensor t;
    ck_assert(!rt_tensor_make(&e, &t, RT_F32, 2, (int64_t[]){INT64_MAX, 2}));
    ck_assert(!rt_tensor_make(&e, &t, RT_F32, 2, (int64_t[]){-1, 2}));
    ck_assert(!rt_tensor_make(&e, &t, RT_F32, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}));
    rt_buf b = {0};
    ck_assert(!rt_buf_reserve(&e, &b, INT64_MAX));
    int64_t result = 5;
    ck_assert(!rt_mul(INT64_MAX, 2, &result) && !rt_add(INT64_MAX, 1, &result) && result == 5);
    ck_assert(rt_mul(0, INT64_MAX, &result) && result == 0);
}
END_TEST

START_TEST(messages)
{
    rt_err e = {0};
    char text[RT_SHOW_TEXT], long_text[4000];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    for (size_t cut = 0; cut < 4; cut++) {    /* "é" may fall on the border */
        long_text[sizeof e.message - 3 + cut] = '\xc3';
        long_text[sizeof e.message - 2 + cut] = '\xa9';
        rt_fail(&e, RT_E_DATA, "%s", long_text);
        ck_assert_uint_lt(strlen(e.message), sizeof e.message);
        for (size_t i = 0; e.message[i];) {
            int width = rt_utf8_length(e.message + i, strlen(e.message + i));
            ck_assert_int_gt(width, 0);
            i += (size_t)width;
        }
        memset(long_text, 'a', sizeof long_text - 1);
    }
    ck_assert(!rt_help(&e, "no room is left for this"));
    rt_show(text, "a\x1b[2J\xff\xc3\xa9\xc2\x9b", 10);
    ck_assert_str_eq(text, "'a\\x1b[2J\\xffé\\xc2\\x9b'");
    ck_assert_str_eq(rt_show(text, "", 0), "''");
    rt_show(text, long_text, sizeof long_text - 1);
    ck_assert(strlen(text) < RT_SHOW_TEXT && strstr(text, "…'"));
    ck_assert_str_eq(rt_shape_text(text, (int64_t[]){3, 32, 32}, 3), "(3, 32, 32)");
    ck_assert_str_eq(rt_shape_text(text, (int64_t[]){5}, 1), "(5,)");
    ck_assert_str_eq(rt_shape_text(text, NULL, 0), "()");
    char size[RT_SIZE_TEXT];
    ck_assert_str_eq(rt_size_text(size, 1023), "1023 bytes");
    ck_assert_str_eq(rt_size_text(size, 1536), "1.5 KiB");
    ck_assert_str_eq(rt_size_text(size, INT64_MAX), "8.0 EiB");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files and faults");
    TCase *c = case_create("files");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_add_test(c, replaces);
    tcase_add_test(c, full_disk);
    tcase_add_test(c, every_call_fails);
    tcase_add_test(c, killed_between_steps);
    tcase_add_test(c, strange_targets);
    tcase_add_test(c, reading);
    tcase_add_test(c, memory);
    tcase_add_test(c, impossible_sizes);
    tcase_add_test(c, messages);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
