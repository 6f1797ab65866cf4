/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "gateway/led/canvas.h"
#include "gateway/led/font.h"
#include "protocols/ddp/ddp.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool split_host(const char *text, char *host, size_t size, int *port)
{
    uint16_t number = (uint16_t)*port;
    if (!units_host(text, host, size, &number))
        return false;
    *port = number;
    return true;
}

/* ---- Languages ---- */

static const char *const language_names[] = {"zh", "en"};

static bool read_language(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct led_config *config = target;
    const char *text = yaml_text(node);
    for (int i = 0; i < LANGUAGE_COUNT && config->language_count < LANGUAGE_COUNT; i++) {
        if (text != NULL && strcmp(text, language_names[i]) == 0) {
            config->languages[config->language_count++] = (enum language)i;
            return true;
        }
    }
    return yaml_error(source, yaml_line(node), "language: write zh, en or [zh, en]");
}

static bool read_languages(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct led_config *config = target;
    config->language_count = 0;
    if (node->type != YAML_SEQUENCE_NODE)
        return read_language(source, node, config);
    const yaml_node_item_t *item = node->data.sequence.items.start;
    bool good = true;
    for (; good && item < node->data.sequence.items.top; item++)
        good = read_language(source, yaml_at(source, *item), config);
    if (good && config->language_count == 0)
        return yaml_error(source, yaml_line(node), "language: write zh, en or [zh, en]");
    return good;
}

/* ---- The broker ---- */

struct raw_mqtt {
    char url[256];
    char user[sizeof((struct led_config *)0)->mqtt.user];
    char password_file[LED_PATH_SIZE], ca_file[LED_PATH_SIZE];
    char cert_file[LED_PATH_SIZE], key_file[LED_PATH_SIZE];
    uint32_t batch_ms;
    bool preview;
};

static const struct key mqtt_keys[] = {
    {"url", KEY_TEXT, KEY_MEMBER(struct raw_mqtt, url), .example = "mqtts://gateway:8883"},
    {"user", KEY_TEXT, KEY_MEMBER(struct raw_mqtt, user), .example = "led", .required = true},
    {"password_file", KEY_PATH, KEY_MEMBER(struct raw_mqtt, password_file)},
    {"ca_file", KEY_PATH, KEY_MEMBER(struct raw_mqtt, ca_file)},
    {"cert_file", KEY_PATH, KEY_MEMBER(struct raw_mqtt, cert_file)},
    {"key_file", KEY_PATH, KEY_MEMBER(struct raw_mqtt, key_file)},
    {"batch", KEY_MS, KEY_MEMBER(struct raw_mqtt, batch_ms), .max = 86400000, .example = "10min"},
    {"preview", KEY_BOOL, KEY_MEMBER(struct raw_mqtt, preview), .example = "false"},
};

static bool take_url(struct yaml_source *source, const yaml_node_t *node, const char *url,
                     struct led_config *config)
{
    config->mqtt.tls = strncmp(url, "mqtts://", 8) == 0;
    config->mqtt.port = config->mqtt.tls ? 8883 : 1883;
    const char *rest = config->mqtt.tls ? url + 8 : url + 7;
    if ((config->mqtt.tls || strncmp(url, "mqtt://", 7) == 0) &&
        split_host(rest, config->mqtt.host, LED_HOST_SIZE, &config->mqtt.port))
        return true;
    return yaml_error(source, yaml_line(node), "url: write mqtt://HOST:PORT or mqtts://HOST:PORT");
}

static bool read_mqtt(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct led_config *config = target;
    struct raw_mqtt raw = {.url = "mqtt://127.0.0.1:1883", .preview = true};
    if (!keys_read(source, node, "mqtt", mqtt_keys, COUNT(mqtt_keys), &raw) ||
        !take_url(source, node, raw.url, config))
        return false;
    if (config->mqtt.tls && raw.ca_file[0] == '\0')
        return yaml_error(source, yaml_line(node),
                          "mqtts needs ca_file: the certificate the broker is checked against");
    memcpy(config->mqtt.user, raw.user, sizeof raw.user);
    memcpy(config->mqtt.password_file, raw.password_file, sizeof raw.password_file);
    memcpy(config->mqtt.ca_file, raw.ca_file, sizeof raw.ca_file);
    memcpy(config->mqtt.cert_file, raw.cert_file, sizeof raw.cert_file);
    memcpy(config->mqtt.key_file, raw.key_file, sizeof raw.key_file);
    config->mqtt.batch_ms = raw.batch_ms;
    config->mqtt.preview = raw.preview;
    return true;
}

/* ---- The screen ---- */

static const struct key screen_keys[] = {
    {"width", KEY_SIGNED, KEY_MEMBER(struct led_config, width), CANVAS_WIDTH_MIN, CANVAS_SIDE_MAX,
     .example = "128"},
    {"height", KEY_SIGNED, KEY_MEMBER(struct led_config, height), CANVAS_HEIGHT_MIN,
     CANVAS_SIDE_MAX, .example = "64"},
    {"pitch", KEY_NUMBER, KEY_MEMBER(struct led_config, pitch_mm), 0.5, 100, .example = "10"},
    {"distance", KEY_NUMBER, KEY_MEMBER(struct led_config, distance_m), 0, 1000, .example = "30"},
};

static bool read_screen(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    return keys_read(source, node, "screen", screen_keys, COUNT(screen_keys), target);
}

static const struct key location_keys[] = {
    {"lat", KEY_NUMBER, KEY_MEMBER(struct led_config, latitude), -90, 90, .example = "26.5",
     .required = true},
    {"lon", KEY_NUMBER, KEY_MEMBER(struct led_config, longitude), -180, 180, .example = "107.9",
     .required = true},
};

static bool read_location(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct led_config *config = target;
    config->located =
        keys_read(source, node, "location", location_keys, COUNT(location_keys), target);
    return config->located;
}

/* ---- Brightness ---- */

/* "HH:MM", in minutes of the day. */
static bool read_clock(struct yaml_source *source, const yaml_node_t *node, int *minutes)
{
    const char *text = yaml_text(node);
    char *end = NULL;
    long hour = text != NULL ? strtol(text, &end, 10) : -1, minute = -1;
    if (end != NULL && end != text && *end == ':' && strlen(end) == 3)
        minute = strtol(end + 1, &end, 10);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || *end != '\0')
        return yaml_error(source, yaml_line(node),
                          "\"%.40s\" is not a time of day; write it like \"23:00\"",
                          text != NULL ? text : _("(a list or mapping)"));
    *minutes = (int)(hour * 60 + minute);
    return true;
}

static bool read_off_from(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct brightness_config *brightness = target;
    return read_clock(source, node, &brightness->off_from);
}

static bool read_off_to(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct brightness_config *brightness = target;
    return read_clock(source, node, &brightness->off_to);
}

static const struct key off_keys[] = {
    {"from", KEY_FUNCTION, .read = read_off_from, .example = "\"23:00\"", .required = true},
    {"to", KEY_FUNCTION, .read = read_off_to, .example = "\"05:00\"", .required = true},
};

static bool read_off(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    return keys_read(source, node, "off", off_keys, COUNT(off_keys), target);
}

static const struct key brightness_keys[] = {
    {"day", KEY_SIGNED, KEY_MEMBER(struct brightness_config, day), 1, 100, .example = "100"},
    {"night", KEY_SIGNED, KEY_MEMBER(struct brightness_config, night), 0, 100, .example = "8"},
    {"power_limit", KEY_SIGNED, KEY_MEMBER(struct brightness_config, power_limit), 5, 100,
     .example = "60"},
    {"lux", KEY_TEXT, KEY_MEMBER(struct brightness_config, lux), .example = "dev/mast/illuminance"},
    {"lux_full", KEY_NUMBER, KEY_MEMBER(struct brightness_config, lux_full), 10, 200000,
     .example = "10000"},
    {"off", KEY_FUNCTION, .read = read_off},
};

static bool read_brightness(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct led_config *config = target;
    return keys_read(source, node, "brightness", brightness_keys, COUNT(brightness_keys),
                     &config->brightness);
}

/* ---- Outputs ---- */

static const char *const type_names[] = {
#define OUTPUT_KIND(constant, name) #name,
#include "gateway/led/outputs/kinds.def"
#undef OUTPUT_KIND
    NULL};
static const char *const format_names[] = {"rgb888", "bgr888", "xrgb8888", "rgb565", NULL};

struct raw_output {
    uint8_t type, format;
    char to[LED_HOST_SIZE], file[LED_PATH_SIZE], device[LED_PATH_SIZE];
    int x, y, stride;
};

static const struct key output_keys[] = {
    {"type", KEY_CHOICE, KEY_MEMBER(struct raw_output, type), .choices = type_names,
     .example = "ddp", .required = true},
    {"to", KEY_TEXT, KEY_MEMBER(struct raw_output, to), .example = "10.0.0.9"},
    {"file", KEY_PATH, KEY_MEMBER(struct raw_output, file)},
    {"device", KEY_PATH, KEY_MEMBER(struct raw_output, device)},
    {"x", KEY_SIGNED, KEY_MEMBER(struct raw_output, x), 0, 10000, .example = "0"},
    {"y", KEY_SIGNED, KEY_MEMBER(struct raw_output, y), 0, 10000, .example = "0"},
    {"format", KEY_CHOICE, KEY_MEMBER(struct raw_output, format), .choices = format_names},
    {"stride", KEY_SIGNED, KEY_MEMBER(struct raw_output, stride), 0, 100000, .example = "256"},
};

/* What only another type has is a slip. */
static bool fits_type(struct yaml_source *source, const yaml_node_t *node,
                      const struct raw_output *raw)
{
    bool framed = raw->device[0] != '\0' || raw->x != 0 || raw->y != 0 || raw->stride != 0 ||
                  raw->format != PIXEL_XRGB8888;
    const char *wrong = raw->to[0] != '\0' && raw->type != OUTPUT_DDP     ? "to is for ddp"
                        : raw->file[0] != '\0' && raw->type != OUTPUT_PNG ? "file is for png"
                        : framed && raw->type != OUTPUT_FRAMEBUFFER
                            ? "device, x, y, format and stride are for framebuffer"
                            : NULL;
    return wrong == NULL ||
           yaml_error(source, yaml_line(node), "an output of type %s: %s; leave it out",
                      type_names[raw->type], wrong);
}

static bool read_output(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct led_config *config = target;
    struct raw_output raw = {.format = PIXEL_XRGB8888};
    if (!keys_read(source, node, "an output", output_keys, COUNT(output_keys), &raw) ||
        !fits_type(source, node, &raw))
        return false;
    struct output_config *output = &config->outputs[config->output_count];
    *output = (struct output_config){.type = (enum output_type)raw.type,
                                     .port = DDP_PORT,
                                     .x = raw.x,
                                     .y = raw.y,
                                     .format = (enum pixel_format)raw.format,
                                     .stride = raw.stride};
    memcpy(output->path, raw.type == OUTPUT_PNG ? raw.file : raw.device, sizeof output->path);
    bool path = raw.type == OUTPUT_PNG || raw.type == OUTPUT_FRAMEBUFFER;
    if (raw.type == OUTPUT_DDP &&
        !split_host(raw.to, output->host, sizeof output->host, &output->port))
        return yaml_error(source, yaml_line(node), "a ddp output needs to: HOST or HOST:PORT");
    if (path && output->path[0] == '\0')
        return yaml_error(source, yaml_line(node), "%s is missing; add it to the output",
                          raw.type == OUTPUT_PNG ? "file" : "device");
    config->output_count++;
    return true;
}

static bool read_list(struct yaml_source *source, const yaml_node_t *node, const char *what,
                      int most, struct led_config *config,
                      bool (*read)(struct yaml_source *source, const yaml_node_t *item,
                                   void *target))
{
    if (node->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, yaml_line(node), "%s must be a list; write \"- …\" items", what);
    const yaml_node_item_t *item = node->data.sequence.items.start;
    if (node->data.sequence.items.top - item > most)
        return yaml_error(source, yaml_line(node), "at most %d %s", most, what);
    bool good = true;
    for (; good && item < node->data.sequence.items.top; item++)
        good = read(source, yaml_at(source, *item), config);
    return good;
}

static bool read_outputs(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    return read_list(source, node, "outputs", LED_OUTPUTS_MAX, target, read_output);
}

/* ---- Numeric boards ---- */

static const struct key board_keys[] = {
    {"device", KEY_NAME, KEY_MEMBER(struct board_config, device), .example = "board-1",
     .required = true},
    {"name", KEY_TEXT, KEY_MEMBER(struct board_config, name), .example = "line1", .required = true},
    {"value", KEY_TEXT, KEY_MEMBER(struct board_config, value), .example = "plot/a/air_temperature",
     .required = true},
    {"scale", KEY_NUMBER, KEY_MEMBER(struct board_config, scale), 0.0001, 10000, .example = "10"},
    {"none", KEY_SIGNED, KEY_MEMBER(struct board_config, none), -2147483647, 2147483647,
     .example = "-32768"},
};

static bool read_board(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct led_config *config = target;
    struct board_config *board = &config->boards[config->board_count];
    *board = (struct board_config){.scale = 10, .none = -32768};
    if (!keys_read(source, node, "a board", board_keys, COUNT(board_keys), board))
        return false;
    if (board->name[strspn(board->name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0')
        return yaml_error(source, yaml_line(node),
                          "name: \"%s\" is not a register's name (a-z, 0-9, - and _); write it as "
                          "the profile's writes call it",
                          board->name);
    config->board_count++;
    return true;
}

static bool read_boards(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    return read_list(source, node, "boards", LED_BOARDS_MAX, target, read_board);
}

/* ---- The file ---- */

static const struct key root_keys[] = {
    {"site", KEY_NAME, KEY_MEMBER(struct led_config, site), .example = "baiye-1", .required = true},
    {"farm", KEY_TEXT, KEY_MEMBER(struct led_config, farm)},
    {"timezone", KEY_TEXT, KEY_MEMBER(struct led_config, timezone), .example = "Asia/Shanghai"},
    {"pages", KEY_PATH, KEY_MEMBER(struct led_config, pages), .example = "pages.yaml",
     .required = true},
    {"fonts", KEY_PATH, KEY_MEMBER(struct led_config, fonts)},
    {"language", KEY_FUNCTION, .read = read_languages},
    {"location", KEY_FUNCTION, .read = read_location},
    {"mqtt", KEY_FUNCTION, .read = read_mqtt,
     .example = "{ user: led, password_file: led.password }", .required = true},
    {"screen", KEY_FUNCTION, .read = read_screen},
    {"brightness", KEY_FUNCTION, .read = read_brightness},
    {"outputs", KEY_FUNCTION, .read = read_outputs},
    {"boards", KEY_FUNCTION, .read = read_boards},
};

static void set_defaults(struct led_config *config)
{
    memset(config, 0, sizeof *config);
    config->language_count = 1;
    config->width = 128;
    config->height = 64;
    config->pitch_mm = 10;
    config->brightness = (struct brightness_config){.day = 100,
                                                    .night = 8,
                                                    .power_limit = 100,
                                                    .off_from = -1,
                                                    .off_to = -1,
                                                    .lux_full = 10000};
    (void)snprintf(config->fonts, sizeof config->fonts, "%s", FONT_DIRECTORY);
}

bool led_config_load(struct led_config *config, const char *path, struct config_error *error)
{
    struct yaml_source source;
    set_defaults(config);
    bool good =
        yaml_open(&source, path, error) &&
        keys_read(&source, yaml_root(&source), "the file", root_keys, COUNT(root_keys), config);
    yaml_close(&source);
    return good;
}

bool led_config_output(struct led_config *config, const char *text)
{
    struct output_config output = {.port = DDP_PORT, .format = PIXEL_XRGB8888};
    const char *colon = strchr(text, ':');
    bool good = false;
    if (strcmp(text, "terminal") == 0) {
        output.type = OUTPUT_TERMINAL;
        good = true;
    } else if (colon != NULL && strncmp(text, "ddp:", 4) == 0) {
        output.type = OUTPUT_DDP;
        good = split_host(colon + 1, output.host, sizeof output.host, &output.port);
    } else if (colon != NULL &&
               (strncmp(text, "png:", 4) == 0 || strncmp(text, "framebuffer:", 12) == 0)) {
        output.type = text[0] == 'p' ? OUTPUT_PNG : OUTPUT_FRAMEBUFFER;
        int n = snprintf(output.path, sizeof output.path, "%s", colon + 1);
        good = n > 0 && (size_t)n < sizeof output.path;
    }
    if (good) {
        config->outputs[0] = output;
        config->output_count = 1;
    }
    return good;
}
