/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/file_help.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE     256
#define NAMES_SIZE    4096 /* of an entry of passwd or group: groups may have many members */
#define FIRST_PERSON  1000 /* UID_MIN and UID_MAX of Debian: the others are services */
#define LAST_PERSON   60000
#define MODE_OF(mode) ((unsigned)(mode)&07777u)

static void name_user(uid_t uid, char *name, size_t size)
{
    struct passwd entry, *found = NULL;
    char buffer[NAMES_SIZE];
    (void)snprintf(name, size, "%u", (unsigned)uid);
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        (void)snprintf(name, size, "%s", found->pw_name);
}

static void name_group(gid_t gid, char *name, size_t size)
{
    struct group entry, *found = NULL;
    char buffer[NAMES_SIZE];
    (void)snprintf(name, size, "%u", (unsigned)gid);
    if (getgrgid_r(gid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        (void)snprintf(name, size, "%s", found->gr_name);
}

struct file_reader file_reader_self(void)
{
    struct file_reader reader = {.person = geteuid() >= FIRST_PERSON && geteuid() <= LAST_PERSON};
    name_user(geteuid(), reader.user, sizeof reader.user);
    name_group(getegid(), reader.group, sizeof reader.group);
    return reader;
}

/* The folder of `path`, in place: "/" of "/a", "." of "a". false: there is none above. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
        return false;
    if (slash == NULL)
        strcpy(path, "."); /* path has at least one letter */
    else
        slash[slash == path] = '\0';
    return true;
}

/* The nearest folder above that can be looked at: it is the one that does not let in, or that has
 * not what is named. */
static void nearest_folder(char path[PATH_SIZE], struct stat *status)
{
    while (go_up(path)) {
        if (stat(path, status) == 0)
            return;
    }
    *status = (struct stat){0};
}

static void help_denied(const struct file_reader *reader, const char *path, bool chinese,
                        char text[FILE_HELP_SIZE])
{
    struct stat status;
    char at[PATH_SIZE], owner[33], group[33];
    (void)snprintf(at, sizeof at, "%s", path);
    bool seen = stat(at, &status) == 0;
    if (!seen)
        nearest_folder(at, &status);
    name_user(status.st_uid, owner, sizeof owner);
    name_group(status.st_gid, group, sizeof group);
    unsigned mode = MODE_OF(status.st_mode);
    if (reader->person)
        (void)snprintf(text, FILE_HELP_SIZE,
                       chinese
                           ? "您是 %s，而 %.120s 属于 %s:%s、权限为 %04o：请加 sudo 运行"
                           : "you are %s, and %.120s is %s:%s with mode %04o: run this with sudo",
                       reader->user, at, owner, group, mode);
    else if (seen)
        (void)snprintf(text, FILE_HELP_SIZE,
                       chinese
                           ? "用户 %s 要读它，而它属于 %s:%s、权限为 %04o：请对它运行 sudo chgrp "
                             "%s 和 sudo chmod 0640"
                           : "user %s reads it, and it is %s:%s with mode %04o: give it sudo chgrp "
                             "%s and sudo chmod 0640",
                       reader->user, owner, group, mode, reader->group);
    else
        (void)snprintf(text, FILE_HELP_SIZE,
                       chinese
                           ? "用户 %s 进不了文件夹 %.120s（属于 %s:%s、权限为 %04o）：请把文件移到"
                             "它能进的文件夹"
                           : "user %s may not enter folder %.120s, which is %s:%s with mode %04o: "
                             "move the file to one that it may enter",
                       reader->user, at, owner, group, mode);
}

static void help_missing(const char *path, bool chinese, char text[FILE_HELP_SIZE])
{
    struct stat status;
    char folder[PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    nearest_folder(folder, &status);
    (void)snprintf(text, FILE_HELP_SIZE,
                   chinese ? "请改正它的名字：`ls %.120s` 列出现有的"
                           : "correct its name: `ls %.120s` shows what is there",
                   folder);
}

void file_help(const struct file_reader *reader, const char *path, int error, bool chinese,
               char text[FILE_HELP_SIZE])
{
    static const struct {
        int error;
        const char *en, *zh;
    } fixed[] = {
        {EISDIR, "name the file itself", "请写文件本身的路径"},
        {ENOTDIR, "what stands before a / of its name is no folder; correct the name",
         "它的名字里有一个 / 前面不是文件夹，请改正"},
        {ELOOP, "its links lead in a circle; `ls -l` shows them",
         "它的链接绕成了圈，用 `ls -l` 看"},
        {EIO, "the disk or card gives it no more: replace that; `dmesg` tells more",
         "硬盘或存储卡读不出它，请更换；用 `dmesg` 看详情"},
    };
    if (error == ENOENT) {
        help_missing(path, chinese, text);
        return;
    }
    if (error == EACCES || error == EPERM) {
        help_denied(reader, path, chinese, text);
        return;
    }
    (void)snprintf(text, FILE_HELP_SIZE, "%s",
                   chinese ? "用 `dmesg` 看详情" : "`dmesg` may tell more");
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (fixed[i].error == error)
            (void)snprintf(text, FILE_HELP_SIZE, "%s", chinese ? fixed[i].zh : fixed[i].en);
    }
}
