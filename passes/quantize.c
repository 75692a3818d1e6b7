/* passes/quantize.c: a model whose products of weights are sums of integers.
 *
 * No pass of the pipeline, since other values come out: the result is another model, which the
 * pipeline takes from `single` on. Needs a module at `tidy` with the graph infer alone.
 *
 *     %2 = conv %1, "0.weight", "0.bias"         %2 = quantize %1 {step=… zero_point=…}
 *     %3 = relu %2                               %3 = permute %2 {order=[0,2,3,1]}
 *     %4 = reshape %3                       ->   %4 = conv_int8 %3, "0.weight", … {zero_point=0}
 *     %5 = linear %4, "3.weight", "3.bias"       %5 = reshape %4
 *                                                %6 = linear_int8 %5, "3.weight", …
 *
 * What a product reads becomes codes, by the range that its values were seen to have. Where that comes
 * from another such product by clamping, max pooling and flattening alone, and nobody else reads it,
 * it is codes all the way: clamping is done by the limits of the product's codes, and codes keep the
 * order of what they stand for. Everything else stays real. Images of codes lie channels last, so that
 * runs of codes lie together; a flattened one permutes the weights of who reads it.
 *
 * Source: Jacob et al., Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference, 2018; torch.ao.quantization, per_channel_symmetric. */
#include "passes/quantize.h"
#include <math.h>
#include <string.h>

enum { MOST_DEPTH = 33000 };         /* of a sum: half of what 32 bits hold */

static bool is_product(const Node *x) { return x->op == OP_linear || x->op == OP_conv; }

static bool is_clamp(const Node *x)
{
    return x->op == OP_relu || x->op == OP_relu6 || x->op == OP_hardtanh;
}

/* ---- which layers ---- */

static int *count_readers(const Graph *g, Arena *a)
{
    int *readers = arena_alloc(a, g->n_node, sizeof *readers);
    const bool *live = ir_live(g, a);
    for (uint32_t i = 1; i < g->n_node; i++)
        for (int k = 0; live[i] && k < g->node[i].n_in; k++) readers[g->node[i].in[k].i]++;
    for (int r = 0; r < g->n_root; r++) readers[g->root[r].val.i]++;
    return readers;
}

/* Why a product stays real; null: nothing stands against integers. */
static const char *obstacle(const Graph *g, const Node *x, const int *readers)
{
    const Type *w = ir_type(g, x->in[1]);
    int64_t depth = ir_elems_at(&w->shape, 1) / w->shape.dim[0].k;
    if (!ir_is(g, x->in[1], OP_state)) return "its weights are computed";
    if (readers[x->in[1].i] > 1) return "its weights serve other layers, too";
    if (x->n_in > 2 && !ir_is(g, x->in[2], OP_state)) return "its bias is computed";
    if (x->op == OP_conv && ir_attr_int(x, AT_groups) != 1) return "it has groups of channels";
    if (x->op == OP_conv && ir_window(g, x).axis[1].dilation != 1) return "its taps stand apart";
    if (depth > MOST_DEPTH) return "its sums are too long for 32 bits";
    return NULL;
}

/* A product that a map alone reads may take it in. */
static Val result_of(const Graph *g, Val v, const int *readers, Arena *a)
{
    for (uint32_t i = v.i + 1; readers[v.i] == 1 && i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (ir_val_eq(g->node[i].in[k], v) && pass_folds(g, (Val){ i }, v, a)) return (Val){ i };
    return v;
}

QuantLayer *pass_quantize_layers(const Graph *g, int *n, Arena *a)
{
    QuantLayer *list = arena_alloc(a, g->n_node, sizeof *list);
    const bool *live = ir_live(g, a);
    const int *readers = count_readers(g, a);
    *n = 0;
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        if (!live[i] || (!is_product(x) && x->op != OP_matmul && x->op != OP_conv_transpose)) continue;
        Val w = ir_is(g, x->in[0], OP_state) ? x->in[0] : x->in[1];
        const char *key = ir_is(g, w, OP_state) ? ir_state(g->module, ir_node(g, w)->state)->key
                                                : ir_op[x->op].name;
        const char *end = strrchr(key, '.');
        list[(*n)++] = (QuantLayer){ .product = { i }, .result = result_of(g, (Val){ i }, readers, a),
                                     .name = end ? arena_strn(a, key, (size_t)(end - key)) : key,
                                     .why = is_product(x) ? obstacle(g, x, readers)
                                          : "such products have no integer kernel" };
    }
    return list;
}

/* ---- codes that stay codes ---- */

/* The operand that a step of such a way computes from; none: it is none. */
static Val step_from(const Quant *q, Val v)
{
    const Node *x = ir_node(q->from, v);
    if (!x->n_in) return (Val){ 0 };
    Val in = x->in[0];
    const Type *t = ir_type(q->from, in);
    bool flattens = x->op == OP_reshape && x->type.shape.rank == 2 && t->shape.rank > 2
                 && ir_dim_eq(x->type.shape.dim[0], t->shape.dim[0]);
    if (x->op == OP_pool_take)
        return ir_is(q->from, x->in[1], OP_pool_index) && q->readers[x->in[1].i] == 1
            && ir_node(q->from, x->in[1])->in[0].i == in.i && q->readers[in.i] == 2 ? in : (Val){ 0 };
    return (is_clamp(x) || flattens) && q->readers[in.i] == 1 ? in : (Val){ 0 };
}

/* Gives the layer from which a value comes in such steps, if it does, that value as its end. */
static void find_way(Quant *q, Val t)
{
    Val v = t, from;
    while (!q->of[v.i].i && (from = step_from(q, v)).i) v = from;
    if (!q->of[v.i].i || q->readers[t.i] != q->users[t.i]) return;
    q->end[q->of[v.i].i] = t;
    for (Val at = t; at.i != v.i; at = ir_node(q->from, at)->in[0]) q->inside[at.i] = true;
}

static void find_ways(Quant *q)
{
    for (int i = 0; i < q->in->n_layer; i++) {
        const QuantLayer *x = &q->in->layer[i];
        if (x->why) continue;
        q->of[x->result.i] = x->product;
        q->users[ir_node(q->from, x->product)->in[0].i]++;
    }
    for (uint32_t i = 1; i < q->from->n_node; i++)
        if (q->users[i]) find_way(q, (Val){ i });
}

/* ---- places of images ---- */

static Shape channels_last(const Shape *s)
{
    Shape to = *s;
    for (int i = 2; i < s->rank; i++) to.dim[i - 1] = s->dim[i];
    to.dim[s->rank - 1] = s->dim[1];
    return to;
}

/* v, an image, with its channels last, or first again. */
static Val move_channels(Graph *g, Val v, bool last, Loc loc)
{
    const Shape *s = &ir_type(g, v)->shape;
    int64_t order[IR_MAX_RANK] = { 0 };
    int rank = s->rank;
    for (int i = 1; i < rank; i++) order[i] = last ? i % (rank - 1) + 1 : i == 1 ? rank - 1 : i - 1;
    return ir_add(g, OP_permute, loc, &v, 1, IR_ATTRS(ir_ints(AT_order, order, rank)));
}

Affine pass_affine(Extremes r)
{
    double low = r.low < 0 ? r.low : 0, high = r.high > 0 ? r.high : 0;
    double step = (double)(float)((high - low) / 255);
    if (!(step > 0)) return (Affine){ 1, 0 };
    return (Affine){ step, fmin(fmax(rint(-low / step), 0), 255) };
}

/* The codes of what a product reads. */
static Val codes_of(Quant *q, Val t)
{
    Loc loc = ir_node(q->from, t)->loc;
    if (q->codes[t.i].i) return q->codes[t.i];
    Affine a = pass_affine(q->in->range[t.i]);
    Val v = ir_add(q->to, OP_quantize, loc, &q->map[t.i], 1,
                   IR_ATTRS(ir_real(AT_step, a.step), ir_real(AT_zero_point, a.zero)));
    if (ir_type(q->to, v)->shape.rank > 2) v = move_channels(q->to, v, true, loc);
    return q->codes[t.i] = v;
}

/* ---- products ---- */

static double within(double x, double low, double high) { return fmin(fmax(x, low), high); }

/* What clamps between a product and its end leave, as codes: from the product on. */
static void limits(const Quant *q, Val v, Val result, Affine a, double limit[2])
{
    if (v.i == result.i) return;
    const Node *x = ir_node(q->from, v);
    limits(q, x->in[0], result, a, limit);
    if (!is_clamp(x)) return;
    bool hard = x->op == OP_hardtanh;
    double low = hard ? ir_attr(x, AT_min_val)->u.r : 0;
    double high = hard ? ir_attr(x, AT_max_val)->u.r : x->op == OP_relu6 ? 6 : HUGE_VAL;
    double least = within(rint(low / a.step) + a.zero, 0, 255);
    double most = within(rint(high / a.step) + a.zero, 0, 255);
    for (int i = 0; i < 2; i++) limit[i] = within(limit[i], least, most);
}

static int result_attrs(const Quant *q, const QuantLayer *layer, Attr *attr)
{
    Val end = q->end[layer->product.i];
    if (!end.i) return 0;
    Affine a = pass_affine(q->in->range[end.i]);
    double limit[2] = { 0, 255 };
    int n = 0;
    limits(q, end, layer->result, a, limit);
    if (limit[0] > 0) attr[n++] = ir_real(AT_min_val, limit[0]);
    if (limit[1] < 255) attr[n++] = ir_real(AT_max_val, limit[1]);
    attr[n++] = ir_real(AT_step, a.step);
    attr[n++] = ir_real(AT_zero_point, a.zero);
    return n;
}

static int conv_attrs(const Quant *q, const Node *x, Attr *attr)
{
    static const AttrId same[] = { AT_stride, AT_padding, AT_dilation };
    Window w = ir_window(q->from, x);
    int64_t *taps = arena_alloc(q->a, 2, sizeof *taps);
    int n = 0;
    for (int i = 0; i < w.rank; i++) taps[i] = w.axis[2 - w.rank + i].taps;
    attr[n++] = ir_ints(AT_kernel, taps, w.rank);
    for (int i = 0; i < 3; i++)
        if (ir_attr(x, same[i])) attr[n++] = *ir_attr(x, same[i]);
    attr[n++] = ir_real(AT_value, pass_affine(q->in->range[x->in[0].i]).zero);
    return n;
}

static void make_layer(Quant *q, const QuantLayer *layer)
{
    Val v = layer->result;
    const Node *x = ir_node(q->from, layer->product);
    bool conv = x->op == OP_conv;
    Val in[4] = { codes_of(q, x->in[0]) };
    Attr attr[8];
    int n = conv ? conv_attrs(q, x, attr) : 0;
    pass_quantize_weights(q, layer, in);
    n += result_attrs(q, layer, attr + n);
    Val y = ir_add(q->to, conv ? OP_conv_int8 : OP_linear_int8, x->loc, in, 4, attr, n);
    if (q->end[layer->product.i].i) q->codes[v.i] = y;
    else q->map[v.i] = conv ? move_channels(q->to, y, false, x->loc) : y;
}

/* ---- between products ---- */

static void make_inside(Quant *q, Val v)
{
    static const AttrId same[] = { AT_kernel, AT_adaptive, AT_stride, AT_padding, AT_dilation };
    const Node *x = ir_node(q->from, v);
    Val in = q->codes[x->in[0].i];
    Attr attr[5];
    int n = 0;
    q->codes[v.i] = in;
    q->image[v.i] = q->image[x->in[0].i];
    if (x->op == OP_reshape) {
        q->image[v.i] = &ir_type(q->from, x->in[0])->shape;
        q->codes[v.i] = ir_add_typed(q->to, OP_reshape, x->loc, ir_type_of(DT_u8, x->type.shape), &in, 1,
                                     IR_NO_ATTRS);
    }
    if (x->op != OP_pool_take) return;
    for (int i = 0; i < 5; i++)
        if (ir_attr(x, same[i])) attr[n++] = *ir_attr(x, same[i]);
    q->codes[v.i] = ir_add(q->to, OP_pool_max, x->loc, &in, 1, attr, n);
}

/* The reals that the codes of a value stand for. */
static Val reals_of(Quant *q, Val t)
{
    const Type *type = ir_type(q->from, t);
    Affine a = pass_affine(q->in->range[t.i]);
    Val v = q->codes[t.i];
    Loc loc = ir_node(q->from, t)->loc;
    if (q->image[t.i])
        v = ir_add_typed(q->to, OP_reshape, loc, ir_type_of(DT_u8, channels_last(q->image[t.i])), &v, 1,
                         IR_NO_ATTRS);
    if (ir_type(q->to, v)->shape.rank > 2) v = move_channels(q->to, v, false, loc);
    if (q->image[t.i])
        v = ir_add_typed(q->to, OP_reshape, loc, ir_type_of(DT_u8, type->shape), &v, 1, IR_NO_ATTRS);
    v = ir_add_typed(q->to, OP_cast, loc, *type, &v, 1, IR_NO_ATTRS);
    const char *f = arena_printf(q->a, "(a - %s) * %s", ir_real_string(a.zero, q->a),
                                 ir_real_string(a.step, q->a));
    return ir_map(q->to, f, &v, 1, loc);
}

/* ---- the module ---- */

/* What nobody does with a quantized model: draw its weights, load them, train them. */
static void forget_training(Module *m)
{
    Program *p = &m->prog;
    p->n_draw = p->n_load = p->n_group = p->n_scalar = 0;
    p->optimizer = NULL;
}

static Quant begin(const Module *m, const QuantizeIn *in, Arena *a)
{
    const Graph *from = ir_graph_find(m, "infer");
    size_t n = from->n_node;
    Quant q = { .from = from, .in = in, .a = a, .m = ir_module_like(m),
                .map = arena_alloc(a, n, sizeof(Val)), .codes = arena_alloc(a, n, sizeof(Val)),
                .end = arena_alloc(a, n, sizeof(Val)), .of = arena_alloc(a, n, sizeof(Val)),
                .inside = arena_alloc(a, n, sizeof(bool)),
                .image = arena_alloc(a, n, sizeof(Shape *)), .users = arena_alloc(a, n, sizeof(int)),
                .readers = count_readers(from, a) };
    forget_training(q.m);
    q.to = ir_graph_add(q.m, "infer");
    q.value = arena_alloc(a, (size_t)m->n_state + 2 * (size_t)in->n_layer + 1, sizeof *q.value);
    for (uint32_t s = 1; s < m->n_state; s++) q.value[s] = in->state[s];
    find_ways(&q);
    return q;
}

/* What is read by layers alone, as their weights and biases or on the way to these, is not copied. */
static const bool *find_read(const Quant *q)
{
    const Graph *g = q->from;
    bool *read = arena_alloc(q->a, g->n_node, sizeof *read);
    for (int r = 0; r < g->n_root; r++) read[g->root[r].val.i] = true;
    for (uint32_t v = g->n_node; v-- > 1;) {
        const Node *x = q->of[v].i ? ir_node(g, q->of[v]) : &g->node[v];
        int n = q->of[v].i || q->inside[v] ? 1 : x->n_in;
        for (int k = 0; k < n && read[v]; k++) read[x->in[k].i] = true;
    }
    return read;
}

static const QuantLayer *layer_with(const Quant *q, Val result)
{
    int i = 0;
    while (q->in->layer[i].why || !ir_val_eq(q->in->layer[i].result, result)) i++;
    return &q->in->layer[i];
}

Quantized pass_quantize(const Module *m, const QuantizeIn *in, bool watched, Arena *a)
{
    Quant q = begin(m, in, a);
    const bool *read = find_read(&q);
    for (uint32_t i = 1; i < q.from->n_node; i++) {
        if (!read[i] && q.from->node[i].op != OP_input) continue;
        if (q.of[i].i) make_layer(&q, layer_with(&q, (Val){ i }));
        else if (q.inside[i]) make_inside(&q, (Val){ i });
        else q.map[i] = ir_copy_node(q.to, q.from, (Val){ i }, q.map);
    }
    ir_copy_roots(q.to, q.from, q.map);
    for (int i = 0; i < in->n_layer; i++) {
        QuantLayer *x = &in->layer[i];
        Val end = q.end[x->product.i];
        x->coded = end.i != 0;
        x->seen = end.i ? end : x->result;
        if (watched && !x->why)
            ir_return(q.to, arena_printf(a, "layer%d", i),
                      end.i ? reals_of(&q, end) : q.map[x->result.i]);
    }
    return (Quantized){ q.m, q.value };
}
