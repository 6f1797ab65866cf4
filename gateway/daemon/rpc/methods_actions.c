/* SPDX-License-Identifier: Apache-2.0 */
/* The outputs that act by themselves: how each is, whose it is, and why. */
#include "gateway/daemon/rpc/call.h"

/* Whose rule or value it is shows at which plots it belongs; a time of the day has none. */
static json_t *waits_json(const struct config *config, const struct actions_output *output)
{
    const struct action_config *action = output->waits;
    json_t *devices = json_array();
    for (uint16_t i = 0; i < action->rule_device_count; i++)
        (void)json_array_append_new(devices,
                                    json_string(config->devices[action->rule_devices[i]].name));
    for (uint16_t i = 0; i < action->until_device_count; i++)
        (void)json_array_append_new(devices,
                                    json_string(config->devices[action->until_devices[i]].name));
    return json_pack("{s:s,s:s,s:f,s:o}", "action", action->name, "label", action->label, "rain_mm",
                     output->rain_mm, "devices", devices);
}

static json_t *output_json(const struct config *config, const struct actions_output *output)
{
    static const char *const states[] = {
        [SWITCH_IS_UNKNOWN] = "unknown", [SWITCH_IS_OFF] = "off", [SWITCH_IS_ON] = "on"};
    json_t *one =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "device", output->device->name, "label",
                  output->device->label, "name", output->write->name, "state",
                  states[output->state], "why", output->why, "failed", (int)output->failed);
    if (output->on_s >= 0)
        (void)json_object_set_new(one, "on_s", json_integer(output->on_s));
    if (output->action != NULL)
        (void)json_object_set_new(one, "action", json_string(output->action->name));
    if (output->waits != NULL)
        (void)json_object_set_new(one, "waits", waits_json(config, output));
    if (output->user[0] != '\0') {
        (void)json_object_set_new(one, "person", json_string(output->user));
        (void)json_object_set_new(one, "person_s", json_integer(output->person_s));
    }
    return one;
}

static void run_actions(struct rpc_call *call)
{
    struct actions *actions = call->rpc->parts.actions;
    json_t *list = json_array();
    for (uint16_t i = 0; actions != NULL && i < actions_count(actions); i++) {
        struct actions_output output;
        actions_get(actions, i, &output);
        (void)json_array_append_new(list, output_json(call->rpc->config, &output));
    }
    rpc_end(call, json_pack("{s:o}", "outputs", list));
}

static const struct rpc_method methods[] = {
    {.name = "actions", .role = USER_FARMER, .run = run_actions},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_actions = {.list = methods};
