/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/config/config.h"

struct resolver {
    pthread_mutex_t mutex;
    char host[CONFIG_PATH_SIZE];
    char address[RESOLVER_ADDRESS_SIZE]; /* "": not known yet */
    bool numeric, running, abandoned;
};

static bool is_numeric(const char *host)
{
    unsigned char raw[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

struct resolver *resolver_new(const char *host)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver == NULL)
        return NULL;
    (void)pthread_mutex_init(&resolver->mutex, NULL);
    strncpy(resolver->host, host, sizeof resolver->host - 1);
    resolver->numeric = is_numeric(host) && strlen(host) < sizeof resolver->address;
    if (resolver->numeric)
        memcpy(resolver->address, host, strlen(host) + 1);
    return resolver;
}

static void destroy(struct resolver *resolver)
{
    (void)pthread_mutex_destroy(&resolver->mutex);
    free(resolver);
}

static void *look_up(void *context)
{
    struct resolver *resolver = context;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char address[RESOLVER_ADDRESS_SIZE] = "";
    if (getaddrinfo(resolver->host, NULL, &hints, &found) == 0) {
        if (getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0,
                        NI_NUMERICHOST) != 0)
            address[0] = '\0';
        freeaddrinfo(found);
    }
    (void)pthread_mutex_lock(&resolver->mutex);
    if (address[0])
        memcpy(resolver->address, address, sizeof address);
    resolver->running = false;
    bool abandoned = resolver->abandoned;
    (void)pthread_mutex_unlock(&resolver->mutex);
    if (abandoned)
        destroy(resolver);
    return NULL;
}

bool resolver_get(struct resolver *resolver, char address[RESOLVER_ADDRESS_SIZE])
{
    (void)pthread_mutex_lock(&resolver->mutex);
    memcpy(address, resolver->address, RESOLVER_ADDRESS_SIZE);
    if (!resolver->numeric && !resolver->running) {
        pthread_t thread;
        resolver->running = pthread_create(&thread, NULL, look_up, resolver) == 0;
        if (resolver->running)
            (void)pthread_detach(thread);
    }
    (void)pthread_mutex_unlock(&resolver->mutex);
    return address[0] != '\0';
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    (void)pthread_mutex_lock(&resolver->mutex);
    bool running = resolver->running;
    resolver->abandoned = true;
    (void)pthread_mutex_unlock(&resolver->mutex);
    if (!running)
        destroy(resolver);
}
