/* ir/scalar.c: the scalar expression of an elementwise node.
 *
 * The text comes from the op's row, or from attribute `f` of a `map`; names in it are the node's
 * REAL attributes, whose values are put in. What comes out reads the operands alone. */
#include "ir/ir.h"

const char *const *ir_real_names(const char *names[AT_COUNT + 1])
{
    int n = 0;
    for (int k = 0; k < AT_COUNT; k++)
        if (ir_attr_info[k].kind == ATK_REAL)
            names[n++] = ir_attr_info[k].name;
    names[n] = NULL;
    return names;
}

Ex ir_scalar_expr(ExPool *p, const Node *x)
{
    const OpInfo *op = &ir_op[x->op];
    const char *names[AT_COUNT + 1];
    char err[EX_ERR];
    if (op->kind != KIND_MAP)
        ir_die(NULL, "%s has no scalar expression", op->name);
    const char *text = op->scalar ? op->scalar : ir_attr_str(x, AT_f);
    Ex e = ex_parse(p, text, ir_real_names(names), err);
    if (!e.i)
        ir_die(NULL, "%s: '%s': %s", op->name, text, err);
    for (int k = 0; k < x->n_attr; k++) {
        const AttrInfo *info = &ir_attr_info[x->attr[k].id];
        if (info->kind == ATK_REAL)
            e = ex_name_value(p, e, info->name, x->attr[k].u.r);
    }
    return ex_simplify(p, e);
}
