/* SPDX-License-Identifier: Apache-2.0 */
/* SDI-12 version 1.4 as text: commands, answers, their CRC, and values as fixed-point numbers.
 * Both directions of each, so that the node's host and a simulated probe share one codec.
 * Pure functions on the caller's memory; no clock, no line. Any thread.
 *
 *   host                       probe
 *   "?!"                       "a\r\n"                       who is alone on this line
 *   "a!"                       "a\r\n"                       are you there
 *   "aI!"                      "a13METER   TER12 100…\r\n"   identify
 *   "aAb!"                     "b\r\n"                       change address a to b
 *   "aM!" "aM1!"… "aMC!"…      "atttn\r\n", later "a\r\n"    measure; ttt seconds, n values
 *   "aC!" "aC1!"… "aCC!"…      "atttnn\r\n"                  the same, others may be asked
 * meanwhile "aD0!"…"aD9!"              "a+1846.3+18.2+120\r\n"       the values (with CRC when
 * asked by ..C) "aR0!"…"aR9!" "aRC0!"…     as to D                       a value without measuring
 * first "aV!"                      as to M                       self-test */
#ifndef BAIYE_SDI12_H
#define BAIYE_SDI12_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SDI12_COMMAND_MAX = 6,       /* "aRC0!" is the longest, and its NUL */
    SDI12_VALUES_M = 35,         /* characters of values in one answer after M or V */
    SDI12_VALUES_C = 75,         /* and after C or R */
    SDI12_ANSWER_MAX = 82,       /* address, values, CRC, CR LF, and a NUL */
    SDI12_PAGE_NUMBERS = 37,     /* most numbers in one answer: two characters each */
    SDI12_DIGITS_MAX = 7,        /* digits of one number, point and sign not counted */
    SDI12_SECONDS_MAX = 999,     /* longest ttt */
    SDI12_IDENTITY_MIN = 1 + 19, /* address, version 2, vendor 8, model 6, version 3 */
};

/* Append only. */
enum sdi12_error {
    SDI12_OK = 0,
    SDI12_E_ADDRESS = -1, /* not an address, or another probe's */
    SDI12_E_FORM = -2,    /* not what SDI-12 says this answer or command looks like */
    SDI12_E_CRC = -3,     /* the answer's CRC is wrong or missing */
    SDI12_E_SPACE = -4,   /* the caller's memory is too small, or a number does not fit */
};

enum sdi12_verb {
    SDI12_QUERY,       /* ?!  */
    SDI12_ACKNOWLEDGE, /* a!  */
    SDI12_IDENTIFY,    /* aI! */
    SDI12_CHANGE,      /* aAb! */
    SDI12_MEASURE,     /* aM! */
    SDI12_CONCURRENT,  /* aC! */
    SDI12_DATA,        /* aD0! */
    SDI12_CONTINUOUS,  /* aR0! */
    SDI12_VERIFY,      /* aV! */
};

struct sdi12_command {
    enum sdi12_verb verb;
    char address;     /* '0'..'9', 'a'..'z', 'A'..'Z'; unused by SDI12_QUERY */
    char new_address; /* SDI12_CHANGE only */
    uint8_t index;    /* 0..9: additional measurement, data page; 0 for plain M, C */
    bool crc;         /* M, C and R: the answer is to carry a CRC */
};

/* value = mantissa / 10^decimals: "+18.25" is {1825, 2}. */
struct sdi12_number {
    int32_t mantissa;
    uint8_t decimals;
};

/* The answer to M, C and V. */
struct sdi12_started {
    uint16_t seconds; /* until the values are ready */
    uint8_t values;   /* how many there will be */
};

/* '0'..'9', 'a'..'z', 'A'..'Z' */
bool sdi12_address_valid(char address);

/* CRC of SDI-12 (0xA001, start 0) over `size` characters, and as its three characters. */
uint16_t sdi12_crc(const char *text, size_t size);
void sdi12_crc_text(uint16_t crc, char text[3]);

/* Both give the length without a NUL (one is appended), or an error. */
int sdi12_command_write(const struct sdi12_command *command, char *text, size_t size);
int sdi12_command_parse(const char *text, size_t length, struct sdi12_command *command);

/* Answers. `length` counts what came, CR LF included; the answer must end with them. */
int sdi12_address_parse(const char *text, size_t length, char *address);
int sdi12_started_parse(const char *text, size_t length, char address, struct sdi12_started *out);
/* How many numbers were put into numbers[0..max), or an error. A page without values gives 0. */
int sdi12_values_parse(const char *text, size_t length, char address, bool crc,
                       struct sdi12_number *numbers, size_t max);

/* Answers, the probe's side; each gives the length with CR LF, NUL appended. */
int sdi12_started_write(char address, const struct sdi12_started *started, bool concurrent,
                        char *text, size_t size);
int sdi12_values_write(char address, const struct sdi12_number *numbers, size_t count, bool crc,
                       char *text, size_t size);
/* How many of the numbers fit into one answer of at most `budget` characters of values. */
size_t sdi12_values_fit(const struct sdi12_number *numbers, size_t count, size_t budget);

/* The number with `decimals` digits after the point, rounded half away from zero; false when
 * that does not fit. */
bool sdi12_number_scale(struct sdi12_number number, uint8_t decimals, int32_t *value);

#endif
