/* SPDX-License-Identifier: Apache-2.0 */
/* Serial ports: their names, drivers, and who else wants them. A port's adapter is found as udev
 * finds it: /sys/class/tty/NAME/device, and upwards to the USB device that has an idVendor. */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/cli/cli.h"
#include "tools/cli/doctor/doctor.h"

#define LEVELS_MAX 8

struct adapter {
    char tty[64];       /* "ttyUSB0" */
    char driver[64];    /* "" : unknown */
    char usb[PATH_MAX]; /* the USB device's folder, "" : it has none */
    char vendor[8], product[8], serial[128];
};

/* ---- the adapter ---- */

static void read_link_name(const char *path, char *name, size_t size)
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(target, '/');
    const char *last = slash != NULL ? slash + 1 : target;
    (void)snprintf(name, size, "%.*s", (int)size - 1, last);
}

static bool read_in(const char *folder, const char *name, char *text, size_t size)
{
    char path[PATH_MAX + 64];
    FILE *file = snprintf(path, sizeof path, "%s/%s", folder, name) > 0 ? fopen(path, "re") : NULL;
    text[0] = '\0';
    bool good = file != NULL && fgets(text, (int)size, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    text[strcspn(text, "\n")] = '\0';
    return good;
}

static void find_usb(struct adapter *adapter, const char *device)
{
    if (realpath(device, adapter->usb) == NULL) {
        adapter->usb[0] = '\0';
        return;
    }
    for (unsigned i = 0; i < LEVELS_MAX; i++) {
        if (read_in(adapter->usb, "idVendor", adapter->vendor, sizeof adapter->vendor)) {
            (void)read_in(adapter->usb, "idProduct", adapter->product, sizeof adapter->product);
            (void)read_in(adapter->usb, "serial", adapter->serial, sizeof adapter->serial);
            return;
        }
        char *slash = strrchr(adapter->usb, '/');
        if (slash == NULL || slash == adapter->usb)
            break;
        *slash = '\0';
    }
    adapter->usb[0] = '\0';
}

static bool find_adapter(const struct doctor *doctor, const char *port, struct adapter *adapter)
{
    char full[CLI_PATH], real[PATH_MAX], inner[128], device[CLI_PATH];
    *adapter = (struct adapter){0};
    if (!doctor_path(doctor, port, full, sizeof full) || realpath(full, real) == NULL)
        return false;
    const char *slash = strrchr(real, '/');
    (void)snprintf(adapter->tty, sizeof adapter->tty, "%s", slash + 1);
    (void)snprintf(inner, sizeof inner, "/sys/class/tty/%s/device", adapter->tty);
    if (!doctor_path(doctor, inner, device, sizeof device))
        return false;
    (void)snprintf(full, sizeof full, "%.*s/driver", (int)sizeof full - 8, device);
    read_link_name(full, adapter->driver, sizeof adapter->driver);
    find_usb(adapter, device);
    return true;
}

/* ---- its name ---- */

/* The name in /dev/serial/KIND that leads to this port; false: none does. */
static bool find_alias(const struct doctor *doctor, const char *kind, const struct adapter *adapter,
                       char *alias, size_t size)
{
    char inner[64], folder[CLI_PATH], path[PATH_MAX], name[64];
    const struct dirent *entry;
    bool found = false;
    (void)snprintf(inner, sizeof inner, "/dev/serial/%s", kind);
    DIR *dir = doctor_path(doctor, inner, folder, sizeof folder) ? opendir(folder) : NULL;
    while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < 0)
            continue;
        read_link_name(path, name, sizeof name);
        found = entry->d_name[0] != '.' && strcmp(name, adapter->tty) == 0 &&
                snprintf(alias, size, "%s/%s", inner, entry->d_name) > 0;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

static bool is_counted(const char *tty)
{
    return strncmp(tty, "ttyUSB", 6) == 0 || strncmp(tty, "ttyACM", 6) == 0 ||
           strncmp(tty, "ttyXRUSB", 8) == 0 || strncmp(tty, "ttyCH343USB", 11) == 0;
}

/* /dev/ttyUSB0 is whoever was first; a by-id name without a serial number is of every such
 * adapter. */
static void look_name(struct doctor *doctor, const struct bus_config *bus,
                      const struct adapter *adapter)
{
    char alias[CLI_PATH], todo[CLI_PATH + 64], zh_todo[CLI_PATH + 64];
    const char *slash = strrchr(bus->port, '/');
    bool by_id = strncmp(bus->port, "/dev/serial/by-id/", 18) == 0;
    bool twins = adapter->usb[0] != '\0' && adapter->serial[0] == '\0';
    bool counted =
        slash != NULL && strncmp(bus->port, "/dev/serial/", 12) != 0 && is_counted(slash + 1);
    if (!counted && !(by_id && twins))
        return;
    const char *kind = twins ? "by-path" : "by-id";
    if (!find_alias(doctor, kind, adapter, alias, sizeof alias))
        (void)snprintf(alias, sizeof alias, "/dev/serial/%s/...", kind);
    (void)snprintf(todo, sizeof todo, "write port: %s", alias);
    (void)snprintf(zh_todo, sizeof zh_todo, "请写 port: %s", alias);
    if (counted)
        doctor_say(doctor, "ports", DOCTOR_WARNING,
                   "bus %s: %s may be another adapter after the next start", todo,
                   "总线 %s：重启后 %s 可能是另一个转换器", zh_todo, bus->name, bus->port);
    else
        doctor_say(doctor, "ports", DOCTOR_WARNING,
                   "bus %s: the adapter has no serial number; a second one of its kind would take "
                   "its name",
                   todo, "总线 %s：转换器没有序列号，再插一个同型号的就会重名", zh_todo, bus->name);
}

static void look_latency(struct doctor *doctor, const struct adapter *adapter)
{
    char inner[128], text[16];
    (void)snprintf(inner, sizeof inner, "/sys/class/tty/%s/device/latency_timer", adapter->tty);
    if (!doctor_file(doctor, inner, text, sizeof text) || strtoul(text, NULL, 10) <= 1)
        return;
    doctor_say(doctor, "ports", DOCTOR_WARNING, "%s holds answers back for %s ms (latency timer)",
               "plug it in again: the package's udev rule sets 1 ms",
               "%s 会把回答压住 %s 毫秒（latency timer）",
               "重新插一次：安装包的 udev 规则会设为 1 毫秒", adapter->tty, text);
}

/* ---- who else wants it ---- */

/* The first process of that name, or, with `link`, the first that has this file open and is not
 * the gateway; false: there is none. */
static bool find_process(const struct doctor *doctor, const char *name, const char *link,
                         char *found, size_t size)
{
    char folder[CLI_PATH], inner[64], comm[32];
    const struct dirent *entry;
    bool is = false;
    DIR *dir = doctor_path(doctor, "/proc", folder, sizeof folder) ? opendir(folder) : NULL;
    while (dir != NULL && !is && (entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) == 0)
            continue;
        (void)snprintf(inner, sizeof inner, "/proc/%.16s/comm", entry->d_name);
        if (!doctor_file(doctor, inner, comm, sizeof comm))
            continue;
        if (name != NULL) {
            is = strcmp(comm, name) == 0;
        } else if (strncmp(comm, "baiye", 5) != 0) {
            char fds[CLI_PATH + 64], path[CLI_PATH + 400], target[PATH_MAX];
            (void)snprintf(fds, sizeof fds, "%s/%.16s/fd", folder, entry->d_name);
            DIR *open_files = opendir(fds);
            const struct dirent *one;
            while (open_files != NULL && !is && (one = readdir(open_files)) != NULL) {
                (void)snprintf(path, sizeof path, "%s/%s", fds, one->d_name);
                ssize_t length = readlink(path, target, sizeof target - 1);
                target[length > 0 ? length : 0] = '\0';
                is = strcmp(target, link) == 0;
            }
            if (open_files != NULL)
                closedir(open_files);
        }
        if (is)
            (void)snprintf(found, size, "%s (%.16s)", comm, entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return is;
}

static void look_others(struct doctor *doctor, const struct bus_config *bus,
                        const struct adapter *adapter)
{
    char device[96], who[64];
    (void)snprintf(device, sizeof device, "/dev/%s", adapter->tty);
    if (strchr(adapter->tty, 'U') != NULL && find_process(doctor, NULL, device, who, sizeof who))
        doctor_say(doctor, "ports", DOCTOR_BROKEN, "bus %s: %s has the port open as well",
                   "end it: two masters on a line disturb each other",
                   "总线 %s：%s 也打开了这个串口", "请关掉它：一条线上不能有两个主站", bus->name,
                   who);
}

/* What udev says of the port: is ModemManager kept off it? */
static bool is_kept_from_modems(const struct doctor *doctor, const struct adapter *adapter)
{
    char inner[128], number[32], text[4096], full[CLI_PATH];
    (void)snprintf(inner, sizeof inner, "/sys/class/tty/%s/dev", adapter->tty);
    if (!doctor_file(doctor, inner, number, sizeof number))
        return true;
    (void)snprintf(inner, sizeof inner, "/run/udev/data/c%s", number);
    FILE *file = doctor_path(doctor, inner, full, sizeof full) ? fopen(full, "re") : NULL;
    size_t got = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    text[got] = '\0';
    return strstr(text, "ID_MM_PORT_IGNORE=1") != NULL ||
           strstr(text, "ID_MM_DEVICE_IGNORE=1") != NULL;
}

/* brltty takes these for Braille displays: the CH340's port vanishes a second after it came. */
static void look_braille(struct doctor *doctor)
{
    char full[CLI_PATH], who[64];
    static const char *const rules[] = {"/usr/lib/udev/rules.d/85-brltty.rules",
                                        "/lib/udev/rules.d/85-brltty.rules",
                                        "/usr/lib/udev/rules.d/90-brltty-device.rules"};
    bool there = find_process(doctor, "brltty", NULL, who, sizeof who);
    for (size_t i = 0; !there && i < sizeof rules / sizeof rules[0]; i++)
        there = doctor_path(doctor, rules[i], full, sizeof full) && access(full, F_OK) == 0;
    if (there)
        doctor_say(doctor, "ports", DOCTOR_WARNING,
                   "brltty is installed: it takes CH340 and CP210x adapters for Braille displays, "
                   "and their ports vanish",
                   "apt purge brltty",
                   "装了 brltty：它会把 CH340、CP210x 转换器当成盲文显示器，串口会消失",
                   "apt purge brltty");
}

static void look_port(struct doctor *doctor, const struct bus_config *bus, bool modems)
{
    struct adapter adapter;
    if (!find_adapter(doctor, bus->port, &adapter)) {
        doctor_say(doctor, "ports", DOCTOR_BROKEN, "bus %s: there is no %s",
                   "plug the adapter in; `ls /dev/serial/by-id` shows those that there are",
                   "总线 %s：没有 %s", "插上转换器；`ls /dev/serial/by-id` 列出现有的", bus->name,
                   bus->port);
        return;
    }
    if (adapter.usb[0] != '\0')
        doctor_say(doctor, "ports", DOCTOR_OK, "bus %s: %s, %s, USB %s:%s, serial number %s", "",
                   "总线 %s：%s，%s，USB %s:%s，序列号 %s", "", bus->name, adapter.tty,
                   adapter.driver[0] != '\0' ? adapter.driver : "?", adapter.vendor,
                   adapter.product, adapter.serial[0] != '\0' ? adapter.serial : "-");
    else
        doctor_say(doctor, "ports", DOCTOR_OK, "bus %s: %s%s%s", "", "总线 %s：%s%s%s", "",
                   bus->name, adapter.tty, adapter.driver[0] != '\0' ? ", " : "", adapter.driver);
    look_name(doctor, bus, &adapter);
    look_latency(doctor, &adapter);
    look_others(doctor, bus, &adapter);
    if (modems && adapter.usb[0] != '\0' && !is_kept_from_modems(doctor, &adapter))
        doctor_say(doctor, "ports", DOCTOR_WARNING,
                   "bus %s: ModemManager looks for a modem at %s: frames from nobody",
                   "plug it in again: the package's udev rule keeps it off; or apt purge "
                   "modemmanager",
                   "总线 %s：ModemManager 会在 %s 上找调制解调器，往线上乱发数据",
                   "重新插一次，安装包的 udev 规则会拦住它；或 apt purge modemmanager", bus->name,
                   adapter.tty);
}

void doctor_ports(struct doctor *doctor)
{
    char who[64];
    bool modems = find_process(doctor, "ModemManager", NULL, who, sizeof who), serial = false;
    for (unsigned i = 0; doctor->config != NULL && i < doctor->config->bus_count; i++) {
        if (doctor->config->buses[i].type != BUS_RTU)
            continue;
        look_port(doctor, &doctor->config->buses[i], modems);
        serial = true;
    }
    if (serial)
        look_braille(doctor);
}
