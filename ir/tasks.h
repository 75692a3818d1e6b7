/* ir/tasks.h: how a kernel is cut into tasks, and what memory the tasks need.
 *
 * `plan` reserves by these numbers and generated code obeys them. They follow from shapes, the
 * capacity and the kernel's tile alone, never from the number of threads: so any number of threads
 * gives the same bits. Tile sizes are fixed at capacity; the number of tasks follows n.
 *
 * On a GPU a task is a block of threads, which share it out (codegen/team.c); passes/blocks.c gives
 * every kernel a tile for that. */
#ifndef SEQC_TASKS_H
#define SEQC_TASKS_H
#include "ir/ir.h"

/* What a kernel runs over:
 *   gemm, loops, blas, simt, simt_dots, mma_tf32, mma_bf16, wide_tf32, wide_bf16
 *                rows and columns of the product [m,l]; on a GPU rows in whole tiles, once for each
 *                part of k where it is cut
 *   gemm_back    the same of d_w, as the transpose that it is computed as; a tile has all columns
 *   row          rows of the operand (ir/rows.h) and the elements of one
 *   reduce       rows: elements reduced for one result; cols: results. To [], tasks cut the rows;
 *                else each task has all rows of some results
 *   simt_conv, conv_mma_tf32, conv_mma_bf16
 *                rows: channels of results, those of a group in whole tiles; cols: their pixels; of
 *                conv_weight its columns, channels of x times taps, and all rows once for each
 *                part of the pixels
 *   direct       rows: lines of results, of a weight pairs of channels; cols: elements of one
 *   patches, implicit
 *                rows: channels of results; cols: their pixels, those of one image in whole tiles;
 *                of conv_weight its columns, channels of x times taps
 *   winograd, winograd_fast
 *                rows: channels of results; cols: lines of tiles of all images. Of conv_weight
 *                rows in whole tiles, once for each line of points that is a task's own
 *   conv_bf16x6 and its kin
 *                rows: channels of results; cols: lines of them, those of one image in whole tiles;
 *                of conv_weight as patches
 *   grouped      rows: pairs of an image and a group, of conv_weight groups; cols: elements of its
 *                results
 *   window       rows: lines of results, where elements are added up planes; cols: elements of one
 *   map          rows: elements; cols: 1. A map of a matrix in panels: rows: all panels' rows
 *                (so many elements lie together), cols: the panel's width
 *   int8, half   rows: images, or rows of a product; cols: results of one
 *   move         rows: the leading axis of the result (ir_leading_axis); cols: what follows. To a
 *                layout that is not plain: rows: elements
 * Task t does rows from (t % down) * tile_rows and columns from (t / down) * tile_cols on, at most
 * a tile of them; so tasks of one panel of columns follow each other. */
typedef struct Tasks {
    int64_t rows, cols;
    int64_t tile_rows, tile_cols;
    int64_t down, across, count;     /* tasks over the rows, over the columns, together */
} Tasks;
Tasks ir_tasks(const Graph *g, int k, int64_t n);
/* The same for a kernel that is not in its graph yet. */
Tasks ir_tasks_of(const Graph *g, const Kernel *k, int64_t n);

enum {
    IR_TASK_ELEMS = 8192,            /* elements of a map, row or full-reduction task */
    IR_CONV_FLOP = 1 << 19,          /* operations of a convolution's task */
    IR_WINDOW_FLOP = 1 << 15,        /* and of a pooling's, which wait for memory */
    IR_REDUCE_ELEMS = 32768,         /* elements read by a task of another reduction */
    IR_RESULT_STEP = 16,             /* its results are a multiple of this: whole cache lines */
    IR_K_BLOCK = 1024,               /* a gemm packs at most this much of k at a time */
    IR_SPLIT_DEPTH = 128,            /* and bf16x6 splits so much: 32 rows of it stay in L1 */
    IR_BACK_SAMPLES = 32,            /* the most that a gemm_back takes */
    IR_WIDE_COLS = 128,              /* a wider tile of gemm gathers its sums before the epilogue */
    IR_SIMT_STEP = 16,               /* so much of k at least comes into shared memory at a time */
    IR_PART_STEP = 64,               /* and a part of it, where it is cut, is a multiple of this */
    IR_SIMT_PAD = 4,                 /* and each line of it is so much longer than simt's tile */
    IR_WIDE_LINES = 128,             /* a tile of rounded factors: so many rows or columns, */
    IR_WIDE_BYTES = 64,              /* and of each so much along k */
    IR_SHARED_BYTES = 49152,         /* a block has at least so much */
    IR_WARP = 32,                    /* threads that act together on a GPU */
    IR_SLOT_BYTES = 8                /* a partial sum: double or int64_t */
};

/* The first axis that is not 1, along which a move is cut; the last one where all are. */
int ir_leading_axis(const Shape *s);

/* A PROD node as sum over k of A(row, k) * B(k, col), bias added. linear is a product with tb.
 * Columns lie together where results are stored: a result in panels, whose rows do, is computed as
 * its transpose. */
typedef struct Product {
    Val a, b, bias;                  /* bias: none, or one for each column of the node's result */
    bool ta, tb;                     /* a is stored [k,m]; b is stored [l,k] */
    Dim m, l, k;
    bool transposed;                 /* the node's result is [l,m] */
} Product;
Product ir_product(const Graph *g, Val root);
Product ir_transposed(Product p);
/* The products of a linear layer's derivative in one kernel: d_x = d_y w, and d_w = d_y' x, in the
 * panels of w, which its epilogue replaces. */
typedef struct Back { Val d_x, d_w; } Back;
/* False if the members are no such kernel's. */
bool ir_back(const Graph *g, const Val *member, int n, Back *back);
/* Its worker's memory, each a multiple of 64 bytes: of a task's sums d_x [rows][n]; of a panel's
 * columns of d_y, turned round [columns][n], and as they are [n][columns]; of x [n][rows]. */
typedef struct BackBytes { int64_t sums, turned, slopes, block; } BackBytes;
BackBytes ir_back_bytes(const Graph *g, const Kernel *k);
/* Does B lie in panels whose rows are the product's columns, so that no task has to pack it? */
bool ir_in_panels(const Graph *g, const Product *p);
/* So few columns of so long sums that vectors are better filled along k than with columns, although
 * their lanes have to be summed in the end. vector: elements of one. */
bool ir_narrow(int64_t cols, int64_t depth, int64_t vector);
/* Rows so many bytes apart begin at this many different places modulo 4096. The first cache keeps
 * as many lines of each place as it has times 4096 bytes. */
int64_t ir_places(int64_t row_bytes);
/* Does a gemm's tile of that many strips read rows of B where they lie? If few read them again, or
 * if the first cache keeps all that a panel's lanes need of them. */
bool ir_rows_in_place(int64_t strips, int64_t depth, int64_t row_bytes, int64_t panel_bytes,
                      const Target *t);

/* A WINDOW op that adds elements up where they belong, a plane at a time. */
bool ir_by_planes(Op op);
/* The member that decides the algorithm: the first PROD, CONV, WINDOW, ROW, MOVE or NARROW, else the first
 * REDUCE, else the last member. */
Val ir_kernel_root(const Graph *g, const Kernel *k);
/* Does each of them count, one number? Then one kernel may have them all. */
bool ir_count_steps(const Graph *g, const Val *v, int n);
/* Does v join, cut or permute reals in the plain layout? Then maps may follow in its kernel. */
bool ir_moves_elements(const Graph *g, Val v);
/* Scalars that the kernel sums per task, then in task order: full reductions, losses, `correct`.
 * Task t's partial sum of the s-th of them (in member order) is slot t * slots + s of the
 * scratch. */
bool ir_is_slot(const Graph *g, const Kernel *k, Val member);
int ir_kernel_slots(const Graph *g, const Kernel *k);
/* Scratch of the whole kernel at capacity, a multiple of 64; 0: none. */
int64_t ir_scratch_bytes(const Graph *g, const Kernel *k);
/* Memory of one worker while it runs a task, a multiple of 64: for gemm the packed columns
 * [k block][tile_cols] (of a wide tile [k block][IR_WIDE_COLS]; none where they lie in panels) and,
 * if it keeps sums, these [tile_rows][tile_cols] after them (at ir_pack_bytes); for blas the tile
 * [tile_rows][tile_cols]. vector_bytes: of the target. */
int64_t ir_worker_bytes(const Graph *g, const Kernel *k, int64_t vector_bytes);
/* Where in the arena kernel k's workers find so many bytes, apart from what lives while it runs; and
 * the bytes of the block that holds both, for all kernels. The last may lie beyond the arena's end. */
int64_t ir_workspace_place(const Graph *g, int k, int64_t bytes);
int64_t ir_workspace_bytes(const Graph *g, int64_t vector_bytes, int64_t workers);
/* bf16x6 and its kin: the bfloat16 parts of a number, 0 for other algorithms; bytes of the parts of
 * 32 rows or columns. A worker has those of 32 rows, those of the tile's columns, a block of
 * [32][IR_SPLIT_DEPTH] numbers, the sums (rows and columns in whole 32s), and a word for each 32
 * columns. */
int ir_split_parts(Algo a);
int64_t ir_split_bytes(const Graph *g, const Kernel *k);
/* A tile that a block of a GPU's threads has of a product's result: rows and columns are micro times
 * `side`, micro from 1 to `most`. simt: 16 x 16 threads' register tiles. On tensor cores warps stand
 * in 2 rows of 4, and micro counts their fragments of 16 x 8 results. side 0: no such algorithm. */
typedef struct BlockTile { int64_t side, most; } BlockTile;
BlockTile ir_block_tile(Algo a);
bool ir_is_mma(Algo a);              /* on tensor cores */
/* wide_bf16, wide_tf32: bytes of an element of a factor that was rounded into tiles; 0: no such algorithm. */
int64_t ir_wide_bytes(Algo a);
/* Tiles of IR_WIDE_LINES lines and a step of k of a product's factors, the rows' first, at n. They lie in
 * the scratch. */
typedef struct WideTiles { int64_t rows, cols, steps; } WideTiles;
WideTiles ir_wide_tiles(const Graph *g, const Kernel *k, int64_t n);
/* So much of k comes into shared memory at a time: of a matrix product more where the tile is small,
 * so that as much is on its way while a block waits for it; places of patches want registers. A graph
 * that one block runs keeps its shared memory small. */
int64_t ir_block_step(const Graph *g, const Kernel *k);
/* Into so many parts the sums of a product on a GPU are cut, each a block's for each tile, where tiles
 * alone would be few blocks: a weight's gradient, over the pixels of all images or over the batch.
 * Their sums lie in the scratch, a result a part, and are added in order. 1: they are not. */
int64_t ir_simt_parts(const Graph *g, const Kernel *k);
/* A gemm whose tiles are wide, or whose k has several blocks. */
bool ir_keeps_sums(const Graph *g, const Kernel *k);
int64_t ir_pack_bytes(const Graph *g, const Kernel *k);

/* Evaluation runs again and again on the same states. A graph that replaces none and has no
 * derivatives keeps, from one call to the next, what follows from states and constants alone. */
bool ir_keeps(const Graph *g);
/* Are its results derivatives, of an output or of the loss as such, which people ask for seldom? */
bool ir_derives(const Graph *g);
/* May a batch of infer be run by `one`, which is infer_one, as its samples? One input and one result, of the
 * same sizes, and nothing drawn: random numbers belong to places in the batch. */
bool ir_may_go_by_sample(const Graph *infer, const Graph *one);
/* Of kernels in this order, [n] each: does it compute nothing else, so that it runs once, when the
 * states have changed? Is that what all its tasks share (weights, transformed)? `by` [n_node]: the
 * kernel that stores a value. */
typedef struct Kept { bool *whole, *shared; } Kept;
Kept ir_kept(const Graph *g, const Kernel *k, int n, const int *by, Arena *a);
/* By the plan: does kernel k of g run once, is what it shares kept? */
bool ir_runs_once(const Graph *g, int k);
bool ir_keeps_shared(const Graph *g, int k);

static inline int64_t ir_round64(int64_t bytes) { return (bytes + 63) / 64 * 64; }
#endif
