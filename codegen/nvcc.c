/* codegen/nvcc.c: the project that makes a program for CUDA of its kept sources by NVIDIA's nvcc,
 * for machines where NVRTC is not: one CMakeLists.txt. Run as a script the same file writes what
 * nvcc made, byte by byte, as the C file that images.c would write. */
#include "codegen/codegen.h"
#include <string.h>

static const char *const head =
    "# Makes %s of its sources by NVIDIA's nvcc. SEQC_HOME is the folder with libseqc_rt.a and\n"
    "# include/runtime, lib/seqc of seqc:\n"
    "#\n"
    "#     cmake -S . -B build -DSEQC_HOME=FOLDER && cmake --build build\n"
    "cmake_minimum_required(VERSION 3.18)\n"
    "set(archs %s)          # machine code; and PTX of %d for later ones\n"
    "\n"
    "# As a script: the images as C.\n"
    "if(CMAKE_SCRIPT_MODE_FILE)\n"
    "  set(text \"#include \\\"runtime/cuda.h\\\"\\n\\n\")\n"
    "  foreach(image IN LISTS archs ITEMS ptx)\n"
    "    file(READ image_${image} bytes HEX)\n"
    "    string(LENGTH \"${bytes}\" length)\n"
    "    math(EXPR length \"${length} / 2 + 1\")     # a zero byte ends PTX\n"
    "    string(REGEX REPLACE \"(................................)\" \"\\\\1\\n\" bytes \"${bytes}\")\n"
    "    string(REGEX REPLACE \"([0-9a-f][0-9a-f])\" \"0x\\\\1,\" bytes \"${bytes}\")\n"
    "    string(APPEND text \"static const unsigned char image_${image}[] = {\\n${bytes}0 };\\n\\n\")\n"
    "    set(what \"${image}, false\")\n"
    "    if(\"${image}\" STREQUAL \"ptx\")\n"
    "      set(what \"%d, true\")\n"
    "    endif()\n"
    "    string(APPEND rows \"    { ${what}, image_${image}, ${length} },\\n\")\n"
    "  endforeach()\n"
    "  file(WRITE images.c \"${text}extern const rt_cuda_image images[];\\n\"\n"
    "    \"const rt_cuda_image images[] = {\\n${rows}    { 0, false, 0, 0 }\\n};\\n\")\n"
    "  return()\n"
    "endif()\n"
    "\n";

static const char *const body =
    "project(program C)\n"
    "if(NOT CMAKE_BUILD_TYPE)\n"
    "  set(CMAKE_BUILD_TYPE Release)\n"
    "endif()\n"
    "set(SEQC_HOME \"$ENV{SEQC_HOME}\" CACHE PATH \"the folder with libseqc_rt.a and include/runtime\")\n"
    "if(NOT EXISTS ${SEQC_HOME}/libseqc_rt.a)\n"
    "  message(FATAL_ERROR \"libseqc_rt.a is not in SEQC_HOME (${SEQC_HOME}): -DSEQC_HOME=FOLDER says \"\n"
    "    \"where seqc has it, lib/seqc beside its program\")\n"
    "endif()\n"
    "find_program(NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)\n"
    "if(NOT NVCC)\n"
    "  message(FATAL_ERROR \"nvcc is not here: install the CUDA toolkit, or say where it is, -DNVCC=PATH\")\n"
    "endif()\n"
    "\n"
    "set(kernels ${CMAKE_CURRENT_SOURCE_DIR}/%s.cu)\n"
    "foreach(arch IN LISTS archs)\n"
    "  add_custom_command(OUTPUT image_${arch} DEPENDS ${kernels} VERBATIM\n"
    "    COMMAND ${NVCC} -std=c++17 -cubin -arch=sm_${arch} -o image_${arch} ${kernels})\n"
    "  list(APPEND made image_${arch})\n"
    "endforeach()\n"
    "add_custom_command(OUTPUT image_ptx DEPENDS ${kernels} VERBATIM\n"
    "  COMMAND ${NVCC} -std=c++17 -ptx -arch=compute_%d -o image_ptx ${kernels})\n"
    "add_custom_command(OUTPUT images.c DEPENDS ${made} image_ptx ${CMAKE_CURRENT_LIST_FILE} VERBATIM\n"
    "  COMMAND ${CMAKE_COMMAND} -P ${CMAKE_CURRENT_LIST_FILE})\n"
    "\n"
    "add_executable(program %s.c images.c)\n"
    "set_target_properties(program PROPERTIES OUTPUT_NAME %s C_STANDARD 11)\n"
    "target_include_directories(program PRIVATE ${SEQC_HOME}/include)\n";

/* What reads PNG and JPEG files, where it is there. */
static const char *const decoders =
    "find_package(PNG)\n"
    "find_package(JPEG)\n"
    "if(PNG_FOUND AND JPEG_FOUND AND EXISTS ${SEQC_HOME}/libseqc_image.a)\n"
    "  target_link_libraries(program PRIVATE -Wl,-u,rt_image_decoders ${SEQC_HOME}/libseqc_image.a\n"
    "    ${SEQC_HOME}/libseqc_rt.a PNG::PNG JPEG::JPEG)\n"
    "endif()\n";

static const char *const tail =
    "find_package(Threads REQUIRED)\n"
    "target_link_libraries(program PRIVATE ${SEQC_HOME}/libseqc_rt.a z m Threads::Threads\n"
    "  ${CMAKE_DL_LIBS})\n";

void emit_nvcc(const Module *m, const char *name, const int *arch, int n_arch, FILE *out)
{
    Arena *a = arena_new();
    const char *archs = "";
    int lowest = arch[0];
    for (int i = 0; i < n_arch; i++) {
        archs = arena_printf(a, "%s%s%d", archs, i ? " " : "", arch[i]);
        if (arch[i] < lowest) lowest = arch[i];
    }
    fprintf(out, head, name, archs, lowest, lowest);
    fprintf(out, body, name, lowest, name, name);
    if (emit_uses_images(m)) fputs(decoders, out);
    fputs(tail, out);
    arena_free(a);
}
