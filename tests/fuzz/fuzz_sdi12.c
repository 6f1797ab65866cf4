/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a command and as every kind of answer; what parses must survive being written. */
#include <stdlib.h>
#include <string.h>

#include "protocols/sdi12/sdi12.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char again[SDI12_ANSWER_MAX];
    struct sdi12_command command;
    if (sdi12_command_parse(text, size, &command) == SDI12_OK) {
        struct sdi12_command back;
        int length = sdi12_command_write(&command, again, sizeof again);
        if (length < 0 || sdi12_command_parse(again, (size_t)length, &back) != SDI12_OK ||
            back.verb != command.verb || back.index != command.index || back.crc != command.crc)
            abort();
    }
    struct sdi12_started started;
    if (sdi12_started_parse(text, size, '0', &started) == SDI12_OK &&
        sdi12_started_write('0', &started, true, again, sizeof again) != 8)
        abort();
    struct sdi12_number numbers[SDI12_PAGE_NUMBERS];
    for (int crc = 0; crc < 2; crc++) {
        int count = sdi12_values_parse(text, size, '0', crc, numbers, SDI12_PAGE_NUMBERS);
        for (int i = 0; i < count; i++) {
            int32_t value;
            sdi12_number_scale(numbers[i], 2, &value);
        }
    }
    return 0;
}
