/* samples/microcontroller/board.h: all that the programs want of what they run on. */
#ifndef BOARD_H
#define BOARD_H
#include <stdint.h>

/* The next n bytes of input; 0: there are no more. */
int board_read(void *to, int n);
void board_write(const char *text);

/* A blank and the number, in decimal. */
static inline void board_write_number(int32_t x)
{
    char text[14], *at = text + sizeof text - 1;
    uint32_t left = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
    *at = 0;
    do *--at = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (x < 0) *--at = '-';
    *--at = ' ';
    board_write(at);
}

#endif
