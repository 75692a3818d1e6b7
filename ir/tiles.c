/* ir/tiles.c: see the header. */
#include "ir/tiles.h"
#include "ir/tasks.h"

enum { WORD_BYTES = 4, LINE_BYTES = 64 };

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

bool ir_is_tile_conv(Algo algo)
{
    return ir_split_parts(algo) && ir_algo[algo].root == KIND_CONV;
}

static int64_t farthest_tap(const Frame *f)
{
    int64_t most = 0;
    for (int64_t t = ir_frame_taps(f) - f->taps[1]; t < ir_frame_taps(f); t++)
        if (ir_frame_tap(f, t) > most) most = ir_frame_tap(f, t);
    return most;
}

/* Bands of so many lines. */
static void cut(TileConv *t, const Frame *f, int64_t lines)
{
    Frame *b = &t->band;
    int64_t columns = f->pixels[1], own = ceil_div(columns, IR_RUN);
    b->pixels[0] = lines;
    t->bands = ceil_div(f->pixels[0], lines);
    t->pitch = ir_frame_pixel(b, 1, 0);
    t->lines = 1;
    t->across = ceil_div((lines - 1) * t->pitch + columns, IR_RUN);
    t->line = t->pitch;
    if (t->across > lines * own) {
        t->lines = lines;
        t->across = own;
        t->line = own * IR_RUN;
    }
    t->places = t->lines * t->across * IR_RUN;
    int64_t end = (t->lines - 1) * t->pitch + t->across * IR_RUN + farthest_tap(b);
    int64_t room = ceil_div(end, b->phases * b->length);
    b->height = (lines - 1) * b->stride[0] + (b->taps[0] - 1) * b->dilation[0] + 1;
    if (b->height < room) b->height = room;
    t->plane = round_up(ir_frame_plane(b), IR_RUN);
}

static int64_t total(const TileBytes *b)
{
    return b->frame + b->parts + b->line + b->slopes + b->sums;
}

TileConv ir_tile_conv(const Frame *f, const Kernel *k)
{
    enum { KEPT_BYTES = 1 << 20 };           /* half of the second cache */
    bool weight = f->op == OP_conv_weight;
    int64_t lines = weight || k->tile[1] > f->pixels[0] ? f->pixels[0] : k->tile[1];
    TileConv t = { .band = *f, .parts = ir_split_parts(k->algo), .rows = k->tile[0],
                   .channels = weight ? k->tile[1] / ir_frame_taps(f) : f->channels };
    t.tall = round_up(t.rows, IR_SIDE);
    t.deep = round_up(t.channels, IR_SIDE);
    cut(&t, f, lines);
    for (TileBytes b = ir_tile_bytes(&t); weight && lines > 1 && total(&b) - b.sums > KEPT_BYTES;
         b = ir_tile_bytes(&t))
        cut(&t, f, lines = ceil_div(lines, 2));
    /* Words of a tile's rows in as many sets of the first cache. */
    if (!weight && t.plane % (2 * IR_RUN) == 0) t.plane += IR_RUN;
    return t;
}

int64_t ir_tile_weight_words(const TileConv *t)
{
    int64_t steps = ir_frame_taps(&t->band) * t->deep / IR_SIDE;
    return LINE_BYTES / WORD_BYTES + steps * t->parts * IR_SIDE * IR_RUN;
}

TileBytes ir_tile_bytes(const TileConv *t)
{
    int64_t taps = ir_frame_taps(&t->band), size = ir_frame_plane(&t->band);
    if (t->band.op == OP_conv_weight)
        return (TileBytes){
            .frame = 2 * (ir_round64(t->channels * size * WORD_BYTES) + LINE_BYTES),
            .parts = t->parts * t->deep * t->plane * WORD_BYTES,
            .line = 2 * t->places * WORD_BYTES,
            .slopes = t->parts * t->tall * t->places * WORD_BYTES,
            .sums = taps * t->tall * t->deep * WORD_BYTES };
    /* A block of weights lies where the frame will. */
    int64_t frame = ir_round64(round_up(t->channels, 2) * size * WORD_BYTES) + LINE_BYTES;
    int64_t block = IR_SIDE * IR_SPLIT_DEPTH * WORD_BYTES;
    return (TileBytes){
        .frame = frame > block ? frame : block,
        .parts = t->parts * t->deep / 2 * t->plane * WORD_BYTES,
        .sums = IR_SIDE * t->places * WORD_BYTES,
        .shared = ceil_div(t->band.rows, IR_SIDE) * ir_tile_weight_words(t) * WORD_BYTES };
}

bool ir_tile_conv_fits(const Frame *f, const Kernel *k)
{
    enum { MOST_BYTES = 1 << 28 };
    TileConv t = ir_tile_conv(f, k);
    TileBytes b = ir_tile_bytes(&t);
    return total(&b) + b.shared <= MOST_BYTES;
}
