/* SPDX-License-Identifier: Apache-2.0 */
/* Everything the screen says by itself, in Chinese and English: words that the app has, too, cut
 * short (metrics.def, words.def), and dates. Pure. */
#ifndef BAIYE_LED_STRINGS_H
#define BAIYE_LED_STRINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/metric/metric.h"

enum language { LANGUAGE_ZH = 0, LANGUAGE_EN, LANGUAGE_COUNT };

/* A text in each language. */
struct words {
    const char *in[LANGUAGE_COUNT];
};

/* How a metric is named on a screen, and what counts as a change of it. */
struct metric_words {
    const char *metric;
    struct words label; /* short: two hanzi or one word */
    double trend;       /* a change within an hour that deserves an arrow, in the unit */
};

/* A row of words.def: WORD_alert_none, WORD_weight_jin. */
enum word {
#define WORD(group, name, en, zh, led_en, led_zh) WORD_##group##_##name,
#include "protocols/metric/words.def"
#undef WORD
    WORD_COUNT
};

const char *word_text(enum word word, enum language language);
/* False when the metric is not known: a device's (metrics.def) or the forecast's. */
bool word_metric(const char *metric, struct metric_words *words);
/* The mark of a value that is not good; "" for a good one. */
const char *word_flag(enum metric_flag flag, enum language language);
/* Of an alert's or disease's level, of a frost's, of a disease; the name itself when not known. */
const char *word_level(const char *level, enum language language);
const char *word_frost(const char *level, enum language language);
const char *word_disease(const char *name, enum language language);
/* "3分", "3 min": at most six characters. */
void word_age(char *out, size_t size, int64_t age_ms, enum language language);
/* 0 is Sunday. */
const char *word_weekday(int day, enum language language);
/* "11月22日", "22 Nov". `month` 0..11. */
void word_date(char *out, size_t size, int month, int day, enum language language);

#endif
