/* SPDX-License-Identifier: Apache-2.0 */
/* The brokers that readings go to. */
#include "gateway/daemon/config/draft.h"

#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/units.h"

static const char *const encodings[] = {"plain", "deflate", NULL};

static bool read_url(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct broker_config *broker = target;
    const char *text = yaml_text(value), *rest = NULL;
    if (text && strncmp(text, "mqtt://", 7) == 0)
        rest = text + 7;
    else if (text && strncmp(text, "mqtts://", 8) == 0)
        rest = text + 8;
    broker->tls = text && rest == text + 8;
    broker->port = broker->tls ? 8883 : 1883;
    if (!rest || !units_host(rest, broker->host, sizeof broker->host, &broker->port))
        return yaml_error(source, yaml_line(value),
                          "url: \"%.60s\" is not a broker's address; write "
                          "for example url: mqtts://mqtt.example.org:8883",
                          text ? text : "");
    return true;
}

static bool read_panel(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "panel", .kind = KEY_BOOL, .size = 1, .example = "true"};
    struct broker_config *broker = target;
    bool panel;
    if (!keys_read_one(source, value, &key, &panel))
        return false;
    broker->panel = panel;
    broker->line = -1; /* it was said: no default by the budget */
    return true;
}

#define BROKER(member) KEY_MEMBER(struct broker_config, member)
static const struct key broker_keys[] = {
    {.name = "name", .kind = KEY_NAME, BROKER(name), .required = true, .example = "cloud"},
    {.name = "url",
     .kind = KEY_FUNCTION,
     .read = read_url,
     .required = true,
     .example = "mqtts://mqtt.example.org:8883"},
    {.name = "user", .kind = KEY_TEXT, BROKER(user), .example = "gateway"},
    {.name = "password_file", .kind = KEY_PATH, BROKER(password_file), .example = "gw.pass"},
    {.name = "ca_file", .kind = KEY_PATH, BROKER(ca_file), .example = "ca.pem"},
    {.name = "cert_file", .kind = KEY_PATH, BROKER(cert_file), .example = "gw.pem"},
    {.name = "key_file", .kind = KEY_PATH, BROKER(key_file), .example = "gw.key"},
    {.name = "batch",
     .kind = KEY_MS,
     BROKER(batch_ms),
     .min = 0,
     .max = 3600e3,
     .example = "10min"},
    {.name = "budget",
     .kind = KEY_BYTES,
     BROKER(budget_bytes_month),
     .min = 1e5,
     .max = 1e14,
     .example = "30MB/month"},
    {.name = "keepalive",
     .kind = KEY_S,
     BROKER(keepalive_s),
     .min = 5,
     .max = 3600,
     .example = "20s"},
    {.name = "encoding", .kind = KEY_CHOICE, BROKER(encoding), .choices = encodings},
    {.name = "panel", .kind = KEY_FUNCTION, .read = read_panel},
};

bool draft_broker(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct broker_config *broker = target;
    broker->keepalive_s = 20;
    if (!keys_read(source, item, "a broker", broker_keys, sizeof broker_keys / sizeof *broker_keys,
                   broker))
        return false;
    if (broker->line == 0)
        broker->panel = broker->budget_bytes_month == 0;
    broker->line = yaml_line(item);
    if (broker->tls && !broker->ca_file[0])
        return yaml_error(source, broker->line,
                          "broker \"%s\" uses TLS without a ca_file; add for "
                          "example ca_file: ca.pem",
                          broker->name);
    if (!broker->cert_file[0] != !broker->key_file[0])
        return yaml_error(source, broker->line,
                          "broker \"%s\" has only one of cert_file and key_file; "
                          "give both or none",
                          broker->name);
    return true;
}
