/* runtime/folder.h: folders of images, one a class, as torchvision's ImageFolder orders them. */
#ifndef SEQC_RT_FOLDER_H
#define SEQC_RT_FOLDER_H
#include "runtime/base.h"

/* Classes are the folders in a folder, in the order of their names; the images of a class are those
 * in its folder and in folders below, in the order of paths and names. */
typedef struct rt_folder {
    char **classes; int64_t n_classes;
    char **path; int64_t *label; int64_t n;    /* one block: path */
} rt_folder;

/* Fails where a class has no image, or has one that is neither PNG nor JPEG but that torchvision
 * would take. Starts as {0}. */
bool rt_folder_list(rt_err *e, const char *path, rt_folder *f);
void rt_folder_free(rt_folder *f);
/* Is there a folder? */
bool rt_folder_there(rt_err *e, const char *path, bool *there);
/* Are there folders in it? */
bool rt_folder_has_folders(rt_err *e, const char *path, bool *has);
bool rt_ends_with(const char *text, const char *end);    /* in letters of either case */

#endif
