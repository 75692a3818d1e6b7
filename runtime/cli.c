/* runtime/cli.c: the command line: options.def turned into a parser, messages and help. It knows
 * no verb's meaning and opens no file; values are checked for form and range alone.
 *
 * A word that is nearly a known one (by edit distance with transpositions) is answered with that
 * one; an option of another verb with the verbs that take it. */
#define _XOPEN_SOURCE 700   /* strnlen */
#include "runtime/cli.h"
#include "runtime/pool.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind { FLAG, SWITCH, TEXT, INT, REAL, SHARE, TIME, CHOICE } Kind;

typedef struct Option {
    const char *name;
    char letter;
    Kind kind;
    const char *argument;
    double low, high;
    const char *verbs, *help;
} Option;

static const Option options[] = {
#define OPTION(id, name, letter, kind, argument, low, high, verbs, help) \
    { name, letter, kind, argument, low, high, verbs, help },
#include "runtime/options.def"
};

/* What turns a SWITCH off. */
static const char *const no_names[] = {
#define OPTION(id, name, letter, kind, argument, low, high, verbs, help) "no-" name,
#include "runtime/options.def"
};

static const struct Verb { const char *name, *does; } verbs[] = {
#define VERB(name, does) { #name, does },
#include "runtime/options.def"
};

const char *rt_verb_name(rt_verb verb)
{
    return verbs[verb].name;
}

const char *rt_option_name(int id)
{
    return options[id].name;
}

const char *rt_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool has_graph(const rt_model *model, const char *name)
{
    for (int i = 0; i < model->n_graphs; i++)
        if (strcmp(model->graphs[i].name, name) == 0)
            return true;
    return false;
}

bool rt_has_verb(const rt_model *model, rt_verb verb)
{
    switch (verb) {
    case RT_VERB_train: return has_graph(model, "train") || has_graph(model, "train_prob");
    case RT_VERB_eval: return has_graph(model, "eval") || has_graph(model, "eval_prob");
    case RT_VERB_predict: return has_graph(model, "infer");
    case RT_VERB_grad: return has_graph(model, "grad");
    default: return true;
    }
}

static bool takes(const Option *option, rt_verb verb)
{
    if (verb == RT_VERB_NONE || option->verbs[0] == '*')
        return option->verbs[0] == '*';
    return strchr(option->verbs, verbs[verb].name[0]) != NULL;
}

/* ---- nearest known word ---- */

enum { WORD = 24 };

static int min3(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b; 99 for words too long. */
static int distance(const char *a, const char *b)
{
    int n = (int)strnlen(a, WORD), m = (int)strnlen(b, WORD);
    if (n == WORD || m == WORD)
        return 99;
    int d[WORD][WORD];
    for (int i = 0; i <= n; i++)
        d[i][0] = i;
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++)
        for (int j = 1; j <= m; j++) {
            int replace = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, replace);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[n][m];
}

/* Keeps `candidate` in *best if it is nearer to `word`, and near enough: a third of its letters. */
static void nearer(const char *word, const char *candidate, const char **best, int *best_distance)
{
    int d = distance(word, candidate), limit = (int)strlen(candidate) / 3;
    if (d < *best_distance && d <= (limit < 1 ? 1 : limit)) {
        *best = candidate;
        *best_distance = d;
    }
}

static bool help_verbs(rt_err *e)
{
    char list[128] = "";
    for (int v = 0; v < RT_N_VERBS; v++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", v ? ", " : "", verbs[v].name);
    }
    return rt_help(e, "the verbs are %s", list);
}

static bool unknown_verb(rt_err *e, const char *word)
{
    const char *best = NULL;
    int best_distance = 99;
    for (int i = 0; i < RT_N_VERBS; i++)
        nearer(word, verbs[i].name, &best, &best_distance);
    rt_fail(e, RT_E_USAGE, "there is no verb '%.60s'", word);
    return best ? rt_help(e, "did you mean '%s'?", best) : help_verbs(e);
}

/* "--weights belongs to train, eval, …" where another verb takes `word`; false if none does. */
static bool other_verbs(rt_err *e, const char *word, rt_verb verb)
{
    char list[128] = "";
    for (int v = 0; v < RT_N_VERBS; v++)
        for (int i = 0; i < RT_N_OPTS; i++)
            if (strcmp(options[i].name, word) == 0 && takes(&options[i], (rt_verb)v)) {
                size_t used = strlen(list);
                snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", verbs[v].name);
            }
    if (!list[0])
        return false;
    rt_fail(e, RT_E_USAGE, "%s takes no --%s; it belongs to: %s", verbs[verb].name, word, list);
    return true;
}

static bool unknown_option(rt_err *e, const char *shown, const char *word, rt_verb verb,
                           const char *program)
{
    if (other_verbs(e, word, verb))
        return false;
    const char *best = NULL;
    int best_distance = 99;
    for (int i = 0; i < RT_N_OPTS; i++)
        if (takes(&options[i], verb)) {
            nearer(word, options[i].name, &best, &best_distance);
            if (options[i].kind == SWITCH)
                nearer(word, no_names[i], &best, &best_distance);
        }
    rt_fail(e, RT_E_USAGE, "%s has no option '%.60s'", verbs[verb].name, shown);
    if (best)
        return rt_help(e, "did you mean '--%s'?", best);
    return rt_help(e, "`%s %s --help` lists the options", program, verbs[verb].name);
}

/* ---- values ---- */

static bool bad_value(rt_err *e, const Option *option, const char *what, const char *text)
{
    return rt_fail(e, RT_E_USAGE, "--%s takes %s, not '%.60s'", option->name, what, text);
}

static bool parse_int(rt_err *e, const Option *option, const char *text, rt_optval *value)
{
    char what[96], *end;
    errno = 0;
    long long i = strtoll(text, &end, 10);
    bool whole = end != text && *end == '\0' && errno == 0 && text[0] != ' ';
    if (fabs(option->high) > 1e18)   /* bounds beyond what a double holds exactly: any int64 */
        snprintf(what, sizeof what, "a whole number");
    else
        snprintf(what, sizeof what, "a whole number from %.0f to %.0f", option->low,
                 option->high);
    if (!whole || (double)i < option->low || (double)i > option->high)
        return bad_value(e, option, what, text);
    value->i = i;
    return true;
}

static bool parse_real(rt_err *e, const Option *option, const char *text, rt_optval *value)
{
    char *end;
    double r = strtod(text, &end);
    bool number = end != text && *end == '\0' && isfinite(r) && text[0] != ' ';
    if (option->kind == SHARE) {
        if (!number || r < option->low || r >= option->high)
            return bad_value(e, option, "a share from 0 to below 1, like 0.1", text);
    } else if (!number || r < option->low || r > option->high) {
        return bad_value(e, option, "a number that is not negative, like 0.01", text);
    }
    value->r = r;
    return true;
}

/* "90s", "1.5h"; a number alone means seconds. */
static bool parse_time(rt_err *e, const Option *option, const char *text, rt_optval *value)
{
    static const struct { const char *unit; double seconds; } units[] = {
        { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
    };
    char *end;
    double r = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0)
            value->r = r * units[i].seconds;
    if (isfinite(r) && value->r > option->low && value->r <= option->high && text[0] != ' ')
        return true;
    return bad_value(e, option, "a time like 90s, 10m, 2h or 1d", text);
}

static bool parse_choice(rt_err *e, const Option *option, const char *text, rt_optval *value)
{
    char what[96] = "one of ";
    int64_t index = 0;
    for (const char *p = option->argument; *p; index++) {
        size_t length = strcspn(p, "|"), used = strlen(what);
        if (strlen(text) == length && memcmp(text, p, length) == 0) {
            value->i = index;
            return true;
        }
        snprintf(what + used, sizeof what - used, "%s%.*s", index ? ", " : "", (int)length, p);
        p += length + (p[length] == '|');
    }
    return bad_value(e, option, what, text);
}

static bool set_value(rt_err *e, const Option *option, const char *text, rt_optval *value)
{
    value->given = true;
    value->text = text;
    value->r = 0;
    switch (option->kind) {
    case FLAG: case SWITCH: return true;
    case INT: return parse_int(e, option, text, value);
    case REAL: case SHARE: return parse_real(e, option, text, value);
    case TIME: return parse_time(e, option, text, value);
    case CHOICE: return parse_choice(e, option, text, value);
    case TEXT: break;
    }
    return text[0] != '\0' || rt_fail(e, RT_E_USAGE, "--%s is empty", option->name);
}

/* ---- parsing ---- */

typedef struct Args { int argc, next; char **argv; const char *program; } Args;

static bool same(const char *name, const char *word, size_t length)
{
    return strlen(name) == length && memcmp(name, word, length) == 0;
}

/* The option that `--word` (`length` letters, no dashes) means under this verb; *off: it is the
 * word that turns it off. */
static int find_long(const char *word, size_t length, rt_verb verb, bool *off)
{
    for (int i = 0; i < RT_N_OPTS; i++) {
        const Option *option = &options[i];
        if (!takes(option, verb))
            continue;
        *off = false;
        if (same(option->name, word, length))
            return i;
        *off = true;
        if (option->kind == SWITCH && same(no_names[i], word, length))
            return i;
    }
    return -1;
}

static bool parse_option(rt_err *e, Args *args, rt_cli *cli)
{
    char *arg = args->argv[args->next++];
    const char *word = arg + 1, *value = NULL;
    size_t length = strlen(word);
    int id = -1;
    bool off = false;
    if (arg[1] == '-') {
        word++;
        length = strcspn(word, "=");
        value = word[length] == '=' ? word + length + 1 : NULL;
        id = find_long(word, length, cli->verb, &off);
    } else {
        for (int i = 0; i < RT_N_OPTS; i++)
            if (length == 1 && options[i].letter == word[0] && takes(&options[i], cli->verb))
                id = i;
    }
    if (id < 0 && cli->verb == RT_VERB_NONE)
        return rt_fail(e, RT_E_USAGE, "a verb comes first, then '%.60s'", arg) ||
               help_verbs(e);
    if (id < 0) {
        char copy[WORD + 1];
        snprintf(copy, sizeof copy, "%.*s", (int)(length < WORD ? length : WORD), word);
        return unknown_option(e, arg, copy, cli->verb, args->program);
    }
    const Option *option = &options[id];
    bool takes_value = option->kind != FLAG && option->kind != SWITCH;
    if (!takes_value && value)
        return rt_fail(e, RT_E_USAGE, "--%.*s takes no value", (int)length, word);
    if (takes_value && !value) {
        if (args->next >= args->argc)
            return rt_fail(e, RT_E_USAGE, "--%s needs a value: %s", option->name,
                           option->argument);
        value = args->argv[args->next++];
    }
    cli->opt[id].i = off ? 0 : 1;
    return set_value(e, option, value, &cli->opt[id]);
}

bool rt_cli_parse(rt_err *e, const rt_model *model, int argc, char **argv, rt_cli *cli)
{
    *cli = (rt_cli){ .verb = RT_VERB_NONE };
    Args args = { argc, 1, argv, argc > 0 ? rt_base_name(argv[0]) : "program" };
    while (args.next < argc) {
        char *arg = argv[args.next];
        if (arg[0] == '-' && arg[1] != '\0') {
            if (!parse_option(e, &args, cli))
                return false;
        } else if (cli->verb == RT_VERB_NONE) {
            for (int v = 0; v < RT_N_VERBS; v++)
                if (strcmp(arg, verbs[v].name) == 0)
                    cli->verb = (rt_verb)v;
            if (cli->verb == RT_VERB_NONE)
                return unknown_verb(e, arg);
            args.next++;
        } else {
            rt_fail(e, RT_E_USAGE, "'%.60s' stands alone; every value follows its option", arg);
            return rt_help(e, "`%s %s --help` lists the options", args.program,
                           verbs[cli->verb].name);
        }
    }
    const rt_optval *batch = &RT_OPT(cli, batch);
    if (batch->given && batch->i > model->capacity) {
        rt_fail(e, RT_E_USAGE, "--batch %lld is more than the %lld samples this program was "
                "compiled for", (long long)batch->i, (long long)model->capacity);
        return rt_help(e, "compile it with --batch %lld", (long long)batch->i);
    }
    return true;
}

/* ---- help ---- */

/* The default of an option, "" where none is worth saying. */
static void say_default(char text[64], const rt_model *model, int id)
{
    text[0] = '\0';
    switch (id) {
    case RT_OPT_epochs:
        snprintf(text, 64, " [%lld]",
                 (long long)(model->epochs > 0 ? model->epochs : RT_DEFAULT_EPOCHS));
        break;
    case RT_OPT_lr: snprintf(text, 64, " [%g]", model->lr); break;
    case RT_OPT_batch: snprintf(text, 64, " [%lld]", (long long)model->batch); break;
    case RT_OPT_seed:
        snprintf(text, 64, " [%lld]", (long long)(model->has_seed ? model->seed : 0));
        break;
    case RT_OPT_steps: snprintf(text, 64, " [%d]", RT_DEFAULT_STEPS); break;
    case RT_OPT_threads: snprintf(text, 64, " [%d]", rt_cpu_count()); break;
    case RT_OPT_shuffle: snprintf(text, 64, " [%s]", model->shuffle ? "yes" : "no"); break;
    case RT_OPT_data:
        if (model->root)
            snprintf(text, 64, " [%.50s]", model->root);
        break;
    case RT_OPT_normalize: snprintf(text, 64, " [none]"); break;
    default: break;
    }
}

enum { LEFT = 28, WIDTH = 79 };   /* of the options' column and of a line */

/* Words from column LEFT on, where the cursor is or (`here` false) on a line of their own. */
static void wrap(FILE *to, const char *text, bool here)
{
    int at = here ? LEFT : WIDTH;
    for (size_t length; *text; text += length) {
        text += strspn(text, " ");
        length = strcspn(text, " ");
        if (at + 1 + (int)length > WIDTH) {
            fprintf(to, "\n%*s", LEFT, "");
            at = LEFT;
        }
        at += fprintf(to, "%s%.*s", at > LEFT ? " " : "", (int)length, text);
    }
    fputc('\n', to);
}

static void help_option(FILE *to, const rt_model *model, int id)
{
    const Option *option = &options[id];
    char left[64], standard[64];
    bool is_switch = option->kind == SWITCH;
    snprintf(left, sizeof left, "%s%c%s--%s%s%s", option->letter ? "-" : "  ",
             option->letter ? option->letter : ' ', option->letter ? ", " : " ", option->name,
             is_switch ? ", --" : option->argument ? " " : "",
             is_switch ? no_names[id] : option->argument ? option->argument : "");
    say_default(standard, model, id);
    char text[256];
    snprintf(text, sizeof text, "%s%s", option->help, standard);
    fprintf(to, "  %-*s", LEFT - 2, left);
    wrap(to, text, strlen(left) < LEFT - 2);
}

void rt_cli_help(FILE *to, const rt_model *model, const char *program, rt_verb verb)
{
    if (verb != RT_VERB_NONE) {
        fprintf(to, "%s %s: %s\n\nusage: %s %s [options]\n\n", program, verbs[verb].name,
                verbs[verb].does, program, verbs[verb].name);
        for (int i = 0; i < RT_N_OPTS; i++)
            if (takes(&options[i], verb))
                help_option(to, model, i);
        return;
    }
    fprintf(to, "%s: a program that seqc %s made from the model '%s'\n\n"
            "usage: %s VERB [options]\n\n", program, model->version, model->name, program);
    for (int v = 0; v < RT_N_VERBS; v++)
        if (rt_has_verb(model, (rt_verb)v))
            fprintf(to, "  %-9s %s\n", verbs[v].name, verbs[v].does);
    fprintf(to, "\n`%s VERB --help` lists a verb's options.\n", program);
}
