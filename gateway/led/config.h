/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-led's own file. The struct is its manual: each field is the YAML key of that name unless
 * another is named. Read once, immutable. Every mistake is an error with FILE:LINE. */
#ifndef BAIYE_LED_CONFIG_H
#define BAIYE_LED_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/config_error.h"
#include "gateway/led/strings.h"

#define LED_NAME_SIZE   33
#define LED_PATH_SIZE   512
#define LED_HOST_SIZE   128
#define LED_OUTPUTS_MAX 4
#define LED_BOARDS_MAX  16

enum output_type {
#define OUTPUT_KIND(constant, name) OUTPUT_##constant,
#include "gateway/led/outputs/kinds.def"
#undef OUTPUT_KIND
};

enum pixel_format { PIXEL_RGB888 = 0, PIXEL_BGR888, PIXEL_XRGB8888, PIXEL_RGB565 };

/* outputs: a list of { type: ddp|framebuffer|terminal|png, ... } */
struct output_config {
    enum output_type type;
    char host[LED_HOST_SIZE]; /* ddp `to: host:port`; numeric address or name, looked up once */
    int port;                 /* 4048 unless given */
    char path[LED_PATH_SIZE]; /* framebuffer `device`, png `file` */
    /* framebuffer: where the picture's corner is, and, only for a plain file that cannot tell
     * itself, its format and bytes a line (0: width x bytes a pixel). */
    int x, y;
    enum pixel_format format;
    int stride;
};

/* boards: a list of { device, name, value, scale, none }: numeric boards on the gateway's bus. */
struct board_config {
    char device[LED_NAME_SIZE]; /* the gateway's name of it */
    char name[LED_NAME_SIZE];   /* of the register, as its profile's `writes` calls it */
    char value[LED_PATH_SIZE];  /* value reference, as in pages */
    double scale;               /* the register holds value x scale, rounded; 10 */
    int none;                   /* what it holds when there is no true value; -32768 */
};

struct brightness_config {
    int day, night;          /* percent at full day and at night; 100 and 8 */
    int power_limit;         /* percent: average picture level that the supply can give; 100 */
    int off_from, off_to;    /* `off: { from: "23:00", to: "05:00" }`, minutes of the local day; -1:
                                never off. Alerts of level watch and alarm show all the same. */
    char lux[LED_PATH_SIZE]; /* value reference of a light sensor, e.g. dev/mast/illuminance; "" */
    double lux_full;         /* from this lux on it is full day; 10000 */
};

struct led_config {
    char site[LED_NAME_SIZE]; /* [a-z0-9-]{1,32}; needed */
    char farm[97];            /* farm's name until the site's description comes */
    int language_count;       /* `language: zh`, or a list that takes turns */
    enum language languages[LANGUAGE_COUNT];
    char timezone[64]; /* e.g. Asia/Shanghai; "" : the system's */
    bool located;
    double latitude, longitude; /* location: { lat, lon } */
    struct {
        char host[LED_HOST_SIZE];
        int port;
        bool tls; /* `url: mqtt://host:port` or mqtts:// */
        char user[65];
        char password_file[LED_PATH_SIZE], ca_file[LED_PATH_SIZE];
        char cert_file[LED_PATH_SIZE], key_file[LED_PATH_SIZE];
        int64_t batch_ms; /* the gateway's `batch` for this broker: allowance before stale */
        bool preview;     /* publish the picture for the app; true */
    } mqtt;
    int width, height; /* screen: pixels; 32..1024 x 16..1024 */
    double pitch_mm;   /* screen.pitch: distance of pixels, mm; 10 */
    double distance_m; /* screen.distance: from where numbers shall be read; 0: not given */
    char pages[LED_PATH_SIZE], fonts[LED_PATH_SIZE];
    struct brightness_config brightness;
    int output_count;
    struct output_config outputs[LED_OUTPUTS_MAX];
    int board_count;
    struct board_config boards[LED_BOARDS_MAX];
};

bool led_config_load(struct led_config *config, const char *path, struct config_error *error);
/* `--output`: "terminal", "png:FILE", "ddp:HOST[:PORT]", "framebuffer:FILE"; replaces those of
 * the file. */
bool led_config_output(struct led_config *config, const char *text);

#endif
