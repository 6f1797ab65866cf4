/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a packet; what is read must be written back as the same header. */
#include <stdlib.h>
#include <string.h>

#include "protocols/ddp/ddp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ddp_header header;
    const uint8_t *pixels = NULL;
    uint8_t again[DDP_HEADER_SIZE];
    if (!ddp_packet_read(data, size, &header, &pixels))
        return 0;
    if (pixels < data || pixels + header.length != data + size)
        abort();
    if (!(header.flags & DDP_FLAG_TIMECODE) &&
        (!ddp_header_write(&header, again, sizeof again) || again[0] != data[0] ||
         memcmp(again + 2, data + 2, sizeof again - 2) != 0))
        abort();
    return 0;
}
