#include "ir/priv.h"
bool ir_verify_kernels(const Graph *g, char err[IR_ERR]) { (void)g, (void)err; return true; }
bool ir_verify_plan(const Graph *g, char err[IR_ERR]) { (void)g, (void)err; return true; }
bool ir_verify_states(const Module *m, char err[IR_ERR]) { (void)m, (void)err; return true; }
