/* SPDX-License-Identifier: Apache-2.0 */
/* A file system in memory for SQLite that can lose its power: what was not synced survives in
 * part, in any order, torn at sectors of 512 bytes. Or one operation fails with an I/O error.
 * There is one, registered as the default of the process. */
#ifndef BAIYE_POWER_VFS_H
#define BAIYE_POWER_VFS_H

#include <stdbool.h>
#include <stdint.h>

void power_vfs_register(void);
/* Forgets all files; power is on, nothing fails. */
void power_vfs_clear(void);
void power_vfs_seed(uint32_t seed);
/* The power goes at the n-th write, truncation or sync from now on (1 is the next one). */
void power_vfs_cut_after(uint64_t operations);
/* The n-th of these, or of reads and opens, fails; with `for_ever` all after it too. 0: none. */
void power_vfs_fail_at(uint64_t operation, bool for_ever);
bool power_vfs_is_off(void);
/* Was the operation reached that should fail? */
bool power_vfs_has_failed(void);
/* Power is back: what the medium holds now is what survived. */
void power_vfs_on(void);

#endif
