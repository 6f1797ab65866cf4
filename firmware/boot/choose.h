/* SPDX-License-Identifier: Apache-2.0 */
/* Which slot to start. Called once by the boot loader at each reset.
 *
 *   1. an image that does not verify is not there
 *   2. a REJECTED one neither
 *   3. one on trial that was started STATE_TRIALS times and never confirmed becomes REJECTED, if
 *      there is a confirmed one to start instead
 *   4. a READY one, not below the security counter of the confirmed one, is started on trial
 *   5. else the confirmed one of the highest generation (bench images have generation 0)
 *   6. after BOOT_STARTS starts of it that came to nothing, the other confirmed one, unless its
 *      security counter is lower; after as many of that, the first again
 *
 * An image signed with a key that the confirmed one in the other slot has ended is not there.
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

/* Starts in a row without ten good minutes, after which the other image gets its turn. */
#define BOOT_STARTS 8u

/* `starts`: how many there were since the program last reported that it was well. */
struct boot_choice boot_choose_after(unsigned starts);
struct boot_choice boot_choose(void);

#endif
