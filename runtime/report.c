/* runtime/report.c: what a user sees: a header of three lines, one live line on stderr where that
 * is a terminal, one permanent line per epoch on stdout. Nothing here computes; what is piped into
 * a file holds plain lines without control characters. */
#define _XOPEN_SOURCE 700   /* isatty */
#include "runtime/report.h"
#include "runtime/program.h"
#include "runtime/steps.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LABEL = 14, BAR = 24, MAX_LINE = 256, WIDE = 100 };

static const char dim[] = "\033[2m", bold_green[] = "\033[1;32m", plain[] = "\033[0m";

/* ---- how to talk ---- */

static bool says(const char *variable, const char *text)
{
    const char *value = getenv(variable);
    return value && strstr(value, text);
}

static bool locale_is_utf8(void)
{
    static const char *const variable[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(variable[i]);
        if (value && value[0])
            return says(variable[i], "UTF-8") || says(variable[i], "utf8");
    }
    return false;
}

void rt_ui_open(rt_ui *ui, bool quiet, bool no_progress)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool able = term && term[0] && strcmp(term, "dumb") != 0;
    *ui = (rt_ui){
        .quiet = quiet,
        .live = able && !quiet && !no_progress && isatty(STDERR_FILENO),
        .color = able && !(no_color && no_color[0]) && isatty(STDOUT_FILENO),
        .utf8 = locale_is_utf8(),
    };
}

static int columns(int file)
{
    struct winsize size;
    if (ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDE;
}

void rt_ui_clear(rt_ui *ui)
{
    if (ui->shown) {
        fflush(stdout);
        fputs("\r\033[K", stderr);
        ui->shown = false;
    }
}

static const char *paint(const rt_ui *ui, const char *code)
{
    return ui->color ? code : "";
}

static void say(rt_ui *ui, const char *program, const char *kind, const char *message)
{
    rt_ui_clear(ui);
    fflush(stdout);
    fprintf(stderr, "%s: %s: %s\n", program, kind, message);
}

void rt_report_error(rt_ui *ui, const char *program, const rt_err *e)
{
    say(ui, program, "error", e->message);
}

void rt_report_warning(rt_ui *ui, const char *program, const rt_err *e)
{
    say(ui, program, "warning", e->message);
}

void rt_report_note(rt_ui *ui, const char *program, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    say(ui, program, "note", message);
}

/* ---- header ---- */

char *rt_shape_chain(char text[RT_DIMS], const rt_model *m)
{
    char one[RT_DIMS];
    int64_t total = 1;
    for (int i = 0; i < m->input_rank; i++)
        total *= m->input[i];
    snprintf(text, RT_DIMS, "%lld", (long long)total);
    for (int i = 0; i < m->n_layers; i++) {
        const rt_layer *layer = &m->layers[i];
        if (layer->params == 0)
            continue;
        int64_t shape[RT_MAX_RANK];
        for (int k = 1; k < layer->rank; k++)
            shape[k - 1] = layer->dim[k].k;
        rt_dims_text(one, shape, layer->rank - 1);
        size_t used = strlen(text);
        if (used + strlen(one) + 6 > RT_DIMS) {
            snprintf(text + used, RT_DIMS - used, "-...");
            break;
        }
        snprintf(text + used, RT_DIMS - used, "-%.80s", one);
    }
    return text;
}

int64_t rt_set_bytes(const rt_set *set)
{
    int64_t x = set->x_bytes ? set->row_elems : set->x_elems * rt_dtype_bytes(set->real);
    return set->n * (x + set->y_elems * (set->y_kind == RT_Y_INDEX ? 8
                                                              : rt_dtype_bytes(set->real)));
}

typedef struct Row { const char *label; char left[MAX_LINE], right[MAX_LINE]; } Row;

static void model_row(Row *row, const rt_prog *p, const rt_settings *s)
{
    const rt_model *m = p->model;
    char chain[RT_DIMS], params[RT_TEXT];
    int layers = 0;
    for (int i = 0; i < m->n_layers; i++)
        layers += m->layers[i].params > 0;
    snprintf(row->left, MAX_LINE, "%s, %s parameters, %d layer%s with weights",
             rt_shape_chain(chain, m), rt_count_text(params, rt_param_count(m)), layers,
             layers == 1 ? "" : "s");
    int used = snprintf(row->right, MAX_LINE, "batch %lld%s%.120s", (long long)s->batch,
                        m->optimizer ? ", " : "", m->optimizer ? m->optimizer : "");
    if (RT_GIVEN(&p->cli, lr))
        snprintf(row->right + used, MAX_LINE - (size_t)used, ", --lr %g", s->lr);
}

static void data_row(Row *row, const rt_prog *p, const rt_data *d, const rt_settings *s)
{
    char count[RT_TEXT], dims[RT_DIMS];
    const rt_set *set = d->train.n > 0 ? &d->train : &d->test;
    const struct { const rt_set *set; const char *what; } part[] = {
        { &d->train, "train" }, { &d->val, "validation" }, { &d->test, "test" },
    };
    int used = snprintf(row->left, MAX_LINE, "%.80s:", set->name ? set->name : "data");
    for (int i = 0; i < 3; i++)
        if (part[i].set->n > 0)
            used += snprintf(row->left + used, MAX_LINE - (size_t)used, " %s %s,",
                             rt_count_text(count, part[i].set->n), part[i].what);
    snprintf(row->left + used, MAX_LINE - (size_t)used, " %s%s in [%.4g, %.4g]%s%s",
             rt_dims_text(dims, p->model->input, p->model->input_rank),
             p->model->input_rank == 1 ? " inputs" : "", set->low, set->high,
             d->prep.norm == RT_NORM_NONE ? "" : ", ",
             d->prep.norm == RT_NORM_NONE ? "" : rt_norm_name(d->prep.norm));
    snprintf(row->right, MAX_LINE, "%.120s, seed %lld%s", p->model->loss ? p->model->loss : "",
             (long long)p->seed, s->shuffle ? "" : ", not shuffled");
}

static void memory_row(Row *row, const rt_prog *p, const rt_data *d)
{
    const rt_model *m = p->model;
    char arena[RT_TEXT], params[RT_TEXT], data[RT_TEXT];
    int64_t slots = rt_role_bytes(m, RT_OPTIMIZER);
    rt_bytes_text(arena, p->arena_bytes + p->workers_bytes);
    rt_bytes_text(params, m->state_bytes);
    rt_bytes_text(data, rt_set_bytes(&d->train) + rt_set_bytes(&d->val) + rt_set_bytes(&d->test));
    int threads = rt_pool_threads(p->pool);
    snprintf(row->left, MAX_LINE, "arena %s, parameters%s %s, data %s", arena,
             slots > 0 ? " and optimizer" : "", params, data);
    snprintf(row->right, MAX_LINE, "%d thread%s, %s%s%s%s", threads, threads == 1 ? "" : "s",
             p->device ? p->device->name : m->isa, RT_GIVEN(&p->cli, march) ? " by --march" : "",
             p->blas[0] ? ", " : "", p->blas);
}

void rt_report_header(rt_prog *p, const rt_data *data, const rt_settings *s, const rt_queue *steps)
{
    if (p->ui.quiet)
        return;
    char title[RT_TEXT * 2];
    snprintf(title, sizeof title, "seqc %.50s", p->model->name);
    Row row[] = { { .label = title }, { .label = "data" }, { .label = "memory" }, { .label = "steps" } };
    int rows = steps->device ? 4 : 3;
    model_row(&row[0], p, s);
    data_row(&row[1], p, data, s);
    memory_row(&row[2], p, data);
    if (steps->device)
        rt_stepping_text(row[3].left, steps);
    int label = LABEL, left = 0, right = 0;
    for (int i = 0; i < rows; i++) {
        int a = (int)strlen(row[i].label) + 2, b = (int)strlen(row[i].left);
        int c = (int)strlen(row[i].right);
        label = a > label ? a : label;
        left = b > left ? b : left;
        right = c > right ? c : right;
    }
    bool fits = !isatty(STDOUT_FILENO) || label + left + 3 + right <= columns(STDOUT_FILENO);
    for (int i = 0; i < rows; i++) {
        printf("%s%-*s%s", paint(&p->ui, dim), label, row[i].label, paint(&p->ui, plain));
        if (!row[i].right[0])
            printf("%s\n", row[i].left);
        else if (fits)
            printf("%-*s   %s\n", left, row[i].left, row[i].right);
        else
            printf("%s\n%*s%s\n", row[i].left, label, "", row[i].right);
    }
    putchar('\n');
    fflush(stdout);
}

/* ---- live line ---- */

/* Cuts a line after `width` characters; UTF-8 continuation bytes take no room. */
static void cut(char *line, int width)
{
    for (char *c = line; *c; c++)
        if (((unsigned char)*c & 0xc0) != 0x80 && width-- == 0)
            *c-- = '\0';
}

static int bar(const rt_ui *ui, char *text, size_t room, double share)
{
    int full = (int)(share * BAR), used = 0;
    for (int i = 0; i < BAR; i++)
        used += snprintf(text + used, room - (size_t)used, "%s",
                         ui->utf8 ? (i < full ? "\u2501" : "\u2500") : (i < full ? "#" : "-"));
    return used;
}

void rt_report_progress(rt_ui *ui, const rt_progress *progress)
{
    if (!ui->live)
        return;
    double now = rt_now();
    if (now - ui->last < 0.1)
        return;
    ui->last = now;
    char line[MAX_LINE * 2], loss[RT_TEXT], rate[RT_TEXT], eta[RT_TEXT];
    double spent = now - progress->start;
    double total = (double)(progress->total > 0 ? progress->total : 1);
    double share = (double)progress->done / total;
    double speed = spent > 0 ? (double)progress->done / spent : 0;
    int used = progress->epoch > 0
                   ? snprintf(line, sizeof line, "epoch %lld/%lld  ", (long long)progress->epoch,
                              (long long)progress->epochs)
                   : snprintf(line, sizeof line, "%.20s  ", progress->what);
    used += bar(ui, line + used, sizeof line - (size_t)used, share);
    used += snprintf(line + used, sizeof line - (size_t)used, " %3.0f%%", 100 * share);
    if (progress->epoch > 0)
        used += snprintf(line + used, sizeof line - (size_t)used, "  loss %s",
                         rt_loss_text(loss, progress->loss));
    snprintf(line + used, sizeof line - (size_t)used, "  %s  eta %s", rt_rate_text(rate, speed),
             rt_time_text(eta, speed > 0 ? (total - (double)progress->done) / speed : -1));
    cut(line, columns(STDERR_FILENO) - 1);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    ui->shown = true;
}

/* ---- permanent lines ---- */

static int digits(int64_t n)
{
    int count = 1;
    for (; n >= 10; n /= 10)
        count++;
    return count;
}

/* A line on its way; `width` counts what stands on the screen, colours do not. */
typedef struct Line { char text[2 * MAX_LINE]; int used, width; } Line;

static RT_PRINTF(2, 3) void put(Line *line, const char *format, ...)
{
    int room = (int)sizeof line->text - line->used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->used, (size_t)room, format, args);
    va_end(args);
    n = n < 0 ? 0 : n < room ? n : room - 1;
    line->used += n;
    line->width += n;
}

static void put_color(Line *line, const rt_ui *ui, const char *code)
{
    int width = line->width;
    put(line, "%s", paint(ui, code));
    line->width = width;
}

/* Metrics in columns of one width, each after two blanks; those of a validation without names. */
static void put_metrics(Line *line, const rt_model *m, const rt_score *score, bool names)
{
    char text[RT_TEXT];
    for (int i = 0; i < rt_metric_count(m); i++) {
        rt_metric metric = m->metrics[i];
        rt_metric_text(text, metric, score->value[i], false);
        put(line, "  %s%s%*s", names ? rt_metric_name(metric) : "", names ? " " : "",
            metric == RT_R2 ? 7 : metric == RT_MAE ? -6 : 5, text);
    }
}

/* What does not fit the terminal's width is left out from the right: the time that remains, the
 * speed. */
void rt_report_epoch(rt_prog *p, const rt_epoch_line *epoch)
{
    char loss[RT_TEXT], val[RT_TEXT], time[RT_TEXT], rate[RT_TEXT], eta[RT_TEXT];
    const rt_ui *ui = &p->ui;
    Line line = { .used = 0 };
    int room = isatty(STDOUT_FILENO) ? columns(STDOUT_FILENO) : MAX_LINE;
    rt_ui_clear(&p->ui);
    if (ui->quiet)
        return;
    put(&line, "epoch %*lld/%lld  loss %-6s", digits(epoch->epochs), (long long)epoch->epoch,
        (long long)epoch->epochs, rt_loss_text(loss, epoch->train->loss));
    put_metrics(&line, p->model, epoch->train, true);
    if (epoch->val) {
        put_color(&line, ui, dim);
        put(&line, "  |");
        put_color(&line, ui, plain);
        put(&line, "  val %-6s", rt_loss_text(val, epoch->val->loss));
        put_metrics(&line, p->model, epoch->val, false);
    }
    put_color(&line, ui, bold_green);
    put(&line, "  %c", epoch->best ? '*' : ' ');
    put_color(&line, ui, plain);
    put(&line, "  %6s", rt_time_text(time, epoch->seconds));
    if (line.width + 8 <= room)
        put(&line, "  %6s", rt_rate_text(rate, epoch->rate));
    if (epoch->eta >= 1 && line.width + 12 <= room) {
        put_color(&line, ui, dim);
        put(&line, "  eta %s", rt_time_text(eta, epoch->eta));
        put_color(&line, ui, plain);
    }
    puts(line.text);
    fflush(stdout);
}

void rt_report_score(rt_prog *p, const char *label, const rt_score *score)
{
    char text[RT_TEXT];
    const rt_model *m = p->model;
    rt_ui_clear(&p->ui);
    printf("%sloss %.6g", label, score->loss);
    for (int i = 0; i < rt_metric_count(m); i++)
        printf(", %s %s", rt_metric_name(m->metrics[i]),
               rt_metric_text(text, m->metrics[i], score->value[i], true));
}
