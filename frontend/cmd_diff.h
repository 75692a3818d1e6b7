/* frontend/cmd_diff.h: what the files of `seqc diff` share. */
#ifndef SEQC_CMD_DIFF_H
#define SEQC_CMD_DIFF_H
#include "frontend/cfuncs.h"
#include "frontend/cmd.h"

/* cmd_formula.c: a formula of f's parameters, in f's pool. */
const char *cmd_formula_math(Arena *a, const CFunc *f, ExPool *p, Ex e);   /* one line */
/* "float name(…)\n{…}\n" */
const char *cmd_formula_c(Arena *a, const CFunc *f, const char *name, ExPool *p, Ex e);
/* Definitions of what f and its derivatives, second ones among them or not, call and <math.h> lacks. */
const char *cmd_formula_helpers(Arena *a, const CFunc *f, ExPool *p, bool second);

/* cmd_plot.c: a function and its derivative at points from low to high. */
enum { PLOT_POINTS = 481 };
typedef struct Plot {
    int n;                       /* PLOT_POINTS, or 0: there is nothing to plot */
    double low, high, y[2][PLOT_POINTS];
    const char *name[2], *x_name, *title;
} Plot;
void cmd_plot_text(FILE *out, const Plot *p);
void cmd_plot_svg(FILE *out, const Plot *p);
#endif
