/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/serial.h"
#include "gateway/daemon/commission/survey.h"

json_t *survey_found_json(const struct survey_found *found)
{
    json_t *perhaps = json_array(), *labels = json_array();
    if (found->profile != NULL)
        (void)json_array_append_new(labels, json_string(found->profile->label));
    for (unsigned i = 0; i < SURVEY_OTHERS && found->others[i] != NULL; i++) {
        (void)json_array_append_new(perhaps, json_string(found->others[i]->name));
        (void)json_array_append_new(labels, json_string(found->others[i]->label));
    }
    json_t *one = json_pack("{s:i,s:s%,s:i,s:b,s:s,s:s,s:o,s:o}", "baud", (int)found->wire.baud,
                            "parity", &found->wire.parity, (size_t)1, "unit", (int)found->unit,
                            "garbled", (int)found->garbled, "identity", found->identity, "sure",
                            recognise_sure_name(found->sure), "or", perhaps, "labels", labels);
    (void)json_object_set_new(
        one, "profile", found->profile != NULL ? json_string(found->profile->name) : json_null());
    if (found->serial != 0) {
        char text[SERIAL_TEXT_SIZE];
        serial_print(found->serial, text);
        (void)json_object_set_new(one, "serial", json_integer(found->serial));
        (void)json_object_set_new(one, "serial_text", json_string(text));
    }
    if (found->device != NULL)
        (void)json_object_set_new(one, "device", json_string(found->device));
    return one;
}
