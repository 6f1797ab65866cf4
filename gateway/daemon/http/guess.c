/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/guess.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HOURS   24
#define HOUR_MS 3600000

struct entry {
    char user[GUESS_USER_SIZE]; /* "": of the address alone */
    char peer[GUESS_PEER_SIZE]; /* "": free */
    uint32_t wrong, pending;
    int64_t last_ms, next_ms;
};

/* Logged in rightly from this very address. */
struct known {
    char user[GUESS_USER_SIZE]; /* "": free */
    char peer[GUESS_PEER_SIZE];
    int64_t last_ms;
};

struct guess {
    struct entry entries[GUESS_ENTRIES];
    struct known known[GUESS_KNOWN];
    uint64_t wrong, delayed;
    uint32_t hours[HOURS];
    int64_t hour; /* of the newest count */
};

struct guess *guess_open(void)
{
    return calloc(1, sizeof(struct guess));
}

void guess_close(struct guess *guess)
{
    free(guess);
}

/* ---- Entries ---- */

/* IPv4 as it is, of IPv6 the first 64 bits; what is neither counts as one address. */
static void peer_of(const char *text, char out[GUESS_PEER_SIZE])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    struct in6_addr v6;
    struct in_addr v4;
    memcpy(out, "?", 2);
    if (inet_pton(AF_INET, text, &v4) == 1) {
        (void)inet_ntop(AF_INET, &v4, out, GUESS_PEER_SIZE);
    } else if (inet_pton(AF_INET6, text, &v6) == 1) {
        if (memcmp(v6.s6_addr, mapped, sizeof mapped) == 0) {
            (void)inet_ntop(AF_INET, v6.s6_addr + sizeof mapped, out, GUESS_PEER_SIZE);
            return;
        }
        memset(v6.s6_addr + 8, 0, 8);
        (void)inet_ntop(AF_INET6, &v6, out, GUESS_PEER_SIZE);
    }
}

/* The same, but IPv6 as it is. */
static void whole_peer_of(const char *text, char out[GUESS_PEER_SIZE])
{
    struct in6_addr v6;
    peer_of(text, out);
    if (strchr(out, ':') != NULL && inet_pton(AF_INET6, text, &v6) == 1)
        (void)inet_ntop(AF_INET6, &v6, out, GUESS_PEER_SIZE);
}

static void cut(char out[GUESS_USER_SIZE], const char *user)
{
    size_t size = strnlen(user, GUESS_USER_SIZE - 1);
    memcpy(out, user, size);
    out[size] = '\0';
}

static bool is_over(const struct entry *entry, int64_t now_ms)
{
    return entry->peer[0] == '\0' ||
           (entry->pending == 0 && now_ms - entry->last_ms >= GUESS_FORGET_MS);
}

/* The entry; NULL: all are in use by logins under way. A new one takes the place of what is over,
 * or was wrong longest ago. */
static struct entry *entry_of(struct guess *guess, const char *user, const char *peer,
                              int64_t now_ms)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < GUESS_ENTRIES; i++) {
        struct entry *entry = &guess->entries[i];
        if (is_over(entry, now_ms))
            *entry = (struct entry){.last_ms = INT64_MIN / 2};
        else if (strcmp(entry->peer, peer) == 0 && strcmp(entry->user, user) == 0)
            return entry;
        if (entry->pending == 0 && (oldest == NULL || entry->last_ms < oldest->last_ms))
            oldest = entry;
    }
    if (oldest == NULL)
        return NULL;
    *oldest = (struct entry){.last_ms = now_ms};
    memcpy(oldest->user, user, strlen(user) + 1);
    memcpy(oldest->peer, peer, strlen(peer) + 1);
    return oldest;
}

/* ---- Neighbours of one prefix ---- */

static struct known *find_known(struct guess *guess, const char *user, const char *peer)
{
    struct known *known = guess->known;
    while (known < guess->known + GUESS_KNOWN &&
           (strcmp(known->user, user) != 0 || strcmp(known->peer, peer) != 0))
        known++;
    return known < guess->known + GUESS_KNOWN ? known : NULL;
}

/* The place of another of the same user when he has his share, else of the oldest. */
static struct known *place_known(struct guess *guess, const char *user)
{
    struct known *oldest = guess->known, *own = NULL;
    unsigned count = 0;
    for (struct known *at = guess->known; at < guess->known + GUESS_KNOWN; at++) {
        bool is_own = strcmp(at->user, user) == 0;
        count += is_own;
        if (is_own && (own == NULL || at->last_ms < own->last_ms))
            own = at;
        if (at->last_ms < oldest->last_ms)
            oldest = at;
    }
    return own != NULL && count >= GUESS_KNOWN / 4 ? own : oldest;
}

static void remember(struct guess *guess, const char *user, const char *peer, int64_t now_ms)
{
    struct known *known = find_known(guess, user, peer);
    if (user[0] == '\0')
        return;
    if (known == NULL)
        known = place_known(guess, user);
    memcpy(known->user, user, strlen(user) + 1);
    memcpy(known->peer, peer, strlen(peer) + 1);
    known->last_ms = now_ms;
}

static bool is_pending(const struct guess *guess, const char *user, const char *peer)
{
    size_t i = 0;
    while (i < GUESS_ENTRIES &&
           (guess->entries[i].pending == 0 || strcmp(guess->entries[i].user, user) != 0 ||
            strcmp(guess->entries[i].peer, peer) != 0))
        i++;
    return i < GUESS_ENTRIES;
}

/* ---- One login ---- */

static int64_t wait_of(const struct entry *entry, uint32_t free_ones, int64_t now_ms)
{
    if (now_ms < entry->next_ms)
        return entry->next_ms - now_ms;
    return entry->wrong >= free_ones && entry->pending > 0 ? GUESS_FIRST_MS : 0;
}

int64_t guess_begin(struct guess *guess, const char *user, const char *peer, int64_t now_ms)
{
    char name[GUESS_USER_SIZE], from[GUESS_PEER_SIZE];
    cut(name, user);
    whole_peer_of(peer, from);
    if (find_known(guess, name, from) == NULL)
        peer_of(peer, from);
    /* The address first: looking for the second one must not take the first one's place. */
    struct entry *address = entry_of(guess, "", from, now_ms);
    if (address != NULL)
        address->pending++;
    struct entry *both = entry_of(guess, name, from, now_ms);
    int64_t wait = GUESS_FIRST_MS;
    if (address != NULL)
        address->pending--;
    if (address != NULL && both != NULL) {
        int64_t by_address = wait_of(address, GUESS_FREE_ADDRESS, now_ms);
        int64_t by_both = wait_of(both, GUESS_FREE_USER, now_ms);
        wait = by_address > by_both ? by_address : by_both;
    }
    if (wait > 0 || address == NULL || both == NULL) {
        guess->delayed++;
        return wait;
    }
    address->pending++;
    both->pending += both != address;
    return 0;
}

static void count_wrong(struct entry *entry, uint32_t free_ones, int64_t most_ms, int64_t now_ms)
{
    int64_t delay = 0;
    entry->wrong += entry->wrong < UINT32_MAX;
    entry->last_ms = now_ms;
    if (entry->wrong > free_ones) {
        uint32_t steps = entry->wrong - free_ones - 1;
        delay = steps < 20 ? (int64_t)GUESS_FIRST_MS << steps : most_ms;
    }
    entry->next_ms = now_ms + (delay < most_ms ? delay : most_ms);
}

static void end_one(struct entry *entry, bool wrong, uint32_t free_ones, int64_t most_ms,
                    int64_t now_ms)
{
    if (entry == NULL)
        return;
    entry->pending -= entry->pending > 0;
    if (wrong)
        count_wrong(entry, free_ones, most_ms, now_ms);
}

static void count_day(struct guess *guess, int64_t now_ms)
{
    int64_t hour = now_ms / HOUR_MS;
    for (int64_t passed = hour - guess->hour; passed > 0 && guess->hour < hour; guess->hour++) {
        if (passed >= HOURS) {
            memset(guess->hours, 0, sizeof guess->hours);
            guess->hour = hour;
            return;
        }
        guess->hours[(guess->hour + 1) % HOURS] = 0;
    }
}

void guess_end(struct guess *guess, const char *user, const char *peer, int64_t now_ms,
               enum guess_outcome outcome)
{
    char name[GUESS_USER_SIZE], from[GUESS_PEER_SIZE];
    bool wrong = outcome == GUESS_WRONG;
    cut(name, user);
    whole_peer_of(peer, from);
    if (outcome == GUESS_RIGHT)
        remember(guess, name, from, now_ms);
    if (!is_pending(guess, name, from)) /* it was none that is known when it began */
        peer_of(peer, from);
    if (wrong) {
        count_day(guess, now_ms);
        guess->hours[guess->hour % HOURS]++;
        guess->wrong++;
    }
    end_one(entry_of(guess, "", from, now_ms), wrong, GUESS_FREE_ADDRESS, GUESS_MOST_ADDRESS_MS,
            now_ms);
    if (name[0] == '\0')
        return; /* that was it */
    struct entry *both = entry_of(guess, name, from, now_ms);
    end_one(both, wrong, GUESS_FREE_USER, GUESS_MOST_USER_MS, now_ms);
    if (outcome == GUESS_RIGHT && both != NULL && both->pending == 0)
        *both = (struct entry){0}; /* the address's stays: who has a login may guess others' */
}

void guess_stats(struct guess *guess, int64_t now_ms, struct guess_stats *stats)
{
    count_day(guess, now_ms);
    *stats = (struct guess_stats){.wrong = guess->wrong, .delayed = guess->delayed};
    for (size_t i = 0; i < HOURS; i++)
        stats->wrong_in_day += guess->hours[i];
}
