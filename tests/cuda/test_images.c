/* tests/cuda/test_images.c: NVIDIA's compiler, where it is: images of hand-written kernels for all
 * architectures, as a C file that compilers take; no spills; its messages. */
#include "codegen/codegen.h"
#include "runtime/cuda.h"
#include "tests/unit/rt_test.h"
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const int archs[] = { 80, 86, 89, 90, 100, 120 };
enum { N_ARCHS = sizeof archs / sizeof *archs };

static Arena *arena;

static void open_folder(void)
{
    arena = arena_new();
    folder_make();
}

static void close_folder(void)
{
    folder_remove();
    arena_free(arena);
}

static bool missing(void)
{
    if (emit_nvrtc(arena)) return false;
    puts("skip images: no NVRTC");
    return true;
}

/* The compiled file's images, of a shared object that is left open. */
static const rt_cuda_image *compiled(const char *source)
{
    const char *object = arena_printf(arena, "%s.so", source);
    const char *command = arena_printf(arena, "cc -std=c11 -Wall -Wextra -Werror -shared -fPIC -I. "
                                              "%s -o %s", source, object);
    ck_assert_int_eq(system(command), 0);
    void *library = dlopen(object, RTLD_NOW);
    ck_assert_msg(library != NULL, "%s", dlerror());
    return dlsym(library, "images");
}

/* A text in an image; its end in machine code is a zero byte. */
static const void *found(const rt_cuda_image *image, const char *text)
{
    size_t length = strlen(text) + !image->ptx;
    for (int64_t i = 0; i + (int64_t)length <= image->n_bytes; i++)
        if (memcmp(image->bytes + i, text, length) == 0) return image->bytes + i;
    return NULL;
}

/* What is said while a file is compiled: print_usage writes to the error stream. */
static const char *said_by(const char *source, const ImageOpts *o, const char *made)
{
    static char text[1 << 16];
    char *message;
    const char *said = in_folder("said");
    fflush(NULL);
    int kept = dup(2);
    ck_assert(freopen(said, "w", stderr) != NULL);
    bool ok = emit_images(source, o, made, &message, arena);
    fflush(stderr);
    dup2(kept, 2);
    ck_assert_msg(ok, "%s", message);
    FILE *f = fopen(said, "r");
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

START_TEST(all_architectures)
{
    char *message;
    const char *source = in_folder("images.c");
    const ImageOpts o = { archs, N_ARCHS, true, false, NULL, NULL, NULL, NULL, NULL };
    if (missing()) return;
    ck_assert_msg(emit_images("tests/cuda/kernels.cu", &o, source, &message, arena), "%s", message);
    const rt_cuda_image *image = compiled(source);
    for (int i = 0; i < N_ARCHS; i++) {
        ck_assert_int_eq(image[i].arch, archs[i]);
        ck_assert(!image[i].ptx);
        ck_assert_mem_eq(image[i].bytes, "\177ELF", 4);
        ck_assert_int_eq(image[i].bytes[18], 190);
        ck_assert_int_gt(image[i].n_bytes, 1000);
    }
    const rt_cuda_image *ptx = &image[N_ARCHS];
    ck_assert(ptx->ptx && ptx->arch == 80);
    ck_assert(strlen((const char *)ptx->bytes) + 1 == (size_t)ptx->n_bytes);
    ck_assert_ptr_nonnull(strstr((const char *)ptx->bytes, ".target sm_80"));
    ck_assert_ptr_nonnull(strstr((const char *)ptx->bytes, ".entry product("));
    ck_assert_ptr_null(image[N_ARCHS + 1].bytes);
}
END_TEST

/* Parts become images of their own, after what they share; lines keep their numbers. */
START_TEST(parts)
{
    static const char *const shared = "#define TWO 2\n" EMIT_PART;
    static const char *const one = "extern \"C\" __global__ void one(float *x) { x[0] = TWO; }\n" EMIT_PART;
    static const char *const other = "extern \"C\" __global__ void other(float *x) { x[0] = %s; }\n";
    static const int arch[] = { 90, 80 };
    static const struct { int arch; bool ptx; const char *has, *has_not; } want[] = {
        { 90, false, "one", "other" }, { 90, false, "other", "one" },
        { 80, false, "one", "other" }, { 80, false, "other", "one" },
        { 80, true, ".entry one(", "other" }, { 80, true, ".entry other(", ".entry one" },
    };
    char *message;
    const char *source = in_folder("parts.cu"), *made = in_folder("images.c");
    const ImageOpts o = { arch, 2, true, false, NULL, NULL, NULL, NULL, NULL };
    if (missing()) return;
    for (int wrong = 0; wrong < 2; wrong++) {
        FILE *f = fopen(source, "w");
        fprintf(f, "%s%s", shared, one);
        fprintf(f, other, wrong ? "y" : "TWO");
        fclose(f);
        ck_assert_int_eq(emit_images(source, &o, made, &message, arena), !wrong);
    }
    ck_assert_msg(strstr(message, "parts.cu(5): error: identifier \"y\" is undefined") != NULL, "%s",
                  message);
    const rt_cuda_image *image = compiled(made);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ck_assert(image[i].arch == want[i].arch && image[i].ptx == want[i].ptx);
        ck_assert_ptr_nonnull(found(&image[i], want[i].has));
        ck_assert_ptr_null(found(&image[i], want[i].has_not));
    }
    ck_assert_ptr_null(image[sizeof want / sizeof *want].bytes);
}
END_TEST

/* What runs seldom is PTX of the lowest, once, behind all else, and machine code only where there is no PTX,
 * or instructions of sm_90a; what it takes is said of each architecture, and changes nothing. */
START_TEST(seldom)
{
    static const char *const text =
        EMIT_PART "extern \"C\" __global__ void often(float *x) { x[0] = 1; }\n"
        EMIT_PART EMIT_SELDOM "extern \"C\" __global__ void rare(float *x) { x[0] = TURNS; }\n"
        EMIT_PART EMIT_SELDOM "#ifdef %s\nextern \"C\" __global__ void own(float *x) { x[0] = 3; }\n"
        "#else\nextern \"C\" __global__ void others(float *x) { x[0] = 4; }\n#endif\n";
    static const int arch[] = { 90, 80 };
    static const struct { int arch; bool ptx, seldom; const char *has; } want[] = {
        { 90, false, false, "often" }, { 90, false, false, "own" },
        { 80, false, false, "often" }, { 80, false, false, "others" },
        { 80, true, false, ".entry often(" }, { 80, true, false, ".entry others(" },
        { 80, true, true, ".entry rare(" },
    };
    char *message;
    const char *source = in_folder("seldom.cu"), *made = in_folder("images.c");
    const char *again = in_folder("again.c"), *bare = in_folder("bare.c");
    if (missing()) return;
    FILE *f = fopen(source, "w");
    fprintf(f, text, emit_sm_90a);
    fclose(f);
    ImageOpts o = { arch, 2, true, false, NULL, NULL, NULL, NULL, NULL };
    ck_assert_msg(emit_images(source, &o, made, &message, arena), "%s", message);
    const rt_cuda_image *image = compiled(made);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ck_assert(image[i].arch == want[i].arch && image[i].ptx == want[i].ptx);
        ck_assert(image[i].seldom == want[i].seldom && found(&image[i], want[i].has));
    }
    ck_assert_ptr_null(image[sizeof want / sizeof *want].bytes);
    o.usage = true;
    const char *said = said_by(source, &o, again);
    ck_assert(strstr(said, "'rare' for 'sm_80'") && strstr(said, "'rare' for 'sm_90'"));
    const rt_cuda_image *other = compiled(again);
    ck_assert_mem_eq(image[6].bytes, other[6].bytes, (size_t)image[6].n_bytes);
    ck_assert_ptr_null(other[7].bytes);
    o = (ImageOpts){ arch, 2, false, false, NULL, NULL, NULL, NULL, NULL };
    ck_assert_msg(emit_images(source, &o, bare, &message, arena), "%s", message);
    image = compiled(bare);
    for (int i = 0; i < 6; i++) {
        ck_assert(!image[i].ptx && image[i].bytes && image[i].seldom == false);
        ck_assert(i % 3 != 1 || found(&image[i], "rare"));
    }
    ck_assert_ptr_null(image[6].bytes);
}
END_TEST

/* What sm_90a alone has is in machine code for 9.0, and in no PTX, which later ones translate. */
START_TEST(own_instructions)
{
    static const int arch[] = { 100, 90 };
    char *message;
    const char *source = in_folder("own.cu"), *made = in_folder("images.c");
    const ImageOpts o = { arch, 2, true, false, NULL, NULL, NULL, NULL, NULL };
    if (missing()) return;
    FILE *f = fopen(source, "w");
    fprintf(f, "#ifdef %s\nextern \"C\" __global__ void own(float *x)\n{\n", emit_sm_90a);
    fputs("    asm volatile(\"wgmma.fence.sync.aligned;\");\n    x[0] = 1;\n}\n#else\n"
          "extern \"C\" __global__ void others(float *x) { x[0] = 2; }\n#endif\n", f);
    fclose(f);
    ck_assert_msg(emit_images(source, &o, made, &message, arena), "%s", message);
    const rt_cuda_image *image = compiled(made);
    ck_assert(image[0].arch == 100 && !image[0].ptx && found(&image[0], "others"));
    ck_assert(image[1].arch == 90 && !image[1].ptx && found(&image[1], "own"));
    ck_assert(image[2].arch == 90 && image[2].ptx && found(&image[2], ".entry others("));
    ck_assert(found(&image[2], ".target sm_90\n") && !found(&image[2], "wgmma"));
    ck_assert_ptr_null(image[3].bytes);
}
END_TEST

START_TEST(usage)
{
    const char *at;
    const ImageOpts o = { archs, N_ARCHS, false, true, NULL, NULL, NULL, NULL, NULL };
    int kernels = 0;
    if (missing()) return;
    const char *text = said_by("tests/cuda/kernels.cu", &o, in_folder("images.c"));
    for (at = text; (at = strstr(at, "bytes spill stores")); at++, kernels++)
        ck_assert_msg(strncmp(at - 4, ", 0 ", 4) == 0, "%s", at - 60);
    ck_assert_int_eq(kernels, 7 * N_ARCHS);
}
END_TEST

START_TEST(refused)
{
    char *message;
    const char *source = in_folder("wrong.cu");
    const ImageOpts o = { archs, 1, true, false, NULL, NULL, NULL, NULL, NULL };
    FILE *f = fopen(source, "w");
    fputs("extern \"C\" __global__ void k(float *x)\n{\n    x[0] = y;\n}\n", f);
    fclose(f);
    bool here = !missing();
    ck_assert(!emit_images(source, &o, in_folder("images.c"), &message, arena));
    ck_assert_msg(strstr(message, here ? "wrong.cu(3): error: identifier \"y\" is undefined"
                                       : "\nhelp: install the CUDA toolkit") != NULL, "%s", message);
    ck_assert_msg(strncmp(message, here ? "NVRTC does not compile wrong.cu for sm_80: "
                                        : "NVRTC, NVIDIA's compiler at run time, is not here", 43)
                  == 0, "%s", message);
    ck_assert_int_eq(folder_count(), 1);
    ck_assert(!emit_images(in_folder("none.cu"), &o, in_folder("images.c"), &message, arena));
    ck_assert_ptr_nonnull(strstr(message, "none.cu: cannot be read: No such file or directory"));
}
END_TEST

/* Of two parts for sm_90, with PTX: writes them, and their images; the file's text. */
static const char *two_parts(const char *mark, int one, int other, ImageOpts o, const char *made)
{
    static const int arch[] = { 90 };
    static char text[1 << 20];
    char *message;
    const char *source = in_folder("two.cu");
    FILE *f = fopen(source, "w");
    fprintf(f, "/* %s */\n#define TWO 2\n" EMIT_PART, mark);
    fprintf(f, "extern \"C\" __global__ void one(float *x) { x[0] = %d; }\n" EMIT_PART, one);
    fprintf(f, "extern \"C\" __global__ void other(float *x) { x[0] = %d; }\n", other);
    fclose(f);
    o.arch = arch;
    o.n_arch = 1;
    ck_assert_msg(emit_images(source, &o, made, &message, arena), "%s", message);
    f = fopen(made, "rb");
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

/* The names of a folder's files, and how many; the last cuts or changes each, or removes them. */
typedef enum { LOOK, CUT, CHANGE, SIZES, PIPE, REMOVE } Done;
static int files_of(const char *folder, Done done)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *x; d && (x = readdir(d));) {
        const char *path = arena_printf(arena, "%s/%s", folder, x->d_name);
        if (x->d_name[0] == '.') continue;
        n++;
        if (done == CUT) ck_assert_int_eq(truncate(path, 100), 0);
        if (done == REMOVE || done == PIPE) unlink(path);
        if (done == PIPE) ck_assert_int_eq(mkfifo(path, 0600), 0);
        FILE *f = done == CHANGE ? fopen(path, "r+b") : done == SIZES ? fopen(path, "w") : NULL;
        if (!f) continue;
        if (done == SIZES) {                       /* more than there is, and less than none */
            fputs("seqc images 1 0 -20 30\n0123456789", f);
            fclose(f);
            continue;
        }
        fseek(f, -9, SEEK_END);
        const int byte = fgetc(f) ^ 1;
        fseek(f, -9, SEEK_END);
        fputc(byte, f);
        fclose(f);
    }
    if (d) closedir(d);
    return n;
}

/* What was compiled before is found whatever its comments and lines are, is as if compiled anew, and is compiled
 * anew where it was spoiled. */
START_TEST(cache)
{
    const char *folder = in_folder("a"), *made = in_folder("images.c");
    const char *kernels = arena_printf(arena, "%s/kernels", folder);
    ImageCount n = { 0, 0 };
    const ImageOpts o = { .ptx = true, .cache = kernels, .count = &n };
    if (missing()) return;
    const char *first = arena_str(arena, two_parts("first", 1, 2, (ImageOpts){ .ptx = true }, made));
    ck_assert_str_eq(two_parts("first", 1, 2, o, made), first);
    ck_assert(n.all == 2 && n.found == 0 && files_of(kernels, LOOK) == 2);
    ck_assert_str_eq(two_parts("another\n\n", 1, 2, o, made), first);
    ck_assert(n.all == 2 && n.found == 2 && files_of(kernels, LOOK) == 2);
    ck_assert_str_ne(two_parts("first", 1, 3, o, made), first);
    ck_assert(n.found == 1 && files_of(kernels, LOOK) == 3);
    two_parts("first", 1, 3, (ImageOpts){ .cache = kernels, .count = &n }, made);
    ck_assert(n.found == 0 && files_of(kernels, LOOK) == 5);
    for (Done spoiled = CUT; spoiled < REMOVE; spoiled++) {
        files_of(kernels, spoiled);
        ck_assert_str_eq(two_parts("first", 1, 2, o, made), first);
        ck_assert_int_eq(n.found, 0);
        ck_assert_str_eq(two_parts("first", 1, 2, o, made), first);
        ck_assert_int_eq(n.found, 2);
    }
    files_of(kernels, REMOVE);
    rmdir(kernels);
    rmdir(folder);
}
END_TEST

/* Where it cannot be made there is none; where it is too large, what was used last stays. */
START_TEST(cache_limits)
{
    const char *folder = in_folder("a"), *made = in_folder("images.c");
    ImageCount n = { 0, 0 };
    ImageOpts o = { .ptx = true, .cache = "/proc/none/kernels", .count = &n };
    if (missing()) return;
    two_parts("first", 1, 2, o, made);
    two_parts("first", 1, 2, o, made);
    ck_assert(n.all == 2 && n.found == 0);
    o.cache = folder;
    two_parts("first", 1, 2, o, made);
    const char *large = arena_printf(arena, "%s/large", folder);
    FILE *f = fopen(large, "w");
    ck_assert_int_eq(ftruncate(fileno(f), 300 << 20), 0);
    fclose(f);
    const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
    ck_assert_int_eq(utimensat(AT_FDCWD, large, old, 0), 0);
    two_parts("first", 1, 3, o, made);
    ck_assert(n.found == 1 && files_of(folder, LOOK) == 3 && access(large, F_OK));
    files_of(folder, REMOVE);
    rmdir(folder);
}
END_TEST

static int at_once(void) { return 130; }

/* Nothing is begun once it is interrupted. */
START_TEST(interrupted)
{
    char *message;
    const char *made = in_folder("images.c"), *kernels = in_folder("kernels");
    const ImageOpts o = { archs, 1, true, false, NULL, kernels, NULL, at_once, NULL };
    if (missing()) return;
    ck_assert(!emit_images("tests/cuda/kernels.cu", &o, made, &message, arena));
    ck_assert_str_eq(message, "kernels.cu: interrupted");
    ck_assert(access(made, F_OK) && files_of(kernels, LOOK) == 0);
}
END_TEST

/* Nor once the program beside it does not compile, whose compiler says why. */
START_TEST(beside)
{
    char *message;
    const char *made = in_folder("images.c"), *kernels = in_folder("kernels");
    const char *source = file_with_text("program.c", "int seven(void) { return missing; }\n");
    CompileUnit unit = { source, in_folder("program.o"), ir_target("generic"), false, false, NULL };
    file_with_text("libseqc_rt.a", "!<arch>\n");
    const CompileOpts c = { .runtime_dir = in_folder("") };
    const ImageOpts o = { archs, 1, true, false, NULL, kernels, NULL, NULL, &unit };
    if (missing()) return;
    ck_assert(!emit_compile_failed(&unit));
    ck_assert(emit_compile_start(&unit, &c, &message, arena));
    const struct timespec pause = { 0, 1000000 };
    for (int i = 0; i < 3000 && !emit_compile_failed(&unit); i++) nanosleep(&pause, NULL);
    ck_assert(emit_compile_failed(&unit));
    ck_assert(!emit_images("tests/cuda/kernels.cu", &o, made, &message, arena));
    ck_assert(access(made, F_OK) && files_of(kernels, LOOK) == 0);
    message = emit_compile_message(&unit);
    ck_assert_msg(strstr(message, "the C compiler failed (exit 1)") && strstr(message, "missing"), "%s", message);
    emit_compile_wait(&unit);
}
END_TEST

START_TEST(opened_before)
{
    for (int i = 0; i < 2; i++) {
        emit_nvrtc_begin();
        emit_nvrtc_begin();
        if (i) ck_assert(missing() || emit_nvrtc(arena));       /* beside it */
        emit_nvrtc_end();
        emit_nvrtc_end();
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("images");
    TCase *t = tcase_create("nvrtc");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_test(t, all_architectures);
    tcase_add_test(t, parts);
    tcase_add_test(t, seldom);
    tcase_add_test(t, own_instructions);
    tcase_add_test(t, usage);
    tcase_add_test(t, refused);
    tcase_add_test(t, cache);
    tcase_add_test(t, cache_limits);
    tcase_add_test(t, interrupted);
    tcase_add_test(t, beside);
    tcase_add_test(t, opened_before);
    suite_add_tcase(s, t);
    return run_suite(s);
}
