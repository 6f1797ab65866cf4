/* SPDX-License-Identifier: Apache-2.0 */
/* Paho's allocations in a publisher process of fault-gateway (ld's --wrap): with the word paho=N in
 * the file named by BAIYE_SHIM the N-th fails, once; then a file of that name with .hit behind it
 * holds a byte. It is opened at the start: later the process may open no file to write. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void *paho_real_memory(void *old, size_t size) __asm__("__real_paho_memory");
void *failing_memory(void *old, size_t size) __asm__("__wrap_paho_memory");

static atomic_long until_failure; /* 0: none is to come */

static int hit_fd = -1;

__attribute__((constructor)) static void begin(int argc, char **argv)
{
    char text[256] = "", name[512];
    struct stat hit;
    const char *path = getenv("BAIYE_SHIM");
    FILE *file =
        argc == 2 && strcmp(argv[1], "--publisher") == 0 && path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL)
        return;
    size_t got = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[got] = '\0';
    const char *at = strstr(text, "paho=");
    (void)snprintf(name, sizeof name, "%s.hit", path);
    if (at != NULL)
        hit_fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (at != NULL && hit_fd >= 0 && fstat(hit_fd, &hit) == 0 && hit.st_size == 0)
        atomic_store(&until_failure, strtol(at + 5, NULL, 10));
}

static bool fails(void)
{
    if (atomic_load(&until_failure) <= 0 || atomic_fetch_sub(&until_failure, 1) != 1)
        return false;
    return write(hit_fd, "!", 1) == 1;
}

void *failing_memory(void *old, size_t size)
{
    return fails() ? NULL : paho_real_memory(old, size);
}
