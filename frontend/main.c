/* frontend/main.c: seqc's entry. The verbs are in cmd_*.c, the table of verbs in options.def. */
#include "frontend/cmd.h"
#include <errno.h>
#include <string.h>

static int run(const Cmd *c)
{
    switch (c->command) {
#define COMMAND(name, letter, argument, does) case CMD_##name: return cmd_##name(c);
#include "frontend/options.def"
    case CMD_COUNT: break;
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        cmd_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        cmd_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("seqc " SEQC_VERSION);
        return EXIT_OK;
    }
    static Cmd c;
    c.arena = arena_new();
    int code = cmd_parse(&c, argc, argv);
    if (!code && c.help)
        cmd_help_of(stdout, c.command);
    else if (!code)
        code = run(&c);
    arena_free(c.arena);
    errno = 0;
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "seqc: error: standard output: %s\n",
                errno ? strerror(errno) : "could not be written");
        return code ? code : EXIT_IO;
    }
    return code;
}
