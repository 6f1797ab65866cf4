/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye doctor`: between its files, one an area. Each looks and says what it found by
 * doctor_say(); none changes anything, waits longer than DOCTOR_WAIT_MS for anything, or says a
 * thing that it could not look at. */
#ifndef BAIYE_CLI_DOCTOR_H
#define BAIYE_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "gateway/daemon/config/config.h"

#define DOCTOR_WAIT_MS 5000

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_BROKEN };

struct doctor {
    const char *config_file, *profiles, *user, *socket_path;
    const char *root;            /* before each path of the machine ("" but in tests) */
    const struct config *config; /* NULL: it is wrong */
    const json_t *stats;         /* of the daemon; NULL: none answers */
    const json_t *values;        /* the newest of each device; the same */
    json_t *found;               /* [{area, state, text, todo, zh: {text, todo}}] */
};

/* What was found, and what to do ("" when nothing is to be done), in both languages. `en` and `zh`
 * take the same arguments in the same order; what to do is text and no format. */
void doctor_say(struct doctor *doctor, const char *area, enum doctor_state state, const char *en,
                const char *todo, const char *zh, const char *zh_todo, ...)
    __attribute__((format(printf, 4, 8), format(printf, 6, 8)));

/* The same for texts as they are. */
void doctor_add(struct doctor *doctor, const char *area, enum doctor_state state, const char *en,
                const char *todo, const char *zh, const char *zh_todo);

/* The areas, in their order. */
void doctor_configuration(struct doctor *doctor);
void doctor_permissions(struct doctor *doctor);
void doctor_ports(struct doctor *doctor);
void doctor_lines(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_disk(struct doctor *doctor);
void doctor_store(struct doctor *doctor);
void doctor_brokers(struct doctor *doctor);
void doctor_certificates(struct doctor *doctor);
void doctor_data_plan(struct doctor *doctor);
void doctor_versions(struct doctor *doctor);
void doctor_service(struct doctor *doctor);

/* A small file of the machine below `root`, its last line feed taken off; false: there is none. */
bool doctor_file(const struct doctor *doctor, const char *path, char *text, size_t size);
/* root + path; false when that is too long. */
bool doctor_path(const struct doctor *doctor, const char *path, char *out, size_t size);
/* Runs a program, and what it prints; false when it can't be run, fails or takes too long. */
bool doctor_run(const char *const *arguments, char *text, size_t size);
/* Folder of a path. */
void doctor_folder(const char *path, char *folder, size_t size);

#endif
