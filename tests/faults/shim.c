/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program under test: makes the disk slow, full, broken or read-only and name
 * look-ups hang, as the file named by BAIYE_SHIM says at that moment. It holds words:
 *   fsync_ms=N   every fsync takes N ms longer, or until it says so no more
 *   full         writes and truncations: ENOSPC
 *   eio          writes and fsync: EIO                readonly  writes: EROFS
 *   dns_ms=N     look-ups of names take N ms, then fail
 *   paho=N       see paho_memory.c
 * Only files whose path contains ".db" are touched. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 20

struct faults {
    long fsync_ms, dns_ms;
    int full, eio, readonly;
};

static struct faults read_faults(void)
{
    struct faults faults = {0};
    char text[256] = "";
    const char *path = getenv("BAIYE_SHIM");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return faults;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *at = strstr(text, "fsync_ms=");
    faults.fsync_ms = at != NULL ? strtol(at + 9, NULL, 10) : 0;
    at = strstr(text, "dns_ms=");
    faults.dns_ms = at != NULL ? strtol(at + 7, NULL, 10) : 0;
    faults.full = strstr(text, "full") != NULL;
    faults.eio = strstr(text, "eio") != NULL;
    faults.readonly = strstr(text, "readonly") != NULL;
    return faults;
}

static int is_store(int fd)
{
    char link[64], path[512];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = '\0';
    return strstr(path, ".db") != NULL;
}

static void nap(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (ms > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* 0, or the errno a write must fail with. */
static int write_fault(int fd)
{
    struct faults faults = read_faults();
    if ((!faults.full && !faults.eio && !faults.readonly) || !is_store(fd))
        return 0;
    return faults.readonly ? EROFS : (faults.eio ? EIO : ENOSPC);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    int fault = write_fault(fd);
    if (fault == 0)
        return real(fd, data, size, at);
    errno = fault;
    return -1;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

static int sync_fault(int fd)
{
    struct faults faults = read_faults();
    if (!is_store(fd))
        return 0;
    for (long stood = 0; stood < faults.fsync_ms; stood += STEP_MS, faults = read_faults())
        nap(STEP_MS);
    if (faults.eio)
        errno = EIO;
    return faults.eio ? -1 : 0;
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    return sync_fault(fd) != 0 ? -1 : real(fd);
}

int fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    return sync_fault(fd) != 0 ? -1 : real(fd);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    struct faults faults = read_faults();
    if (faults.dns_ms == 0 || node == NULL || strspn(node, "0123456789.:") == strlen(node))
        return real(node, service, hints, result);
    nap(faults.dns_ms);
    return EAI_AGAIN;
}
