/* tests/unit/program_resume.c: a run that is cut anywhere and goes on is the straight run, to the
 * bit, in every file; and what cannot go on is refused before anything is touched. */
#define _XOPEN_SOURCE 700
#include "program_run.h"
#include "program_toy.h"

enum { EPOCHS = 4 };   /* of the straight runs */

/* ---- comparing runs ---- */

static void file_text(const char *run, const char *name, char *text, size_t room)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", run, name);
    ck_assert_msg(exists(path), "no %s", path);
    read_text(path, text, room);
}

/* Takes what the clock measured out of metrics.csv ("…,seconds,samples_per_second,best") and
 * metrics.jsonl ("seconds": …, "samples_per_second": …,). */
static void without_times(char *text)
{
    char *to = text;
    for (char *line = text, *next; *line; line = next) {
        next = line + strcspn(line, "\n") + 1;
        char *best = next - 2, *seconds;
        if (*line == '{') {
            seconds = strstr(line, "\"seconds\"");
            best = strstr(line, "\"best\"");
            best = best && best < next ? best : next;
            seconds = seconds && seconds < next ? seconds : next;
        } else {
            while (*best != ',')
                best--;
            seconds = best;
            for (int commas = 0; commas < 2; commas += *seconds == ',')
                seconds--;
        }
        memmove(to, line, (size_t)(seconds - line));
        to += seconds - line;
        memmove(to, best, (size_t)(next - best));
        to += next - best;
    }
    *to = '\0';
}

static void same_text(const char *a, const char *b, const char *name)
{
    static char left[1 << 16], right[1 << 16];
    file_text(a, name, left, sizeof left);
    file_text(b, name, right, sizeof right);
    without_times(left);
    without_times(right);
    ck_assert_msg(strcmp(left, right) == 0, "%s of %s and %s:\n%s\n%s", name, a, b, left, right);
}

static void same_run(const char *a, const char *b)
{
    static const char *const tensors[] = { "last.safetensors", "best.safetensors" };
    char left[128], right[128];
    for (int i = 0; i < 2; i++) {
        snprintf(left, sizeof left, "%s/%s", a, tensors[i]);
        snprintf(right, sizeof right, "%s/%s", b, tensors[i]);
        same_bytes(left, right);
    }
    same_text(a, b, "metrics.csv");
    same_text(a, b, "metrics.jsonl");
    snprintf(left, sizeof left, "%s/steps.csv", a);
    snprintf(right, sizeof right, "%s/steps.csv", b);
    if (exists(left) || exists(right))
        same_bytes(left, right);
}

static rt_model subject;    /* toy_eventful, with this or that changed */

/* Runs `words` until an event stops it, then the command that it says goes on. */
static void stop_and_go(const char *words, toy_events first, toy_events second)
{
    char command[1024];
    toy_event = first;
    int code = run(&subject, words);
    ck_assert_msg(code == 143, "%s: exit code %d\n%s%s", words, code, out_text, err_text);
    ck_assert_str_eq(err_text, "");
    for (bool again = second.signals > 0;; again = false) {
        const char *said = strstr(out_text, "resume with: ./toy ");
        ck_assert_msg(said != NULL, "%s", out_text);
        snprintf(command, sizeof command, "%s", said + strlen("resume with: ./toy "));
        command[strcspn(command, "\n")] = '\0';
        toy_event = again ? second : (toy_events){ 0 };
        code = run(&subject, command);
        ck_assert_msg(code == (again ? 143 : 0), "%s: exit code %d\n%s%s", command, code, out_text,
                      err_text);
        ck_assert_str_eq(err_text, "");
        if (!again)
            return;
    }
}

static const char *const scenes[] = {
    "train --data data.csv --epochs 4 --log-steps --no-shuffle",
    "train --data data.csv --epochs 4 --log-steps",
    "train --data data.csv --epochs 4 --log-steps --val-split 0.3 --normalize zscore --seed 3",
    "train --data names.csv --epochs 4 --log-steps --val names.csv --batch 7 --monitor acc",
    "train --data data.csv --epochs 4 --lr 0.02 --overfit-batches 3 --shuffle --patience 9",
    "train --data data.csv --epochs 4 --log-steps --val-split 0.1",
    "train --data data.csv --epochs 4 --log-steps --val-split 0.2",
};
enum { SCENES = sizeof scenes / sizeof *scenes, DROPPING = SCENES - 2, SCHEDULED };

static double each_step_less(double lr, double done, double steps)
{
    return lr / (1 + done / steps);
}

/* Stops after every step there is; the first two of each scene also after a later one again. */
START_TEST(stopped_after_any_step)
{
    char words[256], name[32];
    toy_event = (toy_events){ 0 };
    subject = toy_eventful;
    subject.drop_last = _i == DROPPING;
    if (_i == SCHEDULED) {    /* no epoch's loss is a tenth of the one before: all cut the rate */
        subject.schedule = each_step_less;
        subject.schedule_steps = true;
        subject.plateau = (rt_plateau){ .factor = 0.5, .threshold = 0.9, .relative = 1 };
    }
    snprintf(words, sizeof words, "%s --out straight", scenes[_i]);
    must_run(&subject, words);
    tensor("straight/last.safetensors", "0.weight", C * F);
    int steps = atoi(rt_meta_get(&weights, "seqc.step"));
    ck_assert_int_ge(steps, 3 * EPOCHS);
    for (int step = 1; step <= steps; step++) {
        snprintf(name, sizeof name, "cut%d", step);
        snprintf(words, sizeof words, "%s --out %s", scenes[_i], name);
        toy_events first = { .signal_step = step, .signals = 1 }, second = { 0 };
        if (step % 5 == 0 && step + 3 <= steps)
            second = (toy_events){ .signal_step = step + 3, .signals = 1 };
        stop_and_go(words, first, second);
        same_run("straight", name);
    }
}
END_TEST

/* The same where the signal comes while the validation set is looked at. */
START_TEST(stopped_in_validation)
{
    const char *words = "train --data data.csv --epochs 4 --val-split 0.5 --log-steps --out ";
    char straight[128], cut[128], name[32];
    toy_event = (toy_events){ 0 };
    subject = toy_eventful;
    snprintf(straight, sizeof straight, "%sstraight", words);
    must_run(&subject, straight);
    for (int call = 1; call <= 2 * EPOCHS; call++) {
        snprintf(name, sizeof name, "cut%d", call);
        snprintf(cut, sizeof cut, "%s%s", words, name);
        stop_and_go(cut, (toy_events){ .signal_eval = call, .signals = 1 }, (toy_events){ 0 });
        same_run("straight", name);
    }
}
END_TEST

START_TEST(epochs_grow)
{
    must_run(&toy_line, "train --data line.csv --val line.csv --epochs 5 --log-steps --out all");
    must_run(&toy_line, "train --data line.csv --val line.csv --epochs 0 --log-steps");
    for (int epochs = 0; epochs <= 5; epochs++) {
        char words[128];
        snprintf(words, sizeof words, "train --data line.csv --val line.csv --log-steps --resume "
                 "auto --epochs %d", epochs);
        must_run(&toy_line, words);
    }
    same_run("all", "runs/1");
    ck_assert(!exists("runs/2"));
    same_bytes("all/curves.svg", "runs/1/curves.svg");
    must_fail(&toy_line, "train --data line.csv --val line.csv --resume auto --epochs 4", 2,
              "has 5 epochs behind it, and --epochs is 4");
    must_fail(&toy_line, "train --data line.csv --resume auto --epochs 9", 1,
              "with 29 validation rows, but here are 0");
}
END_TEST

/* A kill leaves rows that no checkpoint knows, half a row, and temporary files. */
START_TEST(remains_of_a_kill)
{
    char alive[64], gone[64];
    must_run(&toy_classes, "train --data data.csv --epochs 4 --log-steps --out straight");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --log-steps --out r");
    FILE *csv = fopen("r/metrics.csv", "a"), *steps = fopen("r/steps.csv", "a");
    FILE *json = fopen("r/metrics.jsonl", "a");
    fputs("3,0.5,0.5,0.1,1,1,1\n4,0.2", csv);
    fputs("9,3,0.5,0.1\n10,", steps);
    fputs("{\"epoch\": 2, \"test_loss\": 0.5}\n{\"epoch\": 3, \"loss\": 1}\n{\"epo", json);
    fclose(csv);
    fclose(steps);
    fclose(json);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    snprintf(gone, sizeof gone, "r/.seqc-%d-0.tmp", (int)child);
    snprintf(alive, sizeof alive, "r/.seqc-%d-3.tmp", (int)getpid());
    text_file(gone, "half");
    text_file(alive, "half");
    text_file("r/.seqc-mine.tmp", "a user's");
    must_run(&toy_classes, "train --data data.csv --epochs 4 --out r --resume auto");
    same_run("straight", "r");
    ck_assert(!exists(gone));
    ck_assert(exists(alive) && exists("r/.seqc-mine.tmp"));
    /* A run that was killed before its first checkpoint starts anew in its directory. */
    text_file(gone, "half");
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out r");
    ck_assert(!exists(gone) && exists(alive));
}
END_TEST

START_TEST(newest_that_can)
{
    must_run(&toy_classes, "train --data data.csv --epochs 2");
    must_run(&toy_classes, "train --data data.csv --epochs 1");
    must_run(&toy_line, "train --data line.csv --epochs 1");
    mkdir("runs/4", 0777);
    mkdir("runs/5", 0777);
    text_file("runs/5/last.safetensors", "not a checkpoint");
    int code = run(&toy_classes, "train --data data.csv --epochs 3 --resume auto");
    ck_assert_msg(code == 0, "%s", err_text);
    contains(out_text, "1 epoch done   runs/2/last.safetensors");
    contains(err_text, "note: runs/5 is passed over: ");
    contains(err_text, "note: runs/3 is passed over: ");
    ck_assert_int_eq(lines_of("runs/2/metrics.csv"), 4);
    ck_assert_int_eq(lines_of("runs/1/metrics.csv"), 3);
    ck_assert_int_eq(run(&toy_classes, "train --data data.csv --epochs 1 --resume auto "
                                       "--out n"), 0);
    contains(err_text, "n holds no last.safetensors; a new run starts");
    ck_assert_int_eq(lines_of("n/metrics.csv"), 2);
}
END_TEST

/* Where best.safetensors is gone, best starts anew and says so. */
START_TEST(best_is_gone)
{
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out r");
    unlink("r/best.safetensors");
    ck_assert_int_eq(run(&toy_classes, "train --data data.csv --epochs 3 --resume auto "
                                       "--out r"), 0);
    contains(err_text, "r/best.safetensors does not hold epoch 2");
    same_bytes("r/best.safetensors", "r/last.safetensors");
}
END_TEST

/* Another directory takes the rest of the run; the first keeps what it had. */
START_TEST(elsewhere)
{
    must_run(&toy_classes, "train --data data.csv --epochs 4 --out straight");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out r");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out copy");
    mkdir("s", 0777);
    ck_assert_int_eq(link("r/best.safetensors", "s/best.safetensors"), 0);
    must_run(&toy_classes, "train --data data.csv --epochs 4 --resume r/last.safetensors --out s");
    same_run("r", "copy");
    same_bytes("s/last.safetensors", "straight/last.safetensors");
    same_bytes("s/best.safetensors", "straight/best.safetensors");
    ck_assert_int_eq(lines_of("s/metrics.csv"), 3);    /* header, epochs 3 and 4 */
    ck_assert(exists("s/config.json"));
}
END_TEST

/* ---- what is refused ---- */

START_TEST(contradictions)
{
    static const struct { const char *words; int code; const char *message; } row[] = {
        { "--data data.csv --batch 4", 2, "was trained with --batch 8, so it cannot go on with 4" },
        { "--data data.csv --seed 5", 2, "was trained with --seed 7" },
        { "--data data.csv --no-shuffle", 2, "was trained with --shuffle" },
        { "--data data.csv --normalize zscore", 2, "was trained with --normalize none" },
        { "--data data.csv --val data.csv", 1, "with 0 validation rows, but here are 29" },
        { "--data data.csv --overfit-batches 2", 1, "with 29 training rows, but here are 16" },
        { "--data few.csv", 1, "with 29 training rows, but here are 3" },
        { "--data data.csv --monitor acc", 2, "was trained with --monitor loss" },
        { "--data data.csv --epochs 1", 2, "has 2 epochs behind it" },
        { "--data data.csv --weights r/best.safetensors", 2, "leave --weights out" },
        { "--data line.csv", 1, "line.csv" },
    };
    text_file("few.csv", "a,b,c,d,kind\n1,2,3,4,0\n1,2,3,1,1\n3,1,4,5,2\n");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out r");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out copy");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char words[256];
        snprintf(words, sizeof words, "train --epochs 9 --resume r/last.safetensors %s",
                 row[i].words);
        must_fail(&toy_classes, words, row[i].code, row[i].message);
        same_run("r", "copy");
    }
    must_fail(&toy_line, "train --data line.csv --resume r/last.safetensors", 1, "not weights of");
    must_fail(&toy_classes, "train --data data.csv --resume none.safetensors", 3,
              "none.safetensors");
}
END_TEST

/* Metadata that are missing, damaged or impossible. */
START_TEST(hostile_metadata)
{
    static const char *const keys[] = {
        "seqc.epoch", "seqc.step", "seqc.at", "seqc.tally", "seqc.tally_samples", "seqc.loss",
        "seqc.best_epoch", "seqc.best", "seqc.best_score", "seqc.anchor", "seqc.wait", "seqc.seed",
        "seqc.batch", "seqc.rows", "seqc.val_rows", "seqc.shuffle", "seqc.lr", "seqc.monitor",
        "seqc.random",
    };
    static const struct { const char *key, *value; } impossible[] = {
        { "seqc.batch", "9" }, { "seqc.batch", "0" }, { "seqc.at", "3" }, { "seqc.at", "1000" },
        { "seqc.rows", "9223372036854775807" }, { "seqc.shuffle", "2" }, { "seqc.lr", "nan" },
        { "seqc.best_epoch", "77" }, { "seqc.epoch", "-1" },
        { "seqc.epoch", "99999999999999999999" },
        { "seqc.epoch", "9223372036854775807" }, { "seqc.tally", "1 2 3" },
        { "seqc.monitor", "a name that is longer than any metric's can be" },
        { "seqc.random", "00" },
        { "seqc.step", "9223372036854775807" }, { "seqc.monitor", "f1" }, { "seqc.seed", "7x" },
    };
    enum { KEYS = sizeof keys / sizeof *keys, IMPOSSIBLE = sizeof impossible / sizeof *impossible };
    rt_err e = { 0 };
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out r");
    for (int i = 0; i < 2 * KEYS + IMPOSSIBLE; i++) {
        rt_tensors file, other = { 0 };
        ck_assert(rt_safetensors_read(&e, "r/last.safetensors", &file));
        const char *key = i < 2 * KEYS ? keys[i / 2] : impossible[i - 2 * KEYS].key;
        const char *value = i >= 2 * KEYS ? impossible[i - 2 * KEYS].value : i % 2 ? "?" : NULL;
        for (int64_t k = 0; k < file.n_meta; k++)
            if (strcmp(file.meta[k].key, key) != 0)
                ck_assert(rt_meta_set(&e, &other, file.meta[k].key, file.meta[k].value));
        ck_assert(!value || rt_meta_set(&e, &other, key, value));
        for (int64_t k = 0; k < file.count; k++) {
            const rt_tensor *t = &file.item[k];
            ck_assert(rt_tensors_add(&e, &other, t->name, t->dtype, t->rank, t->shape, t->data));
        }
        ck_assert(rt_safetensors_write(&e, "bad.safetensors", &other));
        int code = run(&toy_classes, "train --data data.csv --epochs 9 --resume bad.safetensors");
        ck_assert_msg(code == 1 || code == 2, "%s = %s: exit code %d\n%s%s", key,
                      value ? value : "(missing)", code, out_text, err_text);
        ck_assert_msg(!exists("metrics.csv"), "%s = %s", key, value);
        rt_tensors_free(&other);
        rt_tensors_free(&file);
    }
    rt_tensors plain = { 0 };
    int64_t shape[] = { C, F };
    ck_assert(rt_tensors_add(&e, &plain, "0.weight", RT_F32, 2, shape, NULL) &&
              rt_tensors_add(&e, &plain, "0.bias", RT_F32, 1, shape, NULL) &&
              rt_safetensors_write(&e, "plain.safetensors", &plain));
    rt_tensors_free(&plain);
    must_fail(&toy_classes, "train --data data.csv --resume plain.safetensors", 1,
              "help: --weights plain.safetensors starts a new run from its weights");
}
END_TEST

/* ---- faults ---- */

/* Whatever allocation fails, a run that goes on ends with 5 and can go on again. */
START_TEST(no_memory_again)
{
    int code = 5;
    must_run(&toy_classes, "train --data data.csv --epochs 4 --log-steps --out straight");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --log-steps --out r");
    for (int n = 0; code == 5; n++) {
        ck_assert_int_lt(n, 3000);
        fail_alloc = n;
        code = run(&toy_classes, "train --data data.csv --epochs 4 --resume auto --out r");
        ck_assert_msg(code == 0 || code == 5, "allocation %d: exit code %d\n%s", n, code, err_text);
        ck_assert_msg(code == 0 || strncmp(err_text, "toy: error: ", 12) == 0, "%s", err_text);
        if (code == 0)
            ck_assert_int_gt(n, 50);
    }
    fail_alloc = -1;
    same_run("straight", "r");
}
END_TEST

/* Whatever write fails, the run is whole in the end or can go on. */
START_TEST(full_disk_again)
{
    must_run(&toy_classes, "train --data data.csv --epochs 4 --log-steps --out straight");
    for (int n = 0, code = 3; code == 3; n++) {
        char words[128];
        ck_assert_int_lt(n, 100);
        snprintf(words, sizeof words, "train --data data.csv --epochs 2 --log-steps --out r%d", n);
        must_run(&toy_classes, words);
        snprintf(words, sizeof words, "train --data data.csv --epochs 4 --resume auto --out r%d",
                 n);
        fail_write = n;
        code = run(&toy_classes, words);
        fail_write = -1;
        ck_assert_msg(code == 3 || (code == 0 && n > 8), "write %d: exit code %d\n%s", n, code,
                      err_text);
        must_run(&toy_classes, words);
        snprintf(words, sizeof words, "r%d", n);
        same_run("straight", words);
    }
}
END_TEST

TCase *program_resume(void)
{
    TCase *tests = case_create("resume");
    tcase_add_checked_fixture(tests, folder_open, folder_close);
    tcase_add_loop_test(tests, stopped_after_any_step, 0, SCENES);
    tcase_add_test(tests, stopped_in_validation);
    tcase_add_test(tests, epochs_grow);
    tcase_add_test(tests, remains_of_a_kill);
    tcase_add_test(tests, newest_that_can);
    tcase_add_test(tests, best_is_gone);
    tcase_add_test(tests, elsewhere);
    tcase_add_test(tests, contradictions);
    tcase_add_test(tests, hostile_metadata);
    tcase_add_test(tests, no_memory_again);
    tcase_add_test(tests, full_disk_again);
    return tests;
}
