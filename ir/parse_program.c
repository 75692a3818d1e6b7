/* ir/parse_program.c: the lines of the program section. */
#include "ir/parse.h"
#include <string.h>

#define MAX_LABEL (INT64_C(1) << 53)

static void line_program(Parser *p)
{
    if (!ir_lex_at_end(&p->l))
        p->m->prog.name = ir_lex_string(&p->l, "the program's name in quotes");
}

static void line_loss(Parser *p)
{
    p->m->prog.loss = ir_lex_string(&p->l, "the loss in quotes");
}

static void line_optimizer(Parser *p)
{
    p->m->prog.optimizer = ir_lex_string(&p->l, "the optimizer in quotes");
}

static void line_target(Parser *p)
{
    int kind = ir_lex_choice(&p->l, "a target (none class index real)", ir_target_name, 4);
    p->m->prog.target = kind < 0 ? TARGET_NONE : (TargetKind)kind;
    if (!ir_lex_at_end(&p->l))
        p->m->prog.n_classes = ir_lex_int(&p->l, 1, IR_MAX_ELEMS, "the number of classes");
    if (p->m->prog.n_classes && !ir_lex_at_end(&p->l)) {
        ir_lex_need_word(&p->l, "ignore");
        p->m->prog.ignore = ir_lex_int(&p->l, -MAX_LABEL, MAX_LABEL, "the ignored label");
        p->m->prog.ignores = true;
    }
}

static void line_lr(Parser *p)
{
    p->m->prog.lr = ir_lex_real(&p->l, "a learning rate");
}

static void line_schedule(Parser *p)
{
    static const char *const count[] = {"epoch", "step"};
    char why[IR_ERR];
    p->m->prog.schedule_steps = ir_lex_choice(&p->l, "epoch or step", count, 2) == 1;
    size_t at = ir_lex_here(&p->l);
    const char *f = ir_lex_string(&p->l, "its expression in quotes");
    if (!p->l.failed && !ir_schedule_check("schedule", f, why))
        ir_lex_fail(&p->l, at, "%.480s", why);
    p->m->prog.schedule = f;
}

static void line_plateau(Parser *p)
{
    double value[PLATEAU_COUNT] = {0};
    for (int i = 0; i < PLATEAU_COUNT && !p->l.failed; i++) {
        size_t at = ir_lex_here(&p->l);
        ir_lex_need_word(&p->l, ir_plateau_name[i]);
        ir_lex_need(&p->l, '=');
        value[i] = ir_lex_real(&p->l, "a number");
        if (!p->l.failed && !(value[i] >= 0 && value[i] < 1e300))
            ir_lex_fail(&p->l, at, "%s must be finite and not below 0", ir_plateau_name[i]);
    }
    memcpy(p->m->prog.plateau, value, sizeof value);
}

/* A bound of gradients: above 0. */
static double bound(Parser *p)
{
    size_t at = ir_lex_here(&p->l);
    double x = ir_lex_real(&p->l, "a number");
    if (!p->l.failed && !(x > 0))
        ir_lex_fail(&p->l, at, "gradients are clipped to a number above 0");
    return x;
}

static void line_clip_norm(Parser *p)
{
    p->m->prog.clip_norm = bound(p);
}

static void line_clip_value(Parser *p)
{
    p->m->prog.clip_value = bound(p);
}

static void line_batch(Parser *p)
{
    p->m->prog.batch = ir_lex_int(&p->l, 1, p->m->capacity, "the batch");
}

static void line_epochs(Parser *p)
{
    p->m->prog.epochs = ir_lex_int(&p->l, 0, INT64_MAX, "the epochs");
}

static void line_seed(Parser *p)
{
    p->m->prog.seed = ir_lex_int(&p->l, INT64_MIN, INT64_MAX, "the seed");
}

static void line_shuffle(Parser *p)
{
    static const char *const answer[] = {"no", "yes"};
    int i = ir_lex_choice(&p->l, "yes or no", answer, 2);
    p->m->prog.shuffle = i == 1 ? TRI_YES : TRI_NO;
}

static void line_drop_last(Parser *p)
{
    p->m->prog.drop_last = true;
}

static void line_least_batch(Parser *p)
{
    p->m->prog.least_batch = ir_lex_int(&p->l, 1, INT64_MAX, "the least batch");
}

static Shape sample(Parser *p)
{
    size_t at = ir_lex_here(&p->l);
    Shape s = ir_lex_shape(&p->l);
    Type t = ir_type_of(DT_f64, s);
    char why[IR_ERR];
    if (!p->l.failed && ir_has_n(&s))
        ir_lex_fail(&p->l, at, "the shape of one sample has no batch axis");
    else if (!p->l.failed && !ir_type_sound(&t, 1, why))
        ir_lex_fail(&p->l, at, "%.400s", why);
    return s;
}

static void line_input(Parser *p)
{
    p->m->prog.input = sample(p);
}

static void line_target_shape(Parser *p)
{
    p->m->prog.target_shape = sample(p);
}

static void line_output(Parser *p)
{
    p->m->prog.output = sample(p);
}

static void line_data(Parser *p)
{
    p->m->prog.data = ir_lex_string(&p->l, "the data set in quotes");
    if (ir_lex_at_end(&p->l)) return;
    ir_lex_need_word(&p->l, "root");
    p->m->prog.root = ir_lex_string(&p->l, "its folder in quotes");
}

static void line_layer(Parser *p)
{
    Lex *l = &p->l;
    Layer x = {.path = ir_lex_string(l, "a layer's path in quotes")};
    x.text = ir_lex_string(l, "a layer's text in quotes");
    ir_lex_need(l, ':');
    x.out = ir_lex_type(l);
    ir_lex_need_word(l, "params");
    x.params = ir_lex_int(l, 0, INT64_MAX, "the number of parameters");
    x.loc = ir_lex_place(l);
    if (!l->failed)
        ir_layer(p->m, x);
}

static void line_metric(Parser *p)
{
    int i = ir_lex_choice(&p->l, "a metric (accuracy mae r2)", ir_metric_name, 3);
    if (i >= 0)
        ir_metric(p->m, (Metric)i);
}

static void line_draw(Parser *p)
{
    Lex *l = &p->l;
    Draw d = {.kind = DRAW_SEED};
    if (ir_lex_peek(l) == '"')
        d.state = ir_lex_state(l);
    size_t at = ir_lex_here(l);
    int kind = ir_lex_choice(l, "a draw", ir_draw_name, DRAW_COUNT);
    if (l->failed)
        return;
    d.kind = (DrawKind)kind;
    const DrawInfo *info = &ir_draw_info[d.kind];
    if (info->state != (d.state.i != 0))
        ir_lex_fail(l, at, info->state ? "%s needs a state before it" : "%s takes no state",
                    ir_draw_name[kind]);
    if (info->counted)
        d.elems = ir_lex_int(l, 0, INT64_MAX, "the number of elements");
    if (info->numbers > 0)
        d.a = ir_lex_real(l, "a number");
    if (info->numbers > 1)
        d.b = ir_lex_real(l, "a second number");
    if (!l->failed)
        ir_draw(p->m, d);
}

static void line_load(Parser *p)
{
    Lex *l = &p->l;
    Load x = {.call = (int)ir_lex_int(l, 0, INT32_MAX, "the number of a call")};
    x.strict = ir_lex_accept_word(l, "strict");
    x.file = ir_lex_string(l, "a file's name in quotes");
    x.key = ir_lex_string(l, "a key of the file in quotes");
    if (!ir_lex_at_end(l))
        x.state = ir_lex_state(l);
    if (!l->failed)
        ir_load(p->m, x);
}

static void line_mask(Parser *p)
{
    size_t at = ir_lex_here(&p->l);
    Mask x = {.name = ir_lex_string(&p->l, "an input's name in quotes")};
    x.keep = ir_lex_real(&p->l, "the probability of a 1");
    if (!p->l.failed && !(x.keep > 0 && x.keep < 1))
        ir_lex_fail(&p->l, at, "a mask's probability is between 0 and 1");
    else if (!p->l.failed && ir_mask_find(p->m, x.name))
        ir_lex_fail(&p->l, at, "there are two masks of this name");
    if (!p->l.failed)
        ir_mask(p->m, x);
}

static void line_scalar(Parser *p)
{
    char why[IR_ERR];
    size_t at = ir_lex_here(&p->l);
    const char *name = ir_lex_string(&p->l, "a scalar's name in quotes");
    ScalarDef d = {.name = name};
    if (ir_lex_accept_word(&p->l, "group"))
        d.group = (int)ir_lex_int(&p->l, 0, 1 << 20, "a group's number");
    d.f = ir_lex_string(&p->l, "its expression in quotes");
    if (!p->l.failed && !ir_scalar_check(&d, why))
        ir_lex_fail(&p->l, at, "%.480s", why);
    if (!p->l.failed)
        ir_scalar_def(p->m, d.name, d.f, d.group);
}

static void line_group(Parser *p)
{
    Lex *l = &p->l;
    OptSetting *setting = NULL;
    State *param = NULL;
    int cap_setting = 0, cap_param = 0;
    char why[IR_ERR];
    size_t at = ir_lex_here(l);
    OptGroup g = {.rule = ir_lex_name(l, "a rule"), .lr = -1};
    while (!l->failed && ir_lex_peek(l) != '{') {
        if (g.n_setting == cap_setting) {
            int cap = cap_setting ? cap_setting * 2 : 8;
            setting =
                arena_grow(p->scratch, setting, (size_t)cap_setting, (size_t)cap, sizeof *setting);
            cap_setting = cap;
        }
        OptSetting s = {.name = ir_lex_name(l, "a setting or '{'")};
        ir_lex_need(l, '=');
        if (ir_lex_peek(l) == '"')
            s.f = ir_lex_string(l, "an expression in quotes");
        else
            s.value = ir_lex_real(l, "a number or an expression in quotes");
        bool is_lr = !l->failed && !s.f && !strcmp(s.name, "lr");
        if (is_lr && !(s.value >= 0))
            ir_lex_fail(l, at, "a learning rate is not below 0");
        if (is_lr)
            g.lr = s.value;
        else
            setting[g.n_setting++] = s;
    }
    ir_lex_need(l, '{');
    while (!l->failed && !ir_lex_accept(l, '}')) {
        if (g.n_param == cap_param) {
            int cap = cap_param ? cap_param * 2 : 8;
            param = arena_grow(p->scratch, param, (size_t)cap_param, (size_t)cap, sizeof *param);
            cap_param = cap;
        }
        param[g.n_param++] = ir_lex_state(l);
    }
    g.loc = ir_lex_place(l);
    g.setting = setting;
    g.param = param;
    if (!l->failed && (!ir_group_complete(&g, p->scratch, why) || !ir_group_check(p->m, &g, why)))
        ir_lex_fail(l, at, "%.480s", why);
    if (!l->failed)
        ir_group(p->m, g);
}

static const struct { const char *word; void (*line)(Parser *); } line[] = {
    {"program", line_program}, {"loss", line_loss}, {"optimizer", line_optimizer},
    {"target", line_target}, {"lr", line_lr},
    {"schedule", line_schedule}, {"plateau", line_plateau}, {"clip_norm", line_clip_norm},
    {"clip_value", line_clip_value}, {"batch", line_batch}, {"epochs", line_epochs},
    {"seed", line_seed}, {"shuffle", line_shuffle}, {"drop_last", line_drop_last},
    {"least_batch", line_least_batch},
    {"input", line_input}, {"target_shape", line_target_shape}, {"output", line_output},
    {"data", line_data}, {"transform", ir_parse_transform},
    {"layer", line_layer}, {"metric", line_metric}, {"draw", line_draw}, {"load", line_load},
    {"mask", line_mask}, {"scalar", line_scalar},
    {"group", line_group},
};
enum { N_LINES = sizeof line / sizeof *line };

static int find(Word word)
{
    for (int i = 0; i < N_LINES; i++)
        if (ir_lex_is(word, line[i].word))
            return i;
    return -1;
}

bool ir_parse_is_program_word(Word word)
{
    return find(word) > 0;
}

void ir_parse_program_line(Parser *p, Word word)
{
    line[find(word)].line(p);
}
