/* SPDX-License-Identifier: Apache-2.0 */
/* The county programs' file: which broker, which database. Read once, immutable. */
#ifndef BAIYE_COUNTY_SETTINGS_H
#define BAIYE_COUNTY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/common/config_error.h"
#include "gateway/common/yaml.h"
#include "gateway/county/web.h"
#include "gateway/daemon/config/config.h"

#define SETTINGS_BROKERS_MAX 8

struct settings {
    char instance[CONFIG_NAME_SIZE]; /* told apart at the broker and in the log */
    /* tcp://HOST:PORT or ssl://HOST:PORT, as Paho wants it; all are of one kind */
    char uris[SETTINGS_BROKERS_MAX][300];
    uint32_t broker_count; /* at least 1 */
    bool tls;
    char user[65];
    char password_file[CONFIG_PATH_SIZE], ca_file[CONFIG_PATH_SIZE];
    char cert_file[CONFIG_PATH_SIZE], key_file[CONFIG_PATH_SIZE];
    char prefix[65]; /* before baiye/, as a broker's mount_point makes it: "gw/" */
    uint32_t keepalive_s;
    char database[256]; /* libpq's connection string */
    uint32_t keep_raw_s;
    uint32_t settle_s;   /* baiye-ingest: so long a broker may take to hand out what it keeps */
    uint32_t patience_s; /* baiye-county: a hole as old as that is asked for */
    uint32_t again_s;    /* .. and again after so long, if it is still there */
    struct web_settings http;         /* baiye-county */
    char page_dir[CONFIG_PATH_SIZE];  /* .. files of the page */
    uint32_t silent_s;                /* .. a garden that is silent for longer is one to look at */
    uint32_t escalate_s;              /* .. unanswered for so long, the next group is told */
    char state_dir[CONFIG_PATH_SIZE]; /* .. what waits to be told */
    struct config *notify;            /* .. by which ways, to whom; as long as the program runs */
    const yaml_node_t *groups;        /* only while it is read */
    struct {
        char ca_file[CONFIG_PATH_SIZE]; /* of the gateways; "" : nobody enrols */
        char key_file[CONFIG_PATH_SIZE];
        char crl_file[CONFIG_PATH_SIZE]; /* what the brokers read */
    } enrol;                             /* .. */
};

/* false: `error` says FILE:LINE, what is wrong and what would be right. */
bool settings_load(struct settings *settings, const char *path, struct config_error *error);

#endif
