/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/common/file_help.h"
#include "gateway/common/language.h"
#include "gateway/daemon/config/draft.h"
#include "gateway/daemon/config/profile.h"

static bool twice(struct yaml_source *source, int line, const char *what, const char *name,
                  int first)
{
    return yaml_error(source, line,
                      "%s \"%s\" stands twice (first in line %d); give each its own name", what,
                      name, first);
}

static bool allocate(struct yaml_source *source, size_t count, size_t size, void **items)
{
    *items = calloc(count ? count : 1, size);
    return *items != NULL || yaml_error(source, 1, "out of memory");
}

/* When all errors are wanted, the next item is looked at too. */
static bool goes_on(const struct yaml_source *source, bool good)
{
    return good || source->all != NULL;
}

/* ---- profiles ---- */

/* A folder that can't be looked into may have any of them: the package's must not take their place.
 * One that is not there has none. */
static bool look_at_folder(struct yaml_source *source, const struct draft *draft)
{
    static const char closed[] =
        N_("user %s must be let in: sudo chgrp -R %s and sudo chmod -R g+rX, both with its name");
    const char *folder = draft->profile_dir;
    const struct file_reader reader = file_reader_self();
    char help[FILE_HELP_SIZE];
    struct stat status;
    bool seen = folder[0] == '\0' || stat(folder, &status) == 0;
    if (folder[0] == '\0' || (seen && S_ISDIR(status.st_mode) && access(folder, R_OK | X_OK) == 0))
        return true;
    int error = seen && !S_ISDIR(status.st_mode) ? ENOTDIR : errno;
    if (error == ENOENT)
        return true;
    if (seen && error == EACCES && !reader.person)
        (void)snprintf(help, sizeof help, gettext(closed), reader.user, reader.group);
    else if (error == ENOTDIR)
        (void)snprintf(help, sizeof help, "%s", _("name the folder that the profiles are in"));
    else
        file_help(&reader, folder, error, gettext(closed) != closed, help);
    return yaml_error(source, draft->profile_dir_line > 0 ? draft->profile_dir_line : 1,
                      "profiles: can't look into %s: %s; %s", folder, strerror(error), help);
}

static bool load_profile(struct yaml_source *source, struct draft *draft,
                         const struct draft_device *device)
{
    struct config *config = draft->config;
    const char *folder = draft->profile_dir[0] ? draft->profile_dir : NULL;
    char path[CONFIG_PATH_SIZE + CONFIG_NAME_SIZE + 8];
    if (!profile_find(device->profile, folder, path, sizeof path)) {
        char nearest[CONFIG_NAME_SIZE];
        profile_nearest(device->profile, folder, nearest, sizeof nearest);
        if (nearest[0])
            return yaml_error(source, device->device.line,
                              "device \"%s\" has the unknown profile \"%s\"; "
                              "did you mean \"%s\"?",
                              device->device.name, device->profile, nearest);
        return yaml_error(source, device->device.line,
                          "device \"%s\" has the unknown profile \"%s\"; put "
                          "%s.yaml into the profile folder",
                          device->device.name, device->profile, device->profile);
    }
    struct profile_config *profile = &config->profiles[config->profile_count++];
    struct config_error error;
    if (profile_load(path, device->profile, profile, &error))
        return true;
    if (source->all != NULL) /* another file's line: the text names it */
        return yaml_error(source, 0, "%s", error.text);
    *source->error = error;
    source->failed = true;
    return false;
}

static const struct profile_config *find_profile(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->profile_count; i++) {
        if (strcmp(config->profiles[i].name, name) == 0)
            return &config->profiles[i];
    }
    return NULL;
}

/* ---- devices ---- */

static void publish_fields(struct device_config *device)
{
    for (unsigned i = 0; i < device->profile->field_count; i++) {
        const struct field_config *field = &device->profile->fields[i];
        if (field->metric[0] && !field->not_measured)
            device->metrics[device->metric_count++] = field;
    }
}

/* What Linux can set a serial port to; anything else would silently be another rate. */
bool config_rate_possible(uint32_t baud)
{
    static const uint32_t rates[] = {300,   600,   1200,   2400,   4800,   9600,  19200,
                                     38400, 57600, 115200, 230400, 460800, 921600};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        if (rates[i] == baud)
            return true;
    }
    return false;
}

static bool check_rate(struct yaml_source *source, int line, uint32_t baud)
{
    if (config_rate_possible(baud))
        return true;
    return yaml_error(source, line,
                      "no serial port can do %u baud; write the rate that the devices are set to, "
                      "for example baud: 9600",
                      baud);
}

static bool check_unit(struct yaml_source *source, const struct config *config,
                       const struct bus_config *bus, const struct device_config *device)
{
    if (bus->type != BUS_TCP && device->unit == 0) /* 0 is everybody there */
        return yaml_error(source, device->line,
                          "device \"%s\" has address %u; on a serial line "
                          "addresses are 1..247, some devices have up to 255",
                          device->name, device->unit);
    if (bus->type != BUS_RTU && (device->baud || device->parity))
        return yaml_error(source, device->line,
                          "device \"%s\" has a baud or parity, but bus \"%s\" is "
                          "not a serial port here; leave it out",
                          device->name, bus->name);
    if (device->baud && !check_rate(source, device->line, device->baud))
        return false;
    if (device->profile->node && device->every_ms >= 1000 && device->every_ms % 1000)
        return yaml_error(source, device->line,
                          "device \"%s\" samples in whole seconds; write for "
                          "example every: %us",
                          device->name, device->every_ms / 1000);
    for (unsigned i = 0; i < bus->device_count; i++) {
        const struct device_config *other = &config->devices[bus->devices[i]];
        if (other != device && other->unit == device->unit)
            return yaml_error(source, device->line,
                              "devices \"%s\" and \"%s\" of bus \"%s\" both have "
                              "address %u; give one another address",
                              other->name, device->name, bus->name, device->unit);
    }
    return true;
}

/* What is written again and again is written when the device's turn comes. */
static bool check_own_writes(struct yaml_source *source, const struct device_config *device)
{
    for (unsigned i = 0; i < device->profile->write_count; i++) {
        const struct write_config *write = &device->profile->writes[i];
        if (write->every_ms > 0 && write->every_ms < device->every_ms)
            return yaml_error(source, device->line,
                              "device \"%s\" needs %s written every %g s, but is asked every %g s; "
                              "write every: %gs or less",
                              device->name, write->name, write->every_ms / 1000.0,
                              device->every_ms / 1000.0, write->every_ms / 1000.0);
    }
    return true;
}

static bool add_device(struct yaml_source *source, struct draft *draft,
                       const struct draft_device *from, uint16_t bus_index)
{
    struct config *config = draft->config;
    struct bus_config *bus = &config->buses[bus_index];
    const struct device_config *same = config_device(config, from->device.name);
    if (same != NULL)
        return twice(source, from->device.line, "device", same->name, same->line);
    if (find_profile(config, from->profile) == NULL && !load_profile(source, draft, from))
        return false;
    struct device_config *device = &config->devices[config->device_count];
    *device = from->device;
    device->index = config->device_count++;
    device->bus = bus_index;
    device->profile = find_profile(config, from->profile);
    if (!device->label[0])
        strcpy(device->label, device->name);
    publish_fields(device);
    if (!draft_adjust(source, from, device) || !check_own_writes(source, device))
        return false;
    bus->devices[bus->device_count++] = device->index;
    return check_unit(source, config, bus, device);
}

static bool add_bus(struct yaml_source *source, struct draft *draft, const struct draft_bus *from)
{
    struct config *config = draft->config;
    for (unsigned i = 0; i < config->bus_count; i++) {
        const struct bus_config *other = &config->buses[i];
        if (strcmp(other->name, from->bus.name) == 0)
            return twice(source, from->bus.line, "bus", other->name, other->line);
        if (strcmp(other->port, from->bus.port) == 0 && other->tcp_port == from->bus.tcp_port &&
            other->type == BUS_RTU)
            return yaml_error(source, from->bus.line,
                              "buses \"%s\" and \"%s\" have the same port; a line "
                              "has one owner, list all its devices in one bus",
                              other->name, from->bus.name);
        if (!draft_dial_in_apart(source, from, other))
            return false;
    }
    if (from->bus.type == BUS_RTU && !check_rate(source, from->bus.line, from->bus.baud))
        return false;
    struct bus_config *bus = &config->buses[config->bus_count];
    *bus = from->bus;
    if (!allocate(source, from->device_count, sizeof *bus->devices, (void **)&bus->devices))
        return false;
    config->bus_count++;
    if (from->listen != NULL && !allocate(source, 1, sizeof *bus->dial_in, (void **)&bus->dial_in))
        return false;
    if (from->listen != NULL)
        *bus->dial_in = from->dial_in;
    bool good = true;
    for (unsigned i = 0; i < from->device_count && goes_on(source, good); i++)
        good =
            add_device(source, draft, &from->devices[i], (uint16_t)(config->bus_count - 1)) && good;
    return good;
}

static bool add_buses(struct yaml_source *source, struct draft *draft)
{
    struct config *config = draft->config;
    size_t devices = 0;
    for (unsigned i = 0; i < draft->bus_count; i++)
        devices += draft->buses[i].device_count;
    if (!allocate(source, devices, sizeof *config->devices, (void **)&config->devices) ||
        !allocate(source, devices, sizeof *config->profiles, (void **)&config->profiles) ||
        !allocate(source, draft->bus_count, sizeof *config->buses, (void **)&config->buses))
        return false;
    if (draft->bus_count == 0)
        return yaml_error(source, 1, "there is no bus; add one to buses");
    bool good = true;
    for (unsigned i = 0; i < draft->bus_count && goes_on(source, good); i++)
        good = add_bus(source, draft, &draft->buses[i]) && good;
    return good;
}

/* ---- plots, brokers ---- */

static bool unknown_device(struct yaml_source *source, const struct config *config,
                           const yaml_node_t *node, const struct plot_config *plot)
{
    const char *words[1025] = {NULL}, *name = yaml_text(node);
    for (unsigned i = 0; i < config->device_count && i < 1024; i++)
        words[i] = config->devices[i].name;
    const char *near = name != NULL ? yaml_nearest(name, words) : NULL;
    return yaml_error(source, yaml_line(node),
                      "plot \"%s\" names the unknown device \"%.40s\"; %s%s%s", plot->name,
                      name != NULL ? name : "?",
                      near != NULL ? _("did you mean \"") : _("add it to a bus"),
                      near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static bool add_plot(struct yaml_source *source, struct draft *draft, const struct draft_plot *from)
{
    struct config *config = draft->config;
    if (config_plot(config, from->plot.name) != NULL)
        return yaml_error(source, from->line, "plot \"%s\" stands twice; give each its own name",
                          from->plot.name);
    struct plot_config *plot = &config->plots[config->plot_count];
    *plot = from->plot;
    if (!plot->label[0])
        strcpy(plot->label, plot->name);
    const yaml_node_item_t *item =
        from->devices != NULL ? from->devices->data.sequence.items.start : NULL;
    size_t count = item != NULL ? (size_t)(from->devices->data.sequence.items.top - item) : 0;
    if (!allocate(source, count, sizeof *plot->devices, (void **)&plot->devices))
        return false;
    config->plot_count++;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *node = yaml_at(source, item[i]);
        const char *name = yaml_text(node);
        const struct device_config *device = name != NULL ? config_device(config, name) : NULL;
        if (device == NULL)
            return unknown_device(source, config, node, plot);
        for (unsigned j = 0; j < plot->device_count; j++) {
            if (plot->devices[j] == device->index)
                return yaml_error(source, yaml_line(node),
                                  "plot \"%s\" names device \"%s\" twice; once is enough",
                                  plot->name, name);
        }
        plot->devices[plot->device_count++] = device->index;
    }
    return true;
}

static bool add_plots(struct yaml_source *source, struct draft *draft)
{
    struct config *config = draft->config;
    if (!allocate(source, draft->plot_count, sizeof *config->plots, (void **)&config->plots))
        return false;
    bool good = true;
    for (unsigned i = 0; i < draft->plot_count && goes_on(source, good); i++)
        good = add_plot(source, draft, &draft->plots[i]) && good;
    return good;
}

static bool check_brokers(struct yaml_source *source, const struct config *config)
{
    for (unsigned i = 0; i < config->broker_count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (strcmp(config->brokers[i].name, config->brokers[j].name) == 0)
                return twice(source, config->brokers[i].line, "broker", config->brokers[i].name,
                             config->brokers[j].line);
        }
    }
    return true;
}

bool draft_resolve(struct yaml_source *source, struct draft *draft)
{
    if (!look_at_folder(source, draft) && source->all == NULL)
        return false;
    if (!add_buses(source, draft)) /* what names devices is judged with all of them only */
        return false;
    draft_units(draft->config);
    return add_plots(source, draft) && draft_alerts_resolve(source, draft) &&
           draft_ways_resolve(source, draft) && draft_actions_resolve(source, draft) &&
           check_brokers(source, draft->config);
}
