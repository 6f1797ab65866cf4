/* SPDX-License-Identifier: Apache-2.0 */
/* Each in a process of its own, which then does what somebody would who has taken it over. Landlock
 * is younger than the kernels that we run on: where it is not there, the rest holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/common/boundary.h"

#define LANDLOCK 444 /* landlock_create_ruleset */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

static char folder[] = "/tmp/baiye-boundary-XXXXXX";
static char key[64], secret[64], made[64];

static void write_file(const char *path)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("secret\n", file);
    assert_int_equal(fclose(file), 0);
}

static int make_files(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(key, sizeof key, "%s/key", folder);
    (void)snprintf(secret, sizeof secret, "%s/secret", folder);
    (void)snprintf(made, sizeof made, "%s/made", folder);
    write_file(key);
    write_file(secret);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    (void)unlink(made);
    return unlink(key) + unlink(secret) + rmdir(folder);
}

/* 0, or the errno with which it was refused. */
static int try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return error;
}

static int try_socket(int domain, int type)
{
    int fd = socket(domain, type | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return error;
}

static int try_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? 0 : errno;
    (void)close(fd);
    return error;
}

static int try_listen(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = bind(fd, (struct sockaddr *)&at, sizeof at) == 0 ? 0 : errno;
    (void)close(fd);
    return error;
}

/* In the child: says what is wrong, and ends. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #condition, errno);        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_a_process(void (*act)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static uint16_t open_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 1) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    return ntohs(at.sin_port);
}

/* The daemon is of the same user, so that the kernel itself lets it be ended, starved or slowed. */
static void harm_the_parent(void)
{
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    struct rlimit none = {0}, own;
    struct sched_param idle = {0};
    pid_t parent = getppid();
    EXPECT(syscall(SYS_tgkill, parent, parent, 0) != 0 && errno == EPERM);
    EXPECT(syscall(SYS_tkill, parent, 0) != 0 && errno == EPERM);
    EXPECT(syscall(SYS_rt_sigqueueinfo, parent, SIGUSR1, &info) != 0 && errno == EPERM);
    EXPECT(syscall(SYS_rt_tgsigqueueinfo, parent, parent, SIGUSR1, &info) != 0 && errno == EPERM);
    EXPECT(prlimit(parent, RLIMIT_NOFILE, &none, NULL) != 0 && errno == EPERM);
    EXPECT(setpriority(PRIO_PROCESS, (id_t)parent, 19) != 0);
    EXPECT(sched_setscheduler(parent, SCHED_BATCH, &idle) != 0 && errno == EPERM);
    EXPECT(getrlimit(RLIMIT_NOFILE, &own) == 0 && own.rlim_cur > 0);
    (void)signal(SIGUSR1, SIG_IGN);
    EXPECT(raise(SIGUSR1) == 0); /* itself it may signal: abort() does */
}

static void be_taken_over(void)
{
    char name[] = "true";
    char *const nothing[] = {name, NULL};
    uint16_t broker = open_port(), other = open_port();
    long version = syscall(LANDLOCK, NULL, 0, 1);
    struct boundary boundary = {0};
    boundary_read(&boundary, key);
    boundary_read(&boundary, "");
    boundary_port(&boundary, broker);
    boundary_close(&boundary);
    EXPECT((boundary.in_force & (BOUNDARY_CALLS | BOUNDARY_MEMORY)) ==
           (BOUNDARY_CALLS | BOUNDARY_MEMORY));
    /* Where the kernel has it, it is used. */
    EXPECT((version >= 1) == ((boundary.in_force & BOUNDARY_FILES) != 0));
    EXPECT((version >= 4) == ((boundary.in_force & BOUNDARY_PORTS) != 0));
    EXPECT(try_open(key, O_RDONLY) == 0);
    EXPECT(try_open(key, O_WRONLY) == EPERM || try_open(key, O_WRONLY) == EACCES);
    EXPECT(try_open(made, O_WRONLY | O_CREAT) != 0);
    EXPECT(rename(key, made) != 0 && unlink(key) != 0 && chmod(key, 0666) != 0);
    EXPECT(execv("/bin/true", nothing) != 0);
    EXPECT(kill(getppid(), 0) != 0);
    EXPECT(syscall(SYS_ptrace, 16, getppid(), 0, 0) != 0); /* PTRACE_ATTACH */
    EXPECT(prctl(PR_GET_DUMPABLE) == 0);
    harm_the_parent();
    EXPECT(try_socket(AF_UNIX, SOCK_STREAM) == EPERM && try_socket(AF_UNIX, SOCK_DGRAM) == EPERM);
    EXPECT(try_connect(broker) == 0);
    if ((boundary.in_force & BOUNDARY_FILES) != 0) {
        EXPECT(try_open(secret, O_RDONLY) == EACCES);
        EXPECT(try_open("/etc/passwd", O_RDONLY) == EACCES);
        EXPECT(try_open(folder, O_RDONLY | O_DIRECTORY) == EACCES);
        EXPECT(try_open("/proc/1/environ", O_RDONLY) == EACCES);
    }
    if ((boundary.in_force & BOUNDARY_PORTS) != 0) {
        EXPECT(try_connect(other) == EACCES);
        EXPECT(try_listen() == EACCES);
    }
}

static void who_takes_it_over_has_its_connection_and_its_keys_only(void **state)
{
    (void)state;
    if (!sanitized)
        in_a_process(be_taken_over);
}

static void look_up(void)
{
    struct boundary boundary = {0};
    struct addrinfo *found = NULL;
    boundary_close(&boundary);
    EXPECT(getaddrinfo("localhost", "1883", NULL, &found) == 0);
    freeaddrinfo(found);
    EXPECT(try_open("/etc/ssl/certs", O_RDONLY | O_DIRECTORY) != EACCES);
    EXPECT(try_open("/usr/share/zoneinfo", O_RDONLY | O_DIRECTORY) != EACCES);
    EXPECT(try_connect(9) == ECONNREFUSED); /* no port was named: any */
}

static void hosts_and_authorities_are_still_found(void **state)
{
    (void)state;
    in_a_process(look_up);
}

static void draw(void)
{
    struct boundary boundary = {.notifies = true};
    boundary_write(&boundary, folder);
    boundary_close(&boundary);
    EXPECT(try_open(made, O_WRONLY | O_CREAT | O_TRUNC) == 0 && rename(made, key) == 0);
    EXPECT(try_socket(AF_UNIX, SOCK_DGRAM) == 0);
    if (boundary.in_force == 0)
        return; /* a sanitizer */
    EXPECT(try_socket(AF_UNIX, SOCK_STREAM) == EPERM);
    EXPECT(try_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK) == EPERM);
    EXPECT(try_socket(AF_INET, SOCK_STREAM) == 0);
    if ((boundary.in_force & BOUNDARY_FILES) != 0)
        EXPECT(try_open("/tmp/baiye-boundary-elsewhere", O_WRONLY | O_CREAT) == EACCES);
}

static void a_screen_writes_its_picture_and_tells_the_service_manager(void **state)
{
    (void)state;
    in_a_process(draw);
    write_file(key);
}

static void refuse_landlock(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LANDLOCK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = filter};
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void be_on_an_old_kernel(void)
{
    char text[BOUNDARY_TEXT_SIZE];
    struct boundary boundary = {0};
    refuse_landlock();
    boundary_close(&boundary);
    EXPECT(strcmp(boundary_text(boundary.in_force, text), "system calls, memory") == 0);
    EXPECT(try_open(made, O_WRONLY | O_CREAT) == EPERM);
    EXPECT(try_open(secret, O_RDONLY) == 0);
    EXPECT(!boundary_is_stale(&boundary));
}

static void an_old_kernel_has_no_files_and_ports_and_that_is_said(void **state)
{
    (void)state;
    if (!sanitized)
        in_a_process(be_on_an_old_kernel);
}

/* ---- User: what the kernel itself refuses, without the filter of system calls ---- */

/* Refused: a filter of system calls, and Landlock. */
static void refuse_filters(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LANDLOCK, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 7, .filter = filter};
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static int try_look_into(pid_t pid, const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return try_open(path, O_RDONLY);
}

static void expect_nothing_is_seen_of(pid_t pid)
{
    EXPECT(try_look_into(pid, "environ") == EACCES);
    EXPECT(try_look_into(pid, "mem") == EACCES);
    EXPECT(try_look_into(pid, "fd/0") == EACCES);
    EXPECT(syscall(SYS_ptrace, 16, pid, 0, 0) != 0 && errno == EPERM); /* PTRACE_ATTACH */
    int other = (int)syscall(SYS_pidfd_open, pid, 0);
    EXPECT(other >= 0 && syscall(SYS_pidfd_getfd, other, 0, 0) < 0 && errno == EPERM);
}

static void stop_being_root(void)
{
    struct boundary boundary = {.leaves_user = true};
    refuse_filters();
    boundary_close(&boundary);
    EXPECT((boundary.in_force & (BOUNDARY_USER | BOUNDARY_CALLS | BOUNDARY_FILES)) ==
           BOUNDARY_USER);
    EXPECT(getuid() != 0 && geteuid() != 0 && getegid() != 0 && getgroups(0, NULL) == 0);
    EXPECT(setuid(0) != 0 && setgid(0) != 0);
    expect_nothing_is_seen_of(getppid());
    EXPECT(kill(getppid(), 0) != 0 && errno == EPERM);
    EXPECT(try_open(secret, O_RDONLY) == EACCES && try_open(secret, O_WRONLY) == EACCES);
}

static void who_was_root_is_another_user(void **state)
{
    (void)state;
    if (!sanitized && geteuid() == 0)
        in_a_process(stop_being_root);
}

/* A process of the same user, that anybody of this user may look into; ends with its parent. */
static pid_t begin_victim(void)
{
    pid_t victim = fork();
    EXPECT(victim >= 0);
    if (victim == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            (void)pause();
    }
    return victim;
}

static bool can_enter_a_namespace(void)
{
    int status = 0;
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) != 0);
    EXPECT(waitpid(pid, &status, 0) == pid);
    return status == 0;
}

static void enter_a_namespace(void)
{
    struct boundary boundary = {.leaves_user = true};
    EXPECT(geteuid() != 0 || setuid(64123) == 0);
    EXPECT(prctl(PR_SET_DUMPABLE, 1) == 0);
    pid_t victim = begin_victim();
    EXPECT(try_look_into(victim, "environ") == 0); /* before */
    refuse_filters();
    bool possible = can_enter_a_namespace();
    boundary_close(&boundary);
    EXPECT((boundary.in_force & BOUNDARY_USER) == 0);
    EXPECT(((boundary.in_force & BOUNDARY_NAMESPACE) != 0) == possible);
    EXPECT((boundary.user_error != 0) == !possible);
    if (possible)
        expect_nothing_is_seen_of(victim);
    EXPECT(kill(victim, SIGKILL) == 0);
}

static void another_has_a_namespace_of_its_own_where_the_kernel_lets_it(void **state)
{
    (void)state;
    if (!sanitized)
        in_a_process(enter_a_namespace);
}

static void see_a_new_key(void)
{
    struct boundary boundary = {0};
    boundary_read(&boundary, key);
    boundary_write(&boundary, folder);
    boundary_close(&boundary);
    EXPECT(!boundary_is_stale(&boundary));
    EXPECT(try_open(made, O_WRONLY | O_CREAT) == 0 && !boundary_is_stale(&boundary));
    EXPECT(rename(made, key) == 0);
    EXPECT(boundary_is_stale(&boundary) == ((boundary.in_force & BOUNDARY_FILES) != 0));
}

static void a_key_that_was_replaced_is_seen(void **state)
{
    (void)state;
    in_a_process(see_a_new_key);
    write_file(key);
}

static void what_is_in_force_is_said(void **state)
{
    (void)state;
    char text[BOUNDARY_TEXT_SIZE];
    assert_string_equal(boundary_text(0, text), "nothing");
    assert_string_equal(boundary_text(15, text), "system calls, memory, files, ports");
    assert_string_equal(boundary_text(BOUNDARY_FILES, text), "files");
    assert_string_equal(boundary_text(BOUNDARY_USER | BOUNDARY_CALLS, text),
                        "other user, system calls");
    assert_string_equal(boundary_text(BOUNDARY_NAMESPACE, text), "user namespace");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_takes_it_over_has_its_connection_and_its_keys_only),
        cmocka_unit_test(hosts_and_authorities_are_still_found),
        cmocka_unit_test(a_screen_writes_its_picture_and_tells_the_service_manager),
        cmocka_unit_test(an_old_kernel_has_no_files_and_ports_and_that_is_said),
        cmocka_unit_test(who_was_root_is_another_user),
        cmocka_unit_test(another_has_a_namespace_of_its_own_where_the_kernel_lets_it),
        cmocka_unit_test(a_key_that_was_replaced_is_seen),
        cmocka_unit_test(what_is_in_force_is_said),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
