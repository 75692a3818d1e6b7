/* frontend/machine.c: what the model does that nothing computes on the machine that it is compiled
 * for, said at the lines that ask for it. */
#include "frontend/lower.h"
#include <ctype.h>
#include <string.h>

/* The expression that begins at a place of the model file: a name, and its call where that ends on
 * the same line. */
static Span span_of(const FeDiags *d, Loc loc)
{
    const DiagSource *s = &d->source[1];
    if (!loc.file || loc.line < 1 || loc.line > s->n_line) return (Span){ 0 };
    size_t at = s->line[loc.line - 1], end;
    for (uint32_t col = 1, c; col < loc.col && at < s->len; col++)
        at += fe_utf8(s->text + at, s->len - at, &c);
    for (end = at; end < s->len && (isalnum((unsigned char)s->text[end]) || strchr("_.", s->text[end]));)
        end++;
    int depth = 0;
    for (size_t i = end; i < s->len && s->text[i] != '\n' && (i == end || depth); i++) {
        depth += (s->text[i] == '(') - (s->text[i] == ')');
        if (!depth && i > end) end = i + 1;
        if (!depth) break;
    }
    return (Span){ 1, (uint32_t)at, (uint32_t)(end > at ? end - at : 1) };
}

bool fe_machine(FeDiags *d, const Module *m, const Target *t)
{
    Span before = { 0 };
    for (int i = 0; i < m->n_graph; i++)
        for (uint32_t v = 1; v < m->graph[i]->n_node; v++) {
            const Node *x = &m->graph[i]->node[v];
            if (ir_computes(t, ir_op[x->op].kind)) continue;
            Span at = span_of(d, x->loc);
            if (d->errors && at.at == before.at) continue;      /* several ops of one call */
            fe_report(d, at, DG(no_kernel), t->name, ir_op[x->op].kind == KIND_CONV
                      ? "a convolution" : "pooling, padding or stretching");
            if (d->errors == 1)
                fe_help(d, "--target c, which is the default, computes all of it on the processor");
            before = at;
        }
    return d->errors == 0;
}
