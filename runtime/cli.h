/* runtime/cli.h: the command line of a generated program, parsed by the table in options.def. */
#ifndef SEQC_RT_CLI_H
#define SEQC_RT_CLI_H
#include "runtime/base.h"
#include "runtime/rt.h"

typedef enum rt_verb {
#define VERB(name, does) RT_VERB_##name,
#include "runtime/options.def"
    RT_N_VERBS,
    RT_VERB_NONE = -1
} rt_verb;

enum {
#define OPTION(id, name, letter, kind, argument, low, high, verbs, help) RT_OPT_##id,
#include "runtime/options.def"
    RT_N_OPTS
};

/* What was said for one option. `i` is an INT, 1 or 0 of a SWITCH, the index of a CHOICE. */
typedef struct rt_optval {
    bool given;
    const char *text;   /* the value as written, the caller's argv; null for flags */
    int64_t i;
    double r;
} rt_optval;

typedef struct rt_cli {
    rt_verb verb;       /* RT_VERB_NONE: only --help or --version may stand alone */
    rt_optval opt[RT_N_OPTS];
} rt_cli;

/* The value of option `id` of `cli`, an rt_cli pointer; and whether it was given. */
#define RT_OPT(cli, id) ((cli)->opt[RT_OPT_##id])
#define RT_GIVEN(cli, id) ((cli)->opt[RT_OPT_##id].given)

/* Fills `cli` from argv[1..]; `model` bounds --batch. Failures are RT_E_USAGE and name what is
 * allowed, for a misspelt word the nearest known one. The last of a repeated option holds. */
bool rt_cli_parse(rt_err *e, const rt_model *model, int argc, char **argv, rt_cli *cli);

/* `--help`: of the whole program for RT_VERB_NONE, else of one verb, with this model's defaults. */
void rt_cli_help(FILE *to, const rt_model *model, const char *program, rt_verb verb);

const char *rt_verb_name(rt_verb verb);
/* The option's name without dashes. */
const char *rt_option_name(int id);
/* Does this program have the verb? `train` and `eval` need their graphs. */
bool rt_has_verb(const rt_model *model, rt_verb verb);
/* Epochs where neither the command line nor the model file says. */
enum { RT_DEFAULT_EPOCHS = 10, RT_DEFAULT_STEPS = 50 };
/* The last component of a path. */
const char *rt_base_name(const char *path);

#endif
