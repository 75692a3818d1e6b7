/* runtime/load_csv.c: a CSV file as a data set (see load.h).
 *
 * Which column is what: targets are --target's, else those the weights name, else the last one;
 * inputs are those the weights name where the file has them all, else all others in order. A class
 * column holds indices or names; the first row decides. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/csv.h"
#include "runtime/load.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct name_list {           /* of classes, in the order in which they were met */
    char **text;
    int64_t count, room;
    int64_t *order;              /* [count] of text, sorted */
} name_list;

typedef struct job {
    rt_err *e;
    const rt_needs *needs;
    const rt_csv_job *what;
    rt_prep *prep;
    rt_set *set;
    rt_csv csv;
    int64_t *input;              /* [x_elems] columns */
    int64_t *target;             /* [n_targets] columns */
    int64_t n_inputs, n_targets;
    bool named;                  /* the class column holds names */
    int64_t first_line;          /* of the data */
    name_list names;
} job;

/* ---- which column is what ---- */

static bool is_target(const job *j, int64_t column)
{
    for (int64_t i = 0; i < j->n_targets; i++)
        if (j->target[i] == column)
            return true;
    return false;
}

static int64_t column_named(const rt_csv *c, const char *name)
{
    for (int64_t i = 0; c->names && i < c->n_columns; i++)
        if (!strcmp(c->names[i], name))
            return i;
    return -1;
}

/* Columns by these names; false where the file has not all of them, *missing says which. */
static bool all_named(const job *j, char *const *name, int64_t count, int64_t *column,
                      const char **missing)
{
    for (int64_t i = 0; i < count; i++) {
        column[i] = column_named(&j->csv, name[i]);
        if (column[i] < 0) {
            *missing = name[i];
            return false;
        }
    }
    return true;
}

static bool named_targets(job *j)
{
    const char *list = j->what->target;
    /* A name may itself hold commas: the whole text is tried first. */
    int64_t whole = column_named(&j->csv, list);
    if (whole >= 0) {
        j->target[j->n_targets++] = whole;
        return true;
    }
    for (;;) {
        size_t length = strcspn(list, ",");
        int64_t column;
        char text[RT_SHOW_TEXT + 16];
        if (!rt_csv_column(j->e, &j->csv, list, length, &column))
            return false;
        if (is_target(j, column))
            return rt_fail(j->e, RT_E_USAGE, "--target: %s is named twice",
                           rt_csv_column_text(text, &j->csv, column));
        j->target[j->n_targets++] = column;
        if (!list[length])
            return true;
        list += length + 1;
    }
}

static bool choose_targets(job *j)
{
    const rt_prep *p = j->prep;
    const char *missing;
    if (!j->what->with_targets)
        return true;
    if (j->what->target)
        return named_targets(j);
    if (p->targets && j->csv.names && p->n_targets <= j->csv.n_columns
        && all_named(j, p->targets, p->n_targets, j->target, &missing)) {
        j->n_targets = p->n_targets;
        return true;
    }
    j->target[j->n_targets++] = j->csv.n_columns - 1;
    return true;
}

/* A file for predict may still have the columns that were targets in training. */
static void forget_targets(job *j)
{
    const rt_prep *p = j->prep;
    const char *missing;
    if (!j->what->with_targets && p->targets && j->csv.n_columns > j->needs->x_elems
        && p->n_targets <= j->csv.n_columns
        && all_named(j, p->targets, p->n_targets, j->target, &missing))
        j->n_targets = p->n_targets;
}

static bool wrong_count(job *j)
{
    const rt_csv *c = &j->csv;
    char text[RT_SHOW_TEXT + 16];
    rt_fail(j->e, RT_E_DATA, "%s: %" PRId64 " input column%s, but the model takes %" PRId64
            " numbers a sample", c->path, j->n_inputs, j->n_inputs == 1 ? "" : "s",
            j->needs->x_elems);
    if (j->n_targets)
        return rt_help(j->e, "the target is %s%s; --target COL[,COL] chooses others",
                       rt_csv_column_text(text, c, j->target[0]),
                       j->n_targets > 1 ? " and others" : "");
    return rt_help(j->e, "columns beside the inputs are left out only where the weights know the "
                         "inputs' names and the file has a header");
}

static bool choose_inputs(job *j)
{
    const rt_csv *c = &j->csv;
    const rt_prep *p = j->prep;
    const char *missing = NULL;
    char shown[RT_SHOW_TEXT];
    if (p->columns && c->names && p->n_columns <= c->n_columns) {
        if (all_named(j, p->columns, p->n_columns, j->input, &missing)) {
            j->n_inputs = p->n_columns;
            return true;
        }
        if (j->what->keep_columns) {
            rt_fail(j->e, RT_E_DATA, "%s: has no column %s, which the model was trained on",
                    c->path, rt_show(shown, missing, strlen(missing)));
            return rt_help(j->e, "give the columns the names that they had in training, or take "
                                 "the header out");
        }
    }
    forget_targets(j);
    j->n_inputs = 0;
    for (int64_t i = 0; i < c->n_columns; i++)
        if (!is_target(j, i))
            j->input[j->n_inputs++] = i;
    return true;
}

/* Targets may be one class, a probability a class, or the model's outputs. */
static bool check_targets(job *j)
{
    const rt_needs *n = j->needs;
    rt_set *s = j->set;
    if (!j->what->with_targets) {
        s->y_kind = RT_Y_NONE;
        return true;
    }
    s->y_kind = n->index && j->n_targets == n->y_elems ? RT_Y_INDEX : RT_Y_REAL;
    s->y_elems = j->n_targets;
    if (s->y_kind == RT_Y_INDEX || (!n->index && j->n_targets == n->y_elems)
        || (n->probabilities && j->n_targets == n->classes))
        return true;
    rt_fail(j->e, RT_E_DATA, "%s: %" PRId64 " target column%s, but the model needs %" PRId64,
            j->csv.path, j->n_targets, j->n_targets == 1 ? "" : "s", n->y_elems);
    if (n->probabilities)
        return rt_help(j->e, "one column with class indices or names, or %" PRId64 " columns with "
                             "probabilities: --target COL[,COL]", n->classes);
    return rt_help(j->e, "name them all: --target COL[,COL]");
}

static bool take_names(rt_err *e, const rt_csv *c, const int64_t *column, int64_t count,
                       char ***name, int64_t *n_names)
{
    rt_strings_free(*name, *n_names);
    *n_names = 0;
    *name = c->names ? rt_alloc(e, count, (int64_t)sizeof **name, "column names") : NULL;
    if (!*name)
        return !c->names;
    *n_names = count;
    for (int64_t i = 0; i < count; i++)
        if (!((*name)[i] = rt_strdup(e, c->names[column[i]])))
            return false;
    return true;
}

static bool choose_columns(job *j)
{
    int64_t columns = j->csv.n_columns, known = j->prep->n_columns, targets = j->prep->n_targets;
    int64_t most = columns > known ? columns : known;
    j->input = rt_alloc(j->e, most, (int64_t)sizeof *j->input, "columns");
    j->target = rt_alloc(j->e, columns > targets ? columns : targets, (int64_t)sizeof *j->target,
                         "columns");
    if (!j->input || !j->target || !choose_targets(j) || !choose_inputs(j))
        return false;
    if (j->n_inputs != j->needs->x_elems)
        return wrong_count(j);
    if (!check_targets(j))
        return false;
    return !j->what->with_targets || j->what->keep_columns
        || (take_names(j->e, &j->csv, j->input, j->n_inputs, &j->prep->columns,
                       &j->prep->n_columns)
            && take_names(j->e, &j->csv, j->target, j->n_targets, &j->prep->targets,
                          &j->prep->n_targets));
}

/* ---- class names ---- */

static int compare(const char *text, const rt_csv_field *f)
{
    size_t length = strlen(text), other = (size_t)f->length;
    int order = memcmp(text, f->text, length < other ? length : other);
    return order ? order : (length > other) - (length < other);
}

/* Where the field is, or would be, in the sorted order. */
static int64_t place_of(const name_list *n, const rt_csv_field *f, bool *found)
{
    int64_t low = 0, high = n->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (compare(n->text[n->order[middle]], f) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < n->count && compare(n->text[n->order[low]], f) == 0;
    return low;
}

static bool too_many_names(job *j, const rt_csv_field *f)
{
    char column[RT_SHOW_TEXT + 16], shown[RT_SHOW_TEXT];
    rt_csv_column_text(column, &j->csv, j->target[0]);
    rt_show(shown, f->text, (size_t)f->length);
    if (j->prep->classes)
        rt_fail(j->e, RT_E_DATA, "%s:%" PRId64 ": %s holds %s, a class that the model was not "
                "trained on", j->csv.path, j->csv.line, column, shown);
    else
        rt_fail(j->e, RT_E_DATA, "%s:%" PRId64 ": %s holds a name more, %s, but the model has %"
                PRId64 " classes", j->csv.path, j->csv.line, column, shown, j->needs->classes);
    rt_buf list = {0};
    bool ok = true;
    int64_t i = 0;
    for (; ok && i < j->names.count && list.length < 300; i++) {
        const char *text = j->names.text[j->names.order[i]];
        ok = rt_buf_printf(j->e, &list, i ? ", %s" : "%s", rt_show(shown, text, strlen(text)));
    }
    if (ok && i)
        rt_help(j->e, "%s: %s%s", j->prep->classes ? "its classes are" : "the names before it are",
                list.data, i < j->names.count ? ", …" : "");
    rt_buf_free(&list);
    return false;
}

/* Takes the text over, which stands at this place in the sorted order. */
static void insert_name(name_list *n, char *text, int64_t place)
{
    memmove(n->order + place + 1, n->order + place,
            (size_t)(n->count - place) * sizeof *n->order);
    n->text[n->count] = text;
    n->order[place] = n->count++;
}

static bool name_index(job *j, const rt_csv_field *f, int64_t *index)
{
    name_list *n = &j->names;
    bool found;
    int64_t place = place_of(n, f, &found);
    if (!found) {
        if (n->count == n->room)
            return too_many_names(j, f);
        char *copy = rt_strndup(j->e, f->text, (size_t)f->length);
        if (!copy)
            return false;
        insert_name(n, copy, place);
    }
    *index = n->order[place];
    return true;
}

/* Names that the weights know cannot be added to: their list is full from the start. */
static bool open_names(job *j)
{
    name_list *n = &j->names;
    int64_t known = j->prep->classes ? j->prep->n_classes : 0;
    n->room = known ? known : j->needs->classes;
    n->text = rt_alloc(j->e, n->room, (int64_t)sizeof *n->text, "class names");
    n->order = rt_alloc(j->e, n->room, (int64_t)sizeof *n->order, "class names");
    if (!n->text || !n->order)
        return false;
    for (int64_t i = 0; i < known; i++) {
        const char *text = j->prep->classes[i];
        bool found;
        char *copy = rt_strdup(j->e, text);
        if (!copy)
            return false;
        insert_name(n, copy, place_of(n, &(rt_csv_field){text, (int64_t)strlen(text)}, &found));
    }
    return true;
}

/* Numbers the classes in sorted order, in y and in the prep. */
static bool settle_names(job *j)
{
    name_list *n = &j->names;
    int64_t *y = j->set->y;
    if (j->prep->classes)
        return true;
    if (j->what->keep_columns && n->count != j->needs->classes) {
        rt_fail(j->e, RT_E_DATA, "%s: holds %" PRId64 " different class names, and the weights do "
                "not say which of the model's %" PRId64 " classes they are", j->csv.path, n->count,
                j->needs->classes);
        return rt_help(j->e, "use weights that were trained on names, or class indices");
    }
    int64_t *rank = rt_alloc(j->e, n->count, (int64_t)sizeof *rank, "class names");
    char **sorted = rank ? rt_alloc(j->e, n->count, (int64_t)sizeof *sorted, "class names") : NULL;
    for (int64_t i = 0; sorted && i < n->count; i++) {
        rank[n->order[i]] = i;
        sorted[i] = n->text[n->order[i]];
        n->text[n->order[i]] = NULL;
    }
    for (int64_t i = 0; sorted && i < j->set->n * j->set->y_elems; i++)
        y[i] = rank[y[i]];
    rt_free(rank);
    j->prep->classes = sorted;
    j->prep->n_classes = sorted ? n->count : 0;
    return sorted != NULL;
}

/* ---- rows ---- */

static bool bad_class(job *j, int64_t column, double value, bool mixed)
{
    const rt_csv *c = &j->csv;
    const rt_csv_field *f = &c->field[column];
    char where[RT_SHOW_TEXT + 16], shown[RT_SHOW_TEXT];
    rt_csv_column_text(where, c, column);
    rt_show(shown, f->text, (size_t)f->length);
    if (mixed) {
        rt_fail(j->e, RT_E_DATA, "%s:%" PRId64 ": %s holds %s, but line %" PRId64 " holds a%s",
                c->path, c->line, where, shown, j->first_line, j->named ? " name" : "n index");
        return rt_help(j->e, "a class column holds indices or names, not both");
    }
    rt_fail(j->e, RT_E_DATA, "%s:%" PRId64 ": %s holds %s, but the model's %" PRId64 " classes are "
            "0 to %" PRId64, c->path, c->line, where, shown, j->needs->classes,
            j->needs->classes - 1);
    return rt_label_help(j->e, fabs(value) < 0x1p53 ? (int64_t)value : 0,
                         "is this column the target? --target chooses");
}

static bool read_class(job *j, int64_t column, int64_t *index)
{
    const rt_csv_field *f = &j->csv.field[column];
    double value = 0;
    if (f->length == 0)
        return rt_csv_present(j->e, &j->csv, column);
    bool number = rt_csv_is_number(&j->csv, column, &value);
    if (j->set->n == 0) {
        j->first_line = j->csv.line;
        j->named = !number || j->prep->classes;
        if (j->named && !j->names.text && !open_names(j))
            return false;
    }
    if (j->named != !number && !j->prep->classes)
        return bad_class(j, column, value, true);
    if (j->named)
        return name_index(j, f, index);
    if (!(fabs(value) < 0x1p53 && floor(value) == value
          && rt_label_ok(j->needs->model, (int64_t)value)))
        return bad_class(j, column, value, false);
    *index = (int64_t)value;
    return true;
}

static bool read_row(job *j)
{
    rt_set *s = j->set;
    double value;
    for (int64_t i = 0; i < s->x_elems; i++) {
        if (!rt_csv_number(j->e, &j->csv, j->input[i], &value))
            return false;
        rt_real_put(s->x, s->real, s->n * s->x_elems + i, value);
    }
    for (int64_t i = 0; s->y_kind != RT_Y_NONE && i < s->y_elems; i++) {
        int64_t at = s->n * s->y_elems + i;
        if (s->y_kind == RT_Y_INDEX) {
            if (!read_class(j, j->target[i], (int64_t *)s->y + at))
                return false;
            continue;
        }
        if (!rt_csv_number(j->e, &j->csv, j->target[i], &value))
            return false;
        rt_real_put(s->y, s->real, at, value);
    }
    s->n++;
    return true;
}

static bool read_rows(job *j)
{
    rt_set *s = j->set;
    int64_t most = rt_csv_record_bound(&j->csv), elems;
    if (!rt_mul(most, s->x_elems, &elems))
        return rt_fail(j->e, RT_E_DATA, "%s: an impossible number of values", j->csv.path);
    s->x = s->owner_x = rt_alloc_raw(j->e, elems, rt_dtype_bytes(s->real), j->csv.path);
    if (s->y_kind != RT_Y_NONE)
        s->y = s->owner_y = rt_alloc(j->e, most * s->y_elems, 8, j->csv.path);
    if (!s->x || (s->y_kind != RT_Y_NONE && !s->y))
        return false;
    bool more = true;
    while (more) {
        if (!rt_csv_next(j->e, &j->csv, &more) || (more && !read_row(j)))
            return false;
    }
    if (!s->n)
        return rt_fail(j->e, RT_E_DATA, "%s: has a header, but no rows", j->csv.path);
    s->rows = s->n;
    return !j->named || settle_names(j);
}

bool rt_load_csv(rt_err *e, rt_set *s, const rt_needs *needs, const rt_csv_job *what,
                 rt_prep *prep)
{
    job j = {.e = e, .needs = needs, .what = what, .prep = prep, .set = s};
    *s = (rt_set){.real = needs->model->real, .x_elems = needs->x_elems, .y_elems = needs->y_elems,
                  .rank = 1, .shape = {needs->x_elems}};
    bool ok = rt_csv_open(e, &j.csv, what->path) && choose_columns(&j) && read_rows(&j);
    rt_csv_close(&j.csv);
    rt_free(j.input);
    rt_free(j.target);
    rt_strings_free(j.names.text, j.names.count);
    rt_free(j.names.order);
    if (!ok)
        rt_set_free(s);
    return ok;
}
