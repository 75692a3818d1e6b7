/* codegen/library_math.c: what a library's text takes of math.h and string.h: functions that compilers
 * have within them under the names that they have there, and of the others, with --no-libm, our own in
 * their place. */
#include "codegen/library.h"
#include <string.h>

/* Functions that compilers have within them: no header declares them, and a compiler that knows no
 * C library (-ffreestanding) does not call one for them. */
static void built_in(Library *l, Out *o, const char *code)
{
    static const char *const names[] = { "memcpy", "memset", "fabs", "fabsf", "copysign",
                                         "copysignf" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (out_mentions(code, names[i]) || l->o->no_libm)
            out_line(o, "#define %s __builtin_%s", names[i], names[i]);
}

static const char *without_comments(Library *l, const char *code)
{
    Out *o = out_new(l->e.a);
    for (const char *at; (at = strstr(code, "/*")) != NULL;) {
        const char *end = strstr(at, "*/");
        out_raw(o, text(&l->e, "%.*s ", (int)(at - code), code));
        code = end ? end + 2 : at + strlen(at);
    }
    out_raw(o, code);
    return out_text(o);
}

/* Of a function of math.h that is called, our own; the macro that puts it there. */
static void own(Library *l, Out *o, const char *code, const DialectFn *f, bool two)
{
    if (!f->own || !out_mentions(code, f->name)) return;
    const char *args = two ? "x, y" : "x";
    reach(&l->e, f->own);
    out_line(o, "#define %s(%s) %s(%s)", f->name, args, snippet_name(f->own), args);
}

void library_constants(Library *l, Out *o)
{
    bool single = l->e.m->real == DT_f32;
    const char *suffix = single ? "f" : "";
    if (!l->o->no_libm) out_line(o, "#include <math.h>");
    if (!l->o->no_libm && single) return;
    if (!l->o->no_libm) out_line(o, "#undef INFINITY                      /* floats there */\n#undef NAN");
    out_line(o, "#define INFINITY __builtin_inf%s()", suffix);
    out_line(o, "#define NAN __builtin_nan%s(\"\")", suffix);
}

const char *library_math(Library *l, const char *code)
{
    Out *o = out_new(l->e.a), *helpers = out_new(l->e.a);
    snippets_all(&l->e, helpers);
    code = text(&l->e, "%s%s", out_text(helpers), code);
    built_in(l, o, code);
    if (!l->o->no_libm) return out_text(o);
    code = without_comments(l, code);
    for (ExOp op = EX_exp; op < EX_COUNT; op++) {
        bool two = ex_fn_arity[op - EX_exp] == 2;
        own(l, o, code, &dialect_fn32[op], two);
        own(l, o, code, &dialect_fn64[op], two);
    }
    return out_text(o);
}
