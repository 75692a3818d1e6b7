/* codegen/nvcc.c: what has NVIDIA's nvcc compile kernels, for machines where NVRTC is not: of the kept
 * sources of a program for CUDA its CMakeLists.txt, and a part of that of a library. Run as a script
 * the same file writes what nvcc made, byte by byte, as the C file that images.c would write. */
#include "codegen/program.h"
#include <string.h>

static const char *const head =
    "# Makes $name of its sources by NVIDIA's nvcc. SEQC_HOME is the folder with libseqc_rt.a and\n"
    "# include/runtime, lib/seqc of seqc:\n"
    "#\n"
    "#     cmake -S . -B build -DSEQC_HOME=FOLDER && cmake --build build\n"
    "cmake_minimum_required(VERSION 3.18)\n";

static const char *const script =
    "set(archs $archs)          # machine code; and PTX of $lowest for later ones\n"
    "\n"
    "# As a script: the images as C.\n"
    "if(CMAKE_SCRIPT_MODE_FILE)\n"
    "  set(text \"#include \\\"$header\\\"\\n\\n\")\n"
    "  foreach(image IN LISTS archs ITEMS ptx)\n"
    "    file(READ image_${image} bytes HEX)\n"
    "    string(LENGTH \"${bytes}\" length)\n"
    "    math(EXPR length \"${length} / 2 + 1\")     # a zero byte ends PTX\n"
    "    string(REGEX REPLACE \"(................................)\" \"\\\\1\\n\" bytes \"${bytes}\")\n"
    "    string(REGEX REPLACE \"([0-9a-f][0-9a-f])\" \"0x\\\\1,\" bytes \"${bytes}\")\n"
    "    string(APPEND text \"static const unsigned char image_${image}[] = {\\n${bytes}0 };\\n\\n\")\n"
    "    set(what \"$code\")\n"
    "    if(\"${image}\" STREQUAL \"ptx\")\n"
    "      set(what \"$ptx\")\n"
    "    endif()\n"
    "    string(APPEND rows \"    $row\\n\")\n"
    "  endforeach()\n"
    "  file(WRITE $images.c \"${text}$open\\n${rows}    $end\\n\")\n"
    "  return()\n"
    "endif()\n"
    "\n";

static const char *const commands =
    "find_program(NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)\n"
    "if(NOT NVCC)\n"
    "  message(FATAL_ERROR \"nvcc is not here: install the CUDA toolkit, or say where it is, -DNVCC=PATH\")\n"
    "endif()\n"
    "\n"
    "set(kernels ${CMAKE_CURRENT_SOURCE_DIR}/$name.cu)\n"
    "foreach(arch IN LISTS archs)\n"
    "  string(REGEX REPLACE \"^90$\" \"90a\" own ${arch})      # its instructions for matrices\n"
    "  add_custom_command(OUTPUT image_${arch} DEPENDS ${kernels} VERBATIM\n"
    "    COMMAND ${NVCC} -std=c++17 -cubin -gencode=arch=compute_${own},code=sm_${own}\n"
    "      -o image_${arch} ${kernels})\n"
    "  list(APPEND made image_${arch})\n"
    "endforeach()\n"
    "add_custom_command(OUTPUT image_ptx DEPENDS ${kernels} VERBATIM\n"
    "  COMMAND ${NVCC} -std=c++17 -ptx -arch=compute_$lowest -o image_ptx ${kernels})\n"
    "add_custom_command(OUTPUT $images.c DEPENDS ${made} image_ptx ${CMAKE_CURRENT_LIST_FILE} VERBATIM\n"
    "  COMMAND ${CMAKE_COMMAND} -P ${CMAKE_CURRENT_LIST_FILE})\n";

static const char *const program =
    "project(program C)\n"
    "if(NOT CMAKE_BUILD_TYPE)\n"
    "  set(CMAKE_BUILD_TYPE Release)\n"
    "endif()\n"
    "set(SEQC_HOME \"$ENV{SEQC_HOME}\" CACHE PATH \"the folder with libseqc_rt.a and include/runtime\")\n"
    "if(NOT EXISTS ${SEQC_HOME}/libseqc_rt.a)\n"
    "  message(FATAL_ERROR \"libseqc_rt.a is not in SEQC_HOME (${SEQC_HOME}): -DSEQC_HOME=FOLDER says \"\n"
    "    \"where seqc has it, lib/seqc beside its program\")\n"
    "endif()\n";

static const char *const target =
    "\n"
    "add_executable(program $name.c images.c)\n"
    "set_target_properties(program PROPERTIES OUTPUT_NAME $name C_STANDARD 11)\n"
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

const char *nvcc_text(Arena *a, const char *name, const char *library, const int *arch, int n_arch,
                      NvccPart part)
{
    const char *archs = "";
    int lowest = arch[0];
    for (int i = 0; i < n_arch; i++) {
        archs = arena_printf(a, "%s%s%d", archs, i ? " " : "", arch[i]);
        if (arch[i] < lowest) lowest = arch[i];
    }
    const char *low = arena_printf(a, "%d", lowest);
    const Hole holes[] = {
        { "archs", archs }, { "lowest", low }, { "name", name }, { "ENV", "$ENV" },
        { "header", library ? arena_printf(a, "%s.h", library) : "runtime/cuda.h" },
        { "images", library ? arena_printf(a, "%s_images", library) : "images" },
        { "code", library ? "arch == ${image} && !ptx" : "${image}, false" },
        { "ptx", arena_printf(a, library ? "arch == %s && ptx" : "%s, true", low) },
        { "row", library ? "if (${what}) return image_${image};"
                         : "{ ${what}, image_${image}, ${length}, false }," },
        { "open", library ? arena_printf(a, "const void *%s_image(int arch, int ptx)\\n{", library)
                          : "extern const rt_cuda_image images[];\\n"
                            "const rt_cuda_image images[] = {" },
        { "end", library ? "return 0;\\n}" : "{ 0, false, 0, 0, false }\\n};" },
    };
    Out *o = out_new(a);
    out_template(o, part == NVCC_SCRIPT ? script : commands, holes, sizeof holes / sizeof *holes);
    return out_text(o);
}

void emit_nvcc(const Module *m, const char *name, const int *arch, int n_arch, FILE *out)
{
    Arena *a = arena_new();
    Out *o = out_new(a);
    const Hole holes[] = { { "name", name }, { "ENV", "$ENV" } };
    out_template(o, head, holes, 2);
    out_raw(o, nvcc_text(a, name, NULL, arch, n_arch, NVCC_SCRIPT));
    out_template(o, program, holes, 2);
    out_raw(o, nvcc_text(a, name, NULL, arch, n_arch, NVCC_COMMANDS));
    out_template(o, target, holes, 2);
    if (emit_uses_images(m)) out_raw(o, decoders);
    out_raw(o, tail);
    fputs(out_text(o), out);
    arena_free(a);
}
