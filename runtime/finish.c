/* runtime/finish.c: how a training run ends: done, stopped, refused by its numbers, or with files
 * that could not be written. A line that ends in a path is printed when the file is on the disk. */
#include "runtime/train.h"
#include <inttypes.h>
#include <math.h>
#include <signal.h>

/* ---- files that cannot be written ---- */

bool rt_train_survives(rt_err *e, rt_train *t, rt_place place, bool ok)
{
    rt_unwritten *u = &t->unwritten[place];
    if (ok) {
        /* A numbered checkpoint is not tried again: once missing, it stays so. */
        u->still = u->still && place == RT_NUMBERED;
        return true;
    }
    if (e->code != RT_E_IO)
        return false;
    if (u->times++ == 0)
        rt_report_warning(&t->p->ui, t->p->name, e);
    u->still = true;
    *e = (rt_err){ 0 };
    return true;
}

bool rt_train_flush(rt_err *e, rt_train *t)
{
    rt_err ignored = { 0 };
    rt_err *to = e->code != RT_E_OK ? &ignored : e;
    return rt_train_survives(to, t, RT_LOGS, rt_rundir_flush(to, &t->run, t->p)) &&
           rt_train_survives(to, t, RT_CHECKPOINTS, rt_keeper_flush(to, &t->keeper, t->p)) &&
           (t->run.n_epochs == 0 ||
            rt_train_survives(to, t, RT_CURVES, rt_rundir_curves(to, &t->run, t->p, &t->set,
                                                                 t->point.best_epoch)));
}

/* Fails where anything was not written in time, and says what. */
static bool all_written(rt_err *e, const rt_train *t)
{
    static const char *const what[] = {
        [RT_CHECKPOINTS] = "last.safetensors and best.safetensors",
        [RT_NUMBERED] = "numbered checkpoints",
        [RT_LOGS] = "metrics.csv, metrics.jsonl and steps.csv",
        [RT_CURVES] = "curves.svg",
    };
    rt_buf list = { 0 };
    bool ok = true;
    for (int i = 0; ok && i < RT_N_PLACES; i++) {
        const rt_unwritten *u = &t->unwritten[i];
        if (u->times > 0)
            ok = rt_buf_printf(e, &list, "\nnote: %s: %" PRId64 " write%s failed; %s", what[i],
                               u->times, u->times == 1 ? "" : "s",
                               u->still ? "what was missing then is not on the disk"
                                        : "they were written later, nothing is missing");
    }
    if (ok && list.length > 0)
        ok = rt_fail(e, RT_E_IO, "the training ended, but in %.300s not everything could be "
                     "written%s", t->run.path, list.data);
    rt_buf_free(&list);
    return ok;
}

/* ---- numbers that are none ---- */

bool rt_train_numeric(rt_err *e, const rt_train *t, double loss)
{
    const rt_model *m = t->p->model;
    int count;
    if (!rt_states_fetch(e, t->p))
        return false;
    const rt_state *s = rt_states_nonfinite(m, t->p->state, &count);
    const rt_layer *layer = s ? rt_layer_of(m, s->key) : NULL;
    char where[64], tensor[320] = "all states are finite";
    snprintf(where, sizeof where, "step %" PRId64 " (epoch %" PRId64 ")", t->point.step,
             t->point.epoch + 1);
    if (s)
        snprintf(tensor, sizeof tensor, "%s'%.80s'%s%.60s%s%.100s",
                 count == 1 ? "" : "the first is ", s->key, layer ? " of layer " : "",
                 layer ? layer->path : "", layer ? ", " : "",
                 layer ? layer->text : "");
    if (isfinite(loss))
        rt_fail(e, RT_E_NUMERIC, "%d of %d tensors are not finite after %s, although its loss was "
                "%.6g: %s", count, m->n_states, where, loss, tensor);
    else if (s)
        rt_fail(e, RT_E_NUMERIC, "the loss is %g at %s; its update left %d of %d tensors not "
                "finite: %s", loss, where, count, m->n_states, tensor);
    else
        rt_fail(e, RT_E_NUMERIC, "the loss is %g at %s, although %s", loss, where, tensor);
    const rt_kept *last = &t->keeper.last;
    int64_t epoch = last->pending && !last->on_device ? last->point.epoch : last->written;
    if (t->run.last && epoch > 0)
        return rt_help(e, "%.200s is of epoch %" PRId64 ", from before; go on from it with a lower "
                       "--lr than %g, or start anew with --normalize zscore for inputs of large "
                       "range", t->run.last, epoch, t->set.lr);
    return rt_help(e, "a lower --lr than %g, or --normalize zscore for inputs of large range",
                   t->set.lr);
}

/* ---- the ends ---- */

static bool print_command(rt_err *e, const rt_train *t)
{
    rt_buf command = { 0 };
    bool ok = rt_resume_command(e, t, &command);
    if (ok)
        printf("resume with: %s\n", command.data);
    rt_buf_free(&command);
    return ok;
}

bool rt_train_stopped(rt_err *e, rt_train *t)
{
    char count[RT_TEXT];
    if (!rt_states_fetch(e, t->p))
        return false;
    /* The sums of a step that went wrong must not replace a good checkpoint. */
    if (rt_states_nonfinite(t->p->model, t->p->state, NULL))
        return rt_train_numeric(e, t, t->point.tally.loss / (double)t->point.tally.n);
    t->keeper.last.pending = false;
    if (!rt_train_flush(e, t) ||
        !rt_states_save(e, t->p, t->p->state, t->run.last, &t->point, &t->data.prep))
        return false;
    rt_ui_clear(&t->p->ui);
    int64_t epoch = t->point.at > 0 ? t->point.epoch + 1 : t->point.epoch;
    printf("stopped by %s after step %s in epoch %" PRId64 "   %s\n",
           rt_signal() == SIGINT ? "SIGINT" : rt_signal() ? "SIGTERM" : "--max-time",
           rt_count_text(count, t->point.step), epoch > 0 ? epoch : 1, t->run.last);
    return print_command(e, t) && all_written(e, t);
}

static bool report_test(rt_err *e, rt_train *t)
{
    char count[RT_TEXT];
    if (t->data.test.n == 0)
        return true;
    rt_score test;
    if (!rt_judge_run(e, &t->test, "test", &test))
        return false;
    if (rt_signal() != 0)
        return true;
    rt_report_score(t->p, "test, last weights: ", &test);
    printf("   %s samples\n", rt_count_text(count, t->data.test.n));
    return rt_train_survives(e, t, RT_LOGS,
                             rt_rundir_test(e, &t->run, t->p, t->point.epoch, &test));
}

bool rt_train_done(rt_err *e, rt_train *t, bool early)
{
    char label[96];
    const rt_point *point = &t->point;
    /* A device's states may have gone without a look since the last file. */
    if (!rt_states_fetch(e, t->p))
        return false;
    if (rt_states_nonfinite(t->p->model, t->p->state, NULL))
        return rt_train_numeric(e, t, point->loss);
    if (!rt_train_flush(e, t))
        return false;
    rt_ui_clear(&t->p->ui);
    if (!t->p->ui.quiet)
        putchar('\n');
    if (early)
        printf("stopped early: %s has not become better for %" PRId64 " epoch%s\n", t->goal.name,
               point->wait, point->wait == 1 ? "" : "s");
    if (point->best_epoch > 0) {
        snprintf(label, sizeof label, "best epoch %" PRId64 ": %s", point->best_epoch,
                 t->goal.val ? "val " : "");
        rt_report_score(t->p, label, &point->best_score);
        printf("   %s\n", t->best_elsewhere ? "(its weights were replaced by another try's)"
                                            : t->run.best);
    }
    return report_test(e, t) && all_written(e, t);
}

/* ---- --dry-run ---- */

bool rt_train_dry(rt_err *e, rt_train *t)
{
    char count[RT_TEXT], size[RT_TEXT];
    int64_t rows = t->data.train.n, batch = t->set.batch, first = rows < batch ? rows : batch;
    int64_t steps = t->p->model->drop_last ? rows / batch : (rows + batch - 1) / batch;
    t->point.at = 0;
    t->point.tally = (rt_tally){ 0 };
    if (!rt_train_pass(e, t, first, rt_now()))
        return false;
    rt_ui_clear(&t->p->ui);
    rt_score score = rt_tally_score(&t->point.tally, t->p->model, t->data.train.y_elems, 0);
    printf("one training step of %s samples: loss %.6g\n", rt_count_text(count, first), score.loss);
    if (t->data.val.n > 0) {
        rt_set one = t->data.val;
        one.n = one.n < batch ? one.n : batch;
        t->val.set = &one;
        bool ok = rt_judge_run(e, &t->val, "validation", &score);
        t->val.set = &t->data.val;
        if (!ok)
            return false;
        printf("one validation batch of %s samples: loss %.6g\n", rt_count_text(count, one.n),
               score.loss);
    }
    const char *out = RT_OPT(&t->p->cli, out).text;
    char next[RT_TEXT + 8];
    int64_t newest;
    if (!rt_runs_below(e, INT64_MAX, &newest))
        return false;
    snprintf(next, sizeof next, "runs/%" PRId64, newest + 1);
    printf("a run would %s %s, %" PRId64 " epoch%s of %s steps", t->resumed ? "go on in" : "make",
           out ? out : t->resumed ? t->directory : next, t->set.epochs - t->point.epoch,
           t->set.epochs - t->point.epoch == 1 ? "" : "s", rt_count_text(count, steps));
    printf(", with checkpoints of %s; nothing was written\n",
           rt_bytes_text(size, t->p->model->state_bytes));
    return true;
}
