/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/sdi12_sensor.h"

#include "firmware/drivers/convert.h"

enum step { STEP_MEASURE, STEP_REQUEST, STEP_WAIT, STEP_DATA };

enum { QUEUE_US = 10000, ERROR_CODE = -9990 };

void sdi12_sensor_init(struct sdi12_sensor *probe, const struct sensor_driver *driver,
                       const struct sdi12_kind *kind, struct sdi12_line *line, char address)
{
    *probe = (struct sdi12_sensor){.sensor = {.driver = driver, .values = probe->value},
                                   .kind = kind,
                                   .line = line,
                                   .address = address};
    sensor_begin(&probe->sensor);
}

struct sensor_value sdi12_value(struct sdi12_number number, uint8_t decimals, int32_t min,
                                int32_t max)
{
    int32_t whole, value;
    if (!sdi12_number_scale(number, 0, &whole) || whole <= ERROR_CODE ||
        !sdi12_number_scale(number, decimals, &value))
        return (struct sensor_value){SENSOR_NO_VALUE, SENSOR_NO_VALUE, METRIC_FAULT};
    return sensor_checked(value, value, min, max);
}

void sdi12_sensor_start(struct sensor *sensor, uint64_t now_us)
{
    struct sdi12_sensor *probe = (struct sdi12_sensor *)sensor;
    sensor_begin(sensor);
    probe->step = STEP_MEASURE;
    probe->asked = false;
    probe->begins = 0;
    probe->limit_us = now_us + SDI12_SENSOR_BOUND_MS * UINT64_C(1000);
}

/* Every step ends in one of these: the measurement is over, or it goes on. */
enum { OVER = true, ON = false };

static bool finish(struct sdi12_sensor *probe)
{
    sdi12_line_release(probe->line, probe);
    return OVER;
}

static bool give_up(struct sdi12_sensor *probe, enum hal_result why)
{
    sensor_failed(&probe->sensor, why);
    if (why == HAL_NAK)
        probe->plain = false; /* whoever is plugged in next gets asked for CRC again */
    return finish(probe);
}

static void ask(struct sdi12_sensor *probe, uint64_t now_us)
{
    struct sdi12_command command = {.address = probe->address, .verb = SDI12_DATA};
    if (probe->step == STEP_DATA) {
        command.index = probe->page;
    } else {
        command.verb = probe->concurrent ? SDI12_CONCURRENT : SDI12_MEASURE;
        command.crc = !probe->plain;
    }
    char text[SDI12_COMMAND_MAX];
    int length = sdi12_command_write(&command, text, sizeof text);
    probe->asked = length > 0 &&
                   sdi12_line_ask(probe->line, &sdi12_rules_standard, text, (size_t)length, now_us);
}

/* After an answer that could not be used. */
static bool try_again(struct sdi12_sensor *probe, uint64_t now_us)
{
    probe->sensor.errors.corrupt++;
    probe->asked = sdi12_line_again(probe->line, now_us);
    return probe->asked ? ON : give_up(probe, HAL_FAULT);
}

static bool measuring(struct sdi12_sensor *probe, uint64_t now_us)
{
    struct sdi12_line *line = probe->line;
    if (line->result == SDI12_LINE_SILENT && !probe->plain) {
        probe->plain = true; /* silence is the standard's way to say "unknown command" */
        return ON;
    }
    if (line->result != SDI12_LINE_ANSWER)
        return give_up(probe, line->result == SDI12_LINE_SILENT ? HAL_NAK : HAL_FAULT);
    if (sdi12_started_parse(line->answer, line->length, probe->address, &probe->started) !=
            SDI12_OK ||
        probe->started.values < probe->kind->numbers ||
        probe->started.seconds > SDI12_SENSOR_SECONDS_MAX)
        return try_again(probe, now_us); /* garbled (it has no CRC), or another kind of probe */
    probe->page = probe->count = 0;
    probe->ready_us = now_us + probe->started.seconds * UINT64_C(1000000);
    if (probe->started.seconds == 0) {
        probe->step = STEP_DATA;
    } else if (probe->concurrent) {
        probe->step = STEP_WAIT;
        sdi12_line_release(line, probe);
    } else {
        probe->step = STEP_REQUEST;
        sdi12_line_listen(line, probe->ready_us);
    }
    return ON;
}

/* The service request came, or its time is over: then the values must be there as well. */
static bool requested(struct sdi12_sensor *probe, uint64_t now_us)
{
    struct sdi12_line *line = probe->line;
    char address;
    bool came = line->result == SDI12_LINE_ANSWER &&
                sdi12_address_parse(line->answer, line->length, &address) == SDI12_OK &&
                address == probe->address;
    if (!came && now_us < probe->ready_us) { /* noise */
        sdi12_line_listen(line, probe->ready_us);
        return ON;
    }
    if (!came)
        probe->sensor.errors.late++;
    probe->step = STEP_DATA;
    return ON;
}

static bool fetched(struct sdi12_sensor *probe, uint64_t now_us)
{
    struct sdi12_line *line = probe->line;
    if (line->result != SDI12_LINE_ANSWER)
        return give_up(probe, line->result == SDI12_LINE_SILENT ? HAL_TIMEOUT : HAL_FAULT);
    int got = sdi12_values_parse(line->answer, line->length, probe->address, !probe->plain,
                                 probe->numbers + probe->count,
                                 sizeof probe->numbers / sizeof *probe->numbers - probe->count);
    if (got < 0)
        return try_again(probe, now_us);
    if (got == 0) { /* the measurement was aborted: begin it again, once */
        probe->sensor.errors.retries++;
        probe->step = STEP_MEASURE;
        return probe->begins++ ? give_up(probe, HAL_FAULT) : ON;
    }
    probe->count = (uint8_t)(probe->count + got);
    if (probe->count < probe->kind->numbers) {
        probe->page++; /* at most `numbers` pages, each gives at least one */
        return ON;
    }
    probe->kind->convert(probe, probe->numbers);
    return finish(probe);
}

/* The exchange of the present step has ended. */
static bool advance(struct sdi12_sensor *probe, uint64_t now_us)
{
    if (probe->step == STEP_REQUEST)
        return requested(probe, now_us);
    if (probe->line->tries > 1)
        probe->sensor.errors.retries =
            (uint16_t)(probe->sensor.errors.retries + probe->line->tries - 1);
    probe->asked = false;
    return probe->step == STEP_DATA ? fetched(probe, now_us) : measuring(probe, now_us);
}

uint64_t sdi12_sensor_poll(struct sensor *sensor, uint64_t now_us)
{
    struct sdi12_sensor *probe = (struct sdi12_sensor *)sensor;
    /* An answer may be there already when a command has just left, so several steps can be due;
     * what is left after these few waits for the next call. */
    for (int steps = 0; steps < 4; steps++) {
        if (now_us >= probe->limit_us) {
            give_up(probe, HAL_TIMEOUT);
            return SENSOR_DONE;
        }
        if (probe->step == STEP_WAIT) {
            if (now_us < probe->ready_us)
                return probe->ready_us;
            probe->step = STEP_DATA;
        }
        if (!sdi12_line_take(probe->line, probe))
            return now_us + QUEUE_US;
        if (probe->step != STEP_REQUEST && !probe->asked)
            ask(probe, now_us);
        uint64_t next_us = sdi12_line_poll(probe->line, now_us);
        if (next_us != SDI12_LINE_DONE)
            return next_us < probe->limit_us ? next_us : probe->limit_us;
        if (advance(probe, now_us) == OVER)
            return SENSOR_DONE;
    }
    return now_us;
}
