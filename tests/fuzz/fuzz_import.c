/* SPDX-License-Identifier: Apache-2.0 */
/* Files of other programs: whatever the bytes, reading them ends, and nothing is written that is
 * not in the bounds of a profile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cli/import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct import *import)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        abort();
    for (unsigned i = 0; i < import->device_count; i++)
        import_print_profile(import, i, out);
    import_print_config(import, out);
    if (fclose(out) != 0 || length == 0)
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import *import = calloc(1, sizeof *import);
    if (import == NULL || size > 65536) {
        free(import);
        return 0;
    }
    if (import_read(import, "fuzz.yaml", (const char *)data, size, NULL)) {
        import_name_values(import);
        print_all(import);
    }
    import_close(import);
    free(import);
    return 0;
}
