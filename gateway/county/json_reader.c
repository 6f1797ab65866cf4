/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/json_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_DIGITS 15 /* so many decimal digits are exact in a double */
#define NUMBER_SIZE  64 /* characters of a number: more have no meaning in a double */

void json_reader_begin(struct json_reader *reader, char *text, size_t size)
{
    *reader = (struct json_reader){.at = text, .end = text + size};
}

bool json_reader_refuse(struct json_reader *reader)
{
    reader->failed = true;
    return false;
}

static bool malformed(struct json_reader *reader)
{
    reader->malformed = reader->malformed || !reader->failed;
    reader->failed = true;
    return false;
}

static void skip_space(struct json_reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t')
        reader->at++;
}

/* What begins here is JSON of another kind than was asked for, or nothing that JSON has. */
static bool unexpected(struct json_reader *reader)
{
    char first = *reader->at;
    bool begins = first != '\0' && strchr("{[\"-0123456789tfn", first) != NULL;
    return begins ? json_reader_refuse(reader) : malformed(reader);
}

bool json_reader_open(struct json_reader *reader, char bracket)
{
    if (reader->failed)
        return false;
    skip_space(reader);
    if (*reader->at != bracket)
        return unexpected(reader);
    reader->at++;
    reader->fresh = true;
    return true;
}

/* Behind an item or an opening bracket: does another item follow? */
static bool more(struct json_reader *reader, char bracket)
{
    if (reader->failed)
        return false;
    bool first = reader->fresh;
    reader->fresh = false;
    skip_space(reader);
    if (*reader->at == bracket) {
        reader->at++;
        return false;
    }
    if (first)
        return true;
    if (*reader->at != ',')
        return malformed(reader);
    reader->at++;
    return true;
}

char *json_reader_string(struct json_reader *reader)
{
    if (reader->failed)
        return NULL;
    skip_space(reader);
    if (*reader->at != '"') {
        (void)unexpected(reader);
        return NULL;
    }
    char *text = ++reader->at;
    while ((unsigned char)*reader->at >= ' ' && *reader->at != '"' && *reader->at != '\\')
        reader->at++;
    if (*reader->at != '"') {
        (void)(*reader->at == '\\' ? json_reader_refuse(reader) : malformed(reader));
        return NULL;
    }
    *reader->at++ = '\0';
    return text;
}

char *json_reader_key(struct json_reader *reader)
{
    if (!more(reader, '}'))
        return NULL;
    char *key = json_reader_string(reader);
    skip_space(reader);
    if (key != NULL && *reader->at == ':') {
        reader->at++;
        return key;
    }
    (void)malformed(reader);
    return NULL;
}

bool json_reader_item(struct json_reader *reader)
{
    return more(reader, ']');
}

/* ---- Numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* JSON's number: its end. NULL: it is none. `*whole`: without fraction and exponent. */
static char *number_end(char *at, bool *whole)
{
    if (*at == '-')
        at++;
    if (!is_digit(*at) || (*at == '0' && is_digit(at[1])))
        return NULL;
    while (is_digit(*at))
        at++;
    *whole = *at != '.' && *at != 'e' && *at != 'E';
    if (*at == '.') {
        if (!is_digit(*++at))
            return NULL;
        while (is_digit(*at))
            at++;
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        if (!is_digit(*at))
            return NULL;
        while (is_digit(*at))
            at++;
    }
    return at;
}

bool json_reader_integer(struct json_reader *reader, int64_t *value)
{
    bool whole = false;
    int64_t number = 0;
    if (reader->failed)
        return false;
    skip_space(reader);
    char *at = reader->at, *end = number_end(at, &whole);
    if (end == NULL)
        return unexpected(reader);
    bool negative = *at == '-';
    if (!whole || end - at > 18) /* 18 digits are within 64 bits */
        return json_reader_refuse(reader);
    for (at += negative ? 1 : 0; at < end; at++)
        number = number * 10 + (*at - '0');
    *value = negative ? -number : number;
    reader->at = end;
    return true;
}

/* Up to 15 digits and 22 places are two exact doubles, whose quotient is rounded once. false: it
 * has more, or an exponent. */
static bool short_number(const char *at, const char *end, double *value)
{
    static const double tens[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = *at == '-';
    uint64_t digits = 0;
    unsigned count = 0, places = 0;
    const char *point = NULL;
    for (at += negative ? 1 : 0; at < end; at++) {
        if (*at == '.') {
            point = at;
            continue;
        }
        if (!is_digit(*at) || ++count > EXACT_DIGITS)
            return false;
        digits = digits * 10 + (uint64_t)(*at - '0');
        places += point != NULL ? 1 : 0;
    }
    *value = (negative ? -(double)digits : (double)digits) / tens[places];
    return true;
}

bool json_reader_number(struct json_reader *reader, double *value)
{
    bool whole = false;
    char text[NUMBER_SIZE];
    if (reader->failed)
        return false;
    skip_space(reader);
    char *end = number_end(reader->at, &whole);
    if (end == NULL)
        return unexpected(reader);
    if (!short_number(reader->at, end, value)) {
        size_t size = (size_t)(end - reader->at);
        if (size >= sizeof text)
            return json_reader_refuse(reader);
        memcpy(text, reader->at, size);
        text[size] = '\0';
        *value = strtod(text, NULL); /* the programs of the county stay in the C locale */
    }
    reader->at = end;
    return isfinite(*value) || json_reader_refuse(reader);
}

bool json_reader_end(struct json_reader *reader)
{
    if (reader->failed)
        return false;
    skip_space(reader);
    return reader->at == reader->end || malformed(reader);
}
