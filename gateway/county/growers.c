/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-growers: the farmers' app for who is not at the farm. Files, TLS and the bridge from
 * WebSocket to MQTT are the gateway's own (gateway/daemon/http), in front of a listener of the
 * county's broker that is for growers alone: that knows their passwords, and lets each read one
 * site. mosquitto's own WebSocket does not start where a process may have as many descriptors as
 * thousands of gateways need. One thread; no database, no key but that of its TLS. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "gateway/common/config_error.h"
#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/common/options.h"
#include "gateway/common/units.h"
#include "gateway/common/yaml.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/http/http.h"

#define ALIVE_MS 5000

struct address {
    char host[200];
    uint16_t port;
};

struct growers {
    struct address listen, broker;
    char cert_file[CONFIG_PATH_SIZE], key_file[CONFIG_PATH_SIZE], app_dir[CONFIG_PATH_SIZE];
    struct loop *loop;
    struct loop_fd signals;
    struct loop_timer alive;
    struct guess *guess;
    struct bridge *bridge;
    struct auth *auth;
    struct auth_report report;
    struct log_rate wrong_logins;
    struct http *http;
};

/* ---- Its file ---- */

static bool read_listen(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct growers *growers = target;
    const char *text = yaml_text(node);
    growers->listen.port = 8444;
    if (text != NULL &&
        units_host(text, growers->listen.host, sizeof growers->listen.host, &growers->listen.port))
        return true;
    return yaml_error(source, yaml_line(node), "listen: write ADDRESS:PORT, as 0.0.0.0:8444");
}

static bool read_broker(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct growers *growers = target;
    struct sockaddr_in unused;
    const char *text = yaml_text(node);
    growers->broker.port = 8885;
    if (text != NULL &&
        units_host(text, growers->broker.host, sizeof growers->broker.host,
                   &growers->broker.port) &&
        broker_loopback(growers->broker.host, growers->broker.port, &unused) == 0)
        return true;
    return yaml_error(source, yaml_line(node),
                      "broker: passwords go there in the clear, so it is on this machine: write "
                      "127.0.0.1:8885");
}

static const struct key keys[] = {
    {"listen", KEY_FUNCTION, .read = read_listen, .example = "0.0.0.0:8444", .required = true},
    {"broker", KEY_FUNCTION, .read = read_broker, .example = "127.0.0.1:8885", .required = true},
    {"cert_file", KEY_PATH, KEY_MEMBER(struct growers, cert_file), .required = true,
     .example = "web.crt"},
    {"key_file", KEY_PATH, KEY_MEMBER(struct growers, key_file), .required = true,
     .example = "web.key"},
    {"app", KEY_PATH, KEY_MEMBER(struct growers, app_dir)},
};

static bool load(struct growers *growers, const char *path, struct config_error *error)
{
    struct yaml_source source;
    bool good =
        yaml_open(&source, path, error) && keys_read(&source, yaml_root(&source), "the file", keys,
                                                     sizeof keys / sizeof keys[0], growers);
    yaml_close(&source);
    return good;
}

/* ---- At work ---- */

static void alive_page(void *context, struct http_request *request)
{
    (void)context;
    http_reply(request, 200, "text/plain; charset=utf-8", "alive\n", 6);
}

static const struct http_page pages[] = {{.path = "/alive", .open = true, .get = alive_page},
                                         {.path = NULL}};

/* The name is not written down: it may be a password in the wrong field. */
static void wrong_login(void *context, const char *user, const char *peer, const char *via)
{
    struct growers *growers = context;
    (void)user;
    log_limited(&growers->wrong_logins, LOG_LEVEL_WARNING, "login: refused from %s (%s)", peer,
                via);
}

static void is_alive(struct loop_timer *timer)
{
    struct growers *growers = timer->context;
    (void)sd_notify(0, "WATCHDOG=1");
    loop_timer_start(growers->loop, timer, ALIVE_MS);
}

static void signal_came(struct loop_fd *fd, enum loop_event event)
{
    struct growers *growers = fd->context;
    if (event == LOOP_READABLE)
        loop_stop(growers->loop);
}

static int catch_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool begin(struct growers *growers)
{
    growers->loop = loop_open(true);
    growers->guess = guess_open();
    if (growers->loop == NULL || growers->guess == NULL)
        return false;
    growers->report = (struct auth_report){.context = growers, .wrong = wrong_login};
    growers->bridge = bridge_open(growers->loop, growers->broker.host, growers->broker.port,
                                  growers->guess, &growers->report);
    if (growers->bridge == NULL)
        return false;
    growers->auth =
        auth_open(growers->loop, bridge_broker(growers->bridge), growers->guess, &growers->report);
    struct http_options options = {.host = growers->listen.host,
                                   .port = growers->listen.port,
                                   .cert_file = growers->cert_file,
                                   .key_file = growers->key_file,
                                   .app_dir = growers->app_dir,
                                   .bridge = growers->bridge,
                                   .auth = growers->auth,
                                   .pages = pages,
                                   .context = growers};
    growers->http = growers->auth != NULL ? http_open(growers->loop, &options) : NULL;
    growers->signals =
        (struct loop_fd){.fd = catch_signals(), .context = growers, .event = signal_came};
    growers->alive = (struct loop_timer){.context = growers, .expired = is_alive};
    return growers->http != NULL && loop_watch(growers->loop, &growers->signals) == 0;
}

static void end(struct growers *growers)
{
    loop_end(growers->loop);
    http_close(growers->http);
    auth_close(growers->auth);
    bridge_close(growers->bridge);
    guess_close(growers->guess);
    loop_close(growers->loop);
}

static const char usage[] =
    N_("Usage: baiye-growers CONFIG\n"
       "Shows the app that a gateway shows its farmers, and brings its MQTT from\n"
       "WebSocket to a listener of the county's broker.\n"
       "\n"
       "It runs in the foreground; the manual page is baiye-growers(8).\n");

int main(int argc, char **argv)
{
    static struct growers growers = {.app_dir = "/usr/share/baiye-county/app"};
    struct config_error error;
    int code = options_file(argc, argv, usage);
    if (code >= 0)
        return code;
    if (!load(&growers, argv[1], &error)) {
        (void)fprintf(stderr, "%s\n", error.text);
        return EX_CONFIG;
    }
    if (!begin(&growers))
        return EX_OSERR;
    is_alive(&growers.alive);
    (void)sd_notify(0, "READY=1");
    loop_run(growers.loop);
    end(&growers);
    return EX_OK;
}
