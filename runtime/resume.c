/* runtime/resume.c: going on from a checkpoint: which one, whether command line and data fit it,
 * and the command that would do it again. What was not said is taken over; what was said and
 * contradicts is refused: the rest of the run would be neither the old one nor a new one. */
#include "runtime/train.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- which one ---- */

/* Takes the checkpoint `path`, which it owns then, whatever comes of it. */
static bool take(rt_err *e, rt_train *t, char *path)
{
    rt_point point;
    if (!path)
        return false;
    if (!rt_states_resume(e, t->p, path, &point)) {
        rt_free(path);
        return false;
    }
    const char *slash = strrchr(path, '/');
    t->point = point;
    t->resumed = path;
    t->directory = !slash ? rt_strdup(e, ".")
                 : rt_strndup(e, path, slash == path ? 1 : (size_t)(slash - path));
    return t->directory != NULL;
}

/* The newest run that can go on; why newer ones cannot is said in a line each. One that cannot be
 * read for the moment is not passed over: the work in it is not to be done again for that. */
static bool take_newest(rt_err *e, rt_train *t)
{
    int64_t n = INT64_MAX;
    while (rt_runs_below(e, n, &n)) {
        rt_err why = { 0 };
        bool there = false;
        if (n == 0) {
            rt_report_note(&t->p->ui, t->p->name, "--resume auto: there is no run to go on with "
                           "in runs/; a new one starts");
            return true;
        }
        char *path = rt_format(e, "runs/%" PRId64 "/last.safetensors", n);
        if (!path || !rt_file_there(e, path, &there)) {
            rt_free(path);
            return false;
        }
        if (!there) {
            rt_free(path);
            continue;
        }
        if (take(&why, t, path))
            return true;
        if (why.code == RT_E_MEMORY || why.code == RT_E_IO) {
            *e = why;
            return false;
        }
        rt_report_note(&t->p->ui, t->p->name, "runs/%" PRId64 " is passed over: %.*s", n,
                       (int)strcspn(why.message, "\n"), why.message);
    }
    return false;
}

static bool find(rt_err *e, rt_train *t)
{
    const rt_cli *cli = &t->p->cli;
    const char *what = RT_OPT(cli, resume).text, *out = RT_OPT(cli, out).text;
    if (strcmp(what, "auto") != 0)
        return take(e, t, rt_strdup(e, what));
    if (!out)
        return take_newest(e, t);
    char *path = rt_format(e, "%s/last.safetensors", out);
    bool there = false;
    if (!path || !rt_file_there(e, path, &there)) {
        rt_free(path);
        return false;
    }
    if (!there) {
        rt_free(path);
        rt_report_note(&t->p->ui, t->p->name, "--resume auto: %s holds no last.safetensors; a new "
                       "run starts", out);
        return true;
    }
    return take(e, t, path);
}

/* ---- does it fit? ---- */

static bool contradicts(rt_err *e, const rt_train *t, const char *option, int64_t was,
                        int64_t asked)
{
    rt_fail(e, RT_E_USAGE, "%.300s was trained with --%s %" PRId64 ", so it cannot go on with "
            "%" PRId64, t->resumed, option, was, asked);
    return rt_help(e, "leave --%s out, or start a new run without --resume", option);
}

static bool is_possible(rt_err *e, const rt_train *t)
{
    const rt_point *point = &t->point;
    if (point->batch > t->p->model->capacity)
        return rt_fail(e, RT_E_DATA, "%.300s was trained with --batch %" PRId64 ", but this "
                       "program was compiled for %" PRId64 " samples at most", t->resumed,
                       point->batch, t->p->model->capacity);
    bool whole = point->batch > 0 &&
                 (point->at % point->batch == 0 || point->at == point->rows);
    return (whole && point->shuffle <= 1) ||
           rt_fail(e, RT_E_DATA, "%.300s: its metadata contradict themselves", t->resumed);
}

static bool adopt(rt_err *e, rt_train *t)
{
    const rt_cli *cli = &t->p->cli;
    const rt_point *point = &t->point;
    if (RT_GIVEN(cli, batch) && t->set.batch != point->batch)
        return contradicts(e, t, "batch", point->batch, t->set.batch);
    if (RT_GIVEN(cli, seed) && t->p->seed != point->seed)
        return contradicts(e, t, "seed", point->seed, t->p->seed);
    if (RT_GIVEN(cli, shuffle) && t->set.shuffle != (point->shuffle != 0))
        return rt_fail(e, RT_E_USAGE, "%.300s was trained with --%sshuffle", t->resumed,
                       point->shuffle ? "" : "no-") ||
               rt_help(e, "leave it out, or start a new run without --resume");
    if (RT_GIVEN(cli, normalize) && RT_OPT(cli, normalize).i != (int64_t)t->p->prep.norm)
        return rt_fail(e, RT_E_USAGE, "%.300s was trained with --normalize %s", t->resumed,
                       rt_norm_name(t->p->prep.norm)) ||
               rt_help(e, "leave it out, or start a new run without --resume");
    t->set.batch = point->batch;
    t->set.shuffle = point->shuffle != 0;
    t->set.lr = RT_GIVEN(cli, lr) ? t->set.lr : point->lr;
    t->p->seed = point->seed;
    t->p->random = point->random;
    t->p->has_weights = true;
    return true;
}

bool rt_resume_open(rt_err *e, rt_train *t)
{
    const rt_cli *cli = &t->p->cli;
    if (!RT_GIVEN(cli, resume))
        return true;
    if (RT_GIVEN(cli, weights))
        return rt_fail(e, RT_E_USAGE, "--resume brings its own weights: leave --weights out");
    return find(e, t) && (!t->resumed || (is_possible(e, t) && adopt(e, t)));
}

bool rt_resume_check(rt_err *e, const rt_train *t)
{
    const rt_point *point = &t->point;
    const struct { int64_t was, is; const char *what; } part[] = {
        { point->rows, t->data.train.n, "training" },
        { point->val_rows, t->data.val.n, "validation" },
    };
    if (!t->resumed)
        return true;
    for (int i = 0; i < 2; i++)
        if (part[i].was != part[i].is)
            return rt_fail(e, RT_E_DATA, "%.300s was trained with %" PRId64 " %s rows, but here "
                           "are %" PRId64, t->resumed, part[i].was, part[i].what, part[i].is) ||
                   rt_help(e, "go on with the same data and the same --val, --val-split and "
                           "--overfit-batches; --weights starts a new run from these weights");
    if (point->epoch > t->set.epochs)
        return rt_fail(e, RT_E_USAGE, "%.300s has %" PRId64 " epochs behind it, and --epochs is "
                       "%" PRId64, t->resumed, point->epoch, t->set.epochs) ||
               rt_help(e, "--epochs counts from the beginning; a larger number trains on");
    return true;
}

bool rt_resume_best(rt_err *e, rt_train *t)
{
    rt_err why = { 0 };
    rt_tensors file = { 0 };
    rt_point best = { 0 };
    if (t->point.best_epoch == 0)
        return true;
    bool there;
    if (!rt_file_there(e, t->run.best, &there))
        return false;
    bool good = there && rt_safetensors_open(&why, t->run.best, &file) &&
                rt_point_from_meta(&why, &file, t->run.best, t->p->model, &best);
    rt_tensors_free(&file);
    if (there && !good && why.code != RT_E_DATA) {
        *e = why;
        return false;
    }
    if (good && best.epoch >= t->point.best_epoch) {
        /* One from later on was written by what comes now, before it was cut short. */
        t->best_elsewhere = best.epoch > t->point.best_epoch;
        return true;
    }
    rt_report_note(&t->p->ui, t->p->name, "%s does not hold epoch %" PRId64 ", which was the best "
                   "of this run: best starts anew", t->run.best, t->point.best_epoch);
    t->point.best_epoch = t->point.wait = 0;
    t->point.best = t->point.anchor = NAN;
    return true;
}

/* ---- the command that goes on ---- */

static bool add_word(rt_err *e, rt_buf *to, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:=,+@%-";
    bool ok = rt_buf_printf(e, to, to->length ? " " : "");
    if (word[0] && word[strspn(word, plain)] == '\0')
        return ok && rt_buf_printf(e, to, "%s", word);
    ok = ok && rt_buf_printf(e, to, "'");
    for (; ok && *word; word++)
        ok = *word == '\'' ? rt_buf_printf(e, to, "'\\''") : rt_buf_add(e, to, word, 1);
    return ok && rt_buf_printf(e, to, "'");
}

/* Does `word` say option `name`? *next: its value is the next word. */
static bool says(const char *word, const char *name, bool *next)
{
    size_t length = strlen(name);
    if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, length) != 0)
        return false;
    *next = word[2 + length] == '\0';
    return *next || word[2 + length] == '=';
}

bool rt_resume_command(rt_err *e, const rt_train *t, rt_buf *to)
{
    static const char *const replaced[] = { "resume", "weights", "out" };
    bool ok = true;
    for (int i = 0; ok && i < t->p->argc; i++) {
        bool gone = false, next = false;
        for (size_t k = 0; i > 0 && !gone && k < sizeof replaced / sizeof *replaced; k++)
            gone = says(t->p->argv[i], replaced[k], &next);
        if (gone)
            i += next;
        else
            ok = add_word(e, to, t->p->argv[i]);
    }
    return ok && add_word(e, to, "--resume") && add_word(e, to, t->run.last);
}
