/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/boundary.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gateway/common/log.h"

/* ---- User ---- */

#define NOBODY 65534u

static bool write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* Who it is outside stays: files and, where nothing else keeps them away, signals. What it can't
 * reach any more is memory, descriptors and environment of processes outside. Where the kernel
 * takes no map of users, it is one that the namespace doesn't know, which serves as well. */
static bool enter_namespace(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    char users[48], groups[48];
    (void)snprintf(users, sizeof users, "%u %u 1", NOBODY, (unsigned)geteuid());
    (void)snprintf(groups, sizeof groups, "%u %u 1", NOBODY, (unsigned)getegid());
    if (unshare(CLONE_NEWUSER) != 0)
        return false;
    (void)(write_line("/proc/self/setgroups", "deny") && write_line("/proc/self/gid_map", groups) &&
           write_line("/proc/self/uid_map", users));
    return syscall(SYS_capset, &head, none) == 0;
}

static unsigned leave_user(struct boundary *boundary)
{
    if (boundary->other_user)
        return BOUNDARY_USER;
    if (!boundary->leaves_user)
        return 0;
    if (geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
        setresuid(NOBODY, NOBODY, NOBODY) == 0)
        return BOUNDARY_USER;
    if (enter_namespace())
        return BOUNDARY_NAMESPACE;
    boundary->user_error = errno;
    return 0;
}

/* ---- System calls ---- */

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

/* Refused unless argument n is that. */
#define REFUSE_OTHERS(call, n, value)                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(ARGUMENT(n)),                      \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0), REFUSE, ALLOW

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

static const struct sock_filter native[] = {
#ifdef NATIVE
    LOAD(offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
    REFUSE,
#endif
    LOAD(NUMBER),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1),
    REFUSE,
};

/* For who writes no file. */
static const struct sock_filter no_writing[] = {
#ifdef SYS_open /* only old architectures have it */
    REFUSE_BITS(open, 1, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
    REFUSE_CALL(rename),
    REFUSE_CALL(creat),
#endif
    REFUSE_BITS(openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
#ifdef SYS_renameat
    REFUSE_CALL(renameat),
#endif
    REFUSE_CALL(renameat2),
};

static const struct sock_filter no_unix_socket[] = {
    REFUSE_VALUE(socket, 0, AF_UNIX),
};

static const struct sock_filter no_unix_stream[] = {
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 7),
    LOAD(ARGUMENT(0)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 4),
    LOAD(ARGUMENT(1)),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xF), /* without its flags */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 1, 0),
    REFUSE,
    ALLOW,
};

static const struct sock_filter no_more[] = {
    REFUSE_CALL(execve),
    REFUSE_CALL(execveat),
    REFUSE_CALL(ptrace),
    REFUSE_CALL(process_vm_readv),
    REFUSE_CALL(process_vm_writev),
    REFUSE_CALL(pidfd_open),
    REFUSE_CALL(pidfd_getfd),
    REFUSE_CALL(kill),
    REFUSE_CALL(tkill),
    REFUSE_CALL(rt_sigqueueinfo),
    REFUSE_CALL(rt_tgsigqueueinfo),
    REFUSE_CALL(pidfd_send_signal),
    REFUSE_OTHERS(prlimit64, 0, 0), /* 0: itself */
    REFUSE_CALL(setpriority),
    REFUSE_CALL(sched_setscheduler),
    REFUSE_CALL(sched_setparam),
    REFUSE_CALL(sched_setattr),
    REFUSE_CALL(sched_setaffinity),
    REFUSE_CALL(ioprio_set),
    REFUSE_CALL(kcmp),
    REFUSE_CALL(move_pages),
    REFUSE_CALL(migrate_pages),
    REFUSE_CALL(openat2),
    REFUSE_CALL(open_by_handle_at),
    REFUSE_CALL(unlinkat),
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
    REFUSE_CALL(link),
    REFUSE_CALL(symlink),
    REFUSE_CALL(mkdir),
    REFUSE_CALL(mknod),
    REFUSE_CALL(chmod),
    REFUSE_CALL(chown),
#endif
    REFUSE_CALL(truncate),
    ALLOW,
};

#define FILTER_MOST                                                                                \
    ((sizeof native + sizeof no_writing + sizeof no_unix_stream + sizeof no_more) /                \
     sizeof(struct sock_filter))

static size_t append(struct sock_filter *to, size_t count, const struct sock_filter *part,
                     size_t part_size)
{
    memcpy(to + count, part, part_size);
    return count + part_size / sizeof *part;
}

static bool filter_calls(const struct boundary *boundary)
{
    /* Itself it may signal: abort() does. */
    const struct sock_filter own_threads[] = {REFUSE_OTHERS(tgkill, 0, (uint32_t)getpid())};
    struct sock_filter filter[FILTER_MOST + sizeof own_threads / sizeof own_threads[0]];
    size_t count = append(filter, 0, native, sizeof native);
    count = append(filter, count, own_threads, sizeof own_threads);
    if (boundary->written_count == 0)
        count = append(filter, count, no_writing, sizeof no_writing);
    if (boundary->notifies)
        count = append(filter, count, no_unix_stream, sizeof no_unix_stream);
    else
        count = append(filter, count, no_unix_socket, sizeof no_unix_socket);
    count = append(filter, count, no_more, sizeof no_more);
    struct sock_fprog program = {.len = (unsigned short)count, .filter = filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* ---- Files and ports: Landlock. Its header is older than the kernels that we meet. ---- */

#ifndef SYS_landlock_create_ruleset /* the same numbers on all architectures */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum {
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_REG = 1 << 8,
    FS_FIRST = (1 << 13) - 1, /* of version 1 */
    FS_REFER = 1 << 13,       /* 2 */
    FS_TRUNCATE = 1 << 14,    /* 3 */
    FS_IOCTL_DEV = 1 << 15,   /* 5 */
    NET_BIND_TCP = 1,         /* 4 */
    NET_CONNECT_TCP = 2,
    SCOPE_SIGNAL = 2, /* 6 */
    RULESET_VERSION = 1,
    RULE_PATH = 1,
    RULE_PORT = 2
};

struct ruleset {
    uint64_t files, net, scoped;
};
struct path_rule {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));
struct port_rule {
    uint64_t access, port;
};

/* Libraries, time zones, authorities, and what getaddrinfo() looks at. */
static const char *const system_folders[] = {
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ssl",
    "/proc/self",
    "/sys/devices/system/cpu",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/connman",
};
static const char *const system_files[] = {
    "/etc/resolv.conf", "/etc/hosts",    "/etc/host.conf", "/etc/nsswitch.conf",
    "/etc/gai.conf",    "/etc/services", "/etc/protocols", "/etc/localtime",
    "/etc/ld.so.cache", "/dev/null",     "/dev/urandom",   "/proc/sys/vm/overcommit_memory",
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct ruleset rules_of_version(long version)
{
    uint64_t files = FS_FIRST;
    files |= version >= 2 ? FS_REFER : 0;
    files |= version >= 3 ? FS_TRUNCATE : 0;
    files |= version >= 5 ? FS_IOCTL_DEV : 0;
    return (struct ruleset){.files = files,
                            .net = version >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
                            .scoped = version >= 6 ? SCOPE_SIGNAL : 0};
}

/* What is not there needs no rule. */
static void allow_path(int rules, const char *path, uint64_t folder, uint64_t file)
{
    struct stat found;
    struct path_rule rule = {.fd = open(path, O_PATH | O_CLOEXEC)};
    if (rule.fd < 0)
        return;
    if (fstat(rule.fd, &found) == 0) {
        rule.access = S_ISDIR(found.st_mode) ? folder : file;
        (void)syscall(SYS_landlock_add_rule, rules, RULE_PATH, &rule, 0);
    }
    close(rule.fd);
}

static void allow_files(int rules, const struct boundary *boundary, uint64_t handled)
{
    const uint64_t look = FS_READ_FILE | FS_READ_DIR;
    const uint64_t write = (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV) & handled;
    for (size_t i = 0; i < COUNT(system_folders); i++)
        allow_path(rules, system_folders[i], look, FS_READ_FILE);
    for (size_t i = 0; i < COUNT(system_files); i++)
        allow_path(rules, system_files[i], look, FS_READ_FILE);
    for (unsigned i = 0; i < boundary->file_count; i++)
        allow_path(rules, boundary->files[i], look, FS_READ_FILE);
    for (unsigned i = 0; i < boundary->written_count; i++)
        allow_path(rules, boundary->written[i],
                   (write & ~(uint64_t)FS_IOCTL_DEV) | FS_READ_DIR | FS_MAKE_REG | FS_REMOVE_FILE,
                   write);
}

static void allow_ports(int rules, const struct boundary *boundary)
{
    struct port_rule rule = {.access = NET_CONNECT_TCP, .port = 53};
    (void)syscall(SYS_landlock_add_rule, rules, RULE_PORT, &rule, 0);
    for (unsigned i = 0; i < boundary->port_count; i++) {
        rule.port = boundary->ports[i];
        (void)syscall(SYS_landlock_add_rule, rules, RULE_PORT, &rule, 0);
    }
}

static unsigned close_files(const struct boundary *boundary)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
    if (version < 1)
        return 0;
    struct ruleset all = rules_of_version(version);
    if (boundary->port_count == 0)
        all.net &= ~(uint64_t)NET_CONNECT_TCP;
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all,
                             version >= 6   ? sizeof all
                             : version >= 4 ? offsetof(struct ruleset, scoped)
                                            : offsetof(struct ruleset, net),
                             0);
    if (rules < 0)
        return 0;
    allow_files(rules, boundary, all.files);
    if ((all.net & NET_CONNECT_TCP) != 0)
        allow_ports(rules, boundary);
    long done = syscall(SYS_landlock_restrict_self, rules, 0);
    close(rules);
    if (done != 0)
        return 0;
    return BOUNDARY_FILES | (all.net != 0 ? BOUNDARY_PORTS : 0);
}

/* ---- Which files they are ---- */

static uint64_t mix(uint64_t hash, const char *path)
{
    struct stat found = {0};
    if (stat(path, &found) == 0 && (S_ISDIR(found.st_mode) || S_ISCHR(found.st_mode)))
        return hash; /* what is in it may change */
    const uint64_t numbers[] = {found.st_dev, found.st_ino};
    for (size_t i = 0; i < COUNT(numbers); i++)
        hash = (hash ^ numbers[i]) * UINT64_C(1099511628211); /* FNV-1a, by words */
    return hash;
}

static uint64_t see_files(const struct boundary *boundary)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < COUNT(system_files); i++)
        hash = mix(hash, system_files[i]);
    for (unsigned i = 0; i < boundary->file_count; i++)
        hash = mix(hash, boundary->files[i]);
    return hash;
}

bool boundary_is_stale(const struct boundary *boundary)
{
    return (boundary->in_force & BOUNDARY_FILES) != 0 && see_files(boundary) != boundary->seen;
}

/* ---- All of it ---- */

void boundary_read(struct boundary *boundary, const char *path)
{
    if (path[0] != '\0' && boundary->file_count < BOUNDARY_FILES_MAX)
        boundary->files[boundary->file_count++] = path;
}

void boundary_write(struct boundary *boundary, const char *path)
{
    if (path[0] != '\0' && boundary->written_count < BOUNDARY_FILES_MAX)
        boundary->written[boundary->written_count++] = path;
}

void boundary_port(struct boundary *boundary, unsigned port)
{
    if (boundary->port_count < BOUNDARY_PORTS_MAX)
        boundary->ports[boundary->port_count++] = (uint16_t)port;
}

void boundary_close(struct boundary *boundary)
{
    boundary->in_force = 0;
    if (!usable)
        return;
    boundary->in_force |= leave_user(boundary);
    if (prctl(PR_SET_DUMPABLE, 0) == 0)
        boundary->in_force |= BOUNDARY_MEMORY;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return;
    boundary->seen = see_files(boundary);
    boundary->in_force |= close_files(boundary);
    if (filter_calls(boundary))
        boundary->in_force |= BOUNDARY_CALLS;
}

const char *boundary_text(unsigned in_force, char text[BOUNDARY_TEXT_SIZE])
{
    (void)snprintf(text, BOUNDARY_TEXT_SIZE, "%s%s%s%s%s%s",
                   (in_force & BOUNDARY_USER) != 0 ? ", other user" : "",
                   (in_force & BOUNDARY_NAMESPACE) != 0 ? ", user namespace" : "",
                   (in_force & BOUNDARY_CALLS) != 0 ? ", system calls" : "",
                   (in_force & BOUNDARY_MEMORY) != 0 ? ", memory" : "",
                   (in_force & BOUNDARY_FILES) != 0 ? ", files" : "",
                   (in_force & BOUNDARY_PORTS) != 0 ? ", ports" : "");
    return text[0] != '\0' ? text + 2 : "nothing";
}

void boundary_log(const struct boundary *boundary, const char *who)
{
    char text[BOUNDARY_TEXT_SIZE];
    if ((boundary->in_force & BOUNDARY_CALLS) == 0)
        log_write(LOG_LEVEL_WARNING,
                  "%s keeps more rights than it needs: the kernel has no system call filter", who);
    if (boundary->user_error != 0)
        log_write(LOG_LEVEL_WARNING,
                  "%s stays of the same user: it may neither become another nor enter a user "
                  "namespace (%s); its other bounds hold",
                  who, strerror(boundary->user_error));
    log_write(LOG_LEVEL_INFO, "%s is bounded: %s", who, boundary_text(boundary->in_force, text));
}
