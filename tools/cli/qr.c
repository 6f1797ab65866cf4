/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/qr.h"

#include <qrencode.h>
#include <stdbool.h>
#include <stdio.h>

#include "tools/cli/screen.h"

void qr_print(const char *text)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (code == NULL)
        return;
    /* Without colours black is drawn as it is on paper; phones read it the other way round, too. */
    bool coloured = screen_colour(stdout, SCREEN_GOOD)[0] != '\0';
    for (int y = -4; y < code->width + 4; y += 2) {
        (void)fputs(coloured ? "\033[30;107m" : "", stdout);
        for (int x = -4; x < code->width + 4; x++) {
            int dark = 0;
            for (int half = 0; half < 2; half++) {
                int row = y + half;
                bool inside = x >= 0 && x < code->width && row >= 0 && row < code->width;
                if (inside && (code->data[row * code->width + x] & 1) != 0)
                    dark |= 1 << half;
            }
            static const char *const blocks[] = {" ", "\u2580", "\u2584", "\u2588"};
            (void)fputs(blocks[dark], stdout);
        }
        (void)fputs(coloured ? "\033[0m\n" : "\n", stdout);
    }
    QRcode_free(code);
}
