/* frontend/cmd_verify_torch.c: what PyTorch makes of a library's cases, by the model file that it came
 * from: in float64, by a Python that can import torch.
 *
 * The file's statements run one by one, and no further than to the network (its loss and optimizer,
 * where there are steps), since what comes after them may be a run of training. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "runtime/files.h"
#include "frontend/cmd_verify.h"
#include "runtime/base.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { NO_TORCH = 4 };               /* the script's exit code */

/* FILE CASES OUTPUTS DEFINE…: of cases, lines of text, and numbers as doubles; of outputs, doubles. */
static const char *const script_finds =
    "import array, ast, sys, types\n"
    "try:\n"
    "    import torch\n"
    "except ImportError:\n"
    "    sys.exit(4)\n"
    "\n"
    "\n"
    "class Nothing(types.ModuleType):\n"
    "    \"\"\"Stands for a module of torchvision that is not there.\"\"\"\n"
    "    def __getattr__(self, name):\n"
    "        if name.startswith('__'):\n"
    "            raise AttributeError(name)\n"
    "        return lambda *args, **named: [None]\n"
    "\n"
    "\n"
    "try:\n"
    "    import torchvision\n"
    "except ImportError:\n"
    "    vision = Nothing('torchvision')\n"
    "    vision.datasets, vision.transforms = Nothing('datasets'), Nothing('transforms')\n"
    "    sys.modules['torchvision'] = vision\n"
    "\n"
    "path, cases, outputs = sys.argv[1:4]\n"
    "cases, outputs = open(cases, 'rb'), open(outputs, 'wb')\n"
    "\n"
    "\n"
    "def words():\n"
    "    return cases.readline().decode().split()\n"
    "\n"
    "\n"
    "def tensor(shape):\n"
    "    count = 1\n"
    "    for d in shape:\n"
    "        count *= int(d)\n"
    "    x = array.array('d')\n"
    "    x.fromfile(cases, count)\n"
    "    return torch.tensor(x, dtype=torch.float64).reshape([int(d) for d in shape])\n"
    "\n"
    "\n"
    "def put(x):\n"
    "    array.array('d', x.detach().double().reshape(-1).tolist()).tofile(outputs)\n"
    "\n"
    "\n"
    "calls, steps, count, step = (int(w) for w in words())\n"
    "keys = [words() for _ in range(count)]          # each with its shape; \"key#slot\" is an optimizer's\n"
    "weights = {w[0]: tensor(w[1:]) for w in keys if '#' not in w[0]}\n"
    "scope = {'__name__': 'model', '__file__': path}\n"
    "for define in sys.argv[4:]:\n"
    "    name, value = define.split('=', 1)\n"
    "    scope[name] = ast.literal_eval(value)\n"
    "\n"
    "\n"
    "def find(fits, *names):\n"
    "    values = [scope.get(name) for name in names] + list(scope.values())\n"
    "    return next((v for v in values if fits(v)), None)\n"
    "\n"
    "\n"
    "def is_net(v):\n"
    "    return isinstance(v, torch.nn.Module) and set(weights) <= set(v.state_dict())\n"
    "\n"
    "\n"
    "def is_loss(v):\n"
    "    return isinstance(v, torch.nn.Module) and type(v).__module__ == 'torch.nn.modules.loss'\n"
    "\n"
    "\n"
    "def is_optimizer(v):\n"
    "    return isinstance(v, torch.optim.Optimizer)\n"
    "\n"
    "\n"
    "net = criterion = optimizer = problem = None\n"
    "with open(path) as file:\n"
    "    statements = ast.parse(file.read(), path).body\n"
    "for statement in statements:\n"
    "    try:\n"
    "        exec(compile(ast.Module([statement], []), path, 'exec'), scope)\n"
    "    except Exception as e:\n"
    "        if net is None:\n"
    "            raise\n"
    "        problem = 'line %d: %s' % (statement.lineno, e)\n"
    "        break\n"
    "    net, criterion = find(is_net, 'model'), find(is_loss, 'criterion')\n"
    "    optimizer = find(is_optimizer, 'optimizer')\n"
    "    if net is not None and (not steps or (criterion is not None and optimizer is not None)):\n"
    "        break\n"
    "if net is None:\n"
    "    sys.exit('no module of the file has the keys ' + ', '.join(weights))\n"
    "if steps and (criterion is None or optimizer is None):\n"
    "    print('no steps: ' + (problem or 'it has no loss and optimizer'))\n"
    "    steps = 0\n"
    "if steps and type(optimizer).__name__ == 'NAdam' and torch.__version__ < '2':\n"
    "    print('no steps: NAdam is another one before PyTorch 2')\n"
    "    steps = 0\n"
    "net.double().eval()\n"
    "net.load_state_dict(weights, strict=False)\n";

static const char *const script_runs =
    "\n"
    "\n"
    "def first(y):                                   # a pair is means and variances\n"
    "    return y[0] if isinstance(y, tuple) else y\n"
    "\n"
    "\n"
    "shape = words()\n"
    "with torch.no_grad():\n"
    "    for _ in range(calls):\n"
    "        put(first(net(tensor(shape))))\n"
    "for _ in range(steps):\n"
    "    rates = [float(w) for w in words()]\n"
    "    labels, *shape = words()\n"
    "    target = tensor(shape)\n"
    "    x = tensor(words())\n"
    "    state = {w[0]: tensor(w[1:]) for w in keys}\n"
    "    net.train()\n"
    "    net.load_state_dict({k: v for k, v in state.items() if '#' not in k}, strict=False)\n"
    "    parameters = dict(net.named_parameters())\n"
    "    for group, rate in zip(optimizer.param_groups, rates):\n"
    "        group['lr'] = rate\n"
    "        for p in group['params']:\n"
    "            optimizer.state[p].clear()\n"
    "    for key, value in state.items():\n"
    "        if '#' in key:\n"
    "            name, slot = key.rsplit('#', 1)\n"
    "            steps_done = torch.tensor(step - 1.0)\n"
    "            optimizer.state[parameters[name]].update({'step': steps_done, slot: value.clone()})\n"
    "    y = net(x)\n"
    "    target = target.long() if labels == 'labels' else target\n"
    "    loss = criterion(y[0], target, y[1]) if isinstance(y, tuple) else criterion(y, target)\n"
    "    optimizer.zero_grad()\n"
    "    loss.backward()\n"
    "    optimizer.step()\n"
    "    put(loss)\n"
    "    left = net.state_dict()\n"
    "    for w in keys:\n"
    "        name, _, slot = w[0].rpartition('#')\n"
    "        put(optimizer.state[parameters[name]][slot] if slot and name else left[w[0]])\n"
    "outputs.close()\n"
    "print('version ' + torch.__version__)\n";

static void print_script(FILE *out, const void *ctx)
{
    (void)ctx;
    fputs(script_finds, out);
    fputs(script_runs, out);
}

static void put_shape(FILE *out, const Shape *s, int64_t n)
{
    for (int i = 0; i < s->rank; i++)
        fprintf(out, "%s%lld", i ? " " : "", (long long)ir_dim_at(s->dim[i], n));
    fputc('\n', out);
}

static void put_numbers(FILE *out, const double *x, int64_t n)
{
    fwrite(x, sizeof *x, (size_t)n, out);
}

static const Type *input_type(const Graph *g, const char *name)
{
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, name)) return &g->node[i].type;
    ir_die(g->module, "graph %s has no input %s", g->name, name);
}

static const StateInfo *state_of(const Verify *v, int i)
{
    return &v->e.m->state[v->states.state[i]];
}

/* Those that PyTorch has, too. */
static int n_seen(const Verify *v)
{
    int n = 0;
    for (int i = 0; i < v->states.n; i++) n += v->seen[i].i != 0;
    return n;
}

static void put_step(FILE *out, const Verify *v, Case *k)
{
    const Graph *g = k->trial.g;
    const Type *x = input_type(g, "x"), *target = input_type(g, "target");
    for (size_t i = 0; i < sizeof trial_lr / sizeof *trial_lr; i++)
        fprintf(out, "%s%.17g", i ? " " : "", trial_lr[i]);
    fputs(ir_dtype_real(target->dtype) ? "\nreals " : "\nlabels ", out);
    put_shape(out, &target->shape, k->trial.n);
    put_numbers(out, ir_trial_input(&k->trial, "target"), ir_elems_at(&target->shape, k->trial.n));
    put_shape(out, &x->shape, k->trial.n);
    put_numbers(out, ir_trial_input(&k->trial, "x"), ir_elems_at(&x->shape, k->trial.n));
    for (int i = 0; i < v->states.n; i++)
        if (v->seen[i].i)
            put_numbers(out, ir_trial_state(&k->trial, v->seen[i]),
                        ir_elems_at(&state_of(v, i)->type.shape, 1));
}

/* Masks that a step draws are no ones of PyTorch's. */
static bool draws(const Verify *v)
{
    const Graph *g = ir_graph_find(v->reference, "train");
    for (uint32_t i = 1; g && i < g->n_node; i++)
        if (g->node[i].op == OP_random) return true;
    return false;
}

static void print_cases(FILE *out, const void *ctx)
{
    const Verify *v = ctx;
    fprintf(out, "%d %d %d %d\n", v->n_inference, draws(v) ? 0 : v->n_case - v->n_inference,
            n_seen(v), TRIAL_STEP);
    for (int i = 0; i < v->states.n; i++) {
        if (!v->seen[i].i) continue;
        fprintf(out, "%s ", state_of(v, i)->key);
        put_shape(out, &state_of(v, i)->type.shape, 1);
    }
    for (int i = 0; i < v->states.n; i++)
        if (v->seen[i].i && state_of(v, i)->role != ROLE_OPTIMIZER)
            put_numbers(out, v->weight[v->seen[i].i],
                        ir_elems_at(&state_of(v, i)->type.shape, 1));
    const Type *x = input_type(v->cases[0].trial.g, "x");
    put_shape(out, &x->shape, v->e.start->capacity);
    for (int i = 0; i < v->n_inference; i++)
        put_numbers(out, ir_trial_input(&v->cases[i].trial, "x"),
                    ir_elems_at(&x->shape, v->e.start->capacity));
    for (int i = v->n_inference; i < v->n_case && !draws(v); i++) put_step(out, v, &v->cases[i]);
}

/* Doubles that a case has in the outputs. */
static int64_t numbers_of(const Verify *v, const Case *k)
{
    const Graph *g = k->trial.g;
    int64_t n = 0;
    for (int r = 0; r < g->n_root; r++)
        if (g->root[r].kind == ROOT_RETURN)
            n += ir_elems_at(&ir_type(g, g->root[r].val)->shape, k->trial.n);
    for (int i = 0; k->trains && i < v->states.n; i++)
        if (v->seen[i].i) n += ir_elems_at(&state_of(v, i)->type.shape, 1);
    return n;
}

static int take_outputs(const Verify *v, const char *path, Torch *t)
{
    rt_err e = { 0 };
    rt_buf b = { 0 };
    if (!rt_file_read(&e, path, -1, &b)) return cmd_fail_rt(v->c, &e);
    const char *at = b.data, *end = b.data + b.length;
    t->root = arena_alloc(v->c->arena, (size_t)v->n_case + 1, sizeof *t->root);
    for (int i = 0; i < v->n_case; i++)
        if ((end - at) / (int64_t)sizeof(double) >= numbers_of(v, &v->cases[i]))
            at = verify_take(v, &v->cases[i], true, at, &t->root[i]);
    bool whole = at == end && t->root[v->n_inference - 1];
    rt_buf_free(&b);
    return whole ? EXIT_OK
         : cmd_fail(v->c, EXIT_REFUSED, "%s: what it computes is not as long as what the library does",
                    v->c->text[OPT_pytorch]);
}

/* Of a traceback what was raised. */
static const char *last_line(Arena *a, const char *text)
{
    size_t end = strlen(text);
    while (end && text[end - 1] == '\n') end--;
    size_t at = end;
    while (at && text[at - 1] != '\n') at--;
    return arena_strn(a, text + at, end - at);
}

/* What follows a word at the beginning of a line; null: no line has it. */
static const char *line_after(Arena *a, const char *text, const char *word)
{
    const char *line = strstr(text, word);
    if (!line) return NULL;
    line += strlen(word);
    return arena_strn(a, line, strcspn(line, "\n"));
}

int verify_torch(const Verify *v, Torch *t)
{
    const Cmd *c = v->c;
    const char *dir, *python = getenv("PYTHON"), *argv[6 + CMD_MAX_DEFINES];
    int status, n = 0;
    char *printed = NULL;
    t->why = "--pytorch model.py names the file that it reads, too";
    if (!c->text[OPT_pytorch]) return EXIT_OK;
    int code = cmd_folder(c, &dir);
    if (code) return code;
    const char *source = cmd_folder_file(c, dir, "-torch.py");
    const char *cases = cmd_folder_file(c, dir, "-torch-cases");
    const char *outputs = cmd_folder_file(c, dir, "-torch-outputs");
    code = cmd_write(c, source, print_script, v);
    if (!code) code = cmd_write(c, cases, print_cases, v);
    if (code) return code;
    argv[n++] = python && *python ? python : "python3";
    argv[n++] = source;
    argv[n++] = c->text[OPT_pytorch];
    argv[n++] = cases;
    argv[n++] = outputs;
    for (int i = 0; i < c->n_define; i++) argv[n++] = c->define[i];
    argv[n] = NULL;
    bool ran = emit_execute(argv, outputs, c->text[OPT_verbose] != NULL, &status, &printed, c->arena);
    if (cmd_interrupted()) return cmd_interrupted();
    t->why = printed;
    if (!ran) return EXIT_OK;
    t->why = arena_printf(c->arena, "%s cannot import torch; $PYTHON names another one", argv[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_TORCH) return EXIT_OK;
    if (status)
        return cmd_fail(c, EXIT_REFUSED, "PyTorch does not run %s: %s\nhelp: --keep DIR leaves the "
                        "script there", c->text[OPT_pytorch], last_line(c->arena, printed));
    t->version = line_after(c->arena, printed, "version ");
    t->why = draws(v) ? "PyTorch draws other masks" : line_after(c->arena, printed, "no steps: ");
    return take_outputs(v, outputs, t);
}
