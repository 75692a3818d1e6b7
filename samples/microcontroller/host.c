/* samples/microcontroller/host.c: this machine as a board: what it reads is standard input. */
#include "board.h"
#include <stdio.h>

int board_read(void *to, int n) { return fread(to, 1, (size_t)n, stdin) == (size_t)n; }
void board_write(const char *text) { fputs(text, stdout); }
