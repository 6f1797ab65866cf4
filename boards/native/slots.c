/* SPDX-License-Identifier: Apache-2.0 */
/* The flash is a file in memory that behaves as the NOR flash of the STM32F1 does: erased to ones
 * by pages, a half-word programmed once, and then only to zero. SIGKILL loses nothing of it.
 *
 *   0x08000000 slot 0, 256 K │ slot 1, 256 K │ state of slot 0, 4 K │ state of slot 1, 4 K */
#include "boards/native/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/boot/choose.h"
#include "firmware/boot/flash.h"
#include "firmware/boot/node_update.h"
#include "protocols/image/image.h"

#define BASE       0x08000000u
#define PAGE       4096u
#define SLOT       (64 * PAGE)
#define FLASH_SIZE (2 * (SLOT + PAGE))

static const struct flash_layout layout = {
    .hardware = 0x4E410001, /* this board, revision 1 */
    .slot = {BASE, BASE + SLOT},
    .slot_size = SLOT,
    .state = {BASE + 2 * SLOT, BASE + 2 * SLOT + PAGE},
    .page_size = PAGE,
};

static uint8_t *flash;

const struct flash_layout *flash_layout(void)
{
    return &layout;
}

static bool inside(uint32_t address, size_t size)
{
    return address >= BASE && size <= FLASH_SIZE && address - BASE <= FLASH_SIZE - size;
}

const uint8_t *flash_map(uint32_t address)
{
    return flash + (address - BASE);
}

enum flash_result flash_erase_page(uint32_t address)
{
    if (address % PAGE != 0 || !inside(address, PAGE))
        return FLASH_RANGE;
    memset(flash + (address - BASE), 0xFF, PAGE);
    return FLASH_OK;
}

enum flash_result flash_program(uint32_t address, const void *data, size_t size)
{
    const uint8_t *from = data;
    if (address % 2 != 0 || size % 2 != 0 || !inside(address, size))
        return FLASH_RANGE;
    for (size_t i = 0; i < size; i += 2) {
        uint8_t *to = flash + (address - BASE) + i;
        bool blank = to[0] == 0xFF && to[1] == 0xFF, zero = from[i] == 0 && from[i + 1] == 0;
        if (!blank && !zero)
            return FLASH_FAILED;
        memcpy(to, from + i, 2);
    }
    return FLASH_OK;
}

/* ---- the file ---- */

static bool complain(const char *path, const char *what)
{
    (void)fprintf(stderr, "baiye-node: %s: %s\n", path, what);
    return false;
}

static uint8_t *map_file(const char *path, int flags, size_t *size)
{
    struct stat info;
    void *memory = MAP_FAILED;
    bool shared = (flags & O_ACCMODE) == O_RDWR;
    int fd = open(path, flags | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0) {
        *size = (size_t)info.st_size;
        memory = mmap(NULL, *size, PROT_READ | (shared ? PROT_WRITE : 0),
                      shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0)
        close(fd);
    return memory != MAP_FAILED ? memory : NULL;
}

/* Blank but for the image; gets its name when it is whole. */
static bool write_bench(const char *path, const uint8_t *image, size_t image_size)
{
    char fresh[4096];
    uint8_t *blank = malloc(FLASH_SIZE);
    int length = snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = NULL;
    if (blank != NULL && length > 0 && (size_t)length < sizeof fresh)
        file = fopen(fresh, "wb");
    bool good = file != NULL && image_size <= SLOT;
    if (good) {
        memset(blank, 0xFF, FLASH_SIZE);
        memcpy(blank, image, image_size);
        good = fwrite(blank, 1, FLASH_SIZE, file) == FLASH_SIZE;
    }
    if (file != NULL && fclose(file) != 0)
        good = false;
    free(blank);
    if (good && rename(fresh, path) == 0)
        return true;
    return complain(path, image_size > SLOT ? "the image does not fit the slot" : strerror(errno));
}

/* Nothing to do when it is there already. */
static bool make_flash(const char *path, const char *image_path)
{
    size_t size, image_size;
    if (access(path, F_OK) == 0)
        return true;
    if (image_path == NULL)
        return complain(path, "no such flash; give --image FILE for a new one");
    uint8_t *file = map_file(image_path, O_RDONLY, &size);
    if (file == NULL)
        return complain(image_path, "cannot be read");
    const uint8_t *image = image_file_slot(file, size, 0, &image_size);
    bool good = image != NULL ? write_bench(path, image, image_size)
                              : complain(image_path, "no image for slot 0 in it");
    (void)munmap(file, size);
    return good;
}

const struct node_update *slots_open(const char *path, const char *image)
{
    size_t size = 0;
    if (!make_flash(path, image))
        return NULL;
    flash = map_file(path, O_RDWR, &size);
    if (flash == NULL || size != FLASH_SIZE) {
        (void)complain(path, flash == NULL ? strerror(errno) : "not a flash of this board");
        return NULL;
    }
    struct boot_choice choice = boot_choose();
    if (choice.slot < 0) {
        (void)complain(path, "no slot holds an image that may run");
        return NULL;
    }
    return node_update_start((unsigned)choice.slot, NULL);
}
