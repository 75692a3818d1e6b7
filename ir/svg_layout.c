/* ir/svg_layout.c: a small layered layout: no graphviz, the same bytes every time.
 *
 * Layers by longest path, sources moved down to their readers; long edges get bends, one chain a
 * value; order by barycentres; then places that are as near to the neighbours' middles as the order
 * allows (the mean of the leftmost and the rightmost packing, which keeps every gap).
 * Idea: Sugiyama, Tagawa, Toda 1981. */
#include "ir/svg.h"
#include <stdlib.h>
#include <string.h>

enum { SWEEPS = 12, MAX_BENDS = 20000, BEND_WIDTH = 10, MAX_ROUNDS = 100 };

static int box_add(Picture *p, Box b)
{
    if (p->n_box == p->cap_box) {
        int cap = p->cap_box * 2 + 16;
        p->box = arena_grow(p->a, p->box, (size_t)p->n_box, (size_t)cap, sizeof *p->box);
        p->cap_box = cap;
    }
    p->box[p->n_box] = b;
    return p->n_box++;
}

static void link_add(Picture *p, Link l)
{
    if (p->n_link == p->cap_link) {
        int cap = p->cap_link * 2 + 16;
        p->link = arena_grow(p->a, p->link, (size_t)p->n_link, (size_t)cap, sizeof *p->link);
        p->cap_link = cap;
    }
    p->link[p->n_link++] = l;
}

/* Calls once for each value that crosses from one box into another. */
static void each_edge(Picture *p, void (*call)(Picture *, int from, int to, uint32_t src, void *),
                      void *ctx)
{
    const Graph *g = p->g;
    for (uint32_t i = 1; i < g->n_node; i++)
        for (int j = 0; j < g->node[i].n_in; j++) {
            uint32_t src = g->node[i].in[j].i;
            int from = p->box_of[src], to = p->box_of[i];
            bool again = false;
            for (int k = 0; k < j && !again; k++)
                again = g->node[i].in[k].i == src;
            if (from >= 0 && to >= 0 && from != to && !again)
                call(p, from, to, src, ctx);
        }
}

static void push_down(Picture *p, int from, int to, uint32_t src, void *ctx)
{
    (void)src;
    if (p->box[to].layer <= p->box[from].layer && p->box[from].layer < p->n_box) {
        p->box[to].layer = p->box[from].layer + 1;
        *(bool *)ctx = true;
    }
}

static void note_reader(Picture *p, int from, int to, uint32_t src, void *ctx)
{
    int *nearest = ctx;
    (void)src;
    if (!nearest[from] || p->box[to].layer < nearest[from])
        nearest[from] = p->box[to].layer;
}

static void find_layers(Picture *p)
{
    bool moved = true;
    for (int round = 0; moved && round < MAX_ROUNDS; round++) {
        moved = false;
        each_edge(p, push_down, &moved);
    }
    /* Boxes that only give go to just above their first reader. */
    int *nearest = arena_alloc(p->a, (size_t)p->n_box + 1, sizeof *nearest);
    each_edge(p, note_reader, nearest);
    for (int i = 0; i < p->n_box; i++)
        if (p->box[i].layer == 0 && nearest[i] > 1)
            p->box[i].layer = nearest[i] - 1;
}

/* The bend of a value in a layer: chains are shared by all its readers. */
typedef struct Chain { int *last, *linked; int n_bends; } Chain;   /* [n_node] */

static void add_links(Picture *p, int from, int to, uint32_t src, void *ctx)
{
    Chain *c = ctx;
    if (c->linked[src] == to)        /* another reader in the same box */
        return;
    c->linked[src] = to;
    int at = c->last[src] >= 0 ? c->last[src] : from;
    int layer = p->box[at].layer;
    int span = p->box[to].layer - layer;
    if (span < 1) { /* an earlier reader's chain is longer: leave it where it fits */
        at = from;
        layer = p->box[from].layer;
        span = p->box[to].layer - layer;
    }
    for (; span > 1 && c->n_bends < MAX_BENDS; span--) {
        int bend =
            box_add(p, (Box){.kernel = -1, .layer = ++layer, .width = BEND_WIDTH, .bend = true});
        link_add(p, (Link){at, bend, src});
        c->n_bends++;
        c->last[src] = at = bend;
    }
    link_add(p, (Link){at, to, src});
}

/* ---- order and places ---- */

typedef struct { double key; int box; } Seat;

static int by_key(const void *a, const void *b)
{
    const Seat *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->box > y->box) - (x->box < y->box);
}

typedef struct Layers {
    int n;
    int *start;
    Seat *seat;
    double *sum;
    int *count;
    double *want;
} Layers;

static void gather(const Picture *p, Layers *l, bool down)
{
    memset(l->sum, 0, (size_t)p->n_box * sizeof *l->sum);
    memset(l->count, 0, (size_t)p->n_box * sizeof *l->count);
    for (int i = 0; i < p->n_link; i++) {
        int me = down ? p->link[i].to : p->link[i].from,
            other = down ? p->link[i].from : p->link[i].to;
        l->sum[me] += p->box[other].x;
        l->count[me]++;
    }
    for (int i = 0; i < p->n_box; i++)
        l->want[i] = l->count[i] ? l->sum[i] / l->count[i] : p->box[i].x;
}

static double apart(const Picture *p, int a, int b)
{
    const Box *x = &p->box[a], *y = &p->box[b];
    return (x->width + y->width) / 2 + (x->bend && y->bend ? SVG_BOX_GAP / 2 : SVG_BOX_GAP);
}

/* The mean of two packings that both keep order and gaps keeps them too. */
static void place_layer(Picture *p, const Layers *l, int layer)
{
    int from = l->start[layer], to = l->start[layer + 1];
    double *left = l->sum, *right = arena_alloc(p->a, (size_t)(to - from) + 1, sizeof *right);
    for (int i = from; i < to; i++) {
        int b = l->seat[i].box;
        double least = i > from ? left[i - 1] + apart(p, l->seat[i - 1].box, b) : -1e9;
        left[i] = l->want[b] > least ? l->want[b] : least;
    }
    for (int i = to - 1; i >= from; i--) {
        int b = l->seat[i].box;
        double most = i + 1 < to ? right[i + 1 - from] - apart(p, b, l->seat[i + 1].box) : 1e9;
        right[i - from] = l->want[b] < most ? l->want[b] : most;
    }
    for (int i = from; i < to; i++)
        p->box[l->seat[i].box].x = (left[i] + right[i - from]) / 2;
}

static void find_places(Picture *p)
{
    Layers l = {0};
    size_t n = (size_t)p->n_box;
    for (int i = 0; i < p->n_box; i++)
        l.n = p->box[i].layer >= l.n ? p->box[i].layer + 1 : l.n;
    l.start = arena_alloc(p->a, (size_t)l.n + 2, sizeof *l.start);
    l.seat = arena_alloc(p->a, n + 1, sizeof *l.seat);
    l.sum = arena_alloc(p->a, n + 1, sizeof *l.sum);
    l.count = arena_alloc(p->a, n + 1, sizeof *l.count);
    l.want = arena_alloc(p->a, n + 1, sizeof *l.want);
    for (int i = 0; i < p->n_box; i++)
        l.start[p->box[i].layer + 1]++;
    for (int i = 0; i < l.n; i++)
        l.start[i + 1] += l.start[i];
    int *at = arena_grow(p->a, l.start, (size_t)l.n + 1, (size_t)l.n + 1, sizeof *at);
    for (int i = 0; i < p->n_box; i++) {
        int seat = at[p->box[i].layer]++;
        l.seat[seat] = (Seat){0, i};
        p->box[i].x = (seat - l.start[p->box[i].layer]) * 200.0;
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool down = sweep % 2 == 0;
        for (int k = 0; k < l.n; k++) {
            int layer = down ? k : l.n - 1 - k;
            if (l.n < 500 || !k)     /* fresh middles a layer where that is cheap */
                gather(p, &l, down);
            for (int i = l.start[layer]; i < l.start[layer + 1] && sweep < SWEEPS / 2; i++)
                l.seat[i].key = l.want[l.seat[i].box];
            if (sweep < SWEEPS / 2)
                qsort(l.seat + l.start[layer], (size_t)(l.start[layer + 1] - l.start[layer]),
                      sizeof *l.seat, by_key);
            place_layer(p, &l, layer);
        }
    }
    double y = 0, low = 0, high = 0;
    for (int layer = 0; layer < l.n; layer++) {
        double tall = 0;
        for (int i = l.start[layer]; i < l.start[layer + 1]; i++) {
            Box *b = &p->box[l.seat[i].box];
            b->y = y;
            tall = b->height > tall ? b->height : tall;
            low = b->x - b->width / 2 < low ? b->x - b->width / 2 : low;
            high = b->x + b->width / 2 > high ? b->x + b->width / 2 : high;
        }
        for (int i = l.start[layer]; i < l.start[layer + 1]; i++) {
            Box *b = &p->box[l.seat[i].box];
            b->height = b->bend ? tall : b->height;
            b->floor = y + tall;
        }
        y += tall + SVG_LAYER_GAP;
    }
    for (int i = 0; i < p->n_box; i++)
        p->box[i].x -= low;
    p->width = high - low;
    p->height = y;
}

void ir_svg_layout(Picture *p)
{
    Chain c = {.last = arena_alloc(p->a, p->g->n_node, sizeof(int)),
               .linked = arena_alloc(p->a, p->g->n_node, sizeof(int))};
    for (uint32_t i = 0; i < p->g->n_node; i++)
        c.last[i] = c.linked[i] = -1;
    find_layers(p);
    each_edge(p, add_links, &c);
    find_places(p);
}
