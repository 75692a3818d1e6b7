/* frontend/caudit_confine.c: confines this process to what calling functions of a shared object takes.
 *
 * A C file of a model is somebody's text, and what it became may run as soon as it is opened. After
 * fe_confine the process can read files and have memory: it writes to no file, starts no process,
 * sends no signal and knows no network. The kernel sees to that: a filter of its calls, see seccomp(2)
 * (https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html). */
#define _GNU_SOURCE
#include "frontend/caudit.h"

#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifdef __x86_64__
enum { ARCH = (int)AUDIT_ARCH_X86_64 };
#else
enum { ARCH = (int)AUDIT_ARCH_AARCH64 };
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skip)
#define IF_CALL(name) UNLESS(SYS_##name, 1), ALLOW

/* Numbers of calls are those of the architecture alone; a call of another one ends the process. */
bool fe_confine(void)
{
    struct sock_filter filter[] = {
        LOAD(arch), UNLESS(ARCH, 1), BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        IF_CALL(read), IF_CALL(pread64), IF_CALL(close), IF_CALL(lseek), IF_CALL(fstat),
        IF_CALL(newfstatat), IF_CALL(mmap), IF_CALL(munmap), IF_CALL(mprotect), IF_CALL(madvise),
        IF_CALL(brk), IF_CALL(futex), IF_CALL(rt_sigprocmask), IF_CALL(rt_sigreturn),
        IF_CALL(getrandom), IF_CALL(exit_group),
        IF_CALL(sigaltstack),            /* the address sanitizer's, where a process ends */
        UNLESS(SYS_openat, 3),
        LOAD(args[2]),                   /* flags; the low half, as both are little-endian */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_RDONLY, 1, 0),
        REFUSE, ALLOW,
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
bool fe_confine(void) { return false; }
#endif
