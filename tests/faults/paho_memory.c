/* SPDX-License-Identifier: Apache-2.0 */
/* Paho's allocations in a publisher process of fault-gateway (ld's --wrap): with the word paho=N in
 * the file named by BAIYE_SHIM the N-th fails, once; then there is a file of that name with .hit
 * behind it. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *paho_malloc(char *file, int line, size_t size) __asm__("__real_mymalloc");
void *paho_realloc(char *file, int line, void *old, size_t size) __asm__("__real_myrealloc");
void *failing_malloc(char *file, int line, size_t size) __asm__("__wrap_mymalloc");
void *failing_realloc(char *file, int line, void *old, size_t size) __asm__("__wrap_myrealloc");

static atomic_long until_failure; /* 0: none is to come */

static const char *hit_name(char *name, size_t size)
{
    const char *path = getenv("BAIYE_SHIM");
    (void)snprintf(name, size, "%s.hit", path != NULL ? path : "");
    return name;
}

__attribute__((constructor)) static void begin(int argc, char **argv)
{
    char text[256] = "", name[512];
    const char *path = getenv("BAIYE_SHIM");
    FILE *file =
        argc == 2 && strcmp(argv[1], "--publisher") == 0 && path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL)
        return;
    size_t got = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[got] = '\0';
    const char *at = strstr(text, "paho=");
    if (at != NULL && access(hit_name(name, sizeof name), F_OK) != 0)
        atomic_store(&until_failure, strtol(at + 5, NULL, 10));
}

static bool fails(void)
{
    char name[512];
    if (atomic_load(&until_failure) <= 0 || atomic_fetch_sub(&until_failure, 1) != 1)
        return false;
    int fd = open(hit_name(name, sizeof name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    return true;
}

void *failing_malloc(char *file, int line, size_t size)
{
    return fails() ? NULL : paho_malloc(file, line, size);
}

void *failing_realloc(char *file, int line, void *old, size_t size)
{
    return fails() ? NULL : paho_realloc(file, line, old, size);
}
