/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/units.h"
#include "gateway/daemon/config/draft.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool read_one_url(struct yaml_source *source, const yaml_node_t *node,
                         struct settings *settings)
{
    const char *url = yaml_text(node);
    char host[200], *uri = settings->uris[settings->broker_count];
    bool tls = url != NULL && strncmp(url, "mqtts://", 8) == 0;
    uint16_t port = tls ? 8883 : 1883;
    if (url == NULL || (!tls && strncmp(url, "mqtt://", 7) != 0) ||
        !units_host(url + (tls ? 8 : 7), host, sizeof host, &port))
        return yaml_error(source, yaml_line(node),
                          "url: write mqtt://HOST:PORT or mqtts://HOST:PORT");
    if (settings->broker_count > 0 && tls != settings->tls)
        return yaml_error(source, yaml_line(node), "url: all brokers with TLS, or none");
    settings->tls = tls;
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(uri, sizeof settings->uris[0], "%s://%s%s%s:%u", tls ? "ssl" : "tcp",
                   v6 ? "[" : "", host, v6 ? "]" : "", port);
    for (uint32_t i = 0; i < settings->broker_count; i++) {
        if (strcmp(settings->uris[i], uri) == 0)
            return yaml_error(source, yaml_line(node), "url: %s stands there twice", url);
    }
    settings->broker_count++;
    return true;
}

/* One address, or a list of them. */
static bool read_url(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct settings *settings = target;
    if (node->type != YAML_SEQUENCE_NODE)
        return read_one_url(source, node, settings);
    const yaml_node_item_t *item = node->data.sequence.items.start;
    const yaml_node_item_t *end = node->data.sequence.items.top;
    if (item == end || end - item > SETTINGS_BROKERS_MAX)
        return yaml_error(source, yaml_line(node), "url: a list has 1 to %d addresses",
                          SETTINGS_BROKERS_MAX);
    for (; item < end; item++) {
        if (!read_one_url(source, yaml_at(source, *item), settings))
            return false;
    }
    return true;
}

static const struct key broker_keys[] = {
    {"url", KEY_FUNCTION, .read = read_url, .example = "mqtts://localhost:8884", .required = true},
    {"user", KEY_TEXT, KEY_MEMBER(struct settings, user), .example = "ingest"},
    {"password_file", KEY_PATH, KEY_MEMBER(struct settings, password_file)},
    {"ca_file", KEY_PATH, KEY_MEMBER(struct settings, ca_file)},
    {"cert_file", KEY_PATH, KEY_MEMBER(struct settings, cert_file)},
    {"key_file", KEY_PATH, KEY_MEMBER(struct settings, key_file)},
    {"prefix", KEY_TEXT, KEY_MEMBER(struct settings, prefix), .example = "gw/"},
    {"keepalive", KEY_S, KEY_MEMBER(struct settings, keepalive_s), 15, 600, .example = "60s"},
};

static bool read_broker(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct settings *settings = target;
    if (!keys_read(source, node, "broker", broker_keys, COUNT(broker_keys), target))
        return false;
    if (settings->tls && settings->ca_file[0] == '\0')
        return yaml_error(source, yaml_line(node),
                          "mqtts needs ca_file: the certificate the broker is checked against");
    return true;
}

static bool read_listen(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct web_settings *http = target;
    const char *text = yaml_text(node);
    http->port = 8443;
    if (text != NULL && units_host(text, http->host, sizeof http->host, &http->port))
        return true;
    return yaml_error(source, yaml_line(node), "listen: write ADDRESS:PORT, as 0.0.0.0:8443");
}

static const struct key http_keys[] = {
    {"listen", KEY_FUNCTION, .read = read_listen, .example = "0.0.0.0:8443", .required = true},
    {"cert_file", KEY_PATH, KEY_MEMBER(struct web_settings, cert_file), .required = true,
     .example = "broker.crt"},
    {"key_file", KEY_PATH, KEY_MEMBER(struct web_settings, key_file), .required = true,
     .example = "broker.key"},
};

static bool read_http(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct settings *settings = target;
    return keys_read(source, node, "http", http_keys, COUNT(http_keys), &settings->http);
}

/* ---- Whom to notify, as in a gateway's file ---- */

static struct config *notify_of(struct settings *settings)
{
    if (settings->notify == NULL)
        settings->notify = calloc(1, sizeof *settings->notify);
    return settings->notify;
}

static bool read_notify(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct config *notify = notify_of(target);
    return notify != NULL && keys_list(source, node, "notify", WAYS_MAX, sizeof *notify->ways,
                                       (void **)&notify->ways, &notify->way_count, draft_way);
}

static bool read_groups(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    (void)source;
    ((struct settings *)target)->groups = node;
    return true;
}

static bool finish_notify(struct yaml_source *source, struct settings *settings)
{
    struct config *notify = notify_of(settings);
    struct draft draft = {.config = notify, .groups = settings->groups};
    settings->groups = NULL;
    if (notify == NULL || !draft_ways_resolve(source, &draft))
        return false;
    for (uint16_t w = 0; w < notify->way_count; w++) {
        if (notify->ways[w].kind == WAY_OUTPUT)
            return yaml_error(source, notify->ways[w].line,
                              "output: a county switches none; write another way");
    }
    (void)snprintf(notify->site, sizeof notify->site, "county-%.20s", settings->instance);
    (void)snprintf(notify->store_path, sizeof notify->store_path, "%.200s/notices-%.32s.db",
                   settings->state_dir, settings->instance);
    notify->store_max_bytes = 16000000;
    notify->commit_every_ms = 1000;
    notify->escalate_s = settings->escalate_s;
    return true;
}

static const struct key enrol_keys[] = {
    {"ca_file", KEY_PATH, KEY_MEMBER(struct settings, enrol.ca_file), .required = true,
     .example = "gateways-ca.crt"},
    {"key_file", KEY_PATH, KEY_MEMBER(struct settings, enrol.key_file), .required = true,
     .example = "issuing/gateways-ca.key"},
    {"crl_file", KEY_PATH, KEY_MEMBER(struct settings, enrol.crl_file), .required = true,
     .example = "issuing/gateways.crl"},
};

static bool read_enrol(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    return keys_read(source, node, "enrol", enrol_keys, COUNT(enrol_keys), target);
}

static const struct key root_keys[] = {
    {"instance", KEY_NAME, KEY_MEMBER(struct settings, instance), .example = "a", .required = true},
    {"broker", KEY_FUNCTION, .read = read_broker, .example = "{ url: mqtts://localhost:8884 }",
     .required = true},
    {"database", KEY_TEXT, KEY_MEMBER(struct settings, database),
     .example = "host=/run/postgresql dbname=baiye", .required = true},
    {"keep_raw", KEY_S, KEY_MEMBER(struct settings, keep_raw_s), 86400, 315360000,
     .example = "90d"},
    {"settle", KEY_S, KEY_MEMBER(struct settings, settle_s), 1, 86400, .example = "10min"},
    {"page", KEY_PATH, KEY_MEMBER(struct settings, page_dir)},
    {"silent", KEY_S, KEY_MEMBER(struct settings, silent_s), 60, 2592000, .example = "2h"},
    {"patience", KEY_S, KEY_MEMBER(struct settings, patience_s), 1, 86400, .example = "20min"},
    {"enrol", KEY_FUNCTION, .read = read_enrol,
     .example = "{ ca_file: gateways-ca.crt, key_file: issuing/gateways-ca.key, crl_file: "
                "issuing/gateways.crl }"},
    {"http", KEY_FUNCTION, .read = read_http,
     .example = "{ listen: 0.0.0.0:8443, cert_file: broker.crt, key_file: broker.key }"},
    {"notify", KEY_FUNCTION, .read = read_notify},
    {"groups", KEY_FUNCTION, .read = read_groups},
    {"escalate", KEY_S, KEY_MEMBER(struct settings, escalate_s), 60, 86400, .example = "10min"},
    {"state", KEY_PATH, KEY_MEMBER(struct settings, state_dir)},
    {"ask_again", KEY_S, KEY_MEMBER(struct settings, again_s), 1, 604800, .example = "1h"},
};

bool settings_load(struct settings *settings, const char *path, struct config_error *error)
{
    struct yaml_source source;
    *settings = (struct settings){.keepalive_s = 60,
                                  .keep_raw_s = 90 * 86400,
                                  .patience_s = 1200,
                                  .again_s = 3600,
                                  .settle_s = 600,
                                  .silent_s = 7200,
                                  .escalate_s = 600,
                                  .state_dir = "/var/lib/baiye-county",
                                  .page_dir = "/usr/share/baiye-county/page"};
    bool good =
        yaml_open(&source, path, error) &&
        keys_read(&source, yaml_root(&source), "the file", root_keys, COUNT(root_keys), settings) &&
        finish_notify(&source, settings);
    yaml_close(&source);
    return good;
}
