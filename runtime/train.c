/* runtime/train.c: the training loop: seeds, epochs, validation, checkpoints. Which numbers come is
 * decided here and equals PyTorch's loop: initial draws in order, then two draws an epoch for the
 * shuffle, all from one generator.
 *
 * All that the loop knows from one step to the next is the states and the rt_point; so a run that
 * goes on from a checkpoint computes what the straight run computes, to the bit. Logs are written
 * before the checkpoint that knows of their rows, so that no row is lost either. */
#include "runtime/train.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { LOG_BYTES = 1 << 16 };   /* of steps.csv that gather before they are written */
#define APART_SECONDS 0.5       /* between writes of logs and checkpoints */

/* ---- opening ---- */

static bool read_settings(rt_err *e, rt_train *t)
{
    const rt_model *m = t->p->model;
    const rt_cli *cli = &t->p->cli;
    t->overfit = RT_OPT(cli, overfit).i;
    t->set = (rt_settings){
        .epochs = RT_GIVEN(cli, epochs) ? RT_OPT(cli, epochs).i
                : m->epochs > 0 ? m->epochs : RT_DEFAULT_EPOCHS,
        .batch = rt_batch_size(t->p),
        .lr = RT_GIVEN(cli, lr) ? RT_OPT(cli, lr).r : m->lr,
        .shuffle = RT_GIVEN(cli, shuffle) ? RT_OPT(cli, shuffle).i != 0
                 : t->overfit == 0 && m->shuffle != 0,
    };
    t->patience = RT_OPT(cli, patience).i;
    t->min_delta = RT_OPT(cli, min_delta).r;
    t->max_seconds = RT_OPT(cli, max_time).r;
    t->save_every = RT_OPT(cli, save_every).i;
    t->keep = RT_OPT(cli, keep).i;
    if (RT_GIVEN(cli, val) && RT_GIVEN(cli, val_split))
        return rt_fail(e, RT_E_USAGE, "--val and --val-split exclude each other");
    if (RT_GIVEN(cli, min_delta) && t->patience == 0)
        return rt_fail(e, RT_E_USAGE, "--min-delta belongs to --patience, which is not given");
    if (t->keep > 0 && t->save_every == 0)
        return rt_fail(e, RT_E_USAGE, "--keep counts the checkpoints of --save-every, which is "
                       "not given");
    return true;
}

/* Batch normalisation cannot learn from a batch of one sample, not even from an epoch's last. */
static bool trainable(rt_err *e, const rt_train *t)
{
    const rt_model *m = t->p->model;
    int64_t last = t->data.train.n % t->set.batch;
    if (last == 0 || (m->drop_last && t->data.train.n > t->set.batch))
        last = t->set.batch;
    if (last >= m->least_batch || t->set.epochs == 0)
        return true;
    return rt_fail(e, RT_E_DATA, "%" PRId64 " training rows in batches of %" PRId64 " leave %"
                   PRId64 " for the last step, but batch normalisation needs %" PRId64
                   " (more than 1 value per channel)", t->data.train.n, t->set.batch, last,
                   m->least_batch) ||
           rt_help(e, "choose another --batch, or drop_last=True in the model file's DataLoader");
}

static bool open_data(rt_err *e, rt_train *t)
{
    const rt_cli *cli = &t->p->cli;
    const char *path;
    if (!rt_data_path(e, t->p, &path))
        return false;
    rt_data_options o = {
        .purpose = RT_FOR_TRAIN,
        .data = path,
        .labels = RT_OPT(cli, labels).text,
        .target = RT_OPT(cli, columns).text,
        .val = RT_OPT(cli, val).text,
        .val_split = RT_OPT(cli, val_split).r,
        .norm = (rt_norm)RT_OPT(cli, normalize).i,
        .seed = (uint64_t)t->p->seed,
        .prep = t->p->has_weights ? &t->p->prep : NULL,
    };
    if (!rt_data_load(e, &t->data, t->p->model, &o))
        return false;
    int64_t most;
    if (t->overfit > 0 && rt_mul(t->overfit, t->set.batch, &most) && most < t->data.train.n)
        t->data.train.n = most;
    if (t->p->model->drop_last && t->data.train.n < t->set.batch)
        return rt_fail(e, RT_E_DATA, "%" PRId64 " training rows do not fill a batch of %" PRId64
                       ", and the model file's DataLoader drops the last batch",
                       t->data.train.n, t->set.batch) ||
               rt_help(e, "choose a smaller --batch");
    return trainable(e, t);
}

/* A new run's point: nothing done, the generator behind the initial draws. */
static rt_point first_point(const rt_train *t)
{
    rt_point point = {
        .plateau = INFINITY,
        .random = t->p->random, .loss = NAN, .best = NAN, .anchor = NAN, .seed = t->p->seed,
        .batch = t->set.batch, .rows = t->data.train.n, .val_rows = t->data.val.n,
        .shuffle = t->set.shuffle, .lr = t->set.lr,
    };
    memcpy(point.monitor, t->goal.name, sizeof point.monitor);
    return point;
}

static bool open_goal(rt_err *e, rt_train *t)
{
    const char *name = RT_OPT(&t->p->cli, monitor).text, *was = t->point.monitor;
    if (!rt_goal_open(e, &t->goal, t->p->model, name ? name : t->resumed ? was : NULL,
                      t->data.val.n > 0))
        return false;
    if (t->resumed && strcmp(was, t->goal.name) != 0)
        return rt_fail(e, RT_E_USAGE, "%.300s was trained with --monitor %s, so it cannot go on "
                       "with %s", t->resumed, was, t->goal.name) ||
               rt_help(e, "leave --monitor out, or start a new run without --resume");
    return true;
}

/* A new run's states are the draws, what the model file loads over them, or --weights. */
static bool open_states(rt_err *e, rt_train *t)
{
    const rt_cli *cli = &t->p->cli;
    bool fresh = !RT_GIVEN(cli, weights) && !RT_GIVEN(cli, resume);
    return (!fresh || rt_states_initial(e, t->p)) && rt_open_weights(e, t->p, false) &&
           rt_resume_open(e, t);
}

/* All but the run directory, which comes last: what is refused leaves none. */
static bool open_run(rt_err *e, rt_train *t)
{
    rt_prog *p = t->p;
    if (!rt_resume_check(e, t) || !open_goal(e, t))
        return false;
    const rt_graph *graph = rt_graph_for(e, p->model, "train", &t->data.train);
    if (!graph || !rt_bind(e, &t->graph, p, graph) ||
        !rt_judge_bind(e, &t->val, p, &t->data.val, t->set.batch) ||
        !rt_judge_bind(e, &t->test, p, &t->data.test, t->set.batch) ||
        !rt_queue_open(e, &t->queue, &t->graph, &t->data.train, true, t->set.batch) ||
        !rt_judge_open(e, &t->val) || !rt_judge_open(e, &t->test))
        return false;
    if (!t->resumed)
        t->point = first_point(t);
    t->point.lr = t->set.lr;
    int64_t rows = t->data.train.n, batch = t->set.batch;
    p->epoch_steps = (double)(p->model->drop_last ? rows / batch : (rows + batch - 1) / batch);
    t->squares = rt_set_squares(p->model, &t->data.train);
    t->order = rt_alloc(e, t->data.train.n, (int64_t)sizeof(int64_t), "the order of the samples");
    return t->order != NULL;
}

static bool open_directory(rt_err *e, rt_train *t)
{
    const char *out = RT_OPT(&t->p->cli, out).text;
    if (!rt_rundir_open(e, &t->run, t->p, out ? out : t->directory, t->data.val.n > 0,
                        RT_GIVEN(&t->p->cli, log_steps), t->resumed ? &t->point : NULL) ||
        !rt_rundir_config(e, &t->run, t->p, &t->data, &t->set, t->resumed == NULL))
        return false;
    if (t->resumed && !rt_resume_best(e, t))
        return false;
    t->keeper = (rt_keeper){ .best_path = t->run.best, .last_path = t->run.last,
                             .prep = &t->data.prep,
                             .last.written = t->resumed ? t->point.epoch : 0 };
    return true;
}

static void close_train(rt_train *t)
{
    rt_keeper_close(&t->keeper, t->p);
    rt_rundir_close(&t->run);
    rt_judge_close(&t->val);
    rt_judge_close(&t->test);
    rt_queue_close(&t->queue);
    rt_unbind(&t->graph);
    rt_free(t->order);
    rt_free(t->resumed);
    rt_free(t->directory);
    rt_data_free(&t->data);
}

/* ---- an epoch ---- */

static bool must_stop(const rt_train *t)
{
    return rt_signal() != 0 || (t->deadline > 0 && rt_now() >= t->deadline);
}

/* A row of steps.csv, written now and then. */
static bool log_step(rt_err *e, rt_train *t, const rt_step *step, double loss)
{
    rt_log *log = &t->run.steps;
    if (!log->open)
        return true;
    if (!rt_buf_printf(e, &log->text, "%" PRId64 ",%" PRId64 ",", step->number,
                       t->point.epoch + 1) ||
        !rt_buf_real(e, &log->text, loss, 9) || !rt_buf_add(e, &log->text, ",", 1) ||
        !rt_buf_real(e, &log->text, step->lr, 9) || !rt_buf_add(e, &log->text, "\n", 1))
        return false;
    return log->text.length < LOG_BYTES ||
           rt_train_survives(e, t, RT_LOGS, rt_log_flush(e, log));
}

/* Draws an epoch's order and sets its rates. */
static bool begin_pass(rt_err *e, rt_train *t)
{
    rt_ahead_rest(t->p->ahead);
    if (t->graph.mask)       /* they draw from the generator, too: no seed can be foreseen */
        rt_random_epoch(&t->p->random, t->set.shuffle, t->order, t->data.train.n);
    else
        rt_orders_next(&t->orders, &t->p->random, t->set.shuffle, t->order, t->data.train.n);
    for (int64_t at = 0; at < t->point.at; at += t->set.batch)
        rt_masks_skip(&t->graph, t->set.batch);
    rt_rates_set(t->p, t->set.lr, &t->point);
    t->data.train.epoch = (uint64_t)t->point.epoch;
    return rt_queue_begin(e, &t->queue, &t->data.train, t->order, t->point.at, t->set.batch);
}

/* Adds as many steps as there is room for; `ahead` is the point behind them. */
static void add_steps(rt_train *t, rt_point *ahead, int64_t end)
{
    const rt_model *m = t->p->model;
    int64_t batch = t->set.batch;
    for (int64_t room = rt_queue_room(&t->queue); room > 0 && ahead->at < end; room--) {
        int64_t left = t->data.train.n - ahead->at, n = left < batch ? left : batch;
        if (n < batch && m->drop_last)
            return;
        if (m->schedule_steps)
            rt_rates_set(t->p, t->set.lr, ahead);
        rt_queue_add(&t->queue, ahead->at, n, ++ahead->step);
        ahead->at += n;
    }
}

/* What came of steps: the point is behind them. */
static bool take_steps(rt_err *e, rt_train *t, const rt_report *done)
{
    rt_point *point = &t->point;
    for (int64_t i = 0; i < done->count; i++) {
        const rt_step *step = &done->step[i];
        const double *result = done->result + i * t->graph.graph->n_results;
        double loss = rt_loss_of(&t->graph, result);
        point->step = step->number;
        if (!log_step(e, t, step, loss))
            return false;
        if (!isfinite(loss) || rt_states_look(t->p, &t->look))
            return rt_train_numeric(e, t, loss);
        rt_tally_add(&point->tally, &t->graph, result, step->n);
        point->at += step->n;
    }
    return true;
}

bool rt_train_pass(rt_err *e, rt_train *t, int64_t end, double start)
{
    const rt_point *point = &t->point;
    rt_point ahead = *point;
    rt_report done;
    int64_t first = point->at;
    if (!begin_pass(e, t))
        return false;
    do {
        if (!must_stop(t))
            add_steps(t, &ahead, end);
        if (!rt_queue_turn(e, &t->queue, &done) || !take_steps(e, t, &done))
            return false;
        if (t->p->ui.live && done.count > 0)
            rt_report_progress(&t->p->ui, &(rt_progress){
                .epoch = point->epoch + 1, .epochs = t->set.epochs,
                .done = point->at - first, .total = end - first,
                .loss = point->tally.loss / (double)point->tally.n, .start = start });
    } while (done.count > 0 || rt_queue_busy(&t->queue));
    return true;
}

/* Are the epoch's steps all done? A last batch that is dropped needs none. */
static bool pass_is_over(const rt_train *t)
{
    int64_t left = t->data.train.n - t->point.at;
    return left == 0 || (left < t->set.batch && t->p->model->drop_last);
}

/* A checkpoint of its own every so many epochs; what is printed is on the disk. */
static bool save_numbered(rt_err *e, rt_train *t)
{
    char *path = rt_numbered_path(e, t->run.path, t->point.epoch);
    if (!path)
        return false;
    bool saved = rt_states_save(e, t->p, t->p->state, path, &t->point, &t->data.prep);
    if (saved && !t->p->ui.quiet) {
        rt_ui_clear(&t->p->ui);
        printf("saved %s\n", path);
        fflush(stdout);
    }
    /* Behind the announcement: the newest ones that were announced are always there. */
    if (saved && t->keep > 0)
        rt_runs_prune(t->run.path, t->point.epoch, t->keep);
    rt_free(path);
    return rt_train_survives(e, t, RT_NUMBERED, saved);
}

/* Which files an epoch has: one of its own; those that were not written for long enough. */
typedef struct Due { bool numbered, renewed; } Due;

static Due due_at(const rt_train *t, int64_t epoch)
{
    return (Due){ t->save_every > 0 && epoch % t->save_every == 0,
                  rt_now() - t->saved >= APART_SECONDS };
}

/* The states of an epoch's end. A device's come here for a file alone. */
static bool look_at_states(rt_err *e, rt_train *t, Due due, double loss)
{
    if (t->p->device && !due.numbered && !due.renewed)
        return true;
    return rt_states_fetch(e, t->p) && (!rt_states_nonfinite(t->p->model, t->p->state, NULL) ||
                                        rt_train_numeric(e, t, loss));
}

/* The files of an epoch. */
static bool save_epoch(rt_err *e, rt_train *t, bool best, Due due, double now)
{
    if (due.renewed || due.numbered) {
        t->saved = now;
        if (!rt_train_survives(e, t, RT_LOGS, rt_rundir_flush(e, &t->run, t->p)))
            return false;
    }
    /* `last` comes behind: a run that goes on from it does not come back to this epoch. */
    if ((due.numbered && !save_numbered(e, t)) ||
        !rt_train_survives(e, t, RT_CHECKPOINTS,
                           rt_keep(e, &t->keeper, t->p, &t->point, best, due.renewed)))
        return false;
    if (now - t->drawn <= 1)
        return true;
    t->drawn = now;
    return rt_train_survives(e, t, RT_CURVES,
                             rt_rundir_curves(e, &t->run, t->p, &t->set, t->point.best_epoch));
}

/* What an epoch took, on the clock. */
typedef struct Clock { double run, epoch; int64_t run_epoch, epoch_at; } Clock;

/* What follows an epoch's steps: validation, logs, checkpoints, its line. */
static bool finish_epoch(rt_err *e, rt_train *t, const Clock *clock)
{
    rt_point *point = &t->point;
    bool has_val = t->data.val.n > 0;
    double trained = has_val ? rt_now() - clock->epoch : 0;
    rt_score train = rt_tally_score(&point->tally, t->p->model, t->data.train.y_elems, t->squares);
    rt_score val = { 0 };
    if (has_val && !rt_judge_run(e, &t->val, "validation", &val))
        return false;
    if (rt_signal() != 0)
        return true;
    Due due = due_at(t, point->epoch + 1);
    if (!look_at_states(e, t, due, train.loss))
        return false;
    point->step--;
    rt_rates_set(t->p, t->set.lr, point);   /* the last step's, which the row shows */
    point->step++;
    double samples = (double)(point->at - clock->epoch_at);
    point->epoch++;
    point->at = 0;
    point->tally = (rt_tally){ 0 };
    point->loss = has_val ? val.loss : train.loss;
    bool best = rt_goal_reached(&t->goal, point, &train, &val, t->min_delta);
    rt_plateau_step(t->p->model, point);
    t->best_elsewhere = t->best_elsewhere && !best;
    double now = rt_now(), left = (double)(t->set.epochs - point->epoch);
    double rate = samples / fmax(has_val ? trained : now - clock->epoch, 1e-9);
    point->random = t->p->random;
    rt_epoch row = { point->epoch, train, val, t->p->lr[0], now - clock->epoch, rate, best };
    if (!rt_rundir_epoch(e, &t->run, &row) || !save_epoch(e, t, best, due, now))
        return false;
    rt_report_epoch(t->p, &(rt_epoch_line){
        point->epoch, t->set.epochs, &train, has_val ? &val : NULL, best, row.seconds, rate,
        left > 0 ? left * (now - clock->run) / (double)(point->epoch - clock->run_epoch) : -1 });
    return true;
}

/* ---- the run ---- */

static bool out_of_patience(const rt_train *t)
{
    return t->patience > 0 && t->point.wait >= t->patience;
}

static bool run_epochs(rt_err *e, rt_train *t)
{
    Clock clock = { .run = rt_now(), .run_epoch = t->point.epoch };
    t->deadline = t->max_seconds > 0 ? clock.run + t->max_seconds : 0;
    while (t->point.epoch < t->set.epochs && !out_of_patience(t) && !must_stop(t)) {
        clock.epoch = rt_now();
        clock.epoch_at = t->point.at;
        if (!rt_train_pass(e, t, t->data.train.n, clock.epoch))
            return false;
        if (!pass_is_over(t) || rt_signal() != 0)
            break;
        if (!finish_epoch(e, t, &clock))
            return false;
    }
    bool done = t->point.epoch >= t->set.epochs, early = !done && out_of_patience(t);
    return done || early ? rt_train_done(e, t, early) : rt_train_stopped(e, t);
}

static bool save_untrained(rt_err *e, rt_train *t)
{
    if (!rt_states_save(e, t->p, t->p->state, t->run.last, &t->point, &t->data.prep) ||
        !rt_states_save(e, t->p, t->p->state, t->run.best, &t->point, &t->data.prep))
        return false;
    printf("%s weights, untrained   %s\n", t->p->has_weights ? "given" : "initial", t->run.last);
    return true;
}

static bool train(rt_err *e, rt_train *t)
{
    char count[RT_TEXT];
    rt_report_header(t->p, &t->data, &t->set, &t->queue);
    if (t->resumed && !t->p->ui.quiet)
        printf("goes on after step %s, %" PRId64 " epoch%s done   %s\n",
               rt_count_text(count, t->point.step), t->point.epoch,
               t->point.epoch == 1 ? "" : "s", t->resumed);
    if (RT_GIVEN(&t->p->cli, dry_run))
        return rt_train_dry(e, t);
    if (!open_directory(e, t))
        return false;
    if (t->set.epochs == 0)
        return save_untrained(e, t);
    rt_signals_catch();
    bool ok = run_epochs(e, t);
    if (!ok)
        rt_train_flush(e, t);
    rt_signals_restore();
    return ok;
}

bool rt_verb_train(rt_err *e, rt_prog *p)
{
    rt_train t = { .p = p };
    bool ok = read_settings(e, &t) && open_states(e, &t) && open_data(e, &t) &&
              open_run(e, &t) && train(e, &t);
    close_train(&t);
    return ok;
}
