/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/daemon/child.h"
#include "gateway/daemon/publish/link/link.h"

bool spawn_publisher(struct broker *broker)
{
    if (child_start("--publisher", &broker->fd, &broker->pid))
        return true;
    broker->pid = 0;
    return false;
}

void spawn_reap(struct broker *broker, int64_t wait_ms)
{
    int64_t until = clock_now().mono_ms + wait_ms;
    if (broker->fd >= 0)
        close(broker->fd); /* tells it that we are gone, if it has not heard yet */
    broker->fd = -1;
    while (broker->pid > 0) {
        int status = 0;
        pid_t ended = waitpid(broker->pid, &status, WNOHANG);
        if (ended != 0)
            break;
        if (clock_now().mono_ms >= until) {
            (void)kill(broker->pid, SIGKILL);
            (void)waitpid(broker->pid, &status, 0);
            break;
        }
        (void)usleep(5000); /* ends within milliseconds as a rule; nothing else can be waited on */
    }
    broker->pid = 0;
}
