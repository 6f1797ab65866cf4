/* SPDX-License-Identifier: Apache-2.0 */
/* What stands when a command is ended by Ctrl-C, and what to do next. A signal may do no more than
 * write: the words for the step that the command is at are made before. */
#ifndef BAIYE_CLI_FAREWELL_H
#define BAIYE_CLI_FAREWELL_H

/* From now on that is said on stderr, fitted to a terminal, to whoever ends this process by SIGINT,
 * SIGTERM or SIGHUP; "": nothing. It ends by the signal all the same. */
void farewell_say(const char *text);

#endif
