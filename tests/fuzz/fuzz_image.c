/* SPDX-License-Identifier: Apache-2.0 */
/* Image headers, image files, factory pages and the register windows: whatever the bytes, nothing
 * is read outside of them, and what was read writes back to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "protocols/image/factory.h"
#include "protocols/image/image.h"
#include "protocols/image/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void header_writes_back(const uint8_t *data, size_t size)
{
    struct image_header header;
    uint8_t again[IMAGE_HEADER_SIZE];
    if (image_header_read(data, size, &header) != IMAGE_OK)
        return;
    image_header_write(&header, again);
    expect(memcmp(again, data, IMAGE_SIGNED_SIZE + IMAGE_SIGNATURE_SIZE) == 0);
}

static void file_stays_inside(const uint8_t *data, size_t size)
{
    for (unsigned slot = 0; slot < IMAGE_SLOTS; slot++) {
        size_t image_size = 0;
        const uint8_t *image = image_file_slot(data, size, slot, &image_size);
        if (image != NULL)
            expect(image >= data && image_size <= size - (size_t)(image - data));
    }
}

static void windows_write_back(const uint8_t *data, size_t size)
{
    uint8_t again[2 * 128];
    _Static_assert(sizeof again >= 2 * WINDOW_SESSION_REGISTERS, "the longest");
    struct window_session session;
    struct window_status status;
    struct window_block block;
    if (window_session_read(data, size, &session))
        expect(window_session_write(&session, again, sizeof again) == size &&
               memcmp(again, data, size) == 0);
    if (window_status_read(data, size, &status))
        expect(window_status_write(&status, again, sizeof again) == size &&
               memcmp(again, data, size) == 0);
    if (window_block_read(data, size, &block))
        expect(window_block_write(&block, again, sizeof again) == size &&
               memcmp(again, data, size) == 0);
}

/* As it is, hardly ever a page, for its CRC; so also as what a page carries. */
static void page_keeps_what_it_carries(const uint8_t *data, size_t size)
{
    uint8_t page[1024];
    struct factory factory;
    if (factory_read(data, size, &factory))
        expect(factory.calibration >= data && factory.calibration_size <= size - FACTORY_OVERHEAD);
    const struct factory made = {1, 2, data, (uint16_t)size};
    size_t written = factory_write(&made, page, sizeof page);
    expect((written > 0) == (size + FACTORY_OVERHEAD <= sizeof page));
    if (written == 0)
        return;
    expect(factory_read(page, written, &factory) && factory.serial == 2 &&
           factory.calibration_size == size && memcmp(factory.calibration, data, size) == 0);
    if (size > 0)
        page[16] ^= 1;
    expect(size == 0 || !factory_read(page, written, &factory));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    header_writes_back(data, size);
    file_stays_inside(data, size);
    windows_write_back(data, size);
    if (size <= 2048)
        page_keeps_what_it_carries(data, size);
    return 0;
}
