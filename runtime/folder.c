/* runtime/folder.c: finding the images in folders of classes (see folder.h). Links are followed, as
 * torchvision does. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/folder.h"
#include "runtime/load.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_FOLDERS = 100000 };    /* of a class: links may go round in a circle */

typedef struct names { char **item; int64_t n, room; } names;

bool rt_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcasecmp(text + n - m, end);
}

static bool add(rt_err *e, names *list, char *name)
{
    if (name && list->n == list->room) {
        int64_t room = list->room ? 2 * list->room : 64;
        char **item = rt_alloc_raw(e, room, (int64_t)sizeof *item, "names of files");
        if (!item) {
            rt_free(name);
            return false;
        }
        if (list->n)
            memcpy(item, list->item, (size_t)list->n * sizeof *item);
        rt_free(list->item);
        list->item = item;
        list->room = room;
    }
    if (name)
        list->item[list->n++] = name;
    return name != NULL;
}

static void free_names(names *list)
{
    rt_strings_free(list->item, list->n);
    *list = (names){0};
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(names *list)
{
    if (list->n)
        qsort(list->item, (size_t)list->n, sizeof *list->item, by_bytes);
}

bool rt_folder_there(rt_err *e, const char *path, bool *there)
{
    struct stat info;
    bool known = stat(path, &info) == 0;
    *there = known && S_ISDIR(info.st_mode);
    return known || errno == ENOENT || errno == ELOOP || errno == ENOTDIR
        || rt_fail_errno(e, errno, path, "cannot be looked at");
}

/* What lies in a folder: the paths of folders, the names of files; null: not wanted. */
static bool list_folder(rt_err *e, const char *path, names *folders, names *files)
{
    DIR *d = opendir(path);
    if (!d)
        return rt_fail_errno(e, errno, path, "cannot be opened");
    bool ok = true;
    struct dirent *entry;
    while (errno = 0, ok && (entry = readdir(d))) {
        const char *name = entry->d_name;
        bool folder = false;
        if (!strcmp(name, ".") || !strcmp(name, ".."))
            continue;
        char *full = rt_format(e, "%s/%s", path, name);
        ok = full && rt_folder_there(e, full, &folder);
        if (ok && folder && folders) {
            ok = add(e, folders, full);
            full = NULL;
        } else if (ok && !folder && files) {
            ok = add(e, files, rt_strdup(e, name));
        }
        rt_free(full);
    }
    if (ok && errno)
        ok = rt_fail_errno(e, errno, path, "cannot be read");
    closedir(d);
    return ok;
}

bool rt_folder_has_folders(rt_err *e, const char *path, bool *has)
{
    names folders = {0};
    bool ok = list_folder(e, path, &folders, NULL);
    *has = folders.n > 0;
    free_names(&folders);
    return ok;
}

/* A folder with all below it, in the order of their paths. */
static bool list_tree(rt_err *e, const char *path, names *tree)
{
    bool ok = add(e, tree, rt_strdup(e, path));
    for (int64_t i = 0; ok && i < tree->n; i++)
        ok = (tree->n <= MAX_FOLDERS || rt_fail(e, RT_E_DATA, "%s: has more than %d folders in it",
                                                path, MAX_FOLDERS))
          && list_folder(e, tree->item[i], tree, NULL);
    sort(tree);
    return ok;
}

/* 1: an image; 0: none; -1: one that is not read here, which is said. */
static int is_image(rt_err *e, const char *folder, const char *name)
{
    static const char *const read[] = {".jpg", ".jpeg", ".png"};
    static const char *const other[] = {".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"};
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        if (rt_ends_with(name, read[i]))
            return 1;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (rt_ends_with(name, other[i])) {
            rt_fail(e, RT_E_DATA, "%s/%s: is an image that this program does not read", folder,
                    name);
            rt_help(e, "PNG and JPEG are read; convert it, or move it away");
            return -1;
        }
    return 0;
}

/* Appends the images of a class: paths with a zero byte at their ends, and their labels. */
static bool add_class(rt_err *e, const char *folder, int64_t label, rt_buf *paths, rt_buf *labels)
{
    names tree = {0}, files = {0};
    int64_t before = labels->length;
    bool ok = list_tree(e, folder, &tree);
    for (int64_t i = 0; ok && i < tree.n; i++) {
        ok = list_folder(e, tree.item[i], NULL, &files);
        sort(&files);
        for (int64_t k = 0; ok && k < files.n; k++) {
            int image = is_image(e, tree.item[i], files.item[k]);
            ok = image >= 0
              && (!image || (rt_buf_printf(e, paths, "%s/%s", tree.item[i], files.item[k])
                             && rt_buf_add(e, paths, "", 1)
                             && rt_buf_add(e, labels, &label, (int64_t)sizeof label)));
        }
        free_names(&files);
    }
    free_names(&tree);
    if (ok && labels->length == before)
        return rt_fail(e, RT_E_DATA, "%s: is the folder of a class, but has no images (.png, .jpg, "
                       ".jpeg)", folder);
    return ok;
}

/* Pointers, and the text that they point into. */
static bool take_paths(rt_err *e, rt_folder *f, const rt_buf *paths)
{
    f->path = rt_alloc_raw(e, f->n * (int64_t)sizeof *f->path + paths->length, 1, "paths");
    if (!f->path)
        return false;
    char *text = (char *)(f->path + f->n);
    memcpy(text, paths->data, (size_t)paths->length);
    for (int64_t i = 0; i < f->n; i++, text += strlen(text) + 1)
        f->path[i] = text;
    return true;
}

bool rt_folder_list(rt_err *e, const char *path, rt_folder *f)
{
    names classes = {0};
    rt_buf paths = {0}, labels = {0};
    bool ok = list_folder(e, path, &classes, NULL);
    sort(&classes);
    for (int64_t i = 0; ok && i < classes.n; i++)
        ok = add_class(e, classes.item[i], i, &paths, &labels);
    f->n = labels.length / (int64_t)sizeof(int64_t);
    ok = ok && take_paths(e, f, &paths);
    for (int64_t i = 0; ok && i < classes.n; i++) {
        char *name = rt_strdup(e, strrchr(classes.item[i], '/') + 1);
        rt_free(classes.item[i]);
        classes.item[i] = name;
        ok = name != NULL;
    }
    f->label = (int64_t *)(void *)labels.data;
    f->classes = classes.item;
    f->n_classes = classes.n;
    rt_buf_free(&paths);
    if (!ok)
        rt_folder_free(f);
    return ok;
}

void rt_folder_free(rt_folder *f)
{
    rt_strings_free(f->classes, f->n_classes);
    rt_free(f->path);
    rt_free(f->label);
    *f = (rt_folder){0};
}
