/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/user_files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/daemon/rpc/users.h"

#define FILE_MAX    262144
#define LOCK_WAIT_S 60 /* each before this one computes a password's hash */

/* ---- Where they are ---- */

bool user_files_open(struct user_files *files, const char *config_file)
{
    struct config_error error;
    *files = (struct user_files){.config = config_load(config_file, NULL, &error), .lock = -1};
    if (files->config == NULL) {
        cli_complain("%s", error.text);
        return false;
    }
    for (uint16_t i = 0; i < files->config->broker_count && files->broker == NULL; i++) {
        const struct broker_config *broker = &files->config->brokers[i];
        if (!broker->url.tls && !broker->url.websocket &&
            (strncmp(broker->url.host, "127.", 4) == 0 ||
             strcmp(broker->url.host, "localhost") == 0))
            files->broker = broker;
    }
    return cli_folder(config_file, files->folder, sizeof files->folder) &&
           users_path(config_file, files->users, sizeof files->users) &&
           cli_format(files->passwords, sizeof files->passwords, "%s/mosquitto.passwd",
                      files->folder) &&
           cli_format(files->acl, sizeof files->acl, "%s/mosquitto.acl", files->folder);
}

void user_files_close(struct user_files *files)
{
    if (files->lock >= 0)
        (void)close(files->lock); /* nothing was written to it */
    config_free(files->config);
}

static volatile sig_atomic_t waited_enough;

static void end_wait(int number)
{
    (void)number;
    waited_enough = 1;
}

/* In the order of who came, and no longer than LOCK_WAIT_S. */
static bool wait_for_lock(int fd)
{
    /* Again and again: the first may come before flock() waits. */
    const struct itimerval limit = {.it_value.tv_sec = LOCK_WAIT_S, .it_interval.tv_sec = 1},
                           none = {.it_value.tv_sec = 0};
    const struct sigaction action = {.sa_handler = end_wait}; /* it ends system calls */
    struct sigaction before;
    waited_enough = 0;
    if (sigaction(SIGALRM, &action, &before) != 0 || setitimer(ITIMER_REAL, &limit, NULL) != 0)
        return false;
    bool locked = false;
    do
        locked = flock(fd, LOCK_EX) == 0;
    while (!locked && errno == EINTR && waited_enough == 0);
    (void)setitimer(ITIMER_REAL, &none, NULL);
    (void)sigaction(SIGALRM, &before, NULL);
    return locked;
}

/* The folder itself is locked: no file of its own that could stay or be somebody else's. */
bool user_files_lock(struct user_files *files)
{
    files->lock = open(files->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->lock < 0) {
        cli_complain("can't open %s: %s", files->folder, strerror(errno));
        return false;
    }
    if (wait_for_lock(files->lock))
        return true;
    cli_complain("somebody else is changing the users in %s: try again", files->folder);
    return false;
}

/* ---- Text files ---- */

char *user_read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, FILE_MAX);
    const char *problem = NULL;
    if (text == NULL)
        problem = strerror(ENOMEM);
    else if (file == NULL && errno != ENOENT)
        problem = strerror(errno);
    else if (file != NULL && fread(text, 1, FILE_MAX - 1, file) == FILE_MAX - 1)
        problem = "it is larger than it can be";
    else if (file != NULL && ferror(file))
        problem = "it can't be read to its end";
    if (problem != NULL) {
        cli_complain("can't read %s: %s", path, problem);
        free(text);
        text = NULL;
    }
    if (file != NULL)
        (void)fclose(file);
    return text;
}

bool user_replace_lines(const char *path, const char *name, char separator, const char *added,
                        bool *found)
{
    char *text = user_read_text(path), *fresh = NULL;
    size_t fresh_size = 0, name_size = strlen(name);
    bool seen = false;
    FILE *out = text != NULL ? open_memstream(&fresh, &fresh_size) : NULL;
    if (out == NULL) {
        free(text);
        return false;
    }
    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, name, name_size) == 0 && line[name_size] == separator)
            seen = true;
        else if (size > 0)
            (void)fprintf(out, "%.*s\n", (int)size, line);
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    (void)fputs(added, out);
    bool ok = fclose(out) == 0 && cli_write_file(path, fresh, fresh_size, 0640);
    if (found != NULL)
        *found = seen;
    free(text);
    free(fresh);
    return ok;
}

/* ---- Accounts ---- */

bool user_set_password(const struct user_files *files, const char *name, const char *password,
                       int iterations)
{
    char line[PASSWORD_LINE_SIZE];
    return password_line(name, password, iterations, line, sizeof line) &&
           user_replace_lines(files->passwords, name, ':', line, NULL);
}

bool user_is_gateways(const struct user_files *files, const char *name)
{
    bool own = files->broker != NULL && strcmp(name, files->broker->user) == 0;
    if (own)
        cli_complain("%s is the gateway's own account", name);
    return own;
}

bool user_read_line(FILE *file, char *out)
{
    if (fgets(out, USER_LINE_SIZE, file) == NULL)
        return false;
    size_t length = strcspn(out, "\r\n");
    bool whole = out[length] != '\0' || feof(file);
    if (!whole)
        cli_complain("a password has at most %d bytes", PASSWORD_MOST);
    out[length] = '\0';
    return whole;
}

bool user_ask_line(const char *prompt, char *out)
{
    struct termios shown, hidden;
    (void)fputs(prompt, stderr);
    bool hides = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (hides) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool ok = user_read_line(stdin, out);
    if (hides) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        (void)fputc('\n', stderr);
    }
    return ok;
}

bool user_first_line(const char *path, char *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool ok = file != NULL && user_read_line(file, out);
    if (!ok)
        cli_complain("can't read a password from %s", path);
    if (file != NULL && file != stdin)
        (void)fclose(file);
    return ok;
}

/* ---- The access list ---- */

/* What a role may read below baiye/<site>/. */
static const char *const farmer_topics[] = {"gateway/status", "site",        "dev/+/live",
                                            "dev/+/v/+",      "plot/#",      "alert/#",
                                            "forecast",       "led/preview", NULL};
static const char *const technician_topics[] = {"dev/+/health", "readings", "gateway/log", NULL};
/* What an LED screen shows. */
static const char *const screen_topics[] = {"gateway/status", "site",       "forecast", "alert/+",
                                            "plot/+/live",    "dev/+/live", NULL};

static void write_topics(FILE *out, const char *site, const char *const *topics)
{
    for (; *topics != NULL; topics++)
        (void)fprintf(out, "topic read baiye/%s/%s\n", site, *topics);
}

/* Requests are written below one's own name and answered there: a screen asks for the time and for
 * its day's range, and may change its own password, nothing else. */
static void write_user(FILE *out, const char *site, const char *name, enum user_role role)
{
    (void)fprintf(out, "\nuser %s\ntopic read baiye/%s/answer/%s/#\n", name, site, name);
    if (role == USER_SCREEN) {
        write_topics(out, site, screen_topics);
        (void)fprintf(out,
                      "topic write baiye/%s/led/preview\ntopic write baiye/%s/rpc/%s/time\n"
                      "topic write baiye/%s/rpc/%s/history\n"
                      "topic write baiye/%s/rpc/%s/passwd\n",
                      site, site, name, site, name, site, name);
        return;
    }
    (void)fprintf(out, "topic write baiye/%s/rpc/%s/#\n", site, name);
    write_topics(out, site, farmer_topics);
    if (role == USER_TECHNICIAN)
        write_topics(out, site, technician_topics);
}

/* One list: for whom, and what they may. */
struct access_list {
    const char *path, *gateway; /* where it goes; the daemon's account, "": none */
    bool screens;               /* do screens come there? */
};

static void write_access(FILE *out, const struct access_list *list, const char *site, char *users)
{
    char *rest = users, *line;
    (void)fputs("# Written by `baiye`; what is changed here is lost.\n", out);
    if (list->gateway[0] != '\0')
        (void)fprintf(out,
                      "\nuser %s\ntopic readwrite baiye/%s/#\ntopic readwrite homeassistant/#\n",
                      list->gateway, site);
    while ((line = strsep(&rest, "\n")) != NULL) {
        char name[USER_NAME_SIZE];
        enum user_role role;
        if (user_line(line, name, &role) && (list->screens || role != USER_SCREEN))
            write_user(out, site, name, role);
    }
}

static bool write_list(const struct user_files *files, const struct access_list *list)
{
    char *acl = NULL, *users = user_read_text(files->users);
    size_t size = 0;
    FILE *out = users != NULL ? open_memstream(&acl, &size) : NULL;
    if (out == NULL) {
        free(users);
        return false;
    }
    write_access(out, list, files->config->site, users);
    bool ok = fclose(out) == 0 && cli_write_file(list->path, acl, size, 0640);
    free(acl);
    free(users);
    return ok;
}

bool user_write_acl(const struct user_files *files)
{
    const struct access_list list = {.path = files->acl,
                                     .gateway = files->broker != NULL ? files->broker->user : "",
                                     .screens = true};
    return write_list(files, &list);
}

bool user_write_acl_elsewhere(const struct user_files *files, const char *path, const char *gateway)
{
    const struct access_list list = {.path = path, .gateway = gateway};
    return write_list(files, &list);
}

void user_reload_broker(void)
{
    const char *const reload[] = {"systemctl", "reload", "mosquitto", NULL};
    if (access("/run/systemd/system", F_OK) != 0 || cli_run(true, reload) != 0)
        cli_complain("the broker reads this when it gets SIGHUP or starts");
}
