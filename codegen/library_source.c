/* codegen/library_source.c: NAME.c: kernels, and the functions that call them one after the
 * other. */
#include "codegen/library.h"
#include <string.h>

static const char *const source_head =
    " * A kernel computes a group of operations in tasks, one after the other. They are compiled\n"
    " * with $flags. */\n"
    "#include \"$n.h\"\n"
    "#include <stdbool.h>\n"
    "$constants"
    "\n"
    "#ifdef __cplusplus\n"
    "#define restrict __restrict\n"
    "#endif\n"
    "$known"
    "/* Loops whose sums may be added in any order: for compilers that are told so. */\n"
    "#ifdef $N_SIMD\n"
    "#define SIMD(how) PRAGMA(omp simd how)\n"
    "#define PRAGMA(text) _Pragma(#text)\n"
    "#else\n"
    "#define SIMD(how)\n"
    "#endif\n"
    "\n";

static const char *const holds_text =
    "#ifdef __cplusplus\n"
    "#define HOLDS(what) static_assert(what, #what)\n"
    "#else\n"
    "#define HOLDS(what) $holds\n"
    "#endif\n"
    "HOLDS(sizeof($n_params) == $N_PARAMS_BYTES);\n"
    "HOLDS(sizeof($real) == $bytes);\n"
    "\n";

static const char *const load_source =
    "$n_fault $n_check(const void *bytes, size_t n)\n"
    "{\n"
    "    const $n_params *const p = (const $n_params *)bytes;\n"
    "    if (!bytes) return $N_NO_BYTES;\n"
    "    if ((uintptr_t)bytes % $N_ALIGN) return $N_UNALIGNED;\n"
    "    if (n < 64) return $N_WRONG_SIZE;\n"
    "    if (p->magic != $N_MAGIC) return $N_NO_PARAMS;\n"
    "    if (p->abi != $N_ABI) return $N_OTHER_ABI;\n"
    "    if (p->model != $N_MODEL) return $N_OTHER_MODEL;\n"
    "    if (n != $N_PARAMS_BYTES || p->bytes != $N_PARAMS_BYTES) return $N_WRONG_SIZE;\n"
    "    uint64_t sum = UINT64_C(0xcbf29ce484222325);\n"
    "    for (size_t i = 64; i < n; i += 8) {\n"
    "        uint64_t word;\n"
    "        __builtin_memcpy(&word, (const char *)bytes + i, 8);\n"
    "        sum = (sum ^ word) * UINT64_C(0x100000001b3);\n"
    "    }\n"
    "    return sum == p->sum ? $N_OK : $N_DAMAGED;\n"
    "}\n"
    "\n"
    "const $n_params *$n_load(const void *bytes, size_t n)\n"
    "{\n"
    "    return $n_check(bytes, n) == $N_OK ? (const $n_params *)bytes : 0;\n"
    "}\n"
    "\n";

static void layer_rows(Library *l, Out *o)
{
    const Program *p = &l->e.m->prog;
    if (!p->n_layer) return;
    out_open(o, "const %s_layer %s_layers[%s_LAYERS] =", l->o->name, l->o->name, l->upper);
    for (int i = 0; i < p->n_layer; i++) {
        const Layer *x = &p->layer[i];
        const char *shape = "";
        for (int k = 0; k < x->out.shape.rank; k++)
            shape = text(&l->e, "%s%s%lld", shape, k ? ", " : "",
                         (long long)ir_dim_at(x->out.shape.dim[k], library_batch(l)));
        out_line(o, "{ %s, %s, %d, { %s }, %lld },", out_string(l->e.a, x->path),
                 out_string(l->e.a, x->text), x->out.shape.rank, *shape ? shape : "0",
                 (long long)x->params);
    }
    out_close(o, ";");
}

const char *library_memory(Library *l, Out *o, const Graph *g, const char *body,
                           const char *workspace)
{
    const struct { const char *name; int64_t at; } part[] = {
        { "arena", 0 }, { "kept", library_arena_bytes(l, g) },
    };
    bool any = false;
    for (int i = 0; i < 2; i++) {
        if (!out_mentions(body, part[i].name)) continue;
        const char *before = part[i].at ? text(&l->e, " + %lld", (long long)part[i].at) : "";
        out_line(o, "char *const %s = (char *)%s%s;", part[i].name, workspace, before);
        any = true;
    }
    return any ? workspace : "";
}

void library_holds(Library *l, Out *o)
{
    const Hole holes[] = { { "real", l->elems },
                           { "bytes", text(&l->e, "%lld",
                                           (long long)ir_dtype_bytes(l->e.m->real)) },
                           { "holds", l->o->c11 ? "_Static_assert(what, #what)"
                                                : "extern char holds[what ? 1 : -1]" } };
    library_text(l, o, holds_text, holes, 3);
}

/* A function that calls the graph's kernels, at the end of these: its first line, then its
 * memory. */
static Out *calls_of(Library *l, const Graph *g, const char *first, const char *const (*own)[2])
{
    Emit *e = &l->e;
    bool trains = g == l->train;
    Names at = { .own = own, .keeps = !l->train, .full = !trains, .state = "p", .arena = "arena",
                 .kept = l->train ? "kept" : "p->prepared", .n_workers = 1,
                 .scalars = "values", .n = trains ? "n" : text(e, "%s_BATCH", l->upper),
                 .seed = "t->seed", .step = "t->step" };
    Out *calls = out_new(e->a), *o = out_new(e->a);
    out_deeper(calls, 1);
    graph_calls(e, g, &at, NULL, calls);
    const char *body = out_text(calls);
    const Hole holes[] = { { "real", l->elems } };
    library_text(l, o, first, holes, 1);
    out_deeper(o, 1);
    const char *memory = library_memory(l, o, g, body, trains ? "t->workspace" : "workspace");
    if (!*memory && !trains) out_line(o, "(void)workspace;");
    if (!trains && !out_mentions(body, "p")) out_line(o, "(void)p;");
    if (!trains && !out_mentions(body, "in")) out_line(o, "(void)in;");
    if (trains && out_mentions(body, "p"))
        out_line(o, "%s_params *const p = t->params;", l->o->name);
    if (trains && out_mentions(body, "n")) out_line(o, "const int64_t n = t->n;");
    if (trains) {
        for (int i = 0; i < 2; i++) {
            const char *const input[] = { "in", "target" };
            if (!out_mentions(body, input[i])) out_line(o, "(void)%s;", input[i]);
        }
        out_line(o, "t->step++;");
    }
    if (out_mentions(body, "values")) {
        out_line(o, "%s values[%d];", l->elems, e->m->prog.n_scalar);
        out_line(o, "scalars(t->lr, (double)t->step, t->steps, values);");
    }
    out_raw(o, body);
    out_deeper(o, -1);
    out_line(o, "}");
    out_line(o, "%s", "");
    return o;
}

static Out *forward(Library *l)
{
    if (l->o->threads) return library_parallel(l, l->infer);
    if (library_in_pieces(l)) return library_forward_pieces(l);
    static const char *const own[][2] = { { "x", "in" }, { "output", "out" }, { NULL, NULL } };
    return calls_of(l, l->infer,
                    "void $n_forward(const $n_params *p, const $real in[$N_IN_ELEMS], "
                    "$real out[$N_OUT_ELEMS],\n"
                    "                void *workspace)\n"
                    "{\n", own);
}

static Out *train_step(Library *l)
{
    if (l->o->threads) return library_parallel(l, l->train);
    if (library_in_pieces(l)) return library_step_pieces(l);
    static const char *const own[][2] = { { "x", "in" }, { "target", "target" }, { "loss", "loss" },
                                          { NULL, NULL } };
    const char *type = l->e.l->type[library_value(l, l->train, "target")->dtype];
    return calls_of(l, l->train,
                    text(&l->e, "void $n_train_step($n_training *t, const $real *in, "
                         "const %s *target, $real *loss)\n{\n", type), own);
}

/* ---- tensors in PyTorch's order ---- */

static const char *const tensors_text =
    "/* Where element e of a tensor lies, in elements. */\n"
    "static long place_of(const $n_tensor *x, long e)\n"
    "{\n"
    "    long place = 0;\n"
    "    for (int k = x->rank - 1; k >= 0; k--) {\n"
    "        const long at = e % x->axis[k].size;\n"
    "        place += at / x->axis[k].block * x->axis[k].outer\n"
    "               + at % x->axis[k].block * x->axis[k].inner;\n"
    "        e /= x->axis[k].size;\n"
    "    }\n"
    "    return place;\n"
    "}\n"
    "\n"
    "void $n_get_params(const $n_params *p, int i, void *to)\n"
    "{\n"
    "    const $n_tensor *const x = &$n_tensors[i];\n"
    "    const size_t bytes = (size_t)x->element;\n"
    "    for (long e = 0; e < x->elems; e++) {\n"
    "        const char *from = (const char *)p + x->offset + (size_t)place_of(x, e) * bytes;\n"
    "        for (size_t b = 0; b < bytes; b++) ((char *)to)[(size_t)e * bytes + b] = from[b];\n"
    "    }\n"
    "}\n"
    "\n"
    "void $n_set_params($n_params *p, int i, const void *from)\n"
    "{\n"
    "    const $n_tensor *const x = &$n_tensors[i];\n"
    "    const size_t bytes = (size_t)x->element;\n"
    "    for (long e = 0; e < x->elems; e++) {\n"
    "        char *to = (char *)p + x->offset + (size_t)place_of(x, e) * bytes;\n"
    "        for (size_t b = 0; b < bytes; b++)\n"
    "            to[b] = ((const char *)from)[(size_t)e * bytes + b];\n"
    "    }\n"
    "}\n"
    "\n";

static void tensors(Library *l, Out *o)
{
    Emit *e = &l->e;
    library_text(l, o, tensors_text, NULL, 0);
    out_open(o, "const %s_tensor %s_tensors[%s_TENSORS] =", l->o->name, l->o->name, l->upper);
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &e->m->state[l->state[i]];
        StoredAxis axis[IR_MAX_RANK];
        const char *shape = "", *axes = "";
        ir_stored_axes(&s->type, 1, axis);
        for (int k = 0; k < s->type.shape.rank; k++) {
            shape = text(e, "%s%s%lld", shape, k ? ", " : "", (long long)axis[k].size);
            axes = text(e, "%s%s{ %lld, %lld, %lld, %lld }", axes, k ? ", " : "",
                        (long long)axis[k].size, (long long)axis[k].block, (long long)axis[k].outer,
                        (long long)axis[k].inner);
        }
        out_line(o, "{ %s, %d, %lld, { %s }, %lld, %lld,", out_string(e->a, s->key),
                 s->type.shape.rank, (long long)ir_dtype_bytes(s->type.dtype),
                 *shape ? shape : "1", (long long)ir_elems_at(&s->type.shape, 1),
                 (long long)l->offset_bytes[i]);
        out_line(o, "  { %s } },", *axes ? axes : "{ 1, 1, 0, 0 }");
    }
    out_close(o, ";");
    out_line(o, "%s", "");
}

/* The model file's scheduler, by the name that others call it. */
static void schedule(Library *l, Out *o)
{
    if (!l->e.m->prog.schedule) return;
    tables_schedule(&l->e, o);
    library_text(l, o,
                 "double $n_schedule(double lr, double done, double steps)\n"
                 "{\n"
                 "    return schedule(lr, done, steps);\n"
                 "}\n"
                 "\n", NULL, 0);
}

/* Pragmas become macros, since some compilers warn of those that they do not know. */
static const char *without_pragmas(Library *l, const char *s)
{
    static const char pragma[] = "#pragma omp simd";
    Out *o = out_new(l->e.a);
    const char *at;
    for (; (at = strstr(s, pragma)) != NULL; s += strcspn(s, "\n")) {
        const char *how = at + sizeof pragma - 1;
        how += *how == ' ';
        out_raw(o, text(&l->e, "%.*sSIMD(%.*s)", (int)(at - s), s, (int)strcspn(how, "\n"), how));
        s = how;
    }
    out_raw(o, s);
    return out_text(o);
}

/* A processor's kernels, and the functions that call them. */
static void kernels_source(Library *l, Out *o)
{
    Emit *e = &l->e;
    Out *all = out_new(e->a), *functions = out_new(e->a);
    out_raw(functions, out_text(forward(l)));
    Out *kernels = out_new(e->a), *constants = out_new(e->a);
    if (l->train) {
        const char *step = out_text(train_step(l));
        if (out_mentions(step, "scalars")) tables_scalars(e, kernels);
        out_raw(functions, step);
        schedule(l, functions);
    }
    for (int i = 0; i < e->n_fn; i++) {
        if (!e->fn[i]->prepares) e->fn[i]->prepare = (Stage){ 0 };
        kernel_write(e, kernels, e->fn[i]);
    }
    if (out_mentions(out_text(functions), "run_tasks")) library_run_tasks(l, kernels);
    out_raw(kernels, out_text(functions));
    const char *known = library_math(l, out_text(kernels));
    snippets_all(e, all);
    out_raw(all, out_text(kernels));
    library_constants(l, constants);
    const Hole holes[] = { { "constants", out_text(constants) },
                           { "known", known },
                           { "flags", emit_library_flags(e->m, l->o, e->a) } };
    library_text(l, o, source_head, holes, (int)(sizeof holes / sizeof *holes));
    library_holds(l, o);
    out_raw(o, without_pragmas(l, out_text(all)));
}

void emit_library_source(const Module *m, const LibraryOpts *opts, const char *params, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Out *o = out_new(a);
    head_write(&l.e, o, ".c", opts->target->name);
    if (l.gpu) {
        Out *functions = out_new(a);
        if (l.train) schedule(&l, functions);
        library_cuda_source(&l, out_text(functions), o);
    } else {
        kernels_source(&l, o);
    }
    if (l.train) tensors(&l, o);
    if (opts->weights == WEIGHTS_BIN) library_text(&l, o, load_source, NULL, 0);
    layer_rows(&l, o);
    if (opts->one_file && opts->weights != WEIGHTS_BIN) {
        out_line(o, "%s", "");
        library_weights(&l, o, params);
    }
    fputs(out_text(o), out);
    arena_free(a);
}
