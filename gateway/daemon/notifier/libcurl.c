/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/libcurl.h"

#include <dlfcn.h>
#include <string.h>

#include "gateway/common/log.h"

#define LIBRARY "libcurl.so.4"

/* `function`: where a pointer to a function is kept; C has no conversion of dlsym()'s pointer. */
static bool find(void *library, const char *name, void *function, size_t size)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, size);
    return found != NULL;
}

bool libcurl_load(struct libcurl *libcurl)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool good = library != NULL;
#define FIND(name) good = good && find(library, "curl_" #name, &libcurl->name, sizeof libcurl->name)
    LIBCURL_FUNCTIONS(FIND);
#undef FIND
    if (!good)
        log_write(LOG_LEVEL_ERROR, "notify: no message can be sent: %s", dlerror());
    return good;
}
