/* ir/parse.h: what the files of the parser share. */
#ifndef SEQC_IR_PARSE_H
#define SEQC_IR_PARSE_H
#include "ir/lex.h"

/* Numbers of the current graph as the text writes them: any, in any order, each once. */
typedef struct { int64_t number; uint32_t val; } NumberSlot;   /* val 0: free */
typedef struct Parser {
    Lex l;
    Module *m;
    Graph *g;                        /* null before the first */
    Arena *scratch;
    NumberSlot *slot; uint32_t cap, count;
    int n_named;                     /* inputs and scalars of g */
    int graph_line[IR_MAX_GRAPHS];   /* where graphs begin */
} Parser;

/* A %number or a state's key; none with a message. */
Val ir_parse_val(Parser *p);
void ir_parse_node(Parser *p);
void ir_parse_program_line(Parser *p, Word word); /* a line whose first word was read */
bool ir_parse_is_program_word(Word word);
void ir_parse_transform(Parser *p);               /* after the line's first word */
void ir_parse_kernel_line(Parser *p, Word word);
void ir_parse_buffers_head(Parser *p); /* after the graph's name */
void ir_parse_buffer_line(Parser *p);
/* Moves what the lines said into the graph. */
void ir_parse_kernels_head(Parser *p);               /* after the graph's name */
void ir_parse_kernels_done(Parser *p);
void ir_parse_buffers_done(Parser *p);
#endif
