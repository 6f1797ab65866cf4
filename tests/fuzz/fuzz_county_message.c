/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway's broker hands to the county: plain and deflated. */
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message = {0};
    char why[200];
    (void)message_parse(&message, data, size, false, why, sizeof why);
    message_free(&message);
    (void)message_parse(&message, data, size, true, why, sizeof why);
    message_free(&message);
    return 0;
}
