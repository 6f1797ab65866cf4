/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/system.h"

#include <stdio.h>
#include <string.h>

#include "gateway/common/text.h"
#include "gateway/daemon/reason.h"

#define DISK_LEAST    (UINT64_C(256) << 20)
#define DISK_LEAST_PC 5u

static void say(struct alert_text *text, enum metric_language language, const char *what,
                const char *todo)
{
    struct alert_words *words = &text->words[language];
    (void)snprintf(words->what, sizeof words->what, "%s", what);
    (void)snprintf(words->todo, sizeof words->todo, "%s", todo);
}

static void own_alert(bool stands, struct alert_text *text, struct active *active,
                      const struct active_now *now)
{
    if (!stands) {
        active_end(active, text->id, now);
        return;
    }
    (void)snprintf(text->where, sizeof text->where, "gateway");
    (void)snprintf(text->words[METRIC_EN].place, ALERT_PLACE_SIZE, "gateway");
    (void)snprintf(text->words[METRIC_ZH].place, ALERT_PLACE_SIZE, "主机");
    (void)active_set(active, text, now->mono_ms, 0, now);
}

static void look_at_store(const struct store_stats *stats, struct active *active,
                          const struct active_now *now)
{
    struct alert_text text = {.id = "store", .level = stats->available ? ALERT_WATCH : ALERT_ALARM};
    say(&text, METRIC_EN, stats->alarm, "look at the gateway's disk");
    say(&text, METRIC_ZH, "", "检查主机的硬盘");
    char why[REASON_SIZE];
    reason_chinese(stats->alarm, why, sizeof why);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "主机存数据有问题：%s", why);
    own_alert(stats->alarm[0] != '\0', &text, active, now);
}

/* Until the next start: whoever copies a card stands beside it. */
static void look_at_copy(bool copied, struct active *active, const struct active_now *now)
{
    struct alert_text text = {.id = "identity", .level = ALERT_WATCH};
    say(&text, METRIC_EN,
        "this gateway's memory comes from another machine; here it goes on as a new gateway",
        "to take the other's place: baiye restore; for another farm: baiye wipe");
    say(&text, METRIC_ZH, "这台主机的数据是从另一台机器拷来的；它已改用新的身份",
        "要代替原主机：baiye restore；给别的茶园用：baiye wipe");
    own_alert(copied, &text, active, now);
}

static void look_at_quarantine(const struct store_stats *stats, struct active *active,
                               const struct active_now *now)
{
    struct alert_text text = {.id = "quarantine", .level = ALERT_WATCH};
    say(&text, METRIC_EN, "", "look at the broker's limits: message size, quota");
    say(&text, METRIC_ZH, "", "检查消息服务器的限制：消息大小、配额");
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE,
                   "a broker refuses records for good: %llu are kept aside, %llu have dropped out",
                   (unsigned long long)stats->quarantined,
                   (unsigned long long)stats->quarantine_dropped);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE,
                   "消息服务器拒收了一些记录：%llu 条另存，%llu 条已丢失",
                   (unsigned long long)stats->quarantined,
                   (unsigned long long)stats->quarantine_dropped);
    own_alert(stats->quarantined > 0, &text, active, now);
}

static void look_at_disk(const struct system_seen *seen, struct active *active,
                         const struct active_now *now)
{
    struct alert_text text = {.id = "disk", .level = ALERT_WATCH};
    bool low = seen->disk_known && seen->disk_free_bytes < DISK_LEAST &&
               seen->disk_free_bytes < seen->disk_bytes / 100 * DISK_LEAST_PC;
    say(&text, METRIC_EN, "", "delete what is not needed on the gateway, or use a larger card");
    say(&text, METRIC_ZH, "", "删掉主机上不要的文件，或换大一点的卡");
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE,
                   "the gateway's disk is nearly full: %.0f MB are left",
                   (double)seen->disk_free_bytes / 1e6);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "主机硬盘快满了：还剩 %.0f MB",
                   (double)seen->disk_free_bytes / 1e6);
    own_alert(low, &text, active, now);
}

static void look_at_upgrade(const struct upgrade_state *upgrade, struct active *active,
                            const struct active_now *now)
{
    struct alert_text text = {.id = "upgrade", .level = ALERT_WATCH};
    char why[REASON_SIZE];
    say(&text, METRIC_EN, "", "tell the county; the gateway works on with the version before");
    say(&text, METRIC_ZH, "", "告诉县里；主机已退回原来的版本，照常工作");
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE,
                   "the gateway's upgrade from %.40s to %.40s was undone", upgrade->from,
                   upgrade->to);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE,
                   "主机从 %.40s 升级到 %.40s 没有成功，已退回", upgrade->from, upgrade->to);
    reason_chinese(upgrade->why, why, sizeof why);
    (void)text_add(text.words[METRIC_EN].what, ALERT_WHAT_SIZE, ": %s", upgrade->why);
    (void)text_add(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "：%s", why);
    own_alert(upgrade_is_undone(upgrade), &text, active, now);
}

/* Whoever is refused a descriptor elsewhere reports it to no one. */
static void look_at_descriptors(bool left, struct active *active, const struct active_now *now)
{
    struct alert_text text = {.id = "descriptors", .level = ALERT_ALARM};
    say(&text, METRIC_EN, "no file descriptor is left: nobody can log in",
        "raise LimitNOFILE of baiyed.service and restart it");
    say(&text, METRIC_ZH, "主机的文件描述符用完了：没有人能登录",
        "调大 baiyed.service 的 LimitNOFILE 后重启");
    own_alert(!left, &text, active, now);
}

static void look_at_broker(const char *name, const struct alerts_broker *broker,
                           struct active *active, const struct active_now *now)
{
    struct alert_text text = {.level = ALERT_ALARM};
    (void)snprintf(text.id, sizeof text.id, "broker-%s", name);
    say(&text, METRIC_EN, "", "look at the broker's version, certificate, users, ACL and quota");
    say(&text, METRIC_ZH, "", "检查消息服务器的版本、证书、用户、权限和配额");
    char why[REASON_SIZE];
    reason_chinese(broker->why, why, sizeof why);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "消息服务器 %s 拒绝了主机：%s",
                   name, why);
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE, "broker %s: %s", name, broker->why);
    own_alert(broker->refused, &text, active, now);
}

struct twin_words {
    const char *what, *todo;
};

/* Reported by both of them: each knows the other. */
static void look_at_twin(const char *name, unsigned twin, struct active *active,
                         const struct active_now *now)
{
    static const struct twin_words words[ALERTS_TWINS][METRIC_LANGUAGES] = {
        [ALERTS_TWIN_NONE] = {{"", ""}, {"", ""}},
        [ALERTS_TWIN_SESSION] =
            {[METRIC_EN] = {"another client connects as this gateway and takes its sessions over",
                            "find the box with the same user or certificate; let the broker not "
                            "make client ids of users"},
             [METRIC_ZH] = {"有另一个客户端冒用本主机的连接，会话不断被抢走",
                            "找出用同一用户或证书的机器；不要让服务器用用户名当客户端标识"}},
        [ALERTS_TWIN_SITE] = {[METRIC_EN] = {"another gateway with the same name of its site is "
                                             "there: values get mixed up",
                                             "give one of them another site: in baiye.yaml"},
                              [METRIC_ZH] = {"有另一台主机用了相同的 site 名，数据会混在一起",
                                             "在其中一台的 baiye.yaml 里改 site"}},
        [ALERTS_TWIN_IDENTITY] =
            {[METRIC_EN] = {"another box has this gateway's identity: readings get lost or mixed "
                            "up. Was its card copied?",
                            "stop one of the two; on a copy: systemd-machine-id-setup with "
                            "/etc/machine-id emptied, or baiye wipe"},
             [METRIC_ZH] = {"有另一台机器的身份与本主机相同，数据会丢失或混乱。卡是复制的吗？",
                            "停掉其中一台；在复制的那台上清空 /etc/machine-id 后运行 "
                            "systemd-machine-id-setup，或 baiye wipe"}},
    };
    struct alert_text text = {.level = ALERT_ALARM};
    const struct twin_words *said = words[twin < ALERTS_TWINS ? twin : ALERTS_TWIN_NONE];
    (void)snprintf(text.id, sizeof text.id, "twin-%s", name);
    say(&text, METRIC_EN, "", said[METRIC_EN].todo);
    say(&text, METRIC_ZH, "", said[METRIC_ZH].todo);
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE, "broker %s: %s", name,
                   said[METRIC_EN].what);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "消息服务器 %s：%s", name,
                   said[METRIC_ZH].what);
    own_alert(twin != ALERTS_TWIN_NONE, &text, active, now);
}

static void look_at_budget(const struct broker_config *config, const struct alerts_broker *broker,
                           struct active *active, const struct active_now *now)
{
    struct alert_text text = {.level = ALERT_WATCH};
    bool all = broker->data == ALERTS_DATA_USED;
    (void)snprintf(text.id, sizeof text.id, "budget-%s", config->name);
    say(&text, METRIC_EN, "", "raise budget: or batch:, or use encoding: deflate");
    say(&text, METRIC_ZH, "", "调大 budget 或 batch，或用 encoding: deflate");
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE,
                   "broker %s: %s of this month's %.1f MB are used; %s go out until it ends (UTC)",
                   config->name, all ? "all" : "80 %", (double)config->budget_bytes_month / 1e6,
                   all ? "only alerts and the forecast" : "hourly means instead of readings");
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE,
                   "消息服务器 %s：本月 %.1f MB 流量已用%s，月底（UTC）前只发%s", config->name,
                   (double)config->budget_bytes_month / 1e6, all ? "完" : " 80 %",
                   all ? "告警和预报" : "每小时的平均值");
    own_alert(broker->data != ALERTS_DATA_PLENTY, &text, active, now);
}

/* Reported in the app and by the other ways. */
static void look_at_way(const struct way_config *way, const char *why, struct active *active,
                        const struct active_now *now)
{
    struct alert_text text = {.level = ALERT_WATCH};
    (void)snprintf(text.id, sizeof text.id, "notify-%s", way->name);
    say(&text, METRIC_EN, "", "mend it, then try: baiye alert test");
    say(&text, METRIC_ZH, "", "改好后用 baiye alert test 试一次");
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE, "no alert reaches %s by %s: %s",
                   way->name, way_kind_name(way->kind), why);
    char chinese[REASON_SIZE];
    reason_chinese(why, chinese, sizeof chinese);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "告警发不到 %s（%s）：%s",
                   way->name, way_kind_name(way->kind), chinese);
    own_alert(why[0] != '\0', &text, active, now);
}

void system_look(const struct config *config, const struct system_seen *seen, struct active *active,
                 const struct active_now *now)
{
    look_at_store(&seen->store, active, now);
    look_at_copy(seen->store.copied, active, now);
    look_at_quarantine(&seen->store, active, now);
    look_at_disk(seen, active, now);
    look_at_descriptors(seen->descriptors_left, active, now);
    look_at_upgrade(&seen->upgrade, active, now);
    for (uint16_t i = 0; i < seen->broker_count && i < config->broker_count; i++) {
        look_at_broker(config->brokers[i].name, &seen->brokers[i], active, now);
        look_at_twin(config->brokers[i].name, seen->brokers[i].twin, active, now);
        look_at_budget(&config->brokers[i], &seen->brokers[i], active, now);
    }
    for (uint16_t i = 0; i < config->way_count; i++)
        look_at_way(&config->ways[i], seen->ways[i], active, now);
}

void system_web(const char *what, struct active *active, const struct active_now *now)
{
    struct alert_text text = {.id = "http", .level = ALERT_ALARM};
    say(&text, METRIC_EN, what != NULL ? what : "", "see the gateway's log");
    say(&text, METRIC_ZH, "", "查看主机日志");
    char why[REASON_SIZE];
    reason_chinese(what != NULL ? what : "", why, sizeof why);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "网页打不开：%s", why);
    own_alert(what != NULL, &text, active, now);
}

bool system_is_ours(const struct config *config, const char *id)
{
    /* Not ALERTS_GUESSES: its day is counted anew after a start. */
    static const char *const always[] = {"store", "quarantine", "identity", "descriptors",
                                         "disk",  "http",       "upgrade"};
    char own[ALERT_ID_SIZE];
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (strcmp(id, always[i]) == 0)
            return true;
    }
    if (strncmp(id, ALERTS_BOARD, strlen(ALERTS_BOARD)) == 0)
        return config_device(config, id + strlen(ALERTS_BOARD)) != NULL;
    for (uint16_t i = 0; i < config->action_count; i++) {
        const struct action_config *action = &config->actions[i];
        (void)snprintf(own, sizeof own, ALERTS_OUTPUT "%s-%s", config->devices[action->device].name,
                       action->write->name);
        if (strcmp(id, own) == 0)
            return true;
    }
    if (strcmp(id, ALERTS_CERTIFICATE) == 0 || strcmp(id, ALERTS_AUTHORITY) == 0)
        return config->http_cert_file[0] != '\0';
    if (strcmp(id, ALERTS_FROST) == 0)
        return config->plot_count > 0; /* else no one looks at it any more */
    for (uint16_t i = 0; i < config->way_count; i++) {
        (void)snprintf(own, sizeof own, "notify-%s", config->ways[i].name);
        if (strcmp(id, own) == 0)
            return true;
        (void)snprintf(own, sizeof own, ALERTS_AUTHORITY ALERTS_OF_WAY "%s", config->ways[i].name);
        if (strcmp(id, own) == 0)
            return config->ways[i].ca_file[0] != '\0';
    }
    for (uint16_t i = 0; i < config->broker_count && i < STORE_BROKERS_MAX; i++) {
        (void)snprintf(own, sizeof own, "broker-%s", config->brokers[i].name);
        if (strcmp(id, own) == 0)
            return true;
        (void)snprintf(own, sizeof own, "twin-%s", config->brokers[i].name);
        if (strcmp(id, own) == 0)
            return true;
        (void)snprintf(own, sizeof own, "budget-%s", config->brokers[i].name);
        if (strcmp(id, own) == 0)
            return true;
        (void)snprintf(own, sizeof own, ALERTS_CERTIFICATE "-%s", config->brokers[i].name);
        if (strcmp(id, own) == 0)
            return config->brokers[i].cert_file[0] != '\0';
        (void)snprintf(own, sizeof own, ALERTS_AUTHORITY "-%s", config->brokers[i].name);
        if (strcmp(id, own) == 0)
            return config->brokers[i].ca_file[0] != '\0';
    }
    return false;
}
