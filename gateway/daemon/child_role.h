/* SPDX-License-Identifier: Apache-2.0 */
/* What a child is for, and how much it is handed at its start. */
#ifndef BAIYE_CHILD_ROLE_H
#define BAIYE_CHILD_ROLE_H

#define CHILD_FILES_MAX 48u
#define CHILD_PATH_SIZE 256u /* of the configuration */

enum child_role { CHILD_PUBLISHER = 1, CHILD_NOTIFIER = 2 };

#endif
