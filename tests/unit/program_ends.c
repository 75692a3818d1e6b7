/* tests/unit/program_ends.c: how training ends: numbers that are none, signals, full disks,
 * patience and the clock; and what it leaves in each case. */
#define _XOPEN_SOURCE 700
#include "program_run.h"
#include "program_toy.h"
#include "runtime/program.h"

/* ---- numbers that are none ---- */

/* Found in the step that made it, named, and nothing good is overwritten. */
START_TEST(spoilt_state)
{
    static const char *const key[] = { "'0.weight'", "'0.bias'" };
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out good");
    toy_event = (toy_events){ .spoil_step = 6, .spoil_state = _i };
    must_fail(&toy_eventful, "train --data data.csv --epochs 3 --out r", 4,
              "1 of 4 tensors are not finite after step 6 (epoch 2), although its loss was ");
    contains(err_text, key[_i]);
    contains(err_text, " of layer 0, Linear(4, 3)");
    contains(err_text, "help: r/last.safetensors is of epoch 1, from before; "
                       "go on from it with a lower --lr than 0.1");
    same_bytes("r/last.safetensors", "good/last.safetensors");
    same_bytes("r/best.safetensors", "good/best.safetensors");
}
END_TEST

/* An optimizer's slot, which single steps do not look at: found at the epoch's end (without a
 * signal), and before a signal's checkpoint replaces a good one. */
START_TEST(spoilt_slot)
{
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out good");
    toy_event = (toy_events){ .spoil_step = 8, .spoil_state = 3, .signal_step = _i == 0 ? 8 : 0,
                              .signals = 1 };
    must_fail(&toy_eventful, "train --data data.csv --epochs 3 --out r", 4, "'0.bias#momentum' of "
              "layer 0, Linear(4, 3)");
    same_bytes("r/last.safetensors", "good/last.safetensors");
    same_bytes("r/best.safetensors", "good/best.safetensors");
}
END_TEST

/* A step looks at half a megabyte; wherever in large states a number is none, it is found when all
 * of them have had their turn, and nothing is found where there is none. */
START_TEST(looking_in_turns)
{
    enum { BIG = 1500003, F64 = 1001, SMALL = 7 };
    static const rt_state states[] = {
        { "a.weight", RT_PARAM, RT_F32, 1, { { BIG, 1, 1, 0 } }, 0, 4 * BIG },
        { "a.weight#m", RT_OPTIMIZER, RT_F32, 1, { { BIG, 1, 1, 0 } }, 6000064, 4 * BIG },
        { "b.count", RT_BUFFER, RT_I64, 0, { { 0 } }, 12000128, 8 },
        { "b.mean", RT_BUFFER, RT_F64, 1, { { F64, 1, 1, 0 } }, 12000192, 8 * F64 },
        { "c.bias", RT_PARAM, RT_F32, 1, { { SMALL, 1, 1, 0 } }, 12008256, 4 * SMALL },
    };
    static const struct { int state; int64_t at; } place[] = {
        { 0, 0 }, { 0, 15 }, { 0, 131071 }, { 0, 131072 }, { 0, BIG - 1 }, { 0, BIG - 4 },
        { 0, 700000 }, { 3, 0 }, { 3, F64 - 1 }, { 4, 0 }, { 4, SMALL - 1 }, { 1, 5 },
    };
    static const double none[] = { NAN, INFINITY, -INFINITY };
    rt_model m = { .states = states, .n_states = 5, .state_bytes = 12008320 };
    rt_prog p = { .model = &m, .state = rt_alloc(NULL, m.state_bytes, 1, "states") };
    const int turns = 4 * BIG / (512 << 10) + 2;
    memset(p.state + states[2].offset_bytes, 0xff, 8);    /* whole numbers are no business of it */
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        const rt_state *s = &states[place[i].state];
        char *at = p.state + s->offset_bytes + place[i].at * rt_dtype_bytes(s->dtype);
        rt_look look = { 0 };
        int count = -1;
        for (int turn = 0; turn < 2 * turns; turn++)
            ck_assert_ptr_null(rt_states_look(&p, &look));
        ck_assert_ptr_null(rt_states_nonfinite(p.model, p.state, &count));
        ck_assert_int_eq(count, 0);
        double value = none[i % 3];
        if (s->dtype == RT_F64)
            memcpy(at, &value, sizeof value);
        else
            *(float *)(void *)at = (float)value;
        const rt_state *found = NULL;
        for (int turn = 0; turn < turns && !found; turn++)
            found = rt_states_look(&p, &look);
        ck_assert_ptr_eq(found, s->role == RT_OPTIMIZER ? NULL : s);
        ck_assert_ptr_eq(rt_states_nonfinite(p.model, p.state, &count), s);
        ck_assert_int_eq(count, 1);
        memset(at, 0, (size_t)rt_dtype_bytes(s->dtype));
    }
    rt_free(p.state);
}
END_TEST

/* ---- signals ---- */

START_TEST(second_signal)
{
    toy_event = (toy_events){ .signal_step = 2, .signals = 2 };
    ck_assert_int_eq(run(&toy_eventful, "train --data data.csv --epochs 3 --out r"), 143);
    ck_assert_ptr_null(strstr(out_text, "stopped by"));
    ck_assert(!exists("r/last.safetensors"));
}
END_TEST

/* ---- full disks ---- */

/* The disk is full for good after some writes: training goes on, old files stay, and the end says
 * so. */
START_TEST(disk_full_for_good)
{
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out r");
    must_run(&toy_classes, "train --data data.csv --epochs 1 --out copy");
    fail_write = 2;    /* behind config.json and the header of metrics.csv */
    fail_writes = 1 << 30;
    ck_assert_int_eq(run(&toy_classes, "train --data data.csv --epochs 3 --out r --log-steps "
                                       "--save-every 2"), 3);
    contains(out_text, "epoch 3/3");
    contains(err_text, "toy: warning: r/metrics.csv: the disk is full: it needs ");
    contains(err_text, "toy: warning: r/best.safetensors: the disk is full: it "
                       "needs ");
    contains(err_text, " bytes), free are ");
    contains(err_text, "toy: error: the training ended, but in r not everything "
                       "could be written\n");
    contains(err_text, "note: numbered checkpoints: 1 write failed; what was "
                       "missing then is not on the disk");
    same_bytes("r/last.safetensors", "copy/last.safetensors");
    same_bytes("r/best.safetensors", "copy/best.safetensors");
    fail_write = -1;
    fail_writes = 1;
}
END_TEST

/* Room comes back: everything is there in the end, and it is said that it once was not. */
START_TEST(disk_full_for_a_while)
{
    must_run(&toy_classes, "train --data data.csv --epochs 3 --out straight --log-steps");
    for (int n = 2; n < 12; n++) {
        fail_write = n;
        fail_writes = 3;
        int code = run(&toy_classes, "train --data data.csv --epochs 3 --out r --log-steps");
        ck_assert_msg(code == 3, "write %d: exit code %d\n%s", n, code, err_text);
        contains(err_text, "they were written later, nothing is missing");
        same_bytes("r/last.safetensors", "straight/last.safetensors");
        same_bytes("r/best.safetensors", "straight/best.safetensors");
        same_bytes("r/steps.csv", "straight/steps.csv");
        ck_assert_int_eq(lines_of("r/metrics.csv"), 4);
        ck_assert_int_eq(lines_of("r/metrics.jsonl"), 3);
        if (strstr(err_text, "write") && n > 8)
            break;
    }
    fail_write = -1;
    fail_writes = 1;
}
END_TEST

/* ---- patience, monitor, clock ---- */

START_TEST(patience)
{
    must_run(&toy_classes, "train --data data.csv --lr 0 --patience 3 --epochs 50 --no-shuffle "
                           "--out r");
    ck_assert_int_eq(lines_of("r/metrics.csv"), 5);
    contains(out_text, "stopped early: loss has not become better for 3 epochs");
    contains(out_text, "best epoch 1: ");
    /* Better every epoch, which moves `best`, but never by enough. */
    must_run(&toy_classes, "train --data data.csv --patience 2 --min-delta 10 --epochs 50 --out s");
    ck_assert_int_eq(lines_of("s/metrics.csv"), 4);
    contains(out_text, "best epoch 3: ");
    /* The count goes on where it stood. */
    toy_event = (toy_events){ .signal_step = 10, .signals = 1 };
    ck_assert_int_eq(run(&toy_eventful, "train --data data.csv --lr 0 --patience 3 --epochs 50 "
                                        "--no-shuffle --out t"), 143);
    must_run(&toy_classes, "train --data data.csv --patience 3 --epochs 50 --out t --resume auto");
    ck_assert_int_eq(lines_of("t/metrics.csv"), 5);
    same_bytes("t/last.safetensors", "r/last.safetensors");
    must_fail(&toy_classes, "train --data data.csv --min-delta 1", 2, "belongs to --patience");
}
END_TEST

/* The epoch that a column of metrics.csv is highest (or lowest) in, the first of equal ones. */
static int best_of(const char *path, int column, bool highest)
{
    char line[512];
    double best = 0;
    int epoch = 0;
    FILE *csv = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, csv));
    for (int n = 1; fgets(line, sizeof line, csv); n++) {
        char *at = line;
        for (int i = 0; i < column; i++)
            at = strchr(at, ',') + 1;
        double value = atof(at);
        if (epoch == 0 || (highest ? value > best : value < best)) {
            best = value;
            epoch = n;
        }
    }
    fclose(csv);
    return epoch;
}

START_TEST(monitor)
{
    static const struct { const char *name; int column; bool highest; } row[] = {
        { "loss", 1, false }, { "acc", 2, true }, { "accuracy", 2, true }, { "val_loss", 3, false },
        { "val_acc", 4, true },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char words[128], said[32];
        snprintf(words, sizeof words, "train --data data.csv --epochs 30 --lr 0.9 --val-split 0.4 "
                 "--out r%d --monitor %s", (int)i, row[i].name);
        must_run(&toy_classes, words);
        snprintf(words, sizeof words, "r%d/metrics.csv", (int)i);
        snprintf(said, sizeof said, "best epoch %d: %sloss", best_of(words, row[i].column,
                 row[i].highest), row[i].column > 2 ? "val " : "");
        ck_assert_msg(strstr(out_text, said) != NULL, "%s: not '%s' in\n%s", row[i].name, said,
                      out_text);
    }
    must_fail(&toy_classes, "train --data data.csv --monitor f1", 2,
              "--monitor takes one of loss, acc, not 'f1'");
    must_fail(&toy_classes, "train --data data.csv --monitor val_loss", 2,
              "help: --val PATH or --val-split SHARE brings a validation set");
    must_fail(&toy_line, "train --data line.csv --val line.csv --monitor acc", 2,
              "one of val_loss, val_mae, val_r2, loss, mae, r2, not 'acc'");
    ck_assert(!exists("runs"));
}
END_TEST

START_TEST(max_time)
{
    must_run(&toy_classes, "train --data data.csv --epochs 100000000 --max-time 0.2s --quiet "
                           "--out r");
    contains(out_text, "stopped by --max-time after step ");
    contains(out_text, "resume with: ./toy train --data data.csv --epochs "
                       "100000000 --max-time 0.2s --quiet --resume r/last.safetensors\n");
    tensor("r/last.safetensors", "0.weight", C * F);
    ck_assert_int_gt(atoll(rt_meta_get(&weights, "seqc.step")), 0);
}
END_TEST

/* ---- numbered checkpoints, few batches, dry runs ---- */

START_TEST(numbered)
{
    must_run(&toy_classes, "train --data data.csv --epochs 9 --save-every 2 --keep 2 --out r");
    ck_assert(!exists("r/epoch-0002.safetensors") && !exists("r/epoch-0004.safetensors"));
    ck_assert(exists("r/epoch-0006.safetensors") && exists("r/epoch-0008.safetensors"));
    contains(out_text, "saved r/epoch-0004.safetensors\n");
    must_run(&toy_classes, "train --data data.csv --epochs 9 --save-every 4 --out all");
    ck_assert(exists("all/epoch-0004.safetensors") && exists("all/epoch-0008.safetensors"));
    ck_assert(!exists("all/epoch-0006.safetensors"));
    must_run(&toy_classes, "train --data data.csv --epochs 9 --resume all/epoch-0004.safetensors");
    same_bytes("all/last.safetensors", "r/last.safetensors");
    ck_assert_int_eq(lines_of("all/metrics.csv"), 10);
    must_fail(&toy_classes, "train --data data.csv --keep 2", 2, "--save-every");
}
END_TEST

START_TEST(few_batches)
{
    char first[4][64], line[64];
    must_run(&toy_classes, "train --data data.csv --epochs 2 --overfit-batches 2 --log-steps "
                           "--lr 0 --out r");
    ck_assert_int_eq(lines_of("r/steps.csv"), 5);
    FILE *steps = fopen("r/steps.csv", "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, steps));
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, steps));
        snprintf(first[i], sizeof first[i], "%s", strchr(strchr(line, ',') + 1, ',') + 1);
    }
    fclose(steps);
    ck_assert_str_eq(first[0], first[2]);   /* the same rows every epoch */
    ck_assert_str_eq(first[1], first[3]);
    ck_assert_str_ne(first[0], first[1]);
    contains(out_text, "data.csv: 16 train");
}
END_TEST

START_TEST(dry_run)
{
    must_run(&toy_classes, "train --data data.csv --val-split 0.5 --epochs 7 --dry-run");
    contains(out_text, "one training step of 8 samples: loss ");
    contains(out_text, "one validation batch of 8 samples: loss ");
    contains(out_text, "a run would make runs/1, 7 epochs of 2 steps");
    ck_assert(!exists("runs"));
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out r");
    must_run(&toy_classes, "train --data data.csv --epochs 2 --out copy");
    must_run(&toy_classes, "train --data data.csv --epochs 5 --out r --resume auto --dry-run");
    contains(out_text, "a run would go on in r, 3 epochs of 4 steps");
    same_bytes("r/last.safetensors", "copy/last.safetensors");
    ck_assert_int_eq(lines_of("r/metrics.csv"), 3);
    toy_event = (toy_events){ .spoil_step = 1 };
    must_fail(&toy_eventful, "train --data data.csv --dry-run", 4, "'0.weight' of layer 0");
}
END_TEST

TCase *program_ends(void)
{
    TCase *tests = case_create("ends");
    tcase_add_checked_fixture(tests, folder_open, folder_close);
    tcase_add_loop_test(tests, spoilt_state, 0, 2);
    tcase_add_loop_test(tests, spoilt_slot, 0, 2);
    tcase_add_test(tests, looking_in_turns);
    tcase_add_test(tests, second_signal);
    tcase_add_test(tests, disk_full_for_good);
    tcase_add_test(tests, disk_full_for_a_while);
    tcase_add_test(tests, patience);
    tcase_add_test(tests, monitor);
    tcase_add_test(tests, max_time);
    tcase_add_test(tests, numbered);
    tcase_add_test(tests, few_batches);
    tcase_add_test(tests, dry_run);
    return tests;
}
