/* tests/unit/test_cli.c: the command line: what it takes, what it refuses and with which words. */
#define _XOPEN_SOURCE 700
#include "runtime/cli.h"
#include "tests/unit/rt_test.h"

static const rt_graph graphs[] = { { .name = "train" }, { .name = "eval" }, { .name = "infer" } };
static const rt_model model = { .abi = RT_ABI, .name = "toy", .version = "0.1", .capacity = 64,
                                .batch = 32, .lr = 0.25, .epochs = 3, .shuffle = -1,
                                .graphs = graphs, .n_graphs = 3 };
static rt_cli cli;
static rt_err err;

/* Parses words separated by single blanks after the program's name; '_' stands for no text. */
static bool parse(const char *words)
{
    static char text[512];
    static char *argv[32];
    int argc = 1;
    argv[0] = "bin/toy";
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "_") == 0 ? "" : word;
    err = (rt_err){ 0 };
    return rt_cli_parse(&err, &model, argc, argv, &cli);
}

static void refused(const char *words, const char *message)
{
    ck_assert_msg(!parse(words), "accepted: %s", words);
    ck_assert_int_eq(err.code, RT_E_USAGE);
    ck_assert_msg(strcmp(err.message, message) == 0, "%s says:\n%s\nnot\n%s", words, err.message,
                  message);
}

START_TEST(values)
{
    ck_assert_msg(parse("train --data d.csv --epochs 5 --lr=1e-3 --seed -4 --val-split 0.25 "
                        "--normalize minmax --log-steps --no-shuffle --batch 64"), "%s",
                  err.message);
    ck_assert_int_eq(cli.verb, RT_VERB_train);
    ck_assert_str_eq(RT_OPT(&cli, data).text, "d.csv");
    ck_assert_int_eq(RT_OPT(&cli, epochs).i, 5);
    ck_assert_double_eq(RT_OPT(&cli, lr).r, 1e-3);
    ck_assert_int_eq(RT_OPT(&cli, seed).i, -4);
    ck_assert_double_eq(RT_OPT(&cli, val_split).r, 0.25);
    ck_assert_int_eq(RT_OPT(&cli, normalize).i, 2);
    ck_assert(RT_GIVEN(&cli, log_steps) && RT_GIVEN(&cli, shuffle));
    ck_assert_int_eq(RT_OPT(&cli, shuffle).i, 0);
    ck_assert(!RT_GIVEN(&cli, out) && !RT_OPT(&cli, out).text);
}
END_TEST

START_TEST(last_one_holds)
{
    ck_assert(parse("train --no-shuffle --epochs 5 --shuffle --epochs 0"));
    ck_assert_int_eq(RT_OPT(&cli, shuffle).i, 1);
    ck_assert_int_eq(RT_OPT(&cli, epochs).i, 0);
}
END_TEST

START_TEST(one_name_two_meanings)
{
    ck_assert(parse("eval --target price"));
    ck_assert(RT_GIVEN(&cli, columns) && !RT_GIVEN(&cli, targets));
    ck_assert(parse("grad --target t.npy --eval -o g.safetensors"));
    ck_assert(!RT_GIVEN(&cli, columns) && RT_GIVEN(&cli, targets) && RT_GIVEN(&cli, eval));
    ck_assert_str_eq(RT_OPT(&cli, output).text, "g.safetensors");
}
END_TEST

START_TEST(largest_seeds)
{
    ck_assert(parse("train --seed 9000000000000000000"));
    ck_assert_int_eq(RT_OPT(&cli, seed).i, 9000000000000000000);
    refused("train --seed 92233720368547758070",
            "--seed takes a whole number, not '92233720368547758070'");
}
END_TEST

START_TEST(verbs)
{
    refused("trian", "there is no verb 'trian'\nhelp: did you mean 'train'?");
    refused("fly", "there is no verb 'fly'\n"
            "help: the verbs are train, eval, predict, grad, info, bench");
    refused("--data x train", "a verb comes first, then '--data'\n"
            "help: the verbs are train, eval, predict, grad, info, bench");
    ck_assert(parse("--help") && cli.verb == RT_VERB_NONE && RT_GIVEN(&cli, help));
    ck_assert(parse("bench -h") && cli.verb == RT_VERB_bench && RT_GIVEN(&cli, help));
    ck_assert(parse("") && cli.verb == RT_VERB_NONE);
}
END_TEST

START_TEST(unknown_options)
{
    refused("train --epoch 3", "train has no option '--epoch'\nhelp: did you mean '--epochs'?");
    refused("train --no-shufle",
            "train has no option '--no-shufle'\nhelp: did you mean '--no-shuffle'?");
    refused("train --compile yes",
            "train has no option '--compile'\nhelp: `toy train --help` lists the options");
    refused("eval --epochs 3", "eval takes no --epochs; it belongs to: train");
    refused("info --weights w", "info takes no --weights; it belongs to: train, eval, predict, "
            "grad, bench");
    refused("train -x", "train has no option '-x'\nhelp: `toy train --help` lists the options");
    refused("train data.csv", "'data.csv' stands alone; every value follows its option\n"
            "help: `toy train --help` lists the options");
}
END_TEST

START_TEST(wrong_values)
{
    refused("train --epochs ten",
            "--epochs takes a whole number from 0 to 1000000000, not 'ten'");
    refused("train --epochs 1.5",
            "--epochs takes a whole number from 0 to 1000000000, not '1.5'");
    refused("train --epochs=-1", "--epochs takes a whole number from 0 to 1000000000, not '-1'");
    refused("train --epochs _", "--epochs takes a whole number from 0 to 1000000000, not ''");
    refused("train --threads 0", "--threads takes a whole number from 1 to 1024, not '0'");
    refused("train --lr nan", "--lr takes a number that is not negative, like 0.01, not 'nan'");
    refused("train --lr=-1", "--lr takes a number that is not negative, like 0.01, not '-1'");
    refused("train --lr 0.1x", "--lr takes a number that is not negative, like 0.01, not '0.1x'");
    refused("train --val-split 1",
            "--val-split takes a share from 0 to below 1, like 0.1, not '1'");
    refused("train --normalize z", "--normalize takes one of none, zscore, minmax, not 'z'");
    refused("train --data", "--data needs a value: PATH");
    refused("train --data _", "--data is empty");
    refused("train --quiet=yes", "--quiet takes no value");
    refused("train --batch 65", "--batch 65 is more than the 64 samples this program was compiled "
            "for\nhelp: compile it with --batch 65");
}
END_TEST

static char *help_of(rt_verb verb)
{
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    rt_cli_help(to, &model, "toy", verb);
    fclose(to);
    return text;
}

/* Whatever a verb takes stands in its help, and lines fit a terminal. */
START_TEST(help)
{
    char *text = help_of((rt_verb)_i), word[64], with_comma[64];
    for (int id = 0; id < RT_N_OPTS; id++) {
        snprintf(word, sizeof word, "%s --%s 1", rt_verb_name((rt_verb)_i), rt_option_name(id));
        parse(word);
        bool taken = !strstr(err.message, "has no option") && !strstr(err.message, "takes no --");
        snprintf(word, sizeof word, " --%s ", rt_option_name(id));
        snprintf(with_comma, sizeof with_comma, " --%s,", rt_option_name(id));
        bool shown = strstr(text, word) || strstr(text, with_comma);
        ck_assert_msg(shown == taken, "%s in:\n%s", word, text);
    }
    for (char *line = text; *line; line += strcspn(line, "\n") + 1)
        ck_assert_msg(strcspn(line, "\n") <= 79, "%s", line);
    free(text);
}
END_TEST

START_TEST(times)
{
    static const struct { const char *words; double seconds; } row[] = {
        { "train --max-time 90", 90 },     { "train --max-time 90s", 90 },
        { "train --max-time 1.5h", 5400 }, { "train --max-time=10m", 600 },
        { "train --max-time 2d", 172800 }, { "train --max-time 5m --max-time 3s", 3 },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ck_assert_msg(parse(row[i].words), "%s", err.message);
        ck_assert_double_eq(RT_OPT(&cli, max_time).r, row[i].seconds);
    }
    static const char *const wrong[] = { "0s", "-5m", "10x", "m", "nan", "1e400h", "5 m", "1hs" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char message[128];
        rt_err e = { 0 };
        char *argv[] = { "toy", "train", "--max-time", (char *)(uintptr_t)wrong[i] };
        snprintf(message, sizeof message, "--max-time takes a time like 90s, 10m, 2h or 1d, "
                 "not '%s'", wrong[i]);
        ck_assert(!rt_cli_parse(&e, &model, 4, argv, &cli));
        ck_assert_str_eq(e.message, message);
    }
}
END_TEST

START_TEST(help_says_defaults)
{
    char *text = help_of(RT_VERB_train);
    ck_assert_ptr_nonnull(strstr(text, " [3]\n"));
    ck_assert_ptr_nonnull(strstr(text, "learning rate [0.25]"));
    ck_assert_ptr_nonnull(strstr(text, "--shuffle, --no-shuffle"));
    free(text);
    text = help_of(RT_VERB_NONE);
    ck_assert_ptr_nonnull(strstr(text, "usage: toy VERB [options]"));
    ck_assert_ptr_nonnull(strstr(text, "predict"));
    ck_assert_ptr_null(strstr(text, "grad"));   /* this model has no such graph */
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tests = case_create("cli");
    tcase_add_test(tests, values);
    tcase_add_test(tests, last_one_holds);
    tcase_add_test(tests, one_name_two_meanings);
    tcase_add_test(tests, largest_seeds);
    tcase_add_test(tests, verbs);
    tcase_add_test(tests, unknown_options);
    tcase_add_test(tests, wrong_values);
    tcase_add_loop_test(tests, help, 0, RT_N_VERBS);
    tcase_add_test(tests, times);
    tcase_add_test(tests, help_says_defaults);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
