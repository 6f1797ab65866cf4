/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/sensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TMP105_ADDRESS 0x48
#define I2C_BYTES      32

enum { TMP105_TEMPERATURE = 0, TMP105_CONFIG = 1 };

static int32_t scaled(double value, double steps)
{
    return (int32_t)lround(value * steps);
}

/* TEROS 12: raw counts, °C, µS/cm. The moisture is what its manual's line makes of the counts. */
static size_t measure_soil(void *context, uint8_t index, struct sdi12_number *numbers, size_t max)
{
    struct sensors *s = context;
    struct weather_now now;
    if (index != 0 || max < 3)
        return 0;
    garden_weather(s->garden, s->spot, &now);
    double moisture = now.value[WEATHER_SOIL_MOISTURE] / 100;
    int32_t raw = scaled((moisture + 0.6956) / 3.879e-4, 10);
    int32_t celsius = scaled(now.value[WEATHER_SOIL_TEMPERATURE], 10);
    int32_t conductivity = scaled(now.conductivity, 1);
    numbers[0] = (struct sdi12_number){raw, 1};
    numbers[1] = (struct sdi12_number){celsius, 1};
    numbers[2] = (struct sdi12_number){conductivity, 0};
    sampler_gives(s->sampler, SAMPLER_SOIL_MOISTURE, (raw / 10.0 * 3.879e-4 - 0.6956) * 100);
    sampler_gives(s->sampler, SAMPLER_SOIL_TEMPERATURE, celsius / 10.0);
    sampler_gives(s->sampler, SAMPLER_SOIL_CONDUCTIVITY, conductivity);
    return 3;
}

/* ATMOS 14: vapour pressure kPa, °C, relative humidity 0..1, pressure kPa. */
static size_t measure_air(void *context, uint8_t index, struct sdi12_number *numbers, size_t max)
{
    struct sensors *s = context;
    struct weather_now now;
    if (index != 0 || max < 4)
        return 0;
    garden_weather(s->garden, s->spot, &now);
    int32_t humidity = scaled(now.value[WEATHER_AIR_HUMIDITY] / 100, 1000);
    numbers[0] = (struct sdi12_number){scaled(now.vapour_pressure, 100), 2};
    numbers[1] = (struct sdi12_number){scaled(now.value[WEATHER_AIR_TEMPERATURE], 10), 1};
    numbers[2] = (struct sdi12_number){humidity, 3};
    numbers[3] = (struct sdi12_number){scaled(now.value[WEATHER_PRESSURE], 100), 2};
    sampler_gives(s->sampler, SAMPLER_AIR_HUMIDITY, humidity / 10.0);
    return 4;
}

void sensors_init(struct sensors *sensors, struct garden *garden, uint32_t spot,
                  struct sampler *sampler)
{
    *sensors = (struct sensors){
        .garden = garden,
        .spot = spot,
        .sampler = sampler,
        .soil = sdi12_probe_teros12('0'),
        .air = sdi12_probe_atmos14('1'),
    };
    sensors->soil.measure = measure_soil;
    sensors->soil.context = sensors;
    sensors->air.measure = measure_air;
    sensors->air.context = sensors;
}

size_t sensors_sdi12(struct sensors *s, const char *command, size_t length, char *answer,
                     size_t size)
{
    struct sdi12_command parsed;
    if (sdi12_command_parse(command, length, &parsed) == SDI12_OK &&
        (parsed.verb == SDI12_MEASURE || parsed.verb == SDI12_CONCURRENT)) {
        if (parsed.address == s->soil.address)
            sampler_asks(s->sampler, SAMPLER_SOIL, loop_now_ns());
        else if (parsed.address == s->air.address)
            sampler_asks(s->sampler, SAMPLER_AIR, loop_now_ns());
    }
    size_t got = sdi12_probe_answer(&s->soil, command, length, answer, size);
    return got ? got : sdi12_probe_answer(&s->air, command, length, answer, size);
}

size_t sensors_service(struct sensors *s, char *answer, size_t size)
{
    if (s->soil.measuring)
        return sdi12_probe_ready(&s->soil, answer, size);
    return s->air.measuring ? sdi12_probe_ready(&s->air, answer, size) : 0;
}

int32_t sensors_air_millidegrees(const struct sensors *s)
{
    struct weather_now now;
    garden_weather(s->garden, s->spot, &now);
    return scaled(now.value[WEATHER_AIR_TEMPERATURE], 8) * 125;
}

/* Conversion: 9 to 12 bits by the configuration's R1 R0. */
static void convert(struct sensors *s)
{
    struct weather_now now;
    garden_weather(s->garden, s->spot, &now);
    unsigned bits = 9u + ((s->config >> 5) & 3u);
    int32_t counts = scaled(now.value[WEATHER_AIR_TEMPERATURE], 256);
    s->temperature = (int16_t)((counts >> (16 - bits)) * (1 << (16 - bits)));
    sampler_asks(s->sampler, SAMPLER_I2C, loop_now_ns());
    sampler_gives(s->sampler, SAMPLER_AIR_TEMPERATURE, s->temperature / 256.0);
}

/* A TMP105 converts all the time; here a node's sample begins when it writes the configuration. */
static void tmp105_write(struct sensors *s, const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return;
    s->pointer = bytes[0] & 3;
    if (count > 1 && s->pointer == TMP105_CONFIG) {
        s->config = bytes[1];
        convert(s);
    }
}

static uint8_t tmp105_read(const struct sensors *s, size_t at)
{
    if (s->pointer == TMP105_CONFIG)
        return s->config;
    if (s->pointer != TMP105_TEMPERATURE)
        return 0;
    return (uint8_t)((uint16_t)s->temperature >> (at % 2 ? 0 : 8));
}

/* Bytes in hex, with or without spaces, up to something else. */
static const char *hex_bytes(const char *text, uint8_t *bytes, size_t *count)
{
    for (;;) {
        char digits[3] = "";
        char *end;
        text += strspn(text, " ");
        if (strspn(text, "0123456789abcdefABCDEF") < 2 || *count == I2C_BYTES)
            return text;
        memcpy(digits, text, 2);
        bytes[(*count)++] = (uint8_t)strtoul(digits, &end, 16);
        text += 2;
    }
}

size_t sensors_i2c(struct sensors *s, const char *line, char *answer, size_t size)
{
    uint8_t written[I2C_BYTES];
    size_t write_count = 0, read_count = 0;
    char *rest;
    unsigned long address = strtoul(line, &rest, 16);
    const char *text = rest + strspn(rest, " ");
    if (*text == 'w')
        text = hex_bytes(text + 1, written, &write_count);
    if (*text == 'r')
        read_count = strtoul(text + 1, NULL, 10);
    if (address != TMP105_ADDRESS || read_count > I2C_BYTES)
        return (size_t)snprintf(answer, size, "nak\n");
    tmp105_write(s, written, write_count);
    size_t at = (size_t)snprintf(answer, size, read_count ? "ok " : "ok");
    for (size_t i = 0; i < read_count && at + 3 < size; i++)
        at += (size_t)snprintf(answer + at, size - at, "%02x", tmp105_read(s, i));
    return at + (size_t)snprintf(answer + at, size - at, "\n");
}
