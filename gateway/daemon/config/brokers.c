/* SPDX-License-Identifier: Apache-2.0 */
/* The brokers that readings go to. */
#include "gateway/daemon/config/draft.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/units.h"

static const char *const encodings[] = {"plain", "deflate", NULL};
static const char *const requests[] = {"farm", "none", "resend", "county", NULL};
static const char *const consumers[] = {"any", "required", NULL};
static const char *const parts[] = {"readings", "live", "health", "alerts",
                                    "forecast", "site", "status", NULL};

#define REQUESTS_UNSAID 0xFFu
#define URL_EXAMPLE     "mqtts://mqtt.example.org:8883"

/* ---- Addresses ---- */

static const struct url_scheme {
    const char *text;
    bool tls, websocket;
    uint16_t port;
} schemes[] = {
    {"mqtt://", false, false, 1883},
    {"mqtts://", true, false, 8883},
    {"ws://", false, true, 80},
    {"wss://", true, true, 443},
};

static const struct url_scheme *scheme_of(const char *text)
{
    for (size_t i = 0; text != NULL && i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncmp(text, schemes[i].text, strlen(schemes[i].text)) == 0)
            return &schemes[i];
    }
    return NULL;
}

/* "HOST[:PORT][/PATH]", the path with WebSocket only. */
static bool parse_place(const char *text, struct broker_url *url)
{
    char place[CONFIG_HOST_SIZE + 16];
    size_t size = strcspn(text, "/");
    const char *path = url->websocket && text[size] == '\0' ? "/mqtt" : text + size;
    if (size >= sizeof place || strlen(path) >= sizeof url->path ||
        (path[0] != '\0' && !url->websocket) || strpbrk(path, " \t\"?#\\") != NULL)
        return false;
    (void)snprintf(place, sizeof place, "%.*s", (int)size, text);
    (void)snprintf(url->path, sizeof url->path, "%s", path);
    return units_host(place, url->host, sizeof url->host, &url->port);
}

/* The same host, behind the scheme that another program's means. */
static void hint_url(const char *text, char *hint, size_t size)
{
    struct broker_url ignored = {.websocket = false};
    const char *place = text != NULL ? strstr(text, "://") : NULL;
    bool tls = text != NULL && (strncmp(text, "ssl", 3) == 0 || strncmp(text, "tls", 3) == 0 ||
                                strncmp(text, "https", 5) == 0);
    place = place != NULL ? place + 3 : text;
    bool good =
        place != NULL && *place != '\0' && strlen(place) < 60 && parse_place(place, &ignored);
    (void)snprintf(hint, size, "%s%s",
                   !good ? URL_EXAMPLE
                   : tls ? "mqtts://"
                         : "mqtt://",
                   good ? place : "");
}

static bool read_one_url(struct yaml_source *source, const yaml_node_t *value,
                         struct broker_url *url)
{
    const char *text = yaml_text(value);
    const struct url_scheme *scheme = scheme_of(text);
    if (scheme != NULL)
        *url = (struct broker_url){
            .tls = scheme->tls, .websocket = scheme->websocket, .port = scheme->port};
    char hint[96];
    hint_url(text, hint, sizeof hint);
    if (scheme == NULL || !parse_place(text + strlen(scheme->text), url))
        return yaml_error(source, yaml_line(value),
                          "url: \"%.60s\" is not a broker's address; write for example url: %s, or "
                          "wss://mqtt.example.org/mqtt",
                          text != NULL ? text : "", hint);
    return true;
}

static bool read_url(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct broker_config *broker = target;
    if (value->type != YAML_SEQUENCE_NODE)
        return read_one_url(source, value, &broker->url);
    const yaml_node_item_t *items = value->data.sequence.items.start;
    size_t count = (size_t)(value->data.sequence.items.top - items);
    if (count == 0 || count > BROKER_URLS_MAX)
        return yaml_error(source, yaml_line(value), "url: a list has one to %d addresses",
                          BROKER_URLS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct broker_url *url = i == 0 ? &broker->url : &broker->more_urls[i - 1];
        if (!read_one_url(source, yaml_at(source, items[i]), url))
            return false;
    }
    broker->more_url_count = (uint8_t)(count - 1);
    return true;
}

/* On this machine: whoever is there has been let in by the farm's own broker. */
static bool is_local(const struct broker_config *broker)
{
    for (unsigned i = 0; broker_url(broker, i) != NULL; i++) {
        const char *host = broker_url(broker, i)->host;
        struct in_addr v4;
        bool numeric = inet_pton(AF_INET, host, &v4) == 1;
        if (strcmp(host, "localhost") != 0 && strcmp(host, "::1") != 0 &&
            !(numeric && ntohl(v4.s_addr) >> 24 == 127))
            return false;
    }
    return true;
}

/* ---- What goes out ---- */

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

static bool read_part(struct yaml_source *source, const yaml_node_t *item, unsigned *named)
{
    const char *text = yaml_text(item);
    for (unsigned i = 0; text != NULL && parts[i] != NULL; i++) {
        if (strcmp(text, parts[i]) == 0) {
            *named |= 1u << i;
            return true;
        }
    }
    const char *nearest = text != NULL ? yaml_nearest(text, parts) : NULL;
    return yaml_error(source, yaml_line(item),
                      "send: \"%.40s\" is nothing that is sent; there are readings, live, health, "
                      "alerts, forecast, site and status%s%s%s",
                      text != NULL ? text : "", nearest != NULL ? _("; did you mean ") : "",
                      nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

static bool read_send(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct broker_config *broker = target;
    unsigned named = 0;
    if (value->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, yaml_line(value),
                          "send: a list is needed; write for example send: [readings, alerts, "
                          "forecast, site, status]");
    const yaml_node_item_t *items = value->data.sequence.items.start;
    for (; items < value->data.sequence.items.top; items++) {
        if (!read_part(source, yaml_at(source, *items), &named))
            return false;
    }
    if ((named & PART_READINGS) == 0)
        return yaml_error(source, yaml_line(value),
                          "send: readings are missing: what a broker is not given would be kept "
                          "for it until the file is full; write for example send: [readings, "
                          "alerts]");
    broker->left_out = (uint8_t)(~named & 0x7Fu);
    return true;
}

#define BROKER(member) KEY_MEMBER(struct broker_config, member)
static const struct key broker_keys[] = {
    {.name = "name", .kind = KEY_NAME, BROKER(name), .required = true, .example = "cloud"},
    {.name = "url",
     .kind = KEY_FUNCTION,
     .read = read_url,
     .required = true,
     .example = URL_EXAMPLE},
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
    {.name = "requests", .kind = KEY_CHOICE, BROKER(requests), .choices = requests},
    {.name = "consumer", .kind = KEY_CHOICE, BROKER(consumer), .choices = consumers},
    {.name = "send", .kind = KEY_FUNCTION, .read = read_send},
    {.name = "panel", .kind = KEY_FUNCTION, .read = read_panel},
};

bool draft_broker(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct broker_config *broker = target;
    broker->keepalive_s = 20;
    broker->requests = REQUESTS_UNSAID;
    if (!keys_read(source, item, "a broker", broker_keys, sizeof broker_keys / sizeof *broker_keys,
                   broker))
        return false;
    if (broker->line == 0)
        broker->panel = broker->budget_bytes_month == 0;
    broker->panel = broker->panel && broker_sends(broker, PART_LIVE);
    if (broker->requests == REQUESTS_UNSAID)
        broker->requests = is_local(broker) ? REQUESTS_FARM : REQUESTS_NONE;
    broker->line = yaml_line(item);
    if (broker_tls(broker) && !broker->ca_file[0])
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
