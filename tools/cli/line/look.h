/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye line BUS`; argv[0] is "line". Also says the usage of `baiye line run`. */
#ifndef BAIYE_CLI_LINE_LOOK_H
#define BAIYE_CLI_LINE_LOOK_H

int cli_line_look(int argc, char **argv);

#endif
