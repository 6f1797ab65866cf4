/* SPDX-License-Identifier: Apache-2.0 */
/* What people read in their own language: the catalogue "baiye" of gettext, docs/po/messages. A
 * text of yaml_error(), keys_read() and cli_complain() is looked up by these themselves; any other
 * is written
 * _("…"). Without language_open(), and where there is no catalogue, it stays English. */
#ifndef BAIYE_COMMON_LANGUAGE_H
#define BAIYE_COMMON_LANGUAGE_H

#include <libintl.h>
#include <stdbool.h>

#define _(text)  gettext(text)
#define N_(text) text /* in a table: taken up into the catalogue, looked up where it is used */

/* Does the language of messages (LC_ALL, LC_MESSAGES, LANG; the first that is set) begin with
 * zh? */
bool language_chinese(void);
/* Looks texts up from now on. Once, before any other thread; numbers and dates stay as in C. */
void language_open(void);
/* For a daemon, whose log is English: then language_here() has a catalogue. Once, before any other
 * thread. */
void language_prepare(void);
/* From now on this thread's texts are looked up in Chinese, or are English. */
void language_here(bool chinese);
/* English again, though the reader's environment says otherwise; before any other thread. */
void language_close(void);

#endif
