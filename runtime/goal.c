/* runtime/goal.c: what `best` goes by (--monitor), and when it has not become better for too long
 * (--patience). The test set is never asked. */
#include "runtime/rundir.h"
#include <math.h>
#include <string.h>

/* Name `n` of what can be watched: "val_loss", "val_accuracy", …, "loss", "accuracy", …; false
 * behind the last. `shown`: the metric's short name. */
static bool goal_at(const rt_model *m, int n, bool has_val, rt_goal *goal, bool shown)
{
    int kinds = 1 + rt_metric_count(m);
    bool val = has_val && n < kinds;
    int metric = n - (has_val && n >= kinds ? kinds : 0) - 1;
    if (metric >= rt_metric_count(m))
        return false;
    rt_metric kind = metric < 0 ? RT_MAE : m->metrics[metric];
    *goal = (rt_goal){ .val = val, .metric = metric, .higher = kind != RT_MAE };
    snprintf(goal->name, sizeof goal->name, "%s%s", val ? "val_" : "",
             metric < 0 ? "loss" : shown ? rt_metric_name(kind) : rt_metric_key(kind));
    return true;
}

bool rt_goal_open(rt_err *e, rt_goal *goal, const rt_model *m, const char *name, bool has_val)
{
    char list[256] = "";
    if (!name)
        return goal_at(m, 0, has_val, goal, false);
    for (int n = 0; goal_at(m, n, has_val, goal, true); n++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", n ? ", " : "", goal->name);
        bool is_short = strcmp(goal->name, name) == 0;
        goal_at(m, n, has_val, goal, false);
        if (is_short || strcmp(goal->name, name) == 0)
            return true;
    }
    rt_fail(e, RT_E_USAGE, "--monitor takes one of %s, not '%.60s'", list, name);
    return !has_val && strncmp(name, "val_", 4) == 0
               ? rt_help(e, "--val PATH or --val-split SHARE brings a validation set") : false;
}

double rt_goal_value(const rt_goal *goal, const rt_score *train, const rt_score *val)
{
    const rt_score *score = goal->val ? val : train;
    return goal->metric < 0 ? score->loss : score->value[goal->metric];
}

static bool better(const rt_goal *goal, double value, double than, double by)
{
    return goal->higher ? value > than + by : value < than - by;
}

bool rt_goal_reached(const rt_goal *goal, rt_point *point, const rt_score *train,
                     const rt_score *val, double min_delta)
{
    double value = rt_goal_value(goal, train, val);
    bool first = point->best_epoch == 0;
    bool best = first ? !isnan(value) : better(goal, value, point->best, 0);
    if (best && (first || better(goal, value, point->anchor, min_delta))) {
        point->anchor = value;
        point->wait = 0;
    } else {
        point->wait++;
    }
    if (best) {
        point->best = value;
        point->best_epoch = point->epoch;
        point->best_score = goal->val ? *val : *train;
    }
    return best;
}
