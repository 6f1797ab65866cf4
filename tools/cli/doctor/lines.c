/* SPDX-License-Identifier: Apache-2.0 */
/* What the running gateway sees of its lines and devices: which has a hint, and it. */
#include <stdio.h>

#include "tools/cli/cli.h"
#include "tools/cli/doctor/doctor.h"

/* True: it had a hint. */
static bool pass_hint_on(struct doctor *doctor, const json_t *one, const char *en, const char *zh)
{
    if (talk_text(one, "hint")[0] == '\0')
        return false;
    doctor_add(doctor, "lines", DOCTOR_WARNING, en, talk_text(one, "hint"), zh,
               talk_text(one, "hint_zh"));
    return true;
}

void doctor_lines(struct doctor *doctor)
{
    const json_t *buses = json_object_get(doctor->stats, "buses"), *one;
    unsigned hints = 0;
    char en[CONFIG_NAME_SIZE + 16], zh[CONFIG_NAME_SIZE + 16];
    size_t i;
    json_array_foreach (buses, i, one) {
        (void)snprintf(en, sizeof en, "bus %s", talk_text(one, "name"));
        (void)snprintf(zh, sizeof zh, "总线 %s", talk_text(one, "name"));
        hints += pass_hint_on(doctor, one, en, zh);
    }
    json_array_foreach (doctor->values, i, one) {
        (void)snprintf(en, sizeof en, "device %s", talk_text(one, "device"));
        (void)snprintf(zh, sizeof zh, "设备 %s", talk_text(one, "device"));
        hints += pass_hint_on(doctor, one, en, zh);
    }
    if (json_array_size(buses) > 0 && hints == 0)
        doctor_say(doctor, "lines", DOCTOR_OK, "nothing odd; buses: %u", "", "%u 条总线上没有异常",
                   "", (unsigned)json_array_size(buses));
}
