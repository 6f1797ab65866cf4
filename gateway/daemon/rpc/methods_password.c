/* SPDX-License-Identifier: Apache-2.0 */
/* A user's own password, changed by the present one. The daemon can't write the broker's password
 * file: it asks a small program of root's behind a socket (tools/cli/user_own.c), which looks at
 * the present password itself. So whoever takes the daemon over changes no password that he does
 * not know. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/rpc/helper.h"
#include "gateway/daemon/rpc/password.h"

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
        (void)snprintf(message, sizeof message, "this password can't be taken: %s", answer + 9);
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
        if (at != call && at->method == call->method)
            return true;
    }
    return false;
}

static void begin(struct rpc_call *call, const char *old, const char *fresh)
{
    char question[3 * (PASSWORD_SIZE + 1)];
    struct helper *helper = rpc_attach(call, sizeof *helper, release);
    if (helper == NULL)
        return;
    int size = snprintf(question, sizeof question, "%s\n%s\n%s\n", call->caller.user, old, fresh);
    helper->context = call;
    helper->answered = answered;
    bool asked = helper_ask(helper, call->rpc->loop, call->rpc->config->password_socket, question,
                            (size_t)size);
    explicit_bzero(question, sizeof question);
    if (!asked)
        fail_broken(call);
}

static void run_passwd(struct rpc_call *call)
{
    const char *old = rpc_text(call, "old");
    const char *fresh = old != NULL ? rpc_text(call, "new") : NULL;
    if (fresh == NULL)
        return;
    if (call->caller.broker < 0)
        rpc_fail(call, "invalid", "who asks here has no password of the broker",
                 "baiye user passwd NAME");
    else if (!is_local(call))
        rpc_fail(call, "forbidden", "passwords are changed by the farm's own broker only",
                 "do it in the app at the farm");
    else if (!is_line(old) || !is_line(fresh))
        rpc_fail(call, "invalid", "a password is one line of at most 128 bytes",
                 "take another one");
    else if (another_runs(call))
        rpc_fail(call, "busy", "another password is being changed", "again in a few seconds");
    else
        begin(call, old, fresh);
}

static const struct rpc_method list[] = {
    {.name = "passwd", .role = USER_SCREEN, .command = true, .secret = true, .run = run_passwd},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_password = {.list = list};
