/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a backup in place. Root runs this on an archive that may come from anyone, into a folder in
 * which the daemon's user may write. So tar is asked only for the list of members and for the bytes
 * of one regular file at a time; names, places, owners and modes are ours:
 *
 *   list -> stage the configuration's files in a folder of our own -> read the configuration there
 *        -> readings beside the store, as a new file -> everything renamed into place
 *
 * No step follows a link below the two folders, and nothing is renamed before all was read. What
 * was there and differs stays as NAME.before-restore. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/config/config.h"
#include "tools/cli/backup.h"
#include "tools/cli/ca_key.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/user_files.h"

#define STATE_FOLDER "/var/lib/baiye" /* where the package puts the store */
#define MEMBERS_MAX  256
#define MEMBER_MOST  (1024 * 1024) /* bytes of a file of the configuration */
#define NAME_SIZE    128

struct member {
    char name[NAME_SIZE]; /* in the archive */
    uint64_t size;
};

struct restore {
    const struct backup_options *options;
    bool ca; /* the authority's key was in it, and is taken out of its passphrase */
    struct member members[MEMBERS_MAX];
    size_t count;
    char config_folder[CLI_PATH], config_name[NAME_SIZE];
    char stage[CLI_PATH]; /* beside what it replaces, so that a rename is enough */
    char store[CLI_PATH]; /* as the restored configuration names it */
    const char *store_name;
    int config_fd, stage_fd, store_fd;
    char fresh[NAME_SIZE]; /* the readings until they are in place; "": none */
};

/* ---- What is in the archive ---- */

/* Starts tar; its output comes from the stream. */
static FILE *tar_open(const char *const *arguments, pid_t *pid)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    *pid = fork();
    if (*pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)setenv("LC_ALL", "C", 1); /* other than ASCII comes escaped */
        execvp("tar", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    (void)close(ends[1]);
    FILE *out = *pid > 0 ? fdopen(ends[0], "r") : NULL;
    if (out == NULL)
        (void)close(ends[0]);
    return out;
}

static bool tar_close(FILE *out, pid_t pid)
{
    int status = 0;
    (void)fclose(out);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool name_is_plain(const char *name)
{
    return name[0] != '.' && name[0] != '-' && name[0] != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               strlen(name);
}

/* The part of a member's name below config/: a file there or in one folder of it. NULL: neither. */
static const char *config_part(const char *name)
{
    static const char prefix[] = "config/";
    char part[NAME_SIZE];
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || strlen(name) >= sizeof part)
        return NULL;
    memcpy(part, name + sizeof prefix - 1, strlen(name) - sizeof prefix + 2);
    char *file = part, *folder = strsep(&file, "/");
    if (!name_is_plain(folder) || (file != NULL && !name_is_plain(file)))
        return NULL;
    return name + sizeof prefix - 1;
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

bool backup_is_site_file(const char *name)
{
    static const char *const ends[] = {".yaml", ".passwd", ".acl", ".pass",
                                       ".pem",  ".key",    ".crt", ".srl"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (ends_with(name, ends[i]))
            return true;
    }
    return strcmp(name, "users") == 0;
}

static const struct member *find(const struct restore *restore, const char *name)
{
    for (size_t i = 0; i < restore->count; i++) {
        if (strcmp(restore->members[i].name, name) == 0)
            return &restore->members[i];
    }
    return NULL;
}

/* Skips a word and the blanks after it. */
static char *next_word(char *at)
{
    at += strcspn(at, " ");
    return at + strspn(at, " ");
}

static void say_left_out(const char *name)
{
    (void)fprintf(stderr, _("left out: %s (no file of a site, or too large)\n"), name);
    outcome_append("left_out", json_string(name));
}

/* One line of `tar -tv`: "-rw-r--r-- 0/0 123 2026-01-01 00:00 name", the name without controls. */
static bool take_member(struct restore *restore, char *line)
{
    struct member member = {0};
    line[strcspn(line, "\n")] = '\0';
    const char *size_at = next_word(next_word(line));
    const char *name = next_word(next_word(next_word(next_word(next_word(line)))));
    bool config = config_part(name) != NULL;
    bool ours = strcmp(name, "readings.db") == 0 || strcmp(name, "readings.db.months") == 0 ||
                strcmp(name, "boards.csv") == 0 || config;
    member.size = strtoull(size_at, NULL, 10); /* what differs from it is refused when unpacked */
    if (line[0] == 'd' || name[0] == '\0')
        return true;
    if (!ours || line[0] != '-' || (config && member.size > MEMBER_MOST)) {
        say_left_out(name);
        return true;
    }
    if (restore->count == MEMBERS_MAX || find(restore, name) != NULL) {
        cli_complain("%s holds %s twice, or too many files: it is no backup",
                     restore->options->file, name);
        return false;
    }
    (void)snprintf(member.name, sizeof member.name, "%s", name); /* no longer: see config_part() */
    restore->members[restore->count++] = member;
    return true;
}

static bool list(struct restore *restore)
{
    const char *const arguments[] = {"tar",
                                     "--force-local",
                                     "--numeric-owner",
                                     "--quoting-style=escape",
                                     "-tvf",
                                     restore->options->file,
                                     NULL};
    char *line = NULL;
    size_t room = 0;
    pid_t pid;
    bool good = true;
    if (access(restore->options->file, R_OK) != 0) {
        cli_cant_read(restore->options->file, errno);
        return false;
    }
    FILE *out = tar_open(arguments, &pid);
    while (out != NULL && good && getline(&line, &room, out) > 0)
        good = take_member(restore, line);
    free(line);
    bool read = out != NULL && tar_close(out, pid);
    if (good && !read)
        cli_complain("%s can't be read as a tar file", restore->options->file);
    return good && read;
}

/* ---- One file out of it ---- */

static bool copy_stream(FILE *from, int fd, uint64_t size)
{
    static const size_t piece = 65536;
    char *buffer = malloc(piece);
    uint64_t left = size;
    bool good = buffer != NULL;
    while (good) {
        size_t got = fread(buffer, 1, piece, from);
        if (got == 0)
            break;
        good = got <= left && cli_write_all(fd, buffer, got);
        left -= good ? got : 0;
    }
    free(buffer);
    return good && left == 0 && ferror(from) == 0;
}

/* A new file of mode 0600 in the folder; nothing that is there is opened. */
static bool unpack(const struct restore *restore, const struct member *member, int folder,
                   const char *name)
{
    const char *const arguments[] = {"tar",
                                     "--force-local",
                                     "--no-recursion",
                                     "--no-wildcards",
                                     "--occurrence=1",
                                     "-xOf",
                                     restore->options->file,
                                     "--",
                                     member->name,
                                     NULL};
    pid_t pid;
    errno = 0;
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *out = fd >= 0 ? tar_open(arguments, &pid) : NULL;
    bool good = out != NULL && copy_stream(out, fd, member->size);
    if (out != NULL && !tar_close(out, pid))
        good = false;
    good = good && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0)
        good = false;
    if (!good)
        cli_complain("%s could not be unpacked: %s", member->name,
                     errno != 0 ? strerror(errno) : _("the archive is damaged"));
    return good;
}

/* ---- The configuration ---- */

/* A folder below `base`, never by a link. */
static int folder_below(int base, const char *name, bool make)
{
    if (make && mkdirat(base, name, 0750) != 0 && errno != EEXIST)
        return -1;
    return openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Where a part is: its folder, to be closed, and its name there. -1: the folder can't be had. */
static int place_of(int base, const char *part, bool make, const char **name)
{
    const char *slash = strchr(part, '/');
    char folder[NAME_SIZE];
    *name = slash != NULL ? slash + 1 : part;
    (void)snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - part) : 1,
                   slash != NULL ? part : ".");
    return folder_below(base, folder, make && slash != NULL);
}

static bool stage(struct restore *restore)
{
    if (!cli_format(restore->stage, sizeof restore->stage, "%s/.restore-%d", restore->config_folder,
                    (int)getpid()) ||
        mkdir(restore->stage, 0700) != 0 ||
        (restore->stage_fd = folder_below(AT_FDCWD, restore->stage, false)) < 0) {
        cli_complain("can't write in %s: %s", restore->config_folder, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < restore->count; i++) {
        const char *name, *part = config_part(restore->members[i].name);
        if (part == NULL)
            continue;
        int folder = place_of(restore->stage_fd, part, true, &name);
        bool good = folder >= 0 && unpack(restore, &restore->members[i], folder, name);
        if (folder >= 0)
            (void)close(folder);
        if (!good)
            return false;
    }
    return true;
}

/* The authority's key, staged as the file that it is in place, if its passphrase is given. */
static bool stage_ca(struct restore *restore)
{
    static const char member[] = "config/tls/" CA_KEY_LOCKED, plain[] = "config/tls/ca.key";
    char passphrase[USER_LINE_SIZE], locked[CLI_PATH], certificate[CLI_PATH], key[CLI_PATH];
    if (find(restore, member) == NULL)
        return true;
    if (find(restore, plain) != NULL || restore->count == MEMBERS_MAX) {
        cli_complain("%s holds %s twice, or too many files: it is no backup",
                     restore->options->file, plain);
        return false;
    }
    enum ca_passphrase had = ca_key_passphrase(restore->options->passphrase_file, passphrase);
    if (had != CA_PASSPHRASE_HAD)
        return had == CA_PASSPHRASE_NONE;
    restore->ca = cli_format(locked, sizeof locked, "%s/tls/" CA_KEY_LOCKED, restore->stage) &&
                  cli_format(certificate, sizeof certificate, "%s/tls/ca.pem", restore->stage) &&
                  cli_format(key, sizeof key, "%s/tls/ca.key", restore->stage) &&
                  ca_key_unlock(locked, passphrase, certificate, key);
    explicit_bzero(passphrase, sizeof passphrase);
    if (restore->ca)
        (void)snprintf(restore->members[restore->count++].name, NAME_SIZE, "%s", plain);
    return restore->ca;
}

/* Is `path` below the folder, written without a way up? */
static const char *below(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    if (strncmp(path, folder, size) != 0 || path[size] != '/' || strstr(path, "/../") != NULL ||
        ends_with(path, "/.."))
        return NULL;
    return path + size + 1;
}

/* The store's path below the state folder or the configuration's own, which is given in `base`;
 * NULL and a complaint: it is elsewhere. */
static const char *store_part(const struct restore *restore, const char *state, const char **base)
{
    const char *const bases[] = {restore->config_folder, state};
    const char *part = NULL;
    for (size_t i = 0; i < 2 && part == NULL; i++) {
        *base = bases[i];
        part = below(restore->store, *base);
    }
    if (part != NULL && part[0] != '\0' && !ends_with(part, "/"))
        return part;
    cli_complain(
        "the backup's configuration keeps readings in %s; they are put back below %s or %s "
        "only: name such a place as store.path in this machine's %s first",
        restore->store, restore->config_folder, state, restore->options->config);
    return NULL;
}

/* The folders below may belong to the daemon's user, so none is entered by a link. */
static bool open_store_folder(struct restore *restore, const char *base, const char *part)
{
    char parts[CLI_PATH], *at = parts;
    (void)snprintf(parts, sizeof parts, "%s", part); /* a part of what fits */
    int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (char *slash; fd >= 0 && (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        *slash = '\0';
        int next = folder_below(fd, at[0] != '\0' ? at : ".", false);
        (void)close(fd);
        fd = next;
    }
    restore->store_fd = fd;
    restore->store_name = part + (at - parts);
    if (fd < 0)
        cli_complain("the folder of %s is not there, or behind a link: %s", restore->store,
                     strerror(errno));
    return fd >= 0;
}

/* The folder in which this machine keeps readings so far. */
static bool state_folder(const struct restore *restore, char *out, size_t size)
{
    struct config_error error;
    struct config *config = config_load(restore->options->config, NULL, &error);
    bool good = config != NULL ? cli_folder(config->store_path, out, size)
                               : cli_format(out, size, "%s", STATE_FOLDER);
    config_free(config);
    return good;
}

/* Where the staged configuration, read as the daemon would, keeps its readings. A relative path in
 * it stands for one in the configuration's folder. */
static bool read_store_path(struct restore *restore)
{
    char path[CLI_PATH];
    struct config_error error;
    if (!cli_format(path, sizeof path, "%s/%s", restore->stage, restore->config_name))
        return false;
    struct config *config = config_load(path, NULL, &error);
    if (config == NULL) {
        cli_complain("the backup's configuration does not work, nothing was changed: %s",
                     error.text);
        return false;
    }
    const char *relative = below(config->store_path, restore->stage);
    bool good = relative != NULL
                    ? cli_format(restore->store, sizeof restore->store, "%s/%s",
                                 restore->config_folder, relative)
                    : cli_format(restore->store, sizeof restore->store, "%s", config->store_path);
    config_free(config);
    return good;
}

static int find_store(struct restore *restore)
{
    char state[CLI_PATH];
    const char *base = NULL, *part = NULL;
    struct stat info;
    if (!state_folder(restore, state, sizeof state) || !read_store_path(restore) ||
        (part = store_part(restore, state, &base)) == NULL)
        return EX_CONFIG;
    if (!open_store_folder(restore, base, part))
        return EX_CANTCREAT;
    if (fstatat(restore->store_fd, restore->store_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        !restore->options->force) {
        cli_complain("there are readings in %s; --force moves them aside", restore->store);
        return EX_CANTCREAT;
    }
    return EX_OK;
}

/* Owners and modes as the package gives them: root's, and readable for the group that needs it. */
static bool dress(const struct restore *restore, int folder, const char *name)
{
    struct stat home;
    bool secret = !(ends_with(name, ".pem") || ends_with(name, ".crt"));
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool good = fd >= 0 && fstat(restore->config_fd, &home) == 0;
    if (good && geteuid() == 0) {
        const struct group *own = strncmp(name, "mosquitto.", 10) == 0 ? getgrnam("mosquitto")
                                  : strncmp(name, "led.", 4) == 0      ? getgrnam("baiye-led")
                                                                       : NULL;
        good = fchown(fd, home.st_uid, own != NULL ? own->gr_gid : home.st_gid) == 0;
    }
    mode_t mode = secret ? 0640 : 0644;
    good = good && fchmod(fd, strcmp(name, "ca.key") == 0 ? 0600 : mode) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

static bool same_file(int folder_a, int folder_b, const char *name)
{
    char a[4096], b[4096];
    int fd_a = openat(folder_a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int fd_b = openat(folder_b, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool same = fd_a >= 0 && fd_b >= 0;
    for (ssize_t got = 1; same && got > 0;) {
        got = read(fd_a, a, sizeof a);
        same = got >= 0 && read(fd_b, b, sizeof b) == got && memcmp(a, b, (size_t)got) == 0;
    }
    if (fd_a >= 0)
        (void)close(fd_a);
    if (fd_b >= 0)
        (void)close(fd_b);
    return same;
}

static bool set_aside(int folder, const char *name)
{
    char aside[CLI_PATH];
    return cli_format(aside, sizeof aside, "%s" BACKUP_ASIDE, name) &&
           (renameat(folder, name, folder, aside) == 0 || errno == ENOENT);
}

static bool place(const struct restore *restore, const char *part)
{
    const char *name;
    int from = place_of(restore->stage_fd, part, false, &name);
    int to = from >= 0 ? place_of(restore->config_fd, part, false, &name) : -1;
    bool good = to >= 0;
    good = good && dress(restore, from, name);
    if (good && !same_file(from, to, name))
        good = set_aside(to, name);
    good = good && renameat(from, name, to, name) == 0;
    if (!good)
        cli_complain("%s/%s could not be put in place: %s", restore->config_folder, part,
                     strerror(errno));
    if (from >= 0)
        (void)close(from);
    if (to >= 0)
        (void)close(to);
    return good;
}

/* The folder in which the part is; false: it is in none. */
static bool folder_of(const char *part, char *folder)
{
    if (part == NULL || strchr(part, '/') == NULL)
        return false;
    (void)snprintf(folder, NAME_SIZE, "%.*s", (int)strcspn(part, "/"), part);
    return true;
}

/* Can each folder that is needed be had? Looked at before anything is changed. */
static bool folders_are_real(const struct restore *restore)
{
    for (size_t i = 0; i < restore->count; i++) {
        char folder[NAME_SIZE];
        struct stat info;
        if (folder_of(config_part(restore->members[i].name), folder) &&
            fstatat(restore->config_fd, folder, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            !S_ISDIR(info.st_mode)) {
            cli_complain("%s/%s is no folder; move it away", restore->config_folder, folder);
            return false;
        }
    }
    return true;
}

/* A folder that is made here belongs to the group of the configuration's folder. */
static bool make_folder(const struct restore *restore, const char *part)
{
    char name[NAME_SIZE];
    struct stat home;
    if (!folder_of(part, name) || mkdirat(restore->config_fd, name, 0700) != 0)
        return true; /* not needed, or there; what else is wrong shows when it is entered */
    int fd = folder_below(restore->config_fd, name, false);
    bool good = fd >= 0 && fstat(restore->config_fd, &home) == 0 &&
                (geteuid() != 0 || fchown(fd, home.st_uid, home.st_gid) == 0) &&
                fchmod(fd, 0750) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (!good)
        cli_complain("%s/%s can't be made: %s", restore->config_folder, name, strerror(errno));
    return good;
}

static bool place_config(const struct restore *restore)
{
    for (size_t i = 0; i < restore->count; i++) {
        const char *part = config_part(restore->members[i].name);
        if (part == NULL || strcmp(part, "tls/" CA_KEY_LOCKED) == 0)
            continue;
        if (!backup_is_site_file(part))
            say_left_out(restore->members[i].name);
        else if (!make_folder(restore, part) || !place(restore, part))
            return false;
    }
    return true;
}

/* ---- The readings ---- */

static bool looks_like_sqlite(int folder, const char *name)
{
    static const char magic[16] = "SQLite format 3";
    char head[16] = "";
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool good = fd >= 0 && read(fd, head, sizeof head) == (ssize_t)sizeof head &&
                memcmp(head, magic, sizeof magic) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* To whom the store's folder belongs. */
static bool give_to_daemon(const struct restore *restore, const char *name)
{
    struct stat home;
    int fd = openat(restore->store_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool good = fd >= 0 && fstat(restore->store_fd, &home) == 0 &&
                (geteuid() != 0 || fchown(fd, home.st_uid, home.st_gid) == 0);
    if (fd >= 0)
        (void)close(fd);
    return good;
}

static bool unpack_readings(struct restore *restore)
{
    const struct member *member = find(restore, "readings.db");
    if (member == NULL ||
        !cli_format(restore->fresh, sizeof restore->fresh, ".restore-%d.db", (int)getpid())) {
        cli_complain("%s holds no readings: it is no backup", restore->options->file);
        return false;
    }
    if (!unpack(restore, member, restore->store_fd, restore->fresh))
        return false;
    if (!looks_like_sqlite(restore->store_fd, restore->fresh)) {
        cli_complain("readings.db of %s is no database", restore->options->file);
        return false;
    }
    return give_to_daemon(restore, restore->fresh);
}

static bool set_store_aside(const struct restore *restore)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char from[CLI_PATH], to[CLI_PATH];
    for (size_t i = 0; i < 3; i++) {
        if (!cli_format(from, sizeof from, "%s%s", restore->store_name, suffixes[i]) ||
            !cli_format(to, sizeof to, "%s" BACKUP_ASIDE "%s", restore->store_name, suffixes[i]))
            return false;
        if (renameat(restore->store_fd, from, restore->store_fd, to) != 0 && errno != ENOENT) {
            cli_complain("can't move %s%s aside: %s", restore->store, suffixes[i], strerror(errno));
            return false;
        }
    }
    return true;
}

/* A file beside the readings: as a new one, then renamed over what is there. */
static bool place_sidecar(const struct restore *restore, const char *member_name, const char *name,
                          bool replace)
{
    const struct member *member = find(restore, member_name);
    char fresh[NAME_SIZE];
    struct stat info;
    bool there =
        fstatat(restore->store_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
    if (member == NULL || (there && !replace))
        return true;
    bool good = cli_format(fresh, sizeof fresh, ".restore-%d.file", (int)getpid()) &&
                unpack(restore, member, restore->store_fd, fresh) &&
                give_to_daemon(restore, fresh) && (!there || set_aside(restore->store_fd, name)) &&
                renameat(restore->store_fd, fresh, restore->store_fd, name) == 0;
    if (!good)
        (void)unlinkat(restore->store_fd, fresh, 0);
    return good;
}

/* The gateway goes on as the one that was backed up, although this is another machine: what is
 * remembered of the machine (gateway/daemon/store/identity.c) is cut off. */
static bool forget_machine(const struct restore *restore)
{
    char name[NAME_SIZE], text[192];
    struct stat info;
    if (!cli_format(name, sizeof name, "%s.identity", restore->store_name))
        return false;
    int fd = openat(restore->store_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP; /* a link is not the daemon's own */
    bool own = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
    ssize_t got = own ? read(fd, text, sizeof text - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    char *at = text;
    for (unsigned i = 0; at != NULL && i < 3; i++)
        at = strchr(i > 0 ? at + 1 : at, ' ');
    bool good = at == NULL || (ftruncate(fd, at - text) == 0 && fsync(fd) == 0);
    return close(fd) == 0 && good;
}

static bool place_readings(struct restore *restore)
{
    char months[NAME_SIZE];
    /* What a plan has carried on this machine since is more than the backup knows: that stays. */
    bool good =
        forget_machine(restore) && set_store_aside(restore) &&
        renameat(restore->store_fd, restore->fresh, restore->store_fd, restore->store_name) == 0;
    if (good)
        restore->fresh[0] = '\0';
    good = good && cli_format(months, sizeof months, "%s.months", restore->store_name) &&
           place_sidecar(restore, "readings.db.months", months, false) &&
           place_sidecar(restore, "boards.csv", "boards.csv", true);
    if (!good)
        cli_complain("the readings could not be put in place: %s", strerror(errno));
    return good;
}

/* ---- All of it ---- */

static void remove_folder(int base, const char *name)
{
    int fd = folder_below(base, name, false);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
    }
    (void)closedir(folder);
    (void)unlinkat(base, name, AT_REMOVEDIR);
}

static void clean_up(const struct restore *restore)
{
    if (restore->stage_fd >= 0) {
        for (size_t i = 0; i < restore->count; i++) {
            char folder[NAME_SIZE];
            if (folder_of(config_part(restore->members[i].name), folder))
                remove_folder(restore->stage_fd, folder);
        }
        (void)close(restore->stage_fd);
        remove_folder(AT_FDCWD, restore->stage);
    }
    if (restore->fresh[0] != '\0' && restore->store_fd >= 0)
        (void)unlinkat(restore->store_fd, restore->fresh, 0);
    if (restore->store_fd >= 0)
        (void)close(restore->store_fd);
    if (restore->config_fd >= 0)
        (void)close(restore->config_fd);
}

static bool open_config_folder(struct restore *restore)
{
    const char *slash = strrchr(restore->options->config, '/');
    if (!cli_folder(restore->options->config, restore->config_folder,
                    sizeof restore->config_folder) ||
        !cli_format(restore->config_name, sizeof restore->config_name, "%s",
                    slash != NULL ? slash + 1 : restore->options->config))
        return false;
    if (mkdir(restore->config_folder, 0751) != 0 && errno != EEXIST) {
        cli_complain("can't make %s: %s", restore->config_folder, strerror(errno));
        return false;
    }
    restore->config_fd = open(restore->config_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return restore->config_fd >= 0;
}

static void say_done(const struct restore *restore)
{
    outcome_add("store", json_string(restore->store));
    outcome_add("config_folder", json_string(restore->config_folder));
    cli_say(_("restored to %s and %s; what was there and differs is kept as NAME%s\n"),
            restore->store, restore->config_folder, BACKUP_ASIDE);
    if (restore->ca)
        cli_say("%s", _("The certificates work as before, and the authority's key is back.\n"));
    else if (find(restore, "config/tls/ca.pem") != NULL)
        cli_say("%s",
                _("The certificates work as before. The authority's key, tls/ca.key, was not\n"
                  "restored: put your copy of it there before the next `baiye cert`, which\n"
                  "otherwise makes a new authority that every phone must trust anew. A backup\n"
                  "by --with-ca has it.\n"));
    outcome_add("authority_key", json_boolean(restore->ca));
    cli_say("%s",
            _("This machine goes on as the gateway that was backed up: the other one must not\n"
              "run again.\n"
              "Now start the broker and the gateway: systemctl restart mosquitto baiyed\n"));
}

static int run(struct restore *restore)
{
    if (!open_config_folder(restore))
        return EX_CANTCREAT;
    if (!list(restore))
        return EX_DATAERR;
    char config_member[NAME_SIZE];
    if (!cli_format(config_member, sizeof config_member, "config/%s", restore->config_name) ||
        find(restore, config_member) == NULL) {
        cli_complain("%s holds no configuration %s", restore->options->file, restore->config_name);
        return EX_DATAERR;
    }
    if (!folders_are_real(restore) || !stage(restore))
        return EX_CANTCREAT;
    int code = find_store(restore);
    if (code != EX_OK)
        return code;
    if (!stage_ca(restore) || !unpack_readings(restore))
        return EX_DATAERR;
    if (!place_config(restore) || !place_readings(restore))
        return EX_CANTCREAT;
    say_done(restore);
    return EX_OK;
}

int restore_run(const struct backup_options *options)
{
    struct restore *restore = calloc(1, sizeof *restore);
    if (restore == NULL)
        return EX_OSERR;
    restore->options = options;
    restore->config_fd = restore->stage_fd = restore->store_fd = -1;
    mode_t before = umask(0077);
    int code = run(restore);
    clean_up(restore);
    umask(before);
    free(restore);
    return code;
}
