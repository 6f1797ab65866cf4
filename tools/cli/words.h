/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the gateway that hold a name or a number, in the language of messages. The gateway
 * speaks English; a text as it stands is looked up in the catalogue, one of these by its form. */
#ifndef BAIYE_CLI_WORDS_H
#define BAIYE_CLI_WORDS_H

/* Valid until the third call after it; `text` itself where no form is its own. */
const char *words_with_names(const char *text);

#endif
