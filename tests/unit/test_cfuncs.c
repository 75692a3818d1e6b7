/* tests/unit/test_cfuncs.c: functions in C as JSON: what is written reads back as the same bytes
 * and values, and what is not written is refused with its place. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/cfuncs.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

static Arena *arena;

static void setup(void) { arena = arena_new(); }
static void teardown(void) { arena_free(arena); }

static const CFuncs *reads(const char *text)
{
    char err[CFUNCS_ERR];
    const CFuncs *c = fe_cfuncs_read(arena, text, strlen(text), err);
    ck_assert_msg(c != NULL, "%s", err);
    return c;
}

/* A file with one function of x and y. */
static const char *with(const char *nodes, const char *value)
{
    return arena_printf(arena,
                        "{\"seqc_functions\": 2, \"source\": \"ops.c\", \"hash\": \"1f\", "
                        "\"includes\": [],\n \"warnings\": [],\n \"functions\": [\n {\"name\": \"f\", "
                        "\"params\": [\"x\", \"y\"], \"type\": \"float\", \"line\": 3, "
                        "\"column\": 7,\n  \"nodes\": [%s], \"value\": %s}]}\n",
                        nodes, value);
}

static double value_of(const char *nodes, const char *value, double x, double y)
{
    const CFuncs *c = reads(with(nodes, value));
    return ex_eval(c->pool, fe_cfunc(c, "f")->value, (double[]){x, y});
}

START_TEST(reads_a_file)
{
    const CFuncs *c = reads(
        "{\"seqc_functions\": 2, \"source\": \"ops.c\", \"hash\": \"1f\",\n"
        "\"includes\": [{\"file\": \"util.h\", \"hash\": \"2e\"}], \"warnings\": [],\n"
        "\"functions\": [{\"column\": 7, \"line\": 3, \"type\": \"float\", \"name\": \"swish\",\n"
        "\"params\": [\"x\", \"beta\"], \"value\": 7, \"nodes\": [[\"arg\", 0], [\"arg\", 1],\n"
        "[\"mul\", 1, 0], [\"neg\", 2], [\"exp\", 3], [\"num\", 1], [\"add\", 5, 4],\n"
        "[\"div\", 0, 6]]}, {\"name\": \"k\", \"params\": [], \"type\": \"double\", \"line\": 9,\n"
        "\"column\": 8, \"nodes\": [[\"num\", -2.5e-3]], \"value\": 0}]}");
    ck_assert_str_eq(c->source, "ops.c");
    ck_assert_str_eq(c->hash, "1f");
    ck_assert_int_eq(c->n_include, 1);
    ck_assert_str_eq(c->include[0].file, "util.h");
    ck_assert_str_eq(c->include[0].hash, "2e");
    ck_assert_int_eq(c->n, 2);
    const CFunc *f = fe_cfunc(c, "swish");
    ck_assert_ptr_eq(f, &c->f[0]);
    ck_assert_int_eq(f->n_param, 2);
    ck_assert_str_eq(f->param[1], "beta");
    ck_assert(!f->is_double && c->f[1].is_double);
    ck_assert_int_eq(f->line, 3);
    ck_assert_int_eq(f->column, 7);
    ck_assert_str_eq(ex_print(arena, c->pool, f->value), "a/(1 + exp(-(b*a)))");
    ck_assert(ex_is_num(c->pool, c->f[1].value, -2.5e-3));
    ck_assert_ptr_null(fe_cfunc(c, "swis"));
}
END_TEST

START_TEST(values_of_nodes)
{
    ck_assert(value_of("[\"num\", \"inf\"]", "0", 0, 0) == INFINITY);
    ck_assert(value_of("[\"num\", \"-inf\"]", "0", 0, 0) == -INFINITY);
    ck_assert(isnan(value_of("[\"num\", \"nan\"]", "0", 0, 0)));
    ck_assert(signbit(value_of("[\"num\", -0.0]", "0", 0, 0)));
    ck_assert(value_of("[\"num\", 5e-324]", "0", 0, 0) == 5e-324);
    ck_assert(value_of("[\"arg\", 0], [\"arg\", 1], [\"lt\", 0, 1], [\"select\", 2, 0, 1]", "3", 4,
                       3) == 3);
    ck_assert(value_of("[\"arg\", 0], [\"to_int\", 0], [\"int\", 2], [\"mul\", 1, 2], "
                       "[\"to_real\", 3]", "4", 3.75, 0) == 6);
    ck_assert(value_of("[\"bool\", true], [\"bool\", false], [\"or\", 1, 0], [\"arg\", 0], "
                       "[\"arg\", 1], [\"select\", 2, 3, 4]", "5", 1, 2) == 1);
}
END_TEST

/* What is written for any expression reads back: the same bytes, the same text. */
START_TEST(writes_what_it_reads)
{
    static const char *const texts[] = {
        "a", "0.1", "-0.0 + a", "b == 0 ? nan : a/b", "max(a, 1e300)*-inf",
        "real(int(a) + 9007199254740993)", "a < b && !(b < c) ? pow(a, 3.3333333333333335) : 1e22",
        "(a + b)*(a + b) - (a + b)", "log1p(exp(-abs(a)))", "a*a*a*a*a",
    };
    for (int i = 0; i < COUNT(texts); i++) {
        char err[EX_ERR];
        const char *params[] = {"x", "y\"\\", "\xc3\xa4\x01"};
        CFunc f = {.name = "f", .param = params, .n_param = 3, .is_double = true, .line = 1, .column = 2};
        CInclude include = {"a/b.h", "00"};
        CFuncs c = {ex_pool(arena), "o \"p\".c", "ff", &include, 1, NULL, 0, NULL, &f, 1};
        f.value = ex_parse(c.pool, texts[i], NULL, err);
        ck_assert_msg(f.value.i != 0, "%s: %s", texts[i], err);
        const char *json = fe_cfuncs_json(arena, &c);
        const CFuncs *back = reads(json);
        ck_assert_str_eq(fe_cfuncs_json(arena, back), json);
        ck_assert_str_eq(ex_print(arena, back->pool, back->f[0].value),
                         ex_print(arena, c.pool, f.value));
        ck_assert_str_eq(back->f[0].param[1], params[1]);
        ck_assert_str_eq(back->f[0].param[2], params[2]);
        ck_assert_str_eq(back->source, c.source);
        ck_assert(back->f[0].is_double);
    }
}
END_TEST

START_TEST(sharing_survives)
{
    const char *nodes = "[\"arg\", 0]";
    for (int i = 0; i < 60; i++) nodes = arena_printf(arena, "%s, [\"add\", %d, %d]", nodes, i, i);
    const CFuncs *c = reads(with(nodes, "60"));
    ck_assert(ex_eval(c->pool, c->f[0].value, (double[]){1, 0}) == 0x1p60);
    ck_assert_int_eq(ex_cost(c->pool, c->f[0].value), 60);
    ck_assert(strncmp(fe_cfuncs_json(arena, c), with(nodes, "60"), strlen(with(nodes, "60")) - 5) == 0);
}
END_TEST

/* What Python reads: the values and derivatives that are written. */
START_TEST(derivatives_are_written)
{
    const CFuncs *c = reads(with("[\"arg\", 0], [\"arg\", 1], [\"mul\", 0, 1], [\"exp\", 2]", "3"));
    const char *json = fe_cfuncs_json(arena, c);
    ck_assert_msg(strstr(json, "\"gradient\": {\"nodes\": [[\"arg\", 0], [\"arg\", 1], [\"mul\", 0, 1], "
                               "[\"exp\", 2], [\"mul\", 3, 1], [\"mul\", 3, 0]], \"value\": 3, "
                               "\"derivatives\": [4, 5]}}"), "%s", json);
    reads(json);
}
END_TEST

/* A file without functions, of which this was said. */
static const char *warned(const char *warnings)
{
    return arena_printf(arena, "{\"seqc_functions\": 2, \"source\": \"ops.c\", \"hash\": \"1f\", "
                               "\"includes\": [],\n \"warnings\": [%s],\n \"functions\": []}\n", warnings);
}

START_TEST(warnings_are_kept)
{
    const char *json = warned(
        "\n {\"code\": \"W811\", \"function\": \"f\", \"text\": \"at \\\"x\\\" = 0\", \"at\": [0, 29, 4], \"help\": "
        "\"add\"},\n {\"code\": \"N907\", \"text\": \"\", \"at\": [-1, 0, 0], \"note\": \"here\", "
        "\"note_at\": [2, 1, 7]}");
    const CFuncs *c = reads(json);
    ck_assert_int_eq(c->n_said, 2);
    ck_assert_int_eq(c->said[0].id, DIAG_c_slope);
    ck_assert_str_eq(c->said[0].text, "at \"x\" = 0");
    ck_assert_str_eq(c->said[0].function, "f");
    ck_assert_ptr_null(c->said[1].function);
    ck_assert_str_eq(c->said[0].help, "add");
    ck_assert(c->said[0].at.file == 0 && c->said[0].at.at == 29 && c->said[0].at.len == 4);
    ck_assert_int_eq(c->said[1].id, DIAG_c_alone);
    ck_assert_int_eq(c->said[1].at.file, CPLACE_CALL);
    ck_assert_str_eq(c->said[1].note, "here");
    ck_assert_int_eq(c->said[1].note_at.file, 2);
    ck_assert_str_eq(strstr(fe_cfuncs_json(arena, c), "\"warnings\""), strstr(json, "\"warnings\""));
}
END_TEST

static void refuses(const char *text, const char *why)
{
    char err[CFUNCS_ERR];
    ck_assert_msg(!fe_cfuncs_read(arena, text, strlen(text), err), "%s must be refused", text);
    ck_assert_msg(strstr(err, why) != NULL, "%s: says \"%s\", not \"%s\"", text, err, why);
}

START_TEST(refuses_nodes)
{
    static const char *const rows[][3] = {
        {"", "0", "\"value\" is none of the nodes"},
        {"[\"arg\", 0]", "1", "\"value\" is none of the nodes"},
        {"[\"arg\", 2]", "0", "an argument that is none of \"params\""},
        {"[\"arg\", 26]", "0", "expected an integer from 0 to 25"},
        {"[\"arg\", -1]", "0", "expected an integer from 0 to 25"},
        {"[\"arg\", 1.0]", "0", "expected an integer from 0 to 25"},
        {"[\"arg\"]", "0", "expected ','"},
        {"[\"arg\", 0, 1]", "0", "expected ']'"},
        {"[\"neg\", 0]", "0", "expected an integer from 0 to -1"},
        {"[\"arg\", 0], [\"neg\", 1]", "1", "expected an integer from 0 to 0"},
        {"[\"arg\", 0], [\"neg\", 0, 0]", "1", "these are no operands of \"neg\""},
        {"[\"arg\", 0], [\"add\", 0]", "1", "these are no operands of \"add\""},
        {"[\"arg\", 0], [\"add\"]", "1", "these are no operands of \"add\""},
        {"[\"arg\", 0], [\"max\", 0]", "1", "these are no operands of \"max\""},
        {"[\"arg\", 0], [\"add\", 0, 0, 0]", "1", "these are no operands of \"add\""},
        {"[\"arg\", 0], [\"neg\", 0, 0, 0, 0]", "1", "these are no operands of \"neg\""},
        {"[\"arg\", 0], [\"select\", 0, 0, 0]", "1", "these are no operands of \"select\""},
        {"[\"arg\", 0], [\"bool\", true], [\"select\", 1, 0]", "1", "no operands of \"select\""},
        {"[\"arg\", 0], [\"bool\", true], [\"select\", 1, 0, 1]", "1", "operands of \"select\""},
        {"[\"arg\", 0], [\"bool\", true], [\"add\", 0, 1]", "1", "no operands of \"add\""},
        {"[\"arg\", 0], [\"int\", 1], [\"add\", 0, 1]", "1", "no operands of \"add\""},
        {"[\"int\", 1], [\"int\", 2], [\"div\", 0, 1]", "1", "no operands of \"div\""},
        {"[\"int\", 1]", "0", "\"value\" is no real number"},
        {"[\"int\", 9223372036854775808]", "0", "expected an integer"},
        {"[\"bool\", tru]", "0", "expected true or false"},
        {"[\"num\", 1e999]", "0", "this is not a number"},
        {"[\"num\", 0x10]", "0", "expected ']'"},
        {"[\"num\", 1.2.3]", "0", "this is not a number"},
        {"[\"num\", inf]", "0", "expected a number"},
        {"[\"num\", \"Infinity\"]", "0", "a number in quotes is inf, -inf or nan"},
        {"[\"num\", 1111111111111111111111111111111111111111]", "0", "expected a number"},
        {"[\"name\", \"x\"]", "0", "there is no operation \"name\""},
        {"[\"none\"]", "0", "there is no operation \"none\""},
        {"[\"system\", 0]", "0", "there is no operation \"system\""},
        {"[0]", "0", "expected '\"'"},
        {"[\"a\\qrg\", 0]", "0", "an escape that is never written"},
        {"[\"a\\u0041rg\", 0]", "0", "an escape that is never written"},
        {"[\"a\nrg\", 0]", "0", "a control character in a string"},
    };
    for (int i = 0; i < COUNT(rows); i++) refuses(with(rows[i][0], rows[i][1]), rows[i][2]);
}
END_TEST

START_TEST(refuses_files)
{
    static const char *const rows[][2] = {
        {"", "byte 0: expected '{'"},
        {"[]", "byte 0: expected '{'"},
        {"{}", "expected '\"'"},
        {"{\"seqc_functions\": 1", "expected an integer from 2 to 2"},
        {"{\"seqc_functions\": 2}", "\"source\" is missing"},
        {"{\"seqc_functions\": 2, \"seqc_functions\": 2}", "\"seqc_functions\" stands twice"},
        {"{\"functions\": {}}", "expected '['"},
        {"{\"functions\": [{}]}", "expected '\"'"},
        {"{\"functions\": [{\"name\": \"f\", \"body\": 1}]}", "unknown key \"body\""},
        {"{\"functions\": [{\"name\": \"f\"}]}", "\"params\" is missing"},
        {"{\"includes\": [{\"file\": \"a\"}]}", "\"hash\" is missing"},
        {"{\"source\": 3}", "expected '\"'"},
        {"{\"source\": \"a", "expected '\"'"},
    };
    for (int i = 0; i < COUNT(rows); i++) refuses(rows[i][0], rows[i][1]);
    const char *good = with("[\"arg\", 0]", "0");
    refuses(arena_printf(arena, "%s{}", good), "something follows the functions");
    const char *odd = "0, \"gradient\": {\"nodes\": [[\"neg\", 0]], \"value\": 0, \"derivatives\": []}";
    refuses(with("[\"arg\", 0]", odd), "expected an integer from 0 to -1");
    refuses(with("[\"arg\", 0]", "0, \"gradient\": {\"nodes\": []}"), "\"value\" is missing");
    refuses(with("[\"arg\", 0]", "0, \"gradient\": 3"), "expected '{'");
    refuses(with("[\"arg\", 0]", "0, \"at\": [0, 1]"), "a place has three numbers");
    refuses(with("[\"arg\", 0]", "0, \"at\": [0, -1, 2]"), "expected an integer from 0 to 4294967295");
    refuses(with("[\"arg\", 0]", "0, \"compared\": [[0, 0, 1, 2]]"), "has a node that is no comparison");
    refuses(with("[\"arg\", 0]", "0, \"compared\": [[1, 0, 1, 2]]"), "has a node that is no comparison");
    refuses(with("[\"arg\", 0]", "0, \"compared\": [[0, 0, 1]]"), "three numbers, behind a node's");
    const char *f = strstr(good, "{\"name\"");
    const char *twice = arena_printf(arena, "%.*s, %s", (int)(strlen(good) - 3), good, f);
    refuses(twice, "the function \"f\" stands twice");
    char *typed = arena_str(arena, good);
    memcpy(strstr(typed, "float"), "fluid", 5);
    refuses(typed, "\"type\" is float or double");
}
END_TEST

START_TEST(refuses_warnings)
{
    static const char *const rows[][2] = {
        {"{}", "expected '\"'"},
        {"{\"code\": \"W811\", \"text\": \"\"}", "\"at\" is missing"},
        {"{\"code\": \"E811\"}", "no warning of C functions has the code \"E811\""},
        {"{\"code\": \"W801\"}", "no warning of C functions has the code \"W801\""},
        {"{\"code\": 811}", "expected '\"'"},
        {"{\"at\": []}", "a place has three numbers"},
        {"{\"at\": [0, 1]}", "a place has three numbers"},
        {"{\"at\": [0, 1, 2, 3]}", "a place has three numbers"},
        {"{\"at\": [-2, 1, 2]}", "expected an integer from -1 to 2147483647"},
        {"{\"at\": [0, -1, 2]}", "expected an integer from 0 to 4294967295"},
        {"{\"at\": [0, 1, 4294967296]}", "expected an integer from 0 to 4294967295"},
        {"{\"at\": [0, 1, 2.5]}", "expected an integer"},
    };
    for (int i = 0; i < COUNT(rows); i++) refuses(warned(rows[i][0]), rows[i][1]);
    const char *one = "{\"code\": \"W813\", \"text\": \"\", \"at\": [0, 0, 0]}", *many = one;
    for (int i = 1; i < FE_MAX_DIAGS; i++) many = arena_printf(arena, "%s, %s", many, one);
    ck_assert_int_eq(reads(warned(many))->n_said, FE_MAX_DIAGS);
    refuses(warned(arena_printf(arena, "%s, %s", many, one)), "more than 20 warnings");
}
END_TEST

START_TEST(refuses_what_is_too_large)
{
    const char *params = "\"p\"", *nodes = "[\"arg\", 0]";
    for (int i = 0; i < EX_MAX_ARGS; i++) params = arena_printf(arena, "%s, \"p\"", params);
    refuses(arena_printf(arena, "{\"functions\": [{\"params\": [%s]}]}", params),
            "more than 26 parameters");
    for (int i = 0; i < CFUNC_MAX_NODES; i++) nodes = arena_printf(arena, "%s, [\"arg\", 0]", nodes);
    refuses(with(nodes, "0"), "more than 2000 nodes");
    char *name = arena_alloc(arena, 5001, 1);
    memset(name, 'x', 5000);
    refuses(arena_printf(arena, "{\"source\": \"%s\"", name), "a string longer than 4096 bytes");
}
END_TEST

/* Whatever is cut off is missed, and bytes behind the end are not read. */
START_TEST(refuses_every_beginning)
{
    const char *whole = with("[\"arg\", 0], [\"num\", \"inf\"], [\"bool\", true], "
                             "[\"select\", 2, 0, 1]", "3");
    size_t n = strlen(whole) - 1;             /* the newline may be missing */
    for (size_t i = 0; i < n; i++) {
        char err[CFUNCS_ERR], *part = malloc(i ? i : 1);
        memcpy(part, whole, i);
        ck_assert(!fe_cfuncs_read(arena, part, i, err));
        ck_assert(strncmp(err, "byte ", 5) == 0);
        free(part);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cfuncs");
    TCase *t = tcase_create("json");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, reads_a_file);
    tcase_add_test(t, values_of_nodes);
    tcase_add_test(t, writes_what_it_reads);
    tcase_add_test(t, sharing_survives);
    tcase_add_test(t, derivatives_are_written);
    tcase_add_test(t, warnings_are_kept);
    tcase_add_test(t, refuses_nodes);
    tcase_add_test(t, refuses_files);
    tcase_add_test(t, refuses_warnings);
    tcase_add_test(t, refuses_what_is_too_large);
    tcase_add_test(t, refuses_every_beginning);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
