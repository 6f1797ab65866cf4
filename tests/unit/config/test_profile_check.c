/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a profile, said all at once: each mistake with its line and what is right. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/config/profile.h"

static char folder[64], file[128];
static struct yaml_errors errors;

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_profile_check.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(file, sizeof file, "%s/probe.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(file);
    return rmdir(folder);
}

static void write_file(const char *text)
{
    FILE *stream = fopen(file, "w");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static bool check(const char *text)
{
    struct profile_config profile;
    write_file(text);
    bool good = profile_check(file, &profile, &errors);
    profile_free(&profile);
    return good;
}

/* What the daemon says of the same file; "" : it takes it. */
static const char *daemon_says(void)
{
    static struct config_error error;
    struct profile_config profile;
    error.text[0] = '\0';
    bool good = profile_load(file, "probe", &profile, &error);
    profile_free(&profile);
    assert_true(good == (error.text[0] == '\0'));
    return error.text;
}

#define F     "label: l\nfields:\n"
#define TEMP  "  - { metric: air_temperature, register: 0, type: s16, scale: 0.1 }\n"
#define TAKES true /* the daemon: it must go on with what it went on with so far */

/* One mistake, one error: its line, what is wrong, what would be right. */
static const struct mistake {
    const char *text;
    int line;
    const char *wrong, *right;
    bool taken;
} mistakes[] = {
    /* registers as documents number them */
    {F "  - { metric: air_temperature, register: 40001, type: s16 }\n", 3,
     "register 40001 is what documents call a holding register", "write register: 0; ", TAKES},
    {F "  - metric: air_temperature\n    type: s16\n    register: 40011\n", 5, "holding register",
     "write register: 10; if the device does count so far, write 0x9C4B", TAKES},
    {F "  - { metric: air_temperature, register: 30002, type: s16 }\n", 3, "an input register",
     "write function: 4, register: 1; ", TAKES},
    {F "  - { metric: air_temperature, function: 4, register: 30002, type: s16 }\n", 3,
     "an input register", "it is 1: write register: 1; ", TAKES},
    {F "  - { metric: air_temperature, function: 4, register: 40002, type: s16 }\n", 3,
     "a holding register", "write function: 3, register: 1; ", TAKES},
    {F "  - { metric: air_temperature, register: 400001, type: s16 }\n", 3, "a holding register",
     "write register: 0", false},
    {F "  - { metric: air_temperature, register: 365536, type: s16 }\n", 3, "an input register",
     "write function: 4, register: 65535", false},
    {F "  - { metric: door, function: 2, register: 10001, type: bool }\n", 3, "a discrete input",
     "write register: 0", TAKES},
    {F "  - { metric: door, function: 2, register: 100001, type: bool }\n", 3, "a discrete input",
     "write register: 0", false},
    {F TEMP "writes: [{ name: a, register: 40003, min: 0, max: 1 }]\n", 4, "a holding register",
     "write register: 2; ", TAKES},
    {F TEMP "writes: [{ name: a, register: 30003, min: 0, max: 1 }]\n", 4, "can't be written",
     "its holding register", TAKES},
    {"address: { register: 42001 }\n" F TEMP, 1, "a holding register", "write register: 2000; ",
     TAKES},
    {"rate: { register: 42002 }\n" F TEMP, 1, "a holding register", "write register: 2001; ",
     TAKES},
    {F "  - { metric: air_temperature, register: 70000 }\n", 3, "70000 is outside 0..65535",
     "register: 0x0000", false},
    /* metrics and units */
    {F "  - { metric: air_temprature, register: 0 }\n", 3, "\"air_temprature\"",
     "write air_temperature", TAKES},
    {F "  - { metric: temperature, register: 0 }\n", 3, "\"temperature\" is no known metric",
     "one of air_temperature, soil_temperature", TAKES},
    {F "  - { metric: soil_ec, register: 0 }\n", 3, "\"soil_ec\"", "write soil_conductivity",
     TAKES},
    {F "  - { metric: soil_humidity, register: 0 }\n", 3, "\"soil_humidity\"",
     "write soil_moisture", TAKES},
    {F "  - { metric: co2, register: 0 }\n", 3, "\"co2\"", "write carbon_dioxide", TAKES},
    {F "  - { metric: Air-Temp, register: 0 }\n", 3, "\"Air-Temp\" is not a name",
     "metric: air_temp", false},
    {F "  - { metric: air_pressure, unit: hPa, register: 0, scale: 0.1 }\n", 3,
     "unit \"hPa\" is not that of air_pressure, which is kPa", "write scale: 0.01", TAKES},
    {F "  - { metric: air_temperature, unit: °F, register: 0, type: s16, scale: 0.1 }\n", 3,
     "which is °C", "scale: 0.0555556, offset: -17.7778", TAKES},
    {F "  - { metric: soil_conductivity, unit: dS/m, register: 0, scale: 0.01 }\n", 3,
     "which is µS/cm", "scale: 10", TAKES},
    {F "  - { metric: air_humidity, unit: '%', register: 0 }\n", 3, "which is %RH",
     "leave unit out", TAKES},
    {F "  - { metric: ultraviolet_index, unit: UVI, register: 0 }\n", 3, "a number without unit",
     "leave unit out", TAKES},
    /* codes and ranges */
    {F "  - { metric: air_temperature, register: 0, type: s16, no_value: 0x18000 }\n", 3,
     "no_value 98304 does not fit", "-32768 to 65535", false},
    {F "  - { metric: air_humidity, register: 0, no_value: -1 }\n", 3, "no_value -1 does not fit",
     "0 to 65535", false},
    {F "  - { metric: gear, register: 0, type: bits, bit: 0, bits: 3, no_value: 9 }\n", 3,
     "no_value 9 can't be seen", "0 to 7", TAKES},
    {F "  - { metric: door, function: 1, register: 0, type: bool, no_value: 2 }\n", 3,
     "no_value 2 can't be seen in the one bit", "0 to 1", TAKES},
    {F TEMP "  - { role: map_version, register: 4, expect: 70000 }\n", 4, "expect 70000",
     "0 to 65535", TAKES},
    {F "  - { metric: gear, register: 0, type: f32, values: [0, 45] }\n", 3, "type f32",
     "type: u16", TAKES},
    {F "  - { metric: gear, register: 0, type: bits, bit: 0, bits: 1, values: [0, 45, 90] }\n", 3,
     "values has 3 numbers", "2 codes", TAKES},
    {F "  - { metric: air_temperature, register: 0, type: s16, scale: 0.1, offset: 9000 }\n", 3,
     "s16 gives 5723.2 to 12276.7", "-40 to 60", TAKES},
    {F "  - { metric: soil_water_potential, register: 0, scale: 0.1 }\n", 3,
     "u16 gives 0 to 6553.5", "check type, scale and offset", TAKES},
    /* counters */
    {F "  - { role: counter, metric: rainfall, register: 0, type: f32 }\n", 3, "role: counter",
     "type: u16 or u32", false},
    {F "  - { role: counter, metric: rainfall, register: 0, type: s32 }\n", 3, "role: counter",
     "type: u16 or u32", false},
    {F "  - { role: counter, metric: a, register: 0 }\n"
       "  - { role: counter, metric: b, register: 1 }\n"
       "  - { role: counter, metric: c, register: 2 }\n"
       "  - { role: counter, metric: d, register: 3 }\n"
       "  - { role: counter, metric: e, register: 4 }\n",
     7, "e is one counter more than the 4", "two profiles", TAKES},
    {F "  - { role: counter, metric: rainfall, register: 0, type: s16 }\n", 3, "role: counter",
     "type: u16 or u32", false},
    {F "  - { role: counter, metric: rainfall, register: 0, type: f64 }\n", 3, "role: counter",
     "u64", false},
    {F "  - { role: counter, metric: rainfall, register: 0, type: u8 }\n", 3, "role: counter",
     "type: u16 or u32", false},
    {F "  - { role: counter, metric: rainfall, register: 0, wraps: 70000 }\n", 3,
     "type u16 cannot count to 70000", "type: u32", false},
    {F "  - { role: counter, metric: rainfall, register: 0, type: bcd16, wraps: 65536 }\n", 3,
     "type bcd16 cannot count to 65536", "type: u32", false},
    /* codes that the type does not have */
    {F "  - { metric: a, register: 0, type: u8, no_value: 256 }\n", 3, "no_value 256 does not fit",
     "0 to 255", false},
    {F "  - { metric: a, register: 0, type: s8, no_value: -129 }\n", 3,
     "no_value -129 does not fit", "-128 to 255", false},
    {F "  - { metric: a, register: 0, type: u32, no_value: 0x100000000 }\n", 3,
     "no_value 4294967296 does not fit", "0 to 4294967295", false},
    {F "  - { metric: a, register: 0, type: u64, no_value: 0x1FFFFFFFFFFFFFFFF }\n", 3,
     "is not a code of up to 64 bits", "0x8000", false},
    {F "  - { metric: air_temperature, register: 0, type: bcd16, scale: 0.001, offset: 70 }\n", 3,
     "bcd16 gives 70 to 79.999", "-40 to 60", TAKES},
    /* what a type asks of the keys around it */
    {F "  - { metric: a, register: 0, type: text, length: 4 }\n", 3, "a text is no measurement",
     "role: model", false},
    {F TEMP "  - { role: serial, register: 4, type: text }\n", 4, "needs its length", "length: 8",
     false},
    {F "  - { metric: a, register: 0, length: 4 }\n", 3, "length is for type: text", "leave it out",
     false},
    {F "  - { metric: a, register: 0, byte: high }\n", 3, "byte is for type: u8 or s8",
     "leave it out", false},
    {F "  - { metric: a, register: 0, type: u8, byte: low, order: badc }\n", 3,
     "order has no effect on one byte", "leave it out", TAKES},
    {F "  - { metric: a, register: 0, width: 32 }\n", 3, "width: 32 is for types of 32 bits",
     "type: u32", false},
    {F "  - { metric: a, register: 0, scale_from: 2, decimals_from: 3 }\n", 3,
     "are two ways of one thing", "keep one", false},
    {F "  - { metric: a, register: 0, values: [0, 1], scale_from: 2 }\n", 3,
     "a register of the scale is for numbers", "leave scale_from", false},
    {F "  - { metric: a, register: 0, scale_from: 40007 }\n", 3,
     "scale_from 40007 is what documents call a holding register", "write scale_from: 6", TAKES},
    {F TEMP "  - { role: model, register: 4, type: text, length: 4 }\n"
            "  - { role: model, register: 9, type: text, length: 4 }\n",
     5, "role \"model\" stands twice", "its own", false},
    /* several of one metric */
    {F "  - { metric: soil_moisture, depth: 20, register: 0, scale: 0.1 }\n", 3,
     "depth: \"20\" is no depth", "depth: 20cm", false},
    {F "  - { metric: soil_moisture, depth: 0cm, register: 0, scale: 0.1 }\n", 3,
     "depth: \"0cm\" is no depth", "1cm to 999cm", false},
    {F "  - { metric: soil_moisture, at: north, register: 0, scale: 0.1 }\n", 3,
     "at: \"north\" is not which", "at: l1", false},
    {F "  - { metric: soil_moisture, at: 2, depth: 20cm, register: 0, scale: 0.1 }\n", 3,
     "depth and at both", "keep one", false},
    {F TEMP "  - { role: status, at: 2, register: 4 }\n", 4, "at is for a field with a metric",
     "leave it out", false},
    {F "  - { metric: soil_moisture, depth: 20cm, register: 0, scale: 0.1 }\n"
       "  - { metric: soil_moisture, depth: 0.2m, register: 1, scale: 0.1 }\n",
     4, "\"soil_moisture_20cm\" stands twice", "depth: 20cm or at: l1", false},
    {F "  - { metric: a234567890123456789012345678901, at: 2, register: 0 }\n", 3,
     "more than 32 letters together", "a shorter name", false},
    /* periods and blocks */
    {F "  - { metric: a, register: 0, every: 10min }\n", 1, "each metric has an every of its own",
     "leave it out", false},
    {F TEMP "blocks: [{ register: 0, count: 126 }]\n", 4, "126 is outside 1..125", "count: 20",
     false},
    {F TEMP "blocks: [{ register: 5, count: 3 }]\n", 4, "no field lies in the block",
     "leave it out", false},
    {F "  - { metric: power, register: 0, type: s32 }\nblocks: [{ register: 1, count: 4 }]\n", 3,
     "power lies only partly in the block of line 4", "larger", false},
    {F TEMP "blocks:\n  - { register: 0, count: 4 }\n  - { register: 0, count: 8 }\n", 6,
     "the blocks of lines 5 and 6 overlap", "one of them", false},
    {F "  - { metric: power, register: 0, type: f32, width: 32 }\n"
       "blocks: [{ register: 0, count: 4 }]\n",
     3, "power has width: 32", "16 bits", false},
    {"limits: { max_registers: 8 }\n" F TEMP "blocks: [{ register: 0, count: 9 }]\n", 5,
     "larger than max_registers 8", "raise the limit", false},
    {F "  - { metric: illuminance, register: 0, type: u64 }\n"
       "  - { metric: air_humidity, register: 3 }\n",
     4, "both take register 3 (64 bits take four registers)", "check register and type", TAKES},
    {F "  - { metric: a, register: 0, type: u8 }\n  - { metric: b, register: 0, type: s8 }\n", 4,
     "b and a (line 3) both take register 0", "check register and type", TAKES},
    /* fields among each other */
    {F "  - { metric: illuminance, register: 0, type: u32 }\n"
       "  - { metric: air_humidity, register: 1 }\n",
     4, "air_humidity and illuminance (line 3) both take register 1 (32 bits take two registers)",
     "check register and type", TAKES},
    {F "  - { metric: air_humidity, register: 1 }\n"
       "  - { metric: illuminance, register: 0, type: u32 }\n",
     4, "both take register 1 (32 bits", "check register and type", TAKES},
    {F TEMP "  - { metric: air_humidity, register: 0 }\n", 4, "both take register 0;",
     "check register and type", TAKES},
    {F "  - { metric: a, register: 0, type: bits, bit: 0, bits: 4 }\n"
       "  - { metric: b, register: 0, type: bits, bit: 3, bits: 4 }\n",
     4, "b and a (line 3) both take register 0", "check register and type", TAKES},
    {F TEMP "  - { metric: air_temperature, register: 1, type: s16, scale: 0.1 }\n", 4,
     "\"air_temperature\" stands twice", "its own", false},
    /* keys without effect */
    {F "  - { metric: air_humidity, register: 0, bit: 4 }\n", 3, "bit is for type: bits",
     "leave it out", TAKES},
    {F "  - { metric: air_humidity, register: 0, order: cdab }\n", 3, "order cdab and dcba",
     "leave it out", TAKES},
    {F "  - { metric: air_humidity, register: 0, channel: 2 }\n", 3, "channel is a place",
     "leave it out", TAKES},
    {F "  - { metric: wind_direction, register: 0, values: [0, 45], scale: 10 }\n", 3,
     "scale has no effect", "leave it out", TAKES},
    {F "  - { metric: air_humidity, register: 0, most_per_hour: 3 }\n", 3,
     "most_per_hour is for role: counter", "leave it out", TAKES},
    /* writes */
    {F TEMP "writes: [{ name: a, function: 5, register: 2, min: 0, max: 255 }]\n", 4,
     "function 5 writes 0 to 1", "a range inside", TAKES},
    {F TEMP "writes: [{ name: a, register: 2, min: 0, max: 70000 }]\n", 4,
     "function 6 writes -32768 to 65535", "a range inside", TAKES},
    {F TEMP "writes:\n  - { name: a, register: 2, min: 0, max: 1 }\n"
            "  - { name: a, register: 3, min: 0, max: 1 }\n",
     6, "\"a\" stands twice", "its own", TAKES},
    {F TEMP "writes: [{ name: a, register: 2, min: 0, max: 1, every: 30s }]\n", 4,
     "a is written by the gateway itself, but not what", "value: 1", false},
    {F TEMP "writes: [{ name: a, register: 2, min: 0, max: 1, value: 1 }]\n", 4,
     "a has a value and no time for it", "at_start: true", false},
    {F TEMP "writes: [{ name: a, register: 2, min: 0, max: 1, value: 2, at_start: true }]\n", 4,
     "value 2 of a is outside", "0 to 1", false},
    {F TEMP
     "writes:\n  - { name: a, register: 2, min: 0, max: 1, value: 1, every: 30s, max_on: 5s }\n",
     5, "would be switched on again", "leave max_on out", false},
    {F TEMP "writes: [{ name: a, register: 2, min: 3, max: 1 }]\n", 4, "min 3 is above max 1",
     "exchange", false},
    /* the reader's own, by which a slip makes one error and none that follows from it */
    {F "  - { metric: air_temperature, regster: 0, type: s16 }\n", 3, "unknown key \"regster\"",
     "did you mean \"register\"?", false},
    {F "  - { metirc: air_temperature, register: 0, type: s16 }\n", 3, "unknown key \"metirc\"",
     "did you mean \"metric\"?", false},
    {F "  - { metric: air_temperature, register: 0, type: int16 }\n", 3, "type: \"int16\"",
     "u16, s16", false},
    {F "  - { role: count, metric: rainfall, register: 0 }\n", 3, "role: \"count\"",
     "metric, counter", false},
    {F "  - metric: air_temperature\n    register: 0\n    scale: 0,1\n", 5,
     "\"0,1\" is not a number", "scale: 0.1", false},
    {F "  - { metric: air_temperature, register: 0, min: cold, max: -60 }\n", 3, "min: \"cold\"",
     "min: -40", false},
    {F "  - { metric: air_temperature, register: 0, type: s16, scale: 1/10 }\n", 3,
     "\"1/10\" is not a number", "scale: 0.1", false},
    /* the words of other programs */
    {F "  - { metric: air_temperature, register: 0, type: int16 }\n", 3, "\"int16\" is unknown",
     "did you mean s16?", false},
    {F "  - { metric: air_temperature, register: 0, type: Float32 }\n", 3, "\"Float32\" is unknown",
     "did you mean f32?", false},
    {F "  - { metric: air_temperature, register: 0, type: s32, order: little }\n", 3,
     "\"little\" is unknown", "did you mean dcba?", false},
    {F "  - { metric: temp, register: 0 }\n", 3, "\"temp\" is no known metric",
     "write air_temperature", TAKES},
    {F "  - { metric: wetness_code, register: 0, codes: { 1: dry } }\n", 3, "unknown key \"codes\"",
     "did you mean \"values\"?", false},
    {"limits: { max_gap: 4 }\n" F TEMP, 1, "unknown key \"max_gap\"", "did you mean \"read_gap\"?",
     false},
    {F TEMP "writes:\n  - { name: rate, register: 9, minimum: 0, max: 5 }\n", 5,
     "unknown key \"minimum\"", "did you mean \"min\"?", false},
    {F TEMP "writes:\n  - { name: rate, register: 9, function: 3, min: 0, max: 5 }\n", 5,
     "function: \"3\" is unknown", "5, 6, 15, 16", false},
    {"label: l\nfeilds:\n" TEMP, 2, "unknown key \"feilds\"", "did you mean \"fields\"?", false},
    {"fields:\n" TEMP, 1, "has no label", "label: XY-MD02", false},
    {"label: l\n", 1, "has no fields", "fields: [", false},
    {"label: l\nfields: []\n", 1, "0 measured metrics", "1 to 24", false},
    {"label: l\nfields:\n - [\n", 3, "not YAML", "write } or ]", false},
};

static void each_mistake_has_its_line_and_what_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const struct mistake *m = &mistakes[i];
        bool good = check(m->text);
        if (good || errors.count == 0)
            fail_msg("passed:\n%s", m->text);
        if (errors.count != 1)
            fail_msg("%u errors, \"%s\" and \"%s\":\n%s", errors.count, errors.list[0].text,
                     errors.list[1].text, m->text);
        if (errors.list[0].line != m->line || !strstr(errors.list[0].text, m->wrong) ||
            !strstr(errors.list[0].text, m->right))
            fail_msg("line %d \"%s\", not line %d \"%s\", \"%s\"", errors.list[0].line,
                     errors.list[0].text, m->line, m->wrong, m->right);
        if ((*daemon_says() == '\0') != m->taken)
            fail_msg("the daemon %s:\n%s", m->taken ? "refuses" : "takes", m->text);
    }
}

/* What looks like a mistake and is none. */
static void what_is_meant_so_passes(void **state)
{
    (void)state;
    static const char *const good[] = {
        F "  - { metric: air_temperature, register: 0x9C41, type: s16 }\n", /* 40001, said in hex */
        F "  - { metric: air_temperature, register: 40000, type: s16 }\n",  /* no such number */
        F "  - { metric: air_temperature, register: 10001, type: s16 }\n",
        F "  - { metric: air_temperature, register: 50001, type: s16 }\n",
        F "  - { metric: air_temperature, register: 00012, type: s16 }\n",
        F "  - { metric: soil_temperature_upper, register: 0, unit: K, type: s16 }\n", /* its own */
        F "  - { metric: soil_moisture, depth: 20cm, register: 0, scale: 0.1 }\n"
          "  - { metric: soil_moisture, depth: 0.4m, register: 1, scale: 0.1 }\n",
        F "  - { metric: voltage, at: l1, register: 0, type: s16, scale_from: 9 }\n"
          "  - { metric: voltage, at: l2, register: 1, type: s16, scale_from: 9 }\n",
        F "  - { metric: a, register: 0, type: s8, byte: high }\n"
          "  - { metric: b, register: 0, type: u8 }\n",
        F "  - { metric: water_volume, role: counter, register: 0, type: u64, wraps: 1000000000000 "
          "}\n",
        F "  - { metric: water_volume, role: counter, register: 0, type: bcd32 }\n",
        F "  - { metric: power, register: 0, type: f64, no_value: 0x7FF8000000000000 }\n",
        F "  - { metric: power, register: 0, type: s64, no_value: -9223372036854775808 }\n",
        F "  - { metric: power, register: 0, type: sm16 }\n"
          "  - { role: model, register: 10, type: text, length: 8 }\n"
          "  - { role: firmware, register: 18, scale: 0.01 }\n",
        F "  - { metric: power, register: 0, type: f32, width: 32 }\n"
          "  - { metric: voltage, register: 1, type: f32, width: 32 }\n",
        F TEMP "writes: [{ name: a, register: 2, min: 0, max: 1, value: 1, every: 30s }]\n",
        F "  - { metric: power, register: 3 }\n  - { metric: voltage, register: 4, every: 10min }\n"
          "blocks: [{ register: 0, count: 20 }]\n",
        F "  - { metric: sap_flow, unit: g/h, register: 0 }\n",
        F "  - { metric: air_pressure, unit: kPa, register: 0, scale: 0.01 }\n",
        F "  - { metric: a, register: 0, type: bits, bit: 0, bits: 4 }\n"
          "  - { metric: b, register: 0, type: bits, bit: 4, bits: 4 }\n",
        F "  - { metric: air_humidity, register: 0 }\n"
          "  - { metric: soil_moisture, function: 4, register: 0 }\n",
        F "  - { metric: air_humidity, register: 0, order: badc }\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!check(good[i]))
            fail_msg("\"%s\":\n%s", errors.list[0].text, good[i]);
        assert_string_equal(daemon_says(), "");
    }
}

static void all_are_said_at_once_in_the_order_of_their_lines(void **state)
{
    (void)state;
    static const struct {
        int line;
        const char *text;
    } expected[] = {
        {1, "label: 0 bytes"},
        {2, "baud: 12 is outside"},
        {2, "parity: \"odd-ish\" is unknown"},
        {3, "unknown key \"limit\" in a profile; did you mean \"limits\"?"},
        {5, "register 40001"},
        {5, "\"air_temprature\" is no known metric"},
        {6, "type: \"int\" is unknown"},
        {7, "no_value -5 does not fit"},
        {7, "wraps is where"},
        {7, "scale is 0"},
        {10, "register 40011"},
        {11, "unit \"hPa\""},
        {13, "a write has no max"},
    };
    assert_false(
        check("label: ''\n"
              "serial: { baud: 12, parity: odd-ish }\n"
              "limit: { max_registers: 8 }\n"
              "fields:\n"
              "  - { metric: air_temprature, register: 40001, type: s16 }\n"
              "  - { metric: air_humidity, register: 1, type: int }\n"
              "  - { metric: soil_moisture, register: 2, scale: 0, no_value: -5, wraps: 9 }\n"
              "  - metric: air_pressure\n"
              "    # a comment\n"
              "    register: 40011\n"
              "    unit: hPa\n"
              "writes:\n"
              "  - { name: a, register: 9, min: 0 }\n"));
    for (size_t i = 0; i < errors.count && i < sizeof expected / sizeof expected[0]; i++) {
        if (errors.list[i].line != expected[i].line ||
            !strstr(errors.list[i].text, expected[i].text))
            fail_msg("%zu: line %d \"%s\", not line %d \"%s\"", i, errors.list[i].line,
                     errors.list[i].text, expected[i].line, expected[i].text);
    }
    assert_int_equal(errors.count, sizeof expected / sizeof expected[0]);
    assert_non_null(strstr(daemon_says(), ":1: label: 0 bytes")); /* and the daemon the first */
}

/* As many as there is room for, none beyond it. */
static void a_file_of_nothing_but_errors_ends(void **state)
{
    (void)state;
    char text[16384] = "label: l\n";
    size_t size = strlen(text);
    for (int i = 0; i < 1000; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "x%d: 1\n", i);
    assert_false(check(text));
    assert_int_equal(errors.count, YAML_ERRORS_MAX);
}

static void the_files_name_is_the_profiles(void **state)
{
    (void)state;
    char path[160];
    struct profile_config profile;
    write_file(F TEMP);
    (void)snprintf(path, sizeof path, "%s/My Probe.yml", folder);
    assert_int_equal(rename(file, path), 0);
    assert_false(profile_check(path, &profile, &errors));
    profile_free(&profile);
    assert_int_equal(errors.count, 1);
    assert_non_null(strstr(errors.list[0].text, "NAME.yaml"));
    assert_int_equal(rename(path, file), 0);
    assert_true(profile_check(file, &profile, &errors));
    assert_string_equal(profile.name, "probe");
    profile_free(&profile);
    assert_false(profile_check("/nowhere/at-all.yaml", &profile, &errors));
    profile_free(&profile);
    assert_non_null(strstr(errors.list[0].text, "can't read the file"));
}

static void every_shipped_profile_passes(void **state)
{
    (void)state;
    unsigned count = 0;
    DIR *dir = opendir(PROFILES);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char path[512];
        struct profile_config profile;
        if (!strstr(entry->d_name, ".yaml"))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", PROFILES, entry->d_name);
        if (!profile_check(path, &profile, &errors))
            fail_msg("%s:%d: %s", path, errors.list[0].line, errors.list[0].text);
        profile_free(&profile);
        count++;
    }
    assert_int_equal(closedir(dir), 0);
    assert_true(count >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_has_its_line_and_what_is_right),
        cmocka_unit_test(what_is_meant_so_passes),
        cmocka_unit_test(all_are_said_at_once_in_the_order_of_their_lines),
        cmocka_unit_test(a_file_of_nothing_but_errors_ends),
        cmocka_unit_test(the_files_name_is_the_profiles),
        cmocka_unit_test(every_shipped_profile_passes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
