/* tests/cuda/nvrtc_standin.c: a libnvrtc.so.13 for what looks at no image, which saves the seconds that
 * NVIDIA's takes for one, and needs no NVIDIA's: it compiles nothing. What codegen/nvrtc.def calls does as
 * NVRTC's documentation says with programs, options and sizes; an image is a line that the stand-in for the
 * driver takes for any kernels. Its version, 99.0, is nobody's. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL(name, type, parameters) type name parameters;
#include "codegen/nvrtc.def"

enum { OK, NO_MEMORY = 1, BAD_INPUT = 3, BAD_PROGRAM = 4, BAD_OPTION = 5, COMPILATION = 6, NOT_COMPILED = 11 };

typedef struct Program {
    bool compiled, code;            /* code: is there any, beside PTX? */
    char image[64];
} Program;

int nvrtcVersion(int *major, int *minor)
{
    *major = 99;
    *minor = 0;
    return OK;
}

int nvrtcCreateProgram(void **program, const char *text, const char *name, int n_headers,
                       const char *const *headers, const char *const *header_names)
{
    (void)headers, (void)header_names;
    if (!program || !text || !name || n_headers) return BAD_INPUT;
    *program = calloc(1, sizeof(Program));
    return *program ? OK : NO_MEMORY;
}

static const char *value_of(const char *option, const char *name)
{
    size_t length = strlen(name);
    return strncmp(option, name, length) ? NULL : option + length;
}

int nvrtcCompileProgram(void *program, int n_options, const char *const *options)
{
    static const char *const known[] = { "--std=c++17", "--ptxas-options=-v", "--Ofast-compile=min", "-D" };
    Program *p = program;
    if (!p) return BAD_PROGRAM;
    for (int i = 0; i < n_options; i++) {
        const char *arch = value_of(options[i], "--gpu-architecture=");
        bool good = arch && (value_of(arch, "sm_") || value_of(arch, "compute_"));
        for (size_t k = 0; k < sizeof known / sizeof *known && !arch && !good; k++)
            good = value_of(options[i], known[k]) != NULL;
        if (!good) return BAD_OPTION;
        if (!arch) continue;
        p->code = value_of(arch, "sm_") != NULL;
        snprintf(p->image, sizeof p->image, "// of kernels for %.20s that nobody compiled\n", arch);
    }
    p->compiled = *p->image != 0;
    return p->compiled ? OK : COMPILATION;
}

int nvrtcGetProgramLogSize(void *program, size_t *bytes)
{
    *bytes = 1;
    return program ? OK : BAD_PROGRAM;
}

int nvrtcGetProgramLog(void *program, char *log)
{
    *log = 0;
    return program ? OK : BAD_PROGRAM;
}

/* With the zero byte that ends the text. */
static int size_of(const Program *p, bool code, size_t *bytes)
{
    if (!p) return BAD_PROGRAM;
    if (!p->compiled) return NOT_COMPILED;
    *bytes = code && !p->code ? 0 : strlen(p->image) + 1;
    return OK;
}

static int copy(const Program *p, bool code, char *to)
{
    size_t bytes;
    int error = size_of(p, code, &bytes);
    if (!error) memcpy(to, p->image, bytes);
    return error;
}

int nvrtcGetCUBINSize(void *program, size_t *bytes) { return size_of(program, true, bytes); }
int nvrtcGetCUBIN(void *program, char *bytes) { return copy(program, true, bytes); }
int nvrtcGetPTXSize(void *program, size_t *bytes) { return size_of(program, false, bytes); }
int nvrtcGetPTX(void *program, char *text) { return copy(program, false, text); }

int nvrtcDestroyProgram(void **program)
{
    if (!program || !*program) return BAD_PROGRAM;
    free(*program);
    *program = NULL;
    return OK;
}

const char *nvrtcGetErrorString(int error)
{
    static char text[40];
    snprintf(text, sizeof text, "error %d of the stand-in for NVRTC", error);
    return text;
}
