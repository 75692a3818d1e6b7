/* frontend/cmd_completion.c: completion scripts for bash, zsh and fish, from options.def. */
#include "frontend/cmd.h"
#include "passes/passes.h"
#include <string.h>

/* "all train infer" of "all|train|infer". */
static void words(const char *choice)
{
    for (const char *p = choice; *p; p++)
        putchar(*p == '|' ? ' ' : *p);
}

static void bash(void)
{
    puts("# seqc completion for bash: source this file, or put it where bash-completion looks\n"
         "_seqc() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("        words='", stdout);
    for (int i = 0; i < CMD_COUNT; i++)
        printf("%s%s", i ? " " : "", cmd_info[i].name);
    puts(" --help --version'\n"
         "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "        return\n"
         "    fi\n"
         "    case $prev in");
    for (int i = 0; i < OPT_COUNT; i++)
        if (cmd_option[i].kind == OK_CHOICE) {
            printf("    --%s) COMPREPLY=($(compgen -W '", cmd_option[i].name);
            words(cmd_option[i].argument);
            puts("' -- \"$cur\")); return ;;");
        }
    fputs("    --stage|--passes) COMPREPLY=($(compgen -W '", stdout);
    for (int i = 0; i < pass_count; i++)
        printf("%s%s", i ? " " : "", pass_table[i].name);
    puts("' -- \"$cur\")); return ;;\n"
         "    esac\n"
         "    case ${COMP_WORDS[1]} in");
    for (int c = 0; c < CMD_COUNT; c++) {
        printf("    %s) words='", cmd_info[c].name);
        if (c == CMD_completion)
            words(cmd_info[c].argument);
        for (int i = 0; i < OPT_COUNT; i++)
            if (cmd_takes((Command)c, (OptId)i))
                printf(" --%s", cmd_option[i].name);
        puts("' ;;");
    }
    puts("    esac\n"
         "    case $cur in\n"
         "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
         "    esac\n"
         "}\n"
         "complete -o filenames -F _seqc seqc");
}

static void zsh(void)
{
    puts("#compdef seqc\n"
         "# zsh reads the completion for bash through its own compatibility layer.\n"
         "autoload -U +X bashcompinit && bashcompinit");
    bash();
}

static void fish_text(const char *s)
{
    putchar('\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
    putchar('\'');
}

static void fish(void)
{
    puts("# seqc completion for fish: put it into ~/.config/fish/completions/seqc.fish");
    for (int c = 0; c < CMD_COUNT; c++) {
        printf("complete -c seqc -n __fish_use_subcommand -a %s -d ", cmd_info[c].name);
        fish_text(cmd_info[c].does);
        putchar('\n');
        for (int i = 0; i < OPT_COUNT; i++) {
            const OptionInfo *o = &cmd_option[i];
            if (!cmd_takes((Command)c, (OptId)i))
                continue;
            printf("complete -c seqc -n '__fish_seen_subcommand_from %s' -l %s", cmd_info[c].name,
                   o->name);
            if (o->letter)
                printf(" -s %c", o->letter);
            if (o->kind == OK_CHOICE) {
                fputs(" -x -a '", stdout);
                words(o->argument);
                putchar('\'');
            } else if (o->kind != OK_FLAG) {
                fputs(" -r", stdout);
            }
            fputs(" -d ", stdout);
            fish_text(o->help);
            putchar('\n');
        }
    }
}

int cmd_completion(const Cmd *c)
{
    static const struct { const char *name; void (*print)(void); } shells[] = {
        {"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (int i = 0; i < 3; i++)
        if (strcmp(c->file, shells[i].name) == 0) {
            shells[i].print();
            return EXIT_OK;
        }
    return cmd_fail(c, EXIT_USAGE, "no completion for '%.60s'; there are bash, zsh and fish",
                    c->file);
}
