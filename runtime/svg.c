/* runtime/svg.c: the chart of svg.h as SVG text.
 *
 * A panel has its own y axis: ticks at 1, 2 or 5 times a power of ten, a logarithmic scale where
 * the values span more than a factor of 50. All text comes through add_text, which escapes it.
 * Numbers are rounded to hundredths of a pixel, so equal charts are equal bytes. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/svg.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    WIDTH = 800, LEFT = 72, RIGHT = 32, TOP = 104, PANEL = 260, GAP = 64, BOTTOM = 56,
    DOTS_UP_TO = 50,   /* epochs; with more of them, dots would hide the line */
    MOST_POINTS = 4 * (WIDTH - LEFT - RIGHT)    /* of a line */
};

typedef struct panel {
    double top;                  /* of its plot, in pixels */
    double low, high;            /* of the y axis; logarithms where log is set */
    double step;                 /* between ticks; 0 for a logarithmic axis */
    bool log, last;              /* last: below it the axis gets its name */
    int64_t n;
    const char *title;
    const double *train, *val;
} panel;

/* Plain rules and no variables: not only browsers show these files. */
static const char style[] =
    "<style>\n"
    "text { font: 12px system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }\n"
    "text { fill: #6a737d; }\n"
    "text.title { font-size: 18px; font-weight: 600; fill: #24292f; }\n"
    "text.name { font-size: 13px; font-weight: 600; fill: #24292f; }\n"
    "text.best { font-weight: 600; fill: #1a7f4b; }\n"
    ".y { text-anchor: end; } .x { text-anchor: middle; }\n"
    ".bg { fill: #ffffff; } .grid { stroke: #e6e8eb; } .axis { stroke: #b9c0c7; }\n"
    ".line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }\n"
    ".line.train { stroke: #2f6fd0; } .line.val { stroke: #d9730d; }\n"
    ".dot.train { fill: #2f6fd0; } .dot.val { fill: #d9730d; }\n"
    ".mark { stroke: #1a7f4b; stroke-dasharray: 4 4; }\n"
    ".ring { stroke: #1a7f4b; stroke-width: 2; fill: #ffffff; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  text { fill: #98a1aa; } text.title, text.name { fill: #e6e9ec; }\n"
    "  text.best { fill: #4cc38a; }\n"
    "  .bg { fill: #15181c; } .grid { stroke: #2a2f35; } .axis { stroke: #4a525a; }\n"
    "  .line.train { stroke: #6ea8ff; } .line.val { stroke: #f5a04c; }\n"
    "  .dot.train { fill: #6ea8ff; } .dot.val { fill: #f5a04c; }\n"
    "  .mark { stroke: #4cc38a; } .ring { stroke: #4cc38a; fill: #15181c; }\n"
    "}\n"
    "</style>\n";

/* ---- text ---- */

static bool add_text(rt_err *e, rt_buf *b, const char *text)
{
    bool ok = true;
    for (size_t left = strlen(text); ok && left;) {
        int width = rt_utf8_length(text, left);
        unsigned char c = (unsigned char)*text;
        const char *named = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;"
                          : c == '"' ? "&quot;" : NULL;
        if (named)
            ok = rt_buf_printf(e, b, "%s", named);
        else if (!width || (c < 0x20 && c != '\t'))
            ok = rt_buf_add(e, b, "\xef\xbf\xbd", 3);    /* XML has no such characters */
        else
            ok = rt_buf_add(e, b, text, width);
        text += width ? width : 1;
        left -= (size_t)(width ? width : 1);
    }
    return ok;
}

static bool text_at(rt_err *e, rt_buf *b, double x, double y, const char *class, const char *text)
{
    return rt_buf_printf(e, b, "<text x=\"%.2f\" y=\"%.2f\" class=\"%s\">", x, y, class)
        && add_text(e, b, text) && rt_buf_printf(e, b, "</text>\n");
}

/* ---- scales ---- */

static double x_of(const panel *p, int64_t epoch)
{
    double width = WIDTH - LEFT - RIGHT;
    return p->n == 1 ? LEFT + width / 2
                     : LEFT + width * (double)(epoch - 1) / (double)(p->n - 1);
}

static double y_of(const panel *p, double value)
{
    double at = p->log ? log10(value) : value;
    return p->top + PANEL * (p->high - at) / (p->high - p->low);
}

/* Beyond 1e300 differences could overflow. */
static bool in_reach(double value) { return fabs(value) <= 1e300; }

static bool drawable(const panel *p, double value)
{
    return in_reach(value) && (!p->log || value > 0);
}

/* The smallest of 1, 2, 5 times a power of ten that is not below `least`. */
static double nice_step(double least)
{
    double power = pow(10, floor(log10(least)));
    double part = least / power;
    return power * (part <= 1.0000001 ? 1 : part <= 2.0000001 ? 2 : part <= 5.0000001 ? 5 : 10);
}

static void range_of(const panel *p, double *low, double *high)
{
    const double *curves[] = {p->train, p->val};
    *low = INFINITY;
    *high = -INFINITY;
    for (int c = 0; c < 2; c++)
        for (int64_t i = 0; curves[c] && i < p->n; i++)
            if (in_reach(curves[c][i])) {
                *low = fmin(*low, curves[c][i]);
                *high = fmax(*high, curves[c][i]);
            }
    if (*low > *high) {
        *low = 0;
        *high = 1;
    }
}

static void choose_scale(panel *p, bool may_log)
{
    double low, high;
    range_of(p, &low, &high);
    p->log = may_log && low > 0 && high / low > 50;
    if (p->log) {
        p->low = log10(low);
        p->high = log10(high);
        double margin = (p->high - p->low) * 0.06;
        p->low -= margin;
        p->high += margin;
        return;
    }
    /* A flat line stands in the middle of some range around it. */
    if (high - low < 1e-9 * fmax(fabs(high), fabs(low)) || high <= low) {
        double margin = high != 0 ? fabs(high) * 0.1 : 1;
        low -= margin;
        high += margin;
    }
    p->step = nice_step((high - low) / 5);
    p->low = floor(low / p->step + 1e-9) * p->step;
    p->high = ceil(high / p->step - 1e-9) * p->step;
}

/* ---- axes ---- */

static bool y_tick(rt_err *e, rt_buf *b, const panel *p, double value, const char *label)
{
    double y = y_of(p, value);
    return rt_buf_printf(e, b, "<path class=\"grid\" d=\"M%d %.2fH%d\"/>\n", LEFT, y, WIDTH - RIGHT)
        && text_at(e, b, LEFT - 10, y + 4, "y", label);
}

static bool y_axis(rt_err *e, rt_buf *b, const panel *p)
{
    char label[48];
    if (!p->log) {
        int digits = p->step < 1 ? (int)ceil(-log10(p->step) - 1e-9) : 0;
        bool plain = digits <= 8 && fabs(p->high) < 1e9;
        int64_t ticks = (int64_t)floor((p->high - p->low) / p->step + 0.5);
        for (int64_t i = 0; i <= ticks; i++) {
            double value = p->low + (double)i * p->step;
            if (fabs(value) < p->step / 2)
                value = 0;
            snprintf(label, sizeof label, plain ? "%.*f" : "%.*g", plain ? digits : 6, value);
            if (!y_tick(e, b, p, value, label))
                return false;
        }
        return true;
    }
    double span = p->high - p->low;
    int every = span > 12 ? (int)ceil(span / 8) : 1;
    for (int power = (int)floor(p->low); power <= (int)ceil(p->high); power++)
        for (int k = 0; k < 3; k++) {
            double value = (k == 0 ? 1 : k == 1 ? 2 : 5) * pow(10, power), at = log10(value);
            if (at < p->low || at > p->high || power % every || (k && span > 3))
                continue;
            snprintf(label, sizeof label, "%.6g", value);
            if (!y_tick(e, b, p, value, label))
                return false;
        }
    return true;
}

static bool x_axis(rt_err *e, rt_buf *b, const panel *p)
{
    char label[32];
    double bottom = p->top + PANEL;
    int64_t step = (int64_t)nice_step(fmax(1, (double)p->n / 10));
    bool ok = rt_buf_printf(e, b, "<path class=\"axis\" d=\"M%d %.2fH%d\"/>\n", LEFT, bottom,
                            WIDTH - RIGHT);
    /* 1, then multiples of the step */
    for (int64_t epoch = 1; ok && epoch <= p->n; epoch += step - (epoch == 1 && step > 1)) {
        snprintf(label, sizeof label, "%" PRId64, epoch);
        ok = rt_buf_printf(e, b, "<path class=\"axis\" d=\"M%.2f %.2fv5\"/>\n", x_of(p, epoch),
                           bottom)
          && text_at(e, b, x_of(p, epoch), bottom + 20, "x", label);
    }
    double middle = (LEFT + WIDTH - RIGHT) / 2.0;
    return ok && (!p->last || text_at(e, b, middle, bottom + 40, "x", "epoch"));
}

/* ---- curves ---- */

/* The lowest and the highest of the values from `i` to `end`, as they come. How many: 0, where none
 * can be drawn, 1 or 2. */
static int extremes(const panel *p, const double *value, int64_t i, int64_t end, int64_t at[2])
{
    int64_t low = -1, high = -1;
    for (; i < end; i++) {
        if (!drawable(p, value[i]))
            continue;
        low = low < 0 || value[i] < value[low] ? i : low;
        high = high < 0 || value[i] > value[high] ? i : high;
    }
    at[0] = low < high ? low : high;
    at[1] = low < high ? high : low;
    return low < 0 ? 0 : low == high ? 1 : 2;
}

/* Each epoch is a point of the line; of more than can be told apart, the extremes of so many. */
static bool curve(rt_err *e, rt_buf *b, const panel *p, const double *value, const char *class)
{
    bool down = false, ok = rt_buf_printf(e, b, "<path class=\"line %s\" d=\"", class);
    int64_t step = p->n <= MOST_POINTS ? 1 : 2 * ((p->n - 1) / MOST_POINTS + 1), at[2];
    for (int64_t i = 0; ok && i < p->n; i += step) {
        int64_t end = p->n - i < step ? p->n : i + step;
        int points = extremes(p, value, i, end, at);
        for (int k = 0; ok && k < points; k++, down = true)
            ok = rt_buf_printf(e, b, "%c%.2f %.2f", down ? 'L' : 'M', x_of(p, at[k] + 1),
                               y_of(p, value[at[k]]));
        down = drawable(p, value[end - 1]);
    }
    ok = ok && rt_buf_printf(e, b, "\"/>\n");
    for (int64_t i = 0; ok && p->n <= DOTS_UP_TO && i < p->n; i++)
        if (drawable(p, value[i]))
            ok = rt_buf_printf(e, b, "<circle class=\"dot %s\" cx=\"%.2f\" cy=\"%.2f\" r=\"3\"/>\n",
                               class, x_of(p, i + 1), y_of(p, value[i]));
    return ok;
}

static bool legend(rt_err *e, rt_buf *b, const panel *p)
{
    const struct { const double *curve; const char *class, *text; double width; } items[] = {
        {p->val, "val", "validation", 96}, {p->train, "train", "training", 84}};
    double x = WIDTH - RIGHT, y = p->top - 18;
    bool ok = true;
    for (int i = 0; ok && i < 2; i++) {
        if (!items[i].curve)
            continue;
        x -= items[i].width;
        ok = rt_buf_printf(e, b, "<path class=\"line %s\" d=\"M%.2f %.2fh18\"/>\n", items[i].class,
                           x, y - 4)
          && text_at(e, b, x + 26, y, "legend", items[i].text);
    }
    return ok && text_at(e, b, LEFT, y, "name", p->title);
}

static bool best_mark(rt_err *e, rt_buf *b, const panel *p, int64_t best)
{
    const double *value = p->val ? p->val : p->train;
    char label[96];
    if (best < 1 || best > p->n || !value || !drawable(p, value[best - 1]))
        return true;
    double x = x_of(p, best), y = y_of(p, value[best - 1]);
    bool on_right = x > WIDTH - RIGHT - 180;
    snprintf(label, sizeof label, "best: epoch %" PRId64 ", %.4g", best, value[best - 1]);
    return rt_buf_printf(e, b, "<path class=\"mark\" d=\"M%.2f %.2fv%d\"/>\n"
                               "<circle class=\"ring\" cx=\"%.2f\" cy=\"%.2f\" r=\"4.5\"/>\n",
                         x, p->top, PANEL, x, y)
        && rt_buf_printf(e, b, "<text x=\"%.2f\" y=\"%.2f\" class=\"best\"%s>",
                         on_right ? x - 8 : x + 8, p->top + 14,
                         on_right ? " text-anchor=\"end\"" : "")
        && add_text(e, b, label) && rt_buf_printf(e, b, "</text>\n");
}

static bool draw_panel(rt_err *e, rt_buf *b, const panel *p, int64_t best)
{
    return y_axis(e, b, p) && x_axis(e, b, p) && (!p->train || curve(e, b, p, p->train, "train"))
        && (!p->val || curve(e, b, p, p->val, "val")) && best_mark(e, b, p, best)
        && legend(e, b, p);
}

bool rt_svg_curves(rt_err *e, const rt_chart *chart, rt_buf *out)
{
    bool two = chart->metric && (chart->train_metric || chart->val_metric);
    int height = TOP + PANEL + BOTTOM + (two ? PANEL + GAP : 0);
    bool ok = rt_buf_printf(e, out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\" role=\"img\">\n<title>", WIDTH, height, WIDTH, height)
        && add_text(e, out, chart->title ? chart->title : "training")
        && rt_buf_printf(e, out, "</title>\n%s<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n",
                         style, WIDTH, height)
        && text_at(e, out, LEFT, 34, "title", chart->title ? chart->title : "training")
        && (!chart->subtitle || text_at(e, out, LEFT, 56, "soft", chart->subtitle));
    panel loss = {.top = TOP, .last = !two, .n = chart->n_epochs, .title = "loss",
                  .train = chart->train_loss, .val = chart->val_loss};
    panel metric = {.top = TOP + PANEL + GAP, .last = true, .n = chart->n_epochs,
                    .title = chart->metric, .train = chart->train_metric,
                    .val = chart->val_metric};
    if (chart->n_epochs < 1) {
        ok = ok && text_at(e, out, LEFT, TOP + 20, "soft", "no epoch was trained");
    } else {
        choose_scale(&loss, true);
        ok = ok && draw_panel(e, out, &loss, chart->best);
        if (two) {
            choose_scale(&metric, false);
            ok = ok && draw_panel(e, out, &metric, chart->best);
        }
    }
    return ok && rt_buf_printf(e, out, "</svg>\n");
}
