/* tests/passes/random_graph.h: modules nobody would write, as text: every form of kernel in every
 * neighbourhood, values read in and out of step, updates that need each other's old values. */
#ifndef SEQC_RANDOM_GRAPH_H
#define SEQC_RANDOM_GRAPH_H
#include <stdint.h>
#include <stdio.h>

/* Values by shape; a random node takes operands of the shapes that its op needs. */
enum { WIDE, COLUMNS, ROWS, ONE, PER_ROW, SQUARE, N_SHAPES, MAX_VALUES = 64 };
static const char *const shape_text[] = { "n,4", "4", "n,1", "", "n", "4,4" };

typedef struct Gen {
    FILE *out;
    uint64_t state;
    int n_node;
    char value[N_SHAPES][MAX_VALUES][16];
    int n[N_SHAPES];
} Gen;

static int below(Gen *g, int n)
{
    g->state = g->state * 6364136223846793005u + 1442695040888963407u;
    return (int)((g->state >> 33) % (uint64_t)n);
}

static const char *pick(Gen *g, int shape) { return g->value[shape][below(g, g->n[shape])]; }

static void add_value(Gen *g, int shape, const char *name)
{
    if (g->n[shape] < MAX_VALUES) snprintf(g->value[shape][g->n[shape]++], 16, "%s", name);
}

/* One line; op holds the text between = and the type. */
static void node(Gen *g, int shape, const char *op)
{
    char name[16];
    snprintf(name, sizeof name, "%%%d", g->n_node++);
    fprintf(g->out, "%s = %s : f32[%s]\n", name, op, shape_text[shape]);
    add_value(g, shape, name);
}

static void random_node(Gen *g)
{
    static const char *const unary[] = { "tanh", "sigmoid", "relu", "neg", "silu" };
    static const char *const binary[] = { "add", "sub", "mul" };
    static const int under_wide[] = { WIDE, COLUMNS, ROWS, ONE };
    char op[128];
    int shape = below(g, N_SHAPES);
    while (!g->n[shape]) shape = (shape + 1) % N_SHAPES;
    const char *a = pick(g, shape), *wide = pick(g, WIDE);
    switch (below(g, 15)) {
    case 0: snprintf(op, sizeof op, "%s %s", unary[below(g, 5)], a); break;
    case 1: snprintf(op, sizeof op, "%s %s, %s", binary[below(g, 3)], a, pick(g, shape)); break;
    case 2:
        shape = under_wide[below(g, 4)];
        if (!g->n[shape]) shape = WIDE;
        snprintf(op, sizeof op, "%s %s, %s", binary[below(g, 3)], wide, pick(g, shape));
        shape = WIDE;
        break;
    case 3: case 4:
        snprintf(op, sizeof op, "linear %s, %s, %s", wide, pick(g, SQUARE), pick(g, COLUMNS));
        shape = WIDE;
        break;
    case 5:
        snprintf(op, sizeof op, "matmul %s, %s {ta}", wide, pick(g, WIDE));
        shape = SQUARE;
        break;
    case 6: snprintf(op, sizeof op, "sum %s {axes=[0]}", wide); shape = COLUMNS; break;
    case 7: snprintf(op, sizeof op, "mean %s {axes=[1] keep}", wide); shape = ROWS; break;
    case 8: snprintf(op, sizeof op, "sum %s {axes=[1]}", wide); shape = PER_ROW; break;
    case 9: snprintf(op, sizeof op, "mean %s {axes=[0,1]}", wide); shape = ONE; break;
    case 10:
        snprintf(op, sizeof op, "softmax %s {axis=%d}", wide, below(g, 2));
        shape = WIDE;
        break;
    case 11: {
        int from = below(g, 4);
        snprintf(op, sizeof op, "slice %s {axis=1 from=%d to=%d}", wide, from, from + 1);
        shape = ROWS;
        break;
    }
    case 12:
        if (g->n[ROWS]) {
            snprintf(op, sizeof op, "cat %s, %s, %s, %s {axis=1}", pick(g, ROWS), pick(g, ROWS),
                     pick(g, ROWS), pick(g, ROWS));
            shape = WIDE;
            break;
        }
        /* fall through */
    case 13:
        snprintf(op, sizeof op, "permute %s {order=[1,0]}", pick(g, SQUARE));
        shape = SQUARE;
        break;
    default:
        if (below(g, 2)) {
            snprintf(op, sizeof op, "cross_entropy %s, %%1", wide);
            shape = ONE;
            break;
        }
        snprintf(op, sizeof op, "random {stream=\"s#%d\"}", below(g, 3));
        shape = WIDE;
    }
    node(g, shape, op);
}

/* Odd seeds have a loss and an optimizer; even ones updates of their own. */
static char *random_graph(uint64_t seed)
{
    char *text = NULL;
    size_t n;
    Gen g = { .out = open_memstream(&text, &n), .state = seed };
    bool loss = seed % 2;
    fputs("seqc.ir 1\nbatch n <= 33\nreal f32\nstage shape\n\n", g.out);
    for (int i = 0; i < 3; i++) {
        char name[16];
        fprintf(g.out, "state \"w%d\" : f32[4,4] param\nstate \"b%d\" : f32[4] param\n", i, i);
        snprintf(name, sizeof name, "\"w%d\"", i);
        add_value(&g, SQUARE, name);
        snprintf(name, sizeof name, "\"b%d\"", i);
        add_value(&g, COLUMNS, name);
    }
    fputs("\nprogram \"t\"\nlr 0.1\ngroup sgd momentum=0.9 dampening=0 weight_decay=0.1 nesterov=1 "
          "{ \"w0\" \"b0\" \"w1\" \"b2\" }\n\ngraph train\n"
          "%0 = input \"x\" : f32[n,4]\n%1 = input \"target\" : i64[n]\n", g.out);
    g.n_node = 2;
    add_value(&g, WIDE, "%0");
    int nodes = 3 + below(&g, 25);
    for (int i = 0; i < nodes; i++) random_node(&g);
    node(&g, ONE, "mean %0 {axes=[0,1]}");
    fprintf(g.out, "return loss=%s a=%s b=%s\n", g.value[ONE][g.n[ONE] / 2], pick(&g, WIDE),
            pick(&g, SQUARE));
    if (!loss)
        fprintf(g.out, "update \"w0\"=%s, \"w1\"=%s, \"b1\"=%s\n", pick(&g, SQUARE),
                pick(&g, SQUARE), pick(&g, COLUMNS));
    fclose(g.out);
    return text;
}
#endif
