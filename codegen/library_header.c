/* codegen/library_header.c: NAME.h: sizes, the struct of weights, the functions, what layers there
 * are. */
#include "codegen/library.h"
#include <string.h>

static void define(Out *o, const char *name, const char *value, const char *what)
{
    int gap = 44 - (int)(strlen(name) + strlen(value));
    if (*what) out_line(o, "#define %s %s%*s/* %s */", name, value, gap > 2 ? gap : 2, "", what);
    else out_line(o, "#define %s %s", name, value);
}

/* NAME_IN_ELEMS and the like, of a graph's input or result. */
static void define_elems(Library *l, Out *o, const Graph *g, const char *value, const char *name)
{
    const Type *t = library_value(l, g, value);
    define(o, text(&l->e, "%s_%s_ELEMS", l->upper, name),
           text(&l->e, "%lld", (long long)ir_elems_at(&t->shape, library_batch(l))),
           library_dims(l, &t->shape));
}

static void define_bytes(Library *l, Out *o, const char *name, int64_t bytes)
{
    define(o, text(&l->e, "%s_%s_BYTES", l->upper, name), text(&l->e, "%lld", (long long)bytes),
           "");
}

/* Before a declaration. */
static const char *const aligned_c99 =
    "#define $N_ALIGNED __attribute__((aligned($N_ALIGN)))\n"
    "\n";
static const char *const aligned_c11 =
    "#ifdef __cplusplus\n"
    "#define $N_ALIGNED alignas($N_ALIGN)\n"
    "#else\n"
    "#define $N_ALIGNED _Alignas($N_ALIGN)\n"
    "#endif\n"
    "\n";

static int n_groups(const Program *p) { return p->n_group ? p->n_group : 1; }

static void sizes(Library *l, Out *o)
{
    Emit *e = &l->e;
    define(o, text(e, "%s_ABI", l->upper), text(e, "%d", LIBRARY_ABI), "");
    define(o, text(e, "%s_BATCH", l->upper), text(e, "%lld", (long long)library_batch(l)),
           l->train ? "samples of an inference, most of a training step" : "samples of a call");
    define_elems(l, o, l->infer, "x", "IN");
    define_elems(l, o, l->infer, "output", "OUT");
    if (l->train) define_elems(l, o, l->train, "target", "TARGET");
    define_bytes(l, o, "PARAMS", library_params_bytes(l));
    if (l->gpu) {
        define(o, text(e, "%s_DEVICE_BYTES", l->upper),
               text(e, "%lld", (long long)library_device_bytes(l)), "for params on the device");
        define(o, text(e, "%s_KERNELS", l->upper), text(e, "%d", library_cuda_kernels(l)), "");
    }
    define_bytes(l, o, "WORKSPACE", library_workspace_bytes(l, l->infer));
    if (l->o->threads)
        define(o, text(e, "%s_THREADS", l->upper), text(e, "%d", l->o->threads),
               "most that compute a call");
    if (l->train) {
        define_bytes(l, o, "TRAIN_WORKSPACE", library_workspace_bytes(l, l->train));
        if (!l->gpu)
            define(o, text(e, "%s_RAM_BYTES", l->upper),
                   text(e, "%lld", (long long)library_ram_bytes(l)),
                   "params, and one workspace for steps and inferences");
        define(o, text(e, "%s_RATES", l->upper), text(e, "%d", n_groups(&e->m->prog)),
               "learning rates, of groups of parameters");
        define(o, text(e, "%s_LR", l->upper), text(e, "{ %s }", tables_rates(e)),
               "as the model file has them");
    }
    define(o, text(e, "%s_ALIGN", l->upper), "64", "of params and workspace, in bytes");
    library_text(l, o, l->o->c11 ? aligned_c11 : aligned_c99, NULL, 0);
}

/* What is over a tensor's elements is padding. */
static void members(Library *l, Out *o)
{
    const char **decl = arena_alloc(l->e.a, (size_t)l->n_state + 1, sizeof *decl);
    int width = 0;
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &l->e.m->state[l->state[i]];
        decl[i] = text(&l->e, "%s %s[%lld];", l->e.l->type[s->type.dtype],
                       state_name(&l->e, (State){ l->state[i] }), (long long)library_room(l, i));
        if ((int)strlen(decl[i]) > width) width = (int)strlen(decl[i]);
    }
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &l->e.m->state[l->state[i]];
        out_line(o, "%-*s  /* %s: %s */", width, decl[i], out_comment(l->e.a, s->key),
                 type_text(&l->e, &s->type));
    }
    if (library_prepared_bytes(l))
        out_line(o, "unsigned char prepared[%lld];  /* what kernels make of them */",
                 (long long)library_prepared_bytes(l));
}

static const char *const params_head =
    "/* Weights and what else the network has learnt, as its kernels read them. */\n"
    "typedef struct $n_params {\n"
    "    uint32_t magic, abi;    /* $N_MAGIC, $N_ABI */\n"
    "    uint64_t model;         /* which network, stored how: $N_MODEL */\n"
    "    uint64_t bytes, sum;    /* of all of it; FNV-1a of what follows this head, by words */\n"
    "    uint64_t unused[4];\n";

static const char *const forward_text =
    "/* out = the network of in, for $N_BATCH samples at once. Only `out` and the workspace are\n"
    " * written; what the workspace holds before and after a call means nothing. */\n"
    "void $n_forward(const $n_params *p, const $real in[$N_IN_ELEMS], $real out[$N_OUT_ELEMS],\n"
    "                void *workspace);\n"
    "\n";

static const char *const train_text =
    "/* What a run of training has: all of it is the caller's. */\n"
    "typedef struct $n_training {\n"
    "    $n_params *params;      /* at first a copy of $initial */\n"
    "    void *workspace;        /* $N_TRAIN_WORKSPACE_BYTES */\n"
    "    int64_t n;              /* samples of the next step, 1 to $N_BATCH */\n"
    "    double lr[$N_RATES];    /* at first $N_LR */\n"
    "    double steps;           /* of an epoch, for schedules that count them */\n"
    "    uint64_t seed, step;    /* of what is drawn; steps done, at first 0 */\n"
    "$by"
    "} $n_training;\n"
    "\n"
    "/* One step: *loss is that of these samples before it. The step is counted. */\n"
    "void $n_train_step($n_training *t, const $real *in, const $target *target, $real *loss);\n"
    "\n";

static const char *const tensors_text =
    "/* The tensors of the params, PyTorch's keys and shapes. */\n"
    "#define $N_TENSORS $count\n"
    "typedef struct $n_tensor {\n"
    "    char key[$key];\n"
    "    int rank, element;       /* bytes of an element */\n"
    "    long shape[$rank], elems;\n"
    "    size_t offset;           /* in the params; $n_get_params knows where elements lie */\n"
    "    struct { long size, block, outer, inner; } axis[$rank];\n"
    "} $n_tensor;\n"
    "extern const $n_tensor $n_tensors[$N_TENSORS];\n"
    "/* All elements of tensor i in PyTorch's order, and back. */\n"
    "void $n_get_params(const $n_params *p, int i, void *to);\n"
    "void $n_set_params($n_params *p, int i, const void *from);\n"
    "\n";

static const char *const schedule_text =
    "/* The learning rate that the model file's scheduler has after so many $counted, of one that\n"
    " * it starts with. */\n"
    "double $n_schedule(double lr, double done, double steps);\n"
    "\n";

static void training(Library *l, Out *o)
{
    Emit *e = &l->e;
    size_t key = 1;
    for (int i = 0; i < l->n_state; i++) {
        size_t length = strlen(e->m->state[l->state[i]].key) + 1;
        if (length > key) key = length;
    }
    bool loads = l->o->weights == WEIGHTS_BIN;
    const Hole holes[] = {
        { "real", l->elems },
        { "target", e->l->type[library_value(l, l->train, "target")->dtype] },
        { "by", l->o->threads ? text(e, "    const %s_parallel *by;  /* null: the caller's thread "
                                     "alone */\n", l->o->name) : "" },
        { "initial", loads ? "what a file has" : text(e, "%s_weights", l->o->name) },
        { "count", text(e, "%d", l->n_state) },
        { "key", text(e, "%zu", key) },
        { "rank", text(e, "%d", IR_MAX_RANK) },
        { "counted", e->m->prog.schedule_steps ? "steps" : "epochs" },
    };
    int n = (int)(sizeof holes / sizeof *holes);
    library_text(l, o, l->gpu ? library_cuda_training : train_text, holes, n);
    library_text(l, o, tensors_text, holes, n);
    if (e->m->prog.schedule) library_text(l, o, schedule_text, holes, n);
}

static const char *const load_text =
    "/* Bytes of a file of weights, aligned to $N_ALIGN, as params; null where they are no such\n"
    " * file, another network's, or damaged. Nothing is copied: the bytes must stay. */\n"
    "const $n_params *$n_load(const void *bytes, size_t n);\n"
    "/* What is wrong with them. */\n"
    "typedef enum $n_fault {\n"
    "    $N_OK, $N_NO_BYTES, $N_UNALIGNED, $N_WRONG_SIZE, $N_NO_PARAMS, $N_OTHER_ABI,\n"
    "    $N_OTHER_MODEL, $N_DAMAGED\n"
    "} $n_fault;\n"
    "$n_fault $n_check(const void *bytes, size_t n);\n"
    "\n";

static void layer_declaration(Library *l, Out *o)
{
    size_t path = 1, kind = 1;
    const Program *p = &l->e.m->prog;
    for (int i = 0; i < p->n_layer; i++) {
        if (strlen(p->layer[i].path) >= path) path = strlen(p->layer[i].path) + 1;
        if (strlen(p->layer[i].text) >= kind) kind = strlen(p->layer[i].text) + 1;
    }
    const Hole holes[] = { { "count", text(&l->e, "%d", p->n_layer) },
                           { "path", text(&l->e, "%zu", path) },
                           { "kind", text(&l->e, "%zu", kind) },
                           { "rank", text(&l->e, "%d", IR_MAX_RANK) } };
    if (p->n_layer)
        library_text(l, o,
                       "/* Its layers: shapes of their outputs, elements of their weights. */\n"
                       "#define $N_LAYERS $count\n"
                       "typedef struct $n_layer {\n"
                       "    char name[$path], kind[$kind];\n"
                       "    int rank;\n"
                       "    long shape[$rank], parameters;\n"
                       "} $n_layer;\n"
                       "extern const $n_layer $n_layers[$N_LAYERS];\n"
                       "\n", holes, 4);
}

static const char *const about_header =
    " *     $real in[$N_IN_ELEMS], out[$N_OUT_ELEMS];\n"
    " *     $N_ALIGNED char workspace[$N_WORKSPACE_BYTES];\n"
    " *     $n_forward($params, in, out, workspace);\n"
    " *\n"
    " * Nothing is allocated, and no call leaves anything behind: threads may call it at the same\n"
    " * time, each with a workspace of its own. */\n";

static const char *const begin_header =
    "#ifndef $N_H\n"
    "#define $N_H\n"
    "#include <stddef.h>\n"
    "#include <stdint.h>\n"
    "\n"
    "#ifdef __cplusplus\n"
    "extern \"C\" {\n"
    "#endif\n"
    "\n";

void emit_library_header(const Module *m, const LibraryOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Out *o = out_new(a);
    bool loads = opts->weights == WEIGHTS_BIN;
    const char *params = loads ? "params" : text(&l.e, "&%s_weights", opts->name);
    const Hole holes[] = { { "real", l.elems }, { "params", params } };
    head_write(&l.e, o, ".h", opts->target->name);
    library_text(&l, o, l.gpu ? library_cuda_about : about_header, holes, 2);
    library_text(&l, o, begin_header, NULL, 0);
    sizes(&l, o);
    define(o, text(&l.e, "%s_MAGIC", l.upper), "UINT32_C(0x63716573)", "\"seqc\"");
    define(o, text(&l.e, "%s_MODEL", l.upper),
           text(&l.e, "UINT64_C(0x%016llx)", (unsigned long long)library_model(&l)), "");
    out_line(o, "%s", "");
    library_text(&l, o, params_head, NULL, 0);
    out_deeper(o, 1);
    members(&l, o);
    out_deeper(o, -1);
    library_text(&l, o, "} $n_params;\n", NULL, 0);
    if (!loads) library_text(&l, o, "extern const $n_params $n_weights;\n", NULL, 0);
    out_line(o, "%s", "");
    if (l.gpu) library_cuda_declarations(&l, o);
    else library_text(&l, o, forward_text, holes, 1);
    if (opts->threads) {
        library_text(&l, o, library_parallel_text, NULL, 0);
        library_text(&l, o, library_forward_parallel, holes, 1);
    }
    if (l.train) training(&l, o);
    if (loads) library_text(&l, o, load_text, NULL, 0);
    layer_declaration(&l, o);
    library_text(&l, o, "#ifdef __cplusplus\n}\n#endif\n#endif\n", NULL, 0);
    fputs(out_text(o), out);
    arena_free(a);
}
