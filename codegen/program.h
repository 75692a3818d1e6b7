/* codegen/program.h: the parts of a generated file that are not kernels. See tables.c. */
#ifndef SEQC_CODEGEN_PROGRAM_H
#define SEQC_CODEGEN_PROGRAM_H
#include "codegen/emit.h"

void tables_includes(Emit *e, Out *o);
/* The graph's inputs and results. */
void tables_graph(Emit *e, Out *o, const Graph *g, const Val *input, int n_input);
/* Everything of rt_model, and where the program has one of it, main. */
void tables_program(Emit *e, Out *o);
/* main, for the models of n variants. */
void tables_main(Emit *e, Out *o, const EmitOpts *variant, int n);
#endif
