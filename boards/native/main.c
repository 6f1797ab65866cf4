/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-node: the sensor node as a Linux process. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "boards/native/native.h"
#include "boards/native/slots.h"
#include "firmware/drivers/atmos14.h"
#include "firmware/drivers/rain_gauge.h"
#include "firmware/drivers/teros12.h"
#include "firmware/drivers/tmp105.h"
#include "firmware/node/node.h"

static const char usage[] =
    "usage: baiye-node --bus SOCKET --nv FILE [options]\n"
    "The sensor node's firmware on simulated wires; baiye-field starts it.\n"
    "  --bus SOCKET   RS-485 line\n"
    "  --sdi SOCKET   SDI-12 line: TEROS 12 at 0, ATMOS 14 at 1\n"
    "  --i2c SOCKET   I2C bus: TMP105 at 0x48\n"
    "  --rain SOCKET  contact of a tipping bucket: a byte a tip\n"
    "  --nv FILE      memory that stays: settings and log\n"
    "  --serial N     serial number (default 1)\n"
    "  --flash FILE   two slots for firmware images; without it no update is taken\n"
    "  --image FILE   what a flash that is not there yet is delivered with\n"
    "  --factory FILE factory page as `baiye flash` writes it; its serial number counts\n"
    "  --t35-us N     silence that ends a frame (default: by the baud rate)\n"
    "  --pace SOCKET  who keeps the time while nodes arbitrate\n"
    "  --warm 1       restarted, not powered up\n"
    "  --help, --version\n";

/* Wiring of this board: which sensor gives which channel. */
struct wiring {
    struct sdi12_line sdi;
    struct tmp105 air;
    struct teros12 soil;
    struct atmos14 humidity;
    struct rain_gauge rain;
    struct node_probe probes[4];
};

static void wire_up(struct wiring *w, const struct node *node)
{
    sdi12_line_init(&w->sdi);
    tmp105_init(&w->air, 0x48);
    teros12_init(&w->soil, &w->sdi, '0');
    atmos14_init(&w->humidity, &w->sdi, '1');
    w->probes[0] = (struct node_probe){&w->air.sensor, {CHANNEL_AIR_TEMPERATURE, -1, -1, -1}, 0};
    w->probes[1] = (struct node_probe){
        &w->soil.probe.sensor,
        {CHANNEL_SOIL_MOISTURE, CHANNEL_SOIL_TEMPERATURE, CHANNEL_SOIL_CONDUCTIVITY, -1},
        0};
    w->probes[2] =
        (struct node_probe){&w->humidity.probe.sensor, {CHANNEL_AIR_HUMIDITY, -1, -1, -1}, 0};
    rain_gauge_init(&w->rain, &node->settings.value[INDEX_SETTING_TIP]);
    w->probes[3] = (struct node_probe){&w->rain.sensor, {CHANNEL_RAINFALL, -1, -1, -1}, 0};
}

static uint32_t number(const char *name, const char *text, unsigned long max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (*text < '0' || *text > '9' || *end || value > max) {
        (void)fprintf(stderr, "baiye-node: --%s %s: a number up to %lu is wanted\n", name, text,
                      max);
        exit(EX_USAGE);
    }
    return (uint32_t)value;
}

static void read_arguments(int argc, char **argv, struct native_options *options,
                           struct node_config *config)
{
    static const struct option names[] = {
        {"bus", 1, NULL, 'b'},     {"sdi", 1, NULL, 's'},     {"i2c", 1, NULL, 'i'},
        {"rain", 1, NULL, 'a'},    {"nv", 1, NULL, 'n'},      {"serial", 1, NULL, 'r'},
        {"t35-us", 1, NULL, 't'},  {"factory", 1, NULL, 'f'}, {"warm", 1, NULL, 'w'},
        {"help", 0, NULL, 'h'},    {"flash", 1, NULL, 'l'},   {"image", 1, NULL, 'm'},
        {"version", 0, NULL, 'v'}, {"pace", 1, NULL, 'p'},    {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'b':
            options->bus = optarg;
            break;
        case 's':
            options->sdi = optarg;
            break;
        case 'i':
            options->i2c = optarg;
            break;
        case 'a':
            options->rain = optarg;
            break;
        case 'n':
            options->nv = optarg;
            break;
        case 'r':
            options->serial = number("serial", optarg, UINT32_MAX);
            break;
        case 'f':
            options->factory = optarg;
            break;
        case 'l':
            options->flash = optarg;
            break;
        case 'm':
            options->image = optarg;
            break;
        case 't':
            config->silence_us = number("t35-us", optarg, 10000000);
            break;
        case 'p':
            options->pace = optarg;
            break;
        case 'w':
            options->warm = number("warm", optarg, 1);
            break;
        case 'h':
            (void)fputs(usage, stdout);
            exit(0);
        case 'v':
            (void)printf("baiye-node %d.%d.%d\n", NODE_VERSION_MAJOR, NODE_VERSION_MINOR,
                         NODE_VERSION_PATCH);
            exit(0);
        default:
            (void)fputs(usage, stderr);
            exit(EX_USAGE);
        }
    }
}

int main(int argc, char **argv)
{
    static struct node node;
    static struct wiring wiring;
    struct node_config config = {0};
    struct native_options options = {.serial = 1, .argv = argv};
    read_arguments(argc, argv, &options, &config);
    if (options.bus == NULL || options.nv == NULL || optind != argc || options.serial == 0) {
        (void)fputs(usage, stderr);
        return EX_USAGE;
    }
    options.warm |= getenv("BAIYE_NODE_RETAINED") != NULL;
    /* Who keeps the line's time delivers at the node's own rate, and at no other. */
    config.no_power_up_line = options.warm || options.pace != NULL;
    if (!native_open(&options))
        return EX_UNAVAILABLE;
    if (options.flash != NULL) {
        config.update = slots_open(options.flash, options.image);
        if (config.update == NULL)
            return EX_UNAVAILABLE;
    }
    wire_up(&wiring, &node);
    config.probe_count = options.rain != NULL ? 4 : 3;
    config.probes = wiring.probes;
    config.sdi = &wiring.sdi;
    node_init(&node, &config);
    node_run(&node);
}
