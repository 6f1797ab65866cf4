/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/service.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"

#define PORTS_GROUP "dialout" /* SupplementaryGroups= of the unit */
#define GROUPS_MAX  64
#define FAILED      126

enum service_view service_view(const char *user)
{
    const struct passwd *who = getpwnam(user);
    if (who == NULL)
        return SERVICE_NO_USER;
    return geteuid() == 0 || geteuid() == who->pw_uid ? SERVICE_YES : SERVICE_OTHER;
}

static bool become(const char *user)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX - 1;
    const struct passwd *who = getpwnam(user);
    if (who == NULL || getgrouplist(user, who->pw_gid, groups, &count) < 0)
        return false;
    uid_t uid = who->pw_uid;
    gid_t gid = who->pw_gid;
    const struct group *ports = getgrnam(PORTS_GROUP);
    if (ports != NULL)
        groups[count++] = ports->gr_gid;
    return setgroups((size_t)count, groups) == 0 && setgid(gid) == 0 && setuid(uid) == 0;
}

int service_run(const char *user, int (*act)(void *context), void *context)
{
    bool change = service_view(user) == SERVICE_YES && geteuid() == 0;
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        cli_complain("can't start a process: %s", strerror(errno));
        return -1;
    }
    if (pid == 0) {
        int code = change && !become(user) ? FAILED : act(context);
        (void)fflush(NULL);
        _exit(code);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) < FAILED)
        return WEXITSTATUS(status);
    cli_complain(WIFEXITED(status) ? "can't become user %s" : N_("a look as user %s was killed"),
                 user);
    return -1;
}
