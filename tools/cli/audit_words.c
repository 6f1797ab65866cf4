/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/audit_words.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "gateway/common/text.h"
#include "tools/cli/cli.h"

struct word {
    const char *name, *text;
};

/* Methods that are kept, in the order of gateway/daemon/rpc; a test compares. */
static const struct word methods[] = {
    {"alert_test", N_("try a way to people")},
    {"write", N_("write a register")},
    {"raw", N_("send a request as it is")},
    {"pause", N_("pause a bus")},
    {"scan", N_("look at each address")},
    {"calibrate", N_("calibrate a node")},
    {"survey", N_("look who is on a bus")},
    {"move", N_("move a device")},
    {"place", N_("bring up a device")},
    {"blink", N_("light a node's lamp")},
    {"config", N_("try a configuration")},
    {"config_confirm", N_("keep what is tried")},
    {"config_undo", N_("undo what is tried")},
    {"config_edit", N_("edit the configuration")},
    {"firmware_part", N_("send a part of firmware")},
    {"firmware_start", N_("bring firmware to nodes")},
    {"firmware_stop", N_("stop bringing firmware")},
    {"pick", N_("note a pick")},
    {"pick_delete", N_("delete a pick")},
    {"count", N_("note a count of shoots")},
    {"count_delete", N_("delete a count")},
    {"passwd", N_("change the own password")},
    {"user_change", N_("change a user")},
    {"address", N_("give a node its address")},
    {"set", N_("change a node's setting")},
    {"update", N_("update nodes")},
    {"upgrade", N_("upgrade the gateway")},
    {"resend", N_("send readings again")},
    {"ack", N_("take note of an alert")},
    {"reload", N_("take the configuration")},
    {"backup", N_("make a backup")},
    {"switch", N_("switch an output")},
    {"login", N_("log in")},
};

static const struct word keys[] = {
    {"action", N_("action")},
    {"address", N_("new address")},
    {"baud", N_("line rate")},
    {"boot", N_("start")},
    {"bus", N_("bus")},
    {"confirm_s", N_("seconds to confirm")},
    {"count", N_("number")},
    {"day", N_("day")},
    {"device", N_("device")},
    {"devices", N_("these devices")},
    {"every_address", N_("every address")},
    {"frames", N_("frames")},
    {"from", N_("from")},
    {"function", N_("function")},
    {"id", N_("entry")},
    {"kg", N_("kg")},
    {"made", N_("made")},
    {"metric", N_("metric")},
    {"name", N_("name")},
    {"on", N_("on")},
    {"on_s", N_("seconds")},
    {"operator", N_("operator")},
    {"own_rate", N_("own rate only")},
    {"parity", N_("parity")},
    {"pdu", N_("bytes")},
    {"pickers", N_("pickers")},
    {"plot", N_("plot")},
    {"profile", N_("profile")},
    {"register", N_("register")},
    {"role", N_("role")},
    {"seconds", N_("seconds")},
    {"serial", N_("serial number")},
    {"serials", N_("by serial numbers")},
    {"shoots", N_("shoots")},
    {"stop", N_("stop")},
    {"to", N_("to")},
    {"to_baud", N_("to rate")},
    {"to_parity", N_("to parity")},
    {"unit", N_("at address")},
    {"value", N_("value")},
    {"version", N_("version")},
    {"way", N_("way")},
    {"why", N_("because")},
};

static const char *const left_out[] = {"lang", "names", "avoid", "data", "sha256", "sha256_old"};

static const char *word_of(const struct word *words, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i].name, name) == 0)
            return gettext(words[i].text);
    }
    return name;
}

const char *audit_method(const char *method)
{
    return word_of(methods, sizeof methods / sizeof methods[0], method);
}

const char *audit_result(const char *result)
{
    const char *words = talk_words(result), *message = strstr(result, ": ");
    if (words != result || message == NULL || !language_chinese())
        return words;
    return talk_words(message + 2);
}

/* Of no use to people, or empty: an output that no action has any more is switched by none. */
static bool is_left_out(const char *key, const json_t *value)
{
    if (json_is_string(value) && json_string_length(value) == 0)
        return true;
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++) {
        if (strcmp(left_out[i], key) == 0)
            return true;
    }
    return false;
}

static void add_value(char *text, size_t size, const char *key, const json_t *value)
{
    char serial[SERIAL_TEXT_SIZE];
    char *json = NULL;
    if (json_is_integer(value) && strcmp(key, "serial") == 0) {
        serial_print((uint32_t)json_integer_value(value), serial);
        (void)text_add(text, size, "%s", serial);
    } else if (json_is_string(value)) { /* a reason of the gateway's is in the catalogue */
        const char *said = json_string_value(value);
        (void)text_add(text, size, "%s", strcmp(key, "why") == 0 ? talk_words(said) : said);
    } else if (json_is_boolean(value)) {
        (void)text_add(text, size, "%s", json_is_true(value) ? _("yes") : _("no"));
    } else if ((json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)) != NULL) {
        (void)text_add(text, size, "%s", json);
    }
    free(json);
}

static void add_list(char *text, size_t size, const char *key, const json_t *list)
{
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one) {
        (void)text_add(text, size, "%s", i > 0 ? " " : "");
        add_value(text, size, key, one);
    }
}

void audit_detail(const char *detail, char *text, size_t size)
{
    json_t *params = json_loads(detail, 0, NULL), *value;
    const char *key;
    text[0] = '\0';
    if (!json_is_object(params))
        (void)text_add(text, size, "%s", detail);
    json_object_foreach (params, key, value) {
        if (is_left_out(key, value))
            continue;
        (void)text_add(text, size, "%s%s ", text[0] != '\0' ? _(", ") : "",
                       word_of(keys, sizeof keys / sizeof keys[0], key));
        if (json_is_array(value))
            add_list(text, size, key, value);
        else
            add_value(text, size, key, value);
    }
    json_decref(params);
}
