/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/image/factory.h"

#include "protocols/bytes/bytes.h"

#define FACTORY_MAGIC   0x42595031u /* "BYP1" */
#define FACTORY_VERSION 1u

bool factory_read(const void *page, size_t size, struct factory *factory)
{
    struct byte_reader r = byte_reader_init(page, size);
    if (byte_read_u32(&r) != FACTORY_MAGIC || byte_read_u8(&r) != FACTORY_VERSION)
        return false;
    (void)byte_read_u8(&r);
    factory->calibration_size = byte_read_u16(&r);
    factory->hardware = byte_read_u32(&r);
    factory->serial = byte_read_u32(&r);
    factory->calibration = byte_read_span(&r, factory->calibration_size);
    size_t covered = r.at;
    uint32_t crc = byte_read_u32(&r);
    return !r.failed && crc == byte_crc32(0, page, covered) &&
           factory->serial != FACTORY_SERIAL_NONE && factory->serial != FACTORY_SERIAL_ALL;
}

size_t factory_write(const struct factory *factory, void *page, size_t size)
{
    struct byte_writer w = byte_writer_init(page, size);
    byte_write_u32(&w, FACTORY_MAGIC);
    byte_write_u8(&w, FACTORY_VERSION);
    byte_write_u8(&w, 0);
    byte_write_u16(&w, factory->calibration_size);
    byte_write_u32(&w, factory->hardware);
    byte_write_u32(&w, factory->serial);
    byte_write_span(&w, factory->calibration, factory->calibration_size);
    if (w.failed)
        return 0;
    byte_write_u32(&w, byte_crc32(0, page, w.at));
    return w.failed ? 0 : w.at;
}
