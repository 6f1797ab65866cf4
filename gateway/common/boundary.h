/* SPDX-License-Identifier: Apache-2.0 */
/* What a program gives up before it talks to strangers, for good and for all threads that are
 * started later. Whoever takes it over from there has its connections and what it goes on reading,
 * and no more: it starts no program, looks into no process and signals, limits or slows none,
 * reaches no stream socket of the machine (the daemon's control socket is one), and no process of
 * the same user looks into it.
 *
 *   user          another than whoever started it: root becomes nobody, others enter a user
 *                 namespace of their own, whence the kernel lets no process outside be looked into
 *   system calls  seccomp. Without Landlock it is also what keeps files from being written
 *   files         Landlock, from Linux 5.13 on: what is named here, libraries, and what finding a
 *                 host's address needs
 *   ports         Landlock, from Linux 6.7 on: it listens nowhere, and connects where it is let
 *
 * A file is let through as the one that it was: see boundary_is_stale(). */
#ifndef BAIYE_COMMON_BOUNDARY_H
#define BAIYE_COMMON_BOUNDARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOUNDARY_FILES_MAX 64u
#define BOUNDARY_PORTS_MAX 24u
#define BOUNDARY_TEXT_SIZE 80u

enum boundary_part {
    BOUNDARY_CALLS = 1,
    BOUNDARY_MEMORY = 2, /* PR_SET_DUMPABLE 0: no core, no look into it */
    BOUNDARY_FILES = 4,
    BOUNDARY_PORTS = 8,
    BOUNDARY_USER = 16,     /* of another user */
    BOUNDARY_NAMESPACE = 32 /* of the same user, in a namespace of its own */
};

struct boundary {
    const char *files[BOUNDARY_FILES_MAX]; /* files and folders that it goes on reading */
    unsigned file_count;
    const char *written[BOUNDARY_FILES_MAX]; /* devices that it writes, folders in which it makes
                                                and replaces files */
    unsigned written_count;
    uint16_t ports[BOUNDARY_PORTS_MAX]; /* TCP ports that it connects to, DNS aside */
    unsigned port_count;                /* 0: any */
    bool notifies;    /* tells the service manager that it is alive: datagrams to Unix sockets go */
    bool other_user;  /* it was started as another user than whom it must not harm */
    bool leaves_user; /* it needs nothing as the user that it is */

    /* Set by boundary_close(). */
    unsigned in_force; /* or of enum boundary_part */
    int user_error;    /* errno: why it is of the same user still */
    uint64_t seen;     /* which files they were */
};

/* "" is no file; more than fit are not let through. */
void boundary_read(struct boundary *boundary, const char *path);
void boundary_write(struct boundary *boundary, const char *path);
void boundary_port(struct boundary *boundary, unsigned port);
/* Of the calling thread: before it starts others. What the kernel can't is left out: see in_force,
 * and errno of the last that failed. */
void boundary_close(struct boundary *boundary);
/* Has a file been replaced since, as by a new key or another network? Then the program must start
 * anew to read it. Some system calls. */
bool boundary_is_stale(const struct boundary *boundary);
/* "other user, system calls, memory, files, ports": what is in force; "nothing". */
const char *boundary_text(unsigned in_force, char text[BOUNDARY_TEXT_SIZE]);
/* Logs that, and what could not be had. `who`: "the program". */
void boundary_log(const struct boundary *boundary, const char *who);

#endif
