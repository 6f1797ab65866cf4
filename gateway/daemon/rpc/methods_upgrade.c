/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own next version. The daemon installs nothing: it leaves a wish of two words where
 * root's helper finds it (baiye-upgrade.path), and reports what the helper has left. What is
 * installed is decided by the repository's signature and by the helper. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/config/last_good.h"
#include "gateway/daemon/config/whole_file.h"
#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/upgrade_state.h"

/* Absent: "-". NULL: it is none, and the call has failed. */
static const char *word(struct rpc_call *call, const char *name, bool (*fits)(const char *text))
{
    const char *text = rpc_has(call, name) ? rpc_text(call, name) : "-";
    if (text == NULL || strcmp(text, "-") == 0 || fits(text))
        return text;
    rpc_fail(call, "invalid", "that is no version, or no suite of the repository",
             "suite: canary, early or stable");
    return NULL;
}

/* {[version] [, suite]}: look at the repository now; the suite stays. */
static void run_upgrade(struct rpc_call *call)
{
    char path[512], order[128];
    const char *folder = last_good_folder();
    const char *version = word(call, "version", upgrade_is_version);
    const char *suite = version != NULL ? word(call, "suite", upgrade_is_suite) : NULL;
    if (suite == NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/upgrade.order", folder != NULL ? folder : "");
    int size = snprintf(order, sizeof order, "%s %s\n", version, suite);
    if (upgrade_folder() == NULL || folder == NULL ||
        !whole_file_replace(path, order, (size_t)size)) {
        rpc_fail(call, "unavailable", "nobody is there who installs packages",
                 "at the gateway: systemctl status baiye-upgrade.path");
        return;
    }
    rpc_end(call, json_pack("{s:b}", "ok", 1));
}

/* {} */
static void run_state(struct rpc_call *call)
{
    struct upgrade_state state;
    upgrade_state_read(&state);
    rpc_end(call,
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "version", BAIYE_VERSION, "state", state.state,
                      "from", state.from, "to", state.to, "at", state.at, "why", state.why));
}

static const struct rpc_method methods[] = {
    {.name = "upgrade",
     .role = USER_TECHNICIAN,
     .command = true,
     .for_county = true,
     .run = run_upgrade},
    {.name = "upgrade_state", .role = USER_TECHNICIAN, .for_county = true, .run = run_state},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_upgrade = {.list = methods};
