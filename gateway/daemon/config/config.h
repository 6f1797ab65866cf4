/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's configuration: one YAML file plus device profiles, read whole into one immutable
 * struct that lives until the process ends (a reload is a new process image). Everything that
 * runs gets a const pointer to it. An unknown key, a wrong type, a value out of range or a
 * contradiction is an error with FILE:LINE, what is wrong and what would be right. */
#ifndef BAIYE_CONFIG_CONFIG_H
#define BAIYE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/config_error.h"
#include "gateway/daemon/reading.h"

#define CONFIG_URL_SIZE     512
#define CONFIG_LABEL_SIZE   97 /* free UTF-8, 1..96 bytes */
#define CONFIG_HOST_SIZE    128
#define CONFIG_REFUSED_SIZE 512

/* What the code of a field is; field_type.h says more of each. */
enum field_type {
    FIELD_U16,
    FIELD_S16,
    FIELD_U32,
    FIELD_S32,
    FIELD_F32,
    FIELD_BITS,
    FIELD_BOOL,
    FIELD_U64,
    FIELD_S64,
    FIELD_F64,
    FIELD_U8,
    FIELD_S8,
    FIELD_SM16, /* a sign bit, then the magnitude */
    FIELD_SM32,
    FIELD_BCD16, /* decimal digits, four bits each */
    FIELD_BCD32,
    FIELD_BCD64,
    FIELD_TEXT
};

/* Order of the four bytes A (most significant) to D as they arrive. Of eight bytes likewise: cdab
 * is the least significant register first, badc the bytes of each register exchanged, dcba both. */
enum word_order { ORDER_ABCD, ORDER_CDAB, ORDER_BADC, ORDER_DCBA };

#define FIELD_NO_VALUES_MAX 8

enum field_role {
    ROLE_METRIC = 0,  /* a measurement, published */
    ROLE_COUNTER,     /* a cumulative counter, published as its increment */
    ROLE_BOOT,        /* the device's own boot count: identity, not published */
    ROLE_SEQ,         /* its sample sequence number */
    ROLE_AGE,         /* age of the sample in 0.1 s */
    ROLE_FLAGS,       /* 4-bit metric_flag of each channel; see field_config.channel */
    ROLE_STATUS,      /* device status word */
    ROLE_MAP_VERSION, /* must equal field_config.expect, or the answer is not believed */
    ROLE_MODEL,       /* what the device says of itself: into its health, not published */
    ROLE_SERIAL,
    ROLE_FIRMWARE
};

struct field_config {
    char metric[CONFIG_NAME_SIZE]; /* "" unless ROLE_METRIC or ROLE_COUNTER */
    char label[CONFIG_LABEL_SIZE]; /* "" : the metric's own */
    char unit[16];                 /* the metric's own unless the profile says otherwise */
    uint8_t role;                  /* enum field_role */
    uint8_t function;              /* 1..4 */
    uint16_t address;              /* protocol address, 0-based */
    uint8_t type;                  /* enum field_type */
    uint8_t order;                 /* enum word_order */
    uint8_t bit, bit_count;        /* FIELD_BITS */
    uint8_t byte;                  /* FIELD_U8, FIELD_S8: 0 the low one of its register, 1 high */
    uint8_t text_registers;        /* FIELD_TEXT */
    uint8_t address_words;         /* 16-bit words behind each register number: 1, or 2 */
    int8_t scale_sign;             /* 0: scale alone; 1: times ten to the power of what
                                      scale_address holds; -1: divided by that */
    uint16_t scale_address;
    uint32_t every_ms; /* it is read no more often; 0: with each poll */
    int8_t channel;    /* index of this field's nibble in the flags field, or -1 */
    uint8_t no_value_count;
    bool not_measured; /* the vendor fills the register without measuring: never published */
    bool angle;        /* in degrees, and goes round */
    uint8_t no_value_negative;               /* bit i: no_values[i] was written with a minus */
    uint64_t no_values[FIELD_NO_VALUES_MAX]; /* raw codes that mean "no value" */
    uint32_t expect;                         /* ROLE_MAP_VERSION */
    uint32_t stuck_s;     /* ROLE_METRIC: the same value for so long: flag `stuck`; 0: it may be */
    double most_per_hour; /* ROLE_COUNTER: more than that is an error, in `unit`; 0: not judged */
    uint64_t wraps; /* ROLE_COUNTER: so many codes, then 0 again; 0: as many as the type has */
    double scale, offset;
    double min, max; /* plausible, in the unit; outside: flag `range` */
    /* Enumerations: raw code i means enum_values[i] (e.g. wind gear 0..7 to degrees). */
    uint8_t enum_count;
    double enum_values[16];
    int line; /* in the profile's file, for messages */
};

/* Registers that must be asked for like this: exactly so many from exactly there. */
struct block_config {
    uint8_t function; /* 1..4 */
    uint8_t count;
    uint16_t address;
    int line;
};

enum write_verify {
    VERIFY_READ_BACK = 0, /* the register reads as it was written */
    VERIFY_NONE,          /* write-only, or it clears itself: acknowledged is done */
    VERIFY_ELSEWHERE      /* another register shows it */
};

/* A register that the gateway may write, with its range. */
struct write_config {
    char name[CONFIG_NAME_SIZE];
    uint8_t function; /* 5, 6, 15 or 16 */
    uint16_t address;
    int32_t min, max;
    char unit[16];           /* what people say it in; "": a plain number */
    double scale;            /* one step of the register in that unit; above 0 */
    uint32_t max_on_s;       /* actuators: switched back after this long; 0: no limit */
    bool technician;         /* only this role may */
    uint8_t verify;          /* enum write_verify: how it is known that the device took it */
    uint8_t verify_function; /* VERIFY_ELSEWHERE: what reads it back, and where */
    uint16_t verify_address;
    /* The device switches it back by itself. 6, 16: a register takes, before it is switched on, how
     * long it may be on, in steps; 5: "on for so many steps" is a command of its own, in place of
     * the write. 0 ms: it has none. */
    uint32_t limit_step_ms;
    uint16_t limit_address;
    uint8_t limit_function;
    /* What the gateway writes by itself: `value` when the device has come, and so often after. */
    bool at_start, value_set;
    int32_t value;
    uint32_t every_ms; /* 0: not again */
    int32_t off;       /* what switches it off */
    bool off_set;
    int line;
};
/* The same register of a device: a profile may have two names for one. */
bool write_is_same(const struct write_config *a, const struct write_config *b);

struct profile_config {
    char name[CONFIG_NAME_SIZE];
    char label[CONFIG_LABEL_SIZE];
    uint16_t field_count, write_count, block_count;
    struct field_config *fields; /* as in the file; readings carry the published ones, in order */
    struct write_config *writes;
    struct block_config *blocks;
    uint32_t baud; /* factory serial settings */
    char parity;   /* 'N', 'E', 'O' */
    uint8_t stop_bits;
    uint8_t max_registers;     /* in one request, 1..125 */
    uint8_t read_gap;          /* unmapped registers that may be read through, 0: none */
    uint32_t extra_silence_us; /* how long it is left alone beyond t3.5 */
    uint32_t response_max_ms;  /* ceiling of the learned response timeout */
    uint32_t warm_up_ms;       /* after it was silent or started, it gives no values for so long */
    bool all_zero_is_nothing; /* an answer of zeros alone is what it gives before it has measured */
    /* How to change its own address and baud; 0xFFFF: it has no such register. */
    uint16_t address_register, baud_register;
    uint8_t address_default;
    uint8_t baud_code_count;
    uint32_t baud_codes[8]; /* code i means this rate */
    bool power_cycle_after_change;
    bool node; /* our own node: boot, seq, log window, settings */
};

/* What a probe was found to show wrong: its value times `scale`, plus `offset`. */
struct device_adjust {
    double scale, offset; /* of a counter: 1 step more or less, no offset */
};

struct device_config {
    char name[CONFIG_NAME_SIZE];
    char label[CONFIG_LABEL_SIZE]; /* the name when not set */
    uint16_t index;                /* own place in config.devices */
    uint16_t bus;                  /* index into config.buses */
    uint8_t unit;                  /* Modbus unit identifier, 1..255 (0 on TCP) */
    uint32_t every_ms;
    const struct profile_config *profile;
    uint32_t baud; /* 0: the bus's */
    char parity;   /* 0: the bus's */
    /* The published fields, in the order of a reading's values. */
    uint8_t metric_count;
    const struct field_config *metrics[READING_VALUES_MAX];
    const char *shown_units[READING_VALUES_MAX]; /* see config_shown_unit(); NULL: the field's */
    bool adjusted;                               /* else what follows says nothing */
    struct device_adjust adjust[READING_VALUES_MAX];
    int32_t
        due[READING_VALUES_MAX]; /* YYYYMMDD: when its calibration ends, by metric; 0: not said */
    char adjusted_on[11], adjusted_by[CONFIG_LABEL_SIZE]; /* "2027-03-01"; "" : not said */
    int line;                                             /* in the file, for messages */
};

enum bus_type { BUS_RTU, BUS_TCP, BUS_RTU_OVER_TCP };

/* Who switches an RS-485 line's direction: the adapter or board by itself, or the port's driver. */
enum bus_rs485 { RS485_ADAPTER, RS485_KERNEL };

/* Can a serial port be set to it? */
bool config_rate_possible(uint32_t baud);

#define BUSES_MAX              512
#define DIAL_IN_WORD_SIZE      64
#define DIAL_IN_HEARTBEATS_MAX 4
#define DIAL_IN_FROM_MAX       16
#define DIAL_IN_RESPONSE_MS    2000 /* a mobile network takes its time, now and then */

/* Bytes that a converter sends by itself. */
struct dial_in_word {
    uint8_t size;
    bool open; /* others may follow: only the begin is known */
    uint8_t bytes[DIAL_IN_WORD_SIZE];
};

/* Addresses whose first `bits` bits agree; those of IPv4 as ::ffff:0:0/96. */
struct dial_in_network {
    uint8_t address[16];
    uint8_t bits;
};

/* A converter that connects to the gateway, and how it is known. */
struct dial_in_config {
    struct dial_in_word registration; /* size 0: none; then it is alone on its port */
    struct dial_in_word heartbeats[DIAL_IN_HEARTBEATS_MAX];
    uint8_t heartbeat_count, from_count;
    struct dial_in_network from[DIAL_IN_FROM_MAX]; /* none: any address */
};

struct bus_config {
    char name[CONFIG_NAME_SIZE];
    uint8_t type;                /* enum bus_type */
    char port[CONFIG_PATH_SIZE]; /* device file, or host; with dial_in the own address */
    uint16_t tcp_port;
    uint32_t baud;
    char parity; /* 'N', 'E', 'O' */
    uint8_t stop_bits;
    uint8_t rs485;                  /* enum bus_rs485; serial ports */
    uint32_t silence_us;            /* 0: the standard's */
    uint32_t response_ms;           /* 0: from the profiles */
    uint32_t connect_ms;            /* TCP: longest time until a connection stands */
    uint32_t settle_ms;             /* TCP: how long a new one is left alone */
    bool close_after;               /* TCP: closed after each poll, when no other is due */
    uint32_t close_ms;              /* TCP: closed when not used for so long; 0: never */
    struct dial_in_config *dial_in; /* the converter connects to us; NULL: we connect or open */
    bool allow_overload;            /* a plan that cannot be met is a warning, not an error */
    uint16_t device_count;
    uint16_t *devices; /* indices into config.devices */
    int line;
};

/* Where a broker is. */
struct broker_url {
    char host[CONFIG_HOST_SIZE];
    uint16_t port;
    bool tls;
    bool websocket; /* MQTT inside of HTTP, for links that pass nothing else */
    char path[64];  /* of the WebSocket: "/mqtt" */
};

#define BROKER_URLS_MAX 4

/* What whoever sits at the broker may ask of the gateway. */
enum broker_requests {
    REQUESTS_FARM = 0, /* the farm's users, each by his role */
    REQUESTS_NONE,     /* nothing: requests are not even subscribed to */
    REQUESTS_RESEND,   /* everyone there: readings once more */
    REQUESTS_COUNTY    /* everyone there, in the role `county`: nothing that touches a line */
};

/* What goes to a broker. */
enum broker_part {
    PART_READINGS = 1 << 0, /* and gateway/log */
    PART_LIVE = 1 << 1,     /* of devices and plots, v/ and discovery as `panel` says */
    PART_HEALTH = 1 << 2,
    PART_ALERTS = 1 << 3,
    PART_FORECAST = 1 << 4,
    PART_SITE = 1 << 5,
    PART_STATUS = 1 << 6
};

struct broker_config {
    char name[CONFIG_NAME_SIZE];
    struct broker_url url; /* the first of the file */
    struct broker_url more_urls[BROKER_URLS_MAX - 1];
    uint8_t more_url_count;
    char user[65];
    char password_file[CONFIG_PATH_SIZE];
    char ca_file[CONFIG_PATH_SIZE], cert_file[CONFIG_PATH_SIZE], key_file[CONFIG_PATH_SIZE];
    uint32_t batch_ms;           /* 0: as soon as committed */
    uint64_t budget_bytes_month; /* 0: none */
    uint32_t keepalive_s;        /* 20 unless set */
    uint8_t encoding; /* 0 plain JSON, 1 deflate (content type application/json+deflate) */
    uint8_t requests; /* enum broker_requests; REQUESTS_NONE for remote ones unless set */
    uint8_t consumer; /* 1: readings that nobody subscribes to are held back */
    uint8_t left_out; /* bits of enum broker_part; 0: everything goes out */
    bool panel;       /* v/ topics and discovery; default: true without a budget */
    int line;
};

static inline bool broker_sends(const struct broker_config *broker, enum broker_part part)
{
    return (broker->left_out & part) == 0;
}

/* The addresses of a broker, from 0; NULL: there are no more. */
static inline const struct broker_url *broker_url(const struct broker_config *broker, unsigned i)
{
    if (i == 0)
        return &broker->url;
    return i <= broker->more_url_count ? &broker->more_urls[i - 1] : NULL;
}

/* Does any of its addresses want TLS? */
static inline bool broker_tls(const struct broker_config *broker)
{
    bool tls = broker->url.tls;
    for (unsigned i = 0; i < broker->more_url_count; i++)
        tls = tls || broker->more_urls[i].tls;
    return tls;
}

/* Which shoots are picked, as `standard` says it: a bud, or a bud with one to three leaves. */
enum plot_standard { STANDARD_NONE, STANDARD_BUD, STANDARD_1B1L, STANDARD_1B2L, STANDARD_1B3L };

/* Texture of a plot's soil, in the words of FAO-56; SOIL_NONE: the file does not say. */
enum plot_soil {
    SOIL_NONE,
    SOIL_SAND,
    SOIL_LOAMY_SAND,
    SOIL_SANDY_LOAM,
    SOIL_LOAM,
    SOIL_SILT_LOAM,
    SOIL_SILT,
    SOIL_SILTY_CLAY_LOAM,
    SOIL_SILTY_CLAY,
    SOIL_CLAY
};

struct plot_config {
    char name[CONFIG_NAME_SIZE];
    char label[CONFIG_LABEL_SIZE];
    double area_m2; /* 0: not said */
    char cultivar[CONFIG_NAME_SIZE], standard[CONFIG_NAME_SIZE];
    uint8_t standard_kind; /* enum plot_standard */
    uint8_t soil;          /* enum plot_soil */
    double root_m;         /* depth that the roots drink from, 0.5 unless the file says */
    double last_year_kg;   /* fresh leaf picked last season; 0: not said */
    double gate_cd;        /* °C d above 10 °C at which picking opens; 0: not said */
    bool placed;           /* the next two are said */
    double latitude, longitude;
    uint16_t device_count;
    uint16_t *devices;
};

/* What one alert of a rule is about: all that its devices measure is one cause, or each plot is one
 * (and each device that is in no plot), or each device. */
enum alert_scope { ALERT_GARDEN, ALERT_PLOT, ALERT_DEVICE };

#define CONFIG_ADVICE_SIZE 161 /* free UTF-8: what to do */

/* A part of the day in the site's time, from <= t < to in minutes; through midnight where to is
 * less; equal: none given. */
struct alert_hours {
    uint16_t from, to;
};

struct alert_rule {
    char name[CONFIG_NAME_SIZE];
    char label[CONFIG_LABEL_SIZE], label_en[CONFIG_LABEL_SIZE]; /* never empty once loaded */
    char todo[CONFIG_ADVICE_SIZE], todo_en[CONFIG_ADVICE_SIZE]; /* "": none */
    char metric[CONFIG_NAME_SIZE];
    bool above;          /* fires above the limit, else below */
    double limit, clear; /* clear: hysteresis, where it ends */
    uint32_t per_s;      /* not 0: the change within this time is judged, of increments their sum */
    uint32_t for_s;
    uint8_t level;            /* enum alert_level */
    uint8_t scope;            /* enum alert_scope */
    uint16_t months;          /* bit 0 is January; 0: all year */
    struct alert_hours hours; /* it is looked at only then */
    struct alert_hours quiet; /* it wakes nobody then */
    bool shipped;             /* not from the file */
    uint16_t device_count;    /* those that measure it and that the rule names; 0: it never comes */
    uint16_t *devices;        /* indices into config.devices, ascending */
    int line;
};

/* A way to people: a service, and who is reached by it. Secrets are named by their files, which
 * only the notifier process reads. */
enum way_kind {
    WAY_WECOM,
    WAY_DINGTALK,
    WAY_FEISHU,
    WAY_NTFY,
    WAY_WEBHOOK,
    WAY_MAIL,
    WAY_OUTPUT,
    WAY_SMS,
    WAY_KINDS
};

#define WAYS_MAX          16
#define WAY_GROUPS_MAX    8
#define WAY_RECEIVERS_MAX 8
#define WAY_TEMPLATE_SIZE 512

struct way_config {
    char name[CONFIG_NAME_SIZE];
    uint8_t kind;     /* enum way_kind */
    uint8_t language; /* enum metric_language */
    bool kind_set;
    char url[200]; /* the service's own unless the file says otherwise */
    char topic[CONFIG_LABEL_SIZE];
    char template[WAY_TEMPLATE_SIZE]; /* WAY_WEBHOOK: the body, with $text and the like; "": ours */
    char user[65], from[CONFIG_LABEL_SIZE];
    char to[WAY_RECEIVERS_MAX][CONFIG_LABEL_SIZE];
    uint8_t to_count;
    char token_file[CONFIG_PATH_SIZE], secret_file[CONFIG_PATH_SIZE], ca_file[CONFIG_PATH_SIZE];
    /* WAY_OUTPUT: a siren, on for a while and again until somebody has answered. */
    char output_device[CONFIG_NAME_SIZE], output_write[CONFIG_NAME_SIZE];
    int32_t output_value;
    bool output_value_set;
    uint32_t output_for_s, output_repeat_s;
    int line;
};

/* Length of the word at `at` that a message's text stands for in a template ($text, $title, $level,
 * $way, $$); 0: it is none. */
size_t way_template_word(const char *at);

/* Who is told together; when nobody answers, the next group is told. */
struct group_config {
    char name[CONFIG_NAME_SIZE];
    uint16_t ways; /* bit i: config.ways[i] */
};

/* What switches an output: a rule, times of the day, or a way to people (a siren). */
#define ACTIONS_MAX      64 /* of the file; those of ways come behind them */
#define ACTION_TIMES_MAX 8

struct action_config {
    char name[CONFIG_NAME_SIZE];
    char label[CONFIG_LABEL_SIZE]; /* never empty once loaded */
    uint16_t device;               /* that it switches: index into config.devices */
    const struct write_config *write;
    int32_t on, off;                  /* what is written */
    int32_t rule;                     /* it is on while this one holds: config.alerts; -1: none */
    int32_t way;                      /* it calls for config.ways[way]; -1: none */
    uint16_t times[ACTION_TIMES_MAX]; /* minutes of the day, in the site's time */
    uint8_t time_count;
    /* It ends when the mean of what its devices measure is there. */
    char until_metric[CONFIG_NAME_SIZE]; /* "": none */
    bool until_above;
    double until_limit;  /* in the metric's own unit */
    uint32_t for_s;      /* longest time on, never 0 */
    uint32_t pause_s;    /* shortest time off */
    double rain_mm;      /* it does not begin when so much rain is forecast ... */
    uint32_t rain_s;     /* ... within so long; 0: it does not look */
    uint32_t override_s; /* so long a person's write keeps it away */
    bool keep;           /* without values it stays on, until its longest time; else it goes off */
    uint16_t rule_device_count, until_device_count;
    uint16_t *rule_devices, *until_devices; /* whose values count: indices into config.devices */
    int line;
};

/* "wecom", …; "?" for a number out of range. */
const char *way_kind_name(unsigned kind);

struct config {
    char file[CONFIG_PATH_SIZE];
    char site[CONFIG_NAME_SIZE];
    char label[CONFIG_LABEL_SIZE];           /* what people call the garden; "": nothing is said */
    char forecast_file[CONFIG_PATH_SIZE];    /* of the weather ahead; "": none */
    char forecast_url[CONFIG_URL_SIZE];      /* the same from a service; "": none */
    char forecast_ca_file[CONFIG_PATH_SIZE]; /* whose authority that is; "": the system's */
    double
        canopy_below_k; /* the air on frosty nights, where no sensor measures it; 0 unless said */
    double lost_flush, night_work; /* what they cost, in one unit: 10 and 3 unless said */
    double latitude, longitude;    /* both 0: not said, and no garden lies there */
    char timezone[64];
    char profile_dir[CONFIG_PATH_SIZE]; /* the user's own profiles; "" : none */
    /* Not "": this is the last good configuration, and why the file itself can't be used. */
    char refused[CONFIG_REFUSED_SIZE];
    bool trial; /* not the file: what is tried in its place (trial.h) */
    char store_path[CONFIG_PATH_SIZE];
    uint64_t store_max_bytes;
    uint32_t commit_every_ms;
    char http_host[CONFIG_HOST_SIZE]; /* "" : no HTTP */
    uint16_t http_port;
    char http_cert_file[CONFIG_PATH_SIZE], http_key_file[CONFIG_PATH_SIZE];
    char app_dir[CONFIG_PATH_SIZE];         /* the app's files */
    char control_socket[CONFIG_PATH_SIZE];  /* default /run/baiye/control.sock */
    char password_socket[CONFIG_PATH_SIZE]; /* default /run/baiye-password.sock */
    char config_socket[CONFIG_PATH_SIZE];   /* default /run/baiye-config.sock */
    uint16_t bus_count, device_count, broker_count, plot_count, profile_count, alert_count;
    struct bus_config *buses;
    struct device_config *devices;
    struct broker_config *brokers;
    struct plot_config *plots;
    struct profile_config *profiles;
    struct alert_rule *alerts;
    uint16_t way_count, group_count;
    struct way_config *ways;
    struct group_config groups[WAY_GROUPS_MAX]; /* in the order in which they are told */
    uint32_t escalate_s;                        /* unanswered for so long, an alarm goes on */
    uint8_t heartbeat_day;                      /* 1 Sunday … 7; 0: none */
    uint16_t heartbeat_minute;                  /* of that day, in the site's time */
    uint16_t action_count;
    struct action_config *actions;
};

/* Reads FILE and the profiles it names. `profile_dir` (a user's folder, may be NULL) is searched
 * before the shipped one. NULL and `error` filled when anything is wrong. Relative paths in the
 * file are relative to the file. config_free() takes everything back. */
struct config *config_load(const char *file, const char *profile_dir, struct config_error *error);
void config_free(struct config *config);
struct yaml_errors;
/* All that is wrong with the file, for who mends it; false when anything is. An error of line 0 is
 * another file's (a profile's), which its text names. `errors` is the caller's. */
bool config_check(const char *file, const char *profile_dir, struct yaml_errors *errors);

/* Does the file say where the garden is? */
static inline bool config_located(const struct config *config)
{
    return config->latitude != 0 || config->longitude != 0;
}

/* The shipped rules, in their order, with the season of where the garden is and no devices. false:
 * there is none of this number. */
bool config_shipped_rule(const struct config *config, unsigned number, struct alert_rule *rule);
/* A rule that can't come, and why not. */
bool config_alert_trouble(const struct config *config, const struct alert_rule *rule, char *why,
                          size_t size);
/* Is a way in a group? Else alerts don't reach it. */
bool config_way_is_used(const struct config *config, uint16_t way);
/* NULL when unknown. */
const struct device_config *config_device(const struct config *config, const char *name);
/* Does an action, or a way to people, switch that register? */
bool config_acts(const struct config *config, uint16_t device, const struct write_config *write);
const struct plot_config *config_plot(const struct config *config, const char *name);
/* The site has one unit for a metric, that of its first device: in it are the live documents, the
 * history, the export and what the site document says. (Readings keep their device's own.) "": no
 * device has the metric. */
const char *config_metric_unit(const struct config *config, const char *metric);
/* That of the device's metric with this index; the device's own where the site's is one of another
 * quantity. */
const char *config_shown_unit(const struct device_config *device, unsigned metric);
/* At which depths the plot's devices measure a metric that has one in its name
 * ("soil_moisture_20cm"): in cm, ascending, at most `most`; their number. */
unsigned config_plot_depths(const struct config *config, const struct plot_config *plot,
                            const char *metric, uint16_t *depths, unsigned most);
/* Does a device of the plot measure it, at whichever depth? */
bool config_plot_measures(const struct config *config, const struct plot_config *plot,
                          const char *metric);
/* The plot's first device that measures it. */
const struct device_config *config_plot_device(const struct config *config,
                                               const struct plot_config *plot, const char *metric);

#endif
