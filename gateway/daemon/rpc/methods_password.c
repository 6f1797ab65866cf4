/* SPDX-License-Identifier: Apache-2.0 */
/* A user's own password, changed by the present one; and other users, added, changed and removed by
 * a technician's. The daemon can't write the broker's files: it asks a small program of root's
 * behind a socket (tools/cli/user_own.c), which looks at the password itself. So whoever takes the
 * daemon over changes nobody without a password that he does not know. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/rpc/helper.h"
#include "gateway/daemon/rpc/password.h"

static void run_user_change(struct rpc_call *call);

static void release(void *state)
{
    helper_forget(state);
}

static void fail_broken(struct rpc_call *call)
{
    rpc_fail(call, "unavailable", "the password could not be changed",
             "on the gateway: systemctl status baiye-password.socket, or baiye user passwd");
}

static void answered(struct helper *helper, const char *answer)
{
    struct rpc_call *call = helper->context;
    char message[HELPER_ANSWER_SIZE + 32];
    if (strcmp(answer, "ok") == 0) {
        rpc_end(call, json_object());
    } else if (strcmp(answer, "wrong") == 0) {
        rpc_fail(call, "wrong-password", "the present password is wrong", "type it again");
    } else if (strncmp(answer, "refused: ", 9) == 0) {
        (void)snprintf(message, sizeof message, "%s: %s",
                       call->method->run == run_user_change ? "not changed"
                                                            : "this password can't be taken",
                       answer + 9);
        rpc_fail(call, "unfit", message, "take another one");
    } else {
        fail_broken(call);
    }
}

static bool is_line(const char *text)
{
    return strlen(text) <= PASSWORD_MOST && strpbrk(text, "\r\n") == NULL;
}

/* The farm's own broker, which knows the passwords: what goes to another one is read there. */
static bool is_local(const struct rpc_call *call)
{
    const struct config *config = call->rpc->config;
    uint16_t i = 0;
    while (i < config->broker_count &&
           (config->brokers[i].url.tls || config->brokers[i].url.websocket))
        i++;
    return i < config->broker_count && call->caller.broker == (int)i;
}

static bool another_runs(const struct rpc_call *call)
{
    for (const struct rpc_call *at = call->rpc->calls; at != NULL; at = at->next) {
        if (at != call && at->state != NULL && at->release == release)
            return true;
    }
    return false;
}

/* "change NAME ROLE", the caller and two passwords, each with its end. */
#define QUESTION_SIZE (64 + 3 * (PASSWORD_SIZE + 1))

/* `question` is wiped. */
static void begin(struct rpc_call *call, char question[QUESTION_SIZE], int size)
{
    struct helper *helper =
        size > 0 && size < QUESTION_SIZE ? rpc_attach(call, sizeof *helper, release) : NULL;
    bool asked = false;
    if (helper != NULL) {
        helper->context = call;
        helper->answered = answered;
        asked = helper_request(helper, call->rpc->loop, call->rpc->config->password_socket,
                               question, (size_t)size);
    }
    explicit_bzero(question, QUESTION_SIZE);
    if (helper != NULL && !asked)
        fail_broken(call);
}

/* Fails the call when it may not ask the helper, or what is asked is none of its lines. */
static bool may_ask(struct rpc_call *call, const char *password, const char *other)
{
    if (call->caller.broker < 0)
        rpc_fail(call, "invalid", "who asks here has no password of the broker",
                 "at the gateway: baiye user");
    else if (!is_local(call))
        rpc_fail(call, "forbidden", "passwords are changed by the farm's own broker only",
                 "do it in the app at the farm");
    else if (!is_line(password) || !is_line(other))
        rpc_fail(call, "invalid", "a password is one line of at most 128 bytes",
                 "take another one");
    else if (another_runs(call))
        rpc_fail(call, "busy", "another password is being changed", "again in a few seconds");
    else
        return true;
    return false;
}

static void run_passwd(struct rpc_call *call)
{
    char question[QUESTION_SIZE];
    const char *old = rpc_text(call, "old");
    const char *fresh = old != NULL ? rpc_text(call, "new") : NULL;
    if (fresh != NULL && may_ask(call, old, fresh))
        begin(call, question,
              snprintf(question, sizeof question, "%s\n%s\n%s\n", call->caller.user, old, fresh));
}

/* ---- Other users ---- */

static void run_user_change(struct rpc_call *call)
{
    char question[QUESTION_SIZE];
    const char *name = rpc_text(call, "name");
    const char *role = name != NULL ? rpc_text(call, "role") : NULL;
    const char *password = role != NULL ? rpc_text(call, "password") : NULL;
    const char *fresh = password != NULL && rpc_has(call, "new") ? rpc_text(call, "new") : "";
    if (password == NULL || fresh == NULL)
        return;
    if (!user_name_valid(name) || !user_name_valid(role)) {
        rpc_fail(call, "invalid", "name and role have 1 to 32 of a-z, 0-9 and -",
                 "take another name");
        return;
    }
    (void)snprintf(call->detail, sizeof call->detail, "{\"name\":\"%s\",\"role\":\"%s\"}", name,
                   role);
    if (may_ask(call, password, fresh))
        begin(call, question,
              snprintf(question, sizeof question, "change %s %s\n%s\n%s\n%s\n", name, role,
                       call->caller.user, password, fresh));
}

/* Who there is, as the file has them. */
static json_t *list_users(const char *path)
{
    char line[128], name[USER_NAME_SIZE];
    enum user_role role;
    json_t *users = json_array();
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (user_line(line, name, &role) && user_name_valid(name))
            (void)json_array_append_new(
                users, json_pack("{s:s, s:s}", "name", name, "role", user_role_name(role)));
    }
    if (file != NULL)
        (void)fclose(file);
    return users;
}

static void run_users(struct rpc_call *call)
{
    char path[CONFIG_PATH_SIZE];
    if (!users_path(call->rpc->config->file, path, sizeof path))
        path[0] = '\0';
    rpc_end(call, json_pack("{s:o}", "users", list_users(path)));
}

static const struct rpc_method list[] = {
    {.name = "passwd", .role = USER_SCREEN, .command = true, .secret = true, .run = run_passwd},
    {.name = "users", .role = USER_TECHNICIAN, .run = run_users},
    {.name = "user_change",
     .role = USER_TECHNICIAN,
     .command = true,
     .secret = true,
     .run = run_user_change},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_password = {.list = list};
