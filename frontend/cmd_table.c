/* frontend/cmd_table.c: tables for people, and what a table of layers is made of. */
#include "frontend/cmd.h"
#include <string.h>

static bool same_loc(Loc a, Loc b)
{
    return a.file == b.file && a.line == b.line && a.col == b.col;
}

/* Layers and nodes stand in the same order, so a place that several layers share is split where the
 * walk has passed on. */
void cmd_layer_sums(const Module *m, double (*of)(const Graph *g, Val v), double *sum)
{
    const Graph *g = ir_graph_find(m, "infer");
    int at = 0, n = m->prog.n_layer;
    for (uint32_t v = 1; g && v < g->n_node; v++) {
        int next = at;
        while (next < n && !same_loc(m->prog.layer[next].loc, g->node[v].loc)) next++;
        if (next == n) continue;
        at = next;
        sum[at] += of(g, (Val){ v });
    }
}

const char *cmd_shape(Arena *a, const Shape *s)
{
    const char *text = "(";
    for (int i = 0; i < s->rank; i++) {
        Dim d = s->dim[i];
        const char *dim = d.n ? d.k == 1 ? "n" : arena_printf(a, "%lldn", (long long)d.k)
                              : arena_printf(a, "%lld", (long long)d.k);
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", dim);
    }
    return arena_printf(a, "%s%s)", text, s->rank == 1 ? "," : "");
}

/* Columns in characters, not bytes. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

void cmd_table(const CmdRow *row, int rows, int columns, int numbers)
{
    int width[CMD_COLUMNS] = { 0 };
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < columns; k++) {
            int w = width_of(row[i].cell[k]);
            width[k] = w > width[k] ? w : width[k];
        }
    for (int i = 0; i < rows; i++) {
        for (int k = 0; k < columns; k++) {
            int pad = width[k] - width_of(row[i].cell[k]);
            if (k >= numbers) printf("%*s%s", pad + (k ? 2 : 0), "", row[i].cell[k]);
            else printf("%s%s%*s", k ? "  " : "", row[i].cell[k], pad, "");
        }
        putchar('\n');
    }
}
