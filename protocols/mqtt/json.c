/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/mqtt/json.h"

#include <string.h>

struct json_out json_out_init(void *data, size_t size)
{
    return (struct json_out){.data = data, .size = size};
}

static void put(struct json_out *o, const char *text, size_t size)
{
    if (o->failed || size > o->size - o->at) {
        o->failed = true;
        return;
    }
    memcpy(o->data + o->at, text, size);
    o->at += size;
}

/* Before an item of an array, or a member's name. */
static void separate(struct json_out *o)
{
    if (o->comma)
        put(o, ",", 1);
    o->comma = true;
}

void json_out_open(struct json_out *o, char bracket)
{
    separate(o);
    put(o, &bracket, 1);
    o->comma = false;
}

void json_out_close(struct json_out *o, char bracket)
{
    put(o, &bracket, 1);
    o->comma = true;
}

void json_out_key(struct json_out *o, const char *name)
{
    separate(o);
    put(o, "\"", 1);
    put(o, name, strlen(name));
    put(o, "\":", 2);
    o->comma = false;
}

static void escape(struct json_out *o, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\') {
        text[1] = (char)c;
        put(o, text, 2);
    } else {
        put(o, text, 6);
    }
}

void json_out_string(struct json_out *o, const char *text)
{
    separate(o);
    put(o, "\"", 1);
    const char *run = text;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        put(o, run, (size_t)(text - run));
        escape(o, c);
        run = text + 1;
    }
    put(o, run, (size_t)(text - run));
    put(o, "\"", 1);
}

void json_out_raw(struct json_out *o, const void *text, size_t size)
{
    separate(o);
    put(o, text, size);
}

void json_out_bool(struct json_out *o, bool value)
{
    json_out_raw(o, value ? "true" : "false", value ? 4 : 5);
}

void json_out_null(struct json_out *o)
{
    json_out_raw(o, "null", 4);
}

/* ---- Digits: two at a time, since a gateway writes millions of them ---- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static char *put_pair(char *at, unsigned value)
{
    memcpy(at, pairs + value * 2, 2);
    return at + 2;
}

/* A number below 100 without a zero in front. */
static char *put_short(char *at, unsigned value)
{
    if (value >= 10)
        return put_pair(at, value);
    *at = (char)('0' + value);
    return at + 1;
}

/* Below 10000, without zeros in front. */
static char *put_4(char *at, unsigned value)
{
    return value < 100 ? put_short(at, value) : put_pair(put_short(at, value / 100), value % 100);
}

/* Exactly 8 digits, with zeros in front. */
static char *put_fixed_8(char *at, uint32_t value)
{
    uint32_t high = value / 10000, low = value % 10000;
    at = put_pair(put_pair(at, high / 100), high % 100);
    return put_pair(put_pair(at, low / 100), low % 100);
}

static char *put_unsigned(char *at, uint64_t value)
{
    if (value < 10000)
        return put_4(at, (unsigned)value);
    if (value < 100000000) {
        uint32_t low = (uint32_t)value % 10000;
        at = put_4(at, (uint32_t)value / 10000);
        return put_pair(put_pair(at, low / 100), low % 100);
    }
    /* At most 20 digits: 16 of them here, so this calls itself no more than twice. */
    return put_fixed_8(put_unsigned(at, value / 100000000), (uint32_t)(value % 100000000));
}

/* Exactly `count` digits, with zeros in front. */
static void put_digits(char *out, uint64_t value, unsigned count)
{
    for (; count >= 2; value /= 100) {
        count -= 2;
        memcpy(out + count, pairs + value % 100 * 2, 2);
    }
    if (count > 0)
        out[0] = (char)('0' + value % 10);
}

size_t json_out_unsigned_text(char *out, uint64_t value)
{
    return (size_t)(put_unsigned(out, value) - out);
}

void json_out_unsigned(struct json_out *o, uint64_t value)
{
    char text[20];
    json_out_raw(o, text, json_out_unsigned_text(text, value));
}

static uint64_t power(unsigned decimals)
{
    uint64_t result = 1;
    for (; decimals > 0; decimals--)
        result *= 10;
    return result;
}

/* "." and the digits behind it, without zeros at the end. */
static char *put_fraction(char *at, uint64_t fraction, unsigned decimals)
{
    if (fraction == 0)
        return at;
    for (; fraction % 10 == 0; fraction /= 10)
        decimals--;
    *at = '.';
    put_digits(at + 1, fraction, decimals);
    return at + 1 + decimals;
}

/* With one or two decimals, as nearly all values have them, and small enough for divisions by
 * constants in 32 bits. */
static char *put_usual(char *at, uint32_t value, unsigned decimals)
{
    uint32_t fraction = decimals == 1 ? value % 10 * 10 : value % 100;
    at = put_unsigned(at, decimals == 1 ? value / 10 : value / 100);
    if (fraction == 0)
        return at;
    *at = '.';
    memcpy(at + 1, pairs + fraction * 2, 2);
    return at + (fraction % 10 == 0 ? 2 : 3);
}

size_t json_out_decimal_text(char *out, int64_t value, unsigned decimals)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = out;
    if (value < 0)
        *at++ = '-';
    if (decimals == 0) {
        at = put_unsigned(at, magnitude);
    } else if (decimals <= 2 && magnitude <= UINT32_MAX) {
        at = put_usual(at, (uint32_t)magnitude, decimals);
    } else {
        uint64_t whole = power(decimals);
        at = put_unsigned(at, magnitude / whole);
        at = put_fraction(at, magnitude % whole, decimals);
    }
    return (size_t)(at - out);
}

void json_out_decimal(struct json_out *o, int64_t value, unsigned decimals)
{
    char text[24];
    json_out_raw(o, text, json_out_decimal_text(text, value, decimals));
}

void json_out_integer(struct json_out *o, int64_t value)
{
    json_out_decimal(o, value, 0);
}

/* 10^n; exact in a double up to n = 22, beyond that good to the last digit or so. */
static double power_of_ten(int n)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double result = 1;
    for (; n > 22; n -= 22)
        result *= exact[22];
    return result * exact[n];
}

static double scale(double value, int exponent)
{
    if (exponent < -300)
        return value / power_of_ten(300) / power_of_ten(-exponent - 300);
    if (exponent > 300)
        return value * power_of_ten(300) * power_of_ten(exponent - 300);
    return exponent < 0 ? value / power_of_ten(-exponent) : value * power_of_ten(exponent);
}

/* The exponent of ten of a positive number's first digit. */
static int decade(double value)
{
    int e = 0;
    while (value >= 1e16) {
        value /= 1e16;
        e += 16;
    }
    while (value < 1e-16) {
        value *= 1e16;
        e -= 16;
    }
    while (value >= 10) {
        value /= 10;
        e++;
    }
    while (value < 1) {
        value *= 10;
        e--;
    }
    return e;
}

static bool same(double a, double b, bool single)
{
    return single ? (float)a == (float)b : a == b;
}

/* mantissa * 10^exponent, plain as long as it has at most 15 zeros, else with an exponent. */
static size_t mantissa_text(char *out, int64_t mantissa, int exponent)
{
    if (exponent <= 0 && exponent >= -18)
        return json_out_decimal_text(out, mantissa, (unsigned)-exponent);
    size_t n = json_out_decimal_text(out, mantissa, 0);
    out[n++] = 'e';
    n += json_out_decimal_text(out + n, exponent, 0);
    return n;
}

/* The fewest decimals that give a number below 2^24 back: there integers are exact in both sizes,
 * so that no rounding to tens or hundreds could be shorter. 0: more than 9 are needed. */
static size_t plain_text(char *out, double value, double magnitude, bool single)
{
    for (int decimals = 0; decimals <= 9; decimals++) {
        double power = power_of_ten(decimals);
        int64_t mantissa = (int64_t)(magnitude * power + 0.5);
        if (same((double)mantissa / power, magnitude, single))
            return json_out_decimal_text(out, value < 0 ? -mantissa : mantissa, (unsigned)decimals);
    }
    return 0;
}

size_t json_out_real_text(char *out, double value, bool single)
{
    double magnitude = value < 0 ? -value : value;
    if (!(magnitude <= 1.7976931348623157e308)) { /* also not a number */
        static const char null_text[4] = {'n', 'u', 'l', 'l'};
        memcpy(out, null_text, sizeof null_text);
        return sizeof null_text;
    }
    if (magnitude == 0) {
        out[0] = '0';
        return 1;
    }
    size_t plain =
        magnitude >= 1e-3 && magnitude < 16777216 ? plain_text(out, value, magnitude, single) : 0;
    if (plain > 0)
        return plain;
    int e = decade(magnitude);
    int most = single ? 9 : 17;
    int64_t mantissa = 0;
    int exponent = 0;
    for (int count = 1; count <= most; count++) {
        exponent = e - count + 1;
        mantissa = (int64_t)(scale(magnitude, -exponent) + 0.5);
        if (same(scale((double)mantissa, exponent), magnitude, single))
            break;
    }
    while (exponent > 0 && exponent <= 17 && mantissa < 10000000000000000) {
        mantissa *= 10; /* 2e3 is 2000 */
        exponent--;
    }
    return mantissa_text(out, value < 0 ? -mantissa : mantissa, exponent);
}

void json_out_real(struct json_out *o, double value, bool single)
{
    char text[40];
    json_out_raw(o, text, json_out_real_text(text, value, single));
}

void json_out_key_string(struct json_out *o, const char *name, const char *text)
{
    json_out_key(o, name);
    json_out_string(o, text);
}

void json_out_key_integer(struct json_out *o, const char *name, int64_t value)
{
    json_out_key(o, name);
    json_out_integer(o, value);
}

void json_out_key_unsigned(struct json_out *o, const char *name, uint64_t value)
{
    json_out_key(o, name);
    json_out_unsigned(o, value);
}
