/* frontend/cmd_options.c: seqc's command line, parsed by the table in options.def; its messages.
 *
 * An option's value follows it (`--batch 32`) or is joined to it (`--batch=32`, `-DN=3`). The last
 * of a repeated option holds, but for -D, which adds up. */
#include "frontend/cmd.h"
#include "runtime/base.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const CommandInfo cmd_info[CMD_COUNT] = {
#define COMMAND(name, letter, argument, does) {#name, letter, argument, does},
#include "frontend/options.def"
};

const OptionInfo cmd_option[OPT_COUNT] = {
#define OPTION(id, name, letter, kind, argument, commands, help) \
    {name, letter, OK_##kind, argument, commands, help},
#include "frontend/options.def"
};

static const struct { const char *name, *why; } absent[] = {
#define ABSENT(name, why) {#name, why},
#include "frontend/options.def"
};
enum { N_ABSENT = (int)(sizeof absent / sizeof *absent) };

bool cmd_takes(Command c, OptId o)
{
    const char *who = cmd_option[o].commands;
    return who[0] == '*' || strchr(who, cmd_info[c].letter) != NULL;
}

/* ---- messages ---- */

void cmd_json_string(FILE *out, const char *s)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\u%04x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

FILE *cmd_told(const Cmd *c)
{
    return c->text[OPT_report] && c->number[OPT_report] == REPORT_JSON ? stderr : stdout;
}

static void say(const Cmd *c, const char *severity, const char *format, va_list args)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    if (c->json) {
        fprintf(stderr, "[{\"severity\":\"%s\",\"message\":", severity);
        cmd_json_string(stderr, text);
        fputs("}]\n", stderr);
    } else {
        fprintf(stderr, "seqc: %s: %s\n", severity, text);
    }
}

int cmd_fail(const Cmd *c, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, "error", format, args);
    va_end(args);
    return code;
}

void cmd_warn(const Cmd *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, "warning", format, args);
    va_end(args);
}

int cmd_fail_rt(const Cmd *c, const rt_err *e)
{
    return cmd_fail(c, e->code == RT_E_OK ? EXIT_IO : (int)e->code, "%s", e->message);
}

/* Levenshtein's distance, of words up to 31 characters; longer ones are far from everything. */
static int distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b), row[32];
    if (n > 31 || m > 31)
        return 99;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *cmd_nearest(const char *word, const char *const *words, int count)
{
    const char *best = NULL;
    int least = (int)strlen(word) < 5 ? 2 : 3;
    for (int i = 0; i < count; i++) {
        int d = distance(word, words[i]);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

/* ---- parsing ---- */

static int unknown_command(const Cmd *c, const char *word)
{
    for (int i = 0; i < N_ABSENT; i++)
        if (strcmp(word, absent[i].name) == 0)
            return cmd_fail(c, EXIT_USAGE, "this version has no `seqc %s`\nnote: it %s", word,
                            absent[i].why);
    const char *names[CMD_COUNT];
    for (int i = 0; i < CMD_COUNT; i++)
        names[i] = cmd_info[i].name;
    const char *near = cmd_nearest(word, names, CMD_COUNT);
    if (near)
        return cmd_fail(c, EXIT_USAGE, "'%.60s' is no verb of seqc; did you mean `seqc %s`?", word,
                        near);
    return cmd_fail(c, EXIT_USAGE, "'%.60s' is no verb of seqc\nhelp: `seqc --help` lists them",
                    word);
}

static int unknown_option(const Cmd *c, const char *word)
{
    const char *names[OPT_COUNT];
    int n = 0;
    for (int i = 0; i < OPT_COUNT; i++)
        if (cmd_takes(c->command, (OptId)i))
            names[n++] = cmd_option[i].name;
    const char *verb = cmd_info[c->command].name;
    const char *near = cmd_nearest(word + (word[1] == '-' ? 2 : 1), names, n);
    if (near)
        return cmd_fail(c, EXIT_USAGE, "`seqc %s` has no option '%.60s'; did you mean --%s?", verb,
                        word, near);
    return cmd_fail(c, EXIT_USAGE,
                    "`seqc %s` has no option '%.60s'\nhelp: `seqc %s --help` lists them", verb,
                    word, verb);
}

/* The index of `word` among "a|b|c", or -1. */
static int64_t choice(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (int64_t i = 0; *words; i++) {
        size_t n = strcspn(words, "|");
        if (n == length && memcmp(words, word, n) == 0)
            return i;
        words += n + (words[n] == '|');
    }
    return -1;
}

/* "65536", "64k", "2M": 0 where it is no such size. */
static int64_t size_of(const char *word)
{
    static const char units[] = "kMG";
    char *end;
    errno = 0;
    long long x = strtoll(word, &end, 10);
    if (errno || end == word || x < 1) return 0;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (*end && (!unit || end[1])) return 0;
    for (int64_t i = unit ? unit - units : -1; i >= 0; i--)
        if (__builtin_mul_overflow(x, 1024, &x)) return 0;
    return x;
}

static int store(Cmd *c, OptId id, const char *value)
{
    const OptionInfo *o = &cmd_option[id];
    c->text[id] = value;
    if (o->kind == OK_LIST) {
        if (c->n_define == CMD_MAX_DEFINES)
            return cmd_fail(c, EXIT_USAGE, "more than %d times --%s", CMD_MAX_DEFINES, o->name);
        c->define[c->n_define++] = value;
    } else if (o->kind == OK_COUNT || o->kind == OK_NUMBER) {
        char *end;
        errno = 0;
        long long x = strtoll(value, &end, 10), least = o->kind == OK_COUNT;
        if (errno || end == value || *end || x < least || x > 1000000000)
            return cmd_fail(c, EXIT_USAGE,
                            "--%s takes a whole number from %lld to 1000000000, not '%.60s'", o->name,
                            least, value);
        c->number[id] = x;
    } else if (o->kind == OK_BYTES) {
        c->number[id] = size_of(value);
        if (!c->number[id])
            return cmd_fail(c, EXIT_USAGE, "--%s takes a number of bytes, such as 65536, 64k or 2M, "
                            "not '%.60s'", o->name, value);
    } else if (o->kind == OK_CHOICE) {
        c->number[id] = choice(o->argument, value);
        if (c->number[id] < 0)
            return cmd_fail(c, EXIT_USAGE, "--%s takes %s, not '%.60s'", o->name, o->argument,
                            value);
    } else if (o->kind == OK_TEXT && !*value) {
        return cmd_fail(c, EXIT_USAGE, "--%s takes %s, not an empty word", o->name, o->argument);
    }
    return EXIT_OK;
}

/* Does `word` name option `id`? Then *value is what is joined to it, or null. */
static bool names_option(const char *word, OptId id, const char **value)
{
    const OptionInfo *o = &cmd_option[id];
    *value = NULL;
    if (word[1] != '-') {
        if (word[1] != o->letter || !o->letter)
            return false;
        if (word[2])
            *value = word + 2;
        return !word[2] || o->kind != OK_FLAG;
    }
    size_t n = strlen(o->name);
    if (strncmp(word + 2, o->name, n) != 0)
        return false;
    if (word[2 + n] == '=')
        *value = word + 3 + n;
    return !word[2 + n] || word[2 + n] == '=';
}

static int option(Cmd *c, int argc, char **argv, int *at)
{
    const char *word = argv[*at], *value;
    for (int id = 0; id < OPT_COUNT; id++) {
        const OptionInfo *o = &cmd_option[id];
        if (!cmd_takes(c->command, (OptId)id) || !names_option(word, (OptId)id, &value))
            continue;
        if (o->kind == OK_FLAG) {
            if (value)
                return cmd_fail(c, EXIT_USAGE, "--%s takes no value", o->name);
            c->text[id] = "";
            return EXIT_OK;
        }
        if (!value && *at + 1 == argc)
            return cmd_fail(c, EXIT_USAGE, "--%s takes a value: %s", o->name, o->argument);
        return store(c, (OptId)id, value ? value : argv[++*at]);
    }
    return unknown_option(c, word);
}

/* "FILE [OTHER]" */
static bool takes_two(int verb)
{
    return cmd_info[verb].argument && strchr(cmd_info[verb].argument, '[');
}

int cmd_parse(Cmd *c, int argc, char **argv)
{
    int verb = -1;
    for (int i = 0; i < CMD_COUNT; i++)
        if (strcmp(argv[1], cmd_info[i].name) == 0)
            verb = i;
    /* Known before the rest is read, so that mistakes in it are reported in the asked form. */
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--diagnostics=json") == 0 ||
            (strcmp(argv[i], "--diagnostics") == 0 && i + 1 < argc &&
             strcmp(argv[i + 1], "json") == 0))
            c->json = true;
    if (verb < 0)
        return unknown_command(c, argv[1]);
    c->command = (Command)verb;
    bool options_end = false;
    for (int i = 2; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1]) {
            int code = option(c, argc, argv, &i);
            if (code)
                return code;
        } else if (c->file && !c->second && takes_two(verb)) {
            c->second = argv[i];
        } else if (c->file) {
            return cmd_fail(c, EXIT_USAGE, "one %s at a time, but got '%.60s' and '%.60s'",
                            cmd_info[verb].argument, c->file, argv[i]);
        } else {
            c->file = argv[i];
        }
    }
    c->json = c->text[OPT_diagnostics] && c->number[OPT_diagnostics] == 1;
    c->help = c->text[OPT_help] != NULL;
    if (c->help)
        return EXIT_OK;
    if (!cmd_info[verb].argument && c->file)
        return cmd_fail(c, EXIT_USAGE, "`seqc %s` takes no file", cmd_info[verb].name);
    if (cmd_info[verb].argument && !c->file)
        return cmd_fail(c, EXIT_USAGE, "`seqc %s` takes %s\nhelp: `seqc %s --help`",
                        cmd_info[verb].name, cmd_info[verb].argument, cmd_info[verb].name);
    return EXIT_OK;
}

/* ---- help ---- */

void cmd_help(FILE *to)
{
    fputs("seqc " SEQC_VERSION ": compiles PyTorch model files to C programs that train them\n\n"
          "usage: seqc VERB FILE [options]\n\n", to);
    for (int i = 0; i < CMD_COUNT; i++) {
        const CommandInfo *c = &cmd_info[i];
        int width = fprintf(to, "  %s %s", c->name, c->argument ? c->argument : "");
        fprintf(to, "%*s%s\n", width < 30 ? 30 - width : 1, "", c->does);
    }
    fputs("\n`seqc VERB --help` lists a verb's options; `seqc --version` the version.\n"
          "Environment: CC, the C compiler; SEQC_HOME, the folder with libseqc_rt.a; SEQC_CFLAGS,\n"
          "further flags for the C compiler.\n"
          "Exit codes: 0 ok, 1 the model is refused, 2 usage, 3 a file or tool is missing or "
          "fails,\n5 memory.\n", to);
}

void cmd_help_of(FILE *to, Command command)
{
    const CommandInfo *c = &cmd_info[command];
    fprintf(to, "usage: seqc %s%s%s [options]\n%s\n\n", c->name, c->argument ? " " : "",
            c->argument ? c->argument : "", c->does);
    for (int i = 0; i < OPT_COUNT; i++) {
        const OptionInfo *o = &cmd_option[i];
        if (!cmd_takes(command, (OptId)i))
            continue;
        int width = o->letter ? fprintf(to, "  -%c, --%s", o->letter, o->name)
                              : fprintf(to, "      --%s", o->name);
        if (o->argument)
            width += fprintf(to, " %s", o->argument) - (strstr(o->argument, "…") ? 2 : 0);
        if (width > 33)
            width = fprintf(to, "\n") - 1;
        fprintf(to, "%*s%s\n", 35 - width, "", o->help);
    }
}
