/* SPDX-License-Identifier: Apache-2.0 */
/* Two passes: every section is read into a draft (names still text), then resolve.c ties names to
 * indices and looks for contradictions. */
#include "gateway/daemon/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/keys.h"
#include "gateway/common/units.h"
#include "gateway/daemon/config/draft.h"
#include "gateway/daemon/config/profile.h"

#define ZONES "/usr/share/zoneinfo"

/* ---- plots ---- */

static bool read_plot_devices(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    ((struct draft_plot *)target)->devices = value;
    if (value->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, yaml_line(value),
                          "devices must be a list; write for example [plot-1, soil-7]");
    return true;
}

/* The order of enum plot_standard and enum plot_soil, behind their NONE. */
static const char *const standards[] = {"bud", "1B1L", "1B2L", "1B3L", NULL};
static const char *const soils[] = {"sand", "loamy-sand",      "sandy-loam", "loam", "silt-loam",
                                    "silt", "silty-clay-loam", "silty-clay", "clay", NULL};

static bool read_standard(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct plot_config *plot = &((struct draft_plot *)target)->plot;
    static const struct key key = {
        .name = "standard", .kind = KEY_CHOICE, .size = 1, .choices = standards, .example = "1B1L"};
    if (!keys_read_one(source, value, &key, &plot->standard_kind))
        return false;
    strcpy(plot->standard, standards[plot->standard_kind++]);
    return true;
}

static bool read_soil(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct plot_config *plot = &((struct draft_plot *)target)->plot;
    static const struct key key = {
        .name = "soil", .kind = KEY_CHOICE, .size = 1, .choices = soils, .example = "loam"};
    if (!keys_read_one(source, value, &key, &plot->soil))
        return false;
    plot->soil++;
    return true;
}

static bool read_root_depth(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    double *root_m = &((struct draft_plot *)target)->plot.root_m;
    const char *text = yaml_text(value);
    if (text != NULL && units_length_m(text, root_m) && *root_m >= 0.1 && *root_m <= 3)
        return true;
    return yaml_error(source, yaml_line(value),
                      "root_depth: \"%.60s\" is not a depth of 10cm to 3m; write for example "
                      "root_depth: 50cm",
                      text != NULL ? text : "");
}

static bool read_last_year(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    double *kg = &((struct draft_plot *)target)->plot.last_year_kg;
    const char *text = yaml_text(value);
    if (text != NULL && units_mass_kg(text, kg) && *kg > 0)
        return true;
    return yaml_error(source, yaml_line(value),
                      "last_year: \"%.60s\" is not a weight of fresh leaf with its unit (kg, jin); "
                      "write for example last_year: 85kg",
                      text != NULL ? text : "");
}

#define PLOT(member) KEY_MEMBER(struct draft_plot, plot.member)

static bool read_at(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "lat",
         .kind = KEY_NUMBER,
         PLOT(latitude),
         .min = -90,
         .max = 90,
         .required = true,
         .example = "26.5012"},
        {.name = "lon",
         .kind = KEY_NUMBER,
         PLOT(longitude),
         .min = -180,
         .max = 180,
         .required = true,
         .example = "107.9034"},
    };
    struct draft_plot *draft = target;
    draft->plot.placed = true;
    return keys_read(source, value, "at", keys, sizeof keys / sizeof *keys, draft);
}

static const struct key plot_keys[] = {
    {.name = "name", .kind = KEY_NAME, PLOT(name), .required = true, .example = "upper"},
    {.name = "label", .kind = KEY_TEXT, PLOT(label), .example = "上坡"},
    {.name = "area", .kind = KEY_AREA, PLOT(area_m2), .min = 1, .max = 1e9, .example = "2.5mu"},
    {.name = "cultivar", .kind = KEY_NAME, PLOT(cultivar), .example = "baiye-1"},
    {.name = "standard", .kind = KEY_FUNCTION, .read = read_standard},
    {.name = "soil", .kind = KEY_FUNCTION, .read = read_soil},
    {.name = "root_depth", .kind = KEY_FUNCTION, .read = read_root_depth},
    {.name = "last_year", .kind = KEY_FUNCTION, .read = read_last_year},
    {.name = "gate", .kind = KEY_NUMBER, PLOT(gate_cd), .min = 10, .max = 400, .example = "67"},
    {.name = "at", .kind = KEY_FUNCTION, .read = read_at},
    {.name = "devices", .kind = KEY_FUNCTION, .read = read_plot_devices},
};

static bool read_plot(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct draft_plot *draft = target;
    draft->line = yaml_line(item);
    draft->plot.root_m = 0.5; /* most of what a tea bush drinks comes from there */
    return keys_read(source, item, "a plot", plot_keys, sizeof plot_keys / sizeof *plot_keys,
                     draft);
}

/* ---- the file ---- */

#define CONFIG(member) KEY_MEMBER(struct config, member)
#define SECTION(name)                                                                              \
    static bool read_##name(struct yaml_source *source, const yaml_node_t *value, void *target)

/* The C library takes what it does not know for UTC and says nothing: days would end at eight in
 * the morning. Where the system has no list of zones any name will do. */
static bool known_timezone(const char *name)
{
    char path[128];
    int size = snprintf(path, sizeof path, ZONES "/%s", name);
    if (strcmp(name, "UTC") == 0 || access(ZONES, X_OK) != 0)
        return true;
    return size > 0 && (size_t)size < sizeof path && name[0] != '/' && strstr(name, "..") == NULL &&
           access(path, R_OK) == 0;
}

SECTION(location)
{
    static const struct key keys[] = {
        {.name = "lat",
         .kind = KEY_NUMBER,
         CONFIG(latitude),
         .min = -90,
         .max = 90,
         .example = "26.5"},
        {.name = "lon",
         .kind = KEY_NUMBER,
         CONFIG(longitude),
         .min = -180,
         .max = 180,
         .example = "107.9"},
        {.name = "timezone", .kind = KEY_TEXT, CONFIG(timezone), .example = "Asia/Shanghai"},
    };
    struct config *config = ((struct draft *)target)->config;
    if (!keys_read(source, value, "location", keys, sizeof keys / sizeof *keys, config))
        return false;
    if (!known_timezone(config->timezone))
        return yaml_error(source, yaml_line(value),
                          "timezone: \"%s\" is no time zone; write for example timezone: "
                          "Asia/Shanghai",
                          config->timezone);
    return true;
}

#define FORECAST_URL                                                                               \
    "https://api.open-meteo.com/v1/forecast?latitude=26.5&longitude=107.9&timeformat=unixtime"     \
    "&hourly=temperature_2m,precipitation,precipitation_probability"

static bool read_forecast_url(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct config *config = target;
    const char *text = yaml_text(value);
    if (!draft_is_https(text, sizeof config->forecast_url))
        return yaml_error(source, yaml_line(value),
                          "url: \"%.60s\" is not an address with https; write for example url: %s",
                          text != NULL ? text : "", FORECAST_URL);
    (void)snprintf(config->forecast_url, sizeof config->forecast_url, "%s", text);
    return true;
}

SECTION(forecast)
{
    static const struct key keys[] = {
        {.name = "file",
         .kind = KEY_PATH,
         CONFIG(forecast_file),
         .example = "/var/lib/baiye/weather.json"},
        {.name = "url", .kind = KEY_FUNCTION, .read = read_forecast_url},
        {.name = "ca_file",
         .kind = KEY_PATH,
         CONFIG(forecast_ca_file),
         .example = "/etc/baiye/weather-ca.pem"},
        {.name = "canopy_below",
         .kind = KEY_NUMBER,
         CONFIG(canopy_below_k),
         .min = 0,
         .max = 6,
         .example = "2.5"},
        {.name = "lost_flush",
         .kind = KEY_NUMBER,
         CONFIG(lost_flush),
         .min = 0.001,
         .max = 1e9,
         .example = "10"},
        {.name = "night_work",
         .kind = KEY_NUMBER,
         CONFIG(night_work),
         .min = 0.001,
         .max = 1e9,
         .example = "3"},
    };
    struct config *config = ((struct draft *)target)->config;
    if (!keys_read(source, value, "forecast", keys, sizeof keys / sizeof *keys, config))
        return false;
    if (config->forecast_file[0] != '\0' && config->forecast_url[0] != '\0')
        return yaml_error(source, yaml_line(value),
                          "forecast: the weather comes from file: or from url:, not from both");
    if (config->night_work >= config->lost_flush)
        return yaml_error(source, yaml_line(value),
                          "forecast: a night's work costs as much as the flush that it saves; "
                          "write for example night_work: 3 with lost_flush: 10");
    return true;
}

SECTION(store)
{
    static const struct key keys[] = {
        {.name = "path",
         .kind = KEY_PATH,
         CONFIG(store_path),
         .example = "/var/lib/baiye/readings.db"},
        {.name = "max_size",
         .kind = KEY_BYTES,
         CONFIG(store_max_bytes),
         .min = 1e6,
         .max = 1e13,
         .example = "512MB"},
        {.name = "commit_every",
         .kind = KEY_MS,
         CONFIG(commit_every_ms),
         .min = 10,
         .max = 60000,
         .example = "1s"},
    };
    return keys_read(source, value, "store", keys, sizeof keys / sizeof *keys,
                     ((struct draft *)target)->config);
}

static bool read_listen(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct config *config = target;
    const char *text = yaml_text(value);
    config->http_port = 8080;
    if (text == NULL ||
        !units_host(text, config->http_host, sizeof config->http_host, &config->http_port))
        return yaml_error(source, yaml_line(value),
                          "listen: \"%.60s\" is not address:port; write for "
                          "example listen: 127.0.0.1:8080",
                          text != NULL ? text : "");
    return true;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

SECTION(http)
{
    static const struct key keys[] = {
        {.name = "listen",
         .kind = KEY_FUNCTION,
         .read = read_listen,
         .required = true,
         .example = "127.0.0.1:8080"},
        {.name = "cert_file", .kind = KEY_PATH, CONFIG(http_cert_file), .example = "gw.pem"},
        {.name = "key_file", .kind = KEY_PATH, CONFIG(http_key_file), .example = "gw.key"},
        {.name = "app_dir", .kind = KEY_PATH, CONFIG(app_dir), .example = "/usr/share/baiye/app"},
    };
    struct config *config = ((struct draft *)target)->config;
    if (!keys_read(source, value, "http", keys, sizeof keys / sizeof *keys, config))
        return false;
    if (!is_loopback(config->http_host) &&
        (!config->http_cert_file[0] || !config->http_key_file[0]))
        return yaml_error(source, yaml_line(value),
                          "http listens on %s without TLS; add cert_file and "
                          "key_file, or listen on 127.0.0.1",
                          config->http_host);
    return true;
}

SECTION(control)
{
    static const struct key keys[] = {
        {.name = "socket",
         .kind = KEY_PATH,
         CONFIG(control_socket),
         .example = "/run/baiye/control.sock"},
        {.name = "password_socket",
         .kind = KEY_PATH,
         CONFIG(password_socket),
         .example = "/run/baiye-password.sock"},
        {.name = "config_socket",
         .kind = KEY_PATH,
         CONFIG(config_socket),
         .example = "/run/baiye-config.sock"},
    };
    return keys_read(source, value, "control", keys, sizeof keys / sizeof *keys,
                     ((struct draft *)target)->config);
}

SECTION(mqtt)
{
    struct config *config = ((struct draft *)target)->config;
    return keys_list(source, value, "mqtt", 8, sizeof *config->brokers, (void **)&config->brokers,
                     &config->broker_count, draft_broker);
}

SECTION(plots)
{
    struct draft *draft = target;
    return keys_list(source, value, "plots", 1000, sizeof *draft->plots, (void **)&draft->plots,
                     &draft->plot_count, read_plot);
}

SECTION(buses)
{
    struct draft *draft = target;
    return keys_list(source, value, "buses", BUSES_MAX, sizeof *draft->buses,
                     (void **)&draft->buses, &draft->bus_count, draft_bus);
}

SECTION(alerts)
{
    struct draft *draft = target;
    const char *text = yaml_text(value);
    draft->no_alerts = text != NULL && strcmp(text, "none") == 0;
    return draft->no_alerts || keys_list(source, value, "alerts", 200, sizeof *draft->alerts,
                                         (void **)&draft->alerts, &draft->alert_count, draft_alert);
}

SECTION(actions)
{
    struct draft *draft = target;
    return keys_list(source, value, "actions", ACTIONS_MAX, sizeof *draft->actions,
                     (void **)&draft->actions, &draft->action_count, draft_action);
}

SECTION(notify)
{
    struct config *config = ((struct draft *)target)->config;
    return keys_list(source, value, "notify", WAYS_MAX, sizeof *config->ways,
                     (void **)&config->ways, &config->way_count, draft_way);
}

SECTION(groups)
{
    (void)source;
    ((struct draft *)target)->groups = value;
    return true;
}

SECTION(escalate)
{
    static const struct key key = {.name = "escalate",
                                   .kind = KEY_S,
                                   CONFIG(escalate_s),
                                   .min = 60,
                                   .max = 86400,
                                   .example = "10min"};
    return keys_read_one(source, value, &key, ((struct draft *)target)->config);
}

SECTION(profiles)
{
    struct draft *draft = target;
    char ignored[CONFIG_PATH_SIZE];
    draft->profile_dir_line = (int)value->start_mark.line + 1;
    return draft->kept ? keys_path(source, value, ignored, sizeof ignored)
                       : keys_path(source, value, draft->profile_dir, sizeof draft->profile_dir);
}

static bool read_site(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {
        .name = "site", .kind = KEY_NAME, CONFIG(site), .example = "baiye-1"};
    return keys_read_one(source, value, &key, ((struct draft *)target)->config);
}

static bool read_label(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {
        .name = "label", .kind = KEY_TEXT, CONFIG(label), .example = "白叶一号茶园"};
    return keys_read_one(source, value, &key, ((struct draft *)target)->config);
}

static const struct key file_keys[] = {
    {.name = "site",
     .kind = KEY_FUNCTION,
     .read = read_site,
     .required = true,
     .example = "baiye-1"},
    {.name = "label", .kind = KEY_FUNCTION, .read = read_label},
    {.name = "location", .kind = KEY_FUNCTION, .read = read_location},
    {.name = "forecast", .kind = KEY_FUNCTION, .read = read_forecast},
    {.name = "store", .kind = KEY_FUNCTION, .read = read_store},
    {.name = "http", .kind = KEY_FUNCTION, .read = read_http},
    {.name = "control", .kind = KEY_FUNCTION, .read = read_control},
    {.name = "profiles", .kind = KEY_FUNCTION, .read = read_profiles},
    {.name = "mqtt", .kind = KEY_FUNCTION, .read = read_mqtt},
    {.name = "plots", .kind = KEY_FUNCTION, .read = read_plots},
    {.name = "buses",
     .kind = KEY_FUNCTION,
     .read = read_buses,
     .required = true,
     .example = "[{ name: east, port: /dev/serial/by-id/usb-FTDI-if00, devices: […] }]"},
    {.name = "alerts", .kind = KEY_FUNCTION, .read = read_alerts},
    {.name = "actions", .kind = KEY_FUNCTION, .read = read_actions},
    {.name = "notify", .kind = KEY_FUNCTION, .read = read_notify},
    {.name = "groups", .kind = KEY_FUNCTION, .read = read_groups},
    {.name = "escalate", .kind = KEY_FUNCTION, .read = read_escalate},
    {.name = "heartbeat", .kind = KEY_FUNCTION, .read = draft_heartbeat},
};

static void draft_free(struct draft *draft)
{
    for (unsigned i = 0; i < draft->bus_count; i++)
        free(draft->buses[i].devices);
    free(draft->buses);
    free(draft->plots);
    free(draft->alerts);
    free(draft->actions);
}

static void set_defaults(struct config *config, const char *file)
{
    (void)snprintf(config->file, sizeof config->file, "%s", file);
    strcpy(config->timezone, "UTC");
    strcpy(config->store_path, "/var/lib/baiye/readings.db");
    strcpy(config->control_socket, "/run/baiye/control.sock");
    strcpy(config->password_socket, "/run/baiye-password.sock");
    strcpy(config->config_socket, "/run/baiye-config.sock");
    config->store_max_bytes = 512000000;
    config->commit_every_ms = 1000;
    config->escalate_s = 600;
    config->lost_flush = 10;
    config->night_work = 3;
}

/* Every mistake of the file's parts; and if there is none, of how they fit together. */
bool config_check(const char *file, const char *profile_dir, struct yaml_errors *errors)
{
    struct yaml_source source;
    struct draft draft = {.config = calloc(1, sizeof *draft.config)};
    *errors = (struct yaml_errors){0};
    if (draft.config == NULL)
        return false;
    set_defaults(draft.config, file);
    if (profile_dir != NULL)
        (void)snprintf(draft.profile_dir, sizeof draft.profile_dir, "%s", profile_dir);
    if (yaml_open_all(&source, file, errors) &&
        keys_read(&source, yaml_root(&source), "the configuration", file_keys,
                  sizeof file_keys / sizeof *file_keys, &draft) &&
        !source.failed)
        (void)draft_resolve(&source, &draft);
    yaml_close(&source);
    draft_free(&draft);
    config_free(draft.config);
    return errors->count == 0;
}

/* Reads `path` as if it were `file`. */
static struct config *load(const char *path, const char *file, const char *profile_dir, bool kept,
                           struct config_error *error)
{
    struct yaml_source source;
    struct draft draft = {.config = calloc(1, sizeof *draft.config), .kept = kept};
    error->text[0] = '\0';
    if (draft.config == NULL) {
        (void)snprintf(error->text, sizeof error->text, "out of memory");
        return NULL;
    }
    set_defaults(draft.config, file);
    if (profile_dir != NULL)
        (void)snprintf(draft.profile_dir, sizeof draft.profile_dir, "%s", profile_dir);
    bool good = yaml_open(&source, path, error);
    (void)snprintf(source.file, sizeof source.file, "%s", file); /* relative paths begin there */
    good = good &&
           keys_read(&source, yaml_root(&source), "the configuration", file_keys,
                     sizeof file_keys / sizeof *file_keys, &draft) &&
           draft_resolve(&source, &draft);
    yaml_close(&source);
    draft_free(&draft);
    (void)snprintf(draft.config->profile_dir, sizeof draft.config->profile_dir, "%s",
                   draft.profile_dir);
    if (good)
        return draft.config;
    config_free(draft.config);
    return NULL;
}

struct config *config_load(const char *file, const char *profile_dir, struct config_error *error)
{
    return load(file, file, profile_dir, false, error);
}

struct config *config_load_copy(const char *path, const char *file, const char *profile_dir,
                                struct config_error *error)
{
    return load(path, file, profile_dir, false, error);
}

struct config *config_load_last_good(const char *folder, const char *file,
                                     struct config_error *error)
{
    char path[2 * CONFIG_PATH_SIZE], profiles[CONFIG_PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/baiye.yaml", folder);
    int profiles_size = snprintf(profiles, sizeof profiles, "%s/profiles", folder);
    if (size > 0 && (size_t)size < sizeof path && profiles_size > 0 &&
        (size_t)profiles_size < sizeof profiles)
        return load(path, file, profiles, true, error);
    (void)snprintf(error->text, sizeof error->text, "the path %.200s is too long", folder);
    return NULL;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (unsigned i = 0; config->buses != NULL && i < config->bus_count; i++) {
        free(config->buses[i].devices);
        free(config->buses[i].dial_in);
    }
    for (unsigned i = 0; config->plots != NULL && i < config->plot_count; i++)
        free(config->plots[i].devices);
    for (unsigned i = 0; config->profiles != NULL && i < config->profile_count; i++)
        profile_free(&config->profiles[i]);
    free(config->buses);
    free(config->devices);
    free(config->brokers);
    free(config->plots);
    free(config->profiles);
    for (unsigned i = 0; i < config->alert_count; i++)
        free(config->alerts[i].devices);
    free(config->alerts);
    for (unsigned i = 0; i < config->action_count; i++) {
        free(config->actions[i].rule_devices);
        free(config->actions[i].until_devices);
    }
    free(config->actions);
    free(config->ways);
    free(config);
}
