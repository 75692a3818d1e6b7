/* codegen/tables.c: what a generated file tells the runtime: states, graphs, draws, layers,
 * metrics, the numbers that change from step to step, defaults; and main. Field for field as
 * runtime/rt.h. */
#include "codegen/program.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

/* Programs have no states of 16 bits (`seqc build` refuses them): what is run here alone says so. */
static const char *const rt_dtype_names[DT_COUNT] = { [DT_f32] = "RT_F32",
                                                      [DT_f64] = "RT_F64",
                                                      [DT_i64] = "RT_I64",
                                                      [DT_i32] = "RT_I32",
                                                      [DT_u8] = "RT_U8",
                                                      [DT_i8] = "RT_I8",
                                                      [DT_bf16] = "RT_U8",
                                                      [DT_f16] = "RT_U8" };

void tables_includes(Emit *e, Out *o)
{
    out_line(o, "#include \"runtime/rt.h\"");
    if (e->reached[SNIP_tiles]) {
        out_line(o, "#if (defined __AMX_BF16__ || defined __AMXBF16__) && !defined EMULATE_TILES");
        out_line(o, "#define TILE_INSTRUCTIONS    /* the second name is that of old Clang */");
        out_line(o, "#include <immintrin.h>");
        out_line(o, "#endif");
    }
    out_line(o, "#include <math.h>");
    if (e->reached[SNIP_blas]) out_line(o, "#include <stdio.h>");
    out_line(o, "#include <string.h>");
    out_line(o, "%s", "");
    out_line(o, "#ifdef __cplusplus");
    out_line(o, "#define restrict __restrict");
    out_line(o, "#endif");
    out_line(o, "%s", "");
}

static const char *str(Emit *e, const char *s) { return out_string(e->a, s); }

static const char *dims(Emit *e, const Shape *s)
{
    const char *t = "";
    for (int i = 0; i < s->rank; i++)
        t = text(e, "%s%s{ %lld, %s }", t, i ? ", " : "", (long long)s->dim[i].k,
                 s->dim[i].n ? "true" : "false");
    return *t ? text(e, "{ %s }", t) : "{ { 0, false } }";
}

static const char *sizes(Emit *e, const Shape *s)
{
    const char *t = "";
    for (int i = 0; i < s->rank; i++)
        t = text(e, "%s%s%lld", t, i ? ", " : "", (long long)s->dim[i].k);
    return *t ? text(e, "{ %s }", t) : "{ 0 }";
}

static void value_row(Emit *e, Out *o, const char *name, const Type *t)
{
    out_line(o, "{ %s, %s, %d, %s },", str(e, name), rt_dtype_names[t->dtype], t->shape.rank,
             dims(e, &t->shape));
}

static const char *number(Emit *e, double x) { return dialect_literal(e->l, DT_f64, x, e->a); }

static int count_masks(const Graph *g)
{
    int masks = 0;
    for (uint32_t i = 1; i < g->n_node; i++)
        masks += g->node[i].op == OP_input && ir_mask_find(g->module, g->node[i].name);
    return masks;
}

void tables_graph(Emit *e, Out *o, const Graph *g, const Val *input, int n_input)
{
    int results = 0;
    for (int i = 0; i < g->n_root; i++) results += g->root[i].kind == ROOT_RETURN;
    if (n_input) {
        out_open(o, "static const rt_value %s_inputs[] =", g->name);
        for (int i = 0; i < n_input; i++)
            value_row(e, o, ir_node(g, input[i])->name, ir_type(g, input[i]));
        out_close(o, ";");
    }
    if (count_masks(g)) {
        out_open(o, "static const rt_mask %s_masks[] =", g->name);
        for (int i = 0; i < n_input; i++) {
            const Mask *mask = ir_mask_find(e->m, ir_node(g, input[i])->name);
            if (mask) out_line(o, "{ %d, %s },", i, number(e, mask->keep));
        }
        out_close(o, ";");
    }
    if (results) {
        out_open(o, "static const rt_value %s_results[] =", g->name);
        for (int i = 0; i < g->n_root; i++)
            if (g->root[i].kind == ROOT_RETURN)
                value_row(e, o, g->root[i].name, ir_type(g, g->root[i].val));
        out_close(o, ";");
    }
}

static const char *graph_row(Emit *e, const Graph *g)
{
    int inputs = 0, results = 0, updates = 0;
    double flop = 0, bytes = 0;
    for (uint32_t i = 1; i < g->n_node; i++) inputs += g->node[i].op == OP_input;
    for (int i = 0; i < g->n_root; i++) {
        results += g->root[i].kind == ROOT_RETURN;
        updates += g->root[i].kind == ROOT_UPDATE;
    }
    for (int k = 0; k < g->n_kernel; k++) {
        if (ir_runs_once(g, k)) continue;
        flop += ir_kernel_flop(g, k);
        bytes += (double)ir_kernel_bytes(g, k);
    }
    return text(e, "{ \"%s\", run_%s, %s, %s, %lld, %lld, %lld, %d, %d, %s, %s, %.0f.0, %.0f.0, "
                "%d, %s },",
                g->name, g->name, g->kept_bytes ? text(e, "keep_%s", g->name) : "0",
                updates ? "true" : "false", (long long)g->arena_bytes, (long long)g->worker_bytes,
                (long long)g->kept_bytes, inputs, results,
                inputs ? text(e, "%s_inputs", g->name) : "0",
                results ? text(e, "%s_results", g->name) : "0", flop, bytes, count_masks(g),
                count_masks(g) ? text(e, "%s_masks", g->name) : "0");
}

static void states(Emit *e, Out *o)
{
    static const char *const role[] = { "RT_PARAM", "RT_FROZEN", "RT_BUFFER", "RT_OPTIMIZER" };
    const Module *m = e->m;
    if (m->n_state <= 1) return;
    out_line(o, "/* Axes: size, block, distance of blocks, distance inside a block. */");
    out_open(o, "static const rt_state states[] =");
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        StoredAxis ax[IR_MAX_RANK];
        ir_stored_axes(&s->type, 1, ax);
        const char *t = "";
        for (int j = 0; j < s->type.shape.rank; j++)
            t = text(e, "%s%s{ %lld, %lld, %lld, %lld }", t, j ? ", " : "", (long long)ax[j].size,
                     (long long)ax[j].block, (long long)ax[j].outer, (long long)ax[j].inner);
        out_line(o, "{ %s, %s, %s, %d, { %s }, %lld, %lld },", str(e, s->key), role[s->role],
                 rt_dtype_names[s->type.dtype], s->type.shape.rank, *t ? t : "{ 0, 0, 0, 0 }",
                 (long long)s->offset_bytes, (long long)ir_stored_bytes(&s->type, 1));
    }
    out_close(o, ";");
}

static void draws(Emit *e, Out *o)
{
    static const char *const kind[] = {
#define DRAW(kind, ...) "RT_DRAW_" #kind,
#include "ir/draws.def"
#undef DRAW
    };
    const Program *p = &e->m->prog;
    if (!p->n_draw) return;
    out_line(o, "/* Initial weights: kind, state, a, b, elements. */");
    out_open(o, "static const rt_draw draws[] =");
    for (int i = 0; i < p->n_draw; i++)
        out_line(o, "{ %s, %d, %s, %s, %lld },", kind[p->draw[i].kind], (int)p->draw[i].state.i - 1,
                 number(e, p->draw[i].a), number(e, p->draw[i].b), (long long)p->draw[i].elems);
    out_close(o, ";");
}

static int count_transforms(const Program *p, bool test)
{
    int n = 0;
    for (int i = 0; i < p->n_transform; i++) n += p->transform[i].test == test;
    return n;
}

static void transforms(Emit *e, Out *o, bool test)
{
    static const char *const kind[] = {
#define TRANSFORM(kind, ...) "RT_" #kind,
#include "ir/transforms.def"
    };
    const Program *p = &e->m->prog;
    if (!count_transforms(p, test)) return;
    out_line(o, "/* Images in %s: kind, its values. */", test ? "tests" : "training");
    out_open(o, "static const rt_transform %s_transforms[] =", test ? "test" : "train");
    for (int i = 0; i < p->n_transform; i++) {
        const Transform *t = &p->transform[i];
        const char *s = "", *f = ir_transform_info[t->kind].fields;
        for (int k = 0; *(f += strspn(f, " ")); k++, f += strcspn(f, " "))
            s = text(e, "%s%s%s", s, k ? ", " : "", number(e, t->value[k]));
        if (t->test == test)
            out_line(o, "{ %s, { %s } },", kind[t->kind], *s ? s : "0");
    }
    out_close(o, ";");
}

static void loads(Emit *e, Out *o)
{
    const Program *p = &e->m->prog;
    if (!p->n_load) return;
    out_line(o, "/* What is read over them: call, strict, file, key, state. */");
    out_open(o, "static const rt_load loads[] =");
    for (int i = 0; i < p->n_load; i++) {
        const Load *l = &p->load[i];
        out_line(o, "{ %d, %s, %s, %s, %d },", l->call, l->strict ? "true" : "false",
                 str(e, l->file), str(e, l->key), (int)l->state.i - 1);
    }
    out_close(o, ";");
}

/* FLOP of the forward pass that come from the layer's line. */
static double layer_flop(const Module *m, Loc loc)
{
    const Graph *g = ir_graph_find(m, "infer");
    double flop = 0;
    for (uint32_t i = 1; g && loc.file && i < g->n_node; i++) {
        Loc at = g->node[i].loc;
        if (at.file == loc.file && at.line == loc.line && at.col == loc.col)
            flop += ir_flop(g, (Val){ i });
    }
    return flop;
}

static void layers(Emit *e, Out *o)
{
    static const char *const metric[] = { "RT_ACCURACY", "RT_MAE", "RT_R2" };
    const Program *p = &e->m->prog;
    if (p->n_layer) {
        out_open(o, "static const rt_layer layers[] =");
        for (int i = 0; i < p->n_layer; i++) {
            const Layer *l = &p->layer[i];
            out_line(o, "{ %s, %s, %d, %s, %lld, %.0f.0 },", str(e, l->path), str(e, l->text),
                     l->out.shape.rank, dims(e, &l->out.shape), (long long)l->params,
                     layer_flop(e->m, l->loc));
        }
        out_close(o, ";");
    }
    if (!p->n_metric) return;
    const char *s = "";
    for (int i = 0; i < p->n_metric; i++)
        s = text(e, "%s%s%s", s, i ? ", " : "", metric[p->metric[i]]);
    out_line(o, "static const rt_metric metrics[] = { %s };", s);
}

void tables_scalars(Emit *e, Out *o)
{
    const Program *p = &e->m->prog;
    if (!p->n_scalar) return;
    const char *type = e->l->type[e->m->real];
    Kern k = { .e = e, .pool = ex_pool(e->a), .real = DT_f64 };
    const char *args[EX_MAX_ARGS] = { NULL, "step", "steps" };
    Out *body = out_new(e->a);
    out_deeper(body, 1);
    for (int i = 0; i < p->n_scalar; i++) {
        char err[EX_ERR];
        Ex x = ex_parse(k.pool, p->scalar[i].f, NULL, err);
        if (!x.i) ir_die(e->m, "scalar %s: %s", p->scalar[i].name, err);
        args[0] = text(e, "lr[%d]", p->scalar[i].group);
        const char *s = expr_emit(&k, body, x, args, DT_f64);
        out_line(body, "value[%d] = (%s)(%s);    /* %s */", i, type, s,
                 out_comment(e->a, p->scalar[i].name));
    }
    out_line(o, "/* What changes from step to step. */");
    out_line(o, "static void scalars(const double *lr, double step, double steps, void *out)");
    out_open(o, "%s", "");
    out_line(o, "%s *const value = (%s *)out;", type, type);
    if (!out_mentions(out_text(body), "lr")) out_line(o, "(void)lr;");
    if (!out_mentions(out_text(body), "step")) out_line(o, "(void)step;");
    if (!out_mentions(out_text(body), "steps")) out_line(o, "(void)steps;");
    out_raw(o, out_text(body));
    out_close(o, "");
    out_line(o, "%s", "");
}

/* Does a group have a learning rate of its own? */
static bool own_rates(const Program *p)
{
    for (int i = 0; i < p->n_group; i++)
        if (p->group[i].lr >= 0) return true;
    return false;
}

const char *tables_rates(Emit *e)
{
    const Program *p = &e->m->prog;
    const char *list = "";
    for (int i = 0; i < p->n_group; i++)
        list = text(e, "%s%s%s", list, i ? ", " : "",
                    number(e, p->group[i].lr < 0 ? p->lr : p->group[i].lr));
    return *list ? list : number(e, p->lr);
}

void tables_schedule(Emit *e, Out *o)
{
    const Program *p = &e->m->prog;
    if (!p->schedule) return;
    Kern k = { .e = e, .pool = ex_pool(e->a), .real = DT_f64 };
    const char *const args[EX_MAX_ARGS] = { "lr", "done", "steps" };
    char err[EX_ERR];
    Ex x = ex_parse(k.pool, p->schedule, NULL, err);
    if (!x.i) ir_die(e->m, "schedule: %s", err);
    Out *body = out_new(e->a);
    out_deeper(body, 1);
    const char *value = expr_emit(&k, body, x, args, DT_f64);
    out_line(o, "/* From what it is without a schedule, %s done, steps of an epoch. */",
             p->schedule_steps ? "steps" : "epochs");
    out_line(o, "static double schedule(double lr, double done, double steps)");
    out_open(o, "%s", "");
    for (int i = 0; i < 3; i++)
        if (!out_mentions(out_text(body), args[i]) && !out_mentions(value, args[i]))
            out_line(o, "(void)%s;", args[i]);
    out_raw(o, out_text(body));
    out_line(o, "return %s;", value);
    out_close(o, "");
    out_line(o, "%s", "");
}

/* What -march=native may use beyond the target's own features. */
static const char *const native_features =
    "bmi bmi2 avx512cd avx512ifma avx512vbmi avx512vbmi2 avx512vnni avx512bitalg avx512vpopcntdq";

static void features(Emit *e, Out *o)
{
    const char *own = e->o->target->features;
    if (!*own) return;
    out_line(o, "/* The instructions that the file was compiled for. */");
    out_line(o, "static const char features[] =");
    out_deeper(o, 1);
    for (const char *w = text(e, "%s %s", own, native_features); *w;) {
        size_t len = strcspn(w, " ");
        char upper[32] = "", joined[32] = "";                /* Clang 14 has __AMXBF16__ */
        for (size_t i = 0; i < len && i + 1 < sizeof upper; i++) {
            upper[i] = w[i] == '-' ? '_' : (char)toupper((unsigned char)w[i]);
            if (w[i] != '-') joined[strlen(joined)] = upper[i];
        }
        if (strlen(joined) == len) out_raw(o, text(e, "#ifdef __%s__\n", upper));
        else out_raw(o, text(e, "#if defined __%s__ || defined __%s__\n", upper, joined));
        out_line(o, "\" %.*s\"", (int)len, w);
        out_raw(o, "#endif\n");
        w += len + strspn(w + len, " ");
    }
    out_line(o, "\"\";");
    out_deeper(o, -1);
    out_line(o, "%s", "");
}

/* Does the loss sum over the batch? Its op says so. */
static bool loss_is_sum(const Module *m)
{
    const Graph *g = ir_graph_find(m, "train");
    for (int i = 0; g && i < g->n_root; i++) {
        if (g->root[i].kind != ROOT_RETURN || strcmp(g->root[i].name, "loss")) continue;
        const Node *x = ir_node(g, ir_view_base(g, g->root[i].val));
        return x->op == OP_sum || ir_has(x, AT_total);
    }
    return false;
}

static const char *array(Emit *e, const char *name, long n)
{
    return n ? text(e, "%s, %ld", name, n) : "0, 0";
}

/* A line of values and what they are. */
static void row(Out *o, const char *values, const char *what)
{
    out_line(o, "%s,%*s/* %s */", values, strlen(values) < 46 ? 47 - (int)strlen(values) : 1, "",
             what);
}

static void model(Emit *e, Out *o)
{
    static const char *const target[] = { "RT_TARGET_NONE", "RT_TARGET_CLASS", "RT_TARGET_INDEX",
                                          "RT_TARGET_REAL" };
    const Module *m = e->m;
    const Program *p = &m->prog;
    int64_t batch = p->batch > 0 && p->batch <= m->capacity ? p->batch : m->capacity;
    const Target *t = e->o->target;
    if (e->o->variant) {
        out_line(o, "extern const rt_model model_%s;", t->id);
        out_open(o, "const rt_model model_%s =", t->id);
    } else {
        out_open(o, "static const rt_model model =");
    }
    row(o, "RT_ABI", "what runtime it wants");
    row(o, text(e, "%s, %s", str(e, p->name ? p->name : "program"), str(e, e->o->version)),
        "name; seqc's version");
    row(o, text(e, "%s, %s", str(e, p->loss), str(e, p->optimizer)), "loss, optimizer");
    row(o, text(e, "%s, %s", str(e, t->name), str(e, *t->march ? t->march : t->id)),
        "instruction set");
    row(o, *t->features ? "features" : "\"\"", "what the processor must have");
    row(o, e->reached[SNIP_blas] ? "open_blas" : "0", "BLAS");
    row(o, text(e, "%s, \"%s\", %lld", rt_dtype_names[m->real], ir_math[m->math].name,
                (long long)m->capacity), "real type, precision mode, largest batch");
    row(o, text(e, "%d, %d, %d", p->input.rank, p->target_shape.rank, p->output.rank),
        "a sample's ranks: input, target, output");
    row(o, text(e, "%s, %s, %s", sizes(e, &p->input), sizes(e, &p->target_shape),
                sizes(e, &p->output)), "and shapes");
    row(o, text(e, "%s, %lld, %s, %lld", target[p->target], (long long)p->n_classes,
                p->ignores ? "true" : "false", (long long)p->ignore),
        "target, classes; is a label ignored? which");
    row(o, text(e, "%s, %lld", array(e, "states", (long)m->n_state - 1), (long long)m->state_bytes),
        "and bytes");
    out_line(o, "%s,", array(e, "graphs", m->n_graph));
    out_line(o, "%s,", array(e, "draws", p->n_draw));
    row(o, array(e, "loads", p->n_load), "what training starts from");
    out_line(o, "%s,", array(e, "layers", p->n_layer));
    out_line(o, "%s,", array(e, "metrics", p->n_metric));
    row(o, text(e, "%d, %s", p->n_scalar, p->n_scalar ? "scalars" : "0"),
        "what changes with steps");
    row(o, number(e, p->lr), "learning rate");
    row(o, array(e, "lrs", own_rates(p) ? p->n_group : 0), "and of groups");
    row(o, text(e, "%s, %s", p->schedule ? "schedule" : "0", p->schedule_steps ? "true" : "false"),
        "schedule; of steps?");
    const char *plateau = "";
    for (int i = 0; i < PLATEAU_COUNT; i++)
        plateau = text(e, "%s%s%s", plateau, i ? ", " : "", number(e, p->plateau[i]));
    row(o, text(e, "{ %s }", plateau), "ReduceLROnPlateau");
    row(o, text(e, "%lld", (long long)(p->epochs < 0 ? 0 : p->epochs)), "epochs; 0: not said");
    row(o,
        text(e, "%lld, %s", (long long)(p->seed < 0 ? 0 : p->seed), p->seed < 0 ? "false" : "true"),
        "seed; is it said?");
    row(o,
        text(e, "%lld, %d, %s", (long long)batch, (int)p->shuffle, p->drop_last ? "true" : "false"),
        "batch, shuffle, drop_last");
    row(o, loss_is_sum(m) ? "true" : "false", "is the loss a sum?");
    row(o, text(e, "%lld", (long long)p->least_batch), "least batch that can be trained");
    row(o, text(e, "%s, %s", str(e, p->data), str(e, p->root)), "the data set, its folder");
    row(o, text(e, "{ %s }, { %s }",
                array(e, "train_transforms", count_transforms(p, false)),
                array(e, "test_transforms", count_transforms(p, true))), "its images");
    const Graph *infer = ir_graph_find(m, "infer");
    row(o, infer && infer->by_sample && !t->block_threads ? "true" : "false", "are samples of a batch inferred one by one?");
    row(o, t->block_threads ? "&cuda" : "0", "kernels for CUDA");
    out_close(o, ";");
    out_line(o, "%s", "");
}

static const char *const open_blas =
    "/* Its serial build must not be called by several threads. */\n"
    "static bool open_blas(char name[RT_BLAS_NAME])\n"
    "{\n"
    "    openblas_set_num_threads(1);\n"
    "    snprintf(name, RT_BLAS_NAME, \"OpenBLAS %s\", openblas_get_corename());\n"
    "    return openblas_get_parallel() != 0;\n"
    "}\n"
    "\n";

void tables_main(Emit *e, Out *o, const EmitOpts *variant, int n)
{
    const char *list = "";
    for (int i = 0; i < n; i++) {
        const char *id = n > 1 ? text(e, "model_%s", variant[i].target->id) : "model";
        if (n > 1) out_line(o, "extern const rt_model %s;", id);
        list = text(e, "%s&%s,%s", list, id, n > 1 ? "\n        " : " ");
    }
    if (n > 1) out_line(o, "%s", "");
    out_line(o, "int main(int argc, char **argv)");
    out_open(o, "%s", "");
    out_line(o, "static const rt_model *const models[] = { %s0 };", list);
    out_line(o, "return RT_ABI_SYMBOL == RT_ABI ? rt_main(models, argc, argv) : 3;");
    out_close(o, "");
}

void tables_program(Emit *e, Out *o)
{
    out_line(o, "%s", "");
    if (e->m->n_graph) {
        out_line(
            o,
            "/* Arena and worker bytes; inputs, results; FLOP and bytes moved at full batch. */");
        out_open(o, "static const rt_graph graphs[] =");
        for (int i = 0; i < e->m->n_graph; i++) out_line(o, "%s", graph_row(e, e->m->graph[i]));
        out_close(o, ";");
    }
    states(e, o);
    draws(e, o);
    transforms(e, o, false);
    transforms(e, o, true);
    loads(e, o);
    layers(e, o);
    out_line(o, "%s", "");
    tables_scalars(e, o);
    if (own_rates(&e->m->prog)) out_line(o, "static const double lrs[] = { %s };", tables_rates(e));
    if (own_rates(&e->m->prog)) out_line(o, "%s", "");
    tables_schedule(e, o);
    features(e, o);
    if (e->reached[SNIP_blas]) out_raw(o, open_blas);
    model(e, o);
    if (!e->o->variant) tables_main(e, o, e->o, 1);
}
