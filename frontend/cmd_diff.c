/* frontend/cmd_diff.c: `seqc diff FILE.c [FUNCTION]`: what a function in C is to seqc: its formula and
 * its derivative by each argument (--order 2: second ones, too), in C and as people write mathematics,
 * with operation counts and a plot. cmd_formula.c prints formulas, cmd_plot.c plots. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/cmd_diff.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- operations ---- */

typedef struct Count { const char *name; int n; } Count;

static int by_number(const void *a, const void *b)
{
    const Count *x = a, *y = b;
    return x->n != y->n ? y->n - x->n : strcmp(x->name, y->name);
}

/* "5 operations: 2 mul, add, exp, neg" */
static const char *operations(Arena *a, const ExPool *p, Ex e)
{
    Count count[EX_COUNT];
    int kinds = 0, all = 0;
    bool *live = arena_alloc(a, (size_t)e.i + 1, sizeof *live);
    for (ExOp op = 0; op < EX_COUNT; op++) count[op] = (Count){ ex_op_name(op), 0 };
    live[e.i] = true;
    for (uint32_t i = e.i; i > 0; i--) {
        const ExNode *x = ex_node(p, (Ex){ i });
        if (!live[i] || x->op < EX_ADD) continue;
        for (int k = 0; k < 3; k++) live[x->in[k].i] = true;
        kinds += count[x->op].n++ == 0, all++;
    }
    qsort(count, EX_COUNT, sizeof *count, by_number);
    const char *text = arena_printf(a, "%d operation%s", all, all == 1 ? "" : "s");
    for (int i = 0; i < kinds; i++) {
        const char *many = count[i].n > 1 ? arena_printf(a, "%d ", count[i].n) : "";
        text = arena_printf(a, "%s%s%s%s", text, i ? ", " : ": ", many, count[i].name);
    }
    return text;
}

/* ---- one function ---- */

/* e: the derivative by the arguments by[0] and then by[1]; -1: by none. */
static void show(Arena *a, const CFunc *f, ExPool *p, Ex e, const char *of, const int by[2])
{
    const char *name = f->name;
    for (int i = 0; i < 2 && by[i] >= 0; i++) name = arena_printf(a, "%s_d%s", name, f->param[by[i]]);
    if (by[0] < 0) printf("\n%s\n", of);
    else if (by[1] < 0) printf("\nd %s / d %s\n", f->name, f->param[by[0]]);
    else printf("\nd2 %s / d %s d %s\n", f->name, f->param[by[0]], f->param[by[1]]);
    printf("    %s\n", cmd_formula_math(a, f, p, e));
    printf("    %s\n\n", operations(a, p, e));
    fputs(cmd_formula_c(a, f, name, p, e), stdout);
    if (by[0] < 0 || by[1] >= 0 || f->n_param != 1) return;
    Ex d = ex_in_output(p, f->value, e, 0, 1);
    if (!d.i || ex_cost(p, d) >= ex_cost(p, e)) return;
    const char *both[] = { f->param[0], "y" };
    CFunc of_y = *f;
    of_y.param = both, of_y.n_param = 2;
    printf("\n    of y = %s(%s): %s, %s\n", f->name, f->param[0], cmd_formula_math(a, &of_y, p, d),
           operations(a, p, d));
}

static void show_function(const Cmd *c, const CFuncs *file, const CFunc *f, const Plot *plot)
{
    const char *params = "", *type = f->is_double ? "double" : "float";
    for (int i = 0; i < f->n_param; i++)
        params = arena_printf(c->arena, "%s%s%s %s", params, i ? ", " : "", type, f->param[i]);
    const char *of = arena_printf(c->arena, "%s(%s)", f->name, params);
    printf("%s:%d:%d: %s %s\n", c->file, f->line, f->column, type, of);
    bool second = c->number[OPT_order] == 2;
    fputs(cmd_formula_helpers(c->arena, f, file->pool, second), stdout);
    show(c->arena, f, file->pool, ex_stable(file->pool, f->value), of, (int[]){ -1, -1 });
    for (int i = 0; i < f->n_param; i++)
        show(c->arena, f, file->pool, ex_diff(file->pool, f->value, i), of, (int[]){ i, -1 });
    for (int i = 0; i < f->n_param && second; i++)
        for (int k = i; k < f->n_param; k++)
            show(c->arena, f, file->pool, ex_diff(file->pool, ex_diff(file->pool, f->value, i), k), of,
                 (int[]){ i, k });
    if (plot->n) cmd_plot_text(stdout, plot);
}

/* ---- the plot's points ---- */

/* -D beta=1.5: the parameter's value; the others are 1. */
static int take_values(const Cmd *c, const CFunc *f, double value[EX_MAX_ARGS])
{
    for (int i = 0; i < EX_MAX_ARGS; i++) value[i] = 1;
    for (int k = 0; k < c->n_define; k++) {
        const char *eq = strchr(c->define[k], '=');
        char *end = NULL;
        double x = eq ? strtod(eq + 1, &end) : 0;
        size_t n = eq ? (size_t)(eq - c->define[k]) : 0;
        if (!eq || end == eq + 1 || *end || !isfinite(x))
            return cmd_fail(c, EXIT_USAGE, "-D takes NAME=NUMBER here, but gets %s", c->define[k]);
        int i = 0;
        while (i < f->n_param && (strlen(f->param[i]) != n || memcmp(f->param[i], eq - n, n) != 0)) i++;
        if (i == f->n_param)
            return cmd_fail(c, EXIT_USAGE, "%s has no parameter %.*s", f->name, (int)n, c->define[k]);
        value[i] = x;
    }
    return EXIT_OK;
}

static int make_plot(const Cmd *c, const CFuncs *file, const CFunc *f, Plot *plot)
{
    double value[EX_MAX_ARGS];
    int code = take_values(c, f, value);
    *plot = (Plot){ .n = 0 };
    if (code || !f->n_param) return code;
    Ex d = ex_diff(file->pool, f->value, 0);
    const char *fixed = "";
    for (int i = 1; i < f->n_param; i++)
        fixed = arena_printf(c->arena, "%s, %s = %g", fixed, f->param[i], value[i]);
    *plot = (Plot){ .n = PLOT_POINTS, .low = -6, .high = 6, .x_name = f->param[0],
                    .name = { f->name, arena_printf(c->arena, "d %s / d %s", f->name, f->param[0]) },
                    .title = arena_printf(c->arena, "%s(%s)%s", f->name, f->param[0], fixed) };
    for (int i = 0; i < PLOT_POINTS; i++) {
        value[0] = plot->low + (plot->high - plot->low) * i / (PLOT_POINTS - 1);
        plot->y[0][i] = ex_eval(file->pool, f->value, value);
        plot->y[1][i] = ex_eval(file->pool, d, value);
    }
    return EXIT_OK;
}

static void print_svg(FILE *out, const void *plot) { cmd_plot_svg(out, plot); }

/* ---- the command ---- */

static int no_function(const Cmd *c, const CFuncs *file)
{
    const char **names = arena_alloc(c->arena, (size_t)file->n + 1, sizeof *names), *all = "";
    for (int i = 0; i < file->n; i++) {
        names[i] = file->f[i].name;
        all = arena_printf(c->arena, "%s%s%.60s", all, i ? ", " : "", names[i]);
    }
    const char *near = cmd_nearest(c->second, names, file->n);
    if (near)
        return cmd_fail(c, EXIT_REFUSED, "%s has no function %s\nhelp: did you mean %s?", c->file,
                        c->second, near);
    return cmd_fail(c, EXIT_REFUSED, "%s has no function %s\nhelp: it has %.400s", c->file, c->second,
                    all);
}

static int show_all(const Cmd *c, const CFuncs *file)
{
    const CFunc *only = c->second ? fe_cfunc(file, c->second) : NULL;
    Plot plot;
    if (c->second && !only) return no_function(c, file);
    if (c->text[OPT_output] && !only && file->n != 1)
        return cmd_fail(c, EXIT_USAGE, "-o takes the plot of one function: seqc diff %s FUNCTION -o "
                        "plot.svg", c->file);
    for (int i = 0; i < file->n; i++) {
        const CFunc *f = &file->f[i];
        if (only && f != only) continue;
        int code = make_plot(c, file, f, &plot);
        if (code) return code;
        if (!only && i) putchar('\n');
        show_function(c, file, f, &plot);
        if (c->text[OPT_output] && plot.n) code = cmd_write(c, c->text[OPT_output], print_svg, &plot);
        if (code) return code;
    }
    return EXIT_OK;
}

int cmd_diff(const Cmd *c)
{
    FeDiags *d = fe_diags_new();
    const char *slash = strrchr(c->file, '/');
    FeOpts o = { .home = cmd_runtime_dir(c->arena), .cc = cmd_cc(c) };
    if (c->number[OPT_order] > 2)
        return cmd_fail(c, EXIT_USAGE, "--order is 1 or 2");
    const CFuncs *file = fe_cfuncs(d, c->arena, &o, c->file, slash ? slash + 1 : c->file, (Span){ 0 });
    int code = fe_lacks_tool(d) ? EXIT_IO : EXIT_REFUSED;
    for (int i = 0; file && i < file->n; i++)
        if (!c->second || strcmp(c->second, file->f[i].name) == 0)
            fe_cfuncs_say(d, file, &file->f[i], (Span){ 0 });
    if (c->json) fe_diags_json(d, stderr);
    else fe_diags_text(d, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
    fe_diags_free(d);
    if (!file) return code;
    if (c->number[OPT_format] != FORMAT_JSON) return show_all(c, file);
    fputs(fe_cfuncs_json(c->arena, file), stdout);
    return EXIT_OK;
}
