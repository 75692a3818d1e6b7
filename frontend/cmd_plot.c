/* frontend/cmd_plot.c: a function and its derivative as a picture: SVG, and characters on a terminal.
 *
 * Both have one y axis. What is not finite leaves a gap; a part far beyond the rest is cut off, so
 * that a pole does not flatten the picture. */
#include "frontend/cmd_diff.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 73, ROWS = 19, LABEL = 9 };                     /* of the terminal's picture */
enum { WIDTH = 720, HEIGHT = 420, LEFT = 64, RIGHT = 24, TOP = 56, BOTTOM = 48 };

typedef struct Scale { double low, high, step; } Scale;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 1, 2 or 5 times a power of ten, and not below `least`. */
static double round_step(double least)
{
    double power = pow(10, floor(log10(least))), part = least / power;
    return power * (part <= 1.0001 ? 1 : part <= 2.0001 ? 2 : part <= 5.0001 ? 5 : 10);
}

/* All values, but for what is more than three times as far away as nine tenths of them. */
static Scale scale_of(const Plot *p)
{
    double value[2 * PLOT_POINTS];
    int n = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < p->n; i++)
            if (fabs(p->y[k][i]) < 1e300) value[n++] = p->y[k][i];
    if (!n) return (Scale){ -1, 1, 0.5 };
    qsort(value, (size_t)n, sizeof *value, ascending);
    double a = value[n / 20], b = value[n - 1 - n / 20], reach = 3 * (b - a);
    double low = value[0], high = value[n - 1];
    if (reach > 0) low = fmax(low, a - reach), high = fmin(high, b + reach);
    if (!(high - low > 1e-9 * fmax(1, fabs(high)))) low -= 1, high += 1;
    double step = round_step((high - low) / 5);
    return (Scale){ floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, step };
}

/* A tick's value without the rounding of its product. */
static double tick(const Scale *s, int i)
{
    double y = s->low + i * s->step;
    return fabs(y) < s->step * 1e-6 ? 0 : y;
}

/* ---- characters ---- */

static int row_of(const Scale *s, double y)
{
    double at = (s->high - y) / (s->high - s->low) * (ROWS - 1);
    return at >= -0.5 && at < ROWS - 0.5 ? (int)(at + 0.5) : -1;
}

static void draw(const char *cell[ROWS][COLUMNS], const Plot *p, const Scale *s, int k, const char *mark)
{
    for (int i = 0; i < p->n; i++) {
        int row = row_of(s, p->y[k][i]), column = i * (COLUMNS - 1) / (p->n - 1);
        if (row >= 0) cell[row][column] = mark;
    }
}

void cmd_plot_text(FILE *out, const Plot *p)
{
    const char *cell[ROWS][COLUMNS];
    Scale s = scale_of(p);
    int zero = row_of(&s, 0), middle = (int)(-p->low / (p->high - p->low) * (COLUMNS - 1) + 0.5);
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++)
            cell[r][c] = r == zero ? (c == middle ? "┼" : "─") : c == middle ? "│" : " ";
    draw(cell, p, &s, 1, "∘");
    draw(cell, p, &s, 0, "•");
    fprintf(out, "\n%*s  • %s   ∘ %s   %s\n", LABEL, "", p->name[0], p->name[1], p->title);
    for (int r = 0; r < ROWS; r++) {
        char label[32] = "";
        for (int i = 0; tick(&s, i) <= s.high + s.step / 2; i++)
            if (row_of(&s, tick(&s, i)) == r) snprintf(label, sizeof label, "%.4g", tick(&s, i));
        fprintf(out, "%*s  ", LABEL, label);
        for (int c = 0; c < COLUMNS; c++) fputs(cell[r][c], out);
        fputc('\n', out);
    }
    fprintf(out, "%*s  %-*.4g%s%*.4g\n", LABEL, "", (COLUMNS - 1) / 2, p->low, p->x_name,
            (COLUMNS - (int)strlen(p->x_name)) - (COLUMNS - 1) / 2, p->high);
}

/* ---- SVG ---- */

static const char style[] =
    "<style>\n"
    "text { font: 12px system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #6a737d; }\n"
    "text.title { font-size: 16px; font-weight: 600; fill: #24292f; }\n"
    ".y { text-anchor: end; } .x { text-anchor: middle; }\n"
    ".bg { fill: #ffffff; } .grid { stroke: #e6e8eb; } .axis { stroke: #8b949e; }\n"
    ".line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }\n"
    ".f { stroke: #2f6fd0; } .d { stroke: #d9730d; }\n"
    "text.f { stroke: none; fill: #2f6fd0; } text.d { stroke: none; fill: #d9730d; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  text { fill: #98a1aa; } text.title { fill: #e6e9ec; }\n"
    "  .bg { fill: #15181c; } .grid { stroke: #2a2f35; } .axis { stroke: #6a737d; }\n"
    "  .f { stroke: #6ea8ff; } .d { stroke: #f5a04c; }\n"
    "  text.f { fill: #6ea8ff; } text.d { fill: #f5a04c; }\n"
    "}\n"
    "</style>\n";

static double x_at(const Plot *p, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (x - p->low) / (p->high - p->low);
}

static double y_at(const Scale *s, double y)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (s->high - y) / (s->high - s->low);
}

static void line(FILE *out, const char *class, double x0, double y0, double x1, double y1)
{
    fprintf(out, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/>\n", class, x0, y0,
            x1, y1);
}

static void curve(FILE *out, const Plot *p, const Scale *s, int k)
{
    bool open = false;
    for (int i = 0; i < p->n; i++) {
        double y = p->y[k][i], x = p->low + (p->high - p->low) * i / (p->n - 1);
        bool in = y >= s->low && y <= s->high;
        if (in && !open) fprintf(out, "<polyline class=\"line %s\" points=\"", k ? "d" : "f");
        if (in) fprintf(out, "%s%.2f,%.2f", open ? " " : "", x_at(p, x), y_at(s, y));
        if (!in && open) fputs("\"/>\n", out);
        open = in;
    }
    if (open) fputs("\"/>\n", out);
}

/* Names are those of C functions and parameters: nothing in them needs an escape. */
void cmd_plot_svg(FILE *out, const Plot *p)
{
    Scale s = scale_of(p);
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\">\n%s<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", WIDTH, HEIGHT, WIDTH,
            HEIGHT, style, WIDTH, HEIGHT);
    fprintf(out, "<text class=\"title\" x=\"%d\" y=\"30\">%s</text>\n", LEFT, p->title);
    for (int k = 0; k < 2; k++)
        fprintf(out, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n", k ? "d" : "f",
                WIDTH - RIGHT - 150, 24 + 16 * k, p->name[k]);
    for (int i = 0; tick(&s, i) <= s.high + s.step / 2; i++) {
        double y = y_at(&s, tick(&s, i));
        line(out, tick(&s, i) == 0 ? "axis" : "grid", LEFT, y, WIDTH - RIGHT, y);
        fprintf(out, "<text class=\"y\" x=\"%d\" y=\"%.2f\">%.4g</text>\n", LEFT - 8, y + 4, tick(&s, i));
    }
    for (double x = ceil(p->low / 2) * 2; x <= p->high; x += 2) {
        line(out, x == 0 ? "axis" : "grid", x_at(p, x), TOP, x_at(p, x), HEIGHT - BOTTOM);
        fprintf(out, "<text class=\"x\" x=\"%.2f\" y=\"%d\">%g</text>\n", x_at(p, x), HEIGHT - BOTTOM + 20,
                x);
    }
    fprintf(out, "<text class=\"x\" x=\"%d\" y=\"%d\">%s</text>\n", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 10, p->x_name);
    for (int k = 2; k-- > 0;) curve(out, p, &s, k);
    fputs("</svg>\n", out);
}
