/* SPDX-License-Identifier: Apache-2.0 */
/* A tool run as a child: arguments as they are, no shell; its output read line by line as it
 * comes and kept; an end after a time at most; Ctrl-C passed on. One at a time, one thread. */
#ifndef BAIYE_FLASH_CHILD_H
#define BAIYE_FLASH_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#define CHILD_ARGUMENTS_MAX 40
#define CHILD_OUTPUT_MAX    65536

/* A command line being put together; argv ends with NULL. Text that does not fit sets `failed`. */
struct command {
    const char *argv[CHILD_ARGUMENTS_MAX + 1];
    unsigned count;
    char text[4096];
    size_t used;
    bool failed;
};
void command_add(struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As it would be typed into a shell. */
void command_print(const struct command *command);

enum child_end {
    CHILD_DONE,        /* exited: look at `code` */
    CHILD_MISSING,     /* the program can't be run */
    CHILD_LATE,        /* killed after the time it had */
    CHILD_INTERRUPTED, /* Ctrl-C or SIGTERM, which it was sent too */
    CHILD_KILLED       /* by a signal of somebody else's */
};

struct child {
    enum child_end end;
    int code;                      /* of CHILD_DONE */
    char output[CHILD_OUTPUT_MAX]; /* stdout and stderr as they came, the first 64 KiB less 1 */
    size_t size;
};

/* `line` (may be NULL) is called with each piece of output that ended with CR or LF. */
void child_run(const struct command *command, int timeout_s, struct child *child,
               void (*line)(void *context, const char *text), void *context);
/* Whether such a program is on the PATH. */
bool child_there(const char *program);
/* The last lines of what it said, indented, on stderr. */
void child_show(const struct child *child);

#endif
