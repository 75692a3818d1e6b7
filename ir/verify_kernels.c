/* ir/verify_kernels.c: what holds for the kernels of a graph: their form, their order, and that
 * every value which someone needs is computed. */
#include "ir/frame.h"
#include "ir/priv.h"
#include "ir/tasks.h"
#include <float.h>
#include <string.h>

#define KIND(kind) (1u << KIND_##kind)

/* Kinds that an algorithm's kernel consists of, and how many of its root's kind there may be. */
static const struct {
    unsigned members, roots;
    bool one;
} form[ALGO_COUNT] = {
    [ALGO_gemm] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_gemm_back] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), false},
    [ALGO_loops] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_blas] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_bf16x6] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_bf16x3] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_bf16x1] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_mma_tf32] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_mma_bf16] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_wide_bf16] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_wide_tf32] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_simt] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_simt_dots] = {KIND(PROD) | KIND(MAP) | KIND(LEAF), KIND(PROD), true},
    [ALGO_conv_mma_tf32] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_conv_mma_bf16] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_simt_conv] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_direct] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_patches] = {KIND(CONV) | KIND(WINDOW) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_implicit] = {KIND(CONV) | KIND(WINDOW) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_grouped] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_winograd] = {KIND(CONV) | KIND(WINDOW) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_winograd_fast] = {KIND(CONV) | KIND(WINDOW) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_conv_bf16x6] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_conv_bf16x3] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_conv_bf16x1] = {KIND(CONV) | KIND(MAP) | KIND(LEAF), KIND(CONV), true},
    [ALGO_window] = {KIND(WINDOW) | KIND(MAP) | KIND(LEAF), KIND(WINDOW), true},
    [ALGO_map] = {KIND(MAP) | KIND(LEAF), KIND(MAP), false},
    [ALGO_row] = {KIND(ROW) | KIND(REDUCE) | KIND(MAP) | KIND(LEAF), KIND(ROW) | KIND(REDUCE),
                  false},
    [ALGO_reduce] = {KIND(REDUCE) | KIND(MAP) | KIND(LEAF), KIND(REDUCE), false},
    [ALGO_half] = {KIND(NARROW), KIND(NARROW), true},
    [ALGO_int8] = {KIND(NARROW), KIND(NARROW), true},
    [ALGO_move] = {KIND(MOVE) | KIND(MAP) | KIND(LEAF), KIND(MOVE), true},
};

/* Leaves that callers hold; they need no kernel. */
static bool held(Op op)
{
    return op == OP_input || op == OP_scalar || op == OP_state;
}

/* Max pooling: who found the largest element takes it, too. */
static bool taken_with(const Graph *g, const Kernel *k, int member)
{
    const Node *take = &g->node[k->member[member].i];
    if (take->op != OP_pool_take || !member || k->member[0].i != take->in[1].i)
        return false;
    const Node *index = &g->node[take->in[1].i];
    return index->op == OP_pool_index && index->in[0].i == take->in[0].i;
}

/* Whether a member or nobody reads v. */
static bool stays_inside(const Graph *g, const Kernel *k, Val v)
{
    for (int i = 0; i < g->n_root; i++)
        if (ir_val_eq(ir_view_base(g, g->root[i].val), v))
            return false;
    for (uint32_t i = v.i + 1; i < g->n_node; i++) {
        bool reads = false, member = false;
        for (int j = 0; j < g->node[i].n_in; j++)
            reads = reads || g->node[i].in[j].i == v.i;
        for (int j = 0; j < k->n_member; j++)
            member = member || k->member[j].i == i;
        if (reads && !member)
            return false;
    }
    return true;
}

/* Of windows a convolution's kernel has one, and stores neither its operand nor which tap it
 * found. */
static bool verify_pooled(const Graph *g, const Kernel *k, char err[IR_ERR])
{
    Val root = ir_kernel_root(g, k);
    Pooled pool = ir_pooled(g, k);
    for (int i = 0; i < k->n_member; i++) {
        Val v = k->member[i];
        if (ir_op[g->node[v.i].op].kind == KIND_WINDOW && v.i != pool.index.i
            && v.i != pool.take.i)
            return ir_fail(err, "%%%d (%s) is no pooling of what it computes",
                           ir_printed_number(g, v), ir_op[g->node[v.i].op].name);
    }
    if (!pool.index.i)
        return true;
    const Val inner[] = {root, pool.index};
    for (int i = 0; i < 2; i++)
        if (!stays_inside(g, k, inner[i]))
            return ir_fail(err, "%%%d (%s) is not stored, but others read it",
                           ir_printed_number(g, inner[i]), ir_op[g->node[inner[i].i].op].name);
    return true;
}

/* Does a convolution in tiles of a GPU's blocks read images there? */
static bool takes_prologue(const Kernel *k, const Node *root, int operand)
{
    return ir_block_tile(k->algo).side && ir_op[root->op].kind == KIND_CONV
        && (operand == 0 || (operand == 1 && root->op == OP_conv_weight));
}

/* Is v one for each image or channel, if not each element, of such images? */
static bool is_by_channel(const Shape *v, const Shape *images)
{
    for (int i = 1; i <= v->rank && i <= images->rank - 2; i++)
        if (!ir_dim_eq(v->dim[v->rank - i], ir_dim(1)))
            return ir_shape_eq(v, images);
    return true;
}

static bool reads_from_memory(const Graph *g, Val v)
{
    for (int r = 0; r < g->n_root; r++)
        if (ir_val_eq(ir_view_base(g, g->root[r].val), v))
            return true;
    for (int k = 0; k < g->n_kernel; k++) {
        bool reads = false, has = false;
        for (int i = 0; i < g->kernel[k].n_member; i++) {
            const Node *x = ir_node(g, g->kernel[k].member[i]);
            has = has || ir_val_eq(g->kernel[k].member[i], v);
            for (int j = 0; j < x->n_in; j++)
                reads = reads || ir_val_eq(ir_view_base(g, x->in[j]), v);
        }
        if (reads && !has)
            return true;
    }
    return false;
}

/* Maps before a convolution follow from an element of images, or what its channel has; they are not stored. */
static bool verify_prologue(const Graph *g, const Kernel *k, Val root, char err[IR_ERR])
{
    for (int i = 0; i < k->n_member && k->member[i].i < root.i; i++) {
        const Node *x = ir_node(g, k->member[i]);
        if (ir_op[x->op].kind != KIND_MAP)
            continue;
        for (int j = 0; j < x->n_in; j++)
            if (!is_by_channel(&ir_type(g, x->in[j])->shape, &x->type.shape))
                return ir_fail(err, "%%%d (%s) precedes the convolution, and has operands for each place",
                               ir_printed_number(g, k->member[i]), ir_op[x->op].name);
        if (reads_from_memory(g, k->member[i]))
            return ir_fail(err, "%%%d (%s) precedes the convolution, which does not store it for others",
                           ir_printed_number(g, k->member[i]), ir_op[x->op].name);
    }
    return true;
}

/* A kernel with one root reads what that is made of from memory, but for a prologue; its maps follow. */
static bool verify_epilogue(const Graph *g, const Kernel *k, Val root, char err[IR_ERR])
{
    const Node *x = ir_node(g, root);
    for (int i = 0; i < k->n_member; i++)
        for (int j = 0; j < x->n_in; j++) {
            const Node *own = ir_node(g, k->member[i]);
            if (ir_op[own->op].kind != KIND_MAP || !ir_val_eq(ir_view_base(g, x->in[j]), k->member[i])) continue;
            if (takes_prologue(k, x, j) && ir_val_eq(x->in[j], k->member[i])) continue;
            return ir_fail(err, "%%%d (%s) precedes what algorithm %s computes",
                           ir_printed_number(g, k->member[i]), ir_op[own->op].name, ir_algo[k->algo].name);
        }
    bool prologue = ir_block_tile(k->algo).side && ir_op[x->op].kind == KIND_CONV;
    return !prologue || verify_prologue(g, k, root, err);
}

/* A block's threads each have a register tile, or its warps fragments. */
static bool verify_block_tile(const Graph *g, const Kernel *k, char err[IR_ERR])
{
    BlockTile b = ir_block_tile(k->algo);
    DType real = g->module->real;
    int64_t shared = 2 * ir_block_step(g, k) * ir_dtype_bytes(real);
    for (int i = 0; i < 2; i++)
        if (k->tile[i] != b.side * k->micro[i] || k->micro[i] < 1 || k->micro[i] > b.most)
            return ir_fail(err, "a tile of algorithm %s is %d times 1 to %d register tiles",
                           ir_algo[k->algo].name, (int)b.side, (int)b.most);
    if (ir_wide_bytes(k->algo) && (k->micro[0] > 1 || g->one_block))
        return ir_fail(err, "algorithm %s has tiles of %d rows, and blocks of their own",
                       ir_algo[k->algo].name, IR_WIDE_LINES);
    if (ir_is_mma(k->algo))
        return real == DT_f32 || ir_fail(err, "tensor cores multiply no %s", ir_dtype_name(real));
    if (shared * (k->tile[0] + k->tile[1] + 2 * IR_SIMT_PAD) > IR_SHARED_BYTES)
        return ir_fail(err, "a tile's factors want more than %d bytes of shared memory",
                       IR_SHARED_BYTES);
    return true;
}

/* Strips of rows, the last of which may overlap the one before it, in tiles of all columns. */
static bool verify_back(const Graph *g, const Kernel *k, char err[IR_ERR])
{
    Back back;
    if (!ir_back(g, k->member, k->n_member, &back))
        return ir_fail(err, "its products are no linear layer's two gradients, with the update of "
                       "weights in panels and at most %d samples", IR_BACK_SAMPLES);
    Product p = ir_product(g, back.d_w);
    int64_t rows = p.m.k, tile = k->tile[0], strip = k->micro[0], rest = tile ? rows % tile : 0;
    return (strip > 0 && strip <= tile && strip <= rows && (!rest || rest >= strip)
            && k->tile[1] >= p.l.k)
        || ir_fail(err, "a tile of algorithm gemm_back has all columns, and no fewer rows than its "
                   "strips");
}

static bool verify_form(const Graph *g, const Kernel *k, char err[IR_ERR])
{
    int roots = 0;
    if (k->algo <= ALGO_NONE || k->algo >= ALGO_COUNT)
        return ir_fail(err, "it has no algorithm");
    if (!ir_admits(g->module->math, k->algo))
        return ir_fail(err, "math %s does not take algorithm %s", ir_math[g->module->math].name,
                       ir_algo[k->algo].name);
    if (k->tile[0] < 0 || k->tile[1] < 0 || k->micro[0] < 0 || k->micro[1] < 0)
        return ir_fail(err, "a tile is negative");
    if (!(k->us >= 0 && k->us <= DBL_MAX))
        return ir_fail(err, "its predicted time is no time");
    for (int i = 0; i < k->n_member; i++) {
        Val v = k->member[i];
        if (!v.i || v.i >= g->n_node)
            return ir_fail(err, "member %d is no node", i + 1);
        const Node *x = &g->node[v.i];
        unsigned kind = 1u << ir_op[x->op].kind;
        if (i && v.i <= k->member[i - 1].i)
            return ir_fail(err, "its members do not ascend");
        if (kind & KIND(VIEW))
            return ir_fail(err, "%%%d (%s) is a view, which no kernel computes",
                           ir_printed_number(g, v),
                           ir_op[x->op].name);
        if (held(x->op))
            return ir_fail(err, "%%%d (%s) is given, so no kernel computes it",
                           ir_printed_number(g, v),
                           ir_op[x->op].name);
        if (!(form[k->algo].members & kind))
            return ir_fail(err, "%%%d (%s) cannot be in a kernel of algorithm %s",
                           ir_printed_number(g, v),
                           ir_op[x->op].name, ir_algo[k->algo].name);
        roots += (form[k->algo].roots & kind) != 0 && !taken_with(g, k, i);
    }
    if (ir_touched(g, k->member, k->n_member) > IR_MAX_TOUCHED)
        return ir_fail(err, "its %d nodes touch too many tensors for one kernel", k->n_member);
    if (!roots)
        return ir_fail(err, "nothing in it is what algorithm %s computes", ir_algo[k->algo].name);
    const bool counts = ir_count_steps(g, k->member, k->n_member);
    if (roots > 1 && form[k->algo].one && !counts)
        return ir_fail(err, "it has %d roots, but algorithm %s computes one", roots,
                       ir_algo[k->algo].name);
    Val root = ir_kernel_root(g, k);
    if (k->algo == ALGO_move && k->n_member > 1 && !counts && !ir_moves_elements(g, root))
        return ir_fail(err, "no map follows %s in its kernel", ir_op[g->node[root.i].op].name);
    if (form[k->algo].one && !verify_epilogue(g, k, root, err))
        return false;
    if (k->algo == ALGO_gemm_back)
        return verify_back(g, k, err);
    if (ir_block_tile(k->algo).side)
        return verify_block_tile(g, k, err);
    if (k->algo == ALGO_simt_dots && (k->tile[0] != 1 || k->tile[1] < 1))
        return ir_fail(err, "a tile of algorithm simt_dots is of one row");
    bool framed = ir_algo[k->algo].root == KIND_CONV && k->algo != ALGO_direct;
    return !framed || (verify_pooled(g, k, err) && ir_conv_check(g, k, err));
}

/* Every operand is a member too, held by the caller, or stored by an earlier kernel. */
static bool verify_order(const Graph *g, int k, const Stored *s, char err[IR_ERR])
{
    for (int i = 0; i < g->kernel[k].n_member; i++) {
        Val v = g->kernel[k].member[i];
        const Node *x = &g->node[v.i];
        if (s->first_of[v.i + 1] - s->first_of[v.i] > 1 && ir_op[x->op].kind != KIND_MAP
            && ir_op[x->op].kind != KIND_LEAF)
            return ir_fail(err, "%%%d (%s) is computed by several kernels", ir_printed_number(g, v),
                           ir_op[x->op].name);
        for (int j = 0; j < x->n_in; j++) {
            Val from = s->base[x->in[j].i];
            Op op = g->node[from.i].op;
            bool inlined = op == OP_const || op == OP_count;
            if (held(op) || inlined || ir_is_member(s, from, k)
                || (s->by[from.i] >= 0 && s->by[from.i] < k))
                continue;
            return ir_fail(err, "it reads %%%d (%s), which no kernel before it stores",
                           ir_printed_number(g, from), ir_op[op].name);
        }
    }
    return true;
}

static bool verify_needed(const Graph *g, const Stored *s, char err[IR_ERR])
{
    Arena *scratch = arena_new();
    bool *live = ir_live(g, scratch), ok = true;
    for (uint32_t i = 1; i < g->n_node && ok; i++) {
        OpKind kind = ir_op[g->node[i].op].kind;
        if (live[i] && kind != KIND_LEAF && kind != KIND_VIEW
            && s->first_of[i] == s->first_of[i + 1])
            ok = ir_fail(err, "no kernel computes %%%d (%s)", ir_printed_number(g, (Val){i}),
                         ir_op[g->node[i].op].name);
        if (ok && !live[i] && s->first_of[i] < s->first_of[i + 1])
            ok = ir_fail(err, "k%d computes %%%d (%s), which no root needs",
                         s->member_of[s->first_of[i]], ir_printed_number(g, (Val){i}),
                         ir_op[g->node[i].op].name);
        if (ok && s->rooted[i] && s->first_of[i] == s->first_of[i + 1])
            ok = ir_fail(err, "a root is %s%s, which no kernel computes", ir_op[g->node[i].op].name,
                         g->node[i].op == OP_state ? " itself" : "");
    }
    arena_free(scratch);
    return ok;
}

bool ir_verify_kernels(const Graph *g, char err[IR_ERR])
{
    char why[IR_ERR];
    for (int k = 0; k < g->n_kernel; k++)
        if (!verify_form(g, &g->kernel[k], why))
            return ir_fail(err, "k%d: %.480s", k, why);
    Arena *scratch = arena_new();
    Stored s = ir_stored(g, scratch);
    bool ok = true;
    for (int k = 0; k < g->n_kernel && ok; k++)
        if (!verify_order(g, k, &s, why))
            ok = ir_fail(err, "k%d: %.480s", k, why);
    ok = ok && verify_needed(g, &s, err);
    arena_free(scratch);
    return ok;
}
