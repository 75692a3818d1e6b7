/* ir/parse.c: text to module, the inverse of ir/print.c.
 *
 * Line by line, one fact a line, no recursion; every table grows with the text, so hostile text
 * costs memory in proportion to its length. Types are derived again and must be what the text says;
 * the whole module is verified before it is handed out.
 *
 *   module   = "seqc.ir 1" {file | batch | real | math | stage} {state} [program] {graph}
 *              ["buffers states" …]
 *   graph    = "graph" NAME {node} {root} ["kernels" NAME ["in one block"] {kernel}]
 *              ["buffers" NAME … {buffer}]
 *   node     = %N "=" op ["name"] [operand {"," operand}] [{ attributes }] ":" type [place]
 *   operand  = %N | "state key"          place = "@" file ":" line ":" col
 *   root     = ("return" NAME | "grad" "key" | "update" "key") "=" operand {[","] …}
 * Numbers of nodes are any, each once; the printer counts from 0. Comments go from # to the end. */
#include "ir/parse.h"
#include <string.h>

typedef enum {
    IN_HEAD,
    IN_STATES,
    IN_PROGRAM,
    IN_GRAPH,
    IN_ROOTS,
    IN_KERNELS,
    IN_BUFFERS,
    IN_STATE_BUFFERS
} Section;

/* ---- head and states ---- */

static void parse_version(Parser *p)
{
    Lex *l = &p->l;
    size_t start = ir_lex_here(l);
    if (!ir_lex_line(l) || strcmp(ir_lex_name(l, "seqc.ir"), "seqc.ir") != 0) {
        l->failed = false;
        l->line = 1;                     /* whatever line the first word was looked for in */
        l->line_start = 0;
        ir_lex_fail(l, start, "the text does not begin with: seqc.ir %d", IR_VERSION);
        return;
    }
    start = ir_lex_here(l);
    int64_t version = ir_lex_int(l, 0, INT32_MAX, "the version");
    if (version != IR_VERSION)
        ir_lex_fail(l, start, "this is version %lld of the text; version %d is understood",
                    (long long)version, IR_VERSION);
    ir_lex_end(l);
}

static bool parse_head_line(Parser *p, Word w)
{
    Lex *l = &p->l;
    Module *m = p->m;
    if (ir_lex_is(w, "file")) {
        int before = m->n_file;
        if (before > IR_MAX_FILES)
            ir_lex_fail(l, w.at, "there are more than %d files", IR_MAX_FILES);
        const char *name = ir_lex_string(l, "a file name in quotes");
        if (strchr(name, '/'))
            ir_lex_fail(l, w.at, "a file is named by its base name, without '/'");
        if (!l->failed && ir_file(m, name) != before)
            ir_lex_fail(l, w.at, "file \"%.100s\" is named twice", name);
    } else if (ir_lex_is(w, "batch")) {
        ir_lex_need_word(l, "n");
        ir_lex_need(l, '<');
        ir_lex_need(l, '=');
        m->capacity = ir_lex_int(l, 1, IR_MAX_CAPACITY, "the batch");
    } else if (ir_lex_is(w, "real")) {
        const char *const names[] = {"f32", "f64"};
        m->real = ir_lex_choice(l, "a real type (f32 f64)", names, 2) == 1 ? DT_f64 : DT_f32;
    } else if (ir_lex_is(w, "math")) {
        const char *names[MATH_COUNT];
        for (int i = 0; i < MATH_COUNT; i++)
            names[i] = ir_math[i].name;
        int mode = ir_lex_choice(l, "a precision mode (default strict fast bf16)", names,
                                 MATH_COUNT);
        m->math = mode < 0 ? MATH_default : (MathMode)mode;
    } else if (ir_lex_is(w, "stage")) {
        m->stage = ir_lex_name(l, "a stage");
    } else {
        return false;
    }
    return true;
}

static void parse_state_line(Parser *p)
{
    Lex *l = &p->l;
    size_t start = ir_lex_here(l);
    const char *key = ir_lex_string(l, "a state's key in quotes");
    ir_lex_need(l, ':');
    size_t at = ir_lex_here(l);
    Type t = ir_lex_type(l);
    int role = ir_lex_choice(l, "a role (param frozen buffer optimizer)", ir_role_name, 4);
    Loc loc = ir_lex_place(l);
    if (l->failed)
        return;
    if (ir_state_find(p->m, key).i)
        ir_lex_fail(l, start, "state \"%.100s\" is there already", key);
    else if (ir_has_n(&t.shape))
        ir_lex_fail(l, at, "a state has no batch axis");
    else
        ir_state_add(p->m, key, (Role)role, t, loc);
}

/* ---- roots ---- */

static void parse_roots(Parser *p, Word w)
{
    Lex *l = &p->l;
    bool returns = ir_lex_is(w, "return");
    char why[IR_ERR];
    do {
        size_t at = ir_lex_here(l);
        const char *name = returns ? ir_lex_name(l, "a result's name") : NULL;
        State s = returns ? (State){0} : ir_lex_state(l);
        ir_lex_need(l, '=');
        Val v = l->failed ? (Val){0} : ir_parse_val(p);
        Root r = {returns                ? ROOT_RETURN
                  : ir_lex_is(w, "grad") ? ROOT_GRAD
                                         : ROOT_UPDATE,
                  name, s, v};
        if (!l->failed && !ir_root_check(p->g, &r, why))
            ir_lex_fail(l, at, "%.480s", why);
        if (l->failed)
            return;
        if (r.kind == ROOT_RETURN)
            ir_return(p->g, name, v);
        else if (r.kind == ROOT_GRAD)
            ir_grad(p->g, s, v);
        else
            ir_update(p->g, s, v);
        ir_lex_accept(l, ',');
    } while (!ir_lex_at_end(l));
}

/* ---- sections ---- */

static void parse_graph_head(Parser *p)
{
    Lex *l = &p->l;
    size_t at = ir_lex_here(l);
    const char *name = ir_lex_name(l, "the graph's name");
    if (l->failed)
        return;
    if (ir_graph_find(p->m, name)) {
        ir_lex_fail(l, at, "graph %.100s is there already", name);
        return;
    }
    if (p->m->n_graph == IR_MAX_GRAPHS) {
        ir_lex_fail(l, at, "there are more than %d graphs", IR_MAX_GRAPHS);
        return;
    }
    p->graph_line[p->m->n_graph] = l->line;
    p->g = ir_graph_add(p->m, name);
    p->slot = NULL;
    p->cap = p->count = 0;
    p->n_named = 0;
}

/* The name after `kernels` or `buffers` is that of the graph above. */
static void parse_section_name(Parser *p, const char *word)
{
    Lex *l = &p->l;
    size_t at = ir_lex_here(l);
    const char *name = ir_lex_name(l, "the graph's name");
    if (!l->failed && (!p->g || p->g->name != name))
        ir_lex_fail(l, at, "%s %.100s must follow its graph", word, name);
}

static void parse_state_offset(Parser *p)
{
    Lex *l = &p->l;
    size_t at = ir_lex_here(l);
    State s = ir_lex_state(l);
    ir_lex_need(l, '@');
    int64_t offset_bytes = ir_lex_int(l, 0, INT64_MAX, "an offset");
    if (l->failed)
        return;
    StateInfo *info = ir_state(p->m, s);
    if (info->offset_bytes >= 0)
        ir_lex_fail(l, at, "state \"%.100s\" has its place already", info->key);
    info->offset_bytes = offset_bytes;
}

static Section leave(Parser *p, Section from)
{
    if (from == IN_KERNELS)
        ir_parse_kernels_done(p);
    if (from == IN_BUFFERS)
        ir_parse_buffers_done(p);
    return from;
}

static void out_of_place(Parser *p, Word w, const char *rule)
{
    ir_lex_fail(&p->l, w.at, "'%.*s' does not stand here: %s", (int)(w.n < 40 ? w.n : 40), w.s,
                rule);
}

static void unknown_line(Parser *p, Word w, Section in)
{
    static const char *const want[] = {
        "a line: file, batch, real, math, stage, state, program or graph",
        "a state, the program or a graph",
        "a line of the program (or a graph)",
        "a node (%number = …) or a root (return, grad, update)",
        "a root, kernels, buffers or a graph",
        "a kernel (k0 …), buffers or a graph",
        "a buffer, a graph or buffers states",
        "a state's place",
    };
    static const char *const word[] = {"file",  "batch",  "real",   "math", "stage",
                                       "state", "program", "graph", "return", "grad",
                                       "update", "kernels", "buffers"};
    Near near = ir_near(w.s, w.n);
    for (size_t i = 0; i < sizeof word / sizeof *word && w.n; i++)
        ir_near_try(&near, word[i]);
    bool itself = near.best && strlen(near.best) == w.n && !memcmp(near.best, w.s, w.n);
    p->l.at = w.at;
    if (near.best && w.n && !itself)
        ir_lex_fail(&p->l, w.at, "expected %s, found '%.*s'; did you mean '%s'?", want[in],
                    (int)(w.n < 40 ? w.n : 40), w.s, near.best);
    else
        ir_lex_expected(&p->l, want[in]);
}

/* `buffers states BYTES`, or the plan of the graph above, which may be named "states" too. */
static Section parse_buffers(Parser *p, Section in, Word w)
{
    Lex *l = &p->l;
    if (ir_lex_accept_word(l, "states") && ir_lex_peek(l) != 'a') {
        leave(p, in);
        p->m->state_bytes = ir_lex_int(l, 0, INT64_MAX, "the bytes of all states");
        return IN_STATE_BUFFERS;
    }
    l->at = w.at + w.n;
    if (in != IN_KERNELS) {
        out_of_place(p, w, "buffers follow the kernels of their graph");
        return in;
    }
    leave(p, in);
    parse_section_name(p, "buffers");
    ir_parse_buffers_head(p);
    return IN_BUFFERS;
}

/* One line; the section that it belongs to. */
static Section parse_line(Parser *p, Section in)
{
    Lex *l = &p->l;
    int c = ir_lex_peek(l);
    size_t start = l->at;
    if (c == '%' && in == IN_GRAPH) {
        ir_parse_node(p);
        return in;
    }
    if (c == '%' && in == IN_BUFFERS) {
        ir_parse_buffer_line(p);
        return in;
    }
    if (c == '"' && in == IN_STATE_BUFFERS) {
        parse_state_offset(p);
        return in;
    }
    Word w = ir_lex_word(l);
    if (in == IN_PROGRAM && ir_parse_is_program_word(w)) {
        ir_parse_program_line(p, w);
    } else if (in == IN_HEAD && parse_head_line(p, w)) {
        return in;
    } else if (ir_lex_is(w, "state") && in <= IN_STATES) {
        parse_state_line(p);
        return IN_STATES;
    } else if (ir_lex_is(w, "program") && in <= IN_STATES) {
        ir_parse_program_line(p, w);
        return IN_PROGRAM;
    } else if (ir_lex_is(w, "graph") && in < IN_STATE_BUFFERS) {
        leave(p, in);
        parse_graph_head(p);
        return IN_GRAPH;
    } else if ((ir_lex_is(w, "return") || ir_lex_is(w, "grad") || ir_lex_is(w, "update"))
               && (in == IN_GRAPH || in == IN_ROOTS)) {
        parse_roots(p, w);
        return IN_ROOTS;
    } else if (ir_lex_is(w, "kernels") && (in == IN_GRAPH || in == IN_ROOTS)) {
        parse_section_name(p, "kernels");
        ir_parse_kernels_head(p);
        return IN_KERNELS;
    } else if (ir_lex_is(w, "buffers") && in < IN_STATE_BUFFERS) {
        return parse_buffers(p, in, w);
    } else if (in == IN_KERNELS && w.n > 1 && w.s[0] == 'k') {
        ir_parse_kernel_line(p, w);
    } else if (in == IN_BUFFERS && ir_lex_is(w, "scratch")) {
        l->at = start;
        ir_parse_buffer_line(p);
    } else {
        unknown_line(p, w, in);
    }
    return in;
}

Module *ir_parse(const char *text, size_t len, ParseErr *err)
{
    Parser p = {.m = ir_module_new(), .scratch = arena_new()};
    char why[IR_ERR];
    *err = (ParseErr){0};
    p.l = (Lex){.text = text, .len = len, .line = 1, .err = err, .m = p.m};
    Section in = IN_HEAD;
    parse_version(&p);
    while (ir_lex_line(&p.l)) {
        in = parse_line(&p, in);
        ir_lex_end(&p.l);
    }
    if (!p.l.failed)
        leave(&p, in);
    int wrong = p.l.failed ? -1 : ir_verify_where(p.m, why);
    if (wrong >= 0) {
        p.l.line = wrong ? p.graph_line[wrong - 1] : 1;
        p.l.line_start = p.l.at;
        ir_lex_fail(&p.l, p.l.at, "%.480s", why);
    }
    arena_free(p.scratch);
    if (!p.l.failed)
        return p.m;
    ir_module_free(p.m);
    return NULL;
}
