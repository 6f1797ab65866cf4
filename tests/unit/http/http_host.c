/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's outside without its inside, for tests of hostile clients: HTTP, bridge and control
 * socket in front of a store and a bus that are made up.
 * http_host PORT BROKER_PORT APP_DIR [CERT KEY]; the control socket is control.sock in the folder
 * of APP_DIR, and there the file `users` may be. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/serve.h"
#include "tests/unit/rpc/fakes.h"

static struct serve *serve;

static void stop(int signal_number)
{
    (void)signal_number;
    serve_stop(serve);
}

static void copy(char *out, size_t size, const char *text)
{
    int length = snprintf(out, size, "%s", text);
    if (length < 0 || (size_t)length >= size)
        exit(64);
}

int main(int argc, char **argv)
{
    static struct config config;
    static struct broker_config broker;
    static struct bus_config bus;
    static struct profile_config profile;
    static struct field_config field;
    static struct device_config device;
    if (argc != 4 && argc != 6)
        return 64;
    copy(config.http_host, sizeof config.http_host, "127.0.0.1");
    config.http_port = (uint16_t)strtoul(argv[1], NULL, 10);
    copy(broker.url.host, sizeof broker.url.host, "127.0.0.1");
    broker.url.port = (uint16_t)strtoul(argv[2], NULL, 10);
    copy(config.app_dir, sizeof config.app_dir, argv[3]);
    if (argc == 6) {
        copy(config.http_cert_file, sizeof config.http_cert_file, argv[4]);
        copy(config.http_key_file, sizeof config.http_key_file, argv[5]);
    }
    int length = snprintf(config.control_socket, sizeof config.control_socket, "%s/../control.sock",
                          argv[3]);
    if (length < 0 || (size_t)length >= sizeof config.control_socket)
        return 64;
    length = snprintf(config.file, sizeof config.file, "%s/../baiye.yaml", argv[3]);
    if (length < 0 || (size_t)length >= sizeof config.file)
        return 64;
    copy(broker.name, sizeof broker.name, "local");
    config.brokers = &broker;
    config.broker_count = 1;
    config.buses = &bus;
    config.bus_count = 1;
    copy(bus.name, sizeof bus.name, "east");
    copy(profile.name, sizeof profile.name, "made-up");
    copy(field.metric, sizeof field.metric, "air_temperature");
    device.profile = &profile;
    device.unit = 1;
    device.metrics[device.metric_count++] = &field;
    copy(device.name, sizeof device.name, "plot-1");
    config.devices = &device;
    config.device_count = 1;
    fakes.now = (struct wall_ms){1795293274123, TIME_TRUSTED};
    fakes.history_points = 2000;
    struct rpc_parts parts = {.buses = fake_buses};
    serve = serve_open(&config);
    if (serve == NULL || !serve_start(serve, &parts, NULL))
        return 70;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    serve_run(serve);
    serve_close(serve);
    return 0;
}
