/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/forecast/forecast.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/common/thread.h"
#include "gateway/daemon/forecast/ahead_file.h"
#include "gateway/daemon/forecast/document.h"
#include "gateway/daemon/forecast/gather.h"
#include "gateway/daemon/forecast/store_client.h"
#include "gateway/daemon/publish/ipc.h"
#include "gateway/forecast/cultivar.h"
#include "protocols/mqtt/topic.h"

#define LATE_MS    (3 * INT64_C(60000)) /* into the hour: what was measured in it is stored */
#define LOOK_MS    10000 /* while the time is not known, and for a clock that jumps */
#define FAILED_MS  60000
#define SETTLE_MS  300 /* notes come in groups: a phone sends all it had no network for */
#define NICE       10
#define HOURS_MOST ((SEASON_DAYS + OUTLOOK_RECENT_DAYS + 2) * 25u)

static_assert((int)WATER_SAND == (int)SOIL_SAND && (int)WATER_CLAY == (int)SOIL_CLAY,
              "the file's soils are those of the rule");
static_assert((int)PICK_BUD == STANDARD_BUD - 1 && (int)PICK_THREE_LEAVES == STANDARD_1B3L - 1,
              "the file's standards are those of the model");

/* What last season teaches of a plot: read once a season, since only a correction of a note that is
 * a year old could change it. */
struct before {
    int32_t first_date; /* of the season under way; 0: not read yet */
    double opened_cd;
    struct trend_last last;
};

struct forecast {
    const struct config *config;
    struct store *store;
    struct publish *publish;
    struct alerts *alerts;
    struct forecast_weather weather;
    int64_t weather_ms; /* made_ms of the one that was looked at */
    struct store_client client;
    pthread_t thread;
    struct outlook_season *days; /* by plot */
    struct outlook *outlooks;    /* by plot */
    struct before *before;       /* by plot */
    struct store_said *said;     /* by plot: room for what is kept */
    struct outlook_season spare; /* of last season, while it is read */
    struct season last;
    struct ahead ahead;
    struct log_state log_ahead;
    pthread_mutex_t published_lock;
    struct ahead published;   /* a copy of `ahead`, for other threads */
    atomic_int *usual_each_g; /* by plot, kg of a picker and day of late; 0: not known */
    struct tea_hour *hours;   /* HOURS_MOST, of the plot that is looked at */
    struct outlook_note notes[SEASON_DAYS + 1];
    struct document_picks picks;
    struct pick_model model;
    struct season season;
    bool known;         /* there are outlooks */
    int frost_plot;     /* of the frost that was reported; -1: none since the start */
    int32_t whole_date; /* the day on which all of the season was last read; 0: never */
    char json[IPC_DOC_MAX], sent[IPC_DOC_MAX];
    size_t sent_size;
    int64_t sent_ms; /* wall time */
    enum frost_level sent_frost;
    bool sent_weather;
    struct log_state log; /* does the store answer? */
    struct log_state log_size;
};

/* ---- One plot ---- */

/* FNV-1a: of a name the same number for ever. */
static uint64_t seed_of(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

static struct outlook_plot describe(const struct config *config, const struct plot_config *plot,
                                    double noted_kg, const struct before *before)
{
    double said_kg = plot->last_year_kg > 0 ? plot->last_year_kg : NAN;
    return (struct outlook_plot){
        .standard = plot->standard_kind == STANDARD_NONE
                        ? PICK_ONE_LEAF
                        : (enum pick_standard)(plot->standard_kind - 1),
        .area_m2 = plot->area_m2 > 0 ? plot->area_m2 : NAN,
        .last_year_kg = isnan(noted_kg) ? said_kg : noted_kg,
        .gate_cd = plot->gate_cd > 0 ? plot->gate_cd : cultivar_gate_cd(plot->cultivar),
        .last_opened_cd = before->opened_cd,
        .last = before->last,
        .soil = (enum water_soil)plot->soil,
        .root_m = plot->root_m,
        .latitude = config_located(config) ? config->latitude : NAN,
        .longitude = config_located(config) ? config->longitude : NAN,
        .canopy_below_k = config->canopy_below_k,
        .alarm_chance = config->night_work / config->lost_flush,
        .seed = seed_of(plot->name),
    };
}

static int64_t full_hour(int64_t ms)
{
    return ms - ms % TEA_HOUR_MS;
}

static enum store_result look_back(struct forecast *f, uint16_t index)
{
    const struct plot_config *config = &f->config->plots[index];
    struct before *before = &f->before[index];
    double noted_kg = NAN;
    if (before->first_date == f->season.date[0])
        return STORE_OK;
    *before = (struct before){0, NAN, TREND_LAST_UNKNOWN};
    if (!season_make(f->season.begin_ms[0] - TEA_DAY_MS, f->config->latitude, &f->last))
        return STORE_OK;
    struct tea_hours hours = {.first_ms = full_hour(f->last.begin_ms[0]), .hours = f->hours};
    hours.count = (uint32_t)((f->last.begin_ms[SEASON_DAYS] - hours.first_ms) / TEA_HOUR_MS);
    enum store_result result =
        gather_notes(&f->client, config->name, &f->last, f->notes, &noted_kg);
    bool noted = false;
    for (int i = 0; i < SEASON_DAYS; i++)
        noted = noted || f->notes[i].kg > 0;
    if (result == STORE_OK && noted) {
        result = gather_hours(&f->client, f->config, index, hours.first_ms, hours.count, f->hours);
        struct outlook_plot plot = describe(f->config, config, noted_kg, before);
        f->spare.first_date = 0;
        outlook_take(&plot, &f->last, &hours, f->season.begin_ms[0], &f->spare);
        outlook_look_back(&f->spare, f->notes, &before->opened_cd, &before->last);
    }
    if (result == STORE_OK)
        before->first_date = f->season.date[0];
    return result;
}

/* The last days of the season up to today, of which nothing is noted yet. */
static void begin_picks(struct forecast *f)
{
    int last = f->season.today < SEASON_DAYS ? f->season.today : SEASON_DAYS - 1;
    int first = last >= DOCUMENT_DAYS_MOST ? last - DOCUMENT_DAYS_MOST + 1 : 0;
    f->picks = (struct document_picks){.count = (unsigned)(last - first + 1)};
    for (unsigned i = 0; i < f->picks.count; i++)
        f->picks.days[i].date = f->season.date[first + (int)i];
}

static void add_picks(struct forecast *f)
{
    for (unsigned i = 0; i < f->picks.count; i++) {
        int day = season_index(&f->season, f->picks.days[i].date);
        const struct outlook_note *note = day >= 0 ? &f->notes[day] : NULL;
        if (note == NULL || !note->picked)
            continue;
        f->picks.days[i].kg += note->kg;
        f->picks.days[i].pickers += note->pickers;
    }
}

/* Hours come once a day from the season's beginning on, since a node may have brought in what its
 * log held of last week; in between those of the last days. */
static enum store_result look_at_plot(struct forecast *f, uint16_t index, int64_t now_ms)
{
    const struct plot_config *config = &f->config->plots[index];
    const struct season *season = &f->season;
    double noted_kg = NAN;
    int64_t from_ms = now_ms - OUTLOOK_RECENT_DAYS * TEA_DAY_MS;
    if (f->whole_date == 0 && season_goes_on(season) && season->begin_ms[0] < from_ms)
        from_ms = season->begin_ms[0];
    struct tea_hours hours = {.first_ms = full_hour(from_ms), .hours = f->hours};
    int64_t count = (now_ms - hours.first_ms) / TEA_HOUR_MS + 1;
    hours.count = count < HOURS_MOST ? (uint32_t)count : HOURS_MOST;
    enum store_result result = look_back(f, index);
    if (result == STORE_OK)
        result = gather_notes(&f->client, config->name, season, f->notes, &noted_kg);
    if (result == STORE_OK)
        result = gather_said(&f->client, config->name, season, f->notes);
    if (result == STORE_OK)
        result = gather_hours(&f->client, f->config, index, hours.first_ms, hours.count, f->hours);
    if (result != STORE_OK)
        return result;
    add_picks(f);
    struct outlook_plot plot = describe(f->config, config, noted_kg, &f->before[index]);
    outlook_take(&plot, season, &hours, now_ms, &f->days[index]);
    outlook_make(&plot, season, &hours, now_ms, &f->days[index], f->notes, &f->ahead, &f->model,
                 &f->outlooks[index]);
    double each_kg = f->outlooks[index].usual_each_kg;
    atomic_store(&f->usual_each_g[index], isnan(each_kg) ? 0 : (int)fmin(each_kg * 1000, 1e9));
    return STORE_OK;
}

/* ---- What is reported ---- */

static enum frost_level frost_of(const struct forecast *f)
{
    int plot = document_frost_plot(f->config, f->outlooks);
    return plot < 0 ? FROST_UNKNOWN : f->outlooks[plot].frost.level;
}

/* `noted`: after a note, which somebody wants to see the effect of. */
/* What has been sent of tomorrow, to be judged by it when it is over. */
static void keep_said(struct forecast *f, int64_t now_ms)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < f->config->plot_count && season_goes_on(&f->season); i++) {
        const double *kg = f->outlooks[i].estimate.pick_kg;
        struct store_said *said = &f->said[count];
        if (!isfinite(kg[0]) || !isfinite(kg[1]) || !isfinite(kg[2]))
            continue;
        *said = (struct store_said){.day = f->season.date[f->season.today + 1],
                                    .at_ms = now_ms,
                                    .program = BAIYE_VERSION,
                                    .kg = {kg[0], kg[1], kg[2]},
                                    .booked = f->outlooks[i].booked};
        (void)snprintf(said->plot, sizeof said->plot, "%s", f->config->plots[i].name);
        count++;
    }
    if (count > 0 && store_say(f->store, f->said, count, NULL, NULL) != STORE_OK)
        log_write(LOG_LEVEL_WARNING, "forecast: what was said of tomorrow could not be kept");
}

static void send_document(struct forecast *f, int64_t now_ms, bool noted)
{
    size_t length = 0, sent_length = 0;
    size_t size = document_write(f->config, f->outlooks, &f->ahead, &f->picks, now_ms, f->json,
                                 sizeof f->json);
    log_change(&f->log_size, size > 0, LOG_LEVEL_ERROR,
               "forecast: %u plots do not fit in %u bytes, none is published: leave some out",
               f->config->plot_count, (unsigned)sizeof f->json);
    if (size == 0)
        return;
    const char *says = document_says(f->json, size, &length);
    const char *said = document_says(f->sent, f->sent_size, &sent_length);
    bool same = length == sent_length && memcmp(says, said, length) == 0;
    bool has_weather = f->ahead.made_ms != 0; /* at a start it comes some seconds later */
    bool pressing = noted || frost_of(f) != f->sent_frost || has_weather != f->sent_weather;
    if (f->sent_size > 0 && !document_is_due(same, pressing, now_ms - f->sent_ms))
        return;
    if (!publish_doc(f->publish, TOPIC_FORECAST, f->json, size, true, 1))
        return;
    memcpy(f->sent, f->json, size);
    f->sent_size = size;
    f->sent_ms = now_ms;
    f->sent_frost = frost_of(f);
    f->sent_weather = has_weather;
    keep_said(f, now_ms);
}

/* Again and again: an alert of before the start is known only when the store has been read. */
static void report_frost(struct forecast *f, int64_t now_ms)
{
    static const char *const todo[][2] = {
        [FROST_WATCH] = {"look at the thermometer again before you sleep", "睡前再看一次温度"},
        [FROST_ALARM] = {"cover or sprinkle the buds, or pick what is ready today",
                         "给茶芽盖膜或喷水，能采的今天先采"},
        [FROST_SEVERE] = {"protect the buds now: cover, sprinkle, move the air",
                          "马上防霜：盖膜、喷水、开防霜扇"},
    };
    int index = document_frost_plot(f->config, f->outlooks);
    if (index < 0) /* of a frost that stands nobody knows that it is over */
        return;
    const struct frost *frost = &f->outlooks[index].frost;
    if (frost->level == FROST_NONE) {
        bool lost = f->frost_plot >= 0 && f->outlooks[f->frost_plot].frost.level == FROST_UNKNOWN;
        if (!lost) /* the plot of that frost is seen to be warm again */
            alerts_lower(f->alerts, ALERTS_FROST);
        return;
    }
    f->frost_plot = index;
    char what[192], what_zh[192];
    (void)snprintf(what, sizeof what, "frost: %.1f °C %s", frost->min_c,
                   frost->expected ? "expected in the morning" : "measured");
    (void)snprintf(what_zh, sizeof what_zh, "霜冻：%s %.1f °C",
                   frost->expected ? "预计明早最低" : "实测", frost->min_c);
    struct alerts_event alert = {
        .id = ALERTS_FROST,
        .what = what,
        .where = f->config->plots[index].name,
        .todo = todo[frost->level][0],
        .what_zh = what_zh,
        .todo_zh = todo[frost->level][1],
        .level = frost->level == FROST_WATCH ? "watch" : "alarm",
        .since_ms = now_ms,
    };
    alerts_raise(f->alerts, &alert);
}

/* ---- Rounds ---- */

/* What came over the net: who fetches it says why nothing comes. */
static void take_weather(struct forecast *f, int64_t now_ms)
{
    bool some = f->weather.last != NULL && f->weather.last(f->weather.context, &f->ahead);
    f->weather_ms = some ? f->ahead.made_ms : 0;
    if (some && now_ms - f->ahead.made_ms <= AHEAD_OLD_MS)
        return;
    f->ahead.made_ms = 0;
    f->ahead.count = 0;
}

/* A newer one than was looked at. */
static bool weather_is_new(struct forecast *f)
{
    struct ahead ahead;
    return f->weather.last != NULL && f->weather.last(f->weather.context, &ahead) &&
           ahead.made_ms != f->weather_ms;
}

static void read_ahead(struct forecast *f, int64_t now_ms)
{
    char why[160] = "it can be used again";
    f->ahead.made_ms = 0;
    f->ahead.count = 0;
    if (f->config->forecast_file[0] == '\0') {
        take_weather(f, now_ms);
        return;
    }
    bool good = ahead_file_read(f->config->forecast_file, now_ms, &f->ahead, why, sizeof why);
    log_change(&f->log_ahead, good, LOG_LEVEL_WARNING, "forecast: %s: %s", f->config->forecast_file,
               why);
}

/* false: try again soon. */
static bool look(struct forecast *f, int64_t now_ms, bool noted)
{
    enum store_result result = STORE_OK;
    if (!season_make(now_ms, f->config->latitude, &f->season))
        return false;
    int32_t today = season_goes_on(&f->season) ? f->season.date[f->season.today] : 0;
    if (today != f->whole_date)
        f->whole_date = 0;
    read_ahead(f, now_ms);
    pthread_mutex_lock(&f->published_lock);
    f->published = f->ahead;
    pthread_mutex_unlock(&f->published_lock);
    begin_picks(f);
    for (uint16_t i = 0; i < f->config->plot_count && result == STORE_OK; i++)
        result = look_at_plot(f, i, now_ms);
    if (result == STORE_STOPPED)
        return false;
    log_change(&f->log, result == STORE_OK, LOG_LEVEL_WARNING, "forecast: %s",
               result == STORE_OK ? "the store answers again" : store_result_text(result));
    if (result != STORE_OK)
        return false;
    f->whole_date = today;
    f->known = true;
    send_document(f, now_ms, noted);
    return true;
}

/* Of the hour that has been looked at; -1: none. */
static int64_t hour_of(int64_t now_ms)
{
    return (now_ms - LATE_MS) / TEA_HOUR_MS;
}

static void *forecast_main(void *context)
{
    struct forecast *f = context;
    int64_t looked_at = -1;
    bool noted = true; /* and not yet reported; at the start all is */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread alone */
    while (!store_client_stopping(&f->client)) {
        struct wall_ms now = store_now(f->store);
        int64_t wait_ms = LOOK_MS;
        if (weather_is_new(f))
            looked_at = -1;
        if (now.trust == TIME_TRUSTED && (noted || hour_of(now.ms) != looked_at)) {
            bool good = look(f, now.ms, noted);
            noted = noted && !good;
            looked_at = good ? hour_of(now.ms) : -1;
            wait_ms = good ? LOOK_MS : FAILED_MS;
        }
        if (f->known)
            report_frost(f, now.ms);
        if (!store_client_sleep(&f->client, wait_ms))
            continue;
        noted = true;
        (void)store_client_sleep(&f->client, SETTLE_MS);
    }
    return NULL;
}

/* ---- Beginning and end ---- */

static void release(struct forecast *f)
{
    free(f->days);
    free(f->outlooks);
    free(f->before);
    free(f->said);
    free(f->usual_each_g);
    free(f->hours);
    (void)pthread_mutex_destroy(&f->published_lock);
    free(f);
}

struct forecast *forecast_start(const struct config *config, struct store *store,
                                struct publish *publish, struct alerts *alerts,
                                const struct forecast_weather *weather)
{
    struct forecast *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->config = config;
    f->store = store;
    f->publish = publish;
    f->alerts = alerts;
    if (weather != NULL)
        f->weather = *weather;
    f->frost_plot = -1;
    store_client_init(&f->client, store);
    log_state_init(&f->log, 1);
    log_state_init(&f->log_size, 1);
    log_state_init(&f->log_ahead, 1);
    (void)pthread_mutex_init(&f->published_lock, NULL); /* never fails on Linux */
    f->days = calloc(config->plot_count, sizeof *f->days);
    f->outlooks = calloc(config->plot_count, sizeof *f->outlooks);
    f->before = calloc(config->plot_count, sizeof *f->before);
    f->said = calloc(config->plot_count, sizeof *f->said);
    f->usual_each_g = calloc(config->plot_count, sizeof *f->usual_each_g);
    f->hours = calloc(HOURS_MOST, sizeof *f->hours);
    if (f->days == NULL || f->outlooks == NULL || f->before == NULL || f->said == NULL ||
        f->usual_each_g == NULL || f->hours == NULL) {
        release(f);
        errno = ENOMEM;
        return NULL;
    }
    if (thread_start(&f->thread, forecast_main, f))
        return f;
    int error = errno;
    release(f);
    errno = error;
    return NULL;
}

void forecast_picked(struct forecast *forecast)
{
    if (forecast != NULL)
        store_client_wake(&forecast->client);
}

bool forecast_ahead(struct forecast *forecast, struct ahead *ahead)
{
    if (forecast == NULL)
        return false;
    pthread_mutex_lock(&forecast->published_lock);
    *ahead = forecast->published;
    pthread_mutex_unlock(&forecast->published_lock);
    return ahead->made_ms != 0;
}

struct pick_known forecast_known(struct forecast *forecast, const struct config *config,
                                 uint16_t plot)
{
    const struct plot_config *of = &config->plots[plot];
    int each_g = forecast != NULL ? atomic_load(&forecast->usual_each_g[plot]) : 0;
    return (struct pick_known){.area_m2 = of->area_m2 > 0 ? of->area_m2 : NAN,
                               .last_year_kg = of->last_year_kg > 0 ? of->last_year_kg : NAN,
                               .usual_each_kg = each_g > 0 ? each_g / 1000.0 : NAN};
}

int64_t forecast_idle_ms(struct forecast *forecast)
{
    return store_client_idle_ms(&forecast->client);
}

void forecast_stop(struct forecast *forecast)
{
    if (forecast == NULL)
        return;
    store_client_stop(&forecast->client);
    pthread_join(forecast->thread, NULL);
    release(forecast);
}
