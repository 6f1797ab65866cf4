/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/actions/persisted.h"

#include <jansson.h>
#include <string.h>

#include "protocols/mqtt/json.h"

#define VERSION 1

/* ---- Writing ---- */

static void put_times(struct json_out *o, const struct switching *switching)
{
    struct switching_time time;
    json_out_key(o, "ran");
    json_out_open(o, '[');
    for (uint32_t i = 0; switching_time(switching, i, &time); i++) {
        if (!time.ran)
            continue;
        json_out_open(o, '[');
        json_out_string(o, time.action);
        json_out_integer(o, time.minute);
        json_out_integer(o, time.wall_ms);
        json_out_close(o, ']');
    }
    json_out_close(o, ']');
}

static void put_on(struct json_out *o, const struct config *config,
                   const struct switching *switching)
{
    json_out_key(o, "on");
    json_out_open(o, '[');
    for (uint16_t i = 0; i < switching_output_count(switching); i++) {
        const struct switching_output *output = switching_output(switching, i);
        if (output->state == SWITCH_IS_OFF && !output->asking)
            continue;
        json_out_open(o, '[');
        json_out_string(o, output->device->name);
        json_out_string(o, output->write->name);
        json_out_integer(o, output->off);
        json_out_string(o, config->buses[output->device->bus].name);
        json_out_integer(o, output->device->unit);
        json_out_close(o, ']');
    }
    json_out_close(o, ']');
}

static void put_people(struct json_out *o, const struct switching *switching,
                       const struct switching_now *now)
{
    json_out_key(o, "people");
    json_out_open(o, '[');
    for (uint16_t i = 0; i < switching_output_count(switching); i++) {
        const struct switching_output *output = switching_output(switching, i);
        int64_t left_ms = output->person_ms - now->mono_ms;
        if (!output->person || left_ms <= 0)
            continue;
        json_out_open(o, '[');
        json_out_string(o, output->device->name);
        json_out_string(o, output->write->name);
        json_out_string(o, output->user);
        json_out_integer(o, now->wall_ms + left_ms);
        json_out_integer(o, left_ms / 1000);
        json_out_close(o, ']');
    }
    json_out_close(o, ']');
}

size_t persisted_write(const struct config *config, const struct switching *switching,
                       const struct switching_now *now, char *doc, size_t size)
{
    struct json_out o = json_out_init(doc, size);
    json_out_open(&o, '{');
    json_out_key_integer(&o, "v", VERSION);
    put_times(&o, switching);
    put_on(&o, config, switching);
    put_people(&o, switching, now);
    json_out_close(&o, '}');
    return o.failed ? 0 : o.at;
}

/* ---- Reading ---- */

static const char *text_at(const json_t *row, size_t index)
{
    const char *text = json_string_value(json_array_get(row, index));
    return text != NULL ? text : "";
}

static int64_t integer_at(const json_t *row, size_t index)
{
    return json_integer_value(json_array_get(row, index));
}

static const struct write_config *find_write(const struct device_config *device, const char *name)
{
    for (uint16_t i = 0; device != NULL && i < device->profile->write_count; i++) {
        if (strcmp(device->profile->writes[i].name, name) == 0)
            return &device->profile->writes[i];
    }
    return NULL;
}

static bool adopt(struct switching *switching, const struct device_config *device, const json_t *on)
{
    const struct write_config *write = find_write(device, text_at(on, 1));
    if (write != NULL)
        switching_adopt(switching, device, write, (int32_t)integer_at(on, 2));
    return write != NULL;
}

/* The device may have another name now, or another place; what is wrong of the two is off
 * anyway. */
static bool adopt_both(const struct config *config, struct switching *switching, const json_t *on)
{
    bool found = adopt(switching, config_device(config, text_at(on, 0)), on);
    for (uint16_t d = 0; d < config->device_count; d++) {
        const struct device_config *device = &config->devices[d];
        if (device->unit == integer_at(on, 4) &&
            strcmp(config->buses[device->bus].name, text_at(on, 3)) == 0)
            found |= adopt(switching, device, on);
    }
    return found;
}

/* A clock that is not set says nothing: then for as long as was left. */
static void keep_person(const struct config *config, struct switching *switching,
                        const struct switching_now *now, const json_t *row)
{
    const struct device_config *device = config_device(config, text_at(row, 0));
    const struct write_config *write = find_write(device, text_at(row, 1));
    int output = write != NULL ? switching_find(switching, device->index, write) : -1;
    int64_t left_ms = integer_at(row, 4) * 1000, until_ms = integer_at(row, 3) - now->wall_ms;
    if (now->day_known && until_ms < left_ms)
        left_ms = until_ms;
    if (output >= 0)
        switching_keep_person(switching, (uint16_t)output, text_at(row, 2), now->mono_ms + left_ms,
                              now->mono_ms);
}

void persisted_read(const struct config *config, struct switching *switching,
                    const struct switching_now *now, const char *doc, size_t size,
                    void (*lost)(const char *device, const char *write))
{
    json_t *root = size > 0 ? json_loadb(doc, size, 0, NULL) : NULL;
    bool known = json_integer_value(json_object_get(root, "v")) == VERSION;
    const json_t *ran = known ? json_object_get(root, "ran") : NULL;
    const json_t *on = known ? json_object_get(root, "on") : NULL;
    const json_t *people = known ? json_object_get(root, "people") : NULL;
    for (size_t i = 0; i < json_array_size(ran); i++) {
        const json_t *row = json_array_get(ran, i);
        switching_time_ran(switching, text_at(row, 0), (uint16_t)integer_at(row, 1),
                           integer_at(row, 2));
    }
    for (size_t i = 0; i < json_array_size(people); i++)
        keep_person(config, switching, now, json_array_get(people, i));
    for (size_t i = 0; i < json_array_size(on); i++) {
        const json_t *row = json_array_get(on, i);
        if (!adopt_both(config, switching, row))
            lost(text_at(row, 0), text_at(row, 1));
    }
    json_decref(root);
}
