/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon, and whoever took it over, can have done to the broker's accounts, always by a
 * password that the broker knows: a user gets another one by the present one, and a technician
 * adds, changes and removes other users by his. systemd starts it as root for each connection to a
 * socket (baiye-password.socket), one at a time; who connects writes
 *
 *   user \n present password \n new password \n
 *   change NAME ROLE \n technician \n his password \n password of NAME \n
 *
 * and reads one line: "ok", "wrong" (user or password), "refused: WHY" or "failed". ROLE "none"
 * removes; an empty password of NAME leaves the one that is. A wrong one is answered after WRONG_S,
 * so that nobody guesses fast. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/daemon/rpc/users.h"
#include "tools/cli/user_files.h"

#define WRONG_S 2
/* The broker cuts whoever logged in by the old password: the answer goes through it first. */
#define RELOAD_S 1

static void pause_s(time_t seconds)
{
    const struct timespec span = {.tv_sec = seconds};
    (void)nanosleep(&span, NULL); /* no signal that would cut it short is caught */
}

static int answer(const char *word, const char *why)
{
    bool told = printf("%s%s%s\n", word, why != NULL ? ": " : "", why != NULL ? why : "") > 0 &&
                fflush(stdout) == 0;
    return told ? EX_OK : EX_IOERR;
}

/* The user's own line of the password file. */
static bool is_present(const struct user_files *files, const char *name, const char *password)
{
    char *text = user_read_text(files->passwords), *rest = text, *line;
    size_t size = strlen(name);
    bool fits = false;
    while (!fits && (line = strsep(&rest, "\n")) != NULL) {
        char whole[PASSWORD_LINE_SIZE];
        if (strncmp(line, name, size) == 0 && line[size] == ':' &&
            cli_format(whole, sizeof whole, "%s\n", line))
            fits = password_fits(whole, password);
    }
    free(text);
    return fits;
}

static int change(struct user_files *files, const char *name, const char *old, const char *fresh)
{
    if (!user_name_valid(name) || users_role(files->users, name) == USER_UNKNOWN ||
        user_is_gateways(files, name) || !is_present(files, name, old)) {
        pause_s(WRONG_S);
        return answer("wrong", NULL);
    }
    const char *problem =
        strcmp(old, fresh) == 0 ? "it is the present one" : password_problem(name, fresh);
    if (problem != NULL)
        return answer("refused", problem);
    if (!user_set_password(files, name, fresh, PASSWORD_ITERATIONS))
        return answer("failed", NULL);
    int code = answer("ok", NULL);
    pause_s(RELOAD_S);
    user_reload_broker();
    return code;
}

/* ---- By a technician ---- */

struct wish {
    const char *by, *password;           /* the technician's */
    char name[USER_NAME_SIZE], role[16]; /* of whom is changed; role "none": he goes */
    const char *fresh;                   /* "": the password stays */
};

static const char *why_not(const struct user_files *files, const struct wish *wish)
{
    enum user_role role;
    bool known = users_role(files->users, wish->name) != USER_UNKNOWN;
    bool goes = strcmp(wish->role, "none") == 0;
    if (!user_name_valid(wish->name))
        return "a name has 1 to 32 of a-z, 0-9 and -";
    if (!goes && !user_role_parse(wish->role, &role))
        return "there is no such role";
    if (strcmp(wish->name, wish->by) == 0 || user_is_gateways(files, wish->name))
        return "this account is not changed from here";
    if (goes)
        return known ? NULL : "there is no such user";
    if (wish->fresh[0] == '\0')
        return known ? NULL : "a new user needs a password";
    return password_problem(wish->name, wish->fresh);
}

/* In the order of `baiye user`: who goes is out of the broker first. */
static bool carry_out(const struct user_files *files, const struct wish *wish)
{
    char line[64] = "";
    bool goes = strcmp(wish->role, "none") == 0;
    if (!goes && !cli_format(line, sizeof line, "%s %s\n", wish->name, wish->role))
        return false;
    if (goes && !user_replace_lines(files->passwords, wish->name, ':', "", NULL))
        return false;
    if (wish->fresh[0] != '\0' && !goes &&
        !user_set_password(files, wish->name, wish->fresh, PASSWORD_ITERATIONS))
        return false;
    return user_replace_lines(files->users, wish->name, ' ', line, NULL) && user_write_acl(files);
}

static int change_other(struct user_files *files, const struct wish *wish)
{
    if (users_role(files->users, wish->by) != USER_TECHNICIAN ||
        !is_present(files, wish->by, wish->password)) {
        pause_s(WRONG_S);
        return answer("wrong", NULL);
    }
    const char *problem = why_not(files, wish);
    if (problem != NULL)
        return answer("refused", problem);
    if (!carry_out(files, wish))
        return answer("failed", NULL);
    int code = answer("ok", NULL);
    pause_s(RELOAD_S);
    user_reload_broker();
    return code;
}

/* What follows "change ". */
static int by_technician(struct user_files *files, const char *words)
{
    char by[USER_LINE_SIZE], password[USER_LINE_SIZE], fresh[USER_LINE_SIZE];
    struct wish wish = {.by = by, .password = password, .fresh = fresh};
    int end = 0, code;
    bool whole = sscanf(words, "%32[^ ] %15[^ ]%n", wish.name, wish.role, &end) == 2 &&
                 words[end] == '\0' && user_read_line(stdin, by) &&
                 user_read_line(stdin, password) && user_read_line(stdin, fresh);
    if (whole && user_files_lock(files))
        code = change_other(files, &wish);
    else
        code = answer("failed", NULL);
    explicit_bzero(password, sizeof password);
    explicit_bzero(fresh, sizeof fresh);
    return code;
}

int user_passwd_own(struct user_files *files)
{
    static const char change_word[] = "change "; /* no user's name: it has a blank */
    char name[USER_LINE_SIZE], old[USER_LINE_SIZE], fresh[USER_LINE_SIZE];
    int code;
    if (!user_read_line(stdin, name))
        return answer("failed", NULL);
    if (strncmp(name, change_word, sizeof change_word - 1) == 0)
        return by_technician(files, name + sizeof change_word - 1);
    if (user_read_line(stdin, old) && user_read_line(stdin, fresh) && user_files_lock(files))
        code = change(files, name, old, fresh);
    else
        code = answer("failed", NULL);
    explicit_bzero(old, sizeof old);
    explicit_bzero(fresh, sizeof fresh);
    return code;
}
