/* SPDX-License-Identifier: Apache-2.0 */
/* The units, as systemd has them: do they run, do they start at boot, and is the service still shut
 * in as the package's unit has it? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/cli/cli.h"
#include "tools/cli/doctor/doctor.h"

#define OUTPUT_SIZE 8192

/* The value behind "NAME=" in what `systemctl show` prints; false: it is not there. */
static bool value_of(const char *text, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t all = end != NULL ? (size_t)(end - line) : strlen(line);
        if (all > length && strncmp(line, name, length) == 0 && line[length] == '=') {
            (void)snprintf(value, size, "%.*s", (int)(all - length - 1), line + length + 1);
            return true;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static bool show(const char *unit, const char *properties, char *text)
{
    const char *const arguments[] = {"systemctl", "show", "-p", properties, unit, NULL};
    return doctor_run(arguments, text, OUTPUT_SIZE);
}

static void look_unit(struct doctor *doctor, const char *unit, bool broken, const char *todo)
{
    char text[OUTPUT_SIZE], active[32] = "", enabled[32] = "", restarts[32] = "0";
    if (!show(unit, "ActiveState,UnitFileState,NRestarts", text) ||
        !value_of(text, "ActiveState", active, sizeof active))
        return;
    (void)value_of(text, "UnitFileState", enabled, sizeof enabled);
    (void)value_of(text, "NRestarts", restarts, sizeof restarts);
    if (strcmp(active, "active") != 0)
        doctor_say(doctor, "service", broken ? DOCTOR_BROKEN : DOCTOR_WARNING, "%s is %s", todo,
                   "%s 的状态是 %s", todo, unit, active);
    else if (strcmp(enabled, "disabled") == 0)
        doctor_say(doctor, "service", DOCTOR_WARNING, "%s does not start at boot",
                   "systemctl enable it", "%s 开机不会自动启动", "用 systemctl enable 打开", unit);
    else
        doctor_say(doctor, "service", DOCTOR_OK, "%s is active", "", "%s 正在运行", "", unit);
    if (strtoul(restarts, NULL, 10) > 0)
        doctor_say(doctor, "service", DOCTOR_WARNING,
                   "%s ended by itself %s times and was started anew", "journalctl says why",
                   "%s 自己退出过 %s 次，又被重新启动", "用 journalctl 看原因", unit, restarts);
}

static const struct {
    const char *property, *value;
} shut_in[] = {
    {"User", "baiye"},
    {"NoNewPrivileges", "yes"},
    {"ProtectSystem", "strict"},
    {"ProtectHome", "yes"},
    {"PrivateTmp", "yes"},
    {"DevicePolicy", "closed"},
    {"ProtectKernelTunables", "yes"},
    {"ProtectKernelModules", "yes"},
    {"ProtectKernelLogs", "yes"},
    {"ProtectControlGroups", "yes"},
    {"ProtectClock", "yes"},
    {"ProtectProc", "invisible"},
    {"RestrictNamespaces", "yes"},
    {"RestrictSUIDSGID", "yes"},
    {"MemoryDenyWriteExecute", "yes"},
    {"CapabilityBoundingSet", ""},
};

/* One sentence for all that is open. */
static void look_hardening(struct doctor *doctor)
{
    char names[512] = "", text[OUTPUT_SIZE], open[512] = "", value[256];
    size_t used = 0;
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof shut_in / sizeof shut_in[0]; i++) {
        int length = snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? "," : "",
                              shut_in[i].property);
        used += length > 0 ? (size_t)length : 0;
    }
    if (!show("baiyed.service", names, text))
        return;
    used = 0;
    for (size_t i = 0; i < sizeof shut_in / sizeof shut_in[0]; i++) {
        if (!value_of(text, shut_in[i].property, value, sizeof value))
            continue; /* a systemd that does not know it */
        seen++;
        if (strcmp(value, shut_in[i].value) == 0 || used + 64 > sizeof open)
            continue;
        int length = snprintf(open + used, sizeof open - used, "%s%s=%.40s", used > 0 ? ", " : "",
                              shut_in[i].property, value);
        used += length > 0 ? (size_t)length : 0;
    }
    if (used > 0)
        doctor_say(doctor, "service", DOCTOR_WARNING,
                   "baiyed.service is less shut in than the package has it: %s",
                   "systemctl cat baiyed shows the drop-in that does it",
                   "baiyed.service 的隔离比安装包里的松：%s",
                   "systemctl cat baiyed 能看到是哪个 drop-in 改的", open);
    else if (seen > 0)
        doctor_say(doctor, "service", DOCTOR_OK, "baiyed.service is shut in as the package has it",
                   "", "baiyed.service 的隔离和安装包一致", "");
}

static void look_stale_units(struct doctor *doctor)
{
    char text[OUTPUT_SIZE], value[16];
    if (show("baiyed.service", "NeedDaemonReload", text) &&
        value_of(text, "NeedDaemonReload", value, sizeof value) && strcmp(value, "yes") == 0)
        doctor_say(doctor, "service", DOCTOR_WARNING, "systemd has not read its unit's last change",
                   "systemctl daemon-reload && systemctl restart baiyed",
                   "systemd 还没读到服务文件的最新改动",
                   "systemctl daemon-reload && systemctl restart baiyed");
}

void doctor_service(struct doctor *doctor)
{
    char path[CLI_PATH];
    if (!doctor_path(doctor, "/run/systemd/system", path, sizeof path) || access(path, F_OK) != 0) {
        if (doctor->stats != NULL)
            doctor_say(doctor, "service", DOCTOR_OK, "a gateway answers; no systemd runs it", "",
                       "主机有应答，但不是由 systemd 启动的", "");
        else
            doctor_say(doctor, "service", DOCTOR_WARNING,
                       "no gateway answers, and there is no systemd here",
                       "start it by hand: baiyed --config FILE", "主机没有应答，这里也没有 systemd",
                       "手动启动：baiyed --config 文件");
        return;
    }
    look_unit(doctor, "baiyed.service", true, "journalctl -u baiyed; systemctl start baiyed");
    look_unit(doctor, "mosquitto.service", true,
              "journalctl -u mosquitto; systemctl start mosquitto");
    look_unit(doctor, "baiye-cert.timer", false, "systemctl enable --now baiye-cert.timer");
    look_stale_units(doctor);
    look_hardening(doctor);
}
