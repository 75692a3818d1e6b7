/* runtime/train.c: the training loop: seeds, epochs, validation, checkpoints, the end by a signal
 * or a number that is none. Which numbers come is decided here and equals PyTorch's loop: initial
 * draws in order, then two draws an epoch for the shuffle, all from one generator.
 *
 * The learning rate is constant; `best` goes by the validation loss, without a validation set by
 * the training loss, never by the test set. */
#include "runtime/rundir.h"
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <string.h>

enum { LOG_BYTES = 1 << 16 };   /* of steps.csv that gather before they are written */

typedef struct Train {
    rt_prog *p;
    rt_settings set;
    rt_data data;
    rt_rundir run;
    rt_bound graph;
    rt_batch room;
    rt_judge val, test;
    rt_keeper keep_best, keep_last;
    double squares;              /* of the training targets */
    int64_t *order;              /* [data.train.n] */
    int64_t step, epoch;         /* done so far */
    double best_loss;
    int64_t best_epoch;          /* 0: none yet */
    rt_score best;
    double last_curves;          /* when they were drawn */
} Train;

static bool read_settings(rt_err *e, const rt_prog *p, rt_settings *s)
{
    const rt_model *m = p->model;
    const rt_cli *cli = &p->cli;
    *s = (rt_settings){
        .epochs = m->epochs > 0 ? m->epochs : RT_DEFAULT_EPOCHS,
        .batch = rt_batch_size(p),
        .lr = RT_GIVEN(cli, lr) ? RT_OPT(cli, lr).r : m->lr,
        .shuffle = RT_GIVEN(cli, shuffle) ? RT_OPT(cli, shuffle).i != 0 : m->shuffle != 0,
    };
    if (RT_GIVEN(cli, epochs))
        s->epochs = RT_OPT(cli, epochs).i;
    if (RT_GIVEN(cli, val) && RT_GIVEN(cli, val_split))
        return rt_fail(e, RT_E_USAGE, "--val and --val-split exclude each other");
    return true;
}

static bool open_data(rt_err *e, Train *t)
{
    const rt_cli *cli = &t->p->cli;
    if (!RT_GIVEN(cli, data))
        return rt_fail(e, RT_E_USAGE, "train needs --data PATH") ||
               rt_help(e, "a CSV or NPY file, or a directory with IDX files");
    rt_data_options o = {
        .purpose = RT_FOR_TRAIN,
        .data = RT_OPT(cli, data).text,
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
    if (t->p->model->drop_last && t->data.train.n < t->set.batch)
        return rt_fail(e, RT_E_DATA, "%" PRId64 " training rows do not fill a batch of %" PRId64
                       ", and the model file's DataLoader drops the last batch",
                       t->data.train.n, t->set.batch) ||
               rt_help(e, "choose a smaller --batch");
    return true;
}

static bool open_train(rt_err *e, Train *t)
{
    rt_prog *p = t->p;
    const rt_graph *graph = rt_graph_for(e, p->model, "train", &t->data.train);
    if (!graph || !rt_bind(e, &t->graph, p, graph) ||
        !rt_batch_open(e, &t->room, p->model, &t->data.train) ||
        !rt_judge_open(e, &t->val, p, &t->data.val) ||
        !rt_judge_open(e, &t->test, p, &t->data.test))
        return false;
    t->squares = rt_set_squares(p->model, &t->data.train);
    t->order = rt_alloc(e, t->data.train.n, (int64_t)sizeof(int64_t), "the order of the samples");
    if (!t->order)
        return false;
    const char *out = RT_OPT(&p->cli, out).text;
    return rt_rundir_open(e, &t->run, p, out, t->data.val.n > 0, RT_GIVEN(&p->cli, log_steps)) &&
           rt_rundir_config(e, &t->run, p, &t->data, &t->set);
}

static void close_train(Train *t)
{
    rt_keeper_close(&t->keep_best);
    rt_keeper_close(&t->keep_last);
    rt_rundir_close(&t->run);
    rt_judge_close(&t->val);
    rt_judge_close(&t->test);
    rt_batch_close(&t->room);
    rt_unbind(&t->graph);
    rt_free(t->order);
    rt_data_free(&t->data);
}

static rt_stamp stamp(const Train *t, double loss)
{
    return (rt_stamp){ t->epoch, t->step, loss, &t->data.prep };
}

/* Writes what is still in memory alone; after a failure too, whose message stays. */
static bool flush(rt_err *e, Train *t)
{
    rt_err ignored = { 0 };
    bool failed = e->code != RT_E_OK;
    rt_err *to = failed ? &ignored : e;
    bool best = rt_keeper_flush(to, &t->keep_best, t->p);
    bool last = rt_keeper_flush(to, &t->keep_last, t->p);
    bool curves = t->run.n_epochs == 0 ||
                  rt_rundir_curves(to, &t->run, t->p, &t->set, t->best_epoch);
    return rt_log_flush(to, &t->run.steps) && best && last && curves;
}

static bool numeric_failure(rt_err *e, const Train *t, double loss)
{
    const rt_state *s = rt_states_nonfinite(t->p);
    if (isfinite(loss))
        rt_fail(e, RT_E_NUMERIC, "'%.80s' is not finite after step %" PRId64 " (epoch %" PRId64
                "), although its loss was %.6g", s->key, t->step, t->epoch + 1, loss);
    else if (s)
        rt_fail(e, RT_E_NUMERIC, "the loss is %g at step %" PRId64 " (epoch %" PRId64
                "); the first tensor that is not finite is '%.80s'", loss, t->step, t->epoch + 1,
                s->key);
    else
        rt_fail(e, RT_E_NUMERIC, "the loss is %g at step %" PRId64 " (epoch %" PRId64
                "), although all parameters are finite", loss, t->step, t->epoch + 1);
    return rt_help(e, "a lower --lr than %g, or --normalize zscore for inputs of large range",
                   t->set.lr);
}

/* A row of steps.csv, written now and then. */
static bool log_step(rt_err *e, Train *t, double loss)
{
    rt_log *log = &t->run.steps;
    if (!log->open)
        return true;
    return rt_buf_printf(e, &log->text, "%" PRId64 ",%" PRId64 ",%.9g,%.9g\n", t->step,
                         t->epoch + 1, loss, t->set.lr) &&
           (log->text.length < LOG_BYTES || rt_log_flush(e, log));
}

/* One step; false after a failure. */
static bool train_step(rt_err *e, Train *t, int64_t at, int64_t n, rt_tally *tally)
{
    rt_gather(t->p, &t->data.train, t->order + at, 0, n, &t->room);
    t->step++;
    rt_run(&t->graph, n, (const void *[]){ t->room.x, t->room.y }, t->set.lr, (uint64_t)t->step);
    double loss = rt_result_real(&t->graph, "loss");
    if (!log_step(e, t, loss))
        return false;
    if (!isfinite(loss))
        return numeric_failure(e, t, loss);
    rt_tally_add(tally, &t->graph, n);
    return true;
}

/* The steps of an epoch, up to a signal. */
static bool train_pass(rt_err *e, Train *t, rt_tally *tally)
{
    int64_t total = t->data.train.n, batch = t->set.batch;
    double start = rt_now();
    rt_random_epoch(&t->p->random, t->set.shuffle, t->order, total);
    for (int64_t at = 0; at < total && rt_signal() == 0; at += batch) {
        int64_t n = total - at < batch ? total - at : batch;
        if (n < batch && t->p->model->drop_last)
            break;
        if (!train_step(e, t, at, n, tally))
            return false;
        rt_report_progress(&t->p->ui, &(rt_progress){
            .epoch = t->epoch + 1, .epochs = t->set.epochs, .done = at + n, .total = total,
            .loss = tally->loss / (double)tally->n, .start = start });
    }
    return true;
}

/* What follows an epoch's steps: validation, checkpoints, logs, its line. */
static bool finish_epoch(rt_err *e, Train *t, const rt_tally *tally, double start, double run_start)
{
    double trained = rt_now() - start;
    rt_score train = rt_tally_score(tally, t->p->model, t->data.train.y_elems, t->squares);
    bool has_val = t->data.val.n > 0;
    rt_score val = has_val ? rt_judge_run(&t->val, t->set.batch, "validation") : (rt_score){ 0 };
    if (rt_signal() != 0)
        return true;
    if (rt_states_nonfinite(t->p))
        return numeric_failure(e, t, train.loss);
    t->epoch++;
    double loss = has_val ? val.loss : train.loss;
    bool best = t->best_epoch == 0 ? !isnan(loss) : loss < t->best_loss;
    if (best) {
        t->best_loss = loss;
        t->best_epoch = t->epoch;
        t->best = has_val ? val : train;
    }
    rt_stamp now_done = stamp(t, loss);
    if ((best && !rt_keep(e, &t->keep_best, t->p, &now_done)) ||
        !rt_keep(e, &t->keep_last, t->p, &now_done))
        return false;
    double now = rt_now(), left = (double)(t->set.epochs - t->epoch);
    double rate = (double)tally->n / (trained > 0 ? trained : 1e-9);
    rt_epoch_row row = { t->epoch, &train, has_val ? &val : NULL, t->set.lr, now - start, rate,
                         best };
    if (!rt_rundir_epoch(e, &t->run, t->p, &row))
        return false;
    if (now - t->last_curves > 1) {
        t->last_curves = now;
        if (!rt_rundir_curves(e, &t->run, t->p, &t->set, t->best_epoch))
            return false;
    }
    rt_report_epoch(t->p, &(rt_epoch_line){
        t->epoch, t->set.epochs, &train, row.val, best, now - start, rate,
        left > 0 ? left * (now - run_start) / (double)t->epoch : -1 });
    return true;
}

static bool stopped(rt_err *e, Train *t)
{
    rt_stamp half_way = stamp(t, NAN);
    t->keep_last.pending = false;
    if (!flush(e, t) || !rt_states_save(e, t->p, t->p->state, t->run.last, &half_way))
        return false;
    char count[RT_TEXT];
    rt_ui_clear(&t->p->ui);
    printf("stopped by %s after step %s in epoch %" PRId64 "   %s\n",
           rt_signal() == SIGINT ? "SIGINT" : "SIGTERM", rt_count_text(count, t->step),
           t->epoch + 1, t->run.last);
    return true;
}

static bool report_end(rt_err *e, Train *t)
{
    char count[RT_TEXT], label[64];
    if (!flush(e, t))
        return false;
    if (!t->p->ui.quiet)
        putchar('\n');
    if (t->best_epoch > 0) {
        snprintf(label, sizeof label, "best epoch %" PRId64 ": %s", t->best_epoch,
                 t->data.val.n > 0 ? "val " : "");
        rt_report_score(t->p, label, &t->best);
        printf("   %s\n", t->run.best);
    }
    if (t->data.test.n == 0)
        return true;
    rt_score test = rt_judge_run(&t->test, t->set.batch, "test");
    if (rt_signal() != 0)
        return true;
    snprintf(label, sizeof label, "test, last weights: ");
    rt_report_score(t->p, label, &test);
    printf("   %s samples\n", rt_count_text(count, t->data.test.n));
    return rt_rundir_test(e, &t->run, t->p, t->epoch, &test);
}

static bool run_epochs(rt_err *e, Train *t)
{
    double run_start = rt_now();
    while (t->epoch < t->set.epochs && rt_signal() == 0) {
        rt_tally tally = { 0 };
        double start = rt_now();
        if (!train_pass(e, t, &tally))
            return false;
        if (rt_signal() == 0 && !finish_epoch(e, t, &tally, start, run_start))
            return false;
    }
    return t->epoch < t->set.epochs ? stopped(e, t) : report_end(e, t);
}

static bool train(rt_err *e, Train *t)
{
    rt_report_header(t->p, &t->data, &t->set);
    if (t->set.epochs == 0) {
        rt_stamp untrained = stamp(t, NAN);
        if (!rt_states_save(e, t->p, t->p->state, t->run.last, &untrained) ||
            !rt_states_save(e, t->p, t->p->state, t->run.best, &untrained))
            return false;
        printf("%s weights, untrained   %s\n", t->p->has_weights ? "given" : "initial",
               t->run.last);
        return true;
    }
    rt_signals_catch();
    t->keep_best = (rt_keeper){ .path = t->run.best };
    t->keep_last = (rt_keeper){ .path = t->run.last };
    bool ok = run_epochs(e, t);
    if (!ok)
        flush(e, t);
    rt_signals_restore();
    return ok;
}

bool rt_verb_train(rt_err *e, rt_prog *p)
{
    Train t = { .p = p };
    bool ok = read_settings(e, p, &t.set) && rt_open_weights(e, p, false) && open_data(e, &t) &&
              open_train(e, &t) && train(e, &t);
    close_train(&t);
    return ok;
}
