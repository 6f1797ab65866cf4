/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/hint.h"

#include <string.h>

#include "gateway/common/text.h"

static const char *const texts[HINT_COUNT][METRIC_LANGUAGES] = {
#define HINT(id, en, zh) [HINT_##id] = {[METRIC_EN] = (en), [METRIC_ZH] = (zh)},
#include "gateway/daemon/hints.def"
#undef HINT
};

const char *hint_text(struct hint hint, enum metric_language language, char text[HINT_TEXT_SIZE])
{
    const char *from = hint.id < HINT_COUNT ? texts[hint.id][language] : "";
    text[0] = '\0';
    for (const char *brace; (brace = strchr(from, '{')) != NULL; from = brace + strlen("{a}")) {
        (void)text_add(text, HINT_TEXT_SIZE, "%.*s%u", (int)(brace - from), from,
                       brace[1] == 'a' ? hint.a : hint.b); /* hints.def: there is room */
    }
    (void)text_add(text, HINT_TEXT_SIZE, "%s", from);
    return text;
}
