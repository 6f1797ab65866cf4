/* SPDX-License-Identifier: Apache-2.0 */
/* Users live in three files beside the configuration, always written together:
 *
 *   users             name and role, for the daemon
 *   mosquitto.passwd  hashed passwords, for the broker
 *   mosquitto.acl     what each may read and write, for the broker; made from `users`
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/rpc/password.h"
#include "gateway/daemon/rpc/users.h"
#include "tools/cli/cli.h"

#define LINE_SIZE (PASSWORD_SIZE + 2) /* with its end */
#define FILE_MAX  262144

struct places {
    struct config *config;
    const struct broker_config *broker; /* the local one: the daemon's own account is there */
    char users[CLI_PATH], passwords[CLI_PATH], acl[CLI_PATH];
};

/* What a role may read below baiye/<site>/. */
static const char *const farmer_topics[] = {"gateway/status", "site",        "dev/+/live",
                                            "dev/+/v/+",      "plot/#",      "alert/#",
                                            "forecast",       "led/preview", NULL};
static const char *const technician_topics[] = {"dev/+/health", "readings", NULL};
/* What an LED screen shows. */
static const char *const screen_topics[] = {"gateway/status", "site",       "forecast", "alert/+",
                                            "plot/+/live",    "dev/+/live", NULL};

static bool open_places(struct places *places, const char *config_file)
{
    char folder[CLI_PATH];
    struct config_error error;
    *places = (struct places){.config = config_load(config_file, NULL, &error)};
    if (places->config == NULL) {
        cli_complain("%s", error.text);
        return false;
    }
    for (uint16_t i = 0; i < places->config->broker_count && places->broker == NULL; i++) {
        const struct broker_config *broker = &places->config->brokers[i];
        if (!broker->url.tls && !broker->url.websocket &&
            (strncmp(broker->url.host, "127.", 4) == 0 ||
             strcmp(broker->url.host, "localhost") == 0))
            places->broker = broker;
    }
    return cli_folder(config_file, folder, sizeof folder) &&
           users_path(config_file, places->users, sizeof places->users) &&
           cli_format(places->passwords, sizeof places->passwords, "%s/mosquitto.passwd", folder) &&
           cli_format(places->acl, sizeof places->acl, "%s/mosquitto.acl", folder);
}

/* A whole text file; "" when there is none. malloc'd; NULL and a complaint when it can't be read.
 */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, FILE_MAX);
    if (text != NULL && file != NULL && fread(text, 1, FILE_MAX - 1, file) == FILE_MAX - 1) {
        cli_complain("%s is larger than it can be", path);
        free(text);
        text = NULL;
    } else if (file == NULL && errno != ENOENT) {
        cli_complain("can't read %s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    if (file != NULL)
        (void)fclose(file);
    return text;
}

/* Writes the file anew without the lines that begin with `name` and `separator`, and with `added`
 * (may be ""). `found` (may be NULL): was there one? */
static bool replace_lines(const char *path, const char *name, char separator, const char *added,
                          bool *found)
{
    char *text = read_text(path), *fresh = NULL;
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

static void write_topics(FILE *out, const char *site, const char *const *topics)
{
    for (; *topics != NULL; topics++)
        (void)fprintf(out, "topic read baiye/%s/%s\n", site, *topics);
}

/* Requests are written below one's own name and answered there: a screen asks for the time and for
 * its day's range, nothing else. */
static void write_user(FILE *out, const char *site, const char *name, enum user_role role)
{
    (void)fprintf(out, "\nuser %s\ntopic read baiye/%s/answer/%s/#\n", name, site, name);
    if (role == USER_SCREEN) {
        write_topics(out, site, screen_topics);
        (void)fprintf(out,
                      "topic write baiye/%s/led/preview\ntopic write baiye/%s/rpc/%s/time\n"
                      "topic write baiye/%s/rpc/%s/history\n",
                      site, site, name, site, name);
        return;
    }
    (void)fprintf(out, "topic write baiye/%s/rpc/%s/#\n", site, name);
    write_topics(out, site, farmer_topics);
    if (role == USER_TECHNICIAN)
        write_topics(out, site, technician_topics);
}

/* The whole access list, from the users file. */
static bool write_acl(const struct places *places)
{
    char *acl = NULL, *users = read_text(places->users), *rest = users, *line;
    size_t size = 0;
    const char *site = places->config->site;
    FILE *out = users != NULL ? open_memstream(&acl, &size) : NULL;
    if (out == NULL) {
        free(users);
        return false;
    }
    (void)fputs("# Written by `baiye user`; what is changed here is lost.\n", out);
    if (places->broker != NULL && places->broker->user[0] != '\0')
        (void)fprintf(out,
                      "\nuser %s\ntopic readwrite baiye/%s/#\ntopic readwrite homeassistant/#\n",
                      places->broker->user, site);
    while ((line = strsep(&rest, "\n")) != NULL) {
        char name[USER_NAME_SIZE], role_name[16];
        enum user_role role;
        if (sscanf(line, "%32s %15s", name, role_name) != 2 || !user_role_parse(role_name, &role))
            continue;
        write_user(out, site, name, role);
    }
    bool ok = fclose(out) == 0 && cli_write_file(places->acl, acl, size, 0640);
    free(acl);
    free(users);
    return ok;
}

static void tell_broker(void)
{
    const char *const reload[] = {"systemctl", "reload", "mosquitto", NULL};
    if (access("/run/systemd/system", F_OK) != 0 || cli_run(true, reload) != 0)
        (void)fputs("The broker reads this when it gets SIGHUP or starts.\n", stderr);
}

/* ---- Passwords ---------------------------------------------------------------------------- */

static bool password_is_fit(const char *user, const char *password)
{
    const char *problem = password_problem(user, password);
    if (problem != NULL)
        cli_complain("this password can't be taken: %s", problem);
    return problem == NULL;
}

/* A whole line without its end. One that is longer than `out` is none. */
static bool read_line(FILE *file, char *out, size_t size)
{
    if (fgets(out, (int)size, file) == NULL)
        return false;
    size_t length = strcspn(out, "\r\n");
    bool whole = out[length] != '\0' || feof(file);
    if (!whole)
        cli_complain("a password has at most %d bytes", PASSWORD_MOST);
    out[length] = '\0';
    return whole;
}

static bool ask_line(const char *prompt, char *out, size_t size)
{
    struct termios shown, hidden;
    (void)fputs(prompt, stderr);
    bool hides = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (hides) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool ok = read_line(stdin, out, size);
    if (hides) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        (void)fputc('\n', stderr);
    }
    return ok;
}

static bool first_line(const char *path, char *out, size_t size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool ok = file != NULL && read_line(file, out, size);
    if (!ok)
        cli_complain("can't read a password from %s", path);
    if (file != NULL && file != stdin)
        (void)fclose(file);
    return ok;
}

/* From a file, typed twice, or made up (then `made_up`). */
static bool get_password(const char *user, const char *file, char *out, bool *made_up)
{
    char again[LINE_SIZE];
    *made_up = false;
    if (file != NULL)
        return first_line(file, out, LINE_SIZE) && password_is_fit(user, out);
    if (isatty(STDIN_FILENO)) {
        if (!ask_line("Password (empty: make one up): ", out, LINE_SIZE))
            return false;
        if (out[0] != '\0') {
            bool same = ask_line("Once more: ", again, sizeof again) && strcmp(out, again) == 0;
            explicit_bzero(again, sizeof again);
            if (!same)
                cli_complain("the two are not the same");
            return same && password_is_fit(user, out);
        }
    }
    *made_up = true;
    return cli_random_text(out, 12); /* 59 bits */
}

/* ---- Commands ----------------------------------------------------------------------------- */

static bool set_account(const struct places *places, const char *name, const char *password)
{
    char line[PASSWORD_LINE_SIZE];
    return password_line(name, password, line, sizeof line) &&
           replace_lines(places->passwords, name, ':', line, NULL);
}

static int add(const struct places *places, const char *name, const char *role_name,
               const char *password_file)
{
    char password[LINE_SIZE], line[64];
    enum user_role role;
    bool made_up;
    if (!user_name_valid(name)) {
        cli_complain("a name has 1 to 32 of a-z, 0-9 and -");
        return EX_USAGE;
    }
    if (role_name == NULL || !user_role_parse(role_name, &role)) {
        cli_complain("write --role farmer, --role technician or --role screen");
        return EX_USAGE;
    }
    if (places->broker != NULL && strcmp(name, places->broker->user) == 0) {
        cli_complain("%s is the gateway's own account", name);
        return EX_USAGE;
    }
    if (!get_password(name, password_file, password, &made_up))
        return EX_DATAERR;
    bool ok = cli_format(line, sizeof line, "%s %s\n", name, user_role_name(role)) &&
              set_account(places, name, password) &&
              replace_lines(places->users, name, ' ', line, NULL) && write_acl(places);
    if (ok && made_up)
        (void)printf("%s, password: %s\n", name, password);
    explicit_bzero(password, sizeof password);
    if (ok)
        tell_broker();
    return ok ? EX_OK : EX_CANTCREAT;
}

/* A new password for a user that exists; the role stays. */
static int change_password(const struct places *places, const char *name, const char *password_file)
{
    char password[LINE_SIZE];
    bool made_up;
    if (users_role(places->users, name) == USER_UNKNOWN) {
        cli_complain("there is no user %s", name);
        return EX_NOUSER;
    }
    if (!get_password(name, password_file, password, &made_up))
        return EX_DATAERR;
    bool ok = set_account(places, name, password);
    if (ok && made_up)
        (void)printf("%s, password: %s\n", name, password);
    explicit_bzero(password, sizeof password);
    if (ok)
        tell_broker();
    return ok ? EX_OK : EX_CANTCREAT;
}

static int remove_user(const struct places *places, const char *name)
{
    bool found = false;
    if (!replace_lines(places->users, name, ' ', "", &found))
        return EX_CANTCREAT;
    if (!found) {
        cli_complain("there is no user %s", name);
        return EX_NOUSER;
    }
    if (!replace_lines(places->passwords, name, ':', "", NULL) || !write_acl(places))
        return EX_CANTCREAT;
    tell_broker();
    return EX_OK;
}

static int list(const struct places *places)
{
    char *users = read_text(places->users);
    if (users == NULL)
        return EX_NOINPUT;
    (void)fputs(users, stdout);
    free(users);
    return EX_OK;
}

/* The gateway's own account: its password is made up once and never shown. */
static int init(const struct places *places)
{
    char password[LINE_SIZE];
    if (places->broker == NULL || places->broker->user[0] == '\0' ||
        places->broker->password_file[0] == '\0') {
        cli_complain("the configuration has no broker on 127.0.0.1 with user and password_file");
        return EX_CONFIG;
    }
    bool ok = true;
    if (access(places->broker->password_file, F_OK) != 0)
        ok = cli_random_text(password, 32) &&
             cli_write_file(places->broker->password_file, password, strlen(password), 0640);
    ok = ok && first_line(places->broker->password_file, password, sizeof password) &&
         set_account(places, places->broker->user, password) &&
         replace_lines(places->users, "", ' ', "", NULL) && write_acl(places);
    explicit_bzero(password, sizeof password);
    return ok ? EX_OK : EX_CANTCREAT;
}

static const char usage[] =
    "Usage: baiye user init\n"
    "       baiye user add NAME --role farmer|technician|screen [--password-file FILE]\n"
    "       baiye user passwd NAME [--password-file FILE]\n"
    "       baiye user remove NAME\n"
    "       baiye user list\n"
    "Users of the site: who may log in to the app, the broker and the gateway's pages. A farmer\n"
    "looks, reports picks, acknowledges alerts and writes what profiles allow; a technician also\n"
    "sees health and may write everything that profiles list. A screen (baiye-led) sees what it\n"
    "shows and may send its preview. init makes the gateway's own account. passwd gives a\n"
    "user a new password, add of a name that exists a new role as well.\n"
    "  --config FILE         the gateway's configuration (" CLI_CONFIG ")\n"
    "  --password-file FILE  first line is the password, - is standard input\n";

int cli_user(int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"role", required_argument, NULL, 'r'},
        {"password-file", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *config_file = CLI_CONFIG, *role = NULL, *password_file = NULL;
    bool help = false;
    int letter;
    while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (letter == 'c')
            config_file = optarg;
        else if (letter == 'r')
            role = optarg;
        else if (letter == 'p')
            password_file = optarg;
        else
            help = true;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    const char *name = optind + 1 < argc ? argv[optind + 1] : NULL;
    bool wants_name =
        strcmp(verb, "add") == 0 || strcmp(verb, "passwd") == 0 || strcmp(verb, "remove") == 0;
    bool known = wants_name || strcmp(verb, "list") == 0 || strcmp(verb, "init") == 0;
    if (help || !known || argc - optind != (wants_name ? 2 : 1)) {
        (void)fputs(usage, stderr);
        return EX_USAGE;
    }
    struct places places;
    int code = EX_CONFIG;
    if (open_places(&places, config_file)) {
        if (strcmp(verb, "add") == 0 && name != NULL)
            code = add(&places, name, role, password_file);
        else if (strcmp(verb, "passwd") == 0 && name != NULL)
            code = change_password(&places, name, password_file);
        else if (strcmp(verb, "remove") == 0 && name != NULL)
            code = remove_user(&places, name);
        else if (strcmp(verb, "list") == 0)
            code = list(&places);
        else
            code = init(&places);
    }
    config_free(places.config);
    return code;
}
