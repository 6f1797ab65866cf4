/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/boundary.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define NUMBER offsetof(struct seccomp_data, nr)
#define ARGUMENT(n)                                                                                \
    (offsetof(struct seccomp_data, args) + 8 * (n) +                                               \
     (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)) /* its low half */

#define LOAD(where)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (where))
#define REFUSE            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE_CALL(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), REFUSE
/* Refused when argument n has any of those bits. */
#define REFUSE_BITS(call, n, bits)                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(ARGUMENT(n)),                      \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE, ALLOW
#define REFUSE_VALUE(call, n, value)                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(ARGUMENT(n)),                      \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), REFUSE, ALLOW

/* A sanitizer looks into its own process when it ends. */
#if defined(__SANITIZE_ADDRESS__)
static const bool usable = false;
#else
static const bool usable = true;
#endif

/* Calls by another numbering would pass a list of numbers by. */
#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE AUDIT_ARCH_ARM
#endif
#define X32_CALLS 0x40000000u

static struct sock_filter filter[] = {
#ifdef NATIVE
    LOAD(offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
    REFUSE,
#endif
    LOAD(NUMBER),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1),
    REFUSE,
#ifdef SYS_open /* only old architectures have it */
    REFUSE_BITS(open, 1, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
#endif
    REFUSE_BITS(openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
    REFUSE_VALUE(socket, 0, AF_UNIX),
    REFUSE_CALL(execve),
    REFUSE_CALL(execveat),
    REFUSE_CALL(ptrace),
    REFUSE_CALL(process_vm_readv),
    REFUSE_CALL(process_vm_writev),
    REFUSE_CALL(pidfd_open),
    REFUSE_CALL(pidfd_getfd),
    REFUSE_CALL(kill),
    REFUSE_CALL(openat2),
    REFUSE_CALL(open_by_handle_at),
    REFUSE_CALL(unlinkat),
    REFUSE_CALL(renameat2),
    REFUSE_CALL(linkat),
    REFUSE_CALL(symlinkat),
    REFUSE_CALL(mkdirat),
    REFUSE_CALL(mknodat),
    REFUSE_CALL(fchmodat),
    REFUSE_CALL(fchownat),
    REFUSE_CALL(mount),
    REFUSE_CALL(umount2),
    REFUSE_CALL(chroot),
    REFUSE_CALL(unshare),
    REFUSE_CALL(setns),
    REFUSE_CALL(bpf),
    REFUSE_CALL(perf_event_open),
    REFUSE_CALL(userfaultfd),
    REFUSE_CALL(io_uring_setup),
    REFUSE_CALL(keyctl),
    REFUSE_CALL(add_key),
    REFUSE_CALL(request_key),
#ifdef SYS_unlink
    REFUSE_CALL(unlink),
    REFUSE_CALL(rename),
    REFUSE_CALL(renameat),
    REFUSE_CALL(link),
    REFUSE_CALL(symlink),
    REFUSE_CALL(mkdir),
    REFUSE_CALL(mknod),
    REFUSE_CALL(chmod),
    REFUSE_CALL(chown),
    REFUSE_CALL(creat),
#endif
    REFUSE_CALL(truncate),
    ALLOW,
};

bool boundary_close(void)
{
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    if (!usable)
        return true;
    return prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
