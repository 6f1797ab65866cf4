/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/origin.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

bool origin_is_loopback(const char *host)
{
    struct in_addr address;
    char name[64];
    const char *colon = strrchr(host, ':');
    bool port = colon != NULL && colon[1 + strspn(colon + 1, "0123456789")] == '\0';
    size_t size = port ? (size_t)(colon - host) : strlen(host);
    if (size >= sizeof name)
        return false;
    memcpy(name, host, size);
    name[size] = '\0';
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
           (inet_pton(AF_INET, name, &address) == 1 &&
            ntohl(address.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET);
}

bool origin_is_of(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i]);
        if (strncasecmp(origin, schemes[i], size) == 0)
            return strcasecmp(origin + size, host) == 0;
    }
    return false;
}
