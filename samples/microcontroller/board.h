/* samples/microcontroller/board.h: all that main.c wants of what it runs on. */
#ifndef BOARD_H
#define BOARD_H

/* The next n bytes of the images; false: there are no more. */
int board_read(void *to, int n);
void board_write(const char *line);

#endif
