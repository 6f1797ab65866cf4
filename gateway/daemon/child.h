/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the daemon's own that talk to strangers: its program once more, with a
 * SOCK_SEQPACKET socket between the two. The child has that socket, the standard three, the files
 * that it was given, opened, and nothing else of the daemon's.
 *
 * Where the service manager listens for us (BAIYED_CHILDREN names its socket), it starts the child,
 * as another user and within bounds of its own: see baiye-child@.service. Elsewhere, and for as
 * long as the service manager starts none, we start it ourselves, and it becomes another user if it
 * can (gateway/common/boundary.h). Its keys are handed over as bytes, so that it needs no right to
 * any file of ours.
 *
 * One struct child belongs to one thread at a time. */
#ifndef BAIYE_CHILD_H
#define BAIYE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/daemon/child_role.h"

#define CHILD_FD 3 /* the child's end of the socket */

/* ---- In the daemon ---- */

struct child {
    int fd;                             /* our end, close-on-exec; -1: there is no child */
    pid_t pid;                          /* 0: there is no child */
    bool ours;                          /* we started it, and may signal it and must wait for it */
    const char *files[CHILD_FILES_MAX]; /* that it reads; of the caller, as long as the child */
    unsigned file_count;
    uint64_t seen;      /* which files they were */
    unsigned refused;   /* times in a row that the service manager started none */
    int64_t manager_ms; /* monotonic: when it is worth trying it again; 0: never */
};

/* Before child_start(): it reads this file. "" is none; a path of CHILD_PATH_SIZE or more, and what
 * is more than fits, it would have to open itself. */
void child_reads(struct child *child, const char *path);
/* Waits until the child says that it is there, 30 s at most (a small machine at its boot). false
 * (errno): there is none. */
bool child_start(struct child *child, enum child_role role);
/* Was one of its files replaced, rewritten or made since? Some system calls. */
bool child_is_stale(const struct child *child);
/* We started it, and by now the service manager may do so: end it and begin anew. It is tried after
 * 20 s, 40 s and so on up to a day. */
bool child_may_move(const struct child *child, int64_t now_ms);
/* It ends at once: seen as the end of what comes over the socket. */
void child_kill(const struct child *child);
/* After this there is none. It has `wait_ms` to end by itself. */
void child_end(struct child *child, int64_t wait_ms);

/* ---- In the child ---- */

struct child_files {
    enum child_role role;
    unsigned count;
    struct {
        char path[CHILD_PATH_SIZE];
        char opened[32]; /* what to open instead */
    } files[CHILD_FILES_MAX];
};

/* First of all. false: nobody started us as a child. */
bool child_take(struct child_files *files);
/* What to open for a file of the daemon's: the path itself when the daemon could not read it. */
const char *child_path(const struct child_files *files, const char *path);
/* Is it another user than the daemon? */
bool child_is_other_user(void);
/* Once in each round: who does not come back for five minutes hangs, and is ended by the kernel,
 * since the daemon may be nobody to signal it. */
void child_alive(void);

#endif
