/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a file that a person wrote: where, what, and what would be right. */
#ifndef BAIYE_COMMON_CONFIG_ERROR_H
#define BAIYE_COMMON_CONFIG_ERROR_H

#define CONFIG_NAME_SIZE 33 /* [a-z0-9-]{1,32} and NUL */
#define CONFIG_PATH_SIZE 256

struct config_error {
    char text[512]; /* FILE:LINE: what is wrong; what would be right */
};

#endif
