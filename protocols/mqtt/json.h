/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON into caller's memory, without printf, locale or heap: fast enough that a gateway's
 * readings cost less to print than to send. Commas are its own business. When something did not
 * fit, `failed` is set, nothing more is written, and the caller drops back to a mark. */
#ifndef BAIYE_JSON_H
#define BAIYE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_out {
    char *data;
    size_t size;
    size_t at;  /* bytes written; never NUL-terminated by itself */
    bool comma; /* the next item needs a comma before it */
    bool failed;
};

struct json_out json_out_init(void *data, size_t size);

void json_out_open(struct json_out *o, char bracket);  /* '{' or '[' */
void json_out_close(struct json_out *o, char bracket); /* '}' or ']' */
/* A member's name; the value follows. The name is written as it is: it needs no escapes. */
void json_out_key(struct json_out *o, const char *name);
void json_out_string(struct json_out *o, const char *text); /* UTF-8; escaped as needed */
void json_out_bool(struct json_out *o, bool value);
void json_out_null(struct json_out *o);
void json_out_integer(struct json_out *o, int64_t value);
void json_out_unsigned(struct json_out *o, uint64_t value);
/* value / 10^decimals with the fewest digits: (1820, 2) is 18.2. decimals 0..18. */
void json_out_decimal(struct json_out *o, int64_t value, unsigned decimals);
/* The shortest decimal that reads back as the same double (single: as the same float), for all that
 * has up to 15 significant digits, as measurements do; else within 1e-13 of it. Not a number or
 * infinite: null. */
void json_out_real(struct json_out *o, double value, bool single);
/* A member: its name and its value. */
void json_out_key_string(struct json_out *o, const char *name, const char *text);
void json_out_key_integer(struct json_out *o, const char *name, int64_t value);
void json_out_key_unsigned(struct json_out *o, const char *name, uint64_t value);
/* Bytes as they are (a prepared JSON value). */
void json_out_raw(struct json_out *o, const void *text, size_t size);

/* The digits of json_out_unsigned() into `out` (at least 20 bytes); the length. */
size_t json_out_unsigned_text(char *out, uint64_t value);
/* The digits of json_out_decimal() into `out` (at least 24 bytes); the length. */
size_t json_out_decimal_text(char *out, int64_t value, unsigned decimals);
/* The same of json_out_real(), at least 32 bytes. */
size_t json_out_real_text(char *out, double value, bool single);

#endif
