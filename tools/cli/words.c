/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "protocols/modbus/pdu.h"

#define NAMES_MAX 4
#define NAME_SIZE 96
#define ROUND     3 /* a message, its hint, and one more */

/* As they stand in gateway/daemon/rpc with their %; a star is a name or number. The most special
 * stand first. */
static const char *const forms[] = {
    N_("there is no bus \"*\""),
    N_("there is no device \"*\""),
    N_("there is no plot \"*\""),
    N_("`baiye *` lists them"),
    N_("a node measures no \"*\""),
    N_("its sensor gives no *: *"),
    N_("device * is polled at this address"),
    N_("the file has another sha256: *"),
    N_("this password can't be taken: *"),
    N_("no node of ours with serial number * answers"),
    N_("another device answers at address * already"),
    N_("no setting is called \"*\""),
    N_("the gateway keeps the period at `every:` of its file, * s for this device"),
    N_("*: * to * is possible, in steps of *"),
    N_("* is no device of this gateway"),
    N_("* is no node of ours and takes no update"),
    N_("an update to * is under way (* %)"),
};

/* What stands for each star; false: the text is of another form. */
static bool take_names(const char *form, const char *text, char names[NAMES_MAX][NAME_SIZE])
{
    for (unsigned n = 0;; n++) {
        size_t same = strcspn(form, "*");
        if (strncmp(form, text, same) != 0)
            return false;
        form += same;
        text += same;
        if (*form == '\0' || n == NAMES_MAX)
            return *form == *text;
        size_t next = strcspn(++form, "*");
        const char *end = next > 0 ? NULL : text + strlen(text);
        for (const char *at = text; end == NULL && *at != '\0'; at++) {
            if (strncmp(at, form, next) == 0 && (form[next] == '*' || at[next] == '\0'))
                end = at;
        }
        if (end == NULL || end == text || end - text >= NAME_SIZE)
            return false;
        (void)snprintf(names[n], NAME_SIZE, "%.*s", (int)(end - text), text);
        text = end;
    }
}

/* What a device refused comes with the code that it gave. */
static bool add_exception(const char *text, char *out, size_t size)
{
    static const char begin[] = "the device refused: Modbus exception ";
    char *end;
    if (strncmp(begin, text, sizeof begin - 1) != 0)
        return false;
    unsigned long code = strtoul(text + sizeof begin - 1, &end, 10);
    if (end == text + sizeof begin - 1 || code > 255)
        return false;
    return text_add(out, size, _("the device refused: Modbus exception %u, %s"), (unsigned)code,
                    gettext(modbus_exception_text((uint8_t)code)));
}

const char *words_with_names(const char *text)
{
    static char said[ROUND][512];
    static unsigned turn;
    char names[NAMES_MAX][NAME_SIZE];
    said[turn % ROUND][0] = '\0';
    if (add_exception(text, said[turn % ROUND], sizeof said[0]))
        return said[turn++ % ROUND];
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (!take_names(forms[i], text, names))
            continue;
        char *out = said[turn++ % ROUND];
        unsigned n = 0;
        out[0] = '\0';
        for (const char *at = gettext(forms[i]); *at != '\0';) {
            size_t plain = strcspn(at, "*");
            (void)text_add(out, sizeof said[0], "%.*s", (int)plain, at);
            at += plain;
            if (*at == '*' && n < NAMES_MAX) {
                (void)text_add(out, sizeof said[0], "%s", names[n++]);
                at++;
            }
        }
        return out;
    }
    return text;
}
