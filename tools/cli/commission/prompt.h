/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of who sits at the terminal. Each question ends with what Enter means; end of input
 * is "leave it". */
#ifndef BAIYE_CLI_COMMISSION_PROMPT_H
#define BAIYE_CLI_COMMISSION_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/daemon/commission/plan.h"

/* Enter is yes; n, q, 否 and end of input are no. */
bool prompt_yes(const char *question);
/* One of several profiles, by its number or name, into `device`; Enter leaves it as it is. */
void prompt_profile(struct plan_device *device);
/* A name, or what people call the place (any other text), into `device`; n: it is skipped. */
void prompt_name(const struct plan *plan, struct plan_device *device);

#endif
