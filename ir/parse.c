/* ir/parse.c: text to module, the inverse of ir/print.c.
 *
 * Line by line, one fact a line, no recursion; every table grows with the text, so hostile text costs
 * memory in proportion to its length. Types are derived again and must be what the text says; the
 * whole module is verified before it is handed out.
 *
 *   module   = "seqc.ir 1" {file | batch | real | stage} {state} [program] {graph} ["buffers states" …]
 *   graph    = "graph" NAME {node} {root} ["kernels" NAME {kernel}] ["buffers" NAME … {buffer}]
 *   node     = %N "=" op ["name"] [operand {"," operand}] [{ attributes }] ":" type [place]
 *   operand  = %N | "state key"          place = "@" file ":" line ":" col
 *   root     = ("return" NAME | "grad" "key" | "update" "key") "=" operand {[","] …}
 * Numbers of nodes are any, each once; the printer counts from 0. Comments go from # to the end. */
#include "ir/parse.h"
#include <string.h>

typedef enum { IN_HEAD, IN_STATES, IN_PROGRAM, IN_GRAPH, IN_ROOTS, IN_KERNELS, IN_BUFFERS, IN_STATE_BUFFERS }
    Section;
enum { MAX_NAMED = 1000, MAX_IN = 26 };

/* ---- numbers and operands ---- */

static NumberSlot *number_slot(Parser *p, int64_t number)
{
    uint32_t mask = p->cap - 1;
    uint32_t i = (uint32_t)((uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (p->slot[i].val && p->slot[i].number != number)
        i = (i + 1) & mask;
    return &p->slot[i];
}

static void number_add(Parser *p, int64_t number, Val v)
{
    if (p->count * 2 >= p->cap) {
        NumberSlot *old = p->slot;
        uint32_t cap = p->cap;
        p->cap = cap ? cap * 2 : 64;
        p->slot = arena_alloc(p->scratch, p->cap, sizeof *p->slot);
        for (uint32_t i = 0; i < cap; i++)
            if (old[i].val)
                *number_slot(p, old[i].number) = old[i];
    }
    *number_slot(p, number) = (NumberSlot){number, v.i};
    p->count++;
}

static Val state_operand(Parser *p)
{
    State s = lex_state(&p->l);
    if (!s.i)
        return (Val){0};
    if (!p->state_node[s.i])
        p->state_node[s.i] = ir_state_node(p->g, s).i;
    return (Val){p->state_node[s.i]};
}

Val parse_val(Parser *p)
{
    Lex *l = &p->l;
    size_t start = lex_here(l);
    if (lex_peek(l) == '"')
        return state_operand(p);
    if (!lex_accept(l, '%')) {
        lex_expected(l, "a value (%number or a state's key in quotes)");
        return (Val){0};
    }
    int64_t number = lex_int(l, 0, INT32_MAX, "a value's number");
    Val v = {l->failed || !p->cap ? 0 : number_slot(p, number)->val};
    if (!v.i)
        lex_fail(l, start, "%%%lld is not defined above in graph %.100s", (long long)number, p->g->name);
    return v;
}

/* ---- head and states ---- */

static void parse_version(Parser *p)
{
    Lex *l = &p->l;
    size_t start = lex_here(l);
    if (!lex_line(l) || strcmp(lex_name(l, "seqc.ir"), "seqc.ir") != 0) {
        l->failed = false;
        lex_fail(l, start, "the text does not begin with: seqc.ir %d", IR_VERSION);
        return;
    }
    start = lex_here(l);
    int64_t version = lex_int(l, 0, INT32_MAX, "the version");
    if (version != IR_VERSION)
        lex_fail(l, start, "this is version %lld of the text; version %d is understood",
                 (long long)version, IR_VERSION);
    lex_end(l);
}

static bool parse_head_line(Parser *p, Word w)
{
    Lex *l = &p->l;
    Module *m = p->m;
    if (lex_is(w, "file")) {
        int before = m->n_file;
        if (before > IR_MAX_FILES)
            lex_fail(l, w.at, "there are more than %d files", IR_MAX_FILES);
        const char *name = lex_string(l, "a file name in quotes");
        if (strchr(name, '/'))
            lex_fail(l, w.at, "a file is named by its base name, without '/'");
        if (!l->failed && ir_file(m, name) != before)
            lex_fail(l, w.at, "file \"%.100s\" is named twice", name);
    } else if (lex_is(w, "batch")) {
        lex_need_word(l, "n");
        lex_need(l, '<');
        lex_need(l, '=');
        m->capacity = lex_int(l, 1, IR_MAX_CAPACITY, "the batch");
    } else if (lex_is(w, "real")) {
        const char *const names[] = {"f32", "f64"};
        m->real = lex_choice(l, "a real type (f32 f64)", names, 2) == 1 ? DT_f64 : DT_f32;
    } else if (lex_is(w, "stage")) {
        m->stage = lex_name(l, "a stage");
    } else {
        return false;
    }
    return true;
}

static void parse_state_line(Parser *p)
{
    Lex *l = &p->l;
    size_t start = lex_here(l);
    const char *key = lex_string(l, "a state's key in quotes");
    lex_need(l, ':');
    size_t at = lex_here(l);
    Type t = lex_type(l);
    int role = lex_choice(l, "a role (param frozen buffer optimizer)", ir_role_name, 4);
    Loc loc = lex_place(l);
    if (l->failed)
        return;
    if (ir_state_find(p->m, key).i)
        lex_fail(l, start, "state \"%.100s\" is there already", key);
    else if (ir_has_n(&t.shape))
        lex_fail(l, at, "a state has no batch axis");
    else
        ir_state_add(p->m, key, (Role)role, t, loc);
}

/* ---- nodes ---- */

static void parse_attr_value(Parser *p, Attr *a)
{
    Lex *l = &p->l;
    const AttrInfo *info = &ir_attr_info[a->id];
    if (info->kind == ATK_FLAG)
        return;
    lex_need(l, '=');
    if (info->kind == ATK_INT) {
        a->u.i = lex_int(l, INT64_MIN, INT64_MAX, "a number");
    } else if (info->kind == ATK_REAL) {
        a->u.r = lex_real(l, "a number");
    } else if (info->kind == ATK_STR || info->kind == ATK_EXPR) {
        a->u.s = lex_string(l, "text in quotes");
    } else {
        int64_t *ints = NULL;
        double *reals = NULL;
        int cap = 0;
        lex_need(l, '[');
        while (!l->failed && lex_peek(l) != ']') {
            if (a->count)
                lex_need(l, ',');
            if (a->count == cap) {
                int wider = cap ? cap * 2 : 8;
                ints = arena_grow(p->scratch, ints, (size_t)cap, (size_t)wider, sizeof *ints);
                reals = arena_grow(p->scratch, reals, (size_t)cap, (size_t)wider, sizeof *reals);
                cap = wider;
            }
            if (info->kind == ATK_INTS)
                ints[a->count++] = lex_int(l, INT64_MIN, INT64_MAX, "a number");
            else
                reals[a->count++] = lex_real(l, "a number");
        }
        lex_need(l, ']');
        if (info->kind == ATK_INTS)
            a->u.ints = ints;
        else
            a->u.reals = reals;
    }
}

static int parse_attrs(Parser *p, Op op, Attr attr[AT_COUNT])
{
    Lex *l = &p->l;
    uint64_t seen = 0;
    int n = 0;
    if (!lex_accept(l, '{'))
        return 0;
    while (!l->failed && !lex_accept(l, '}')) {
        Word w = lex_word(l);
        int id = w.n ? ir_attr_named(w.s, w.n) : -1;
        if (!w.n) {
            lex_expected(l, "an attribute or '}'");
        } else if (id < 0 || !(ir_attrs_allowed(op) >> id & 1)) {
            Near near = ir_near(w.s, w.n);
            for (int i = 0; i < AT_COUNT; i++)
                if (ir_attrs_allowed(op) >> i & 1)
                    ir_near_try(&near, ir_attr_info[i].name);
            lex_fail(l, w.at, "%s has no attribute '%.*s'%s%s%s", ir_op[op].name,
                     (int)(w.n < 40 ? w.n : 40), w.s, near.best ? "; did you mean '" : "",
                     near.best ? near.best : "", near.best ? "'?" : "");
        } else if (seen >> id & 1) {
            lex_fail(l, w.at, "attribute %s is given twice", ir_attr_info[id].name);
        } else {
            seen |= UINT64_C(1) << id;
            attr[n] = (Attr){.id = (AttrId)id};
            parse_attr_value(p, &attr[n++]);
        }
    }
    return n;
}

static Op parse_op(Parser *p)
{
    Lex *l = &p->l;
    Word w = lex_word(l);
    if (!w.n) {
        lex_expected(l, "an op");
        return OP_NONE;
    }
    Op op = ir_op_named(w.s, w.n);
    if (op == OP_state) {
        lex_fail(l, w.at, "a state is written as its key in quotes where it is read");
        return OP_NONE;
    }
    if (op)
        return op;
    Near near = ir_near(w.s, w.n);
    for (int i = OP_NONE + 1; i < OP_COUNT; i++)
        if (i != OP_state)
            ir_near_try(&near, ir_op[i].name);
    lex_fail(l, w.at, "'%.*s' is not an op%s%s%s", (int)(w.n < 40 ? w.n : 40), w.s,
             near.best ? "; did you mean '" : "", near.best ? near.best : "", near.best ? "'?" : "");
    return OP_NONE;
}

/* An input or a scalar: op "name". */
static Val add_named(Parser *p, Op op, size_t at, const char *name, const Type *t, Loc loc)
{
    Lex *l = &p->l;
    Graph *g = p->g;
    Type want = ir_type_of(op == OP_scalar ? p->m->real : t->dtype, t->shape);
    if (op == OP_scalar)
        want.shape.rank = 0;
    if (!ir_type_eq(&want, t)) {
        lex_fail(l, at, op == OP_scalar ? "a scalar has type %s[]" : "an input of %s lies plain",
                 ir_dtype_name(want.dtype));
        return (Val){0};
    }
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == op && g->node[i].name == name) {
            lex_fail(l, at, "%s \"%.100s\" is there already", ir_op[op].name, name);
            return (Val){0};
        }
    if (++p->n_named > MAX_NAMED) {
        lex_fail(l, at, "a graph has at most %d inputs and scalars", MAX_NAMED);
        return (Val){0};
    }
    return op == OP_scalar ? ir_scalar(g, name, loc) : ir_input(g, name, *t, loc);
}

static void parse_node(Parser *p)
{
    Lex *l = &p->l;
    Val in[MAX_IN], v = {0};
    Attr attr[AT_COUNT];
    int n_in = 0;
    char why[IR_ERR];
    size_t start = lex_here(l);
    lex_need(l, '%');
    int64_t number = lex_int(l, 0, INT32_MAX, "a value's number");
    if (!l->failed && p->cap && number_slot(p, number)->val)
        lex_fail(l, start, "%%%lld is defined twice", (long long)number);
    lex_need(l, '=');
    size_t op_at = lex_here(l);
    Op op = parse_op(p);
    bool named = op == OP_input || op == OP_scalar;
    size_t name_at = lex_here(l);
    const char *name = named ? lex_string(l, "its name in quotes") : NULL;
    if (!named && (lex_peek(l) == '%' || lex_peek(l) == '"'))
        do {
            if (n_in == MAX_IN)
                lex_fail(l, lex_here(l), "a node has at most %d operands", MAX_IN);
            else
                in[n_in++] = parse_val(p);
        } while (!l->failed && lex_accept(l, ','));
    int n_attr = l->failed || named ? 0 : parse_attrs(p, op, attr);
    if (!l->failed && lex_peek(l) != ':')
        lex_expected(l, n_attr || named ? "':' and the type"
                        : n_in ? "',', '{' or ':' and the type" : "an operand, '{' or ':' and the type");
    lex_need(l, ':');
    Type t = lex_type(l);
    Loc loc = lex_place(l);
    lex_end(l);
    if (l->failed)
        return;
    if (named) {
        v = add_named(p, op, name_at, name, &t, loc);
    } else {
        v = ir_try_add(p->g, op, loc, &t, in, n_in, attr, n_attr, why);
        if (!v.i)
            lex_fail(l, op_at, "%.480s", why);
    }
    if (v.i)
        number_add(p, number, v);
}

static void parse_roots(Parser *p, Word w)
{
    Lex *l = &p->l;
    bool returns = lex_is(w, "return");
    char why[IR_ERR];
    do {
        size_t at = lex_here(l);
        const char *name = returns ? lex_name(l, "a result's name") : NULL;
        State s = returns ? (State){0} : lex_state(l);
        lex_need(l, '=');
        Val v = l->failed ? (Val){0} : parse_val(p);
        Root r = {returns ? ROOT_RETURN : lex_is(w, "grad") ? ROOT_GRAD : ROOT_UPDATE, name, s, v};
        if (!l->failed && !ir_root_check(p->g, &r, why))
            lex_fail(l, at, "%.480s", why);
        if (l->failed)
            return;
        if (r.kind == ROOT_RETURN)
            ir_return(p->g, name, v);
        else if (r.kind == ROOT_GRAD)
            ir_grad(p->g, s, v);
        else
            ir_update(p->g, s, v);
        lex_accept(l, ',');
    } while (!lex_at_end(l));
}

/* ---- sections ---- */

static void parse_graph_head(Parser *p)
{
    Lex *l = &p->l;
    size_t at = lex_here(l);
    const char *name = lex_name(l, "the graph's name");
    if (l->failed)
        return;
    if (ir_graph_find(p->m, name)) {
        lex_fail(l, at, "graph %.100s is there already", name);
        return;
    }
    if (p->m->n_graph == IR_MAX_GRAPHS) {
        lex_fail(l, at, "there are more than %d graphs", IR_MAX_GRAPHS);
        return;
    }
    p->graph_line[p->m->n_graph] = l->line;
    p->g = ir_graph_add(p->m, name);
    p->slot = NULL;
    p->cap = p->count = 0;
    p->n_named = 0;
    p->state_node = arena_alloc(p->scratch, p->m->n_state, sizeof *p->state_node);
}

/* The name after `kernels` or `buffers` is that of the graph above. */
static void parse_section_name(Parser *p, const char *word)
{
    Lex *l = &p->l;
    size_t at = lex_here(l);
    const char *name = lex_name(l, "the graph's name");
    if (!l->failed && (!p->g || p->g->name != name))
        lex_fail(l, at, "%s %.100s must follow its graph", word, name);
}

static void parse_state_offset(Parser *p)
{
    Lex *l = &p->l;
    size_t at = lex_here(l);
    State s = lex_state(l);
    lex_need(l, '@');
    int64_t offset_bytes = lex_int(l, 0, INT64_MAX, "an offset");
    if (l->failed)
        return;
    StateInfo *info = ir_state(p->m, s);
    if (info->offset_bytes >= 0)
        lex_fail(l, at, "state \"%.100s\" has its place already", info->key);
    info->offset_bytes = offset_bytes;
}

static Section leave(Parser *p, Section from)
{
    if (from == IN_KERNELS)
        parse_kernels_done(p);
    if (from == IN_BUFFERS)
        parse_buffers_done(p);
    return from;
}

static void out_of_place(Parser *p, Word w, const char *rule)
{
    lex_fail(&p->l, w.at, "'%.*s' does not stand here: %s", (int)(w.n < 40 ? w.n : 40), w.s, rule);
}

static void unknown_line(Parser *p, Word w, Section in)
{
    static const char *const want[] = {
        "a line: file, batch, real, stage, state, program or graph", "a state, the program or a graph",
        "a line of the program (or a graph)", "a node (%number = …) or a root (return, grad, update)",
        "a root, kernels, buffers or a graph", "a kernel (k0 …), buffers or a graph",
        "a buffer, a graph or buffers states", "a state's place",
    };
    static const char *const word[] = {"file", "batch", "real", "stage", "state", "program", "graph",
                                       "return", "grad", "update", "kernels", "buffers"};
    Near near = ir_near(w.s, w.n);
    for (size_t i = 0; i < sizeof word / sizeof *word && w.n; i++)
        ir_near_try(&near, word[i]);
    p->l.at = w.at;
    if (near.best && w.n)
        lex_fail(&p->l, w.at, "expected %s, found '%.*s'; did you mean '%s'?", want[in],
                 (int)(w.n < 40 ? w.n : 40), w.s, near.best);
    else
        lex_expected(&p->l, want[in]);
}

/* One line; the section that it belongs to. */
static Section parse_line(Parser *p, Section in)
{
    Lex *l = &p->l;
    int c = lex_peek(l);
    size_t start = l->at;
    if (c == '%' && in == IN_GRAPH) {
        parse_node(p);
        return in;
    }
    if (c == '%' && in == IN_BUFFERS) {
        parse_buffer_line(p);
        return in;
    }
    if (c == '"' && in == IN_STATE_BUFFERS) {
        parse_state_offset(p);
        return in;
    }
    Word w = lex_word(l);
    if (in == IN_PROGRAM && parse_is_program_word(w)) {
        parse_program_line(p, w);
    } else if (in == IN_HEAD && parse_head_line(p, w)) {
        return in;
    } else if (lex_is(w, "state") && in <= IN_STATES) {
        parse_state_line(p);
        return IN_STATES;
    } else if (lex_is(w, "program") && in <= IN_STATES) {
        parse_program_line(p, w);
        return IN_PROGRAM;
    } else if (lex_is(w, "graph") && in < IN_STATE_BUFFERS) {
        leave(p, in);
        parse_graph_head(p);
        return IN_GRAPH;
    } else if ((lex_is(w, "return") || lex_is(w, "grad") || lex_is(w, "update"))
               && (in == IN_GRAPH || in == IN_ROOTS)) {
        parse_roots(p, w);
        return IN_ROOTS;
    } else if (lex_is(w, "kernels") && (in == IN_GRAPH || in == IN_ROOTS)) {
        parse_section_name(p, "kernels");
        return IN_KERNELS;
    } else if (lex_is(w, "buffers") && in < IN_STATE_BUFFERS) {
        if (lex_accept_word(l, "states") && lex_peek(l) != 'a') {
            leave(p, in);
            p->m->state_bytes = lex_int(l, 0, INT64_MAX, "the bytes of all states");
            return IN_STATE_BUFFERS;
        }
        l->at = w.at + w.n;
        if (in != IN_KERNELS) {
            out_of_place(p, w, "buffers follow the kernels of their graph");
            return in;
        }
        leave(p, in);
        parse_section_name(p, "buffers");
        parse_buffers_head(p);
        return IN_BUFFERS;
    } else if (in == IN_KERNELS && w.n > 1 && w.s[0] == 'k') {
        parse_kernel_line(p, w);
    } else if (in == IN_BUFFERS && lex_is(w, "scratch")) {
        l->at = start;
        parse_buffer_line(p);
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
    while (lex_line(&p.l)) {
        in = parse_line(&p, in);
        lex_end(&p.l);
    }
    if (!p.l.failed)
        leave(&p, in);
    int wrong = p.l.failed ? -1 : ir_verify_where(p.m, why);
    if (wrong >= 0) {
        p.l.line = wrong ? p.graph_line[wrong - 1] : 1;
        p.l.line_start = p.l.at;
        lex_fail(&p.l, p.l.at, "%.480s", why);
    }
    arena_free(p.scratch);
    if (!p.l.failed)
        return p.m;
    ir_module_free(p.m);
    return NULL;
}
