/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway itself: its configuration, what its user may use, its store, brokers and versions. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "gateway/daemon/config/access.h"
#include "tools/cli/cli.h"
#include "tools/cli/doctor/doctor.h"
#include "tools/cli/service.h"
#include "tools/cli/show.h"

#define CHECK_STEPS 100000 /* of SQLite's machine, between looks at the time */
#define BACKLOG     10000

void doctor_configuration(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    const char *refused = talk_text(doctor->stats, "config_refused");
    if (config != NULL)
        doctor_say(doctor, "configuration", DOCTOR_OK, "%s is right; buses: %u, devices: %u", "",
                   "%s 没有错：%u 条总线，%u 个设备", "", config->file, config->bus_count,
                   config->device_count);
    if (refused[0] != '\0')
        doctor_say(doctor, "configuration", DOCTOR_BROKEN,
                   "the gateway runs by the last good one, because of: %s",
                   "mend the file, then: baiye reload", "主机在用上一次正确的配置，因为：%s",
                   "改好文件，再运行 baiye reload", refused);
}

/* ---- permissions: looked at by a child, as the service's user ---- */

struct looking {
    struct doctor *doctor;
    int fd; /* the child's end */
};

static void pass_on(void *context, const struct access_finding *finding)
{
    const struct looking *looking = context;
    json_t *line = json_pack("{s:i,s:s,s:s}", "state", (int)finding->state, "en", finding->en, "zh",
                             finding->zh);
    char *text = json_dumps(line, JSON_COMPACT);
    if (text != NULL)
        (void)(cli_write_all(looking->fd, text, strlen(text)) &&
               cli_write_all(looking->fd, "\n", 1));
    free(text);
    json_decref(line);
}

/* The child opens the file anew: what root has read, the service may not. */
static int look(void *context)
{
    struct looking *looking = context;
    struct doctor *doctor = looking->doctor;
    const struct access_look look = {
        .service = service_view(doctor->user) == SERVICE_YES, .say = pass_on, .context = looking};
    struct config_error error;
    struct config *config = config_load(doctor->config_file, doctor->profiles, &error);
    if (config == NULL) {
        const struct access_finding finding = {ACCESS_BROKEN, error.text, error.text};
        pass_on(looking, &finding);
        return 1;
    }
    (void)access_check(config, &look);
    config_free(config);
    return EX_OK;
}

/* Cuts the text before its first separator; what stands behind that is what to do. */
static const char *cut(char *text, const char *separator)
{
    char *at = strstr(text, separator);
    if (at == NULL)
        return "";
    *at = '\0';
    return at + strlen(separator);
}

/* In both languages: it was composed where it was found. */
static void say_access(struct doctor *doctor, const char *line, unsigned *count)
{
    json_t *found = json_loads(line, 0, NULL);
    long long state = talk_integer(found, "state");
    bool other = service_view(doctor->user) == SERVICE_OTHER; /* the service may read more */
    char en[1100], zh[1100];
    (void)snprintf(en, sizeof en, "%s", talk_text(found, "en"));
    (void)snprintf(zh, sizeof zh, "%s", talk_text(found, "zh"));
    const char *todo = cut(en, "; "), *zh_todo = cut(zh, "；");
    if (found != NULL)
        doctor_add(doctor, "permissions",
                   state == ACCESS_NOTE || other ? DOCTOR_WARNING : DOCTOR_BROKEN, en, todo, zh,
                   zh_todo);
    (*count)++;
    json_decref(found);
}

void doctor_permissions(struct doctor *doctor)
{
    FILE *file = tmpfile();
    char line[4096];
    unsigned count = 0;
    if (doctor->config == NULL || file == NULL) {
        if (file != NULL)
            (void)fclose(file);
        return;
    }
    struct looking looking = {.doctor = doctor, .fd = fileno(file)};
    bool looked = service_run(doctor->user, look, &looking) >= 0;
    rewind(file);
    while (fgets(line, sizeof line, file) != NULL)
        say_access(doctor, line, &count);
    (void)fclose(file);
    if (looked && count == 0)
        doctor_say(doctor, "permissions", DOCTOR_OK, "all that the configuration names can be used",
                   "", "配置里写的文件、串口和文件夹都能用", "");
    if (service_view(doctor->user) == SERVICE_OTHER)
        doctor_say(doctor, "permissions", DOCTOR_WARNING, "looked at as you, not as user %s",
                   "sudo baiye doctor", "是按您的权限看的，不是用户 %s 的", "sudo baiye doctor",
                   doctor->user);
}

/* ---- store ---- */

static int out_of_time(void *context)
{
    return time(NULL) > *(const time_t *)context;
}

/* In a child, as the service's user: root's would leave files that the service can't open. 0:
 * sound, 1: not, 2: can't be opened, 3: there was no time for all of it. */
static int check_file(void *context)
{
    const struct config *config = context;
    time_t until = time(NULL) + DOCTOR_WAIT_MS / 1000;
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int code = 2, rc = SQLITE_OK;
    if (access(config->store_path, F_OK) != 0)
        return 4;
    rc = sqlite3_open_v2(config->store_path, &db, SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_progress_handler(db, CHECK_STEPS, out_of_time, &until);
        rc = sqlite3_step(statement);
    }
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (said != NULL)
        code = strcmp(said, "ok") == 0 ? 0 : 1;
    else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        code = 1;
    else if (rc == SQLITE_INTERRUPT || rc == SQLITE_BUSY)
        code = 3;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return code;
}

static void look_running_store(struct doctor *doctor)
{
    const json_t *store = json_object_get(doctor->stats, "store");
    if (store == NULL)
        return;
    if (!json_is_true(json_object_get(store, "available")))
        doctor_say(doctor, "store", DOCTOR_BROKEN, "readings are kept in memory only: %s",
                   "look at the disk above", "数据只在内存里：%s", "见上面硬盘一项",
                   talk_text(store, "alarm"));
    else if (talk_text(store, "alarm")[0] != '\0')
        doctor_say(doctor, "store", DOCTOR_WARNING, "%s", "look at the disk above", "%s",
                   "见上面硬盘一项", talk_text(store, "alarm"));
    if (talk_integer(store, "lost") > 0)
        doctor_say(doctor, "store", DOCTOR_WARNING,
                   "readings that could not be kept since the start: %lld",
                   "look at the disk above, and at journalctl -u baiyed",
                   "启动以来有 %lld 条读数没存下来", "见上面硬盘一项，以及 journalctl -u baiyed",
                   talk_integer(store, "lost"));
    if (talk_integer(store, "quarantined") > 0)
        doctor_say(doctor, "store", DOCTOR_WARNING, "a broker refuses %lld records for good",
                   "look at the broker's limits: message size, quota",
                   "消息服务器一直拒收 %lld 条记录", "检查消息服务器的限制：消息大小、配额",
                   talk_integer(store, "quarantined"));
}

void doctor_store(struct doctor *doctor)
{
    if (doctor->config == NULL)
        return;
    const char *path = doctor->config->store_path;
    switch (service_run(doctor->user, check_file, (void *)(uintptr_t)doctor->config)) {
    case 0:
        doctor_say(doctor, "store", DOCTOR_OK, "%s is sound (SQLite %s)", "",
                   "%s 完好（SQLite %s）", "", path, sqlite3_libversion());
        break;
    case 1:
        doctor_say(doctor, "store", DOCTOR_BROKEN, "%s is damaged",
                   "baiye backup what there is, then restart baiyed: it saves what can be read "
                   "into a new file",
                   "%s 损坏了", "先备份（baiye backup），再重启 baiyed：它会把读得出的存到新文件",
                   path);
        break;
    case 3:
        doctor_say(doctor, "store", DOCTOR_OK, "%s is sound as far as 5 s let it be looked at", "",
                   "%s 在 5 秒内检查到的部分完好", "", path);
        break;
    case 4:
        doctor_say(doctor, "store", DOCTOR_OK, "there is no %s yet: the first start makes it", "",
                   "还没有 %s：第一次启动时建立", "", path);
        break;
    default:
        doctor_say(doctor, "store", DOCTOR_BROKEN, "%s can't be opened", "see permissions above",
                   "%s 打不开", "见上面权限一项", path);
        break;
    }
    look_running_store(doctor);
}

/* ---- brokers ---- */

static const json_t *named(const json_t *list, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one) {
        if (strcmp(talk_text(one, "name"), name) == 0)
            return one;
    }
    return NULL;
}

/* "" when a connection stands within the time, else why not. */
static void try_connect(const struct broker_url *url, char *why, size_t size)
{
    const struct addrinfo wish = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    int error = 0;
    socklen_t length = sizeof error;
    (void)snprintf(port, sizeof port, "%u", url->port);
    int unknown = getaddrinfo(url->host, port, &wish, &found);
    if (unknown != 0) {
        (void)snprintf(why, size, "%s", gai_strerror(unknown));
        return;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd waiting = {.fd = fd, .events = POLLOUT};
    bool begun =
        fd >= 0 && (connect(fd, found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS);
    if (begun && poll(&waiting, 1, DOCTOR_WAIT_MS) <= 0)
        error = ETIMEDOUT;
    else if (!begun || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    (void)snprintf(why, size, "%s", error != 0 ? strerror(error) : "");
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
}

static void look_reachable(struct doctor *doctor, const struct broker_config *broker)
{
    char why[128];
    try_connect(&broker->url, why, sizeof why);
    if (why[0] != '\0')
        doctor_say(doctor, "brokers", DOCTOR_BROKEN, "%s: %s port %u: %s",
                   "is the broker running, is the network there?", "%s：%s 端口 %u：%s",
                   "消息服务器开着吗？网络通吗？", broker->name, broker->url.host, broker->url.port,
                   why);
    else
        doctor_say(doctor, "brokers", DOCTOR_OK, "%s: %s port %u can be reached", "",
                   "%s：%s 端口 %u 连得上", "", broker->name, broker->url.host, broker->url.port);
}

static void look_broker(struct doctor *doctor, const struct broker_config *broker,
                        const json_t *state)
{
    if (strcmp(talk_text(state, "state"), "up") == 0)
        doctor_say(doctor, "brokers", DOCTOR_OK, "%s: connected, readings waiting: %lld", "",
                   "%s：已连接，%lld 条待发", "", broker->name, talk_integer(state, "backlog"));
    else
        doctor_say(doctor, "brokers", DOCTOR_BROKEN, "%s: %s: %s",
                   "look at its address, certificate, user and password (baiye user init makes "
                   "the local one's)",
                   "%s：%s：%s", "检查地址、证书、用户和密码（本机的由 baiye user init 建立）",
                   broker->name, talk_words(talk_text(state, "state")),
                   show_reason(talk_text(state, "why")));
}

void doctor_brokers(struct doctor *doctor)
{
    for (unsigned i = 0; doctor->config != NULL && i < doctor->config->broker_count; i++) {
        const struct broker_config *broker = &doctor->config->brokers[i];
        const json_t *state = named(json_object_get(doctor->stats, "brokers"), broker->name);
        if (state != NULL)
            look_broker(doctor, broker, state);
        else
            look_reachable(doctor, broker);
        if (state != NULL && talk_integer(state, "backlog") > BACKLOG)
            doctor_say(doctor, "brokers", DOCTOR_WARNING, "%s: readings waiting to be sent: %lld",
                       "they go out by themselves once the link is up", "%s：有 %lld 条读数待发",
                       "连上后会自动补发", broker->name, talk_integer(state, "backlog"));
    }
    if (doctor->config != NULL && doctor->config->broker_count == 0)
        doctor_say(doctor, "brokers", DOCTOR_WARNING, "there is none: no phone sees anything",
                   "add one to mqtt:", "没有消息服务器：手机上什么也看不到", "在 mqtt: 里加一个");
}

/* ---- data plan ---- */

/* Days of this month (UTC) gone and in all. */
static void month_days(time_t now, double *gone, double *all)
{
    struct tm utc;
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    (void)gmtime_r(&now, &utc);
    int year = utc.tm_year + 1900;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    *all = days[utc.tm_mon] + (utc.tm_mon == 1 && leap);
    *gone = utc.tm_mday - 1 + utc.tm_hour / 24.0 + utc.tm_min / 1440.0;
}

void doctor_data_plan(struct doctor *doctor)
{
    double gone, all;
    month_days(time(NULL), &gone, &all);
    for (unsigned i = 0; doctor->config != NULL && i < doctor->config->broker_count; i++) {
        const struct broker_config *broker = &doctor->config->brokers[i];
        const json_t *state = named(json_object_get(doctor->stats, "brokers"), broker->name);
        double plan = (double)broker->budget_bytes_month / 1e6;
        double used = (double)talk_integer(state, "bytes_month") / 1e6;
        double whole = gone > 1 ? used * all / gone : used;
        if (state == NULL || plan <= 0)
            continue;
        if (used >= plan)
            doctor_say(doctor, "data plan", DOCTOR_BROKEN,
                       "%s: %.1f of %.1f MB are used: only alerts and the forecast go out",
                       "raise budget: or batch:, or use encoding: deflate",
                       "%s：%.1f / %.1f MB 已用完：只发告警和预报",
                       "调大 budget 或 batch，或用 encoding: deflate", broker->name, used, plan);
        else if (json_is_true(json_object_get(state, "thrifty")) || whole > plan)
            doctor_say(doctor, "data plan", DOCTOR_WARNING,
                       "%s: %.1f of %.1f MB are used; at this rate the month takes %.1f MB",
                       "raise budget: or batch:, or use encoding: deflate",
                       "%s：已用 %.1f / %.1f MB；照此这个月要用 %.1f MB",
                       "调大 budget 或 batch，或用 encoding: deflate", broker->name, used, plan,
                       whole);
        else
            doctor_say(doctor, "data plan", DOCTOR_OK, "%s: %.1f of %.1f MB of this month are used",
                       "", "%s：本月已用 %.1f / %.1f MB", "", broker->name, used, plan);
    }
}

/* ---- versions ---- */

void doctor_versions(struct doctor *doctor)
{
    struct utsname system = {0};
    const char *running = talk_text(doctor->stats, "version");
    (void)uname(&system);
    if (doctor->stats == NULL)
        doctor_say(doctor, "versions", DOCTOR_OK, "baiye %s, %s %s", "", "baiye %s，%s %s", "",
                   BAIYE_VERSION, system.sysname, system.release);
    else if (strcmp(running, BAIYE_VERSION) != 0)
        doctor_say(doctor, "versions", DOCTOR_WARNING, "this is %s, the running gateway is %s",
                   "systemctl restart baiyed", "本程序是 %s，正在运行的主机是 %s",
                   "systemctl restart baiyed", BAIYE_VERSION,
                   running[0] != '\0' ? running : "older");
    else
        doctor_say(doctor, "versions", DOCTOR_OK, "baiye and the running gateway %s, %s %s", "",
                   "baiye 和正在运行的主机 %s，%s %s", "", BAIYE_VERSION, system.sysname,
                   system.release);
}
