/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/daemon/publish/worker/paho.h"

void *paho_memory(void *old, size_t size)
{
    return realloc(old, size);
}
