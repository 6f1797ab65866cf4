/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration between its two passes: read, but names not yet tied to what they name. */
#ifndef BAIYE_CONFIG_DRAFT_H
#define BAIYE_CONFIG_DRAFT_H

#include "gateway/common/yaml.h"
#include "gateway/daemon/config/config.h"

struct draft_device {
    struct device_config device;
    char profile[CONFIG_NAME_SIZE];
    const yaml_node_t *scales, *offsets; /* mappings from metrics to numbers, or NULL */
    const yaml_node_t *dues;             /* a mapping from metrics to days, or NULL */
};

struct draft_bus {
    struct bus_config bus;
    const yaml_node_t *port, *listen; /* or NULL */
    struct dial_in_config dial_in;
    int dial_in_line; /* of its registration, or of another of its keys; 0: it has none */
    struct draft_device *devices;
    uint16_t device_count;
};

struct draft_plot {
    struct plot_config plot;
    const yaml_node_t *devices; /* sequence of names, or NULL */
    int line;
};

struct draft_alert {
    struct alert_rule alert;
    const yaml_node_t *plots, *devices; /* sequences of names, or NULL: all */
    int limits;                         /* above, below and change seen */
    bool clear_set;
};

struct draft_action {
    struct action_config action;
    char device[CONFIG_NAME_SIZE], write[CONFIG_NAME_SIZE], rule[CONFIG_NAME_SIZE];
    const yaml_node_t *plots, *devices; /* sequences of names, or NULL: all */
    bool on_set, off_set, fail_set;
    uint8_t fail; /* 0 off, 1 keep */
};

struct draft {
    struct config *config;
    struct draft_bus *buses;
    struct draft_plot *plots;
    struct draft_alert *alerts;
    struct draft_action *actions;
    uint16_t bus_count, plot_count, alert_count, action_count;
    const yaml_node_t *groups; /* or NULL */
    bool no_alerts;            /* the file says so: not even the shipped rules */
    char profile_dir[CONFIG_PATH_SIZE];
    int profile_dir_line; /* 0: the file does not name it */
    bool kept;            /* a copy: its profiles are beside it, whatever it says of their folder */
};

/* One item of `buses`, into a struct draft_bus; its devices are the caller's to free. buses.c */
bool draft_bus(struct yaml_source *source, const yaml_node_t *item, void *target);
/* Its keys for a converter that connects to us; what they are together, with `listen` and without;
 * and whether it can be distinguished from another bus. dial_in.c */
bool draft_registration(struct yaml_source *source, const yaml_node_t *value, void *target);
bool draft_heartbeats(struct yaml_source *source, const yaml_node_t *value, void *target);
bool draft_from(struct yaml_source *source, const yaml_node_t *value, void *target);
bool draft_dial_in(struct yaml_source *source, struct draft_bus *draft, bool response_set);
bool draft_no_dial_in(struct yaml_source *source, const struct draft_bus *draft);
bool draft_dial_in_apart(struct yaml_source *source, const struct draft_bus *from,
                         const struct bus_config *other);
/* The numbers of `scale` and `offset`, once the device's metrics are known. adjust.c */
bool draft_adjust(struct yaml_source *source, const struct draft_device *draft,
                  struct device_config *device);
/* One item of `mqtt`, into a struct broker_config. brokers.c */
bool draft_broker(struct yaml_source *source, const yaml_node_t *item, void *target);

/* One item of `alerts`, into a struct draft_alert; and all of them, tied to devices, or the shipped
 * ones. alert_rules.c */
bool draft_alert(struct yaml_source *source, const yaml_node_t *item, void *target);
bool draft_alerts_resolve(struct yaml_source *source, struct draft *draft);

/* Marks the devices that two lists of names (or NULL) name; `kind` and `name` are those of their
 * entry, for messages. alert_rules.c */
bool draft_name_devices(struct yaml_source *source, const struct config *config,
                        const yaml_node_t *plots, const yaml_node_t *devices, const char *kind,
                        const char *name, bool *named);
/* A list of names that is not empty. alert_rules.c */
bool draft_names(struct yaml_source *source, const yaml_node_t *value, const char *key,
                 const yaml_node_t **names);
/* One item of `actions`, into a struct draft_action; and all of them, tied to what they name.
 * actions.c */
bool draft_action(struct yaml_source *source, const yaml_node_t *item, void *target);
bool draft_actions_resolve(struct yaml_source *source, struct draft *draft);

/* "2027-03-01" to 20270301; false: it is no day of the calendar. adjust.c */
bool draft_day(const char *text, int32_t *day);
/* "18:00" to 1080; moves `at` behind it. alert_rules.c */
bool draft_minute(const char **at, uint16_t *minute);
/* An address with https (of the machine itself also http) that fits into `size`. ways.c */
bool draft_is_https(const char *text, size_t size);
/* One item of `notify`, into a struct way_config; `heartbeat`; and groups, tied to ways. ways.c */
bool draft_way(struct yaml_source *source, const yaml_node_t *item, void *target);
bool draft_heartbeat(struct yaml_source *source, const yaml_node_t *value, void *target);
bool draft_ways_resolve(struct yaml_source *source, struct draft *draft);

/* Fills draft->config from the drafts: indices, profiles, defaults; checks what no single section
 * can see. False after the first error. */
bool draft_resolve(struct yaml_source *source, struct draft *draft);

/* As config_load(), of what last_good.h keeps in `folder`, as if it had been read from `file`.
 * load.c */
struct config *config_load_last_good(const char *folder, const char *file,
                                     struct config_error *error);
/* As config_load(), of a copy at `path`. load.c */
struct config *config_load_copy(const char *path, const char *file, const char *profile_dir,
                                struct config_error *error);

/* shown_unit.c: chooses each device's shown_units. */
void draft_units(struct config *config);

#endif
