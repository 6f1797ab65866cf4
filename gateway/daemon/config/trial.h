/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration on trial: the daemon runs by it, and the file stays as it is until the trial is
 * confirmed. Whatever happens before that (a kill, a power cut, a configuration that can't run),
 * the file is still there, and a start after the trial's end goes by it.
 *
 *   STATE/config.trial       version, hashes, by whose word, until when, how many starts: what
 * makes a trial (replaced by rename); of another version it is none STATE/config.trial.yaml  the
 * configuration; written before, and known by its hash STATE/config.undone      the last one that
 * was undone, and why STATE/config.past/       what the file was before, NUMBER-SHA256.yaml; the
 * last TRIAL_PAST_MAX
 *
 * The end is counted by CLOCK_BOOTTIME: a reboot ends the trial. The file itself is replaced here
 * and nowhere else in the daemon. Main thread. */
#ifndef BAIYE_CONFIG_TRIAL_H
#define BAIYE_CONFIG_TRIAL_H

#include "gateway/daemon/config/config.h"

#define TRIAL_HASH_SIZE  65 /* SHA-256 in small hex digits */
#define TRIAL_YAML_MAX   (60u << 10)
#define TRIAL_STARTS_MAX 3 /* a configuration by which the daemon falls over again and again */
#define TRIAL_PAST_MAX   8
#define TRIAL_WHY_SIZE   256

struct config_trial {
    char hash_old[TRIAL_HASH_SIZE]; /* of the file */
    char hash[TRIAL_HASH_SIZE];     /* of what is tried */
    char via[CONFIG_NAME_SIZE];     /* the broker it came by, or "socket" */
    int64_t begun_ms, end_ms;       /* CLOCK_BOOTTIME */
    unsigned starts;
};

void config_trial_hash(const void *data, size_t size, char hash[TRIAL_HASH_SIZE]);
/* Of a file; false: errno. */
bool config_trial_hash_file(const char *file, char hash[TRIAL_HASH_SIZE]);

/* Is `yaml` one that could take the place of the running `config`'s file? Judged as the file is;
 * messages name the file and the line. NULL: `error`. The caller frees it. */
struct config *config_trial_check(const char *folder, const char *yaml, size_t size,
                                  const struct config *config, const char *profiles,
                                  struct config_error *error);
/* From the next start on it is tried. What config_trial_check() left in the folder is `yaml`. */
bool config_trial_begin(const char *folder, struct config_trial *trial, const char *file,
                        uint32_t confirm_s);

/* false: there is none. */
bool config_trial_read(const char *folder, struct config_trial *trial);
/* At a start: the configuration on trial, as if it had been read from `file`, with its `trial` set.
 * NULL: there is none, or it has ended (logged, and recorded as undone); then the file counts. */
struct config *config_trial_load(const char *file, const char *profiles, const char *folder);
/* Milliseconds until it ends; 0: it has. */
int64_t config_trial_left_ms(const struct config_trial *trial);

/* What was tried is to become the file: looks whether it still may, keeps what the file is now, and
 * gives what it is to be; malloc'ed. NULL: `why`; the trial goes on. */
char *config_trial_accept(const char *folder, const struct config_trial *trial,
                          const struct config *config, size_t *size, char *why, size_t why_size);
/* The file is what was tried: there is no trial any more. */
void config_trial_done(const char *folder);
/* Ends it, and records `why`: the next start is by the file. */
void config_trial_undo(const char *folder, const struct config_trial *trial, const char *why);
/* The last that was undone; false: none was. */
bool config_trial_undone(const char *folder, char hash[TRIAL_HASH_SIZE], char why[TRIAL_WHY_SIZE]);

/* Can the file be replaced, and by whom? By root's small program behind config->config_socket
 * (tools/cli/config_take.c) where it is there, else by the daemon, if the folder is its own. */
enum config_trial_way { TRIAL_NOT, TRIAL_BY_ITSELF, TRIAL_BY_HELPER };
enum config_trial_way config_trial_way(const struct config *config);
/* Replaces `file` by `yaml` through a new one beside it, with its owner and rights. false:
 * errno. */
bool config_trial_replace(const char *file, const char *yaml, size_t size);

#endif
