/* tests/unit/test_data.c: data sets from files: checks against the model, splits, normalisation,
 * class names, what travels in the weights' metadata. Expected numbers are worked out by hand. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/data_test.h"
#include <math.h>

/* ---- models and files ---- */

static const rt_graph class_graphs[] = {{.name = "train"}, {.name = "train_prob"}};

/* Three classes of four numbers. */
static rt_model classes_of(rt_dtype real)
{
    return (rt_model){.real = real, .input_rank = 1, .input = {4}, .output_rank = 1, .output = {3},
                      .target_kind = RT_TARGET_CLASS, .n_classes = 3, .graphs = class_graphs,
                      .n_graphs = 2};
}

static rt_model regression(int64_t inputs, int64_t outputs)
{
    return (rt_model){.real = RT_F32, .input_rank = 1, .input = {inputs}, .output_rank = 1,
                      .output = {outputs}, .target_rank = 1, .target = {outputs},
                      .target_kind = RT_TARGET_REAL};
}

static rt_model images(int rank)
{
    rt_model m = classes_of(RT_F32);
    m.input_rank = rank;
    m.input[0] = rank == 1 ? 6 : 1;
    m.input[1] = 2;
    m.input[2] = 3;
    return m;
}

static const char *npy(const char *name, rt_dtype d, int rank, const int64_t *shape,
                       const void *data)
{
    rt_tensor t = {.dtype = d, .rank = rank, .data = (void *)(uintptr_t)data};
    memcpy(t.shape, shape, (size_t)rank * sizeof *shape);
    ck_assert(rt_elems(shape, rank, &t.elems));
    t.bytes = t.elems * rt_dtype_bytes(d);
    const char *path = in_folder(name);
    ck_assert(rt_npy_write(NULL, path, &t));
    return path;
}

static rt_data_options train_on(const char *path)
{
    return (rt_data_options){.purpose = RT_FOR_TRAIN, .data = path};
}

/* Sample `i` of the set must be these numbers. */
static void is_sample(const rt_set *s, int64_t i, const double *x, double y)
{
    double wide[64], wide_y[8];
    float narrow[64], narrow_y[8];
    int64_t index[8];
    bool f32 = s->real == RT_F32;
    ck_assert(rt_data_gather(NULL, s, NULL, &(rt_pick){.first = i, .n = 1},
                             f32 ? (void *)narrow : wide,
                             s->y_kind == RT_Y_INDEX ? (void *)index
                             : f32                   ? (void *)narrow_y : wide_y));
    for (int64_t k = 0; k < s->x_elems; k++) {
        double got = f32 ? (double)narrow[k] : wide[k], want = f32 ? (double)(float)x[k] : x[k];
        ck_assert_msg(fabs(got - want) <= 1e-6 * fabs(want),
                      "sample %d, element %d: %.9g, not %.9g", (int)i, (int)k, got, want);
    }
    if (s->y_kind == RT_Y_INDEX)
        ck_assert_int_eq(index[0], (int64_t)y);
    else if (s->y_kind == RT_Y_REAL)
        ck_assert_double_eq_tol(f32 ? (double)narrow_y[0] : wide_y[0], y, 1e-6);
}

static const char iris[] = "id,a,b,c,d,species\n"
                           "1,5,1,0,2,setosa\n2,6,2,0,2,virginica\n3,7,3,0,2,\"asia, b\"\n"
                           "4,8,4,0,2,setosa\n";

/* ---- CSV ---- */

START_TEST(class_names)
{
    rt_data d;
    rt_model m = classes_of(RT_F64);
    rt_data_options o = train_on(file_with_text("iris.csv", strchr(iris, '\n') + 1));
    m.input[0] = 5;
    loads(&d, &m, &o);
    ck_assert_int_eq(d.train.n, 4);
    ck_assert_str_eq(d.train.name, "iris.csv");
    ck_assert_ptr_null(d.prep.columns);
    ck_assert(d.prep.n_classes == 3 && !strcmp(d.prep.classes[0], "asia, b")
              && !strcmp(d.prep.classes[1], "setosa") && !strcmp(d.prep.classes[2], "virginica"));
    is_sample(&d.train, 0, (double[]){1, 5, 1, 0, 2}, 1);
    is_sample(&d.train, 2, (double[]){3, 7, 3, 0, 2}, 0);
    ck_assert(d.train.low == 0 && d.train.high == 8);

    /* The same numbering holds for a file that lacks a class and comes without a header. */
    rt_data eval;
    rt_data_options later = {.purpose = RT_FOR_EVAL, .prep = &d.prep,
                             .data = file_with_text("e.csv", "9,9,9,9,9,virginica\n")};
    loads(&eval, &m, &later);
    ck_assert(eval.test.n == 1 && eval.train.n == 0);
    is_sample(&eval.test, 0, (double[]){9, 9, 9, 9, 9}, 2);
    rt_data_free(&eval);
    later.data = file_with_text("e.csv", "9,9,9,9,9,tulip\n");
    refused(&m, &later, RT_E_DATA, "e.csv:1: column 6 holds 'tulip', a class that the model");
    rt_data_free(&d);
}
END_TEST

START_TEST(columns_by_name)
{
    rt_data d, eval;
    rt_model m = regression(2, 1);
    rt_err e = {0};
    rt_set s;
    rt_data_options o = train_on(file_with_text("t.csv", "x,price,y\n1,10,2\n3,30,4\n"));
    o.target = "price";
    loads(&d, &m, &o);
    is_sample(&d.train, 1, (double[]){3, 4}, 30);
    ck_assert_double_eq(rt_data_target_squares(&d.train), 200);
    rt_data_options later = {.purpose = RT_FOR_EVAL, .prep = &d.prep,
                             .data = file_with_text("e.csv", "note,y,x,price\nhello,4,3,30\n")};
    loads(&eval, &m, &later);
    is_sample(&eval.test, 0, (double[]){3, 4}, 30);
    rt_data_free(&eval);
    later.data = file_with_text("e.csv", "y,z,price\n4,3,30\n");
    refused(&m, &later, RT_E_DATA, "has no column 'x', which the model was trained on");

    ck_assert(rt_data_load_inputs(&e, &s, &m, file_with_text("p.csv", "y,x\n8,7\n"), &d.prep));
    ck_assert_int_eq(s.y_kind, RT_Y_NONE);
    is_sample(&s, 0, (double[]){7, 8}, 0);
    rt_set_free(&s);
    ck_assert(rt_data_load_inputs(&e, &s, &m, file_with_text("p.csv", "7,8\n"), &d.prep));
    rt_set_free(&s);
    ck_assert(!rt_data_load_inputs(&e, &s, &m, file_with_text("p.csv", "7,8,9\n"), &d.prep));
    ck_says(e, "3 input columns, but the model takes 2");
    rt_data_free(&d);
}
END_TEST

START_TEST(csv_mistakes)
{
    rt_model m = classes_of(RT_F32), r = regression(1, 2);
    const struct { const rt_model *m; const char *target, *text; rt_code code; const char *says; }
    rows[] = {
        {&m, NULL, "1,2,3,4\n", RT_E_DATA, "3 input columns, but the model takes 4"},
        {&m, NULL, "1,2,3,4,3\n", RT_E_DATA, "x.csv:1: column 5 holds '3', but the model's 3"},
        {&m, NULL, "1,2,3,4,-1\n", RT_E_DATA, "holds '-1'"},
        {&m, NULL, "1,2,3,4,0.5\n", RT_E_DATA, "holds '0.5'"},
        {&m, NULL, "1,2,3,4,0\n1,2,3,4,x\n", RT_E_DATA, "holds 'x', but line 1 holds an index"},
        {&m, NULL, "1,2,9,4,x\n1,2,3,4,0\n", RT_E_DATA, "holds '0', but line 1 holds a name"},
        {&m, NULL, "1,2,3,4,a\n1,2,3,4,b\n1,2,3,4,c\n1,2,3,4,d\n", RT_E_DATA,
         "a name more, 'd', but the model has 3 classes\n"
         "help: the names before it are: 'a', 'b', 'c'"},
        {&m, NULL, "a,b,c,d,e\n1,2,3,4,\n", RT_E_DATA, "column 'e' has no value"},
        {&m, NULL, "a,b,c,d,e\n1,2,,4,0\n", RT_E_DATA, "x.csv:2: column 'c' has no value"},
        {&m, NULL, "a,b,c,d,e\n1,2,q,4,0\n", RT_E_DATA, "column 'c' holds 'q', which is no number"},
        {&m, NULL, "a,b,c,d,e\n", RT_E_DATA, "has a header, but no rows"},
        {&m, "f", "a,b,c,d,e\n1,2,3,4,0\n", RT_E_USAGE, "has no column 'f'"},
        {&m, "a,a", "a,b,c,d,e\n1,2,3,4,0\n", RT_E_USAGE, "'a' is named twice"},
        {&m, "a,b", "a,b,c,d,e,f\n1,2,3,4,0,0\n", RT_E_DATA,
         "2 target columns, but the model needs 1"},
        {&r, NULL, "1,2\n", RT_E_DATA, "1 target column, but the model needs 2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rt_data_options o = train_on(file_with_text("x.csv", rows[i].text));
        o.target = rows[i].target;
        refused(rows[i].m, &o, rows[i].code, rows[i].says);
    }
}
END_TEST

START_TEST(probabilities_in_columns)
{
    rt_data d;
    rt_model m = classes_of(RT_F32);
    float y[6];
    rt_data_options o = train_on(file_with_text("x.csv", "a,p,q,r,b,c,d\n1,.5,.25,.25,2,3,4\n"));
    o.target = "p,q,r";
    loads(&d, &m, &o);
    ck_assert(d.train.y_kind == RT_Y_REAL && d.train.y_elems == 3);
    float x[4];
    ck_assert(rt_data_gather(NULL, &d.train, NULL, &(rt_pick){.n = 1}, x, y));
    ck_assert(y[0] == 0.5f && y[1] == 0.25f && y[2] == 0.25f && x[1] == 2);
    rt_data_free(&d);
}
END_TEST

/* ---- arrays ---- */

static const float four[8] = {1, 2, 3, 4, 5, 6, 7, 8};

START_TEST(arrays)
{
    rt_data d;
    rt_model m = classes_of(RT_F32);
    static const int64_t wide[2] = {2, 0};
    static const int32_t narrow[2] = {2, 0};
    static const uint8_t bytes[2] = {2, 0};
    const char *x = npy("x.npy", RT_F32, 2, (int64_t[]){2, 4}, four);
    for (int kind = 0; kind < 3; kind++) {
        rt_data_options o = train_on(x);
        o.labels = kind == 0 ? npy("y.npy", RT_I64, 1, (int64_t[]){2}, wide)
                 : kind == 1 ? npy("y.npy", RT_I32, 2, (int64_t[]){2, 1}, narrow)
                             : npy("y.npy", RT_U8, 1, (int64_t[]){2}, bytes);
        loads(&d, &m, &o);
        ck_assert_int_eq(d.train.y_kind, RT_Y_INDEX);
        is_sample(&d.train, 0, (double[]){1, 2, 3, 4}, 2);
        is_sample(&d.train, 1, (double[]){5, 6, 7, 8}, 0);
        rt_data_free(&d);
    }
    rt_model ignores = m;
    ignores.ignores = true, ignores.ignore = -100;
    rt_data_options o = train_on(x);
    o.labels = npy("y.npy", RT_I64, 1, (int64_t[]){2}, (int64_t[]){-100, 1});
    loads(&d, &ignores, &o);
    is_sample(&d.train, 0, (double[]){1, 2, 3, 4}, -100);
    rt_data_free(&d);
    o = train_on(file_with_text("x.csv", "a,b,c,d,y\n1,2,3,4,2\n5,6,7,8,-100\n"));
    loads(&d, &ignores, &o);
    is_sample(&d.train, 1, (double[]){5, 6, 7, 8}, -100);
    rt_data_free(&d);
    static const double shares[6] = {.5, .25, .25, 0, 0, 1};
    o = train_on(x);
    o.labels = npy("y.npy", RT_F64, 2, (int64_t[]){2, 3}, shares);
    loads(&d, &m, &o);
    ck_assert(d.train.y_kind == RT_Y_REAL && d.train.y_elems == 3);
    is_sample(&d.train, 0, (double[]){1, 2, 3, 4}, .5);
    rt_data_free(&d);
}
END_TEST

START_TEST(array_mistakes)
{
    rt_model m = classes_of(RT_F32), index_only = m, image = images(3);
    index_only.n_graphs = 1;
    static const int64_t labels[3] = {2, 3, 0}, negative[2] = {0, -1}, unnamed[2] = {0, -100};
    static const float ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    float bad[8];
    memcpy(bad, four, sizeof bad);
    bad[6] = NAN;
    rt_data_options o = train_on(npy("x.npy", RT_F32, 2, (int64_t[]){2, 4}, four));
    refused(&m, &o, RT_E_USAGE, "--labels y.npy");
    o.labels = npy("y.npy", RT_I64, 1, (int64_t[]){3}, labels);
    refused(&m, &o, RT_E_DATA, "y.npy: 3 targets, but");
    o.labels = npy("y.npy", RT_I64, 1, (int64_t[]){2}, labels);
    refused(&m, &o, RT_E_DATA, "the label of sample 1 (the first is 0) is 3, but the model's 3");
    o.labels = npy("y.npy", RT_I64, 1, (int64_t[]){2}, negative);
    refused(&m, &o, RT_E_DATA, "is -1");
    o.labels = npy("y.npy", RT_I64, 1, (int64_t[]){2}, unnamed);
    refused(&m, &o, RT_E_DATA, "named in the model file: ignore_index=-100");
    o.labels = npy("y.npy", RT_I64, 1, (int64_t[]){2}, negative);
    o.labels = npy("y.npy", RT_F32, 1, (int64_t[]){2}, four);
    refused(&m, &o, RT_E_DATA, "y.astype('int64')");
    o.labels = npy("y.npy", RT_I64, 2, (int64_t[]){2, 1}, labels);
    refused(&m, &o, RT_E_DATA, "is 3");
    o.labels = npy("y.npy", RT_F32, 2, (int64_t[]){2, 3}, bad);
    o.data = npy("x.npy", RT_F32, 2, (int64_t[]){2, 4}, ones);
    refused(&index_only, &o, RT_E_DATA, "do not fit the model's loss");
    o.data = npy("x.npy", RT_F32, 2, (int64_t[]){2, 4}, bad);
    refused(&m, &o, RT_E_DATA, "element 2 of sample 1 (the first is 0) is nan");
    o.data = npy("x.npy", RT_F32, 2, (int64_t[]){4, 2}, four);
    refused(&m, &o, RT_E_DATA, "samples of shape (2,), but the model takes (4,)");
    o.data = npy("x.npy", RT_F32, 2, (int64_t[]){0, 4}, four);
    refused(&m, &o, RT_E_DATA, "holds no samples");
    o.data = npy("x.npy", RT_F32, 0, (int64_t[]){0}, four);
    refused(&m, &o, RT_E_DATA, "single number");
    image.input[0] = 2;
    o.data = npy("x.npy", RT_U8, 4, (int64_t[]){1, 2, 3, 2}, four);
    refused(&image, &o, RT_E_DATA, "channels first: x.transpose(0, 3, 1, 2)");
    o.target = "a";
    refused(&m, &o, RT_E_USAGE, "--target names columns of a CSV file, but");
    o.target = NULL;
    o.data = file_with_text("x.csv", iris);
    refused(&m, &o, RT_E_USAGE, "--labels belongs to an NPY file");
    o.data = file_with("x.npz", "PK\3\4aaaaaaaaaaaaa", 17);
    refused(&m, &o, RT_E_DATA, "is an archive");
    o.data = file_with("x.png", "\x89PNG\r\n\x1a\n12345678", 16);
    refused(&m, &o, RT_E_DATA, "is one image; predict takes one");
    o.data = in_folder("nothing");
    refused(&m, &o, RT_E_IO, "nothing: cannot be opened: No such file");
}
END_TEST

START_TEST(one_sample_without_a_batch_axis)
{
    rt_model m = classes_of(RT_F32), image = images(3);
    rt_err e = {0};
    rt_set s;
    ck_assert(rt_data_load_inputs(&e, &s, &m, npy("x.npy", RT_F32, 1, (int64_t[]){4}, four), NULL));
    ck_assert_int_eq(s.n, 1);
    rt_set_free(&s);
    ck_assert(rt_data_load_inputs(&e, &s, &image,
                                  npy("x.npy", RT_F32, 3, (int64_t[]){1, 2, 3}, four), NULL));
    ck_assert(s.n == 1 && s.x_elems == 6);
    rt_set_free(&s);
}
END_TEST

/* ---- directories ---- */

static void idx(const char *name, int n, bool with_labels)
{
    unsigned char bytes[64] = {0, 0, 8, with_labels ? 1 : 3, 0, 0, 0, (unsigned char)n,
                               0, 0, 0, 2, 0, 0, 0, 3};
    size_t head = with_labels ? 8 : 16, each = with_labels ? 1 : 6;
    for (size_t i = 0; i < (size_t)n * each; i++)
        bytes[head + i] = (unsigned char)(with_labels ? i % 3 : i * 51 % 256);
    file_with(name, bytes, head + (size_t)n * each);
}

START_TEST(directory)
{
    rt_data d;
    rt_model m = images(3), flat = images(1);
    rt_data_options o = train_on(test_folder), eval = {.purpose = RT_FOR_EVAL, .data = test_folder};
    refused(&m, &o, RT_E_DATA, "has neither IDX files nor CIFAR's, nor folders of images\nhelp: ");
    idx("train-images-idx3-ubyte", 3, false);
    refused(&m, &o, RT_E_DATA, "no train-labels-idx1-ubyte beside it");
    idx("train-labels-idx1-ubyte", 3, true);
    loads(&d, &m, &o);
    ck_assert(d.train.n == 3 && d.test.n == 0 && d.train.x_bytes && d.val.n == 0);
    is_sample(&d.train, 0, (double[]){0, .2, .4, .6, .8, 1}, 0);
    is_sample(&d.train, 2, (double[]){100 / 255., 151 / 255., 202 / 255., 253 / 255., 48 / 255.,
                                      99 / 255.}, 2);
    rt_data_free(&d);
    loads(&d, &flat, &eval);
    ck_assert(d.test.n == 3 && d.train.n == 0);
    rt_data_free(&d);
    idx("t10k-images.idx3-ubyte", 2, false);
    idx("t10k-labels.idx1-ubyte", 2, true);
    loads(&d, &m, &o);
    ck_assert(d.train.n == 3 && d.test.n == 2 && d.val.n == 0);
    rt_data_free(&d);
    loads(&d, &m, &eval);
    ck_assert(d.test.n == 2 && d.train.n == 0);
    rt_data_free(&d);
    idx("train-labels-idx1-ubyte", 2, true);
    refused(&m, &o, RT_E_DATA, "train-labels-idx1-ubyte: 2 targets, but");
    folder_empty();
    file_with_text("data_batch_1.bin", "");
    refused(&m, &o, RT_E_DATA, "data_batch_1.bin: 0 bytes are no whole records");
    folder_empty();
    file_with_text("cat.JPG", "");
    refused(&m, &o, RT_E_DATA, "nor folders of images; its images must lie in a folder for each "
                               "class");
    folder_empty();
    ck_assert_int_eq(mkdir(in_folder("cats"), 0700), 0);
    refused(&m, &o, RT_E_DATA, "cats: is the folder of a class, but has no images");
    rmdir(in_folder("cats"));
}
END_TEST

/* ---- splits and normalisation ---- */

static const char *line_csv(int rows)
{
    rt_buf b = {0};
    for (int i = 0; i < rows; i++)
        ck_assert(rt_buf_printf(NULL, &b, "%d,0.1,%d\n", i, 10 * i));
    const char *path = file_with("line.csv", b.data, (size_t)b.length);
    rt_buf_free(&b);
    return path;
}

START_TEST(split)
{
    rt_data d, again, other;
    rt_model m = regression(2, 1);
    rt_data_options o = train_on(line_csv(20));
    o.val_split = 0.25;
    loads(&d, &m, &o);
    loads(&again, &m, &o);
    o.seed = 1;
    loads(&other, &m, &o);
    ck_assert(d.train.n == 15 && d.val.n == 5);
    bool seen[20] = {false}, same = true;
    for (int part = 0; part < 2; part++) {
        const rt_set *s = part ? &d.val : &d.train;
        float last = -1;
        for (int64_t i = 0; i < s->n; i++) {
            float x[2], y;
            ck_assert(rt_data_gather(NULL, s, NULL, &(rt_pick){.index = &i, .n = 1}, x, &y));
            ck_assert(y == 10 * x[0] && x[0] > last && !seen[(int)x[0]]);
            seen[(int)x[0]] = true;
            last = x[0];
        }
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(d.val.pick[i], again.val.pick[i]);
        same = same && d.val.pick[i] == other.val.pick[i];
    }
    ck_assert(!same);
    rt_data_free(&d);
    rt_data_free(&again);
    rt_data_free(&other);
    o.val_split = 0.01;
    refused(&m, &o, RT_E_DATA, "leaves validation without any");
    o.val_split = 0.99;
    refused(&m, &o, RT_E_DATA, "leaves training without any");
    o.val_split = 1;
    refused(&m, &o, RT_E_USAGE, "--val-split 1");
    o.val_split = -0.5;
    refused(&m, &o, RT_E_USAGE, "--val-split -0.5");
    o.val_split = 0.5;
    o.val = "x.csv";
    refused(&m, &o, RT_E_USAGE, "one of them");
}
END_TEST

START_TEST(validation_file)
{
    rt_data d;
    rt_model m = classes_of(RT_F32);
    rt_data_options o = train_on(file_with_text("t.csv", "1,2,3,4,b\n1,2,3,5,a\n"));
    o.val = file_with_text("v.csv", "9,9,9,9,a\n");
    loads(&d, &m, &o);
    ck_assert(d.train.n == 2 && d.val.n == 1);
    is_sample(&d.val, 0, (double[]){9, 9, 9, 9}, 0);
    rt_data_free(&d);
    o.val = file_with_text("v.csv", "9,9,9,9,c\n");
    refused(&m, &o, RT_E_DATA, "'c', a class that the model was not trained on");
    o.val = file_with_text("v.csv", "9,9,9,9\n");
    refused(&m, &o, RT_E_DATA, "v.csv: 3 input columns");
    o.val = npy("v.npy", RT_F32, 2, (int64_t[]){2, 4}, four);
    refused(&m, &o, RT_E_USAGE, "brings no targets");
}
END_TEST

START_TEST(normalise)
{
    rt_data d;
    rt_model m = regression(2, 1);
    rt_data_options o = train_on(line_csv(5));
    o.norm = RT_NORM_ZSCORE;
    loads(&d, &m, &o);
    ck_assert(d.prep.groups == 2 && d.prep.shift[0] == 2 && d.prep.scale[1] == 1);
    ck_assert_double_eq_tol(d.prep.scale[0], 1 / sqrt(2), 1e-15);
    is_sample(&d.train, 4, (double[]){sqrt(2), 0}, 40);    /* a constant column becomes 0 */
    ck_assert(d.train.low == 0 && d.train.high == 4);

    rt_set s;
    rt_err e = {0};
    ck_assert(rt_data_load_inputs(&e, &s, &m, file_with_text("p.csv", "2,0.1\n0,1.1\n"), &d.prep));
    is_sample(&s, 0, (double[]){0, 0}, 0);
    is_sample(&s, 1, (double[]){-sqrt(2), 1}, 0);
    rt_set_free(&s);
    rt_data_free(&d);

    o.norm = RT_NORM_MINMAX;
    o.val = file_with_text("v.csv", "8,0.1,1\n");
    loads(&d, &m, &o);
    is_sample(&d.train, 1, (double[]){0.25, 0}, 10);
    is_sample(&d.val, 0, (double[]){2, 0}, 1);
    rt_data_free(&d);

    /* Statistics are those of the training rows alone. */
    o.val = NULL;
    o.val_split = 0.4;
    loads(&d, &m, &o);
    ck_assert_double_eq(d.prep.shift[0], (double)d.train.pick[0]);
    double range = (double)(d.train.pick[2] - d.train.pick[0]);
    ck_assert_double_eq_tol(d.prep.scale[0], 1 / range, 1e-15);
    rt_data_free(&d);
}
END_TEST

START_TEST(normalise_bytes)
{
    rt_data d;
    rt_model m = images(3), many = images(1);
    rt_data_options o = train_on(test_folder);
    idx("train-images-idx3-ubyte", 2, false);
    idx("train-labels-idx1-ubyte", 2, true);
    o.norm = RT_NORM_MINMAX;
    loads(&d, &m, &o);
    ck_assert(d.train.x_bytes && d.prep.groups == 1 && d.train.high == 1);
    is_sample(&d.train, 0, (double[]){0, .2, .4, .6, .8, 1}, 0);
    rt_data_free(&d);
    folder_empty();

    /* More columns than tables are made for: they become real numbers, split or not. */
    static uint8_t wide[4 * 2000];
    static const int64_t y[4] = {0, 1, 2, 0};
    float x[2000];
    for (int i = 0; i < 8000; i++)
        wide[i] = (uint8_t)(i < 2000 ? 0 : i < 6000 ? 255 : 51);
    many.input[0] = 2000;
    o.data = npy("x.npy", RT_U8, 2, (int64_t[]){4, 2000}, wide);
    o.labels = npy("y.npy", RT_I64, 1, (int64_t[]){4}, y);
    static const double scaled[4] = {0, 1, 1, .2};
    for (int held = 0; held < 2; held++) {
        o.val_split = held ? 0.25 : 0;
        loads(&d, &many, &o);
        ck_assert(!d.train.x_bytes && d.prep.groups == 2000 && d.val.n == held);
        for (int64_t i = 0; i < 4 && !held; i++) {
            rt_pick one = {.index = &i, .n = 1};
            ck_assert(rt_data_gather(NULL, &d.train, NULL, &one, x, NULL));
            ck_assert_double_eq_tol((double)x[i * 500], scaled[i], 1e-6);
        }
        if (held)
            ck_assert(rt_data_gather(NULL, &d.val, NULL, &(rt_pick){.n = 1}, x, NULL));
        rt_data_free(&d);
    }
}
END_TEST

START_TEST(bytes_are_as_pytorch_has_them)
{
    rt_model m = images(1);
    static uint8_t every[258];
    rt_set s;
    rt_err e = {0};
    for (int i = 0; i < 256; i++)
        every[i] = (uint8_t)i;
    const char *path = npy("x.npy", RT_U8, 2, (int64_t[]){43, 6}, every);
    ck_assert(rt_data_load_inputs(&e, &s, &m, path, NULL));
    for (int64_t i = 0; i < 42; i++) {
        float x[6];
        ck_assert(rt_data_gather(NULL, &s, NULL, &(rt_pick){.first = i, .n = 1}, x, NULL));
        for (int k = 0; k < 6; k++)
            ck_assert(x[k] == (float)every[i * 6 + k] / 255.0f);
    }
    rt_set_free(&s);
}
END_TEST

/* ---- metadata ---- */

START_TEST(prep_travels)
{
    rt_data d;
    rt_prep p;
    rt_model m = classes_of(RT_F32);
    rt_tensors list = {0}, back;
    rt_err e = {0};
    const char *path = in_folder("w.safetensors");
    rt_data_options o = train_on(file_with_text("t.csv", "\"a\"\"1\",b,c,d,kind\n1,2,3,4,b\n"
                                                         "2,5,3,0.1,\"a,\u00e4\"\n"));
    o.norm = RT_NORM_ZSCORE;
    loads(&d, &m, &o);
    ck_assert(rt_prep_to_meta(&e, &d.prep, &list));
    ck_assert(rt_safetensors_write(&e, path, &list) && rt_safetensors_read(&e, path, &back));
    ck_assert_msg(rt_prep_from_meta(&e, &back, path, &m, &p), "%s", e.message);
    ck_assert(p.norm == RT_NORM_ZSCORE && p.groups == 4 && p.n_classes == 2 && p.n_columns == 4
              && p.n_targets == 1);
    ck_assert(!memcmp(p.shift, d.prep.shift, 32) && !memcmp(p.scale, d.prep.scale, 32));
    ck_assert_str_eq(p.classes[0], "a,\u00e4");
    ck_assert_str_eq(p.columns[0], "a\"1");
    ck_assert_str_eq(p.targets[0], "kind");
    rt_prep_free(&p);
    rt_tensors_free(&list);
    rt_tensors_free(&back);
    rt_data_free(&d);
    ck_assert(rt_prep_from_meta(&e, &list, path, &m, &p));
    ck_assert_int_eq(p.norm, RT_NORM_NONE);
}
END_TEST

START_TEST(hostile_metadata)
{
    static const struct { const char *key, *value, *says; } rows[] = {
        {"seqc.normalize", "other", "neither none, zscore nor minmax"},
        {"seqc.normalize", "zscore", "do not match the input's size"},
        {"seqc.shift", "[1,2,3,4]", "do not match"},
        {"seqc.scale", "[1,2,3]", "do not match"},
        {"seqc.scale", "[1,2,3,1e999]", "too large"},
        {"seqc.scale", "[1,2,3,\"4\"]", "a number is expected"},
        {"seqc.scale", "[1,2,3,4", "ends too early"},
        {"seqc.scale", "[1,2,3,4]", NULL},
        {"seqc.classes", "[]", "another number of classes"},
        {"seqc.classes", "[\"a\",\"b\",\"c\",\"d\"]", "another number of classes"},
        {"seqc.classes", "[\"b\",\"a\",\"b\"]", "names one twice"},
        {"seqc.classes", "[1]", "a string is expected"},
        {"seqc.classes", "[\"a\"]", NULL},
        {"seqc.columns", "[\"a\"]", "another number of inputs"},
    };
    rt_model m = classes_of(RT_F32);
    rt_tensors list = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rt_err e = {0};
        rt_prep p;
        ck_assert(rt_meta_set(&e, &list, rows[i].key, rows[i].value));
        bool ok = rt_prep_from_meta(&e, &list, "w", &m, &p);
        ck_assert_msg(ok == !rows[i].says, "row %d: %s", (int)i, e.message);
        if (rows[i].says)
            ck_says(e, rows[i].says);
        rt_prep_free(&p);
    }
    rt_tensors_free(&list);
}
END_TEST

/* Weights trained with a class loss, read by the same network compiled without one. */
START_TEST(classes_without_a_class_loss)
{
    rt_model m = regression(4, 3);
    rt_err e = {0};
    rt_tensors list = {0};
    rt_prep p;
    ck_assert(rt_meta_set(&e, &list, "seqc.classes", "[\"ant\",\"bee\",\"cat\"]"));
    ck_assert_msg(rt_prep_from_meta(&e, &list, "w", &m, &p), "%s", e.message);
    ck_assert_ptr_null(p.classes);
    ck_assert_int_eq(p.n_classes, 0);
    rt_prep_free(&p);
    rt_tensors_free(&list);
}
END_TEST

/* ---- memory ---- */

static rt_data made;
static rt_data_options wanted;
static rt_model model;

static bool load_one(rt_err *e) { return rt_data_load(e, &made, &model, &wanted); }
static void free_one(void) { rt_data_free(&made); }

START_TEST(memory)
{
    static const int64_t y[2] = {0, 1};
    model = classes_of(RT_F64);
    wanted = train_on(file_with_text("t.csv", "a,b,c,d,e\n1,2,3,4,b\n2,5,3,0.1,a\n1,1,1,1,a\n"));
    wanted.norm = RT_NORM_ZSCORE;
    wanted.val_split = 0.34;
    fail_every_alloc(load_one, free_one);
    wanted.val_split = 0;
    wanted.val = file_with_text("v.csv", "a,b,c,d,e\n1,2,3,4,b\n");
    fail_every_alloc(load_one, free_one);
    wanted.val = NULL;
    wanted.data = npy("x.npy", RT_F32, 2, (int64_t[]){2, 4}, four);
    wanted.labels = npy("y.npy", RT_I64, 1, (int64_t[]){2}, y);
    fail_every_alloc(load_one, free_one);
    wanted = train_on(test_folder);
    wanted.val_split = 0.34;
    idx("train-images-idx3-ubyte", 3, false);
    idx("train-labels-idx1-ubyte", 3, true);
    model = images(3);
    fail_every_alloc(load_one, free_one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *c = case_create("sets");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_add_test(c, class_names);
    tcase_add_test(c, columns_by_name);
    tcase_add_test(c, csv_mistakes);
    tcase_add_test(c, probabilities_in_columns);
    tcase_add_test(c, arrays);
    tcase_add_test(c, array_mistakes);
    tcase_add_test(c, one_sample_without_a_batch_axis);
    tcase_add_test(c, directory);
    tcase_add_test(c, split);
    tcase_add_test(c, validation_file);
    tcase_add_test(c, normalise);
    tcase_add_test(c, normalise_bytes);
    tcase_add_test(c, bytes_are_as_pytorch_has_them);
    tcase_add_test(c, prep_travels);
    tcase_add_test(c, hostile_metadata);
    tcase_add_test(c, classes_without_a_class_loss);
    tcase_add_test(c, memory);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
