/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BAIYE_CLI_REPLAY_H
#define BAIYE_CLI_REPLAY_H

/* `baiye alert replay FILE.csv`: argv[0] is "replay". An exit code. */
int replay_alerts(int argc, char **argv);

#endif
