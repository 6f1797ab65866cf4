/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/report/photo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "tools/cli/cli.h"

/* By its first bytes, not by its name: what is no picture stays out of the sheet. */
static const char *kind_of(const unsigned char *data, size_t size)
{
    if (size > 3 && memcmp(data, "\xFF\xD8\xFF", 3) == 0)
        return "jpeg";
    if (size > 8 && memcmp(data, "\x89PNG\r\n\x1A\n", 8) == 0)
        return "png";
    if (size > 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0)
        return "webp";
    return NULL;
}

static char *encode(const unsigned char *data, size_t size, const char *kind)
{
    size_t head = strlen("data:image/;base64,") + strlen(kind);
    char *text = malloc(head + (size + 2) / 3 * 4 + 1);
    if (text == NULL)
        return NULL;
    (void)sprintf(text, "data:image/%s;base64,", kind);
    (void)EVP_EncodeBlock((unsigned char *)text + head, data, (int)size); /* PHOTO_MAX at most */
    return text;
}

static unsigned char *read_whole(int fd, size_t size)
{
    unsigned char *data = malloc(size + 1);
    size_t have = 0;
    while (data != NULL && have < size) {
        ssize_t got = read(fd, data + have, size - have);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            free(data);
            return NULL;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    return data;
}

/* Only a file: a pipe or a device of that name would be waited for. */
static char *read_photo(int fd, const char *path, size_t *left)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        cli_complain("%s is no file", path);
        return NULL;
    }
    size_t size = (size_t)about.st_size;
    if (size > PHOTO_MAX || size > *left) {
        cli_complain("%s is left out: a photo may have %u MB, all of a sheet %u MB", path,
                     PHOTO_MAX >> 20, PHOTO_ALL >> 20);
        return NULL;
    }
    unsigned char *data = read_whole(fd, size);
    const char *kind = data != NULL ? kind_of(data, size) : NULL;
    char *text = kind != NULL ? encode(data, size, kind) : NULL;
    free(data);
    if (text == NULL)
        cli_complain("%s is left out: it is no JPEG, PNG or WebP", path);
    else
        *left -= size;
    return text;
}

char *photo_data(const char *folder, const char *device, size_t *left, char *name, size_t size)
{
    static const char *const ends[] = {"jpg", "jpeg", "png", "webp", "JPG", "JPEG", "PNG"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[CLI_PATH];
        if (!cli_format(path, sizeof path, "%s/%s.%s", folder, device, ends[i]))
            return NULL;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            continue;
        char *text = read_photo(fd, path, left);
        (void)close(fd);
        (void)snprintf(name, size, "%s.%s", device, ends[i]);
        return text;
    }
    return NULL;
}
