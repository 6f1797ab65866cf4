/* SPDX-License-Identifier: Apache-2.0 */
/* QR codes on the terminal. */
#ifndef BAIYE_CLI_QR_H
#define BAIYE_CLI_QR_H

/* Two modules a character, dark on light also on a dark terminal. */
void qr_print(const char *text);

#endif
