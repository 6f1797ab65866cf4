/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/access.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/common/file_help.h"
#include "gateway/common/rs485.h"

#define STATE_FOLDER     "/var/lib/baiye" /* made by the service's unit */
#define FREE_PORTS_FILE  "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define FREE_PORTS_FIRST 1024

/* Whose a file is, in both languages. */
struct access_what {
    char en[CONFIG_NAME_SIZE + 24], zh[CONFIG_NAME_SIZE + 24];
};

struct access_walk {
    const struct config *config;
    const struct access_look *look;
    struct access_what what; /* of the file that is looked at */
    unsigned broken;
};

/* `en` and `zh` take the same arguments in the same order. */
__attribute__((format(printf, 3, 5), format(printf, 4, 5))) static void
say(struct access_walk *walk, enum access_state state, const char *en, const char *zh, ...)
{
    char texts[2][1024];
    const char *const formats[2] = {en, zh};
    (void)snprintf(texts[0], sizeof texts[0], walk->what.en[0] != '\0' ? "%s: " : "%s",
                   walk->what.en);
    (void)snprintf(texts[1], sizeof texts[1], walk->what.zh[0] != '\0' ? "%s：" : "%s",
                   walk->what.zh);
    for (unsigned i = 0; i < 2; i++) {
        size_t used = strlen(texts[i]);
        va_list args;
        va_start(args, zh);
        if (vsnprintf(texts[i] + used, sizeof texts[i] - used, formats[i], args) < 0)
            texts[i][0] = '\0';
        va_end(args);
    }
    const struct access_finding finding = {.state = state, .en = texts[0], .zh = texts[1]};
    walk->broken += state != ACCESS_NOTE;
    walk->look->say(walk->look->context, &finding);
}

static bool below(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* The unit has ProtectHome and PrivateTmp: what lies there is not there for the service. */
static void note_hidden(struct access_walk *walk, const char *path)
{
    static const char *const hidden[] = {"/home", "/root", "/run/user", "/tmp", "/var/tmp"};
    for (size_t i = 0; walk->look->service && i < sizeof hidden / sizeof hidden[0]; i++) {
        if (below(path, hidden[i]))
            say(walk, ACCESS_NOTE,
                "%s: the service does not see what is in %s; move it to /etc/baiye",
                "%s：服务看不到 %s 里的文件；请移到 /etc/baiye", path, hidden[i]);
    }
}

/* Why a file that is to be read can't be; 0: it can. */
static int read_error(const char *path, bool *is_file)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int error = fd < 0 ? errno : 0;
    *is_file = fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode));
    if (fd >= 0)
        close(fd);
    return error;
}

/* Of what is there and can't be used as it is, by the reason: where: why; what to do. */
static void say_unread(struct access_walk *walk, enum access_state state, const char *path,
                       int error)
{
    const struct file_reader reader = file_reader_self();
    char help[2][FILE_HELP_SIZE];
    file_help(&reader, path, error, false, help[0]);
    file_help(&reader, path, error, true, help[1]);
    say(walk, state, "%s: %s; %s%.0s", "%s：%s；%.0s%s", path, strerror(error), help[0], help[1]);
}

/* A file that something of the gateway reads: without it that does not work. */
static void look_file(struct access_walk *walk, struct access_what what, const char *path)
{
    bool is_file;
    if (path[0] == '\0')
        return;
    walk->what = what;
    int error = read_error(path, &is_file);
    if (error != 0)
        say_unread(walk, error == ENOENT ? ACCESS_MISSING : ACCESS_BROKEN, path, error);
    else if (!is_file)
        say(walk, ACCESS_BROKEN, "%s: it is no file; name the file itself",
            "%s：这不是文件；请写文件本身的路径", path);
    note_hidden(walk, path);
    walk->what = (struct access_what){"", ""};
}

/* ---- http ---- */

static unsigned first_free_port(void)
{
    unsigned first = FREE_PORTS_FIRST;
    char text[16];
    FILE *file = fopen(FREE_PORTS_FILE, "re");
    if (file != NULL && fgets(text, sizeof text, file) != NULL)
        first = (unsigned)strtoul(text, NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return first;
}

/* Is a numeric address one of this machine's? Any port of it will do for that. */
static bool has_address(const char *host)
{
    const struct addrinfo wish = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE,
                                  .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, "0", &wish, &found) != 0)
        return true; /* a name: not asked for here */
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) == 0 || errno != EADDRNOTAVAIL;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return has;
}

static void look_app(struct access_walk *walk)
{
    const char *folder = walk->config->app_dir;
    char index[CONFIG_PATH_SIZE + 16];
    struct stat status;
    if (folder[0] == '\0')
        return;
    if (stat(folder, &status) != 0 && errno == ENOENT) { /* it runs, without the app */
        say(walk, ACCESS_NOTE,
            "http: app_dir: %s: %s; the package has the app in /usr/share/baiye/app",
            "http：app_dir：%s：%s；安装包把网页放在 /usr/share/baiye/app", folder,
            strerror(ENOENT));
        return;
    }
    (void)snprintf(index, sizeof index, "%s/index.html", folder);
    int error = access(index, R_OK) != 0 ? errno : 0;
    if (error == ENOENT)
        say(walk, ACCESS_BROKEN,
            "http: app_dir: %s: %s: the app can't be shown; the package has it in "
            "/usr/share/baiye/app",
            "http：app_dir：%s：%s：网页打不开；安装包把它放在 /usr/share/baiye/app", index,
            strerror(error));
    walk->what = (struct access_what){"http: app_dir", "网页 app_dir"};
    if (error != 0 && error != ENOENT)
        say_unread(walk, ACCESS_BROKEN, index, error);
    note_hidden(walk, folder);
    walk->what = (struct access_what){"", ""};
}

static void look_http(struct access_walk *walk)
{
    const struct config *config = walk->config;
    if (config->http_host[0] == '\0')
        return;
    if (config->http_port < first_free_port() && geteuid() != 0)
        say(walk, ACCESS_BROKEN,
            "http: listen: port %u is one that only root may open; write one from %u on, for "
            "example 8443",
            "http：listen：端口 %u 只有 root 能用；请写 %u 以上的，例如 8443", config->http_port,
            first_free_port());
    if (!has_address(config->http_host))
        say(walk, ACCESS_BROKEN,
            "http: listen: %s is no address of this machine; 0.0.0.0 is all that it has",
            "http：listen：本机没有地址 %s；0.0.0.0 表示本机所有地址", config->http_host);
    look_app(walk);
    look_file(walk, (struct access_what){"http certificate", "网页证书"}, config->http_cert_file);
    look_file(walk, (struct access_what){"http key", "网页密钥"}, config->http_key_file);
}

/* ---- store ---- */

/* Readings can't be kept there. */
static void say_unwritten(struct access_walk *walk, const char *path, bool is_folder, int error)
{
    static const struct {
        int error;
        const char *en, *zh;
    } todo[] = {
        {EACCES, "chown baiye:baiye it", "请 chown baiye:baiye"},
        {EPERM, "chown baiye:baiye it", "请 chown baiye:baiye"},
        {ENOENT, "make it, and chown baiye:baiye it", "请建立它，并 chown baiye:baiye"},
        {ENOTDIR, "a part of its path is no folder; correct store: path:",
         "路径里有一段不是文件夹，请改正 store 的 path"},
        {EROFS, "the disk or card is mounted read-only: `dmesg` tells why",
         "硬盘或存储卡只能读：用 `dmesg` 看原因"},
    };
    const char *en = "`dmesg` may tell more", *zh = "用 `dmesg` 看详情";
    for (size_t i = 0; i < sizeof todo / sizeof todo[0]; i++) {
        if (todo[i].error == error) {
            en = todo[i].en;
            zh = todo[i].zh;
        }
    }
    say(walk, ACCESS_BROKEN, "store: %s%.0s%s: %s: readings can't be kept; %s%.0s",
        "store：%.0s%s%s：%s：数据存不下；%.0s%s", is_folder ? "folder " : "",
        is_folder ? "文件夹 " : "", path, strerror(error), en, zh);
}

static void look_store(struct access_walk *walk)
{
    const char *path = walk->config->store_path;
    char folder[CONFIG_PATH_SIZE];
    struct stat status;
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    else
        strcpy(folder, ".");
    bool made = strcmp(folder, STATE_FOLDER) == 0; /* by the unit, when it starts */
    if (stat(folder, &status) != 0) {
        if (!made || errno != ENOENT)
            say_unwritten(walk, folder, true, errno);
        return;
    }
    if (!S_ISDIR(status.st_mode))
        say_unwritten(walk, folder, true, ENOTDIR);
    else if (access(folder, R_OK | W_OK | X_OK) != 0)
        say_unwritten(walk, folder, true, errno);
    else if (access(path, F_OK) == 0 && access(path, R_OK | W_OK) != 0)
        say_unwritten(walk, path, false, errno);
    if (walk->look->service && !below(folder, STATE_FOLDER))
        say(walk, ACCESS_NOTE,
            "store: folder %s: the service writes only in " STATE_FOLDER
            "; put it there, or give the unit a drop-in with ReadWritePaths=%s",
            "store：文件夹 %s：服务只能写 " STATE_FOLDER
            "；请放到那里，或在服务的 drop-in 里写 ReadWritePaths=%s",
            folder, folder);
}

/* ---- buses ---- */

/* Whoever has the port knows it already, and is not disturbed. */
static void look_rs485(struct access_walk *walk, const struct bus_config *bus, int fd)
{
    if (bus->rs485 == RS485_KERNEL && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        rs485_possible(fd) == EOPNOTSUPP)
        say(walk, ACCESS_BROKEN,
            "bus %s: rs485: kernel: the driver of %s can't switch the direction of RS-485; leave "
            "rs485 out if the adapter or board switches by itself, else the board's device tree "
            "must give this port its RTS line",
            "总线 %s：rs485: kernel：%s 的驱动不会切换 RS-485 收发方向；适配器或板子自己切换的话，"
            "请去掉 rs485；否则板子的设备树（device tree）要给这个串口接上 RTS",
            bus->name, bus->port);
}

static void look_port(struct access_walk *walk, const struct bus_config *bus)
{
    struct stat status;
    if (stat(bus->port, &status) != 0) { /* adapters come and go */
        bool hidden = errno != ENOENT;
        say(walk, hidden ? ACCESS_BROKEN : ACCESS_NOTE,
            "bus %s: %s: %s; plug the adapter in, or correct the name: `ls /dev/serial/by-id` "
            "shows those that there are",
            "总线 %s：%s：%s；请插上转换器，或改正名字：`ls /dev/serial/by-id` 列出现有的",
            bus->name, bus->port, strerror(errno));
        return;
    }
    if (!S_ISCHR(status.st_mode)) {
        say(walk, ACCESS_BROKEN,
            "bus %s: %s is no serial port; `ls /dev/serial/by-id` shows those that there are",
            "总线 %s：%s 不是串口；`ls /dev/serial/by-id` 列出现有的串口", bus->name, bus->port);
        return;
    }
    int fd = open(bus->port, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int error = fd < 0 ? errno : 0;
    if (error == EACCES || error == EPERM)
        say(walk, ACCESS_BROKEN,
            "bus %s: %s: %s; the port must be of group dialout and have mode 0660",
            "总线 %s：%s：%s；串口应属于 dialout 组、权限为 0660", bus->name, bus->port,
            strerror(error));
    else if (error != 0 && error != EBUSY) /* busy: the gateway has it */
        say(walk, ACCESS_BROKEN, "bus %s: %s: %s; pull the adapter out and plug it in again",
            "总线 %s：%s：%s；请把转换器拔下再插上", bus->name, bus->port, strerror(error));
    else if (fd >= 0 && isatty(fd) == 0)
        say(walk, ACCESS_BROKEN,
            "bus %s: %s is no serial port; `ls /dev/serial/by-id` shows those that there are",
            "总线 %s：%s 不是串口；`ls /dev/serial/by-id` 列出现有的串口", bus->name, bus->port);
    else if (fd >= 0)
        look_rs485(walk, bus, fd);
    if (fd >= 0)
        close(fd);
}

/* ---- the rest ---- */

static void look_broker(struct access_walk *walk, const struct broker_config *broker)
{
    struct access_what what;
    (void)snprintf(what.en, sizeof what.en, "broker %s", broker->name);
    (void)snprintf(what.zh, sizeof what.zh, "消息服务器 %s", broker->name);
    look_file(walk, what, broker->password_file);
    look_file(walk, what, broker->ca_file);
    look_file(walk, what, broker->cert_file);
    look_file(walk, what, broker->key_file);
}

static void look_way(struct access_walk *walk, const struct way_config *way)
{
    struct access_what what;
    (void)snprintf(what.en, sizeof what.en, "notify %s", way->name);
    (void)snprintf(what.zh, sizeof what.zh, "通知方式 %s", way->name);
    look_file(walk, what, way->token_file);
    look_file(walk, what, way->secret_file);
    look_file(walk, what, way->ca_file);
}

static bool has_device(const struct plot_config *plot, unsigned device)
{
    for (unsigned i = 0; i < plot->device_count; i++) {
        if (plot->devices[i] == device)
            return true;
    }
    return false;
}

/* One that can't be looked into is refused with the configuration. */
static void look_profiles(struct access_walk *walk)
{
    const char *folder = walk->config->profile_dir;
    if (folder[0] != '\0' && access(folder, F_OK) != 0)
        say(walk, ACCESS_NOTE,
            "profiles: %s: %s: only the package's are used; make it, or correct its name",
            "profiles：%s：%s：只用安装包里的设备配置；请建立它，或改正名字", folder,
            strerror(errno));
    if (folder[0] != '\0')
        note_hidden(walk, folder);
}

/* A thermometer may serve two plots. A probe in the soil is in one. */
static void look_plots(struct access_walk *walk)
{
    const struct config *config = walk->config;
    for (unsigned i = 0; i < config->device_count; i++) {
        const struct plot_config *first = NULL;
        for (unsigned j = 0; j < config->plot_count; j++) {
            const struct plot_config *plot = &config->plots[j];
            if (!has_device(plot, i))
                continue;
            if (first != NULL)
                say(walk, ACCESS_NOTE,
                    "device %s stands in plots %s and %s; right only if it measures for both",
                    "设备 %s 同时写在地块 %s 和 %s 里；只有它真的代表两块地时才对",
                    config->devices[i].name, first->name, plot->name);
            first = first != NULL ? first : plot;
        }
    }
}

unsigned access_check(const struct config *config, const struct access_look *look)
{
    struct access_walk walk = {.config = config, .look = look};
    look_store(&walk);
    look_http(&walk);
    for (unsigned i = 0; i < config->broker_count; i++)
        look_broker(&walk, &config->brokers[i]);
    look_profiles(&walk);
    look_plots(&walk);
    for (unsigned i = 0; i < config->bus_count; i++) {
        if (config->buses[i].type == BUS_RTU)
            look_port(&walk, &config->buses[i]);
    }
    for (unsigned i = 0; i < config->way_count; i++)
        look_way(&walk, &config->ways[i]);
    look_file(&walk, (struct access_what){"forecast", "天气预报"}, config->forecast_ca_file);
    return walk.broken;
}
