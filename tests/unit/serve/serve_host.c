/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP side alone, for tests: serve_host PORT BROKER_PORT APP_DIR [CERT KEY]. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/serve/serve.h"

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
    if (argc != 4 && argc != 6)
        return 64;
    copy(config.http_host, sizeof config.http_host, "127.0.0.1");
    config.http_port = (uint16_t)strtoul(argv[1], NULL, 10);
    copy(broker.host, sizeof broker.host, "127.0.0.1");
    broker.port = (uint16_t)strtoul(argv[2], NULL, 10);
    copy(config.app_dir, sizeof config.app_dir, argv[3]);
    if (argc == 6) {
        copy(config.http_cert_file, sizeof config.http_cert_file, argv[4]);
        copy(config.http_key_file, sizeof config.http_key_file, argv[5]);
    }
    config.brokers = &broker;
    config.broker_count = 1;
    serve = serve_open(&config);
    if (serve == NULL)
        return 70;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    serve_run(serve);
    serve_close(serve);
    return 0;
}
