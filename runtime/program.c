/* runtime/program.c: rt_main: from the command line to a verb, and from a failure to an exit code.
 * The process is never ended here, but by a second signal. */
#define _XOPEN_SOURCE 700   /* sigaction */
#include "runtime/program.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- signals: the first is remembered, the second ends ---- */

static volatile sig_atomic_t caught;
static struct sigaction old_int, old_term;

static void on_signal(int number)
{
    if (caught)
        _exit(128 + number);
    caught = number;
}

int rt_signal(void)
{
    return caught;
}

void rt_signals_catch(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
}

void rt_signals_restore(void)
{
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
}

/* ---- opening ---- */

char *rt_isa_list(char text[RT_DIMS], const rt_model *const *models, bool march)
{
    int used = 0;
    text[0] = '\0';
    for (int i = 0; models[i] && used < RT_DIMS; i++)
        used += snprintf(text + used, (size_t)(RT_DIMS - used), "%s%s", i ? ", " : "",
                         march ? models[i]->march : models[i]->isa);
    return text;
}

/* The model for --march, else the best that this processor runs. `info` runs none. */
static bool choose_model(rt_err *e, rt_prog *p)
{
    const char *asked = RT_OPT(&p->cli, march).text;
    char list[RT_DIMS];
    const rt_model *const *m = p->models;
    while (*m && !(asked ? strcmp(asked, (*m)->march) == 0 : rt_cpu_runs((*m)->features)))
        m++;
    if (asked && !*m)
        return rt_fail(e, RT_E_USAGE, "this program has no kernels for '%.60s'", asked) ||
               rt_help(e, "--march takes %s", rt_isa_list(list, p->models, true));
    p->model = *m ? *m : p->models[0];
    if (p->cli.verb == RT_VERB_info || rt_cpu_runs(p->model->features))
        return true;
    if (asked)
        return rt_fail(e, RT_E_IO, "--march %s: this processor lacks %s", asked, p->model->isa);
    return rt_fail(e, RT_E_IO, "this program was compiled for %s, which this processor lacks",
                   rt_isa_list(list, p->models, false)) ||
           rt_help(e, "compile it on this machine, or with --march for an older one");
}

/* OpenBLAS reads OPENBLAS_CORETYPE before main, and a wrong one halves its speed: the program
 * starts again without it. */
static bool open_blas(rt_err *e, rt_prog *p)
{
    if (!p->model->open_blas || p->cli.verb == RT_VERB_info)
        return true;
    if (getenv("OPENBLAS_CORETYPE")) {
        unsetenv("OPENBLAS_CORETYPE");
        execv("/proc/self/exe", p->argv);
    }
    return p->model->open_blas(p->blas) ||
           rt_fail(e, RT_E_IO, "this OpenBLAS cannot be called by several threads") ||
           rt_help(e, "install libopenblas-pthread-dev, or build with --blas none");
}

static bool check_verb(rt_err *e, const rt_prog *p)
{
    rt_verb verb = p->cli.verb;
    if (rt_has_verb(p->model, verb))
        return true;
    rt_fail(e, RT_E_USAGE, "this program has no '%s'", rt_verb_name(verb));
    if (verb == RT_VERB_train || verb == RT_VERB_eval)
        return rt_help(e, "the model file names no %s; give it one, or compile with --loss%s",
                       p->model->loss ? "optimizer" : "loss",
                       verb == RT_VERB_train ? " and --optimizer" : "");
    return rt_help(e, "`%s --help` lists its verbs", p->name);
}

static bool open_prog(rt_err *e, rt_prog *p)
{
    const rt_optval *threads = &RT_OPT(&p->cli, threads), *seed = &RT_OPT(&p->cli, seed);
    p->seed = seed->given ? seed->i : p->model->has_seed ? p->model->seed : 0;
    p->pool = rt_pool_open(threads->given ? (int)threads->i : rt_cpu_count());
    if (!p->pool)
        return rt_fail(e, RT_E_MEMORY, "no memory for threads");
    p->studios = rt_alloc(e, rt_pool_threads(p->pool), (int64_t)sizeof *p->studios, "threads");
    if (!p->studios)
        return false;
    if (RT_GIVEN(&p->cli, pin) && !rt_pool_pin(p->pool))
        return rt_fail(e, RT_E_USAGE, "--pin gives each of %d threads a processor of its own, but "
                       "this process may use %d", rt_pool_threads(p->pool), rt_cpu_count()) ||
               rt_help(e, "a smaller --threads, or no --pin");
    return p->cli.verb == RT_VERB_info ||
           ((!p->model->cuda || rt_device_open(e, p)) && rt_states_open(e, p));
}

static void close_prog(rt_prog *p)
{
    rt_ahead_close(p->ahead);
    for (int i = 0; p->studios && i < rt_pool_threads(p->pool); i++)
        rt_studio_free(&p->studios[i]);
    rt_free(p->studios);
    rt_pool_close(p->pool);
    rt_free(p->state);
    rt_arena_free(p);
    rt_device_close(p);
    rt_free(p->scalars);
    rt_free(p->lr);
    rt_prep_free(&p->prep);
}

bool rt_open_weights(rt_err *e, rt_prog *p, bool required)
{
    const rt_optval *weights = &RT_OPT(&p->cli, weights);
    if (!weights->given) {
        if (!required || p->model->n_states == 0)     /* a model without parameters has none */
            return true;
        rt_fail(e, RT_E_USAGE, "%s needs --weights FILE", rt_verb_name(p->cli.verb));
        return rt_help(e, "training leaves them as runs/N/best.safetensors");
    }
    p->has_weights = rt_states_load(e, p, weights->text);
    return p->has_weights;
}

int64_t rt_batch_size(const rt_prog *p)
{
    return RT_GIVEN(&p->cli, batch) ? RT_OPT(&p->cli, batch).i : p->model->batch;
}

bool rt_data_path(rt_err *e, const rt_prog *p, const char **path)
{
    const char *root = p->model->root, *verb = rt_verb_name(p->cli.verb);
    bool given = RT_GIVEN(&p->cli, data), there = given;
    *path = given ? RT_OPT(&p->cli, data).text : root;
    if (!given && root && !rt_file_there(e, root, &there))
        return false;
    if (there)
        return true;
    if (root)
        rt_fail(e, RT_E_USAGE, "%s needs --data PATH: the model file says %.200s, which is not there",
                verb, root);
    else
        rt_fail(e, RT_E_USAGE, "%s needs --data PATH", verb);
    return rt_help(e, "a CSV or NPY file, or a directory with IDX or CIFAR files, or folders of "
                      "images");
}

/* ---- the whole ---- */

static bool run_verb(rt_err *e, rt_prog *p)
{
    static bool (*const run[])(rt_err *, rt_prog *) = {
#define VERB(name, does) [RT_VERB_##name] = rt_verb_##name,
#include "runtime/options.def"
    };
    if (!check_verb(e, p) || !choose_model(e, p) || !open_blas(e, p))
        return false;
    bool ok = open_prog(e, p) && run[p->cli.verb](e, p);
    close_prog(p);
    return ok;
}

/* True: the command line asked for text alone, which is printed. */
static bool only_text(const rt_prog *p)
{
    char list[RT_DIMS];
    if (RT_GIVEN(&p->cli, help))
        rt_cli_help(stdout, p->model, p->name, p->cli.verb);
    else if (RT_GIVEN(&p->cli, version))
        printf("%s (seqc %s, %s)\n", p->model->name, p->model->version,
               rt_isa_list(list, p->models, false));
    else
        return false;
    return true;
}

int rt_main(const rt_model *const *models, int argc, char **argv)
{
    const rt_model *model = models[0];       /* names, shapes and defaults are those of all */
    rt_err e = { .code = RT_E_OK };
    caught = 0;
    rt_prog p = { .models = models, .model = model, .argc = argc, .argv = argv };
    p.name = argc > 0 ? rt_base_name(argv[0]) : "program";
    if (model->abi != RT_ABI) {
        fprintf(stderr, "%s: error: made for runtime version %d, linked with %d\n", p.name,
                model->abi, RT_ABI);
        return RT_E_DATA;
    }
    bool ok = rt_cli_parse(&e, model, argc, argv, &p.cli);
    rt_ui_open(&p.ui, RT_GIVEN(&p.cli, quiet), RT_GIVEN(&p.cli, no_progress));
    if (ok && !only_text(&p)) {
        if (p.cli.verb == RT_VERB_NONE) {
            rt_cli_help(stderr, model, p.name, RT_VERB_NONE);
            return RT_E_USAGE;
        }
        ok = run_verb(&e, &p);
    }
    rt_ui_clear(&p.ui);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && ok)
        ok = rt_fail(&e, RT_E_IO, "standard output: %s",
                     errno ? strerror(errno) : "could not be written");
    if (!ok) {
        rt_report_error(&p.ui, p.name, &e);
        return (int)e.code;
    }
    return caught ? 128 + caught : RT_E_OK;
}
