/* SPDX-License-Identifier: Apache-2.0 */
/* Whom alerts are sent to, by which way, and who is next when nobody answers. */
#include <stdio.h>
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "gateway/daemon/config/draft.h"

static const char *const languages[] = {"zh", "en", NULL};

/* ---- The services, each with its keys ---- */

static bool is_loopback_url(const char *url)
{
    return strncmp(url, "http://127.", 11) == 0 || strncmp(url, "http://localhost", 16) == 0 ||
           strncmp(url, "http://[::1]", 12) == 0;
}

bool draft_is_https(const char *text, size_t size)
{
    return text != NULL && strlen(text) < size && strpbrk(text, " \t\r\n\"\\") == NULL &&
           (strncmp(text, "https://", 8) == 0 || is_loopback_url(text));
}

static bool read_url(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct way_config *way = target;
    const char *text = yaml_text(value);
    bool mail = way->kind == WAY_MAIL;
    bool good = mail ? text != NULL && strlen(text) < sizeof way->url &&
                           strpbrk(text, " \t\r\n\"\\") == NULL &&
                           (strncmp(text, "smtp://", 7) == 0 || strncmp(text, "smtps://", 8) == 0)
                     : draft_is_https(text, sizeof way->url);
    if (!good)
        return yaml_error(source, yaml_line(value),
                          "url: \"%.60s\" is not %s; write for example url: %s",
                          text != NULL ? text : "",
                          mail ? _("a mail server with TLS") : _("an address with https"),
                          mail ? "smtps://smtp.example.org" : "https://ntfy.example.org");
    (void)snprintf(way->url, sizeof way->url, "%s", text);
    return true;
}

size_t way_template_word(const char *at)
{
    static const char *const words[] = {"$text", "$title", "$level", "$way", "$$"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    }
    return 0;
}

/* One text or a list of them, each of which `is_receiver`. */
static bool read_receivers(struct yaml_source *source, const yaml_node_t *value,
                           struct way_config *way, bool (*is_receiver)(const char *text))
{
    bool list = value->type == YAML_SEQUENCE_NODE;
    const yaml_node_item_t *item = list ? value->data.sequence.items.start : NULL;
    size_t count = list ? (size_t)(value->data.sequence.items.top - item) : 1;
    for (size_t i = 0; i < count && count <= WAY_RECEIVERS_MAX; i++) {
        const char *text = yaml_text(list ? yaml_at(source, item[i]) : value);
        if (text == NULL || strlen(text) >= sizeof way->to[0] || !is_receiver(text))
            return false;
        (void)snprintf(way->to[way->to_count++], sizeof way->to[0], "%s", text);
    }
    return count > 0 && way->to_count == count;
}

static bool is_mail_address(const char *text)
{
    return strchr(text, '@') != NULL && strpbrk(text, " <>\r\n\t") == NULL;
}

static bool read_to(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_receivers(source, value, target, is_mail_address) ||
           yaml_error(source, yaml_line(value),
                      "to: one to %d mail addresses are needed; write for example to: "
                      "[li@example.org]",
                      WAY_RECEIVERS_MAX);
}

/* "+8613800138000": as it is dialled. */
static bool is_telephone_number(const char *text)
{
    const char *digits = text[0] == '+' ? text + 1 : text;
    size_t length = strspn(digits, "0123456789");
    return length >= 3 && length <= 20 && digits[length] == '\0';
}

static bool read_numbers(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_receivers(source, value, target, is_telephone_number) ||
           yaml_error(source, yaml_line(value),
                      "numbers: one to %d telephone numbers are needed; write for example numbers: "
                      "[\"+8613800138000\"]",
                      WAY_RECEIVERS_MAX);
}

#define WAY(member) KEY_MEMBER(struct way_config, member)
#define ROW_URL                                                                                    \
    {                                                                                              \
        .name = "url", .kind = KEY_FUNCTION, .read = read_url                                      \
    }
#define ROW_CA                                                                                     \
    {                                                                                              \
        .name = "ca_file", .kind = KEY_PATH, WAY(ca_file), .example = "ca.pem"                     \
    }

static const struct key wecom_keys[] = {
    {.name = "key_file",
     .kind = KEY_PATH,
     WAY(token_file),
     .required = true,
     .example = "wecom.key"},
    ROW_URL,
    ROW_CA,
};
static const struct key robot_keys[] = {
    {.name = "token_file",
     .kind = KEY_PATH,
     WAY(token_file),
     .required = true,
     .example = "dt.token"},
    {.name = "secret_file", .kind = KEY_PATH, WAY(secret_file), .example = "dt.secret"},
    ROW_URL,
    ROW_CA,
};
static const struct key ntfy_keys[] = {
    {.name = "topic", .kind = KEY_TEXT, WAY(topic), .required = true, .example = "garden-7f3a"},
    {.name = "token_file", .kind = KEY_PATH, WAY(token_file), .example = "ntfy.token"},
    ROW_URL,
    ROW_CA,
};
/* What people who write it get wrong is seen at once, not in the night of the first alert. */
static bool read_template(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct way_config *way = target;
    const char *text = yaml_text(value);
    bool good = text != NULL && text[0] != '\0' && strlen(text) < sizeof way->template;
    bool has_text = false;
    for (const char *at = good ? strchr(text, '$') : NULL; good && at != NULL;
         at = strchr(at + 1, '$')) {
        size_t length = way_template_word(at);
        good = length > 0;
        has_text = has_text || (good && at[1] == 't');
    }
    if (!good || !has_text)
        return yaml_error(source, yaml_line(value),
                          "template: a text of at most %d bytes with $text or $title, $level, $way "
                          "and $$ for a dollar is needed; write for example template: "
                          "'{\"msg\": \"$text\"}'",
                          WAY_TEMPLATE_SIZE - 1);
    (void)snprintf(way->template, sizeof way->template, "%s", text);
    return true;
}

static const struct key webhook_keys[] = {
    {.name = "template", .kind = KEY_FUNCTION, .read = read_template},
    {.name = "token_file", .kind = KEY_PATH, WAY(token_file), .example = "hook.token"},
    {.name = "url",
     .kind = KEY_FUNCTION,
     .read = read_url,
     .required = true,
     .example = "https://example.org/hook"},
    ROW_CA,
};
static const struct key mail_keys[] = {
    {.name = "url",
     .kind = KEY_FUNCTION,
     .read = read_url,
     .required = true,
     .example = "smtps://smtp.example.org"},
    {.name = "from",
     .kind = KEY_TEXT,
     WAY(from),
     .required = true,
     .example = "garden@example.org"},
    {.name = "to",
     .kind = KEY_FUNCTION,
     .read = read_to,
     .required = true,
     .example = "[li@example.org]"},
    {.name = "user", .kind = KEY_TEXT, WAY(user), .example = "garden"},
    {.name = "password_file", .kind = KEY_PATH, WAY(token_file), .example = "mail.pass"},
    ROW_CA,
};

static const struct key sms_keys[] = {
    {.name = "numbers",
     .kind = KEY_FUNCTION,
     .read = read_numbers,
     .required = true,
     .example = "[\"+8613800138000\"]"},
};

static bool read_output_value(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "value", .kind = KEY_SIGNED, .size = 4, .example = "1"};
    struct way_config *way = target;
    way->output_value_set = true;
    return keys_read_one(source, value, &key, &way->output_value);
}

static const struct key output_keys[] = {
    {.name = "device",
     .kind = KEY_NAME,
     WAY(output_device),
     .required = true,
     .example = "relay-1"},
    {.name = "write", .kind = KEY_NAME, WAY(output_write), .required = true, .example = "siren"},
    {.name = "value", .kind = KEY_FUNCTION, .read = read_output_value},
    {.name = "for",
     .kind = KEY_S,
     WAY(output_for_s),
     .min = 1,
     .max = 3600,
     .required = true,
     .example = "30s"},
    {.name = "repeat",
     .kind = KEY_S,
     WAY(output_repeat_s),
     .min = 2,
     .max = 86400,
     .example = "5min"},
};

static const struct service {
    const char *name, *url;
    const struct key *keys;
    size_t key_count;
} services[] = {
    [WAY_WECOM] = {"wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send", wecom_keys,
                   sizeof wecom_keys / sizeof *wecom_keys},
    [WAY_DINGTALK] = {"dingtalk", "https://oapi.dingtalk.com/robot/send", robot_keys,
                      sizeof robot_keys / sizeof *robot_keys},
    [WAY_FEISHU] = {"feishu", "https://open.feishu.cn/open-apis/bot/v2/hook", robot_keys,
                    sizeof robot_keys / sizeof *robot_keys},
    [WAY_NTFY] = {"ntfy", "https://ntfy.sh", ntfy_keys, sizeof ntfy_keys / sizeof *ntfy_keys},
    [WAY_WEBHOOK] = {"webhook", "", webhook_keys, sizeof webhook_keys / sizeof *webhook_keys},
    [WAY_MAIL] = {"mail", "", mail_keys, sizeof mail_keys / sizeof *mail_keys},
    [WAY_SMS] = {"sms", "", sms_keys, sizeof sms_keys / sizeof *sms_keys},
    [WAY_OUTPUT] = {"output", "", output_keys, sizeof output_keys / sizeof *output_keys},
};

const char *way_kind_name(unsigned kind)
{
    return kind < WAY_KINDS ? services[kind].name : "?";
}

static bool read_service(struct yaml_source *source, const yaml_node_t *value,
                         struct way_config *way, uint8_t kind)
{
    if (way->kind_set)
        return yaml_error(source, yaml_line(value),
                          "a way has one service; give the other a way of its own");
    way->kind_set = true;
    way->kind = kind;
    (void)snprintf(way->url, sizeof way->url, "%s", services[kind].url);
    return keys_read(source, value, services[kind].name, services[kind].keys,
                     services[kind].key_count, way);
}

#define SERVICE(name, kind)                                                                        \
    static bool read_##name(struct yaml_source *source, const yaml_node_t *value, void *target)    \
    {                                                                                              \
        return read_service(source, value, target, kind);                                          \
    }
SERVICE(wecom, WAY_WECOM)
SERVICE(dingtalk, WAY_DINGTALK)
SERVICE(feishu, WAY_FEISHU)
SERVICE(ntfy, WAY_NTFY)
SERVICE(webhook, WAY_WEBHOOK)
SERVICE(mail, WAY_MAIL)
SERVICE(sms, WAY_SMS)

static bool read_output(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct way_config *way = target;
    if (!read_service(source, value, way, WAY_OUTPUT))
        return false;
    if (way->output_repeat_s == 0)
        way->output_repeat_s = way->output_for_s > 150 ? 2 * way->output_for_s : 300;
    return way->output_repeat_s > way->output_for_s ||
           yaml_error(source, yaml_line(value),
                      "output: repeat must be longer than for; write for example for: 30s, "
                      "repeat: 5min");
}

/* ---- Ways and groups ---- */

static const struct key way_keys[] = {
    {.name = "name", .kind = KEY_NAME, WAY(name), .required = true, .example = "family"},
    {.name = "language", .kind = KEY_CHOICE, WAY(language), .choices = languages},
    {.name = "wecom", .kind = KEY_FUNCTION, .read = read_wecom},
    {.name = "dingtalk", .kind = KEY_FUNCTION, .read = read_dingtalk},
    {.name = "feishu", .kind = KEY_FUNCTION, .read = read_feishu},
    {.name = "ntfy", .kind = KEY_FUNCTION, .read = read_ntfy},
    {.name = "webhook", .kind = KEY_FUNCTION, .read = read_webhook},
    {.name = "mail", .kind = KEY_FUNCTION, .read = read_mail},
    {.name = "sms", .kind = KEY_FUNCTION, .read = read_sms},
    {.name = "output", .kind = KEY_FUNCTION, .read = read_output},
};

bool draft_way(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct way_config *way = target;
    way->line = yaml_line(item);
    if (!keys_read(source, item, "a way", way_keys, sizeof way_keys / sizeof *way_keys, way))
        return false;
    if (!way->kind_set)
        return yaml_error(source, yaml_line(item),
                          "way \"%s\" has no service; add wecom, dingtalk, feishu, ntfy, webhook, "
                          "mail, sms or output",
                          way->name);
    return true;
}

static bool add_member(struct yaml_source *source, const struct config *config,
                       struct group_config *group, const yaml_node_t *node)
{
    const char *name = yaml_text(node);
    for (uint16_t w = 0; name != NULL && w < config->way_count; w++) {
        if (strcmp(config->ways[w].name, name) != 0)
            continue;
        group->ways |= (uint16_t)(1u << w);
        return true;
    }
    char list[200] = "";
    for (uint16_t w = 0; w < config->way_count; w++)
        (void)text_add(list, sizeof list, "%s%s", w > 0 ? ", " : "", config->ways[w].name);
    return yaml_error(source, yaml_line(node), "group \"%s\" names the unknown way \"%.40s\"; %s%s",
                      group->name, name != NULL ? name : "?",
                      list[0] != '\0' ? _("write one of ") : _("add it to notify"), list);
}

static bool add_group(struct yaml_source *source, struct config *config, const yaml_node_t *key,
                      const yaml_node_t *value)
{
    struct group_config *group = &config->groups[config->group_count];
    const char *name = yaml_text(key);
    if (config->group_count == WAY_GROUPS_MAX || name == NULL ||
        strlen(name) >= sizeof group->name || value->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, yaml_line(key),
                          "groups: at most %d lists of ways are possible; write for example "
                          "groups: { night: [yard, family], day: [family] }",
                          WAY_GROUPS_MAX);
    if (value->data.sequence.items.start == value->data.sequence.items.top)
        return yaml_error(source, yaml_line(key),
                          "group \"%.40s\" has no way, so nobody would be told by it; write for "
                          "example %.40s: [family]",
                          name, name);
    (void)snprintf(group->name, sizeof group->name, "%s", name);
    config->group_count++;
    for (const yaml_node_item_t *item = value->data.sequence.items.start;
         item < value->data.sequence.items.top; item++) {
        if (!add_member(source, config, group, yaml_at(source, *item)))
            return false;
    }
    return true;
}

bool config_way_is_used(const struct config *config, uint16_t way)
{
    uint16_t told = 0;
    for (uint16_t g = 0; g < config->group_count; g++)
        told |= config->groups[g].ways;
    return told >> way & 1;
}

bool draft_ways_resolve(struct yaml_source *source, struct draft *draft)
{
    struct config *config = draft->config;
    for (uint16_t i = 0; i < config->way_count; i++) {
        for (uint16_t j = 0; j < i; j++) {
            if (strcmp(config->ways[i].name, config->ways[j].name) == 0)
                return yaml_error(source, 1, "way \"%s\" stands twice; give each its own name",
                                  config->ways[i].name);
        }
    }
    const yaml_node_t *groups = draft->groups;
    if (groups != NULL && groups->type != YAML_MAPPING_NODE)
        return yaml_error(
            source, yaml_line(groups),
            "groups must be a mapping; write for example groups: { night: [family] }");
    const yaml_node_pair_t *pair = groups != NULL ? groups->data.mapping.pairs.start : NULL;
    for (; pair != NULL && pair < groups->data.mapping.pairs.top; pair++) {
        if (!add_group(source, config, yaml_at(source, pair->key), yaml_at(source, pair->value)))
            return false;
    }
    if (config->group_count == 0 && config->way_count > 0) { /* all at once */
        (void)snprintf(config->groups[0].name, sizeof config->groups[0].name, "all");
        config->groups[0].ways = (uint16_t)((1u << config->way_count) - 1);
        config->group_count = 1;
    }
    return true;
}

/* "Sunday 19:00" */
bool draft_heartbeat(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    struct config *config = ((struct draft *)target)->config;
    const char *text = yaml_text(value);
    for (uint8_t i = 0; text != NULL && i < 7; i++) {
        size_t length = strlen(days[i]);
        if (strncmp(text, days[i], length) != 0 || text[length] != ' ')
            continue;
        const char *at = text + length + 1;
        if (draft_minute(&at, &config->heartbeat_minute) && *at == '\0' &&
            config->heartbeat_minute < 1440) {
            config->heartbeat_day = (uint8_t)(i + 1);
            return true;
        }
    }
    return yaml_error(source, yaml_line(value),
                      "heartbeat: \"%.40s\" is not a day of the week and a time; write for example "
                      "heartbeat: Sunday 19:00",
                      text != NULL ? text : "");
}
