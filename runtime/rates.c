/* runtime/rates.c: the learning rates of the next step. They are a function of what the run began
 * with and of the rt_point, so a resumed run goes on with the same bits.
 *
 * A schedule is code of the model; what follows the loss is PyTorch's ReduceLROnPlateau, whose
 * state is in the point. Source: torch.optim.lr_scheduler's documentation. */
#include "runtime/program.h"
#include <math.h>

int rt_group_count(const rt_model *m)
{
    return m->n_lrs > 0 ? m->n_lrs : 1;
}

/* Where group i starts: --lr scales the groups' rates alike. */
static double first_rate(const rt_model *m, int i, double lr)
{
    if (m->n_lrs == 0 || m->lrs[i] == m->lr)
        return lr;
    return m->lr > 0 && m->lr != lr ? m->lrs[i] * (lr / m->lr) : m->lrs[i];
}

/* A cut that would change less than eps is not made, then or later. */
static double cut(const rt_plateau *r, double rate, int64_t times)
{
    for (int64_t k = 0; k < times; k++) {
        double next = fmax(rate * r->factor, r->min_lr);
        if (!(rate - next > r->eps))
            break;
        rate = next;
    }
    return rate;
}

void rt_rates_set(rt_prog *p, double lr, const rt_point *point)
{
    const rt_model *m = p->model;
    double done = (double)(m->schedule_steps ? point->step : point->epoch);
    for (int i = 0; i < rt_group_count(m); i++) {
        double rate = first_rate(m, i, lr);
        if (m->schedule)
            rate = m->schedule(rate, done, p->epoch_steps);
        p->lr[i] = m->plateau.factor > 0 ? cut(&m->plateau, rate, point->cuts) : rate;
    }
}

void rt_plateau_step(const rt_model *m, rt_point *point)
{
    const rt_plateau *r = &m->plateau;
    if (!(r->factor > 0))
        return;
    double best = point->plateau;
    double below = r->relative != 0 ? best * (1 - r->threshold) : best - r->threshold;
    if (point->loss < below) {
        point->plateau = point->loss;
        point->bad = 0;
    } else {
        point->bad++;
    }
    if (point->cooldown > 0) {
        point->cooldown--;
        point->bad = 0;
    }
    if ((double)point->bad > r->patience) {
        point->cuts++;
        point->cooldown = (int64_t)r->cooldown;
        point->bad = 0;
    }
}
