/* SPDX-License-Identifier: Apache-2.0 */
/* Which slot to start. Called once by the boot loader at each reset.
 *
 *   1. an image that does not verify is not there
 *   2. a REJECTED one neither
 *   3. one on trial that was started STATE_TRIALS times and never confirmed becomes REJECTED, if
 *      there is a confirmed one to start instead
 *   4. a READY one, not below the security counter of the confirmed one, is started on trial
 *   5. else the confirmed one of the highest generation (bench images have generation 0)
 *
 * The image that ran before stays untouched in its slot until the next session, so there is always
 * one to go back to. */
#ifndef BAIYE_BOOT_CHOOSE_H
#define BAIYE_BOOT_CHOOSE_H

#include <stdbool.h>

struct boot_choice {
    int slot;   /* 0 or 1; -1: no slot holds an image that may run */
    bool trial; /* not confirmed yet: the watchdog must be on */
};

struct boot_choice boot_choose(void);

#endif
