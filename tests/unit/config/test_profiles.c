/* SPDX-License-Identifier: Apache-2.0 */
/* Every shipped profile decodes an answer as its maker documents it: the plan's requests go out as
 * they should, the frame is found by the RTU client, the registers become the values. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/bus/device.h"
#include "gateway/daemon/bus/load.h"
#include "tests/unit/config/profile_examples.h"

/* Those that came first; the others stand in profile_examples_*.c. */
static const struct example examples[] = {
    {"rs-ws-n01-tr",
     "maker's manual, worked request and answer",
     "01 03 00 00 00 02 C4 0B",
     {"01 03 04 02 92 FF 9B 5A 3D"},
     true,
     {{"soil_moisture", 65.8}, {"soil_temperature", -10.1}}},
    {"xy-md02",
     "maker's manual, worked request and answer",
     "01 04 00 01 00 02 20 0B",
     {"01 04 04 01 31 02 22 2A CE"},
     true,
     {{"air_temperature", 30.5}, {"air_humidity", 54.6}}},
    {"md02-red",
     "register table of a user's report (Nordmann); frame made by it",
     NULL,
     {"01 04 04 FF 38 15 E0"},
     false,
     {{"air_temperature", -2.0}, {"air_humidity", 56.0}}},
    {"shtc3-box",
     "register table of a user's report (Nordmann); frame made by it",
     NULL,
     {"01 03 04 02 92 FF 9B"},
     false,
     {{"air_humidity", 65.8}, {"air_temperature", -10.1}}},
    {"rs-ws-n01",
     "register table scanned from units; frame made by it",
     "01 03 00 00 00 02 C4 0B",
     {"01 03 04 02 92 FF 9B 5A 3D"},
     true,
     {{"air_humidity", 65.8}, {"air_temperature", -10.1}}},
    {"zts-3000-ecws",
     "maker's manual, request; answer made by its register table",
     "01 03 00 00 00 03 05 CB",
     {"01 03 06 02 92 FF 9B 03 E8"},
     false,
     {{"soil_moisture", 65.8}, {"soil_temperature", -10.1}, {"soil_conductivity", 1000}}},
    {"zts-3000-ph",
     "maker's manual, request; answer made by its register table",
     "01 03 00 00 00 01 84 0A",
     {"01 03 02 00 38"},
     false,
     {{"soil_ph", 5.6}}},
    {"zts-3001-7in1",
     "maker's manual, request; answer made by its register table",
     "01 03 00 00 00 07 04 08",
     {"01 03 0E 02 92 FF 9B 03 E8 00 38 00 20 00 58 00 68"},
     false,
     {{"soil_moisture", 65.8},
      {"soil_temperature", -10.1},
      {"soil_conductivity", 1000},
      {"soil_ph", 5.6},
      {"soil_nitrogen", 32},
      {"soil_phosphorus", 88},
      {"soil_potassium", 104}}},
    {"sn-3002-npk",
     "maker's manual, register table; frame made by it", /* four registers only: what is not
                                                            measured is not even asked for */
     "01 03 00 00 00 04 44 09",
     {"01 03 08 02 92 FF 9B 03 E8 00 38"},
     false,
     {{"soil_moisture", 65.8},
      {"soil_temperature", -10.1},
      {"soil_conductivity", 1000},
      {"soil_ph", 5.6}}},
    {"jxbs-3001-7in1",
     "register table of three independent drivers; frames made by it",
     "01 03 00 06 00 01 64 0B",
     {"01 03 02 02 30", "01 03 04 01 2C 00 FA", "01 03 02 01 F4", "01 03 06 00 20 00 58 00 68"},
     false,
     {{"soil_ph", 5.6},
      {"soil_moisture", 30.0},
      {"soil_temperature", 25.0},
      {"soil_conductivity", 500},
      {"soil_nitrogen", 32},
      {"soil_phosphorus", 88},
      {"soil_potassium", 104}}},
    {"cwt-soil-thc",
     "maker's configuration tool, register table; frame made by it",
     NULL,
     {"01 03 08 01 2C FF F6 01 F4 01 13"},
     false,
     {{"soil_moisture", 30.0},
      {"soil_temperature", -1.0},
      {"soil_conductivity", 500},
      {"soil_salinity", 275}}},
    {"seeed-soil-02",
     "maker's manual page, register table; frame made by it",
     NULL,
     {"01 03 08 FF 38 0B B8 01 F4 01 13"},
     false,
     {{"soil_temperature", -2.0},
      {"soil_moisture", 30.0},
      {"soil_conductivity", 500},
      {"soil_salinity", 275}}},
    {"seeed-leaf-ym01",
     "maker's data sheet, register table; frame made by it",
     NULL,
     {"0B 03 04 09 C4 13 88"},
     false,
     {{"leaf_temperature", 25.0}, {"leaf_wetness", 50.0}}},
    {"rs-fsjt-n01",
     "maker's manual, request; answer made by its register table",
     "01 03 00 00 00 01 84 0A",
     {"01 03 02 00 7D"},
     false,
     {{"wind_speed", 12.5}}},
    {"rs-fxjt-n01",
     "request and answer given with published drivers",
     "01 03 00 00 00 01 84 0A",
     {"01 03 02 00 02 39 85"},
     true,
     {{"wind_direction", 90}}},
    {"rs-fsxcs",
     "maker's manual, register table; frame made by it",
     "01 03 01 F4 00 10 04 08",
     {"01 03 20 00 7D 00 01 00 02 00 5A 02 92 FF 9B 01 B3 00 23 00 2F 03 F5 00 01 86 A0 03 E8 00 "
      "64 00 00 02 58"},
     false,
     {{"wind_speed", 1.25},
      {"wind_direction", 90},
      {"air_humidity", 65.8},
      {"air_temperature", -10.1},
      {"noise", 43.5},
      {"pm2_5", 35},
      {"pm10", 47},
      {"air_pressure", 101.3},
      {"illuminance", 100000},
      {"rainfall", ABSENT}, /* the first look at a counter says nothing yet */
      {"solar_radiation", 600}}},
    {"cwt-sl-light",
     "maker's configuration tool, register table; frame made by it",
     NULL,
     {"01 03 0E 02 92 00 65 00 00 00 00 00 00 00 00 30 39"},
     false,
     {{"air_humidity", 65.8}, {"air_temperature", 10.1}, {"illuminance", 12345}}},
    {"xm9505-rain",
     "maker's page, register table; frame made by it",
     NULL,
     {"01 03 02 00 64"},
     false,
     {{"rainfall", ABSENT}}},
    {"cwt-si-irradiance",
     "maker's configuration tool, register table; frame made by it",
     NULL,
     {"01 03 02 02 58"},
     false,
     {{"solar_radiation", 600}}},
    {"sen0483-wind",
     "maker's wiki, register table; frame made by it",
     NULL,
     {"02 03 02 00 21"},
     false,
     {{"wind_speed", 3.3}}},
    {"waveshare-relay-8",
     "maker's wiki, worked request and answer of reading the outputs",
     "01 01 00 00 00 08 3D CC",
     {"01 01 01 05"},
     false,
     {{"output_1", 1},
      {"output_2", 0},
      {"output_3", 1},
      {"output_4", 0},
      {"output_5", 0},
      {"output_6", 0},
      {"output_7", 0},
      {"output_8", 0}}},
    {"baiye-node",
     "protocols/node_map/NODE_MAP.md",
     "01 04 00 00 00 16 71 C4",
     {"01 04 2C 00 01 00 07 00 00 12 67 00 0F 00 01 00 20 04 00 00 00 00 3C "
      "07 1D 1F 40 FE 0C 80 00 00 E7 00 01 86 A0 00 00 00 C8 0C E4 80 00 FF 38"},
     false,
     {{"air_temperature", 18.21},
      {"air_humidity", 80.0},
      {"soil_moisture", -5.0},
      {"soil_temperature", ABSENT},
      {"soil_conductivity", 231},
      {"illuminance", 100000},
      {"rainfall", ABSENT},
      {"battery_voltage", 3.3},
      {"soil_wetness", ABSENT},
      {"canopy_temperature", -2.0}}},
};

#define EXAMPLES (sizeof examples / sizeof examples[0])

static char config_path[64];

static int make_file(void **state)
{
    (void)state;
    strcpy(config_path, "/tmp/test_profiles.XXXXXX");
    int fd = mkstemp(config_path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(config_path);
}

static struct config *config_with(const char *profile, unsigned unit)
{
    struct config_error error;
    FILE *file = fopen(config_path, "w");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "site: s\nbuses:\n  - name: b\n    port: /dev/x\n    devices:\n"
                        "      - { name: d, profile: %s, address: %u }\n",
                        profile, unit) > 0);
    assert_int_equal(fclose(file), 0);
    struct config *config = config_load(config_path, NULL, &error);
    if (config == NULL)
        fail_msg("%s", error.text);
    return config;
}

static size_t from_hex(const char *text, uint8_t *bytes)
{
    size_t size = 0;
    for (char *end; *text; text = end)
        bytes[size++] = (uint8_t)strtoul(text, &end, 16);
    return size;
}

/* One read: the request is the documented one, its answer is found and taken. */
static void answer_read(struct device *device, const struct example *example)
{
    uint8_t pdu[5], frame[256], expected[256], bytes[256] = {0};
    struct transact_request request;
    struct rtu_client client;
    const char *text = example->answers[device->read];
    assert_non_null(text);
    device_request(device, pdu, &request);
    if (device->read == 0 && example->asks != NULL) {
        size_t size = rtu_build(request.unit, pdu, 5, frame, sizeof frame);
        assert_int_equal(from_hex(example->asks, expected), size);
        assert_memory_equal(frame, expected, size);
    }
    rtu_client_expect(&client, request.unit, pdu, 5);
    size_t size = from_hex(text, bytes);
    if (!example->crc) {
        size = rtu_build(bytes[0], bytes + 1, size - 1, frame, sizeof frame);
        memcpy(bytes, frame, size);
    }
    assert_int_equal(rtu_client_feed(&client, bytes, size), RTU_CLIENT_ANSWER);
    assert_int_equal(size, request.answer_size);
    size_t answer_size;
    const uint8_t *answer = rtu_client_pdu(&client, &answer_size);
    const struct plan_read *read = &device->plan.reads[device->read];
    decode_answer(read, answer, device->image.words + device->image.start[device->read]);
    device->read++;
}

static void check_values(const struct device_config *device, const struct reading *reading,
                         const struct example *example)
{
    unsigned count = 0;
    for (; count < METRICS && example->expected[count].metric != NULL; count++) {
        const struct reading_value *value = &reading->values[count];
        double expected = example->expected[count].value;
        assert_string_equal(device->metrics[count]->metric, example->expected[count].metric);
        if (isnan(expected) == value->present ||
            (value->present && fabs(value->value - expected) > 1e-6))
            fail_msg("%s: %s is %g, expected %g", example->profile, example->expected[count].metric,
                     value->value, expected);
    }
    assert_int_equal(reading->value_count, count);
}

/* All tables: the example of that number, NULL behind the last. */
static const struct example *example_at(size_t index)
{
    const struct {
        const struct example *list;
        size_t count;
    } tables[] = {{examples, EXAMPLES},
                  {meters_examples, meters_example_count},
                  {machines_examples, machines_example_count},
                  {probes_examples, probes_example_count}};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        if (index < tables[t].count)
            return &tables[t].list[index];
        index -= tables[t].count;
    }
    return NULL;
}

static void decodes_documented_frames(void **state)
{
    (void)state;
    static const struct reading_sink no_sink;
    const struct example *example;
    for (size_t e = 0; (example = example_at(e)) != NULL; e++) {
        assert_non_null(example->source);
        struct config *config =
            config_with(example->profile, (unsigned)strtoul(example->answers[0], NULL, 16));
        struct device device;
        struct device_alone alone = {0};
        struct own_node node;
        struct reading reading;
        device_init_alone(&device, &config->devices[0], &config->buses[0], 1, &no_sink, &node,
                          &alone);
        while (device.read < device.plan.read_count)
            answer_read(&device, example);
        assert_true(device.read == READS || example->answers[device.read] == NULL);
        device.poll.answered_ns = 100000000000;
        assert_true(device_reading(&device, (struct wall_ms){1795293274123, TIME_TRUSTED}, 100000,
                                   &reading));
        check_values(&config->devices[0], &reading, example);
        config_free(config);
    }
}

/* A profile without an example here fails, and so does one whose plan no line could carry. */
static void every_shipped_profile_has_an_example(void **state)
{
    (void)state;
    unsigned profiles = 0;
    DIR *dir = opendir(PROFILES);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        const char *end = strstr(entry->d_name, ".yaml");
        if (end == NULL)
            continue;
        profiles++;
        size_t size = (size_t)(end - entry->d_name);
        unsigned found = 0;
        const struct example *example;
        for (size_t e = 0; (example = example_at(e)) != NULL; e++)
            found += strlen(example->profile) == size &&
                     memcmp(example->profile, entry->d_name, size) == 0;
        if (found != 1)
            fail_msg("%s has %u examples", entry->d_name, found);
    }
    assert_int_equal(closedir(dir), 0);
    assert_true(profiles >= 80);
    assert_null(example_at(profiles)); /* none is of a profile that is not there */
}

static void a_node_keeps_identity_flags_and_time(void **state)
{
    (void)state;
    static const struct reading_sink no_sink;
    struct config *config = config_with("baiye-node", 1);
    struct device device;
    struct device_alone alone = {0};
    struct own_node node;
    struct reading reading;
    device_init_alone(&device, &config->devices[0], &config->buses[0], 1, &no_sink, &node, &alone);
    answer_read(&device, &examples[EXAMPLES - 1]);
    device.poll.answered_ns = 100000000000;
    struct wall_ms wall = {1795293274123, TIME_TRUSTED};
    assert_true(device_reading(&device, wall, 100040, &reading));
    assert_int_equal(reading.boot, 7);
    assert_int_equal(reading.seq, 0x1267);
    assert_int_equal(reading.taken.ms, 100000 - 1500); /* age 1.5 s before the answer */
    assert_int_equal(reading.time.ms, 1795293274123 - 1540);
    assert_int_equal(reading.values[1].flag, METRIC_RANGE); /* the node says so */
    assert_int_equal(reading.values[2].flag, METRIC_RANGE); /* -5 % */
    assert_int_equal(reading.values[0].flag, METRIC_GOOD);
    assert_int_equal(reading.values[3].flag, METRIC_ABSENT);
    device.read = 0;
    answer_read(&device, &examples[EXAMPLES - 1]);
    assert_false(device_reading(&device, wall, 100040, &reading)); /* the same sample again */
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_documented_frames),
        cmocka_unit_test(every_shipped_profile_has_an_example),
        cmocka_unit_test(a_node_keeps_identity_flags_and_time),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
