/* passes/show.c: the plan for people: peak, lower bound, what lives at the peak, a map of the
 * arena. */
#include "passes/passes.h"
#include "passes/offsets.h"
#include <inttypes.h>
#include <string.h>

enum { MAP_COLUMNS = 64 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Letters follow each other over the buffers in the arena, and start again when they run out. */
static char letter(const Graph *g, int buffer)
{
    int nth = 0;
    for (int i = 0; i < buffer; i++) nth += ir_in_arena(&g->buffer[i]);
    return letters[nth % (int)strlen(letters)];
}

static int64_t live_at(const Graph *g, int k)
{
    /* Values in place overlap by one kernel: the bytes up to the highest end, holes left out. */
    int64_t bytes = 0;
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (!ir_in_arena(b) || b->first > k || b->last < k) continue;
        bool taken = false;
        for (int j = 0; j < g->n_buffer && !taken; j++) {
            const Buffer *c = &g->buffer[j];
            taken = c->kind == BUF_ARENA && b->val.i && c->in_place_of.i == b->val.i
                 && c->first <= k && c->last >= k;
        }
        if (!taken) bytes += b->bytes;
    }
    return bytes;
}

static void print_bytes(FILE *out, int64_t bytes)
{
    if (bytes >= 10000000) fprintf(out, "%8.2f MB", (double)bytes / 1e6);
    else if (bytes >= 10000) fprintf(out, "%8.2f kB", (double)bytes / 1e3);
    else fprintf(out, "%8" PRId64 " B ", bytes);
}

static const char *value_name(const Graph *g, const Buffer *b, Arena *a)
{
    if (b->kind == BUF_SCRATCH) return "common memory of tasks";
    return arena_printf(a, "%%%d", ir_printed_number(g, b->val));
}

static void print_peak(const Graph *g, int peak, FILE *out, Arena *a)
{
    fprintf(out, "peak at k%d %s:\n", peak, ir_kernel_name(g, peak, a));
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (!ir_in_arena(b) || b->first > peak || b->last < peak) continue;
        fputs("  ", out);
        print_bytes(out, b->bytes);
        fprintf(out, " %5.1f%%  %c  %s", 100.0 * (double)b->bytes / (double)g->arena_bytes,
                letter(g, i), value_name(g, b, a));
        if (b->val.i) {
            const Node *x = ir_node(g, b->val);
            fprintf(out, " = %s : %s", ir_op[x->op].name, ir_type_string(&x->type, a));
        }
        fprintf(out, ", k%d to k%d", b->first, b->last);
        if (b->in_place_of.i)
            fprintf(out, ", in place of %%%d", ir_printed_number(g, b->in_place_of));
        fputc('\n', out);
    }
}

static void print_row(const Graph *g, int k, int width, int peak, FILE *out, Arena *a)
{
    char row[MAP_COLUMNS + 1];
    memset(row, '.', MAP_COLUMNS);
    row[MAP_COLUMNS] = '\0';
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (!ir_in_arena(b) || b->first > k || b->last < k || !g->arena_bytes) continue;
        double scale = MAP_COLUMNS / (double)g->arena_bytes;
        int from = (int)((double)b->offset_bytes * scale);
        int to = (int)((double)(b->offset_bytes + b->bytes) * scale + 0.5);
        if (to <= from) to = from + 1;
        for (int c = from; c < to && c < MAP_COLUMNS; c++) row[c] = letter(g, i);
    }
    fprintf(out, "  k%-3d %-*s ", k, width, ir_kernel_name(g, k, a));
    print_bytes(out, live_at(g, k));
    fprintf(out, " |%s|%s\n", row, k == peak ? " <- peak" : "");
}

void pass_print_plan(const Graph *g, FILE *out)
{
    Arena *a = arena_new();
    int in_place = 0, n_arena = 0, peak = 0, width = 0;
    for (int i = 0; i < g->n_buffer; i++) {
        n_arena += ir_in_arena(&g->buffer[i]);
        in_place += g->buffer[i].in_place_of.i != 0;
    }
    for (int k = 0; k < g->n_kernel; k++) {
        if (live_at(g, k) > live_at(g, peak)) peak = k;
        int len = (int)strlen(ir_kernel_name(g, k, a));
        if (len > width) width = len;
    }
    fprintf(out, "plan of %s: arena %" PRId64 " B", g->name, g->arena_bytes);
    if (g->arena_bytes == g->bound_bytes) fputs(", the lower bound", out);
    else fprintf(out, ", lower bound %" PRId64 " B", g->bound_bytes);
    fprintf(out, "; %d buffer%s, %d in place", n_arena, n_arena == 1 ? "" : "s", in_place);
    if (g->kept_bytes) fprintf(out, "; kept from call to call %" PRId64 " B", g->kept_bytes);
    if (g->worker_bytes) fprintf(out, "; each thread %" PRId64 " B", g->worker_bytes);
    fputc('\n', out);
    if (n_arena) {
        print_peak(g, peak, out, a);
        for (int k = 0; k < g->n_kernel; k++) print_row(g, k, width, peak, out, a);
    }
    arena_free(a);
}
