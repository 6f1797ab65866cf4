/* SPDX-License-Identifier: Apache-2.0 */
/* Clock and disk. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "tools/cli/cli.h"
#include "tools/cli/doctor/doctor.h"

#define BUILT_AFTER_S 1767225600 /* 2026-01-01: no gateway's clock is right before */
#define RTC_OFF_S     86400
#define LEFT_LEAST    (50LL << 20)
#define RAM_FILES     0x01021994 /* tmpfs */
#define OVERLAY_FILES 0x794c7630
#define WORN          9  /* tenths of its life, as eMMC counts it */
#define WORN_OUT      11 /* more than all of it */

/* ---- clock ---- */

static void look_battery_clock(struct doctor *doctor, time_t now)
{
    char text[32];
    if (!doctor_file(doctor, "/sys/class/rtc/rtc0/since_epoch", text, sizeof text)) {
        doctor_say(doctor, "clock", DOCTOR_WARNING,
                   "no battery clock: after a power cut the gateway does not know the time until "
                   "the network is back",
                   "readings wait for the time and are put right later; a DS3231 module prevents "
                   "that",
                   "没有带电池的时钟：停电后要等网络恢复才知道时间",
                   "读数会先存着，之后再校正时间；装一个 DS3231 模块可避免");
        return;
    }
    long long off_s = llabs(strtoll(text, NULL, 10) - (long long)now);
    if (off_s > RTC_OFF_S)
        doctor_say(doctor, "clock", DOCTOR_WARNING,
                   "the battery clock is %lld days off: its battery may be empty",
                   "change the battery, then: hwclock --systohc",
                   "带电池的时钟差了 %lld 天：电池可能没电了", "换电池，再运行 hwclock --systohc",
                   off_s / RTC_OFF_S);
    else
        doctor_say(doctor, "clock", DOCTOR_OK, "the battery clock is right", "",
                   "带电池的时钟是准的", "");
}

void doctor_clock(struct doctor *doctor)
{
    struct timex state = {0};
    time_t now = time(NULL);
    int kernel = adjtimex(&state);
    const json_t *store = json_object_get(doctor->stats, "store");
    if (now < BUILT_AFTER_S)
        doctor_say(doctor, "clock", DOCTOR_BROKEN, "the clock stands before 2026",
                   "connect the gateway to the network, or set it: timedatectl set-time",
                   "时钟早于 2026 年", "让主机联网，或用 timedatectl set-time 设时间");
    else if (kernel == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
        doctor_say(doctor, "clock", DOCTOR_WARNING, "nothing keeps the clock right",
                   "install and enable a time service: apt install chrony", "没有程序在校准时钟",
                   "装一个校时服务：apt install chrony");
    else
        doctor_say(doctor, "clock", DOCTOR_OK, "it is kept right", "", "时钟有校准", "");
    if (store != NULL && !json_is_true(json_object_get(store, "clock_trusted")))
        doctor_say(doctor, "clock", DOCTOR_WARNING,
                   "the gateway does not trust it yet: readings are marked clock", "",
                   "主机还不信任时钟：读数带有 clock 标记", "");
    look_battery_clock(doctor, now);
}

/* ---- disk ---- */

/* Name of the whole disk that a file lies on, "mmcblk0"; false: on none. */
static bool disk_of(const struct doctor *doctor, dev_t device, char *part, char *whole, size_t size)
{
    char path[CLI_PATH], link[64], real[PATH_MAX];
    (void)snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major(device), minor(device));
    if (!doctor_path(doctor, link, path, sizeof path) || realpath(path, real) == NULL)
        return false;
    const char *name = strrchr(real, '/');
    (void)snprintf(part, size, "%s", name + 1);
    if (snprintf(path, sizeof path, "%s/partition", real) >= (int)sizeof path)
        return false;
    if (access(path, F_OK) == 0) {
        real[name - real] = '\0';
        name = strrchr(real, '/');
    }
    (void)snprintf(whole, size, "%s", name + 1);
    return true;
}

static void look_emmc(struct doctor *doctor, const char *disk)
{
    char path[128], text[64];
    unsigned worn = 0;
    (void)snprintf(path, sizeof path, "/sys/block/%s/device/life_time", disk);
    if (!doctor_file(doctor, path, text, sizeof text))
        return;
    for (char *at = text, *end; *at != '\0'; at = end + (*end != '\0')) {
        unsigned long tenths = strtoul(at, &end, 16);
        worn = tenths > worn ? (unsigned)tenths : worn;
        if (end == at)
            break;
    }
    (void)snprintf(path, sizeof path, "/sys/block/%s/device/pre_eol_info", disk);
    bool urgent = doctor_file(doctor, path, text, sizeof text) && strtoul(text, NULL, 16) >= 3;
    if (urgent || worn >= WORN_OUT)
        doctor_say(doctor, "disk", DOCTOR_BROKEN, "%s is worn out",
                   "back up now (baiye backup), then put it on a new one", "%s 已写到寿命尽头",
                   "马上备份（baiye backup），再换一张新的", disk);
    else if (worn >= WORN)
        doctor_say(doctor, "disk", DOCTOR_WARNING, "%s has used about %u %% of its life",
                   "have a new one ready", "%s 已用掉约 %u %% 的寿命", "准备好一张新的", disk,
                   worn * 10);
    else if (worn > 0)
        doctor_say(doctor, "disk", DOCTOR_OK, "%s has used about %u %% of its life", "",
                   "%s 已用掉约 %u %% 的寿命", "", disk, worn * 10);
}

static void look_smart(struct doctor *doctor, const char *disk)
{
    char device[64], text[16384];
    (void)snprintf(device, sizeof device, "/dev/%s", disk);
    const char *const arguments[] = {"smartctl", "-H", "-j", device, NULL};
    (void)doctor_run(arguments, text, sizeof text); /* its exit code tells of more than failures */
    json_t *answer = json_loads(text, 0, NULL);
    const json_t *passed = json_object_get(json_object_get(answer, "smart_status"), "passed");
    if (json_is_false(passed))
        doctor_say(doctor, "disk", DOCTOR_BROKEN, "%s says of itself that it fails",
                   "back up now (baiye backup), then put it on a new one", "%s 自检报告要坏了",
                   "马上备份（baiye backup），再换一块新的", disk);
    else if (json_is_true(passed))
        doctor_say(doctor, "disk", DOCTOR_OK, "%s says of itself that it is well", "",
                   "%s 自检正常", "", disk);
    json_decref(answer);
}

static void look_health(struct doctor *doctor, const char *folder)
{
    struct stat status;
    char part[64], disk[64], path[128], text[64];
    if (stat(folder, &status) != 0 || !disk_of(doctor, status.st_dev, part, disk, sizeof disk))
        return;
    (void)snprintf(path, sizeof path, "/sys/fs/ext4/%s/errors_count", part);
    if (doctor_file(doctor, path, text, sizeof text) && strtoul(text, NULL, 10) > 0)
        doctor_say(doctor, "disk", DOCTOR_BROKEN, "the file system on %s has had %s errors",
                   "back up (baiye backup), then let it be checked at the next start: add "
                   "fsck.mode=force to the kernel's command line",
                   "%s 上的文件系统出过 %s 次错",
                   "先备份（baiye backup），再在内核命令行加 fsck.mode=force，重启时检查", part,
                   text);
    look_emmc(doctor, disk);
    look_smart(doctor, disk);
}

static void look_room(struct doctor *doctor, const char *folder, const struct statvfs *room)
{
    struct stat status;
    long long left = (long long)room->f_bavail * (long long)room->f_frsize;
    long long has = stat(doctor->config->store_path, &status) == 0 ? status.st_size : 0;
    long long may = (long long)doctor->config->store_max_bytes - has;
    if ((room->f_flag & ST_RDONLY) != 0)
        doctor_say(doctor, "disk", DOCTOR_BROKEN, "%s can only be read",
                   "mount it for writing; a card that turns read-only is at its end: journalctl -k",
                   "%s 只能读，不能写", "重新挂载为可写；会自己变只读的卡快坏了：journalctl -k",
                   folder);
    else if (left < LEFT_LEAST || (room->f_files > 0 && room->f_favail < 100))
        doctor_say(doctor, "disk", DOCTOR_BROKEN, "%s is full: %lld MB are left",
                   "delete what is not needed", "%s 满了：还剩 %lld MB", "删掉不要的文件", folder,
                   left >> 20);
    else if (left < may)
        doctor_say(doctor, "disk", DOCTOR_WARNING,
                   "%s has %lld MB left, the store may take %lld MB more",
                   "make max_size: smaller, or free some room",
                   "%s 还剩 %lld MB，数据库最多还会占 %lld MB", "调小 max_size，或腾出空间", folder,
                   left >> 20, may >> 20);
    else
        doctor_say(doctor, "disk", DOCTOR_OK, "%s has %lld MB left", "", "%s 还剩 %lld MB", "",
                   folder, left >> 20);
}

void doctor_disk(struct doctor *doctor)
{
    char folder[CONFIG_PATH_SIZE];
    struct statvfs room;
    struct statfs kind;
    if (doctor->config == NULL)
        return;
    doctor_folder(doctor->config->store_path, folder, sizeof folder);
    if (statvfs(folder, &room) != 0 || statfs(folder, &kind) != 0) {
        doctor_say(doctor, "disk", DOCTOR_BROKEN, "the store's folder %s: %s", "make it",
                   "数据库的文件夹 %s：%s", "请建立它", folder, strerror(errno));
        return;
    }
    look_room(doctor, folder, &room);
    if (kind.f_type == RAM_FILES)
        doctor_say(doctor, "disk", DOCTOR_BROKEN,
                   "%s is in memory: all readings are lost when the power goes",
                   "put the store on a disk (store: path:)", "%s 在内存里：一断电数据就没了",
                   "把数据库放到硬盘上（store: path:）", folder);
    else if (kind.f_type == OVERLAY_FILES)
        doctor_say(doctor, "disk", DOCTOR_WARNING,
                   "%s is on an overlay: it may be lost at the next start",
                   "put the store on a disk of its own (store: path:)",
                   "%s 在 overlay 上：重启后数据可能丢失",
                   "把数据库放到单独的硬盘上（store: path:）", folder);
    look_health(doctor, folder);
}
