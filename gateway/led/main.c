/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-led: one thread, one poll() loop around the pure core. It waits for the broker, a signal,
 * the next whole second or the next frame that is due, and then draws what is true at that moment:
 * there is no queue of pictures, so after a freeze the first one shown is the present one. */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/boundary.h"
#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/common/options.h"
#include "gateway/led/check.h"
#include "gateway/led/config.h"
#include "gateway/led/screen.h"

#define VERSION "0.1.0"

static const char help_text[] =
    N_("Usage: baiye-led --config FILE [--check] [--output WHERE]\n"
       "Shows the readings of a Baiye site on an LED screen.\n\n"
       "  -c, --config FILE   the configuration (YAML)\n"
       "      --check         say what is wrong with it, and from how many metres each\n"
       "                      page can be read; then end\n"
       "  -o, --output WHERE  instead of the file's outputs: terminal, png:FILE,\n"
       "                      ddp:HOST[:PORT] or framebuffer:DEVICE\n"
       "  -h, --help          this text\n"
       "  -V, --version       the version\n");

struct options {
    const char *config, *output;
    bool check;
};

/* -1: go on; otherwise the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
    };
    for (int option; (option = options_next(argc, argv, "c:o:hV", table)) != -1;) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 'k':
            options->check = true;
            break;
        case 'o':
            options->output = optarg;
            break;
        case 'h':
            language_open();
            (void)fputs(gettext(help_text), stdout);
            return EX_OK;
        case 'V':
            (void)printf("baiye-led " VERSION "\n");
            return EX_OK;
        default:
            language_open();
            options_complain("baiye-led", argv, option);
            return EX_USAGE;
        }
    }
    if (options->config != NULL && optind == argc)
        return -1;
    language_open();
    (void)fputs(_("baiye-led: --config FILE is needed; see --help\n"), stderr);
    return EX_USAGE;
}

/* The site's timezone becomes the process's, so that localtime_r() gives its offset. */
static void set_timezone(const struct led_config *config)
{
    if (config->timezone[0])
        (void)setenv("TZ", config->timezone, 1);
    tzset();
}

static int run_check(const struct led_config *config, const struct pages *pages,
                     const struct state *state)
{
    char error[512];
    struct font_set *fonts = font_open(config->fonts, error, sizeof error);
    if (fonts == NULL) {
        (void)fprintf(stderr, "baiye-led: %s\n", error);
        return EX_UNAVAILABLE;
    }
    bool good = check_print(stdout, config, pages, state, fonts);
    font_close(fonts);
    return good ? EX_OK : EX_CONFIG;
}

/* Before Paho starts its threads: what comes from the broker is a stranger's. */
static void close_boundary(struct boundary *boundary, const struct led_config *config)
{
    char folders[LED_OUTPUTS_MAX][LED_PATH_SIZE];
    boundary->notifies = true;
    boundary_read(boundary, config->fonts);
    boundary_read(boundary, config->mqtt.password_file);
    boundary_read(boundary, config->mqtt.ca_file);
    boundary_read(boundary, config->mqtt.cert_file);
    boundary_read(boundary, config->mqtt.key_file);
    boundary_port(boundary, (unsigned)config->mqtt.port);
    for (int i = 0; i < config->output_count; i++) {
        const struct output_config *output = &config->outputs[i];
        (void)snprintf(folders[i], sizeof folders[i], "%s", output->path);
        if (output->type == OUTPUT_PNG)
            boundary_write(boundary, dirname(folders[i]));
        else if (output->type == OUTPUT_FRAMEBUFFER)
            boundary_write(boundary, output->path);
    }
    boundary_close(boundary);
    boundary_log(boundary, "the program");
}

static int run_screen(const struct led_config *config, struct pages *pages, struct state *state,
                      int signals)
{
    char error[512];
    static struct boundary boundary;
    close_boundary(&boundary, config);
    struct screen *screen = screen_open(config, pages, state, error, sizeof error);
    if (screen == NULL) {
        (void)fprintf(stderr, "baiye-led: %s\n", error);
        return EX_UNAVAILABLE;
    }
    int end = EX_OK;
    (void)sd_notify(0, "READY=1");
    for (bool stop = false; !stop;) {
        int wait_ms = screen_step(screen);
        (void)sd_notify(0, "WATCHDOG=1"); /* at least once a second; a hung loop is restarted */
        struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = screen_fd(screen), .events = POLLIN}};
        if (poll(fds, 2, wait_ms) < 0 && errno != EINTR)
            break;
        stop = (fds[0].revents & POLLIN) != 0;
        if (!state->connected && boundary_is_stale(&boundary)) {
            log_write(LOG_LEVEL_NOTICE,
                      "a key, or how names are looked up, has changed; the program ends to be "
                      "started anew");
            end = EX_TEMPFAIL;
            stop = true;
        }
    }
    screen_close(screen);
    return end;
}

int main(int argc, char **argv)
{
    struct options options = {NULL, NULL, false};
    static struct led_config config;
    static struct pages pages;
    static struct state state;
    struct config_error error;
    int end = read_options(argc, argv, &options);
    if (end >= 0)
        return end;
    if (options.check)
        language_open(); /* what a person reads; the log is English */
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL); /* before Paho starts its threads */
    (void)signal(SIGPIPE, SIG_IGN);
    state_init(&state);
    bool good = led_config_load(&config, options.config, &error) &&
                pages_load(&pages, config.pages, &state, &error);
    if (!good) {
        (void)fprintf(stderr, "%s\n", error.text);
        pages_free(&pages);
        return EX_CONFIG;
    }
    if (options.output != NULL && !led_config_output(&config, options.output)) {
        (void)fprintf(stderr,
                      "baiye-led: --output %s: one of terminal, png:FILE, ddp:HOST[:PORT], "
                      "framebuffer:DEVICE\n",
                      options.output);
        return EX_USAGE;
    }
    set_timezone(&config);
    int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    end = options.check ? run_check(&config, &pages, &state)
                        : run_screen(&config, &pages, &state, signals);
    pages_free(&pages);
    return end;
}
