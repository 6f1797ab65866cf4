/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a device's calibration: our nodes keep theirs, a bought probe's stands in the
 * gateway's file; the day on which it ends stands there for both. */
#include <stdio.h>
#include <time.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "tools/cli/report/job.h"

#define HOW_SIZE 200

static void day_text(long long day, char text[16])
{
    (void)snprintf(text, 16, "%04d-%02d-%02d", (int)(day / 10000 % 10000), (int)(day / 100 % 100),
                   (int)(day % 100));
}

static int32_t today(void)
{
    struct tm local;
    time_t now = time(NULL);
    return localtime_r(&now, &local) == NULL
               ? 0
               : (local.tm_year + 1900) * 10000 + (local.tm_mon + 1) * 100 + local.tm_mday;
}

static json_t *row(const struct device_config *device, unsigned metric, const char *how,
                   const char *on, const char *by)
{
    char due[16] = "";
    int32_t ends = device->due[metric];
    if (ends != 0)
        day_text(ends, due);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "metric", device->metrics[metric]->metric, "how",
                     how, "on", on, "by", by, "due", due, "past",
                     (int)(ends != 0 && today() >= ends));
}

static void describe_points(const json_t *result, char how[HOW_SIZE])
{
    const json_t *point, *points = json_object_get(result, "points");
    size_t i, count = json_array_size(points);
    how[0] = '\0';
    if (count == 1)
        (void)snprintf(how, HOW_SIZE, _("offset %+.2f %s"),
                       json_number_value(json_array_get(json_array_get(points, 0), 1)),
                       talk_text(result, "unit"));
    json_array_foreach (points, i, point) {
        if (count > 1)
            (void)text_add(how, HOW_SIZE, "%s%lld = %.2f %s", i > 0 ? ", " : "",
                           (long long)json_integer_value(json_array_get(point, 0)),
                           json_number_value(json_array_get(point, 1)), talk_text(result, "unit"));
    }
}

/* NULL: nothing was done, and nothing is due. A channel that has no table is no mistake. */
static json_t *of_node(struct report_job *job, const struct device_config *device, unsigned metric)
{
    char how[HOW_SIZE] = "", on[16] = "", by[32] = "";
    json_t *answer = talk_ask_quietly(
        &job->talk, "calibration",
        json_pack("{s:s,s:s}", "device", device->name, "metric", device->metrics[metric]->metric));
    const json_t *result = json_object_get(answer, "result");
    describe_points(result, how);
    if (talk_integer(result, "date") > 0) {
        day_text(talk_integer(result, "date"), on);
        (void)snprintf(by, sizeof by, _("operator %lld"), talk_integer(result, "operator"));
    }
    json_decref(answer);
    return how[0] != '\0' || device->due[metric] != 0 ? row(device, metric, how, on, by) : NULL;
}

static json_t *of_probe(const struct device_config *device, unsigned metric)
{
    char how[HOW_SIZE] = "";
    const struct device_adjust *adjust = &device->adjust[metric];
    bool adjusted = device->adjusted && (adjust->scale != 1 || adjust->offset != 0);
    if (adjusted)
        (void)snprintf(how, sizeof how, _("times %g, plus %g"), adjust->scale, adjust->offset);
    if (!adjusted && device->due[metric] == 0)
        return NULL;
    return row(device, metric, how, adjusted ? device->adjusted_on : "",
               adjusted ? device->adjusted_by : "");
}

json_t *report_calibration(struct report_job *job, const struct device_config *device)
{
    json_t *list = json_array();
    for (unsigned m = 0; m < device->metric_count; m++) {
        json_t *one = device->profile->node ? of_node(job, device, m) : of_probe(device, m);
        if (one != NULL)
            (void)json_array_append_new(list, one);
    }
    return list;
}
