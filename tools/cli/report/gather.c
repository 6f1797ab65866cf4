/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "tools/cli/report/job.h"
#include "tools/cli/report/photo.h"
#include "tools/cli/report/uplink.h"

/* The result, a new reference; NULL and a complaint. */
static json_t *ask_of(struct report_job *job, const char *method, const char *device)
{
    json_t *answer = talk_ask(&job->talk, method, json_pack("{s:s}", "device", device), NULL);
    json_t *result = answer != NULL && !talk_failed(answer)
                         ? json_incref(json_object_get(answer, "result"))
                         : NULL;
    json_decref(answer);
    return result;
}

/* ---- what it is, and where ---- */

static const struct plot_config *plot_of(const struct config *config, uint16_t device)
{
    for (unsigned p = 0; p < config->plot_count; p++) {
        for (unsigned i = 0; i < config->plots[p].device_count; i++) {
            if (config->plots[p].devices[i] == device)
                return &config->plots[p];
        }
    }
    return NULL;
}

static json_t *describe(const struct config *config, const struct device_config *device)
{
    const struct plot_config *plot = plot_of(config, device->index);
    const char *place = plot == NULL ? "" : plot->label[0] != '\0' ? plot->label : plot->name;
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:s}", "name", device->name, "label",
                     device->label[0] != '\0' ? device->label : device->name, "plot",
                     plot != NULL ? plot->name : "", "plot_label", place, "bus",
                     config->buses[device->bus].name, "unit", (int)device->unit, "profile",
                     device->profile->name);
}

static void copy_members(json_t *to, const json_t *from, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(from, names[i]);
        if (value != NULL)
            (void)json_object_set(to, names[i], value);
    }
}

static void add_photo(struct report_job *job, json_t *one, const struct device_config *device)
{
    char name[CLI_PATH] = "";
    char *data = job->photos != NULL
                     ? photo_data(job->photos, device->name, &job->photos_left, name, sizeof name)
                     : NULL;
    if (data == NULL)
        return;
    (void)json_object_set_new(one, "photo", json_string(name));
    (void)json_object_set_new(one, "photo_data", json_string(data));
    free(data);
}

/* ---- is it accepted? ---- */

/* A node has more channels than probes are plugged into it: those are absent, which is shown. One
 * whose calibration is past its date measures all the same, and the sheet names it. */
static bool is_value_fine(const json_t *value)
{
    static const char *const fine[] = {"good", "absent", "uncalibrated", "clock"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        if (strcmp(talk_text(value, "flag"), fine[i]) == 0)
            return true;
    }
    return false;
}

static bool are_values_fine(const json_t *values)
{
    const json_t *value;
    size_t i, measured = 0;
    bool fine = true;
    json_array_foreach (values, i, value) {
        measured += json_is_number(json_object_get(value, "value"));
        fine = fine && is_value_fine(value);
    }
    return fine && measured > 0;
}

static void judge(json_t *one)
{
    const json_t *polls = json_object_get(one, "polls");
    json_t *reasons = json_array();
    bool answers = talk_integer(polls, "answers") > 0;
    if (!answers)
        (void)json_array_append_new(reasons, json_string("silent"));
    else if (json_number_value(json_object_get(polls, "error_rate")) > REPORT_LIMIT)
        (void)json_array_append_new(reasons, json_string("errors"));
    if (answers && !json_is_true(json_object_get(polls, "whole")))
        (void)json_array_append_new(reasons, json_string("polls"));
    if (answers && !are_values_fine(json_object_get(one, "values")))
        (void)json_array_append_new(reasons, json_string("values"));
    (void)json_object_set_new(one, "passed", json_boolean(json_array_size(reasons) == 0));
    (void)json_object_set_new(one, "reasons", reasons);
}

/* ---- all of it ---- */

/* NULL and a complaint: the gateway does not answer, or knows no such device. */
static json_t *gather_device(struct report_job *job, const struct device_config *device)
{
    static const char *const of_stats[] = {"online", "firmware", "model",
                                           "serial", "hint",     "hint_zh"};
    json_t *polls = report_polls(job, device);
    json_t *stats = polls != NULL ? ask_of(job, "stats", device->name) : NULL;
    json_t *values = stats != NULL ? ask_of(job, "values", device->name) : NULL;
    json_t *one = NULL;
    if (values != NULL) {
        json_t *newest = json_array_get(json_object_get(values, "values"), 0);
        one = describe(job->config, device);
        copy_members(one, stats, of_stats, sizeof of_stats / sizeof of_stats[0]);
        copy_members(one, newest, (const char *const[]){"values", "ts"}, 2);
        (void)json_object_set(one, "polls", polls);
        (void)json_object_set_new(one, "calibration", report_calibration(job, device));
        add_photo(job, one, device);
        judge(one);
    }
    json_decref(polls);
    json_decref(stats);
    json_decref(values);
    return one;
}

static json_t *describe_line(const struct bus_config *bus)
{
    char how[CONFIG_PATH_SIZE + 64];
    if (bus->type == BUS_RTU)
        (void)snprintf(how, sizeof how, "%s, %u 8%c%u", bus->port, bus->baud, bus->parity,
                       bus->stop_bits);
    else
        (void)snprintf(how, sizeof how, "%s:%u, %s", bus->port, bus->tcp_port,
                       bus->type == BUS_TCP ? "Modbus TCP" : "Modbus RTU, TCP");
    return json_pack("{s:s,s:s}", "bus", bus->name, "how", how);
}

static json_t *lines_of(const struct report_job *job)
{
    json_t *lines = json_array();
    for (unsigned i = 0; i < job->config->bus_count; i++) {
        if (job->bus == NULL || job->bus == &job->config->buses[i])
            (void)json_array_append_new(lines, describe_line(&job->config->buses[i]));
    }
    return lines;
}

static void made_text(char text[32])
{
    struct tm local;
    time_t now = time(NULL);
    text[0] = '\0';
    if (localtime_r(&now, &local) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M %z", &local) == 0)
        text[0] = '\0';
}

json_t *report_gather(struct report_job *job, int *code)
{
    const struct config *config = job->config;
    json_t *devices = json_array();
    bool passed = true;
    char made[32];
    *code = EX_UNAVAILABLE;
    for (unsigned i = 0; i < config->device_count; i++) {
        const struct device_config *device = &config->devices[i];
        if (job->bus != NULL && job->bus != &config->buses[device->bus])
            continue;
        json_t *one = gather_device(job, device);
        if (one == NULL) {
            json_decref(devices);
            return NULL;
        }
        passed = passed && json_is_true(json_object_get(one, "passed"));
        (void)json_array_append_new(devices, one);
    }
    made_text(made);
    *code = passed ? EX_OK : 1;
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:f,s:b,s:o,s:o,s:o}", "site", config->site, "label",
                     config->label, "made", made, "operator",
                     job->operator!= NULL ? job->operator: "", "version", BAIYE_VERSION, "polls",
                     (json_int_t)job->polls, "limit", REPORT_LIMIT, "passed", (int)passed, "lines",
                     lines_of(job), "uplink", uplink_modems(), "devices", devices);
}
