/* tests/e2e/cases.h: the graphs of kernels_cases.def as IR text, for tests of generated code. */
#ifndef SEQC_TEST_CASES_H
#define SEQC_TEST_CASES_H
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case {
    const char *name;
    int capacity, classes;
    const char *states, *body;           /* types written with `real` */
} Case;

static const Case cases[] = {
#define CASE(name, capacity, classes, states, body) { name, capacity, classes, states, body },
#include "kernels_cases.def"
#undef CASE
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* The case as a module, `real` replaced by the type. */
static char *case_text(const Case *c, const char *real)
{
    size_t room = 4096 + 2 * (strlen(c->states) + strlen(c->body));
    char *s = calloc(room, 1), *w = s;
    char *raw = calloc(room, 1);
    bool update = strstr(c->body, "update ") != NULL;
    int at = snprintf(
        raw, room,
        "seqc.ir 1\nfile \"t.py\"\nbatch n <= %d\nreal %s\nstage tidy\n\n%s\nprogram \"t\"\n",
        c->capacity, real, c->states);
    if (c->classes) at += snprintf(raw + at, room - (size_t)at, "target class %d\n", c->classes);
    at += snprintf(
        raw + at, room - (size_t)at,
        "input [3]\noutput [3]\nscalar \"lr\" \"a\"\n"
                   "scalar \"bias2_sqrt\" \"sqrt(1 - pow(0.999, b))\"\n"
        "scalar \"step_size\" \"a / (1 - pow(0.9, b))\"\n\ngraph %s\n%s",
        update ? "train" : "infer", c->body);
    for (const char *r = raw; *r;) {
        bool word = !strncmp(r, "real[", 5);
        if (word) {
            w += sprintf(w, "%s", real);
            r += 4;
        } else {
            *w++ = *r++;
        }
    }
    free(raw);
    return s;
}
#endif
