/* frontend/cfuncs_read.c: functions in C, read from the JSON that cfuncs_json.c writes.
 *
 * The reader takes any bytes: every object has exactly its keys, in any order, and nothing nests
 * deeper than the format does. */
#include "frontend/cfuncs.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 40 };

/* ---- characters ---- */

typedef struct Reader {
    const char *start, *at, *end;
    Arena *arena;
    char *err;                       /* filled: reading has failed */
} Reader;

__attribute__((format(printf, 2, 3)))
static bool fail(Reader *r, const char *fmt, ...)
{
    if (r->err[0]) return false;     /* the first mistake counts */
    int n = snprintf(r->err, CFUNCS_ERR, "byte %td: ", r->at - r->start);
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->err + n, CFUNCS_ERR - (size_t)n, fmt, args);
    va_end(args);
    return false;
}

static char peek(Reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
    return r->at < r->end ? *r->at : 0;
}

static bool accept(Reader *r, char c)
{
    if (peek(r) != c || !c) return false;
    r->at++;
    return true;
}

static bool want(Reader *r, char c)
{
    return accept(r, c) || fail(r, "expected '%c'", c);
}

/* The character that an escape stands for, the backslash read; 0 after an error. */
static char escaped(Reader *r)
{
    char c = r->at < r->end ? *r->at++ : 0, digits[5] = { 0 };
    if (c == '"' || c == '\\' || c == '/') return c;
    for (int i = 0; c == 'u' && i < 4 && r->at < r->end; i++) digits[i] = *r->at++;
    char *end;
    long code = strtol(digits, &end, 16);
    if (end == digits + 4 && code > 0 && code < 0x20) return (char)code;
    return (char)fail(r, "an escape that is never written");
}

static bool read_string(Reader *r, void *to)
{
    char s[CFUNCS_STRING];
    size_t n = 0;
    if (!want(r, '"')) return false;
    while (r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20) return fail(r, "a control character in a string");
        if (n == CFUNCS_STRING) return fail(r, "a string longer than %d bytes", (int)CFUNCS_STRING);
        char c = *r->at++;
        s[n++] = c == '\\' ? escaped(r) : c;
        if (!s[n - 1]) return false;
    }
    *(const char **)to = arena_strn(r->arena, s, n);
    return want(r, '"');
}

/* The characters of a number of JSON; false: there is none. */
static bool number(Reader *r, char text[MAX_NUMBER])
{
    size_t n = 0;
    peek(r);
    while (r->at + n < r->end && r->at[n] && strchr("+-.0123456789eE", r->at[n])) n++;
    const char *digits = r->at + (n && *r->at == '-');
    if (!n || n >= MAX_NUMBER || *digits < '0' || *digits > '9') return fail(r, "expected a number");
    memcpy(text, r->at, n);
    text[n] = 0;
    r->at += n;
    return true;
}

static bool integer(Reader *r, int64_t low, int64_t high, int64_t *x)
{
    char text[MAX_NUMBER], *end;
    if (!number(r, text)) return false;
    errno = 0;
    *x = strtoll(text, &end, 10);
    return (!*end && errno == 0 && *x >= low && *x <= high)
        || fail(r, "expected an integer from %" PRId64 " to %" PRId64, low, high);
}

static bool real(Reader *r, double *x)
{
    char text[MAX_NUMBER], *end;
    const char *word;
    if (peek(r) != '"') {
        if (!number(r, text)) return false;
        *x = strtod(text, &end);
        return (!*end && isfinite(*x)) || fail(r, "this is not a number");
    }
    if (!read_string(r, &word)) return false;
    bool inf = strcmp(word, "inf") == 0 || strcmp(word, "-inf") == 0;
    *x = inf ? (*word == '-' ? -(double)INFINITY : (double)INFINITY) : (double)NAN;
    return inf || strcmp(word, "nan") == 0 || fail(r, "a number in quotes is inf, -inf or nan");
}

/* ---- arrays and objects ---- */

typedef bool Read(Reader *r, void *to);
typedef struct Field { const char *name; Read *read; } Field;   /* "?name": may be missing */

/* An array of what `item` reads into one and the same place. */
static bool array(Reader *r, Read *item, void *to)
{
    if (!want(r, '[')) return false;
    if (accept(r, ']')) return true;
    do
        if (!item(r, to)) return false;
    while (accept(r, ','));
    return want(r, ']');
}

/* An object of exactly these fields, each of which reads into one and the same place. */
static bool object(Reader *r, const Field *field, int n, void *to)
{
    unsigned seen = 0;
    if (!want(r, '{')) return false;
    do {
        const char *key;
        int k = 0;
        if (!read_string(r, &key)) return false;
        while (k < n && strcmp(field[k].name + (*field[k].name == '?'), key) != 0) k++;
        if (k == n) return fail(r, "unknown key \"%.40s\"", key);
        if (seen >> k & 1) return fail(r, "\"%.40s\" stands twice", key);
        seen |= 1u << k;
        if (!want(r, ':') || !field[k].read(r, to)) return false;
    } while (accept(r, ','));
    for (int k = 0; k < n; k++)
        if (!(seen >> k & 1) && *field[k].name != '?') return fail(r, "\"%s\" is missing", field[k].name);
    return want(r, '}');
}

/* Room for one more of n, in steps that double. */
static void *room(Reader *r, void *list, int n, size_t size)
{
    size_t used = (size_t)n;
    return used & (used - 1) ? list
         : arena_grow(r->arena, list, used, used ? 2 * used : 1, size);
}

/* ---- places ---- */

/* [file, byte, length]; node: a number in front of them, or null. Whether the file has such bytes is for
 * who has the file: cfuncs.c. */
static bool read_numbered(Reader *r, int64_t *node, CPlace *to)
{
    int64_t x[4] = { 0 };
    int first = node ? 0 : 1;
    if (!want(r, '[')) return false;
    for (int i = first; i < 4; i++) {
        if (peek(r) == ']' || (i > first && !accept(r, ',')))
            return fail(r, "a place has three numbers%s", node ? ", behind a node's" : "");
        int64_t low = i == 1 && !node ? CPLACE_CALL : 0;
        if (!integer(r, low, i == 0 ? CFUNC_MAX_NODES - 1 : i == 1 ? INT32_MAX : UINT32_MAX, &x[i])) return false;
    }
    if (node) *node = x[0];
    *to = (CPlace){ (int)x[1], (uint32_t)x[2], (uint32_t)x[3] };
    return accept(r, ']') || fail(r, "a place has three numbers%s", node ? ", behind a node's" : "");
}

static bool read_place(Reader *r, CPlace *to) { return read_numbered(r, NULL, to); }

/* ---- functions ---- */

typedef struct Function {
    CFunc f;
    ExPool *pool;
    Ex *node; int n_node, max_node;
    int64_t line, column, value;
    const char *type;
} Function;

/* Derivatives by all parameters of the largest functions stay far below it. */
enum { MAX_GRADIENT_NODES = 200000 };

static bool read_name(Reader *r, void *to) { return read_string(r, &((Function *)to)->f.name); }
static bool read_type(Reader *r, void *to) { return read_string(r, &((Function *)to)->type); }
static bool read_line(Reader *r, void *to)
{
    return integer(r, 0, INT32_MAX, &((Function *)to)->line);
}
static bool read_column(Reader *r, void *to)
{
    return integer(r, 0, INT32_MAX, &((Function *)to)->column);
}
static bool read_value(Reader *r, void *to)
{
    return integer(r, 0, MAX_GRADIENT_NODES - 1, &((Function *)to)->value);
}

static bool read_param(Reader *r, void *to)
{
    CFunc *f = &((Function *)to)->f;
    if (f->n_param == EX_MAX_ARGS)
        return fail(r, "more than %d parameters", (int)EX_MAX_ARGS);
    f->param = room(r, f->param, f->n_param, sizeof *f->param);
    return read_string(r, &f->param[f->n_param++]);
}
static bool read_params(Reader *r, void *to) { return array(r, read_param, to); }

/* Numbers of earlier nodes, as many as the operation takes. */
static bool read_operands(Reader *r, Function *f, ExOp op, Ex *e)
{
    Ex in[3] = { { 0 }, { 0 }, { 0 } };
    int k = 0;
    for (; k < 3 && accept(r, ','); k++) {
        int64_t i;
        if (!integer(r, 0, f->n_node - 1, &i)) return false;
        in[k] = f->node[i];
    }
    if (!ex_fits(f->pool, op, in[0], in[1], in[2]))
        return fail(r, "these are no operands of \"%s\"", ex_op_name(op));
    *e = ex_op(f->pool, op, in[0], in[1], in[2]);
    return true;
}

static bool read_bool(Reader *r, ExPool *pool, Ex *e)
{
    bool truth = peek(r) == 't';
    const char *word = truth ? "true" : "false";
    size_t n = strlen(word);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
        return fail(r, "expected true or false");
    r->at += n;
    *e = ex_bool(pool, truth);
    return true;
}

static bool read_leaf(Reader *r, ExPool *pool, ExOp op, Ex *e)
{
    int64_t i = 0;
    double x = 0;
    if (!want(r, ',')) return false;
    switch (op) {
    case EX_NUM: return real(r, &x) && (*e = ex_num(pool, x)).i;
    case EX_INT: return integer(r, INT64_MIN, INT64_MAX, &i) && (*e = ex_int(pool, i)).i;
    case EX_ARG: return integer(r, 0, EX_MAX_ARGS - 1, &i) && (*e = ex_arg(pool, (int)i)).i;
    default: return read_bool(r, pool, e);
    }
}

static bool read_node(Reader *r, void *to)
{
    Function *f = to;
    const char *name;
    if (f->n_node == f->max_node) return fail(r, "more than %d nodes", f->max_node);
    if (!want(r, '[') || !read_string(r, &name)) return false;
    ExOp op = ex_op_named(name);
    if (op == EX_NONE || op == EX_NAME) return fail(r, "there is no operation \"%.40s\"", name);
    f->node = room(r, f->node, f->n_node, sizeof *f->node);
    Ex *e = &f->node[f->n_node];
    bool good = op < EX_ADD ? read_leaf(r, f->pool, op, e) : read_operands(r, f, op, e);
    f->n_node++;
    return good && want(r, ']');
}
static bool read_nodes(Reader *r, void *to) { return array(r, read_node, to); }

static bool read_function_at(Reader *r, void *to) { return read_place(r, &((Function *)to)->f.at); }

/* node: its number, until all are known. */
static bool read_one_compared(Reader *r, void *to)
{
    CFunc *f = &((Function *)to)->f;
    int64_t node;
    if (f->n_compared == CFUNC_MAX_NODES) return fail(r, "more than %d comparisons", (int)CFUNC_MAX_NODES);
    f->compared = room(r, f->compared, f->n_compared, sizeof *f->compared);
    CCompared *x = &f->compared[f->n_compared++];
    if (!read_numbered(r, &node, &x->at)) return false;
    x->node = (uint32_t)node;
    return true;
}
static bool read_compared(Reader *r, void *to) { return array(r, read_one_compared, to); }

static bool read_derivative(Reader *r, void *to)
{
    int64_t node;
    (void)to;
    return integer(r, 0, MAX_GRADIENT_NODES - 1, &node);
}
static bool read_derivatives(Reader *r, void *to) { return array(r, read_derivative, to); }

static bool read_gradient(Reader *r, void *to)
{
    static const Field fields[] = {
        { "nodes", read_nodes }, { "value", read_value }, { "derivatives", read_derivatives },
    };
    Function skipped = { .pool = ex_pool(r->arena), .max_node = MAX_GRADIENT_NODES };
    (void)to;
    return object(r, fields, 3, &skipped);
}

/* What holds between the fields. */
static bool whole(Reader *r, Function *f)
{
    bool is_double = strcmp(f->type, "double") == 0;
    f->f.is_double = is_double;
    f->f.line = (int)f->line, f->f.column = (int)f->column;
    if (!is_double && strcmp(f->type, "float") != 0) return fail(r, "\"type\" is float or double");
    if (f->value >= f->n_node) return fail(r, "\"value\" is none of the nodes");
    f->f.value = f->node[f->value];
    if (ex_node(f->pool, f->f.value)->type != EXT_REAL) return fail(r, "\"value\" is no real number");
    for (int i = 0; i < f->f.n_compared; i++) {
        CCompared *x = &f->f.compared[i];
        Ex e = x->node < (uint32_t)f->n_node ? f->node[x->node] : (Ex){ 0 };
        if (!e.i || e.i > f->f.value.i || !fe_is_comparison(ex_node(f->pool, e)->op))
            return fail(r, "\"compared\" has a node that is no comparison");
        x->node = e.i;
    }
    return ex_args_used(f->pool, f->f.value) >> f->f.n_param == 0
        || fail(r, "an argument that is none of \"params\"");
}

static bool read_function(Reader *r, void *to)
{
    static const Field fields[] = {
        { "name", read_name }, { "params", read_params }, { "type", read_type },
        { "line", read_line }, { "column", read_column }, { "nodes", read_nodes },
        { "value", read_value }, { "?at", read_function_at }, { "?compared", read_compared },
        { "?gradient", read_gradient },
    };
    CFuncs *c = to;
    Function f = { .pool = c->pool, .max_node = CFUNC_MAX_NODES };
    if (!object(r, fields, sizeof fields / sizeof *fields, &f) || !whole(r, &f)) return false;
    if (fe_cfunc(c, f.f.name)) return fail(r, "the function \"%.40s\" stands twice", f.f.name);
    c->f = room(r, c->f, c->n, sizeof *c->f);
    c->f[c->n++] = f.f;
    return true;
}

/* ---- what was said ---- */

/* What Clang's reading of a file may leave to be said again. */
static const DiagId kept[] = {
    DIAG_c_precision, DIAG_c_rounds, DIAG_c_slope, DIAG_c_derivative, DIAG_c_jump, DIAG_c_alone,
};

typedef struct Said { CSaid s; } Said;

static bool read_code(Reader *r, void *to)
{
    const char *code;
    if (!read_string(r, &code)) return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcmp(fe_diag_info[kept[i]].code, code) == 0) return ((Said *)to)->s.id = kept[i], true;
    return fail(r, "no warning of C functions has the code \"%.40s\"", code);
}
static bool read_of(Reader *r, void *to) { return read_string(r, &((Said *)to)->s.function); }
static bool read_text(Reader *r, void *to) { return read_string(r, &((Said *)to)->s.text); }
static bool read_help(Reader *r, void *to) { return read_string(r, &((Said *)to)->s.help); }
static bool read_note(Reader *r, void *to) { return read_string(r, &((Said *)to)->s.note); }

static bool read_at(Reader *r, void *to) { return read_place(r, &((Said *)to)->s.at); }
static bool read_note_at(Reader *r, void *to) { return read_place(r, &((Said *)to)->s.note_at); }

static bool read_warning(Reader *r, void *to)
{
    static const Field fields[] = {
        { "code", read_code }, { "?function", read_of }, { "text", read_text }, { "at", read_at },
        { "?help", read_help }, { "?note", read_note }, { "?note_at", read_note_at },
    };
    CFuncs *c = to;
    Said said = { .s = { .id = 0 } };
    if (c->n_said == FE_MAX_DIAGS) return fail(r, "more than %d warnings", (int)FE_MAX_DIAGS);
    if (!object(r, fields, sizeof fields / sizeof *fields, &said)) return false;
    c->said = room(r, c->said, c->n_said, sizeof *c->said);
    c->said[c->n_said++] = said.s;
    return true;
}

/* ---- the file ---- */

static bool read_version(Reader *r, void *to)
{
    int64_t version;
    (void)to;
    return integer(r, CFUNCS_VERSION, CFUNCS_VERSION, &version);
}
static bool read_source(Reader *r, void *to) { return read_string(r, &((CFuncs *)to)->source); }
static bool read_hash(Reader *r, void *to) { return read_string(r, &((CFuncs *)to)->hash); }
static bool read_functions(Reader *r, void *to) { return array(r, read_function, to); }
static bool read_warnings(Reader *r, void *to) { return array(r, read_warning, to); }

static bool read_include_file(Reader *r, void *to)
{
    return read_string(r, &((CInclude *)to)->file);
}
static bool read_include_hash(Reader *r, void *to)
{
    return read_string(r, &((CInclude *)to)->hash);
}

static bool read_include(Reader *r, void *to)
{
    static const Field fields[] = { { "file", read_include_file }, { "hash", read_include_hash } };
    CFuncs *c = to;
    c->include = room(r, c->include, c->n_include, sizeof *c->include);
    return object(r, fields, 2, &c->include[c->n_include++]);
}
static bool read_includes(Reader *r, void *to) { return array(r, read_include, to); }

CFuncs *fe_cfuncs_read(Arena *a, const char *text, size_t len, char err[CFUNCS_ERR])
{
    static const Field fields[] = {
        { "seqc_functions", read_version }, { "source", read_source }, { "hash", read_hash },
        { "includes", read_includes }, { "warnings", read_warnings },
        { "functions", read_functions },
    };
    Reader r = { .start = text, .at = text, .end = text + len, .arena = a, .err = err };
    CFuncs *c = arena_alloc(a, 1, sizeof *c);
    err[0] = 0;
    c->pool = ex_pool(a);
    bool good = object(&r, fields, sizeof fields / sizeof *fields, c);
    if (good && (peek(&r) || r.at < r.end)) good = fail(&r, "something follows the functions");
    return good ? c : NULL;
}
