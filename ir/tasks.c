/* ir/tasks.c: the cut of kernels into tasks. See the header for the rules and why they are here. */
#include "ir/tasks.h"
#include "ir/frame.h"
#include "ir/int8.h"
#include "ir/rows.h"
#include "ir/tiles.h"
#include "ir/window.h"
#include "ir/winograd.h"

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t at_least(int64_t a, int64_t lo) { return a < lo ? lo : a; }

Product ir_product(const Graph *g, Val root)
{
    const Node *x = ir_node(g, root);
    const Shape *a = &ir_type(g, x->in[0])->shape, *b = &ir_type(g, x->in[1])->shape;
    Product p = { .a = x->in[0], .b = x->in[1] };
    if (x->op == OP_linear) {
        p.tb = true;
        if (x->n_in > 2) p.bias = x->in[2];
    } else {
        p.ta = ir_has(x, AT_ta);
        p.tb = ir_has(x, AT_tb);
    }
    p.m = a->dim[p.ta ? 1 : 0];
    p.k = a->dim[p.ta ? 0 : 1];
    p.l = b->dim[p.tb ? 0 : 1];
    return x->type.layout.kind == LAYOUT_panel ? ir_transposed(p) : p;
}

static bool has_member(const Val *member, int n, Val v)
{
    for (int i = 0; i < n; i++)
        if (ir_val_eq(member[i], v)) return true;
    return false;
}

/* Do the members compute what replaces the state? */
static bool replace(const Graph *g, const Val *member, int n, State s)
{
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_UPDATE && g->root[i].state.i == s.i)
            return has_member(member, n, ir_view_base(g, g->root[i].val));
    return false;
}

bool ir_back(const Graph *g, const Val *member, int n, Back *back)
{
    int products = 0;
    *back = (Back){ 0 };
    for (int i = 0; i < n; i++) {
        const Node *x = ir_node(g, member[i]);
        if (ir_op[x->op].kind != KIND_PROD) continue;
        products++;
        if (x->type.layout.kind == LAYOUT_panel) back->d_w = member[i];
        else back->d_x = member[i];
    }
    if (products != 2 || !back->d_w.i || !back->d_x.i) return false;
    const Node *d_x = ir_node(g, back->d_x), *d_w = ir_node(g, back->d_w);
    Val d_y = d_x->in[0], w = d_x->in[1], x = d_w->in[1];
    const Type *t = ir_type(g, w);
    return d_x->op == OP_matmul && !ir_has(d_x, AT_ta) && !ir_has(d_x, AT_tb)
        && d_w->op == OP_matmul && ir_has(d_w, AT_ta) && !ir_has(d_w, AT_tb)
        && ir_val_eq(d_w->in[0], d_y) && ir_is(g, w, OP_state) && ir_type_eq(t, &d_w->type)
        && ir_type(g, d_y)->layout.kind == LAYOUT_plain && ir_has_n(&ir_type(g, d_y)->shape)
        && ir_type(g, x)->layout.kind == LAYOUT_plain
        && ir_dim_at(d_x->type.shape.dim[0], g->module->capacity) <= IR_BACK_SAMPLES
        && !has_member(member, n, ir_view_base(g, d_y))
        && !has_member(member, n, ir_view_base(g, x))
        && replace(g, member, n, ir_node(g, w)->state);
}

BackBytes ir_back_bytes(const Graph *g, const Kernel *k)
{
    const Type *d_w = ir_type(g, ir_kernel_root(g, k));
    int64_t elem = ir_dtype_bytes(d_w->dtype), width = d_w->layout.width;
    int64_t n = ir_dim_at(ir_product(g, ir_kernel_root(g, k)).k, g->module->capacity);
    int64_t lanes_bytes = ir_round64(n * elem);
    return (BackBytes){ .sums = k->tile[0] * lanes_bytes, .turned = width * lanes_bytes,
                        .slopes = ir_round64(n * width * elem),
                        .block = ir_round64(n * k->tile[0] * elem) };
}

/* (A B)' = B' A' */
Product ir_transposed(Product p)
{
    return (Product){ .a = p.b, .b = p.a, .bias = p.bias, .ta = !p.tb, .tb = !p.ta, .m = p.l,
                      .l = p.m, .k = p.k, .transposed = !p.transposed };
}

bool ir_in_panels(const Graph *g, const Product *p)
{
    return p->tb && ir_type(g, p->b)->layout.kind == LAYOUT_panel;
}

bool ir_narrow(int64_t cols, int64_t depth, int64_t vector)
{
    enum { SUM_CYCLES = 6 };             /* of a result's lanes; two vectors are added a cycle */
    return cols < vector && cols * (depth / (2 * vector) + SUM_CYCLES) < depth / 2;
}

enum { ALIAS_BYTES = 4096, LINE_BYTES = 64 };

int64_t ir_places(int64_t row_bytes)
{
    int64_t a = row_bytes, b = ALIAS_BYTES;
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return ALIAS_BYTES / a;
}

bool ir_rows_in_place(int64_t strips, int64_t depth, int64_t row_bytes, int64_t panel_bytes,
                      const Target *t)
{
    enum { FEW_STRIPS = 4 };
    int64_t places = ir_places(row_bytes), half_the_ways = t->l1_bytes / ALIAS_BYTES / 2;
    int64_t kept = depth < IR_K_BLOCK ? depth : IR_K_BLOCK;
    int64_t lines = ceil_div(kept, places) * ceil_div(panel_bytes, LINE_BYTES);
    return strips <= FEW_STRIPS || lines <= half_the_ways;
}

bool ir_count_steps(const Graph *g, const Val *v, int n)
{
    for (int i = 0; i < n; i++)
        if (!ir_is(g, v[i], OP_increment) || ir_type(g, v[i])->shape.rank) return false;
    return true;
}

bool ir_moves_elements(const Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    return (x->op == OP_cat || x->op == OP_slice || x->op == OP_permute) && ir_dtype_real(x->type.dtype)
        && x->type.layout.kind == LAYOUT_plain;
}

Val ir_kernel_root(const Graph *g, const Kernel *k)
{
    Back back;
    if (k->algo == ALGO_gemm_back && ir_back(g, k->member, k->n_member, &back)) return back.d_w;
    for (int i = 0; i < k->n_member; i++) {
        OpKind kind = ir_op[ir_node(g, k->member[i])->op].kind;
        if (kind == KIND_PROD || kind == KIND_CONV || kind == KIND_WINDOW || kind == KIND_ROW
            || kind == KIND_MOVE || kind == KIND_NARROW) return k->member[i];
    }
    for (int i = 0; i < k->n_member; i++)
        if (ir_op[ir_node(g, k->member[i])->op].kind == KIND_REDUCE) return k->member[i];
    return k->member[k->n_member - 1];
}

/* The elements of a row: what a ROW node runs along, or what a reduction makes one of. */
static int64_t row_length(const Graph *g, Val root, int64_t n)
{
    const Node *x = ir_node(g, root);
    const Shape *s = &ir_type(g, x->in[0])->shape;
    Rows r;
    if (ir_op[x->op].kind == KIND_REDUCE && ir_rows(g, root, &r)) {
        int64_t elems = 1;
        for (int i = 0; i < s->rank; i++)
            if (i < r.first || i >= r.end) elems *= ir_dim_at(s->dim[i], n);
        return elems;
    }
    int axis = ir_has(x, AT_axis) ? (int)ir_attr_int(x, AT_axis) : s->rank - 1;
    return s->rank ? ir_dim_at(s->dim[axis], n) : 1;
}

int ir_leading_axis(const Shape *s)
{
    int i = 0;
    while (i + 1 < s->rank && ir_dim_eq(s->dim[i], ir_dim(1))) i++;
    return i;
}

bool ir_by_planes(Op op)
{
    return op == OP_pool_put || op == OP_pool_spread || op == OP_pad_grad || op == OP_upsample_grad;
}

/* The elements of one task's step: a line of results, or a weight's taps or a plane of results. */
static int64_t step_elems(const Node *x)
{
    const Shape *s = &x->type.shape;
    int64_t line = s->dim[s->rank - 1].k;
    bool whole = x->op == OP_conv_weight || ir_by_planes(x->op);
    return whole && s->rank == 4 ? line * s->dim[2].k : line;
}

/* A convolution as a product: rows of all groups, each in whole tiles, so that no task has some of
 * two groups. */
static void simt_conv_space(const Graph *g, const Kernel *k, int64_t n, int64_t *rows,
                            int64_t *cols)
{
    const Node *x = ir_node(g, ir_kernel_root(g, k));
    Conv c = ir_conv(g, x);
    int64_t of_group = x->op == OP_conv_transpose ? c.w.dim[1].k : c.w.dim[0].k / c.groups;
    int64_t of_channels = 1;
    for (int i = 2; i < x->type.shape.rank; i++) of_channels *= x->type.shape.dim[i].k;
    int64_t tile = at_least(k->tile[0], 1);
    *rows = c.groups * ceil_div(of_group, tile) * tile;
    *cols = of_channels * (x->op == OP_conv_weight ? c.w.dim[1].k : ir_dim_at(c.x.dim[0], n));
}

bool ir_is_mma(Algo a)
{
    return a == ALGO_mma_tf32 || a == ALGO_mma_bf16 || ir_wide_bytes(a)
        || a == ALGO_conv_mma_tf32 || a == ALGO_conv_mma_bf16;
}

int64_t ir_wide_bytes(Algo a) { return a == ALGO_wide_bf16 ? 2 : a == ALGO_wide_tf32 ? 4 : 0; }

static int64_t wide_step(Algo a) { return IR_WIDE_BYTES / ir_wide_bytes(a); }

WideTiles ir_wide_tiles(const Graph *g, const Kernel *k, int64_t n)
{
    Product p = ir_product(g, ir_kernel_root(g, k));
    int64_t across = at_least(k->tile[1] / IR_WIDE_LINES, 1);
    return (WideTiles){ .rows = ceil_div(ir_dim_at(p.m, n), IR_WIDE_LINES),
                        .cols = ceil_div(ir_dim_at(p.l, n), across * IR_WIDE_LINES) * across,
                        .steps = ceil_div(ir_dim_at(p.k, n), wide_step(k->algo)) };
}

BlockTile ir_block_tile(Algo a)
{
    if (ir_wide_bytes(a)) return (BlockTile){ IR_WIDE_LINES, 2 };
    if (ir_is_mma(a)) return (BlockTile){ 32, 4 };
    return a == ALGO_simt || a == ALGO_simt_conv ? (BlockTile){ 16, 8 } : (BlockTile){ 0, 0 };
}

int64_t ir_block_step(const Graph *g, const Kernel *k)
{
    enum { MOST = 64, MOST_MMA = 32 };
    int64_t elem = ir_dtype_bytes(g->module->real), lines = k->tile[0] + k->tile[1];
    int64_t step = MOST;
    if (ir_wide_bytes(k->algo)) return wide_step(k->algo);
    if (g->one_block || ir_algo[k->algo].root == KIND_CONV) return IR_SIMT_STEP;
    if (ir_is_mma(k->algo)) return lines <= 128 ? MOST_MMA : IR_SIMT_STEP;
    while (step > IR_SIMT_STEP && 2 * step * (lines + 2 * IR_SIMT_PAD) * elem > IR_SHARED_BYTES)
        step /= 2;
    return step;
}

/* A convolution as a product in tiles of a GPU's blocks? */
static bool is_block_conv(Algo a) { return ir_block_tile(a).side && ir_algo[a].root == KIND_CONV; }

static int64_t parts_of(int64_t tiles, int64_t depth)
{
    enum { ENOUGH_BLOCKS = 128 };
    int64_t parts = ENOUGH_BLOCKS / at_least(tiles, 1), most = depth / IR_PART_STEP;
    return at_least(parts < most ? parts : most, 1);
}

/* Of a product the least tile decides, so that its sums are the same in any. */
static int64_t product_parts(const Graph *g, Val root)
{
    enum { FEW_TILES = 32, LONG_SUMS = 1024, SIDE = 16 };
    Product p = ir_product(g, root);
    int64_t tiles = ceil_div(p.m.k, SIDE) * ceil_div(p.l.k, SIDE);
    int64_t depth = ir_dim_at(p.k, g->module->capacity);
    bool few = !p.m.n && !p.l.n && !p.bias.i && tiles <= FEW_TILES;
    return few && depth >= LONG_SUMS ? parts_of(tiles, depth) : 1;
}

int64_t ir_simt_parts(const Graph *g, const Kernel *k)
{
    Val root = ir_kernel_root(g, k);
    const Node *x = ir_node(g, root);
    if (!ir_block_tile(k->algo).side || !k->tile[0] || !k->tile[1]) return 1;
    if (ir_wide_bytes(k->algo)) return 1;
    if (!is_block_conv(k->algo)) return product_parts(g, root);
    if (x->op != OP_conv_weight) return 1;
    int64_t rows, cols, depth = ir_dim_at(ir_type(g, x->in[1])->shape.dim[0], g->module->capacity);
    for (int i = 2; i < ir_type(g, x->in[1])->shape.rank; i++)
        depth *= ir_type(g, x->in[1])->shape.dim[i].k;
    simt_conv_space(g, k, g->module->capacity, &rows, &cols);
    return parts_of(rows / k->tile[0] * ceil_div(cols, k->tile[1]), depth);
}

/* Pixels, or lines of them, in whole tiles, so that no task has some of two images and not all of
 * them; each part of the channels has all rows, in whole tiles. */
static void conv_space(const Graph *g, const Kernel *k, int64_t n, int64_t *rows, int64_t *cols)
{
    Val root = ir_kernel_root(g, k);
    Frame f = ir_frame(g, root);
    int64_t images = ir_dim_at(ir_type(g, f.source)->shape.dim[0], n), tile = k->tile[1];
    int64_t pixels = ir_is_tile_conv(k->algo) ? f.pixels[0] : ir_frame_pixels(&f);
    int64_t elem = ir_dtype_bytes(ir_type(g, root)->dtype);
    bool winograd = ir_is_winograd(k->algo);
    *rows = f.rows;
    if (winograd && f.op == OP_conv_weight)
        *rows = ceil_div(f.rows, k->tile[0]) * k->tile[0] * ir_winograd_turns(&f, k, elem);
    if (winograd && f.op == OP_conv_weight)
        *cols = images * f.pixels[0];
    else if (winograd)
        *cols = images * ceil_div(f.pixels[0], ir_winograd_tile(&f, k->algo).lines);
    else if (f.op == OP_conv_weight)
        *cols = ir_frame_depth(&f);
    else
        *cols = images * (tile < pixels ? ceil_div(pixels, tile) * tile : pixels);
}

static void space(const Graph *g, const Kernel *k, int64_t n, int64_t *rows, int64_t *cols)
{
    Val root = ir_kernel_root(g, k);
    const Node *x = ir_node(g, root);
    *cols = 1;
    switch (k->algo) {
    case ALGO_gemm: case ALGO_gemm_back: case ALGO_loops: case ALGO_blas:
    case ALGO_bf16x6: case ALGO_bf16x3: case ALGO_bf16x1:
    case ALGO_simt: case ALGO_simt_dots: case ALGO_mma_tf32: case ALGO_mma_bf16:
    case ALGO_wide_tf32: case ALGO_wide_bf16: {
        Product p = ir_product(g, root);
        int64_t parts = ir_simt_parts(g, k);
        *rows = ir_dim_at(p.m, n);
        *cols = ir_dim_at(p.l, n);
        if (parts > 1) *rows = ceil_div(*rows, k->tile[0]) * k->tile[0] * parts;
        return;
    }
    case ALGO_patches: case ALGO_implicit: case ALGO_winograd: case ALGO_winograd_fast:
    case ALGO_conv_bf16x6: case ALGO_conv_bf16x3: case ALGO_conv_bf16x1:
        conv_space(g, k, n, rows, cols);
        return;
    case ALGO_simt_conv: case ALGO_conv_mma_tf32: case ALGO_conv_mma_bf16:
        simt_conv_space(g, k, n, rows, cols);
        *rows *= ir_simt_parts(g, k);
        return;
    case ALGO_grouped: {
        *rows = ir_attr_int(x, AT_groups);
        if (x->op != OP_conv_weight) *rows *= ir_dim_at(x->type.shape.dim[0], n);
        *cols = *rows ? ir_elems_at(&x->type.shape, n) / *rows : 0;
        return;
    }
    case ALGO_int8: case ALGO_half:
        *rows = ir_dim_at(x->type.shape.dim[0], n);
        *cols = *rows ? ir_elems_at(&x->type.shape, n) / *rows : 0;
        return;
    case ALGO_direct: case ALGO_window:
        *cols = step_elems(x);
        *rows = *cols ? ir_elems_at(&x->type.shape, n) / *cols : 0;
        return;
    case ALGO_row:
        *cols = row_length(g, root, n);
        *rows = *cols ? ir_elems_at(&ir_type(g, x->in[0])->shape, n) / *cols : 0;
        return;
    case ALGO_reduce:
        *cols = ir_elems_at(&x->type.shape, n);
        *rows = *cols ? ir_elems_at(&ir_type(g, x->in[0])->shape, n) / *cols : 0;
        return;
    case ALGO_move:
        if (x->type.layout.kind == LAYOUT_plain && x->type.shape.rank) {
            *rows = ir_dim_at(x->type.shape.dim[ir_leading_axis(&x->type.shape)], n);
            *cols = *rows ? ir_elems_at(&x->type.shape, n) / *rows : 0;
            return;
        }
        *rows = ir_elems_at(&x->type.shape, n);
        return;
    case ALGO_map:
        if (x->type.layout.kind == LAYOUT_panel) {
            *cols = x->type.layout.width;
            *rows = ir_stored_bytes(&x->type, n) / ir_dtype_bytes(x->type.dtype) / *cols;
            return;
        }
        /* fall through */
    default:
        *rows = ir_elems_at(&x->type.shape, n);
    }
}

Tasks ir_tasks_of(const Graph *g, const Kernel *k, int64_t n)
{
    Tasks t;
    int64_t full_rows, full_cols;
    space(g, k, g->module->capacity, &full_rows, &full_cols);
    space(g, k, n, &t.rows, &t.cols);
    t.tile_rows = k->tile[0];
    t.tile_cols = k->tile[1];
    switch (k->algo) {
    case ALGO_gemm: case ALGO_gemm_back: case ALGO_loops: case ALGO_blas: break;
    case ALGO_bf16x6: case ALGO_bf16x3: case ALGO_bf16x1: break;
    case ALGO_simt: case ALGO_simt_dots: case ALGO_simt_conv: break;
    case ALGO_mma_tf32: case ALGO_mma_bf16: case ALGO_conv_mma_tf32: case ALGO_conv_mma_bf16:
    case ALGO_wide_tf32: case ALGO_wide_bf16: break;
    case ALGO_patches: case ALGO_implicit: case ALGO_winograd: case ALGO_winograd_fast: break;
    case ALGO_conv_bf16x6: case ALGO_conv_bf16x3: case ALGO_conv_bf16x1: break;
    case ALGO_direct: case ALGO_grouped: case ALGO_window: case ALGO_int8:
    case ALGO_half:
        if (!t.tile_rows && full_rows) {
            double flop = ir_flop(g, ir_kernel_root(g, k)) / (double)full_rows;
            double each = k->algo == ALGO_window ? IR_WINDOW_FLOP : IR_CONV_FLOP;
            t.tile_rows = (int64_t)(each / (flop > 1 ? flop : 1));
        }
        t.tile_cols = at_least(full_cols, 1);
        break;
    case ALGO_row:
        if (!t.tile_rows) t.tile_rows = IR_TASK_ELEMS / at_least(full_cols, 1);
        t.tile_cols = at_least(full_cols, 1);
        break;
    case ALGO_reduce:
        if (ir_node(g, ir_kernel_root(g, k))->type.shape.rank) {
            t.tile_rows = at_least(full_rows, 1);
            if (!t.tile_cols)
                t.tile_cols = ceil_div(ceil_div(IR_REDUCE_ELEMS, t.tile_rows), IR_RESULT_STEP)
                            * IR_RESULT_STEP;
        } else {
            if (!t.tile_rows) t.tile_rows = IR_TASK_ELEMS;
            t.tile_cols = 1;
        }
        break;
    default:
        if (!t.tile_rows) t.tile_rows = IR_TASK_ELEMS / at_least(full_cols, 1);
        t.tile_cols = at_least(full_cols, 1);
    }
    t.tile_rows = at_least(t.tile_rows, 1);
    t.tile_cols = at_least(t.tile_cols, 1);
    t.down = ceil_div(t.rows, t.tile_rows);
    t.across = ceil_div(t.cols, t.tile_cols);
    /* An empty sum is still a sum: its result has to be written. */
    if (k->algo == ALGO_reduce) t.down = at_least(t.down, 1);
    t.count = t.down * t.across;
    return t;
}

Tasks ir_tasks(const Graph *g, int k, int64_t n) { return ir_tasks_of(g, &g->kernel[k], n); }

bool ir_is_slot(const Graph *g, const Kernel *k, Val member)
{
    const Node *x = ir_node(g, member);
    OpKind kind = ir_op[x->op].kind;
    if (kind == KIND_ROW) return k->algo == ALGO_row && x->type.shape.rank == 0;
    bool sums = kind == KIND_REDUCE && (k->algo == ALGO_row || k->algo == ALGO_reduce);
    return sums && x->type.shape.rank == 0;
}

int ir_kernel_slots(const Graph *g, const Kernel *k)
{
    int slots = 0;
    for (int i = 0; i < k->n_member; i++) slots += ir_is_slot(g, k, k->member[i]);
    return slots;
}

int64_t ir_scratch_bytes(const Graph *g, const Kernel *k)
{
    if (ir_wide_bytes(k->algo)) {
        WideTiles w = ir_wide_tiles(g, k, g->module->capacity);
        return (w.rows + w.cols) * w.steps * IR_WIDE_LINES * IR_WIDE_BYTES;
    }
    if (ir_block_tile(k->algo).side) {
        const Type *t = ir_type(g, ir_kernel_root(g, k));
        int64_t parts = ir_simt_parts(g, k);
        return parts > 1 ? ir_round64(parts * ir_stored_bytes(t, g->module->capacity)) : 0;
    }
    if (ir_algo[k->algo].root == KIND_CONV) return ir_conv_scratch_bytes(g, k);
    int slots = ir_kernel_slots(g, k);
    if (!slots) return 0;
    int64_t tasks = at_least(ir_tasks_of(g, k, g->module->capacity).count, 1);
    return ir_round64(tasks * slots * IR_SLOT_BYTES);
}

static int64_t product_depth(const Graph *g, const Kernel *k)
{
    return ir_dim_at(ir_product(g, ir_kernel_root(g, k)).k, g->module->capacity);
}

int64_t ir_pack_bytes(const Graph *g, const Kernel *k)
{
    if (k->algo != ALGO_gemm) return 0;
    Product p = ir_product(g, ir_kernel_root(g, k));
    if (ir_in_panels(g, &p)) return 0;
    int64_t depth = product_depth(g, k);
    int64_t elem = ir_dtype_bytes(ir_node(g, ir_kernel_root(g, k))->type.dtype);
    int64_t cols = k->tile[1] > IR_WIDE_COLS ? IR_WIDE_COLS : k->tile[1];
    return ir_round64((depth < IR_K_BLOCK ? depth : IR_K_BLOCK) * cols * elem);
}

bool ir_keeps_sums(const Graph *g, const Kernel *k)
{
    return k->algo == ALGO_gemm && (k->tile[1] > IR_WIDE_COLS || product_depth(g, k) > IR_K_BLOCK);
}

int ir_split_parts(Algo a)
{
    switch (a) {
    case ALGO_bf16x6: case ALGO_conv_bf16x6: return 3;
    case ALGO_bf16x3: case ALGO_conv_bf16x3: return 2;
    case ALGO_bf16x1: case ALGO_conv_bf16x1: return 1;
    default: return 0;
    }
}

int64_t ir_split_bytes(const Graph *g, const Kernel *k)
{
    enum { STEP_BYTES = 32 * 32 * 2 };       /* of 32 rows or columns, 32 of k */
    int64_t depth = product_depth(g, k);
    int64_t steps = ceil_div(depth < IR_SPLIT_DEPTH ? depth : IR_SPLIT_DEPTH, 32);
    return at_least(steps, 1) * ir_split_parts(k->algo) * STEP_BYTES;
}

/* A line or a plane of sums; for a weight a double for each tap, and under each tap a line. */
static int64_t window_bytes(const Graph *g, const Kernel *k)
{
    const Node *x = ir_node(g, ir_kernel_root(g, k));
    int64_t elems = step_elems(x), elem = ir_dtype_bytes(x->type.dtype);
    if (k->algo == ALGO_window && !ir_by_planes(x->op)) return 0;
    if (x->op != OP_conv_weight) return ir_round64(elems * elem);
    return ir_round64(elems * (8 + ir_window(g, x).axis[1].windows * elem));
}

/* An image of codes with its surroundings. */
static int64_t frame_bytes(const Graph *g, const Kernel *k)
{
    const Node *x = ir_node(g, ir_kernel_root(g, k));
    if (x->op != OP_conv_int8) return 0;
    Codes c = ir_codes(g, x);
    return ir_round64(ir_codes_frame(&c).bytes);
}

int64_t ir_worker_bytes(const Graph *g, const Kernel *k, int64_t vector_bytes)
{
    if (ir_algo[k->algo].machine == ON_GPU) return 0;
    if (ir_algo[k->algo].root == KIND_CONV && k->algo != ALGO_direct)
        return ir_conv_worker_bytes(g, k, vector_bytes);
    if (k->algo == ALGO_direct || k->algo == ALGO_window) return window_bytes(g, k);
    if (k->algo == ALGO_int8) return frame_bytes(g, k);
    if (ir_split_parts(k->algo)) {
        int64_t panels = ceil_div(k->tile[1], 32), block = 32 * IR_SPLIT_DEPTH * 4;
        int64_t sums = ceil_div(k->tile[0], 32) * panels * 32 * 32 * 4;
        return ir_round64((1 + panels) * ir_split_bytes(g, k) + block + sums + panels * 4);
    }
    if (k->algo == ALGO_gemm_back) {
        BackBytes b = ir_back_bytes(g, k);
        return b.sums + b.turned + b.slopes + b.block;
    }
    if (k->algo != ALGO_gemm && k->algo != ALGO_blas) return 0;
    int64_t elem = ir_dtype_bytes(ir_node(g, ir_kernel_root(g, k))->type.dtype);
    int64_t tile = ir_round64(k->tile[0] * k->tile[1] * elem);
    if (k->algo == ALGO_blas) return tile;
    return ir_pack_bytes(g, k) + (ir_keeps_sums(g, k) ? tile : 0);
}
