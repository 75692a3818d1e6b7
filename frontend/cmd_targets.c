/* frontend/cmd_targets.c: --march: which instruction sets to compile for. */
#include "frontend/cmd.h"
#include "runtime/base.h"
#include <string.h>

const Target *cmd_native_target(void)
{
    for (int i = 0; i < ir_n_targets; i++)
        if (rt_cpu_runs(ir_targets[i].features))
            return &ir_targets[i];
    return &ir_targets[ir_n_targets - 1];
}

static int unknown(const Cmd *c, const char *word)
{
    char list[256] = "native";
    for (int i = 0; i < ir_n_targets; i++) {
        size_t at = strlen(list);
        snprintf(list + at, sizeof list - at, ", %s", cmd_march(&ir_targets[i]));
    }
    return cmd_fail(c, EXIT_USAGE, "unknown instruction set '%.60s'\nhelp: --march takes %s", word,
                    list);
}

/* Puts it where it belongs: the table of targets has the best first. */
static int insert(const Cmd *c, CmdTarget add, CmdTarget *list, int *n)
{
    int at = *n;
    for (; at > 0 && list[at - 1].target >= add.target; at--) {
        if (list[at - 1].target == add.target)
            return cmd_fail(c, EXIT_USAGE, "--march names %s twice", cmd_march(add.target));
        list[at] = list[at - 1];
    }
    list[at] = add;
    (*n)++;
    return EXIT_OK;
}

int cmd_targets(const Cmd *c, CmdTarget list[CMD_MAX_TARGETS], int *n)
{
    const char *march = c->text[OPT_march] ? c->text[OPT_march] : "native";
    *n = 0;
    if (c->number[OPT_target] == TARGET_CUDA) {
        if (c->text[OPT_march])
            return cmd_fail(c, EXIT_USAGE, "--march %.60s: the instruction sets of processors are "
                            "for --target c", march);
        list[(*n)++] = (CmdTarget){ir_gpu("cuda"), false};
        return EXIT_OK;
    }
    for (const char *s = march;; s++) {
        size_t length = strcspn(s, ",");
        const char *word = arena_strn(c->arena, s, length);
        bool native = strcmp(word, "native") == 0;
        const Target *t = native ? cmd_native_target() : ir_target(word);
        if (!t || !*word)
            return unknown(c, word);
        int code = insert(c, (CmdTarget){t, native}, list, n);
        if (code)
            return code;
        s += length;
        if (!*s)
            break;
    }
    for (int i = 1; i < *n; i++) {
        const Target *a = list[0].target, *b = list[i].target;
        if (*a->machine && *b->machine && strcmp(a->machine, b->machine) != 0)
            return cmd_fail(c, EXIT_USAGE, "--march %.60s: no machine runs both %s and %s\n"
                            "help: build a program for each", march, cmd_march(a), cmd_march(b));
    }
    if (*n > 1 && c->command != CMD_build)
        return cmd_fail(c, EXIT_USAGE, "--march %.60s: `seqc %s` shows one instruction set at a "
                        "time", march, cmd_info[c->command].name);
    return EXIT_OK;
}

const char *cmd_march(const Target *t)
{
    return *t->march ? t->march : t->id;
}
