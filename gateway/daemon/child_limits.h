/* SPDX-License-Identifier: Apache-2.0 */
/* How much a child is handed at its start. */
#ifndef BAIYE_CHILD_LIMITS_H
#define BAIYE_CHILD_LIMITS_H

#define CHILD_FILES_MAX 48u
#define CHILD_PATH_SIZE 256u /* of the configuration */

#endif
