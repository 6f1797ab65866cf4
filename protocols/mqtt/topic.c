/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/mqtt/topic.h"

#include <string.h>

struct text {
    char *at;
    size_t size, used;
    bool failed;
};

static void put(struct text *t, const char *s, size_t length)
{
    if (t->failed || length >= t->size - t->used) {
        t->failed = true;
        return;
    }
    memcpy(t->at + t->used, s, length);
    t->used += length;
    t->at[t->used] = '\0';
}

static bool join(char *out, size_t size, const char *const *parts, size_t count)
{
    struct text t = {.at = out, .size = size};
    if (size == 0)
        return false;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        put(&t, parts[i], strlen(parts[i]));
    return !t.failed;
}

bool topic_make(char *out, size_t size, const char *site, const char *suffix)
{
    const char *const parts[] = {"baiye/", site, "/", suffix};
    return join(out, size, parts, 4);
}

bool topic_device(char *out, size_t size, const char *device, const char *leaf)
{
    const char *const parts[] = {"dev/", device, "/", leaf};
    return join(out, size, parts, 4);
}

bool topic_plot(char *out, size_t size, const char *plot)
{
    const char *const parts[] = {"plot/", plot, "/live"};
    return join(out, size, parts, 3);
}

/* Steps over `expected`; false when the topic does not go on with it. */
static bool step(const char **at, const char *end, const char *expected)
{
    size_t length = strlen(expected);
    if ((size_t)(end - *at) < length || memcmp(*at, expected, length) != 0)
        return false;
    *at += length;
    return true;
}

/* One level: up to the next '/' or the end; not empty, no wildcard, no control character. */
static bool level(const char **at, const char *end, char *out, size_t size)
{
    size_t n = 0;
    while (*at < end && **at != '/') {
        unsigned char c = (unsigned char)**at;
        if (c < 0x20 || c == 0x7F || c == '+' || c == '#' || n + 1 >= size)
            return false;
        out[n++] = *(*at)++;
    }
    out[n] = '\0';
    return n > 0;
}

size_t topic_behind_mount(const char *topic, size_t length, const char *site)
{
    const char *end = topic + length;
    for (const char *at = topic; at < end; at++) {
        const char *rest = at;
        if ((at == topic || at[-1] == '/') && step(&rest, end, "baiye/") &&
            step(&rest, end, site) && step(&rest, end, "/"))
            return (size_t)(at - topic);
    }
    return 0;
}

bool topic_parse_rpc(const char *topic, size_t length, const char *site, char *user,
                     size_t user_size, char *method, size_t method_size)
{
    const char *at = topic;
    const char *end = topic + length;
    return step(&at, end, "baiye/") && step(&at, end, site) && step(&at, end, "/" TOPIC_RPC) &&
           level(&at, end, user, user_size) && step(&at, end, "/") &&
           level(&at, end, method, method_size) && at == end;
}

bool topic_may_answer(const char *topic, const char *site, const char *user)
{
    const char *at = topic;
    const char *end = topic + strlen(topic);
    char part[TOPIC_SIZE];
    if (!step(&at, end, "baiye/") || !step(&at, end, site) || !step(&at, end, "/" TOPIC_ANSWER) ||
        !step(&at, end, user))
        return false;
    do {
        if (!step(&at, end, "/") || !level(&at, end, part, sizeof part))
            return false;
    } while (at < end);
    return true;
}
