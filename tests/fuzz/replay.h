/* tests/fuzz/replay.h: every harness as a test, where there is no libFuzzer.
 *
 * A harness test_NAME.c defines LLVMFuzzerTestOneInput, REPLAY_NAME, REPLAY_MUTANTS (of each
 * file) and REPLAY_FOLDERS ({folder, ending of its files}, …), and includes this file last.
 * Each file of the corpus runs as it stands and then mutated: truncated, bits and bytes
 * changed, pieces moved, other files spliced in, numbers made extreme. The generator is seeded
 * by the file's name, so a failure comes again. It does not search: that is what
 * tests/fuzz/fuzz.sh is for, which compiles the harness alone (SEQC_LIBFUZZER).
 *
 * A file and its mutants run in one process of their own; the input that ended it (by a signal,
 * by an exit, by taking a minute) is kept in $SCRATCH and named. */
#ifndef SEQC_REPLAY_H
#define SEQC_REPLAY_H
#ifndef SEQC_LIBFUZZER
#include <check.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sanitizers need all addresses. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { REPLAY_SANITIZED = 1 };
#elif defined __has_feature
enum { REPLAY_SANITIZED = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) };
#else
enum { REPLAY_SANITIZED = 0 };
#endif

enum { REPLAY_FILES = 1024, REPLAY_BYTES = 1 << 16, REPLAY_SECONDS = 60 };

typedef struct Input { char name[128]; size_t size; uint8_t bytes[REPLAY_BYTES]; } Input;

static Input *file;                  /* [n_files], by name */
static int n_files;
/* What runs now, and which mutant it is; shared with the process that it may end. */
typedef struct Running { int mutant; size_t size; uint8_t bytes[REPLAY_BYTES]; } Running;
static Running *running;

/* ---- files ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Input *)a)->name, ((const Input *)b)->name);
}

static void read_file(const char *folder, const char *name)
{
    char path[512];
    Input *in = &file[n_files];
    snprintf(in->name, sizeof in->name, "%s", name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return;
    in->size = fread(in->bytes, 1, sizeof in->bytes, f);
    fclose(f);
    n_files++;
}

static void read_corpus(void)
{
    static const struct { const char *folder, *ending; } from[] = {REPLAY_FOLDERS};
    file = calloc(REPLAY_FILES, sizeof *file);
    for (size_t i = 0; file && i < sizeof from / sizeof *from; i++) {
        DIR *d = opendir(from[i].folder);
        size_t ending = strlen(from[i].ending);
        for (struct dirent *e; d && n_files < REPLAY_FILES && (e = readdir(d));) {
            size_t length = strlen(e->d_name);
            if (e->d_name[0] != '.' && length >= ending &&
                !strcmp(e->d_name + length - ending, from[i].ending))
                read_file(from[i].folder, e->d_name);
        }
        if (d)
            closedir(d);
    }
    if (file)
        qsort(file, (size_t)n_files, sizeof *file, by_name);
}

/* ---- mutants ---- */

static uint64_t random_state;

static uint64_t next_random(void)    /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static size_t below(size_t limit) { return limit ? (size_t)(next_random() % limit) : 0; }

/* Replaces `removed` bytes at `at` by `count` others. */
static void replace(Running *r, size_t at, size_t removed, const void *bytes, size_t count)
{
    if (r->size - removed + count > REPLAY_BYTES)
        return;
    memmove(r->bytes + at + count, r->bytes + at + removed, r->size - at - removed);
    memmove(r->bytes + at, bytes, count);
    r->size += count - removed;
}

static void extreme_number(Running *r)
{
    static const char *const number[] = {"0", "-1", "1", "2147483648", "4294967295", "1e999", "nan",
                                         "9223372036854775807", "9223372036854775808", "1e-320"};
    size_t at = below(r->size), end;
    while (at < r->size && (r->bytes[at] < '0' || r->bytes[at] > '9'))
        at++;
    for (end = at; end < r->size && r->bytes[end] >= '0' && r->bytes[end] <= '9';)
        end++;
    const char *text = number[below(sizeof number / sizeof *number)];
    if (end > at)
        replace(r, at, end - at, text, strlen(text));
}

static void splice(Running *r)
{
    const Input *other = &file[below((size_t)n_files)];
    size_t from = below(other->size), count = below(other->size - from < 200 ? other->size - from
                                                                             : 200);
    size_t at = below(r->size), removed = below(2) ? 0 : below(r->size - at);
    replace(r, at, removed, other->bytes + from, count);
}

static void mutate(Running *r)
{
    static const uint8_t special[] = {0, 255, 127, 128, '\n', '"', '(', '{'};
    uint8_t piece[256];
    size_t at = below(r->size);
    size_t length = below(r->size - at < sizeof piece ? r->size - at : sizeof piece);
    if (!r->size) {
        splice(r);
        return;
    }
    switch (below(8)) {
    case 0: r->size = at; break;
    case 1: r->bytes[at] ^= (uint8_t)(1u << below(8)); break;
    case 2: r->bytes[at] = (uint8_t)next_random(); break;
    case 3: r->bytes[at] = special[below(sizeof special)]; break;
    case 4: replace(r, at, length, "", 0); break;
    case 5:
        memcpy(piece, r->bytes + at, length);
        replace(r, below(r->size), 0, piece, length);
        break;
    case 6: extreme_number(r); break;
    default: splice(r); break;
    }
}

/* ---- running ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as long as the input is: valgrind and ASan see a byte too many. */
static void run_input(void)
{
    uint8_t *exact = malloc(running->size ? running->size : 1);
    if (!exact)
        exit(3);
    memcpy(exact, running->bytes, running->size);
    alarm(REPLAY_SECONDS);
    LLVMFuzzerTestOneInput(exact, running->size);
    free(exact);
}

static void run_mutants(const Input *in, int mutants)
{
    random_state = 1469598103934665603u;
    for (const char *c = in->name; *c; c++)
        random_state = (random_state ^ (uint8_t)*c) * UINT64_C(1099511628211);
    for (int m = 0; m <= mutants; m++) {
        running->mutant = m;
        running->size = in->size;
        memcpy(running->bytes, in->bytes, in->size);
        for (size_t changes = m ? 1 + below(3) : 0; changes > 0; changes--)
            mutate(running);
        run_input();
    }
}

START_TEST(replay)
{
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        /* What asks for impossible memory is refused it. */
        struct rlimit memory = {(rlim_t)4 << 30, (rlim_t)4 << 30};
        if (!REPLAY_SANITIZED)
            setrlimit(RLIMIT_AS, &memory);
        if (!freopen("/dev/null", "w", stdout))
            _exit(3);
        run_mutants(&file[_i], REPLAY_MUTANTS);
        running->mutant = -1;
        exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (status == 0 && running->mutant < 0)
        return;
    char path[512];
    const char *scratch = getenv("SCRATCH");
    snprintf(path, sizeof path, "%s/%s.%s.crash", scratch ? scratch : ".", REPLAY_NAME,
             file[_i].name);
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(running->bytes, 1, running->size, f);
        fclose(f);
    }
    ck_abort_msg("%s, mutant %d (0: the file itself) ended with %s %d; the input is in %s",
                 file[_i].name, running->mutant, WIFSIGNALED(status) ? "signal" : "exit code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), path);
}
END_TEST

START_TEST(has_corpus)
{
    ck_assert_int_gt(n_files, 0);
    ck_assert_int_lt(n_files, REPLAY_FILES);
}
END_TEST

int main(void)
{
    read_corpus();
    running = mmap(NULL, sizeof *running, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                   0);
    if (!file || running == MAP_FAILED)
        return EXIT_FAILURE;
    Suite *suite = suite_create("fuzz_" REPLAY_NAME);
    TCase *c = tcase_create("corpus");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, has_corpus);
    tcase_add_loop_test(c, replay, 0, n_files);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    munmap(running, sizeof *running);
    free(file);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
#endif
