/* SPDX-License-Identifier: Apache-2.0 */
/* A child process that cannot outlive this one. */
#ifndef BAIYE_FIELD_PROCESS_H
#define BAIYE_FIELD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Starts argv[0] (a path, or a name to be found in PATH) with its output appended to `log`. -1:
 * errno says why; that the program does not exist shows in the log only. */
pid_t process_start(char *const argv[], const char *log);
/* SIGKILL, and waits for its end. */
void process_kill(pid_t pid);
/* True once when the process has ended by itself; `status` as of waitpid(2). */
bool process_ended(pid_t pid, int *status);
/* The path of `name` in the folder of this program, or `up` levels above it. */
void process_sibling(const char *name, unsigned up, char *path, size_t size);

#endif
