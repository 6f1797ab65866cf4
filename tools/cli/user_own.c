/* SPDX-License-Identifier: Apache-2.0 */
/* The one thing that the daemon, and whoever took it over, can have done to the broker's accounts:
 * give a user that exists another password, by its present one. systemd starts it as root for each
 * connection to a socket (baiye-password.socket), one at a time; who connects writes
 *
 *   user \n present password \n new password \n
 *
 * and reads one line: "ok", "wrong" (user or password), "refused: WHY" (the new one) or "failed".
 * A wrong one is answered after WRONG_S, so that nobody guesses fast. */
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
    if (!user_set_password(files, name, fresh))
        return answer("failed", NULL);
    int code = answer("ok", NULL);
    pause_s(RELOAD_S);
    user_tell_broker();
    return code;
}

int user_passwd_own(struct user_files *files)
{
    char name[USER_LINE_SIZE], old[USER_LINE_SIZE], fresh[USER_LINE_SIZE];
    int code;
    if (user_read_line(stdin, name) && user_read_line(stdin, old) && user_read_line(stdin, fresh) &&
        user_files_lock(files))
        code = change(files, name, old, fresh);
    else
        code = answer("failed", NULL);
    explicit_bzero(old, sizeof old);
    explicit_bzero(fresh, sizeof fresh);
    return code;
}
