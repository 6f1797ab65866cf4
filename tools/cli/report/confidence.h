/* SPDX-License-Identifier: Apache-2.0 */
/* What a number of polls can show of an error rate. Of 20 polls none may fail by chance where one
 * in ten does: a sheet that says 0 % says with it up to what the rate may be. Pure.
 *
 *     95 % upper bound of the rate p (Clopper-Pearson, one-sided):  P(X <= errors | polls, p) = 5 %
 *     no errors: 1 - 0.05^(1/polls), about 3/polls */
#ifndef BAIYE_CLI_REPORT_CONFIDENCE_H
#define BAIYE_CLI_REPORT_CONFIDENCE_H

/* The rate that is not exceeded, with 95 % confidence; 1 where nothing was polled. */
double confidence_most(unsigned errors, unsigned polls);
/* The least number of polls that shows `rate` (above 0) when none of them fails. */
unsigned confidence_polls(double rate);

#endif
