/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye doctor`: everything that keeps a gateway from working, looked at once, with what to do. */
#include "tools/cli/doctor/doctor.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"
#include "tools/cli/service.h"

#define TEXT_SIZE   1200
#define AREA_COLUMN 9
#define TEXT_COLUMN 24

extern char **environ;

static const char usage[] =
    N_("Usage: baiye doctor [--json] [--config FILE] [--profiles DIR] [--user NAME]\n"
       "         [--root DIR] [--socket FILE]\n"
       "Looks at the gateway and the machine that it runs on, and says what is ok, what is\n"
       "a warning and what is broken, and what to do. Nothing is changed. Best as root.\n"
       "  --root DIR  the machine's /sys, /proc and /usr are in DIR\n"
       "Exit 0: nothing is broken, 1: something is.\n");

/* ---- For the areas ---- */

/* Brokers, files and devices have a say in it. */
static void copy_plain(char *out, const char *text)
{
    (void)snprintf(out, TEXT_SIZE, "%s", text);
    out[plain_text(out, strlen(out))] = '\0';
}

static const char *const state_names[] = {"ok", "warning", "broken"};

void doctor_add(struct doctor *doctor, const char *area, enum doctor_state state, const char *en,
                const char *todo, const char *zh, const char *zh_todo)
{
    char texts[4][TEXT_SIZE];
    copy_plain(texts[0], en);
    copy_plain(texts[1], todo);
    copy_plain(texts[2], zh);
    copy_plain(texts[3], zh_todo);
    (void)json_array_append_new(doctor->found,
                                json_pack("{s:s,s:s,s:s,s:s,s:{s:s,s:s}}", "area", area, "state",
                                          state_names[state], "text", texts[0], "todo", texts[1],
                                          "zh", "text", texts[2], "todo", texts[3]));
}

void doctor_say(struct doctor *doctor, const char *area, enum doctor_state state, const char *en,
                const char *todo, const char *zh, const char *zh_todo, ...)
{
    char texts[2][TEXT_SIZE] = {"", ""};
    va_list args, again;
    va_start(args, zh_todo);
    va_copy(again, args);
    (void)vsnprintf(texts[0], TEXT_SIZE, en, args); /* a longer one is cut */
    (void)vsnprintf(texts[1], TEXT_SIZE, zh, again);
    va_end(again);
    va_end(args);
    doctor_add(doctor, area, state, texts[0], todo, texts[1], zh_todo);
}

bool doctor_path(const struct doctor *doctor, const char *path, char *out, size_t size)
{
    int length = snprintf(out, size, "%s%s", doctor->root, path);
    return length > 0 && (size_t)length < size;
}

bool doctor_file(const struct doctor *doctor, const char *path, char *text, size_t size)
{
    char full[CLI_PATH];
    int fd = doctor_path(doctor, path, full, sizeof full) ? open(full, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return false;
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

void doctor_folder(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    (void)snprintf(folder, size, "%.*s", length, slash == NULL ? "." : path);
}

/* Reads until the other end is closed; false: it took too long. */
static bool gather(int fd, char *text, size_t size)
{
    int64_t until = clock_mono_ms() + DOCTOR_WAIT_MS;
    size_t used = 0;
    for (;;) {
        char spill[512];
        int64_t left = until - clock_mono_ms();
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&waiting, 1, (int)left) <= 0)
            return false;
        bool fits = used + 1 < size;
        ssize_t got = read(fd, fits ? text + used : spill, fits ? size - 1 - used : sizeof spill);
        if (got <= 0) {
            text[used] = '\0';
            return got == 0;
        }
        used += fits ? (size_t)got : 0;
    }
}

bool doctor_run(const char *const *arguments, char *text, size_t size)
{
    posix_spawn_file_actions_t actions;
    int ends[2], status = 0;
    pid_t pid;
    text[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&pid, arguments[0], &actions, NULL,
                             (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    bool good = error == 0 && gather(ends[0], text, size);
    close(ends[0]);
    if (error == 0 && !good)
        (void)kill(pid, SIGKILL);
    if (error == 0)
        (void)waitpid(pid, &status, 0);
    return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- What is printed ---- */

static const struct {
    const char *en, *zh;
} area_names[] = {
    {"configuration", "配置"}, {"permissions", "权限"},   {"ports", "串口"},
    {"lines", "总线"},         {"clock", "时钟"},         {"disk", "硬盘"},
    {"store", "数据库"},       {"brokers", "消息服务器"}, {"certificates", "证书"},
    {"data plan", "流量"},     {"versions", "版本"},      {"service", "服务"},
};

static const char *area_name(const char *area, bool chinese)
{
    for (size_t i = 0; chinese && i < sizeof area_names / sizeof area_names[0]; i++) {
        if (strcmp(area_names[i].en, area) == 0)
            return area_names[i].zh;
    }
    return area;
}

static void print_found(const json_t *one, bool chinese)
{
    static const char *const words[2][3] = {{"ok", "WARNING", "BROKEN"}, {"正常", "警告", "故障"}};
    static const enum screen_colour colours[] = {SCREEN_GOOD, SCREEN_WARN, SCREEN_BAD};
    const json_t *said = chinese ? json_object_get(one, "zh") : one;
    unsigned width = screen_width(stdout), state = 0;
    while (state < 2 && strcmp(talk_text(one, "state"), state_names[state]) != 0)
        state++;
    const char *word = words[chinese][state], *area = area_name(talk_text(one, "area"), chinese);
    (void)printf("%s%s%s%*s%s%*s", screen_colour(stdout, colours[state]), word,
                 screen_colour(stdout, SCREEN_PLAIN), AREA_COLUMN - (int)screen_columns(word), "",
                 area, TEXT_COLUMN - AREA_COLUMN - (int)screen_columns(area), "");
    screen_wrap(stdout, width, TEXT_COLUMN, TEXT_COLUMN, talk_text(said, "text"));
    if (talk_text(said, "todo")[0] == '\0')
        return;
    (void)printf("%*s-> ", TEXT_COLUMN, "");
    screen_wrap(stdout, width, TEXT_COLUMN + 3, TEXT_COLUMN + 3, talk_text(said, "todo"));
}

/* Prints all; true: something is broken. */
static bool report(const struct doctor *doctor, bool json)
{
    unsigned counts[3] = {0};
    bool chinese = language_chinese();
    size_t i;
    const json_t *one;
    json_array_foreach (doctor->found, i, one) {
        for (unsigned state = 0; state < 3; state++)
            counts[state] += strcmp(talk_text(one, "state"), state_names[state]) == 0;
        if (!json)
            print_found(one, chinese);
    }
    if (json) {
        json_t *all = json_pack("{s:O,s:i,s:i,s:i}", "found", doctor->found, "ok",
                                (int)counts[DOCTOR_OK], "warnings", (int)counts[DOCTOR_WARNING],
                                "broken", (int)counts[DOCTOR_BROKEN]);
        talk_dump(all);
        json_decref(all);
    } else {
        (void)printf(chinese ? "\n正常 %u 项，警告 %u 项，故障 %u 项\n"
                             : "\n%u ok, %u warnings, %u broken\n",
                     counts[DOCTOR_OK], counts[DOCTOR_WARNING], counts[DOCTOR_BROKEN]);
    }
    return counts[DOCTOR_BROKEN] > 0;
}

/* ---- The command ---- */

static bool read_options(int argc, char **argv, struct doctor *doctor, bool *json)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},
        {"config", required_argument, NULL, 'c'},
        {"profiles", required_argument, NULL, 'p'},
        {"user", required_argument, NULL, 'u'},
        {"socket", required_argument, NULL, 's'},
        {"root", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'j')
            *json = true;
        else if (letter == 'c')
            doctor->config_file = optarg;
        else if (letter == 'p')
            doctor->profiles = optarg;
        else if (letter == 'u')
            doctor->user = optarg;
        else if (letter == 's')
            doctor->socket_path = optarg;
        else if (letter == 'r')
            doctor->root = optarg;
        else
            return false;
    }
    return optind == argc;
}

/* What the daemon answers; NULL: nothing. */
static json_t *ask(const char *socket_path, const char *method)
{
    struct talk talk;
    if (!talk_try(&talk, socket_path))
        return NULL;
    talk.raw = true; /* doctor_say() makes texts plain */
    json_t *answer = talk_ask_quietly(&talk, method, json_object());
    json_t *result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    talk_close(&talk);
    return result;
}

int cli_doctor(int argc, char **argv)
{
    static void (*const areas[])(struct doctor *) = {
        doctor_configuration, doctor_permissions, doctor_ports,    doctor_lines,
        doctor_clock,         doctor_disk,        doctor_store,    doctor_brokers,
        doctor_certificates,  doctor_data_plan,   doctor_versions, doctor_service,
    };
    struct doctor doctor = {.config_file = CLI_CONFIG, .user = SERVICE_USER, .root = ""};
    bool json = false;
    if (!read_options(argc, argv, &doctor, &json))
        return cli_usage(usage);
    struct config_error error;
    struct config *config = config_load(doctor.config_file, doctor.profiles, &error);
    if (doctor.socket_path == NULL)
        doctor.socket_path = config != NULL ? config->control_socket : CLI_SOCKET;
    json_t *stats = ask(doctor.socket_path, "stats");
    json_t *values = stats != NULL ? ask(doctor.socket_path, "values") : NULL;
    doctor.config = config;
    doctor.stats = stats;
    doctor.values = json_object_get(values, "values");
    doctor.found = json_array();
    if (config == NULL)
        doctor_say(&doctor, "configuration", DOCTOR_BROKEN, "%s",
                   "mend that line; `baiye check` says whether all is right", "%s",
                   "改好这一行；`baiye check` 会检查整个文件", error.text);
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++)
        areas[i](&doctor);
    bool broken = report(&doctor, json);
    json_decref(doctor.found);
    json_decref(stats);
    json_decref(values);
    config_free(config);
    return broken ? 1 : EX_OK;
}
