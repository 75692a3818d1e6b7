/* runtime/info.c: the verb `info`: what this program is, without running any of it. */
#include "runtime/program.h"
#include "runtime/steps.h"
#include <inttypes.h>
#include <string.h>

enum { COLUMNS = 7, CELL = 112 };

/* Rows of text whose columns take the width of their longest cell. `align`: a letter per column,
 * 'r' for numbers. */
typedef struct Table {
    const char *align;
    char (*row)[COLUMNS][CELL];
    int n, capacity;
} Table;

static bool table_open(rt_err *e, Table *t, const char *align, int capacity)
{
    *t = (Table){ .align = align, .capacity = capacity };
    t->row = rt_alloc(e, capacity, (int64_t)sizeof *t->row, "a table");
    return t->row != NULL;
}

/* Characters, not bytes, so that keys in UTF-8 keep the columns straight. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void table_print(Table *t, const rt_ui *ui)
{
    int width[COLUMNS] = { 0 }, columns = (int)strlen(t->align);
    for (int i = 0; i < t->n; i++)
        for (int c = 0; c < columns; c++) {
            int w = width_of(t->row[i][c]);
            width[c] = w > width[c] ? w : width[c];
        }
    putchar('\n');
    for (int i = 0; i < t->n; i++) {
        fputs(i == 0 && ui->color ? "\033[2m" : "", stdout);
        for (int c = 0; c < columns; c++) {
            const char *text = t->row[i][c];
            int blanks = width[c] - width_of(text);
            bool right = t->align[c] == 'r', last = c == columns - 1;
            printf("%s%*s%s%*s", c ? "   " : "", right ? blanks : 0, "", text,
                   right || last ? 0 : blanks, "");
        }
        fputs(i == 0 && ui->color ? "\033[0m\n" : "\n", stdout);
    }
    rt_free(t->row);
    *t = (Table){ 0 };
}

/* Fills the next row; `cell` null ends early. */
static void table_add(Table *t, const char *const cell[COLUMNS])
{
    for (int c = 0; c < COLUMNS && cell[c] && t->n < t->capacity; c++)
        snprintf(t->row[t->n][c], CELL, "%.*s", CELL - 1, cell[c]);
    t->n++;
}

#define ROW(t, ...) table_add(t, (const char *const[COLUMNS]){ __VA_ARGS__ })

static char *mflop_text(char text[RT_TEXT], double flop)
{
    snprintf(text, RT_TEXT, flop <= 0 ? "0" : flop < 99.5e6 ? "%.3g" : "%.0f", flop * 1e-6);
    return text;
}

static bool layer_table(rt_err *e, const rt_prog *p)
{
    const rt_model *m = p->model;
    char shape[RT_DIMS], params[RT_TEXT], flop[RT_TEXT];
    double total = 0;
    Table t;
    if (!table_open(e, &t, "lllrr", m->n_layers + 2))
        return false;
    ROW(&t, "layer", "what", "output", "parameters", "MFLOP");
    for (int i = 0; i < m->n_layers; i++) {
        const rt_layer *layer = &m->layers[i];
        ROW(&t, layer->path, layer->text, rt_dim_text(shape, layer->dim, layer->rank),
            rt_count_text(params, layer->params), mflop_text(flop, layer->flop));
        total += layer->flop;
    }
    ROW(&t, "total", "", "", rt_count_text(params, rt_param_count(m)), mflop_text(flop, total));
    table_print(&t, &p->ui);
    return true;
}

static bool state_table(rt_err *e, const rt_prog *p)
{
    static const char *const role[] = {
        [RT_PARAM] = "parameter", [RT_FROZEN] = "frozen", [RT_BUFFER] = "buffer",
        [RT_OPTIMIZER] = "optimizer",
    };
    const rt_model *m = p->model;
    char dims[RT_DIMS], bytes[RT_TEXT];
    Table t;
    if (!table_open(e, &t, "llllr", m->n_states + 2))
        return false;
    ROW(&t, "tensor", "role", "shape", "type", "memory");
    for (int i = 0; i < m->n_states; i++) {
        const rt_state *s = &m->states[i];
        int64_t shape[RT_MAX_RANK];
        for (int k = 0; k < s->rank; k++)
            shape[k] = s->axis[k].size;
        ROW(&t, s->key, role[s->role], rt_dims_text(dims, shape, s->rank),
            rt_dtype_name(s->dtype), rt_bytes_text(bytes, s->bytes));
    }
    ROW(&t, "total", "", "", "", rt_bytes_text(bytes, m->state_bytes));
    table_print(&t, &p->ui);
    return true;
}

/* "x, target -> loss, correct"; long lists are cut. */
static void signature(char text[CELL], const rt_graph *g)
{
    int used = 0;
    for (int i = 0; i < g->n_inputs + g->n_results && used < CELL - 48; i++) {
        bool result = i >= g->n_inputs;
        const rt_value *v = result ? &g->results[i - g->n_inputs] : &g->inputs[i];
        used += snprintf(text + used, (size_t)(CELL - used), "%s%.32s",
                         i == 0 ? "" : i == g->n_inputs ? " -> " : ", ", v->name);
        if (used >= CELL - 48 && i + 1 < g->n_inputs + g->n_results)
            snprintf(text + used, (size_t)(CELL - used), ", ...");
    }
}

/* Where a thread takes a sample through infer_one, infer has no memory, and each thread an arena. */
static bool graph_table(rt_err *e, const rt_prog *p)
{
    const rt_model *m = p->model;
    char arena[RT_TEXT], scratch[RT_TEXT], kept[RT_TEXT], moved[RT_TEXT], flop[RT_TEXT], what[CELL];
    Table t;
    if (!table_open(e, &t, "lrrrrrl", m->n_graphs + 1))
        return false;
    ROW(&t, "graph", "arena", "a thread's", "kept", "MFLOP", "moved", "what");
    for (int i = 0; i < m->n_graphs; i++) {
        const rt_graph *g = &m->graphs[i];
        bool batch = m->by_sample && g == rt_find_graph(m, "infer");
        bool sample = m->by_sample && g == rt_find_graph(m, "infer_one");
        signature(what, g);
        if (batch)
            snprintf(what + strlen(what), CELL - strlen(what), "%s", ", a thread a sample");
        ROW(&t, g->name, rt_bytes_text(arena, batch || sample ? 0 : g->arena_bytes),
            rt_bytes_text(scratch, batch ? 0 : g->worker_bytes + (sample ? g->arena_bytes : 0)),
            rt_bytes_text(kept, batch ? 0 : g->kept_bytes), mflop_text(flop, g->flop), rt_bytes_text(moved, (int64_t)g->bytes), what);
    }
    table_print(&t, &p->ui);
    return true;
}

static void say(const char *what, const char *text)
{
    printf("%-14s%s\n", what, text);
}

/* What the program was compiled for, and of several instruction sets the one that is described. */
static void say_isa(const rt_prog *p)
{
    char list[RT_DIMS];
    const rt_model *m = p->model;
    bool several = p->models[1] != NULL;
    printf("%-14sseqc %s for %s%s%s%s%s\n", "compiled by", m->version,
           rt_isa_list(list, p->models, false), m->open_blas ? " and OpenBLAS" : "",
           several ? "; here " : "", several ? m->isa : "",
           rt_cpu_runs(m->features) ? "" : ", which this processor lacks");
}

/* How it trains. */
static void say_steps(const rt_model *m)
{
    const rt_graph *g = rt_find_graph(m, "train");
    g = g ? g : rt_find_graph(m, "train_prob");
    if (g)
        printf("%-14sup to %" PRId64 " a launch; data on the device where they fit and stay as they "
               "are\n", "steps", rt_steps_together(m->cuda, g));
}

static void say_images(const char *what, const rt_cuda_image *image, int n)
{
    int64_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += image[i].n_bytes;
    printf("%-14s%s_%d, %" PRId64 " bytes\n", what, image->ptx ? "PTX of compute" : "sm", image->arch,
           bytes);
}

/* What the program finds here to run on, or why it finds nothing. */
static void say_device(const rt_cuda *cuda)
{
    rt_device device;
    rt_err e = { 0 };
    char text[RT_DEVICE_TEXT];
    if (!rt_device_find(&e, &device, cuda)) {
        printf("%-14snone: %.*s\n", "device", (int)strcspn(e.message, "\n"), e.message);
        return;
    }
    say("device", rt_device_text(text, &device));
    say_images("image", device.image, device.n_images);
    if (device.n_seldom)
        say_images("for grad", device.seldom, device.n_seldom);
}

bool rt_verb_info(rt_err *e, rt_prog *p)
{
    const rt_model *m = p->model;
    char chain[RT_DIMS], all[RT_TEXT], trained[RT_TEXT], in[RT_DIMS], out[RT_DIMS];
    printf("seqc %-8s %s, %s parameters, %s of them trained, %s\n", m->name,
           rt_shape_chain(chain, m), rt_count_text(all, rt_param_count(m)),
           rt_count_text(trained, rt_trained_count(m)), rt_dtype_name(m->real));
    printf("%-14s%s to %s, up to %lld samples at once\n", "shapes",
           rt_dims_text(in, m->input, m->input_rank), rt_dims_text(out, m->output, m->output_rank),
           (long long)m->capacity);
    say("loss", m->loss ? m->loss : "none");
    say("optimizer", m->optimizer ? m->optimizer : "none");
    if (rt_has_verb(m, RT_VERB_train))
        printf("%-14sepochs %lld, lr %g, batch %lld, seed %lld, %s%s\n", "defaults",
               (long long)(m->epochs > 0 ? m->epochs : RT_DEFAULT_EPOCHS), m->lr,
               (long long)m->batch, (long long)(m->has_seed ? m->seed : 0),
               m->shuffle ? "shuffled" : "not shuffled",
               m->drop_last ? ", last smaller batch dropped" : "");
    say_isa(p);
    say("math", m->math);
    if (m->cuda) {
        say_device(m->cuda);
        say_steps(m);
    }
    return layer_table(e, p) && (m->n_states == 0 || state_table(e, p)) && graph_table(e, p);
}
