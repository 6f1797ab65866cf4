/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/language.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool language_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

/* A small box seldom has the locale zh_CN.UTF-8: C.UTF-8, which all have, does with LANGUAGE. */
static void open_category(int category)
{
    const char *name = setlocale(category, "");
    if (name == NULL || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0)
        (void)setlocale(category, "C.UTF-8");
}

void language_open(void)
{
    if (!language_chinese())
        return;
    open_category(LC_CTYPE); /* or the system's own texts (strerror) come as question marks */
    open_category(LC_MESSAGES);
    language_prepare();
}

/* The county's package has a copy of its own: it may be alone on its machine, or beside the other
 * one, and two packages can't have one file. */
static const char *catalogues(void)
{
    bool here = access(BAIYE_LOCALE_DIR "/zh_CN/LC_MESSAGES/baiye.mo", R_OK) == 0;
    return here ? BAIYE_LOCALE_DIR : "/usr/share/baiye-county/locale";
}

/* In the locale C, which a process has that never asked for another, nothing is looked up. */
void language_prepare(void)
{
    /* The variable is for the build, which asks programs before they are installed. */
    const char *folder = secure_getenv("BAIYE_LOCALE_DIR");
    (void)setenv("LANGUAGE", "zh_CN", 1);
    (void)bindtextdomain("baiye", folder != NULL ? folder : catalogues());
    (void)bind_textdomain_codeset("baiye", "UTF-8");
    (void)textdomain("baiye");
}

static _Thread_local locale_t here; /* of the thread that has asked for Chinese before */

void language_here(bool chinese)
{
    if (here == (locale_t)0)
        here = newlocale(LC_CTYPE_MASK | LC_MESSAGES_MASK, "C.UTF-8", (locale_t)0);
    (void)uselocale(chinese && here != (locale_t)0 ? here : LC_GLOBAL_LOCALE);
}

void language_close(void)
{
    (void)setenv("LANGUAGE", "", 1);
    (void)setlocale(LC_MESSAGES, "C");
}
