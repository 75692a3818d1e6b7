/* runtime/classes.c: names of the classes of data sets that keep them in no file, as torchvision has
 * them. Files of images say them otherwise: folders by their names, CIFAR in a file of its own. */
#include "runtime/data.h"
#include <string.h>

enum { CLASSES = 10 };

static const struct { const char *data, *classes[CLASSES]; } named[] = {
    {"MNIST", {"0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
               "7 - seven", "8 - eight", "9 - nine"}},
    {"FashionMNIST", {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                      "Sneaker", "Bag", "Ankle boot"}},
    {"KMNIST", {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"}}};

bool rt_name_classes(rt_err *e, const rt_model *m, rt_prep *prep)
{
    size_t i = 0, n = sizeof named / sizeof *named;
    while (m->data && i < n && strcmp(named[i].data, m->data))
        i++;
    if (!m->data || i == n || prep->classes || m->n_classes != CLASSES)
        return true;
    prep->classes = rt_alloc(e, CLASSES, (int64_t)sizeof *prep->classes, "classes");
    for (bool ok = prep->classes; ok && prep->n_classes < CLASSES; prep->n_classes += ok)
        ok = (prep->classes[prep->n_classes] = rt_strdup(e, named[i].classes[prep->n_classes]));
    return prep->n_classes == CLASSES;
}
