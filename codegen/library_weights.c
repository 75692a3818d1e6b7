/* codegen/library_weights.c: the weights of a library: NAME_params as bytes, and as a C file that
 * has them as numbers or has the assembler include them, since C compilers take a second for each
 * megabyte of numbers. */
#include "codegen/library.h"
#include <string.h>

/* The beginning of NAME_params. */
typedef struct Head {
    uint32_t magic, abi;
    uint64_t model, bytes, sum, unused[4];
} Head;
_Static_assert(sizeof(Head) == LIBRARY_HEAD_BYTES, "the head of params");

/* Of what follows the head. */
static uint64_t sum_of(const char *params, int64_t bytes)
{
    uint64_t sum = LIBRARY_SUM, word;
    for (int64_t i = LIBRARY_HEAD_BYTES; i < bytes; i += (int64_t)sizeof word) {
        memcpy(&word, params + i, sizeof word);
        sum = (sum ^ word) * LIBRARY_PRIME;
    }
    return sum;
}

bool emit_library_intact(const char *params, int64_t bytes)
{
    Head head;
    memcpy(&head, params, sizeof head);
    return head.sum == sum_of(params, bytes);
}

void emit_library_params(const Module *m, const LibraryOpts *o, const char *states,
                         const char *kept, char *params)
{
    Arena *a = arena_new();
    Library l = library_of(m, o, a);
    int64_t bytes = library_params_bytes(&l);
    memset(params, 0, (size_t)bytes);
    for (int i = 0; i < l.n_state; i++) {
        const StateInfo *s = &m->state[l.state[i]];
        memcpy(params + l.offset_bytes[i], states + s->offset_bytes,
               (size_t)ir_stored_bytes(&s->type, 1));
    }
    if (library_prepared_bytes(&l))
        memcpy(params + l.offset_bytes[l.n_state], kept, (size_t)library_prepared_bytes(&l));
    Head head = { .magic = LIBRARY_MAGIC, .abi = LIBRARY_ABI, .model = library_model(&l),
                  .bytes = (uint64_t)bytes };
    head.sum = sum_of(params, bytes);
    memcpy(params, &head, sizeof head);
    arena_free(a);
}

/* ---- as numbers ---- */

static const char *word_text(Emit *e, uint64_t x)
{
    return text(e, "UINT64_C(0x%016llx)", (unsigned long long)x);
}

/* Elements of one type, as many to a line as are read easily. */
static void numbers(Library *l, Out *o, DType d, const char *bytes, int64_t n)
{
    enum { PER_LINE = 8 };
    Arena *scratch = arena_new();
    out_line(o, "{");
    out_deeper(o, 1);
    for (int64_t i = 0; i < n; i += PER_LINE) {
        const char *line = "";
        for (int64_t k = i; k < i + PER_LINE && k < n; k++)
            line = arena_printf(scratch, "%s%s%s,", line, k > i ? " " : "",
                                dialect_literal(l->e.l, d, stored_get(d, bytes, k), scratch));
        out_line(o, "%s", line);
    }
    out_close(o, ",");
    arena_free(scratch);
}

static void as_numbers(Library *l, Out *o, const char *params)
{
    const Head *h = (const Head *)(const void *)params;
    const char *name = l->o->name;
    out_open(o, "%s_ALIGNED const %s_params %s_weights =", l->upper, name, name);
    out_line(o, "%s_MAGIC, %s_ABI, %s_MODEL,", l->upper, l->upper, l->upper);
    out_line(o, "%s_PARAMS_BYTES, %s, { 0 },", l->upper, word_text(&l->e, h->sum));
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &l->e.m->state[l->state[i]];
        out_line(o, "/* %s: %s */", out_comment(l->e.a, s->key), type_text(&l->e, &s->type));
        numbers(l, o, s->type.dtype, params + l->offset_bytes[i],
                ir_stored_bytes(&s->type, 1) / ir_dtype_bytes(s->type.dtype));
    }
    if (library_prepared_bytes(l))
        numbers(l, o, DT_u8, params + l->offset_bytes[l->n_state], library_prepared_bytes(l));
    out_close(o, ";");
}

/* ---- as a file ---- */

static const char *const include_text =
    "/* The weights, which the assembler takes from $n_weights.bin, where it finds it or $N_WEIGHTS\n"
    " * says that it is. */\n"
    "#ifndef $N_WEIGHTS\n"
    "#define $N_WEIGHTS \"$n_weights.bin\"\n"
    "#endif\n"
    "#ifdef __APPLE__\n"
    "#define SECTION \".section __TEXT,__const\\n\"\n"
    "#define SYMBOL \"_$n_weights\"\n"
    "#else\n"
    "#define SECTION \".section .rodata\\n\"\n"
    "#define SYMBOL \"$n_weights\"\n"
    "#endif\n"
    "__asm__(SECTION\n"
    "        \".balign 64\\n\"\n"
    "        \".globl \" SYMBOL \"\\n\"\n"
    "        SYMBOL \":\\n\"\n"
    "        \".incbin \\\"\" $N_WEIGHTS \"\\\"\\n\"\n"
    "        \".previous\\n\");\n";

void library_weights(Library *l, Out *o, const char *params)
{
    if (l->o->weights == WEIGHTS_CONST) as_numbers(l, o, params);
    else if (l->o->weights == WEIGHTS_INCBIN) library_text(l, o, include_text, NULL, 0);
}

bool emit_library_has_weights(const LibraryOpts *o)
{
    return o->weights != WEIGHTS_BIN && !o->one_file;
}

void emit_library_weights(const Module *m, const LibraryOpts *opts, const char *params, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Out *o = out_new(a);
    library_text(&l, o, "/* $n_weights.c: the weights of $n.c. */\n"
                        "#include \"$n.h\"\n", NULL, 0);
    if (opts->weights == WEIGHTS_CONST) library_constants(&l, o);
    out_line(o, "%s", "");
    library_weights(&l, o, params);
    fputs(out_text(o), out);
    arena_free(a);
}
