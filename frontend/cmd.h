/* frontend/cmd.h: what main.c and the commands share: the command line, reading a model, targets,
 * messages, output. Only main.c and cmd_*.c include it; they alone see all rooms. */
#ifndef SEQC_CMD_H
#define SEQC_CMD_H
#include "frontend/frontend.h"
#include "ir/ir.h"

struct PassCtx;      /* passes/passes.h */
struct CompileOpts;  /* codegen/codegen.h */
struct rt_err;       /* runtime/base.h */
struct rt_buf;
struct rt_tensors;

/* Exit codes. 130 and 143 follow a signal. */
enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_IO = 3, EXIT_MEMORY = 5 };

typedef enum {
#define COMMAND(name, letter, argument, does) CMD_##name,
#include "frontend/options.def"
    CMD_COUNT
} Command;

typedef enum {
#define OPTION(id, name, letter, kind, argument, commands, help) OPT_##id,
#include "frontend/options.def"
    OPT_COUNT
} OptId;

typedef enum { OK_FLAG, OK_TEXT, OK_LIST, OK_COUNT, OK_NUMBER, OK_BYTES, OK_CHOICE } OptKind;

typedef struct {
    const char *name;
    char letter;                     /* in OptionInfo.commands */
    const char *argument, *does;
} CommandInfo;
typedef struct {
    const char *name;
    char letter;                     /* 0: none */
    OptKind kind;
    const char *argument, *commands, *help;
} OptionInfo;
extern const CommandInfo cmd_info[CMD_COUNT];
extern const OptionInfo cmd_option[OPT_COUNT];
bool cmd_takes(Command c, OptId o);

enum { CMD_MAX_DEFINES = 256 };
typedef struct {
    Command command;
    const char *file;                /* null: none given */
    const char *second;              /* what diff takes behind it; null: none given */
    bool help;
    const char *text[OPT_COUNT];     /* as written; of flags ""; null: not given */
    int64_t number[OPT_COUNT];       /* COUNT, NUMBER; CHOICE: index of the word, 0 if not given */
    const char *define[CMD_MAX_DEFINES];
    int n_define;
    bool json;                       /* --diagnostics json */
    Arena *arena;                    /* lives as long as the process */
} Cmd;

/* Words of --mode, --format and the like, in the table's order. */
enum { TARGET_C, TARGET_CUDA };
enum { REPORT_TEXT, REPORT_JSON };
enum { AS_AUTO, AS_CONST, AS_INCBIN, AS_BIN };
enum { STD_C99, STD_C11 };
enum { LAYOUT_SPLIT, LAYOUT_ONE };
enum { MODE_ALL, MODE_TRAIN, MODE_INFER, MODE_EVAL, MODE_GRAD };
enum { FORMAT_TEXT, FORMAT_JSON, FORMAT_DOT, FORMAT_SVG, FORMAT_TABLE };

/* 0, or the exit code after the message is printed. */
int cmd_parse(Cmd *c, int argc, char **argv);
void cmd_help(FILE *to);
void cmd_help_of(FILE *to, Command c);

/* Prints "seqc: error: …" (or a JSON array of one) on stderr and returns `code`. */
int cmd_fail(const Cmd *c, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints "seqc: warning: …" likewise. */
void cmd_warn(const Cmd *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cmd_json_string(FILE *out, const char *s);            /* with its quotes */
/* Where what people read goes: stdout, or stderr where that has JSON (--report json). */
FILE *cmd_told(const Cmd *c);
int cmd_fail_rt(const Cmd *c, const struct rt_err *e);     /* of the runtime's file functions */
/* Of `count` words the nearest to `word`, or null if none is near. */
const char *cmd_nearest(const char *word, const char *const *words, int count);

/* ---- cmd_load.c ---- */

/* A model file or IR text becomes a module; 0 or an exit code after the messages are printed. */
int cmd_load(const Cmd *c, Module **out);
/* The same, and of a model file's C functions `own` is told. */
int cmd_load_own(const Cmd *c, FeOwn *own, void *ctx, Module **out);
bool cmd_is_ir(const char *text, int64_t length);
/* --march, --blas, --math and so on as the passes want them; of several targets the best. 0 or an
 * exit code. */
int cmd_pass_ctx(const Cmd *c, struct PassCtx *p);
/* The file's base name without its ending; in `c`'s arena. */
const char *cmd_stem(const Cmd *c);
/* Makes `path` hold what `print` writes, or leaves what was there. 0 or an exit code. */
typedef void CmdPrint(FILE *out, const void *ctx);
int cmd_write(const Cmd *c, const char *path, CmdPrint *print, const void *ctx);
/* The same into memory, which the caller frees. */
int cmd_text(const Cmd *c, CmdPrint *print, const void *ctx, struct rt_buf *text);
/* The same for -o, or to stdout where it is not given. */
int cmd_output(const Cmd *c, CmdPrint *print, const void *ctx);
/* The folder with libseqc_rt.a and its header: $SEQC_HOME, ../lib/seqc or lib/seqc beside the
 * executable; null if nowhere. */
const char *cmd_runtime_dir(Arena *a);
const char *cmd_executable(Arena *a);

/* 1234567 as "1,234,567"; 51404800 as "51.4 M"; bytes as "138 kB". In the arena. */
const char *cmd_commas(Arena *a, int64_t x);
const char *cmd_big(Arena *a, double x);
const char *cmd_bytes(Arena *a, int64_t bytes);

/* ---- cmd_table.c ---- */

/* sum[i] += of(node), over the inference graph's nodes that carry the place of layer i in the file. */
void cmd_layer_sums(const Module *m, double (*of)(const Graph *g, Val v), double *sum);
const char *cmd_shape(Arena *a, const Shape *s);           /* "(n, 128)" */
/* Cells side by side on stdout; those from column `numbers` on end at the same place. */
enum { CMD_COLUMNS = 6 };
typedef struct CmdRow { const char *cell[CMD_COLUMNS]; } CmdRow;
void cmd_table(const CmdRow *row, int rows, int columns, int numbers);

/* ---- cmd_weights.c ---- */

/* Reads --weights: parameters and buffers of the module must all be there, in their shapes. 0 or an
 * exit code; the list is the caller's to free. */
int cmd_weights_read(const Cmd *c, const Module *m, struct rt_tensors *weights);
/* The block of a planned module's states, m->state_bytes: drawn, and then those of --weights. 0 or an exit
 * code; the caller frees it by rt_free. */
int cmd_states(const Cmd *c, const Module *m, char **block);

/* ---- cmd_targets.c ---- */

/* native: this processor's own, with all that it has beyond the target. */
typedef struct { const Target *target; bool native; } CmdTarget;
enum { CMD_MAX_TARGETS = 16 };       /* --march names each at most once */
/* What --march names, best first; several for `build` alone. 0 or an exit code. */
int cmd_targets(const Cmd *c, CmdTarget list[CMD_MAX_TARGETS], int *n);

/* --arch: for which of NVIDIA's architectures a program has machine code, 90 for sm_90. */
enum { CMD_MAX_ARCHS = 16 };
int cmd_archs(const Cmd *c, int list[CMD_MAX_ARCHS], int *n);
/* The best target of this processor. */
const Target *cmd_native_target(void);
/* Its name for --march. */
const char *cmd_march(const Target *t);

/* ---- cmd_make.c ---- */

/* SIGINT, SIGTERM and SIGPIPE no longer end the process; 128 + the signal's number once one has
 * come. */
void cmd_catch_signals(void);
int cmd_interrupted(void);
/* A folder for generated sources: --keep's, or a temporary one, which cmd_folder_remove (at the
 * latest at the process's end) removes with its files. 0 or an exit code. */
int cmd_folder(const Cmd *c, const char **dir);
/* The path of a file in it: the model file's name and `end`, ".c" or the like. */
const char *cmd_folder_file(const Cmd *c, const char *dir, const char *end);
void cmd_folder_remove(void);
/* The user's cache: a folder that may not be there yet; null: neither XDG_CACHE_HOME nor HOME is an absolute
 * path. And that of kernels which NVIDIA's compiler has seen. */
const char *cmd_cache(Arena *a);
const char *cmd_kernel_cache(Arena *a);
/* The options of --cc and so on, for a program without OpenBLAS. 0 or an exit code. */
int cmd_compile_opts(const Cmd *c, struct CompileOpts *o);

/* ---- cmd_replay.c ---- */

struct Replay;       /* codegen/codegen.h */
/* Compiles a planned module for this process. `what` tells its files from others, `help` what to do
 * where that fails. 0 or an exit code; emit_close when it is done with. */
int cmd_replay(const Cmd *c, const Module *planned, CmdTarget t, const char *what, const char *help,
               struct Replay **r);

/* ---- cmd_tune.c ---- */

/* With --tune, lets passes measure on this machine for a target that it runs. 0 or an exit code. */
int cmd_tune(const Cmd *c, CmdTarget target, struct PassCtx *ctx);
/* Keeps what was measured; 0, or the exit code of what failed meanwhile. */
int cmd_tune_end(const Cmd *c);

/* ---- cmd_machine.c ---- */

/* The first line that `cc --version` prints, or null if it does not run; cc may be several words. */
const char *cmd_version_line(Arena *a, const char *cc);
/* What --cc or $CC names, or cc. */
const char *cmd_cc(const Cmd *c);
/* That of the compiler that is called: --cc, $CC, cc, gcc, clang. "" where there is none. */
const char *cmd_compiler_version(const Cmd *c);
const char *cmd_processor(Arena *a);     /* its model's name */

#define COMMAND(name, letter, argument, does) int cmd_##name(const Cmd *c);
#include "frontend/options.def"
#endif
