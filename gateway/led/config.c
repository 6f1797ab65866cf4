/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/led/canvas.h"
#include "gateway/led/font.h"
#include "protocols/ddp/ddp.h"

#define NAME_SIGNS "abcdefghijklmnopqrstuvwxyz0123456789-"

static bool valid_name(const char *name)
{
    size_t length = strspn(name, NAME_SIGNS);
    return length > 0 && length < LED_NAME_SIZE && name[length] == '\0';
}

/* "host", "host:port", "[v6]:port". */
static bool split_host(const char *text, char *host, size_t size, int *port)
{
    const char *colon = strrchr(text, ':');
    const char *end = colon;
    if (text[0] == '[') {
        text++;
        end = strchr(text, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        colon = end[1] == ':' ? end + 1 : NULL;
    } else if (!colon) {
        end = text + strlen(text);
    }
    size_t length = (size_t)(end - text);
    if (length == 0 || length >= size)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (!colon)
        return true;
    char *rest = NULL;
    long number = strtol(colon + 1, &rest, 10);
    *port = (int)number;
    return rest != colon + 1 && *rest == '\0' && number >= 1 && number <= 65535;
}

static void read_languages(struct yaml_file *file, struct yaml_map *root, struct led_config *config)
{
    static const char *const names[] = {"zh", "en"};
    const yaml_node_t *node = yaml_get(root, "language");
    if (!node)
        return;
    bool list = node->type == YAML_SEQUENCE_NODE;
    int count = list ? yaml_count(file, node) : 1;
    config->language_count = 0;
    for (int i = 0; i < count && !yaml_failed(file); i++) {
        const yaml_node_t *item = list ? yaml_item(file, node, i) : node;
        const char *text = yaml_scalar(file, item, "language");
        int found = strcmp(text, names[0]) == 0 ? 0 : strcmp(text, names[1]) == 0 ? 1 : -1;
        if (found < 0 || i >= LANGUAGE_COUNT)
            yaml_fail(file, item, "language: zh, en or [zh, en]");
        else
            config->languages[config->language_count++] = (enum language)found;
    }
    if (config->language_count == 0)
        yaml_fail(file, node, "language: zh, en or [zh, en]");
}

static void read_mqtt(struct yaml_file *file, struct yaml_map *root, struct led_config *config)
{
    char url[256] = "mqtt://127.0.0.1:1883";
    const yaml_node_t *node = yaml_get(root, "mqtt");
    struct yaml_map map = yaml_map_of(file, node);
    yaml_text(&map, "url", url, sizeof url);
    yaml_text(&map, "user", config->mqtt.user, sizeof config->mqtt.user);
    yaml_path(&map, "password_file", config->mqtt.password_file, LED_PATH_SIZE);
    yaml_path(&map, "ca_file", config->mqtt.ca_file, LED_PATH_SIZE);
    yaml_path(&map, "cert_file", config->mqtt.cert_file, LED_PATH_SIZE);
    yaml_path(&map, "key_file", config->mqtt.key_file, LED_PATH_SIZE);
    yaml_duration(&map, "batch", 0, 24 * 3600000LL, &config->mqtt.batch_ms);
    config->mqtt.preview = yaml_flag(&map, "preview", true);
    yaml_map_end(&map);
    config->mqtt.tls = strncmp(url, "mqtts://", 8) == 0;
    config->mqtt.port = config->mqtt.tls ? 8883 : 1883;
    const char *rest = config->mqtt.tls ? url + 8 : url + 7;
    if ((!config->mqtt.tls && strncmp(url, "mqtt://", 7) != 0) ||
        !split_host(rest, config->mqtt.host, LED_HOST_SIZE, &config->mqtt.port))
        yaml_fail(file, node, "url: mqtt://HOST:PORT or mqtts://HOST:PORT is needed");
    if (config->mqtt.tls && config->mqtt.ca_file[0] == '\0')
        yaml_fail(file, node, "mqtts needs ca_file: the certificate the broker is checked against");
    if (config->mqtt.user[0] == '\0')
        yaml_fail(file, node, "mqtt.user and mqtt.password_file are needed");
}

static void read_screen(struct yaml_file *file, struct yaml_map *root, struct led_config *config)
{
    const yaml_node_t *node = yaml_get(root, "screen");
    struct yaml_map map = yaml_map_of(file, node);
    yaml_int(&map, "width", CANVAS_WIDTH_MIN, CANVAS_SIDE_MAX, &config->width);
    yaml_int(&map, "height", CANVAS_HEIGHT_MIN, CANVAS_SIDE_MAX, &config->height);
    yaml_real(&map, "pitch", 0.5, 100, &config->pitch_mm);
    yaml_real(&map, "distance", 0, 1000, &config->distance_m);
    yaml_map_end(&map);
}

static void read_location(struct yaml_file *file, struct yaml_map *root, struct led_config *config)
{
    const yaml_node_t *node = yaml_get(root, "location");
    struct yaml_map map = yaml_map_of(file, node);
    config->latitude = config->longitude = 1000;
    yaml_real(&map, "lat", -90, 90, &config->latitude);
    yaml_real(&map, "lon", -180, 180, &config->longitude);
    yaml_map_end(&map);
    config->located = config->latitude < 1000 && config->longitude < 1000;
    if (node && !config->located)
        yaml_fail(file, node, "location needs both lat and lon in degrees");
}

static void read_brightness(struct yaml_file *file, struct yaml_map *root,
                            struct led_config *config)
{
    struct brightness_config *b = &config->brightness;
    struct yaml_map map = yaml_map_of(file, yaml_get(root, "brightness"));
    yaml_int(&map, "day", 1, 100, &b->day);
    yaml_int(&map, "night", 0, 100, &b->night);
    yaml_int(&map, "power_limit", 5, 100, &b->power_limit);
    yaml_text(&map, "lux", b->lux, sizeof b->lux);
    yaml_real(&map, "lux_full", 10, 200000, &b->lux_full);
    const yaml_node_t *node = yaml_get(&map, "off");
    struct yaml_map off = yaml_map_of(file, node);
    yaml_clock(&off, "from", &b->off_from);
    yaml_clock(&off, "to", &b->off_to);
    yaml_map_end(&off);
    if (node && (b->off_from < 0 || b->off_to < 0))
        yaml_fail(file, node, "off needs from and to, e.g. { from: \"23:00\", to: \"05:00\" }");
    yaml_map_end(&map);
}

static void read_output(struct yaml_file *file, const yaml_node_t *node,
                        struct output_config *output)
{
    static const char *const types[] = {"ddp", "framebuffer", "terminal", "png", NULL};
    static const char *const formats[] = {"rgb888", "bgr888", "xrgb8888", "rgb565", NULL};
    int type = -1, format = PIXEL_XRGB8888;
    char to[LED_HOST_SIZE] = "";
    struct yaml_map map = yaml_map_of(file, node);
    output->port = DDP_PORT;
    yaml_choice(&map, "type", types, &type);
    output->type = (enum output_type)(type < 0 ? 0 : type);
    if (output->type == OUTPUT_DDP)
        yaml_text(&map, "to", to, sizeof to);
    if (output->type == OUTPUT_PNG)
        yaml_path(&map, "file", output->path, sizeof output->path);
    if (output->type == OUTPUT_FRAMEBUFFER) {
        yaml_path(&map, "device", output->path, sizeof output->path);
        yaml_int(&map, "x", 0, 10000, &output->x);
        yaml_int(&map, "y", 0, 10000, &output->y);
        yaml_choice(&map, "format", formats, &format);
        yaml_int(&map, "stride", 0, 100000, &output->stride);
    }
    output->format = (enum pixel_format)format;
    yaml_map_end(&map);
    bool path = output->type == OUTPUT_PNG || output->type == OUTPUT_FRAMEBUFFER;
    if (type < 0)
        yaml_fail(file, node, "type is missing; one of ddp, framebuffer, terminal, png");
    else if (output->type == OUTPUT_DDP &&
             !split_host(to, output->host, sizeof output->host, &output->port))
        yaml_fail(file, node, "a ddp output needs to: HOST or HOST:PORT");
    else if (path && output->path[0] == '\0')
        yaml_fail(file, node, "%s is missing", output->type == OUTPUT_PNG ? "file" : "device");
}

static void read_outputs(struct yaml_file *file, struct yaml_map *root, struct led_config *config)
{
    const yaml_node_t *node = yaml_get(root, "outputs");
    if (!node)
        return;
    int count = yaml_count(file, node);
    if (count > LED_OUTPUTS_MAX)
        yaml_fail(file, node, "at most %d outputs", LED_OUTPUTS_MAX);
    for (int i = 0; i < count && !yaml_failed(file); i++)
        read_output(file, yaml_item(file, node, i), &config->outputs[config->output_count++]);
}

static void read_board(struct yaml_file *file, const yaml_node_t *node, struct board_config *board)
{
    struct yaml_map map = yaml_map_of(file, node);
    board->scale = 10;
    board->none = -32768;
    yaml_text(&map, "device", board->device, sizeof board->device);
    yaml_text(&map, "name", board->name, sizeof board->name);
    yaml_text(&map, "value", board->value, sizeof board->value);
    yaml_real(&map, "scale", 0.0001, 10000, &board->scale);
    yaml_int(&map, "none", -2147483647, 2147483647, &board->none);
    yaml_map_end(&map);
    if (!valid_name(board->device) || board->name[strspn(board->name, NAME_SIGNS "_")] != '\0' ||
        board->name[0] == '\0' || board->value[0] == '\0')
        yaml_fail(file, node,
                  "a board needs device and name (a-z, 0-9, -) and value, "
                  "e.g. { device: board-1, name: line1, value: plot/a/air_temperature }");
}

static void read_boards(struct yaml_file *file, struct yaml_map *root, struct led_config *config)
{
    const yaml_node_t *node = yaml_get(root, "boards");
    if (!node)
        return;
    int count = yaml_count(file, node);
    if (count > LED_BOARDS_MAX)
        yaml_fail(file, node, "at most %d boards", LED_BOARDS_MAX);
    for (int i = 0; i < count && !yaml_failed(file); i++)
        read_board(file, yaml_item(file, node, i), &config->boards[config->board_count++]);
}

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

bool led_config_load(struct led_config *config, const char *path, struct yaml_error *error)
{
    struct yaml_file file;
    set_defaults(config);
    if (!yaml_open(&file, path, error))
        return false;
    struct yaml_map root = yaml_map_of(&file, yaml_root(&file));
    yaml_text(&root, "site", config->site, sizeof config->site);
    yaml_text(&root, "farm", config->farm, sizeof config->farm);
    yaml_text(&root, "timezone", config->timezone, sizeof config->timezone);
    yaml_path(&root, "pages", config->pages, sizeof config->pages);
    yaml_path(&root, "fonts", config->fonts, sizeof config->fonts);
    read_languages(&file, &root, config);
    read_location(&file, &root, config);
    read_mqtt(&file, &root, config);
    read_screen(&file, &root, config);
    read_brightness(&file, &root, config);
    read_outputs(&file, &root, config);
    read_boards(&file, &root, config);
    yaml_map_end(&root);
    if (!valid_name(config->site))
        yaml_fail(&file, root.node, "site is missing or not a name of a-z, 0-9 and -");
    if (config->pages[0] == '\0')
        yaml_fail(&file, root.node, "pages is missing; the file that says what to show");
    yaml_close(&file);
    return error->text[0] == '\0';
}

bool led_config_output(struct led_config *config, const char *text)
{
    struct output_config output = {.port = DDP_PORT, .format = PIXEL_XRGB8888};
    const char *colon = strchr(text, ':');
    bool good = false;
    if (strcmp(text, "terminal") == 0) {
        output.type = OUTPUT_TERMINAL;
        good = true;
    } else if (colon && strncmp(text, "ddp:", 4) == 0) {
        output.type = OUTPUT_DDP;
        good = split_host(colon + 1, output.host, sizeof output.host, &output.port);
    } else if (colon && (strncmp(text, "png:", 4) == 0 || strncmp(text, "framebuffer:", 12) == 0)) {
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
