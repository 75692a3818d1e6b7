/* frontend/cmd_explain.c: `seqc explain WORD`: a diagnostic's code, an op, a pass, an algorithm,
 * a precision mode, or one of the lists "passes" and "ops". All of it is the doc text of the tables. */
#include "frontend/cmd.h"
#include "passes/passes.h"
#include <string.h>

static const char *const kind_name[] = {
    [KIND_NONE] = "", [KIND_LEAF] = "leaf", [KIND_VIEW] = "view", [KIND_MAP] = "elementwise",
    [KIND_PROD] = "matrix product", [KIND_CONV] = "convolution", [KIND_WINDOW] = "window",
    [KIND_REDUCE] = "reduction", [KIND_ROW] = "row program", [KIND_MOVE] = "move",
    [KIND_NARROW] = "of numbers of 8 or 16 bits"};

static void explain_op(const OpInfo *o)
{
    printf("%s: %s\n\n  an op, %s, ", o->name, o->doc, kind_name[o->kind]);
    if (o->min_in == o->max_in)
        printf("%d operand%s\n", o->min_in, o->min_in == 1 ? "" : "s");
    else
        printf("%d to %d operands\n", o->min_in, o->max_in);
    if (o->scalar)
        printf("  one element is %s\n", o->scalar);
    for (int i = 0; i < AT_COUNT; i++)
        if ((o->required | o->optional) >> i & 1)
            printf("  {%s} %s%s\n", ir_attr_info[i].name, ir_attr_info[i].doc,
                   o->required >> i & 1 ? "" : " (optional)");
}

static void explain_pass(const PassInfo *p)
{
    printf("%s: %s\n\n  a pass", p->name, p->doc);
    if (p->needs && *p->needs)
        printf("; needs %s", p->needs);
    if (p->gives && *p->gives)
        printf("; gives %s", p->gives);
    printf("\n  `seqc ir FILE --stage %s` shows what it leaves\n", p->name);
}

static const char *const texts[][2] = { { "certificate",
    "certificate: what `--certify` of build, emit and verify proves of generated C\n"
    "\n"
    "  no allocation, no recursion, loops that end, every subscript and pointer inside its object;\n"
    "  what depends on data has to be compared before it is used\n"
    "\n"
    "  NAME.contract.c        the calls for which that holds, as C: with what memory, for which numbers\n"
    "  NAME.certificate.txt   what was proved, the stack of each function, and what stays open, by file\n"
    "                         and line: then it is none, and the exit code is 1\n"
    "  NAME.certificate.json  the same for programs\n"
    "\n"
    "  of a library it is its own C; of a program what is generated of the model, not the runtime that\n"
    "  it is linked with. `seqc verify DIR --certify` asks it again of a folder as it stands: a\n"
    "  library's, or one of `seqc build --keep DIR --certify`\n" },
    { "kinks",
    "kinks: where rounding decides which side a gradient takes\n"
    "\n"
    "  relu's operand is almost zero, or two numbers of a maximum are almost equal: the value hardly\n"
    "  changes by it, gradients of weights do, by far more than rounding. `seqc verify` interprets a\n"
    "  step that is beyond its bound again, up to 16 times, each number disturbed as rounding may\n"
    "  disturb it, and takes what that changes as kinks. If a sum of these changes is what the library\n"
    "  is off by, in all tensors of the step at once, the step holds: \"28 ulp of the largest, 90 of its\n"
    "  own, kinks aside (with them 5.3e+03)\" says the errors without them, and the largest with them.\n"
    "  If not, it fails, and what is said of it is with kinks\n" },
};

static bool explain_list(const char *word)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(word, texts[i][0]) == 0) {
            fputs(texts[i][1], stdout);
            return true;
        }
    if (strcmp(word, "passes") == 0) {
        for (int i = 0; i < pass_count; i++)
            printf("%-14s %s\n", pass_table[i].name, pass_table[i].doc);
        return true;
    }
    if (strcmp(word, "ops") == 0) {
        for (int i = 1; i < OP_COUNT; i++)
            printf("%-20s %s\n", ir_op[i].name, ir_op[i].doc);
        return true;
    }
    return false;
}

int cmd_explain(const Cmd *c)
{
    const char *word = c->file, *text = fe_explain(word);
    bool found = text != NULL;
    if (text)
        printf("%s: %s\n", word, text);
    if (explain_list(word))
        return EXIT_OK;
    for (int i = 1; i < OP_COUNT; i++)
        if (strcmp(ir_op[i].name, word) == 0) {
            explain_op(&ir_op[i]);
            found = true;
        }
    const PassInfo *p = pass_find(word);
    if (p) {
        explain_pass(p);
        found = true;
    }
    for (int i = 1; i < ALGO_COUNT; i++)
        if (strcmp(ir_algo[i].name, word) == 0) {
            printf("%s: %s\n\n  an algorithm of kernels; %s\n", word, ir_algo[i].doc,
                   ir_error[ir_algo[i].error].doc);
            found = true;
        }
    for (int i = 0; i < MATH_COUNT; i++)
        if (strcmp(ir_math[i].name, word) == 0) {
            printf("%s: %s\n\n  a precision mode: `seqc build --math %s`\n", word, ir_math[i].doc,
                   word);
            found = true;
        }
    if (found)
        return EXIT_OK;
    return cmd_fail(c, EXIT_USAGE, "nothing is known about '%.60s'\nhelp: a diagnostic's code "
                    "stands in brackets behind its message; `seqc explain ops` and `seqc explain "
                    "passes` list the rest", word);
}
