/* tests/e2e/openblas.h: tests of kernels that call OpenBLAS run where it is installed. */
#ifndef SEQC_TEST_OPENBLAS_H
#define SEQC_TEST_OPENBLAS_H
#include <stdbool.h>
#include <stdlib.h>

static bool openblas(void)
{
    return system("echo 'int main(void){return 0;}' | ${CC:-cc} -x c - -lopenblas -o /dev/null "
                  "2>/dev/null") == 0;
}
#endif
