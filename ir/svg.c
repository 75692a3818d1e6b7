/* ir/svg.c: graphs as a picture that a browser shows: kernels as boxes, nodes as rows coloured by
 * what they do, edges with shapes. States, scalars and constants are text in the rows that read
 * them, which keeps the lines few. Layout: ir/svg_layout.c. */
#include "ir/svg.h"
#include <string.h>

enum { MAX_TEXT = 76, MARGIN = 28, TITLE = 62 };
#define BIG 7.3                      /* widths of letters of 12, 10 and 9 px, in px */
#define SMALL 6.1
#define TINY 5.5

static const char *const kind_class[] = {
    [KIND_NONE] = "leaf", [KIND_LEAF] = "leaf", [KIND_VIEW] = "view", [KIND_MAP] = "map",
    [KIND_PROD] = "prod", [KIND_REDUCE] = "reduce", [KIND_CONV] = "prod", [KIND_WINDOW] = "rows",
    [KIND_ROW] = "rows", [KIND_MOVE] = "move", [KIND_NARROW] = "prod",
};

static const char style[] =
    "<style>\n"
    "text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1f2933}\n"
    ".t{font-size:16px;font-weight:bold}.s{font-size:11px;fill:#52606d}\n"
    ".op{font-size:12px;font-weight:bold}.ty{font-size:10px;fill:#3e4c59;text-anchor:end}\n"
    ".in{font-size:10px;fill:#616e7c}.k{font-size:10px;fill:#52606d}\n"
    ".sh{font-size:9px;fill:#3e4c59;text-anchor:middle}\n"
    ".box{fill:#f5f7fa;stroke:#9aa5b1}.e{fill:none;stroke:#9aa5b1;stroke-width:1.3px}\n"
    ".leaf{fill:#e4e7eb;stroke:#9aa5b1}.view{fill:#fff;stroke:#9aa5b1;stroke-dasharray:4 3}\n"
    ".map{fill:#fff3c4;stroke:#f0b429}.prod{fill:#cfe4ff;stroke:#4a90d9}\n"
    ".reduce{fill:#e6dcfa;stroke:#8662c7}.rows{fill:#ffd9d9;stroke:#d64545}\n"
    ".move{fill:#d3f2e3;stroke:#27ab83}.root{font-size:10px;fill:#0c6b58;font-weight:bold;text-"
    "anchor:end}\n"
    "</style>\n"
    "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
    "markerHeight=\"7\""
    " orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" fill=\"#7b8794\"/></marker></defs>\n";

static void escaped(Str *t, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '&')
            ir_str_add(t, "&amp;", 5);
        else if (c == '<')
            ir_str_add(t, "&lt;", 4);
        else if (c == '>')
            ir_str_add(t, "&gt;", 4);
        else if (c == '"')
            ir_str_add(t, "&quot;", 6);
        else if (c < 0x20 || c >= 0x7f)
            ir_str_fmt(t, "\\x%02x", c);
        else
            ir_str_add(t, s, 1);
    }
}

/* ---- texts of a row ---- */

/* Drawn as text where they are read, not as boxes. */
static bool is_text(const Graph *g, uint32_t i)
{
    Op op = g->node[i].op;
    return op == OP_state || op == OP_scalar || op == OP_const || op == OP_count;
}

static void str_operand(Str *t, const Picture *p, Val v)
{
    const Node *x = &p->g->node[v.i];
    if (x->op == OP_scalar)
        ir_str_quoted(t, x->name);
    else if (x->op == OP_const && ir_attr(x, AT_values)->count == 1)
        ir_str_add(t, "", 0), ir_str_attr(t, ir_attr(x, AT_values));
    else
        ir_str_val(t, p->g, p->number, v);
}

/* The second line: operands and attributes, cut where it gets long. */
static const char *details(const Picture *p, uint32_t i)
{
    const Node *x = &p->g->node[i];
    Str t = {.arena = p->a};
    ir_str_add(&t, "", 0);
    if (x->name)
        ir_str_quoted(&t, x->name);
    for (int j = 0; j < x->n_in; j++) {
        ir_str_add(&t, ", ", j ? 2 : 0);
        str_operand(&t, p, x->in[j]);
    }
    for (int j = 0; j < x->n_attr; j++) {
        ir_str_add(&t, "  ", 2);
        if (x->attr[j].id == AT_f)
            ir_str_add(&t, x->attr[j].u.s, strlen(x->attr[j].u.s));
        else
            ir_str_attr(&t, &x->attr[j]);
    }
    if (t.n > MAX_TEXT)
        memcpy(t.s + MAX_TEXT - 3, "...", 4);
    return t.s;
}

static const char *title(const Picture *p, uint32_t i)
{
    return arena_printf(p->a, "%%%d %s", p->number[i], ir_op[p->g->node[i].op].name);
}

/* What becomes of the value; empty where no root reads it. */
static const char *root_text(const Picture *p, uint32_t i)
{
    static const char *const word[] = {"return", "grad", "update"};
    Str t = {.arena = p->a};
    ir_str_add(&t, "", 0);
    for (int r = 0; r < p->g->n_root; r++) {
        const Root *root = &p->g->root[r];
        if (root->val.i != i)
            continue;
        ir_str_fmt(&t, "%s%s ", t.n ? ", " : "", word[root->kind]);
        ir_str_quoted(&t, root->kind == ROOT_RETURN ? root->name
                                                    : ir_state(p->g->module, root->state)->key);
    }
    if (t.n > MAX_TEXT)
        memcpy(t.s + MAX_TEXT - 3, "...", 4);
    return t.s;
}

/* ---- boxes ---- */

static double row_width(const Picture *p, uint32_t i)
{
    char type[IR_TYPE_TEXT];
    double first = BIG * (double)strlen(title(p, i)) + 18
                 + SMALL * (double)strlen(ir_type_text(&p->g->node[i].type, type));
    const char *root = root_text(p, i);
    double second = SMALL * (double)(strlen(details(p, i)) + strlen(root)) + (*root ? 18 : 0);
    return (first > second ? first : second) + 2 * SVG_PAD;
}

static void box_new(Picture *p, int kernel, const uint32_t *rows, int n, int at)
{
    Box *b = &p->box[p->n_box];
    *b = (Box){.kernel = kernel, .first = at, .n = n};
    for (int i = 0; i < n; i++) {
        double width = row_width(p, rows[i]);
        p->row[at + i] = rows[i];
        p->box_of[rows[i]] = p->n_box;
        b->width = width > b->width ? width : b->width;
    }
    b->height = n * SVG_ROW;
    if (kernel >= 0) {
        double head = SMALL * (double)(strlen(ir_kernel_name(p->g, kernel, p->a)) + 16);
        b->width = (head > b->width ? head : b->width) + 2 * SVG_PAD;
        b->height += SVG_HEAD + SVG_PAD + (n - 1) * 4;
    }
    p->n_box++;
}

/* A value that several kernels compute is drawn in the first. Dead values are not drawn. */
static void make_boxes(Picture *p)
{
    const Graph *g = p->g;
    int at = 0;
    bool *live = ir_live(g, p->a);
    p->cap_box = (int)g->n_node + 1;
    p->box = arena_alloc(p->a, (size_t)p->cap_box, sizeof *p->box);
    p->row = arena_alloc(p->a, g->n_node, sizeof *p->row);
    p->box_of = arena_alloc(p->a, g->n_node, sizeof *p->box_of);
    uint32_t *rows = arena_alloc(p->a, g->n_node, sizeof *rows);
    for (uint32_t i = 0; i < g->n_node; i++)
        p->box_of[i] = -1;
    for (int k = 0; k < g->n_kernel; k++) {
        int n = 0;
        for (int i = 0; i < g->kernel[k].n_member; i++) {
            uint32_t v = g->kernel[k].member[i].i;
            if (p->box_of[v] < 0 && !is_text(g, v))
                rows[n++] = v;
        }
        if (n)
            box_new(p, k, rows, n, at);
        at += n;
    }
    for (uint32_t i = 1; i < g->n_node; i++)
        if (p->box_of[i] < 0 && !is_text(g, i) && (live[i] || g->node[i].op == OP_input))
            box_new(p, -1, &i, 1, at++);
}

static double row_y(const Box *b, int i)
{
    return b->kernel < 0 ? b->y : b->y + SVG_HEAD + i * (SVG_ROW + 4);
}

static void draw_row(Str *t, const Picture *p, const Box *b, int i, double dx, double dy)
{
    uint32_t v = p->row[b->first + i];
    const Node *x = &p->g->node[v];
    char type[IR_TYPE_TEXT];
    double inset = b->kernel < 0 ? 0 : SVG_PAD, width = b->width - 2 * inset;
    double left = dx + b->x - b->width / 2 + inset, top = dy + row_y(b, i);
    ir_str_fmt(t,
               "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"6\"/>\n",
               kind_class[ir_op[x->op].kind], left, top, width, SVG_ROW);
    ir_str_fmt(t, "<text class=\"op\" x=\"%.1f\" y=\"%.1f\">%s</text>", left + SVG_PAD, top + 15,
               title(p, v));
    ir_str_fmt(t, "<text class=\"ty\" x=\"%.1f\" y=\"%.1f\">%s</text>", left + width - SVG_PAD,
               top + 15, ir_type_text(&x->type, type));
    ir_str_fmt(t, "<text class=\"in\" x=\"%.1f\" y=\"%.1f\">", left + SVG_PAD, top + 30);
    escaped(t, details(p, v));
    ir_str_fmt(t, "</text><text class=\"root\" x=\"%.1f\" y=\"%.1f\">", left + width - SVG_PAD,
               top + 30);
    escaped(t, root_text(p, v));
    ir_str_add(t, "</text>\n", 8);
}

static void draw_box(Str *t, const Picture *p, const Box *b, double dx, double dy)
{
    if (b->bend)
        return;
    if (b->kernel >= 0) {
        const Kernel *k = &p->g->kernel[b->kernel];
        double left = dx + b->x - b->width / 2;
        ir_str_fmt(
            t,
            "<rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"9\"/>\n",
            left, dy + b->y, b->width, b->height);
        ir_str_fmt(t, "<text class=\"k\" x=\"%.1f\" y=\"%.1f\">k%d %s</text>", left + SVG_PAD,
                   dy + b->y + 14, b->kernel, ir_kernel_name(p->g, b->kernel, p->a));
        ir_str_fmt(t, "<text class=\"ty\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                   left + b->width - SVG_PAD, dy + b->y + 14, ir_algo[k->algo].name);
    }
    for (int i = 0; i < b->n; i++)
        draw_row(t, p, b, i, dx, dy);
}

/* Down to the floor of the layer, past taller neighbours, then to the upper edge of the next one;
 * through a bend straight. */
static void draw_link(Str *t, const Picture *p, const Link *l, double dx, double dy)
{
    const Box *from = &p->box[l->from], *to = &p->box[l->to];
    double x1 = dx + from->x, y1 = dy + from->floor, x2 = dx + to->x, y2 = dy + to->y;
    double middle = (y1 + y2) / 2;
    ir_str_fmt(t, "<path class=\"e\" d=\"M%.1f,%.1f V%.1f C%.1f,%.1f %.1f,%.1f %.1f,%.1f", x1,
               dy + from->y + from->height, y1, x1, middle, x2, middle, x2, y2);
    if (to->bend)
        ir_str_fmt(t, " V%.1f\"/>\n", y2 + to->height);
    else
        ir_str_fmt(t, "\" marker-end=\"url(#a)\"/>\n");
}

/* The shape, on white, where the edge has left its box. */
static void draw_shape(Str *t, const Picture *p, const Link *l, double dx, double dy)
{
    const Box *from = &p->box[l->from], *to = &p->box[l->to];
    char shape[IR_TYPE_TEXT], text[IR_TYPE_TEXT + 16];
    double x = dx + to->x + (from->x - to->x) * 0.4;
    double y = dy + from->floor * 0.45 + to->y * 0.55;
    snprintf(text, sizeof text, "%%%d %s", p->number[l->src],
             ir_shape_text(&p->g->node[l->src].type.shape, shape));
    double width = TINY * (double)strlen(text) + 4;
    ir_str_fmt(t,
               "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" fill=\"#fff\"/>"
               "<text class=\"sh\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
               x - width / 2, y - 6, width, x, y + 3, text);
}

/* A graph below y; its height, and the width in *width. */
static double draw_graph(Str *t, const Graph *g, Arena *a, double y, double *width)
{
    Picture p = {.g = g, .a = a, .number = ir_numbers(g, a)};
    char arena[32];
    make_boxes(&p);
    ir_svg_layout(&p);
    ir_str_fmt(t, "<text class=\"t\" x=\"%d\" y=\"%.1f\">graph ", MARGIN, y + 22);
    escaped(t, g->name);
    ir_str_fmt(t, "</text>\n<text class=\"s\" x=\"%d\" y=\"%.1f\">", MARGIN, y + 40);
    if (g->has_kernels)
        ir_str_fmt(t, "%d kernels%s", g->n_kernel, g->one_block ? " in one block" : "");
    if (g->has_plan)
        ir_str_fmt(t, ", arena %s", ir_count_text((double)g->arena_bytes, "B", arena));
    ir_str_add(t, "</text>\n", 8);
    for (int i = 0; i < p.n_link; i++)
        draw_link(t, &p, &p.link[i], MARGIN, y + TITLE);
    for (int i = 0; i < p.n_link; i++)
        if (!p.box[p.link[i].from].bend)
            draw_shape(t, &p, &p.link[i], MARGIN, y + TITLE);
    for (int i = 0; i < p.n_box; i++)
        draw_box(t, &p, &p.box[i], MARGIN, y + TITLE);
    *width = p.width > *width ? p.width : *width;
    return p.height + TITLE;
}

void ir_print_svg(const Module *m, FILE *out, const char *const *graphs)
{
    Arena *a = arena_new();
    Str t = {.arena = a};
    double y = MARGIN / 2, width = 320;
    ir_str_add(&t, "", 0);
    for (int i = 0; i < m->n_graph; i++)
        if (ir_prints_graph(m->graph[i]->name, graphs))
            y += draw_graph(&t, m->graph[i], a, y, &width);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\""
            " viewBox=\"0 0 %.0f %.0f\" xml:space=\"preserve\">\n",
            width + 2 * MARGIN, y, width + 2 * MARGIN, y);
    fputs(style, out);
    fputs("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n", out);
    fwrite(t.s, 1, t.n, out);
    fputs("</svg>\n", out);
    arena_free(a);
}
