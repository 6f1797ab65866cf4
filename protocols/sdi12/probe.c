/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/sdi12/probe.h"

#include "protocols/bytes/bytes.h"

static size_t answer_text(char address, const char *rest, char *answer, size_t size)
{
    struct byte_writer w = byte_writer_init(answer, size);
    byte_write_u8(&w, (uint8_t)address);
    for (; *rest; rest++)
        byte_write_u8(&w, (uint8_t)*rest);
    byte_write_u8(&w, '\r');
    byte_write_u8(&w, '\n');
    size_t length = w.at;
    byte_write_u8(&w, '\0');
    return w.failed ? 0 : length;
}

static size_t length_or_silence(int length)
{
    return length > 0 ? (size_t)length : 0;
}

static void take_values(struct sdi12_probe *probe, const struct sdi12_command *command)
{
    probe->count = probe->measure != NULL ? probe->measure(probe->context, command->index,
                                                           probe->numbers, SDI12_PROBE_NUMBERS)
                                          : 0;
    if (command->verb == SDI12_MEASURE && probe->count > 9)
        probe->count = 9; /* n is one digit */
    probe->crc = command->crc;
    probe->budget = command->verb == SDI12_MEASURE ? SDI12_VALUES_M : SDI12_VALUES_C;
}

static size_t start(struct sdi12_probe *probe, const struct sdi12_command *command, char *answer,
                    size_t size)
{
    take_values(probe, command);
    struct sdi12_started started = {.seconds = probe->count ? probe->seconds : 0,
                                    .values = (uint8_t)probe->count};
    probe->measuring = command->verb == SDI12_MEASURE && started.seconds > 0;
    return length_or_silence(sdi12_started_write(probe->address, &started,
                                                 command->verb == SDI12_CONCURRENT, answer, size));
}

/* Page `index` of the values, a page being as many as one answer holds. */
static size_t page(const struct sdi12_probe *probe, uint8_t index, char *answer, size_t size)
{
    size_t from = 0;
    size_t fit = sdi12_values_fit(probe->numbers, probe->count, probe->budget);
    for (uint8_t i = 0; i < index; i++) {
        from += fit;
        fit = sdi12_values_fit(probe->numbers + from, probe->count - from, probe->budget);
    }
    return length_or_silence(
        sdi12_values_write(probe->address, probe->numbers + from, fit, probe->crc, answer, size));
}

size_t sdi12_probe_answer(struct sdi12_probe *probe, const char *text, size_t length, char *answer,
                          size_t size)
{
    struct sdi12_command command;
    if (sdi12_command_parse(text, length, &command) != SDI12_OK)
        return 0;
    if (command.verb != SDI12_QUERY && command.address != probe->address)
        return 0;
    bool interrupted = probe->measuring; /* any command to it ends a measurement unfinished */
    probe->measuring = false;
    switch (command.verb) {
    case SDI12_QUERY:
    case SDI12_ACKNOWLEDGE:
        return answer_text(probe->address, "", answer, size);
    case SDI12_IDENTIFY:
        return answer_text(probe->address, probe->identity, answer, size);
    case SDI12_CHANGE:
        probe->address = command.new_address;
        return answer_text(probe->address, "", answer, size);
    case SDI12_MEASURE:
    case SDI12_CONCURRENT:
        return start(probe, &command, answer, size);
    case SDI12_VERIFY:
        probe->count = 0;
        return answer_text(probe->address, "0000", answer, size);
    case SDI12_CONTINUOUS:
        take_values(probe, &command);
        return page(probe, 0, answer, size);
    case SDI12_DATA:
        if (interrupted)
            probe->count = 0;
        return page(probe, command.index, answer, size);
    }
    return 0;
}

size_t sdi12_probe_ready(struct sdi12_probe *probe, char *answer, size_t size)
{
    if (!probe->measuring)
        return 0;
    probe->measuring = false;
    return answer_text(probe->address, "", answer, size);
}

struct sdi12_probe sdi12_probe_teros12(char address)
{
    return (struct sdi12_probe){
        .address = address, .identity = "13METER   TER12 112T12-00000001", .seconds = 1};
}

struct sdi12_probe sdi12_probe_atmos14(char address)
{
    return (struct sdi12_probe){
        .address = address, .identity = "13METER   ATM14 100A14-00000001", .seconds = 1};
}
