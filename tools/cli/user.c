/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/rpc/password.h"
#include "gateway/daemon/rpc/users.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/user_files.h"
#include "tools/cli/user_invite.h"

/* ---- Passwords ---- */

static bool password_is_fit(const char *user, const char *password)
{
    const char *problem = password_problem(user, password);
    if (problem != NULL)
        cli_complain("this password can't be taken: %s", problem);
    return problem == NULL;
}

/* What add and passwd were asked for beside the name. */
struct wanted {
    const char *role, *password_file;
    bool qr;             /* a picture for the phone in place of a password to be typed */
    const char *address; /* of the app, for it; NULL: the certificate says */
};

/* From a file, typed twice, or made up (then `made_up`). */
static bool get_password(const char *user, enum user_role role, const struct wanted *wanted,
                         char *out, bool *made_up)
{
    char again[USER_LINE_SIZE];
    const char *file = wanted->password_file;
    *made_up = wanted->qr;
    if (wanted->qr)
        return cli_random_text(out, PASSWORD_RANDOM_LEAST); /* it is scanned: nobody types it */
    if (file != NULL)
        return user_first_line(file, out) && password_is_fit(user, out);
    if (isatty(STDIN_FILENO)) {
        if (!user_ask_line(_("Password (empty: make one up): "), out))
            return false;
        if (out[0] != '\0') {
            bool same = user_ask_line(_("Once more: "), again) && strcmp(out, again) == 0;
            explicit_bzero(again, sizeof again);
            if (!same)
                cli_complain("the two are not the same");
            return same && password_is_fit(user, out);
        }
    }
    *made_up = true;
    /* A screen has it in a file; a person's has 59 bits. */
    return cli_random_text(out, role == USER_SCREEN ? PASSWORD_RANDOM_LEAST : 12);
}

static int iterations_of(const char *password, bool made_up)
{
    return made_up && strlen(password) >= PASSWORD_RANDOM_LEAST ? PASSWORD_ITERATIONS_RANDOM
                                                                : PASSWORD_ITERATIONS;
}

/* ---- Commands ---- */

/* A made-up password, as it was asked for. */
static void print_password(const struct wanted *wanted, const char *address, const char *name,
                           const char *password)
{
    outcome_add("password", json_string(password));
    if (!wanted->qr)
        (void)printf(_("%s, password: %s\n"), name, password);
    else if (!user_invite_print(address, name, password, true))
        cli_complain("the address is too long for a picture; baiye user passwd %s", name);
}

static int add(struct user_files *files, const char *name, const struct wanted *wanted)
{
    char password[USER_LINE_SIZE], line[64], address[CLI_PATH] = "";
    enum user_role role;
    bool made_up;
    if (!user_name_valid(name)) {
        cli_complain("a name has 1 to 32 of a-z, 0-9 and -");
        return EX_USAGE;
    }
    if (wanted->role == NULL || !user_role_parse(wanted->role, &role)) {
        cli_complain("write --role farmer, --role technician or --role screen");
        return EX_USAGE;
    }
    if (user_is_gateways(files, name))
        return EX_USAGE;
    if (wanted->qr && !user_invite_address(files->config, wanted->address, address, sizeof address))
        return EX_CONFIG;
    if (!get_password(name, role, wanted, password, &made_up))
        return EX_DATAERR;
    bool ok = cli_format(line, sizeof line, "%s %s\n", name, user_role_name(role)) &&
              user_files_lock(files) &&
              user_set_password(files, name, password, iterations_of(password, made_up)) &&
              user_replace_lines(files->users, name, ' ', line, NULL) && user_write_acl(files);
    if (ok && made_up)
        print_password(wanted, address, name, password);
    explicit_bzero(password, sizeof password);
    if (ok)
        user_reload_broker();
    return ok ? EX_OK : EX_CANTCREAT;
}

/* A new password for a user that exists; the role stays. */
static int change_password(struct user_files *files, const char *name, const struct wanted *wanted)
{
    char password[USER_LINE_SIZE], address[CLI_PATH] = "";
    bool made_up;
    enum user_role role = users_role(files->users, name);
    if (role == USER_UNKNOWN) {
        cli_complain("there is no user %s", name);
        return EX_NOUSER;
    }
    if (wanted->qr && !user_invite_address(files->config, wanted->address, address, sizeof address))
        return EX_CONFIG;
    if (!get_password(name, role, wanted, password, &made_up))
        return EX_DATAERR;
    bool ok = user_files_lock(files) &&
              user_set_password(files, name, password, iterations_of(password, made_up));
    if (ok && made_up)
        print_password(wanted, address, name, password);
    explicit_bzero(password, sizeof password);
    if (ok)
        user_reload_broker();
    return ok ? EX_OK : EX_CANTCREAT;
}

/* Out of the broker first: whatever fails then, nobody logs in by that name any more. What was left
 * half done is finished by the next try. */
static int remove_user(struct user_files *files, const char *name)
{
    bool account = false, user = false;
    if (user_is_gateways(files, name))
        return EX_USAGE;
    if (!user_files_lock(files) || !user_replace_lines(files->passwords, name, ':', "", &account) ||
        !user_replace_lines(files->users, name, ' ', "", &user) || !user_write_acl(files))
        return EX_CANTCREAT;
    if (!account && !user) {
        cli_complain("there is no user %s", name);
        return EX_NOUSER;
    }
    user_reload_broker();
    return EX_OK;
}

/* Of the file's lines, "NAME ROLE". */
static json_t *users_json(const char *users)
{
    json_t *all = json_array();
    char name[64], role[64];
    for (const char *at = users; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        if (sscanf(at, "%63s %63s", name, role) == 2)
            (void)json_array_append_new(all, json_pack("{s:s,s:s}", "name", name, "role", role));
    }
    return all;
}

static int list(const struct user_files *files)
{
    char *users = user_read_text(files->users);
    if (users == NULL)
        return EX_NOINPUT;
    outcome_add("users", users_json(users));
    (void)fputs(users, stdout);
    free(users);
    return EX_OK;
}

/* The gateway's own account: its password is made up once and never shown. */
static int init(struct user_files *files)
{
    char password[USER_LINE_SIZE];
    if (files->broker == NULL || files->broker->user[0] == '\0' ||
        files->broker->password_file[0] == '\0') {
        cli_complain("the configuration has no broker on 127.0.0.1 with user and password_file");
        return EX_CONFIG;
    }
    bool ok = user_files_lock(files), made_up = false;
    if (ok && access(files->broker->password_file, F_OK) != 0) {
        made_up = true; /* else somebody may have chosen what is there */
        ok = cli_random_text(password, 32) &&
             cli_write_file(files->broker->password_file, password, strlen(password), 0640);
    }
    ok =
        ok && user_first_line(files->broker->password_file, password) &&
        user_set_password(files, files->broker->user, password, iterations_of(password, made_up)) &&
        user_replace_lines(files->users, "", ' ', "", NULL) && user_write_acl(files);
    explicit_bzero(password, sizeof password);
    return ok ? EX_OK : EX_CANTCREAT;
}

static const char usage[] = N_(
    "Usage: baiye user init\n"
    "       baiye user add NAME --role farmer|technician|screen [--password-file FILE | --qr]\n"
    "       baiye user passwd NAME [--password-file FILE | --qr]\n"
    "       baiye user remove NAME\n"
    "       baiye user list\n"
    "       baiye user passwd-own\n"
    "Users of the site: who may log in to the app, the broker and the gateway's pages. A farmer\n"
    "looks, reports picks, acknowledges alerts and writes what profiles allow; a technician also\n"
    "sees health and may write everything that profiles list. A screen (baiye-led) sees what it\n"
    "shows and may send its preview. init makes the gateway's own account. passwd gives a\n"
    "user a new password, add of a name that exists a new role as well. passwd-own changes one by\n"
    "the present one; name, present and new password are the lines of standard input.\n"
    "  --config FILE         the gateway's configuration (/etc/baiye/baiye.yaml)\n"
    "  --qr                  shows a code that the phone scans: it is logged in and makes its own\n"
    "                        password; the code is good once\n"
    "  --address URL         where phones reach the app (as the certificate says)\n"
    "  --password-file FILE  first line is the password, - is standard input\n"
    "  --json                what was done, for programs\n");

int cli_user(int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"role", required_argument, NULL, 'r'},
        {"password-file", required_argument, NULL, 'p'},
        {"qr", no_argument, NULL, 'q'},
        {"address", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *config_file = CLI_CONFIG;
    struct wanted wanted = {.role = NULL};
    bool help = false;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'c')
            config_file = optarg;
        else if (letter == 'r')
            wanted.role = optarg;
        else if (letter == 'p')
            wanted.password_file = optarg;
        else if (letter == 'q')
            wanted.qr = true;
        else if (letter == 'a')
            wanted.address = optarg;
        else
            help = true;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    const char *name = optind + 1 < argc ? argv[optind + 1] : NULL;
    bool wants_name =
        strcmp(verb, "add") == 0 || strcmp(verb, "passwd") == 0 || strcmp(verb, "remove") == 0;
    bool known = wants_name || strcmp(verb, "list") == 0 || strcmp(verb, "init") == 0 ||
                 strcmp(verb, "passwd-own") == 0;
    bool both = wanted.qr && wanted.password_file != NULL;
    if (help || both || !known || argc - optind != (wants_name ? 2 : 1))
        return cli_usage(usage);
    struct user_files files;
    int code = EX_CONFIG;
    if (user_files_open(&files, config_file)) {
        if (strcmp(verb, "add") == 0 && name != NULL)
            code = add(&files, name, &wanted);
        else if (strcmp(verb, "passwd") == 0 && name != NULL)
            code = change_password(&files, name, &wanted);
        else if (strcmp(verb, "remove") == 0 && name != NULL)
            code = remove_user(&files, name);
        else if (strcmp(verb, "list") == 0)
            code = list(&files);
        else if (strcmp(verb, "passwd-own") == 0)
            code = user_passwd_own(&files);
        else
            code = init(&files);
    }
    user_files_close(&files);
    return code;
}
