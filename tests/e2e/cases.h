/* tests/e2e/cases.h: the graphs of kernels_cases.def as IR text, for tests of generated code. */
#ifndef SEQC_TEST_CASES_H
#define SEQC_TEST_CASES_H
#include "ir/ir.h"
#include <check.h>
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

/* Every elementwise op of the table, with 0.75 for its numbers: a new row needs no case. */
static inline char *elementwise_text(const char *real)
{
    char body[8192] = "%0 = input \"x\" : real[n,17]\n%1 = input \"target\" : real[n,17]\n",
         returns[2048] = "return";
    int values = 2;
    for (int op = 1; op < OP_COUNT; op++) {
        const OpInfo *x = &ir_op[op];
        if (x->kind != KIND_MAP || !x->scalar || op == OP_expand) continue;
        char attrs[256] = "";
        for (int a = 0; a < AT_COUNT; a++)
            if (x->required >> a & 1)
                sprintf(attrs + strlen(attrs), "%s%s=0.75", *attrs ? " " : "{",
                        ir_attr_info[a].name);
        sprintf(body + strlen(body), "%%%d = %s %%0%s %s%s : real[n,17]\n", values, x->name,
                x->min_in > 1 ? ", %1" : "", attrs, *attrs ? "}" : "");
        sprintf(returns + strlen(returns), " %s=%%%d", x->name, values++);
        ck_assert(strlen(body) < 7800 && strlen(returns) < 1900);
    }
    strcat(strcat(body, returns), "\n");
    const Case c = { "every elementwise op", 17, 0, "", body };
    return case_text(&c, real);
}
#endif
