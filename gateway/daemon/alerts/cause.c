/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/cause.h"

#include <math.h>

#include "gateway/daemon/alerts/text.h"

bool cause_take(const struct config *config, const struct rules *rules, struct active *active,
                const struct rules_cause *cause, const struct active_now *now)
{
    struct alert_text text = {0};
    char devices[ALERT_DEVICES_SIZE];
    rules_id(rules, cause, text.id);
    struct alert *before = active_find(active, text.id);
    if (before != NULL && cause->heard_mono_ms > 0)
        before->heard_ms = now->wall.ms - (now->mono_ms - cause->heard_mono_ms);
    if (!cause->stands || rules_outranked(rules, cause)) {
        active_end(active, text.id, now);
        return before != NULL;
    }
    struct rules_cause said = *cause;
    if (before != NULL && isnan(cause->value)) { /* not measured since the start: as it was said */
        if (!cause->silent || !before->text.measured)
            return false;
        said.value = before->text.value;
        said.extreme = before->text.extreme;
    }
    uint32_t holding = rules_devices(rules, cause, devices, sizeof devices);
    text_of_cause(config, &said, devices, holding, &text);
    return active_set(active, &text, cause->since_mono_ms, now->wall.ms, now);
}
