/* frontend/cmd_report.c: `seqc emit --report`: what a library takes of read-only memory, of memory and
 * of stack, and what its layers multiply and add: as a table, or as JSON.
 *
 * Code, constants and stack are those of the object that the C compiler makes of NAME.c with the
 * library's own flags. The object is read as ELF of 32 or 64 bits (System V ABI, chapter 4), so that
 * cross compilers serve; frames come from GCC's -fcallgraph-info. */
#include "codegen/codegen.h"
#include "frontend/cmd_emit.h"
#include "runtime/base.h"
#include <stdlib.h>
#include <string.h>

typedef struct Sizes {
    const char *why;                 /* null: measured; else why not */
    int64_t code, constants, data;
    int64_t images;                  /* of a GPU's kernels; 0: none */
    int64_t stack, train_stack;      /* of NAME_forward, NAME_train_step; -1: not known */
} Sizes;

/* ---- the object ---- */

enum { ELF_ALLOC = 2, ELF_WRITE = 1, ELF_EXEC = 4, ELF_NO_BITS = 8, ELF_NOTE = 7 };

/* n bytes at `at`, least significant first; 0 where they are not there. */
static uint64_t number(const rt_buf *b, uint64_t at, int n)
{
    uint64_t x = 0;
    if (at > (uint64_t)b->length || (uint64_t)b->length - at < (uint64_t)n) return 0;
    for (int i = n; i-- > 0;) x = x << 8 | (unsigned char)b->data[at + (uint64_t)i];
    return x;
}

/* Unwinding tables are left out: nothing throws, and those who count bytes leave them out, too. */
static bool is_unwinding(const rt_buf *b, uint64_t names, uint64_t name)
{
    static const char *const left_out[] = { ".eh_frame", ".ARM.exidx", ".ARM.extab" };
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(left_out[i]);
        uint64_t at = names + name;
        if (at < (uint64_t)b->length && (uint64_t)b->length - at > n
            && !memcmp(b->data + at, left_out[i], n)) return true;
    }
    return false;
}

static bool read_sections(const rt_buf *b, Sizes *s)
{
    bool wide = number(b, 4, 1) == 2;
    uint64_t table = wide ? number(b, 40, 8) : number(b, 32, 4);
    uint64_t row = number(b, wide ? 58 : 46, 2), n = number(b, wide ? 60 : 48, 2);
    uint64_t texts = table + row * number(b, wide ? 62 : 50, 2);
    if (number(b, 0, 4) != 0x464c457f || number(b, 5, 1) != 1 || !row) return false;
    uint64_t names = number(b, texts + (wide ? 24 : 16), wide ? 8 : 4);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = table + i * row, type = number(b, at + 4, 4);
        uint64_t flags = number(b, at + 8, wide ? 8 : 4);
        int64_t bytes = (int64_t)number(b, at + (wide ? 32 : 20), wide ? 8 : 4);
        if (!(flags & ELF_ALLOC) || type == ELF_NOTE || is_unwinding(b, names, number(b, at, 4)))
            continue;
        if (flags & ELF_WRITE || type == ELF_NO_BITS) s->data += bytes;
        else if (flags & ELF_EXEC) s->code += bytes;
        else s->constants += bytes;
    }
    return true;
}

/* ---- the stack ---- */

typedef struct Frame { const char *name; int64_t bytes, deepest; bool open; } Frame;
typedef struct Call { const char *from, *to; } Call;
typedef struct Calls { Frame *frame; Call *call; int n_frame, n_call; } Calls;

/* What stands between quotes after a word of a line; null: no such word. */
static const char *quoted(Arena *a, const char *line, const char *word)
{
    const char *at = strstr(line, word);
    if (!at) return NULL;
    at += strlen(word);
    return arena_strn(a, at, strcspn(at, "\""));
}

/* Of a label "name\nplace\n32 bytes (static)" the 32; -1 where it depends on what happens. */
static int64_t frame_bytes(const char *label)
{
    const char *end = strstr(label ? label : "", " bytes (");
    if (!end || strstr(end, "(dynamic)")) return end ? -1 : 0;
    const char *digits = end;
    while (digits > label && digits[-1] >= '0' && digits[-1] <= '9') digits--;
    return strtoll(digits, NULL, 10);
}

static Calls read_calls(Arena *a, char *text)
{
    size_t lines = 1;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    Calls c = { arena_alloc(a, lines, sizeof *c.frame), arena_alloc(a, lines, sizeof *c.call), 0, 0 };
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *title = quoted(a, line, "title: \""), *from = quoted(a, line, "sourcename: \"");
        if (!strncmp(line, "node:", 5) && title)
            c.frame[c.n_frame++] = (Frame){ title, frame_bytes(quoted(a, line, "label: \"")), -1,
                                            false };
        else if (!strncmp(line, "edge:", 5) && from)
            c.call[c.n_call++] = (Call){ from, quoted(a, line, "targetname: \"") };
    }
    return c;
}

/* The frames of the deepest chain of calls from a function on; -1 where there is none, or no bound. */
static int64_t deepest(const Calls *c, const char *name)
{
    int64_t most = 0;
    Frame *f = NULL;
    for (int i = 0; i < c->n_frame; i++)
        if (!strcmp(c->frame[i].name, name)) f = &c->frame[i];
    if (!f || f->open || f->bytes < 0) return -1;
    if (f->deepest >= 0) return f->deepest;
    f->open = true;
    for (int i = 0; i < c->n_call; i++) {
        if (strcmp(c->call[i].from, name) != 0 || !c->call[i].to) continue;
        int64_t below = deepest(c, c->call[i].to);
        if (below < 0) return -1;
        most = below > most ? below : most;
    }
    f->open = false;
    return f->deepest = f->bytes + most;
}

static void read_stack(const Emission *e, const char *path, Sizes *s)
{
    Arena *a = e->c->arena;
    rt_err err = { 0 };
    rt_buf text = { 0 };
    if (rt_file_read(&err, path, -1, &text) && text.data) {
        Calls c = read_calls(a, arena_strn(a, text.data, (size_t)text.length));
        s->stack = deepest(&c, arena_printf(a, "%s_forward", e->opts.name));
        s->train_stack = deepest(&c, arena_printf(a, "%s_train_step", e->opts.name));
    }
    rt_buf_free(&text);
}

/* ---- measuring ---- */

/* Adds up the object of one of the library's files. */
static int measure_file(const Emission *e, const char *end, Sizes *s)
{
    static const char *const calls[] = { "-c", "-fcallgraph-info=su", NULL };
    static const char *const plain[] = { "-c", NULL };
    const Cmd *c = e->c;
    const char *dir, *sources[] = { arena_printf(c->arena, "%s/%s%s", e->dir, e->opts.name, end), NULL };
    rt_err err = { 0 };
    rt_buf object = { 0 };
    CompileOpts o;
    char *message = NULL;
    int code = cmd_compile_opts(c, &o);
    if (!code) code = cmd_folder(c, &dir);
    if (code) return code;
    const char *path = cmd_folder_file(c, dir, "-report.o");
    o.extra = calls;
    if (!emit_compile_library(e->m, &e->opts, sources, path, &o, &message, c->arena)) {
        o.extra = plain;
        emit_compile_library(e->m, &e->opts, sources, path, &o, &message, c->arena);
    }
    code = cmd_interrupted();
    if (!code && message)
        s->why = message;
    else if (!code && !rt_file_read(&err, path, -1, &object))
        code = cmd_fail_rt(c, &err);
    else if (!code && !read_sections(&object, s))
        s->why = "the C compiler's objects are no ELF files";
    rt_buf_free(&object);
    return code;
}

static int measure(const Emission *e, Sizes *s)
{
    const char *dir;
    Sizes images = { 0 };
    *s = (Sizes){ .stack = -1, .train_stack = -1 };
    int code = measure_file(e, ".c", s);
    if (!code) code = cmd_folder(e->c, &dir);
    if (!code && !s->why) read_stack(e, cmd_folder_file(e->c, dir, "-report.ci"), s);
    if (!s->why && e->opts.one_file && e->opts.weights != WEIGHTS_BIN) s->constants -= e->bytes;
    if (!code && e->opts.n_arch && emit_nvrtc(e->c->arena)) code = measure_file(e, "_images.c", &images);
    s->images = images.constants;
    return code;
}

/* ---- what is printed ---- */

typedef struct Report {
    const Emission *e;
    Sizes sizes;
    LibraryStates states;
    int64_t input, output;           /* bytes of a call's */
    double *adds;                    /* [n_layer] */
} Report;

static int64_t type_bytes(const Type *t, int64_t n)
{
    return ir_elems_at(&t->shape, n) * ir_dtype_bytes(t->dtype);
}

static int64_t value_bytes(const Graph *g, const char *name, int64_t n)
{
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, name))
            return type_bytes(&g->node[i].type, n);
    for (int r = 0; r < g->n_root; r++)
        if (g->root[r].kind == ROOT_RETURN && !strcmp(g->root[r].name, name))
            return type_bytes(ir_type(g, g->root[r].val), n);
    return 0;
}

typedef struct Rows { CmdRow row[16]; int n; Arena *a; } Rows;

static void add_row(Rows *t, const char *what, const char *note, int64_t bytes)
{
    t->row[t->n++] = (CmdRow){ { what, note, cmd_commas(t->a, bytes) } };
}

static void print_memory(const Report *r)
{
    const Emission *e = r->e;
    const Sizes *s = &r->sizes;
    bool trains = e->opts.trains;
    int64_t workspace = (int64_t)r->states.about[3], step = r->states.train_workspace;
    int64_t rom = e->bytes + s->code + s->constants + s->images;
    int64_t ram = (step > workspace ? step : workspace) + r->input + r->output + s->data;
    int64_t stack = s->train_stack > s->stack ? s->train_stack : s->stack;
    Rows t = { .a = e->c->arena, .n = 1, .row[0] = { { "memory", "", "bytes" } } };
    if (!s->why) {
        add_row(&t, "code", "read only", s->code);
        add_row(&t, "constants", "read only", s->constants);
    }
    if (s->images) add_row(&t, "kernels", "read only, of all architectures", s->images);
    if (e->opts.n_arch) {
        add_row(&t, "weights", "read only", e->bytes);
        add_row(&t, "on the device", "weights", r->states.device_bytes);
        add_row(&t, "", "workspace", workspace);
        if (trains) add_row(&t, "", "workspace of a training step", step);
        add_row(&t, "", "input", r->input);
        add_row(&t, "", "output", r->output);
        add_row(&t, "ROM", s->why ? "but for code" : "", rom);
        cmd_table(t.row, t.n, 3, 2);
        return;
    }
    add_row(&t, "weights", trains ? "read only; learning takes a copy" : "read only", e->bytes);
    add_row(&t, "workspace", "", workspace);
    if (trains) add_row(&t, "", "of a training step", step);
    add_row(&t, "input", "", r->input);
    add_row(&t, "output", "", r->output);
    if (s->stack >= 0)
        add_row(&t, "stack", e->opts.no_libm ? "" : "math.h's functions left out", s->stack);
    if (s->train_stack >= 0) add_row(&t, "", "of a training step", s->train_stack);
    add_row(&t, "ROM", s->why ? "but for code" : "", rom);
    add_row(&t, "RAM", stack < 0 ? "but for the stack" : "", ram + (trains ? e->bytes : 0)
            + (stack < 0 ? 0 : stack));
    cmd_table(t.row, t.n, 3, 2);
    if (!s->why && stack < 0) printf("the stack is not known: GCC tells it, by -fcallgraph-info\n");
}

static void print_text(const Report *r)
{
    const Emission *e = r->e;
    const Program *p = &e->m->prog;
    Arena *a = e->c->arena;
    printf("%s  %s, math %s, %s, %lld sample%s a call\n\n", e->opts.name, ir_dtype_name(e->m->real),
           ir_math[e->m->math].name, e->opts.target->name, (long long)e->start->capacity,
           e->start->capacity == 1 ? "" : "s");
    print_memory(r);
    CmdRow *row = arena_alloc(a, (size_t)p->n_layer + 2, sizeof *row);
    double adds = 0;
    int64_t params = 0;
    row[0] = (CmdRow){ { "layer", "what", "output", "parameters", "multiply-adds" } };
    for (int i = 0; i < p->n_layer; i++) {
        const Layer *l = &p->layer[i];
        row[i + 1] = (CmdRow){ { l->path, l->text, cmd_shape(a, &l->out.shape),
                                 l->params ? cmd_commas(a, l->params) : "",
                                 r->adds[i] > 0 ? cmd_commas(a, (int64_t)r->adds[i]) : "" } };
        adds += r->adds[i];
        params += l->params;
    }
    row[p->n_layer + 1] = (CmdRow){ { "", "", "", cmd_commas(a, params),
                                      cmd_commas(a, (int64_t)adds) } };
    putchar('\n');
    if (p->n_layer) cmd_table(row, p->n_layer + 2, 5, 3);
}

static void json_bytes(const char *name, int64_t bytes)
{
    if (bytes >= 0) printf("\"%s\":%lld,", name, (long long)bytes);
    else printf("\"%s\":null,", name);
}

static void print_json(const Report *r)
{
    const Emission *e = r->e;
    const Program *p = &e->m->prog;
    const Sizes *s = &r->sizes;
    printf("{\"name\":\"%s\",\"dtype\":\"%s\",\"math\":\"%s\",\"target\":\"%s\",", e->opts.name,
           ir_dtype_name(e->m->real), ir_math[e->m->math].name, cmd_march(e->opts.target));
    printf("\"batch\":%lld,\"bytes\":{", (long long)e->start->capacity);
    json_bytes("code", s->why ? -1 : s->code);
    json_bytes("constants", s->why ? -1 : s->constants);
    json_bytes("data", s->why ? -1 : s->data);
    if (e->opts.n_arch) json_bytes("kernels", s->images ? s->images : -1);
    json_bytes("weights", e->bytes);
    if (e->opts.n_arch) json_bytes("device_weights", r->states.device_bytes);
    json_bytes("workspace", (int64_t)r->states.about[3]);
    if (e->opts.trains) json_bytes("train_workspace", r->states.train_workspace);
    json_bytes("stack", s->stack);
    if (e->opts.trains) json_bytes("train_stack", s->train_stack);
    json_bytes("input", r->input);
    printf("\"output\":%lld},\"layers\":[", (long long)r->output);
    for (int i = 0; i < p->n_layer; i++) {
        const Layer *l = &p->layer[i];
        printf("%s{\"name\":", i ? "," : "");
        cmd_json_string(stdout, l->path);
        printf(",\"kind\":");
        cmd_json_string(stdout, l->text);
        printf(",\"output\":[");
        for (int k = 0; k < l->out.shape.rank; k++)
            printf("%s%lld", k ? "," : "", (long long)ir_dim_at(l->out.shape.dim[k], e->start->capacity));
        printf("],\"parameters\":%lld,\"multiply_adds\":%.0f}", (long long)l->params, r->adds[i]);
    }
    printf("]}\n");
}

int emission_report(const Emission *e)
{
    const Graph *infer = ir_graph_find(e->m, "infer");
    Report r = { .e = e, .states = emit_library_states(e->m, &e->opts, e->c->arena),
                 .input = value_bytes(infer, "x", e->start->capacity),
                 .output = value_bytes(infer, "output", e->start->capacity),
                 .adds = arena_alloc(e->c->arena, (size_t)e->m->prog.n_layer + 1, sizeof *r.adds) };
    cmd_layer_sums(e->start, ir_multiply_adds, r.adds);
    int code = measure(e, &r.sizes);
    cmd_folder_remove();
    if (code) return code;
    if (r.sizes.why) cmd_warn(e->c, "code and stack are not known: %s", r.sizes.why);
    if (e->c->number[OPT_report] == REPORT_JSON) print_json(&r);
    else print_text(&r);
    return EXIT_OK;
}
