/* samples/microcontroller/cortex_m4.c: a Cortex-M4 without operating system or C library: how it starts, the
 * four functions that compilers call by themselves, and a file `input` and text by semihosting, which QEMU
 * and debuggers serve. */
#include "board.h"
#include <stddef.h>
#include <stdint.h>

/* ---- what compilers call ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++) ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, n);
    while (n--) ((char *)to)[n] = ((const char *)from)[n];
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    for (size_t i = 0; i < n; i++) ((char *)to)[i] = (char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i]) return x[i] - y[i];
    return 0;
}

/* ---- semihosting ---- */

enum { SYS_OPEN = 1, SYS_WRITE0 = 4, SYS_READ = 6, SYS_EXIT = 0x18, EXITED = 0x20026 };

static intptr_t host(intptr_t operation, const void *argument)
{
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int board_read(void *to, int n)
{
    static const char path[] = "input";
    static intptr_t file = -1;
    if (file < 0) {
        const intptr_t open[3] = { (intptr_t)path, 1, sizeof path - 1 };     /* 1: "rb" */
        file = host(SYS_OPEN, open);
    }
    const intptr_t read[3] = { file, (intptr_t)to, n };
    return file >= 0 && host(SYS_READ, read) == 0;       /* bytes that are missing */
}

void board_write(const char *text) { host(SYS_WRITE0, text); }

/* ---- the start ---- */

extern char data[], data_end[], data_image[], bss[], bss_end[], stack_top[];     /* cortex_m4.ld */
int main(void);

static void start(void)
{
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20;     /* CPACR: the floating-point unit is on */
    __asm__ volatile("dsb\n isb");
    memcpy(data, data_image, (size_t)(data_end - data));
    memset(bss, 0, (size_t)(bss_end - bss));
    main();
    host(SYS_EXIT, (const void *)EXITED);
}

static void fault(void)
{
    board_write("a fault\n");
    host(SYS_EXIT, NULL);
    for (;;) { }
}

/* The stack's end, then what runs at a reset, and at NMI and the faults. */
__attribute__((section(".vectors"), used)) static const void *const vectors[7] = {
    stack_top, (const void *)start, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault
};
