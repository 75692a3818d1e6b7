/* runtime/load_directory.c: directories as data sets (see load.h): IDX files, CIFAR's binary files,
 * folders of images.
 *
 * What a directory is, its names say. The folders that the archives of CIFAR unpack to, and that
 * torchvision keeps IDX files in, are found in the directory that holds them. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/cifar.h"
#include "runtime/folder.h"
#include "runtime/load.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool there_at(rt_err *e, const char *directory, const char *name, char **path, bool *there)
{
    *there = false;
    *path = rt_format(e, "%s/%s", directory, name);
    bool known = *path && rt_file_there(e, *path, there);
    if (!*there) {
        rt_free(*path);
        *path = NULL;
    }
    return known;
}

/* ---- IDX ---- */

/* The first of DIR/PART-images-idx3-ubyte, the same with .gz, with a dot before idx3, and with both
 * that is there; *path is null where none is. Labels likewise. */
static bool find_part(rt_err *e, const char *directory, const char *part, const char *what,
                      char **path)
{
    static const struct { const char *dot, *packed; } forms[] = {
        {"-", ""}, {"-", ".gz"}, {".", ""}, {".", ".gz"}};
    bool there = false, known = true;
    for (int i = 0; i < 4 && known && !there; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s-%s%sidx%d-ubyte%s", part, what, forms[i].dot,
                 strcmp(what, "images") ? 1 : 3, forms[i].packed);
        known = there_at(e, directory, name, path, &there);
    }
    return known;
}

static bool load_part(rt_err *e, rt_set *s, const rt_needs *needs, const char *directory,
                      const char *part)
{
    char *images = NULL, *labels = NULL;
    bool ok = find_part(e, directory, part, "images", &images)
           && find_part(e, directory, part, "labels", &labels);
    if (ok && (images || labels)) {
        if (!images || !labels)
            ok = rt_fail(e, RT_E_DATA, "%s: has %s, but no %s-%s-ubyte beside it (or .gz)",
                         directory, images ? images : labels, part,
                         images ? "labels-idx1" : "images-idx3");
        ok = ok && rt_load_arrays(e, s, needs, images, labels);
    }
    rt_free(images);
    rt_free(labels);
    return ok;
}

/* ---- CIFAR ---- */

typedef struct cifar {
    rt_cifar_kind kind;
    rt_buf images, labels;
    int files;                   /* that were read */
} cifar;

/* Adds the records of a file, where it is there. */
static bool add_file(rt_err *e, cifar *c, const char *directory, const char *name, int of)
{
    char *path;
    bool there;
    rt_buf file = {0};
    if (!there_at(e, directory, name, &path, &there))
        return false;
    bool ok = !there || rt_file_read(e, path, -1, &file);
    /* Files are of one size: room for all of them at once. */
    ok = ok && (!there || c->files || rt_buf_reserve(e, &c->images, file.length * (int64_t)of));
    ok = ok && (!there || rt_cifar_parse(e, path, c->kind, &file, &c->images, &c->labels));
    c->files += there;
    rt_buf_free(&file);
    rt_free(path);
    return ok;
}

static bool take_records(rt_err *e, rt_set *s, const rt_needs *needs, cifar *c,
                         const char *directory)
{
    int64_t n = c->labels.length;
    rt_tensor x = {.dtype = RT_U8, .rank = 4, .shape = {n, 3, 32, 32}, .elems = c->images.length,
                   .bytes = c->images.length, .data = c->images.data, .owner = c->images.data};
    rt_tensor y = {.dtype = RT_U8, .rank = 1, .shape = {n}, .elems = n, .bytes = n,
                   .data = c->labels.data, .owner = c->labels.data};
    c->images = c->labels = (rt_buf){0};
    bool ok = rt_take_arrays(e, s, needs, &x, directory, &y, directory);
    rt_tensor_free(&x);
    rt_tensor_free(&y);
    return ok;
}

/* Names of classes go into a prep that has none. */
static bool add_names(rt_err *e, const rt_needs *needs, rt_cifar_kind kind, const char *directory,
                      rt_prep *prep)
{
    char *path, **names = NULL;
    bool there;
    int64_t count = 0;
    rt_buf file = {0};
    if (!there_at(e, directory, kind == RT_CIFAR10 ? "batches.meta.txt" : "fine_label_names.txt",
                  &path, &there))
        return false;
    bool ok = !there || prep->classes
           || (rt_file_read(e, path, 1 << 16, &file)
               && rt_cifar_names(e, path, &file, &names, &count));
    if (ok && names && count > 0 && count <= needs->classes) {
        prep->classes = names;
        prep->n_classes = count;
    } else {
        rt_strings_free(names, count);
    }
    rt_buf_free(&file);
    rt_free(path);
    return ok;
}

static bool load_cifar(rt_err *e, rt_set *s, const rt_needs *needs, const char *directory,
                       rt_cifar_kind kind, bool test, rt_prep *prep)
{
    enum { PARTS = 5 };
    cifar c = {.kind = kind};
    bool ok = true;
    if (test || kind == RT_CIFAR100)
        ok = add_file(e, &c, directory, kind == RT_CIFAR10 ? "test_batch.bin"
                                        : test ? "test.bin" : "train.bin", 1);
    for (int i = 1; ok && i <= PARTS && !test && kind == RT_CIFAR10; i++) {
        char name[32];
        int before = c.files;
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        ok = add_file(e, &c, directory, name, PARTS);
        if (ok && c.files > before && before + 1 < i)
            ok = rt_fail(e, RT_E_DATA, "%s: has %s, but no data_batch_%d.bin", directory, name,
                         before + 1);
    }
    if (ok && c.files)
        ok = take_records(e, s, needs, &c, directory)
          && add_names(e, needs, kind, directory, prep);
    rt_buf_free(&c.images);
    rt_buf_free(&c.labels);
    return ok;
}

/* ---- what a directory is ---- */

typedef enum form {
    FORM_NONE, FORM_IDX, FORM_CIFAR10, FORM_CIFAR100, FORM_PICKLES, FORM_FOLDERS
} form;

/* Of a path: the folder or the first file of a known name. */
static bool look(rt_err *e, const char *directory, form *is)
{
    static const struct { const char *name; form form; } known[] = {
        {"data_batch_1.bin", FORM_CIFAR10}, {"test_batch.bin", FORM_CIFAR10},
        {"train.bin", FORM_CIFAR100},       {"test.bin", FORM_CIFAR100},
        {"data_batch_1", FORM_PICKLES},     {"test_batch", FORM_PICKLES},
        {"meta", FORM_PICKLES}};
    char *path = NULL;
    bool ok = true, there = false;
    *is = FORM_NONE;
    for (int i = 0; ok && !there && i < 2; i++) {
        ok = find_part(e, directory, i ? "t10k" : "train", "images", &path)
          && (path || find_part(e, directory, i ? "t10k" : "train", "labels", &path));
        there = path != NULL;
        rt_free(path);
        *is = there ? FORM_IDX : FORM_NONE;
    }
    for (size_t i = 0; ok && !there && i < sizeof known / sizeof *known; i++) {
        ok = there_at(e, directory, known[i].name, &path, &there);
        rt_free(path);
        *is = there ? known[i].form : FORM_NONE;
    }
    return ok;
}

/* Folders that may stand in the directory, and whose archive they come from. */
static const struct { const char *name, *data; } folders[] = {
    {"cifar-10-batches-bin", "CIFAR10"}, {"cifar-100-binary", "CIFAR100"},
    {"cifar-10-batches-py", "CIFAR10"},  {"cifar-100-python", "CIFAR100"}};
enum { N_FOLDERS = sizeof folders / sizeof *folders };

/* The directory itself, torchvision's folder of the model's data set in it, then those above; those
 * of another data set than the model's are passed over. */
static char *candidate(rt_err *e, const char *directory, const rt_model *m, int i)
{
    const char *data = m->data ? m->data : "";
    if (i == 0)
        return rt_strdup(e, directory);
    if (i == 1)
        return rt_format(e, "%s/%s/raw", directory, data);
    bool other = !strncmp(data, "CIFAR", 5) && strcmp(data, folders[i - 2].data);
    return rt_format(e, "%s/%s", directory, other ? "" : folders[i - 2].name);
}

/* Where the data are, and what they are: FORM_NONE, of the directory, where there are none. Null
 * after an error. */
static char *find_folder(rt_err *e, const char *directory, const rt_model *m, form *is)
{
    bool folders_in_it;
    for (int i = 0; i < 2 + N_FOLDERS; i++) {
        char *path = candidate(e, directory, m, i);
        bool known = path && look(e, path, is);
        if (known && *is)
            return path;
        rt_free(path);
        if (!known)
            return NULL;
    }
    if (!rt_folder_has_folders(e, directory, &folders_in_it))
        return NULL;
    *is = folders_in_it ? FORM_FOLDERS : FORM_NONE;
    return rt_strdup(e, directory);
}

/* ---- folders of images ---- */

/* The folders in DIR/train and DIR/test, or DIR/val where that is not there; where DIR has no
 * folder train, those in it are all for training. */
static bool load_folders(rt_err *e, rt_set *s, const rt_needs *needs, const char *directory,
                         bool test, rt_prep *prep)
{
    static const char *const names[] = {"train", "test", "val"};
    bool parts, there = true;
    char *path = rt_format(e, "%s/%s", directory, names[0]);
    bool ok = path && rt_folder_there(e, path, &parts);
    if (ok && !parts) {
        rt_free(path);
        path = NULL;
        return test || rt_load_folder(e, s, needs, directory, prep);
    }
    for (int i = 1; ok && test && i < 3; i++) {
        rt_free(path);
        path = rt_format(e, "%s/%s", directory, names[i]);
        ok = path && rt_folder_there(e, path, &there);
        if (there)
            break;
    }
    ok = ok && (!there || rt_load_folder(e, s, needs, path, prep));
    rt_free(path);
    return ok;
}

/* ---- loading ---- */

/* Says what the directory seems to be. */
static bool refuse_directory(rt_err *e, const char *path)
{
    bool images = false;
    DIR *d = opendir(path);
    if (!d)
        return rt_fail_errno(e, errno, path, "cannot be opened");
    for (struct dirent *entry; (entry = readdir(d));)
        images = images || rt_ends_with(entry->d_name, ".png")
              || rt_ends_with(entry->d_name, ".jpg") || rt_ends_with(entry->d_name, ".jpeg");
    closedir(d);
    rt_fail(e, RT_E_DATA, "%s: has neither IDX files nor CIFAR's, nor folders of images%s", path,
            images ? "; its images must lie in a folder for each class" : "");
    return rt_help(e, "a directory holds train-images-idx3-ubyte and train-labels-idx1-ubyte (and "
                      "t10k-…), each also .gz, or data_batch_1.bin … and test_batch.bin, or a "
                      "folder of PNG or JPEG files for each class");
}

static bool refuse_pickles(rt_err *e, const char *path)
{
    rt_fail(e, RT_E_DATA, "%s: is the Python version of CIFAR, whose pickles this program does not "
            "read", path);
    return rt_help(e, "the binary version holds the same images: cifar-10-binary.tar.gz or "
                      "cifar-100-binary.tar.gz");
}

static bool load_form(rt_err *e, rt_set *s, const rt_needs *needs, const char *path, form is,
                      bool test, rt_prep *prep)
{
    switch (is) {
    case FORM_IDX:
        return load_part(e, s, needs, path, test ? "t10k" : "train")
            && rt_name_classes(e, needs->model, prep);
    case FORM_CIFAR10: return load_cifar(e, s, needs, path, RT_CIFAR10, test, prep);
    case FORM_CIFAR100: return load_cifar(e, s, needs, path, RT_CIFAR100, test, prep);
    case FORM_PICKLES: return refuse_pickles(e, path);
    case FORM_FOLDERS: return load_folders(e, s, needs, path, test, prep);
    case FORM_NONE: break;
    }
    return refuse_directory(e, path);
}

bool rt_load_directory(rt_err *e, rt_set *train, rt_set *test, const rt_needs *needs,
                       const char *directory, bool one, rt_prep *prep)
{
    form is;
    *train = *test = (rt_set){0};
    char *path = find_folder(e, directory, needs->model, &is);
    /* The training set first: its names are those of the classes. */
    bool ok = path && (one || load_form(e, train, needs, path, is, false, prep))
           && load_form(e, test, needs, path, is, true, prep)
           && (!one || test->n || load_form(e, train, needs, path, is, false, prep));
    if (ok && !train->n && !test->n)
        ok = refuse_directory(e, path);
    rt_free(path);
    if (!ok) {
        rt_set_free(train);
        rt_set_free(test);
    }
    return ok;
}
