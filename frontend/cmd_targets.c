/* frontend/cmd_targets.c: --march and --arch: which instruction sets to compile for. */
#include "frontend/cmd.h"
#include "runtime/base.h"
#include <stdlib.h>
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
        int archs[CMD_MAX_ARCHS], n_archs;
        return cmd_archs(c, archs, &n_archs);    /* what is wrong is said before all work */
    }
    if (c->text[OPT_tier])
        return cmd_fail(c, EXIT_USAGE, "--tier %.60s: blocks of threads are for --target cuda",
                        c->text[OPT_tier]);
    if (c->text[OPT_arch])
        return cmd_fail(c, EXIT_USAGE, "--arch %.60s: NVIDIA's architectures are for --target cuda",
                        c->text[OPT_arch]);
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

/* The number of "sm_90"; 0: it is none. What it names is NVRTC's to know. */
static int arch_number(const char *word)
{
    enum { MOST = 999 };
    char *end;
    if (strncmp(word, "sm_", 3) != 0 || word[3] < '1' || word[3] > '9')
        return 0;
    long number = strtol(word + 3, &end, 10);
    return *end || number > MOST ? 0 : (int)number;
}

int cmd_archs(const Cmd *c, int list[CMD_MAX_ARCHS], int *n)
{
    static const char *const usual = "sm_80,sm_90,sm_100,sm_120";
    *n = 0;
    for (const char *s = c->text[OPT_arch] ? c->text[OPT_arch] : usual;; s++) {
        size_t length = strcspn(s, ",");
        const char *word = arena_strn(c->arena, s, length);
        int number = arch_number(word);
        if (!number)
            return cmd_fail(c, EXIT_USAGE, "unknown architecture '%.60s'\nhelp: --arch takes "
                            "architectures of NVIDIA's processors, as %s", word, usual);
        for (int i = 0; i < *n; i++)
            if (list[i] == number)
                return cmd_fail(c, EXIT_USAGE, "--arch names sm_%d twice", number);
        if (*n == CMD_MAX_ARCHS)
            return cmd_fail(c, EXIT_USAGE, "--arch names more than %d architectures", CMD_MAX_ARCHS);
        list[(*n)++] = number;
        s += length;
        if (!*s)
            return EXIT_OK;
    }
}
