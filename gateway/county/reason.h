/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons (reasons.def) in the language of this thread (language.h). Pure. */
#ifndef BAIYE_COUNTY_REASON_H
#define BAIYE_COUNTY_REASON_H

#include <stddef.h>

/* `why` as it is kept, into `text`. What is none of the reasons, a gateway's own words, is looked
 * up as it is, and stays as it is where the catalogue has not got it. */
void reason_say(const char *why, char *text, size_t size);

#endif
