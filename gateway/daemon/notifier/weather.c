/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/weather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/forecast/ahead_file.h"

#define CONNECT_MOST_S 15L

/* Unpacked by libcurl, so that a small answer can't become a large one. */
static size_t take_text(char *data, size_t size, size_t count, void *context)
{
    struct weather *weather = context;
    size_t length = size * count;
    if (length > WEATHER_TEXT_MOST - weather->size) {
        weather->too_large = true;
        return 0; /* ends the transfer */
    }
    memcpy(weather->text + weather->size, data, length);
    weather->size += length;
    return length;
}

bool weather_begin(struct weather *weather, const struct libcurl *libcurl, const char *url,
                   const char *ca_file)
{
    *weather = (struct weather){.text = malloc(WEATHER_TEXT_MOST + 1)};
    weather->easy = weather->text != NULL ? libcurl->easy_init() : NULL;
    CURL *easy = weather->easy;
    bool good = easy != NULL && libcurl->easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_TIMEOUT, WEATHER_MOST_S) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_MOST_S) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_USERAGENT, "baiye") == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_text) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_WRITEDATA, weather) == CURLE_OK &&
                libcurl->easy_setopt(easy, CURLOPT_PRIVATE, weather) == CURLE_OK;
    if (good && ca_file[0] != '\0')
        good = libcurl->easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (!good)
        weather_end(weather, libcurl);
    return good;
}

bool weather_take(struct weather *weather, long status, struct ahead *ahead, char why[WAY_WHY_SIZE])
{
    char wrong[160] = "";
    *ahead = (struct ahead){.count = 0};
    if (weather->too_large) {
        (void)snprintf(why, WAY_WHY_SIZE, "the answer is larger than %u bytes", WEATHER_TEXT_MOST);
        return false;
    }
    if (status != 200) {
        (void)snprintf(why, WAY_WHY_SIZE, "HTTP %ld", status);
        return false;
    }
    weather->text[weather->size] = '\0';
    bool good = ahead_parse(weather->text, ahead, wrong, sizeof wrong);
    (void)snprintf(why, WAY_WHY_SIZE, "%.90s", wrong);
    return good;
}

void weather_end(struct weather *weather, const struct libcurl *libcurl)
{
    if (weather->easy != NULL)
        libcurl->easy_cleanup(weather->easy);
    free(weather->text);
    *weather = (struct weather){.easy = NULL};
}
